/* SPDX-License-Identifier: GPL-3.0-or-later
 * RescaleCommand: a decision about one job at one window, with the evidence it was computed from.
 */
#ifndef KT_SCHEMAS_RESCALE_COMMAND_H
#define KT_SCHEMAS_RESCALE_COMMAND_H

#include "schemas/error.h"
#include "schemas/evidence.h"

#define KT_LIMITS_HIT_MAX 16 /* limits that one operator's answer names */

/* The surrogate that was fitted for one operator. */
enum kt_surrogate_fit_field {
    KT_FIT_NAME,
    KT_FIT_LENGTH_SCALE,
    KT_FIT_SIGMA_F,
    KT_FIT_LOG_MARGINAL_LIKELIHOOD,
    KT_FIT_LAW,
    KT_FIT_LAW_PROBABILITY,
    KT_FIT_NOISE,
    KT_FIT_FIELDS
};
struct kt_surrogate_fit {
    uint64_t present;
    struct kt_str name;  /* "scaling" or "rbf" */
    double length_scale; /* nullable, of rbf: l, in subtasks */
    double sigma_f;      /* nullable, of rbf: records/s */
    double log_marginal_likelihood;
    struct kt_str law;      /* nullable, of scaling: the most probable law */
    double law_probability; /* nullable, of scaling: of that law, 0…1 */
    double noise; /* nullable, of scaling: expected relative noise of a busy observation */
};

enum kt_operator_decision_field {
    KT_OPDEC_VERTEX_ID,
    KT_OPDEC_NAME,
    KT_OPDEC_FROM,
    KT_OPDEC_TO,
    KT_OPDEC_METHOD,
    KT_OPDEC_LAMBDA,
    KT_OPDEC_LAMBDA_NOISE,
    KT_OPDEC_PREDICTED_ABILITY,
    KT_OPDEC_PREDICTED_STDDEV,
    KT_OPDEC_NEAREST_OBSERVED,
    KT_OPDEC_LIMITS,
    KT_OPDEC_SURROGATE,
    KT_OPDEC_KEEPS_UP_PROBABILITY,
    KT_OPDEC_CHANGE_POINT,
    KT_OPDEC_FIELDS
};
struct kt_operator_decision {
    uint64_t present;
    struct kt_str vertex_id;
    struct kt_str name;
    int32_t from;
    int32_t to;
    int method;                        /* enum kt_method */
    double lambda;                     /* nullable: records/s that must be kept up with */
    double lambda_noise;               /* nullable: sd of ln λ from window to window, > 0 */
    double predicted_ability;          /* nullable: records/s at `to` */
    double predicted_stddev;           /* nullable */
    int32_t nearest_observed;          /* nullable: observed parallelism nearest to the answer */
    KT_ARRAY(int) limits;              /* enum kt_limit: those that moved the answer */
    struct kt_surrogate_fit surrogate; /* nullable */
    double keeps_up_probability;       /* nullable: that `to` keeps up, 0…1 */
    bool change_point;                 /* this window's observation begins a new level of ability */
};

enum kt_command_field {
    KT_COMMAND_F_COMMAND_ID,
    KT_COMMAND_F_KIND,
    KT_COMMAND_F_POLICY,
    KT_COMMAND_F_CLUSTER,
    KT_COMMAND_F_JOB_NAME,
    KT_COMMAND_F_JOB_ID,
    KT_COMMAND_F_GENERATION,
    KT_COMMAND_F_WINDOW_START_MS,
    KT_COMMAND_F_WINDOW_END_MS,
    KT_COMMAND_F_DECIDED_AT_MS,
    KT_COMMAND_F_EXPIRES_AT_MS,
    KT_COMMAND_F_DRY_RUN,
    KT_COMMAND_F_PHASE,
    KT_COMMAND_F_STATE,
    KT_COMMAND_F_REASON,
    KT_COMMAND_F_REASON_TEXT,
    KT_COMMAND_F_OPERATORS,
    KT_COMMAND_F_EVIDENCE,
    KT_COMMAND_FIELDS
};
struct kt_rescale_command {
    uint64_t present;
    struct kt_str command_id; /* UUIDv5 of job, generation and window end */
    int kind;                 /* enum kt_command_kind */
    struct kt_str policy;
    struct kt_str cluster;
    struct kt_str job_name;
    struct kt_str job_id;
    int64_t generation; /* of the job after this command: a RESCALE adds one */
    int64_t window_start_ms;
    int64_t window_end_ms;
    int64_t decided_at_ms; /* the watermark that closed the window: its end */
    int64_t expires_at_ms; /* not to be carried out after this */
    bool dry_run;
    int phase;                 /* enum kt_phase after the decision */
    int state;                 /* enum kt_state */
    int reason;                /* enum kt_reason */
    struct kt_str reason_text; /* one sentence with the vertex and the numbers */
    KT_ARRAY(struct kt_operator_decision) operators;
    struct kt_evidence evidence;
};

extern const struct kt_record_type kt_surrogate_fit_type, kt_operator_decision_type,
    kt_rescale_command_type;

#endif
