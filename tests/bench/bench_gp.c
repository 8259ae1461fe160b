/* SPDX-License-Identifier: GPL-3.0-or-later
 * CPU time of one operator's decision with the rbf surrogate: fit, then the mean at every
 * parallelism until one is feasible.
 *
 *   bench_gp              a table, and one line `gp N NANOSECONDS` per size for programs
 *   bench_gp --histories  what it measures on: `history N LAMBDA`, then N lines `x y`
 *
 * bench_gp.py runs it and sets the seed's own path and scikit-learn beside it. */
#include "model/gp.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HISTORIES       12 /* of each size */
#define REPEATS         40
#define PARALLELISM_MAX 128

static const size_t sizes[] = {4, 16, 64};
#define SIZES (sizeof sizes / sizeof *sizes)

struct history {
    size_t n;
    double lambda;
    double x[KT_GP_POINTS_MAX];
    double y[KT_GP_POINTS_MAX];
};

/* Uniform in [0, 1): SplitMix64, so that every run measures the same histories. */
static double uniform(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Nexmark Q1's mapper as a USL curve (530 000 records/s, sigma 0.028) with noise of about 1.5 %,
 * at n parallelisms out of 1…max(26, 2n). */
static struct history make_history(size_t n, uint64_t *random) {
    struct history history = {.n = n};
    size_t wanted = n;
    size_t left = 2 * n < 26 ? 26 : 2 * n;
    for (double p = 1; wanted > 0; p++, left--) {
        if (uniform(random) * (double)left >= (double)wanted)
            continue;
        double noise = 0;
        for (int i = 0; i < 12; i++)
            noise += uniform(random) - 0.5;
        size_t i = n - wanted--;
        history.x[i] = p;
        history.y[i] = 530e3 * p / (1 + 0.028 * (p - 1)) * (1 + 0.015 * noise);
    }
    history.lambda = 0.7 * history.y[n - 1];
    return history;
}

static int decide(struct kt_gp *gp, const struct history *history) {
    struct kt_gp_params params;
    double log_likelihood;
    if (kt_gp_fit(gp, history->x, history->y, history->n, &params, &log_likelihood))
        return -1;
    for (int p = 1; p <= PARALLELISM_MAX; p++)
        if (kt_gp_mean(gp, p) >= history->lambda)
            return p;
    return 0;
}

static double cpu_ns(void) {
    struct timespec now;
    /* of this thread: BLAS libraries start others, whose idling is not the surrogate's */
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print_histories(struct history all[SIZES][HISTORIES]) {
    for (size_t s = 0; s < SIZES; s++)
        for (size_t h = 0; h < HISTORIES; h++) {
            printf("history %zu %.17g\n", all[s][h].n, all[s][h].lambda);
            for (size_t i = 0; i < all[s][h].n; i++)
                printf("%.17g %.17g\n", all[s][h].x[i], all[s][h].y[i]);
        }
}

/* The median over the histories of the mean over the repeats; -1 when a fit fails. */
static double measure(struct kt_gp *gp, struct history histories[HISTORIES]) {
    double per_decision[HISTORIES];
    for (size_t h = 0; h < HISTORIES; h++) {
        if (decide(gp, &histories[h]) <= 0)
            return -1;
        double start = cpu_ns();
        for (int i = 0; i < REPEATS; i++)
            (void)decide(gp, &histories[h]);
        per_decision[h] = (cpu_ns() - start) / REPEATS;
    }
    qsort(per_decision, HISTORIES, sizeof *per_decision, by_value);
    return 0.5 * (per_decision[HISTORIES / 2 - 1] + per_decision[HISTORIES / 2]);
}

int main(int argc, char **argv) {
    static struct history all[SIZES][HISTORIES];
    uint64_t random = 2023;
    for (size_t s = 0; s < SIZES; s++)
        for (size_t h = 0; h < HISTORIES; h++)
            all[s][h] = make_history(sizes[s], &random);
    if (argc > 1 && strcmp(argv[1], "--histories") == 0) {
        print_histories(all);
        return 0;
    }
    struct kt_gp *gp = kt_gp_new();
    if (!gp)
        return 1;
    int status = 0;
    printf("points  fit and acquisition, CPU us (median of %d histories)\n", HISTORIES);
    for (size_t s = 0; s < SIZES; s++) {
        double ns = measure(gp, all[s]);
        if (ns < 0) {
            fprintf(stderr, "bench_gp: no decision at %zu points\n", sizes[s]);
            status = 1;
            break;
        }
        printf("%6zu  %.1f\ngp %zu %.0f\n", sizes[s], ns * 1e-3, sizes[s], ns);
    }
    kt_gp_free(gp);
    return status;
}
