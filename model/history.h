/* SPDX-License-Identifier: GPL-3.0-or-later
 * History of an operator: what it could process at each parallelism it ever ran with.
 *
 * Per parallelism the newest top_k observations are kept and their mean is what a surrogate is
 * fitted to (ContTune, "mean reversion": one lucky or unlucky window does not stay for ever). */
#ifndef KT_MODEL_HISTORY_H
#define KT_MODEL_HISTORY_H

#include "model/durable.h"
#include "schemas/state.h"

/* Whose history. */
struct kt_history_owner {
    uint32_t partition;
    struct kt_str cluster;
    struct kt_str job_name;
    struct kt_str vertex_id;
};
struct kt_store_key kt_history_key(const struct kt_history_owner *owner, int32_t parallelism);

/* The point that the newest top_k (at least 1) observations make: their mean and their number.
 * observations 0: there is none. */
struct kt_history_point kt_history_mean(const struct kt_operator_history *history, int32_t top_k);

/* Adds an observation at a parallelism; top_k in 1…KT_OBSERVATIONS_MAX are kept. KT_ERR_INVALID:
 * ability is not finite and positive, or the record under the key belongs to another vertex. */
KT_MUST_CHECK enum kt_err kt_history_add(struct kt_durable *durable,
                                         const struct kt_history_owner *owner, struct kt_str name,
                                         int32_t parallelism,
                                         const struct kt_observation *observation, int32_t top_k,
                                         struct kt_arena *arena, struct kt_error *error);

/* What is wanted of a history. */
struct kt_history_query {
    int32_t top_k;                   /* newest observations per parallelism that count, ≥ 1 */
    size_t points_max;               /* at most KT_HISTORY_POINTS_MAX */
    size_t groups_max;               /* at most KT_GROUPS_MAX */
    const int64_t *change_points_ms; /* ascending; no group reaches over one */
    size_t change_points;
    int64_t window_end_ms; /* the observation of this window stays alone and comes last */
    bool as_measured;      /* groups without what the windows proved (model/ablation.h) */
};

struct kt_history_found {
    KT_ARRAY(struct kt_history_point) points;     /* ascending in parallelism */
    KT_ARRAY(struct kt_observation_group) groups; /* ascending in time and generation */
};

/* The operator's points, and its observation groups, in the arena: of the points_max parallelisms
 * that were observed last, and the groups_max newest groups. One scan of the history gives both.
 *
 * Observations that were imported may lie at no time, at the same one or in the future, and may
 * have generations of another worker: they keep their order, and are dated back as far as the order
 * demands, so that this window's observation is the newest there is. */
KT_MUST_CHECK enum kt_err kt_history_load(struct kt_durable *durable,
                                          const struct kt_history_owner *owner,
                                          const struct kt_history_query *query,
                                          struct kt_arena *arena, struct kt_history_found *found,
                                          struct kt_error *error);

#endif
