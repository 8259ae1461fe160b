/* SPDX-License-Identifier: GPL-3.0-or-later
 * Inside of the scaling surrogate, shared by its files: conditioning on observations
 * (scaling.c), weighing (scaling_weigh.c) and prediction (scaling_predict.c).
 *
 * Their symbols. A scale is one triple (ω, a, ν). Under it the n groups have the covariance
 * C = UᵀU. One triangular solve per scale gives X = U⁻ᵀ [S, y, h, u]: S the shapes of the laws
 * without key groups at the groups' parallelisms, y the observations, h = ln(e(p) / p) what key
 * groups add to a law, u = 1 for all groups but the newest. So U⁻ᵀ(y − S_m) is a difference of two
 * columns, of three with key groups.
 *
 * A change point at the newest group adds σ uuᵀ to C, σ = change_sd². With q = U⁻ᵀu, z = U⁻ᵀ(y −
 * S_m) and b = U⁻ᵀk*, and κ = σ / (1 + σ qᵀq),
 *
 *     (y − S_m)ᵀC'⁻¹(y − S_m) = zᵀz − κ (qᵀz)²        ln|C'| = ln|C| + ln(1 + σ qᵀq)
 *     k*ᵀC'⁻¹(y − S_m)        = bᵀz − κ (qᵀb)(qᵀz)    k*ᵀC'⁻¹k* = bᵀb − κ (qᵀb)²
 *
 * so that it needs neither a factor nor a solve of its own. */
#ifndef KT_MODEL_SCALING_INTERNAL_H
#define KT_MODEL_SCALING_INTERNAL_H

#include "model/scaling.h"
#include "model/tiles.h"

#define POINTS KT_GROUPS_MAX
#define SCALES 16 /* level walks × amplitudes × noises */

/* Columns of X. */
#define COLUMN_Y KT_LAWS_SHAPES
#define COLUMN_H (KT_LAWS_SHAPES + 1)
#define COLUMN_U (KT_LAWS_SHAPES + 2)
#define TILES    ((KT_LAWS_SHAPES + 3 + KT_TILE - 1) / KT_TILE)
#define COLUMNS  (TILES * KT_TILE)

/* Parallelisms predicted at once. */
#define BLOCK KT_TILE

#define SHAPE_CACHE 512
#define MEMO        1024

/* The laws of one scale that are worth predicting with, those without key groups first. */
struct part {
    size_t unkeyed;
    size_t count;
    uint16_t column[KT_LAWS]; /* of the scale's kept columns */
    double weight[KT_LAWS];
    double cross[KT_LAWS]; /* κ qᵀz; 0 without the change point */
    double first[KT_LAWS]; /* μ(1), once first_known */
};

struct scale {
    double level_walk;
    double amplitude;
    double noise;
    double ln_prior;
    double u[POINTS * POINTS];       /* row-major, upper triangle, rows of n */
    double inverse_root[POINTS];     /* 1 / Uₖₖ */
    double solved[POINTS * COLUMNS]; /* X, in tiles; later the kept columns of it */
    double y[POINTS];                /* three columns of X */
    double h[POINTS];
    double q[POINTS];
    double q_square;                   /* qᵀq */
    double change;                     /* κ */
    double log_likelihood[2][KT_LAWS]; /* by law; without and with the change point */
    double relative[2][KT_LAWS];       /* exp(those with priors − best) */
    double best[2];
    double sum[2];         /* of relative */
    double cross[KT_LAWS]; /* qᵀz by law */
    size_t kept;
    uint16_t law[KT_LAWS_SHAPES]; /* the kept columns' places among the shapes */
    struct part part[2];
};

/* The parallelisms that are predicted at once; unused places repeat the last. */
struct block {
    size_t count;
    int32_t parallelism[BLOCK];
    double ln_p[BLOCK];
    double key_loss[BLOCK];             /* ln(e(p) / p) */
    double shape[BLOCK * COLUMNS];      /* by parallelism */
    double correlation[POINTS * BLOCK]; /* by group */
    double fixed[POINTS * BLOCK];       /* what of k* does not depend on the scale */
    double b[POINTS * BLOCK];           /* a tile */
    double line[BLOCK * COLUMNS];       /* S − bᵀX by parallelism and kept column */
};

struct shape_entry {
    int32_t parallelism; /* 0: free */
    double shape[KT_LAWS_SHAPES];
};

struct memo {
    uint64_t stamp;
    int32_t parallelism;
    double value;
};

struct kt_scaling {
    struct kt_scaling_model model;
    double ln_library[3][KT_LAWS]; /* ln of kt_laws_prior by what is known of the input */

    /* The question. */
    size_t n; /* 0: nothing to predict from */
    int32_t parallelism[POINTS];
    double ln_p[POINTS];
    double y[POINTS];
    double weight[POINTS];
    int32_t key_groups;
    bool with_keyed;     /* laws with key groups take part */
    bool with_change;    /* the newest group may begin a level */
    double observations; /* in all groups */
    double scatter;
    double correlation[POINTS * POINTS]; /* upper triangles */
    double fixed[POINTS * POINTS];       /* what does not depend on the scale */
    double steps[POINTS];                /* reconfigurations since each group */
    double right[POINTS * COLUMNS];      /* S, y, h, u, in tiles */
    double ln_law[KT_LAWS];              /* ln prior; −∞: takes no part */

    /* The posterior. */
    size_t scales;
    struct scale scale[SCALES];
    double total; /* Σ weights of the kept components */
    bool changed; /* components with the change point are among them */

    /* Prediction. */
    bool first_known;
    struct kt_scaling_load load;
    uint64_t stamp;      /* of (fit, λ) */
    uint64_t mean_stamp; /* of the fit */
    struct memo keeps_up[MEMO];
    struct memo mean[MEMO];
    struct block block;
    struct shape_entry shapes[SHAPE_CACHE];
};

/* The shapes of the laws without key groups at p; the pointer holds until another p is asked. */
const double *kt_scaling_shape(struct kt_scaling *scaling, int32_t parallelism);

/* From every scale's likelihoods to the posterior and what a fit tells of it: each scale keeps the
 * columns of X that predictions need, and loses the others. */
void kt_scaling_weigh(struct kt_scaling *scaling, struct kt_scaling_fit *fit);

/* The place of law m among the shapes. */
static inline size_t kt_scaling_shape_of(size_t m) {
    return m < KT_LAWS_SMOOTH ? m : m - KT_LAWS_SMOOTH;
}

/* Whether law m is one with key groups. */
static inline bool kt_scaling_is_keyed(size_t m) {
    return m >= KT_LAWS_SMOOTH && m < (size_t)2 * KT_LAWS_SMOOTH;
}

#endif
