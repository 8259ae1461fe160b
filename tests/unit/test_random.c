/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policy `random`: what is drawn again, from which range, and that the same evidence draws the
 * same. */
#include "support/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* op0 suspended by op1; op2 idle behind it. */
static void make(struct kt_test_job *job, int32_t p, int32_t peak) {
    kt_test_job_init(job, 3);
    job->evidence.settings.policy = KT_STR("random");
    job->evidence.parallelism_peak = peak;
    job->operators[1].parallelism = p;
    kt_test_job_measure(job, 0, 1000, 0.3);
    kt_test_job_measure(job, 1, 1000, 1);
    kt_test_job_measure(job, 2, 1000, 0.2);
    kt_test_job_backpressure(job, 0, 0.7);
}

/* Draws op1 in many windows, and expects every one of lo…hi but p about equally often. */
static void expect_uniform(struct kt_test_job *job, int32_t lo, int32_t hi) {
    enum { DRAWS = 6000 };
    static int drawn[64];
    memset(drawn, 0, sizeof drawn);
    for (int k = 0; k < DRAWS; k++) {
        job->evidence.window_end_ms += 60000;
        const struct kt_decision d = kt_test_decide(&job->evidence);
        assert_int_equal(d.kind, KT_COMMAND_RESCALE);
        assert_int_equal(d.operators.items[0].to, 1);
        assert_int_equal(d.operators.items[2].to, 1);
        assert_int_equal(d.operators.items[1].method, KT_METHOD_RULE);
        assert_in_range(d.operators.items[1].to, lo, hi);
        drawn[d.operators.items[1].to]++;
    }
    const int32_t p = job->operators[1].parallelism;
    const int mean = DRAWS / (hi - lo + 1 - (p >= lo && p <= hi ? 1 : 0));
    for (int32_t q = lo; q <= hi; q++) {
        if (q == p) {
            assert_int_equal(drawn[q], 0);
        } else {
            assert_in_range(drawn[q], mean * 3 / 4, mean * 5 / 4);
        }
    }
}

static void what_is_too_slow_is_drawn_from_all_up_to_the_peak(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4, 16);
    expect_uniform(&job, 1, 16);
    job.operators[1].min_allowed = 3;
    job.operators[1].max_allowed = 8;
    expect_uniform(&job, 3, 8);
}

static void at_the_peak_the_peak_is_doubled(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 12, 12);
    expect_uniform(&job, 1, 24);
    job.operators[1].max_allowed = 20;
    expect_uniform(&job, 1, 20);
}

static void what_is_idle_is_drawn_when_the_job_is_over_provisioned(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4, 8);
    job.operators[2].parallelism = 8;
    kt_test_job_measure(&job, 0, 1000, 0.3); /* idle, but at its least */
    kt_test_job_measure(&job, 1, 1000, 0.9);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.state, KT_STATE_OVER);
    assert_int_equal(d.operators.items[0].to, 1);
    assert_int_equal(d.operators.items[1].to, 4);
    assert_in_range(d.operators.items[2].to, 1, 7);
}

static void the_least_that_is_enough_is_right_however_idle(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 2, 8);
    kt_test_job_measure(&job, 0, 1000, 0.6);
    kt_test_job_measure(&job, 1, 1000, 0.6);
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_RESCALE);
    kt_test_job_learn(&job, 1, 1, 830);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.state, KT_STATE_OVER);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    kt_test_job_learn(&job, 1, 1, 1001);
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_RESCALE);
}

static void the_same_evidence_draws_the_same(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4, 40);
    const int32_t first = kt_test_decide(&job.evidence).operators.items[1].to;
    assert_int_equal(kt_test_decide(&job.evidence).operators.items[1].to, first);
    size_t same = 0;
    for (int64_t generation = 1; generation <= 40; generation++) {
        job.evidence.generation = generation;
        same += kt_test_decide(&job.evidence).operators.items[1].to == first;
    }
    assert_in_range(same, 0, 8);
}

static void a_job_that_is_right_is_left_alone(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4, 8);
    kt_test_job_measure(&job, 0, 1000, 0.3);
    kt_test_job_measure(&job, 1, 1000, 0.9);
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.state, KT_STATE_NORMAL);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    make(&job, 4, 8); /* too slow, but it works its backlog off */
    kt_test_job_backlog(&job, 0, 1000, -100);
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    make(&job, 4, 8);
    job.operators[1].pinned = 4;
    KT_SET(&job.operators[1], KT_OPEV_PINNED);
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_LIMITED);
    assert_true(kt_test_says(&d, "no operator that makes it so may move"));
}

static void every_load_is_found_in_the_end(void **state) {
    (void)state;
    static const double rates[] = {1500, 6000, 3000, 5000, 1000};
    static struct kt_loop loop;
    kt_loop_init(&loop, "random", 0);
    int sum = 0;
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        loop.rate = rates[r];
        loop.backlog = 0;
        const int taken = kt_loop_settle(&loop, 20, 600);
        assert_in_range(taken, 1, 300);
        sum += taken;
        for (size_t i = 0; i < KT_LOOP_OPERATORS; i++) {
            assert_true(loop.job.operators[i].parallelism >= kt_loop_smallest(&loop, i, rates[r]));
        }
    }
    printf("random: %.1f reconfigurations per load\n", sum / 5.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_too_slow_is_drawn_from_all_up_to_the_peak),
        cmocka_unit_test(at_the_peak_the_peak_is_doubled),
        cmocka_unit_test(what_is_idle_is_drawn_when_the_job_is_over_provisioned),
        cmocka_unit_test(the_least_that_is_enough_is_right_however_idle),
        cmocka_unit_test(the_same_evidence_draws_the_same),
        cmocka_unit_test(a_job_that_is_right_is_left_alone),
        cmocka_unit_test(every_load_is_found_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, kt_test_decide_teardown);
}
