/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which windows the gate holds, for which reason and with which words; each reason's bound from
 * both sides. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/gate.h"
#include "schemas/decision_enums.h"
#include "support/reporter.h"

static struct kt_window *window;
static struct kt_arena arena;
static struct kt_gate_settings settings;

static int setup(void **state) {
    (void)state;
    struct kt_settings all;
    kt_settings_default(&all);
    settings = all.gate;
    window = kt_test_window();
    kt_arena_init(&arena, 4096, 1 << 20);
    return 0;
}

static const struct kt_gate_past no_past;

static int teardown(void **state) {
    (void)state;
    kt_test_window_free(window);
    kt_arena_free(&arena);
    return 0;
}

static void assert_verdict(struct kt_verdict verdict, int reason, const char *text) {
    assert_string_equal(kt_enum_symbol(&kt_reason_type, verdict.reason),
                        kt_enum_symbol(&kt_reason_type, reason));
    if (!kt_str_equal(verdict.text, kt_str_of(text))) {
        fail_msg("\"%.*s\" is not \"%s\"", KT_STR_ARG(verdict.text), text);
    }
}

static void assert_held(int reason, const char *text) {
    assert_verdict(kt_gate_check(kt_test_summary(window), &settings, &no_past, &arena), reason,
                   text);
}

static void assert_valid(void) {
    assert_held(KT_REASON_STEADY, "");
}

static struct kt_reporter source(void) {
    struct kt_reporter reporter = kt_reporter_default();
    reporter.vertex = "src";
    reporter.source = true;
    reporter.out_per_s = 1000;
    reporter.busy = 0.1;
    return reporter;
}

/* A valid job: source "src", operator "a" of 4 subtasks. */
static void feed_valid(void) {
    const struct kt_reporter src = source();
    struct kt_reporter a = kt_reporter_default();
    a.parallelism = 4;
    kt_reporter_feed(&src, window);
    kt_reporter_feed_all(&a, window);
}

/* Events of vertex "a" with something done to those at or after a time. */
static void feed_altered(int64_t from_ms, void (*alter)(struct kt_metric_event *event)) {
    const struct kt_reporter a = kt_reporter_default();
    for (int64_t at_ms = 0; at_ms < KT_TEST_WINDOW_MS; at_ms += a.poll_ms) {
        struct kt_metric_event event = kt_reporter_event(&a, at_ms);
        if (at_ms >= from_ms) {
            alter(&event);
        }
        assert_int_equal(kt_window_add(window, &event, NULL), KT_ERR_OK);
    }
}

static void complete_steady_job_is_valid(void **state) {
    (void)state;
    feed_valid();
    assert_valid();
}

/* ---- MISSING_SUBTASKS -------------------------------------------------------------------- */

static void silent_subtask_holds(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.vertex = "a0bcbe636c3291fd3f45c25deb2b0823";
    a.parallelism = 4;
    for (a.subtask = 0; a.subtask < 3; a.subtask++) {
        for (int64_t at_ms = 0; at_ms < KT_TEST_WINDOW_MS; at_ms += a.poll_ms) {
            struct kt_metric_event event = kt_reporter_event(&a, at_ms);
            event.vertex_name = KT_STR("parse");
            assert_int_equal(kt_window_add(window, &event, NULL), KT_ERR_OK);
        }
    }
    assert_held(KT_REASON_MISSING_SUBTASKS, "vertex parse (a0bcbe63…): 3 of 4 subtasks reported");
}

static void silent_vertex_of_the_last_valid_window_holds(void **state) {
    (void)state;
    feed_valid();
    const struct kt_str expected[] = {KT_STR("a"), KT_STR("src"), KT_STR("sink-of-old")};
    assert_verdict(kt_gate_check(kt_test_summary(window), &settings,
                                 &(struct kt_gate_past){
                                     .expected = expected, .expected_count = 2, .ramp_windows = 0},
                                 &arena),
                   KT_REASON_STEADY, "");
    assert_verdict(kt_gate_check(kt_test_summary(window), &settings,
                                 &(struct kt_gate_past){
                                     .expected = expected, .expected_count = 3, .ramp_windows = 0},
                                 &arena),
                   KT_REASON_MISSING_SUBTASKS, "vertex sink-of-…: nothing was reported");
}

static void whole_vertex_without_parallelism_holds(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.subtask = KT_SUBTASK_WHOLE_VERTEX;
    a.parallelism = 0;
    kt_reporter_feed(&a, window);
    assert_held(KT_REASON_MISSING_SUBTASKS, "vertex a (a): its parallelism is unknown");
}

static void empty_window_of_a_known_job_holds(void **state) {
    (void)state;
    const struct kt_str expected[] = {KT_STR("a")};
    assert_verdict(kt_gate_check(kt_test_summary(window), &settings,
                                 &(struct kt_gate_past){
                                     .expected = expected, .expected_count = 1, .ramp_windows = 0},
                                 &arena),
                   KT_REASON_MISSING_SUBTASKS, "vertex a: nothing was reported");
}

/* ---- RESTARTED, COUNTER_RESET, WARM_UP --------------------------------------------------- */

static void new_attempt_in_the_window_holds(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.to_ms = 30000;
    kt_reporter_feed(&a, window);
    a.from_ms = 36000;
    a.to_ms = 60000;
    a.attempt_ms = 32000; /* its counters fall, too: the restart is the cause to name */
    kt_reporter_feed(&a, window);
    assert_held(KT_REASON_RESTARTED,
                "vertex a (a): two attempts, job ids or parallelisms in one window");
}

static void forget_counters(struct kt_metric_event *event) {
    KT_CLEAR(event, KT_EVENT_ATTEMPT_START_MS);
    event->records_in_total -= 100000;
}

static void falling_counter_without_a_new_attempt_holds(void **state) {
    (void)state;
    feed_altered(40000, forget_counters);
    assert_held(KT_REASON_COUNTER_RESET, "vertex a (a): a counter fell");
}

static void first_seconds_of_an_attempt_hold(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.attempt_ms = -9999;
    kt_reporter_feed(&a, window);
    settings.warm_up_ms = 10000;
    assert_held(KT_REASON_WARM_UP,
                "vertex a (a): the window begins 10.0 s after a restart, 10.0 s are needed");
    settings.warm_up_ms = 9999;
    assert_valid();
}

static void first_minute_of_smoothed_rates_holds(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.totals = false;
    a.rates = true;
    a.attempt_ms = -59000;
    kt_reporter_feed(&a, window);
    assert_held(KT_REASON_WARM_UP, "vertex a (a): the window begins 59.0 s after a restart, 60.0 s "
                                   "are needed for smoothed rates");
    settings.rate_warm_up_ms = 59000;
    assert_valid();
}

/* Flink's 60 s averages without attempts: what an earlier window showed must do. */
static void smoothed_rates_wait_after_a_restart_that_an_earlier_window_showed(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.totals = false;
    a.rates = true;
    for (int64_t at_ms = 0; at_ms < KT_TEST_WINDOW_MS; at_ms += a.poll_ms) {
        struct kt_metric_event event = kt_reporter_event(&a, at_ms);
        KT_CLEAR(&event, KT_EVENT_ATTEMPT_START_MS);
        assert_int_equal(kt_window_add(window, &event, NULL), KT_ERR_OK);
    }
    struct kt_gate_past past = {.restart_seen = true, .restart_seen_ms = KT_TEST_START_MS - 59000};
    assert_verdict(kt_gate_check(kt_test_summary(window), &settings, &past, &arena),
                   KT_REASON_WARM_UP,
                   "vertex a (a): the window begins 59.0 s after a restart, 60.0 s are needed for "
                   "smoothed rates");
    past.restart_seen_ms = KT_TEST_START_MS - 60000;
    assert_verdict(kt_gate_check(kt_test_summary(window), &settings, &past, &arena),
                   KT_REASON_STEADY, "");
    assert_valid();
}

static void counters_need_not_wait_for_the_smoothed_rates(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.rates = true;
    a.attempt_ms = -20000;
    kt_reporter_feed(&a, window);
    assert_valid();
}

/* ---- TOO_FEW_SAMPLES, STALE -------------------------------------------------------------- */

static void too_few_samples_hold(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.poll_ms = 31000;
    kt_reporter_feed(&a, window);
    assert_held(KT_REASON_TOO_FEW_SAMPLES, "vertex a (a): 2 samples of a subtask, 3 are needed");
    settings.samples_min = 2;
    assert_valid();
}

static void samples_that_cover_too_little_of_the_window_hold(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.to_ms = 30001; /* the last sample at 30 s: just half */
    kt_reporter_feed(&a, window);
    assert_valid();
    kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, 0);
    a.to_ms = 30000;
    kt_reporter_feed(&a, window);
    assert_held(KT_REASON_TOO_FEW_SAMPLES,
                "vertex a (a): a subtask's samples cover 28.0 s of 60.0 s, 30.0 s are needed");
}

static void freeze(struct kt_metric_event *event) {
    const struct kt_reporter a = kt_reporter_default();
    const int64_t at_ms = event->timestamp_ms;
    *event = kt_reporter_event(&a, 0);
    event->timestamp_ms = at_ms;
}

static void counters_that_stand_still_hold(void **state) {
    (void)state;
    feed_altered(0, freeze);
    assert_held(KT_REASON_STALE, "vertex a (a): the counters of a subtask stood still");
}

/* ---- NOT_A_NUMBER ------------------------------------------------------------------------ */

static void lose_records(struct kt_metric_event *event) {
    KT_CLEAR(event, KT_EVENT_RECORDS_IN_TOTAL);
    KT_CLEAR(event, KT_EVENT_RECORDS_OUT_TOTAL);
}

static void busy_time_without_any_rate_holds(void **state) {
    (void)state;
    feed_altered(0, lose_records);
    const struct kt_reporter src = source();
    kt_reporter_feed(&src, window);
    assert_held(KT_REASON_NOT_A_NUMBER, "vertex a (a): busy time came, but no rate of records");
}

static void lose_busy(struct kt_metric_event *event) {
    KT_CLEAR(event, KT_EVENT_BUSY_MS_TOTAL);
    event->busy_ms_per_s = NAN;
    KT_SET(event, KT_EVENT_BUSY_MS_PER_S);
}

static void vertex_without_busy_time_does_not_hold(void **state) {
    (void)state;
    feed_altered(0, lose_busy);
    const struct kt_reporter src = source();
    kt_reporter_feed(&src, window);
    assert_valid();
}

static void lose_measures(struct kt_metric_event *event) {
    lose_records(event);
    lose_busy(event);
}

static void vertex_without_any_measure_does_not_hold_a_job_that_has_others(void **state) {
    (void)state;
    feed_altered(0, lose_measures);
    assert_held(KT_REASON_NOT_A_NUMBER, "no vertex reported a rate of records");
    const struct kt_reporter src = source();
    kt_reporter_feed(&src, window);
    assert_valid();
}

static void job_without_a_vertex_holds(void **state) {
    (void)state;
    assert_held(KT_REASON_NOT_A_NUMBER, "no vertex reported a rate of records");
}

/* ---- RAMP -------------------------------------------------------------------------------- */

/* A source of first records/s until the middle of the window, then of second. */
static void feed_step(double first, double second, bool is_source) {
    struct kt_reporter src = source();
    src.source = is_source;
    src.attempt_ms = -3600000;
    for (int64_t at_ms = 0; at_ms < KT_TEST_WINDOW_MS; at_ms += src.poll_ms) {
        struct kt_metric_event event = kt_reporter_event(&src, at_ms);
        const double late_ms = at_ms > 30000 ? (double)at_ms - 30000 : 0;
        event.records_out_total =
            llround((first * ((double)at_ms - late_ms) + second * late_ms) / 1000);
        event.records_in_total = is_source ? 0 : event.records_out_total;
        assert_int_equal(kt_window_add(window, &event, NULL), KT_ERR_OK);
    }
}

static void step_of_a_source_holds(void **state) {
    (void)state;
    feed_step(1000, 1300, true);
    assert_held(KT_REASON_RAMP,
                "vertex src (src): its rate went from 1000 to 1300 records/s within the window");
    settings.ramp_max = 0.24;
    assert_valid();
}

static void fall_of_a_source_holds(void **state) {
    (void)state;
    feed_step(1000, 0, true);
    assert_held(KT_REASON_RAMP,
                "vertex src (src): its rate went from 1000 to 0 records/s within the window");
}

static void small_step_of_a_source_is_valid(void **state) {
    (void)state;
    feed_step(1000, 1200, true);
    assert_valid();
}

static void step_of_an_operator_that_is_no_source_is_valid(void **state) {
    (void)state;
    feed_step(1000, 3000, false);
    assert_valid();
}

static void few_records_do_not_make_a_ramp(void **state) {
    (void)state;
    feed_step(0, 3, true);
    assert_valid();
    kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, 0);
    feed_step(0, 4, true);
    assert_held(KT_REASON_RAMP,
                "vertex src (src): its rate went from 0 to 4 records/s within the window");
}

static void ramps_that_do_not_end_are_let_through(void **state) {
    (void)state;
    feed_step(1000, 3000, true);
    const struct kt_window_summary *summary = kt_test_summary(window);
    settings.ramp_windows_max = 2;
    for (int32_t held = 0; held < 4; held++) {
        const struct kt_verdict verdict = kt_gate_check(
            summary, &settings,
            &(struct kt_gate_past){.expected = NULL, .expected_count = 0, .ramp_windows = held},
            &arena);
        assert_int_equal(verdict.reason, held < 2 ? KT_REASON_RAMP : KT_REASON_STEADY);
        assert_false(verdict.doubtful); /* counters are right while the load changes */
    }
}

static void step_of_a_smoothed_rate_holds(void **state) {
    (void)state;
    struct kt_reporter src = source();
    src.totals = false;
    src.rates = true;
    for (int64_t at_ms = 0; at_ms < KT_TEST_WINDOW_MS; at_ms += src.poll_ms) {
        src.out_per_s = at_ms > 30000 ? 500 : 1000;
        const struct kt_metric_event event = kt_reporter_event(&src, at_ms);
        assert_int_equal(kt_window_add(window, &event, NULL), KT_ERR_OK);
    }
    assert_held(KT_REASON_RAMP,
                "vertex src (src): its rate went from 1000 to 500 records/s within the window");
}

static void feed_backpressure(double second) {
    struct kt_reporter a = kt_reporter_default();
    for (int64_t at_ms = 0; at_ms < KT_TEST_WINDOW_MS; at_ms += a.poll_ms) {
        struct kt_metric_event event = kt_reporter_event(&a, at_ms);
        const int64_t waited_ms = at_ms > 30000 ? llround((double)(at_ms - 30000) * second) : 0;
        event.backpressured_ms_total += waited_ms;
        event.idle_ms_total -= waited_ms;
        assert_int_equal(kt_window_add(window, &event, NULL), KT_ERR_OK);
    }
}

static void backpressure_that_sets_in_holds(void **state) {
    (void)state;
    feed_backpressure(0.25);
    assert_held(KT_REASON_RAMP,
                "vertex a (a): its backpressure went from 0 % to 25 % within the window");
    kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, 0);
    feed_backpressure(0.15);
    assert_valid();
}

/* After too many ramps in a row a window is decided on; waits in progress may distort it, so that
 * it is not learned from. */
static void backpressure_that_sets_in_once_too_often_is_let_through_as_doubtful(void **state) {
    (void)state;
    feed_backpressure(0.25);
    const struct kt_gate_past past = {.ramp_windows = settings.ramp_windows_max};
    const struct kt_verdict verdict =
        kt_gate_check(kt_test_summary(window), &settings, &past, &arena);
    assert_verdict(verdict, KT_REASON_STEADY, "");
    assert_true(verdict.doubtful);
}

static void lasting_backpressure_is_valid(void **state) {
    (void)state;
    struct kt_reporter a = kt_reporter_default();
    a.backpressured = 0.5;
    kt_reporter_feed(&a, window);
    assert_valid();
}

/* ---- order and words --------------------------------------------------------------------- */

/* A summary at which everything is wrong, and what is mended one after the other. */
static void reasons_come_in_the_order_of_their_weight(void **state) {
    (void)state;
    struct kt_vertex_summary vertex = {.vertex_id = KT_STR("a"),
                                       .is_source = true,
                                       .parallelism = 1,
                                       .samples_least = 1,
                                       .span_ms_least = 58000,
                                       .first_ms = KT_TEST_START_MS,
                                       .attempt_start_ms = KT_TEST_START_MS - 1,
                                       .restarted = true,
                                       .counter_reset = true,
                                       .stale = true,
                                       .rate_second_half = 1000};
    KT_SET(&vertex, KT_SUM_ATTEMPT_START);
    KT_SET(&vertex, KT_SUM_BUSY);
    KT_SET(&vertex, KT_SUM_RATE_HALVES);
    struct kt_window_summary summary = {.start_ms = KT_TEST_START_MS,
                                        .end_ms = KT_TEST_START_MS + KT_TEST_WINDOW_MS};
    summary.vertices.items = &vertex;
    summary.vertices.count = 1;
    static const int order[] = {KT_REASON_MISSING_SUBTASKS,
                                KT_REASON_RESTARTED,
                                KT_REASON_COUNTER_RESET,
                                KT_REASON_WARM_UP,
                                KT_REASON_TOO_FEW_SAMPLES,
                                KT_REASON_STALE,
                                KT_REASON_NOT_A_NUMBER,
                                KT_REASON_RAMP,
                                KT_REASON_STEADY};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const struct kt_verdict verdict = kt_gate_check(&summary, &settings, &no_past, &arena);
        assert_string_equal(kt_enum_symbol(&kt_reason_type, verdict.reason),
                            kt_enum_symbol(&kt_reason_type, order[i]));
        vertex.subtasks_seen = 1;
        vertex.restarted = i < 1;
        vertex.counter_reset = i < 2;
        vertex.attempt_start_ms -= i == 3 ? 100000 : 0;
        vertex.samples_least = i < 4 ? 1 : 30;
        vertex.stale = i < 5;
        vertex.present |= (uint64_t)(i >= 6) << KT_SUM_RATE_IN;
        vertex.rate_first_half = i < 7 ? 0 : 1000;
    }
}

static void long_names_are_cut_between_characters(void **state) {
    (void)state;
    static char name[201] = "x";
    for (size_t i = 1; i < 200; i += 2) { /* "ü", of which one straddles byte 80 */
        name[i] = (char)0xc3;
        name[i + 1] = (char)0xbc;
    }
    struct kt_vertex_summary vertex = {.vertex_id = KT_STR("ids are cut"), .name = {name, 201}};
    struct kt_window_summary summary = {.end_ms = 60000};
    summary.vertices.items = &vertex;
    summary.vertices.count = 1;
    char text[256];
    snprintf(text, sizeof text, "vertex %.79s (ids are …): its parallelism is unknown", name);
    assert_verdict(kt_gate_check(&summary, &settings, &no_past, &arena), KT_REASON_MISSING_SUBTASKS,
                   text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(complete_steady_job_is_valid),
        TEST(silent_subtask_holds),
        TEST(silent_vertex_of_the_last_valid_window_holds),
        TEST(whole_vertex_without_parallelism_holds),
        TEST(empty_window_of_a_known_job_holds),
        TEST(new_attempt_in_the_window_holds),
        TEST(falling_counter_without_a_new_attempt_holds),
        TEST(first_seconds_of_an_attempt_hold),
        TEST(first_minute_of_smoothed_rates_holds),
        TEST(smoothed_rates_wait_after_a_restart_that_an_earlier_window_showed),
        TEST(counters_need_not_wait_for_the_smoothed_rates),
        TEST(too_few_samples_hold),
        TEST(samples_that_cover_too_little_of_the_window_hold),
        TEST(counters_that_stand_still_hold),
        TEST(busy_time_without_any_rate_holds),
        TEST(vertex_without_busy_time_does_not_hold),
        TEST(vertex_without_any_measure_does_not_hold_a_job_that_has_others),
        TEST(job_without_a_vertex_holds),
        TEST(step_of_a_source_holds),
        TEST(fall_of_a_source_holds),
        TEST(small_step_of_a_source_is_valid),
        TEST(step_of_an_operator_that_is_no_source_is_valid),
        TEST(few_records_do_not_make_a_ramp),
        TEST(ramps_that_do_not_end_are_let_through),
        TEST(step_of_a_smoothed_rate_holds),
        TEST(backpressure_that_sets_in_holds),
        TEST(backpressure_that_sets_in_once_too_often_is_let_through_as_doubtful),
        TEST(lasting_backpressure_is_valid),
        TEST(reasons_come_in_the_order_of_their_weight),
        TEST(long_names_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
