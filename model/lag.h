/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a source's reported backlog is worth.
 *
 * A backlog is read by others (a broker's offsets, an exporter) at their own times: it may be
 * minutes old, half of it may be missing, or all. Backpressure and busy time are measured inside
 * the job in the window itself. Where the two contradict each other, the job is right. */
#ifndef KT_MODEL_LAG_H
#define KT_MODEL_LAG_H

#include "schemas/arena.h"
#include "schemas/state.h"

/* A source that waits for records for less than this share of the time has records waiting. */
#define KT_SOURCE_IDLE 0.05

/* A gain of a source's backlog is in this range; what lies outside is no backlog of it. */
#define KT_LAG_GAIN_MIN 0.2
#define KT_LAG_GAIN_MAX 5.0

/* Windows, of the newest one's length, between which a rescale may lie for a gain to be learned. */
#define KT_LAG_PAIR_WINDOWS 10

/* Whether an operator says that it is backpressured for backpressure_threshold of the time. */
bool kt_lag_is_held_back(const struct kt_evidence *evidence, const struct kt_operator_evidence *op);

/* By how much a source's backlog grows, records/s, its learned gain included; negative: it shrinks.
 * 0 where it is not known, within keep_up_tolerance · rate, or where it is said to grow while no
 * operator of the job is backpressured or works core_max of the time: then the records of that
 * growth were not kept waiting by the job in this window. They may be those of a restart that is
 * over. */
double kt_lag_growth(const struct kt_evidence *evidence, const struct kt_operator_evidence *op);

/* Whether what arrives at a source is hidden: it is held back and no backlog is reported, or one
 * of less than a second that neither grows nor shrinks, although the source never waits for a
 * record, some operator has no time left, and it is not the load of the last decision that passes.
 */
bool kt_lag_is_hidden(const struct kt_evidence *evidence, const struct kt_operator_evidence *op);

/* Learns from the source's newest window. What arrives is the same just before and just after an
 * own rescale, so with the rates r that it emits and the growths g that are reported
 *
 *   r₁ + gain · g₁ = r₂ + gain · g₂    →    gain = (r₂ − r₁) / (g₁ − g₂)
 *
 * A pair counts where the growths differ by a tenth of the rate or more and the gain lies within
 * its range. A window whose backlog is not to be believed (kt_lag_is_hidden) is none of a pair. The
 * arena takes the new list. KT_ERR_NOMEM. */
struct kt_lag_window {
    int64_t start_ms;
    int64_t end_ms;
    int64_t generation; /* rescales published before it */
};
KT_MUST_CHECK enum kt_err kt_lag_learn(const struct kt_evidence *evidence,
                                       const struct kt_operator_evidence *op,
                                       const struct kt_lag_window *window, struct kt_arena *arena,
                                       struct kt_operator_state *state, struct kt_error *error);

/* The gain that a source's pairs agree on: their median, one pair at 1 included. False: there are
 * fewer than three, one third or more are farther than a quarter from it, or it does not differ
 * from 1 clearly. */
bool kt_lag_gain(const struct kt_operator_state *state, double *gain);

#endif
