/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune replay`: the worker's whole path from a file of events to a file of commands, without a
 * broker. Same code, same decisions. */
#include "consumer/config.h"
#include "model/stage.h"
#include "ops/cli.h"
#include "ops/command.h"
#include "ops/command_text.h"
#include "ops/temp_folder.h"
#include "schemas/codec.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARTITION          0
#define TRANSACTION_EVENTS 10000              /* between two commits of the store */
#define PROGRESS_EVENTS    50000              /* between two lines of progress */
#define BAD_SHOWN_MAX      100                /* bad records told one by one; the rest is counted */
#define TEMP_MAP_BYTES     ((size_t)16 << 30) /* sparse */

struct replay {
    struct kt_cli *cli;
    const char *in;
    const char *out;
    const char *config_path;
    const char *state_dir;
    bool json;

    struct kt_config *config;
    char *temp_dir;
    struct kt_store *store;
    struct kt_stage *stage;
    struct kt_file_reader *reader;
    struct kt_file_reader
        *scout; /* one event ahead of the reader; NULL: not a file that can be read twice */
    struct kt_file_writer *writer;
    json_t *commands; /* for --json */
    int64_t offset;   /* of the next record */
    int64_t bad;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

/* ---- what comes out -------------------------------------------------------------------------- */

static enum kt_err take_command(void *ctx, const struct kt_rescale_command *command,
                                struct kt_error *error) {
    struct replay *replay = ctx;
    if (replay->writer != NULL) {
        enum kt_err err = kt_file_writer_append(replay->writer, command, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    if (replay->json) {
        json_t *json = kt_record_to_json(&kt_rescale_command_type, command);
        if (json == NULL || json_array_append_new(replay->commands, json) != 0) {
            return kt_fail(error, KT_ERR_NOMEM, "no memory for a command");
        }
    } else if (replay->writer == NULL) {
        kt_command_print(stdout, command);
        if (ferror(stdout) != 0) {
            return kt_fail(error, KT_ERR_IO, "writing to stdout failed");
        }
    }
    return KT_ERR_OK;
}

static enum kt_err take_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                               struct kt_error *error) {
    (void)ctx; /* the store is all that a replay keeps */
    (void)key;
    (void)value;
    (void)len;
    (void)error;
    return KT_ERR_OK;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* A record that is no event, or none that can be believed. */
static void refuse(struct replay *replay, const char *message) {
    replay->bad++;
    if (replay->bad <= BAD_SHOWN_MAX) {
        fprintf(stderr, "kontune replay: %s\n", message);
    } else if (replay->bad == BAD_SHOWN_MAX + 1) {
        fprintf(stderr, "kontune replay: further bad records are only counted\n");
    }
    kt_stage_refuse(replay->stage, PARTITION, replay->offset);
}

/* The next record into the stage. KT_ERR_NOT_FOUND at the end of the file. */
/* A file does not keep the time of the record that carried an event. The time of the event behind
 * it stands in: one that is far ahead of its successor comes from a clock that is wrong, and would
 * close every window up to there. */
static int64_t record_time(struct replay *replay) {
    struct kt_metric_event event;
    bool resumable = replay->scout != NULL;
    while (resumable) {
        const enum kt_err err = kt_file_reader_next(replay->scout, &event, &resumable, NULL);
        if (err == KT_ERR_OK) {
            return event.timestamp_ms;
        }
        resumable = resumable && err != KT_ERR_NOT_FOUND;
    }
    return KT_TIME_UNKNOWN;
}

static enum kt_err step(struct replay *replay, struct kt_error *error) {
    struct kt_metric_event event;
    bool resumable = false;
    enum kt_err err = kt_file_reader_next(replay->reader, &event, &resumable, error);
    if (err == KT_ERR_NOT_FOUND) {
        return err;
    }
    if (err != KT_ERR_OK) {
        if (!resumable) {
            return err;
        }
        refuse(replay, error->message);
        replay->offset++;
        return KT_ERR_OK;
    }
    err = kt_stage_event(replay->stage, PARTITION, replay->offset, record_time(replay), &event,
                         error);
    if (err == KT_ERR_INVALID) {
        (void)kt_fail_in(error, err, "%s:%lld", replay->in,
                         (long long)kt_file_reader_position(replay->reader));
        refuse(replay, error->message);
        err = KT_ERR_OK;
    }
    replay->offset++;
    return err;
}

static enum kt_err commit(struct replay *replay, struct kt_error *error) {
    enum kt_err err = kt_stage_flush(replay->stage, PARTITION, error);
    return err == KT_ERR_OK ? kt_store_commit(replay->store, error) : err;
}

static void show_progress(const struct replay *replay) {
    const struct kt_stage_counters *counters = kt_stage_counters(replay->stage);
    fprintf(stderr, "\r%lld events, %lld windows, %lld rescales ", (long long)counters->events,
            (long long)counters->windows, (long long)counters->rescales);
}

static enum kt_err run(struct replay *replay, struct kt_error *error) {
    const bool progress = isatty(STDERR_FILENO) == 1;
    enum kt_err err = kt_store_begin(replay->store, error);
    if (err == KT_ERR_OK) {
        err = kt_stage_open(replay->stage, PARTITION, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    /* In a state that is kept this file follows on what was replayed before. */
    replay->offset = kt_stage_next_offset(replay->stage, PARTITION);
    int64_t records = 0;
    while ((err = step(replay, error)) == KT_ERR_OK) {
        records++;
        if (interrupted) {
            return kt_fail(error, KT_ERR_STOPPED, "interrupted after %lld records",
                           (long long)records);
        }
        if (records % TRANSACTION_EVENTS == 0) {
            err = commit(replay, error);
            if (err == KT_ERR_OK) {
                err = kt_store_begin(replay->store, error);
            }
            if (err != KT_ERR_OK) {
                return err;
            }
        }
        if (progress && records % PROGRESS_EVENTS == 0) {
            show_progress(replay);
        }
    }
    if (progress && records >= PROGRESS_EVENTS) {
        fputc('\n', stderr);
    }
    return err == KT_ERR_NOT_FOUND ? commit(replay, error) : err;
}

/* ---- the end --------------------------------------------------------------------------------- */

static enum kt_err print_json(const struct replay *replay, struct kt_error *error) {
    const struct kt_stage_counters *counters = kt_stage_counters(replay->stage);
    json_t *document = json_pack(
        "{sI sI sI sI sI sI sI sI sI sO}", "events", (json_int_t)counters->events, "late",
        (json_int_t)counters->late, "refused", (json_int_t)replay->bad, "windows",
        (json_int_t)counters->windows, "held", (json_int_t)counters->held, "learned",
        (json_int_t)counters->learned, "rescales", (json_int_t)counters->rescales, "holds",
        (json_int_t)counters->holds, "open_windows",
        (json_int_t)kt_stage_open_windows(replay->stage, PARTITION), "commands", replay->commands);
    if (document == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for the summary");
    }
    enum kt_err err = kt_json_dump(stdout, document);
    json_decref(document);
    if (err == KT_ERR_OK && (fputc('\n', stdout) == EOF || fflush(stdout) != 0)) {
        err = KT_ERR_IO;
    }
    return err == KT_ERR_OK ? err : kt_fail(error, err, "writing to stdout failed");
}

static void print_summary(const struct replay *replay) {
    const struct kt_stage_counters *counters = kt_stage_counters(replay->stage);
    fprintf(stderr,
            "%lld events (and %lld late, %lld refused); %lld windows closed, %lld of them held; "
            "%lld observations learned; %lld rescales and %lld holds; windows still open at the "
            "end: %lld\n",
            (long long)counters->events, (long long)counters->late, (long long)replay->bad,
            (long long)counters->windows, (long long)counters->held, (long long)counters->learned,
            (long long)counters->rescales, (long long)counters->holds,
            (long long)kt_stage_open_windows(replay->stage, PARTITION));
}

static enum kt_err open_state(struct replay *replay, struct kt_error *error) {
    struct kt_store_options options = {.path = replay->state_dir,
                                       .identity = "replay",
                                       .map_bytes = (size_t)replay->config->worker.state_map_bytes};
    if (replay->state_dir == NULL) {
        enum kt_err err = kt_temp_folder_make(&replay->temp_dir, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        options.path = replay->temp_dir;
        options.map_bytes = TEMP_MAP_BYTES;
    }
    return kt_store_open(&options, &replay->store, error);
}

static enum kt_err open_all(struct replay *replay, struct kt_error *error) {
    enum kt_err err =
        kt_file_reader_open(&kt_metric_event_type, replay->in, &replay->reader, error);
    struct stat file;
    if (err == KT_ERR_OK && stat(replay->in, &file) == 0 && S_ISREG(file.st_mode)) {
        err = kt_file_reader_open(&kt_metric_event_type, replay->in, &replay->scout, error);
        (void)record_time(replay); /* the first event's own */
    }
    if (err == KT_ERR_OK) {
        err = open_state(replay, error);
    }
    if (err == KT_ERR_OK && replay->out != NULL) {
        err = kt_file_writer_open(&kt_rescale_command_type, replay->out, &replay->writer, error);
    }
    if (err == KT_ERR_OK && replay->json) {
        replay->commands = json_array();
        if (replay->commands == NULL) {
            err = kt_fail(error, KT_ERR_NOMEM, "no memory for commands");
        }
    }
    const struct kt_stage_sink sink = {
        .ctx = replay, .command = take_command, .change = take_change};
    return err == KT_ERR_OK
               ? kt_stage_new(&replay->config->settings, replay->store, sink, &replay->stage, error)
               : err;
}

/* Everything between a valid command line and the exit status. */
static enum kt_err replay_file(struct replay *replay, struct kt_error *error) {
    enum kt_err err = kt_config_load(replay->config_path, environ, &replay->config, error);
    if (err == KT_ERR_OK) {
        err = open_all(replay, error);
    }
    if (err == KT_ERR_OK) {
        err = run(replay, error);
    }
    if (replay->writer != NULL) {
        struct kt_error close_error = {0};
        const enum kt_err closed = kt_file_writer_close(replay->writer, &close_error);
        if (err == KT_ERR_OK && closed != KT_ERR_OK) {
            err = closed;
            *error = close_error;
        }
    }
    if (err == KT_ERR_OK && replay->bad > 0 && kt_stage_counters(replay->stage)->events == 0 &&
        kt_stage_counters(replay->stage)->late == 0) {
        err = kt_fail(error, KT_ERR_INVALID, "%s: none of its %lld records is a metric event",
                      replay->in, (long long)replay->bad);
    }
    if (err == KT_ERR_OK && replay->json) {
        err = print_json(replay, error);
    }
    if (err == KT_ERR_OK && !replay->json && fflush(stdout) != 0) {
        err = kt_fail(error, KT_ERR_IO, "writing to stdout failed");
    }
    if (err == KT_ERR_OK && !replay->json) {
        print_summary(replay);
    }
    return err;
}

static void replay_end(struct replay *replay) {
    kt_stage_free(replay->stage);
    kt_store_close(replay->store);
    kt_temp_folder_remove(replay->temp_dir);
    kt_file_reader_close(replay->reader);
    kt_file_reader_close(replay->scout);
    json_decref(replay->commands);
    kt_config_free(replay->config);
}

int kt_cmd_replay(int argc, char **argv) {
    struct replay replay = {0};
    const struct kt_cli_option options[] = {
        {.name = "in",
         .text = &replay.in,
         .required = true,
         .argument = "EVENTS",
         .meaning = "metric events: an Avro container or JSON lines, also gzipped"},
        {.name = "out",
         .text = &replay.out,
         .argument = "COMMANDS",
         .meaning = "commands go here: .avro a container, else JSON lines"},
        {.name = "config",
         .short_name = 'c',
         .text = &replay.config_path,
         .argument = "FILE",
         .meaning = "the worker's configuration; default: the defaults"},
        {.name = "state",
         .text = &replay.state_dir,
         .argument = "DIR",
         .meaning = "keep what is learned here; the next replay goes on with it"},
        {.name = "json", .flag = &replay.json, .meaning = "print one JSON document on stdout"},
        {0}};
    struct kt_cli cli = {
        .command = "replay",
        .summary = "Makes the worker's decisions from a file of metric events, without a broker. "
                   "Windows that are open at the end of the file are not closed, as the worker "
                   "would not either.",
        .options = options};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    replay.cli = &cli;
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct kt_error error = {0};
    const enum kt_err err = replay_file(&replay, &error);
    replay_end(&replay);
    return err == KT_ERR_OK ? KT_EXIT_OK : kt_cli_fail(&cli, &error);
}
