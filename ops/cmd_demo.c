/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune demo`: a simulated job with known curves, a real worker and a simulated actuator around
 * librdkafka's embedded broker; the closed loop shown live, then what it cost beside DS2 on the
 * same load, and both runs as a page with plots. */
#include "consumer/config.h"
#include "ops/cli.h"
#include "ops/command.h"
#include "ops/demo_broker.h"
#include "ops/demo_view.h"
#include "ops/sim_html.h"
#include "ops/sim_record.h"
#include "schemas/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 10000
#define START_MS                                                                                   \
    INT64_C(1767225600000) /* 2026-01-01T00:00:00Z, a multiple of every sensible window */

/* Contention as in Nexmark's Q1 (a USL fit of its published table has σ = 0.028), stronger behind
 * the keyed edges. */
static const struct kt_sim_spec demo_job = {
    .cluster = "demo",
    .job_name = "orders",
    .operators = {{.id = "1a5e0c7b0d8f4e6f9a3b2c1d4e5f6071",
                   .name = "Source: orders",
                   .selectivity = 1,
                   .scaled = true,
                   .curve = {.gamma = 20000},
                   .max_parallelism = 16},
                  {.id = "2b6f1d8c1e905f70ab4c3d2e5f607182",
                   .name = "parse",
                   .inputs = {0},
                   .inputs_count = 1,
                   .selectivity = 1,
                   .scaled = true,
                   .curve = {.gamma = 2500, .sigma = 0.028},
                   .max_parallelism = 128},
                  {.id = "3c702e9d2fa16081bc5d4e3f60718293",
                   .name = "enrich",
                   .inputs = {1},
                   .inputs_count = 1,
                   .selectivity = 0.5,
                   .scaled = true,
                   .curve = {.gamma = 1000, .sigma = 0.06},
                   .max_parallelism = 128,
                   .keyed = true},
                  {.id = "4d813fae30b27192cd6e5f40718293a4",
                   .name = "aggregate",
                   .inputs = {2},
                   .inputs_count = 1,
                   .selectivity = 0.1,
                   .scaled = true,
                   .curve = {.gamma = 650, .sigma = 0.04},
                   .max_parallelism = 128,
                   .keyed = true},
                  {.id = "5e9240bf41c382a3de7f60518293a4b5",
                   .name = "sink: Writer",
                   .inputs = {3},
                   .inputs_count = 1,
                   .scaled = true,
                   .curve = {.gamma = 2000},
                   .max_parallelism = 128}},
    .count = 5,
    .restart_ms = 5000,
    .noise = 0.015,
    .buffer_records = 500,
};

/* The protocol of ContTune's evaluation: a permutation of 1 … 10 units, repeated once. */
#define UNIT_RATE 620.0
#define LEVEL_MS  600000
#define LEVELS    20
static const int permutation[LEVELS / 2] = {3, 8, 2, 10, 5, 1, 7, 4, 9, 6};

static void make_levels(struct kt_sim_level levels[LEVELS]) {
    for (int i = 0; i < LEVELS; i++) {
        levels[i].duration_ms = LEVEL_MS;
        levels[i].rate[0] = UNIT_RATE * permutation[i % (LEVELS / 2)];
    }
}

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

/* One run of the job: what it cost and what it was like. */
struct demo_run {
    struct kt_sim_score score;
    struct kt_sim_trace trace;
    struct kt_sim_recorder *recorder;
};

static enum kt_err demo_run_begin(struct demo_run *run, const char *method,
                                  struct kt_error *error) {
    run->trace =
        (struct kt_sim_trace){.job = demo_job.job_name, .method = method, .over_time = true};
    return kt_sim_recorder_new(&demo_job, &run->trace, &run->recorder, error);
}

static void demo_run_free(struct demo_run *run) {
    kt_sim_recorder_free(run->recorder);
    kt_sim_trace_free(&run->trace);
}

static enum kt_err demo_run_tap(void *ctx, const struct kt_rescale_command *command,
                                struct kt_error *error) {
    const struct demo_run *run = ctx;
    return kt_sim_recorder_command(run->recorder, command, error);
}

static enum kt_err demo_run_observe(void *ctx, const struct kt_sim_view *view,
                                    struct kt_error *error) {
    const struct demo_run *run = ctx;
    return kt_sim_recorder_view(run->recorder, view, error);
}

/* What a run of the demo holds; released in reverse by demo_close. */
struct demo {
    const char *folder;
    char config_path[512];
    char events_path[512];
    char log_path[512];
    char report_path[512];
    char policy[64];      /* of the worker */
    struct demo_run live; /* the worker behind the broker */
    struct demo_run ds2;
    struct kt_sim_level levels[LEVELS];
    struct kt_demo_broker *broker;
    struct kt_file_writer *events; /* what the job reported, for replay */
    struct kt_sim_controller inner;
    pid_t worker;
    double tick_s; /* of real time per report */
    struct timespec next_tick;
    struct kt_demo_view view;
};

static enum kt_err write_config(const struct demo *demo, struct kt_error *error) {
    FILE *file = fopen(demo->config_path, "w");
    if (file == NULL) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", demo->config_path, strerror(errno));
    }
    fprintf(
        file,
        "# The worker's configuration in the demo; `kontune config sample` prints every option.\n"
        "[worker]\n"
        "state_dir = %s/state\n"
        "instance_id = demo-1\n"
        "transaction_ms_max = 20\n"
        "commit_interval_ms = 1000\n"
        "stats_interval_ms = 10000\n"
        "\n[policy]\n"
        "policy = kontune\n"
        "\n[kafka]\n"
        "bootstrap.servers = %s\n"
        "fetch.wait.max.ms = 10\n",
        demo->folder, kt_demo_broker_address(demo->broker));
    if (fclose(file) != 0) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", demo->config_path, strerror(errno));
    }
    return KT_ERR_OK;
}

/* Starts `kontune worker` with its log in the demo's folder. */
static enum kt_err start_worker(struct demo *demo, struct kt_error *error) {
    const int log = open(demo->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (log < 0) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", demo->log_path, strerror(errno));
    }
    demo->worker = fork();
    if (demo->worker == 0) {
        /* Out of the terminal's reach: the demo ends it, after itself. */
        setpgid(0, 0);
        if (dup2(log, STDERR_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0) {
            execl("/proc/self/exe", "kontune", "worker", "-c", demo->config_path, (char *)NULL);
        }
        _exit(127);
    }
    close(log);
    return demo->worker > 0 ? KT_ERR_OK : kt_fail(error, KT_ERR_IO, "fork: %s", strerror(errno));
}

/* Asks the worker to end, waits at most 10 s, then kills it. */
static void stop_worker(struct demo *demo) {
    if (demo->worker <= 0) {
        return;
    }
    kill(demo->worker, SIGTERM);
    const struct timespec pause = {0, 20000000};
    for (int i = 0; i < 500 && waitpid(demo->worker, NULL, WNOHANG) == 0; i++) {
        nanosleep(&pause, NULL);
    }
    if (waitpid(demo->worker, NULL, WNOHANG) == 0) {
        kill(demo->worker, SIGKILL);
        waitpid(demo->worker, NULL, 0);
    }
    demo->worker = 0;
}

/* The controller of the live loop: the worker behind the broker. Every event is kept for replay. */
static enum kt_err demo_offer(void *ctx, const struct kt_metric_event *events, size_t count,
                              struct kt_error *error) {
    struct demo *demo = ctx;
    for (size_t i = 0; i < count; i++) {
        const enum kt_err err = kt_file_writer_append(demo->events, &events[i], error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return demo->inner.offer(demo->inner.ctx, events, count, error);
}

static enum kt_err demo_learn(void *ctx, int64_t until_ms, struct kt_sim_knowledge *knowledge,
                              struct kt_error *error) {
    struct demo *demo = ctx;
    int status;
    if (waitpid(demo->worker, &status, WNOHANG) == demo->worker) {
        demo->worker = 0;
        return kt_fail(error, KT_ERR_IO, "the worker ended; its last words are in %s",
                       demo->log_path);
    }
    return demo->inner.learn(demo->inner.ctx, until_ms, knowledge, error);
}

/* Shows the loop and keeps the pace: so much real time per report. */
static enum kt_err demo_observe(void *ctx, const struct kt_sim_view *view, struct kt_error *error) {
    struct demo *demo = ctx;
    if (interrupted) {
        return kt_fail(error, KT_ERR_STOPPED, "interrupted");
    }
    const enum kt_err err = demo_run_observe(&demo->live, view, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    kt_demo_view_frame(&demo->view, view);
    if (demo->tick_s <= 0.0) {
        return KT_ERR_OK;
    }
    demo->next_tick.tv_nsec += (long)(demo->tick_s * 1e9);
    demo->next_tick.tv_sec += demo->next_tick.tv_nsec / 1000000000;
    demo->next_tick.tv_nsec %= 1000000000;
    /* A signal ends the pause early; the next call notices it. */
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &demo->next_tick, NULL);
    return KT_ERR_OK;
}

static enum kt_err demo_open(struct demo *demo, struct kt_error *error) {
    snprintf(demo->config_path, sizeof demo->config_path, "%s/kontune.ini", demo->folder);
    snprintf(demo->events_path, sizeof demo->events_path, "%s/events.jsonl", demo->folder);
    snprintf(demo->log_path, sizeof demo->log_path, "%s/worker.log", demo->folder);
    snprintf(demo->report_path, sizeof demo->report_path, "%s/report.html", demo->folder);
    enum kt_err err = demo_run_begin(&demo->live, demo->policy, error);
    if (err == KT_ERR_OK) {
        err = demo_run_begin(&demo->ds2, "ds2", error);
    }
    if (err == KT_ERR_OK) {
        err = kt_demo_broker_start(&demo_job, (struct kt_sim_tap){&demo->live, demo_run_tap},
                                   &interrupted, &demo->broker, error);
    }
    if (err == KT_ERR_OK) {
        err = write_config(demo, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_file_writer_open(&kt_metric_event_type, demo->events_path, &demo->events, error);
    }
    if (err == KT_ERR_OK) {
        err = start_worker(demo, error);
    }
    demo->inner = demo->broker != NULL ? kt_demo_broker_controller(demo->broker)
                                       : (struct kt_sim_controller){0};
    return err;
}

/* The events file counts only if it is complete. */
static enum kt_err demo_close(struct demo *demo, struct kt_error *error) {
    stop_worker(demo);
    enum kt_err err = KT_ERR_OK;
    if (demo->events != NULL) {
        err = kt_file_writer_close(demo->events, error);
    }
    kt_demo_broker_stop(demo->broker);
    return err;
}

/* The same job and load under DS2, in this process. */
static enum kt_err run_ds2(const struct kt_config *config, struct kt_sim_loop loop,
                           struct demo_run *run, struct kt_error *error) {
    struct kt_settings settings = config->settings;
    settings.defaults.policy.policy = KT_STR("ds2");
    struct kt_sim_local *local;
    enum kt_err err = kt_sim_local_new(&settings, loop.spec, (struct kt_sim_tap){run, demo_run_tap},
                                       &local, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    loop.controller = kt_sim_local_controller(local);
    loop.observe = demo_run_observe;
    loop.observe_ctx = run;
    err = kt_sim_loop_run(&loop, &run->score, error);
    if (err == KT_ERR_OK) {
        err = kt_sim_recorder_finish(run->recorder, error);
    }
    kt_sim_local_free(local);
    return err;
}

static struct kt_sim_html_score score_of(const struct demo_run *run) {
    const struct kt_sim_score *score = &run->score;
    return (struct kt_sim_html_score){
        .method = run->trace.method,
        .tunings = score->tunings,
        .reconfigurations = score->reconfigurations,
        .under_provisioned = score->under_provisioned,
        .surplus_percent = 100.0 * (double)score->surplus_cores / (double)score->optimum_cores,
        .cores_max = score->cores_max,
        .core_hours = score->core_s / 3600.0,
        .backlog_percent = 100.0 * score->backlogged / score->offered,
    };
}

static enum kt_err write_report(const struct demo *demo, struct kt_error *error) {
    const struct kt_sim_html_score scores[] = {score_of(&demo->live), score_of(&demo->ds2)};
    const struct kt_sim_trace *const traces[] = {&demo->live.trace, &demo->ds2.trace};
    const struct kt_sim_html page = {
        .title = "kontune demo",
        .subtitle = "A simulated Flink job under a load that changes every ten minutes of virtual "
                    "time: kontune's worker, which learns what each operator can do, beside DS2.",
        .scores = scores,
        .scores_count = 2,
        .traces = traces,
        .traces_count = 2,
    };
    return kt_sim_html_write_file(demo->report_path, &page, error);
}

static enum kt_err run(struct demo *demo, struct kt_error *error) {
    struct kt_config *config = NULL;
    enum kt_err err = demo_open(demo, error);
    if (err == KT_ERR_OK) {
        err = kt_config_load(demo->config_path, environ, &config, error);
    }
    if (err == KT_ERR_OK) {
        const struct kt_sim_loop loop = {
            .spec = &demo_job,
            .levels = demo->levels,
            .levels_count = LEVELS,
            .seed = 1,
            .start_ms = START_MS,
            .poll_ms = POLL_MS,
            .window_ms = config->settings.window.window_ms,
            .lateness_ms = config->settings.window.lateness_ms,
            .controller = {demo, demo_offer, demo_learn},
            .observe = demo_observe,
            .observe_ctx = demo,
        };
        snprintf(demo->policy, sizeof demo->policy, "%.*s",
                 KT_STR_ARG(config->settings.defaults.policy.policy));
        clock_gettime(CLOCK_MONOTONIC, &demo->next_tick);
        err = kt_sim_loop_run(&loop, &demo->live.score, error);
        kt_demo_view_end(&demo->view);
        if (err == KT_ERR_OK) {
            err = kt_sim_recorder_finish(demo->live.recorder, error);
        }
        if (err == KT_ERR_OK) {
            err = run_ds2(config, loop, &demo->ds2, error);
        }
        if (err == KT_ERR_OK) {
            err = write_report(demo, error);
        }
    }
    struct kt_error closing;
    const enum kt_err closed = demo_close(demo, &closing);
    if (err == KT_ERR_OK && closed != KT_ERR_OK) {
        *error = closing;
        err = closed;
    }
    kt_config_free(config);
    return err;
}

/* A new folder: one that a former demo left could be mistaken for state. made is a template for
 * mkdtemp. */
static enum kt_err make_folder(const char **folder, char *made, struct kt_error *error) {
    const bool ok = *folder != NULL ? mkdir(*folder, 0755) == 0 : mkdtemp(made) != NULL;
    if (!ok) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", *folder != NULL ? *folder : made,
                       strerror(errno));
    }
    *folder = *folder != NULL ? *folder : made;
    return KT_ERR_OK;
}

/* Where to look further; the report's path is the last line. */
static void say_what_is_left(const struct demo *demo) {
    char self[512] = "kontune";
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 7] = '\0';
    printf("\nEvery decision again, from the events that the worker saw:\n"
           "  %s replay --in %s -c %s\n"
           "\nBoth runs in pictures:\n"
           "  %s\n",
           self, demo->events_path, demo->config_path, demo->report_path);
}

int kt_cmd_demo(int argc, char **argv) {
    const char *folder = NULL;
    double seconds = 55;
    const struct kt_cli_option options[] = {
        {.name = "dir",
         .text = &folder,
         .argument = "DIR",
         .meaning = "new folder for events, configuration, log and report (default: one "
                    "below /tmp)"},
        {.name = "seconds",
         .number = &seconds,
         .number_min = 0,
         .number_max = 3600,
         .argument = "S",
         .meaning = "how long the live part takes; 0: as fast as it goes (default 55)"},
        {0}};
    struct kt_cli cli = {.command = "demo",
                         .summary =
                             "Shows the closed loop live: a simulated Flink job with known curves, "
                             "the worker, and a simulated actuator on an embedded broker.",
                         .options = options};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    char made[] = "/tmp/kontune-demo-XXXXXX";
    struct kt_error error;
    if (make_folder(&folder, made, &error) != KT_ERR_OK) {
        return kt_cli_fail(&cli, &error);
    }
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    struct demo demo = {.folder = folder,
                        .tick_s = seconds * POLL_MS / ((double)LEVELS * LEVEL_MS)};
    make_levels(demo.levels);
    kt_demo_view_begin(&demo.view, stdout, &demo_job, demo.levels, LEVELS, POLL_MS);
    const enum kt_err err = run(&demo, &error);
    if (err == KT_ERR_OK) {
        kt_demo_view_summary(&demo.view, &demo.live.score, &demo.ds2.score);
        say_what_is_left(&demo);
    }
    demo_run_free(&demo.live);
    demo_run_free(&demo.ds2);
    if (err == KT_ERR_STOPPED) {
        return 128 + SIGINT;
    }
    if (err != KT_ERR_OK) {
        return kt_cli_fail(&cli, &error);
    }
    return fflush(stdout) == 0 ? KT_EXIT_OK : KT_EXIT_FAILED;
}
