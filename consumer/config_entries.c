/* SPDX-License-Identifier: GPL-3.0-or-later
 * The first half of reading a configuration: the file's text and the environment into a list of
 * known options and properties, each with its place and its value expanded. */
#include "consumer/config_reader.h"
#include "consumer/environment.h"
#include "consumer/ini.h"
#include "consumer/kafka_properties.h"
#include "schemas/utf8.h"

#include <ctype.h>
#include <stdlib.h>

#define ENTRIES_MAX      10000 /* options in one file */
#define SECTIONS_MAX     16
#define SECTION_OPTS_MAX 64

/* ---- reading the file -------------------------------------------------------------------- */

/* Which sections there are, for suggestions. */
static size_t section_names(const char *names[SECTIONS_MAX]) {
    size_t count = 0;
    names[count++] = "kafka";
    for (size_t i = 0; i < kt_options_count && count < SECTIONS_MAX; i++) {
        if (strcmp(names[count - 1], kt_options[i].section) != 0) {
            names[count++] = kt_options[i].section;
        }
    }
    return count;
}

static bool check_section(struct kt_config_reader *r, const struct kt_ini *ini) {
    if (!kt_option_section_exists(ini->section)) {
        const char *names[SECTIONS_MAX];
        const size_t count = section_names(names);
        const char *nearest = kt_nearest_name(ini->section, names, count);
        if (nearest != NULL) {
            kt_config_note(r, ini->line, "unknown section [%.*s]; did you mean [%s]?",
                           KT_STR_ARG(kt_config_clip(ini->section)), nearest);
        } else {
            kt_config_note(r, ini->line,
                           "unknown section [%.*s]; `kontune config sample` prints all",
                           KT_STR_ARG(kt_config_clip(ini->section)));
        }
        return false;
    }
    if (ini->subject.data == NULL) {
        return true;
    }
    if (!kt_option_section_has_subjects(ini->section)) {
        kt_config_note(r, ini->line, "[%.*s] takes no name behind it",
                       KT_STR_ARG(kt_config_clip(ini->section)));
        return false;
    }
    const char *slash = memchr(ini->subject.data, '/', ini->subject.len);
    if (slash == NULL || slash == ini->subject.data ||
        slash == ini->subject.data + ini->subject.len - 1) {
        kt_config_note(r, ini->line, "expected [%.*s \"cluster/job\"], got \"%.*s\"",
                       KT_STR_ARG(ini->section), KT_STR_ARG(kt_config_clip(ini->subject)));
        return false;
    }
    return true;
}

static void note_unknown(struct kt_config_reader *r, const struct kt_ini *ini) {
    const char *names[SECTION_OPTS_MAX];
    size_t count = 0;
    const char *elsewhere = NULL;
    for (size_t i = 0; i < kt_options_count; i++) {
        if (kt_str_equal(ini->section, kt_str_of(kt_options[i].section)) &&
            count < SECTION_OPTS_MAX) {
            names[count++] = kt_options[i].name;
        } else if (kt_str_equal(ini->name, kt_str_of(kt_options[i].name))) {
            elsewhere = kt_options[i].section;
        }
    }
    const char *nearest = kt_nearest_name(ini->name, names, count);
    if (elsewhere != NULL) {
        kt_config_note(r, ini->line, "[%.*s] has no option '%.*s'; it belongs to [%s]",
                       KT_STR_ARG(kt_config_clip(ini->section)),
                       KT_STR_ARG(kt_config_clip(ini->name)), elsewhere);
    } else if (nearest != NULL) {
        kt_config_note(r, ini->line, "[%.*s] has no option '%.*s'; did you mean '%s'?",
                       KT_STR_ARG(kt_config_clip(ini->section)),
                       KT_STR_ARG(kt_config_clip(ini->name)), nearest);
    } else {
        kt_config_note(
            r, ini->line, "[%.*s] has no option '%.*s'; `kontune config sample` prints all",
            KT_STR_ARG(kt_config_clip(ini->section)), KT_STR_ARG(kt_config_clip(ini->name)));
    }
}

static uint64_t hash_of(struct kt_str section, struct kt_str subject, struct kt_str name) {
    uint64_t hash = kt_str_hash(KT_HASH_SEED, section);
    hash = kt_str_hash(kt_str_hash(hash, KT_STR("\n")), subject);
    return kt_str_hash(kt_str_hash(hash, KT_STR("\n")), name);
}

static struct kt_config_entry *find_entry(struct kt_config_reader *r,
                                          const struct kt_config_entry *like) {
    for (size_t i = 0; i < r->count; i++) {
        struct kt_config_entry *e = &r->entries[i];
        if (e->hash == like->hash && kt_str_equal(e->section, like->section) &&
            kt_str_equal(e->subject, like->subject) && kt_str_equal(e->name, like->name)) {
            return e;
        }
    }
    return NULL;
}

static bool push_entry(struct kt_config_reader *r, const struct kt_config_entry *entry) {
    if (r->count == r->capacity) {
        const size_t capacity = r->capacity == 0 ? 64 : 2 * r->capacity;
        struct kt_config_entry *grown = reallocarray(r->entries, capacity, sizeof *grown);
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

static void read_option(struct kt_config_reader *r, const struct kt_ini *ini) {
    const bool kafka = kt_str_equal(ini->section, KT_STR("kafka"));
    struct kt_config_entry e = {.section = ini->section,
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
    const struct kt_config_entry *earlier = find_entry(r, &e);
    if (earlier != NULL) {
        kt_config_note(r, e.line, "%s is already given at line %d", kt_config_place(&e).text,
                       earlier->line);
        return;
    }
    struct kt_error error;
    const enum kt_err err = kt_env_expand(e.raw, r->env, r->arena, &e.value, &e.expanded, &error);
    e.origin = kt_arena_printf(r->arena, "%s:%d", r->path, e.line).data;
    if (err == KT_ERR_NOMEM || e.origin == NULL || e.name.data == NULL) {
        r->out_of_memory = true;
    } else if (err != KT_ERR_OK) {
        kt_config_note(r, e.line, "%s: %s", kt_config_place(&e).text, error.message);
    } else {
        (void)push_entry(r, &e);
    }
}

void kt_config_read_file(struct kt_config_reader *r, struct kt_str text) {
    struct kt_ini ini;
    kt_ini_init(&ini, text);
    bool heard = false; /* the section is known, so that its options are looked at */
    bool mute = false;  /* options outside a section were told already */
    while (!r->out_of_memory && r->problem_count < KT_CONFIG_PROBLEMS_MAX) {
        switch (kt_ini_next(&ini)) {
        case KT_INI_END:
            return;
        case KT_INI_SECTION:
            heard = check_section(r, &ini);
            break;
        case KT_INI_OPTION:
            if (!ini.in_section && !mute) {
                kt_config_note(r, ini.line, "expected a [section] before '%.*s'",
                               KT_STR_ARG(kt_config_clip(ini.name)));
                mute = true;
            } else if (ini.in_section && heard && r->count >= ENTRIES_MAX) {
                kt_config_note(r, ini.line, "expected at most %d options", ENTRIES_MAX);
                return;
            } else if (ini.in_section && heard) {
                read_option(r, &ini);
            }
            break;
        case KT_INI_BAD:
            kt_config_note(r, ini.line, "%s", ini.why);
            mute = mute || !ini.in_section;
            break;
        }
    }
}

/* ---- reading the environment ------------------------------------------------------------- */

static void read_env_option(struct kt_config_reader *r, const struct kt_option *option) {
    const struct kt_str variable = kt_env_name(option->section, option->name, r->arena);
    if (variable.data == NULL) {
        r->out_of_memory = true;
        return;
    }
    const char *value = kt_env_get(r->env, variable);
    if (value == NULL) {
        return;
    }
    struct kt_config_entry e = {.option = option,
                                .section = kt_str_of(option->section),
                                .name = kt_str_of(option->name),
                                .raw = kt_str_of(value),
                                .value = kt_str_of(value),
                                .origin = variable.data};
    e.hash = hash_of(e.section, e.subject, e.name);
    struct kt_config_entry *in_file = find_entry(r, &e);
    if (in_file != NULL) {
        in_file->overridden = true;
    }
    if (!kt_utf8_valid(e.value)) {
        kt_config_note(r, 0, "%s: expected UTF-8 text", variable.data);
        return;
    }
    (void)push_entry(r, &e);
}

/* KONTUNE_KAFKA_BOOTSTRAP_SERVERS → bootstrap.servers. A name that librdkafka does not know is
 * ignored (see config.h). */
static void read_env_property(struct kt_config_reader *r, const char *variable) {
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
        name[i - prefix] = (char)(c == '_' ? '.' : tolower((unsigned char)c));
    }
    struct kt_config_entry e = {.section = KT_STR("kafka"),
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
    struct kt_config_entry *in_file = find_entry(r, &e);
    if (in_file != NULL) {
        in_file->overridden = true;
    }
    (void)push_entry(r, &e);
}

void kt_config_read_environment(struct kt_config_reader *r) {
    for (size_t i = 0; i < kt_options_count && !r->out_of_memory; i++) {
        read_env_option(r, &kt_options[i]);
    }
    for (size_t i = 0; r->env != NULL && r->env[i] != NULL && !r->out_of_memory; i++) {
        if (strncmp(r->env[i], "KONTUNE_KAFKA_", strlen("KONTUNE_KAFKA_")) == 0) {
            read_env_property(r, r->env[i]);
        }
    }
}
