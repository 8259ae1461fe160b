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

/* p_acq, or 0. Beyond α from the largest observation an answer would not be taken anyway, so the
 * search ends there. */
static int32_t acquire(const struct kt_gp *gp, const struct kt_cbo_question *q) {
    const int64_t far = (int64_t)q->history[q->points - 1].parallelism + q->alpha;
    const int32_t last = far < q->cap ? (int32_t)far : q->cap;
    for (int32_t p = 1; p <= last; p++) {
        if (kt_gp_mean(gp, p) >= (p < q->present ? q->lambda_lower : q->lambda)) {
            return p;
        }
    }
    return 0;
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
static bool answer_surrogate(struct kt_gp *gp, const struct kt_cbo_question *q,
                             struct kt_cbo_answer *answer) {
    const int32_t p = acquire(gp, q);
    if (p == 0 || abs(p - kt_cbo_nearest(q->history, q->points, p)) > q->alpha) {
        return false;
    }
    double mean = 0;
    double stddev = 0;
    kt_gp_predict(gp, p, &mean, &stddev);
    if (!isfinite(mean) || !isfinite(stddev)) {
        return false;
    }
    answer->method = KT_METHOD_SURROGATE;
    answer->parallelism = p;
    answer->predicted_ability = mean;
    answer->predicted_stddev = stddev;
    answer->short_now = kt_gp_mean(gp, q->present) < q->lambda;
    return true;
}

enum kt_err kt_cbo_solve(struct kt_gp *gp, const struct kt_cbo_question *question,
                         struct kt_cbo_answer *answer, struct kt_error *error) {
    *answer = (struct kt_cbo_answer){.method = KT_METHOD_KEEP, .parallelism = question->present};
    if (question->points > 0) {
        double x[KT_GP_POINTS_MAX];
        double y[KT_GP_POINTS_MAX];
        const size_t n = to_xy(question->history, question->points, x, y);
        enum kt_err err = kt_gp_fit(gp, x, y, n, &answer->params, &answer->log_likelihood);
        if (err != KT_ERR_OK && err != KT_ERR_NUMERIC) {
            return kt_fail(error, err, "the surrogate of %zu points cannot be fitted", n);
        }
        answer->fitted = err == KT_ERR_OK;
    }
    if (!answer->fitted || !answer_surrogate(gp, question, answer)) {
        answer_linear(question, answer);
    }
    answer->nearest_observed =
        kt_cbo_nearest(question->history, question->points, answer->parallelism);
    answer->distance =
        answer->nearest_observed == 0 ? 0 : abs(answer->parallelism - answer->nearest_observed);
    return KT_ERR_OK;
}
