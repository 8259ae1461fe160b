/* SPDX-License-Identifier: GPL-3.0-or-later
 * Random numbers of the simulations. */
#include "ops/sim_random.h"

#include <math.h>

uint64_t kt_sim_random_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double kt_sim_random_uniform(uint64_t *state) {
    return ((double)(kt_sim_random_next(state) >> 11) + 0.5) * 0x1p-53;
}

double kt_sim_random_normal(uint64_t *state) {
    const double u = kt_sim_random_uniform(state);
    const double v = kt_sim_random_uniform(state);
    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}

uint64_t kt_sim_random_split(uint64_t seed, uint64_t part) {
    uint64_t state = seed;
    state = kt_sim_random_next(&state) ^ part;
    return kt_sim_random_next(&state);
}
