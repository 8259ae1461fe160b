/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a simulated job is: its graph, the true curves of its operators, and how its metrics lie.
 * Pure data: the simulation (sim_job.h) runs it, files (sim_file.h) and suites describe it. */
#ifndef KT_OPS_SIM_SPEC_H
#define KT_OPS_SIM_SPEC_H

#include "schemas/str.h"

#include <stdbool.h>
#include <stdint.h>

#define KT_SIM_OPERATORS_MAX 32
#define KT_SIM_INPUTS_MAX    8
#define KT_SIM_TABLE_MAX     128

/* The true processing ability of an operator, records/s over all subtasks:
 *   KT_SIM_USL    PA(p) = γ p / (1 + σ (p − 1) + κ p (p − 1))   (Universal Scalability Law; linear:
 *                 σ = κ = 0)
 *   KT_SIM_TABLE  linear between the points, proportional below the first, constant above the last
 * at min(p, plateau) instead of p; with key groups times the evenness (N / ⌈N / p⌉) / p of their
 * spread. The metrics show this ability: the steps of key groups are those of the whole operator,
 * while what one subtask has more than the others is skew. */
enum kt_sim_curve_kind { KT_SIM_USL, KT_SIM_TABLE };
struct kt_sim_curve {
    enum kt_sim_curve_kind kind;
    double gamma; /* records/s of one subtask alone, > 0 */
    double sigma; /* contention, ≥ 0 */
    double kappa; /* coherence, ≥ 0 */
    int points;   /* of the table, 1…KT_SIM_TABLE_MAX, ascending parallelism */
    struct {
        int parallelism;
        double ability;
    } table[KT_SIM_TABLE_MAX];
    int key_groups; /* N: the busiest subtask has ⌈N / p⌉ of N key groups; 0: evenly spread */
    int plateau;    /* more subtasks than this add nothing (a lock, an external limit); 0: none */
};

struct kt_sim_operator {
    const char *id;                /* vertex id */
    const char *name;              /* of the vertex */
    int inputs[KT_SIM_INPUTS_MAX]; /* indices of upstream operators, all smaller than its own */
    int inputs_count;              /* 0: a source */
    bool keyed;                    /* HASH edges */
    bool scaled;        /* has a curve. false (sources only): never the bottleneck and never
                           busy, runs with one subtask, counts for no cores */
    double selectivity; /* records out per record in, ≥ 0 */
    double unit_rate;   /* of a source: records/s of one unit of load */
    struct kt_sim_curve curve;
    double skew; /* ≥ 0: the busiest subtask has (1 + skew) times its even share of the records, so
                    that it limits the operator while the others idle */
    int max_parallelism;
};

/* A change of every curve in mid run: ability × factor from second on (over ramp_s seconds). */
struct kt_sim_drift {
    double second;
    double factor; /* 0 or 1: none */
    double ramp_s;
};

/* How the reported metrics differ from the truth. All zero: exact counters. */
struct kt_sim_metrics {
    bool rates;             /* Flink's 60 s averages instead of counters */
    bool no_lag;            /* sources report no pending records */
    double lag_factor;      /* pending records × this; 0 stands for 1 */
    double lag_delay_s;     /* pending records are this old */
    double busy_quantum_ms; /* busy, idle and backpressured time in steps of this; 0: 1 ms */
    double burst_s;         /* operators behind the sources emit what they produced only every so
                               often: measured selectivities are off; 0: at once */
};

struct kt_sim_spec {
    const char *cluster;
    const char *job_name;
    struct kt_sim_operator operators[KT_SIM_OPERATORS_MAX]; /* in topological order */
    int count;
    int64_t restart_ms; /* downtime of a reconfiguration */
    double noise;       /* relative standard deviation of the true speed, redrawn every noise_ms */
    int64_t noise_ms;   /* 0: every 60 s; longer: noise correlated in time */
    double warm_up_factor; /* speed right after a restart, rising to 1 over warm_up_ms */
    int64_t warm_up_ms;    /* 0: none */
    double buffer_records; /* that the input buffers of one subtask hold */
    struct kt_sim_drift drift;
    struct kt_sim_metrics metrics;
};

/* True ability at a parallelism, before noise, drift and skew. */
double kt_sim_curve_at(const struct kt_sim_curve *curve, int parallelism);

/* How many times its even share of the records the busiest subtask has: min(1 + skew, p). */
double kt_sim_busiest(const struct kt_sim_operator *op, int parallelism);

/* The factor of all curves at a time. second: since the start of the run. */
double kt_sim_drift_at(const struct kt_sim_drift *drift, double second);

/* What the operator can take at a time (drift) with its skew: the truth that a decision is held
 * against, PA(p) / busiest(p). second: since the start of the run. INFINITY for an unscaled one. */
double kt_sim_ability(const struct kt_sim_spec *spec, int op, int parallelism, double second);

/* The rate that each operator must take when source i emits source_rates[i] (indexed by operator;
 * read for sources only), and the smallest parallelism whose ability reaches it; where none does,
 * the smallest with the largest ability; 1 for an unscaled one. All arrays have spec->count
 * elements. */
void kt_sim_optimum(const struct kt_sim_spec *spec, const double *source_rates, double second,
                    double *lambda, int *parallelism);

#endif
