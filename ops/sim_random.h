/* SPDX-License-Identifier: GPL-3.0-or-later
 * Random numbers of the simulations: small, seeded, the same bits everywhere. */
#ifndef KT_OPS_SIM_RANDOM_H
#define KT_OPS_SIM_RANDOM_H

#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). Every
 * state is a good seed. */
uint64_t kt_sim_random_next(uint64_t *state);
double kt_sim_random_uniform(uint64_t *state); /* in (0, 1) */
double kt_sim_random_normal(uint64_t *state);  /* mean 0, standard deviation 1 (Box-Muller) */

/* A seed of its own for part number `part` of what `seed` seeds. */
uint64_t kt_sim_random_split(uint64_t seed, uint64_t part);

#endif
