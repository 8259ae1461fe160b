/* SPDX-License-Identifier: GPL-3.0-or-later
 * MetricEvent: what one subtask (or a whole vertex) of a Flink job measured at one time. */
#ifndef KT_SCHEMAS_METRIC_EVENT_H
#define KT_SCHEMAS_METRIC_EVENT_H

#include "schemas/error.h"
#include "schemas/record.h"

#include <stdint.h>

/* Index of each field in the table and bit in `present`. */
enum kt_event_field {
    KT_EVENT_CLUSTER,
    KT_EVENT_JOB_NAME,
    KT_EVENT_JOB_ID,
    KT_EVENT_VERTEX_ID,
    KT_EVENT_VERTEX_NAME,
    KT_EVENT_SUBTASK,
    KT_EVENT_ATTEMPT_START_MS,
    KT_EVENT_TIMESTAMP_MS,
    KT_EVENT_PARALLELISM,
    KT_EVENT_MAX_PARALLELISM,
    KT_EVENT_UPSTREAM,
    KT_EVENT_IS_SOURCE,
    KT_EVENT_SOURCE_PARTITIONS,
    KT_EVENT_RECORDS_IN_TOTAL,
    KT_EVENT_RECORDS_OUT_TOTAL,
    KT_EVENT_BUSY_MS_TOTAL,
    KT_EVENT_BACKPRESSURED_MS_TOTAL,
    KT_EVENT_IDLE_MS_TOTAL,
    KT_EVENT_RECORDS_IN_PER_S,
    KT_EVENT_RECORDS_OUT_PER_S,
    KT_EVENT_BUSY_MS_PER_S,
    KT_EVENT_BACKPRESSURED_MS_PER_S,
    KT_EVENT_IDLE_MS_PER_S,
    KT_EVENT_PENDING_RECORDS,
    KT_EVENT_CPU_LOAD,
    KT_EVENT_SLOTS_AVAILABLE,
    KT_EVENT_FIELDS
};

/* One input edge of a vertex. */
enum kt_upstream_field { KT_UPSTREAM_VERTEX_ID, KT_UPSTREAM_SHIP_STRATEGY, KT_UPSTREAM_FIELDS };
struct kt_upstream {
    uint64_t present;
    struct kt_str vertex_id;
    struct kt_str ship_strategy; /* nullable: "HASH", "REBALANCE", "FORWARD", … */
};

#define KT_SUBTASK_WHOLE_VERTEX (-1)
#define KT_PARALLELISM_MAX      32768 /* Flink's upper bound of max parallelism */
#define KT_UPSTREAM_MAX         256   /* input edges of one vertex */
#define KT_NAME_BYTES_MAX       1024  /* of any name or id in an event */

/* A decoded event borrows its strings from the record's bytes and its array from the arena. */
struct kt_metric_event {
    uint64_t present; /* see KT_HAS */
    struct kt_str cluster;
    struct kt_str job_name;
    struct kt_str job_id;
    struct kt_str vertex_id;
    struct kt_str vertex_name;
    int32_t subtask;                       /* 0 … parallelism-1, or KT_SUBTASK_WHOLE_VERTEX */
    int64_t attempt_start_ms;              /* nullable */
    int64_t timestamp_ms;                  /* Unix time of the measurement */
    int32_t parallelism;                   /* nullable */
    int32_t max_parallelism;               /* nullable */
    KT_ARRAY(struct kt_upstream) upstream; /* nullable */
    bool is_source;                        /* nullable */
    int32_t source_partitions;             /* nullable */
    int64_t records_in_total;              /* nullable, as all below: counters since the attempt */
    int64_t records_out_total;             /* a whole vertex: sums over its subtasks */
    int64_t busy_ms_total;
    int64_t backpressured_ms_total;
    int64_t idle_ms_total;
    double records_in_per_s; /* smoothed by Flink; a whole vertex: sums */
    double records_out_per_s;
    double busy_ms_per_s; /* 0…1000; a whole vertex: mean over its subtasks */
    double backpressured_ms_per_s;
    double idle_ms_per_s;
    double pending_records;  /* backlog of a source's subtask */
    double cpu_load;         /* 0…1 of the TaskManager that runs the subtask */
    int32_t slots_available; /* free slots of the cluster */
};

extern const struct kt_record_type kt_metric_event_type;

/* Checks what the schema cannot: names present, at most KT_NAME_BYTES_MAX bytes of UTF-8 without
 * NUL; subtask, parallelism and counters in range; no measure negative or infinite (a NaN measure
 * is legal: it means "not known"); timestamp_ms from 2001 to 2200 (1e12 … 7.26e12), which a time in
 * seconds is not. KT_ERR_INVALID names the field, what was expected and its value. Costs no
 * allocation. */
KT_MUST_CHECK enum kt_err kt_metric_event_check(const struct kt_metric_event *event,
                                                struct kt_error *error);

#endif
