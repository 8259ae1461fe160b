/* SPDX-License-Identifier: GPL-3.0-or-later
 * The durable state of the stage: what goes to the changelog topic and, byte for byte the same, to
 * LMDB. One record per key; see model/store.h for the keys. */
#ifndef KT_SCHEMAS_STATE_H
#define KT_SCHEMAS_STATE_H

#include "schemas/evidence.h"

#define KT_LAG_GAINS_MAX    9   /* kept of a source */
#define KT_OBSERVATIONS_MAX 256 /* kept of one operator at one parallelism */

/* What a job's operator had in its last decided window. */
enum kt_operator_state_field {
    KT_OPSTATE_VERTEX_ID,
    KT_OPSTATE_NAME,
    KT_OPSTATE_PARALLELISM,
    KT_OPSTATE_LAMBDA_KNOWN,
    KT_OPSTATE_MISSED_WINDOWS,
    KT_OPSTATE_SELECTIVITY,
    KT_OPSTATE_SELECTIVITY_WINDOWS,
    KT_OPSTATE_INPUT_RATIO,
    KT_OPSTATE_INPUT_RATIO_WINDOWS,
    KT_OPSTATE_LAMBDA_DECIDED,
    KT_OPSTATE_CHANGE_POINTS_MS,
    KT_OPSTATE_SELECTIVITY_BASE,
    KT_OPSTATE_INPUT_RATIO_BASE,
    KT_OPSTATE_LAMBDA_PEAK,
    KT_OPSTATE_LAG_GAINS,
    KT_OPSTATE_LAG_RATE,
    KT_OPSTATE_LAG_GROWTH,
    KT_OPSTATE_LAG_GENERATION,
    KT_OPSTATE_LAG_END_MS,
    KT_OPSTATE_LOADS,
    KT_OPSTATE_FIELDS
};
struct kt_operator_state {
    uint64_t present;
    struct kt_str vertex_id;
    struct kt_str name;
    int32_t parallelism;
    double lambda_known;    /* nullable: records/s when nothing in the job was last backpressured */
    int32_t missed_windows; /* closed windows in a row in which it reported nothing */
    double selectivity;     /* nullable: learned, records out per record in */
    int32_t selectivity_windows; /* that it was learned from, up to a cap (model/demand.h) */
    double input_ratio; /* nullable: learned, records in per record that its upstreams send */
    int32_t input_ratio_windows;
    double lambda_decided; /* nullable: λ of the last decision about another load, records/s */
    KT_ARRAY(int64_t)
    change_points_ms;              /* window ends from which a new level of ability holds,
                                      ascending */
    double selectivity_base_per_s; /* mean rate of the records that the ratio above is one of */
    double input_ratio_base_per_s;
    double lambda_peak; /* nullable: the largest λ that showed, records/s, forgotten slowly */
    KT_ARRAY(double)
    lag_gains;               /* of a source, oldest first: what its backlog grew by per record of
                                reported growth, as own rescales showed (model/lag.h) */
    double lag_rate_per_s;   /* nullable: a source's newest window with a backlog: records/s */
    double lag_growth_per_s; /* reported in it, records/s */
    int64_t lag_generation;  /* of it */
    int64_t lag_end_ms;      /* its end */
    KT_ARRAY(double) loads_per_s; /* of a source: λ in the newest valid windows, oldest first */
};

struct kt_target {
    struct kt_str vertex_id;
    int32_t from;
    int32_t to;
};

enum kt_job_state_field {
    KT_JOBSTATE_CLUSTER,
    KT_JOBSTATE_JOB_NAME,
    KT_JOBSTATE_JOB_ID,
    KT_JOBSTATE_CLOSED_UNTIL_MS,
    KT_JOBSTATE_GENERATION,
    KT_JOBSTATE_PHASE,
    KT_JOBSTATE_LAST_REASON,
    KT_JOBSTATE_LAST_RESCALE_MS,
    KT_JOBSTATE_RESTARTS_MS,
    KT_JOBSTATE_PARALLELISM_PEAK,
    KT_JOBSTATE_RAMP_WINDOWS,
    KT_JOBSTATE_PENDING_COMMAND_ID,
    KT_JOBSTATE_PENDING_UNTIL_MS,
    KT_JOBSTATE_PENDING,
    KT_JOBSTATE_OPERATORS,
    KT_JOBSTATE_RESTART_SEEN_MS,
    KT_JOBSTATE_GAVE_LAWS,
    KT_JOBSTATE_FIELDS
};
struct kt_job_state {
    uint64_t present;
    struct kt_str cluster;
    struct kt_str job_name;
    struct kt_str job_id;    /* of the last valid window (of the newest event before there was one);
                                it changes on a resubmission */
    int64_t closed_until_ms; /* end of the last closed window */
    int64_t generation;      /* rescales published so far */
    int phase;               /* enum kt_phase */
    int last_reason;         /* enum kt_reason of the last published command */
    int64_t last_rescale_ms; /* nullable */
    KT_ARRAY(int64_t) restarts_ms;      /* window ends of the last day's rescales, no dry runs */
    int32_t parallelism_peak;           /* largest parallelism ever seen of any operator */
    int32_t ramp_windows;               /* windows in a row that the gate held as RAMP */
    struct kt_str pending_command_id;   /* nullable */
    int64_t pending_until_ms;           /* nullable */
    KT_ARRAY(struct kt_target) pending; /* what the pending command asks for */
    KT_ARRAY(struct kt_operator_state) operators;
    int64_t restart_seen_ms; /* nullable: end of the last window that showed a restart */
    bool gave_laws;          /* its cluster's state has what it showed (model/warm_start.h) */
};

struct kt_observation {
    double ability;     /* records/s over all subtasks */
    double busy;        /* mean busy share, 0…1 */
    double lambda;      /* records/s that it had to keep up with; received, where not known */
    int keep_up;        /* enum kt_keep_up: whether it kept up with that */
    int64_t generation; /* of the job */
    int64_t window_end_ms;
};

/* The newest observations of one operator at one parallelism, oldest first. */
struct kt_operator_history {
    struct kt_str cluster;
    struct kt_str job_name;
    struct kt_str vertex_id;
    struct kt_str name;
    int32_t parallelism;
    KT_ARRAY(struct kt_observation) observations;
};

/* What the jobs of one cluster, as far as they are of one partition, showed of how operators scale
 * (model/warm_start.h). */
struct kt_cluster_state {
    struct kt_str cluster;
    int32_t jobs;               /* that it was learned from, up to KT_WARM_START_JOBS_MAX */
    KT_ARRAY(double) law_prior; /* of each law in the library (model/laws.h); sums to 1 */
};

/* How far a partition's events have had their effect. Offsets below next_offset that are read again
 * only rebuild the windows that are still open. */
struct kt_partition_state {
    int64_t next_offset;      /* of the metrics topic */
    int64_t watermark_ms;     /* largest accepted timestamp_ms, or INT64_MIN */
    int64_t low_watermark_ms; /* the same before the event at the low-water mark, where reading
                                 again begins (model/stage.h) */
};

extern const struct kt_record_type kt_operator_state_type, kt_target_type, kt_job_state_type,
    kt_observation_type, kt_operator_history_type, kt_cluster_state_type, kt_partition_state_type;

#endif
