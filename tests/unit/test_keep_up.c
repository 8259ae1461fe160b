/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a window proves about each operator. */
#include "model/demand.h"
#include "model/keep_up.h"
#include "support/job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance) assert_true(fabs((double)(a) - (b)) <= (tolerance))

struct fixture {
    struct kt_test_job job;
    struct kt_arena arena;
};

/* op0 (a source) → op1 → op2: all keep up with 1000 records/s, no backlog is known. */
static int setup(void **state) {
    static struct fixture f;
    kt_test_job_init(&f.job, 3);
    for (size_t i = 0; i < 3; i++) {
        kt_test_job_measure(&f.job, i, 1000, 0.5);
    }
    kt_arena_init(&f.arena, 65536, 1 << 20);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kt_arena_free(&f->arena);
    return 0;
}

static const struct kt_kept *assess(struct fixture *f) {
    struct kt_topology topology;
    struct kt_kept *kept = NULL;
    assert_int_equal(kt_topology_build(&f->job.evidence, &f->arena, &topology, NULL), KT_ERR_OK);
    assert_int_equal(kt_keep_up_assess(&f->job.evidence, &topology, &f->arena, &kept, NULL),
                     KT_ERR_OK);
    return kept;
}

#define assert_kept(k, verdict, load)                                                              \
    do {                                                                                           \
        assert_int_equal((k).keep_up, KT_KEEP_UP_##verdict);                                       \
        assert_near((k).lambda, load, 1e-9 * fabs((double)(load)));                                \
    } while (0)

/* op1 works all the time and holds op0 back; 1000 records/s pass, the backlog grows by growth. */
static void block(struct fixture *f, double growth) {
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_measure(&f->job, 1, 1000, 1);
    kt_test_job_backlog(&f->job, 0, 60 * growth, growth);
}

static void a_job_without_backpressure_or_backlog_keeps_up(void **state) {
    struct fixture *f = *state;
    const struct kt_kept *kept = assess(f);
    for (size_t i = 0; i < 3; i++) {
        assert_kept(kept[i], KEPT_UP, 1000);
    }
    assert_true(kt_keep_up_all(kept, 3));
}

static void the_operator_that_works_all_the_time_fell_behind_of_what_arrives(void **state) {
    struct fixture *f = *state;
    block(f, 500);
    const struct kt_kept *kept = assess(f);
    assert_kept(kept[0], UNKNOWN, 1500);
    assert_kept(kept[1], FELL_BEHIND, 1500);
    assert_kept(kept[2], UNKNOWN, 1500); /* waits for op1: nothing is known of it */
    assert_false(kt_keep_up_all(kept, 3));
}

static void a_backlog_that_grows_within_the_tolerance_is_no_shortfall(void **state) {
    struct fixture *f = *state;
    block(f, 9.9);
    f->job.operators[0].lambda_decided = 1000; /* all of it passes */
    KT_SET(&f->job.operators[0], KT_OPEV_LAMBDA_DECIDED);
    const struct kt_kept *kept = assess(f);
    assert_kept(kept[0], KEPT_UP, 1000);
    assert_kept(kept[1], KEPT_UP, 1000);
    block(f, 10.1);
    assert_kept(assess(f)[1], FELL_BEHIND, 1010.1);
}

static void a_backlog_that_stands_still_while_its_source_is_held_back_proves_nothing(void **state) {
    struct fixture *f = *state;
    block(f, 0);
    const struct kt_kept *kept = assess(f);
    for (size_t i = 0; i < 3; i++) {
        assert_kept(kept[i], UNKNOWN, KT_DEMAND_UNKNOWN);
    }
}

static void a_growing_backlog_of_a_job_with_time_left_is_no_shortfall(void **state) {
    struct fixture *f = *state;
    kt_test_job_backlog(&f->job, 0, 3000, 50);
    const struct kt_kept *kept = assess(f);
    for (size_t i = 0; i < 3; i++) {
        assert_kept(kept[i], KEPT_UP, 1000);
    }
}

static void a_job_that_drains_a_backlog_keeps_up_with_what_arrives(void **state) {
    struct fixture *f = *state;
    block(f, -400);
    const struct kt_kept *kept = assess(f);
    for (size_t i = 0; i < 3; i++) {
        assert_kept(kept[i], KEPT_UP, 600);
    }
}

static void a_source_may_be_what_is_too_slow(void **state) {
    struct fixture *f = *state;
    kt_test_job_measure(&f->job, 0, 1000, 0.99);
    kt_test_job_backlog(&f->job, 0, 6000, 100);
    const struct kt_kept *kept = assess(f);
    assert_kept(kept[0], FELL_BEHIND, 1100);
    assert_kept(kept[1], UNKNOWN, 1100);
}

static void who_is_held_back_a_little_is_not_taken_for_the_one_that_holds(void **state) {
    struct fixture *f = *state;
    kt_test_job_measure(&f->job, 0, 1000, 0.5);
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_measure(&f->job, 1, 1000, 0.94); /* could do 1064 */
    kt_test_job_backpressure(&f->job, 1, 0.06);  /* below the threshold */
    kt_test_job_measure(&f->job, 2, 1000, 1);
    kt_test_job_backlog(&f->job, 0, 3000, 50);
    const struct kt_kept *kept = assess(f);
    assert_int_equal(kept[1].keep_up, KT_KEEP_UP_UNKNOWN);
    assert_kept(kept[2], FELL_BEHIND, 1050);
}

static void under_skew_the_busiest_subtask_shows_who_holds_the_job_up(void **state) {
    struct fixture *f = *state;
    block(f, 200);
    kt_test_job_measure(&f->job, 1, 1000, 0.6);
    f->job.operators[1].busy_max = 1;
    KT_SET(&f->job.operators[1], KT_OPEV_BUSY_MAX);
    assert_kept(assess(f)[1], FELL_BEHIND, 1200);
}

static void only_operators_below_the_source_that_falls_behind_are_suspected(void **state) {
    struct fixture *f = *state;
    kt_test_job_init(&f->job, 4); /* op0 → op1 and op2 → op3 */
    f->job.operators[2].is_source = true;
    f->job.operators[2].inputs.count = 0;
    for (size_t i = 0; i < 4; i++) {
        kt_test_job_measure(&f->job, i, 1000, i % 2 == 0 ? 0.5 : 1);
    }
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_backlog(&f->job, 0, 6000, 100);
    kt_test_job_backlog(&f->job, 2, 0, 0);
    const struct kt_kept *kept = assess(f);
    assert_kept(kept[1], FELL_BEHIND, 1100);
    assert_kept(kept[3], UNKNOWN, 1000);
}

static void without_a_backlog_backpressure_stands_in_and_the_load_is_unknown(void **state) {
    struct fixture *f = *state;
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_measure(&f->job, 1, 1000, 1);
    const struct kt_kept *kept = assess(f);
    assert_int_equal(kept[0].keep_up, KT_KEEP_UP_UNKNOWN);
    assert_kept(kept[1], FELL_BEHIND, KT_DEMAND_UNKNOWN);
    assert_kept(kept[2], UNKNOWN, KT_DEMAND_UNKNOWN);
}

static void a_job_that_tells_neither_backlog_nor_backpressure_proves_nothing(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        KT_CLEAR(&f->job.operators[i], KT_OPEV_BACKPRESSURED);
    }
    assert_int_equal(assess(f)[1].keep_up, KT_KEEP_UP_UNKNOWN);
}

/* What an operator kept up with is never more than it received, whatever was learned. */
static void a_wrong_ratio_does_not_raise_what_an_operator_proved(void **state) {
    struct fixture *f = *state;
    kt_test_job_backlog(&f->job, 0, 100000, -200);
    f->job.operators[0].selectivity = 1.5;
    KT_SET(&f->job.operators[0], KT_OPEV_SELECTIVITY);
    assert_kept(assess(f)[1], KEPT_UP, 1000);
}

static void the_clamp_moves_only_what_contradicts_the_proof(void **state) {
    (void)state;
    assert_near(kt_keep_up_clamp(90, 100, KT_KEEP_UP_KEPT_UP), 100 * exp(0.002), 1e-12);
    assert_near(kt_keep_up_clamp(110, 100, KT_KEEP_UP_FELL_BEHIND), 100 * exp(-0.002), 1e-12);
    assert_true(kt_keep_up_clamp(110, 100, KT_KEEP_UP_KEPT_UP) == 110);
    assert_true(kt_keep_up_clamp(90, 100, KT_KEEP_UP_FELL_BEHIND) == 90);
    assert_true(kt_keep_up_clamp(90, 100, KT_KEEP_UP_UNKNOWN) == 90);
    assert_true(kt_keep_up_clamp(90, 0, KT_KEEP_UP_FELL_BEHIND) == 90);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_job_without_backpressure_or_backlog_keeps_up),
        T(the_operator_that_works_all_the_time_fell_behind_of_what_arrives),
        T(a_backlog_that_grows_within_the_tolerance_is_no_shortfall),
        T(a_backlog_that_stands_still_while_its_source_is_held_back_proves_nothing),
        T(a_growing_backlog_of_a_job_with_time_left_is_no_shortfall),
        T(a_job_that_drains_a_backlog_keeps_up_with_what_arrives),
        T(a_source_may_be_what_is_too_slow),
        T(who_is_held_back_a_little_is_not_taken_for_the_one_that_holds),
        T(under_skew_the_busiest_subtask_shows_who_holds_the_job_up),
        T(only_operators_below_the_source_that_falls_behind_are_suspected),
        T(without_a_backlog_backpressure_stands_in_and_the_load_is_unknown),
        T(a_job_that_tells_neither_backlog_nor_backpressure_proves_nothing),
        T(a_wrong_ratio_does_not_raise_what_an_operator_proved),
        T(the_clamp_moves_only_what_contradicts_the_proof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
