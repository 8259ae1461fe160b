/* SPDX-License-Identifier: GPL-3.0-or-later
 * The keep-up rule around a policy that does not know it: what it forbids, what it adds, and when
 * lowering is worth a restart. DS2 gives the answers it acts on. */
#include "model/policy.h"
#include "support/job.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* op1 runs with p and does 100/s per subtask; DS2 wants `wanted`. */
static void make(struct kt_test_job *job, int32_t p, int32_t wanted) {
    kt_test_job_init(job, 2);
    job->evidence.settings.policy = KT_STR("ds2");
    job->evidence.settings.keep_up_rule = true;
    job->operators[1].parallelism = p;
    const double rate = 100.0 * wanted;
    kt_test_job_measure(job, 0, rate, 0.5);
    kt_test_job_measure(job, 1, rate, (double)wanted / p);
}

static void keep_up(struct kt_test_job *job, size_t i, int keep_up) {
    job->operators[i].keep_up = keep_up;
}

static void decided(struct kt_test_job *job, size_t i, double lambda) {
    job->operators[i].lambda_decided = lambda;
    KT_SET(&job->operators[i], KT_OPEV_LAMBDA_DECIDED);
}

static int32_t answer(const struct kt_test_job *job) {
    return kt_test_decide(&job->evidence).operators.items[1].to;
}

static void what_kept_up_is_not_raised(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 10, 11); /* 110 % busy by the clocks, but nothing waits */
    assert_int_equal(answer(&job), 11);
    keep_up(&job, 1, KT_KEEP_UP_KEPT_UP);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_HOLD);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    assert_true(kt_test_says(&d, "but op1 kept up"));
    assert_int_equal(d.operators.items[1].method, KT_METHOD_KEEP);
    assert_false(KT_HAS(&d.operators.items[1], KT_OPDEC_PREDICTED_ABILITY));
    assert_true(d.operators.items[1].lambda == 1100);
}

static void without_the_setting_nothing_is_touched(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 10, 11);
    job.evidence.settings.keep_up_rule = false;
    keep_up(&job, 1, KT_KEEP_UP_KEPT_UP);
    assert_int_equal(answer(&job), 11);
}

static void what_fell_behind_is_raised_whatever_the_policy_says(void **state) {
    (void)state;
    static struct kt_test_job job;
    for (int32_t wanted = 9; wanted <= 12; wanted++) {
        make(&job, 10, wanted);
        keep_up(&job, 1, KT_KEEP_UP_FELL_BEHIND);
        const struct kt_decision d = kt_test_decide(&job.evidence);
        assert_int_equal(d.reason, KT_REASON_UNDER_PROVISIONED);
        assert_int_equal(d.operators.items[1].to, wanted <= 11 ? 11 : 12);
        assert_int_equal(d.operators.items[1].method,
                         wanted <= 10 ? KT_METHOD_RULE : KT_METHOD_LINEAR);
    }
    make(&job, 10, 10); /* DS2 keeps: the rule's own words */
    keep_up(&job, 1, KT_KEEP_UP_FELL_BEHIND);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_true(kt_test_says(&d, "op1 fell behind"));
}

static void a_raise_of_the_rule_is_urgent_but_stays_within_limits(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 100, 100);
    keep_up(&job, 1, KT_KEEP_UP_FELL_BEHIND);
    assert_int_equal(answer(&job), 101); /* one percent: below the decision threshold */
    job.operators[1].max_allowed = 100;
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_LIMITED);
    job.operators[1].pinned = 100;
    KT_SET(&job.operators[1], KT_OPEV_PINNED);
    assert_int_equal(kt_test_decide(&job.evidence).reason, KT_REASON_STEADY);
}

static void at_an_old_load_a_trim_must_save_enough(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 19, 17); /* 2 of the job's 20: less than 15 % */
    decided(&job, 1, 1700);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    assert_true(kt_test_says(&d, "would save less than 15 %"));
    make(&job, 19, 16); /* 3 of 20 are 15 % */
    decided(&job, 1, 1600);
    assert_int_equal(answer(&job), 16);
    make(&job, 3, 2); /* one of four */
    decided(&job, 1, 200);
    assert_int_equal(answer(&job), 2);
    make(&job, 3, 2);
    decided(&job, 1, 200);
    job.evidence.settings.trim_band = 0; /* a single subtask always counts */
    assert_int_equal(answer(&job), 2);
}

static void another_load_may_be_trimmed_at_once(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 19, 17);
    assert_int_equal(answer(&job), 17); /* never decided: new */
    decided(&job, 1, 1700 / 1.081);
    assert_int_equal(answer(&job), 17);
    decided(&job, 1, 1700 / 0.919);
    assert_int_equal(answer(&job), 17);
    decided(&job, 1, 1700 / 1.079);
    assert_int_equal(answer(&job), 19);
    decided(&job, 1, 1700 / 0.921);
    assert_int_equal(answer(&job), 19);
    decided(&job, 0, 1000); /* the load of another operator changed */
    assert_int_equal(answer(&job), 17);
}

static void what_moves_anyway_takes_trims_along(void **state) {
    (void)state;
    static struct kt_test_job job;
    kt_test_job_init(&job, 3);
    job.evidence.settings.policy = KT_STR("ds2");
    job.evidence.settings.keep_up_rule = true;
    job.operators[1].parallelism = 10;
    job.operators[2].parallelism = 30;
    kt_test_job_measure(&job, 0, 1000, 0.5);
    kt_test_job_measure(&job, 1, 1000, 1);
    kt_test_job_measure(&job, 2, 1000, 29 / 30.0);
    for (size_t i = 0; i < 3; i++) {
        decided(&job, i, 1000);
    }
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_HOLD);
    keep_up(&job, 1, KT_KEEP_UP_FELL_BEHIND);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.operators.items[1].to, 11);
    assert_int_equal(d.operators.items[2].to, 29);
}

static void a_big_phase_that_is_not_needed_is_not_entered(void **state) {
    (void)state;
    static struct kt_test_job job;
    kt_test_job_init(&job, 2);
    job.evidence.settings.policy = KT_STR("conttune");
    job.evidence.settings.keep_up_rule = true;
    job.evidence.phase = KT_PHASE_SMALL;
    kt_test_job_measure(&job, 0, 1000, 0.2);
    kt_test_job_measure(&job, 1, 1000, 1);
    kt_test_job_backpressure(&job, 0, 0.8);
    assert_int_equal(kt_test_decide(&job.evidence).phase, KT_PHASE_BIG);
    keep_up(&job, 0, KT_KEEP_UP_KEPT_UP);
    keep_up(&job, 1, KT_KEEP_UP_KEPT_UP);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_HOLD);
    assert_int_equal(d.phase, KT_PHASE_SMALL);
}

static void without_a_graph_the_policys_hold_stands(void **state) {
    (void)state;
    static struct kt_test_job job;
    make(&job, 10, 10);
    job.operators[1].inputs.count = 0;
    keep_up(&job, 1, KT_KEEP_UP_FELL_BEHIND);
    assert_int_equal(kt_test_decide(&job.evidence).reason, KT_REASON_NO_TOPOLOGY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_kept_up_is_not_raised),
        cmocka_unit_test(without_the_setting_nothing_is_touched),
        cmocka_unit_test(what_fell_behind_is_raised_whatever_the_policy_says),
        cmocka_unit_test(a_raise_of_the_rule_is_urgent_but_stays_within_limits),
        cmocka_unit_test(at_an_old_load_a_trim_must_save_enough),
        cmocka_unit_test(another_load_may_be_trimmed_at_once),
        cmocka_unit_test(what_moves_anyway_takes_trims_along),
        cmocka_unit_test(a_big_phase_that_is_not_needed_is_not_entered),
        cmocka_unit_test(without_a_graph_the_policys_hold_stands),
    };
    return cmocka_run_group_tests(tests, NULL, kt_test_decide_teardown);
}
