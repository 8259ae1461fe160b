/* SPDX-License-Identifier: GPL-3.0-or-later
 * CPU time of a decision of the policy conttune: kt_decide on the evidence of a job of one operator
 * and of ten, all measured and none backpressured, so that each operator's surrogate is fitted and
 * its smallest sufficient parallelism searched.
 *
 *   bench_gp              a table, and one line `decide N OPERATORS NANOSECONDS` per size and job
 *                         for programs: the time of the whole decision over its operators
 *   bench_gp --points N   the same for histories of N points alone
 *   bench_gp --histories  what it measures on: `history N LAMBDA`, then N lines `x y`
 *
 * bench_gp.py runs it and sets the seed's own path and scikit-learn beside it. */
#include "model/decide.h"
#include "support/job.h"
#include "support/q1_history.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HISTORIES 12 /* of each size; a job of ten takes them in turn */
#define REPEATS   20
#define ROUNDS    5
#define SAMPLES   ((size_t)HISTORIES * ROUNDS)
#define MANY      10 /* operators of the larger job */

static const size_t sizes[] = {4, 16, 64};
#define SIZES (sizeof sizes / sizeof *sizes)

struct history {
    size_t n;
    double lambda;
    double x[KT_HISTORY_POINTS_MAX];
    double y[KT_HISTORY_POINTS_MAX];
};

static struct history make_history(size_t n, uint64_t *random) {
    struct history history = {.n = n};
    kt_test_q1_history(n, random, history.x, history.y);
    history.lambda = 0.7 * history.y[n - 1];
    return history;
}

/* Operators whose histories are first, first + 1, …: each runs at the largest parallelism it knows,
 * busy to 70 %. */
static void make_job(struct kt_test_job *job, const struct history *histories, size_t first,
                     size_t operators) {
    kt_test_job_init(job, operators);
    job->evidence.settings.policy = KT_STR("conttune");
    for (size_t i = 0; i < operators; i++) {
        const struct history *history = &histories[(first + i) % HISTORIES];
        for (size_t k = 0; k < history->n; k++) {
            kt_test_job_learn(job, i, (int32_t)history->x[k], history->y[k]);
        }
        job->operators[i].parallelism = (int32_t)history->x[history->n - 1];
        kt_test_job_measure(job, i, history->lambda, 0.7);
    }
    job->evidence.phase = KT_PHASE_SMALL;
}

/* Whether every operator's surrogate was fitted for the decision. */
static bool is_fitted(const struct kt_decision *decision) {
    for (size_t i = 0; i < decision->operators.count; i++) {
        if (!KT_HAS(&decision->operators.items[i], KT_OPDEC_SURROGATE)) {
            return false;
        }
    }
    return decision->operators.count > 0;
}

static double cpu_ns(void) {
    struct timespec now;
    /* of this thread: BLAS libraries can start others, whose idling is not the decision's */
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print_histories(struct history all[SIZES][HISTORIES]) {
    for (size_t s = 0; s < SIZES; s++) {
        for (size_t h = 0; h < HISTORIES; h++) {
            printf("history %zu %.17g\n", all[s][h].n, all[s][h].lambda);
            for (size_t i = 0; i < all[s][h].n; i++) {
                printf("%.17g %.17g\n", all[s][h].x[i], all[s][h].y[i]);
            }
        }
    }
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return 0.5 * (values[(count - 1) / 2] + values[count / 2]);
}

struct workspace {
    struct kt_decider *decider;
    struct kt_arena arena;
};

/* CPU time of one decision of a job, in ns, as the mean over the repeats; -1 when there is none or
 * it needed no surrogate. */
static double measure_job(struct workspace *workspace, const struct kt_test_job *job) {
    struct kt_decision decision;
    struct kt_error error = {KT_ERR_OK, ""};
    const double start = cpu_ns();
    for (int i = 0; i < REPEATS; i++) {
        kt_arena_reset(&workspace->arena);
        if (kt_decide(workspace->decider, &job->evidence, &workspace->arena, &decision, &error)) {
            fprintf(stderr, "bench_gp: %s\n", error.message);
            return -1;
        }
    }
    const double spent = cpu_ns() - start;
    return is_fitted(&decision) ? spent / REPEATS : -1;
}

/* The median over jobs and rounds, per operator; -1 when a decision fails. */
static double measure(struct workspace *workspace, const struct history *histories,
                      size_t operators) {
    static struct kt_test_job job;
    double each[SAMPLES];
    for (size_t h = 0; h < HISTORIES; h++) {
        make_job(&job, histories, h, operators);
        if (measure_job(workspace, &job) < 0) {
            return -1; /* and the caches are warm */
        }
        for (size_t round = 0; round < ROUNDS; round++) {
            each[h * ROUNDS + round] = measure_job(workspace, &job) / (double)operators;
        }
    }
    return median(each, SAMPLES);
}

int main(int argc, char **argv) {
    static struct history all[SIZES][HISTORIES];
    static const size_t jobs[] = {1, MANY};
    uint64_t random = 2023;
    for (size_t s = 0; s < SIZES; s++) {
        for (size_t h = 0; h < HISTORIES; h++) {
            all[s][h] = make_history(sizes[s], &random);
        }
    }
    size_t only = 0;
    if (argc == 2 && strcmp(argv[1], "--histories") == 0) {
        print_histories(all);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--points") == 0) {
        only = strtoul(argv[2], NULL, 10);
    } else if (argc != 1) {
        fprintf(stderr, "usage: bench_gp [--points N | --histories]\n");
        return 2;
    }
    struct workspace workspace = {.decider = kt_decider_new(NULL)};
    if (!workspace.decider) {
        fprintf(stderr, "bench_gp: out of memory\n");
        return 1;
    }
    kt_arena_init(&workspace.arena, 65536, (size_t)16 << 20);
    int status = 0;
    printf("points  operators  decision, CPU us per operator (median of %d jobs)\n", HISTORIES);
    for (size_t s = 0; s < SIZES && status == 0; s++) {
        for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
            if (only > 0 && sizes[s] != only) {
                continue;
            }
            const double ns = measure(&workspace, all[s], jobs[j]);
            if (ns < 0) {
                fprintf(stderr, "bench_gp: no fitted decision at %zu points\n", sizes[s]);
                status = 1;
                break;
            }
            printf("%6zu  %9zu  %.1f\ndecide %zu %zu %.0f\n", sizes[s], jobs[j], ns * 1e-3,
                   sizes[s], jobs[j], ns);
        }
    }
    kt_arena_free(&workspace.arena);
    kt_decider_free(workspace.decider);
    return status;
}
