/* SPDX-License-Identifier: GPL-3.0-or-later
 * A simulated Flink job with known curves, in virtual time: a fluid model of queues, backpressure
 * and lag that reports the metrics a real job would (counters that restart with each attempt, a
 * backlog, no oracle). */
#ifndef KT_OPS_SIM_JOB_H
#define KT_OPS_SIM_JOB_H

#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/metric_event.h"

#define KT_SIM_OPERATORS_MAX 16
#define KT_SIM_INPUTS_MAX    4

/* The true processing ability of an operator (Universal Scalability Law):
 *   PA(p) = γ p / (1 + σ (p − 1) + κ p (p − 1))   records/s over all subtasks. */
struct kt_sim_operator {
    const char *id; /* vertex id */
    const char *name;
    int inputs[KT_SIM_INPUTS_MAX]; /* indices of upstream operators, all smaller than its own */
    int inputs_count;              /* 0: a source */
    bool keyed;                    /* HASH edges */
    double selectivity;            /* records out per record in */
    double gamma;                  /* records/s of one subtask alone */
    double sigma;                  /* contention, ≥ 0 */
    double kappa;                  /* coherence, ≥ 0 */
    int max_parallelism;
};

struct kt_sim_spec {
    const char *cluster;
    const char *job_name;
    struct kt_sim_operator operators[KT_SIM_OPERATORS_MAX]; /* in topological order */
    int count;
    int64_t restart_ms;    /* downtime of a reconfiguration */
    double noise;          /* relative standard deviation of the abilities, redrawn every 10 s */
    double buffer_records; /* that the input buffers of one subtask hold */
};

/* True ability of an operator at a parallelism. */
double kt_sim_ability(const struct kt_sim_operator *op, int parallelism);

/* The rate that each operator must take when the sources emit source_rate in all, and the smallest
 * parallelism whose true ability reaches it (max_parallelism if none does). Both arrays have
 * spec->count elements. */
void kt_sim_optimum(const struct kt_sim_spec *spec, double source_rate, double *lambda,
                    int *parallelism);

struct kt_sim_job;
/* A running job at now_ms; parallelism has spec->count elements, or NULL for all 1. The spec must
 * outlive the job. NULL when out of memory. */
struct kt_sim_job *kt_sim_job_new(const struct kt_sim_spec *spec, uint64_t seed, int64_t now_ms,
                                  const int *parallelism);
void kt_sim_job_free(struct kt_sim_job *job);

/* Lets virtual time pass in steps of 50 ms, with source_rate records/s offered to each source. */
void kt_sim_job_advance(struct kt_sim_job *job, int64_t until_ms, double source_rate);

/* Restarts the job with a new parallelism per operator; it is back after restart_ms. */
void kt_sim_job_rescale(struct kt_sim_job *job, const int *parallelism);

bool kt_sim_job_is_running(const struct kt_sim_job *job);
int64_t kt_sim_job_now_ms(const struct kt_sim_job *job);
int kt_sim_job_parallelism(const struct kt_sim_job *job, int op);
/* Records that wait in the sources and between the operators. */
double kt_sim_job_backlog(const struct kt_sim_job *job);

/* What the job reports now: one event per subtask, in the arena; none while it restarts. */
KT_MUST_CHECK enum kt_err kt_sim_job_events(const struct kt_sim_job *job, struct kt_arena *arena,
                                            struct kt_metric_event **events, size_t *count,
                                            struct kt_error *error);

#endif
