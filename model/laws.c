/* SPDX-License-Identifier: GPL-3.0-or-later
 * The library of scalability laws: its grid, its prior, its shapes.
 *
 * Contention s and coherence k are those of the universal scalability law. An exponent c below 1
 * bends the curve less the farther it goes, which measured operators do and the universal law can
 * express only by a negative k; s/c keeps the slope at p = 1. Key groups and plateaus are what no
 * smooth curve can follow. */
#include "model/laws.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CONTENTIONS          14
#define COHERENCES           7
#define EXPONENTS            3
#define CAPS                 15
#define PLATEAU_CONTENTIONS  4
#define CONTENTION_MEDIAN    0.02
#define CONTENTION_LN_SD     1.6
#define CONTENTION_ZERO_MASS 0.10
#define PLATEAU_MASS         0.03 /* relative to all the other laws' */

static const double contentions[CONTENTIONS] = {0,   .003, .006, .01, .015, .02, .03,
                                                .04, .055, .075, .10, .14,  .20, .30};
static const double coherences[COHERENCES] = {0, 2e-5, 6e-5, 2e-4, 6e-4, 1.5e-3, 4e-3};
static const double coherence_mass[COHERENCES] = {.45, .20, .14, .10, .06, .035, .015};
static const double exponents[EXPONENTS] = {1, .5, .25};
static const double exponent_mass[EXPONENTS] = {.5, .3, .2};
static const int32_t caps[CAPS] = {3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 23, 26, 30, 36};
static const double plateau_contentions[PLATEAU_CONTENTIONS] = {0, .02, .05, .1};
static const double keyed_mass[] = {
    [KT_LAW_NOT_KEYED] = 0, [KT_LAW_MAYBE_KEYED] = .3, [KT_LAW_KEYED] = .9};

/* How a new operator's prior is made from others' likelihoods. */
#define SHARED_PART     0.6
#define SHARED_EXPONENT 0.3

/* Where a law lies in the grid. The smooth ones: all pairs (s, k) at c = 1, s alone elsewhere. */
struct place {
    bool keyed;
    bool plateau; /* then cap and contention index its own tables */
    size_t cap;
    size_t exponent;
    size_t contention;
    size_t coherence;
};

static struct place place_of(size_t m) {
    struct place place = {0};
    if (m >= 2 * (size_t)KT_LAWS_SMOOTH) {
        m -= 2 * (size_t)KT_LAWS_SMOOTH;
        place.plateau = true;
        place.cap = m / PLATEAU_CONTENTIONS;
        place.contention = m % PLATEAU_CONTENTIONS;
        return place;
    }
    place.keyed = m >= KT_LAWS_SMOOTH;
    m %= KT_LAWS_SMOOTH;
    if (m < (size_t)CONTENTIONS * COHERENCES) {
        place.contention = m / COHERENCES;
        place.coherence = m % COHERENCES;
        return place;
    }
    m -= (size_t)CONTENTIONS * COHERENCES;
    place.exponent = 1 + m / CONTENTIONS;
    place.contention = m % CONTENTIONS;
    return place;
}

struct kt_law kt_law_at(size_t m) {
    const struct place place = place_of(m);
    if (place.plateau) {
        return (struct kt_law){.contention = plateau_contentions[place.contention],
                               .exponent = 1,
                               .plateau = caps[place.cap]};
    }
    return (struct kt_law){.contention = contentions[place.contention],
                           .coherence = coherences[place.coherence],
                           .exponent = exponents[place.exponent],
                           .keyed = place.keyed};
}

/* Appends "name value", with a comma in front if it is not the first. */
static void append(char *text, const char *name, double value) {
    const size_t length = strlen(text);
    (void)snprintf(text + length, KT_LAW_TEXT_MAX - length, "%s%s %g", length > 0 ? ", " : "", name,
                   value);
}

void kt_law_describe(struct kt_law law, int32_t key_groups, char text[KT_LAW_TEXT_MAX]) {
    text[0] = '\0';
    if (law.plateau > 0) {
        append(text, "plateau at", law.plateau);
    }
    if (law.contention > 0) {
        append(text, "contention", law.contention);
    }
    if (law.coherence > 0) {
        append(text, "coherence", law.coherence);
    }
    if (law.contention > 0 && law.exponent < 1) {
        append(text, "exponent", law.exponent);
    }
    if (text[0] == '\0') {
        (void)snprintf(text, KT_LAW_TEXT_MAX, "linear");
    }
    if (law.keyed && key_groups > 0) {
        append(text, "key groups", key_groups);
    } else if (law.keyed) {
        (void)snprintf(text + strlen(text), KT_LAW_TEXT_MAX - strlen(text), ", key groups");
    }
}

/* mass[CONTENTIONS], which sums to 1: a log-normal density times the width of each cell in ln s
 * (half the way to both neighbours, the whole way at the ends), and s = 0 apart. */
static void contention_prior(double *mass) {
    double sum = 0;
    for (size_t i = 1; i < CONTENTIONS; i++) {
        const size_t low = i > 1 ? i - 1 : i;
        const size_t high = i < CONTENTIONS - 1 ? i + 1 : i;
        const double width = log(contentions[high] / contentions[low]) / (double)(high - low);
        const double z = log(contentions[i] / CONTENTION_MEDIAN) / CONTENTION_LN_SD;
        mass[i] = exp(-0.5 * z * z) * width;
        sum += mass[i];
    }
    for (size_t i = 1; i < CONTENTIONS; i++) {
        mass[i] *= (1 - CONTENTION_ZERO_MASS) / sum;
    }
    mass[0] = CONTENTION_ZERO_MASS;
}

/* The mass of one law before all are made to sum to 1. */
static double mass_of(struct kt_laws_choice choice, double keyed, const double *contention,
                      size_t m) {
    const struct place place = place_of(m);
    if (place.plateau) {
        return choice.plateaus ? PLATEAU_MASS / (CAPS * PLATEAU_CONTENTIONS) : 0;
    }
    double mass = contention[place.contention] * (place.keyed ? keyed : 1 - keyed);
    if (choice.exponents) {
        mass *= exponent_mass[place.exponent];
    }
    if (place.exponent == 0) {
        return mass * coherence_mass[place.coherence];
    }
    return choice.exponents ? mass : 0;
}

void kt_laws_prior(struct kt_laws_choice choice, enum kt_law_keyed keyed, double *prior) {
    double contention[CONTENTIONS];
    contention_prior(contention);
    double sum = 0;
    for (size_t m = 0; m < KT_LAWS; m++) {
        prior[m] = mass_of(choice, choice.keyed ? keyed_mass[keyed] : 0, contention, m);
        sum += prior[m];
    }
    for (size_t m = 0; m < KT_LAWS; m++) {
        prior[m] /= sum;
    }
}

void kt_laws_shape_unkeyed(int32_t parallelism, double *shape) {
    const double p = parallelism;
    for (size_t i = 0; i < CONTENTIONS; i++) {
        for (size_t j = 0; j < COHERENCES; j++) {
            *shape++ = -log(1 + contentions[i] * (p - 1) + coherences[j] * p * (p - 1));
        }
    }
    for (size_t e = 1; e < EXPONENTS; e++) {
        for (size_t i = 0; i < CONTENTIONS; i++) {
            *shape++ = -exponents[e] * log(1 + contentions[i] / exponents[e] * (p - 1));
        }
    }
    for (size_t i = 0; i < CAPS; i++) {
        const double used = parallelism < caps[i] ? p : caps[i];
        for (size_t j = 0; j < PLATEAU_CONTENTIONS; j++) {
            *shape++ = log(used / p) - log(1 + plateau_contentions[j] * (used - 1));
        }
    }
}

double kt_laws_key_loss(int32_t parallelism, int32_t key_groups) {
    if (key_groups <= 0) {
        return 0;
    }
    const int64_t fullest = ((int64_t)key_groups + parallelism - 1) / parallelism;
    return log((double)key_groups / ((double)fullest * parallelism));
}

void kt_laws_shape(int32_t parallelism, int32_t key_groups, double *shape) {
    double unkeyed[KT_LAWS_SHAPES];
    kt_laws_shape_unkeyed(parallelism, unkeyed);
    const double loss = kt_laws_key_loss(parallelism, key_groups);
    for (size_t m = 0; m < KT_LAWS_SMOOTH; m++) {
        shape[m] = unkeyed[m];
        shape[KT_LAWS_SMOOTH + m] = unkeyed[m] + loss;
    }
    memcpy(shape + (size_t)2 * KT_LAWS_SMOOTH, unkeyed + KT_LAWS_SMOOTH,
           KT_LAWS_PLATEAUS * sizeof *shape);
}

/* tempered ← norm(π₀ L^.3); π₀ itself where the likelihoods rule out all that it allows. */
static void temper(const double *prior, const double *log_likelihood, double *tempered) {
    double best = -INFINITY;
    for (size_t m = 0; m < KT_LAWS; m++) {
        if (prior[m] > 0) {
            best = fmax(best, log_likelihood[m]);
        }
    }
    double sum = 0;
    for (size_t m = 0; m < KT_LAWS; m++) {
        tempered[m] = prior[m];
        if (prior[m] > 0 && best > -INFINITY) {
            tempered[m] *= exp(SHARED_EXPONENT * (log_likelihood[m] - best));
        }
        sum += tempered[m];
    }
    for (size_t m = 0; m < KT_LAWS; m++) {
        tempered[m] /= sum;
    }
}

void kt_laws_shared_prior(const double *prior, const double *log_likelihood, size_t count,
                          double *shared) {
    double sum[KT_LAWS] = {0};
    double tempered[KT_LAWS];
    for (size_t j = 0; j < count; j++) {
        temper(prior, log_likelihood + j * KT_LAWS, tempered);
        for (size_t m = 0; m < KT_LAWS; m++) {
            sum[m] += tempered[m];
        }
    }
    for (size_t m = 0; m < KT_LAWS; m++) {
        shared[m] = count > 0 ? (1 - SHARED_PART) * prior[m] + SHARED_PART / (double)count * sum[m]
                              : prior[m];
    }
}
