/* SPDX-License-Identifier: GPL-3.0-or-later
 * The decision: a pure function of the evidence.
 *
 *   check → gate's verdict → pending command → graph → state → policy → keep-up rule → limits →
 *   thresholds
 *
 * The first step that has a reason to hold ends the way. A HOLD asks for nothing: every operator's
 * `to` is its `from`, and its sentence says what would have been done. */
#include "model/decide.h"

#include "model/cbo.h"
#include "model/evidence_check.h"
#include "model/guard.h"
#include "model/keep_up_rule.h"
#include "model/operator_fit.h"
#include "model/say.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

struct kt_decider {
    struct kt_gp *gp;
    struct kt_scaling *scaling;
};

struct kt_decider *kt_decider_new(const struct kt_scaling_model *model) {
    struct kt_decider *decider = calloc(1, sizeof *decider);
    if (decider == NULL) {
        return NULL;
    }
    decider->gp = kt_gp_new();
    decider->scaling = kt_scaling_new(model != NULL ? model : &kt_scaling_model_default);
    if (decider->gp == NULL || decider->scaling == NULL) {
        kt_decider_free(decider);
        return NULL;
    }
    return decider;
}

void kt_decider_free(struct kt_decider *decider) {
    if (decider != NULL) {
        kt_scaling_free(decider->scaling);
        kt_gp_free(decider->gp);
        free(decider);
    }
}

struct kt_scaling *kt_decider_scaling(struct kt_decider *decider) {
    return decider->scaling;
}

static enum kt_err out_of_memory(struct kt_error *error) {
    return kt_fail(error, KT_ERR_LIMIT, "no memory for the decision");
}

static enum kt_err prepare(const struct kt_evidence *evidence, struct kt_arena *arena,
                           struct kt_decision *decision, struct kt_error *error) {
    const size_t count = evidence->operators.count;
    *decision = (struct kt_decision){.kind = KT_COMMAND_HOLD,
                                     .phase = evidence->phase,
                                     .state = KT_STATE_UNKNOWN,
                                     .reason = KT_REASON_UNKNOWN};
    decision->operators.items = kt_arena_array(arena, count, sizeof *decision->operators.items);
    if (decision->operators.items == NULL) {
        return out_of_memory(error);
    }
    decision->operators.count = count;
    for (size_t i = 0; i < count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        decision->operators.items[i] = (struct kt_operator_decision){
            .vertex_id = op->vertex_id,
            .name = op->name,
            .from = op->parallelism,
            .to = op->parallelism,
            .method = KT_HAS(op, KT_OPEV_PINNED) ? KT_METHOD_PINNED : KT_METHOD_KEEP};
    }
    return KT_ERR_OK;
}

/* Ends the way with a reason; text.data NULL means that the arena had no room for it. */
static enum kt_err hold(struct kt_decision *decision, int reason, struct kt_str text,
                        struct kt_error *error) {
    decision->kind = KT_COMMAND_HOLD;
    decision->reason = reason;
    decision->reason_text = text;
    return text.data == NULL ? out_of_memory(error) : KT_ERR_OK;
}

/* Takes back what the policy asked of the operators; λ and the fitted surrogates stay, predictions
 * at a parallelism that will not run go. */
static void take_back(const struct kt_evidence *evidence, struct kt_decision *decision) {
    for (size_t i = 0; i < decision->operators.count; i++) {
        struct kt_operator_decision *op = &decision->operators.items[i];
        if (op->to == op->from) {
            continue;
        }
        op->to = op->from;
        op->method = KT_HAS(&evidence->operators.items[i], KT_OPEV_PINNED) ? KT_METHOD_PINNED
                                                                           : KT_METHOD_KEEP;
        kt_policy_forget_prediction(op);
    }
}

/* "enrich 1 -> 2, aggregate 2 -> 3 and 2 more, 8 -> 12 subtasks in all" */
#define CHANGES_NAMED 3
static struct kt_str say_changes(const struct kt_evidence *evidence,
                                 const struct kt_decision *decision, struct kt_arena *arena) {
    struct kt_str text = {"", 0};
    size_t changed = 0;
    for (size_t i = 0; i < decision->operators.count; i++) {
        const struct kt_operator_decision *op = &decision->operators.items[i];
        if (op->to == op->from) {
            continue;
        }
        changed++;
        if (changed <= CHANGES_NAMED && text.data != NULL) {
            text = kt_arena_printf(
                arena, "%.*s%s%.*s %d -> %d", KT_STR_ARG(text), changed > 1 ? ", " : "",
                KT_STR_ARG(kt_say_name(&evidence->operators.items[i])), op->from, op->to);
        }
    }
    const struct kt_guard_sums sums =
        kt_guard_sum(decision->operators.items, decision->operators.count);
    if (changed > CHANGES_NAMED && text.data != NULL) {
        text =
            kt_arena_printf(arena, "%.*s and %zu more", KT_STR_ARG(text), changed - CHANGES_NAMED);
    }
    if (changed > 1 && text.data != NULL) {
        text = kt_arena_printf(arena, "%.*s, %" PRId64 " -> %" PRId64 " subtasks in all",
                               KT_STR_ARG(text), sums.from, sums.to);
    }
    return text;
}

static const char *limit_name(int limit) {
    switch (limit) {
    case KT_LIMIT_MIN_PARALLELISM:
        return "the configured minimum";
    case KT_LIMIT_MAX_PARALLELISM:
        return "the configured maximum";
    case KT_LIMIT_VERTEX_MAX_PARALLELISM:
        return "the vertex's maximum parallelism";
    case KT_LIMIT_SOURCE_PARTITIONS:
        return "the number of partitions it reads";
    case KT_LIMIT_PIN:
        return "its pin";
    default:
        return "a limit";
    }
}

/* Which operator the limits stop, and at what. */
static struct kt_str say_limited(const struct kt_evidence *evidence,
                                 const struct kt_decision *decision, const int32_t *wanted,
                                 struct kt_str cause, struct kt_arena *arena) {
    for (size_t i = 0; i < decision->operators.count; i++) {
        const struct kt_operator_decision *op = &decision->operators.items[i];
        if (wanted[i] == op->from || op->limits.count == 0) {
            continue;
        }
        const struct kt_guard_range range = kt_guard_range(&evidence->operators.items[i]);
        return kt_arena_printf(
            arena, "%.*s: %.*s would go from %d to %d, but %s allows %s %d", KT_STR_ARG(cause),
            KT_STR_ARG(kt_say_name(&evidence->operators.items[i])), op->from, wanted[i],
            limit_name(op->limits.items[0]), wanted[i] > range.hi ? "at most" : "at least",
            wanted[i] > range.hi ? range.hi : range.lo);
    }
    return cause;
}

static void drop_prediction(struct kt_operator_decision *decision) {
    KT_CLEAR(decision, KT_OPDEC_PREDICTED_ABILITY);
    KT_CLEAR(decision, KT_OPDEC_PREDICTED_STDDEV);
    decision->predicted_ability = 0;
    decision->predicted_stddev = 0;
}

static enum kt_err predict_scaling(struct kt_scaling *scaling, const struct kt_evidence *evidence,
                                   const struct kt_operator_evidence *op,
                                   struct kt_operator_decision *decision, struct kt_error *error) {
    struct kt_operator_fit fit;
    enum kt_err err = kt_operator_fit(scaling, evidence, op, &fit, error);
    if (err == KT_ERR_OK && fit.fitted) {
        double ability = 0;
        double stddev = 0;
        kt_scaling_predict(scaling, decision->to, &ability, &stddev);
        kt_operator_tell_prediction(op, ability * fit.unit, stddev * fit.unit, decision);
    }
    if (err == KT_ERR_OK && fit.fitted && KT_HAS(decision, KT_OPDEC_KEEPS_UP_PROBABILITY)) {
        const double probability = kt_scaling_keeps_up(
            scaling, decision->to,
            (struct kt_scaling_load){decision->lambda / fit.unit,
                                     decision->lambda_noise * decision->lambda_noise});
        decision->keeps_up_probability = fmin(fmax(probability, 0), 1); /* rounding */
    }
    return err;
}

static void predict_rbf(struct kt_gp *gp, const struct kt_operator_evidence *op,
                        struct kt_operator_decision *decision) {
    const struct kt_gp_params params = {.length_scale = decision->surrogate.length_scale,
                                        .sigma_f = decision->surrogate.sigma_f};
    double mean = 0;
    double stddev = 0;
    if (kt_cbo_predict(gp, op->history.items, op->history.count, params, decision->to, &mean,
                       &stddev)) {
        decision->predicted_ability = mean;
        decision->predicted_stddev = stddev;
    } else {
        drop_prediction(decision);
    }
}

/* Where a limit moved an answer, the prediction moves with it, by what had made it. */
static enum kt_err predict_again(struct kt_decider *decider, const struct kt_evidence *evidence,
                                 const struct kt_operator_evidence *op, int32_t wanted,
                                 struct kt_operator_decision *decision, struct kt_error *error) {
    if (decision->to == wanted || !KT_HAS(decision, KT_OPDEC_PREDICTED_ABILITY)) {
        return KT_ERR_OK;
    }
    if (KT_HAS(decision, KT_OPDEC_SURROGATE) && KT_HAS(decision, KT_OPDEC_PREDICTED_STDDEV) &&
        kt_str_equal(decision->surrogate.name, KT_STR("scaling"))) {
        return predict_scaling(decider->scaling, evidence, op, decision, error);
    }
    if (KT_HAS(decision, KT_OPDEC_NEAREST_OBSERVED)) {
        decision->nearest_observed =
            kt_cbo_nearest(op->history.items, op->history.count, decision->to);
    }
    if (!KT_HAS(decision, KT_OPDEC_PREDICTED_STDDEV)) {
        decision->predicted_ability *= (double)decision->to / wanted;
    } else {
        predict_rbf(decider->gp, op, decision);
    }
    return KT_ERR_OK;
}

static enum kt_err limit(struct kt_decider *decider, const struct kt_evidence *evidence,
                         struct kt_arena *arena, struct kt_decision *decision, int32_t *wanted,
                         struct kt_error *error) {
    for (size_t i = 0; i < decision->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        struct kt_operator_decision *answer = &decision->operators.items[i];
        wanted[i] = answer->to;
        enum kt_err err = kt_guard_limit(op, arena, answer, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        err = predict_again(decider, evidence, op, wanted[i], answer, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

static bool wants_change(const struct kt_decision *decision, const int32_t *wanted) {
    for (size_t i = 0; i < decision->operators.count; i++) {
        if (wanted[i] != decision->operators.items[i].from) {
            return true;
        }
    }
    return false;
}

/* A change without a cause of its own is named by what it does to the job's sum. */
static int name_change(int reason, struct kt_guard_sums sums) {
    if (reason != KT_REASON_UNKNOWN) {
        return reason;
    }
    if (sums.to == sums.from) {
        return KT_REASON_REFINED;
    }
    return sums.to < sums.from ? KT_REASON_OVER_PROVISIONED : KT_REASON_UNDER_PROVISIONED;
}

static bool policy_keeps(const struct kt_policy_output *output) {
    return output->reason == KT_REASON_STEADY || output->reason == KT_REASON_LIMITED ||
           output->reason == KT_REASON_NO_TOPOLOGY;
}

/* From the policy's answer to the decision. */
static enum kt_err conclude(struct kt_decider *decider, const struct kt_evidence *evidence,
                            struct kt_arena *arena, const struct kt_policy_output *output,
                            struct kt_decision *decision, struct kt_error *error) {
    if (policy_keeps(output)) {
        decision->phase = output->reason == KT_REASON_STEADY ? output->phase : evidence->phase;
        return hold(decision, output->reason, output->text, error);
    }
    int32_t *wanted = kt_arena_array(arena, decision->operators.count, sizeof *wanted);
    if (wanted == NULL) {
        return out_of_memory(error);
    }
    enum kt_err err = limit(decider, evidence, arena, decision, wanted, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (!kt_guard_moves(decision->operators.items, wanted, decision->operators.count)) {
        const bool limited = wants_change(decision, wanted);
        const struct kt_str text =
            limited ? say_limited(evidence, decision, wanted, output->text, arena) : output->text;
        take_back(evidence, decision);
        decision->phase = limited ? evidence->phase : KT_PHASE_STEADY;
        return hold(decision, limited ? KT_REASON_LIMITED : KT_REASON_STEADY, text, error);
    }
    const struct kt_guard_sums sums =
        kt_guard_sum(decision->operators.items, decision->operators.count);
    const struct kt_str changes = say_changes(evidence, decision, arena);
    struct kt_str text = {NULL, 0};
    const int held = kt_guard_thresholds(evidence, sums, output->urgent, arena, &text);
    if (text.data == NULL && held != KT_REASON_STEADY) {
        return out_of_memory(error);
    }
    if (changes.data == NULL || output->text.data == NULL) {
        return out_of_memory(error);
    }
    if (held != KT_REASON_STEADY) {
        take_back(evidence, decision);
        return hold(
            decision, held,
            kt_arena_printf(arena, "%.*s; held back: %.*s", KT_STR_ARG(text), KT_STR_ARG(changes)),
            error);
    }
    decision->kind = KT_COMMAND_RESCALE;
    decision->phase = output->phase;
    decision->reason = name_change(output->reason, sums);
    decision->reason_text =
        kt_arena_printf(arena, "%.*s: %.*s", KT_STR_ARG(output->text), KT_STR_ARG(changes));
    return decision->reason_text.data == NULL ? out_of_memory(error) : KT_ERR_OK;
}

/* Holds that need no policy. *done: the decision is made. */
static enum kt_err hold_early(const struct kt_evidence *evidence, struct kt_arena *arena,
                              struct kt_topology *topology, struct kt_decision *decision,
                              bool *done, struct kt_error *error) {
    *done = true;
    if (evidence->gate != KT_REASON_STEADY) {
        return hold(decision, evidence->gate,
                    evidence->gate_text.len > 0 ? evidence->gate_text
                                                : KT_STR("the gate holds this window"),
                    error);
    }
    if (evidence->operators.count == 0) {
        return hold(decision, KT_REASON_NO_TOPOLOGY, KT_STR("no operator of the job is known"),
                    error);
    }
    if (KT_HAS(evidence, KT_EVIDENCE_PENDING_UNTIL_MS) &&
        evidence->window_end_ms < evidence->pending_until_ms) {
        return hold(
            decision, KT_REASON_PENDING,
            kt_arena_printf(arena,
                            "rescale %" PRId64
                            " is not carried out yet and is waited for another %.0f s",
                            evidence->generation,
                            (double)(evidence->pending_until_ms - evidence->window_end_ms) / 1e3),
            error);
    }
    struct kt_error graph = {KT_ERR_OK, ""};
    enum kt_err err = kt_topology_build(evidence, arena, topology, &graph);
    if (err == KT_ERR_INVALID) {
        return hold(decision, KT_REASON_NO_TOPOLOGY, kt_arena_printf(arena, "%s", graph.message),
                    error);
    }
    if (err != KT_ERR_OK) {
        return kt_fail(error, err, "%s", graph.message);
    }
    *done = false;
    return KT_ERR_OK;
}

enum kt_err kt_decide(struct kt_decider *decider, const struct kt_evidence *evidence,
                      struct kt_arena *arena, struct kt_decision *decision,
                      struct kt_error *error) {
    enum kt_err err = kt_evidence_check(evidence, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    err = prepare(evidence, arena, decision, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    struct kt_load load = {
        .state = KT_STATE_UNKNOWN, .backpressured = -1, .behind = -1, .busiest = -1};
    if (evidence->gate == KT_REASON_STEADY) {
        load = kt_load_classify(evidence);
        decision->state = load.state;
    }
    struct kt_topology topology;
    bool done = false;
    err = hold_early(evidence, arena, &topology, decision, &done, error);
    if (err != KT_ERR_OK || done) {
        return err;
    }
    const struct kt_policy_input input = {.evidence = evidence,
                                          .topology = &topology,
                                          .load = &load,
                                          .gp = decider->gp,
                                          .scaling = decider->scaling,
                                          .arena = arena};
    struct kt_policy_output output = {.phase = evidence->phase,
                                      .reason = KT_REASON_STEADY,
                                      .operators = decision->operators.items};
    const struct kt_policy *policy = kt_policy_find(evidence->settings.policy);
    err = policy->propose(&input, &output, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (evidence->settings.keep_up_rule && !policy->own_keep_up) {
        kt_keep_up_rule_apply(&input, &output);
    }
    return conclude(decider, evidence, arena, &output, decision, error);
}
