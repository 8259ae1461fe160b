/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a simulated job reports: one event per subtask, as Flink's metrics would tell it.
 *
 * Counters are since the start of the attempt. As rates they are looked at every 5 s, as Flink's
 * meters do: records/s over the last 60 s, over which a young attempt's counters began at 0, and
 * ms/s over as much of the last 60 s as the attempt is old. */
#include "ops/sim_state.h"

#include <math.h>

#define RECORDS_MAX 0x1p62 /* of a counter: far from where a sum of two would overflow */

/* What is the same for all subtasks of a vertex. */
struct report {
    const struct kt_sim_job *job;
    const struct kt_sim_vertex *vertex;
    int op;
    double busiest;               /* times its even share that subtask 0 has */
    double rest;                  /* … that each other one has */
    struct kt_sim_totals over;    /* what is reported: since the attempt, or of the last 60 s */
    double records_s;             /* time that the records of `over` came in */
    double clock_s;               /* time that its clocks ran */
    double pending;               /* records */
    struct kt_metric_event event; /* everything but the measures */
};

/* Subtask s's part of a number of records: whole records, never fewer when the total grows. What a
 * counter cannot hold stays at its end. */
static int64_t part(const struct report *report, double total, int s) {
    const int p = report->vertex->parallelism;
    const int64_t whole = (int64_t)fmin(total, RECORDS_MAX);
    if (p == 1) {
        return whole;
    }
    /* Subtask 0 alone first, the others share what it leaves. */
    const int64_t busiest = report->busiest > 1.0 ? (int64_t)((double)whole * report->busiest / p)
                                                  : whole / p + (whole % p > 0);
    const int64_t left = whole - busiest;
    return s == 0 ? busiest : left / (p - 1) + (s - 1 < left % (p - 1) ? 1 : 0);
}

static double quantise(const struct report *report, double ms) {
    const double quantum_ms = fmax(1.0, report->job->spec->metrics.busy_quantum_ms);
    return floor(fmax(0.0, ms) / quantum_ms) * quantum_ms;
}

/* Times of a subtask with `times` its even share of the records. */
struct times {
    double busy_ms;
    double backpressured_ms;
    double idle_ms;
};

static struct times times_of(const struct kt_sim_totals *over, double times) {
    const double busy_ms = times * over->busy_ms;
    const double backpressured_ms = over->blocked_ms - times * over->blocked_busy_ms;
    return (struct times){busy_ms, backpressured_ms, over->elapsed_ms - busy_ms - backpressured_ms};
}

static void set_total(struct kt_metric_event *event, enum kt_event_field field, int64_t *place,
                      double value) {
    *place = (int64_t)value;
    KT_SET(event, field);
}

static void set_rate(struct kt_metric_event *event, enum kt_event_field field, double *place,
                     double value) {
    *place = value;
    KT_SET(event, field);
}

/* As in Flink, a source reads its records itself: only what it emits is counted. */
static void report_totals(const struct report *report, int s, struct kt_metric_event *event) {
    const struct kt_sim_totals *over = &report->over;
    const struct times times = times_of(over, s == 0 ? report->busiest : report->rest);
    set_total(event, KT_EVENT_RECORDS_IN_TOTAL, &event->records_in_total,
              event->is_source ? 0.0 : (double)part(report, over->records_in, s));
    set_total(event, KT_EVENT_RECORDS_OUT_TOTAL, &event->records_out_total,
              (double)part(report, over->records_out, s));
    set_total(event, KT_EVENT_BUSY_MS_TOTAL, &event->busy_ms_total,
              quantise(report, times.busy_ms));
    set_total(event, KT_EVENT_BACKPRESSURED_MS_TOTAL, &event->backpressured_ms_total,
              quantise(report, times.backpressured_ms));
    set_total(event, KT_EVENT_IDLE_MS_TOTAL, &event->idle_ms_total,
              quantise(report, times.idle_ms));
}

static void report_rates(const struct report *report, int s, struct kt_metric_event *event) {
    const struct kt_sim_totals *over = &report->over;
    const double share = s == 0 ? report->busiest : report->rest;
    const double records_s = report->records_s * report->vertex->parallelism;
    const struct times times = times_of(over, share);
    set_rate(event, KT_EVENT_RECORDS_IN_PER_S, &event->records_in_per_s,
             event->is_source ? 0.0 : share * over->records_in / records_s);
    set_rate(event, KT_EVENT_RECORDS_OUT_PER_S, &event->records_out_per_s,
             share * over->records_out / records_s);
    set_rate(event, KT_EVENT_BUSY_MS_PER_S, &event->busy_ms_per_s,
             quantise(report, times.busy_ms / report->clock_s));
    set_rate(event, KT_EVENT_BACKPRESSURED_MS_PER_S, &event->backpressured_ms_per_s,
             quantise(report, times.backpressured_ms / report->clock_s));
    set_rate(event, KT_EVENT_IDLE_MS_PER_S, &event->idle_ms_per_s,
             quantise(report, times.idle_ms / report->clock_s));
}

static void report_subtask(const struct report *report, int s, struct kt_metric_event *event) {
    *event = report->event;
    event->subtask = s;
    if (report->job->spec->metrics.rates) {
        report_rates(report, s, event);
    } else {
        report_totals(report, s, event);
    }
    if (event->is_source && !report->job->spec->metrics.no_lag) {
        event->pending_records = (double)part(report, report->pending, s);
        KT_SET(event, KT_EVENT_PENDING_RECORDS);
    }
}

/* The backlog of a source as it was lag_delay_s ago; before the first note there was none. */
static double late_lag(const struct kt_sim_job *job, int op) {
    const double delay_ms = job->spec->metrics.lag_delay_s * 1000.0;
    if (delay_ms <= 0.0) {
        return job->vertices[op].queue;
    }
    const double at_ms = (double)(job->now_ms - job->start_ms) - delay_ms;
    struct kt_sim_lag later = {job->now_ms, job->vertices[op].queue};
    for (int64_t k = job->lags - 1; k >= 0 && k >= job->lags - KT_SIM_LAGS; k--) {
        const struct kt_sim_lag lag = job->lag[op][k % KT_SIM_LAGS];
        const double from_ms = (double)(lag.at_ms - job->start_ms);
        if (from_ms <= at_ms) {
            const double step_ms = (double)(later.at_ms - lag.at_ms);
            const double share = step_ms > 0.0 ? (at_ms - from_ms) / step_ms : 0.0;
            return lag.records + share * (later.records - lag.records);
        }
        later = lag;
    }
    return 0.0;
}

static void difference(struct kt_sim_totals *to, const struct kt_sim_totals *from) {
    to->records_in -= from->records_in;
    to->records_out -= from->records_out;
    to->elapsed_ms -= from->elapsed_ms;
    to->busy_ms -= from->busy_ms;
    to->blocked_ms -= from->blocked_ms;
    to->blocked_busy_ms -= from->blocked_busy_ms;
}

static void report_measures(struct report *report) {
    const struct kt_sim_job *job = report->job;
    const struct kt_sim_metrics *metrics = &job->spec->metrics;
    const struct kt_sim_vertex *vertex = report->vertex;
    report->over = vertex->totals;
    if (metrics->rates) {
        /* The mark after the newest one is the oldest, or the zeros of the attempt's start. */
        report->over = vertex->marks[job->marks % KT_SIM_MARKS];
        difference(&report->over, &vertex->marks[(job->marks + 1) % KT_SIM_MARKS]);
        report->records_s = KT_SIM_MARKS_SPAN * KT_SIM_MARK_MS / 1000.0;
        report->clock_s = fmax(KT_SIM_MARK_MS, report->over.elapsed_ms) / 1000.0;
    }
    report->pending =
        late_lag(job, report->op) * (metrics->lag_factor > 0.0 ? metrics->lag_factor : 1.0);
}

/* The input edges of the vertex, shared by all its events. */
static enum kt_err report_inputs(const struct report *report, struct kt_arena *arena,
                                 struct kt_metric_event *event) {
    const struct kt_sim_spec *spec = report->job->spec;
    const struct kt_sim_operator *op = &spec->operators[report->op];
    const size_t count = (size_t)op->inputs_count;
    event->upstream.items = kt_arena_array(arena, count, sizeof event->upstream.items[0]);
    if (event->upstream.items == NULL) {
        return KT_ERR_NOMEM;
    }
    event->upstream.count = count;
    for (size_t k = 0; k < count; k++) {
        struct kt_upstream *edge = &event->upstream.items[k];
        edge->vertex_id = kt_str_of(spec->operators[op->inputs[k]].id);
        edge->ship_strategy = kt_str_of(op->keyed ? "HASH" : "REBALANCE");
        KT_SET(edge, KT_UPSTREAM_SHIP_STRATEGY);
    }
    KT_SET(event, KT_EVENT_UPSTREAM);
    return KT_ERR_OK;
}

static void report_vertex(struct report *report) {
    const struct kt_sim_job *job = report->job;
    const struct kt_sim_operator *op = &job->spec->operators[report->op];
    const int p = report->vertex->parallelism;
    report->busiest = kt_sim_busiest(op, p);
    report->rest = p > 1 ? (p - report->busiest) / (p - 1) : 1.0;
    report_measures(report);
    struct kt_metric_event *event = &report->event;
    event->cluster = kt_str_of(job->spec->cluster);
    event->job_name = kt_str_of(job->spec->job_name);
    event->job_id = kt_str_of(job->job_id);
    event->vertex_id = kt_str_of(op->id);
    event->vertex_name = kt_str_of(op->name);
    event->timestamp_ms = job->now_ms;
    event->attempt_start_ms = job->attempt_start_ms;
    KT_SET(event, KT_EVENT_ATTEMPT_START_MS);
    event->parallelism = p;
    KT_SET(event, KT_EVENT_PARALLELISM);
    event->max_parallelism = op->scaled ? op->max_parallelism : 1;
    KT_SET(event, KT_EVENT_MAX_PARALLELISM);
    event->is_source = op->inputs_count == 0;
    KT_SET(event, KT_EVENT_IS_SOURCE);
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
        subtasks += (size_t)job->vertices[i].parallelism;
    }
    *events = kt_arena_array(arena, subtasks, sizeof **events);
    if (*events == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu events", subtasks);
    }
    for (int i = 0; i < job->spec->count; i++) {
        struct report report = {.job = job, .vertex = &job->vertices[i], .op = i};
        if (report_inputs(&report, arena, &report.event) != KT_ERR_OK) {
            return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu events", subtasks);
        }
        report_vertex(&report);
        for (int s = 0; s < job->vertices[i].parallelism; s++) {
            report_subtask(&report, s, &(*events)[(*count)++]);
        }
    }
    return KT_ERR_OK;
}
