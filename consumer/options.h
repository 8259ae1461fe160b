/* SPDX-License-Identifier: GPL-3.0-or-later
 * The option table: every option of the configuration, declared once. Reading, checking, the
 * sample and the README's list are all driven by it; a new option is one line here and one field in
 * struct kt_config. */
#ifndef KT_CONSUMER_OPTIONS_H
#define KT_CONSUMER_OPTIONS_H

#include "consumer/config.h"

enum kt_option_type {
    KT_OPTION_TEXT,        /* const char *, may be empty */
    KT_OPTION_PATH,        /* const char *, not empty */
    KT_OPTION_LEGAL,       /* const char *, as Kafka allows for topics and instances: 1…249 of
                              A-Z a-z 0-9 . _ - */
    KT_OPTION_HOST,        /* as LEGAL; empty: the host's name */
    KT_OPTION_INT32,       /* int32_t within min…max */
    KT_OPTION_INT64,       /* int64_t within min…max */
    KT_OPTION_NUMBER,      /* double within min…max */
    KT_OPTION_BOOL,        /* bool: true or false */
    KT_OPTION_POLICY,      /* struct kt_str: a name of kt_policies */
    KT_OPTION_SURROGATE,   /* struct kt_str: a name of the surrogates */
    KT_OPTION_ACQUISITION, /* struct kt_str: how conttune chooses */
    KT_OPTION_PINS,        /* struct kt_job_settings: see vertex_rules.h */
    KT_OPTION_BOUNDS,
};

struct kt_option {
    const char *section;
    const char *name;
    enum kt_option_type type;
    size_t offset; /* in struct kt_config */
    double min;
    double max;
    const char *standard; /* the default, as in a file */
    const char *meaning;  /* one sentence, without the default */
};

extern const struct kt_option kt_options[];
extern const size_t kt_options_count;

/* NULL: there is none. */
const struct kt_option *kt_option_find(struct kt_str section, struct kt_str name);
/* Whether the table, or the program by other means ([kafka]), knows the section. */
bool kt_option_section_exists(struct kt_str section);
/* Of a section whose options may also be given per job: [policy]. */
bool kt_option_section_has_subjects(struct kt_str section);

/* Sets the option in *config from text. job: NULL, or the override to set it in (only options of
 * [policy]). KT_ERR_CONFIG says what was expected, without section, name, file or line, and quotes
 * nothing of the text except for pins and bounds; KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_option_set(const struct kt_option *option, struct kt_config *config,
                                        struct kt_job_settings *job, struct kt_str text,
                                        struct kt_error *error);
/* Whether two configurations agree in it. */
bool kt_option_equal(const struct kt_option *option, const struct kt_config *a,
                     const struct kt_config *b);
/* What a value must be: "an integer from 1 to 64". */
struct kt_option_expected {
    char text[160];
};
struct kt_option_expected kt_option_expects(const struct kt_option *option);

/* The name among count that is nearest to the given one, if it is near enough to be meant; else
 * NULL. */
const char *kt_nearest_name(struct kt_str given, const char *const *names, size_t count);

#endif
