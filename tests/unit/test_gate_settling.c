/* SPDX-License-Identifier: GPL-3.0-or-later
 * Windows after a restart that the gate holds because some ability still rises; each bound from
 * both sides. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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
    static const struct kt_gate_past no_past;
    assert_verdict(kt_gate_check(kt_test_summary(window), &settings, &no_past, &arena), reason,
                   text);
}

static void assert_valid(void) {
    assert_held(KT_REASON_STEADY, "");
}

/* Vertex "a" whose ability rises in the middle of the window: 1000 records/s at this busy share,
 * then `rise` more in the same busy time. */
static void feed_rise(struct kt_reporter a, double rise, void (*alter)(struct kt_metric_event *)) {
    kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, 0);
    for (int64_t at_ms = 0; at_ms < KT_TEST_WINDOW_MS; at_ms += a.poll_ms) {
        a.in_per_s = a.totals || at_ms <= 30000 ? 1000 : 1000 * (1 + rise);
        struct kt_metric_event event = kt_reporter_event(&a, at_ms);
        if (a.totals && at_ms > 30000) {
            event.records_in_total += llround((double)(at_ms - 30000) * rise);
        }
        if (alter != NULL) {
            alter(&event);
        }
        assert_int_equal(kt_window_add(window, &event, NULL), KT_ERR_OK);
    }
}

static struct kt_reporter working_all_the_time(void) {
    struct kt_reporter a = kt_reporter_default();
    a.busy = 1;
    a.attempt_ms = -60000;
    return a;
}

static void ability_that_still_rises_after_a_restart_holds(void **state) {
    (void)state;
    feed_rise(working_all_the_time(), 0.06, NULL);
    assert_held(KT_REASON_WARM_UP,
                "vertex a (a): its ability still rises, from 1000 to 1060 records/s within a "
                "window that begins 60.0 s after a restart");
    feed_rise(working_all_the_time(), 0.05, NULL);
    assert_valid();
    feed_rise(working_all_the_time(), -0.3, NULL);
    assert_valid();
}

static void rising_abilities_hold_for_a_while_only(void **state) {
    (void)state;
    struct kt_reporter a = working_all_the_time();
    a.attempt_ms = -(settings.warm_up_ms + settings.settle_ms);
    feed_rise(a, 0.5, NULL);
    assert_valid();
    a.attempt_ms += 1;
    feed_rise(a, 0.5, NULL);
    assert_held(KT_REASON_WARM_UP,
                "vertex a (a): its ability still rises, from 1000 to 1500 records/s within a "
                "window that begins 190.0 s after a restart");
}

/* The ability of an operator with time left errs more. */
static void ability_of_an_idle_operator_must_rise_more_to_hold(void **state) {
    (void)state;
    struct kt_reporter a = working_all_the_time();
    a.busy = 0.25;
    feed_rise(a, 0.2, NULL);
    assert_valid();
    feed_rise(a, 0.21, NULL);
    assert_held(KT_REASON_WARM_UP,
                "vertex a (a): its ability still rises, from 4000 to 4840 records/s within a "
                "window that begins 60.0 s after a restart");
}

static void rising_average_after_a_restart_holds(void **state) {
    (void)state;
    struct kt_reporter a = working_all_the_time();
    a.totals = false;
    a.rates = true;
    a.attempt_ms = -(settings.rate_warm_up_ms + settings.settle_ms - 1000);
    feed_rise(a, 0.1, NULL);
    assert_held(KT_REASON_WARM_UP,
                "vertex a (a): its ability still rises, from 1000 to 1100 records/s within a "
                "window that begins 239.0 s after a restart");
    a.attempt_ms -= 1000;
    feed_rise(a, 0.1, NULL);
    assert_valid();
}

static void forget_attempt(struct kt_metric_event *event) {
    KT_CLEAR(event, KT_EVENT_ATTEMPT_START_MS);
}

static void rising_ability_holds_after_a_restart_that_an_earlier_window_showed(void **state) {
    (void)state;
    feed_rise(working_all_the_time(), 0.1, forget_attempt);
    const struct kt_gate_past past = {.restart_seen = true,
                                      .restart_seen_ms = KT_TEST_START_MS - 30000};
    assert_verdict(kt_gate_check(kt_test_summary(window), &settings, &past, &arena),
                   KT_REASON_WARM_UP,
                   "vertex a (a): its ability still rises, from 1000 to 1100 records/s within a "
                   "window that begins 30.0 s after a restart");
    assert_valid();
}

/* A wait in progress counts as busy: half a window of such a vertex tells nothing. */
static void rising_ability_of_a_backpressured_vertex_does_not_hold(void **state) {
    (void)state;
    struct kt_reporter a = working_all_the_time();
    a.busy = 0.8;
    a.backpressured = 0.2;
    feed_rise(a, 0.3, NULL);
    assert_valid();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(ability_that_still_rises_after_a_restart_holds),
        TEST(rising_abilities_hold_for_a_while_only),
        TEST(ability_of_an_idle_operator_must_rise_more_to_hold),
        TEST(rising_average_after_a_restart_holds),
        TEST(rising_ability_holds_after_a_restart_that_an_earlier_window_showed),
        TEST(rising_ability_of_a_backpressured_vertex_does_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
