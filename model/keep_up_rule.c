/* SPDX-License-Identifier: GPL-3.0-or-later
 * The keep-up signal and the trim band of kontune for policies that do not know them. */
#include "model/keep_up_rule.h"

#include "model/say.h"
#include "schemas/metric_event.h"

#include <math.h>

/* What the rule did to an answer. */
struct effect {
    int32_t kept;   /* the first operator that was not raised; -1 */
    int32_t raised; /* the first that the rule raised; -1 */
    bool untrimmed; /* lowering was not worth a restart */
};

static void move(struct kt_operator_decision *decision, int32_t to, int method) {
    decision->to = to;
    decision->method = method;
    kt_policy_forget_prediction(decision);
}

/* Rules 1 and 2. */
static void follow_signal(const struct kt_policy_input *input, struct kt_policy_output *output,
                          struct effect *effect) {
    for (size_t i = 0; i < input->evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &input->evidence->operators.items[i];
        struct kt_operator_decision *decision = &output->operators[i];
        if (KT_HAS(op, KT_OPEV_PINNED)) {
            continue;
        }
        if (op->keep_up == KT_KEEP_UP_KEPT_UP && decision->to > decision->from) {
            move(decision, decision->from, KT_METHOD_KEEP);
            effect->kept = effect->kept < 0 ? (int32_t)i : effect->kept;
        }
        if (op->keep_up == KT_KEEP_UP_FELL_BEHIND && decision->to <= decision->from &&
            decision->from < KT_PARALLELISM_MAX) {
            move(decision, decision->from + 1, KT_METHOD_RULE);
            effect->raised = effect->raised < 0 ? (int32_t)i : effect->raised;
            output->urgent = true;
        }
    }
}

/* λ of an operator in this window; false: it is not known. */
static bool lambda_of(const struct kt_operator_evidence *op,
                      const struct kt_operator_decision *decision, double *lambda) {
    if (KT_HAS(decision, KT_OPDEC_LAMBDA)) {
        *lambda = decision->lambda;
        return true;
    }
    *lambda = op->rate_in_per_s;
    return op->keep_up == KT_KEEP_UP_KEPT_UP && KT_HAS(op, KT_OPEV_RATE_IN_PER_S);
}

static bool is_old_load(const struct kt_policy_input *input,
                        const struct kt_policy_output *output) {
    bool decided = false;
    for (size_t i = 0; i < input->evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &input->evidence->operators.items[i];
        double lambda = 0;
        if (!KT_HAS(op, KT_OPEV_LAMBDA_DECIDED)) {
            continue;
        }
        decided = true;
        if (lambda_of(op, &output->operators[i], &lambda) &&
            fabs(lambda - op->lambda_decided) >
                input->evidence->settings.load_change * op->lambda_decided) {
            return false;
        }
    }
    return decided;
}

/* Rule 3. */
static void hold_trims(const struct kt_policy_input *input, struct kt_policy_output *output,
                       struct effect *effect) {
    const size_t count = input->evidence->operators.count;
    double cores = 0;
    double saved = 0;
    for (size_t i = 0; i < count; i++) {
        const struct kt_operator_decision *decision = &output->operators[i];
        if (decision->to > decision->from) {
            return;
        }
        cores += decision->from;
        saved += decision->from - decision->to;
    }
    /* The tolerance keeps 3 of 20 at a band of 15 % on the right side of rounding. */
    if (saved <= 0 || !is_old_load(input, output) ||
        saved >= fmax(1, input->evidence->settings.trim_band * cores) * (1 - 1e-9)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (output->operators[i].to < output->operators[i].from) {
            move(&output->operators[i], output->operators[i].from, KT_METHOD_KEEP);
        }
    }
    effect->untrimmed = true;
}

static void name_effect(const struct kt_policy_input *input, struct kt_policy_output *output,
                        const struct effect *effect) {
    const struct kt_operator_evidence *ops = input->evidence->operators.items;
    size_t changed = 0;
    for (size_t i = 0; i < input->evidence->operators.count; i++) {
        changed += output->operators[i].to != output->operators[i].from;
    }
    if (effect->raised >= 0 &&
        (output->reason == KT_REASON_STEADY || output->reason == KT_REASON_LIMITED)) {
        output->reason = KT_REASON_UNKNOWN;
        output->text = kt_arena_printf(input->arena, "%.*s fell behind",
                                       KT_STR_ARG(kt_say_name(&ops[effect->raised])));
        return;
    }
    if (changed > 0 || (effect->kept < 0 && !effect->untrimmed)) {
        return;
    }
    output->phase = output->phase == KT_PHASE_BIG ? input->evidence->phase : KT_PHASE_STEADY;
    output->reason = KT_REASON_STEADY;
    output->urgent = false;
    output->text =
        effect->untrimmed
            ? kt_arena_printf(input->arena,
                              "%.*s, but at this load fewer would save less than %.0f "
                              "%% of the job's subtasks",
                              KT_STR_ARG(output->text), input->evidence->settings.trim_band * 100)
            : kt_arena_printf(input->arena, "%.*s, but %.*s kept up", KT_STR_ARG(output->text),
                              KT_STR_ARG(kt_say_name(&ops[effect->kept])));
}

void kt_keep_up_rule_apply(const struct kt_policy_input *input, struct kt_policy_output *output) {
    if (output->reason == KT_REASON_NO_TOPOLOGY || output->text.data == NULL) {
        return; /* no answer, or none that could be said */
    }
    struct effect effect = {.kept = -1, .raised = -1};
    follow_signal(input, output, &effect);
    hold_trims(input, output, &effect);
    name_effect(input, output, &effect);
}
