/* SPDX-License-Identifier: GPL-3.0-or-later
 * A study: its runs on a pool of threads, and their means. */
#include "ops/sim_study.h"

#include "ops/sim_random.h"
#include "ops/sim_record.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define START_MS    INT64_C(1767225600000) /* 2026-01-01T00:00:00Z, a multiple of most windows */
#define WINDOWS_MAX 200                    /* of one tuning */

#define REPORTS_MIN 4  /* in a window */
#define REPORTS_MAX 60 /* in a window */

struct pool {
    const struct kt_sim_study *study;
    struct kt_sim_results *results;
    int total;
    pthread_mutex_t lock; /* of everything below */
    int next;
    int done;
    int failed; /* the first task that failed; total: none */
    struct kt_error error;
};

static struct kt_sim_task task_of(const struct kt_sim_study *study, int index) {
    struct kt_sim_task task = {.permutation = index % study->permutations};
    const int pair = index / study->permutations;
    task.method = pair % study->methods->count;
    task.scenario = pair / study->methods->count;
    /* Every method sees the same orders and the same noise: differences are the methods'. */
    const uint64_t own = kt_sim_random_split(study->seed, (uint64_t)task.permutation);
    const char *name = study->scenarios[task.scenario].name;
    task.order_seed = kt_sim_random_split(own, 1);
    task.noise_seed = kt_sim_random_split(own, kt_str_hash(KT_HASH_SEED, kt_str_of(name)));
    return task;
}

/* ---- one run --------------------------------------------------------------------------------- */

/* Time between two reports: the least reports per window that the gate is content with, one more
 * than its samples because the one at a window's end belongs to the next. */
static int64_t report_every_ms(const struct kt_settings *settings) {
    const int64_t window_ms = settings->window.window_ms;
    const double share = 1.0 - settings->gate.span_min;
    int64_t reports = settings->gate.samples_min + 1;
    if (share > 0.0 && 2.0 / share > (double)reports) { /* they cover all but two of the pauses */
        reports = 2.0 / share < REPORTS_MAX ? (int64_t)ceil(2.0 / share - 1e-9) : REPORTS_MAX;
    }
    reports = reports < REPORTS_MIN ? REPORTS_MIN : reports;
    while (reports < window_ms && window_ms % reports != 0) {
        reports++;
    }
    return reports < window_ms ? window_ms / reports : 1;
}

/* What a run holds; released by run_close. */
struct run {
    struct kt_settings settings;
    struct kt_sim_spec spec;
    struct kt_sim_level levels[2 * KT_SIM_UNITS_MAX];
    struct kt_sim_local *local;
    struct kt_sim_recorder *recorder;
    struct kt_sim_listener listener; /* its functions NULL: nobody */
    const volatile sig_atomic_t *stop;
};

static enum kt_err on_command(void *ctx, const struct kt_rescale_command *command,
                              struct kt_error *error) {
    struct run *run = ctx;
    enum kt_err err =
        run->recorder == NULL ? KT_ERR_OK : kt_sim_recorder_command(run->recorder, command, error);
    if (err == KT_ERR_OK && run->listener.command != NULL) {
        err = run->listener.command(run->listener.ctx, command, error);
    }
    return err;
}

static enum kt_err on_report(void *ctx, const struct kt_sim_view *view, struct kt_error *error) {
    struct run *run = ctx;
    if (run->stop != NULL && *run->stop != 0) {
        return kt_fail(error, KT_ERR_STOPPED, "interrupted");
    }
    enum kt_err err =
        run->recorder == NULL ? KT_ERR_OK : kt_sim_recorder_view(run->recorder, view, error);
    if (err == KT_ERR_OK && run->listener.view != NULL) {
        err = run->listener.view(run->listener.ctx, view, error);
    }
    return err;
}

static void prepare(const struct kt_sim_study *study, const struct kt_sim_task *task,
                    struct run *run, struct kt_sim_loop *loop) {
    const struct kt_sim_scenario *scenario = &study->scenarios[task->scenario];
    const struct kt_sim_method *method = &study->methods->items[task->method];
    run->settings = method->config->settings;
    run->settings.ablation = method->ablation.any ? &method->ablation.core : NULL;
    run->spec = *scenario->spec;
    run->spec.noise = study->noise >= 0.0 ? study->noise : run->spec.noise;
    run->spec.metrics.no_lag = run->spec.metrics.no_lag || method->ablation.no_lag;
    run->stop = study->stop;
    if (scenario->max_parallelism > 0 && !study->own_settings) {
        run->settings.defaults.policy.max_parallelism = scenario->max_parallelism;
    }
    *loop = (struct kt_sim_loop){
        .spec = &run->spec,
        .levels = scenario->levels,
        .levels_count = scenario->levels_count,
        .protocol = scenario->protocol,
        .windows_max = WINDOWS_MAX,
        .drift_level = scenario->drift_level,
        .seed = task->noise_seed,
        .observe = on_report,
        .observe_ctx = run,
    };
    if (scenario->protocol == KT_SIM_TUNINGS) {
        run->settings.window.lateness_ms = 0; /* nothing is late: a window is decided at its end */
        kt_sim_permutation(&run->spec, scenario->units, task->order_seed, run->levels);
        loop->levels = run->levels;
        loop->levels_count = 2 * scenario->units;
    }
    loop->window_ms = run->settings.window.window_ms;
    loop->lateness_ms = run->settings.window.lateness_ms;
    loop->poll_ms = report_every_ms(&run->settings);
    loop->start_ms = START_MS - START_MS % loop->window_ms;
}

static enum kt_err run_task(const struct kt_sim_study *study, const struct kt_sim_task *task,
                            struct kt_sim_score *score, struct kt_sim_trace *trace,
                            struct kt_error *error) {
    const struct kt_sim_scenario *scenario = &study->scenarios[task->scenario];
    const char *label = study->methods->items[task->method].label;
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a run");
    }
    struct kt_sim_loop loop;
    prepare(study, task, run, &loop);
    enum kt_err err = KT_ERR_OK;
    if (study->begin != NULL) {
        err = study->begin(study->listen_ctx, task, &run->listener, error);
    }
    const bool listening = study->begin != NULL && err == KT_ERR_OK;
    if (err == KT_ERR_OK && trace != NULL) {
        err = kt_sim_recorder_new(&run->spec, trace, &run->recorder, error);
        trace->job = scenario->name;
        trace->method = label;
        trace->over_time = scenario->protocol == KT_SIM_OVER_TIME;
        trace->permutation = trace->over_time ? 0 : task->permutation + 1;
    }
    if (err == KT_ERR_OK) {
        const struct kt_sim_tap tap = {run, on_command};
        err = kt_sim_local_new(&run->settings, &run->spec, tap, &run->local, error);
    }
    if (err == KT_ERR_OK) {
        loop.controller = kt_sim_local_controller(run->local);
        err = kt_sim_loop_run(&loop, score, error);
    }
    if (err == KT_ERR_OK && run->recorder != NULL) {
        err = kt_sim_recorder_finish(run->recorder, error);
    }
    if (err != KT_ERR_OK) {
        (void)kt_fail_in(error, err, "%s, %s, permutation %d", scenario->name, label,
                         task->permutation + 1);
    }
    if (listening) {
        study->end(study->listen_ctx, &run->listener);
    }
    kt_sim_local_free(run->local);
    kt_sim_recorder_free(run->recorder);
    free(run);
    return err;
}

/* ---- the pool -------------------------------------------------------------------------------- */

/* The next task, or total when there is none or one has failed. */
static int take(struct pool *pool) {
    pthread_mutex_lock(&pool->lock);
    const int index = pool->failed < pool->total ? pool->total : pool->next;
    pool->next += index < pool->total;
    pthread_mutex_unlock(&pool->lock);
    return index;
}

static void give_back(struct pool *pool, int index, enum kt_err err, const struct kt_error *error) {
    const struct kt_sim_study *study = pool->study;
    pthread_mutex_lock(&pool->lock);
    pool->done++;
    if (err != KT_ERR_OK && index < pool->failed) {
        pool->failed = index;
        pool->error = *error;
    }
    if (err == KT_ERR_OK && study->progress != NULL) {
        study->progress(study->progress_ctx, pool->done, pool->total);
    }
    pthread_mutex_unlock(&pool->lock);
}

static void *work(void *ctx) {
    struct pool *pool = ctx;
    const struct kt_sim_study *study = pool->study;
    struct kt_sim_results *results = pool->results;
    for (int i = take(pool); i < pool->total; i = take(pool)) {
        const struct kt_sim_task task = task_of(study, i);
        const bool traced = results->traces != NULL && task.permutation == 0;
        struct kt_sim_trace *trace =
            traced ? &results->traces[task.scenario * results->methods + task.method] : NULL;
        struct kt_error error = {KT_ERR_OK, ""};
        const enum kt_err err = run_task(study, &task, &results->scores[i], trace, &error);
        give_back(pool, i, err, &error);
    }
    return NULL;
}

/* The calling thread works too. A thread that cannot be had is done without. */
static void work_all(struct pool *pool, int threads) {
    pthread_t others[KT_SIM_THREADS_MAX];
    int started = 0;
    while (started < threads - 1 && started + 1 < pool->total &&
           pthread_create(&others[started], NULL, work, pool) == 0) {
        started++;
    }
    work(pool);
    for (int i = 0; i < started; i++) {
        pthread_join(others[i], NULL);
    }
}

enum kt_err kt_sim_study_run(const struct kt_sim_study *study, struct kt_sim_results *results,
                             struct kt_error *error) {
    assert(study->scenarios_count >= 1 && study->scenarios_count <= KT_SIM_SCENARIOS_MAX);
    assert(study->permutations >= 1 && study->permutations <= KT_SIM_PERMUTATIONS_MAX);
    assert(study->threads >= 1 && study->threads <= KT_SIM_THREADS_MAX);
    *results = (struct kt_sim_results){.scenarios = study->scenarios_count,
                                       .methods = study->methods->count,
                                       .permutations = study->permutations};
    const size_t pairs = (size_t)results->scenarios * (size_t)results->methods;
    const size_t total = pairs * (size_t)results->permutations;
    results->scores = calloc(total, sizeof *results->scores);
    results->traces = study->traced ? calloc(pairs, sizeof *results->traces) : NULL;
    if (results->scores == NULL || (study->traced && results->traces == NULL)) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu runs", total);
    }
    struct pool pool = {
        .study = study, .results = results, .total = (int)total, .failed = (int)total};
    pthread_mutex_init(&pool.lock, NULL);
    work_all(&pool, study->threads);
    pthread_mutex_destroy(&pool.lock);
    if (pool.failed < pool.total) {
        if (error != NULL) {
            *error = pool.error;
        }
        return pool.error.code;
    }
    return KT_ERR_OK;
}

void kt_sim_results_free(struct kt_sim_results *results) {
    free(results->scores);
    for (int i = 0; results->traces != NULL && i < results->scenarios * results->methods; i++) {
        kt_sim_trace_free(&results->traces[i]);
    }
    free(results->traces);
    *results = (struct kt_sim_results){.scenarios = 0};
}

/* ---- means ----------------------------------------------------------------------------------- */

static double percent(double part, double whole) {
    return whole > 0.0 ? 100.0 * part / whole : 0.0;
}

static void add(struct kt_sim_mean *sum, const struct kt_sim_score *score,
                enum kt_sim_protocol protocol) {
    sum->permutations += 1.0;
    sum->tunings += score->tunings;
    sum->reconfigurations += score->reconfigurations;
    sum->per_tuning += (double)score->reconfigurations / score->tunings;
    sum->under_provisioned += score->under_provisioned;
    sum->unsettled += score->unsettled;
    sum->surplus_percent +=
        protocol == KT_SIM_TUNINGS
            ? percent((double)score->surplus_cores, (double)score->optimum_cores)
            : percent(score->core_s - score->optimum_core_s, score->optimum_core_s);
    sum->cores_max = fmax(sum->cores_max, score->cores_max);
    sum->core_s += score->core_s;
    sum->optimum_core_s += score->optimum_core_s;
    sum->backlog_percent += percent(score->backlogged, score->offered);
    sum->under_provisioned_s += score->under_provisioned_s;
}

static void divide(struct kt_sim_mean *sum, double by) {
    double *const fields[] = {
        &sum->tunings,         &sum->reconfigurations,    &sum->per_tuning, &sum->under_provisioned,
        &sum->unsettled,       &sum->surplus_percent,     &sum->core_s,     &sum->optimum_core_s,
        &sum->backlog_percent, &sum->under_provisioned_s,
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        *fields[i] /= by;
    }
}

struct kt_sim_mean kt_sim_results_mean(const struct kt_sim_results *results,
                                       const struct kt_sim_study *study, int scenario, int method) {
    const int n = results->permutations;
    const size_t pair = (size_t)scenario * (size_t)results->methods + (size_t)method;
    const struct kt_sim_score *scores = &results->scores[pair * (size_t)n];
    struct kt_sim_mean mean = {0};
    for (int k = 0; k < n; k++) {
        add(&mean, &scores[k], study->scenarios[scenario].protocol);
    }
    divide(&mean, n);
    double squares = 0.0;
    for (int k = 0; k < n; k++) {
        const double d = (double)scores[k].reconfigurations / scores[k].tunings - mean.per_tuning;
        squares += d * d;
    }
    mean.per_tuning_error = n > 1 ? sqrt(squares / (n - 1) / n) : 0.0;
    return mean;
}

struct kt_sim_mean kt_sim_results_mean_of_all(const struct kt_sim_results *results,
                                              const struct kt_sim_study *study, int method) {
    struct kt_sim_mean all = {0};
    double variance = 0.0;
    for (int s = 0; s < results->scenarios; s++) {
        const struct kt_sim_mean one = kt_sim_results_mean(results, study, s, method);
        all.permutations = one.permutations;
        all.tunings += one.tunings;
        all.reconfigurations += one.reconfigurations;
        all.per_tuning += one.per_tuning;
        variance += one.per_tuning_error * one.per_tuning_error;
        all.under_provisioned += one.under_provisioned;
        all.unsettled += one.unsettled;
        all.surplus_percent += one.surplus_percent;
        all.cores_max += one.cores_max;
        all.core_s += one.core_s;
        all.optimum_core_s += one.optimum_core_s;
        all.backlog_percent += one.backlog_percent;
        all.under_provisioned_s += one.under_provisioned_s;
    }
    divide(&all, results->scenarios);
    all.cores_max /= results->scenarios;
    all.per_tuning_error = sqrt(variance) / results->scenarios;
    return all;
}

const struct kt_sim_trace *kt_sim_results_trace(const struct kt_sim_results *results, int scenario,
                                                int method) {
    return results->traces == NULL ? NULL : &results->traces[scenario * results->methods + method];
}
