/* SPDX-License-Identifier: GPL-3.0-or-later
 * Metric events of a subtask that works steadily, for tests of windows and of the gate. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/reporter.h"

static struct kt_arena arena;
static struct kt_window_summary summary_held;

struct kt_reporter kt_reporter_default(void) {
    return (struct kt_reporter){.vertex = "a",
                                .parallelism = 1,
                                .in_per_s = 1000,
                                .out_per_s = 500,
                                .busy = 0.4,
                                .to_ms = KT_TEST_WINDOW_MS,
                                .poll_ms = 2000,
                                .attempt_ms = -100000,
                                .totals = true};
}

static void set_totals(const struct kt_reporter *reporter, double age_s,
                       struct kt_metric_event *event) {
    const double idle = 1 - reporter->busy - reporter->backpressured;
    event->records_in_total = reporter->source ? 0 : llround(reporter->in_per_s * age_s);
    event->records_out_total = llround(reporter->out_per_s * age_s);
    event->busy_ms_total = llround(1000 * reporter->busy * age_s);
    event->backpressured_ms_total = llround(1000 * reporter->backpressured * age_s);
    event->idle_ms_total = llround(1000 * idle * age_s);
    for (int bit = KT_EVENT_RECORDS_IN_TOTAL; bit <= KT_EVENT_IDLE_MS_TOTAL; bit++) {
        KT_SET(event, bit);
    }
}

static void set_rates(const struct kt_reporter *reporter, struct kt_metric_event *event) {
    event->records_in_per_s = reporter->source ? 0 : reporter->in_per_s;
    event->records_out_per_s = reporter->out_per_s;
    event->busy_ms_per_s = 1000 * reporter->busy;
    event->backpressured_ms_per_s = 1000 * reporter->backpressured;
    event->idle_ms_per_s = 1000 * (1 - reporter->busy - reporter->backpressured);
    for (int bit = KT_EVENT_RECORDS_IN_PER_S; bit <= KT_EVENT_IDLE_MS_PER_S; bit++) {
        KT_SET(event, bit);
    }
}

struct kt_metric_event kt_reporter_event(const struct kt_reporter *reporter, int64_t at_ms) {
    struct kt_metric_event event = {
        .cluster = KT_STR("lab"),
        .job_name = KT_STR("orders"),
        .job_id = KT_STR("22b206468e7f9e5ef6ec5b33716de259"),
        .vertex_id = kt_str_of(reporter->vertex),
        .vertex_name = kt_str_of(reporter->vertex),
        .subtask = reporter->subtask,
        .attempt_start_ms = KT_TEST_START_MS + reporter->attempt_ms,
        .timestamp_ms = KT_TEST_START_MS + at_ms,
        .parallelism = reporter->parallelism,
        .is_source = reporter->source,
    };
    KT_SET(&event, KT_EVENT_ATTEMPT_START_MS);
    KT_SET(&event, KT_EVENT_IS_SOURCE);
    if (reporter->parallelism > 0) {
        KT_SET(&event, KT_EVENT_PARALLELISM);
    }
    if (reporter->totals) {
        set_totals(reporter, (double)(at_ms - reporter->attempt_ms) / 1000, &event);
    }
    if (reporter->rates) {
        set_rates(reporter, &event);
    }
    return event;
}

void kt_reporter_feed(const struct kt_reporter *reporter, struct kt_window *window) {
    for (int64_t at_ms = reporter->from_ms; at_ms < reporter->to_ms; at_ms += reporter->poll_ms) {
        const struct kt_metric_event event = kt_reporter_event(reporter, at_ms);
        struct kt_error error = {0};
        const enum kt_err err = kt_window_add(window, &event, &error);
        assert_string_equal(error.message, "");
        assert_int_equal(err, KT_ERR_OK);
    }
}

void kt_reporter_feed_all(const struct kt_reporter *reporter, struct kt_window *window) {
    struct kt_reporter each = *reporter;
    each.in_per_s /= reporter->parallelism;
    each.out_per_s /= reporter->parallelism;
    for (each.subtask = 0; each.subtask < reporter->parallelism; each.subtask++) {
        kt_reporter_feed(&each, window);
    }
}

struct kt_window *kt_test_window(void) {
    struct kt_window *window = kt_window_new();
    assert_non_null(window);
    kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, 0);
    kt_arena_free(&arena);
    kt_arena_init(&arena, 1 << 16, 256U << 20);
    return window;
}

struct kt_window_summary *kt_test_summary(const struct kt_window *window) {
    struct kt_error error = {0};
    const enum kt_err err = kt_window_summarise(window, &arena, &summary_held, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(err, KT_ERR_OK);
    return &summary_held;
}

void kt_test_window_free(struct kt_window *window) {
    kt_window_free(window);
    kt_arena_free(&arena);
}

const struct kt_vertex_summary *kt_test_vertex(const struct kt_window_summary *summary,
                                               const char *id) {
    for (size_t i = 0; i < summary->vertices.count; i++) {
        if (kt_str_equal(summary->vertices.items[i].vertex_id, kt_str_of(id))) {
            return &summary->vertices.items[i];
        }
    }
    fail_msg("no vertex %s", id);
    return NULL;
}
