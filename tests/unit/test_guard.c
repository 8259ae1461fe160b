/* SPDX-License-Identifier: GPL-3.0-or-later
 * Limits and thresholds behind a policy. */
#include "model/guard.h"
#include "support/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kt_arena arena;

static int set_up(void **state) {
    (void)state;
    kt_arena_init(&arena, 4096, 1 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    kt_arena_free(&arena);
    return 0;
}

static struct kt_operator_evidence an_operator(void) {
    return (struct kt_operator_evidence){.parallelism = 4, .min_allowed = 2, .max_allowed = 10};
}

static struct kt_operator_decision limited(const struct kt_operator_evidence *op, int32_t to) {
    struct kt_operator_decision d = {
        .from = op->parallelism, .to = to, .method = KT_METHOD_SURROGATE};
    assert_int_equal(kt_guard_limit(op, &arena, &d, NULL), KT_ERR_OK);
    return d;
}

static bool lists(const struct kt_operator_decision *d, int limit) {
    for (size_t i = 0; i < d->limits.count; i++) {
        if (d->limits.items[i] == limit) {
            return true;
        }
    }
    return false;
}

static void an_answer_inside_the_limits_stays(void **state) {
    (void)state;
    const struct kt_operator_evidence op = an_operator();
    const struct kt_operator_decision d = limited(&op, 10);
    assert_int_equal(d.to, 10);
    assert_int_equal(d.method, KT_METHOD_SURROGATE);
    assert_int_equal(d.limits.count, 0);
}

static void minimum_and_maximum_move_an_answer(void **state) {
    (void)state;
    const struct kt_operator_evidence op = an_operator();
    struct kt_operator_decision d = limited(&op, 1);
    assert_int_equal(d.to, 2);
    assert_int_equal(d.method, KT_METHOD_LIMITED);
    assert_true(lists(&d, KT_LIMIT_MIN_PARALLELISM) && d.limits.count == 1);
    d = limited(&op, 11);
    assert_int_equal(d.to, 10);
    assert_true(lists(&d, KT_LIMIT_MAX_PARALLELISM) && d.limits.count == 1);
}

static void every_bound_that_is_exceeded_is_listed(void **state) {
    (void)state;
    struct kt_operator_evidence op = an_operator();
    op.is_source = true;
    op.max_parallelism = 8;
    op.source_partitions = 6;
    KT_SET(&op, KT_OPEV_MAX_PARALLELISM);
    KT_SET(&op, KT_OPEV_SOURCE_PARTITIONS);
    struct kt_operator_decision d = limited(&op, 12);
    assert_int_equal(d.to, 6);
    assert_int_equal(d.limits.count, 3);
    assert_true(lists(&d, KT_LIMIT_VERTEX_MAX_PARALLELISM));
    d = limited(&op, 7);
    assert_int_equal(d.to, 6);
    assert_true(lists(&d, KT_LIMIT_SOURCE_PARTITIONS) && d.limits.count == 1);
}

static void partitions_bound_sources_only(void **state) {
    (void)state;
    struct kt_operator_evidence op = an_operator();
    op.source_partitions = 3;
    KT_SET(&op, KT_OPEV_SOURCE_PARTITIONS);
    assert_int_equal(limited(&op, 9).to, 9);
}

static void the_maximum_wins_over_a_minimum_above_it(void **state) {
    (void)state;
    struct kt_operator_evidence op = an_operator();
    op.min_allowed = 20;
    const struct kt_operator_decision d = limited(&op, 5);
    assert_int_equal(d.to, 10);
    assert_true(lists(&d, KT_LIMIT_MIN_PARALLELISM) && lists(&d, KT_LIMIT_MAX_PARALLELISM));
}

static void a_pin_beats_configured_bounds_but_not_the_vertex(void **state) {
    (void)state;
    struct kt_operator_evidence op = an_operator();
    op.pinned = 32;
    KT_SET(&op, KT_OPEV_PINNED);
    struct kt_operator_decision d = limited(&op, 5);
    assert_int_equal(d.to, 32);
    assert_int_equal(d.method, KT_METHOD_PINNED);
    assert_true(lists(&d, KT_LIMIT_PIN) && d.limits.count == 1);
    op.max_parallelism = 16;
    KT_SET(&op, KT_OPEV_MAX_PARALLELISM);
    d = limited(&op, 5);
    assert_int_equal(d.to, 16);
    assert_true(lists(&d, KT_LIMIT_VERTEX_MAX_PARALLELISM));
    op.parallelism = 16;
    d = limited(&op, 16);
    assert_int_equal(d.method, KT_METHOD_PINNED);
    assert_false(lists(&d, KT_LIMIT_PIN));
}

static void a_move_against_the_policys_direction_is_no_reason_to_restart(void **state) {
    (void)state;
    const int32_t wanted[] = {12, 4};
    struct kt_operator_decision ops[] = {{.from = 8, .to = 6}, {.from = 4, .to = 4}};
    assert_false(kt_guard_moves(ops, wanted, 2)); /* 12 were wanted, at most 6 are allowed */
    ops[0].to = 9;
    assert_true(kt_guard_moves(ops, wanted, 2));
}

static int verdict(struct kt_test_job *job, int64_t from, int64_t to, bool urgent) {
    struct kt_str text;
    return kt_guard_thresholds(&job->evidence, (struct kt_guard_sums){from, to}, urgent, &arena,
                               &text);
}

static void the_threshold_is_a_ratio_in_both_directions(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 1);
    job.evidence.settings.decision_threshold = 0.05;
    assert_int_equal(verdict(&job, 20, 21, false), KT_REASON_STEADY);
    assert_int_equal(verdict(&job, 21, 20, false), KT_REASON_STEADY);
    assert_int_equal(verdict(&job, 21, 22, false), KT_REASON_BELOW_THRESHOLD);
    assert_int_equal(verdict(&job, 22, 21, false), KT_REASON_BELOW_THRESHOLD);
    assert_int_equal(verdict(&job, 22, 21, true), KT_REASON_STEADY);
}

static void equal_sums_are_no_change_even_without_a_threshold(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 1);
    job.evidence.settings.decision_threshold = 0;
    assert_int_equal(verdict(&job, 20, 20, false), KT_REASON_BELOW_THRESHOLD);
    assert_int_equal(verdict(&job, 20, 21, false), KT_REASON_STEADY);
    assert_int_equal(verdict(&job, 20, 20, true), KT_REASON_STEADY);
}

static void urgency_passes_neither_cooldown_nor_budget(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 1);
    job.evidence.last_rescale_ms = job.evidence.window_end_ms - 1;
    KT_SET(&job.evidence, KT_EVIDENCE_LAST_RESCALE_MS);
    assert_int_equal(verdict(&job, 1, 9, true), KT_REASON_COOLDOWN);
    job.evidence.last_rescale_ms = 0;
    job.evidence.settings.restarts_per_day_max = 0;
    assert_int_equal(verdict(&job, 1, 9, true), KT_REASON_RESTART_BUDGET);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_inside_the_limits_stays),
        cmocka_unit_test(minimum_and_maximum_move_an_answer),
        cmocka_unit_test(every_bound_that_is_exceeded_is_listed),
        cmocka_unit_test(partitions_bound_sources_only),
        cmocka_unit_test(the_maximum_wins_over_a_minimum_above_it),
        cmocka_unit_test(a_pin_beats_configured_bounds_but_not_the_vertex),
        cmocka_unit_test(a_move_against_the_policys_direction_is_no_reason_to_restart),
        cmocka_unit_test(the_threshold_is_a_ratio_in_both_directions),
        cmocka_unit_test(equal_sums_are_no_change_even_without_a_threshold),
        cmocka_unit_test(urgency_passes_neither_cooldown_nor_budget),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
