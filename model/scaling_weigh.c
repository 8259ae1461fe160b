/* SPDX-License-Identifier: GPL-3.0-or-later
 * The scaling surrogate: the weights of laws, scales and the change point (symbols in
 * scaling_internal.h). */
#include "model/scaling_internal.h"

#include <math.h>

/* The change point takes part from this log Bayes factor on, prior odds included, and is to be
 * remembered from that on. */
#define CHANGE_MIXED   (-3.0)
#define CHANGE_DURABLE 1.5

/* Scales and laws that weigh less are left out of predictions: of the most probable component's
 * weight, and of the scale's most probable law's. */
#define SCALE_MIN 1e-4
#define LAW_MIN   1e-6

/* Posterior weights of a scale's laws relative to its best, with (1) or without (0) the change
 * point. */
static void weigh(const struct kt_scaling *scaling, struct scale *scale, int changed) {
    double *relative = scale->relative[changed];
    double best = -INFINITY;
    for (size_t m = 0; m < KT_LAWS; m++) {
        relative[m] = scale->log_likelihood[changed][m] + scaling->ln_law[m];
        best = fmax(best, relative[m]);
    }
    scale->best[changed] = best;
    scale->sum[changed] = 0;
    for (size_t m = 0; m < KT_LAWS; m++) {
        /* below e⁻⁵⁰ of the best nothing is left of it in any sum */
        relative[m] = relative[m] - best > -50 ? exp(relative[m] - best) : 0;
        scale->sum[changed] += relative[m];
    }
}

static double evidence_of(const struct kt_scaling *scaling, int changed) {
    double best = -INFINITY;
    for (size_t s = 0; s < scaling->scales; s++) {
        best = fmax(best, scaling->scale[s].best[changed]);
    }
    double sum = 0;
    for (size_t s = 0; s < scaling->scales; s++) {
        sum += exp(scaling->scale[s].best[changed] - best) * scaling->scale[s].sum[changed];
    }
    return best + log(sum);
}

/* Of one scale: the laws worth predicting with, and the columns they need. */
static void keep(struct kt_scaling *scaling, struct scale *scale, double best) {
    bool needed[KT_LAWS_SHAPES] = {false};
    scale->kept = 0;
    for (int changed = 0; changed <= scaling->changed; changed++) {
        struct part *part = &scale->part[changed];
        const double part_weight = exp(scale->best[changed] - best);
        part->count = part->unkeyed = 0;
        if (part_weight * scale->sum[changed] < SCALE_MIN) {
            continue;
        }
        /* plateaus, too, are laws without key groups */
        for (int keyed = 0; keyed <= 1; keyed++) {
            for (size_t m = 0; m < KT_LAWS; m++) {
                if (kt_scaling_is_keyed(m) != (keyed == 1) ||
                    !(scale->relative[changed][m] > LAW_MIN)) {
                    continue;
                }
                const size_t at = part->count++;
                part->unkeyed += keyed == 0;
                part->column[at] = (uint16_t)m;
                part->weight[at] = part_weight * scale->relative[changed][m];
                scaling->total += part->weight[at];
                needed[kt_scaling_shape_of(m)] = true;
            }
        }
    }
    uint16_t column[KT_LAWS_SHAPES];
    for (size_t c = 0; c < KT_LAWS_SHAPES; c++) {
        if (needed[c]) {
            column[c] = (uint16_t)scale->kept;
            scale->law[scale->kept++] = (uint16_t)c;
        }
    }
    for (int changed = 0; changed <= scaling->changed; changed++) {
        struct part *part = &scale->part[changed];
        for (size_t c = 0; c < part->count; c++) {
            const size_t m = part->column[c];
            part->cross[c] = changed ? scale->change * scale->cross[m] : 0;
            part->column[c] = column[kt_scaling_shape_of(m)];
        }
    }
    /* a column only ever moves to the left */
    for (size_t c = 0; c < scale->kept; c++) {
        for (size_t i = 0; i < scaling->n; i++) {
            scale->solved[kt_tile_at(scaling->n, i, c)] =
                scale->solved[kt_tile_at(scaling->n, i, scale->law[c])];
        }
    }
}

/* The most probable law and E[ν]. */
static void summarise(const struct kt_scaling *scaling, double best, struct kt_scaling_fit *fit) {
    double law[KT_LAWS] = {0};
    double sum = 0;
    double noise = 0;
    for (size_t s = 0; s < scaling->scales; s++) {
        for (int changed = 0; changed <= scaling->changed; changed++) {
            const struct scale *scale = &scaling->scale[s];
            const double weight = exp(scale->best[changed] - best);
            for (size_t m = 0; m < KT_LAWS; m++) {
                law[m] += weight * scale->relative[changed][m];
            }
            sum += weight * scale->sum[changed];
            noise += weight * scale->sum[changed] * scale->noise;
        }
    }
    size_t likely = 0;
    for (size_t m = 1; m < KT_LAWS; m++) {
        if (law[m] > law[likely]) {
            likely = m;
        }
    }
    fit->law = kt_law_at(likely);
    fit->law_probability = law[likely] / sum;
    fit->noise = noise / sum;
}

void kt_scaling_weigh(struct kt_scaling *scaling, struct kt_scaling_fit *fit) {
    for (size_t s = 0; s < scaling->scales; s++) {
        weigh(scaling, &scaling->scale[s], 0);
        if (scaling->with_change) {
            weigh(scaling, &scaling->scale[s], 1);
        }
    }
    const double base = evidence_of(scaling, 0);
    const double with_change = scaling->with_change ? evidence_of(scaling, 1) : -INFINITY;
    scaling->changed = with_change > base + CHANGE_MIXED;
    double best = -INFINITY;
    for (size_t s = 0; s < scaling->scales; s++) {
        for (int changed = 0; changed <= scaling->changed; changed++) {
            best = fmax(best, scaling->scale[s].best[changed]);
        }
    }
    scaling->total = 0;
    for (size_t s = 0; s < scaling->scales; s++) {
        keep(scaling, &scaling->scale[s], best);
    }
    summarise(scaling, best, fit);
    fit->log_marginal_likelihood = base;
    fit->change_point = with_change > base + CHANGE_DURABLE;
}

void kt_scaling_law_likelihoods(const struct kt_scaling *scaling, double *log_likelihood) {
    for (size_t m = 0; m < KT_LAWS; m++) {
        const size_t at = kt_scaling_is_keyed(m) && !scaling->with_keyed ? m - KT_LAWS_SMOOTH : m;
        double best = -INFINITY;
        double sum = 0;
        for (size_t s = 0; s < scaling->scales; s++) {
            for (int changed = 0; changed <= scaling->changed; changed++) {
                best = fmax(best, scaling->scale[s].log_likelihood[changed][at]);
            }
        }
        for (size_t s = 0; s < scaling->scales; s++) {
            for (int changed = 0; changed <= scaling->changed; changed++) {
                sum += exp(scaling->scale[s].log_likelihood[changed][at] - best);
            }
        }
        log_likelihood[m] = best + log(sum);
    }
}
