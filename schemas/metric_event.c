/* SPDX-License-Identifier: GPL-3.0-or-later
 * MetricEvent: its field table, and the checks that its schema cannot say. */
#include "schemas/metric_event.h"

#include "schemas/fields.h"
#include "schemas/utf8.h"

#include <inttypes.h>
#include <math.h>

extern const char kt_avsc_metric_event[];

static const struct kt_field upstream_fields[KT_UPSTREAM_FIELDS] = {
    [KT_UPSTREAM_VERTEX_ID] = KT_FIELD(struct kt_upstream, vertex_id, STRING),
    [KT_UPSTREAM_SHIP_STRATEGY] = KT_FIELD_NULLABLE(struct kt_upstream, ship_strategy, STRING),
};

static const struct kt_record_type upstream_type =
    KT_RECORD_TYPE("Upstream", struct kt_upstream, upstream_fields, NULL, true);

#define NEEDED(member, kind)   KT_FIELD(struct kt_metric_event, member, kind)
#define NULLABLE(member, kind) KT_FIELD_NULLABLE(struct kt_metric_event, member, kind)

static const struct kt_field event_fields[KT_EVENT_FIELDS] = {
    [KT_EVENT_CLUSTER] = NEEDED(cluster, STRING),
    [KT_EVENT_JOB_NAME] = NEEDED(job_name, STRING),
    [KT_EVENT_JOB_ID] = NEEDED(job_id, STRING),
    [KT_EVENT_VERTEX_ID] = NEEDED(vertex_id, STRING),
    [KT_EVENT_VERTEX_NAME] = NEEDED(vertex_name, STRING),
    [KT_EVENT_SUBTASK] = NEEDED(subtask, INT),
    [KT_EVENT_ATTEMPT_START_MS] = NULLABLE(attempt_start_ms, LONG),
    [KT_EVENT_TIMESTAMP_MS] = NEEDED(timestamp_ms, LONG),
    [KT_EVENT_PARALLELISM] = NULLABLE(parallelism, INT),
    [KT_EVENT_MAX_PARALLELISM] = NULLABLE(max_parallelism, INT),
    [KT_EVENT_UPSTREAM] =
        KT_FIELD_RECORDS_NULLABLE(struct kt_metric_event, upstream, upstream_type, KT_UPSTREAM_MAX),
    [KT_EVENT_IS_SOURCE] = NULLABLE(is_source, BOOL),
    [KT_EVENT_SOURCE_PARTITIONS] = NULLABLE(source_partitions, INT),
    [KT_EVENT_RECORDS_IN_TOTAL] = NULLABLE(records_in_total, LONG),
    [KT_EVENT_RECORDS_OUT_TOTAL] = NULLABLE(records_out_total, LONG),
    [KT_EVENT_BUSY_MS_TOTAL] = NULLABLE(busy_ms_total, LONG),
    [KT_EVENT_BACKPRESSURED_MS_TOTAL] = NULLABLE(backpressured_ms_total, LONG),
    [KT_EVENT_IDLE_MS_TOTAL] = NULLABLE(idle_ms_total, LONG),
    [KT_EVENT_RECORDS_IN_PER_S] = NULLABLE(records_in_per_s, DOUBLE),
    [KT_EVENT_RECORDS_OUT_PER_S] = NULLABLE(records_out_per_s, DOUBLE),
    [KT_EVENT_BUSY_MS_PER_S] = NULLABLE(busy_ms_per_s, DOUBLE),
    [KT_EVENT_BACKPRESSURED_MS_PER_S] = NULLABLE(backpressured_ms_per_s, DOUBLE),
    [KT_EVENT_IDLE_MS_PER_S] = NULLABLE(idle_ms_per_s, DOUBLE),
    [KT_EVENT_PENDING_RECORDS] = NULLABLE(pending_records, DOUBLE),
    [KT_EVENT_CPU_LOAD] = NULLABLE(cpu_load, DOUBLE),
    [KT_EVENT_SLOTS_AVAILABLE] = NULLABLE(slots_available, INT),
};

const struct kt_record_type kt_metric_event_type =
    KT_RECORD_TYPE("MetricEvent", struct kt_metric_event, event_fields, kt_avsc_metric_event, true);

/* 2001-09-09 and 2200-01-24. The lower bound is above any time in seconds, so that a wrong unit is
 * seen. */
#define TIMESTAMP_MS_MIN INT64_C(1000000000000)
#define TIMESTAMP_MS_MAX INT64_C(7260000000000)

static enum kt_err check_text(const char *path, struct kt_str s, size_t min,
                              struct kt_error *error) {
    if (s.len < min || s.len > KT_NAME_BYTES_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "%s: expected %zu to %d bytes, got %zu", path, min,
                       KT_NAME_BYTES_MAX, s.len);
    }
    if (s.len > 0 && memchr(s.data, '\0', s.len) != NULL) {
        return kt_fail(error, KT_ERR_INVALID, "%s: contains a NUL byte", path);
    }
    if (!kt_utf8_valid(s)) {
        return kt_fail(error, KT_ERR_INVALID, "%s: is not UTF-8", path);
    }
    return KT_ERR_OK;
}

static enum kt_err check_names(const struct kt_metric_event *event, struct kt_error *error) {
    const struct {
        const char *name;
        struct kt_str value;
    } names[] = {{"cluster", event->cluster},
                 {"job_name", event->job_name},
                 {"job_id", event->job_id},
                 {"vertex_id", event->vertex_id},
                 {"vertex_name", event->vertex_name}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const enum kt_err err = check_text(names[i].name, names[i].value, 1, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

static enum kt_err check_upstream(const struct kt_metric_event *event, struct kt_error *error) {
    if (event->upstream.count > KT_UPSTREAM_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "upstream: expected at most %d items, got %zu",
                       KT_UPSTREAM_MAX, event->upstream.count);
    }
    for (size_t i = 0; i < event->upstream.count; i++) {
        const struct kt_upstream *edge = &event->upstream.items[i];
        enum kt_err err = check_text("vertex_id", edge->vertex_id, 1, error);
        if (err == KT_ERR_OK) {
            err = check_text("ship_strategy", edge->ship_strategy, 0, error);
        }
        if (err != KT_ERR_OK) {
            return kt_fail_in(error, err, "upstream[%zu]", i);
        }
    }
    return KT_ERR_OK;
}

/* A null field reads as zero, which some ranges do not hold: its value is not judged. */
static enum kt_err check_range(const struct kt_metric_event *event, enum kt_event_field field,
                               int64_t value, int64_t min, int64_t max, struct kt_error *error) {
    if ((value >= min && value <= max) || (event_fields[field].nullable && !KT_HAS(event, field))) {
        return KT_ERR_OK;
    }
    return kt_fail(error, KT_ERR_INVALID, "%s: expected %" PRId64 " to %" PRId64 ", got %" PRId64,
                   event_fields[field].name, min, max, value);
}

static enum kt_err check_integers(const struct kt_metric_event *event, struct kt_error *error) {
    const int64_t subtasks =
        KT_HAS(event, KT_EVENT_PARALLELISM) ? event->parallelism : KT_PARALLELISM_MAX;
    const struct {
        enum kt_event_field field;
        int64_t value;
        int64_t min;
        int64_t max;
    } ranges[] = {
        {KT_EVENT_PARALLELISM, event->parallelism, 1, KT_PARALLELISM_MAX},
        {KT_EVENT_MAX_PARALLELISM, event->max_parallelism, 1, KT_PARALLELISM_MAX},
        {KT_EVENT_SUBTASK, event->subtask, KT_SUBTASK_WHOLE_VERTEX, subtasks - 1},
        {KT_EVENT_TIMESTAMP_MS, event->timestamp_ms, TIMESTAMP_MS_MIN, TIMESTAMP_MS_MAX},
        {KT_EVENT_ATTEMPT_START_MS, event->attempt_start_ms, 0, TIMESTAMP_MS_MAX},
        {KT_EVENT_SOURCE_PARTITIONS, event->source_partitions, 0, INT32_MAX},
        {KT_EVENT_SLOTS_AVAILABLE, event->slots_available, 0, INT32_MAX},
        {KT_EVENT_RECORDS_IN_TOTAL, event->records_in_total, 0, INT64_MAX},
        {KT_EVENT_RECORDS_OUT_TOTAL, event->records_out_total, 0, INT64_MAX},
        {KT_EVENT_BUSY_MS_TOTAL, event->busy_ms_total, 0, INT64_MAX},
        {KT_EVENT_BACKPRESSURED_MS_TOTAL, event->backpressured_ms_total, 0, INT64_MAX},
        {KT_EVENT_IDLE_MS_TOTAL, event->idle_ms_total, 0, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const enum kt_err err = check_range(event, ranges[i].field, ranges[i].value, ranges[i].min,
                                            ranges[i].max, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

static enum kt_err check_measures(const struct kt_metric_event *event, struct kt_error *error) {
    const struct {
        enum kt_event_field field;
        double value;
    } measures[] = {
        {KT_EVENT_RECORDS_IN_PER_S, event->records_in_per_s},
        {KT_EVENT_RECORDS_OUT_PER_S, event->records_out_per_s},
        {KT_EVENT_BUSY_MS_PER_S, event->busy_ms_per_s},
        {KT_EVENT_BACKPRESSURED_MS_PER_S, event->backpressured_ms_per_s},
        {KT_EVENT_IDLE_MS_PER_S, event->idle_ms_per_s},
        {KT_EVENT_PENDING_RECORDS, event->pending_records},
        {KT_EVENT_CPU_LOAD, event->cpu_load},
    };
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++) {
        if (measures[i].value < 0 || isinf(measures[i].value)) {
            return kt_fail(error, KT_ERR_INVALID, "%s: expected a finite number >= 0, got %g",
                           event_fields[measures[i].field].name, measures[i].value);
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_metric_event_check(const struct kt_metric_event *event, struct kt_error *error) {
    enum kt_err err = check_names(event, error);
    if (err == KT_ERR_OK) {
        err = check_upstream(event, error);
    }
    if (err == KT_ERR_OK) {
        err = check_integers(event, error);
    }
    if (err == KT_ERR_OK) {
        err = check_measures(event, error);
    }
    return err;
}
