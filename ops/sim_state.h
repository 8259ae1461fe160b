/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state of a simulated job, shared by the files that make it up: sim_job.c lets time pass,
 * sim_flow.c moves the records of one step, sim_report.c tells what Flink would.
 *
 * All amounts are of the whole vertex. Subtasks are alike but for skew: subtask s has f times its
 * even share of the records, so it is busy f times the mean, and its other times follow from
 * totals kept for the vertex. */
#ifndef KT_OPS_SIM_STATE_H
#define KT_OPS_SIM_STATE_H

#include "ops/sim_job.h"

#define KT_SIM_EDGES_MAX (KT_SIM_OPERATORS_MAX * KT_SIM_INPUTS_MAX)

/* Flink's meters and gauges look at their counters every 5 s and average over 60 s. */
#define KT_SIM_MARK_MS    5000
#define KT_SIM_MARKS_SPAN 12
#define KT_SIM_MARKS      (KT_SIM_MARKS_SPAN + 1)

/* Past lags kept per source, for a lag reported late. */
#define KT_SIM_LAGS 64

/* Since the start of the attempt. Times in ms of one subtask, at the mean over all. */
struct kt_sim_totals {
    double records_in;
    double records_out;
    double elapsed_ms;
    double busy_ms;
    double blocked_ms;      /* of elapsed: in steps in which the room below was the limit */
    double blocked_busy_ms; /* of busy: in those steps */
};

struct kt_sim_edge {
    int from;
    int to;
    double wanted;  /* records that the upstream would emit in this step if nobody limited it */
    double emitted; /* records that it would emit with what is granted */
    double granted; /* records that the downstream takes from it; INFINITY: all */
};

struct kt_sim_vertex {
    int parallelism;
    double ability; /* records/s at this parallelism with its skew; INFINITY: unscaled */
    double noise;   /* factor of the ability until the next draw */
    uint64_t random;
    double queue;   /* records that wait for it */
    double held;    /* records it produced and will emit with the next burst */
    double pending; /* records of past bursts that found no room yet */
    struct kt_sim_totals totals;
    struct kt_sim_totals marks[KT_SIM_MARKS]; /* totals at the newest marks, by mark modulo size */

    int first_in; /* its input edges: that many from here */
    int outs;
    int out[KT_SIM_OPERATORS_MAX]; /* edges */

    double can;   /* records in this step, by its ability */
    double limit; /* records in this step, by its ability and the room below */
};

struct kt_sim_lag {
    int64_t at_ms;
    double records;
};

struct kt_sim_job {
    const struct kt_sim_spec *spec;
    int64_t start_ms;
    int64_t now_ms;
    int64_t attempt_start_ms; /* in the future while the job restarts */
    int64_t noise_at_ms;      /* when the next draw, … is due; INT64_MAX: never */
    int64_t burst_at_ms;
    int64_t mark_at_ms;
    int64_t lag_at_ms;
    int64_t marks;  /* so far in this attempt */
    int64_t lags;   /* so far */
    bool contended; /* joins and fan-outs: what one edge is granted depends on others' limits */
    char job_id[33];
    int edges_count;
    struct kt_sim_edge edges[KT_SIM_EDGES_MAX];
    struct kt_sim_vertex vertices[KT_SIM_OPERATORS_MAX];
    struct kt_sim_lag lag[KT_SIM_OPERATORS_MAX][KT_SIM_LAGS];
};

/* Fills the edges of the vertices. */
void kt_sim_flow_init(struct kt_sim_job *job);

/* Moves the records of a step of dt_ms; each vertex' can is set. */
void kt_sim_flow_step(struct kt_sim_job *job, double dt_ms);

#endif
