/* SPDX-License-Identifier: GPL-3.0-or-later
 * How much a load fluctuates around its level by itself, and where that level is. */
#include "model/load_noise.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* A quarter of all |Δ| of white noise are smaller than this many σ: √2 Φ⁻¹(5/8). */
#define QUARTILE 0.45062

/* The level moves at least by this share of σ from window to window, so that it always forgets. */
#define WALK_MIN 0.1

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* σ by the lower quartile of |Δ|: crude, but three quarters of them may be shifts. */
static double crude_sigma(const double *step, size_t count) {
    double size[KT_LOADS_MAX];
    for (size_t i = 0; i < count; i++) {
        size[i] = fabs(step[i]);
    }
    qsort(size, count, sizeof *size, ascending);
    return size[(count - 1) / 4] / QUARTILE;
}

static double clip(double value, double most) {
    return fmin(fmax(value, -most), most);
}

/* σ² and w² by the moments of Δ, each clipped to what noise alone could be. */
static void fit(const double *step, size_t count, double most, double *noise, double *walk) {
    double square = 0;
    double product = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = clip(step[i], most);
        square += d * d;
        product += i > 0 ? d * clip(step[i - 1], most) : 0;
    }
    square /= (double)count;
    *noise = fmin(fmax(-product / (double)(count - 1), 0), square / 2);
    *walk = square - 2 * *noise;
}

/* The level by the Kalman filter of the model; after a shift it begins anew. */
static void follow(const double *x, size_t count, double noise, double walk, double shift,
                   struct kt_load_noise *found) {
    double level = x[0];
    double variance = noise;
    for (size_t i = 1; i < count; i++) {
        const double spread = variance + walk + noise;
        const double off = x[i] - level;
        if (fabs(off) > fmax(shift, KT_LOAD_SHIFT_SDS * sqrt(spread))) {
            level = x[i];
            variance = noise;
        } else {
            const double gain = (variance + walk) / spread;
            level += gain * off;
            variance = gain * noise;
        }
    }
    found->level = exp(level);
    found->level_sd = sqrt(variance);
}

struct kt_load_noise kt_load_noise_of(const double *loads_per_s, size_t count, double shift,
                                      double least) {
    double x[KT_LOADS_MAX];
    double step[KT_LOADS_MAX];
    size_t n = 0;
    for (size_t i = count > KT_LOADS_MAX ? count - KT_LOADS_MAX : 0; i < count; i++) {
        if (loads_per_s[i] > 0 && isfinite(loads_per_s[i])) {
            x[n++] = log(loads_per_s[i]);
        }
    }
    struct kt_load_noise found = {.level = count > 0 ? loads_per_s[count - 1] : 0};
    if (n < KT_LOADS_MIN || !(found.level > 0)) {
        return found;
    }
    for (size_t i = 0; i + 1 < n; i++) {
        step[i] = x[i + 1] - x[i];
    }
    const double crude = crude_sigma(step, n - 1);
    if (crude < least) {
        return found;
    }
    double noise = 0;
    double walk = 0;
    fit(step, n - 1, KT_LOAD_SHIFT_SDS * M_SQRT2 * crude, &noise, &walk);
    if (sqrt(noise) < least) {
        return found;
    }
    found.sigma = sqrt(noise);
    follow(x, n, noise, fmax(walk, WALK_MIN * WALK_MIN * noise), log1p(shift), &found);
    return found;
}
