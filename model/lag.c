/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a source's reported backlog is worth.
 */
#include "model/lag.h"

#include "model/evidence_check.h"

#include <math.h>

/* Growths that differ by less than this share of the rate tell more of the noise than of a gain. */
#define DIFFERENCE_MIN 0.1

/* A backlog of so many seconds of the source's rate is there: it may well stay as it is, where what
 * is taken is what arrives. */
#define BACKLOG_REAL_S 1.0

#define PAIRS_MIN  3
#define AGREEMENT  0.22 /* of a pair with the median, ln units: a quarter */
#define GAIN_CLEAR 0.18 /* of a gain from 1, ln units: a fifth */

bool kt_lag_is_held_back(const struct kt_evidence *evidence,
                         const struct kt_operator_evidence *op) {
    return KT_HAS(op, KT_OPEV_BACKPRESSURED) &&
           op->backpressured >= evidence->settings.backpressure_threshold;
}

/* Whether the busiest subtask of an operator has no time left. */
static bool is_out_of_time(const struct kt_evidence *evidence,
                           const struct kt_operator_evidence *op) {
    return (KT_HAS(op, KT_OPEV_BUSY) && op->busy >= evidence->settings.core_max) ||
           (KT_HAS(op, KT_OPEV_BUSY_MAX) && op->busy_max >= evidence->settings.core_max);
}

static bool some_is_out_of_time(const struct kt_evidence *evidence) {
    for (size_t i = 0; i < evidence->operators.count; i++) {
        if (is_out_of_time(evidence, &evidence->operators.items[i])) {
            return true;
        }
    }
    return false;
}

/* Whether every operator says how it spends its time, and none of them is short of it. A source
 * that does not say may itself be what is too slow. */
static bool all_have_time(const struct kt_evidence *evidence) {
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (!KT_HAS(op, KT_OPEV_BUSY) || !KT_HAS(op, KT_OPEV_BACKPRESSURED) ||
            is_out_of_time(evidence, op) || kt_lag_is_held_back(evidence, op)) {
            return false;
        }
    }
    return true;
}

/* Growth of the backlog as it is reported, times its gain. */
static double gained(const struct kt_operator_evidence *op) {
    const double gain = KT_HAS(op, KT_OPEV_LAG_GAIN) ? op->lag_gain : 1;
    return fmax(fmin(gain * op->pending_growth_per_s, KT_MEASURE_MAX), -KT_MEASURE_MAX);
}

double kt_lag_growth(const struct kt_evidence *evidence, const struct kt_operator_evidence *op) {
    if (!op->is_source || !KT_HAS(op, KT_OPEV_RATE_IN_PER_S) ||
        !KT_HAS(op, KT_OPEV_PENDING_GROWTH_PER_S)) {
        return 0;
    }
    const double growth = gained(op);
    if (fabs(growth) <= evidence->settings.keep_up_tolerance * op->rate_in_per_s ||
        (growth > 0 && all_have_time(evidence))) {
        return 0;
    }
    return growth;
}

/* Share of the time in which a source has nothing to read. */
static double waits(const struct kt_operator_evidence *op) {
    if (KT_HAS(op, KT_OPEV_IDLE)) {
        return op->idle;
    }
    return KT_HAS(op, KT_OPEV_BUSY) ? 1 - op->busy - op->backpressured : 0;
}

/* Whether a source emits what was last decided on, and that was no guess. */
static bool is_decided(const struct kt_evidence *evidence, const struct kt_operator_evidence *op) {
    return evidence->phase != KT_PHASE_BIG && KT_HAS(op, KT_OPEV_LAMBDA_DECIDED) &&
           fabs(op->rate_in_per_s - op->lambda_decided) <=
               evidence->settings.keep_up_tolerance * op->lambda_decided;
}

bool kt_lag_is_hidden(const struct kt_evidence *evidence, const struct kt_operator_evidence *op) {
    if (!op->is_source || !kt_lag_is_held_back(evidence, op)) {
        return false;
    }
    if (!KT_HAS(op, KT_OPEV_PENDING_GROWTH_PER_S)) {
        return true;
    }
    return KT_HAS(op, KT_OPEV_RATE_IN_PER_S) &&
           !(KT_HAS(op, KT_OPEV_PENDING_RECORDS) &&
             op->pending_records > BACKLOG_REAL_S * op->rate_in_per_s) &&
           fabs(gained(op)) <= evidence->settings.keep_up_tolerance * op->rate_in_per_s &&
           !is_decided(evidence, op) && waits(op) < KT_SOURCE_IDLE && some_is_out_of_time(evidence);
}

/* ---- the gain ---------------------------------------------------------------------------------
 */

/* The gain by the window of the state and this one; 0: they show none. */
static double gain_of_pair(const struct kt_operator_state *state,
                           const struct kt_operator_evidence *op,
                           const struct kt_lag_window *window) {
    const int64_t length_ms = window->end_ms - window->start_ms;
    if (!KT_HAS(state, KT_OPSTATE_LAG_RATE) || window->generation != state->lag_generation + 1 ||
        window->end_ms - state->lag_end_ms > KT_LAG_PAIR_WINDOWS * length_ms) {
        return 0;
    }
    const double least = DIFFERENCE_MIN * fmax(op->rate_in_per_s, state->lag_rate_per_s);
    const double growth = state->lag_growth_per_s - op->pending_growth_per_s;
    if (!(fabs(growth) > least)) {
        return 0;
    }
    const double gain = (op->rate_in_per_s - state->lag_rate_per_s) / growth;
    return gain >= KT_LAG_GAIN_MIN && gain <= KT_LAG_GAIN_MAX ? gain : 0;
}

static enum kt_err add_gain(double gain, struct kt_arena *arena, struct kt_operator_state *state,
                            struct kt_error *error) {
    double *items = kt_arena_append(arena, state->lag_gains.items, &state->lag_gains.count,
                                    sizeof gain, KT_LAG_GAINS_MAX, &gain);
    if (items == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for the gains of a backlog");
    }
    state->lag_gains.items = items;
    return KT_ERR_OK;
}

enum kt_err kt_lag_learn(const struct kt_evidence *evidence, const struct kt_operator_evidence *op,
                         const struct kt_lag_window *window, struct kt_arena *arena,
                         struct kt_operator_state *state, struct kt_error *error) {
    if (!op->is_source || !KT_HAS(op, KT_OPEV_RATE_IN_PER_S) ||
        !KT_HAS(op, KT_OPEV_PENDING_GROWTH_PER_S) || kt_lag_is_hidden(evidence, op) ||
        !(fabs(op->pending_growth_per_s) <= KT_MEASURE_MAX &&
          op->rate_in_per_s <= KT_MEASURE_MAX)) {
        KT_CLEAR(state, KT_OPSTATE_LAG_RATE);
        state->lag_rate_per_s = 0;
        return KT_ERR_OK;
    }
    const double gain = gain_of_pair(state, op, window);
    state->lag_rate_per_s = op->rate_in_per_s;
    KT_SET(state, KT_OPSTATE_LAG_RATE);
    state->lag_growth_per_s = op->pending_growth_per_s;
    state->lag_generation = window->generation;
    state->lag_end_ms = window->end_ms;
    return gain > 0 ? add_gain(gain, arena, state, error) : KT_ERR_OK;
}

bool kt_lag_gain(const struct kt_operator_state *state, double *gain) {
    double sorted[KT_LAG_GAINS_MAX + 1] = {1};
    size_t count = 1;
    for (size_t i = 0; i < state->lag_gains.count && count <= KT_LAG_GAINS_MAX; i++) {
        size_t at = count++;
        for (; at > 0 && sorted[at - 1] > state->lag_gains.items[i]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = state->lag_gains.items[i];
    }
    const double median = sqrt(sorted[(count - 1) / 2] * sorted[count / 2]);
    size_t agree = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        agree += fabs(log(state->lag_gains.items[i] / median)) <= AGREEMENT;
    }
    *gain = median;
    return agree >= PAIRS_MIN && 3 * agree > 2 * (count - 1) && fabs(log(median)) > GAIN_CLEAR;
}
