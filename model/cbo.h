/* SPDX-License-Identifier: GPL-3.0-or-later
 * Conservative Bayesian optimisation of one operator (ContTune, algorithm 2): the smallest
 * parallelism whose predicted processing ability reaches λ, trusted near what was observed, and
 * DS2's linear answer elsewhere. */
#ifndef KT_MODEL_CBO_H
#define KT_MODEL_CBO_H

#include "model/gp.h"
#include "model/scaling.h"
#include "schemas/evidence.h"

/* PA of this window at the present parallelism, records/s: as learned, else rate / busy. Below
 * busy_min that division is mostly noise; rate / busy_min is then a lower bound of PA and *measured
 * is false. 0: the operator does not report rate and busy time, or nothing follows from them. */
double kt_cbo_window_ability(const struct kt_evidence *evidence,
                             const struct kt_operator_evidence *op, bool *measured);

/* p_acq of algorithm 2. */
enum kt_cbo_acquisition {
    KT_CBO_MEAN, /* equation 5: max (p* − p) · 1[μ(p) ≥ λ], the smallest p the mean calls enough */
    KT_CBO_CEI /* equation 4: max (p* − p) · Pr[f(p) ≥ λ], constrained expected improvement */
};

/* What is asked about one operator. */
struct kt_cbo_question {
    const struct kt_history_point *history; /* means per parallelism, ascending, finite, > 0 */
    size_t points;                          /* 0…KT_HISTORY_POINTS_MAX */
    double lambda;                          /* records/s to keep up with, ≥ 0 */
    double lambda_lower;                    /* ≥ lambda: asked of a parallelism below `present` */
    int32_t present;                        /* parallelism that runs now, ≥ 1 */
    int32_t cap;                            /* largest parallelism that is allowed, ≥ 1 */
    int32_t alpha;                          /* ≥ 0: how far from an observation μ is trusted */
    enum kt_cbo_acquisition acquisition;
    struct kt_scaling *scaling; /* conditioned on this operator, it is the surrogate; NULL: `rbf`,
                                   fitted to the history */
    double scaling_unit;        /* > 0, with scaling: records/s in which it counts */
    double ability;             /* PA measured at `present` in this window, records/s; 0: unknown */
    double ability_floor; /* what PA at `present` is at least, where it could not be measured (too
                             little busy); 0: unknown */
};

/* The answer, before limits. What is not known is 0; predicted values belong to `parallelism`. */
struct kt_cbo_answer {
    int method;          /* KT_METHOD_SURROGATE, KT_METHOD_LINEAR or KT_METHOD_KEEP */
    int32_t parallelism; /* 1…KT_PARALLELISM_MAX */
    bool fitted;         /* `rbf` was fitted: params and log_likelihood hold */
    struct kt_gp_params params;
    double log_likelihood;
    double predicted_ability; /* records/s; with KEEP only where it is known */
    double predicted_stddev;  /* of SURROGATE */
    double keeps_up;          /* of SURROGATE: Pr[f(p) ≥ λ] */
    int32_t nearest_observed; /* 0: no history; the smaller one of two equally near */
    int32_t distance;         /* to it, in subtasks */
    bool short_now;           /* by this prediction `present` does not reach λ */
};

/* ⌈λ / unit⌉ (λ being lambda_lower below present, as in kt_cbo_question), at least 1 and at most
 * KT_PARALLELISM_MAX whatever the numbers; a quotient within 1e-9 of a whole number is that number,
 * so that rounding buys no subtask. unit_ability > 0: records/s of one subtask. */
int32_t kt_linear_parallelism(double lambda, double lambda_lower, int32_t present,
                              double unit_ability);

/* Algorithm 2:
 *   p_acq by the acquisition, p in 1…cap; λ is lambda_lower for p < present, so that what was
 *           lowered need not be raised again at once
 *   d = min |p_acq − observed| ≤ α: SURROGATE, p_acq
 *   else, or without such a p:      LINEAR, ⌈λ / (PA(present) / present)⌉; PA from this window,
 *                                   else from the history, else its floor
 *   no PA either:                   KEEP, present
 * p* is any parallelism above all candidates for the mean, whose answer does not depend on it. For
 * CEI the improvement is upon the best that is known: p* is one more than the smallest observed
 * parallelism whose ability reaches λ (so that staying there is an answer, or there would be no
 * end), cap + 1 without one.
 * gp is a workspace; what it held has no influence, and after SURROGATE or LINEAR with `fitted` it
 * is conditioned on this history. A surrogate that cannot be fitted numerically leaves the linear
 * answer. KT_ERR_INVALID: a value of the history is not finite or repeats its parallelism. */
KT_MUST_CHECK enum kt_err kt_cbo_solve(struct kt_gp *gp, const struct kt_cbo_question *question,
                                       struct kt_cbo_answer *answer, struct kt_error *error);

/* Prediction of a fitted `rbf` surrogate at another parallelism, e.g. where a limit moved the
 * answer: conditions gp on the history at the answer's parameters. False when it has no finite
 * value. */
bool kt_cbo_predict(struct kt_gp *gp, const struct kt_history_point *history, size_t points,
                    struct kt_gp_params params, int32_t parallelism, double *mean, double *stddev);

/* The observed parallelism nearest to p; 0 without history. */
int32_t kt_cbo_nearest(const struct kt_history_point *history, size_t points, int32_t p);

#endif
