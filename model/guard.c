/* SPDX-License-Identifier: GPL-3.0-or-later
 * The guardrails behind a policy: what an operator may be set to, and when a job may be restarted.
 */
#include "model/guard.h"

#include <inttypes.h>

static int32_t least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* Subtasks beyond a source's partitions would be idle. */
static bool has_partitions(const struct kt_operator_evidence *op) {
    return op->is_source && KT_HAS(op, KT_OPEV_SOURCE_PARTITIONS);
}

struct kt_guard_range kt_guard_range(const struct kt_operator_evidence *op) {
    const int32_t hard = KT_HAS(op, KT_OPEV_MAX_PARALLELISM) ? op->max_parallelism : INT32_MAX;
    if (KT_HAS(op, KT_OPEV_PINNED)) {
        const int32_t pin = least(op->pinned, hard);
        return (struct kt_guard_range){.lo = pin, .hi = pin};
    }
    int32_t hi = least(op->max_allowed, hard);
    if (has_partitions(op)) {
        hi = least(hi, op->source_partitions);
    }
    return (struct kt_guard_range){.lo = least(op->min_allowed, hi), .hi = hi};
}

enum kt_err kt_guard_limit(const struct kt_operator_evidence *op, struct kt_arena *arena,
                           struct kt_operator_decision *decision, struct kt_error *error) {
    const struct kt_guard_range range = kt_guard_range(op);
    const int32_t wanted = decision->to;
    const bool pinned = KT_HAS(op, KT_OPEV_PINNED);
    const int32_t asked = pinned ? op->pinned : wanted; /* what the upper bounds are held against */
    const struct {
        int limit;
        bool acted;
    } all[] = {
        {KT_LIMIT_PIN, pinned && wanted != range.lo},
        {KT_LIMIT_MIN_PARALLELISM, !pinned && wanted < op->min_allowed},
        {KT_LIMIT_MAX_PARALLELISM,
         !pinned && (wanted > op->max_allowed ||
                     (wanted < op->min_allowed && op->min_allowed > op->max_allowed))},
        {KT_LIMIT_VERTEX_MAX_PARALLELISM,
         KT_HAS(op, KT_OPEV_MAX_PARALLELISM) && asked > op->max_parallelism},
        {KT_LIMIT_SOURCE_PARTITIONS,
         !pinned && has_partitions(op) && wanted > op->source_partitions},
    };
    const size_t kinds = sizeof all / sizeof all[0];
    size_t count = 0;
    for (size_t i = 0; i < kinds; i++) {
        count += all[i].acted;
    }
    if (count > 0) {
        decision->limits.items = kt_arena_array(arena, count, sizeof *decision->limits.items);
        if (decision->limits.items == NULL) {
            return kt_fail(error, KT_ERR_LIMIT, "no memory for the limits of an operator");
        }
        for (size_t i = 0; i < kinds; i++) {
            if (all[i].acted) {
                decision->limits.items[decision->limits.count++] = all[i].limit;
            }
        }
    }
    decision->to = wanted < range.lo ? range.lo : least(wanted, range.hi);
    if (pinned) {
        decision->method = KT_METHOD_PINNED;
    } else if (decision->to != wanted) {
        decision->method = KT_METHOD_LIMITED;
    }
    return KT_ERR_OK;
}

bool kt_guard_moves(const struct kt_operator_decision *operators, const int32_t *wanted,
                    size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int32_t from = operators[i].from;
        const int32_t to = operators[i].to;
        if ((wanted[i] > from && to > from) || (wanted[i] < from && to < from)) {
            return true;
        }
    }
    return false;
}

struct kt_guard_sums kt_guard_sum(const struct kt_operator_decision *operators, size_t count) {
    struct kt_guard_sums sums = {0, 0};
    for (size_t i = 0; i < count; i++) {
        sums.from += operators[i].from;
        sums.to += operators[i].to;
    }
    return sums;
}

/* The tolerance keeps 20 → 21 at a threshold of 5 % on the right side of rounding. */
static bool passes(struct kt_guard_sums sums, double threshold) {
    const double small = (double)(sums.from < sums.to ? sums.from : sums.to);
    const double large = (double)(sums.from < sums.to ? sums.to : sums.from);
    return large > small && large - small >= small * (threshold - 1e-9);
}

int kt_guard_thresholds(const struct kt_evidence *evidence, struct kt_guard_sums sums, bool urgent,
                        struct kt_arena *arena, struct kt_str *text) {
    const struct kt_policy_settings *s = &evidence->settings;
    if (!urgent && !passes(sums, s->decision_threshold)) {
        *text = kt_arena_printf(arena,
                                "the change from %" PRId64 " to %" PRId64
                                " subtasks in all is less than the decision threshold of %.1f %%",
                                sums.from, sums.to, s->decision_threshold * 100);
        return KT_REASON_BELOW_THRESHOLD;
    }
    if (KT_HAS(evidence, KT_EVIDENCE_LAST_RESCALE_MS) &&
        evidence->window_end_ms < evidence->last_rescale_ms + s->cooldown_ms) {
        *text = kt_arena_printf(arena, "the last rescale was %.0f s ago, the cooldown lasts %.0f s",
                                (double)(evidence->window_end_ms - evidence->last_rescale_ms) / 1e3,
                                (double)s->cooldown_ms / 1e3);
        return KT_REASON_COOLDOWN;
    }
    if (evidence->restarts_in_day >= s->restarts_per_day_max) {
        *text = kt_arena_printf(arena, "%d restarts in the last 24 h, the budget is %d",
                                evidence->restarts_in_day, s->restarts_per_day_max);
        return KT_REASON_RESTART_BUDGET;
    }
    return KT_REASON_STEADY;
}
