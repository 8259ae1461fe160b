/* SPDX-License-Identifier: GPL-3.0-or-later
 * A simulated Flink job with known curves, in virtual time.
 *
 * Time passes in steps of at most 250 ms that end wherever something changes: the job is back from
 * a restart, the noise is drawn again, a burst is emitted, a meter looks at its counters. Within a
 * step every speed is constant; abilities are looked up once per attempt. */
#include "ops/sim_random.h"
#include "ops/sim_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define STEP_MS          250
#define NOISE_DEFAULT_MS 60000
#define LAG_STEP_MIN_MS  250

/* Log-normal with mean 1 and the relative standard deviation asked for: never 0 or below. */
static void draw_noise(struct kt_sim_job *job) {
    const double variance = log1p(job->spec->noise * job->spec->noise);
    for (int i = 0; i < job->spec->count; i++) {
        struct kt_sim_vertex *vertex = &job->vertices[i];
        vertex->noise =
            exp(sqrt(variance) * kt_sim_random_normal(&vertex->random) - 0.5 * variance);
    }
}

/* The next multiple of step_ms after now. */
static int64_t next_multiple(int64_t now_ms, int64_t step_ms) {
    return (now_ms / step_ms + 1) * step_ms;
}

static int64_t noise_step_ms(const struct kt_sim_spec *spec) {
    return spec->noise_ms > 0 ? spec->noise_ms : NOISE_DEFAULT_MS;
}

static int64_t burst_step_ms(const struct kt_sim_spec *spec) {
    return (int64_t)fmax(1.0, spec->metrics.burst_s * 1000.0);
}

/* A late lag is read between records that are a fraction of the delay apart. */
static int64_t lag_step_ms(const struct kt_sim_spec *spec) {
    return (int64_t)fmax(LAG_STEP_MIN_MS, spec->metrics.lag_delay_s * 2000.0 / KT_SIM_LAGS);
}

static void set_parallelism(struct kt_sim_job *job, const int *parallelism) {
    for (int i = 0; i < job->spec->count; i++) {
        struct kt_sim_vertex *vertex = &job->vertices[i];
        const bool scaled = job->spec->operators[i].scaled;
        vertex->parallelism = parallelism == NULL || !scaled ? 1 : parallelism[i];
        /* Without drift, which changes in mid attempt. */
        vertex->ability = kt_sim_ability(job->spec, i, vertex->parallelism, -1.0);
    }
}

static void begin_attempt(struct kt_sim_job *job, int64_t at_ms) {
    job->attempt_start_ms = at_ms;
    job->marks = 0;
    job->mark_at_ms = job->spec->metrics.rates ? at_ms + KT_SIM_MARK_MS : INT64_MAX;
    for (int i = 0; i < job->spec->count; i++) {
        job->vertices[i].totals = (struct kt_sim_totals){0};
        memset(job->vertices[i].marks, 0, sizeof job->vertices[i].marks);
    }
}

static void release_bursts(struct kt_sim_job *job) {
    for (int i = 0; i < job->spec->count; i++) {
        job->vertices[i].pending += job->vertices[i].held;
        job->vertices[i].held = 0.0;
    }
}

static void mark_totals(struct kt_sim_job *job) {
    job->marks++;
    for (int i = 0; i < job->spec->count; i++) {
        job->vertices[i].marks[job->marks % KT_SIM_MARKS] = job->vertices[i].totals;
    }
}

static void note_lags(struct kt_sim_job *job) {
    for (int i = 0; i < job->spec->count; i++) {
        if (job->spec->operators[i].inputs_count == 0) {
            job->lag[i][job->lags % KT_SIM_LAGS] =
                (struct kt_sim_lag){job->now_ms, job->vertices[i].queue};
        }
    }
    job->lags++;
}

/* Everything that is due now. */
static void happen(struct kt_sim_job *job) {
    if (job->now_ms >= job->noise_at_ms) {
        draw_noise(job);
        job->noise_at_ms = next_multiple(job->now_ms, noise_step_ms(job->spec));
    }
    if (job->now_ms >= job->burst_at_ms) {
        release_bursts(job);
        job->burst_at_ms += burst_step_ms(job->spec);
    }
    if (job->now_ms >= job->mark_at_ms) {
        mark_totals(job);
        job->mark_at_ms += KT_SIM_MARK_MS;
    }
    if (job->now_ms >= job->lag_at_ms) {
        note_lags(job);
        job->lag_at_ms += lag_step_ms(job->spec);
    }
}

struct kt_sim_job *kt_sim_job_new(const struct kt_sim_spec *spec, uint64_t seed, int64_t now_ms,
                                  const int *parallelism) {
    struct kt_sim_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->spec = spec;
    job->start_ms = now_ms;
    job->now_ms = now_ms;
    /* The id of a run: as long as Flink's, the same through all its attempts. */
    snprintf(job->job_id, sizeof job->job_id, "%032x", 0x51U);
    job->noise_at_ms = spec->noise > 0.0 ? now_ms : INT64_MAX;
    job->burst_at_ms = spec->metrics.burst_s > 0.0 ? now_ms + burst_step_ms(spec) : INT64_MAX;
    job->lag_at_ms = spec->metrics.lag_delay_s > 0.0 ? now_ms : INT64_MAX;
    for (int i = 0; i < spec->count; i++) {
        job->vertices[i].random = kt_sim_random_split(seed, (uint64_t)i);
        job->vertices[i].noise = 1.0;
    }
    kt_sim_flow_init(job);
    set_parallelism(job, parallelism);
    begin_attempt(job, now_ms);
    happen(job);
    return job;
}

void kt_sim_job_free(struct kt_sim_job *job) {
    free(job);
}

static int64_t earlier(int64_t a_ms, int64_t b_ms) {
    return a_ms < b_ms ? a_ms : b_ms;
}

/* End of the step that begins now. */
static int64_t step_end_ms(const struct kt_sim_job *job, int64_t until_ms) {
    int64_t end_ms = earlier(until_ms, job->now_ms + STEP_MS);
    end_ms = earlier(end_ms, job->noise_at_ms);
    end_ms = earlier(end_ms, job->burst_at_ms);
    end_ms = earlier(end_ms, job->mark_at_ms);
    end_ms = earlier(end_ms, job->lag_at_ms);
    return job->now_ms < job->attempt_start_ms ? earlier(end_ms, job->attempt_start_ms) : end_ms;
}

/* The factor of all abilities in the middle of a step: drift and warm-up. */
static double speed_of(const struct kt_sim_job *job, int64_t end_ms) {
    const double middle_ms =
        (double)(job->now_ms - job->start_ms) + (double)(end_ms - job->now_ms) / 2.0;
    const double age_ms = middle_ms - (double)(job->attempt_start_ms - job->start_ms);
    const double speed = kt_sim_drift_at(&job->spec->drift, middle_ms / 1000.0);
    if (job->spec->warm_up_ms <= 0 || age_ms >= (double)job->spec->warm_up_ms) {
        return speed;
    }
    const double from = job->spec->warm_up_factor;
    return speed * (from + (1.0 - from) * age_ms / (double)job->spec->warm_up_ms);
}

void kt_sim_job_advance(struct kt_sim_job *job, int64_t until_ms, const double *source_rates) {
    while (job->now_ms < until_ms) {
        const int64_t end_ms = step_end_ms(job, until_ms);
        const double dt_ms = (double)(end_ms - job->now_ms);
        const double speed = speed_of(job, end_ms);
        for (int i = 0; i < job->spec->count; i++) {
            struct kt_sim_vertex *vertex = &job->vertices[i];
            if (job->spec->operators[i].inputs_count == 0) {
                vertex->queue += source_rates[i] * dt_ms / 1000.0;
            }
            vertex->can = vertex->ability * vertex->noise * speed * dt_ms / 1000.0;
        }
        if (job->now_ms >= job->attempt_start_ms) {
            kt_sim_flow_step(job, dt_ms);
        }
        job->now_ms = end_ms;
        happen(job);
    }
}

void kt_sim_job_rescale(struct kt_sim_job *job, const int *parallelism) {
    set_parallelism(job, parallelism);
    begin_attempt(job, job->now_ms + job->spec->restart_ms);
}

void kt_sim_job_settle(struct kt_sim_job *job) {
    for (int i = 0; i < job->spec->count; i++) {
        job->vertices[i].queue = 0.0;
    }
    memset(job->lag, 0, sizeof job->lag);
    job->lags = 0;
}

bool kt_sim_job_is_running(const struct kt_sim_job *job) {
    return job->now_ms > job->attempt_start_ms;
}

int64_t kt_sim_job_now_ms(const struct kt_sim_job *job) {
    return job->now_ms;
}

double kt_sim_job_second(const struct kt_sim_job *job) {
    return (double)(job->now_ms - job->start_ms) / 1000.0;
}

int kt_sim_job_parallelism(const struct kt_sim_job *job, int op) {
    return job->vertices[op].parallelism;
}

double kt_sim_job_lag(const struct kt_sim_job *job) {
    double records = 0.0;
    for (int i = 0; i < job->spec->count; i++) {
        records += job->spec->operators[i].inputs_count == 0 ? job->vertices[i].queue : 0.0;
    }
    return records;
}

double kt_sim_job_backlog(const struct kt_sim_job *job) {
    double records = 0.0;
    for (int i = 0; i < job->spec->count; i++) {
        records += job->vertices[i].queue + job->vertices[i].pending;
    }
    return records;
}
