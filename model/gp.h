/* SPDX-License-Identifier: GPL-3.0-or-later
 * The seed's surrogate of ContTune: Gaussian-process regression of processing ability on
 * parallelism, zero mean, kernel k(d) = σf² exp(−d² / 2l²), jitter 1e-8 on the diagonal, y not
 * scaled; l in [1e-5, 1e5] and σf in [1e-5, 5e5] maximise the log marginal likelihood. */
#ifndef KT_MODEL_GP_H
#define KT_MODEL_GP_H

#include "schemas/error.h"

#include <stddef.h>

#define KT_GP_POINTS_MAX 64

#define KT_GP_JITTER           1e-8 /* (records/s)², absolute, added to the diagonal */
#define KT_GP_LENGTH_SCALE_MIN 1e-5
#define KT_GP_LENGTH_SCALE_MAX 1e5
#define KT_GP_SIGMA_F_MIN      1e-5
#define KT_GP_SIGMA_F_MAX      5e5
#define KT_GP_VALUE_MAX        1e100 /* of |x| and |y|: keeps every square finite */

struct kt_gp_params {
    double length_scale; /* l, in subtasks */
    double sigma_f;      /* records/s */
};

/* Workspace for up to KT_GP_POINTS_MAX points, allocated once and reused; not shared by threads.
 * After a successful fit or set it holds the Cholesky factor and the weights that kt_gp_predict
 * uses; what it held before never influences a result. */
struct kt_gp;
struct kt_gp *kt_gp_new(void); /* NULL when out of memory */
void kt_gp_free(struct kt_gp *gp);

/* Conditions on (x, y), n in 1…KT_GP_POINTS_MAX, distinct x in any order, at fixed
 * hyper-parameters. *log_likelihood gets log p(y | x, l, σf) (Rasmussen & Williams, equation 2.30).
 * KT_ERR_NUMERIC: the covariance is not positive definite in double precision; KT_ERR_INVALID: a
 * value is not finite or beyond KT_GP_VALUE_MAX, a hyper-parameter is outside the seed's bounds,
 * two x are equal, or n is out of range. After an error the workspace holds no points. */
KT_MUST_CHECK enum kt_err kt_gp_set(struct kt_gp *gp, const double *x, const double *y, size_t n,
                                    struct kt_gp_params params, double *log_likelihood);

/* Finds the hyper-parameters of the largest log marginal likelihood (deterministic: the same points
 * in any order give the same bits) and conditions on the points; kt_gp_set at *params gives the
 * same bits again. Never fails on finite, distinct points: one point, equal values, gaps, falling
 * curves, 1e-3 … 1e12. KT_ERR_INVALID as for kt_gp_set. */
KT_MUST_CHECK enum kt_err kt_gp_fit(struct kt_gp *gp, const double *x, const double *y, size_t n,
                                    struct kt_gp_params *params, double *log_likelihood);

/* Mean of f(x): μ = k*ᵀK⁻¹y, in O(n). 0, the prior's mean, when the workspace holds no points. x
 * must be finite. */
double kt_gp_mean(const struct kt_gp *gp, double x);

/* Mean, the same as kt_gp_mean, and standard deviation of f(x): σ² = k(x,x) − k*ᵀK⁻¹k*, clipped at
 * 0; O(n²). */
void kt_gp_predict(const struct kt_gp *gp, double x, double *mean, double *stddev);

#endif
