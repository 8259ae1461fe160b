/* SPDX-License-Identifier: GPL-3.0-or-later
 * The demand on every operator: λ, the records per second it must keep up with. */
#ifndef KT_MODEL_DEMAND_H
#define KT_MODEL_DEMAND_H

#include "model/topology.h"

/* A backlog is to be worked off within this time; one that shrinks fast enough for it is no sign
 * of too little parallelism. (Flink's own autoscaler plans with the same half hour.) */
#define KT_CATCH_UP_S 1800.0

/* Downtime of a rescale that a lowered job must be able to make good within KT_CATCH_UP_S. Without
 * it a job would be lowered to just λ, never work off the backlog of that very restart, look
 * under-provisioned, be raised and then lowered again. */
#define KT_DOWNTIME_S 60.0

/* λ asked of a smaller parallelism than what runs. */
static inline double kt_demand_to_lower(double lambda) {
    return lambda * (1 + KT_DOWNTIME_S / KT_CATCH_UP_S);
}

/* λ of an operator whose demand is not known. */
#define KT_DEMAND_UNKNOWN (-1.0)

/* λ per operator while nothing is backpressured: what it receives (a source: what it emits). A
 * source that falls behind (kt_load_falls_behind) hides what it cannot emit: everything at and
 * below it is scaled by (rate + growth) / rate. While a source drains a backlog
 * (pending_growth_per_s below -1 % of its rate), that is more than what arrives, so everything at
 * and below it is scaled by min(1, (rate + growth + pending / KT_CATCH_UP_S) / rate), carried along
 * the edges and weighted by rates at joins. The last term keeps room to finish the drain: a job
 * shrunk to the arrival rate alone would keep its backlog for ever. */
KT_MUST_CHECK enum kt_err kt_demand_visible(const struct kt_evidence *evidence,
                                            const struct kt_topology *topology,
                                            struct kt_arena *arena, double **lambda,
                                            struct kt_error *error);

/* λ per operator while backpressure hides it: max(lambda_known, rate), scaled by
 *   (known + pending / KT_CATCH_UP_S) / known
 * of its sources, so that a job without any room to work off its backlog asks for some. *complete:
 * lambda_known is there for every operator that could be scaled (measured and not pinned). */
KT_MUST_CHECK enum kt_err kt_demand_hidden(const struct kt_evidence *evidence,
                                           const struct kt_topology *topology,
                                           struct kt_arena *arena, double **lambda, bool *complete,
                                           struct kt_error *error);

/* Whether the job is catching up: no source's backlog is unknown or grows, at least one shrinks by
 * more than 1 % of its source's rate, and each that remains is worked off within KT_CATCH_UP_S.
 * *slowest: index of the source that takes longest; *seconds: how long. */
bool kt_demand_catching_up(const struct kt_evidence *evidence, int32_t *slowest, double *seconds);

#endif
