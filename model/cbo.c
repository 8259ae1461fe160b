/* SPDX-License-Identifier: GPL-3.0-or-later
 * Conservative Bayesian optimisation of one operator (ContTune, algorithm 2). */
#include "model/cbo.h"

#include "model/evidence_check.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <stdlib.h>

double kt_cbo_window_ability(const struct kt_evidence *evidence,
                             const struct kt_operator_evidence *op, bool *measured) {
    *measured = false;
    if (!KT_HAS(op, KT_OPEV_BUSY) || !KT_HAS(op, KT_OPEV_RATE_IN_PER_S)) {
        return 0;
    }
    *measured = op->busy > 0 && op->busy >= evidence->settings.busy_min;
    if (*measured && KT_HAS(op, KT_OPEV_ABILITY)) {
        return op->ability;
    }
    const double busy = fmax(op->busy, evidence->settings.busy_min);
    return busy > 0 ? fmin(op->rate_in_per_s / busy, KT_MEASURE_MAX) : 0;
}

static int32_t ceil_quotient(double lambda, double unit_ability) {
    const double needed = lambda / unit_ability;
    if (!(needed > 1)) {
        return 1;
    }
    if (needed >= KT_PARALLELISM_MAX) {
        return KT_PARALLELISM_MAX;
    }
    const double whole = nearbyint(needed);
    return (int32_t)(fabs(needed - whole) <= 1e-9 * whole ? whole : ceil(needed));
}

int32_t kt_linear_parallelism(double lambda, double lambda_lower, int32_t present,
                              double unit_ability) {
    const int32_t p = ceil_quotient(lambda, unit_ability);
    if (p >= present) {
        return p;
    }
    const int32_t lower = ceil_quotient(lambda_lower, unit_ability);
    return lower < present ? lower : present;
}

int32_t kt_cbo_nearest(const struct kt_history_point *history, size_t points, int32_t p) {
    int32_t nearest = 0;
    for (size_t i = 0; i < points; i++) {
        if (nearest == 0 || abs(history[i].parallelism - p) < abs(nearest - p)) {
            nearest = history[i].parallelism;
        }
    }
    return nearest;
}

static size_t to_xy(const struct kt_history_point *history, size_t points, double *x, double *y) {
    const size_t n = points < KT_GP_POINTS_MAX ? points : KT_GP_POINTS_MAX;
    for (size_t i = 0; i < n; i++) {
        x[i] = history[i].parallelism;
        y[i] = history[i].ability;
    }
    return n;
}

bool kt_cbo_predict(struct kt_gp *gp, const struct kt_history_point *history, size_t points,
                    struct kt_gp_params params, int32_t parallelism, double *mean, double *stddev) {
    double x[KT_GP_POINTS_MAX];
    double y[KT_GP_POINTS_MAX];
    double log_likelihood = 0;
    const size_t n = to_xy(history, points, x, y);
    if (kt_gp_set(gp, x, y, n, params, &log_likelihood) != KT_ERR_OK) {
        return false;
    }
    kt_gp_predict(gp, parallelism, mean, stddev);
    return isfinite(*mean) && isfinite(*stddev);
}

/* A fitted surrogate, whichever it is: the one place where they differ. */
struct surrogate {
    const struct kt_gp *gp;
    struct kt_scaling *scaling; /* NULL: gp it is */
    double unit;                /* records/s in which scaling counts */
};

static void predict(const struct surrogate *f, int32_t p, double *mean, double *stddev) {
    if (f->scaling == NULL) {
        kt_gp_predict(f->gp, p, mean, stddev);
        return;
    }
    kt_scaling_predict(f->scaling, p, mean, stddev);
    *mean *= f->unit;
    *stddev *= f->unit;
}

static double mean_at(const struct surrogate *f, int32_t p) {
    if (f->scaling == NULL) {
        return kt_gp_mean(f->gp, p);
    }
    double mean = 0;
    double stddev = 0;
    predict(f, p, &mean, &stddev);
    return mean;
}

/* Pr[f(p) ≥ λ]; rbf: Φ((μ − λ) / σ). */
static double keeps_up(const struct surrogate *f, int32_t p, double lambda) {
    if (!(lambda > 0)) {
        return 1;
    }
    if (f->scaling != NULL) {
        return kt_scaling_keeps_up(f->scaling, p, (struct kt_scaling_load){lambda / f->unit, 0});
    }
    double mean = 0;
    double stddev = 0;
    kt_gp_predict(f->gp, p, &mean, &stddev);
    if (!(stddev > 0)) {
        return mean >= lambda ? 1 : 0;
    }
    return 0.5 * erfc((lambda - mean) / stddev * M_SQRT1_2);
}

static double lambda_at(const struct kt_cbo_question *q, int32_t p) {
    return p < q->present ? q->lambda_lower : q->lambda;
}

/* p_acq of equation 5, or 0. Beyond α from the largest observation an answer would not be taken
 * anyway, so the search ends there. */
static int32_t acquire_mean(const struct surrogate *f, const struct kt_cbo_question *q) {
    const int64_t far = (int64_t)q->history[q->points - 1].parallelism + q->alpha;
    const int32_t last = far < q->cap ? (int32_t)far : q->cap;
    for (int32_t p = 1; p <= last; p++) {
        if (mean_at(f, p) >= lambda_at(q, p)) {
            return p;
        }
    }
    return 0;
}

/* p_acq of equation 4, or 0 if nothing has any probability. */
static int32_t acquire_cei(const struct surrogate *f, const struct kt_cbo_question *q) {
    int32_t best_known = q->cap;
    for (size_t i = 0; i < q->points; i++) {
        if (q->history[i].parallelism <= q->cap &&
            q->history[i].ability >= lambda_at(q, q->history[i].parallelism)) {
            best_known = q->history[i].parallelism;
            break;
        }
    }
    int32_t best = 0;
    double most = 0;
    for (int32_t p = 1; p <= best_known; p++) {
        const double improvement = (double)best_known + 1 - p;
        const double value = improvement <= most ? 0 /* it cannot be reached any more */
                                                 : improvement * keeps_up(f, p, lambda_at(q, p));
        if (value > most) {
            most = value;
            best = p;
        }
    }
    return best;
}

static double history_at(const struct kt_cbo_question *q, int32_t p) {
    for (size_t i = 0; i < q->points; i++) {
        if (q->history[i].parallelism == p) {
            return q->history[i].ability;
        }
    }
    return 0;
}

/* PA at the present parallelism, best source first; 0 when there is none. */
static double present_ability(const struct kt_cbo_question *q) {
    if (q->ability > 0) {
        return q->ability;
    }
    const double learned = history_at(q, q->present);
    return learned > 0 ? learned : q->ability_floor;
}

static void answer_linear(const struct kt_cbo_question *q, struct kt_cbo_answer *answer) {
    const double ability = present_ability(q);
    const double unit = ability / q->present;
    if (!(unit > 0)) {
        return;
    }
    answer->method = KT_METHOD_LINEAR;
    answer->parallelism = kt_linear_parallelism(q->lambda, q->lambda_lower, q->present, unit);
    answer->predicted_ability = unit * answer->parallelism;
    answer->short_now = ability < q->lambda * (1 - 1e-9);
}

/* Takes p_acq if it is near enough to what was observed. */
static bool answer_surrogate(const struct surrogate *f, const struct kt_cbo_question *q,
                             struct kt_cbo_answer *answer) {
    const int32_t p = q->acquisition == KT_CBO_CEI ? acquire_cei(f, q) : acquire_mean(f, q);
    if (p == 0 || abs(p - kt_cbo_nearest(q->history, q->points, p)) > q->alpha) {
        return false;
    }
    double mean = 0;
    double stddev = 0;
    predict(f, p, &mean, &stddev);
    if (!isfinite(mean) || !isfinite(stddev)) {
        return false;
    }
    answer->method = KT_METHOD_SURROGATE;
    answer->parallelism = p;
    answer->predicted_ability = mean;
    answer->predicted_stddev = stddev;
    answer->keeps_up = fmin(1, keeps_up(f, p, q->lambda)); /* sums of weights round */
    answer->short_now = mean_at(f, q->present) < q->lambda;
    return true;
}

enum kt_err kt_cbo_solve(struct kt_gp *gp, const struct kt_cbo_question *question,
                         struct kt_cbo_answer *answer, struct kt_error *error) {
    *answer = (struct kt_cbo_answer){.method = KT_METHOD_KEEP, .parallelism = question->present};
    const struct surrogate f = {
        .gp = gp, .scaling = question->scaling, .unit = question->scaling_unit};
    if (question->points > 0 && question->scaling == NULL) {
        double x[KT_GP_POINTS_MAX];
        double y[KT_GP_POINTS_MAX];
        const size_t n = to_xy(question->history, question->points, x, y);
        enum kt_err err = kt_gp_fit(gp, x, y, n, &answer->params, &answer->log_likelihood);
        if (err != KT_ERR_OK && err != KT_ERR_NUMERIC) {
            return kt_fail(error, err, "the surrogate of %zu points cannot be fitted", n);
        }
        answer->fitted = err == KT_ERR_OK;
    }
    const bool usable = answer->fitted || (question->scaling != NULL && question->points > 0);
    if (!usable || !answer_surrogate(&f, question, answer)) {
        answer_linear(question, answer);
    }
    answer->nearest_observed =
        kt_cbo_nearest(question->history, question->points, answer->parallelism);
    answer->distance =
        answer->nearest_observed == 0 ? 0 : abs(answer->parallelism - answer->nearest_observed);
    return KT_ERR_OK;
}
