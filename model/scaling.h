/* SPDX-License-Identifier: GPL-3.0-or-later
 * The `scaling` surrogate: processing ability over parallelism as a Gaussian process whose mean is
 * a weighted library of scalability laws (model/laws.h).
 *
 *   y = ln(PA / p) = ln g + S_m(p) + δ(p) + level(t) + ε
 *
 * Everything is Gaussian given the law m and the scales (ω, a, ν) of drift, discrepancy and noise,
 * so that the posterior is closed form: no optimiser, no start value. Observations i, j (t counts
 * the job's reconfigurations) have the covariance
 *
 *   C_ij = 9 + a² exp(−(ln pᵢ − ln pⱼ)² / (2 · 0.5²)) + .006² [pᵢ = pⱼ]
 *        + ω² (t_now − max(tᵢ, tⱼ)) + Σ over change points J later than both of .25²
 *        + [i = j] ν² / wᵢ
 *
 * with wᵢ the summed squared busy shares of a group: one of n observations is the same to the model
 * as its members, up to the term of its scatter (kt_scaling_fit). */
#ifndef KT_MODEL_SCALING_H
#define KT_MODEL_SCALING_H

#include "model/laws.h"
#include "schemas/error.h"
#include "schemas/evidence.h"

#include <stdbool.h>

/* The constants of the model; kt_scaling_model_default is what runs. Others exist for the ablation
 * in the simulator only. */
struct kt_scaling_model {
    double vague_variance; /* of ln g */
    double amplitude[2];   /* a: sd of the discrepancy δ, ln units */
    double amplitude_prior[2];
    double length_scale; /* of δ, in ln p */
    double wiggle;       /* sd of what is peculiar to one parallelism */
    double noise[4];     /* ν: relative sd of an observation of a fully busy operator */
    double noise_prior[4];
    double level_walk[2]; /* ω: sd of the level's random walk per reconfiguration. Most operators
                             stay as they are, some drift */
    double level_walk_prior[2];
    double change_sd;   /* of the level at a change point */
    double change_odds; /* prior odds of a change at the newest observation; 0: none */
    struct kt_laws_choice laws;
};
extern const struct kt_scaling_model kt_scaling_model_default;

/* A workspace: one per thread; what it holds between calls never influences an answer. All of its
 * 2.7 MB are taken at once, untouched until needed: no later call allocates. */
struct kt_scaling;
struct kt_scaling *kt_scaling_new(const struct kt_scaling_model *model); /* NULL: out of memory */
void kt_scaling_free(struct kt_scaling *scaling);

struct kt_scaling_question {
    const struct kt_observation_group *groups; /* 1…KT_GROUPS_MAX; window ends ascending,
                                                  generations not descending */
    size_t count;
    const int64_t *change_points_ms; /* ascending; a group lies before one if its window ended
                                        earlier */
    size_t change_points;            /* at most KT_CHANGE_POINTS_MAX */
    enum kt_law_keyed keyed;
    int32_t key_groups; /* N, the vertex's maximum parallelism; 0: not known (not keyed then) */
    const double *law_prior; /* of KT_LAWS laws, sums to 1; NULL: the library's own */
};

struct kt_scaling_fit {
    double log_marginal_likelihood; /* over laws and scales, without the change point (scaling.c) */
    bool change_point;              /* the newest group begins a new level: to be remembered */
    struct kt_law law;              /* the most probable one */
    double law_probability;
    double noise; /* E[ν | observations] */
};

/* Conditions the workspace on the observations. KT_ERR_INVALID: no group, or values out of range;
 * KT_ERR_NUMERIC: a covariance that cannot be factorised, which the bounds on weights and
 * generations (scaling.c) rule out. After an error there is nothing to predict from. */
KT_MUST_CHECK enum kt_err kt_scaling_fit(struct kt_scaling *scaling,
                                         const struct kt_scaling_question *question,
                                         struct kt_scaling_fit *fit, struct kt_error *error);

/* A load to keep up with. */
struct kt_scaling_load {
    double lambda;   /* records/s, > 0 */
    double variance; /* of ln λ, ≥ 0: 0 where it is known and constant */
};

/* After a fit. F(p) = Σ w Φ((μ(p) + ln p − ln λ) / √(v(p) + variance)): the probability that
 * parallelism p ≥ 1 keeps up with a load, by the observations alone. Remembered until load or fit
 * change. */
double kt_scaling_keeps_up(struct kt_scaling *scaling, int32_t parallelism,
                           struct kt_scaling_load load);

/* The smallest p of first…last with F(p) ≥ probability; 0: none. first ≥ 1. Up to 512 every p is
 * looked at; beyond, where p and p + p/256 hardly differ, such steps and a bisection of the one
 * that succeeds. */
int32_t kt_scaling_smallest(struct kt_scaling *scaling, struct kt_scaling_load load,
                            double probability, int32_t first, int32_t last);

/* After a fit: E[PA(p)] and its standard deviation, records/s over all subtasks. A component counts
 * with its median m = p exp(min(μ(p), μ(1) + 1)), which no superlinear extrapolation runs away
 * with, and with the variance m² (exp(v) − 1) about it; stddev may be NULL. */
void kt_scaling_predict(struct kt_scaling *scaling, int32_t parallelism, double *mean,
                        double *stddev);

/* The smallest p of 1…last whose E[PA(p)] reaches `share` (0…1) of the largest there, in the steps
 * of kt_scaling_smallest; 0 without a fit. */
int32_t kt_scaling_best(struct kt_scaling *scaling, double share, int32_t last);

/* After a fit: the smallest p of first…last, in the steps of kt_scaling_smallest, that probably
 * does as much as `than` does: P(PA(p) ≥ share · PA(than)) ≥ probability, by the joint posterior of
 * both; 0: none. share > 0, first ≥ 1. */
int32_t kt_scaling_matching(struct kt_scaling *scaling, int32_t than, double share,
                            double probability, int32_t first, int32_t last);

/* After a fit: log marginal likelihood of each of KT_LAWS laws, scales summed over; for warm starts
 * of other operators (kt_laws_shared_prior). Where no law with key groups took part, they have the
 * likelihood of their twin without: the observations tell nothing about key groups then. */
void kt_scaling_law_likelihoods(const struct kt_scaling *scaling, double *log_likelihood);

#endif
