/* SPDX-License-Identifier: GPL-3.0-or-later
 * The seed's surrogate: a global search for its hyper-parameters (symbols in gp_internal.h).
 *
 * One search instead of two. At a given l the best s is q/n, clipped to its bounds, wherever the
 * jitter has no part in C; otherwise it is a fixed point found in a few factorisations
 * (propose_variance). What is left is a function of ln l with several maxima: it is scanned over
 * all that the distances of the data can tell apart, and the best maxima are refined by GSL's
 * Brent. There is no start value to be lucky with.
 *
 * Failures. C not positive definite during the search is a candidate of likelihood −∞; s is then
 * lowered, since the jitter makes every C positive definite for small s. So there always is an
 * answer, and it is in the bounds and finite. An l that no data speaks of (one point) stays where
 * the seed starts.
 *
 * Cost. A fit takes 15 … 40 factorisations. A whole decision takes 7, 17 and 70 µs per operator at
 * 4, 16 and 64 points, a hundredth of the seed's path and less (tests/bench/README.md). Curves of
 * small scale (below 1e5 records/s) need the trace of C⁻¹ too: about 1 ms at 64 points, 40 ms
 * without noise. */
#include "model/gp_internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The search over ln l. */
#define GRID_MAX        128
#define GRID_STEP       0.35
#define GRID_STEP_FAR   0.7 /* beyond the range of x, where every likelihood is a power law */
#define REFINED_MAX     3   /* local maxima that are refined */
#define BRENT_STEPS_MAX 30
#define GAIN_MIN        1e-9  /* relative gain of log likelihood not worth another step */
#define TRAIL_MAX       0.015 /* within this of ln l a parabola is the likelihood, to GAIN_MIN */
#define EDGE_STRIDES    8
#define EDGE_STRIDE     0.004
#define SIGMA_STEPS_MAX 24

static double clip(double value, double low, double high) {
    return value < low ? low : value > high ? high : value;
}

static double clip_variance(double s) {
    return clip(s, KT_GP_SIGMA_F_MIN * KT_GP_SIGMA_F_MIN, KT_GP_SIGMA_F_MAX * KT_GP_SIGMA_F_MAX);
}

/* A point of the search. */
struct candidate {
    double ln_l;
    double sigma_f;
    double log_likelihood; /* −INFINITY: not positive definite, or surely not the best */
};

/* The largest log likelihood at s that any y and R allow: with λ the eigenvalues of R, each ≥ 0 and
 * summing to n, the quadratic form is at least yᵀy / (sn + jitter) and the determinant at least
 * jitterⁿ. */
static double bound_at(const struct kt_gp *gp, double s) {
    const double n = (double)gp->n;
    return -0.5 * (gp->yy / (s * n + KT_GP_JITTER) + n * log(KT_GP_JITTER) + n * LN_2PI);
}

/* Where the derivative by ln s is zero,
 *
 *     s = (q − t aᵀa) / (n − t tr C⁻¹),   a = C⁻¹y, t = jitter/s;
 *
 * returns the right side, clipped to the bounds. The trace costs as much as the factor. Against
 * the least pivot, which is near the least eigenvalue, a tiny jitter has no part in it, and the
 * right side is q/n. */
static double propose_variance(struct kt_gp *gp, const struct kt_gp_evidence *evidence, double t) {
    const double n = (double)gp->n;
    if (t < 1e-6 * evidence->least_pivot) {
        return clip_variance(evidence->q / n);
    }
    memcpy(gp->weights, gp->z, gp->n * sizeof *gp->weights);
    kt_gp_solve_backward(gp, gp->weights);
    const double fitted = evidence->q - t * kt_gp_square_sum(gp->weights, gp->n);
    const double freedom = n - t * kt_gp_inverse_trace(gp);
    return clip_variance(freedom > 0 ? fmax(0, fitted) / freedom : 0);
}

/* Maximises over σf at one l: iterates s ← propose_variance inside a bracket of lo, where that is
 * larger than s, and hi, where it is smaller or C is not positive definite. Where adding t to 1
 * changes nothing C does not depend on s, and one factorisation is the whole answer. start is
 * where to begin, worth the log likelihood below which nobody is interested. Returns −INFINITY if
 * nothing worthwhile is positive definite. */
static double maximise_sigma(struct kt_gp *gp, double length_scale, double start, double worth,
                             double tolerance, double *sigma_f) {
    double lo = clip_variance(0);
    double hi = clip_variance(INFINITY);
    double s = clip_variance(start * start);
    double best = -INFINITY;
    for (int step = 0; step < SIGMA_STEPS_MAX && hi > lo * (1 + tolerance); step++) {
        struct kt_gp_evidence evidence;
        if (!kt_gp_evaluate(gp, length_scale, s, &evidence)) {
            /* every s with 1 + t == 1 has this C */
            hi = fmin(s, 2 * KT_GP_JITTER / DBL_EPSILON);
            if (bound_at(gp, hi) < worth) {
                break;
            }
            const double safe = KT_GP_JITTER / (4 * (double)gp->n * DBL_EPSILON);
            s = safe > lo && safe < hi ? safe : sqrt(lo * hi);
            continue;
        }
        const double t = KT_GP_JITTER / s;
        const double next = propose_variance(gp, &evidence, t);
        if (1 + t == 1 && 1 + KT_GP_JITTER / next == 1) {
            s = next;
        }
        const double value = kt_gp_log_likelihood_at(gp, &evidence, s);
        if (value > best) {
            best = value;
            *sigma_f = sqrt(s);
        }
        if (fabs(next / s - 1) < tolerance) {
            break;
        }
        if (next < s) {
            hi = s;
        } else if (value + 0.5 * evidence.q / s * (1 - s / hi) < worth) {
            break; /* q/s falls no faster than 1/s, the determinant only grows */
        } else {
            lo = s;
        }
        s = next > lo && next < hi ? next : sqrt(lo * hi);
    }
    return best;
}

struct search {
    struct kt_gp *gp;
    double start; /* σf to begin from */
    double worth;
    struct candidate best;
    struct candidate trail[3]; /* the best three of this refinement, best first */
};

/* Stands for "not positive definite" in Brent's method, which wants finite numbers. */
#define REFUSED 1e150

static void remember(struct search *search, struct candidate here) {
    if (here.log_likelihood > search->best.log_likelihood) {
        search->best = here;
    }
    for (int i = 0; i < 3; i++) {
        if (here.log_likelihood > search->trail[i].log_likelihood) {
            const struct candidate worse = search->trail[i];
            search->trail[i] = here;
            here = worse;
        }
    }
}

/* −log likelihood at ln l, the largest over σf; remembers the best seen. */
static double profile(double ln_l, void *ctx) {
    struct search *search = ctx;
    struct candidate here = {.ln_l = ln_l, .sigma_f = search->start};
    here.log_likelihood =
        maximise_sigma(search->gp, exp(ln_l), search->start, search->worth, 1e-7, &here.sigma_f);
    remember(search, here);
    return isfinite(here.log_likelihood) ? -here.log_likelihood : REFUSED;
}

/* Whether the best three points are close together and a parabola through them promises next to
 * nothing. (The bracket says less: Brent's method closes in from one side.) */
static bool is_refined(const struct candidate trail[3]) {
    const double to_1 = trail[1].ln_l - trail[0].ln_l;
    const double to_2 = trail[2].ln_l - trail[0].ln_l;
    if (!isfinite(trail[2].log_likelihood) || fmax(fabs(to_1), fabs(to_2)) > TRAIL_MAX) {
        return false;
    }
    const double slope_1 = (trail[0].log_likelihood - trail[1].log_likelihood) / to_1;
    const double slope_2 = (trail[0].log_likelihood - trail[2].log_likelihood) / to_2;
    const double bend = (slope_1 - slope_2) / (to_1 - to_2); /* half the second derivative */
    const double slope = slope_1 - bend * to_1;              /* at the best */
    return slope * slope <= 4 * bend * GAIN_MIN * (1 + fabs(trail[0].log_likelihood));
}

/* Where C stops being positive definite the edge is ragged: rounding decides, for about one part in
 * thirty of l. Steps over it in small strides as long as that finds something better. */
static void probe_edge(struct search *search) {
    double from = search->best.ln_l;
    for (int stride = 1; stride <= EDGE_STRIDES; stride++) {
        (void)profile(from + EDGE_STRIDE * stride, search);
        if (search->best.ln_l > from) {
            from = search->best.ln_l;
            stride = 0;
        }
    }
}

/* Refines a local maximum of the grid, middle, between its neighbours. */
static void refine(struct search *search, const struct candidate *left,
                   const struct candidate *middle, const struct candidate *right) {
    gsl_function f = {.function = profile, .params = search};
    search->start = middle->sigma_f;
    for (int i = 0; i < 3; i++) {
        search->trail[i] = (struct candidate){.log_likelihood = -INFINITY};
    }
    remember(search, *middle);
    remember(search, *left);
    remember(search, *right);
    const double f_left = isfinite(left->log_likelihood) ? -left->log_likelihood : REFUSED;
    const double f_right = isfinite(right->log_likelihood) ? -right->log_likelihood : REFUSED;
    gsl_min_fminimizer *brent = search->gp->brent;
    if (gsl_min_fminimizer_set_with_values(brent, &f, middle->ln_l, -middle->log_likelihood,
                                           left->ln_l, f_left, right->ln_l, f_right)) {
        return; /* no bracket: a plateau, whose middle is as good as any */
    }
    for (int step = 0; step < BRENT_STEPS_MAX; step++) {
        if (gsl_min_fminimizer_iterate(brent)) {
            return;
        }
        if (brent->x_upper - brent->x_lower < 1e-9 || is_refined(search->trail)) {
            return;
        }
    }
}

/* Scans ln l over everything the data can tell apart: below a ninth of the least distance R is
 * the identity, up to a quarter the likelihood is linear in the largest correlation, above the
 * bound there is nothing. Returns the number of candidates. */
static size_t scan(struct search *search, struct candidate grid[GRID_MAX]) {
    struct kt_gp *gp = search->gp;
    const double range = gp->x[gp->n - 1] - gp->x[0];
    double least = range;
    for (size_t i = 1; i < gp->n; i++) {
        least = fmin(least, gp->x[i] - gp->x[i - 1]);
    }
    const double last = log(KT_GP_LENGTH_SCALE_MAX);
    double ln_l = log(clip(least / 9, KT_GP_LENGTH_SCALE_MIN, KT_GP_LENGTH_SCALE_MAX));
    const double near = log(least / 4);
    const double far = log(range) + 1;
    size_t count = 0;
    while (count < GRID_MAX) {
        struct candidate *here = &grid[count++];
        *here = (struct candidate){.ln_l = ln_l, .sigma_f = search->start};
        here->log_likelihood = maximise_sigma(gp, exp(ln_l), search->start,
                                              search->best.log_likelihood, 0.05, &here->sigma_f);
        if (here->log_likelihood > search->best.log_likelihood) {
            search->best = *here;
        }
        if (!isfinite(here->log_likelihood) && isfinite(search->best.log_likelihood)) {
            break; /* nor can a longer l be better */
        }
        if (ln_l >= last) {
            break;
        }
        search->start = here->sigma_f;
        ln_l = fmin(last, fmax(near, ln_l + (ln_l < far ? GRID_STEP : GRID_STEP_FAR)));
    }
    return count;
}

static bool is_local_maximum(const struct candidate *grid, size_t count, size_t i) {
    return i > 0 && i + 1 < count && grid[i].log_likelihood >= grid[i - 1].log_likelihood &&
           grid[i].log_likelihood > grid[i + 1].log_likelihood;
}

static struct candidate maximise(struct kt_gp *gp) {
    struct search search = {
        .gp = gp,
        .start = sqrt(gp->yy / (double)gp->n),
        .worth = -INFINITY,
        .best = {.log_likelihood = -INFINITY},
    };
    struct candidate grid[GRID_MAX];
    const size_t count = scan(&search, grid);
    bool done[GRID_MAX] = {false};
    const double margin = 5 + 0.2 * (double)gp->n; /* more than a step of the grid can hide */
    for (int round = 0; round < REFINED_MAX; round++) {
        size_t at = count;
        for (size_t i = 0; i < count; i++) {
            if (!done[i] && is_local_maximum(grid, count, i) &&
                grid[i].log_likelihood > search.best.log_likelihood - margin &&
                (at == count || grid[i].log_likelihood > grid[at].log_likelihood)) {
                at = i;
            }
        }
        if (at == count) {
            break;
        }
        done[at] = true;
        search.worth = search.best.log_likelihood - margin;
        refine(&search, &grid[at - 1], &grid[at], &grid[at + 1]);
        if (!isfinite(grid[at + 1].log_likelihood) && search.best.ln_l > grid[at - 1].ln_l &&
            search.best.ln_l < grid[at + 1].ln_l) {
            probe_edge(&search);
        }
    }
    return search.best;
}

/* One point: the likelihood does not depend on l, and the seed's optimiser stays at its start. */
#define LENGTH_SCALE_OF_ONE_POINT 2.5

enum kt_err kt_gp_fit(struct kt_gp *gp, const double *x, const double *y, size_t n,
                      struct kt_gp_params *params, double *log_likelihood) {
    enum kt_err err = kt_gp_take_points(gp, x, y, n);
    if (err != KT_ERR_OK) {
        return err;
    }
    struct kt_gp_params found = {.length_scale = LENGTH_SCALE_OF_ONE_POINT};
    if (n == 1) {
        found.sigma_f = sqrt(clip_variance(gp->yy - KT_GP_JITTER));
    } else {
        const struct candidate best = maximise(gp);
        found.length_scale = exp(best.ln_l);
        found.sigma_f = best.sigma_f;
    }
    found.length_scale = clip(found.length_scale, KT_GP_LENGTH_SCALE_MIN, KT_GP_LENGTH_SCALE_MAX);
    found.sigma_f = clip(found.sigma_f, KT_GP_SIGMA_F_MIN, KT_GP_SIGMA_F_MAX);
    if (!kt_gp_condition(gp, found, log_likelihood)) {
        gp->n = 0;
        return KT_ERR_NUMERIC;
    }
    *params = found;
    return KT_ERR_OK;
}
