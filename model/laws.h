/* SPDX-License-Identifier: GPL-3.0-or-later
 * The library of scalability laws: shapes S_m(p) = ln(PA(p) / p) up to a constant, with priors.
 *
 *   S = ln(e(p) / p) − c ln(1 + (s/c)(p − 1) + k p (p − 1))          e(p) = p, or N / ⌈N / p⌉ keyed
 *   plateaus: S = ln(min(p, P₀) / p) − ln(1 + s (min(p, P₀) − 1))
 *
 * Their order: KT_LAWS_SMOOTH without key groups, as many with them, KT_LAWS_PLATEAUS plateaus.
 * A law with key groups is the one KT_LAWS_SMOOTH before it plus ln(e(p) / p), the same for all. */
#ifndef KT_MODEL_LAWS_H
#define KT_MODEL_LAWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KT_LAWS_SMOOTH   126
#define KT_LAWS_PLATEAUS 60
#define KT_LAWS          312 /* smooth ones, the same with key groups, plateaus */
#define KT_LAWS_SHAPES   186 /* smooth ones, plateaus: what does not depend on N */

/* What is known of an operator's input: prior of the laws with key groups 0, .3 or .9. */
enum kt_law_keyed { KT_LAW_NOT_KEYED, KT_LAW_MAYBE_KEYED, KT_LAW_KEYED };

struct kt_law {
    double contention; /* s */
    double coherence;  /* k */
    double exponent;   /* c */
    int32_t plateau;   /* P₀; 0: none */
    bool keyed;        /* with key groups */
};

/* Which laws take part, for ablations; all in the default. */
struct kt_laws_choice {
    bool keyed;     /* laws with key groups */
    bool exponents; /* c other than 1 */
    bool plateaus;
};

/* Law m of 0…KT_LAWS-1. */
struct kt_law kt_law_at(size_t m);

/* For people: "contention 0.02, coherence 6e-05, key groups 128", "linear", "plateau at 12,
 * contention 0.05". key_groups 0: their number is not said. */
#define KT_LAW_TEXT_MAX 128
void kt_law_describe(struct kt_law law, int32_t key_groups, char text[KT_LAW_TEXT_MAX]);

/* Fills prior[KT_LAWS], which sums to 1; laws that do not take part have 0. */
void kt_laws_prior(struct kt_laws_choice choice, enum kt_law_keyed keyed, double *prior);

/* S_m(p) of all laws at one parallelism ≥ 1; key_groups 0: the keyed laws are as the smooth ones.
 */
void kt_laws_shape(int32_t parallelism, int32_t key_groups, double *shape);

/* The parts of it: S_m(p) of the KT_LAWS_SHAPES laws without key groups, and ln(e(p) / p) ≤ 0. */
void kt_laws_shape_unkeyed(int32_t parallelism, double *shape);
double kt_laws_key_loss(int32_t parallelism, int32_t key_groups);

/* The prior of a new operator from others: .4 π₀ + .6 mean_j norm(π₀ L_j^.3), L_j the likelihoods
 * of the laws under operator j (log_likelihood: count × KT_LAWS, row by row, as of
 * kt_scaling_law_likelihoods). count 0: π₀. What π₀ rules out stays so. shared may be prior. */
void kt_laws_shared_prior(const double *prior, const double *log_likelihood, size_t count,
                          double *shared);

#endif
