/* SPDX-License-Identifier: GPL-3.0-or-later
 * The scaling surrogate: prediction (symbols in scaling_internal.h).
 *
 * Parallelisms are predicted in blocks, so that the solves b = U⁻ᵀk* and the products bᵀX are
 * matrices: a scan over many parallelisms is what a policy does. What a scan found out is
 * remembered until λ or the fit changes, since the next question is about the same ones. */
#include "model/scaling_internal.h"

#include <math.h>
#include <string.h>

/* Least variance of a prediction. */
#define VARIANCE_MIN 1e-8

/* Φ(−7.2) = 3e-13: beyond, it is taken as 0 or 1. */
#define Z_MAX 7.2

/* Up to twice this a scan takes every parallelism; beyond, steps of p / SCAN_FINENESS. */
#define SCAN_FINENESS 256

/* One part's predictions at the block's place w: without (keyed = 0, the first `unkeyed`
 * components) or with key groups, μ = line[column] + offset[keyed] − lever · cross. */
struct view {
    const struct scale *scale;
    struct part *part;
    bool changed; /* with the change point */
    size_t w;
    const double *line;
    double offset[2];
    double lever; /* qᵀb with the change point, 0 without */
    double variance;
};

/* Takes up what one part says of the block's place view->w. */
typedef void take_fn(struct kt_scaling *scaling, const struct view *view, void *ctx);

static double mu_of(const struct view *view, size_t c) {
    const struct part *part = view->part;
    return view->line[part->column[c]] + view->offset[c >= part->unkeyed] -
           view->lever * part->cross[c];
}

static void set_block(struct kt_scaling *scaling, const int32_t *parallelism, size_t count) {
    const struct kt_scaling_model *model = &scaling->model;
    struct block *block = &scaling->block;
    block->count = count;
    for (size_t w = 0; w < BLOCK; w++) {
        const int32_t p = parallelism[w < count ? w : count - 1];
        block->parallelism[w] = p;
        block->ln_p[w] = log(p);
        block->key_loss[w] = kt_laws_key_loss(p, scaling->key_groups);
        memcpy(block->shape + w * COLUMNS, kt_scaling_shape(scaling, p),
               KT_LAWS_SHAPES * sizeof *block->shape);
    }
    for (size_t i = 0; i < scaling->n; i++) {
        for (size_t w = 0; w < BLOCK; w++) {
            const double d = (block->ln_p[w] - scaling->ln_p[i]) / model->length_scale;
            const bool same = block->parallelism[w] == scaling->parallelism[i];
            block->correlation[i * BLOCK + w] = exp(-0.5 * d * d);
            block->fixed[i * BLOCK + w] =
                model->vague_variance + (same ? model->wiggle * model->wiggle : 0);
        }
    }
}

/* b = U⁻ᵀk* at the block's places. */
static void solve_block(struct kt_scaling *scaling, const struct scale *scale) {
    struct block *block = &scaling->block;
    const size_t n = scaling->n;
    const double variance = scale->amplitude * scale->amplitude;
    for (size_t i = 0; i < n * BLOCK; i++) {
        block->b[i] = block->fixed[i] + variance * block->correlation[i];
    }
    kt_tiles_solve(n, scale->u, scale->inverse_root, block->b, 1);
}

static void fill_lines(struct kt_scaling *scaling, const struct scale *scale) {
    struct block *block = &scaling->block;
    kt_tiles_product(scaling->n, block->b, scale->solved, (scale->kept + KT_TILE - 1) / KT_TILE,
                     block->line, COLUMNS);
    for (size_t w = 0; w < block->count; w++) {
        const double *shape = block->shape + w * COLUMNS;
        double *line = block->line + w * COLUMNS;
        for (size_t c = 0; c < scale->kept; c++) {
            line[c] = shape[scale->law[c]] - line[c];
        }
    }
}

static void take_place(struct kt_scaling *scaling, struct scale *scale, size_t w, take_fn *take,
                       void *ctx) {
    const struct kt_scaling_model *model = &scaling->model;
    const struct block *block = &scaling->block;
    double b_b = 0;
    double b_y = 0;
    double b_h = 0;
    double b_q = 0;
    for (size_t i = 0; i < scaling->n; i++) {
        const double b = block->b[i * BLOCK + w];
        b_b += b * b;
        b_y += b * scale->y[i];
        b_h += b * scale->h[i];
        b_q += b * scale->q[i];
    }
    double prior =
        model->vague_variance + scale->amplitude * scale->amplitude + model->wiggle * model->wiggle;
    for (int changed = 0; changed <= scaling->changed; changed++) {
        if (scale->part[changed].count == 0) {
            continue;
        }
        struct view view = {.scale = scale,
                            .part = &scale->part[changed],
                            .changed = changed,
                            .w = w,
                            .line = block->line + w * COLUMNS,
                            .offset = {b_y, b_y - b_h + block->key_loss[w]},
                            .lever = changed ? b_q : 0};
        const double known = changed ? b_b - scale->change * b_q * b_q : b_b;
        view.variance = fmax(prior - known, VARIANCE_MIN);
        take(scaling, &view, ctx);
    }
}

/* Every part's predictions at `count` ≤ BLOCK parallelisms. */
static void predict(struct kt_scaling *scaling, const int32_t *parallelism, size_t count,
                    take_fn *take, void *ctx) {
    set_block(scaling, parallelism, count);
    for (size_t s = 0; s < scaling->scales; s++) {
        struct scale *scale = &scaling->scale[s];
        if (scale->kept == 0) {
            continue;
        }
        solve_block(scaling, scale);
        fill_lines(scaling, scale);
        for (size_t w = 0; w < count; w++) {
            take_place(scaling, scale, w, take, ctx);
        }
    }
}

struct keeping_up {
    double ln_lambda;
    double load_variance;
    double sum[BLOCK];
};

static void take_keeping_up(struct kt_scaling *scaling, const struct view *view, void *ctx) {
    struct keeping_up *keeping = ctx;
    const struct part *part = view->part;
    const double room = scaling->block.ln_p[view->w] - keeping->ln_lambda;
    const double per_sd = 1 / sqrt(view->variance + keeping->load_variance);
    double sum = 0;
    for (size_t c = 0; c < part->count; c++) {
        const double z = (mu_of(view, c) + room) * per_sd;
        if (z > Z_MAX) {
            sum += part->weight[c];
        } else if (z > -Z_MAX) {
            sum += part->weight[c] * 0.5 * erfc(-z * M_SQRT1_2);
        }
    }
    keeping->sum[view->w] += sum;
}

struct moments {
    bool known[BLOCK];
    double origin[BLOCK]; /* the first median: both moments are taken about it */
    double mean[BLOCK];
    double square[BLOCK];
};

static void take_moments(struct kt_scaling *scaling, const struct view *view, void *ctx) {
    struct moments *moments = ctx;
    const struct part *part = view->part;
    const size_t w = view->w;
    const double p = scaling->block.parallelism[w];
    const double own = expm1(view->variance);
    double mean = 0;
    double square = 0;
    for (size_t c = 0; c < part->count; c++) {
        const double mu = mu_of(view, c);
        const double most = part->first[c] + 1;
        const double median = p * exp(mu < most ? mu : most);
        if (!moments->known[w]) {
            moments->known[w] = true;
            moments->origin[w] = median;
        }
        const double d = median - moments->origin[w];
        mean += part->weight[c] * d;
        square += part->weight[c] * (d * d + median * median * own);
    }
    moments->mean[w] += mean;
    moments->square[w] += square;
}

/* How the block's places compare with its first one. */
struct comparison {
    double ln_share;
    struct view first[2]; /* what the scale's parts say of the first place */
    double sum[BLOCK];
};

/* v(p, r), the variance of ln PA(p) − ln PA(r) at the place w and the first one: with d = b(p) −
 * b(r) it is 2a² (1 − ρ(p, r)) + 2 · .006² − dᵀd + κ (qᵀd)². What both share, ln g and the level,
 * is not in it. */
static double variance_of_ratio(const struct kt_scaling *scaling, const struct view *view,
                                double lever) {
    const struct kt_scaling_model *model = &scaling->model;
    const struct block *block = &scaling->block;
    const double distance = (block->ln_p[view->w] - block->ln_p[0]) / model->length_scale;
    double known = 0;
    for (size_t i = 0; i < scaling->n; i++) {
        const double d = block->b[i * BLOCK + view->w] - block->b[i * BLOCK];
        known += d * d;
    }
    double prior =
        -2 * view->scale->amplitude * view->scale->amplitude * expm1(-0.5 * distance * distance) +
        2 * model->wiggle * model->wiggle;
    return fmax(prior - known + view->scale->change * lever * lever, VARIANCE_MIN);
}

static void take_comparison(struct kt_scaling *scaling, const struct view *view, void *ctx) {
    struct comparison *comparison = ctx;
    const struct view *first = &comparison->first[view->changed];
    if (view->w == 0) {
        comparison->first[view->changed] = *view;
        return;
    }
    const double per_sd = 1 / sqrt(variance_of_ratio(scaling, view, view->lever - first->lever));
    const double room =
        scaling->block.ln_p[view->w] - scaling->block.ln_p[0] - comparison->ln_share;
    double sum = 0;
    for (size_t c = 0; c < view->part->count; c++) {
        sum += view->part->weight[c] * 0.5 *
               erfc(-(mu_of(view, c) - mu_of(first, c) + room) * per_sd * M_SQRT1_2);
    }
    comparison->sum[view->w] += sum;
}

static void take_first(struct kt_scaling *scaling, const struct view *view, void *ctx) {
    (void)scaling;
    (void)ctx;
    for (size_t c = 0; c < view->part->count; c++) {
        view->part->first[c] = mu_of(view, c);
    }
}

/* A quantity per parallelism that scans ask for, `count` ≤ BLOCK at once. */
typedef void evaluate_fn(struct kt_scaling *scaling, const int32_t *parallelism, size_t count,
                         double *value);

static void evaluate_keeps_up(struct kt_scaling *scaling, const int32_t *parallelism, size_t count,
                              double *value) {
    struct keeping_up keeping = {.ln_lambda = log(scaling->load.lambda),
                                 .load_variance = scaling->load.variance};
    predict(scaling, parallelism, count, take_keeping_up, &keeping);
    for (size_t w = 0; w < count; w++) {
        value[w] = keeping.sum[w] / scaling->total;
    }
}

static void evaluate_moments(struct kt_scaling *scaling, const int32_t *parallelism, size_t count,
                             struct moments *moments) {
    if (!scaling->first_known) {
        predict(scaling, (const int32_t[]){1}, 1, take_first, NULL);
        scaling->first_known = true;
    }
    *moments = (struct moments){0};
    predict(scaling, parallelism, count, take_moments, moments);
}

static void evaluate_mean(struct kt_scaling *scaling, const int32_t *parallelism, size_t count,
                          double *value) {
    struct moments moments;
    evaluate_moments(scaling, parallelism, count, &moments);
    for (size_t w = 0; w < count; w++) {
        value[w] = moments.origin[w] + moments.mean[w] / scaling->total;
    }
}

/* What is scanned: a quantity and what is known of it. */
struct scan {
    evaluate_fn *evaluate;
    struct memo *memo; /* MEMO of them */
    uint64_t stamp;    /* of those that hold */
};

static struct memo *memo_of(const struct scan *scan, int32_t parallelism) {
    return &scan->memo[parallelism % MEMO];
}

static bool is_known(const struct scan *scan, int32_t parallelism) {
    const struct memo *memo = memo_of(scan, parallelism);
    return memo->stamp == scan->stamp && memo->parallelism == parallelism;
}

static int32_t next_of(int32_t parallelism, int32_t last) {
    const int32_t step = parallelism < 2 * SCAN_FINENESS ? 1 : parallelism / SCAN_FINENESS;
    return step < last - parallelism ? parallelism + step : last;
}

/* The value at p; with `ahead` places worked out together with it, the next of a scan to last. */
static double value_at(struct kt_scaling *scaling, const struct scan *scan, int32_t parallelism,
                       size_t ahead, int32_t last) {
    if (is_known(scan, parallelism)) {
        return memo_of(scan, parallelism)->value;
    }
    int32_t place[BLOCK] = {parallelism};
    double value[BLOCK];
    size_t count = 1;
    while (count < ahead && place[count - 1] < last) {
        const int32_t next = next_of(place[count - 1], last);
        if (is_known(scan, next)) {
            break;
        }
        place[count++] = next;
    }
    scan->evaluate(scaling, place, count, value);
    for (size_t w = count; w-- > 0;) {
        *memo_of(scan, place[w]) =
            (struct memo){.stamp = scan->stamp, .parallelism = place[w], .value = value[w]};
    }
    return value[0];
}

/* The smallest p of first…last with at least this value; 0: none. */
static int32_t smallest_of(struct kt_scaling *scaling, const struct scan *scan, double least,
                           int32_t first, int32_t last) {
    int32_t below = first - 1; /* nothing up to here, by what was looked at */
    for (int32_t p = first; p <= last; p = next_of(p, last)) {
        if (value_at(scaling, scan, p, BLOCK, last) >= least) {
            while (p - below > 1) {
                const int32_t middle = below + (p - below) / 2;
                if (value_at(scaling, scan, middle, 1, last) >= least) {
                    p = middle;
                } else {
                    below = middle;
                }
            }
            return p;
        }
        below = p;
        if (p == last) {
            break;
        }
    }
    return 0;
}

static struct scan scan_keeps_up(struct kt_scaling *scaling, struct kt_scaling_load load) {
    if (load.lambda != scaling->load.lambda || load.variance != scaling->load.variance) {
        scaling->load = load;
        scaling->stamp++;
    }
    return (struct scan){evaluate_keeps_up, scaling->keeps_up, scaling->stamp};
}

double kt_scaling_keeps_up(struct kt_scaling *scaling, int32_t parallelism,
                           struct kt_scaling_load load) {
    const struct scan scan = scan_keeps_up(scaling, load);
    return scaling->n > 0 ? value_at(scaling, &scan, parallelism, 1, parallelism) : 0;
}

int32_t kt_scaling_smallest(struct kt_scaling *scaling, struct kt_scaling_load load,
                            double probability, int32_t first, int32_t last) {
    const struct scan scan = scan_keeps_up(scaling, load);
    return scaling->n > 0 ? smallest_of(scaling, &scan, probability, first, last) : 0;
}

void kt_scaling_predict(struct kt_scaling *scaling, int32_t parallelism, double *mean,
                        double *stddev) {
    struct moments moments = {0};
    *mean = 0;
    if (stddev != NULL) {
        *stddev = 0;
    }
    if (scaling->n == 0) {
        return;
    }
    evaluate_moments(scaling, &parallelism, 1, &moments);
    const double off = moments.mean[0] / scaling->total;
    *mean = moments.origin[0] + off;
    if (stddev != NULL) {
        *stddev = sqrt(fmax(0, moments.square[0] / scaling->total - off * off));
    }
}

int32_t kt_scaling_best(struct kt_scaling *scaling, double share, int32_t last) {
    if (scaling->n == 0 || last < 1) {
        return 0;
    }
    const struct scan scan = {evaluate_mean, scaling->mean, scaling->mean_stamp};
    double most = 0;
    for (int32_t p = 1;; p = next_of(p, last)) {
        most = fmax(most, value_at(scaling, &scan, p, BLOCK, last));
        if (p == last) {
            break;
        }
    }
    return smallest_of(scaling, &scan, share * most, 1, last);
}

int32_t kt_scaling_matching(struct kt_scaling *scaling, int32_t than, double share,
                            double probability, int32_t first, int32_t last) {
    if (scaling->n == 0 || first > last) {
        return 0;
    }
    int32_t next = first;
    for (bool more = true; more;) {
        struct comparison comparison = {.ln_share = log(share)};
        int32_t place[BLOCK] = {than};
        size_t count = 1;
        while (more && count < BLOCK) {
            place[count++] = next;
            more = next < last;
            next = more ? next_of(next, last) : next;
        }
        predict(scaling, place, count, take_comparison, &comparison);
        for (size_t w = 1; w < count; w++) {
            if (comparison.sum[w] >= probability * scaling->total) {
                return place[w];
            }
        }
    }
    return 0;
}
