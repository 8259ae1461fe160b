/* SPDX-License-Identifier: GPL-3.0-or-later
 * Any bytes as the description of a simulated job, and behind a NUL as its rates: never a crash,
 * and what is accepted can run: a graph in order, finite amounts, no record lost. */
#include "ops/sim_file.h"
#include "ops/sim_job.h"
#include "ops/sim_rates.h"

#include <math.h>
#include <stdlib.h>

#define START_MS INT64_C(1767225600000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool promise) {
    if (!promise) {
        abort();
    }
}

static void require_sound(const struct kt_sim_spec *spec) {
    require(spec->count >= 2 && spec->count <= KT_SIM_OPERATORS_MAX);
    for (int i = 0; i < spec->count; i++) {
        const struct kt_sim_operator *op = &spec->operators[i];
        require(op->scaled || op->inputs_count == 0);
        require(op->inputs_count >= 0 && op->inputs_count <= KT_SIM_INPUTS_MAX);
        for (int k = 0; k < op->inputs_count; k++) {
            require(op->inputs[k] >= 0 && op->inputs[k] < i);
        }
        require(op->max_parallelism >= 1 && op->max_parallelism <= KT_PARALLELISM_MAX);
        require(kt_sim_ability(spec, i, op->max_parallelism, 0.0) > 0.0);
    }
}

static void run(const struct kt_sim_spec *spec, const double *rates) {
    double lambda[KT_SIM_OPERATORS_MAX];
    int parallelism[KT_SIM_OPERATORS_MAX];
    struct kt_arena arena;
    kt_arena_init(&arena, 1 << 16, 1 << 24);
    for (int i = 0; i < spec->count; i++) {
        parallelism[i] =
            spec->operators[i].max_parallelism < 8 ? spec->operators[i].max_parallelism : 8;
    }
    struct kt_sim_job *job = kt_sim_job_new(spec, 1, START_MS, parallelism);
    require(job != NULL);
    kt_sim_job_advance(job, START_MS + 7000, rates);
    require(isfinite(kt_sim_job_backlog(job)) && kt_sim_job_backlog(job) >= 0.0);
    struct kt_metric_event *events;
    size_t count;
    require(kt_sim_job_events(job, &arena, &events, &count, NULL) == KT_ERR_OK && count > 0);
    kt_sim_job_rescale(job, parallelism);
    kt_sim_job_advance(job, START_MS + 9000, rates);
    kt_sim_job_free(job);
    kt_arena_free(&arena);
    for (int i = 0; i < spec->count; i++) {
        if (spec->operators[i].max_parallelism > 256) {
            return; /* the optimum looks at every parallelism */
        }
    }
    kt_sim_optimum(spec, rates, 0.0, lambda, parallelism);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
    const struct kt_str job = {(const char *)data, nul != NULL ? (size_t)(nul - data) : size};
    struct kt_arena arena;
    kt_arena_init(&arena, 1 << 16, 1 << 24);
    static struct kt_sim_spec spec; /* too large for the stack of a sanitizer */
    struct kt_error error;
    if (kt_sim_file_parse(job, "f", &arena, &spec, &error) != KT_ERR_OK) {
        require(error.code == KT_ERR_CONFIG && strncmp(error.message, "f:", 2) == 0);
        goto out;
    }
    require_sound(&spec);
    double rates[KT_SIM_OPERATORS_MAX];
    for (int i = 0; i < spec.count; i++) {
        rates[i] = spec.operators[i].unit_rate;
    }
    run(&spec, rates);
    const size_t left = size - job.len;
    if (left > 1) {
        FILE *in = fmemopen((void *)(uintptr_t)(nul + 1), left - 1, "r");
        struct kt_sim_rates levels;
        if (in != NULL &&
            kt_sim_rates_read_stream(in, "r", &spec, &arena, &levels, &error) == KT_ERR_OK) {
            require(levels.count > 0 && levels.end_s > levels.levels[levels.count - 1].start_s);
            run(&spec, levels.levels[levels.count - 1].per_op);
        }
    }
out:
    kt_arena_free(&arena);
    return 0;
}
