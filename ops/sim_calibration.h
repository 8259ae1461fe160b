/* SPDX-License-Identifier: GPL-3.0-or-later
 * Calibration: of the times that a surrogate gives a parallelism the probability q, does it keep up
 * in the share q of them? Computed beside the runs of a study from the evidence of its commands,
 * with the pure functions of model/, and held against the true curves.
 *
 * A question is one operator in one published decision whose window was valid and whose load λ was
 * known, at one parallelism p of 1 … 2 × the optimum. Its two answers are
 *
 *   scaling   F(p) of model/scaling.h, given the evidence's groups, without what other operators
 *             of the cluster taught and what the policy adds for the parallelism that runs
 *   rbf       Φ((μ(p) − λ) / σ(p)) of the seed's Gaussian process (model/gp.h), fitted to the
 *             evidence's history
 *
 * both for the λ that was decided with, whoever decided. The truth is whether the true curve
 * reaches that λ: then only the surrogate is judged. Whether it reaches the job's true load is
 * counted beside it: then errors in λ count as well.
 *
 * A parallelism that the evidence has observed is hardly a question any more, and farther than α
 * from all that it has observed the paper does not ask its surrogate: so those are counted apart.
 * Most questions are obvious and fill the outermost bins; what counts is the bins between.
 * Decisions of one run depend on each other. A HOLD is published when its reason changes: the
 * decisions are those of a reader of the commands topic. */
#ifndef KT_OPS_SIM_CALIBRATION_H
#define KT_OPS_SIM_CALIBRATION_H

#include "ops/sim_study.h"

/* Bins of probability, closed below; the last one holds 1. */
#define KT_SIM_BINS 8
extern const double kt_sim_bin_edges[KT_SIM_BINS + 1];

enum kt_sim_asked { KT_SIM_ASKED_SCALING, KT_SIM_ASKED_RBF, KT_SIM_ASKED };

/* How far the parallelism is from those that the evidence has observed: is one of them, at most the
 * paper's α = 3 away, farther. */
enum kt_sim_distance { KT_SIM_OBSERVED, KT_SIM_NEAR, KT_SIM_FAR, KT_SIM_DISTANCES };
#define KT_SIM_NEAR_SUBTASKS 3

/* Sums over questions. */
struct kt_sim_bin {
    int64_t questions;
    double predicted;
    int64_t kept_up;      /* the true curve reaches the λ that was decided with */
    int64_t kept_up_true; /* it reaches the true load */
};
struct kt_sim_reliability {
    struct kt_sim_bin bins[KT_SIM_BINS];
    double squares; /* (q − kept up)² */
    double logs;    /* −ln of the probability of what is true, q within 1e-6 … 1 − 1e-6 */
};

/* Of a study, which must outlive it and keep its size. NULL when out of memory. */
struct kt_sim_calibration;
struct kt_sim_calibration *kt_sim_calibration_new(const struct kt_sim_study *study);
void kt_sim_calibration_free(struct kt_sim_calibration *calibration);

/* Lets it listen to the study's runs. */
void kt_sim_calibration_listen(struct kt_sim_calibration *calibration, struct kt_sim_study *study);

/* After the study: all questions of one distance that one method's decisions raise, the same ones
 * for both surrogates. */
struct kt_sim_reliability kt_sim_calibration_sum(const struct kt_sim_calibration *calibration,
                                                 int method, enum kt_sim_asked asked,
                                                 enum kt_sim_distance distance);

/* Over all bins: questions; Brier score Σ (q − kept up)² / n and log score in nats. */
struct kt_sim_calibration_score {
    int64_t questions;
    double brier;
    double log_score;
};
struct kt_sim_calibration_score
kt_sim_calibration_score(const struct kt_sim_reliability *reliability);

#endif
