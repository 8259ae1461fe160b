/* SPDX-License-Identifier: GPL-3.0-or-later
 * What every operator would receive if nothing held the sources back: the targets of DS2 (Kalavri
 * et al., OSDI 2018), known from one window even while backpressure hides the load. */
#ifndef KT_MODEL_TARGETS_H
#define KT_MODEL_TARGETS_H

#include "model/topology.h"

/* *target: records/s per operator, in the arena. A source's target is what it sends; while it is
 * backpressured or falls behind, that plus the growth of its backlog, or, where no backlog is
 * reported, its rate over the share of time in which it was not blocked. Below a source
 *   target_in(d) = rate_in(d) · Σ target_out(u) / Σ rate_out(u)
 * over the input edges, and outputs keep the measured selectivity. */
KT_MUST_CHECK enum kt_err kt_targets_carry(const struct kt_evidence *evidence,
                                           const struct kt_topology *topology,
                                           struct kt_arena *arena, double **target,
                                           struct kt_error *error);

/* Whether targets cannot be carried through the graph, because an operator that is no source has
 * no known inputs. *text says which. */
bool kt_targets_blind(const struct kt_evidence *evidence, struct kt_arena *arena,
                      struct kt_str *text);

#endif
