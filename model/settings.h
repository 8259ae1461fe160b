/* SPDX-License-Identifier: GPL-3.0-or-later
 * The settings of the core: what the option table (consumer/config.c) fills and the core obeys. */
#ifndef KT_MODEL_SETTINGS_H
#define KT_MODEL_SETTINGS_H

#include "model/ablation.h"
#include "schemas/evidence.h"

struct kt_window_settings {
    int64_t window_ms;       /* length of a tumbling window; > 0 */
    int64_t lateness_ms;     /* how much later than the newest event an event may come; ≥ 0 */
    int64_t idle_timeout_ms; /* a silent job's window closes when the partition is so far past it */
    int64_t future_ms_max;   /* an event further ahead of its record's own time is refused */
};

struct kt_gate_settings {
    int64_t warm_up_ms;      /* after a restart, before counters are believed */
    int64_t rate_warm_up_ms; /* the same for Flink's 60 s averages, where there are no counters */
    int64_t settle_ms;       /* after that, for how long a window is held while abilities rise */
    double settle_rise_max;  /* largest rise of an ability between the halves of such a window,
                                relative; for an operator that works all the time */
    double span_min;     /* least share of the window that each subtask's samples cover, 0…1 */
    int32_t samples_min; /* fewest samples per subtask */
    double ramp_max;     /* largest change within a window: of the sources' rate (relative), of a
                            vertex's backpressured share of time (absolute) */
    int32_t ramp_windows_max; /* so many ramps in a row are held, the next is decided */
};

/* A parallelism fixed for a vertex, or bounds of its own. */
struct kt_vertex_rule {
    struct kt_str vertex;    /* its id or its name */
    int32_t pinned;          /* 0: not pinned */
    int32_t min_parallelism; /* 0: the job's */
    int32_t max_parallelism; /* 0: the job's */
};

struct kt_job_settings {
    struct kt_str key; /* "cluster/job_name"; empty for the defaults */
    struct kt_policy_settings policy;
    KT_ARRAY(struct kt_vertex_rule) rules;
};

struct kt_settings {
    struct kt_window_settings window;
    struct kt_gate_settings gate;
    struct kt_job_settings defaults;
    KT_ARRAY(struct kt_job_settings) jobs; /* overrides, complete structs */
    const struct kt_ablation *ablation;    /* of the simulator only; NULL: nothing is missing */
};

/* The program's defaults; strings are static. config.c starts from these and the option table's
 * defaults must equal them (a test holds it). */
void kt_settings_default(struct kt_settings *settings);

/* The settings of one job: its override or the defaults. */
const struct kt_job_settings *kt_settings_find(const struct kt_settings *settings,
                                               struct kt_str cluster, struct kt_str job_name);

/* The rule of a vertex, by id first, then by name; NULL if there is none. */
const struct kt_vertex_rule *kt_settings_rule(const struct kt_job_settings *settings,
                                              struct kt_str vertex_id, struct kt_str name);

#endif
