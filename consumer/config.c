/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads the configuration: defaults, then the file, then the environment, then the overrides of
 * single jobs; every problem is noted with its place and all are told in the order of the file.
 *
 * The file is read into a list of entries first, since an override inherits from [policy] wherever
 * that stands. What a value holds after ${VAR} was replaced is never part of a message. */
#include "consumer/config.h"

#include "consumer/environment.h"
#include "consumer/ini.h"
#include "consumer/kafka_properties.h"
#include "consumer/options.h"
#include "schemas/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define ENTRIES_MAX  10000               /* options in one file */
#define PROBLEMS_MAX 1000                /* kept; a file has more only if it is no configuration */
#define QUOTED_BYTES 120                 /* of a value in a message */
#define ARENA_BYTES  ((size_t)64 * 1024) /* a chunk */
#define ARENA_MAX                                                                                  \
    ((size_t)64 * 1024 * 1024) /* 1 MiB of text, each value of which may be expanded */

/* One option of the file, or one of the environment (line 0). */
struct entry {
    uint64_t hash;                  /* of section, subject and name */
    const struct kt_option *option; /* NULL: a [kafka] property */
    struct kt_str section, subject, name;
    struct kt_str raw;   /* as written */
    struct kt_str value; /* expanded, NUL-terminated */
    const char *origin;  /* "FILE:LINE" or the variable's name */
    int line;
    bool expanded;   /* it held a ${VAR} */
    bool overridden; /* the environment has a say, too */
};

struct problem {
    int line;
    int order; /* keeps problems of one line in their order */
    const char *message;
};

struct reader {
    const char *path;
    char *const *env;
    struct kt_config *config;
    struct kt_config *defaults; /* another one with nothing but the defaults, to compare with */
    struct kt_arena *arena;     /* of config */
    rd_kafka_conf_t *scratch;
    struct entry *entries;
    size_t count, capacity;
    struct problem *problems;
    size_t problem_count;
    bool out_of_memory;
};

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

/* The beginning of a long value. */
static struct kt_str clip(struct kt_str s) {
    return (struct kt_str){s.data, s.len > QUOTED_BYTES ? QUOTED_BYTES : s.len};
}

static void note(struct reader *r, int line, const char *format, ...) KT_PRINTF(3, 4);

/* Notes a problem of a line of the file; 0: of the environment, the message names the variable. */
static void note(struct reader *r, int line, const char *format, ...) {
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
    } else if (r->problem_count < PROBLEMS_MAX) {
        const int order = (int)r->problem_count;
        r->problems[r->problem_count++] = (struct problem){line, order, kept.data};
    }
}

/* "[policy "c/j"] alpha" for messages. */
struct place {
    char text[200];
};
static struct place place_of(const struct entry *e) {
    struct place place;
    if (e->line == 0) {
        snprintf(place.text, sizeof place.text, "%s", e->origin);
    } else if (e->subject.data != NULL) {
        snprintf(place.text, sizeof place.text, "[%.*s \"%.*s\"] %.*s", KT_STR_ARG(e->section),
                 KT_STR_ARG(e->subject), KT_STR_ARG(e->name));
    } else {
        snprintf(place.text, sizeof place.text, "[%.*s] %.*s", KT_STR_ARG(e->section),
                 KT_STR_ARG(e->name));
    }
    return place;
}

/* The file's problems in the order of their lines, then the environment's. */
static int by_line(const void *a, const void *b) {
    const struct problem *x = a, *y = b;
    const int x_line = x->line == 0 ? INT_MAX : x->line;
    const int y_line = y->line == 0 ? INT_MAX : y->line;
    return x_line != y_line ? (x_line > y_line) - (x_line < y_line)
                            : (x->order > y->order) - (x->order < y->order);
}

/* ---- reading the file -------------------------------------------------------------------- */

/* Which sections there are, for suggestions. */
static size_t section_names(const char *names[16]) {
    size_t count = 0;
    names[count++] = "kafka";
    for (size_t i = 0; i < kt_options_count && count < 16; i++) {
        if (strcmp(names[count - 1], kt_options[i].section) != 0) {
            names[count++] = kt_options[i].section;
        }
    }
    return count;
}

static bool check_section(struct reader *r, const struct kt_ini *ini) {
    if (!kt_option_section_exists(ini->section)) {
        const char *names[16];
        const size_t count = section_names(names);
        const char *nearest = kt_nearest_name(ini->section, names, count);
        if (nearest != NULL) {
            note(r, ini->line, "unknown section [%.*s]; did you mean [%s]?",
                 KT_STR_ARG(clip(ini->section)), nearest);
        } else {
            note(r, ini->line, "unknown section [%.*s]; `kontune config sample` prints all",
                 KT_STR_ARG(clip(ini->section)));
        }
        return false;
    }
    if (ini->subject.data == NULL) {
        return true;
    }
    if (!kt_option_section_has_subjects(ini->section)) {
        note(r, ini->line, "[%.*s] takes no name behind it", KT_STR_ARG(clip(ini->section)));
        return false;
    }
    const char *slash = memchr(ini->subject.data, '/', ini->subject.len);
    if (slash == NULL || slash == ini->subject.data ||
        slash == ini->subject.data + ini->subject.len - 1) {
        note(r, ini->line, "expected [%.*s \"cluster/job\"], got \"%.*s\"",
             KT_STR_ARG(ini->section), KT_STR_ARG(clip(ini->subject)));
        return false;
    }
    return true;
}

static void note_unknown(struct reader *r, const struct kt_ini *ini) {
    const char *names[64];
    size_t count = 0;
    const char *elsewhere = NULL;
    for (size_t i = 0; i < kt_options_count; i++) {
        if (kt_str_equal(ini->section, kt_str_of(kt_options[i].section)) && count < 64) {
            names[count++] = kt_options[i].name;
        } else if (kt_str_equal(ini->name, kt_str_of(kt_options[i].name))) {
            elsewhere = kt_options[i].section;
        }
    }
    const char *nearest = kt_nearest_name(ini->name, names, count);
    if (elsewhere != NULL) {
        note(r, ini->line, "[%.*s] has no option '%.*s'; it belongs to [%s]",
             KT_STR_ARG(clip(ini->section)), KT_STR_ARG(clip(ini->name)), elsewhere);
    } else if (nearest != NULL) {
        note(r, ini->line, "[%.*s] has no option '%.*s'; did you mean '%s'?",
             KT_STR_ARG(clip(ini->section)), KT_STR_ARG(clip(ini->name)), nearest);
    } else {
        note(r, ini->line, "[%.*s] has no option '%.*s'; `kontune config sample` prints all",
             KT_STR_ARG(clip(ini->section)), KT_STR_ARG(clip(ini->name)));
    }
}

static uint64_t hash_of(struct kt_str section, struct kt_str subject, struct kt_str name) {
    uint64_t hash = kt_str_hash(KT_HASH_SEED, section);
    hash = kt_str_hash(kt_str_hash(hash, KT_STR("\n")), subject);
    return kt_str_hash(kt_str_hash(hash, KT_STR("\n")), name);
}

static struct entry *find_entry(struct reader *r, const struct entry *like) {
    for (size_t i = 0; i < r->count; i++) {
        struct entry *e = &r->entries[i];
        if (e->hash == like->hash && kt_str_equal(e->section, like->section) &&
            kt_str_equal(e->subject, like->subject) && kt_str_equal(e->name, like->name)) {
            return e;
        }
    }
    return NULL;
}

static bool push_entry(struct reader *r, const struct entry *entry) {
    if (r->count == r->capacity) {
        const size_t capacity = r->capacity == 0 ? 64 : 2 * r->capacity;
        struct entry *grown = reallocarray(r->entries, capacity, sizeof *grown);
        if (grown == NULL) {
            r->out_of_memory = true;
            return false;
        }
        r->entries = grown;
        r->capacity = capacity;
    }
    r->entries[r->count++] = *entry;
    return true;
}

static void read_option(struct reader *r, const struct kt_ini *ini) {
    const bool kafka = kt_str_equal(ini->section, KT_STR("kafka"));
    struct entry e = {.section = ini->section,
                      .subject = ini->subject,
                      .name = ini->name,
                      .raw = ini->value,
                      .line = ini->line};
    if (kafka) {
        e.name = kt_arena_str(r->arena, kt_kafka_property_canonical(ini->name));
    } else {
        e.option = kt_option_find(ini->section, ini->name);
        if (e.option == NULL) {
            note_unknown(r, ini);
            return;
        }
    }
    e.hash = hash_of(e.section, e.subject, e.name);
    const struct entry *earlier = find_entry(r, &e);
    if (earlier != NULL) {
        note(r, e.line, "%s is already given at line %d", place_of(&e).text, earlier->line);
        return;
    }
    struct kt_error error;
    const enum kt_err err = kt_env_expand(e.raw, r->env, r->arena, &e.value, &e.expanded, &error);
    e.origin = kt_arena_printf(r->arena, "%s:%d", r->path, e.line).data;
    if (err == KT_ERR_NOMEM || e.origin == NULL || e.name.data == NULL) {
        r->out_of_memory = true;
    } else if (err != KT_ERR_OK) {
        note(r, e.line, "%s: %s", place_of(&e).text, error.message);
    } else {
        (void)push_entry(r, &e);
    }
}

static void read_file(struct reader *r, struct kt_str text) {
    struct kt_ini ini;
    kt_ini_init(&ini, text);
    bool heard = false; /* the section is known, so that its options are looked at */
    bool mute = false;  /* options outside a section were told already */
    while (!r->out_of_memory && r->problem_count < PROBLEMS_MAX) {
        switch (kt_ini_next(&ini)) {
        case KT_INI_END:
            return;
        case KT_INI_SECTION:
            heard = check_section(r, &ini);
            break;
        case KT_INI_OPTION:
            if (!ini.in_section && !mute) {
                note(r, ini.line, "expected a [section] before '%.*s'", KT_STR_ARG(clip(ini.name)));
                mute = true;
            } else if (ini.in_section && heard && r->count >= ENTRIES_MAX) {
                note(r, ini.line, "expected at most %d options", ENTRIES_MAX);
                return;
            } else if (ini.in_section && heard) {
                read_option(r, &ini);
            }
            break;
        case KT_INI_BAD:
            note(r, ini.line, "%s", ini.why);
            mute = mute || !ini.in_section;
            break;
        }
    }
}

/* ---- reading the environment ------------------------------------------------------------- */

static void read_env_option(struct reader *r, const struct kt_option *option) {
    const struct kt_str variable = kt_env_name(option->section, option->name, r->arena);
    if (variable.data == NULL) {
        r->out_of_memory = true;
        return;
    }
    const char *value = kt_env_get(r->env, variable);
    if (value == NULL) {
        return;
    }
    struct entry e = {.option = option,
                      .section = kt_str_of(option->section),
                      .name = kt_str_of(option->name),
                      .raw = kt_str_of(value),
                      .value = kt_str_of(value),
                      .origin = variable.data};
    e.hash = hash_of(e.section, e.subject, e.name);
    struct entry *in_file = find_entry(r, &e);
    if (in_file != NULL) {
        in_file->overridden = true;
    }
    if (!kt_utf8_valid(e.value)) {
        note(r, 0, "%s: expected UTF-8 text", variable.data);
        return;
    }
    (void)push_entry(r, &e);
}

/* KONTUNE_KAFKA_BOOTSTRAP_SERVERS → bootstrap.servers. A name that librdkafka does not know is
 * ignored (see config.h). */
static void read_env_property(struct reader *r, const char *variable) {
    const size_t prefix = strlen("KONTUNE_KAFKA_");
    const char *equals = strchr(variable, '=');
    if (equals == NULL) {
        return;
    }
    const size_t len = (size_t)(equals - variable);
    char *name = kt_arena_alloc(r->arena, len - prefix + 1);
    const struct kt_str origin = kt_arena_str(r->arena, (struct kt_str){variable, len});
    if (name == NULL || origin.data == NULL) {
        r->out_of_memory = true;
        return;
    }
    for (size_t i = prefix; i < len; i++) {
        const char c = variable[i];
        name[i - prefix] = c == '_' ? '.' : (char)tolower((unsigned char)c);
    }
    struct entry e = {.section = KT_STR("kafka"),
                      .name = kt_kafka_property_canonical(kt_str_of(name)),
                      .raw = kt_str_of(equals + 1),
                      .value = kt_str_of(equals + 1),
                      .origin = origin.data};
    e.hash = hash_of(e.section, e.subject, e.name);
    rd_kafka_conf_t *scratch = rd_kafka_conf_new();
    const enum kt_err err = kt_kafka_property_check(scratch, e.name, e.value, false, NULL);
    rd_kafka_conf_destroy(scratch);
    if (err == KT_ERR_NOT_FOUND) {
        return;
    }
    struct entry *in_file = find_entry(r, &e);
    if (in_file != NULL) {
        in_file->overridden = true;
    }
    (void)push_entry(r, &e);
}

static void read_environment(struct reader *r) {
    for (size_t i = 0; i < kt_options_count && !r->out_of_memory; i++) {
        read_env_option(r, &kt_options[i]);
    }
    for (size_t i = 0; r->env != NULL && r->env[i] != NULL && !r->out_of_memory; i++) {
        if (strncmp(r->env[i], "KONTUNE_KAFKA_", strlen("KONTUNE_KAFKA_")) == 0) {
            read_env_property(r, r->env[i]);
        }
    }
}

/* ---- applying ---------------------------------------------------------------------------- */

static struct kt_job_settings *job_of(struct reader *r, struct kt_str key) {
    struct kt_settings *settings = &r->config->settings;
    for (size_t i = 0; i < settings->jobs.count; i++) {
        if (kt_str_equal(settings->jobs.items[i].key, key)) {
            return &settings->jobs.items[i];
        }
    }
    struct kt_job_settings *job = &settings->jobs.items[settings->jobs.count++];
    *job = settings->defaults;
    job->key = kt_arena_str(r->arena, key);
    r->out_of_memory |= job->key.data == NULL;
    return job;
}

/* A value that holds what may be a comment gets told so. */
static const char *comment_hint(struct kt_str raw) {
    const bool comment =
        memmem(raw.data, raw.len, " #", 2) != NULL || memmem(raw.data, raw.len, " ;", 2) != NULL;
    return comment ? " (a comment needs a line of its own)" : "";
}

static void apply_option(struct reader *r, const struct entry *e, struct kt_job_settings *job) {
    struct kt_error error;
    const enum kt_err err = kt_option_set(e->option, r->config, job, e->value, &error);
    if (err == KT_ERR_NOMEM) {
        r->out_of_memory = true;
    } else if (err != KT_ERR_OK && e->expanded) {
        note(r, e->line, "%s: expected %s, got what '%.*s' stands for", place_of(e).text,
             kt_option_expects(e->option).text, KT_STR_ARG(clip(e->raw)));
    } else if (err != KT_ERR_OK &&
               (e->option->type == KT_OPTION_PINS || e->option->type == KT_OPTION_BOUNDS)) {
        note(r, e->line, "%s: %s", place_of(e).text, error.message);
    } else if (err != KT_ERR_OK) {
        note(r, e->line, "%s: %s, got '%.*s'%s", place_of(e).text, error.message,
             KT_STR_ARG(clip(e->raw)), comment_hint(e->raw));
    }
}

static void apply_property(struct reader *r, const struct entry *e) {
    const bool secret = kt_kafka_property_is_secret(e->name);
    struct kt_error error;
    const enum kt_err err =
        kt_kafka_property_check(r->scratch, e->name, e->value, !secret && !e->expanded, &error);
    if (err == KT_ERR_NOMEM) {
        r->out_of_memory = true;
        return;
    }
    if (err != KT_ERR_OK) {
        note(r, e->line, "%s: %s", place_of(e).text, error.message);
        return;
    }
    struct kt_kafka_property *property = NULL;
    for (size_t i = 0; i < r->config->kafka.count && property == NULL; i++) {
        if (strcmp(r->config->kafka.items[i].name, e->name.data) == 0) {
            property = &r->config->kafka.items[i];
        }
    }
    if (property == NULL) {
        property = &r->config->kafka.items[r->config->kafka.count++];
    }
    const struct kt_str value = kt_arena_str(r->arena, e->value);
    property->name = e->name.data;
    property->value = value.data;
    r->out_of_memory |= value.data == NULL;
}

static bool is_default(struct reader *r, const struct entry *e) {
    if (e->subject.data != NULL) {
        return false;
    }
    if (e->option != NULL) {
        return kt_option_equal(e->option, r->config, r->defaults);
    }
    for (size_t i = 0; i < kt_kafka_defaults_count; i++) {
        if (kt_str_equal(e->name, kt_str_of(kt_kafka_defaults[i].name))) {
            return kt_str_equal(e->value, kt_str_of(kt_kafka_defaults[i].value));
        }
    }
    return false;
}

static void remember(struct reader *r, const struct entry *e) {
    const bool secret = e->option == NULL && kt_kafka_property_is_secret(e->name);
    const struct kt_str section = kt_arena_str(r->arena, e->section);
    const struct kt_str subject =
        e->subject.data == NULL ? e->subject : kt_arena_str(r->arena, e->subject);
    const struct kt_str name = kt_arena_str(r->arena, e->name);
    const struct kt_str value = kt_arena_str(r->arena, secret ? KT_STR("(hidden)") : e->raw);
    if (section.data == NULL || (e->subject.data != NULL && subject.data == NULL) ||
        name.data == NULL || value.data == NULL) {
        r->out_of_memory = true;
        return;
    }
    r->config->given.items[r->config->given.count++] =
        (struct kt_config_given){.section = section.data,
                                 .subject = subject.data,
                                 .name = name.data,
                                 .value = value.data,
                                 .origin = e->origin,
                                 .is_default = is_default(r, e)};
}

/* Plain options and properties first, then the environment's (which stand behind them in the
 * list), then the overrides, which start from what came out. */
static void apply(struct reader *r) {
    struct kt_config *config = r->config;
    const size_t room = r->count + kt_kafka_defaults_count + 1;
    config->settings.jobs.items = kt_arena_array(r->arena, room, sizeof(struct kt_job_settings));
    struct kt_kafka_property *kafka = kt_arena_array(r->arena, room, sizeof *kafka);
    config->given.items = kt_arena_array(r->arena, room, sizeof(struct kt_config_given));
    if (config->settings.jobs.items == NULL || kafka == NULL || config->given.items == NULL) {
        r->out_of_memory = true;
        return;
    }
    config->kafka.items = kafka;
    for (size_t i = 0; i < kt_kafka_defaults_count; i++) {
        kafka[config->kafka.count++] =
            (struct kt_kafka_property){kt_kafka_defaults[i].name, kt_kafka_defaults[i].value};
    }
    for (size_t i = 0; i < r->count && !r->out_of_memory; i++) {
        const struct entry *e = &r->entries[i];
        if (e->option == NULL) {
            apply_property(r, e);
        } else if (e->subject.data == NULL) {
            apply_option(r, e, NULL);
        }
    }
    for (size_t i = 0; i < r->count && !r->out_of_memory; i++) {
        const struct entry *e = &r->entries[i];
        if (e->subject.data != NULL) {
            apply_option(r, e, job_of(r, e->subject));
        }
    }
    for (size_t i = 0; i < r->count && !r->out_of_memory; i++) {
        if (!r->entries[i].overridden) {
            remember(r, &r->entries[i]);
        }
    }
}

/* ---- cross-checks ------------------------------------------------------------------------ */

/* The entry that decided an option: the environment's, else the file's, the override's first. */
static const struct entry *decided_by(const struct reader *r, const char *section,
                                      struct kt_str subject, const char *name) {
    const struct entry *found = NULL;
    for (size_t i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        const bool here =
            kt_str_equal(e->section, kt_str_of(section)) && kt_str_equal(e->name, kt_str_of(name));
        if (here && e->subject.data != NULL && kt_str_equal(e->subject, subject)) {
            return e;
        }
        if (here && e->subject.data == NULL) {
            found = e;
        }
    }
    return found;
}

/* Notes a problem between two options at the later one that was given (two defaults agree). */
static void note_between(struct reader *r, const char *section, struct kt_str subject,
                         const char *first, const char *second, const char *text) {
    const struct entry *a = decided_by(r, section, subject, first);
    const struct entry *b = decided_by(r, section, subject, second);
    const struct entry *at = a == NULL || (b != NULL && b > a) ? b : a;
    note(r, at == NULL ? 0 : at->line, "%s: %s", at == NULL ? section : place_of(at).text, text);
}

static void check_job(struct reader *r, const struct kt_job_settings *job) {
    const struct kt_policy_settings *p = &job->policy;
    char text[400];
    if (p->min_parallelism > p->max_parallelism) {
        snprintf(text, sizeof text, "min_parallelism (%d) is greater than max_parallelism (%d)",
                 p->min_parallelism, p->max_parallelism);
        note_between(r, "policy", job->key, "min_parallelism", "max_parallelism", text);
    }
    if (p->core_min > p->core_max) {
        snprintf(text, sizeof text, "core_min (%g) is greater than core_max (%g)", p->core_min,
                 p->core_max);
        note_between(r, "policy", job->key, "core_min", "core_max", text);
    }
    for (size_t i = 0; i < job->rules.count; i++) {
        const struct kt_vertex_rule *rule = &job->rules.items[i];
        const int32_t min = rule->min_parallelism > 0 ? rule->min_parallelism : p->min_parallelism;
        const int32_t max = rule->max_parallelism > 0 ? rule->max_parallelism : p->max_parallelism;
        const bool bounded = rule->min_parallelism > 0 || rule->max_parallelism > 0;
        if (bounded && min > max) {
            snprintf(text, sizeof text, "'%.*s' may have at least %d and at most %d subtasks",
                     KT_STR_ARG(clip(rule->vertex)), min, max);
            note_between(r, "policy", job->key, "bounds", "bounds", text);
        } else if (bounded && rule->pinned > 0 && (rule->pinned < min || rule->pinned > max)) {
            snprintf(text, sizeof text, "'%.*s' is pinned to %d outside its bounds %d..%d",
                     KT_STR_ARG(clip(rule->vertex)), rule->pinned, min, max);
            note_between(r, "policy", job->key, "pins", "bounds", text);
        }
    }
}

static void check_topics(struct reader *r) {
    const struct kt_topics *t = &r->config->topics;
    const char *const names[] = {"metrics", "commands", "outcomes", "changelog", "dlq"};
    const char *const values[] = {t->metrics, t->commands, t->outcomes, t->changelog, t->dlq};
    const size_t count = sizeof names / sizeof names[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (strcmp(values[i], values[j]) == 0) {
                char text[400];
                snprintf(text, sizeof text, "%s and %s are the same topic '%s'", names[i], names[j],
                         values[i]);
                note_between(r, "topics", KT_STR(""), names[i], names[j], text);
            }
        }
    }
}

/* What single options cannot say. Only of a file without other problems, since those leave defaults
 * behind that nobody chose. */
static void check_together(struct reader *r) {
    const struct kt_worker_config *w = &r->config->worker;
    const struct kt_settings *s = &r->config->settings;
    if (w->transaction_ms_max >= w->transaction_timeout_ms) {
        char text[200];
        snprintf(text, sizeof text,
                 "transaction_ms_max (%lld) must be less than transaction_timeout_ms (%lld)",
                 (long long)w->transaction_ms_max, (long long)w->transaction_timeout_ms);
        note_between(r, "worker", KT_STR(""), "transaction_ms_max", "transaction_timeout_ms", text);
    }
    check_topics(r);
    check_job(r, &s->defaults);
    const size_t of_defaults = r->problem_count;
    for (size_t i = 0; i < s->jobs.count && r->problem_count == of_defaults; i++) {
        check_job(r, &s->jobs.items[i]);
    }
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

static enum kt_err report(struct reader *r, kt_config_problem *problem, void *ctx,
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
    struct reader r = {.path = path, .env = env};
    enum kt_err err = KT_ERR_NOMEM;
    r.config = config_new();
    r.defaults = config_new();
    r.scratch = rd_kafka_conf_new();
    r.problems = calloc(PROBLEMS_MAX, sizeof r.problems[0]);
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
    read_file(&r, text);
    read_environment(&r);
    if (!r.out_of_memory) {
        apply(&r);
    }
    if (!r.out_of_memory && r.problem_count == 0) {
        check_together(&r);
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

enum kt_err kt_config_kafka(const struct kt_config *config, rd_kafka_conf_t **out,
                            struct kt_error *error) {
    return kt_config_kafka_for(config, KT_KAFKA_ANY, out, error);
}
