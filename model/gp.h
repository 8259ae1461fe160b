/* SPDX-License-Identifier: GPL-3.0-or-later
 * The seed's surrogate of ContTune: Gaussian-process regression of processing ability on
 * parallelism, zero mean, kernel k(d) = σf² exp(−d² / 2l²), jitter 1e-8 on the diagonal, y not
 * scaled; l in [1e-5, 1e5] and σf in [1e-5, 5e5] maximise the log marginal likelihood. */
#ifndef KT_MODEL_GP_H
#define KT_MODEL_GP_H

#include "schemas/error.h"

#include <stddef.h>

#define KT_GP_POINTS_MAX 64

struct kt_gp_params {
    double length_scale; /* l, in subtasks */
    double sigma_f;      /* records/s */
};

/* Workspace for up to KT_GP_POINTS_MAX points, allocated once and reused; not shared by threads.
 * After a successful fit or set it holds the Cholesky factor and the weights that kt_gp_predict
 * uses. */
struct kt_gp;
struct kt_gp *kt_gp_new(void); /* NULL when out of memory */
void kt_gp_free(struct kt_gp *gp);

/* Conditions on (x, y), n in 1…KT_GP_POINTS_MAX, distinct x, at fixed hyper-parameters.
 * *log_likelihood gets log p(y | x, l, σf) (Rasmussen & Williams, equation 2.30). KT_ERR_NUMERIC:
 * the covariance is not positive definite in double precision; KT_ERR_INVALID: a value is not
 * finite, or n is out of range. */
KT_MUST_CHECK enum kt_err kt_gp_set(struct kt_gp *gp, const double *x, const double *y, size_t n,
                                    struct kt_gp_params params, double *log_likelihood);

/* Finds the hyper-parameters of the largest log marginal likelihood (deterministic: the same points
 * give the same bits) and conditions on the points. Never fails on finite, distinct points: one
 * point, equal values, gaps, falling curves, 1e-3 … 1e12. */
KT_MUST_CHECK enum kt_err kt_gp_fit(struct kt_gp *gp, const double *x, const double *y, size_t n,
                                    struct kt_gp_params *params, double *log_likelihood);

/* Mean and standard deviation of f(x): μ = k*ᵀK⁻¹y, σ² = k(x,x) − k*ᵀK⁻¹k*, clipped at 0. */
void kt_gp_predict(const struct kt_gp *gp, double x, double *mean, double *stddev);

#endif
