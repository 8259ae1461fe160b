/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policy `dhalion`: who is scaled up and by how much, when it steps down, and what it does not
 * try twice. */
#include "support/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void make(struct kt_test_job *job, size_t count) {
    kt_test_job_init(job, count);
    job->evidence.settings.policy = KT_STR("dhalion");
}

/* op0 suspended for a share of the time by op1, which runs with p. */
static struct kt_decision suspended(int32_t p, double share) {
    static struct kt_test_job job;
    make(&job, 2);
    job.operators[1].parallelism = p;
    kt_test_job_measure(&job, 0, 1000, 0.05);
    kt_test_job_measure(&job, 1, 1000, 1);
    kt_test_job_backpressure(&job, 0, share);
    return kt_test_decide(&job.evidence);
}

static void what_was_lost_over_what_was_done_is_added(void **state) {
    (void)state;
    const struct kt_decision d = suspended(4, 0.2); /* Dhalion's own example: a quarter more */
    assert_int_equal(d.kind, KT_COMMAND_RESCALE);
    assert_int_equal(d.reason, KT_REASON_UNDER_PROVISIONED);
    assert_int_equal(d.phase, KT_PHASE_STEADY);
    assert_int_equal(d.operators.items[0].method, KT_METHOD_KEEP);
    assert_int_equal(d.operators.items[1].method, KT_METHOD_RULE);
    assert_int_equal(d.operators.items[1].to, 5);
    assert_int_equal(suspended(4, 0.5).operators.items[1].to, 8);
    assert_int_equal(suspended(1, 0.1).operators.items[1].to, 2); /* at least one more */
}

static void one_step_up_is_at_most_fivefold(void **state) {
    (void)state;
    assert_int_equal(suspended(4, 0.95).operators.items[1].to, 20);
    assert_int_equal(suspended(4, 1).operators.items[1].to, 20);
    assert_int_equal(suspended(3, 1.5).operators.items[1].to, 15);
}

static void only_the_origin_of_the_backpressure_is_scaled_up(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4);
    kt_test_job_measure(&job, 0, 1000, 0.1);
    kt_test_job_measure(&job, 1, 1000, 0.85); /* busy, but itself held up */
    kt_test_job_measure(&job, 2, 1000, 1);
    kt_test_job_measure(&job, 3, 1000, 0.9); /* busy, but nobody waits for it */
    kt_test_job_backpressure(&job, 0, 0.9);
    kt_test_job_backpressure(&job, 1, 0.15);
    job.operators[2].parallelism = 20;
    const struct kt_decision d = kt_test_decide(&job.evidence);
    for (size_t i = 0; i < 4; i++) {
        /* 0.15 / 0.85 of 20 are 3.5: its own input counts, not the source's */
        assert_int_equal(d.operators.items[i].to, i == 2 ? 24 : 1);
    }
}

static void of_two_below_one_input_the_busier_is_the_origin(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 3);
    job.operators[2].inputs.count = 0;
    kt_test_job_edge(&job, 0, 2);
    kt_test_job_measure(&job, 0, 1000, 0.3);
    kt_test_job_measure(&job, 1, 1000, 0.95);
    kt_test_job_measure(&job, 2, 1000, 1);
    kt_test_job_backpressure(&job, 0, 0.5);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.operators.items[1].to, 1);
    assert_int_equal(d.operators.items[2].to, 2);
}

static void backpressure_without_a_busy_vertex_brings_no_cores(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 2);
    kt_test_job_measure(&job, 0, 1000, 0.3);
    kt_test_job_measure(&job, 1, 1000, 0.5); /* skew: one subtask of several is busy */
    kt_test_job_backpressure(&job, 0, 0.5);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    assert_true(kt_test_says(&d, "more subtasks would not help"));
}

static void a_pinned_origin_is_said_to_be_a_limit(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 2);
    kt_test_job_measure(&job, 0, 1000, 0.1);
    kt_test_job_measure(&job, 1, 1000, 1);
    kt_test_job_backpressure(&job, 0, 0.9);
    job.operators[1].pinned = 1;
    KT_SET(&job.operators[1], KT_OPEV_PINNED);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_LIMITED);
    assert_true(kt_test_says(&d, "is pinned"));
}

static void a_source_that_falls_behind_grows_by_what_it_misses(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 2);
    job.operators[0].parallelism = 4;
    kt_test_job_measure(&job, 0, 1000, 1);
    kt_test_job_measure(&job, 1, 1000, 0.5);
    kt_test_job_backlog(&job, 0, 1e6, 500);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.operators.items[0].to, 6);
    assert_int_equal(d.operators.items[1].to, 1);
    assert_true(kt_test_says(&d, "op0 falls behind"));
}

static void an_idle_job_steps_down_by_a_fifth_and_at_least_by_one(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 3);
    kt_test_job_measure(&job, 0, 1000, 0.85); /* not idle itself */
    kt_test_job_measure(&job, 1, 1000, 0.4);
    kt_test_job_measure(&job, 2, 1000, 0.4);
    job.operators[0].parallelism = 5;
    job.operators[1].parallelism = 14;
    job.operators[2].parallelism = 3;
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_OVER_PROVISIONED);
    assert_int_equal(d.operators.items[0].to, 5);
    assert_int_equal(d.operators.items[1].to, 12); /* a fifth of 14 is 2.8 */
    assert_int_equal(d.operators.items[2].to, 2);
    job.operators[1].min_allowed = 13;
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.operators.items[1].to, 13);
}

static void a_step_that_was_seen_to_be_too_far_is_not_tried_again(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 3);
    for (size_t i = 0; i < 3; i++) {
        job.operators[i].parallelism = 10;
        kt_test_job_measure(&job, i, 1000, 0.7);
    }
    kt_test_job_learn(&job, 0, 8, 999);
    kt_test_job_learn(&job, 1, 8, 1000); /* enough */
    kt_test_job_learn(&job, 1, 7, 900);  /* not on the way */
    kt_test_job_learn(&job, 2, 9, 950);
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.operators.items[0].to, 10);
    assert_int_equal(d.operators.items[1].to, 8);
    assert_int_equal(d.operators.items[2].to, 10);
    kt_test_job_learn(&job, 1, 8, 900);
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    assert_true(kt_test_says(&d, "was seen to be too little"));
    for (size_t i = 0; i < 3; i++) { /* another load is another matter */
        kt_test_job_measure(&job, i, 800, 0.56);
    }
    assert_int_equal(kt_test_decide(&job.evidence).operators.items[0].to, 8);
}

static void a_job_that_works_off_its_backlog_is_left_to_settle(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 2);
    kt_test_job_measure(&job, 0, 1000, 0.5);
    kt_test_job_measure(&job, 1, 1000, 1);
    kt_test_job_backpressure(&job, 0, 0.5);
    kt_test_job_backlog(&job, 0, 10000, -100);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    assert_true(kt_test_says(&d, "gone in 100 s"));
}

/* Every load ends with enough, and with no more than another step down would show to be too little
 * or the state of the job calls right. */
static void every_load_ends_with_enough_and_stays(void **state) {
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        assert_in_range(kt_loop_ten_loads("dhalion", fast, 7), 15,
                        90); /* one operator after the other */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_lost_over_what_was_done_is_added),
        cmocka_unit_test(one_step_up_is_at_most_fivefold),
        cmocka_unit_test(only_the_origin_of_the_backpressure_is_scaled_up),
        cmocka_unit_test(of_two_below_one_input_the_busier_is_the_origin),
        cmocka_unit_test(backpressure_without_a_busy_vertex_brings_no_cores),
        cmocka_unit_test(a_pinned_origin_is_said_to_be_a_limit),
        cmocka_unit_test(a_source_that_falls_behind_grows_by_what_it_misses),
        cmocka_unit_test(an_idle_job_steps_down_by_a_fifth_and_at_least_by_one),
        cmocka_unit_test(a_step_that_was_seen_to_be_too_far_is_not_tried_again),
        cmocka_unit_test(a_job_that_works_off_its_backlog_is_left_to_settle),
        cmocka_unit_test(every_load_ends_with_enough_and_stays),
    };
    return cmocka_run_group_tests(tests, NULL, kt_test_decide_teardown);
}
