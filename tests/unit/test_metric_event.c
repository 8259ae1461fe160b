/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a MetricEvent may say: each limit is held from both sides, with its message. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schemas/metric_event.h"
#include "schemas/utf8.h"

#include <jansson.h>

static struct kt_metric_event valid_event(void) {
    return (struct kt_metric_event){
        .cluster = KT_STR("lab"),
        .job_name = KT_STR("orders"),
        .job_id = KT_STR("22b206468e7f9e5ef6ec5b33716de259"),
        .vertex_id = KT_STR("a0bcbe636c3291fd3f45c25deb2b0823"),
        .vertex_name = KT_STR("parse"),
        .subtask = 1,
        .timestamp_ms = 1795332584342,
    };
}

static void assert_accepted(const struct kt_metric_event *event) {
    struct kt_error error = {0};
    const enum kt_err err = kt_metric_event_check(event, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(err, KT_ERR_OK);
}

static void assert_refused(const struct kt_metric_event *event, const char *message) {
    struct kt_error error = {0};
    assert_int_equal(kt_metric_event_check(event, &error), KT_ERR_INVALID);
    assert_int_equal(error.code, KT_ERR_INVALID);
    assert_string_equal(error.message, message);
}

static void event_with_required_fields_only_is_accepted(void **state) {
    (void)state;
    struct kt_metric_event event = valid_event();
    assert_accepted(&event);
}

static void missing_names_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"cluster", "job_name", "job_id", "vertex_id",
                                        "vertex_name"};
    for (size_t i = 0; i < 5; i++) {
        struct kt_metric_event event = valid_event();
        struct kt_str *fields[] = {&event.cluster, &event.job_name, &event.job_id, &event.vertex_id,
                                   &event.vertex_name};
        *fields[i] = KT_STR("");
        char message[128];
        snprintf(message, sizeof message, "%s: expected 1 to 1024 bytes, got 0", names[i]);
        assert_refused(&event, message);
    }
}

static void name_length_is_bounded(void **state) {
    (void)state;
    char text[KT_NAME_BYTES_MAX + 1];
    memset(text, 'n', sizeof text);
    struct kt_metric_event event = valid_event();
    event.vertex_name = (struct kt_str){text, KT_NAME_BYTES_MAX};
    assert_accepted(&event);
    event.vertex_name.len++;
    assert_refused(&event, "vertex_name: expected 1 to 1024 bytes, got 1025");
}

static void names_must_be_text(void **state) {
    (void)state;
    struct kt_metric_event event = valid_event();
    event.job_name = KT_STR("a\0b");
    assert_refused(&event, "job_name: contains a NUL byte");
    event.job_name = KT_STR("Gr\xC3\xB6\xC3\x9F"
                            "e");
    assert_accepted(&event);
    event.job_name = KT_STR("Gr\xF6\xDF"
                            "e");
    assert_refused(&event, "job_name: is not UTF-8");
}

static void subtask_is_below_parallelism(void **state) {
    (void)state;
    struct kt_metric_event event = valid_event();
    event.subtask = KT_SUBTASK_WHOLE_VERTEX;
    assert_accepted(&event);
    event.subtask = -2;
    assert_refused(&event, "subtask: expected -1 to 32767, got -2");
    event.subtask = 3;
    event.parallelism = 4;
    KT_SET(&event, KT_EVENT_PARALLELISM);
    assert_accepted(&event);
    event.subtask = 4;
    assert_refused(&event, "subtask: expected -1 to 3, got 4");
}

static void parallelism_is_bounded(void **state) {
    (void)state;
    struct kt_metric_event event = valid_event();
    event.subtask = 0;
    KT_SET(&event, KT_EVENT_PARALLELISM);
    assert_refused(&event, "parallelism: expected 1 to 32768, got 0");
    event.parallelism = 32768;
    assert_accepted(&event);
    event.parallelism = 32769;
    assert_refused(&event, "parallelism: expected 1 to 32768, got 32769");
    event.parallelism = 1;
    event.max_parallelism = -1;
    KT_SET(&event, KT_EVENT_MAX_PARALLELISM);
    assert_refused(&event, "max_parallelism: expected 1 to 32768, got -1");
}

static void timestamp_is_in_milliseconds_of_this_age(void **state) {
    (void)state;
    struct kt_metric_event event = valid_event();
    event.timestamp_ms = 1000000000000;
    assert_accepted(&event);
    event.timestamp_ms = 1795332584; /* seconds */
    assert_refused(&event, "timestamp_ms: expected 1000000000000 to 7260000000000, got 1795332584");
    event.timestamp_ms = 7260000000001;
    assert_refused(&event,
                   "timestamp_ms: expected 1000000000000 to 7260000000000, got 7260000000001");
}

static void negative_counters_are_refused(void **state) {
    (void)state;
    static const struct {
        enum kt_event_field field;
        size_t offset;
    } counters[] = {
        {KT_EVENT_RECORDS_IN_TOTAL, offsetof(struct kt_metric_event, records_in_total)},
        {KT_EVENT_RECORDS_OUT_TOTAL, offsetof(struct kt_metric_event, records_out_total)},
        {KT_EVENT_BUSY_MS_TOTAL, offsetof(struct kt_metric_event, busy_ms_total)},
        {KT_EVENT_BACKPRESSURED_MS_TOTAL, offsetof(struct kt_metric_event, backpressured_ms_total)},
        {KT_EVENT_IDLE_MS_TOTAL, offsetof(struct kt_metric_event, idle_ms_total)},
    };
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        struct kt_metric_event event = valid_event();
        KT_SET(&event, counters[i].field);
        int64_t *counter = (int64_t *)(void *)((char *)&event + counters[i].offset);
        *counter = INT64_MAX;
        assert_accepted(&event);
        *counter = -1;
        char message[128];
        snprintf(message, sizeof message, "%s: expected 0 to 9223372036854775807, got -1",
                 kt_metric_event_type.fields[counters[i].field].name);
        assert_refused(&event, message);
    }
}

static void measures_may_be_unknown_but_not_negative_or_infinite(void **state) {
    (void)state;
    for (size_t field = KT_EVENT_RECORDS_IN_PER_S; field <= KT_EVENT_CPU_LOAD; field++) {
        struct kt_metric_event event = valid_event();
        const struct kt_field *f = &kt_metric_event_type.fields[field];
        assert_int_equal(f->kind, KT_KIND_DOUBLE);
        double *measure = (double *)(void *)((char *)&event + f->offset);
        KT_SET(&event, field);
        *measure = NAN;
        assert_accepted(&event);
        char message[128];
        *measure = -0.5;
        snprintf(message, sizeof message, "%s: expected a finite number >= 0, got -0.5", f->name);
        assert_refused(&event, message);
        *measure = INFINITY;
        snprintf(message, sizeof message, "%s: expected a finite number >= 0, got inf", f->name);
        assert_refused(&event, message);
    }
}

static void upstream_edges_are_checked(void **state) {
    (void)state;
    struct kt_upstream edges[KT_UPSTREAM_MAX + 1];
    for (size_t i = 0; i < KT_UPSTREAM_MAX + 1; i++) {
        edges[i] = (struct kt_upstream){.vertex_id = KT_STR("v")};
    }
    struct kt_metric_event event = valid_event();
    KT_SET(&event, KT_EVENT_UPSTREAM);
    event.upstream.items = edges;
    event.upstream.count = KT_UPSTREAM_MAX;
    assert_accepted(&event);
    event.upstream.count++;
    assert_refused(&event, "upstream: expected at most 256 items, got 257");
    event.upstream.count = 3;
    edges[2].vertex_id = KT_STR("");
    assert_refused(&event, "upstream[2]: vertex_id: expected 1 to 1024 bytes, got 0");
    edges[2] = (struct kt_upstream){.vertex_id = KT_STR("v"), .ship_strategy = KT_STR("\xFF")};
    assert_refused(&event, "upstream[2]: ship_strategy: is not UTF-8");
}

static void check_works_without_an_error_to_fill(void **state) {
    (void)state;
    struct kt_metric_event event = valid_event();
    event.cluster = KT_STR("");
    assert_int_equal(kt_metric_event_check(&event, NULL), KT_ERR_INVALID);
}

/* The table, the enum and the .avsc have the same fields in the same order, and every nullable
 * field has the default null. */
static void table_follows_the_schema(void **state) {
    (void)state;
    json_t *schema = json_loads(kt_metric_event_type.schema_text, 0, NULL);
    json_t *fields = json_object_get(schema, "fields");
    assert_int_equal(json_array_size(fields), KT_EVENT_FIELDS);
    for (size_t i = 0; i < KT_EVENT_FIELDS; i++) {
        const struct kt_field *f = &kt_metric_event_type.fields[i];
        json_t *field = json_array_get(fields, i);
        assert_string_equal(json_string_value(json_object_get(field, "name")), f->name);
        assert_int_equal(json_is_array(json_object_get(field, "type")), f->nullable);
        assert_int_equal(json_is_null(json_object_get(field, "default")), f->nullable);
        assert_true(json_string_length(json_object_get(field, "doc")) > 0);
    }
    json_decref(schema);
}

static void utf8_is_told_from_other_bytes(void **state) {
    (void)state;
    assert_true(kt_utf8_valid(KT_STR("")));
    assert_true(kt_utf8_valid(KT_STR("plain ASCII, longer than a word")));
    assert_true(kt_utf8_valid(KT_STR("\xC2\x80 \xE0\xA0\x80 \xED\x9F\xBF \xF0\x90\x80\x80 "
                                     "\xF4\x8F\xBF\xBF")));
    static const char *const bad[] = {"\x80",         "\xC0\x80",         "\xC1\xBF",
                                      "\xE0\x9F\xBF", "\xED\xA0\x80",     "\xF0\x8F\xBF\xBF",
                                      "\xC3",         "\xF4\x90\x80\x80", "\xE2\x82",
                                      "\xE2\x82X",    "\xF5\x80\x80\x80", "12345678\xFF"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(kt_utf8_valid(kt_str_of(bad[i])));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_with_required_fields_only_is_accepted),
        cmocka_unit_test(missing_names_are_refused),
        cmocka_unit_test(name_length_is_bounded),
        cmocka_unit_test(names_must_be_text),
        cmocka_unit_test(subtask_is_below_parallelism),
        cmocka_unit_test(parallelism_is_bounded),
        cmocka_unit_test(timestamp_is_in_milliseconds_of_this_age),
        cmocka_unit_test(negative_counters_are_refused),
        cmocka_unit_test(measures_may_be_unknown_but_not_negative_or_infinite),
        cmocka_unit_test(upstream_edges_are_checked),
        cmocka_unit_test(check_works_without_an_error_to_fill),
        cmocka_unit_test(table_follows_the_schema),
        cmocka_unit_test(utf8_is_told_from_other_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
