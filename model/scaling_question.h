/* SPDX-License-Identifier: GPL-3.0-or-later
 * What evidence asks the scaling surrogate about one operator: its observations, what is known of
 * its input, and the prior of the laws. */
#ifndef KT_MODEL_SCALING_QUESTION_H
#define KT_MODEL_SCALING_QUESTION_H

#include "model/scaling.h"

/* An operator that was observed at fewer parallelisms than this takes its laws' prior from the
 * cluster's others; one at as many says more itself, and is what others learn from
 * (model/warm_start.h). So that no operator ever learns from its own observations twice. */
#define KT_WARM_START_PARALLELISMS 3

/* Whether the operator takes it: it was observed, but not often enough. */
bool kt_scaling_needs_prior(const struct kt_operator_evidence *op);

/* The question about an operator of checked evidence that has observation groups; borrows from it,
 * and law_prior, which has KT_LAWS values, where the question has a prior of its own: the
 * library's for such an input times evidence's law_prior / the library's for any input. */
struct kt_scaling_question kt_scaling_question_of(const struct kt_evidence *evidence,
                                                  const struct kt_operator_evidence *op,
                                                  double *law_prior);

/* The prior of an operator of the library, of whose input nothing is known. */
void kt_scaling_library_prior(double *prior);

#endif
