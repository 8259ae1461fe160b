/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policy `conttune`: Big-small with conservative Bayesian optimisation of each operator
 * (ContTune, algorithms 1 and 2), by either surrogate and either acquisition; the paper's are `rbf`
 * and the mean. */
#include "model/big_small.h"
#include "model/cbo.h"
#include "model/demand.h"
#include "model/guard.h"
#include "model/operator_fit.h"

static enum kt_cbo_acquisition acquisition_of(const struct kt_policy_settings *settings) {
    return kt_str_equal(settings->acquisition, KT_STR("cei")) ? KT_CBO_CEI : KT_CBO_MEAN;
}

/* Fits the scaling surrogate where the settings ask for it. An operator that it cannot be fitted to
 * has no surrogate at all: the question gets no points, and the answer is linear. */
static enum kt_err use_scaling(const struct kt_policy_input *input,
                               const struct kt_operator_evidence *op,
                               struct kt_cbo_question *question,
                               struct kt_operator_decision *decision, struct kt_error *error) {
    struct kt_operator_fit fit;
    if (!kt_str_equal(input->evidence->settings.surrogate, KT_STR("scaling"))) {
        return KT_ERR_OK;
    }
    enum kt_err err = kt_operator_fit(input->scaling, input->evidence, op, &fit, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (!fit.fitted) {
        question->points = 0;
        return KT_ERR_OK;
    }
    question->scaling = input->scaling;
    question->scaling_unit = fit.unit;
    return kt_operator_tell_fit(op, &fit.fit, input->arena, decision, error);
}

static void tell_answer(const struct kt_cbo_answer *answer, struct kt_guard_range range,
                        struct kt_operator_decision *decision) {
    decision->to = answer->parallelism;
    decision->method = answer->method;
    if (answer->method != KT_METHOD_KEEP) {
        decision->predicted_ability = answer->predicted_ability;
        KT_SET(decision, KT_OPDEC_PREDICTED_ABILITY);
    }
    if (answer->method == KT_METHOD_SURROGATE) {
        decision->predicted_stddev = answer->predicted_stddev;
        KT_SET(decision, KT_OPDEC_PREDICTED_STDDEV);
    }
    if (answer->method == KT_METHOD_SURROGATE && answer->parallelism >= range.lo) {
        /* Of an answer that a limit is going to move it would not be the one that runs. */
        decision->keeps_up_probability = answer->keeps_up;
        KT_SET(decision, KT_OPDEC_KEEPS_UP_PROBABILITY);
    }
    if (answer->nearest_observed > 0) {
        decision->nearest_observed = answer->nearest_observed;
        KT_SET(decision, KT_OPDEC_NEAREST_OBSERVED);
    }
    if (answer->fitted) {
        decision->surrogate =
            (struct kt_surrogate_fit){.name = KT_STR("rbf"),
                                      .length_scale = answer->params.length_scale,
                                      .sigma_f = answer->params.sigma_f,
                                      .log_marginal_likelihood = answer->log_likelihood};
        KT_SET(&decision->surrogate, KT_FIT_LENGTH_SCALE);
        KT_SET(&decision->surrogate, KT_FIT_SIGMA_F);
        KT_SET(decision, KT_OPDEC_SURROGATE);
    }
}

static enum kt_err optimum(const struct kt_policy_input *input, size_t i, double lambda,
                           struct kt_operator_decision *decision, bool *short_now,
                           struct kt_error *error) {
    const struct kt_evidence *evidence = input->evidence;
    const struct kt_operator_evidence *op = &evidence->operators.items[i];
    if (!KT_HAS(op, KT_OPEV_BUSY) || !KT_HAS(op, KT_OPEV_RATE_IN_PER_S)) {
        return KT_ERR_OK; /* a vertex that does not measure itself is left as it is */
    }
    const struct kt_guard_range range = kt_guard_range(op);
    struct kt_cbo_question question = {.history = op->history.items,
                                       .points = op->history.count,
                                       .lambda = lambda,
                                       .lambda_lower = kt_demand_to_lower(lambda),
                                       .present = op->parallelism,
                                       .cap = range.hi,
                                       .alpha = evidence->settings.alpha,
                                       .acquisition = acquisition_of(&evidence->settings)};
    bool measured = false;
    const double ability = kt_cbo_window_ability(evidence, op, &measured);
    *(measured ? &question.ability : &question.ability_floor) = ability;
    enum kt_err err = use_scaling(input, op, &question, decision, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    struct kt_cbo_answer answer;
    err = kt_cbo_solve(input->gp, &question, &answer, error);
    if (err != KT_ERR_OK) {
        return kt_fail_in(error, err, "operator %.*s", KT_STR_ARG(op->vertex_id));
    }
    tell_answer(&answer, range, decision);
    *short_now = answer.short_now;
    return KT_ERR_OK;
}

static enum kt_err propose(const struct kt_policy_input *input, struct kt_policy_output *output,
                           struct kt_error *error) {
    return kt_big_small(input, optimum, output, error);
}

const struct kt_policy kt_policy_conttune = {
    .name = "conttune",
    .summary = "Big-small, and conservative Bayesian optimisation per operator (ContTune)",
    .propose = propose,
};
