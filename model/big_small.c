/* SPDX-License-Identifier: GPL-3.0-or-later
 * The Big-small algorithm (ContTune, algorithm 1). */
#include "model/big_small.h"

#include "model/demand.h"
#include "model/guard.h"
#include "model/say.h"
#include "schemas/metric_event.h"

static bool is_pinned(const struct kt_operator_evidence *op) {
    return KT_HAS(op, KT_OPEV_PINNED);
}

static void keep(const struct kt_policy_input *input, struct kt_policy_output *output) {
    output->phase = input->evidence->phase;
    output->reason = KT_REASON_STEADY;
    output->text = kt_say_load(input->evidence, input->load, input->arena);
}

/* The optimum of every operator at its λ. *raised, *changed: how many it would raise, change. */
static enum kt_err optima(const struct kt_policy_input *input, kt_optimum *optimum,
                          const double *lambda, struct kt_policy_output *output, size_t *raised,
                          size_t *changed, struct kt_error *error) {
    *raised = 0;
    *changed = 0;
    for (size_t i = 0; i < input->evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &input->evidence->operators.items[i];
        struct kt_operator_decision *decision = &output->operators[i];
        if (lambda[i] < 0) {
            continue;
        }
        decision->lambda = lambda[i];
        KT_SET(decision, KT_OPDEC_LAMBDA);
        if (is_pinned(op)) {
            continue;
        }
        bool short_now = false;
        enum kt_err err = optimum(input, i, lambda[i], decision, &short_now, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        output->urgent |= short_now;
        *raised += decision->to > decision->from;
        *changed += decision->to != decision->from;
    }
    return KT_ERR_OK;
}

/* Forgets an answer that is not taken; what is known of λ stays. */
static void undo(struct kt_operator_decision *decision) {
    decision->to = decision->from;
    decision->method = KT_METHOD_KEEP;
    kt_policy_forget_prediction(decision);
    KT_CLEAR(decision, KT_OPDEC_SURROGATE);
    decision->surrogate = (struct kt_surrogate_fit){.name = {NULL, 0}};
}

/* Raises what the optimum at the last known λ raises; *taken says whether there was anything. */
static enum kt_err refine(const struct kt_policy_input *input, kt_optimum *optimum,
                          struct kt_policy_output *output, bool *taken, struct kt_error *error) {
    double *lambda = NULL;
    bool complete = false;
    *taken = false;
    enum kt_err err =
        kt_demand_hidden(input->evidence, input->topology, input->arena, &lambda, &complete, error);
    if (err != KT_ERR_OK || !complete) {
        return err;
    }
    size_t raised = 0;
    size_t changed = 0;
    err = optima(input, optimum, lambda, output, &raised, &changed, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    for (size_t i = 0; i < input->evidence->operators.count; i++) {
        const bool pinned = is_pinned(&input->evidence->operators.items[i]);
        if (!pinned && (raised == 0 || output->operators[i].to < output->operators[i].from)) {
            undo(&output->operators[i]);
        }
    }
    if (raised > 0) {
        *taken = true;
        output->phase = KT_PHASE_SMALL;
        output->reason = KT_REASON_REFINED;
        output->text = kt_say_under(input->evidence, input->load, input->arena);
    }
    return KT_ERR_OK;
}

/* All operators to pmax; if none would grow by that, to its double. Never lowers one. */
static void big(const struct kt_policy_input *input, struct kt_policy_output *output) {
    const struct kt_evidence *evidence = input->evidence;
    int32_t peak = evidence->parallelism_peak;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const int32_t p = evidence->operators.items[i].parallelism;
        peak = p > peak ? p : peak;
    }
    const int32_t doubled = peak <= KT_PARALLELISM_MAX / 2 ? 2 * peak : KT_PARALLELISM_MAX;
    size_t grown = 0;
    for (int32_t target = peak;; target = doubled) {
        for (size_t i = 0; i < evidence->operators.count; i++) {
            const struct kt_operator_evidence *op = &evidence->operators.items[i];
            const int32_t cap = kt_guard_range(op).hi;
            const int32_t to = target < cap ? target : cap;
            if (!is_pinned(op) && to > op->parallelism) {
                output->operators[i].to = to;
                output->operators[i].method = KT_METHOD_BIG;
                grown++;
            }
        }
        if (grown > 0 || target == doubled) {
            break;
        }
    }
    output->phase = grown > 0 ? KT_PHASE_BIG : evidence->phase;
    output->reason = grown > 0 ? KT_REASON_BIG : KT_REASON_LIMITED;
    const struct kt_str under = kt_say_under(input->evidence, input->load, input->arena);
    output->text = grown > 0 ? under
                             : kt_arena_printf(input->arena,
                                               "%.*s, but every operator is at its largest allowed "
                                               "parallelism",
                                               KT_STR_ARG(under));
}

static struct kt_str visible_text(const struct kt_policy_input *input, bool changed) {
    const struct kt_load *load = input->load;
    const struct kt_operator_evidence *ops = input->evidence->operators.items;
    if (load->behind >= 0) {
        return kt_say_behind(input->evidence, load, input->arena);
    }
    return kt_arena_printf(input->arena, "nothing is backpressured, %.*s is busiest with %.0f %%%s",
                           KT_STR_ARG(kt_say_name(&ops[load->busiest])), load->usage_max * 100,
                           changed ? "" : " and what runs now is the smallest that keeps up");
}

/* The load is visible: the optimum of every operator, whatever the direction. */
static enum kt_err small(const struct kt_policy_input *input, kt_optimum *optimum,
                         struct kt_policy_output *output, struct kt_error *error) {
    double *lambda = NULL;
    enum kt_err err =
        kt_demand_visible(input->evidence, input->topology, input->arena, &lambda, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    size_t raised = 0;
    size_t changed = 0;
    err = optima(input, optimum, lambda, output, &raised, &changed, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    output->phase = changed > 0 ? KT_PHASE_SMALL : KT_PHASE_STEADY;
    output->reason = changed > 0 ? KT_REASON_UNKNOWN : KT_REASON_STEADY;
    output->text = visible_text(input, changed > 0);
    return KT_ERR_OK;
}

static enum kt_err under(const struct kt_policy_input *input, kt_optimum *optimum,
                         struct kt_policy_output *output, struct kt_error *error) {
    output->urgent = true;
    if (input->load->backpressured < 0) {
        return small(input, optimum, output, error);
    }
    int32_t slowest = -1;
    double seconds = 0;
    if (kt_demand_catching_up(input->evidence, &slowest, &seconds)) {
        output->phase = input->evidence->phase;
        output->reason = KT_REASON_STEADY;
        output->text =
            kt_say_catching_up(&input->evidence->operators.items[slowest], seconds, input->arena);
        return KT_ERR_OK;
    }
    if (input->evidence->phase == KT_PHASE_SMALL) {
        bool taken = false;
        enum kt_err err = refine(input, optimum, output, &taken, error);
        if (err != KT_ERR_OK || taken) {
            return err;
        }
    }
    big(input, output);
    return KT_ERR_OK;
}

enum kt_err kt_big_small(const struct kt_policy_input *input, kt_optimum *optimum,
                         struct kt_policy_output *output, struct kt_error *error) {
    const struct kt_load *load = input->load;
    if (load->state == KT_STATE_UNDER) {
        return under(input, optimum, output, error);
    }
    if (load->state == KT_STATE_OVER ||
        (load->state == KT_STATE_NORMAL && load->backpressured < 0 &&
         input->evidence->phase != KT_PHASE_STEADY)) {
        return small(input, optimum, output, error);
    }
    keep(input, output);
    return KT_ERR_OK;
}
