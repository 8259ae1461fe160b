/* SPDX-License-Identifier: GPL-3.0-or-later
 * A simulated Flink job with known curves (sim_spec.h), in virtual time: a fluid model of queues,
 * backpressure and lag that reports the metrics a real job would (counters that restart with each
 * attempt or smoothed rates, a backlog, no oracle). */
#ifndef KT_OPS_SIM_JOB_H
#define KT_OPS_SIM_JOB_H

#include "ops/sim_spec.h"
#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/metric_event.h"

struct kt_sim_job;
/* A running job at now_ms; parallelism has spec->count elements, each 1 … max_parallelism, or NULL
 * for all 1. Unscaled sources run with 1 whatever it says. The spec must outlive the job. The same
 * seed gives the same noise per operator, whatever is rescaled. NULL when out of memory. */
struct kt_sim_job *kt_sim_job_new(const struct kt_sim_spec *spec, uint64_t seed, int64_t now_ms,
                                  const int *parallelism);
void kt_sim_job_free(struct kt_sim_job *job);

/* Lets virtual time pass up to until_ms, while records/s are offered to each source. source_rates
 * is indexed by operator and read for sources only. */
void kt_sim_job_advance(struct kt_sim_job *job, int64_t until_ms, const double *source_rates);

/* Restarts the job with a new parallelism per operator; it is back after restart_ms. No record is
 * lost. */
void kt_sim_job_rescale(struct kt_sim_job *job, const int *parallelism);

/* Empties all backlogs, as if enough time had passed: what waited is neither counted as taken nor
 * as emitted, and the lag that is reported late is 0 as well. What operators gathered for a burst
 * is no backlog but their state, which they still owe to those below: it stays. */
void kt_sim_job_settle(struct kt_sim_job *job);

bool kt_sim_job_is_running(const struct kt_sim_job *job);
int64_t kt_sim_job_now_ms(const struct kt_sim_job *job);
/* Seconds since the start of the run, as drift counts them. */
double kt_sim_job_second(const struct kt_sim_job *job);
int kt_sim_job_parallelism(const struct kt_sim_job *job, int op);
/* Records that wait in the sources: the true lag. */
double kt_sim_job_lag(const struct kt_sim_job *job);
/* Records that wait in the sources and between the operators. */
double kt_sim_job_backlog(const struct kt_sim_job *job);

/* What the job reports now: one event per subtask, in the arena; none while it restarts. Strings
 * are borrowed from the job and its spec. */
KT_MUST_CHECK enum kt_err kt_sim_job_events(const struct kt_sim_job *job, struct kt_arena *arena,
                                            struct kt_metric_event **events, size_t *count,
                                            struct kt_error *error);

#endif
