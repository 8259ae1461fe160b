/* SPDX-License-Identifier: GPL-3.0-or-later
 * The scaling surrogate of one operator of evidence. */
#include "model/operator_fit.h"

#include "model/cbo.h"
#include "model/evidence_check.h"
#include "model/scaling_question.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* One group from this window, of an operator of which nothing was ever learned. Where it was not
 * busy enough, what it is able to do at least: a bound, which does not err as the quotient would.
 */
static bool observe_window(const struct kt_evidence *evidence,
                           const struct kt_operator_evidence *op,
                           struct kt_observation_group *group) {
    bool measured = false;
    const double ability = kt_cbo_window_ability(evidence, op, &measured);
    if (!(ability > 0) || op->parallelism < 1) {
        return false;
    }
    *group = (struct kt_observation_group){.parallelism = op->parallelism,
                                           .generation = evidence->generation,
                                           .window_end_ms = evidence->window_end_ms,
                                           .observations = 1,
                                           .ability = ability,
                                           .weight = measured ? fmin(op->busy * op->busy, 1) : 1};
    return true;
}

/* What one subtask does by the group of the largest weight, of equal ones the newest. */
static double unit_of(const struct kt_observation_group *groups, size_t count) {
    size_t heaviest = 0;
    for (size_t g = 1; g < count; g++) {
        if (groups[g].weight >= groups[heaviest].weight) {
            heaviest = g;
        }
    }
    return groups[heaviest].ability / groups[heaviest].parallelism;
}

enum kt_err kt_operator_fit(struct kt_scaling *scaling, const struct kt_evidence *evidence,
                            const struct kt_operator_evidence *op, struct kt_operator_fit *fit,
                            struct kt_error *error) {
    double law_prior[KT_LAWS];
    struct kt_observation_group groups[KT_GROUPS_MAX];
    struct kt_scaling_question question = kt_scaling_question_of(evidence, op, law_prior);
    *fit = (struct kt_operator_fit){.fitted = false};
    if (question.count > 0) {
        memcpy(groups, question.groups, question.count * sizeof *groups);
    } else if (observe_window(evidence, op, &groups[0])) {
        question.count = 1;
    } else {
        return KT_ERR_OK;
    }
    fit->unit = unit_of(groups, question.count);
    for (size_t g = 0; g < question.count; g++) {
        groups[g].ability = fmin(fmax(groups[g].ability / fit->unit, DBL_MIN), KT_MEASURE_MAX);
    }
    question.groups = groups;
    enum kt_err err = kt_scaling_fit(scaling, &question, &fit->fit, error);
    if (err != KT_ERR_OK) {
        return kt_fail_in(error, err, "operator %.*s", KT_STR_ARG(op->vertex_id));
    }
    fit->fitted = true;
    return KT_ERR_OK;
}

enum kt_err kt_operator_tell_fit(const struct kt_operator_evidence *op,
                                 const struct kt_scaling_fit *fit, struct kt_arena *arena,
                                 struct kt_operator_decision *decision, struct kt_error *error) {
    char text[KT_LAW_TEXT_MAX];
    kt_law_describe(fit->law, KT_HAS(op, KT_OPEV_MAX_PARALLELISM) ? op->max_parallelism : 0, text);
    decision->surrogate =
        (struct kt_surrogate_fit){.name = KT_STR("scaling"),
                                  .log_marginal_likelihood = fit->log_marginal_likelihood,
                                  .law = kt_arena_str(arena, kt_str_of(text)),
                                  .law_probability = fit->law_probability,
                                  .noise = fit->noise};
    if (decision->surrogate.law.data == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the law of an operator");
    }
    KT_SET(&decision->surrogate, KT_FIT_LAW);
    KT_SET(&decision->surrogate, KT_FIT_LAW_PROBABILITY);
    KT_SET(&decision->surrogate, KT_FIT_NOISE);
    KT_SET(decision, KT_OPDEC_SURROGATE);
    /* Only an observation of this window can begin a level: an older one was asked before. */
    decision->change_point = fit->change_point && op->learned;
    return KT_ERR_OK;
}

/* Of two equally near the smaller one. */
static int32_t nearest_group(const struct kt_operator_evidence *op, int32_t parallelism) {
    int32_t nearest = 0;
    for (size_t g = 0; g < op->groups.count; g++) {
        const int32_t p = op->groups.items[g].parallelism;
        const int32_t nearer = abs(p - parallelism) - abs(nearest - parallelism);
        if (nearest == 0 || nearer < 0 || (nearer == 0 && p < nearest)) {
            nearest = p;
        }
    }
    return nearest;
}

void kt_operator_tell_prediction(const struct kt_operator_evidence *op, double ability,
                                 double stddev, struct kt_operator_decision *decision) {
    decision->predicted_ability = ability;
    decision->predicted_stddev = stddev;
    KT_SET(decision, KT_OPDEC_PREDICTED_ABILITY);
    KT_SET(decision, KT_OPDEC_PREDICTED_STDDEV);
    decision->nearest_observed = nearest_group(op, decision->to);
    if (decision->nearest_observed > 0) {
        KT_SET(decision, KT_OPDEC_NEAREST_OBSERVED);
    }
}
