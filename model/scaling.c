/* SPDX-License-Identifier: GPL-3.0-or-later
 * The scaling surrogate: conditioning on observations (symbols in scaling_internal.h).
 *
 * Groups. The n_g observations of a group share everything but their noise, of variance ν² / wᵢ.
 * With W = Σ wᵢ and the scatter Q = Σ wᵢ (yᵢ − ȳ)² about the weighted mean, their joint density is
 * that of ȳ with noise ν² / W times
 *
 *     exp(−Q / 2ν²) · ν^−(n_g − 1) · (2π)^−(n_g − 1)/2 · √(Π wᵢ / W)
 *
 * The last factor depends on neither law nor scale nor change points: it is left out of every
 * likelihood here, which are those of all observations, one by one, but for it.
 *
 * Bounds. Squared busy shares lie in .0004…1, so that weights outside 1e-9…1e6, abilities below
 * 1e-9 records/s and reconfigurations more than a million ago come from no job: they are taken as
 * those bounds. Then the noise leaves C positive definite by far more than rounding, and no
 * prediction overflows.
 *
 * Cost. The change point is a correction of rank one, laws with key groups a difference of columns:
 * what grows with n² is one Cholesky factor and one triangular solve of 189 columns per scale. */
#include "model/evidence_check.h"
#include "model/scaling_internal.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LN_2PI 1.8378770664093454836

#define ABILITY_MIN     1e-9
#define WEIGHT_MIN      1e-9
#define WEIGHT_MAX      1e6
#define GENERATIONS_MAX 1e6

#define PRIOR_SUM_TOLERANCE 1e-6

const struct kt_scaling_model kt_scaling_model_default = {
    .vague_variance = 9,
    .amplitude = {.01, .03},
    .amplitude_prior = {.6, .4},
    .length_scale = .5,
    .wiggle = .006,
    .noise = {.006, .015, .04, .09},
    .noise_prior = {.2, .5, .2, .1},
    .level_walk = {.002, .02},
    .level_walk_prior = {.9, .1},
    .change_sd = .25,
    .change_odds = .01,
    .laws = {.keyed = true, .exponents = true, .plateaus = true},
};

/* A scale whose prior is 0 takes no part. */
static void list_scales(struct kt_scaling *scaling) {
    const struct kt_scaling_model *model = &scaling->model;
    for (size_t s = 0; s < SCALES; s++) {
        const size_t w = s / 8;
        const size_t a = s / 4 % 2;
        const size_t v = s % 4;
        const double prior =
            model->level_walk_prior[w] * model->amplitude_prior[a] * model->noise_prior[v];
        if (!(prior > 0)) {
            continue;
        }
        struct scale *scale = &scaling->scale[scaling->scales++];
        scale->level_walk = model->level_walk[w];
        scale->amplitude = model->amplitude[a];
        scale->noise = model->noise[v];
        scale->ln_prior = log(prior);
    }
}

struct kt_scaling *kt_scaling_new(const struct kt_scaling_model *model) {
    struct kt_scaling *scaling = calloc(1, sizeof *scaling);
    if (scaling == NULL) {
        return NULL;
    }
    scaling->model = *model;
    scaling->stamp = scaling->mean_stamp = 1;
    list_scales(scaling);
    for (int keyed = KT_LAW_NOT_KEYED; keyed <= KT_LAW_KEYED; keyed++) {
        double *ln_prior = scaling->ln_library[keyed];
        kt_laws_prior(model->laws, (enum kt_law_keyed)keyed, ln_prior);
        for (size_t m = 0; m < KT_LAWS; m++) {
            ln_prior[m] = log(ln_prior[m]);
        }
    }
    return scaling;
}

void kt_scaling_free(struct kt_scaling *scaling) {
    free(scaling);
}

const double *kt_scaling_shape(struct kt_scaling *scaling, int32_t parallelism) {
    struct shape_entry *entry = &scaling->shapes[parallelism % SHAPE_CACHE];
    if (entry->parallelism != parallelism) {
        entry->parallelism = parallelism;
        kt_laws_shape_unkeyed(parallelism, entry->shape);
    }
    return entry->shape;
}

static enum kt_err check_group(const struct kt_scaling_question *question, size_t i,
                               struct kt_error *error) {
    const struct kt_observation_group *group = &question->groups[i];
    if (group->parallelism < 1 || group->parallelism > KT_PARALLELISM_MAX ||
        group->observations < 1 || !(group->ability > 0 && group->ability <= KT_MEASURE_MAX) ||
        !(group->weight > 0 && group->weight <= KT_MEASURE_MAX) ||
        !(group->scatter >= 0 && group->scatter <= KT_MEASURE_MAX)) {
        return kt_fail(error, KT_ERR_INVALID,
                       "group %zu: parallelism %d, %d observations, ability %g, weight %g, scatter "
                       "%g are not all in range",
                       i, group->parallelism, group->observations, group->ability, group->weight,
                       group->scatter);
    }
    if (i > 0 && (group->window_end_ms <= group[-1].window_end_ms ||
                  group->generation < group[-1].generation)) {
        return kt_fail(error, KT_ERR_INVALID, "group %zu is not newer than the one before", i);
    }
    return KT_ERR_OK;
}

static enum kt_err check_question(const struct kt_scaling_question *question,
                                  struct kt_error *error) {
    if (question->count < 1 || question->count > POINTS) {
        return kt_fail(error, KT_ERR_INVALID, "%zu groups of observations, expected 1 to %d",
                       question->count, POINTS);
    }
    if (question->change_points > KT_CHANGE_POINTS_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "%zu change points, at most %d",
                       question->change_points, KT_CHANGE_POINTS_MAX);
    }
    for (size_t j = 1; j < question->change_points; j++) {
        if (question->change_points_ms[j] <= question->change_points_ms[j - 1]) {
            return kt_fail(error, KT_ERR_INVALID, "change point %zu is not the later one", j);
        }
    }
    if (question->keyed < KT_LAW_NOT_KEYED || question->keyed > KT_LAW_KEYED ||
        question->key_groups < 0 || question->key_groups > KT_PARALLELISM_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "%d key groups, expected 0 to %d",
                       question->key_groups, KT_PARALLELISM_MAX);
    }
    for (size_t i = 0; i < question->count; i++) {
        enum kt_err err = check_group(question, i, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

/* The prior of the laws, as logarithms, and whether any with key groups takes part. */
static enum kt_err take_law_prior(struct kt_scaling *scaling,
                                  const struct kt_scaling_question *question,
                                  struct kt_error *error) {
    if (question->law_prior != NULL) {
        double sum = 0;
        for (size_t m = 0; m < KT_LAWS; m++) {
            if (!(question->law_prior[m] >= 0)) {
                return kt_fail(error, KT_ERR_INVALID, "prior of law %zu is %g", m,
                               question->law_prior[m]);
            }
            sum += question->law_prior[m];
            scaling->ln_law[m] = log(question->law_prior[m]);
        }
        if (!(fabs(sum - 1) <= PRIOR_SUM_TOLERANCE)) {
            return kt_fail(error, KT_ERR_INVALID, "the laws' prior sums to %g, expected 1", sum);
        }
    } else {
        const enum kt_law_keyed keyed =
            question->key_groups > 0 ? question->keyed : KT_LAW_NOT_KEYED;
        memcpy(scaling->ln_law, scaling->ln_library[keyed], sizeof scaling->ln_law);
    }
    scaling->with_keyed = false;
    for (size_t m = KT_LAWS_SMOOTH; m < (size_t)2 * KT_LAWS_SMOOTH; m++) {
        scaling->with_keyed = scaling->with_keyed || scaling->ln_law[m] > -INFINITY;
    }
    return KT_ERR_OK;
}

static void take_groups(struct kt_scaling *scaling, const struct kt_scaling_question *question) {
    const size_t n = question->count;
    scaling->key_groups = question->key_groups;
    scaling->observations = 0;
    scaling->scatter = 0;
    for (size_t i = 0; i < n; i++) {
        const struct kt_observation_group *group = &question->groups[i];
        scaling->parallelism[i] = group->parallelism;
        scaling->ln_p[i] = log(group->parallelism);
        scaling->y[i] = log(fmax(group->ability, ABILITY_MIN) / group->parallelism);
        scaling->weight[i] = fmin(fmax(group->weight, WEIGHT_MIN), WEIGHT_MAX);
        scaling->observations += group->observations;
        scaling->scatter += group->scatter;

        double row[COLUMNS] = {0};
        memcpy(row, kt_scaling_shape(scaling, group->parallelism), KT_LAWS_SHAPES * sizeof *row);
        row[COLUMN_Y] = scaling->y[i];
        row[COLUMN_H] = kt_laws_key_loss(group->parallelism, question->key_groups);
        row[COLUMN_U] = i + 1 < n;
        for (size_t c = 0; c < COLUMNS; c += KT_TILE) {
            memcpy(scaling->right + kt_tile_at(n, i, c), row + c, KT_TILE * sizeof *row);
        }
    }
    const int64_t newest_ms = question->groups[n - 1].window_end_ms;
    scaling->with_change = scaling->model.change_odds > 0 && n > 1;
    for (size_t j = 0; j < question->change_points; j++) {
        if (question->change_points_ms[j] == newest_ms) {
            scaling->with_change = false; /* is one already */
        }
    }
}

/* What all scales share of C, and the correlations of δ. */
static void fill_covariances(struct kt_scaling *scaling,
                             const struct kt_scaling_question *question) {
    const struct kt_scaling_model *model = &scaling->model;
    const size_t n = question->count;
    const double now = (double)question->groups[n - 1].generation;
    for (size_t j = 0; j < n; j++) {
        /* two levels differ by what happened after the later of them: here j */
        const struct kt_observation_group *later = &question->groups[j];
        scaling->steps[j] = fmin(now - (double)later->generation, GENERATIONS_MAX);
        double level = 0;
        for (size_t c = 0; c < question->change_points; c++) {
            if (later->window_end_ms < question->change_points_ms[c]) {
                level += model->change_sd * model->change_sd;
            }
        }
        for (size_t i = 0; i <= j; i++) {
            const double d = (scaling->ln_p[i] - scaling->ln_p[j]) / model->length_scale;
            const bool same = scaling->parallelism[i] == scaling->parallelism[j];
            scaling->correlation[i * n + j] = exp(-0.5 * d * d);
            scaling->fixed[i * n + j] =
                model->vague_variance + level + (same ? model->wiggle * model->wiggle : 0);
        }
    }
}

/* C of a scale, its upper triangle. */
static void fill_covariance(const struct kt_scaling *scaling, struct scale *scale) {
    const size_t n = scaling->n;
    const double variance = scale->amplitude * scale->amplitude;
    const double walk = scale->level_walk * scale->level_walk;
    for (size_t i = 0; i < n; i++) {
        double *row = scale->u + i * n;
        for (size_t j = i; j < n; j++) {
            row[j] = scaling->fixed[i * n + j] + walk * scaling->steps[j] +
                     variance * scaling->correlation[i * n + j];
        }
        row[i] += scale->noise * scale->noise / scaling->weight[i];
    }
}

/* Per shape zᵀz and qᵀz without key groups, and zᵀz with. */
struct sums {
    double square[COLUMNS];
    double cross[COLUMNS];
    double square_keyed[COLUMNS];
};

static void sum_up(const struct kt_scaling *scaling, const struct scale *scale, struct sums *sums) {
    memset(sums, 0, sizeof *sums);
    const size_t n = scaling->n;
    for (size_t t = 0; t < COLUMNS; t += KT_TILE) {
        const double *tile = scale->solved + t * n;
        double square[KT_TILE] = {0};
        double cross[KT_TILE] = {0};
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < KT_TILE; c++) {
                const double z = scale->y[i] - tile[i * KT_TILE + c];
                square[c] += z * z;
                cross[c] += scale->q[i] * z;
            }
        }
        memcpy(sums->square + t, square, sizeof square);
        memcpy(sums->cross + t, cross, sizeof cross);
        if (!scaling->with_keyed || t >= KT_LAWS_SMOOTH) {
            continue;
        }
        memset(square, 0, sizeof square);
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < KT_TILE; c++) {
                const double z = scale->y[i] - scale->h[i] - tile[i * KT_TILE + c];
                square[c] += z * z;
            }
        }
        memcpy(sums->square_keyed + t, square, sizeof square);
    }
}

/* The log likelihoods of all laws under one scale, without their priors, with the scale's. */
static void fill_likelihoods(struct kt_scaling *scaling, struct scale *scale, double ln_root) {
    struct sums sums;
    sum_up(scaling, scale, &sums);
    double q_h = 0;
    scale->q_square = 0;
    for (size_t i = 0; i < scaling->n; i++) {
        scale->q_square += scale->q[i] * scale->q[i];
        q_h += scale->q[i] * scale->h[i];
    }
    const double variance = scaling->model.change_sd * scaling->model.change_sd;
    scale->change = variance / (1 + variance * scale->q_square);
    const double constant = scale->ln_prior - ln_root - 0.5 * scaling->observations * LN_2PI -
                            0.5 * scaling->scatter / (scale->noise * scale->noise) -
                            (scaling->observations - (double)scaling->n) * log(scale->noise);
    double constant_changed =
        constant + log(scaling->model.change_odds) - 0.5 * log1p(variance * scale->q_square);
    for (size_t m = 0; m < KT_LAWS; m++) {
        const double cross =
            sums.cross[kt_scaling_shape_of(m)] - (kt_scaling_is_keyed(m) ? q_h : 0);
        const double square = kt_scaling_is_keyed(m) ? sums.square_keyed[m - KT_LAWS_SMOOTH]
                                                     : sums.square[kt_scaling_shape_of(m)];
        const bool absent = kt_scaling_is_keyed(m) && !scaling->with_keyed;
        scale->log_likelihood[0][m] = absent ? -INFINITY : constant - 0.5 * square;
        scale->log_likelihood[1][m] =
            absent || !scaling->with_change
                ? -INFINITY
                : constant_changed - 0.5 * (square - scale->change * cross * cross);
        scale->cross[m] = cross;
    }
}

static bool solve(struct kt_scaling *scaling, struct scale *scale) {
    const size_t n = scaling->n;
    double ln_root;
    fill_covariance(scaling, scale);
    if (!kt_tiles_factor(n, scale->u, scale->inverse_root, &ln_root)) {
        return false;
    }
    memcpy(scale->solved, scaling->right, n * COLUMNS * sizeof *scale->solved);
    kt_tiles_solve(n, scale->u, scale->inverse_root, scale->solved, TILES);
    for (size_t i = 0; i < n; i++) {
        scale->y[i] = scale->solved[kt_tile_at(n, i, COLUMN_Y)];
        scale->h[i] = scale->solved[kt_tile_at(n, i, COLUMN_H)];
        scale->q[i] = scale->solved[kt_tile_at(n, i, COLUMN_U)];
    }
    fill_likelihoods(scaling, scale, ln_root);
    return true;
}

enum kt_err kt_scaling_fit(struct kt_scaling *scaling, const struct kt_scaling_question *question,
                           struct kt_scaling_fit *fit, struct kt_error *error) {
    scaling->n = 0;
    scaling->stamp++;
    scaling->mean_stamp++;
    scaling->first_known = false;
    enum kt_err err = check_question(question, error);
    if (err == KT_ERR_OK) {
        err = take_law_prior(scaling, question, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    take_groups(scaling, question);
    fill_covariances(scaling, question);
    scaling->n = question->count;
    for (size_t s = 0; s < scaling->scales; s++) {
        if (!solve(scaling, &scaling->scale[s])) {
            scaling->n = 0;
            return kt_fail(error, KT_ERR_NUMERIC,
                           "the covariance of %zu groups is not positive definite",
                           question->count);
        }
    }
    kt_scaling_weigh(scaling, fit);
    return KT_ERR_OK;
}
