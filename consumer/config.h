/* SPDX-License-Identifier: GPL-3.0-or-later
 * The configuration: one table declares every option, with its default, its bounds and its meaning;
 * an INI file and the environment fill it.
 *
 *   [section]            option = value             a plain option
 *   [policy "cluster/job"]                          overrides for one job
 *   [kafka]              any.librdkafka.property    passed through, but for those exactly-once
 * depends on
 *   ${VAR} in a value    the environment            KONTUNE_SECTION_OPTION overrides the file
 */
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
    int32_t replication_factor; /* for topics create */
};

/* [worker] */
struct kt_worker_config {
    const char *group_id;    /* kontune */
    const char *instance_id; /* stable per instance: group.instance.id and transactional.id come
                                from it; default: host name */
    const char *state_dir;
    const char *schema_dir; /* further writers' schemas (*.avsc), or "" */
    int64_t state_map_bytes;
    int64_t transaction_ms_max; /* longest a transaction stays open while records come */
    int64_t commit_interval_ms; /* offsets are committed at least this often */
    int32_t transaction_records_max;
    int64_t shutdown_ms;       /* deadline of SIGTERM's drain */
    int64_t stats_interval_ms; /* of the counters in the log */
};

struct kt_kafka_property {
    const char *name;
    const char *value; /* never logged */
};

struct kt_config {
    struct kt_topics topics;
    struct kt_worker_config worker;
    struct kt_settings settings;
    KT_ARRAY(struct kt_kafka_property) kafka;
    struct kt_arena *arena; /* owns every string */
};

/* Reads a file (NULL: defaults and environment only). An unknown option or a bad value is
 * KT_ERR_CONFIG with file and line, what was expected, and the nearest known name. env: as the
 * process's. */
KT_MUST_CHECK enum kt_err kt_config_load(const char *path, char *const *env, struct kt_config **out,
                                         struct kt_error *error);
void kt_config_free(struct kt_config *config);

/* Prints every option with its default and meaning, as an INI file that kt_config_load takes. */
void kt_config_sample(FILE *out);

/* A librdkafka configuration with the [kafka] properties; the caller owns it. KT_ERR_CONFIG names
 * the property. */
KT_MUST_CHECK enum kt_err kt_config_kafka(const struct kt_config *config, rd_kafka_conf_t **out,
                                          struct kt_error *error);

#endif
