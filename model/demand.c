/* SPDX-License-Identifier: GPL-3.0-or-later
 * The demand on every operator: λ, the records per second it must keep up with. */
#include "model/demand.h"

#include "model/evidence_check.h"
#include "model/lag.h"
#include "model/load_noise.h"
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

/* ---- from the sources down ------------------------------------------------------------------- */

bool kt_demand_is_hidden(const struct kt_evidence *evidence) {
    for (size_t i = 0; i < evidence->operators.count; i++) {
        if (kt_lag_is_held_back(evidence, &evidence->operators.items[i])) {
            return true;
        }
    }
    return false;
}

bool kt_demand_selectivity(const struct kt_operator_evidence *op, double *out, double *in) {
    *out = op->rate_out_per_s;
    *in = op->rate_in_per_s;
    return KT_HAS(op, KT_OPEV_RATE_OUT_PER_S) && KT_HAS(op, KT_OPEV_RATE_IN_PER_S);
}

bool kt_demand_input_ratio(const struct kt_evidence *evidence,
                           const struct kt_operator_evidence *op, double *in, double *sent) {
    *in = op->rate_in_per_s;
    *sent = 0;
    for (size_t e = 0; e < op->inputs.count; e++) {
        const struct kt_operator_evidence *upstream =
            &evidence->operators.items[op->inputs.items[e].upstream];
        if (KT_HAS(upstream, KT_OPEV_RATE_OUT_PER_S)) {
            *sent += upstream->rate_out_per_s;
        } else if (upstream->is_source && KT_HAS(upstream, KT_OPEV_RATE_IN_PER_S)) {
            *sent += upstream->rate_in_per_s; /* of a source: what it emits */
        } else {
            return false;
        }
    }
    return op->inputs.count > 0 && KT_HAS(op, KT_OPEV_RATE_IN_PER_S);
}

struct kt_ratio kt_ratio_learn(struct kt_ratio ratio, double numerator, double denominator) {
    if (!(numerator >= 0 && numerator <= KT_MEASURE_MAX && denominator >= 0 &&
          denominator <= KT_MEASURE_MAX)) {
        return ratio;
    }
    if (!(ratio.value > 0) && numerator > 0) {
        ratio.windows = 0; /* it began to emit */
    }
    const int32_t kept =
        ratio.windows < KT_RATIO_WINDOWS_MAX ? ratio.windows : KT_RATIO_WINDOWS_MAX - 1;
    const double before = ratio.base_per_s * kept;
    const double value = (ratio.value * before + numerator) / (before + denominator);
    if (!(before + denominator > 0) || !(value <= KT_MEASURE_MAX)) {
        return ratio;
    }
    return (struct kt_ratio){
        .value = value, .base_per_s = (before + denominator) / (kept + 1), .windows = kept + 1};
}

/* What a source may have to emit while nobody knows what waits. */
static double guessed_lambda(const struct kt_operator_evidence *op, enum kt_guess guess) {
    const double rate = op->rate_in_per_s;
    const double more = fmin(KT_GUESS_MORE_FACTOR * rate, KT_MEASURE_MAX);
    if (guess == KT_GUESS_DECIDED && KT_HAS(op, KT_OPEV_LAMBDA_DECIDED) &&
        rate < op->lambda_decided) {
        return op->lambda_decided;
    }
    if (KT_HAS(op, KT_OPEV_LAMBDA_PEAK) && op->lambda_peak > more) {
        return op->lambda_peak;
    }
    return rate > 0 ? more : KT_DEMAND_UNKNOWN;
}

/* λ of a source; where it is held back and says nothing of what waits, unknown or guessed. */
static double source_lambda(const struct kt_evidence *evidence,
                            const struct kt_operator_evidence *op, enum kt_guess guess) {
    if (guess != KT_GUESS_NONE && KT_HAS(op, KT_OPEV_RATE_IN_PER_S) &&
        kt_lag_is_hidden(evidence, op)) {
        return guessed_lambda(op, guess);
    }
    if (!KT_HAS(op, KT_OPEV_RATE_IN_PER_S) || kt_lag_is_hidden(evidence, op)) {
        return KT_DEMAND_UNKNOWN;
    }
    return fmin(fmax(op->rate_in_per_s + kt_lag_growth(evidence, op), 0), KT_MEASURE_MAX);
}

double kt_demand_of_source(const struct kt_evidence *evidence,
                           const struct kt_operator_evidence *op) {
    return source_lambda(evidence, op, KT_GUESS_NONE);
}

/* Records sent per record received. Nothing is known by a window alone in which nothing passed: it
 * may be a burst's turn next. A source passes on what it reads. */
static double selectivity_of(const struct kt_operator_evidence *op) {
    double out = 0;
    double in = 0;
    if (KT_HAS(op, KT_OPEV_SELECTIVITY)) {
        return op->selectivity;
    }
    if (kt_demand_selectivity(op, &out, &in) && in > 0 && out > 0) {
        return fmin(out / in, KT_MEASURE_MAX);
    }
    return op->is_source ? 1 : KT_DEMAND_UNKNOWN;
}

/* Records received per record that the upstreams send: each is received once unless seen
 * otherwise. */
static double input_ratio_of(const struct kt_evidence *evidence,
                             const struct kt_operator_evidence *op) {
    double in = 0;
    double sent = 0;
    if (KT_HAS(op, KT_OPEV_INPUT_RATIO)) {
        return op->input_ratio;
    }
    return kt_demand_input_ratio(evidence, op, &in, &sent) && in > 0 && sent > 0
               ? fmin(in / sent, KT_MEASURE_MAX)
               : 1;
}

/* λ of an operator by those of its upstreams, which come before it in the order. */
static double carried_lambda(const struct kt_evidence *evidence,
                             const struct kt_operator_evidence *op, const double *lambda) {
    double sent = 0;
    for (size_t e = 0; e < op->inputs.count; e++) {
        const int32_t upstream = op->inputs.items[e].upstream;
        const double selectivity = selectivity_of(&evidence->operators.items[upstream]);
        if (lambda[upstream] < 0 || selectivity < 0) {
            return KT_DEMAND_UNKNOWN;
        }
        sent = fmin(sent + lambda[upstream] * selectivity, KT_MEASURE_MAX);
    }
    return fmin(sent * input_ratio_of(evidence, op), KT_MEASURE_MAX);
}

/* Whether the ratios on the way from its upstreams to an operator were learned. */
static bool is_learned(const struct kt_evidence *evidence, const struct kt_operator_evidence *op) {
    bool learned = op->inputs.count > 0 && KT_HAS(op, KT_OPEV_INPUT_RATIO);
    for (size_t e = 0; e < op->inputs.count; e++) {
        learned = learned && KT_HAS(&evidence->operators.items[op->inputs.items[e].upstream],
                                    KT_OPEV_SELECTIVITY);
    }
    return learned;
}

/* What each operator receives now times this is what it would receive if no source fell behind,
 * as far as backlogs are known: carried along the edges, ≥ 1. */
static enum kt_err find_missed(const struct kt_evidence *evidence,
                               const struct kt_topology *topology, struct kt_arena *arena,
                               double **missed, struct kt_error *error) {
    *missed = kt_arena_array(arena, topology->count, sizeof **missed);
    if (*missed == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the demand of %zu operators",
                       topology->count);
    }
    for (size_t i = 0; i < topology->count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        const double growth = kt_lag_growth(evidence, op);
        (*missed)[i] = 1;
        if (growth > 0) { /* where nothing passed at all, by how much is not known */
            (*missed)[i] =
                fmin(op->rate_in_per_s > 0 ? 1 + growth / op->rate_in_per_s : 2, KT_MEASURE_MAX);
        }
    }
    kt_topology_carry(topology, *missed);
    return KT_ERR_OK;
}

/* An operator below a source that falls behind, which works all the time, is not held back and
 * already receives as much as it is said to have to: what is said of it is wrong. Its upstreams
 * make more of a record than was learned, and by what passes now it misses as much as the sources
 * do. */
static double believable_lambda(const struct kt_evidence *evidence,
                                const struct kt_operator_evidence *op, double carried,
                                double missed) {
    if (carried < 0 || !KT_HAS(op, KT_OPEV_RATE_IN_PER_S) || op->rate_in_per_s < carried ||
        !KT_HAS(op, KT_OPEV_BUSY) || kt_load_strain(op) < evidence->settings.core_max ||
        kt_lag_is_held_back(evidence, op) || missed <= 1) {
        return carried;
    }
    return fmin(op->rate_in_per_s * missed, KT_MEASURE_MAX);
}

static bool backlog_moves(const struct kt_evidence *evidence) {
    for (size_t i = 0; i < evidence->operators.count; i++) {
        if (kt_lag_growth(evidence, &evidence->operators.items[i]) != 0) {
            return true;
        }
    }
    return false;
}

enum kt_err kt_demand_from_sources(const struct kt_evidence *evidence,
                                   const struct kt_topology *topology, struct kt_arena *arena,
                                   double **lambda, bool *complete, struct kt_error *error) {
    return kt_demand_guess(evidence, topology, KT_GUESS_NONE, arena, lambda, complete, error);
}

enum kt_err kt_demand_guess(const struct kt_evidence *evidence, const struct kt_topology *topology,
                            enum kt_guess guess, struct kt_arena *arena, double **lambda,
                            bool *complete, struct kt_error *error) {
    *complete = true;
    *lambda = kt_arena_array(arena, evidence->operators.count, sizeof **lambda);
    if (*lambda == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the demand of %zu operators",
                       evidence->operators.count);
    }
    const bool hidden = kt_demand_is_hidden(evidence);
    const bool direct = !hidden && !backlog_moves(evidence);
    double *missed = NULL;
    enum kt_err err = find_missed(evidence, topology, arena, &missed, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    for (size_t k = 0; k < topology->count; k++) {
        const int32_t i = topology->order[k];
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        const bool measured = KT_HAS(op, KT_OPEV_RATE_IN_PER_S);
        if (op->is_source) {
            (*lambda)[i] = source_lambda(evidence, op, guess);
        } else if (measured &&
                   (op->inputs.count == 0 ? !hidden : direct && !is_learned(evidence, op))) {
            (*lambda)[i] = op->rate_in_per_s;
        } else if (op->inputs.count > 0) {
            (*lambda)[i] =
                believable_lambda(evidence, op, carried_lambda(evidence, op, *lambda), missed[i]);
        } else {
            (*lambda)[i] = KT_DEMAND_UNKNOWN; /* the graph is not known */
        }
        if ((*lambda)[i] < 0 && measured && KT_HAS(op, KT_OPEV_BUSY) &&
            !KT_HAS(op, KT_OPEV_PINNED)) {
            *complete = false;
        }
    }
    return KT_ERR_OK;
}

/* ---- level and noise of the load --------------------------------------------------------------
 */

static struct kt_load_noise noise_of(const struct kt_evidence *evidence,
                                     const struct kt_operator_evidence *op) {
    return kt_load_noise_of(op->loads_per_s.items, op->loads_per_s.count,
                            evidence->settings.load_change, evidence->settings.keep_up_tolerance);
}

enum kt_err kt_demand_level(const struct kt_evidence *evidence, const struct kt_topology *topology,
                            struct kt_arena *arena, double *lambda, double **noise,
                            struct kt_error *error) {
    double *factor = kt_arena_array(arena, topology->count, sizeof *factor);
    *noise = kt_arena_array(arena, topology->count, sizeof **noise);
    if (factor == NULL || *noise == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the demand of %zu operators",
                       topology->count);
    }
    bool fluctuates = false;
    for (size_t i = 0; i < topology->count; i++) {
        const struct kt_operator_evidence *op = &topology->operators[i];
        factor[i] = 1;
        (*noise)[i] = 0;
        if (!op->is_source || !(lambda[i] > 0)) {
            continue;
        }
        const struct kt_load_noise load = noise_of(evidence, op);
        if (load.sigma > 0) {
            factor[i] = load.level / lambda[i];
            (*noise)[i] = load.sigma;
            fluctuates = true;
        }
    }
    if (!fluctuates) {
        return KT_ERR_OK;
    }
    kt_topology_carry(topology, factor);
    kt_topology_carry(topology, *noise);
    for (size_t i = 0; i < topology->count; i++) {
        if (lambda[i] >= 0) {
            lambda[i] = fmin(lambda[i] * factor[i], KT_MEASURE_MAX);
        }
    }
    return KT_ERR_OK;
}

static bool differs(const struct kt_evidence *evidence, const struct kt_operator_evidence *op,
                    double lambda) {
    const double unsure = KT_LOAD_SHIFT_SDS * noise_of(evidence, op).level_sd;
    return !KT_HAS(op, KT_OPEV_LAMBDA_DECIDED) ||
           fabs(lambda - op->lambda_decided) >
               fmax(evidence->settings.load_change, unsure) * op->lambda_decided;
}

bool kt_demand_is_new(const struct kt_evidence *evidence,
                      const struct kt_operator_decision *operators, size_t count) {
    bool of_sources = false;
    bool source_differs = false;
    bool any_differs = false;
    for (size_t i = 0; i < count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (KT_HAS(&operators[i], KT_OPDEC_LAMBDA)) {
            const bool is_new = differs(evidence, op, operators[i].lambda);
            any_differs = any_differs || is_new;
            of_sources = of_sources || op->is_source;
            source_differs = source_differs || (op->is_source && is_new);
        }
    }
    return of_sources ? source_differs : any_differs;
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
