/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a restore has to do, from what the store has and what the changelog still holds. */
#include "consumer/restore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DAY_MS INT64_C(86400000)
#define NOW_MS (INT64_C(1795000000000))

static void an_empty_store_reads_the_whole_log(void **state) {
    (void)state;
    const struct kt_restore_plan plan = kt_restore_plan(0, 0, 0, 120, NOW_MS, DAY_MS);
    assert_false(plan.wipe);
    assert_int_equal(plan.first, 0);
    assert_int_equal(plan.target, 120);
    assert_int_equal(plan.saved_at_ms, NOW_MS);
}

static void an_empty_store_begins_where_the_log_begins(void **state) {
    (void)state;
    const struct kt_restore_plan plan = kt_restore_plan(0, 0, 40, 120, NOW_MS, DAY_MS);
    assert_false(plan.wipe);
    assert_int_equal(plan.first, 40);
}

static void a_warm_store_goes_on_at_its_watermark(void **state) {
    (void)state;
    const struct kt_restore_plan plan = kt_restore_plan(100, NOW_MS - 5000, 0, 120, NOW_MS, DAY_MS);
    assert_false(plan.wipe);
    assert_int_equal(plan.first, 100);
    assert_int_equal(plan.target, 120);
    /* and stays as old as it is until it has reached the target */
    assert_int_equal(plan.saved_at_ms, NOW_MS - 5000);
}

static void a_watermark_before_the_logs_start_is_wiped(void **state) {
    (void)state;
    const struct kt_restore_plan plan = kt_restore_plan(10, NOW_MS, 40, 120, NOW_MS, DAY_MS);
    assert_true(plan.wipe);
    assert_int_equal(plan.first, 40);
    assert_int_equal(plan.saved_at_ms, NOW_MS);
}

static void a_watermark_behind_the_logs_end_is_of_another_log_and_wiped(void **state) {
    (void)state;
    const struct kt_restore_plan plan = kt_restore_plan(121, NOW_MS, 0, 120, NOW_MS, DAY_MS);
    assert_true(plan.wipe);
    assert_int_equal(plan.first, 0);
}

static void a_state_that_may_have_missed_deletions_is_wiped(void **state) {
    (void)state;
    assert_true(kt_restore_plan(100, NOW_MS - DAY_MS, 0, 120, NOW_MS, DAY_MS).wipe);
    assert_false(kt_restore_plan(100, NOW_MS - DAY_MS + 1, 0, 120, NOW_MS, DAY_MS).wipe);
}

static void a_store_at_the_end_has_nothing_to_do(void **state) {
    (void)state;
    const struct kt_restore_plan plan = kt_restore_plan(120, NOW_MS, 0, 120, NOW_MS, DAY_MS);
    assert_false(plan.wipe);
    assert_int_equal(plan.first, plan.target);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_store_reads_the_whole_log),
        cmocka_unit_test(an_empty_store_begins_where_the_log_begins),
        cmocka_unit_test(a_warm_store_goes_on_at_its_watermark),
        cmocka_unit_test(a_watermark_before_the_logs_start_is_wiped),
        cmocka_unit_test(a_watermark_behind_the_logs_end_is_of_another_log_and_wiped),
        cmocka_unit_test(a_state_that_may_have_missed_deletions_is_wiped),
        cmocka_unit_test(a_store_at_the_end_has_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
