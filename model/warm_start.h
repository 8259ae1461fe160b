/* SPDX-License-Identifier: GPL-3.0-or-later
 * Warm start: the jobs of a cluster tell a new one how operators scale there.
 *
 * What is told is a prior of the scalability laws (model/laws.h) and nothing else: no ability, no
 * load, no parallelism. A job gives once in its life: when it has come to rest and an operator of
 * it was observed at KT_WARM_START_PARALLELISMS parallelisms, the likelihoods of the laws under
 * such operators make a prior (kt_laws_shared_prior), and the cluster's is the mean of those:
 *
 *   prior ← prior + (job's − prior) / min(jobs, KT_WARM_START_JOBS_MAX)
 *
 * so that jobs of long ago are forgotten bit by bit, and the record stays one of KT_LAWS numbers
 * however many jobs there are. A job takes it at each decision for as long as an operator of it
 * was observed at fewer parallelisms; from then on its own observations say more.
 *
 * All of it is durable state of one partition, changed by closings only, which happen there in one
 * order whatever crashes: the jobs of a cluster that other partitions have are not heard of. */
#ifndef KT_MODEL_WARM_START_H
#define KT_MODEL_WARM_START_H

#include "model/durable.h"
#include "model/scaling.h"

#define KT_WARM_START_JOBS_MAX      8  /* from then on a job weighs an eighth, older ones less */
#define KT_WARM_START_OPERATORS_MAX 16 /* of one job, first in the order of flow */

/* Of the state of a cluster. */
struct kt_warm_start {
    struct kt_durable *durable; /* in a transaction */
    uint32_t partition;
    struct kt_str cluster;
    struct kt_arena *arena;
};

/* Sets the evidence's law_prior, in the arena, if its settings and one of its operators want it,
 * and somebody gave. */
KT_MUST_CHECK enum kt_err kt_warm_start_take(const struct kt_warm_start *at,
                                             struct kt_evidence *evidence, struct kt_error *error);

/* Adds what a job shows to the cluster's state, if the evidence's settings want it and an operator
 * was observed often enough. *gave: it was added, and is not to be added again. Conditions the
 * workspace, at most KT_WARM_START_OPERATORS_MAX times. */
KT_MUST_CHECK enum kt_err kt_warm_start_give(const struct kt_warm_start *at,
                                             struct kt_scaling *scaling,
                                             const struct kt_evidence *evidence, bool *gave,
                                             struct kt_error *error);

#endif
