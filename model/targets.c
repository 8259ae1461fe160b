/* SPDX-License-Identifier: GPL-3.0-or-later
 * What every operator would receive if nothing held the sources back (DS2's targets). */
#include "model/targets.h"

#include "model/evidence_check.h"
#include "model/load_state.h"
#include "model/say.h"

#include <math.h>

/* A source that is blocked nearly always still says something about its rate. */
#define FREE_SHARE_MIN 0.05

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
static void carry(const struct kt_evidence *evidence, const struct kt_topology *topology,
                  double *target_in, double *target_out) {
    for (size_t k = 0; k < topology->count; k++) {
        const int32_t i = topology->order[k];
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

enum kt_err kt_targets_carry(const struct kt_evidence *evidence, const struct kt_topology *topology,
                             struct kt_arena *arena, double **target, struct kt_error *error) {
    const size_t count = evidence->operators.count;
    *target = kt_arena_array(arena, count, sizeof **target);
    double *target_out = kt_arena_array(arena, count, sizeof *target_out);
    if (*target == NULL || target_out == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the targets of %zu operators", count);
    }
    carry(evidence, topology, *target, target_out);
    return KT_ERR_OK;
}

bool kt_targets_blind(const struct kt_evidence *evidence, struct kt_arena *arena,
                      struct kt_str *text) {
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (op->inputs.count == 0 && !op->is_source) {
            *text = kt_arena_printf(arena, "the inputs of %.*s are not known",
                                    KT_STR_ARG(kt_say_name(op)));
            return true;
        }
    }
    return false;
}
