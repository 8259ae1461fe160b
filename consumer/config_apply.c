/* SPDX-License-Identifier: GPL-3.0-or-later
 * The second half of reading a configuration: entries into struct kt_config, and whether the
 * options agree with each other. */
#include "consumer/config_reader.h"
#include "consumer/kafka_properties.h"

/* ---- applying ---------------------------------------------------------------------------- */

static struct kt_job_settings *job_of(struct kt_config_reader *r, struct kt_str key) {
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

static void apply_option(struct kt_config_reader *r, const struct kt_config_entry *e,
                         struct kt_job_settings *job) {
    struct kt_error error;
    const enum kt_err err = kt_option_set(e->option, r->config, job, e->value, &error);
    if (err == KT_ERR_NOMEM) {
        r->out_of_memory = true;
    } else if (err != KT_ERR_OK && e->expanded) {
        kt_config_note(r, e->line, "%s: expected %s, got what '%.*s' stands for",
                       kt_config_place(e).text, kt_option_expects(e->option).text,
                       KT_STR_ARG(kt_config_clip(e->raw)));
    } else if (err != KT_ERR_OK &&
               (e->option->type == KT_OPTION_PINS || e->option->type == KT_OPTION_BOUNDS)) {
        kt_config_note(r, e->line, "%s: %s", kt_config_place(e).text, error.message);
    } else if (err != KT_ERR_OK) {
        kt_config_note(r, e->line, "%s: %s, got '%.*s'%s", kt_config_place(e).text, error.message,
                       KT_STR_ARG(kt_config_clip(e->raw)), comment_hint(e->raw));
    }
}

static void apply_property(struct kt_config_reader *r, const struct kt_config_entry *e) {
    const bool secret = kt_kafka_property_is_secret(e->name);
    struct kt_error error;
    const enum kt_err err =
        kt_kafka_property_check(r->scratch, e->name, e->value, !secret && !e->expanded, &error);
    if (err == KT_ERR_NOMEM) {
        r->out_of_memory = true;
        return;
    }
    if (err != KT_ERR_OK) {
        kt_config_note(r, e->line, "%s: %s", kt_config_place(e).text, error.message);
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

static bool is_default(struct kt_config_reader *r, const struct kt_config_entry *e) {
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

static void remember(struct kt_config_reader *r, const struct kt_config_entry *e) {
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
void kt_config_apply(struct kt_config_reader *r) {
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
        const struct kt_config_entry *e = &r->entries[i];
        if (e->option == NULL) {
            apply_property(r, e);
        } else if (e->subject.data == NULL) {
            apply_option(r, e, NULL);
        }
    }
    for (size_t i = 0; i < r->count && !r->out_of_memory; i++) {
        const struct kt_config_entry *e = &r->entries[i];
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
static const struct kt_config_entry *decided_by(const struct kt_config_reader *r,
                                                const char *section, struct kt_str subject,
                                                const char *name) {
    const struct kt_config_entry *found = NULL;
    for (size_t i = 0; i < r->count; i++) {
        const struct kt_config_entry *e = &r->entries[i];
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
static void note_between(struct kt_config_reader *r, const char *section, struct kt_str subject,
                         const char *first, const char *second, const char *text) {
    const struct kt_config_entry *a = decided_by(r, section, subject, first);
    const struct kt_config_entry *b = decided_by(r, section, subject, second);
    const struct kt_config_entry *at = a == NULL || (b != NULL && b > a) ? b : a;
    kt_config_note(r, at == NULL ? 0 : at->line, "%s: %s",
                   at == NULL ? section : kt_config_place(at).text, text);
}

static void check_job(struct kt_config_reader *r, const struct kt_job_settings *job) {
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
                     KT_STR_ARG(kt_config_clip(rule->vertex)), min, max);
            note_between(r, "policy", job->key, "bounds", "bounds", text);
        } else if (bounded && rule->pinned > 0 && (rule->pinned < min || rule->pinned > max)) {
            snprintf(text, sizeof text, "'%.*s' is pinned to %d outside its bounds %d..%d",
                     KT_STR_ARG(kt_config_clip(rule->vertex)), rule->pinned, min, max);
            note_between(r, "policy", job->key, "pins", "bounds", text);
        }
    }
}

static void check_topics(struct kt_config_reader *r) {
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
void kt_config_check_together(struct kt_config_reader *r) {
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
