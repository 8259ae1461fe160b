/* SPDX-License-Identifier: GPL-3.0-or-later
 * The seed's surrogate: conditioning of a Gaussian process on points, and prediction.
 *
 * What is positive definite. The bound on σf, below the abilities of most operators, and smooth
 * curves both pull l up to where C is singular in double precision (symbols in gp_internal.h).
 * There a pivot is the rounding error of its own computation, the likelihood a lottery, and with a
 * factor accepted because its pivots happen to be above 0, as LAPACK does, four points on a line
 * were predicted wrong by a factor of 600 000. Therefore a pivot has to exceed n ε (1 + t). This
 * costs likelihood only there: of tests/fixtures/gp's 200 histories, 198 reach scipy's best of 20
 * starts under LAPACK's rule (26 surpass it); the two others are equal values without any noise.
 * With three other seeds: 199, 196 and 198, lost on equal values and one exact line.
 *
 * Cost. x is sorted and correlations under 2⁻⁶⁰ are left out, so that a row of U ends early: where
 * 64 neighbouring points still factor, a row has about 25 entries. Whole distances share a table of
 * exponentials. */
#include "model/gp_internal.h"

#include <float.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of the factor are worked on in blocks of this many columns; POINTS is a multiple. */
#define BLOCK 4

/* Correlations below 2⁻⁶⁰ are zero in the factor: l √(2 · 60 ln 2) = 9.12 l. Together they move an
 * eigenvalue by less than the rounding of the diagonal does. */
#define REACH 9.12

struct kt_gp *kt_gp_new(void) {
    struct kt_gp *gp = calloc(1, sizeof *gp);
    if (gp == NULL) {
        return NULL;
    }
    /* GSL's default handler aborts the process; its status codes are checked here instead. */
    gsl_set_error_handler_off();
    gp->brent = gsl_min_fminimizer_alloc(gsl_min_fminimizer_brent);
    if (gp->brent == NULL) {
        free(gp);
        return NULL;
    }
    return gp;
}

void kt_gp_free(struct kt_gp *gp) {
    if (gp == NULL) {
        return;
    }
    gsl_min_fminimizer_free(gp->brent);
    free(gp);
}

enum kt_err kt_gp_take_points(struct kt_gp *gp, const double *x, const double *y, size_t n) {
    gp->n = 0;
    if (n < 1 || n > POINTS) {
        return KT_ERR_INVALID;
    }
    gp->yy = 0;
    gp->integral = true;
    for (size_t i = 0; i < n; i++) {
        /* written so that NaN fails */
        if (!(fabs(x[i]) <= KT_GP_VALUE_MAX) || !(fabs(y[i]) <= KT_GP_VALUE_MAX)) {
            return KT_ERR_INVALID;
        }
        size_t at = i;
        for (; at > 0 && gp->x[at - 1] > x[i]; at--) {
            gp->x[at] = gp->x[at - 1];
            gp->y[at] = gp->y[at - 1];
        }
        gp->x[at] = x[i];
        gp->y[at] = y[i];
        gp->integral = gp->integral && x[i] == rint(x[i]);
    }
    for (size_t i = 1; i < n; i++) {
        if (gp->x[i] == gp->x[i - 1]) {
            return KT_ERR_INVALID;
        }
    }
    gp->integral = gp->integral && gp->x[n - 1] - gp->x[0] <= INT32_MAX;
    for (size_t i = 0; i < n; i++) {
        gp->yy += gp->y[i] * gp->y[i];
        gp->offset[i] = gp->integral ? (int32_t)(gp->x[i] - gp->x[0]) : 0;
    }
    gp->n = n;
    return KT_ERR_OK;
}

static double correlation(double distance, double length_scale) {
    const double d = distance / length_scale;
    return exp(-0.5 * d * d);
}

/* Fills the table for whole distances up to and including `reach`. */
static void fill_table(struct kt_gp *gp, double length_scale, double reach) {
    const size_t count = reach < TABLE - 1 ? (size_t)reach + 1 : TABLE;
    size_t d = 0;
    for (; d < count; d++) {
        gp->table[d] = correlation((double)d, length_scale);
        if (gp->table[d] == 0) {
            break;
        }
    }
    memset(gp->table + d, 0, (count - d) * sizeof *gp->table);
}

static double table_or_exp(const struct kt_gp *gp, bool whole, double distance,
                           double length_scale) {
    return whole && distance < TABLE ? gp->table[(size_t)distance]
                                     : correlation(distance, length_scale);
}

/* The first column of the block that column j is in. */
static size_t block_of(size_t j) {
    return j & ~(size_t)(BLOCK - 1);
}

static void clear_block(double *row, size_t j) {
    memset(row + block_of(j), 0, BLOCK * sizeof *row);
}

/* Sets the upper triangle of C = R(l) + tI inside its envelope, zero to whole blocks, and notes
 * where the envelope lies. */
static void fill_matrix(struct kt_gp *gp, double length_scale, double t) {
    const size_t n = gp->n;
    const double reach = REACH * length_scale;
    const double range = fmin(reach, gp->x[n - 1] - gp->x[0]);
    /* few points far apart have fewer pairs than there are distances */
    const bool whole = gp->integral && range < fmin(TABLE, 0.5 * (double)(n * n));
    if (whole) {
        fill_table(gp, length_scale, range);
    }
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        double *row = gp->u + i * POINTS;
        const double x = gp->x[i];
        const size_t known = end;
        if (end < i + 1) {
            end = i + 1;
        }
        for (; end < n && gp->x[end] - x <= reach; end++) {
        }
        for (size_t j = block_of(known + BLOCK - 1); j < end; j += BLOCK) {
            gp->first[j / BLOCK] = i;
        }
        gp->end[i] = end;
        clear_block(row, i);
        clear_block(row, end - 1);
        row[i] = 1 + t;
        if (whole) {
            for (size_t j = i + 1; j < end; j++) {
                row[j] = gp->table[gp->offset[j] - gp->offset[i]];
            }
        } else {
            for (size_t j = i + 1; j < end; j++) {
                row[j] = correlation(gp->x[j] - x, length_scale);
            }
        }
    }
}

/* The block of row i from column c on, less what the finished rows above take from it, and value
 * less what they take from column i of z. What that touches beyond the envelope is zero on the
 * right, and below the diagonal on the left: never read. */
static inline double reduce(const struct kt_gp *gp, size_t i, size_t c, double *restrict block,
                            double value) {
    double left[BLOCK]; /* of its own, so that it can stay in registers */
    memcpy(left, gp->u + i * POINTS + c, sizeof left);
    for (size_t k = gp->first[c / BLOCK]; k < i; k++) {
        const double *above = gp->u + k * POINTS;
        const double scale = above[i];
        value -= scale * gp->z[k];
        for (size_t m = 0; m < BLOCK; m++) {
            left[m] -= scale * above[c + m];
        }
    }
    memcpy(block, left, sizeof left);
    return value;
}

/* C = UᵀU in place and z = U⁻ᵀy, row by row, inside the envelope (rows end in ascending columns,
 * so the factor fills nothing outside it). False at the first pivot that is not positive by more
 * than rounding. */
static bool factor(struct kt_gp *gp, double t, struct kt_gp_evidence *evidence) {
    const size_t n = gp->n;
    const double least = (double)n * DBL_EPSILON * (1 + t);
    double product = 1;
    double sum = 0;
    double least_pivot = 1 + t;
    for (size_t i = 0; i < n; i++) {
        double *row = gp->u + i * POINTS;
        size_t c = block_of(i);
        double block[BLOCK];
        const double z = reduce(gp, i, c, block, gp->y[i]);
        const double pivot = block[i - c];
        if (!(pivot > least)) {
            return false;
        }
        const double inverse = 1 / sqrt(pivot);
        gp->inverse_root[i] = inverse;
        gp->z[i] = z * inverse;
        for (;;) {
            for (size_t m = 0; m < BLOCK; m++) {
                row[c + m] = block[m] * inverse;
            }
            c += BLOCK;
            if (c >= gp->end[i]) {
                break;
            }
            (void)reduce(gp, i, c, block, 0);
        }
        if (pivot < least_pivot) {
            least_pivot = pivot;
        }
        product *= pivot;
        if (product < 1e-200 || product > 1e200) {
            sum += log(product);
            product = 1;
        }
    }
    evidence->least_pivot = least_pivot;
    evidence->ln_det = sum + log(product);
    evidence->q = kt_gp_square_sum(gp->z, n);
    return true;
}

/* v ← U⁻ᵀv, where v is zero before `first`. */
static void solve_forward(const struct kt_gp *gp, double *restrict v, size_t first) {
    for (size_t k = first; k < gp->n; k++) {
        const double *row = gp->u + k * POINTS;
        const double scale = v[k] * gp->inverse_root[k];
        v[k] = scale;
        for (size_t j = k + 1; j < gp->end[k]; j++) {
            v[j] -= scale * row[j];
        }
    }
}

void kt_gp_solve_backward(const struct kt_gp *gp, double *v) {
    for (size_t k = gp->n; k-- > 0;) {
        const double *row = gp->u + k * POINTS;
        double sum = v[k];
        for (size_t j = k + 1; j < gp->end[k]; j++) {
            sum -= row[j] * v[j];
        }
        v[k] = sum * gp->inverse_root[k];
    }
}

double kt_gp_square_sum(const double *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += v[i] * v[i];
    }
    return sum;
}

double kt_gp_inverse_trace(struct kt_gp *gp) {
    double trace = 0;
    for (size_t i = 0; i < gp->n; i++) {
        memset(gp->scratch, 0, sizeof gp->scratch);
        gp->scratch[i] = 1;
        solve_forward(gp, gp->scratch, i);
        trace += kt_gp_square_sum(gp->scratch + i, gp->n - i);
    }
    return trace;
}

bool kt_gp_evaluate(struct kt_gp *gp, double length_scale, double s,
                    struct kt_gp_evidence *evidence) {
    const double t = KT_GP_JITTER / s;
    fill_matrix(gp, length_scale, t);
    return factor(gp, t, evidence);
}

double kt_gp_log_likelihood_at(const struct kt_gp *gp, const struct kt_gp_evidence *evidence,
                               double s) {
    return -0.5 *
           (evidence->q / s + (double)gp->n * log(s) + evidence->ln_det + (double)gp->n * LN_2PI);
}

bool kt_gp_condition(struct kt_gp *gp, struct kt_gp_params params, double *log_likelihood) {
    const double s = params.sigma_f * params.sigma_f;
    struct kt_gp_evidence evidence;
    if (!kt_gp_evaluate(gp, params.length_scale, s, &evidence)) {
        return false;
    }
    gp->params = params;
    *log_likelihood = kt_gp_log_likelihood_at(gp, &evidence, s);
    memcpy(gp->weights, gp->z, gp->n * sizeof *gp->weights);
    kt_gp_solve_backward(gp, gp->weights);
    if (gp->integral) {
        fill_table(gp, params.length_scale, INFINITY);
    }
    return true;
}

enum kt_err kt_gp_set(struct kt_gp *gp, const double *x, const double *y, size_t n,
                      struct kt_gp_params params, double *log_likelihood) {
    enum kt_err err = kt_gp_take_points(gp, x, y, n);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (!(params.length_scale >= KT_GP_LENGTH_SCALE_MIN &&
          params.length_scale <= KT_GP_LENGTH_SCALE_MAX) ||
        !(params.sigma_f >= KT_GP_SIGMA_F_MIN && params.sigma_f <= KT_GP_SIGMA_F_MAX)) {
        gp->n = 0;
        return KT_ERR_INVALID;
    }
    if (!kt_gp_condition(gp, params, log_likelihood)) {
        gp->n = 0;
        return KT_ERR_NUMERIC;
    }
    return KT_ERR_OK;
}

double kt_gp_mean(const struct kt_gp *gp, double x) {
    double mean = 0;
    const bool whole = gp->integral && x == rint(x);
    for (size_t i = 0; i < gp->n; i++) {
        mean +=
            gp->weights[i] * table_or_exp(gp, whole, fabs(x - gp->x[i]), gp->params.length_scale);
    }
    return mean;
}

void kt_gp_predict(const struct kt_gp *gp, double x, double *mean, double *stddev) {
    double v[POINTS] = {0};
    const bool whole = gp->integral && x == rint(x);
    *mean = 0;
    for (size_t i = 0; i < gp->n; i++) {
        v[i] = table_or_exp(gp, whole, fabs(x - gp->x[i]), gp->params.length_scale);
        *mean += gp->weights[i] * v[i];
    }
    solve_forward(gp, v, 0);
    /* the jitter is noise of the observations, not of f: k(x,x) = σf² */
    const double remaining = 1 - kt_gp_square_sum(v, gp->n);
    *stddev = gp->params.sigma_f * sqrt(fmax(0, remaining));
}
