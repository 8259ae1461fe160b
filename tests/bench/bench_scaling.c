/* SPDX-License-Identifier: GPL-3.0-or-later
 * CPU time of what a decision of the policy kontune asks of the scaling surrogate: a fit, the
 * smallest parallelism that keeps up with probability .70 and with .90, and a prediction there.
 *
 *   bench_scaling                    a table
 *   bench_scaling --limit N US …     exit status 1 if a decision at N groups takes longer than US
 *                                    CPU microseconds, in three tries
 *
 * "keeps up" is a load within the history; "none does" one that no parallelism reaches, so that
 * all are looked at, twice: for the probability and for the largest ability. */
#include "model/scaling.h"
#include "ops/sim_random.h"
#include "support/q1_history.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HISTORIES       12 /* of each size */
#define REPEATS         10
#define ROUNDS          5
#define SAMPLES         ((size_t)HISTORIES * ROUNDS)
#define PARALLELISM_MAX 128
#define TRIES           3

static const size_t sizes[] = {4, 10, 20, 40, 60};
#define SIZES (sizeof sizes / sizeof *sizes)

struct history {
    size_t n;
    struct kt_observation_group groups[KT_GROUPS_MAX];
    double lambda; /* .7 of the ability at the largest parallelism */
    double beyond; /* more than any parallelism is able to */
};

/* One group for each parallelism, in random order. */
static struct history make_history(size_t n, uint64_t *random) {
    struct history history = {.n = n, .beyond = 4 * KT_TEST_Q1_GAMMA / KT_TEST_Q1_SIGMA};
    double parallelism[KT_GROUPS_MAX];
    double ability[KT_GROUPS_MAX];
    kt_test_q1_history(n, random, parallelism, ability);
    history.lambda = 0.7 * ability[n - 1];
    for (size_t i = 0; i < n; i++) {
        history.groups[i] = (struct kt_observation_group){.parallelism = (int32_t)parallelism[i],
                                                          .observations = 1,
                                                          .ability = ability[i],
                                                          .weight = 0.64};
    }
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = (size_t)(kt_sim_random_uniform(random) * (double)(i + 1));
        struct kt_observation_group other = history.groups[j];
        history.groups[j] = history.groups[i];
        history.groups[i] = other;
    }
    for (size_t i = 0; i < n; i++) {
        history.groups[i].generation = (int64_t)i;
        history.groups[i].window_end_ms = 60000 * (int64_t)(i + 1);
    }
    return history;
}

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return 0.5 * (values[(count - 1) / 2] + values[count / 2]);
}

/* False when the fit fails or the answer is not the kind that the load was made for. */
static bool decide(struct kt_scaling *scaling, const struct history *history, bool reachable,
                   double *fit_ns) {
    const struct kt_scaling_question question = {.groups = history->groups,
                                                 .count = history->n,
                                                 .keyed = KT_LAW_MAYBE_KEYED,
                                                 .key_groups = PARALLELISM_MAX};
    struct kt_scaling_fit fit;
    struct kt_error error = {KT_ERR_OK, ""};
    double start = cpu_ns();
    if (kt_scaling_fit(scaling, &question, &fit, &error)) {
        fprintf(stderr, "bench_scaling: %s\n", error.message);
        return false;
    }
    *fit_ns += cpu_ns() - start;
    double lambda = reachable ? history->lambda : history->beyond;
    int32_t p =
        kt_scaling_smallest(scaling, (struct kt_scaling_load){lambda, 0}, .7, 1, PARALLELISM_MAX);
    int32_t trimmed =
        kt_scaling_smallest(scaling, (struct kt_scaling_load){lambda, 0}, .9, 1, PARALLELISM_MAX);
    if ((p > 0) != reachable || trimmed < p) {
        return false;
    }
    if (!reachable) {
        p = kt_scaling_best(scaling, .97, PARALLELISM_MAX);
    }
    double mean;
    double stddev;
    kt_scaling_predict(scaling, p, &mean, &stddev);
    return mean > 0 && stddev > 0;
}

struct cost {
    double decision_us;
    double fit_us;
};

/* Medians over histories and rounds; negative when a decision fails. */
static struct cost measure(struct kt_scaling *scaling, const struct history *histories,
                           bool reachable) {
    double decision[SAMPLES];
    double fit[SAMPLES];
    for (size_t sample = 0; sample < SAMPLES; sample++) {
        const struct history *history = &histories[sample % HISTORIES];
        fit[sample] = 0;
        const double start = cpu_ns();
        for (int i = 0; i < REPEATS; i++) {
            if (!decide(scaling, history, reachable, &fit[sample])) {
                return (struct cost){-1, -1};
            }
        }
        decision[sample] = (cpu_ns() - start) * 1e-3 / REPEATS;
        fit[sample] *= 1e-3 / REPEATS;
    }
    return (struct cost){median(decision, SAMPLES), median(fit, SAMPLES)};
}

/* The limit asked for at n groups, in microseconds; 0: none. */
static double limit_at(size_t n, int argc, char **argv) {
    for (int i = 1; i + 2 < argc; i += 3) {
        if (strtoul(argv[i + 1], NULL, 10) == n) {
            return strtod(argv[i + 2], NULL);
        }
    }
    return 0;
}

/* Prints a line of the table. False: a decision failed or took longer than the limit. */
static bool bench(struct kt_scaling *scaling, const struct history *histories, double limit) {
    for (int try = 1;; try++) {
        struct cost within = measure(scaling, histories, true);
        struct cost beyond = measure(scaling, histories, false);
        if (within.fit_us < 0 || beyond.fit_us < 0) {
            fprintf(stderr, "bench_scaling: no decision at %zu groups\n", histories->n);
            return false;
        }
        double worst =
            within.decision_us > beyond.decision_us ? within.decision_us : beyond.decision_us;
        bool missed = limit > 0 && worst > limit;
        printf("%6zu  %8.0f  %8.0f  %9.0f", histories->n, within.fit_us, within.decision_us,
               beyond.decision_us);
        if (limit > 0) {
            printf("  %5.0f%s", limit, missed ? "  missed" : "");
        }
        printf("\n");
        if (!missed || try == TRIES) {
            return !missed;
        }
    }
}

int main(int argc, char **argv) {
    static struct history histories[HISTORIES];
    for (int i = 1; i < argc; i += 3) {
        if (strcmp(argv[i], "--limit") != 0 || i + 2 >= argc) {
            fprintf(stderr, "usage: bench_scaling [--limit N MICROSECONDS]…\n");
            return 2;
        }
    }
    struct kt_scaling *scaling = kt_scaling_new(&kt_scaling_model_default);
    if (!scaling) {
        fprintf(stderr, "bench_scaling: out of memory\n");
        return 1;
    }
    uint64_t random = 2023;
    bool good = true;
    printf("CPU microseconds, medians of %d histories; parallelisms up to %d\n", HISTORIES,
           PARALLELISM_MAX);
    printf("groups       fit  keeps up  none does  limit\n");
    for (size_t s = 0; s < SIZES; s++) {
        for (size_t h = 0; h < HISTORIES; h++) {
            histories[h] = make_history(sizes[s], &random);
        }
        good = bench(scaling, histories, limit_at(sizes[s], argc, argv)) && good;
    }
    kt_scaling_free(scaling);
    return good ? 0 : 1;
}
