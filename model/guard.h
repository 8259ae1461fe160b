/* SPDX-License-Identifier: GPL-3.0-or-later
 * The guardrails behind a policy: what an operator may be set to, and when a job may be restarted.
 */
#ifndef KT_MODEL_GUARD_H
#define KT_MODEL_GUARD_H

#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/rescale_command.h"

/* What an operator may be set to: lo ≤ hi, both at least 1. A pin is both. Where the lower bound is
 * above the upper one, the upper one wins: it may be a hard one (Flink refuses a parallelism beyond
 * a vertex's maximum, which bounds pins too). */
struct kt_guard_range {
    int32_t lo;
    int32_t hi;
};
struct kt_guard_range kt_guard_range(const struct kt_operator_evidence *op);

/* Moves decision->to into the operator's range and lists every limit that it violated, not only the
 * tightest, so that lifting the listed ones is enough. Method becomes PINNED for a pinned operator,
 * else LIMITED if the answer was moved. KT_ERR_LIMIT: the arena is full. */
KT_MUST_CHECK enum kt_err kt_guard_limit(const struct kt_operator_evidence *op,
                                         struct kt_arena *arena,
                                         struct kt_operator_decision *decision,
                                         struct kt_error *error);

/* Whether the limits left anything of what the policy wanted: an operator that it wanted to move
 * (wanted[i] ≠ from) still moves in that direction.
 *
 * This is also the rule for an operator whose present parallelism lies outside its limits, or off
 * its pin: limits bound what is chosen, they do not restart a job by themselves. Such an operator
 * is moved inside as part of the next rescale that happens anyway. Whoever edits a bound or adds a
 * pin does not expect a restart of a running job for it, and nothing is lost by waiting. */
bool kt_guard_moves(const struct kt_operator_decision *operators, const int32_t *wanted,
                    size_t count);

/* Parallelism summed over the job, before and after. */
struct kt_guard_sums {
    int64_t from;
    int64_t to;
};
struct kt_guard_sums kt_guard_sum(const struct kt_operator_decision *operators, size_t count);

/* May this job be rescaled now? KT_REASON_STEADY: yes. Else the reason to hold, with its sentence
 * in the arena:
 *   BELOW_THRESHOLD  neither new < old and old/new ≥ 1 + thr, nor new > old and new/old ≥ 1 + thr
 *                    (ContTune's decisionThr, on the job's sums; equal sums are no change). Not
 *                    asked when `urgent`: a job that is under-provisioned, or an operator that by
 *                    prediction cannot keep up, is not left behind because it is small beside the
 *                    rest of its job.
 *   COOLDOWN         less than cooldown_ms since the last rescale
 *   RESTART_BUDGET   restarts_per_day_max restarts in the last 24 h */
int kt_guard_thresholds(const struct kt_evidence *evidence, struct kt_guard_sums sums, bool urgent,
                        struct kt_arena *arena, struct kt_str *text);

#endif
