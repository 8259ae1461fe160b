/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a new job gains from its cluster's others: reconfigurations of its first tuning, after three
 * jobs that were tuned in before, with and without warm start. */
#include "support/sim_cluster.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RUNS 20

static const struct kt_sim_cluster clusters[] = {
    {"contention .03", .03, 0, .25, -1, 3, 10, 10, .015},
    {"contention .06", .06, 0, .25, -1, 3, 10, 10, .015},
    {"linear", 0, 0, 0, -1, 3, 10, 10, .015},
    {"retrograde", .03, 6e-4, .25, -1, 3, 10, 10, .015},
    {"of all kinds", .02, 0, 1.2, -1, 3, 10, 10, .015},
    {"linear, the new one .06", 0, 0, .25, .06, 3, 10, 10, .015},
    {".06, the new one linear", .06, 0, .25, 0, 3, 10, 10, .015},
    {"contention .03, noise 5 %", .03, 0, .25, -1, 3, 10, 10, .05},
};

/* Sums over runs. */
struct sums {
    double first;
    double first_squared;
    double all;
    double under;
    double surplus;
    double optimum;
};

static void add(struct sums *sums, const struct kt_sim_cluster_result *result) {
    sums->first += result->first_reconfigurations;
    sums->first_squared += (double)result->first_reconfigurations * result->first_reconfigurations;
    sums->all += result->last.reconfigurations;
    sums->under += result->last.under_provisioned;
    sums->surplus += (double)result->last.surplus_cores;
    sums->optimum += (double)result->last.optimum_cores;
}

static void print(const char *name, const char *how, const struct sums *sums, int runs,
                  int tunings) {
    const double mean = sums->first / runs;
    const double variance = sums->first_squared / runs - mean * mean;
    printf("| %-26s | %-7s | %.2f ± %.2f | %8.3f | %5.2f | %5.1f |\n", name, how, mean,
           sqrt(fmax(variance, 0) / runs), sums->all / runs / tunings, sums->under / runs,
           100 * sums->surplus / sums->optimum);
}

int main(int argc, char **argv) {
    const int runs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : RUNS;
    if (runs < 1) {
        fprintf(stderr, "usage: %s [RUNS]\n", argv[0]);
        return 2;
    }
    printf(
        "%d runs; reconfigurations in the new job's first tuning and per tuning, "
        "under-provisioned configurations, surplus cores\n"
        "| three jobs before           |  start  |    first    | per tuning | under | surplus %% "
        "|\n|---|---|---|---|---|---|\n",
        runs);
    for (size_t c = 0; c < sizeof clusters / sizeof clusters[0]; c++) {
        for (int warm = 0; warm <= 1; warm++) {
            struct sums sums = {.first = 0};
            for (int seed = 1; seed <= runs; seed++) {
                const struct kt_sim_cluster_result result =
                    kt_sim_cluster_run(&clusters[c], warm == 1, (uint64_t)seed);
                add(&sums, &result);
            }
            print(clusters[c].name, warm == 1 ? "warm" : "cold", &sums, runs,
                  clusters[c].last_tunings);
        }
    }
    return 0;
}
