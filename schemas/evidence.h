/* SPDX-License-Identifier: GPL-3.0-or-later
 * Evidence: everything a decision is computed from, and nothing else. decide() (model/decide.h) is
 * a pure function of it, so whoever holds a command can compute the decision again. */
#ifndef KT_SCHEMAS_EVIDENCE_H
#define KT_SCHEMAS_EVIDENCE_H

#include "schemas/decision_enums.h"

#include <stdint.h>

#define KT_HISTORY_POINTS_MAX 64   /* parallelisms of one operator that evidence carries */
#define KT_OPERATORS_MAX      1024 /* operators of one job */
#define KT_RESTARTS_MAX       256  /* remembered restarts of one day */
#define KT_GROUPS_MAX         60   /* observation groups of one operator that evidence carries */
#define KT_CHANGE_POINTS_MAX  16   /* remembered changes of one operator's level */
#define KT_LOADS_MAX          32   /* newest windows of which a source's load is remembered */
#define KT_LAW_PRIOR_MAX      1024 /* scalability laws of any library (model/laws.h) */

/* The settings that a decision obeys. */
struct kt_policy_settings {
    struct kt_str policy;      /* a name of model/policy.h */
    struct kt_str surrogate;   /* "scaling" or "rbf": of the policies that take either */
    struct kt_str acquisition; /* of conttune: "mean" (equation 5) or "cei" (equation 4) */
    int32_t alpha;             /* subtasks: how far from an observation the surrogate is trusted */
    int32_t top_k;             /* observations averaged per parallelism */
    double decision_threshold; /* ≥ 0: least relative change of the job's summed parallelism */
    double backpressure_threshold; /* share of time 0…1: a vertex counts as backpressured from it */
    double core_min; /* CPU (or busy) share 0…1 below which a job is over-provisioned */
    double core_max; /* CPU (or busy) share 0…1 above which a vertex is stressed */
    double busy_min; /* busy share below which an ability cannot be measured */
    double keep_up_probability; /* 0…1, of one operator: a new load gets the smallest parallelism
                                   that keeps up with this probability */
    double trim_probability;  /* 0…1: the same of a parallelism that is lowered at an old load */
    double trim_band;         /* ≥ 0: and it must save this share of the cores */
    double load_change;       /* > 0: relative change of λ that makes it another load */
    double gain_min;          /* ≥ 0: least relative gain of ability where no parallelism does */
    double keep_up_tolerance; /* ≥ 0: backlog growing by less than this share of the rate keeps
                                 up */
    bool keep_up_rule; /* policies other than kontune, too, leave alone what keeps up, and trim as
                          it does */
    bool warm_start;   /* a job learns from its cluster's others how operators scale, and they from
                          it */
    int32_t min_parallelism;
    int32_t max_parallelism;
    int64_t cooldown_ms; /* least time between two rescales */
    int32_t restarts_per_day_max;
    int64_t command_ttl_ms; /* how long a command waits to be carried out */
    bool dry_run;           /* commands say so and the actuator only reports them */
};

/* One parallelism of an operator's history: the mean of its newest top_k observations. */
struct kt_history_point {
    int32_t parallelism;
    double ability;       /* records/s over all subtasks */
    int32_t observations; /* 1…top_k */
};

/* Observations of one operator at one parallelism and generation, no change point between them,
 * summed up without loss: a Gaussian model with noise variance ν² / busy² sees the same. Each
 * y = ln(ability / parallelism) is clamped first to what its window proved (model/keep_up.h). */
struct kt_observation_group {
    int32_t parallelism;
    int64_t generation;
    int64_t window_end_ms; /* of the newest */
    int32_t observations;  /* n ≥ 1 */
    double ability; /* records/s over all subtasks: parallelism · exp(Σ busy² y / Σ busy²) */
    double weight;  /* Σ busy² */
    double scatter; /* Σ busy² (y − mean)² ≥ 0 */
};

/* One input edge inside evidence. */
struct kt_edge {
    int32_t upstream; /* index in the evidence's operators */
    bool keyed;       /* HASH edge */
};

enum kt_operator_evidence_field {
    KT_OPEV_VERTEX_ID,
    KT_OPEV_NAME,
    KT_OPEV_PARALLELISM,
    KT_OPEV_MAX_PARALLELISM,
    KT_OPEV_SOURCE_PARTITIONS,
    KT_OPEV_MIN_ALLOWED,
    KT_OPEV_MAX_ALLOWED,
    KT_OPEV_PINNED,
    KT_OPEV_IS_SOURCE,
    KT_OPEV_INPUTS,
    KT_OPEV_RATE_IN_PER_S,
    KT_OPEV_RATE_OUT_PER_S,
    KT_OPEV_BUSY,
    KT_OPEV_BUSY_MAX,
    KT_OPEV_BACKPRESSURED,
    KT_OPEV_IDLE,
    KT_OPEV_CPU_LOAD,
    KT_OPEV_PENDING_RECORDS,
    KT_OPEV_PENDING_GROWTH_PER_S,
    KT_OPEV_ABILITY,
    KT_OPEV_LEARNED,
    KT_OPEV_LAMBDA_KNOWN,
    KT_OPEV_HISTORY,
    KT_OPEV_KEEP_UP,
    KT_OPEV_SELECTIVITY,
    KT_OPEV_INPUT_RATIO,
    KT_OPEV_LAMBDA_DECIDED,
    KT_OPEV_GROUPS,
    KT_OPEV_CHANGE_POINTS_MS,
    KT_OPEV_LAMBDA_PEAK,
    KT_OPEV_LAG_GAIN,
    KT_OPEV_LOADS,
    KT_OPEV_FIELDS
};
struct kt_operator_evidence {
    uint64_t present;
    struct kt_str vertex_id;
    struct kt_str name;
    int32_t parallelism;       /* as seen in the window */
    int32_t max_parallelism;   /* nullable: Flink's key-group bound */
    int32_t source_partitions; /* nullable */
    int32_t min_allowed;       /* from configuration, this vertex's or the job's */
    int32_t max_allowed;
    int32_t pinned; /* nullable: fixed by configuration */
    bool is_source;
    KT_ARRAY(struct kt_edge) inputs;
    double rate_in_per_s; /* nullable, all measures: λ̂, over all subtasks; for a source the records
                             it emits */
    double rate_out_per_s;
    double busy;     /* shares of time 0…1, mean over subtasks */
    double busy_max; /* the busiest subtask's share */
    double backpressured;
    double idle;
    double cpu_load;
    double pending_records;      /* backlog at the window's end, summed */
    double pending_growth_per_s; /* its growth over the window */
    double ability;              /* PA of this window: records/s over all subtasks */
    bool learned;                /* ability was added to the history */
    double lambda_known;         /* nullable: λ when nothing was last backpressured */
    KT_ARRAY(struct kt_history_point) history; /* ascending parallelism, this window's included */
    int keep_up;                               /* enum kt_keep_up: what this window proved */
    double selectivity;                        /* nullable: learned, records out per record in */
    double input_ratio;    /* nullable: learned, records in per record that its upstreams send */
    double lambda_decided; /* nullable: λ of the last decision about another load */
    KT_ARRAY(struct kt_observation_group) groups; /* oldest first, this window's last and alone */
    KT_ARRAY(int64_t) change_points_ms; /* window ends from which a new level holds, ascending */
    double lambda_peak;                 /* nullable: the largest λ that showed, forgotten slowly */
    double lag_gain; /* nullable: of a source, learned: its backlog grows by so many records per
                        record of reported growth */
    KT_ARRAY(double)
    loads_per_s; /* of a source: λ in the newest valid windows, oldest first, this one's last */
};

enum kt_evidence_field {
    KT_EVIDENCE_SETTINGS,
    KT_EVIDENCE_WINDOW_END_MS,
    KT_EVIDENCE_GATE,
    KT_EVIDENCE_GATE_TEXT,
    KT_EVIDENCE_GENERATION,
    KT_EVIDENCE_PHASE,
    KT_EVIDENCE_LAST_RESCALE_MS,
    KT_EVIDENCE_RESTARTS_IN_DAY,
    KT_EVIDENCE_PARALLELISM_PEAK,
    KT_EVIDENCE_PENDING_UNTIL_MS,
    KT_EVIDENCE_OPERATORS,
    KT_EVIDENCE_LAW_PRIOR,
    KT_EVIDENCE_RUNNING_SINCE_MS,
    KT_EVIDENCE_FIELDS
};
struct kt_evidence {
    uint64_t present;
    struct kt_policy_settings settings;
    int64_t window_end_ms;    /* the time of the decision */
    int gate;                 /* enum kt_reason; STEADY: the window is valid */
    struct kt_str gate_text;  /* which vertex, which numbers; empty when valid */
    int64_t generation;       /* rescales published so far */
    int phase;                /* enum kt_phase before the decision */
    int64_t last_rescale_ms;  /* nullable: end of the window of the last RESCALE */
    int32_t restarts_in_day;  /* rescales, no dry runs, in the 24 h to window_end_ms */
    int32_t parallelism_peak; /* pmax: the largest parallelism of the job's history */
    int64_t pending_until_ms; /* nullable: an earlier command is still to be carried out */
    KT_ARRAY(struct kt_operator_evidence) operators;
    KT_ARRAY(double)
    law_prior;                /* of the cluster's others, one per law, for the operators that
                                 still need it (model/warm_start.h); empty: none */
    int64_t running_since_ms; /* nullable: when the newest attempt of any operator began */
};

extern const struct kt_record_type kt_policy_settings_type, kt_history_point_type,
    kt_observation_group_type, kt_edge_type, kt_operator_evidence_type, kt_evidence_type;

#endif
