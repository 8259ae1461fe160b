/* SPDX-License-Identifier: GPL-3.0-or-later
 * The acquisition of one operator: which parallelism a fitted scaling surrogate, and what the
 * window proved, ask for. Probabilities F(p) are those of keeping up with λ:
 *
 *   F(p_now) = 1 if it keeps up;  F(p ≤ p_now) ≤ .05 if it falls behind */
#ifndef KT_MODEL_ACQUIRE_H
#define KT_MODEL_ACQUIRE_H

#include "model/scaling.h"

struct kt_acquire_question {
    struct kt_scaling_load load; /* to keep up with, λ in units of the fit */
    double unit;                 /* of the fit, records/s */
    int32_t present;             /* parallelism that runs now */
    int32_t lo;                  /* allowed range, 1 ≤ lo ≤ hi */
    int32_t hi;
    int32_t tried_max;       /* largest parallelism observed */
    int keep_up;             /* enum kt_keep_up: what counts as proven of `present` */
    double probability;      /* q: asked of a target */
    double trim_probability; /* asked of a parallelism that is lowered at an old load */
    double gain_min;         /* ≥ 0: of E[PA], where no parallelism reaches q */
};

struct kt_acquire_option {
    int32_t parallelism;
    double probability; /* F, 0…1 */
    double ability;     /* E[PA], records/s, and its standard deviation */
    double stddev;
};

struct kt_acquire_answer {
    struct kt_acquire_option present;
    struct kt_acquire_option target; /* the smallest with F ≥ q; where none has, the smallest p with
                                        E[PA] ≥ .97 of the largest at p ≤ 2 tried_max, if that gains
                                        more than gain_min, else `present` */
    struct kt_acquire_option trim;   /* the smallest with F ≥ trim_probability, or `present` */
    struct kt_acquire_option enough; /* where none has and `target` is `present`: the smallest with
                                        E[PA] ≥ .97 of the largest and, with trim_probability,
                                        PA ≥ .97 PA(present); else `present` */
    bool reached;                    /* some parallelism has F ≥ q */
    bool under;                      /* fell behind, or F(present) < .5: `present` is not to stay */
};

/* scaling: conditioned on the operator. Parallelisms outside lo…hi are only answered with `present`
 * itself. */
struct kt_acquire_answer kt_acquire(struct kt_scaling *scaling,
                                    const struct kt_acquire_question *question);

/* The probability asked of each of `operators` that could fall behind in one decision:
 * 1 − (1 − q) / √n. */
double kt_acquire_share(double probability, size_t operators);

#endif
