/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policies `ds2` and `big-ds2`: the linear answer of DS2 (Kalavri et al., OSDI 2018), for the
 * whole graph at once, and as the small step of Big-small. */
#include "model/big_small.h"
#include "model/cbo.h"
#include "model/demand.h"
#include "model/targets.h"

/* ⌈λ / (PA/p)⌉ for one operator; one without a measured ability stays. */
static void answer_linear(const struct kt_evidence *evidence, const struct kt_operator_evidence *op,
                          double lambda, double lambda_lower, struct kt_operator_decision *decision,
                          bool *short_now) {
    bool measured = false;
    const double ability = kt_cbo_window_ability(evidence, op, &measured);
    if (KT_HAS(op, KT_OPEV_PINNED) || !(ability > 0)) {
        return;
    }
    const double unit = ability / op->parallelism;
    decision->to = kt_linear_parallelism(lambda, lambda_lower, op->parallelism, unit);
    decision->method = KT_METHOD_LINEAR;
    decision->predicted_ability = unit * decision->to;
    KT_SET(decision, KT_OPDEC_PREDICTED_ABILITY);
    const int32_t nearest = kt_cbo_nearest(op->history.items, op->history.count, decision->to);
    if (nearest > 0) {
        decision->nearest_observed = nearest;
        KT_SET(decision, KT_OPDEC_NEAREST_OBSERVED);
    }
    *short_now = ability < lambda * (1 - 1e-9);
}

static enum kt_err propose_ds2(const struct kt_policy_input *input, struct kt_policy_output *output,
                               struct kt_error *error) {
    const struct kt_evidence *evidence = input->evidence;
    const size_t count = evidence->operators.count;
    double *target = NULL;
    output->phase = KT_PHASE_STEADY;
    if (kt_targets_blind(evidence, input->arena, &output->text)) {
        output->reason = KT_REASON_NO_TOPOLOGY;
        return KT_ERR_OK;
    }
    enum kt_err err = kt_targets_carry(evidence, input->topology, input->arena, &target, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    size_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        struct kt_operator_decision *decision = &output->operators[i];
        decision->lambda = target[i];
        KT_SET(decision, KT_OPDEC_LAMBDA);
        bool short_now = false;
        if (!evidence->operators.items[i].is_source) { /* DS2 leaves sources as they are */
            answer_linear(evidence, &evidence->operators.items[i], decision->lambda,
                          decision->lambda, decision, &short_now);
        }
        output->urgent |= short_now;
        changed += decision->to != decision->from;
    }
    output->reason = changed > 0 ? KT_REASON_UNKNOWN : KT_REASON_STEADY;
    output->text = kt_arena_printf(input->arena, "%s",
                                   changed > 0 ? "by the rates along the graph"
                                               : "the rates along the graph ask for what runs now");
    return KT_ERR_OK;
}

const struct kt_policy kt_policy_ds2 = {
    .name = "ds2",
    .summary = "the linear answer along the graph, in every window (DS2)",
    .propose = propose_ds2,
};

/* With nothing backpressured, targets are what is received: DS2's answer falls apart into one
 * linear answer per operator. Sources are among them, or they would stay at what Big gave them. */
static enum kt_err optimum(const struct kt_policy_input *input, size_t i, double lambda,
                           struct kt_operator_decision *decision, bool *short_now,
                           struct kt_error *error) {
    (void)error;
    answer_linear(input->evidence, &input->evidence->operators.items[i], lambda,
                  kt_demand_to_lower(lambda), decision, short_now);
    return KT_ERR_OK;
}

static enum kt_err propose_big_ds2(const struct kt_policy_input *input,
                                   struct kt_policy_output *output, struct kt_error *error) {
    return kt_big_small(input, optimum, output, error);
}

const struct kt_policy kt_policy_big_ds2 = {
    .name = "big-ds2",
    .summary = "Big-small with DS2's linear answer",
    .propose = propose_big_ds2,
};
