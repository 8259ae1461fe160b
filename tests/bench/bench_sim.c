/* SPDX-License-Identifier: GPL-3.0-or-later
 * CPU time of a simulated job: of a virtual minute, and of one event of its report. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ops/sim_job.h"

#define START_MS  INT64_C(1767225600000)
#define MINUTES   4000
#define REPORTS   6 /* a minute */
#define MINUTE_MS 60000

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "bench_sim: %s\n", what);
    exit(1);
}

static const char *const ids[] = {"0", "1", "2", "3", "4", "5", "6", "7"};

/* A source and count - 1 operators in a chain. */
static struct kt_sim_spec chain(int count) {
    struct kt_sim_spec spec = {.cluster = "lab",
                               .job_name = "chain",
                               .count = count,
                               .restart_ms = 60000,
                               .noise = 0.015,
                               .buffer_records = 1000};
    for (int i = 0; i < count; i++) {
        spec.operators[i] = (struct kt_sim_operator){.id = ids[i],
                                                     .name = ids[i],
                                                     .inputs = {i - 1},
                                                     .inputs_count = i > 0 ? 1 : 0,
                                                     .scaled = i > 0,
                                                     .selectivity = 1,
                                                     .curve = {.gamma = 530000, .sigma = 0.028},
                                                     .max_parallelism = 90};
    }
    return spec;
}

/* Two sources, both to two operators that meet in a join: the case that needs rounds. */
static struct kt_sim_spec diamond(void) {
    struct kt_sim_spec spec = chain(5);
    spec.operators[1].scaled = false;
    spec.operators[1].inputs_count = 0;
    spec.operators[2].inputs[0] = 0;
    spec.operators[2].inputs[1] = 1;
    spec.operators[2].inputs_count = 2;
    spec.operators[3] = spec.operators[2];
    spec.operators[3].id = spec.operators[3].name = ids[3];
    spec.operators[4].inputs[0] = 2;
    spec.operators[4].inputs[1] = 3;
    spec.operators[4].inputs_count = 2;
    return spec;
}

static void measure(const char *what, const struct kt_sim_spec *spec, double rate) {
    int parallelism[KT_SIM_OPERATORS_MAX];
    double rates[KT_SIM_OPERATORS_MAX];
    for (int i = 0; i < spec->count; i++) {
        parallelism[i] = spec->operators[i].scaled ? 10 : 1;
        rates[i] = rate;
    }
    struct kt_sim_job *job = kt_sim_job_new(spec, 1, START_MS, parallelism);
    struct kt_arena arena;
    kt_arena_init(&arena, 1 << 16, 1 << 26);
    if (job == NULL) {
        die("out of memory");
    }
    double advance_ns = 0, events_ns = 0;
    size_t reported = 0;
    for (int i = 1; i <= MINUTES * REPORTS; i++) {
        const double before_ns = cpu_ns();
        kt_sim_job_advance(job, START_MS + (int64_t)i * (MINUTE_MS / REPORTS), rates);
        const double advanced_ns = cpu_ns();
        struct kt_metric_event *events;
        size_t count;
        kt_arena_reset(&arena);
        if (kt_sim_job_events(job, &arena, &events, &count, NULL) != KT_ERR_OK) {
            die("no events");
        }
        events_ns += cpu_ns() - advanced_ns;
        advance_ns += advanced_ns - before_ns;
        reported += count;
    }
    printf("%-36s %14.1f %12.1f\n", what, advance_ns / MINUTES / 1000.0,
           events_ns / (double)reported);
    kt_arena_free(&arena);
    kt_sim_job_free(job);
}

int main(void) {
    printf("a simulated job, 10 subtasks per operator, a report each 10 s, CPU time\n");
    printf("%-36s %14s %12s\n", "", "us per minute", "ns per event");
    const struct kt_sim_spec two = chain(2), four = chain(4), eight = chain(8), meeting = diamond();
    measure("chain of 2, keeps up", &two, 3e6);
    measure("chain of 4, keeps up", &four, 3e6);
    measure("chain of 4, falls behind", &four, 9e6);
    measure("chain of 8, keeps up", &eight, 3e6);
    measure("diamond of 5, falls behind", &meeting, 3e6);
    struct kt_sim_spec lying = four;
    lying.metrics = (struct kt_sim_metrics){.rates = true, .lag_delay_s = 30, .burst_s = 7};
    measure("chain of 4, rates, late lag, bursts", &lying, 3e6);
    return 0;
}
