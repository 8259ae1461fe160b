/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune simulate`: the closed loop on simulated jobs in virtual time, for a user's own job or
 * for a suite, one method beside the other. */
#include "ops/cli.h"
#include "ops/command.h"
#include "ops/sim_calibration.h"
#include "ops/sim_file.h"
#include "ops/sim_html.h"
#include "ops/sim_markdown.h"
#include "ops/sim_rates.h"
#include "ops/sim_reliability.h"
#include "ops/sim_table.h"
#include "schemas/codec.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define UNITS               10 /* of the paper's protocol */
#define PERMUTATIONS_OF_JOB 6
#define JOB_ARENA_BYTES_MAX ((size_t)256 << 20)
#define JOB_ARENA_CHUNK     65536

struct simulate {
    struct kt_cli *cli;
    const char *job;
    const char *rates;
    const char *protocol;
    const char *suite_name;
    const char *policies;
    const char *surrogate;
    const char *config;
    const char *html;
    double noise;
    int64_t seed;
    int64_t permutations; /* 0: not given */
    int64_t threads;      /* 0: not given */
    bool calibrate;
    bool markdown;
    bool json;

    struct kt_arena arena;
    struct kt_sim_spec *spec;
    struct kt_sim_level *levels;
    struct kt_sim_suite suite;
    struct kt_sim_methods methods;
    struct kt_sim_results results;
    struct kt_sim_calibration *calibration; /* NULL: none was asked for */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

static void show_progress(void *ctx, int done, int total) {
    (void)ctx;
    fprintf(stderr, "\r%d of %d runs%s", done, total, done == total ? "\r\033[K" : "");
    fflush(stderr);
}

/* ---- what is run ----------------------------------------------------------------------------- */

/* The user's files say what is to be simulated: what cannot be read or used is configuration. */
static enum kt_err as_configuration(enum kt_err err, struct kt_error *error) {
    if (err == KT_ERR_IO || err == KT_ERR_PARSE || err == KT_ERR_LIMIT) {
        error->code = err = KT_ERR_CONFIG;
    }
    return err;
}

/* The user's rates as levels. */
static enum kt_err read_rates(struct simulate *simulate, int *count, struct kt_error *error) {
    struct kt_sim_rates rates;
    enum kt_err err =
        kt_sim_rates_read(simulate->rates, simulate->spec, &simulate->arena, &rates, error);
    if (err != KT_ERR_OK) {
        return as_configuration(err, error);
    }
    simulate->levels = calloc((size_t)rates.count, sizeof *simulate->levels);
    if (simulate->levels == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for %d rates", rates.count);
    }
    for (int i = 0; i < rates.count; i++) {
        const double end_s = i + 1 < rates.count ? rates.levels[i + 1].start_s : rates.end_s;
        simulate->levels[i].duration_ms =
            (int64_t)(1000.0 * end_s) - (int64_t)(1000.0 * rates.levels[i].start_s);
        memcpy(simulate->levels[i].rate, rates.levels[i].per_op,
               (size_t)simulate->spec->count * sizeof(double));
        if (simulate->levels[i].duration_ms < 1) {
            return kt_fail(error, KT_ERR_CONFIG,
                           "%s: expected at least a millisecond between two rates",
                           simulate->rates);
        }
    }
    *count = rates.count;
    return KT_ERR_OK;
}

/* The largest parallelism that some operator of the job may have. */
static int largest_parallelism(const struct kt_sim_spec *spec) {
    int largest = 1;
    for (int i = 0; i < spec->count; i++) {
        const int max = spec->operators[i].scaled ? spec->operators[i].max_parallelism : 1;
        largest = max > largest ? max : largest;
    }
    return largest;
}

/* The suite of one scenario that a user's job makes. */
static enum kt_err make_own(struct simulate *simulate, struct kt_error *error) {
    simulate->spec = calloc(1, sizeof *simulate->spec);
    if (simulate->spec == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a job");
    }
    enum kt_err err = kt_sim_file_read(simulate->job, &simulate->arena, simulate->spec, error);
    if (err != KT_ERR_OK) {
        return as_configuration(err, error);
    }
    struct kt_sim_scenario scenario = {.name = simulate->spec->job_name,
                                       .spec = simulate->spec,
                                       .protocol = KT_SIM_TUNINGS,
                                       .units = UNITS,
                                       .max_parallelism = largest_parallelism(simulate->spec)};
    simulate->suite = (struct kt_sim_suite){.permutations = PERMUTATIONS_OF_JOB};
    if (simulate->rates != NULL) {
        err = read_rates(simulate, &scenario.levels_count, error);
        scenario.protocol = KT_SIM_OVER_TIME;
        scenario.levels = simulate->levels;
        simulate->suite.permutations = 1;
        simulate->suite.what =
            "The rates of the file over time, from parallelism 1 and no history.";
    } else {
        simulate->suite.what =
            "A run is a permutation of 1 ... 10 times the unit rates, twice: 20 tunings from "
            "parallelism 1 and no history.";
    }
    simulate->suite.scenarios[0] = scenario;
    simulate->suite.scenarios_count = 1;
    return err;
}

/* The suite's own list, of a calibration kontune, else all. */
static enum kt_err make_methods(struct simulate *simulate, struct kt_error *error) {
    const struct kt_sim_method_base base = {.config_path = simulate->config,
                                            .surrogate = simulate->surrogate};
    const char *list = simulate->policies != NULL        ? simulate->policies
                       : simulate->suite.methods != NULL ? simulate->suite.methods
                       : simulate->calibrate             ? "kontune"
                                                         : NULL;
    char *standard = NULL;
    if (list == NULL) {
        list = standard = kt_sim_methods_standard();
        if (standard == NULL) {
            return kt_fail(error, KT_ERR_NOMEM, "no memory for a list of methods");
        }
    }
    enum kt_err err = kt_sim_methods_add(&simulate->methods, list, &base, error);
    free(standard);
    return err == KT_ERR_USAGE ? kt_fail_in(error, err, "--policy%s",
                                            simulate->surrogate != NULL ? " with --surrogate" : "")
                               : err;
}

/* ---- the run --------------------------------------------------------------------------------- */

static enum kt_err print_json(const struct simulate *simulate, const struct kt_sim_study *study,
                              struct kt_error *error) {
    json_t *document = kt_sim_table_json(&simulate->suite, study, &simulate->results);
    if (document != NULL && simulate->calibration != NULL &&
        json_object_set_new(document, "calibration",
                            kt_sim_reliability_json(simulate->calibration, study)) != 0) {
        json_decref(document);
        document = NULL;
    }
    if (document == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for the results");
    }
    enum kt_err err = kt_json_dump(stdout, document);
    json_decref(document);
    if (err == KT_ERR_OK && fputc('\n', stdout) == EOF) {
        err = KT_ERR_IO;
    }
    return err == KT_ERR_OK ? err : kt_fail(error, err, "writing to stdout failed");
}

/* The page of all recorded runs, job after job. */
static enum kt_err write_page(const struct simulate *simulate, const struct kt_sim_study *study,
                              struct kt_error *error) {
    const struct kt_sim_results *results = &simulate->results;
    const size_t count = (size_t)results->scenarios * (size_t)results->methods;
    struct kt_sim_html_score *scores = calloc((size_t)results->methods, sizeof *scores);
    const struct kt_sim_trace **traces = calloc(count, sizeof(struct kt_sim_trace *));
    if (scores == NULL || traces == NULL) {
        free(scores);
        free((void *)traces);
        return kt_fail(error, KT_ERR_NOMEM, "no memory for the page");
    }
    for (int m = 0; m < results->methods; m++) {
        const struct kt_sim_mean mean = kt_sim_results_mean_of_all(results, study, m);
        scores[m] = (struct kt_sim_html_score){.method = study->methods->items[m].label,
                                               .tunings = mean.tunings,
                                               .reconfigurations = mean.reconfigurations,
                                               .under_provisioned = mean.under_provisioned,
                                               .surplus_percent = mean.surplus_percent,
                                               .cores_max = mean.cores_max,
                                               .core_hours = mean.core_s / 3600.0,
                                               .backlog_percent = mean.backlog_percent};
    }
    for (int s = 0; s < results->scenarios; s++) {
        for (int m = 0; m < results->methods; m++) {
            traces[s * results->methods + m] = kt_sim_results_trace(results, s, m);
        }
    }
    const bool own = simulate->suite_name == NULL;
    char title[128];
    snprintf(title, sizeof title, "%s %s", own ? "Simulation of" : "Simulation: the suite",
             own ? study->scenarios[0].name : simulate->suite_name);
    const struct kt_sim_html page = {.title = title,
                                     .subtitle = simulate->suite.what,
                                     .scores = scores,
                                     .scores_count = (size_t)results->methods,
                                     .traces = traces,
                                     .traces_count = count};
    const enum kt_err err = kt_sim_html_write_file(simulate->html, &page, error);
    free(scores);
    free((void *)traces);
    return err;
}

static int threads_of(const struct simulate *simulate) {
    if (simulate->threads > 0) {
        return (int)simulate->threads;
    }
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > KT_SIM_THREADS_MAX ? KT_SIM_THREADS_MAX : (int)cores;
}

static enum kt_err print(const struct simulate *simulate, const struct kt_sim_study *study,
                         struct kt_error *error) {
    if (simulate->json) {
        return print_json(simulate, study, error);
    }
    if (simulate->calibration != NULL) {
        kt_sim_table_title(stdout, &simulate->suite, study);
        return kt_sim_reliability_print(stdout, simulate->calibration, study, simulate->markdown,
                                        error);
    }
    return simulate->markdown
               ? kt_sim_markdown_print(stdout, &simulate->suite, study, &simulate->results, error)
               : kt_sim_table_print(stdout, &simulate->suite, study, &simulate->results, error);
}

static enum kt_err follow(struct simulate *simulate, struct kt_sim_study *study,
                          struct kt_error *error) {
    if (!simulate->calibrate) {
        return KT_ERR_OK;
    }
    simulate->calibration = kt_sim_calibration_new(study);
    if (simulate->calibration == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a calibration");
    }
    kt_sim_calibration_listen(simulate->calibration, study);
    return KT_ERR_OK;
}

static enum kt_err simulate_all(struct simulate *simulate, struct kt_error *error) {
    enum kt_err err = simulate->suite_name != NULL
                          ? kt_sim_suite_make(simulate->suite_name, (uint64_t)simulate->seed,
                                              &simulate->suite, error)
                          : make_own(simulate, error);
    if (err == KT_ERR_OK) {
        err = make_methods(simulate, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    const bool progress = isatty(STDERR_FILENO) == 1;
    struct kt_sim_study study = {
        .scenarios = simulate->suite.scenarios,
        .scenarios_count = simulate->suite.scenarios_count,
        .methods = &simulate->methods,
        .permutations =
            simulate->permutations > 0 ? (int)simulate->permutations : simulate->suite.permutations,
        .seed = (uint64_t)simulate->seed,
        .noise = simulate->noise,
        .threads = threads_of(simulate),
        .own_settings = simulate->config != NULL,
        .traced = simulate->html != NULL,
        .stop = &interrupted,
        .progress = progress ? show_progress : NULL,
    };
    err = follow(simulate, &study, error);
    if (err == KT_ERR_OK) {
        err = kt_sim_study_run(&study, &simulate->results, error);
    }
    if (err == KT_ERR_OK && simulate->html != NULL) {
        err = write_page(simulate, &study, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    return print(simulate, &study, error);
}

/* ---- the command line ------------------------------------------------------------------------ */

static bool check_usage(const struct simulate *s, int *status) {
    *status = KT_EXIT_USAGE;
    if ((s->job != NULL) == (s->suite_name != NULL)) {
        kt_cli_misuse(s->cli, "either --job FILE or --suite NAME is needed");
        return false;
    }
    if (s->suite_name != NULL && (s->rates != NULL || s->protocol != NULL)) {
        kt_cli_misuse(s->cli, "--rates and --protocol go with --job");
        return false;
    }
    if (s->rates != NULL && s->protocol != NULL) {
        kt_cli_misuse(s->cli, "--job takes either --rates or --protocol");
        return false;
    }
    if (s->markdown && s->json) {
        kt_cli_misuse(s->cli, "either --markdown or --json");
        return false;
    }
    if (s->protocol != NULL && strcmp(s->protocol, "paper") != 0) {
        kt_cli_misuse(s->cli, "--protocol: expected paper, got '%s'", s->protocol);
        return false;
    }
    return true;
}

static const char summary[] =
    "The closed loop on a simulated job in virtual time: the worker's own windows, gate, policies "
    "and guardrails around a job whose true curves are known. Either a job of your own (--job "
    "FILE) "
    "under rates over time (--rates CSV) or under the protocol of ContTune's evaluation, or one of "
    "the suites.\n\n"
    "In that protocol (--protocol paper, the suites paper and stress) a run is a permutation of "
    "1 ... 10 times the sources' unit rates, twice, from parallelism 1 and no history. Each of the "
    "20 tunings lasts until a window is decided and nothing is to be changed; then the next begins "
    "as if enough time had passed: one window goes by uncounted and all backlogs are empty.\n\n"
    "A method is a policy, with settings of section [policy] behind colons: "
    "conttune:alpha=0:surrogate=rbf; or without one of its pieces, as the suite ablation has them: "
    "kontune:without=change-points. Without --config a method has the program's defaults, but no "
    "cooldown and no budget of restarts.";

int kt_cmd_simulate(int argc, char **argv) {
    struct simulate simulate = {.noise = -1.0, .seed = 1};
    const struct kt_cli_option options[] = {
        {.name = "job",
         .text = &simulate.job,
         .argument = "FILE",
         .meaning = "a job of your own, as JSON"},
        {.name = "rates",
         .text = &simulate.rates,
         .argument = "CSV",
         .meaning = "its load over time: column second or minute, then records_per_second or one "
                    "column per source"},
        {.name = "protocol",
         .text = &simulate.protocol,
         .argument = "paper",
         .meaning = "its load as in ContTune's evaluation (the default)"},
        {.name = "suite",
         .text = &simulate.suite_name,
         .argument = "NAME",
         .meaning = "instead of a job: " KT_SIM_SUITE_NAMES},
        {.name = "policy",
         .text = &simulate.policies,
         .argument = "LIST",
         .meaning = "methods with commas between them; default: kontune and every baseline"},
        {.name = "surrogate",
         .text = &simulate.surrogate,
         .argument = "NAME",
         .meaning = "of the methods that take one and do not name it"},
        {.name = "noise",
         .number = &simulate.noise,
         .number_min = 0,
         .number_max = 1,
         .argument = "X",
         .meaning = "relative standard deviation of the true speed, instead of the job's"},
        {.name = "seed",
         .integer = &simulate.seed,
         .integer_min = 0,
         .integer_max = INT64_MAX,
         .argument = "N",
         .meaning = "of permutations and noise (1); the same seed gives the same bytes"},
        {.name = "permutations",
         .integer = &simulate.permutations,
         .integer_min = 1,
         .integer_max = KT_SIM_PERMUTATIONS_MAX,
         .argument = "N",
         .meaning = "runs of each method on each job"},
        {.name = "jobs",
         .integer = &simulate.threads,
         .integer_min = 1,
         .integer_max = KT_SIM_THREADS_MAX,
         .argument = "N",
         .meaning = "threads; default: as many as there are cores"},
        {.name = "config",
         .short_name = 'c',
         .text = &simulate.config,
         .argument = "FILE",
         .meaning = "the worker's configuration for all methods; default: see above"},
        {.name = "html",
         .text = &simulate.html,
         .argument = "FILE",
         .meaning = "a page with plots of the first permutation of each method on each job"},
        {.name = "calibration",
         .flag = &simulate.calibrate,
         .meaning = "how often a probability of q keeps up, by the surrogates scaling and rbf on "
                    "the evidence of every decision; default of --policy: kontune"},
        {.name = "markdown",
         .flag = &simulate.markdown,
         .meaning = "tables as Markdown, all figures of a job in one cell"},
        KT_CLI_JSON(simulate.json),
        {0}};
    struct kt_cli cli = {.command = "simulate", .summary = summary, .options = options};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    simulate.cli = &cli;
    if (!check_usage(&simulate, &status)) {
        return status;
    }
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    kt_arena_init(&simulate.arena, JOB_ARENA_CHUNK, JOB_ARENA_BYTES_MAX);
    struct kt_error error = {KT_ERR_OK, ""};
    const enum kt_err err = simulate_all(&simulate, &error);
    kt_sim_calibration_free(simulate.calibration);
    kt_sim_results_free(&simulate.results);
    kt_sim_methods_free(&simulate.methods);
    kt_sim_suite_free(&simulate.suite);
    free(simulate.levels);
    free(simulate.spec);
    kt_arena_free(&simulate.arena);
    if (err == KT_ERR_STOPPED) {
        return 128 + SIGINT;
    }
    return err == KT_ERR_OK ? KT_EXIT_OK : kt_cli_fail(&cli, &error);
}
