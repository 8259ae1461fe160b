/* SPDX-License-Identifier: GPL-3.0-or-later
 * The configuration: one table declares every option, with its default, its bounds and its meaning;
 * an INI file and the environment fill it.
 *
 *   [section]            option = value             a plain option
 *   [policy "cluster/job"]                          overrides for one job; what it leaves out is
 *                                                   as in [policy]
 *   [kafka]              any.librdkafka.property    passed through, but for those that exactly-once
 *                                                   depends on
 *   ${VAR} in a value    the environment            $${ is a plain ${
 *   KONTUNE_SECTION_OPTION in the environment       overrides the file, is taken as it is
 *
 * Variables of such names that fit no option are ignored: Kubernetes makes some for its services.
 * An option may be given once; a section may be opened again. ini.h has the grammar of the file. */
#ifndef KT_CONSUMER_CONFIG_H
#define KT_CONSUMER_CONFIG_H

#include "model/settings.h"
#include "schemas/arena.h"
#include "schemas/error.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

/* [topics] */
struct kt_topics {
    const char *metrics;        /* flink.metrics */
    const char *commands;       /* kontune.commands */
    const char *outcomes;       /* kontune.outcomes */
    const char *changelog;      /* kontune.changelog */
    const char *dlq;            /* kontune.dlq */
    int32_t partitions;         /* for topics create */
    int32_t replication_factor; /* for topics create; 0: the broker's default */
};

/* [worker] */
struct kt_worker_config {
    const char *group_id; /* kontune */
    /* Stable per instance, for group.instance.id and transactional.id; default: the host name. */
    const char *instance_id;
    const char *state_dir;
    const char *schema_dir; /* further writers' schemas (*.avsc), or "" */
    int64_t state_map_bytes;
    int64_t transaction_ms_max;     /* longest a transaction stays open while records come */
    int64_t transaction_timeout_ms; /* Kafka's transaction.timeout.ms */
    int64_t commit_interval_ms;     /* offsets are committed at least this often */
    int32_t transaction_records_max;
    int64_t shutdown_ms;       /* deadline of SIGTERM's drain */
    int64_t stats_interval_ms; /* of the counters in the log */
};

struct kt_kafka_property {
    const char *name;
    const char *value; /* never logged */
};

/* An option that was given, as it may be shown. */
struct kt_config_given {
    const char *section; /* "policy" */
    const char *subject; /* "cluster/job" of an override, else NULL */
    const char *name;
    const char *value;  /* as in the file, so ${VAR} is not replaced; "(hidden)" for a secret */
    const char *origin; /* "kontune.ini:12", or the environment variable */
    bool is_default;    /* it is what the option would be anyway */
};

struct kt_config {
    struct kt_topics topics;
    struct kt_worker_config worker;
    struct kt_settings settings;
    KT_ARRAY(struct kt_kafka_property) kafka; /* the program's defaults included */
    /* What took effect, in the order of the file, then the environment's. */
    KT_ARRAY(struct kt_config_given) given;
    struct kt_arena *arena; /* owns every string */
};

/* Told of each problem of a file, in the order of its lines. line: 0 for the environment. message:
 * with file and line in front. */
typedef void kt_config_problem(void *ctx, int line, const char *message);

/* Reads a text. path: what messages call it. env: as the process's environ, NULL for none. problem
 * may be NULL. Every problem is looked for; the first one is the error. An unknown option or a bad
 * value is KT_ERR_CONFIG with file and line, what was expected, and the nearest known name. */
KT_MUST_CHECK enum kt_err kt_config_parse(struct kt_str text, const char *path, char *const *env,
                                          kt_config_problem *problem, void *ctx,
                                          struct kt_config **out, struct kt_error *error);

/* Reads a file (NULL: defaults and environment only), at most KT_CONFIG_BYTES_MAX long.
 * KT_ERR_CONFIG as above, also for a file that cannot be read. */
#define KT_CONFIG_BYTES_MAX 1048576
KT_MUST_CHECK enum kt_err kt_config_load(const char *path, char *const *env, struct kt_config **out,
                                         struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_config_load_all(const char *path, char *const *env,
                                             kt_config_problem *problem, void *ctx,
                                             struct kt_config **out, struct kt_error *error);
void kt_config_free(struct kt_config *config);

/* Prints every option with its default and meaning, as an INI file that kt_config_load takes and
 * that changes nothing. */
void kt_config_sample(FILE *out);

/* Prints the same list as Markdown tables, one per section. */
void kt_config_markdown(FILE *out);

/* A librdkafka configuration with those of the [kafka] properties that are for this kind of client
 * (librdkafka would complain of the others in the log); a producer's also has
 * transaction.timeout.ms. The caller owns it. KT_ERR_CONFIG names the property. */
enum kt_kafka_role { KT_KAFKA_CONSUMER, KT_KAFKA_PRODUCER };
KT_MUST_CHECK enum kt_err kt_config_kafka_for(const struct kt_config *config,
                                              enum kt_kafka_role role, rd_kafka_conf_t **out,
                                              struct kt_error *error);

#endif
