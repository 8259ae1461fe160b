/* SPDX-License-Identifier: GPL-3.0-or-later
 * The Big-small algorithm (ContTune, algorithm 1) around any way to find one operator's smallest
 * sufficient parallelism. */
#ifndef KT_MODEL_BIG_SMALL_H
#define KT_MODEL_BIG_SMALL_H

#include "model/policy.h"

/* Finds the optimum of operator i at λ: fills to, method, prediction of the decision (prepared with
 * KEEP and from = to; lambda is filled already). *short_now becomes true if by prediction the
 * present parallelism does not reach λ. */
typedef enum kt_err kt_optimum(const struct kt_policy_input *input, size_t i, double lambda,
                               struct kt_operator_decision *decision, bool *short_now,
                               struct kt_error *error);

/* Proposes by state and phase, the first line that fits:
 *
 *   state                         phase         answer                        phase after
 *   UNDER, only a source behind   any           optimum of each operator      SMALL or STEADY
 *   UNDER, catching up            any           keep: it keeps up by itself   unchanged
 *   UNDER, λ known, the optimum
 *     raises an operator          SMALL         raise those (REFINED)         SMALL
 *   UNDER, all at their limits    any           keep (LIMITED)                unchanged
 *   UNDER                         any           all to pmax or double (BIG)   BIG
 *   OVER                          any           optimum of each operator      SMALL or STEADY
 *   NORMAL, not backpressured     BIG, SMALL    optimum of each operator      SMALL or STEADY
 *   NORMAL otherwise, UNKNOWN     any           keep                          unchanged
 *
 * SMALL or STEADY: STEADY when the optimum is what runs.
 * An operator is lowered only as far as leaves room to make good the restart (kt_demand_to_lower).
 * While backpressure hides λ no operator is lowered. A job whose backpressure has no stressed
 * vertex is NORMAL: more cores would not help it. */
KT_MUST_CHECK enum kt_err kt_big_small(const struct kt_policy_input *input, kt_optimum *optimum,
                                       struct kt_policy_output *output, struct kt_error *error);

#endif
