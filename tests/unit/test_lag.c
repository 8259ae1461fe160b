/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a reported backlog is worth: where the job contradicts it, and the gain that own rescales
 * teach. */
#include "model/lag.h"
#include "support/job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance) assert_true(fabs((double)(a) - (b)) <= (tolerance))

#define WINDOW_MS INT64_C(60000)

struct fixture {
    struct kt_test_job job;
    struct kt_arena arena;
    struct kt_operator_state state; /* of the source */
    int64_t end_ms;
    int64_t generation;
};

/* op0 (a source) → op1, both with half of their time left; 1000 records/s pass. */
static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){.end_ms = 0};
    kt_test_job_init(&f.job, 2);
    kt_test_job_measure(&f.job, 0, 1000, 0.5);
    kt_test_job_measure(&f.job, 1, 1000, 0.5);
    kt_arena_init(&f.arena, 65536, 1 << 20);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kt_arena_free(&f->arena);
    return 0;
}

static double growth(const struct fixture *f) {
    return kt_lag_growth(&f->job.evidence, &f->job.operators[0]);
}

static bool is_hidden(const struct fixture *f) {
    return kt_lag_is_hidden(&f->job.evidence, &f->job.operators[0]);
}

/* op1 works all the time and holds the source back, whose backlog is said to grow. */
static void block(struct fixture *f, double rate, double growth_per_s) {
    kt_test_job_measure(&f->job, 0, rate, 0.2);
    kt_test_job_backpressure(&f->job, 0, 0.8);
    kt_test_job_measure(&f->job, 1, rate, 1);
    kt_test_job_backlog(&f->job, 0, 100, growth_per_s);
}

static void decide_on(struct fixture *f, double lambda) {
    f->job.operators[0].lambda_decided = lambda;
    KT_SET(&f->job.operators[0], KT_OPEV_LAMBDA_DECIDED);
}

/* ---- against the job itself ---- */

static void growth_while_every_operator_has_time_is_old_news(void **state) {
    struct fixture *f = *state;
    kt_test_job_backlog(&f->job, 0, 9000, 300);
    assert_near(growth(f), 0, 0);
    kt_test_job_measure(&f->job, 1, 1000, 0.95); /* no time left */
    assert_near(growth(f), 300, 0);
    kt_test_job_measure(&f->job, 1, 1000, 0.5);
    kt_test_job_backpressure(&f->job, 0, 0.5);
    assert_near(growth(f), 300, 0);
}

static void growth_counts_where_an_operator_does_not_tell_its_time(void **state) {
    struct fixture *f = *state;
    kt_test_job_backlog(&f->job, 0, 9000, 300);
    KT_CLEAR(&f->job.operators[0], KT_OPEV_BUSY); /* the source itself may be too slow */
    assert_near(growth(f), 300, 0);
}

static void a_backlog_that_shrinks_is_believed(void **state) {
    struct fixture *f = *state;
    kt_test_job_backlog(&f->job, 0, 9000, -300);
    assert_near(growth(f), -300, 0);
}

static void a_source_held_back_whose_backlog_stands_still_hides_its_load(void **state) {
    struct fixture *f = *state;
    block(f, 1000, 0);
    assert_true(is_hidden(f));
    block(f, 1000, 9);
    assert_true(is_hidden(f));
    block(f, 1000, 11);
    assert_false(is_hidden(f));
    block(f, 1000, -11);
    assert_false(is_hidden(f));
}

static void a_backlog_of_seconds_may_stay_as_it_is(void **state) {
    struct fixture *f = *state;
    block(f, 1000, 0);
    assert_true(is_hidden(f));
    kt_test_job_backlog(&f->job, 0, 1001, 0); /* what is taken is what arrives */
    assert_false(is_hidden(f));
}

static void a_source_that_waits_for_records_has_none_waiting(void **state) {
    struct fixture *f = *state;
    block(f, 1000, 0);
    kt_test_job_measure(&f->job, 0, 1000, 0.1);
    kt_test_job_backpressure(&f->job, 0, 0.8); /* a tenth of the time is left */
    assert_false(is_hidden(f));
    f->job.operators[0].idle = 0;
    KT_SET(&f->job.operators[0], KT_OPEV_IDLE);
    assert_true(is_hidden(f));
}

static void the_load_that_was_decided_on_passes_without_a_backlog(void **state) {
    struct fixture *f = *state;
    block(f, 1000, 0);
    decide_on(f, 1005);
    assert_false(is_hidden(f));
    decide_on(f, 900);
    assert_true(is_hidden(f));
    decide_on(f, 1005);
    f->job.evidence.phase = KT_PHASE_BIG; /* it was a guess */
    assert_true(is_hidden(f));
}

static void without_a_backlog_backpressure_hides_the_load(void **state) {
    struct fixture *f = *state;
    assert_false(is_hidden(f));
    kt_test_job_backpressure(&f->job, 0, 0.5);
    assert_true(is_hidden(f));
}

/* ---- the gain ---- */

static void learn(struct fixture *f, double rate, double growth_per_s) {
    block(f, rate, growth_per_s);
    f->end_ms += WINDOW_MS;
    const struct kt_lag_window window = {
        .start_ms = f->end_ms - WINDOW_MS, .end_ms = f->end_ms, .generation = f->generation};
    assert_int_equal(
        kt_lag_learn(&f->job.evidence, &f->job.operators[0], &window, &f->arena, &f->state, NULL),
        KT_ERR_OK);
}

/* A window before and one after an own rescale. */
static void rescale(struct fixture *f, double rate1, double growth1, double rate2, double growth2) {
    learn(f, rate1, growth1);
    f->generation++;
    f->end_ms += 3 * WINDOW_MS;
    learn(f, rate2, growth2);
    f->generation += 2; /* the next pair begins with a window of its own */
}

static void half_of_the_lag_is_learned_from_three_rescales(void **state) {
    struct fixture *f = *state;
    double gain = 0;
    rescale(f, 1000, 250, 1400, 50); /* 500 and 100 in truth */
    rescale(f, 1000, 500, 1950, 25);
    assert_false(kt_lag_gain(&f->state, &gain));
    rescale(f, 2000, 500, 2900, 50);
    assert_true(kt_lag_gain(&f->state, &gain));
    assert_near(gain, 2, 0.15);
    f->job.operators[0].lag_gain = 2;
    KT_SET(&f->job.operators[0], KT_OPEV_LAG_GAIN);
    block(f, 1000, 250);
    assert_near(growth(f), 500, 1e-9);
}

static void a_right_lag_has_no_gain(void **state) {
    struct fixture *f = *state;
    double gain = 0;
    rescale(f, 1000, 500, 1480, 30);
    rescale(f, 1000, 600, 1610, 20);
    rescale(f, 1000, 400, 1350, 40);
    assert_int_equal(f->state.lag_gains.count, 3);
    assert_false(kt_lag_gain(&f->state, &gain));
}

static void a_load_that_changed_between_the_windows_does_not_poison_the_gain(void **state) {
    struct fixture *f = *state;
    double gain = 0;
    rescale(f, 1000, 1000, 1500, 20); /* 2:1 */
    rescale(f, 1000, 1000, 1490, 20);
    rescale(f, 1000, 1000, 1900, 20); /* the load rose */
    rescale(f, 1000, 1000, 1510, 20);
    rescale(f, 1000, 1000, 1500, 20);
    assert_true(kt_lag_gain(&f->state, &gain));
    assert_near(gain, 0.51, 0.02);
    rescale(f, 1000, 1000, 1900, 20);
    rescale(f, 1000, 1000, 2100, 20);
    assert_false(kt_lag_gain(&f->state, &gain)); /* they no longer agree */
}

static void pairs_that_tell_little_or_nothing_are_not_counted(void **state) {
    struct fixture *f = *state;
    rescale(f, 1000, 100, 1050, 20); /* too alike */
    rescale(f, 1000, 500, 800, 20);  /* the load fell: less passes though less waits */
    learn(f, 1000, 500);             /* no rescale in between */
    learn(f, 1480, 20);
    learn(f, 1000, 500);
    f->generation++;
    f->end_ms += KT_LAG_PAIR_WINDOWS * WINDOW_MS; /* too long ago */
    learn(f, 1480, 20);
    rescale(f, 1000, 500, 1500, 0); /* hidden */
    assert_int_equal(f->state.lag_gains.count, 0);
}

static void the_newest_pairs_are_kept(void **state) {
    struct fixture *f = *state;
    double gain = 0;
    for (int i = 0; i < KT_LAG_GAINS_MAX; i++) {
        rescale(f, 1000, 1000, 1490, 20);
    }
    assert_true(kt_lag_gain(&f->state, &gain));
    for (int i = 0; i < KT_LAG_GAINS_MAX; i++) {
        rescale(f, 1000, 1000, 1980, 20); /* the missing partitions are counted again */
    }
    assert_int_equal(f->state.lag_gains.count, KT_LAG_GAINS_MAX);
    assert_false(kt_lag_gain(&f->state, &gain));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(growth_while_every_operator_has_time_is_old_news),
        T(growth_counts_where_an_operator_does_not_tell_its_time),
        T(a_backlog_that_shrinks_is_believed),
        T(a_source_held_back_whose_backlog_stands_still_hides_its_load),
        T(a_backlog_of_seconds_may_stay_as_it_is),
        T(a_source_that_waits_for_records_has_none_waiting),
        T(the_load_that_was_decided_on_passes_without_a_backlog),
        T(without_a_backlog_backpressure_hides_the_load),
        T(half_of_the_lag_is_learned_from_three_rescales),
        T(a_right_lag_has_no_gain),
        T(a_load_that_changed_between_the_windows_does_not_poison_the_gain),
        T(pairs_that_tell_little_or_nothing_are_not_counted),
        T(the_newest_pairs_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
