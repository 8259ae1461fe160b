/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a window proves about each operator, and what follows for its observation.
 *
 * A source whose backlog grows by more than keep_up_tolerance of its rate falls behind. Then the
 * operators that hold the job up fell behind: those below such a source (or itself) that are not
 * backpressured, receive less than their λ, and whose busiest subtask works core_max of the time or
 * more, as much as any other's. Of the rest nothing is known. Where no backlog is reported,
 * backpressure of the source stands in for it; by how much it falls behind is then not known. A job
 * of which no source falls behind kept up, all operators with the λ that they had: a backlog that
 * shrinks is no part of it. */
#ifndef KT_MODEL_KEEP_UP_H
#define KT_MODEL_KEEP_UP_H

#include "model/topology.h"

struct kt_kept {
    int keep_up;   /* enum kt_keep_up */
    double lambda; /* records/s that it had to keep up with; KT_DEMAND_UNKNOWN */
};

/* One per operator, in the arena. The evidence must have its measures and what was learned of the
 * graph (selectivities, input ratios); its histories and keep_up are not read. */
KT_MUST_CHECK enum kt_err kt_keep_up_assess(const struct kt_evidence *evidence,
                                            const struct kt_topology *topology,
                                            struct kt_arena *arena, struct kt_kept **kept,
                                            struct kt_error *error);

/* Whether every operator kept up. */
bool kt_keep_up_all(const struct kt_kept *kept, size_t count);

/* An observation as the surrogate is to see it: one that kept up proves PA ≥ λ, one that fell
 * behind PA < λ, whatever was measured: the ability, records/s, moved to λ · exp(± .002) where it
 * says otherwise. Without a λ > 0 nothing is moved. */
double kt_keep_up_clamp(double ability, double lambda, int keep_up);

#endif
