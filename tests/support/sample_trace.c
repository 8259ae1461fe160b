/* SPDX-License-Identifier: GPL-3.0-or-later
 * A made-up record of a simulated run. */
#include "support/sample_trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PARALLELISM_MAX 64
#define RESTART_S       60.0

static const char *const names[] = {"op 1",  "op 2",  "op 3",  "op 4",  "op 5",  "op 6",
                                    "op 7",  "op 8",  "op 9",  "op 10", "op 11", "op 12",
                                    "op 13", "op 14", "op 15", "op 16"};

/* True ability of operator i (from 1): contention grows from one to the next. */
static double truth_at(const struct kt_sample_trace *sample, int i, int p) {
    const double unit = fmax(sample->rate, 1.0) / (4.0 + i);
    return unit * p / (1.0 + (0.01 + 0.004 * i) * (p - 1));
}

static int optimum_of(const struct kt_sample_trace *sample, int i, double lambda) {
    int p = 1;
    while (p < PARALLELISM_MAX && truth_at(sample, i, p) < lambda) {
        p++;
    }
    return p;
}

static double load_at(const struct kt_sample_trace *sample, int level) {
    static const int permutation[] = {3, 8, 2, 10, 5, 1, 7, 4, 9, 6};
    return sample->constant ? sample->rate : sample->rate * permutation[level % 10] / 10.0;
}

/* The job is one optimum late: it runs with that of the load before for the first tenth of each
 * level, and its lag grows meanwhile. */
static void fill_ticks(const struct kt_sample_trace *sample, struct kt_sim_trace *trace) {
    double lag = 0.0;
    for (size_t t = 0; t < trace->ticks_count; t++) {
        const double second = sample->poll_s * (double)t;
        const int level = sample->constant ? 0 : (int)(second / sample->level_s);
        const double into =
            sample->constant ? 1.0 : fmod(second, sample->level_s) / sample->level_s;
        const double load = load_at(sample, level);
        const double before = level > 0 ? load_at(sample, level - 1) : sample->rate * 0.1;
        const double run = into < 0.1 && !sample->constant ? before : load * 1.1;
        lag = sample->constant ? 0.0 : fmax(lag + (load - run) * sample->poll_s, 0.0);
        struct kt_sim_trace_tick *tick = &trace->ticks[t];
        *tick = (struct kt_sim_trace_tick){
            .second = second, .offered = load, .lag = lag, .running = true, .tuning = level};
        for (int i = 1; i < trace->operators_count; i++) {
            struct kt_sim_trace_cell *cell =
                &trace->cells[t * (size_t)trace->operators_count + (size_t)i];
            cell->lambda = load;
            cell->optimum = optimum_of(sample, i, load);
            cell->parallelism = optimum_of(sample, i, fmin(run, load)) + (level % 7 == 3);
            tick->cores += cell->parallelism;
            tick->optimum += cell->optimum;
        }
    }
}

static void fill_operator(const struct kt_sample_trace *sample, struct kt_sim_trace *trace, int i) {
    struct kt_sim_trace_operator *op = &trace->operators[i];
    const char *name = sample->name != NULL ? sample->name : names[(i - 1) % 16];
    const struct kt_sim_trace_cell *last =
        &trace->cells[(trace->ticks_count - 1) * (size_t)trace->operators_count + (size_t)i];
    *op = (struct kt_sim_trace_operator){.id = name,
                                         .name = name,
                                         .scaled = true,
                                         .lambda = last->lambda,
                                         .parallelism = last->parallelism,
                                         .optimum = last->optimum,
                                         .decided_parallelism = last->parallelism,
                                         .truth_count = PARALLELISM_MAX,
                                         .truth = calloc(PARALLELISM_MAX, sizeof(double))};
    op->observations = calloc(40, sizeof *op->observations);
    op->beliefs = calloc(PARALLELISM_MAX, sizeof *op->beliefs);
    for (int p = 1; p <= PARALLELISM_MAX; p++) {
        const double truth = truth_at(sample, i, p);
        op->truth[p - 1] = truth;
        if (sample->surrogate) {
            const double spread = truth * (0.01 + 0.004 * abs(p - 8));
            const double mean = truth * (1.0 + 0.002 * (p - 8));
            op->beliefs[op->beliefs_count++] =
                (struct kt_sim_trace_belief){p, mean, mean - spread, mean + spread};
        }
    }
    for (int k = 0; k < 40; k++) {
        const size_t t = (size_t)(k + 1) * (trace->ticks_count - 1) / 40;
        const int p = trace->cells[t * (size_t)trace->operators_count + (size_t)i].parallelism;
        const double noise = sample->constant ? 0.0 : 0.02 * sin(7.0 * k + i);
        op->observations[op->observations_count++] = (struct kt_sim_trace_observation){
            trace->ticks[t].second, p, truth_at(sample, i, p) * (1.0 + noise), 0.9};
    }
}

static void fill_changes(struct kt_sim_trace *trace) {
    for (size_t t = 1; t < trace->ticks_count; t++) {
        const struct kt_sim_trace_tick *tick = &trace->ticks[t];
        if (tick->cores != tick[-1].cores) {
            struct kt_sim_trace_change *change = &trace->changes[trace->changes_count++];
            *change = (struct kt_sim_trace_change){
                .second = tick->second, .from = tick[-1].cores, .to = tick->cores};
            snprintf(change->text, sizeof change->text, "op 1 must take %.0f records/s & more",
                     tick->offered);
        }
    }
}

struct kt_sim_trace kt_sample_trace_make(const struct kt_sample_trace *sample) {
    struct kt_sim_trace trace = {.job = "sample",
                                 .method = sample->surrogate ? "kontune" : "ds2",
                                 .restart_s = RESTART_S,
                                 .operators_count = sample->operators + 1,
                                 .ticks_count = (size_t)(sample->seconds / sample->poll_s) + 1,
                                 .over_time = true};
    trace.ticks = calloc(trace.ticks_count, sizeof *trace.ticks);
    trace.changes = calloc(trace.ticks_count, sizeof *trace.changes);
    trace.cells = calloc(trace.ticks_count * (size_t)trace.operators_count, sizeof *trace.cells);
    trace.operators[0] = (struct kt_sim_trace_operator){.id = "source", .name = "source"};
    fill_ticks(sample, &trace);
    fill_changes(&trace);
    for (int i = 1; i < trace.operators_count; i++) {
        fill_operator(sample, &trace, i);
    }
    return trace;
}
