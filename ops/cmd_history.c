/* SPDX-License-Identifier: GPL-3.0-or-later
 * kontune history: lists, exports and imports what was learned of each operator. */
#include "consumer/config.h"
#include "model/history.h"
#include "model/say.h"
#include "ops/cli.h"
#include "ops/command.h"
#include "ops/csv.h"
#include "ops/history_import.h"
#include "ops/history_publish.h"
#include "ops/history_read.h"
#include "ops/text_file.h"
#include "schemas/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ARENA_CHUNK_BYTES ((size_t)64 << 10)
#define ARENA_LIMIT_BYTES ((size_t)1 << 30)
#define REPLAY_PARTITION  0
#define REPLAY_IDENTITY   "replay" /* as cmd_replay.c opens its state */
#define REPLAY_MAP_BYTES  ((size_t)16 << 30)

/* What all three have in common. */
struct common {
    const char *config_path;
    const char *state_dir;
    const char *job;
    const char *operator;
    int64_t top_k; /* 0: the job's setting */
    struct kt_config *config;
    struct kt_arena arena;
};

#define COMMON_OPTIONS(c)                                                                          \
    {.name = "config",                                                                             \
     .short_name = 'c',                                                                            \
     .text = &(c).config_path,                                                                     \
     .argument = "FILE",                                                                           \
     .meaning = "the stage's configuration"},                                                      \
        {.name = "state",                                                                          \
         .text = &(c).state_dir,                                                                   \
         .argument = "DIR",                                                                        \
         .meaning = "a state folder instead"},                                                     \
    {                                                                                              \
        .name = "job", .text = &(c).job, .argument = "CLUSTER/JOB", .meaning = "this job alone"    \
    }

/* Reads the configuration (or its defaults) and checks what the options' table cannot. */
static bool open_common(struct common *c, const struct kt_cli *cli, int *status) {
    kt_arena_init(&c->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    if ((c->config_path == NULL) == (c->state_dir == NULL)) {
        *status = kt_cli_misuse(cli, "expected either --config FILE or --state DIR");
        return false;
    }
    const char *slash = c->job == NULL ? NULL : strchr(c->job, '/');
    if (c->job != NULL && (slash == NULL || slash == c->job || slash[1] == '\0')) {
        *status = kt_cli_misuse(cli, "--job: expected CLUSTER/JOB, got '%s'", c->job);
        return false;
    }
    struct kt_error error;
    if (kt_config_load(c->config_path, environ, &c->config, &error) != KT_ERR_OK) {
        *status = kt_cli_fail(cli, &error);
        return false;
    }
    if (c->state_dir == NULL) {
        c->state_dir = c->config->worker.state_dir;
    }
    if (c->top_k > 0) {
        c->config->settings.defaults.policy.top_k = (int32_t)c->top_k;
        for (size_t i = 0; i < c->config->settings.jobs.count; i++) {
            c->config->settings.jobs.items[i].policy.top_k = (int32_t)c->top_k;
        }
    }
    return true;
}

static void close_common(struct common *c) {
    kt_config_free(c->config);
    kt_arena_free(&c->arena);
}

static enum kt_err read_histories(struct common *c, struct kt_history_list *list,
                                  struct kt_error *error) {
    const struct kt_history_filter filter = {kt_str_of(c->job), kt_str_of(c->operator)};
    return kt_history_read(c->state_dir, &filter, &c->arena, list, error);
}

/* stdout may be a full disk or a closed pipe. */
static enum kt_err finish_stdout(struct kt_error *error) {
    return fflush(stdout) == 0 && !ferror(stdout)
               ? KT_ERR_OK
               : kt_fail(error, KT_ERR_IO, "writing to stdout: %s", strerror(errno));
}

/* ---- list -------------------------------------------------------------------------------- */

struct line {
    struct kt_history_point point;
    int64_t last_seen_ms;
    int32_t kept_up; /* of the point's observations */
};

static struct line line_of(const struct common *c, const struct kt_operator_history *history) {
    const struct kt_job_settings *job =
        kt_settings_find(&c->config->settings, history->cluster, history->job_name);
    struct line line = {.point = kt_history_mean(history, job->policy.top_k)};
    const size_t count = history->observations.count;
    for (size_t i = count - (size_t)line.point.observations; i < count; i++) {
        const struct kt_observation *o = &history->observations.items[i];
        line.kept_up += o->keep_up == KT_KEEP_UP_KEPT_UP;
        line.last_seen_ms = o->window_end_ms;
    }
    return line;
}

static void print_time(int64_t ms) {
    const time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];
    if (ms > 0 && gmtime_r(&seconds, &tm) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0) {
        fputs(text, stdout);
    } else {
        printf("%-20s", "unknown");
    }
}

static void print_table(const struct common *c, const struct kt_history_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        const struct kt_operator_history *h = &list->items[i].history;
        const struct kt_operator_history *before = i == 0 ? NULL : &list->items[i - 1].history;
        if (before == NULL || !kt_history_same_job(before, h)) {
            printf("%s%.*s/%.*s\n", i == 0 ? "" : "\n", KT_STR_ARG(h->cluster),
                   KT_STR_ARG(h->job_name));
        }
        if (before == NULL || !kt_history_same_operator(before, h)) {
            printf("  %.*s%s[%.*s]\n    %11s %14s %12s  %-20s %s\n", KT_STR_ARG(h->name),
                   h->name.len > 0 ? " " : "", KT_STR_ARG(h->vertex_id), "parallelism", "ability/s",
                   "observations", "last seen", "kept up");
        }
        const struct line line = line_of(c, h);
        printf("    %11d %14.*f %12d  ", h->parallelism, KT_SAY_RATE(line.point.ability),
               line.point.observations);
        print_time(line.last_seen_ms);
        printf(" %d of %d\n", line.kept_up, line.point.observations);
    }
    if (list->count == 0) {
        printf(c->job != NULL || c->operator!= NULL ? "nothing was learned of what was asked for\n"
                                                    : "nothing was learned yet\n");
    }
}

static json_t *str_json(struct kt_str s) {
    return json_stringn(s.data == NULL ? "" : s.data, s.len);
}

static json_t *line_json(const struct common *c, const struct kt_history_entry *entry) {
    const struct line line = line_of(c, &entry->history);
    return json_pack("{s:i, s:f, s:i, s:i, s:I, s:I}", "parallelism", entry->history.parallelism,
                     "ability", line.point.ability, "observations", line.point.observations,
                     "kept_up", line.kept_up, "last_seen_ms", (json_int_t)line.last_seen_ms,
                     "partition", (json_int_t)entry->partition);
}

/* {"jobs":[{"cluster","job_name","operators":[{"vertex_id","name","points":[…]}]}]} */
static json_t *list_json(const struct common *c, const struct kt_history_list *list) {
    json_t *jobs = json_array(), *operators = NULL, *points = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct kt_operator_history *h = &list->items[i].history;
        const struct kt_operator_history *before = i == 0 ? NULL : &list->items[i - 1].history;
        if (before == NULL || !kt_history_same_job(before, h)) {
            operators = json_array();
            json_array_append_new(jobs, json_pack("{s:o, s:o, s:o}", "cluster",
                                                  str_json(h->cluster), "job_name",
                                                  str_json(h->job_name), "operators", operators));
        }
        if (before == NULL || !kt_history_same_operator(before, h)) {
            points = json_array();
            json_array_append_new(operators,
                                  json_pack("{s:o, s:o, s:o}", "vertex_id", str_json(h->vertex_id),
                                            "name", str_json(h->name), "points", points));
        }
        json_array_append_new(points, line_json(c, &list->items[i]));
    }
    return json_pack("{s:o}", "jobs", jobs);
}

static enum kt_err print_json(json_t *document, struct kt_error *error) {
    enum kt_err err = document == NULL ? KT_ERR_NOMEM : kt_json_dump(stdout, document);
    json_decref(document);
    putchar('\n');
    return err == KT_ERR_OK ? finish_stdout(error) : kt_fail(error, err, "printing JSON failed");
}

static int list(int argc, char **argv) {
    struct common c = {.config_path = NULL};
    bool json = false;
    const struct kt_cli_option options[] = {
        COMMON_OPTIONS(c),
        {.name = "operator",
         .text = &c.operator,
         .argument = "ID|NAME",
         .meaning = "this operator alone"},
        {.name = "top-k",
         .integer = &c.top_k,
         .integer_min = 1,
         .integer_max = KT_OBSERVATIONS_MAX,
         .argument = "K",
         .meaning = "average the newest K (default: the job's top_k)"},
        KT_CLI_JSON(json),
        {0}};
    struct kt_cli cli = {
        .command = "history list",
        .summary =
            "Prints what was learned: for each operator and parallelism the mean of its newest\n"
            "processing abilities, how many there are, when the last one was made (UTC), and\n"
            "in how many of them the job kept up. Reads the state folder of one worker, also\n"
            "while it runs.",
        .options = options};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    struct kt_error error;
    struct kt_history_list histories;
    if (open_common(&c, &cli, &status)) {
        enum kt_err err = read_histories(&c, &histories, &error);
        if (err == KT_ERR_OK && json) {
            err = print_json(list_json(&c, &histories), &error);
        } else if (err == KT_ERR_OK) {
            print_table(&c, &histories);
            err = finish_stdout(&error);
        }
        status = err == KT_ERR_OK ? KT_EXIT_OK : kt_cli_fail(&cli, &error);
    }
    close_common(&c);
    return status;
}

/* ---- export ------------------------------------------------------------------------------ */

/* One observation with the history it stands in. */
struct dated {
    const struct kt_operator_history *history;
    const struct kt_observation *observation;
};

static int oldest_first(const void *a, const void *b) {
    const struct dated *x = a, *y = b;
    const int64_t s = x->observation->window_end_ms, t = y->observation->window_end_ms;
    if (s != t) {
        return s < t ? -1 : 1;
    }
    if (x->history->parallelism != y->history->parallelism) {
        return x->history->parallelism < y->history->parallelism ? -1 : 1;
    }
    return x->observation < y->observation ? -1 : x->observation > y->observation;
}

/* A name with a line break would end its record. */
static enum kt_err check_names(const struct kt_operator_history *h, struct kt_error *error) {
    const struct kt_str names[] = {h->cluster, h->job_name, h->vertex_id, h->name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].len > 0 && memchr(names[i].data, '\n', names[i].len) != NULL) {
            return kt_fail(error, KT_ERR_INVALID,
                           "vertex %.*s: a name holds a line break, which csv cannot; use --format "
                           "jsonl",
                           KT_STR_ARG(h->vertex_id));
        }
    }
    return KT_ERR_OK;
}

/* A window that proved nothing has an empty field. */
static const char *keep_up_text(int keep_up) {
    switch (keep_up) {
    case KT_KEEP_UP_KEPT_UP:
        return "true";
    case KT_KEEP_UP_FELL_BEHIND:
        return "false";
    default:
        return "";
    }
}

static void put_row(FILE *out, const struct dated *row) {
    const struct kt_operator_history *h = row->history;
    const struct kt_observation *o = row->observation;
    const struct kt_str names[] = {h->cluster, h->job_name, h->vertex_id, h->name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        kt_csv_put(out, names[i]);
        fputc(',', out);
    }
    fprintf(out, "%d,%.17g,%.17g,%.17g,%s,%lld,%lld\n", h->parallelism, o->ability, o->busy,
            o->lambda, keep_up_text(o->keep_up), (long long)o->generation,
            (long long)o->window_end_ms);
}

/* Operator by operator, each one's observations oldest first. */
static enum kt_err write_csv(struct common *c, const struct kt_history_list *list, FILE *out,
                             struct kt_error *error) {
    fputs("cluster,job_name,vertex_id,name,parallelism,processing_ability,busy,lambda,kept_up,"
          "generation,window_end_ms\n",
          out);
    for (size_t begin = 0, end = 0; begin < list->count; begin = end) {
        size_t room = 0;
        while (end < list->count &&
               kt_history_same_operator(&list->items[begin].history, &list->items[end].history)) {
            room += list->items[end++].history.observations.count;
        }
        const enum kt_err err = check_names(&list->items[begin].history, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        struct dated *rows = kt_arena_array(&c->arena, room, sizeof *rows);
        if (rows == NULL) {
            return kt_fail(error, KT_ERR_LIMIT, "more than %zu observations of one operator", room);
        }
        size_t count = 0;
        for (size_t i = begin; i < end; i++) {
            const struct kt_operator_history *h = &list->items[i].history;
            for (size_t j = 0; j < h->observations.count; j++) {
                rows[count++] = (struct dated){h, &h->observations.items[j]};
            }
        }
        qsort(rows, count, sizeof *rows, oldest_first);
        for (size_t i = 0; i < count; i++) {
            put_row(out, &rows[i]);
        }
    }
    return KT_ERR_OK;
}

static enum kt_err export_csv(struct common *c, const struct kt_history_list *list,
                              const char *path, struct kt_error *error) {
    if (strcmp(path, "-") == 0) {
        const enum kt_err err = write_csv(c, list, stdout, error);
        return err == KT_ERR_OK ? finish_stdout(error) : err;
    }
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", path, strerror(errno));
    }
    enum kt_err err = write_csv(c, list, out, error);
    const bool written = fflush(out) == 0 && !ferror(out);
    const bool closed = fclose(out) == 0;
    if (err == KT_ERR_OK && !(written && closed)) {
        err = kt_fail(error, KT_ERR_IO, "%s: %s", path, strerror(errno));
    }
    return err;
}

static enum kt_err export_records(const struct kt_history_list *list, const char *path,
                                  struct kt_error *error) {
    struct kt_file_writer *writer = NULL;
    enum kt_err err = kt_file_writer_open(&kt_operator_history_type, path, &writer, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    for (size_t i = 0; i < list->count && err == KT_ERR_OK; i++) {
        err = kt_file_writer_append(writer, &list->items[i].history, error);
    }
    struct kt_error closing;
    const enum kt_err closed = kt_file_writer_close(writer, &closing);
    return err == KT_ERR_OK && closed != KT_ERR_OK ? kt_fail(error, closed, "%s", closing.message)
                                                   : err;
}

static int export(int argc, char **argv) {
    struct common c = {.config_path = NULL};
    const char *format = "csv";
    const char *path = "-";
    const struct kt_cli_option options[] = {
        COMMON_OPTIONS(c),
        {.name = "operator",
         .text = &c.operator,
         .argument = "ID|NAME",
         .meaning = "this operator alone"},
        {.name = "format",
         .text = &format,
         .argument = "csv|jsonl",
         .meaning = "csv (default; `suggest --history` reads one operator's) or jsonl"},
        {.name = "out", .text = &path, .argument = "FILE", .meaning = "instead of stdout"},
        {0}};
    struct kt_cli cli = {
        .command = "history export",
        .summary =
            "Prints every observation: as CSV, each operator's oldest first, or as JSON lines of\n"
            "OperatorHistory records. `history import` reads both.",
        .options = options};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    const bool csv = strcmp(format, "csv") == 0;
    if (!csv && strcmp(format, "jsonl") != 0) {
        return kt_cli_misuse(&cli, "--format: expected csv or jsonl, got '%s'", format);
    }
    struct kt_error error;
    struct kt_history_list histories;
    if (open_common(&c, &cli, &status)) {
        enum kt_err err = read_histories(&c, &histories, &error);
        if (err == KT_ERR_OK) {
            err = csv ? export_csv(&c, &histories, path, &error)
                      : export_records(&histories, path, &error);
        }
        status = err == KT_ERR_OK ? KT_EXIT_OK : kt_cli_fail(&cli, &error);
    }
    close_common(&c);
    return status;
}

/* ---- import ------------------------------------------------------------------------------ */

static enum kt_err no_changelog(void *ctx, struct kt_store_key key, const void *value, size_t len,
                                struct kt_error *error) {
    (void)ctx;
    (void)key;
    (void)value;
    (void)len;
    (void)error;
    return KT_ERR_OK; /* a state for replay has none */
}

/* Into a folder for `replay --state`, which holds everything under one partition. */
static enum kt_err import_to_folder(struct common *c, struct kt_history_rows *rows,
                                    struct kt_history_merged *merged, struct kt_error *error) {
    const struct kt_store_options options = {
        .path = c->state_dir, .identity = REPLAY_IDENTITY, .map_bytes = REPLAY_MAP_BYTES};
    struct kt_store *store = NULL;
    struct kt_durable *durable = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        rows->items[i].partition = REPLAY_PARTITION;
    }
    enum kt_err err = kt_store_open(&options, &store, error);
    if (err == KT_ERR_OK) {
        err = kt_durable_new(store, no_changelog, NULL, &durable, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_store_begin(store, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_history_merge(durable, &c->config->settings, rows, merged, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_store_commit(store, error);
    }
    kt_durable_free(durable);
    kt_store_close(store); /* aborts what is open */
    return err;
}

static enum kt_err read_rows(struct common *c, const char *format, const char *path,
                             struct kt_history_rows *rows, struct kt_error *error) {
    const struct kt_history_defaults defaults = {kt_str_of(c->job), kt_str_of(c->operator)};
    if (strcmp(format, "ds2-log") == 0) {
        struct kt_str text;
        const enum kt_err err = kt_text_file_read(path, &c->arena, &text, error);
        return err == KT_ERR_OK ? kt_history_rows_ds2(path, text, &defaults, &c->arena, rows, error)
                                : err;
    }
    return strcmp(format, "csv") == 0
               ? kt_history_rows_csv(path, &defaults, &c->arena, rows, error)
               : kt_history_rows_records(path, &defaults, &c->arena, rows, error);
}

static int import(int argc, char **argv) {
    struct common c = {.config_path = NULL};
    const char *format = NULL;
    const struct kt_cli_option options[] = {
        COMMON_OPTIONS(c),
        {.name = "format",
         .text = &format,
         .required = true,
         .argument = "csv|jsonl|ds2-log",
         .meaning = "of FILE"},
        {.name = "operator",
         .text = &c.operator,
         .argument = "ID",
         .meaning = "vertex id of csv rows without one"},
        {.name = "top-k",
         .integer = &c.top_k,
         .integer_min = 1,
         .integer_max = KT_OBSERVATIONS_MAX,
         .argument = "K",
         .meaning = "keep the newest K per parallelism (default: the job's top_k)"},
        {0}};
    struct kt_cli cli = {
        .command = "history import",
        .operands = "FILE",
        .summary =
            "Adds the observations of FILE to what was learned. They are put in the order of time\n"
            "with those that are there, and the newest K at each parallelism stay; an observation\n"
            "without window_end_ms counts as the oldest, one that is there already is not added\n"
            "again. With a mistake anywhere in FILE, nothing is imported. A ds2-log gives an\n"
            "observation per operator and epoch: the sum of its instances' true processing rates;\n"
            "operator ids must be Flink's vertex ids.\n\n"
            "With --config: merged with the changelog topic's and published there in one\n"
            "transaction. The stage's workers must be stopped; they have it when they start.\n"
            "With --state: into a folder for `replay --state`.",
        .options = options,
        .operands_min = 1,
        .operands_max = 1};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    if (strcmp(format, "csv") != 0 && strcmp(format, "jsonl") != 0 &&
        strcmp(format, "ds2-log") != 0) {
        return kt_cli_misuse(&cli, "--format: expected csv, jsonl or ds2-log, got '%s'", format);
    }
    struct kt_error error;
    struct kt_history_rows rows = {.items = NULL};
    struct kt_history_merged merged = {0};
    if (open_common(&c, &cli, &status)) {
        enum kt_err err = read_rows(&c, format, cli.operand[0], &rows, &error);
        if (err == KT_ERR_OK) {
            err = c.config_path == NULL ? import_to_folder(&c, &rows, &merged, &error)
                                        : kt_history_publish(c.config, &rows, &merged, &error);
        }
        if (err == KT_ERR_OK) {
            printf(
                "observations: %zu read, %zu added, %zu already there, %zu older than the newest "
                "at their parallelism\n",
                rows.count, merged.added, merged.present, merged.older);
            if (rows.left_out > 0) {
                fprintf(stderr,
                        "%zu epochs of operators left out: nothing was processed, or not every "
                        "instance logged them\n",
                        rows.left_out);
            }
            err = finish_stdout(&error);
        }
        status = err == KT_ERR_OK ? KT_EXIT_OK : kt_cli_fail(&cli, &error);
    }
    close_common(&c);
    return status;
}

int kt_cmd_history(int argc, char **argv) {
    static const struct kt_cli_verb verbs[] = {
        {"list", list, "what was learned, per operator and parallelism"},
        {"export", export, "every observation as CSV or JSON lines"},
        {"import", import, "add the observations of a file"},
        {NULL, NULL, NULL}};
    return kt_cli_dispatch("history", verbs, argc, argv);
}
