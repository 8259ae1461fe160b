/* SPDX-License-Identifier: GPL-3.0-or-later
 * Inside of the configuration reader: what config.c, config_entries.c and config_apply.c share.
 * Nobody else includes it.
 *
 *   text, environment → entries (config_entries.c) → struct kt_config (config_apply.c)
 *
 * The file is read into a list of entries first, since an override inherits from [policy] wherever
 * that stands. What a value holds after ${VAR} was replaced is never part of a message. */
#ifndef KT_CONSUMER_CONFIG_READER_H
#define KT_CONSUMER_CONFIG_READER_H

#include "consumer/config.h"
#include "consumer/options.h"

#define KT_CONFIG_PROBLEMS_MAX 1000 /* kept; a file has more only if it is no configuration */

/* One option of the file, or one of the environment (line 0). */
struct kt_config_entry {
    uint64_t hash;                  /* of section, subject and name */
    const struct kt_option *option; /* NULL: a [kafka] property */
    struct kt_str section;
    struct kt_str subject; /* data NULL: none */
    struct kt_str name;
    struct kt_str raw;   /* as written */
    struct kt_str value; /* expanded, NUL-terminated */
    const char *origin;  /* "FILE:LINE" or the variable's name */
    int line;
    bool expanded;   /* it held a ${VAR} */
    bool overridden; /* the environment has a say, too */
};

struct kt_config_noted {
    int line;
    int order; /* keeps problems of one line in their order */
    const char *message;
};

struct kt_config_reader {
    const char *path;
    char *const *env;
    struct kt_config *config;
    struct kt_config *defaults; /* another one with nothing but the defaults, to compare with */
    struct kt_arena *arena;     /* of config */
    rd_kafka_conf_t *scratch;   /* to try properties on */
    struct kt_config_entry *entries; /* the environment's stand behind the file's */
    size_t count;
    size_t capacity;
    struct kt_config_noted *problems;
    size_t problem_count;
    bool out_of_memory; /* seen once, everything stops */
};

/* Notes a problem of a line of the file; 0: of the environment, the message names the variable. */
void kt_config_note(struct kt_config_reader *r, int line, const char *format, ...) KT_PRINTF(3, 4);

/* "[policy "c/j"] alpha", or the variable, for messages. */
struct kt_config_place {
    char text[200];
};
struct kt_config_place kt_config_place(const struct kt_config_entry *entry);

/* The beginning of a long value, for messages. */
struct kt_str kt_config_clip(struct kt_str s);

/* Text and environment into entries. */
void kt_config_read_file(struct kt_config_reader *r, struct kt_str text);
void kt_config_read_environment(struct kt_config_reader *r);

/* Entries into the configuration. */
void kt_config_apply(struct kt_config_reader *r);
/* What single options cannot say. Only for a file without other problems, since those leave
 * defaults behind that nobody chose. */
void kt_config_check_together(struct kt_config_reader *r);

#endif
