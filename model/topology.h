/* SPDX-License-Identifier: GPL-3.0-or-later
 * The graph of a job: its operators in topological order, and factors carried along its edges. */
#ifndef KT_MODEL_TOPOLOGY_H
#define KT_MODEL_TOPOLOGY_H

#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/evidence.h"

struct kt_topology {
    const struct kt_operator_evidence *operators;
    size_t count;
    int32_t *order; /* indices, every operator after all its inputs; ties by index */
};

/* KT_ERR_INVALID: a cycle, or an edge out of range. Two edges from one upstream (a self join) are
 * two edges. KT_ERR_LIMIT: the arena is full. */
KT_MUST_CHECK enum kt_err kt_topology_build(const struct kt_evidence *evidence,
                                            struct kt_arena *arena, struct kt_topology *topology,
                                            struct kt_error *error);

/* Carries a factor per operator down the graph: factor[i] of an operator with inputs becomes the
 * mean of its upstreams' factors, each edge weighted by the records its upstream sends
 * (rate_out_per_s, else rate_in_per_s); the plain mean when no weight is known. Operators without
 * inputs keep what the caller put there. */
void kt_topology_carry(const struct kt_topology *topology, double *factor);

#endif
