/* SPDX-License-Identifier: GPL-3.0-or-later
 * MetricEvent: its field table, and the checks that its schema cannot say. */
#include "schemas/metric_event.h"

#include "schemas/utf8.h"

#include <inttypes.h>
#include <math.h>

extern const char kt_avsc_metric_event[];

static const struct kt_field upstream_fields[KT_UPSTREAM_FIELDS] = {
    [KT_UPSTREAM_VERTEX_ID] = {.name = "vertex_id",
                               .offset = offsetof(struct kt_upstream, vertex_id),
                               .kind = KT_KIND_STRING},
    [KT_UPSTREAM_SHIP_STRATEGY] = {.name = "ship_strategy",
                                   .offset = offsetof(struct kt_upstream, ship_strategy),
                                   .kind = KT_KIND_STRING,
                                   .nullable = true},
};

static const struct kt_record_type upstream_type = {
    .name = "Upstream",
    .size = sizeof(struct kt_upstream),
    .fields = upstream_fields,
    .count = KT_UPSTREAM_FIELDS,
    .has_present = true,
};

#define FIELD(member, kind_name, may_be_null)                                                      \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct kt_metric_event, member),                       \
        .kind = KT_KIND_##kind_name, .nullable = (may_be_null)                                     \
    }

static const struct kt_field event_fields[KT_EVENT_FIELDS] = {
    [KT_EVENT_CLUSTER] = FIELD(cluster, STRING, false),
    [KT_EVENT_JOB_NAME] = FIELD(job_name, STRING, false),
    [KT_EVENT_JOB_ID] = FIELD(job_id, STRING, false),
    [KT_EVENT_VERTEX_ID] = FIELD(vertex_id, STRING, false),
    [KT_EVENT_VERTEX_NAME] = FIELD(vertex_name, STRING, false),
    [KT_EVENT_SUBTASK] = FIELD(subtask, INT, false),
    [KT_EVENT_ATTEMPT_START_MS] = FIELD(attempt_start_ms, LONG, true),
    [KT_EVENT_TIMESTAMP_MS] = FIELD(timestamp_ms, LONG, false),
    [KT_EVENT_PARALLELISM] = FIELD(parallelism, INT, true),
    [KT_EVENT_MAX_PARALLELISM] = FIELD(max_parallelism, INT, true),
    [KT_EVENT_UPSTREAM] = {.name = "upstream",
                           .offset = offsetof(struct kt_metric_event, upstream),
                           .kind = KT_KIND_ARRAY,
                           .nullable = true,
                           .item = KT_KIND_RECORD,
                           .item_size = sizeof(struct kt_upstream),
                           .items_max = KT_UPSTREAM_MAX,
                           .record = &upstream_type},
    [KT_EVENT_IS_SOURCE] = FIELD(is_source, BOOL, true),
    [KT_EVENT_SOURCE_PARTITIONS] = FIELD(source_partitions, INT, true),
    [KT_EVENT_RECORDS_IN_TOTAL] = FIELD(records_in_total, LONG, true),
    [KT_EVENT_RECORDS_OUT_TOTAL] = FIELD(records_out_total, LONG, true),
    [KT_EVENT_BUSY_MS_TOTAL] = FIELD(busy_ms_total, LONG, true),
    [KT_EVENT_BACKPRESSURED_MS_TOTAL] = FIELD(backpressured_ms_total, LONG, true),
    [KT_EVENT_IDLE_MS_TOTAL] = FIELD(idle_ms_total, LONG, true),
    [KT_EVENT_RECORDS_IN_PER_S] = FIELD(records_in_per_s, DOUBLE, true),
    [KT_EVENT_RECORDS_OUT_PER_S] = FIELD(records_out_per_s, DOUBLE, true),
    [KT_EVENT_BUSY_MS_PER_S] = FIELD(busy_ms_per_s, DOUBLE, true),
    [KT_EVENT_BACKPRESSURED_MS_PER_S] = FIELD(backpressured_ms_per_s, DOUBLE, true),
    [KT_EVENT_IDLE_MS_PER_S] = FIELD(idle_ms_per_s, DOUBLE, true),
    [KT_EVENT_PENDING_RECORDS] = FIELD(pending_records, DOUBLE, true),
    [KT_EVENT_CPU_LOAD] = FIELD(cpu_load, DOUBLE, true),
    [KT_EVENT_SLOTS_AVAILABLE] = FIELD(slots_available, INT, true),
};

const struct kt_record_type kt_metric_event_type = {
    .name = "MetricEvent",
    .size = sizeof(struct kt_metric_event),
    .fields = event_fields,
    .count = KT_EVENT_FIELDS,
    .schema_text = kt_avsc_metric_event,
    .has_present = true,
};

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
