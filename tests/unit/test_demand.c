/* SPDX-License-Identifier: GPL-3.0-or-later
 * λ from what arrives at the sources, and the ratios that carry it down the graph. */
#include "model/demand.h"
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

/* op0 (a source) → op1 → op2; op1 sends half of what it receives. */
static int setup(void **state) {
    static struct fixture f;
    kt_test_job_init(&f.job, 3);
    kt_test_job_measure(&f.job, 0, 1000, 0.5);
    kt_test_job_measure(&f.job, 1, 1000, 0.5);
    f.job.operators[1].rate_out_per_s = 500;
    kt_test_job_measure(&f.job, 2, 500, 0.5);
    kt_arena_init(&f.arena, 65536, 1 << 20);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kt_arena_free(&f->arena);
    return 0;
}

static const double *demand(struct fixture *f, bool expected_complete) {
    struct kt_topology topology;
    double *lambda = NULL;
    bool complete = !expected_complete;
    assert_int_equal(kt_topology_build(&f->job.evidence, &f->arena, &topology, NULL), KT_ERR_OK);
    assert_int_equal(
        kt_demand_from_sources(&f->job.evidence, &topology, &f->arena, &lambda, &complete, NULL),
        KT_ERR_OK);
    assert_int_equal(complete, expected_complete);
    return lambda;
}

#define assert_lambda(lambda, a, b, c)                                                             \
    do {                                                                                           \
        const double *of = (lambda);                                                               \
        assert_near(of[0], a, 1e-9);                                                               \
        assert_near(of[1], b, 1e-9);                                                               \
        assert_near(of[2], c, 1e-9);                                                               \
    } while (0)

static void learn(struct fixture *f, size_t i, double selectivity, double input_ratio) {
    f->job.operators[i].selectivity = selectivity;
    f->job.operators[i].input_ratio = input_ratio;
    KT_SET(&f->job.operators[i], KT_OPEV_SELECTIVITY);
    KT_SET(&f->job.operators[i], KT_OPEV_INPUT_RATIO);
}

static void what_is_received_is_the_demand_while_nothing_hides_it(void **state) {
    assert_lambda(demand(*state, true), 1000, 1000, 500);
}

/* op2 received one burst of op1 in this window, and two in others. */
static void learned_ratios_see_through_bursts(void **state) {
    struct fixture *f = *state;
    kt_test_job_measure(&f->job, 2, 375, 0.5);
    f->job.operators[1].rate_out_per_s = 375;
    learn(f, 0, 1, 1);
    learn(f, 1, 0.5, 1);
    learn(f, 2, 1, 1);
    assert_lambda(demand(f, true), 1000, 1000, 500);
}

static void the_growth_of_a_backlog_is_carried_down_by_the_ratios_of_the_window(void **state) {
    struct fixture *f = *state;
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_backlog(&f->job, 0, 30000, 500);
    assert_lambda(demand(f, true), 1500, 1500, 750);
}

static void learned_ratios_go_before_those_of_the_window(void **state) {
    struct fixture *f = *state;
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_backlog(&f->job, 0, 30000, 500);
    learn(f, 0, 1, 1);
    learn(f, 1, 0.4, 2); /* each record reaches it twice */
    learn(f, 2, 1, 1);
    assert_lambda(demand(f, true), 1500, 3000, 1200);
}

static void joins_add_up_and_a_second_edge_counts_twice(void **state) {
    struct fixture *f = *state;
    kt_test_job_init(&f->job, 3); /* op0 and op1 → op2, and op0 → op2 once more */
    f->job.operators[1].is_source = true;
    f->job.operators[1].inputs.count = 0;
    kt_test_job_edge(&f->job, 0, 2);
    kt_test_job_edge(&f->job, 0, 2);
    kt_test_job_measure(&f->job, 0, 100, 0.5);
    kt_test_job_measure(&f->job, 1, 300, 0.5);
    kt_test_job_measure(&f->job, 2, 500, 1);
    kt_test_job_backlog(&f->job, 0, 0, 50);
    kt_test_job_backlog(&f->job, 1, 0, 0);
    assert_lambda(demand(f, true), 150, 300, 600);
}

static void a_backlog_that_shrinks_is_not_demand(void **state) {
    struct fixture *f = *state;
    kt_test_job_backlog(&f->job, 0, 1e6, -400);
    assert_lambda(demand(f, true), 600, 600, 300);
    kt_test_job_backlog(&f->job, 0, 1e6, -4000); /* faster than it is read: other clocks */
    assert_lambda(demand(f, true), 0, 0, 0);
}

static void growth_within_the_tolerance_counts_as_none(void **state) {
    struct fixture *f = *state;
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_backlog(&f->job, 0, 1e6, 10);
    assert_lambda(demand(f, true), 1000, 1000, 500);
}

static const double *guess(struct fixture *f, enum kt_guess first) {
    struct kt_topology topology;
    double *lambda = NULL;
    bool complete = false;
    assert_int_equal(kt_topology_build(&f->job.evidence, &f->arena, &topology, NULL), KT_ERR_OK);
    assert_int_equal(
        kt_demand_guess(&f->job.evidence, &topology, first, &f->arena, &lambda, &complete, NULL),
        KT_ERR_OK);
    assert_true(complete);
    return lambda;
}

static void a_guess_takes_what_was_decided_on_then_the_most_that_showed(void **state) {
    struct fixture *f = *state;
    kt_test_job_backpressure(&f->job, 0, 0.5);
    assert_lambda(guess(f, KT_GUESS_DECIDED), 2000, 2000, 1000);
    struct kt_operator_evidence *source = &f->job.operators[0];
    source->lambda_peak = 5000;
    KT_SET(source, KT_OPEV_LAMBDA_PEAK);
    assert_lambda(guess(f, KT_GUESS_DECIDED), 5000, 5000, 2500);
    source->lambda_decided = 1020; /* not even that passes */
    KT_SET(source, KT_OPEV_LAMBDA_DECIDED);
    assert_lambda(guess(f, KT_GUESS_DECIDED), 1020, 1020, 510);
    assert_lambda(guess(f, KT_GUESS_MOST), 5000, 5000, 2500);
    source->lambda_decided = 900; /* that passes: it is more now */
    assert_lambda(guess(f, KT_GUESS_DECIDED), 5000, 5000, 2500);
}

static void what_is_not_hidden_is_not_guessed(void **state) {
    struct fixture *f = *state;
    assert_lambda(guess(f, KT_GUESS_DECIDED), 1000, 1000, 500);
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_backlog(&f->job, 0, 30000, 500);
    assert_lambda(guess(f, KT_GUESS_MOST), 1500, 1500, 750);
}

static void backpressure_without_a_backlog_leaves_the_demand_unknown(void **state) {
    struct fixture *f = *state;
    kt_test_job_backpressure(&f->job, 0, 0.5);
    const double *lambda = demand(f, false);
    for (size_t i = 0; i < 3; i++) {
        assert_true(lambda[i] == KT_DEMAND_UNKNOWN);
    }
}

static void who_cannot_be_scaled_need_not_be_known(void **state) {
    struct fixture *f = *state;
    kt_test_job_backpressure(&f->job, 0, 0.5);
    for (size_t i = 0; i < 3; i++) {
        f->job.operators[i].pinned = 1;
        KT_SET(&f->job.operators[i], KT_OPEV_PINNED);
    }
    demand(f, true);
}

static void backpressure_below_a_source_that_is_free_hides_nothing(void **state) {
    struct fixture *f = *state;
    kt_test_job_backpressure(&f->job, 1, 0.5);
    assert_lambda(demand(f, true), 1000, 1000, 500);
}

static void without_a_graph_backpressure_hides_what_is_not_a_source(void **state) {
    struct fixture *f = *state;
    f->job.operators[1].inputs.count = 0;
    f->job.operators[2].inputs.count = 0;
    assert_lambda(demand(f, true), 1000, 1000, 500);
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_backlog(&f->job, 0, 30000, 500);
    assert_true(demand(f, false)[1] == KT_DEMAND_UNKNOWN);
}

static void an_operator_that_received_nothing_yet_hides_what_is_below_it(void **state) {
    struct fixture *f = *state;
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_backlog(&f->job, 0, 30000, 500);
    kt_test_job_measure(&f->job, 1, 0, 0);
    const double *lambda = demand(f, false);
    assert_true(lambda[2] == KT_DEMAND_UNKNOWN);
}

/* The source misses as much again as it emits. op2 takes more than the ratios allow for. */
static void who_is_overrun_has_more_to_do_than_was_learned(void **state) {
    struct fixture *f = *state;
    learn(f, 1, 0.2, 1);
    learn(f, 2, 1, 1);
    kt_test_job_backpressure(&f->job, 0, 0.5);
    kt_test_job_backpressure(&f->job, 1, 0.5);
    kt_test_job_backlog(&f->job, 0, 30000, 1000);
    kt_test_job_measure(&f->job, 2, 500, 1);
    assert_lambda(demand(f, true), 2000, 2000, 1000);
    kt_test_job_measure(&f->job, 2, 500, 0.6); /* it has time left */
    assert_lambda(demand(f, true), 2000, 2000, 400);
    kt_test_job_measure(&f->job, 2, 399, 1); /* no contradiction */
    assert_lambda(demand(f, true), 2000, 2000, 400);
}

/* ---- ratios ---- */

static struct kt_ratio learn_all(const double (*windows)[2], size_t count) {
    struct kt_ratio ratio = {0, 0, 0};
    for (size_t i = 0; i < count; i++) {
        ratio = kt_ratio_learn(ratio, windows[i][0], windows[i][1]);
    }
    return ratio;
}

static void the_first_windows_count_by_their_records(void **state) {
    (void)state;
    const double windows[][2] = {{1, 10}, {90, 100}, {0, 5}};
    const struct kt_ratio ratio = learn_all(windows, 3);
    assert_near(ratio.value, 91.0 / 115, 1e-12);
    assert_near(ratio.base_per_s, 115.0 / 3, 1e-12);
    assert_int_equal(ratio.windows, 3);
}

/* A windowed operator sends at the end of its window; a part of it arrives in the next of ours, in
 * which it sends nothing. */
static void a_burst_that_arrives_a_window_late_is_learned_as_one(void **state) {
    (void)state;
    const double windows[][2] = {{100, 1000}, {900, 0}, {100, 1000}, {900, 0}};
    assert_near(learn_all(windows, 4).value, 1, 1e-12);
}

static void an_operator_that_has_not_emitted_yet_is_learned_when_it_does(void **state) {
    (void)state;
    const double windows[][2] = {{0, 1000}, {0, 1000}, {900, 1000}, {1100, 1000}};
    const struct kt_ratio ratio = learn_all(windows, 4);
    assert_near(ratio.value, 1, 1e-12);
    assert_int_equal(ratio.windows, 2);
}

static void old_windows_are_forgotten(void **state) {
    (void)state;
    struct kt_ratio ratio = {0, 0, 0};
    for (int i = 0; i < 100; i++) {
        ratio = kt_ratio_learn(ratio, 50, 100);
    }
    assert_near(ratio.value, 0.5, 1e-12);
    assert_int_equal(ratio.windows, KT_RATIO_WINDOWS_MAX);
    ratio = kt_ratio_learn(ratio, 150, 100);
    assert_near(ratio.value, 0.5 + 1.0 / KT_RATIO_WINDOWS_MAX, 1e-12);
    for (int i = 0; i < 5 * KT_RATIO_WINDOWS_MAX; i++) {
        ratio = kt_ratio_learn(ratio, 150, 100);
    }
    assert_near(ratio.value, 1.5, 0.02);
}

static void what_is_no_ratio_teaches_nothing(void **state) {
    (void)state;
    const struct kt_ratio none = {0, 0, 0};
    assert_int_equal(kt_ratio_learn(none, 5, 0).windows, 0);
    assert_int_equal(kt_ratio_learn(none, NAN, 1).windows, 0);
    assert_int_equal(kt_ratio_learn(none, 1, INFINITY).windows, 0);
    assert_int_equal(kt_ratio_learn(none, -1, 1).windows, 0);
    assert_int_equal(kt_ratio_learn(none, 1e18, 1e-300).windows, 0);
    assert_true(kt_ratio_learn(none, 0, 1).windows == 1); /* a sink sends nothing */
}

/* ---- another load ---- */

static void a_load_is_another_one_when_a_source_says_so(void **state) {
    struct fixture *f = *state;
    struct kt_operator_decision decisions[3] = {{.lambda = 1000}, {.lambda = 1000}, {.lambda = 1}};
    assert_false(kt_demand_is_new(&f->job.evidence, decisions, 3)); /* no λ is known */
    for (size_t i = 0; i < 3; i++) {
        KT_SET(&decisions[i], KT_OPDEC_LAMBDA);
    }
    assert_true(kt_demand_is_new(&f->job.evidence, decisions, 3)); /* never decided on */
    for (size_t i = 0; i < 3; i++) {
        f->job.operators[i].lambda_decided = 1000;
        KT_SET(&f->job.operators[i], KT_OPEV_LAMBDA_DECIDED);
    }
    decisions[0].lambda = 1079;
    assert_false(kt_demand_is_new(&f->job.evidence, decisions, 3)); /* op2's bursts do not count */
    decisions[0].lambda = 1081;
    assert_true(kt_demand_is_new(&f->job.evidence, decisions, 3));
    decisions[0].lambda = 919;
    assert_true(kt_demand_is_new(&f->job.evidence, decisions, 3));
    KT_CLEAR(&decisions[0], KT_OPDEC_LAMBDA);
    assert_true(kt_demand_is_new(&f->job.evidence, decisions, 3)); /* no source: any operator */
}

static double *level(struct fixture *f, double **noise) {
    struct kt_topology topology;
    double *lambda = NULL;
    bool complete = false;
    assert_int_equal(kt_topology_build(&f->job.evidence, &f->arena, &topology, NULL), KT_ERR_OK);
    assert_int_equal(
        kt_demand_from_sources(&f->job.evidence, &topology, &f->arena, &lambda, &complete, NULL),
        KT_ERR_OK);
    assert_int_equal(kt_demand_level(&f->job.evidence, &topology, &f->arena, lambda, noise, NULL),
                     KT_ERR_OK);
    return lambda;
}

static void the_level_of_a_load_is_carried_down_with_its_noise(void **state) {
    struct fixture *f = *state;
    static double loads[] = {930, 1080, 1120, 900, 1010, 1090, 940, 890, 1100, 980, 1060, 1000};
    double *noise = NULL;
    assert_lambda(level(f, &noise), 1000, 1000, 500);
    assert_true(noise[0] == 0 && noise[1] == 0 && noise[2] == 0);
    f->job.operators[0].loads_per_s.items = loads;
    f->job.operators[0].loads_per_s.count = sizeof loads / sizeof loads[0];
    const double *lambda = level(f, &noise);
    assert_near(lambda[0], 1020, 40);
    assert_lambda(lambda, lambda[0], lambda[0], lambda[0] / 2);
    assert_near(noise[0], 0.09, 0.04);
    assert_true(noise[1] == noise[0] && noise[2] == noise[0]);
}

/* The same difference, of a load that holds still and of one that fluctuates. */
static void a_fluctuation_is_not_another_load(void **state) {
    struct fixture *f = *state;
    static double loads[] = {800,  1250, 900, 1200, 850,  1300, 950, 780,
                             1220, 1000, 810, 1190, 1260, 870,  1100};
    struct kt_operator_decision decisions[3] = {{.lambda = 1100}};
    KT_SET(&decisions[0], KT_OPDEC_LAMBDA);
    f->job.operators[0].lambda_decided = 1000;
    KT_SET(&f->job.operators[0], KT_OPEV_LAMBDA_DECIDED);
    assert_true(kt_demand_is_new(&f->job.evidence, decisions, 3));
    f->job.operators[0].loads_per_s.items = loads;
    f->job.operators[0].loads_per_s.count = sizeof loads / sizeof loads[0];
    assert_false(kt_demand_is_new(&f->job.evidence, decisions, 3));
    decisions[0].lambda = 1600;
    assert_true(kt_demand_is_new(&f->job.evidence, decisions, 3));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(what_is_received_is_the_demand_while_nothing_hides_it),
        T(learned_ratios_see_through_bursts),
        T(the_growth_of_a_backlog_is_carried_down_by_the_ratios_of_the_window),
        T(learned_ratios_go_before_those_of_the_window),
        T(joins_add_up_and_a_second_edge_counts_twice),
        T(a_backlog_that_shrinks_is_not_demand),
        T(growth_within_the_tolerance_counts_as_none),
        T(a_guess_takes_what_was_decided_on_then_the_most_that_showed),
        T(what_is_not_hidden_is_not_guessed),
        T(backpressure_without_a_backlog_leaves_the_demand_unknown),
        T(who_cannot_be_scaled_need_not_be_known),
        T(backpressure_below_a_source_that_is_free_hides_nothing),
        T(without_a_graph_backpressure_hides_what_is_not_a_source),
        T(an_operator_that_received_nothing_yet_hides_what_is_below_it),
        T(who_is_overrun_has_more_to_do_than_was_learned),
        T(the_first_windows_count_by_their_records),
        T(an_operator_that_has_not_emitted_yet_is_learned_when_it_does),
        T(a_burst_that_arrives_a_window_late_is_learned_as_one),
        T(old_windows_are_forgotten),
        T(what_is_no_ratio_teaches_nothing),
        T(a_load_is_another_one_when_a_source_says_so),
        T(the_level_of_a_load_is_carried_down_with_its_noise),
        T(a_fluctuation_is_not_another_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
