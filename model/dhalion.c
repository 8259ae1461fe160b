/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policy `dhalion`: symptom, diagnosis, resolution (Floratou et al., "Dhalion: Self-Regulating
 * Stream Processing in Heron", PVLDB 10(12), 2017, dynamic resource provisioning).
 *
 * From the paper and from Heron's own implementation (UnderProvisioningDiagnoser, ScaleUpResolver):
 *   symptom     backpressure: the share s of time in which input was suspended, and by which
 *               operator
 *   diagnosis   under-provisioned: that operator, if all its instances work alike;
 * over-provisioned: no backpressure and next to nothing waits resolution  one operator is scaled up
 * by 1 + s / (1 − s), what was lost over what was done, the quotient fenced at 4; down by a
 * configured factor an action that did not help is remembered and not repeated; after one, the
 * topology is given the time to settle before it is judged again
 *
 * Our reading of it for Flink:
 *   - Flink reports who is blocked, not who blocks. The origin is the busiest operator with a
 *     backpressured input that is not backpressured itself; that its subtasks are busy on average
 *     (core_max) takes the place of "all alike", so that skew brings no cores.
 *   - A source that falls behind is under-provisioned too: s = growth / (rate + growth).
 *   - Over-provisioned is an operator whose usage is below core_min, in a job that is
 *     over-provisioned as a whole; all of them step down at once, because Flink restarts the whole
 *     job anyway.
 *   - Decisions have no memory but the evidence. A step down "led to backpressure at this load" if
 *     the history has a parallelism on the way down whose ability is below the present load.
 *   - A job that works off its backlog is settling. */
#include "model/demand.h"
#include "model/guard.h"
#include "model/policy.h"
#include "model/say.h"
#include "schemas/metric_event.h"

#include <math.h>

/* Largest s / (1 − s). */
#define UP_MAX 4.0
/* Share of the subtasks that a step down takes away, at least one. */
#define DOWN_STEP 0.2

static bool is_blocked(const struct kt_evidence *evidence, int32_t i) {
    const struct kt_operator_evidence *op = &evidence->operators.items[i];
    return KT_HAS(op, KT_OPEV_BACKPRESSURED) &&
           op->backpressured >= evidence->settings.backpressure_threshold;
}

/* The share of time in which an operator's most suspended input was; 0: none of them is. */
static double suspended(const struct kt_evidence *evidence, const struct kt_operator_evidence *op) {
    double share = 0;
    for (size_t e = 0; e < op->inputs.count; e++) {
        const int32_t upstream = op->inputs.items[e].upstream;
        if (is_blocked(evidence, upstream)) {
            share = fmax(share, evidence->operators.items[upstream].backpressured);
        }
    }
    return share;
}

/* The origin of the backpressure, or -1; *share: how long it suspended its inputs. */
static int32_t origin(const struct kt_evidence *evidence, double *share) {
    int32_t found = -1;
    double most = 0;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        const double s = suspended(evidence, op);
        double usage = 0;
        if (s > 0 && !is_blocked(evidence, (int32_t)i) && kt_load_usage(op, &usage) &&
            usage >= evidence->settings.core_max && (found < 0 || usage > most)) {
            found = (int32_t)i;
            most = usage;
            *share = s;
        }
    }
    return found;
}

static int32_t scaled_up(int32_t parallelism, double share) {
    const double lost = share < 1 ? fmin(share / (1 - share), UP_MAX) : UP_MAX;
    const double to = fmax(ceil(parallelism * (1 + lost) - 1e-9), parallelism + 1.0);
    return to < KT_PARALLELISM_MAX ? (int32_t)to : KT_PARALLELISM_MAX;
}

static void scale_up(const struct kt_policy_input *input, struct kt_policy_output *output) {
    const struct kt_evidence *evidence = input->evidence;
    const struct kt_load *load = input->load;
    double share = 0;
    int32_t i = origin(evidence, &share);
    if (load->backpressured >= 0) {
        output->text = kt_say_under(evidence, load, input->arena);
    } else {
        i = load->behind;
        const struct kt_operator_evidence *source = &evidence->operators.items[i];
        share =
            source->pending_growth_per_s / (source->rate_in_per_s + source->pending_growth_per_s);
        output->text = kt_say_behind(evidence, load, input->arena);
    }
    if (i < 0 || KT_HAS(&evidence->operators.items[i], KT_OPEV_PINNED)) {
        output->reason = KT_REASON_LIMITED;
        output->text =
            kt_arena_printf(input->arena, "%.*s, but %s", KT_STR_ARG(output->text),
                            i < 0 ? "no vertex below the backpressure is short of capacity"
                                  : "the vertex that is short of capacity is pinned");
        return;
    }
    output->reason = KT_REASON_UNKNOWN;
    output->urgent = true;
    output->operators[i].to = scaled_up(output->operators[i].from, share);
    output->operators[i].method = KT_METHOD_RULE;
}

/* Whether a parallelism of to…from − 1 was seen to be too little for this load. */
static bool is_blacklisted(const struct kt_operator_evidence *op, int32_t to, double lambda) {
    for (size_t h = 0; h < op->history.count; h++) {
        const struct kt_history_point *point = &op->history.items[h];
        if (point->parallelism >= to && point->parallelism < op->parallelism &&
            point->ability < lambda) {
            return true;
        }
    }
    return false;
}

static void scale_down(const struct kt_policy_input *input, struct kt_policy_output *output) {
    const struct kt_evidence *evidence = input->evidence;
    size_t blacklisted = 0;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        struct kt_operator_decision *decision = &output->operators[i];
        const int32_t lo = kt_guard_range(op).lo;
        double usage = 0;
        if (KT_HAS(op, KT_OPEV_PINNED) || op->parallelism <= lo ||
            !KT_HAS(decision, KT_OPDEC_LAMBDA) || !kt_load_usage(op, &usage) ||
            usage >= evidence->settings.core_min) {
            continue;
        }
        const double fewer = fmax(1, floor(op->parallelism * DOWN_STEP));
        const int32_t to = op->parallelism - (int32_t)fewer;
        if (is_blacklisted(op, to > lo ? to : lo, decision->lambda)) {
            blacklisted++;
            continue;
        }
        decision->to = to > lo ? to : lo;
        decision->method = KT_METHOD_RULE;
        output->reason = KT_REASON_UNKNOWN;
    }
    output->text = kt_say_load(evidence, input->load, input->arena);
    if (output->reason == KT_REASON_STEADY && blacklisted > 0) {
        output->text = kt_arena_printf(
            input->arena, "%.*s, but what a step down leads to was seen to be too little",
            KT_STR_ARG(output->text));
    }
}

static enum kt_err propose(const struct kt_policy_input *input, struct kt_policy_output *output,
                           struct kt_error *error) {
    enum kt_err err = kt_policy_show_lambda(input, output, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    output->phase = KT_PHASE_STEADY;
    output->reason = KT_REASON_STEADY;
    int32_t slowest = -1;
    double seconds = 0;
    if (kt_demand_catching_up(input->evidence, &slowest, &seconds)) {
        output->text =
            kt_say_catching_up(&input->evidence->operators.items[slowest], seconds, input->arena);
    } else if (input->load->state == KT_STATE_UNDER) {
        scale_up(input, output);
    } else if (input->load->state == KT_STATE_OVER) {
        scale_down(input, output);
    } else {
        output->text = kt_say_load(input->evidence, input->load, input->arena);
    }
    return KT_ERR_OK;
}

const struct kt_policy kt_policy_dhalion = {
    .name = "dhalion",
    .summary = "the origin of backpressure up by what it lost, idle operators down in steps "
               "(Dhalion)",
    .propose = propose,
};
