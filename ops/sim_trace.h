/* SPDX-License-Identifier: GPL-3.0-or-later
 * What one simulated run was like: rates, parallelism and lag over time, reconfigurations, and per
 * operator what was observed, what is true, and what the surrogate believed at the end. Pure data;
 * the recorder (sim_record.h) fills it, the page (sim_html.h) draws it. */
#ifndef KT_OPS_SIM_TRACE_H
#define KT_OPS_SIM_TRACE_H

#include "ops/sim_spec.h"

#include <stddef.h>

/* The job at one report. Times are seconds since the start of the run, in ascending order. */
struct kt_sim_trace_tick {
    double second;
    double offered; /* records/s that all sources together had to emit since the last tick */
    double lag;     /* records that wait in the sources */
    bool running;   /* false: it restarts */
    int tuning;     /* index of the load, from 0 */
    int cores;      /* subtasks of the scaled operators */
    int optimum;    /* the smallest sufficient number of them */
};

/* One operator at one tick. */
struct kt_sim_trace_cell {
    int parallelism;
    int optimum;   /* the smallest sufficient parallelism */
    double lambda; /* true load, records/s */
};

struct kt_sim_trace_change {
    double second; /* when it was carried out */
    int reason;    /* enum kt_reason */
    int from;      /* subtasks of the scaled operators before and after */
    int to;
    char text[256]; /* the command's sentence, cut off if need be */
};

struct kt_sim_trace_observation {
    double second; /* end of its window */
    int parallelism;
    double ability; /* records/s over all subtasks */
    double busy;    /* share of time, 0…1 */
};

/* A surrogate's belief at one parallelism, records/s: mean, and a band that holds about two thirds
 * of its probability (one standard deviation to both sides). */
struct kt_sim_trace_belief {
    int parallelism;
    double mean;
    double lower;
    double upper;
};

struct kt_sim_trace_operator {
    const char *id; /* of the spec */
    const char *name;
    bool scaled; /* false: a source without a curve, of which only the rate is of interest */
    struct kt_sim_trace_observation *observations;
    size_t observations_count;
    double *truth;      /* truth[p - 1]: true ability at parallelism p at the end of the run */
    size_t truth_count; /* up to at least the largest parallelism seen, believed or optimal */
    double lambda;      /* true load at the end */
    int parallelism;    /* at the end */
    int optimum;        /* at the end */
    /* Of the last decision that had a surrogate for this operator; ascending parallelism. */
    struct kt_sim_trace_belief *beliefs;
    size_t beliefs_count;  /* 0: its policy has no surrogate, or too little was observed */
    double decided_lambda; /* that this decision reckoned with; 0: none */
    int decided_parallelism;
};

struct kt_sim_trace {
    const char *job;    /* its name */
    const char *method; /* as on the command line: "conttune:alpha=0" */
    int permutation;    /* from 1; 0: rates over time */
    double restart_s;
    int operators_count;
    struct kt_sim_trace_operator operators[KT_SIM_OPERATORS_MAX]; /* in topological order */
    struct kt_sim_trace_tick *ticks;
    struct kt_sim_trace_cell *cells; /* of tick t and operator i: cells[t * operators_count + i] */
    size_t ticks_count;
    struct kt_sim_trace_change *changes; /* the reconfigurations */
    size_t changes_count;
    bool over_time; /* the load is rates over time; false: one load per tuning, and between two
                       tunings the backlog is gone as if enough time had passed */
};

/* Frees the arrays, not the trace or its strings, and empties it. An empty trace is fine. */
void kt_sim_trace_free(struct kt_sim_trace *trace);

#endif
