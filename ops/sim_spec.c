/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a simulated job is: the truth of its curves and what it needs for a load. */
#include "ops/sim_spec.h"

#include <math.h>

static double usl_at(const struct kt_sim_curve *curve, double p) {
    return curve->gamma * p / (1.0 + curve->sigma * (p - 1.0) + curve->kappa * p * (p - 1.0));
}

static double table_at(const struct kt_sim_curve *curve, int p) {
    if (p <= curve->table[0].parallelism) {
        return curve->table[0].ability * p / curve->table[0].parallelism;
    }
    for (int i = 1; i < curve->points; i++) {
        const int from = curve->table[i - 1].parallelism;
        const int to = curve->table[i].parallelism;
        if (p <= to) {
            const double share = (double)(p - from) / (to - from);
            return (1.0 - share) * curve->table[i - 1].ability + share * curve->table[i].ability;
        }
    }
    return curve->table[curve->points - 1].ability;
}

double kt_sim_curve_at(const struct kt_sim_curve *curve, int parallelism) {
    const int p = curve->plateau > 0 && parallelism > curve->plateau ? curve->plateau : parallelism;
    double ability = curve->kind == KT_SIM_TABLE ? table_at(curve, p) : usl_at(curve, p);
    if (curve->key_groups > 0) {
        const int most = (curve->key_groups + p - 1) / p; /* key groups of the busiest subtask */
        ability *= (double)curve->key_groups / most / p;
    }
    return ability;
}

double kt_sim_busiest(const struct kt_sim_operator *op, int parallelism) {
    return fmin(1.0 + op->skew, parallelism);
}

double kt_sim_drift_at(const struct kt_sim_drift *drift, double second) {
    if (drift->factor <= 0.0 || second < drift->second) {
        return 1.0;
    }
    const double since_s = second - drift->second;
    return since_s >= drift->ramp_s ? drift->factor
                                    : 1.0 + (drift->factor - 1.0) * since_s / drift->ramp_s;
}

double kt_sim_ability(const struct kt_sim_spec *spec, int op, int parallelism, double second) {
    const struct kt_sim_operator *vertex = &spec->operators[op];
    if (!vertex->scaled) {
        return INFINITY;
    }
    return kt_sim_curve_at(&vertex->curve, parallelism) / kt_sim_busiest(vertex, parallelism) *
           kt_sim_drift_at(&spec->drift, second);
}

/* The smallest parallelism that reaches rate, or the smallest of the largest ability. */
static int smallest(const struct kt_sim_spec *spec, int op, double rate, double second) {
    const int max = spec->operators[op].scaled ? spec->operators[op].max_parallelism : 1;
    int best = 1;
    double best_ability = 0.0;
    for (int p = 1; p <= max; p++) {
        const double ability = kt_sim_ability(spec, op, p, second);
        if (ability >= rate) {
            return p;
        }
        if (ability > best_ability) {
            best_ability = ability;
            best = p;
        }
    }
    return best;
}

void kt_sim_optimum(const struct kt_sim_spec *spec, const double *source_rates, double second,
                    double *lambda, int *parallelism) {
    for (int i = 0; i < spec->count; i++) {
        const struct kt_sim_operator *op = &spec->operators[i];
        lambda[i] = op->inputs_count == 0 ? source_rates[i] : 0.0;
        for (int k = 0; k < op->inputs_count; k++) {
            lambda[i] += lambda[op->inputs[k]] * spec->operators[op->inputs[k]].selectivity;
        }
        parallelism[i] = smallest(spec, i, lambda[i], second);
    }
}
