/* SPDX-License-Identifier: GPL-3.0-or-later
 * Histories to measure surrogates with. */
#include "support/q1_history.h"

#include "ops/sim_random.h"

void kt_test_q1_history(size_t n, uint64_t *random, double *parallelism, double *ability) {
    size_t wanted = n;
    size_t left = 2 * n < 26 ? 26 : 2 * n;
    for (double p = 1; wanted > 0; p++, left--) {
        if (kt_sim_random_uniform(random) * (double)left >= (double)wanted) {
            continue;
        }
        double noise = 0;
        for (int i = 0; i < 12; i++) {
            noise += kt_sim_random_uniform(random) - 0.5;
        }
        const size_t i = n - wanted--;
        parallelism[i] = p;
        ability[i] = KT_TEST_Q1_GAMMA * p / (1 + KT_TEST_Q1_SIGMA * (p - 1)) * (1 + 0.015 * noise);
    }
}
