/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policy `random`: while a job is under- or over-provisioned, the operators that make it so get
 * a parallelism drawn uniformly from 1…pmax, other than the present one; pmax is the job's largest
 * so far, and its double for an operator that is too slow with pmax.
 *
 * ContTune compares itself with random search and does not say what is drawn; its figures fit draws
 * up to the 16 or 32 that its Big phase reaches. Here only what is wrong is drawn again (in an
 * under-provisioned job: busy and not held up by others; in an over-provisioned one: below
 * core_min, and one less was not seen to be too little). With all operators drawn at once a job of
 * four would be right once in many thousand draws, which would measure nothing. The draw is a hash
 * of vertex, window and generation, so that a decision is still a pure function of its evidence. */
#include "model/demand.h"
#include "model/guard.h"
#include "model/policy.h"
#include "model/say.h"
#include "schemas/metric_event.h"

/* The finaliser of splitmix64 (Steele et al., OOPSLA 2014): neighbouring hashes give unrelated
 * draws. */
static uint64_t scramble(uint64_t z) {
    z = (z ^ (z >> 30U)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27U)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31U);
}

static int32_t peak(const struct kt_evidence *evidence) {
    int32_t most = evidence->parallelism_peak > 1 ? evidence->parallelism_peak : 1;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const int32_t p = evidence->operators.items[i].parallelism;
        most = p > most ? p : most;
    }
    return most;
}

/* What may be drawn: at least its lower bound, at most pmax or its double. */
static struct kt_guard_range choices(const struct kt_evidence *evidence,
                                     const struct kt_operator_evidence *op, int state) {
    struct kt_guard_range range = kt_guard_range(op);
    int32_t most = peak(evidence);
    if (state == KT_STATE_UNDER && op->parallelism == most) {
        most = most <= KT_PARALLELISM_MAX / 2 ? 2 * most : KT_PARALLELISM_MAX;
    }
    if (most < range.hi) {
        range.hi = most > range.lo ? most : range.lo;
    }
    return range;
}

/* Uniform in the range without the present; the bias of the remainder is below 2^-48. */
static int32_t draw(const struct kt_evidence *evidence, const struct kt_operator_evidence *op,
                    struct kt_guard_range range) {
    const bool inside = op->parallelism >= range.lo && op->parallelism <= range.hi;
    const uint64_t count = (uint64_t)(range.hi - range.lo) + (inside ? 0 : 1);
    if (count == 0) {
        return op->parallelism;
    }
    uint64_t hash = kt_str_hash(KT_HASH_SEED, op->vertex_id);
    hash = scramble(hash ^ (uint64_t)evidence->window_end_ms);
    hash = scramble(hash ^ (uint64_t)evidence->generation);
    const int32_t p = range.lo + (int32_t)(hash % count);
    return inside && p >= op->parallelism ? p + 1 : p;
}

/* Whether one subtask fewer was seen to be too little for what the operator receives: then it is
 * right, however little busy. (Two subtasks of which one would be 120 % busy are 60 % busy.) */
static bool is_least(const struct kt_operator_evidence *op) {
    for (size_t h = 0; h < op->history.count; h++) {
        if (op->history.items[h].parallelism == op->parallelism - 1) {
            return op->history.items[h].ability < op->rate_in_per_s;
        }
    }
    return op->parallelism <= op->min_allowed;
}

/* Whether the state of the job is this operator's doing. */
static bool is_wrong(const struct kt_evidence *evidence, const struct kt_operator_evidence *op,
                     int state) {
    double usage = 0;
    if (KT_HAS(op, KT_OPEV_PINNED) || !kt_load_usage(op, &usage)) {
        return false;
    }
    if (state == KT_STATE_OVER) {
        return usage < evidence->settings.core_min && !is_least(op);
    }
    const bool blocked = KT_HAS(op, KT_OPEV_BACKPRESSURED) &&
                         op->backpressured >= evidence->settings.backpressure_threshold;
    return !blocked && usage >= evidence->settings.core_max;
}

static enum kt_err propose(const struct kt_policy_input *input, struct kt_policy_output *output,
                           struct kt_error *error) {
    enum kt_err err = kt_policy_show_lambda(input, output, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const struct kt_evidence *evidence = input->evidence;
    const int state = input->load->state;
    output->phase = KT_PHASE_STEADY;
    output->reason = KT_REASON_STEADY;
    int32_t slowest = -1;
    double seconds = 0;
    if (kt_demand_catching_up(evidence, &slowest, &seconds)) {
        output->text =
            kt_say_catching_up(&evidence->operators.items[slowest], seconds, input->arena);
        return KT_ERR_OK;
    }
    if (state != KT_STATE_UNDER && state != KT_STATE_OVER) {
        output->text = kt_say_load(evidence, input->load, input->arena);
        return KT_ERR_OK;
    }
    size_t changed = 0;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        struct kt_operator_decision *decision = &output->operators[i];
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (is_wrong(evidence, op, state)) {
            decision->to = draw(evidence, op, choices(evidence, op, state));
            decision->method = decision->to != decision->from ? KT_METHOD_RULE : KT_METHOD_KEEP;
            changed += decision->to != decision->from;
        }
    }
    const char *what = state == KT_STATE_UNDER ? "under" : "over";
    output->urgent = state == KT_STATE_UNDER;
    if (changed > 0) {
        output->reason = KT_REASON_UNKNOWN;
        output->text =
            kt_arena_printf(input->arena, "the job is %s-provisioned, drawn at random", what);
    } else {
        output->reason = state == KT_STATE_UNDER ? KT_REASON_LIMITED : KT_REASON_STEADY;
        output->text = kt_arena_printf(
            input->arena, "the job is %s-provisioned, but no operator that makes it so may move",
            what);
    }
    return KT_ERR_OK;
}

const struct kt_policy kt_policy_random = {
    .name = "random",
    .summary = "parallelisms drawn at random while the job is not right, for comparison",
    .propose = propose,
};
