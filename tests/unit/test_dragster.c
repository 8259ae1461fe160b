/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policy `dragster`: half the way to the load in every window, hoping for the best of what was
 * not tried. The expected numbers are computed by hand from the formulas in model/dragster.c:
 * UCB(p) = ū p (1 + √β σ(p)), √β = 3.912 with one observation and 128 candidates. */
#include "support/loop.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* A source and the operator that is looked at: it runs with p, one subtask does 100/s, and it has
 * been seen only so; the source would send `load`. */
static void make(struct kt_test_job *job, int32_t p, double load) {
    kt_test_job_init(job, 2);
    job->evidence.settings.policy = KT_STR("dragster");
    const double rate = fmin(load, 100.0 * p);
    job->operators[1].parallelism = p;
    kt_test_job_measure(job, 0, rate, 0.5);
    kt_test_job_measure(job, 1, rate, rate / (100.0 * p));
    kt_test_job_learn(job, 1, p, 100.0 * p);
    if (rate < load) {
        kt_test_job_backpressure(job, 0, 0.5);
        kt_test_job_backlog(job, 0, 1e6, load - rate);
    }
}

static void too_little_goes_half_the_way_and_hopes(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4, 1600); /* target 1000: UCB(5) = 711, UCB(6) = 1009 */
    const struct kt_decision d = kt_test_decide(&job.evidence);
    const struct kt_operator_decision *op = &d.operators.items[1];
    assert_int_equal(d.reason, KT_REASON_UNDER_PROVISIONED);
    assert_true(op->lambda == 1600);
    assert_int_equal(op->to, 6);
    assert_int_equal(op->method, KT_METHOD_SURROGATE);
    assert_true(fabs(op->predicted_ability - 600) < 1e-6);
    assert_true(fabs(op->predicted_stddev - 104.5) < 0.5);
    assert_int_equal(op->nearest_observed, 4);
}

static void too_much_comes_down_half_the_way_and_hopes(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 16, 800); /* target 1200: UCB(6) = 1180, UCB(7) = 1362 */
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_OVER_PROVISIONED);
    assert_int_equal(d.operators.items[1].to, 7);
}

static void what_was_tried_is_not_hoped_for(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4, 1600);
    kt_test_job_learn(&job, 1, 6, 560); /* it was a disappointment */
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_true(d.operators.items[1].to > 6);
    kt_test_job_learn(&job, 1, 6, 1000); /* it is just what the target asks for */
    assert_int_equal(kt_test_decide(&job.evidence).operators.items[1].to, 6);
}

static void limits_bound_the_candidates(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4, 160000);
    job.operators[1].max_allowed = 9;
    assert_int_equal(kt_test_decide(&job.evidence).operators.items[1].to, 9);
    make(&job, 16, 0);
    job.operators[1].min_allowed = 11;
    job.operators[1].parallelism = 16;
    assert_int_equal(kt_test_decide(&job.evidence).operators.items[1].to, 11);
}

static void what_was_never_measured_or_is_pinned_stays(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4, 1600);
    job.operators[1].history.count = 0;
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_HOLD);
    make(&job, 4, 1600);
    job.operators[1].pinned = 4;
    KT_SET(&job.operators[1], KT_OPEV_PINNED);
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_HOLD);
}

static void an_operator_whose_inputs_are_unknown_holds_the_job(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 4, 1600);
    job.operators[1].inputs.count = 0;
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_NO_TOPOLOGY);
    assert_true(kt_test_says(&d, "the inputs of op1 are not known"));
}

static void every_load_ends_with_enough_and_stays(void **state) {
    (void)state;
    for (int fast = 0; fast < 2; fast++) {
        assert_in_range(kt_loop_ten_loads("dragster", fast, 5), 15, 50);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_little_goes_half_the_way_and_hopes),
        cmocka_unit_test(too_much_comes_down_half_the_way_and_hopes),
        cmocka_unit_test(what_was_tried_is_not_hoped_for),
        cmocka_unit_test(limits_bound_the_candidates),
        cmocka_unit_test(what_was_never_measured_or_is_pinned_stays),
        cmocka_unit_test(an_operator_whose_inputs_are_unknown_holds_the_job),
        cmocka_unit_test(every_load_ends_with_enough_and_stays),
    };
    return cmocka_run_group_tests(tests, NULL, kt_test_decide_teardown);
}
