/* SPDX-License-Identifier: GPL-3.0-or-later
 * The demand on every operator: λ, the records per second it must keep up with. */
#include "model/demand.h"

#include "model/evidence_check.h"
#include "model/load_state.h"

#include <math.h>

static double pending_of(const struct kt_operator_evidence *op) {
    return KT_HAS(op, KT_OPEV_PENDING_RECORDS) ? op->pending_records : 0;
}

static bool drains(const struct kt_operator_evidence *op) {
    return KT_HAS(op, KT_OPEV_PENDING_GROWTH_PER_S) &&
           op->pending_growth_per_s < -KT_GROWTH_NOISE * op->rate_in_per_s;
}

static double visible_factor(const struct kt_operator_evidence *op, double core_max) {
    if (!op->is_source || !KT_HAS(op, KT_OPEV_RATE_IN_PER_S) || op->rate_in_per_s <= 0) {
        return 1;
    }
    if (kt_load_falls_behind(op, core_max)) {
        return fmin((op->rate_in_per_s + op->pending_growth_per_s) / op->rate_in_per_s,
                    KT_MEASURE_MAX);
    }
    if (!drains(op)) {
        return 1;
    }
    const double arrives =
        op->rate_in_per_s + op->pending_growth_per_s + pending_of(op) / KT_CATCH_UP_S;
    return fmin(1, fmax(0, arrives / op->rate_in_per_s));
}

static double hidden_factor(const struct kt_operator_evidence *op, double core_max) {
    (void)core_max;
    if (!op->is_source || !KT_HAS(op, KT_OPEV_LAMBDA_KNOWN) || op->lambda_known <= 0) {
        return 1;
    }
    return fmin((op->lambda_known + pending_of(op) / KT_CATCH_UP_S) / op->lambda_known,
                KT_MEASURE_MAX);
}

typedef double source_factor(const struct kt_operator_evidence *op, double core_max);

/* The factors of all operators, carried down from the sources, times each operator's own base
 * rate (KT_DEMAND_UNKNOWN stays). */
static enum kt_err scale(const struct kt_evidence *evidence, const struct kt_topology *topology,
                         struct kt_arena *arena, source_factor *of_source, double *lambda,
                         struct kt_error *error) {
    double *factor = kt_arena_array(arena, topology->count, sizeof *factor);
    if (factor == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the demand of %zu operators",
                       topology->count);
    }
    for (size_t i = 0; i < topology->count; i++) {
        factor[i] = of_source(&topology->operators[i], evidence->settings.core_max);
    }
    kt_topology_carry(topology, factor);
    for (size_t i = 0; i < topology->count; i++) {
        if (lambda[i] >= 0) {
            lambda[i] *= factor[i];
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_demand_visible(const struct kt_evidence *evidence,
                              const struct kt_topology *topology, struct kt_arena *arena,
                              double **lambda, struct kt_error *error) {
    *lambda = kt_arena_array(arena, evidence->operators.count, sizeof **lambda);
    if (*lambda == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the demand of %zu operators",
                       evidence->operators.count);
    }
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        (*lambda)[i] = KT_HAS(op, KT_OPEV_RATE_IN_PER_S) ? op->rate_in_per_s : KT_DEMAND_UNKNOWN;
    }
    return scale(evidence, topology, arena, visible_factor, *lambda, error);
}

enum kt_err kt_demand_hidden(const struct kt_evidence *evidence, const struct kt_topology *topology,
                             struct kt_arena *arena, double **lambda, bool *complete,
                             struct kt_error *error) {
    *complete = true;
    *lambda = kt_arena_array(arena, evidence->operators.count, sizeof **lambda);
    if (*lambda == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the demand of %zu operators",
                       evidence->operators.count);
    }
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        const bool measured = KT_HAS(op, KT_OPEV_RATE_IN_PER_S) && KT_HAS(op, KT_OPEV_BUSY);
        (*lambda)[i] = KT_DEMAND_UNKNOWN;
        if (KT_HAS(op, KT_OPEV_LAMBDA_KNOWN)) {
            const double seen = KT_HAS(op, KT_OPEV_RATE_IN_PER_S) ? op->rate_in_per_s : 0;
            (*lambda)[i] = fmax(op->lambda_known, seen);
        } else if (measured && !KT_HAS(op, KT_OPEV_PINNED)) {
            *complete = false;
        }
    }
    return scale(evidence, topology, arena, hidden_factor, *lambda, error);
}

bool kt_demand_catching_up(const struct kt_evidence *evidence, int32_t *slowest, double *seconds) {
    *slowest = -1;
    *seconds = 0;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (!op->is_source) {
            continue;
        }
        if (!KT_HAS(op, KT_OPEV_RATE_IN_PER_S) || !KT_HAS(op, KT_OPEV_PENDING_RECORDS) ||
            !KT_HAS(op, KT_OPEV_PENDING_GROWTH_PER_S) ||
            op->pending_growth_per_s > KT_GROWTH_NOISE * op->rate_in_per_s) {
            return false;
        }
        if (!drains(op)) {
            /* A constant backlog is latency between polls, unless it is a real one. */
            if (op->pending_records > KT_GROWTH_NOISE * op->rate_in_per_s * KT_CATCH_UP_S) {
                return false;
            }
            continue;
        }
        const double left_s = op->pending_records / -op->pending_growth_per_s;
        if (left_s > KT_CATCH_UP_S) {
            return false;
        }
        if (*slowest < 0 || left_s > *seconds) {
            *slowest = (int32_t)i;
            *seconds = left_s;
        }
    }
    return *slowest >= 0;
}
