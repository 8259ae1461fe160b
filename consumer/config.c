/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads the configuration: defaults, then the file, then the environment, then the overrides of
 * single jobs; every problem is noted with its place and all are told in the order of the file. */
#include "consumer/config_reader.h"
#include "consumer/kafka_properties.h"
#include "schemas/utf8.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define ARENA_BYTES  ((size_t)64 * 1024)        /* a chunk */
#define ARENA_MAX    ((size_t)64 * 1024 * 1024) /* 1 MiB of text, and what ${VAR} makes of it */
#define QUOTED_BYTES 120                        /* of a value in a message */

/* ---- problems ---------------------------------------------------------------------------- */

/* Makes a message fit for a terminal and for JSON, whatever bytes were quoted or cut in it. */
static void clean(char *text) {
    for (size_t i = 0; text[i] != '\0';) {
        const size_t len = kt_utf8_char((struct kt_str){text + i, strlen(text + i)});
        if (len == 0 || (len == 1 && ((unsigned char)text[i] < ' ' || text[i] == 0x7F))) {
            text[i] = '?';
        }
        i += len == 0 ? 1 : len;
    }
}

struct kt_str kt_config_clip(struct kt_str s) {
    return (struct kt_str){s.data, s.len > QUOTED_BYTES ? QUOTED_BYTES : s.len};
}

void kt_config_note(struct kt_config_reader *r, int line, const char *format, ...) {
    struct kt_error text;
    va_list args;
    va_start(args, format);
    vsnprintf(text.message, sizeof text.message, format, args);
    va_end(args);
    if (line > 0) {
        kt_fail_in(&text, KT_ERR_CONFIG, "%s:%d", r->path, line);
    } else {
        kt_fail_in(&text, KT_ERR_CONFIG, "environment");
    }
    clean(text.message);
    const struct kt_str kept = kt_arena_str(r->arena, kt_str_of(text.message));
    if (kept.data == NULL) {
        r->out_of_memory = true;
    } else if (r->problem_count < KT_CONFIG_PROBLEMS_MAX) {
        const int order = (int)r->problem_count;
        r->problems[r->problem_count++] = (struct kt_config_noted){line, order, kept.data};
    }
}

struct kt_config_place kt_config_place(const struct kt_config_entry *e) {
    struct kt_config_place place;
    if (e->line == 0) {
        snprintf(place.text, sizeof place.text, "%s", e->origin);
    } else if (e->subject.data != NULL) {
        snprintf(place.text, sizeof place.text, "[%.*s \"%.*s\"] %.*s", KT_STR_ARG(e->section),
                 KT_STR_ARG(kt_config_clip(e->subject)), KT_STR_ARG(e->name));
    } else {
        snprintf(place.text, sizeof place.text, "[%.*s] %.*s", KT_STR_ARG(e->section),
                 KT_STR_ARG(kt_config_clip(e->name)));
    }
    return place;
}

/* The file's problems in the order of their lines, then the environment's. */
static int by_line(const void *a, const void *b) {
    const struct kt_config_noted *x = a, *y = b;
    const int x_line = x->line == 0 ? INT_MAX : x->line;
    const int y_line = y->line == 0 ? INT_MAX : y->line;
    return x_line != y_line ? (x_line > y_line) - (x_line < y_line)
                            : (x->order > y->order) - (x->order < y->order);
}

/* ---- the whole --------------------------------------------------------------------------- */

static struct kt_config *config_new(void) {
    struct kt_config *config = calloc(1, sizeof *config);
    struct kt_arena *arena = calloc(1, sizeof *arena);
    if (config == NULL || arena == NULL) {
        free(config);
        free(arena);
        return NULL;
    }
    kt_arena_init(arena, ARENA_BYTES, ARENA_MAX);
    config->arena = arena;
    config->settings.defaults.key = KT_STR("");
    return config;
}

void kt_config_free(struct kt_config *config) {
    if (config != NULL) {
        kt_arena_free(config->arena);
        free(config->arena);
        free(config);
    }
}

static enum kt_err set_defaults(struct kt_config *config, struct kt_error *error) {
    for (size_t i = 0; i < kt_options_count; i++) {
        const struct kt_option *option = &kt_options[i];
        const enum kt_err err =
            kt_option_set(option, config, NULL, kt_str_of(option->standard), error);
        if (err != KT_ERR_OK) { /* the host's name may be unfit; the others are held by a test */
            return kt_fail_in(error, err, "default of [%s] %s", option->section, option->name);
        }
    }
    return KT_ERR_OK;
}

static enum kt_err report(struct kt_config_reader *r, kt_config_problem *problem, void *ctx,
                          struct kt_error *error) {
    if (r->out_of_memory) {
        return kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", r->path);
    }
    if (r->problem_count == 0) {
        return KT_ERR_OK;
    }
    qsort(r->problems, r->problem_count, sizeof r->problems[0], by_line);
    for (size_t i = 0; i < r->problem_count && problem != NULL; i++) {
        problem(ctx, r->problems[i].line, r->problems[i].message);
    }
    return kt_fail(error, KT_ERR_CONFIG, "%s", r->problems[0].message);
}

enum kt_err kt_config_parse(struct kt_str text, const char *path, char *const *env,
                            kt_config_problem *problem, void *ctx, struct kt_config **out,
                            struct kt_error *error) {
    struct kt_config_reader r = {.path = path, .env = env};
    enum kt_err err = KT_ERR_NOMEM;
    r.config = config_new();
    r.defaults = config_new();
    r.scratch = rd_kafka_conf_new();
    r.problems = calloc(KT_CONFIG_PROBLEMS_MAX, sizeof r.problems[0]);
    if (r.config == NULL || r.defaults == NULL || r.scratch == NULL || r.problems == NULL) {
        err = kt_fail(error, KT_ERR_NOMEM, "out of memory");
        goto done;
    }
    r.arena = r.config->arena;
    err = set_defaults(r.config, error);
    if (err == KT_ERR_OK) {
        err = set_defaults(r.defaults, error);
    }
    if (err != KT_ERR_OK) {
        goto done;
    }
    kt_config_read_file(&r, text);
    kt_config_read_environment(&r);
    if (!r.out_of_memory) {
        kt_config_apply(&r);
    }
    if (!r.out_of_memory && r.problem_count == 0) {
        kt_config_check_together(&r);
    }
    err = report(&r, problem, ctx, error);
done:
    free(r.problems);
    free(r.entries);
    if (r.scratch != NULL) {
        rd_kafka_conf_destroy(r.scratch);
    }
    kt_config_free(r.defaults);
    if (err != KT_ERR_OK) {
        kt_config_free(r.config);
        r.config = NULL;
    }
    *out = r.config;
    return err;
}

/* Reads a whole file. *text is malloc'd. */
static enum kt_err read_text(const char *path, char **text, size_t *len, struct kt_error *error) {
    *text = NULL;
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        return kt_fail(error, KT_ERR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
    }
    enum kt_err err = KT_ERR_OK;
    *text = malloc(KT_CONFIG_BYTES_MAX + 1);
    if (*text == NULL) {
        err = kt_fail(error, KT_ERR_NOMEM, "out of memory");
        goto done;
    }
    errno = 0;
    *len = fread(*text, 1, KT_CONFIG_BYTES_MAX + 1, in);
    if (ferror(in)) {
        err = kt_fail(error, KT_ERR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
    } else if (*len > KT_CONFIG_BYTES_MAX) {
        err = kt_fail(error, KT_ERR_CONFIG, "%s: expected at most %d bytes", path,
                      KT_CONFIG_BYTES_MAX);
    }
done:
    fclose(in);
    return err;
}

enum kt_err kt_config_load_all(const char *path, char *const *env, kt_config_problem *problem,
                               void *ctx, struct kt_config **out, struct kt_error *error) {
    *out = NULL;
    if (path == NULL) {
        return kt_config_parse(KT_STR(""), "defaults", env, problem, ctx, out, error);
    }
    char *text = NULL;
    size_t len = 0;
    struct kt_error failure;
    enum kt_err err = read_text(path, &text, &len, &failure);
    if (err != KT_ERR_OK) {
        if (problem != NULL) {
            problem(ctx, 0, failure.message);
        }
        err = kt_fail(error, err, "%s", failure.message);
    } else {
        err = kt_config_parse((struct kt_str){text, len}, path, env, problem, ctx, out, error);
    }
    free(text);
    return err;
}

enum kt_err kt_config_load(const char *path, char *const *env, struct kt_config **out,
                           struct kt_error *error) {
    return kt_config_load_all(path, env, NULL, NULL, out, error);
}

enum kt_err kt_config_kafka_for(const struct kt_config *config, enum kt_kafka_role role,
                                rd_kafka_conf_t **out, struct kt_error *error) {
    *out = NULL;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (conf == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    enum kt_err err = KT_ERR_OK;
    for (size_t i = 0; i < config->kafka.count && err == KT_ERR_OK; i++) {
        const struct kt_kafka_property *p = &config->kafka.items[i];
        if (!kt_kafka_property_is_for(p->name, role)) {
            continue;
        }
        if (rd_kafka_conf_set(conf, p->name, p->value, NULL, 0) != RD_KAFKA_CONF_OK) {
            err =
                kt_fail(error, KT_ERR_CONFIG, "[kafka] %s: librdkafka refuses the value", p->name);
        }
    }
    if (err == KT_ERR_OK && role == KT_KAFKA_PRODUCER) {
        char timeout[32];
        snprintf(timeout, sizeof timeout, "%lld", (long long)config->worker.transaction_timeout_ms);
        if (rd_kafka_conf_set(conf, "transaction.timeout.ms", timeout, NULL, 0) !=
            RD_KAFKA_CONF_OK) {
            err = kt_fail(error, KT_ERR_CONFIG,
                          "[worker] transaction_timeout_ms: librdkafka refuses the value");
        }
    }
    if (err != KT_ERR_OK) {
        rd_kafka_conf_destroy(conf);
        return err;
    }
    *out = conf;
    return KT_ERR_OK;
}
