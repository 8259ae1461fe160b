/* SPDX-License-Identifier: GPL-3.0-or-later
 * The scaling surrogate of one operator of evidence: what it is asked, and how the fit is told. */
#ifndef KT_MODEL_OPERATOR_FIT_H
#define KT_MODEL_OPERATOR_FIT_H

#include "model/scaling.h"
#include "schemas/arena.h"
#include "schemas/rescale_command.h"

struct kt_operator_fit {
    bool fitted; /* false: there is nothing to condition the surrogate on */
    double unit; /* records/s: the workspace counts abilities and λ in it */
    struct kt_scaling_fit fit;
};

/* Conditions the workspace on the operator's observation groups (kt_scaling_question_of). An
 * operator without any has one of this window; if it was too little busy to be measured, its rate
 * over busy_min, which is a lower bound.
 *
 * The surrogate expects ln g within some ± 9 of 0. It is asked in units of what one subtask does by
 * the group of the largest weight, so that records of any size and number are alike to it: an
 * operator that is busy for 2 % of the time would else be drawn towards one record per second. */
KT_MUST_CHECK enum kt_err kt_operator_fit(struct kt_scaling *scaling,
                                          const struct kt_evidence *evidence,
                                          const struct kt_operator_evidence *op,
                                          struct kt_operator_fit *fit, struct kt_error *error);

/* Tells the fit in a decision: surrogate and change point. KT_ERR_LIMIT: the arena is full. */
KT_MUST_CHECK enum kt_err kt_operator_tell_fit(const struct kt_operator_evidence *op,
                                               const struct kt_scaling_fit *fit,
                                               struct kt_arena *arena,
                                               struct kt_operator_decision *decision,
                                               struct kt_error *error);

/* Tells what is predicted at the decision's `to`: E[PA], its standard deviation, the nearest
 * observed parallelism. */
void kt_operator_tell_prediction(const struct kt_operator_evidence *op, double ability,
                                 double stddev, struct kt_operator_decision *decision);

#endif
