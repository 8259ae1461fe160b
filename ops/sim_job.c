/* SPDX-License-Identifier: GPL-3.0-or-later
 * A simulated Flink job with known curves, in virtual time.
 *
 * Every step of 50 ms goes through the operators from the sinks to the sources. An operator takes
 * what its queue holds, what its ability allows and what fits into the queues below it, whichever
 * is least:
 *
 *   taken = min(queue, PA·dt, room below / selectivity)      busy = taken / PA
 *
 * What is left of the step is backpressured if the room below was the least, else idle. A source's
 * queue is the backlog of its topic and has no bound. */
#include "ops/sim_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define STEP_MS        50
#define NOISE_EVERY_MS 10000

struct sim_operator {
    int parallelism;
    double queue;  /* records that wait for it */
    double factor; /* of the true ability, by noise */
    double records_in;
    double records_out;
    double busy_ms; /* of one subtask; all subtasks are alike */
    double backpressured_ms;
    double idle_ms;
};

struct kt_sim_job {
    const struct kt_sim_spec *spec;
    uint64_t random;
    int64_t now_ms;
    int64_t attempt_start_ms; /* in the future while the job restarts */
    int64_t noise_at_ms;
    struct sim_operator operators[KT_SIM_OPERATORS_MAX];
};

double kt_sim_ability(const struct kt_sim_operator *op, int parallelism) {
    const double p = parallelism;
    return op->gamma * p / (1.0 + op->sigma * (p - 1.0) + op->kappa * p * (p - 1.0));
}

void kt_sim_optimum(const struct kt_sim_spec *spec, double source_rate, double *lambda,
                    int *parallelism) {
    double out[KT_SIM_OPERATORS_MAX];
    for (int i = 0; i < spec->count; i++) {
        const struct kt_sim_operator *op = &spec->operators[i];
        lambda[i] = op->inputs_count == 0 ? source_rate : 0.0;
        for (int k = 0; k < op->inputs_count; k++) {
            lambda[i] += out[op->inputs[k]];
        }
        out[i] = lambda[i] * op->selectivity;
        parallelism[i] = 1;
        while (parallelism[i] < op->max_parallelism &&
               kt_sim_ability(op, parallelism[i]) < lambda[i]) {
            parallelism[i]++;
        }
    }
}

/* splitmix64: small, seeded, the same everywhere. */
static uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double random_uniform(uint64_t *state) {
    return ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53;
}

/* Box-Muller. */
static double random_normal(uint64_t *state) {
    const double u = random_uniform(state);
    const double v = random_uniform(state);
    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}

static void draw_noise(struct kt_sim_job *job) {
    for (int i = 0; i < job->spec->count; i++) {
        const double factor = 1.0 + job->spec->noise * random_normal(&job->random);
        job->operators[i].factor = factor < 0.5 ? 0.5 : factor;
    }
}

struct kt_sim_job *kt_sim_job_new(const struct kt_sim_spec *spec, uint64_t seed, int64_t now_ms,
                                  const int *parallelism) {
    struct kt_sim_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->spec = spec;
    job->random = seed;
    job->now_ms = now_ms;
    job->attempt_start_ms = now_ms;
    job->noise_at_ms = now_ms + NOISE_EVERY_MS;
    for (int i = 0; i < spec->count; i++) {
        job->operators[i].parallelism = parallelism == NULL ? 1 : parallelism[i];
    }
    draw_noise(job);
    return job;
}

void kt_sim_job_free(struct kt_sim_job *job) {
    free(job);
}

/* Records that fit below operator i, in records that i emits. */
static double room_below(const struct kt_sim_job *job, int i) {
    double room = INFINITY;
    for (int d = i + 1; d < job->spec->count; d++) {
        const struct kt_sim_operator *down = &job->spec->operators[d];
        for (int k = 0; k < down->inputs_count; k++) {
            if (down->inputs[k] == i) {
                const double held = job->spec->buffer_records * job->operators[d].parallelism;
                room = fmin(room, fmax(0.0, held - job->operators[d].queue));
            }
        }
    }
    return room;
}

static void pass_on(struct kt_sim_job *job, int i, double records) {
    for (int d = i + 1; d < job->spec->count; d++) {
        const struct kt_sim_operator *down = &job->spec->operators[d];
        for (int k = 0; k < down->inputs_count; k++) {
            if (down->inputs[k] == i) {
                job->operators[d].queue += records;
            }
        }
    }
}

static void step_operator(struct kt_sim_job *job, int i) {
    const struct kt_sim_operator *spec = &job->spec->operators[i];
    struct sim_operator *op = &job->operators[i];
    const double can = kt_sim_ability(spec, op->parallelism) * op->factor * STEP_MS / 1000.0;
    const double wants = fmin(op->queue, can);
    const double room = spec->selectivity > 0 ? room_below(job, i) / spec->selectivity : INFINITY;
    const double taken = fmin(wants, room);
    const double busy_ms = STEP_MS * taken / can;
    op->queue -= taken;
    op->records_in += taken;
    op->records_out += taken * spec->selectivity;
    op->busy_ms += busy_ms;
    if (taken < wants) {
        op->backpressured_ms += STEP_MS - busy_ms;
    } else {
        op->idle_ms += STEP_MS - busy_ms;
    }
    pass_on(job, i, taken * spec->selectivity);
}

void kt_sim_job_advance(struct kt_sim_job *job, int64_t until_ms, double source_rate) {
    while (job->now_ms < until_ms) {
        job->now_ms += STEP_MS;
        if (job->now_ms >= job->noise_at_ms) {
            draw_noise(job);
            job->noise_at_ms += NOISE_EVERY_MS;
        }
        const bool running = kt_sim_job_is_running(job);
        for (int i = job->spec->count - 1; i >= 0; i--) {
            if (job->spec->operators[i].inputs_count == 0) {
                job->operators[i].queue += source_rate * STEP_MS / 1000.0;
            }
            if (running) {
                step_operator(job, i);
            }
        }
    }
}

void kt_sim_job_rescale(struct kt_sim_job *job, const int *parallelism) {
    job->attempt_start_ms = job->now_ms + job->spec->restart_ms;
    for (int i = 0; i < job->spec->count; i++) {
        struct sim_operator *op = &job->operators[i];
        *op = (struct sim_operator){
            .parallelism = parallelism[i], .queue = op->queue, .factor = op->factor};
    }
}

bool kt_sim_job_is_running(const struct kt_sim_job *job) {
    return job->now_ms > job->attempt_start_ms;
}

int64_t kt_sim_job_now_ms(const struct kt_sim_job *job) {
    return job->now_ms;
}

int kt_sim_job_parallelism(const struct kt_sim_job *job, int op) {
    return job->operators[op].parallelism;
}

double kt_sim_job_backlog(const struct kt_sim_job *job) {
    double records = 0.0;
    for (int i = 0; i < job->spec->count; i++) {
        records += job->operators[i].queue;
    }
    return records;
}

/* The share of subtask s of a total that is split as evenly as whole numbers allow. */
static int64_t split(double total, int parallelism, int s) {
    const int64_t whole = (int64_t)total;
    return whole / parallelism + (s < whole % parallelism ? 1 : 0);
}

static void set_measure(struct kt_metric_event *event, enum kt_event_field field, int64_t *place,
                        int64_t value) {
    *place = value;
    KT_SET(event, field);
}

static void report_subtask(const struct kt_sim_job *job, int i, int s, struct kt_str job_id,
                           struct kt_metric_event *event) {
    const struct kt_sim_operator *spec = &job->spec->operators[i];
    const struct sim_operator *op = &job->operators[i];
    event->cluster = kt_str_of(job->spec->cluster);
    event->job_name = kt_str_of(job->spec->job_name);
    event->job_id = job_id;
    event->vertex_id = kt_str_of(spec->id);
    event->vertex_name = kt_str_of(spec->name);
    event->subtask = s;
    event->timestamp_ms = job->now_ms;
    set_measure(event, KT_EVENT_ATTEMPT_START_MS, &event->attempt_start_ms, job->attempt_start_ms);
    event->parallelism = op->parallelism;
    KT_SET(event, KT_EVENT_PARALLELISM);
    event->max_parallelism = spec->max_parallelism;
    KT_SET(event, KT_EVENT_MAX_PARALLELISM);
    event->is_source = spec->inputs_count == 0;
    KT_SET(event, KT_EVENT_IS_SOURCE);
    const int p = op->parallelism;
    /* As in Flink, a source reads its records itself: only what it emits is counted. */
    set_measure(event, KT_EVENT_RECORDS_IN_TOTAL, &event->records_in_total,
                event->is_source ? 0 : split(op->records_in, p, s));
    set_measure(event, KT_EVENT_RECORDS_OUT_TOTAL, &event->records_out_total,
                split(op->records_out, p, s));
    set_measure(event, KT_EVENT_BUSY_MS_TOTAL, &event->busy_ms_total, (int64_t)op->busy_ms);
    set_measure(event, KT_EVENT_BACKPRESSURED_MS_TOTAL, &event->backpressured_ms_total,
                (int64_t)op->backpressured_ms);
    set_measure(event, KT_EVENT_IDLE_MS_TOTAL, &event->idle_ms_total, (int64_t)op->idle_ms);
    if (event->is_source) {
        event->pending_records = (double)split(op->queue, p, s);
        KT_SET(event, KT_EVENT_PENDING_RECORDS);
    }
}

/* The input edges of operator i as an event tells them. */
static enum kt_err report_inputs(const struct kt_sim_spec *spec, int i, struct kt_arena *arena,
                                 struct kt_metric_event *event) {
    const struct kt_sim_operator *op = &spec->operators[i];
    event->upstream.items =
        kt_arena_array(arena, (size_t)op->inputs_count, sizeof event->upstream.items[0]);
    if (event->upstream.items == NULL) {
        return KT_ERR_NOMEM;
    }
    event->upstream.count = (size_t)op->inputs_count;
    for (int k = 0; k < op->inputs_count; k++) {
        struct kt_upstream *edge = &event->upstream.items[k];
        edge->vertex_id = kt_str_of(spec->operators[op->inputs[k]].id);
        edge->ship_strategy = kt_str_of(op->keyed ? "HASH" : "REBALANCE");
        KT_SET(edge, KT_UPSTREAM_SHIP_STRATEGY);
    }
    KT_SET(event, KT_EVENT_UPSTREAM);
    return KT_ERR_OK;
}

enum kt_err kt_sim_job_events(const struct kt_sim_job *job, struct kt_arena *arena,
                              struct kt_metric_event **events, size_t *count,
                              struct kt_error *error) {
    *count = 0;
    *events = NULL;
    if (!kt_sim_job_is_running(job)) {
        return KT_ERR_OK;
    }
    size_t subtasks = 0;
    for (int i = 0; i < job->spec->count; i++) {
        subtasks += (size_t)job->operators[i].parallelism;
    }
    *events = kt_arena_array(arena, subtasks, sizeof **events);
    /* The id of a run: as long as Flink's, the same through all its attempts. */
    const struct kt_str job_id = kt_arena_printf(arena, "%032x", 0x51);
    if (*events == NULL || job_id.data == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu events", subtasks);
    }
    for (int i = 0; i < job->spec->count; i++) {
        for (int s = 0; s < job->operators[i].parallelism; s++) {
            struct kt_metric_event *event = &(*events)[(*count)++];
            report_subtask(job, i, s, job_id, event);
            if (report_inputs(job->spec, i, arena, event) != KT_ERR_OK) {
                return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu events", subtasks);
            }
        }
    }
    return KT_ERR_OK;
}
