/* SPDX-License-Identifier: GPL-3.0-or-later
 * Inside of the surrogate, shared by its two files: conditioning and prediction (gp.c), and the
 * search for hyper-parameters (gp_fit.c).
 *
 * The symbols of both, for n points: R(l) the correlations exp(−d²/2l²), s = σf², t = jitter/s,
 * K = s (R + tI) = sC, C = UᵀU, q = yᵀC⁻¹y. The log marginal likelihood is
 *
 *     −½ (q/s + n ln s + ln|C| + n ln 2π) */
#ifndef KT_MODEL_GP_INTERNAL_H
#define KT_MODEL_GP_INTERNAL_H

#include "model/gp.h"

#include <gsl/gsl_min.h>
#include <stdbool.h>
#include <stdint.h>

#define POINTS KT_GP_POINTS_MAX

/* Distances 0, 1, … of the kernel table; larger or fractional ones cost an exp each. */
#define TABLE 256

#define LN_2PI 1.8378770664093454836

struct kt_gp {
    gsl_min_fminimizer *brent;
    size_t n;      /* 0: nothing to predict from */
    bool integral; /* every x is whole, and distances fit an int32_t */
    struct kt_gp_params params;
    double x[POINTS]; /* ascending */
    double y[POINTS];
    int32_t offset[POINTS];      /* x − x₀; zeros unless integral */
    double yy;                   /* yᵀy */
    double table[TABLE];         /* exp(−d²/2l²) */
    size_t end[POINTS];          /* row i of the factor ends before this column */
    size_t first[POINTS];        /* by block of columns: the first row that reaches into it */
    double u[POINTS * POINTS];   /* C = UᵀU, row-major, upper triangle */
    double inverse_root[POINTS]; /* 1 / Uₖₖ */
    double z[POINTS];            /* U⁻ᵀ y */
    double weights[POINTS];      /* σf² K⁻¹y = C⁻¹y */
    double scratch[POINTS];
};

/* What one factorisation tells. */
struct kt_gp_evidence {
    double ln_det;      /* ln|C| */
    double least_pivot; /* about the least eigenvalue of C */
    double q;           /* yᵀC⁻¹y */
};

/* Copies the points in ascending x. KT_ERR_INVALID as for kt_gp_set. */
KT_MUST_CHECK enum kt_err kt_gp_take_points(struct kt_gp *gp, const double *x, const double *y,
                                            size_t n);

/* Factors C at (l, s) for the points taken and solves for z and q. False, with nothing to use
 * behind it: C is not positive definite by more than rounding. */
KT_MUST_CHECK bool kt_gp_evaluate(struct kt_gp *gp, double length_scale, double s,
                                  struct kt_gp_evidence *evidence);

/* The log likelihood at s by what a factorisation told. */
double kt_gp_log_likelihood_at(const struct kt_gp *gp, const struct kt_gp_evidence *evidence,
                               double s);

/* Conditions on the points taken: what kt_gp_predict uses. False as for kt_gp_evaluate. */
KT_MUST_CHECK bool kt_gp_condition(struct kt_gp *gp, struct kt_gp_params params,
                                   double *log_likelihood);

/* Of the newest factorisation: v ← U⁻¹v, and tr C⁻¹ = ‖U⁻ᵀ‖², which costs as much as a factor. */
void kt_gp_solve_backward(const struct kt_gp *gp, double *v);
double kt_gp_inverse_trace(struct kt_gp *gp);

/* Σ vᵢ² over n values. */
double kt_gp_square_sum(const double *v, size_t n);

#endif
