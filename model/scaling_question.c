/* SPDX-License-Identifier: GPL-3.0-or-later
 * What evidence asks the scaling surrogate about one operator. */
#include "model/scaling_question.h"

bool kt_scaling_needs_prior(const struct kt_operator_evidence *op) {
    return op->history.count > 0 && op->history.count < KT_WARM_START_PARALLELISMS;
}

void kt_scaling_library_prior(double *prior) {
    kt_laws_prior(kt_scaling_model_default.laws, KT_LAW_MAYBE_KEYED, prior);
}

/* One HASH edge makes the input keyed. A source has no keys; an operator without known inputs may
 * have them. */
static enum kt_law_keyed keyed_of(const struct kt_operator_evidence *op) {
    for (size_t e = 0; e < op->inputs.count; e++) {
        if (op->inputs.items[e].keyed) {
            return KT_LAW_KEYED;
        }
    }
    return op->is_source || op->inputs.count > 0 ? KT_LAW_NOT_KEYED : KT_LAW_MAYBE_KEYED;
}

/* prior ← norm(π(input) · law_prior / π₀); false where that leaves nothing. */
static bool combine(const struct kt_evidence *evidence, enum kt_law_keyed keyed, double *prior) {
    double any[KT_LAWS];
    kt_scaling_library_prior(any);
    kt_laws_prior(kt_scaling_model_default.laws, keyed, prior);
    double sum = 0;
    for (size_t m = 0; m < KT_LAWS; m++) {
        prior[m] = any[m] > 0 ? prior[m] * (evidence->law_prior.items[m] / any[m]) : 0;
        sum += prior[m];
    }
    if (!(sum > 0)) {
        return false;
    }
    for (size_t m = 0; m < KT_LAWS; m++) {
        prior[m] /= sum;
    }
    return true;
}

struct kt_scaling_question kt_scaling_question_of(const struct kt_evidence *evidence,
                                                  const struct kt_operator_evidence *op,
                                                  double *law_prior) {
    struct kt_scaling_question question = {
        .groups = op->groups.items,
        .count = op->groups.count,
        .change_points_ms = op->change_points_ms.items,
        .change_points = op->change_points_ms.count,
        .keyed = keyed_of(op),
        .key_groups = KT_HAS(op, KT_OPEV_MAX_PARALLELISM) ? op->max_parallelism : 0,
    };
    /* Where the number of key groups is not known, the surrogate leaves their laws out. */
    const enum kt_law_keyed keyed = question.key_groups > 0 ? question.keyed : KT_LAW_NOT_KEYED;
    if (evidence->law_prior.count == KT_LAWS && kt_scaling_needs_prior(op) &&
        combine(evidence, keyed, law_prior)) {
        question.law_prior = law_prior;
    }
    return question;
}
