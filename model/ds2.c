/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policies `ds2` and `big-ds2`: the linear answer of DS2 (Kalavri et al., OSDI 2018), for the
 * whole graph at once, and as the small step of Big-small. */
#include "model/big_small.h"
#include "model/cbo.h"
#include "model/demand.h"
#include "model/evidence_check.h"
#include "model/say.h"

#include <math.h>

/* A source that is blocked nearly always still says something about its rate. */
#define FREE_SHARE_MIN 0.05

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

static double sent(const struct kt_operator_evidence *op) {
    if (KT_HAS(op, KT_OPEV_RATE_OUT_PER_S)) {
        return op->rate_out_per_s;
    }
    return op->is_source && KT_HAS(op, KT_OPEV_RATE_IN_PER_S) ? op->rate_in_per_s : 0;
}

/* What a source would send if nothing held it back. */
static double source_target(const struct kt_evidence *evidence,
                            const struct kt_operator_evidence *op) {
    const double rate = sent(op);
    const bool backpressured = KT_HAS(op, KT_OPEV_BACKPRESSURED) &&
                               op->backpressured >= evidence->settings.backpressure_threshold;
    if (!backpressured && !kt_load_falls_behind(op, evidence->settings.core_max)) {
        return rate;
    }
    if (KT_HAS(op, KT_OPEV_PENDING_GROWTH_PER_S)) {
        return fmax(0, rate + op->pending_growth_per_s);
    }
    return rate / fmax(1 - op->backpressured, FREE_SHARE_MIN);
}

/* Products of ratios of absurd measures would leave the range of doubles. */
static double bounded(double rate) {
    return fmin(rate, KT_MEASURE_MAX);
}

/* target_in(d) = rate_in(d) · Σ target_out(u) / Σ rate_out(u) over the input edges; Σ target_out
 * where nothing was measured on them. target_out keeps the measured selectivity. */
static void carry_targets(const struct kt_policy_input *input, double *target_in,
                          double *target_out) {
    const struct kt_evidence *evidence = input->evidence;
    for (size_t k = 0; k < input->topology->count; k++) {
        const int32_t i = input->topology->order[k];
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (op->inputs.count == 0) {
            target_out[i] = source_target(evidence, op);
            target_in[i] = target_out[i];
            continue;
        }
        double wanted = 0;
        double measured = 0;
        for (size_t e = 0; e < op->inputs.count; e++) {
            const int32_t upstream = op->inputs.items[e].upstream;
            wanted += target_out[upstream];
            measured += sent(&evidence->operators.items[upstream]);
        }
        const double received = KT_HAS(op, KT_OPEV_RATE_IN_PER_S) ? op->rate_in_per_s : 0;
        target_in[i] = bounded(measured > 0 ? received * bounded(wanted / measured) : wanted);
        target_out[i] = received > 0 ? bounded(target_in[i] * bounded(sent(op) / received)) : 0;
    }
}

static enum kt_err propose_ds2(const struct kt_policy_input *input, struct kt_policy_output *output,
                               struct kt_error *error) {
    const struct kt_evidence *evidence = input->evidence;
    const size_t count = evidence->operators.count;
    double *target_in = kt_arena_array(input->arena, count, sizeof *target_in);
    double *target_out = kt_arena_array(input->arena, count, sizeof *target_out);
    if (target_in == NULL || target_out == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the targets of %zu operators", count);
    }
    output->phase = KT_PHASE_STEADY;
    for (size_t i = 0; i < count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (op->inputs.count == 0 && !op->is_source) {
            output->reason = KT_REASON_NO_TOPOLOGY;
            output->text = kt_arena_printf(input->arena, "the inputs of %.*s are not known",
                                           KT_STR_ARG(kt_say_name(op)));
            return KT_ERR_OK;
        }
    }
    carry_targets(input, target_in, target_out);
    size_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        struct kt_operator_decision *decision = &output->operators[i];
        decision->lambda = target_in[i];
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
