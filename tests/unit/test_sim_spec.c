/* SPDX-License-Identifier: GPL-3.0-or-later
 * The truth of a simulated job: curves, drift, skew, and what a load needs. */
#include "ops/sim_spec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void equal(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-12 * fabs(expected))) {
        fail_msg("expected %.15g, got %.15g", expected, got);
    }
}

static void a_usl_curve_bends_and_turns(void **state) {
    (void)state;
    const struct kt_sim_curve curve = {.gamma = 100, .sigma = 0.05, .kappa = 0.001};
    equal(kt_sim_curve_at(&curve, 1), 100);
    equal(kt_sim_curve_at(&curve, 10), 100.0 * 10 / (1 + 0.05 * 9 + 0.001 * 90));
    assert_true(kt_sim_curve_at(&curve, 100) < kt_sim_curve_at(&curve, 30));
}

static const struct kt_sim_curve table = {
    .kind = KT_SIM_TABLE, .points = 3, .table = {{2, 100}, {4, 180}, {8, 200}}};

static void a_table_is_proportional_then_linear_then_constant(void **state) {
    (void)state;
    equal(kt_sim_curve_at(&table, 1), 50);
    equal(kt_sim_curve_at(&table, 2), 100);
    equal(kt_sim_curve_at(&table, 3), 140);
    equal(kt_sim_curve_at(&table, 5), 185);
    equal(kt_sim_curve_at(&table, 8), 200);
    equal(kt_sim_curve_at(&table, 50), 200);
}

static void key_groups_make_steps(void **state) {
    (void)state;
    const struct kt_sim_curve curve = {.gamma = 10, .key_groups = 12};
    equal(kt_sim_curve_at(&curve, 4), 40);
    equal(kt_sim_curve_at(&curve, 5), 40); /* the busiest still has 3 of 12 */
    equal(kt_sim_curve_at(&curve, 6), 60);
    equal(kt_sim_curve_at(&curve, 11), 60);
    equal(kt_sim_curve_at(&curve, 12), 120);
    equal(kt_sim_curve_at(&curve, 30), 120);
    struct kt_sim_curve stepped = table;
    stepped.key_groups = 4;
    equal(kt_sim_curve_at(&stepped, 3), 140.0 * 2 / 3);
}

static void a_plateau_adds_nothing(void **state) {
    (void)state;
    const struct kt_sim_curve curve = {.gamma = 10, .sigma = 0.1, .plateau = 6};
    equal(kt_sim_curve_at(&curve, 7), kt_sim_curve_at(&curve, 6));
    equal(kt_sim_curve_at(&curve, 1000), kt_sim_curve_at(&curve, 6));
    struct kt_sim_curve limited = table;
    limited.plateau = 3;
    equal(kt_sim_curve_at(&limited, 8), 140);
}

static void drift_comes_as_a_step_or_a_ramp(void **state) {
    (void)state;
    const struct kt_sim_drift none = {0}, step = {.second = 60, .factor = 0.8},
                              slow = {.second = 60, .factor = 0.5, .ramp_s = 100};
    equal(kt_sim_drift_at(&none, 1e6), 1);
    equal(kt_sim_drift_at(&step, 59.9), 1);
    equal(kt_sim_drift_at(&step, 60), 0.8);
    equal(kt_sim_drift_at(&slow, 60), 1);
    equal(kt_sim_drift_at(&slow, 110), 0.75);
    equal(kt_sim_drift_at(&slow, 1000), 0.5);
}

/* Two sources that join, the second one unscaled; what the join keeps is aggregated. */
static const struct kt_sim_spec graph = {
    .operators =
        {{.scaled = true, .selectivity = 0.5, .curve = {.gamma = 500}, .max_parallelism = 4},
         {.selectivity = 1, .max_parallelism = 1},
         {.inputs = {0, 1},
          .inputs_count = 2,
          .scaled = true,
          .selectivity = 0.1,
          .curve = {.gamma = 100},
          .skew = 0.5,
          .max_parallelism = 64},
         {.inputs = {2},
          .inputs_count = 1,
          .scaled = true,
          .selectivity = 1,
          .curve = {.gamma = 20, .sigma = 0.1, .kappa = 0.05},
          .max_parallelism = 64}},
    .count = 4,
    .drift = {.second = 600, .factor = 0.5},
};

static void skew_limits_what_more_than_one_subtask_can_take(void **state) {
    (void)state;
    equal(kt_sim_ability(&graph, 2, 1, 0), 100);
    equal(kt_sim_ability(&graph, 2, 3, 0), 200);
    equal(kt_sim_ability(&graph, 2, 3, 600), 100);
    const struct kt_sim_operator hot = {.skew = 3};
    equal(kt_sim_busiest(&hot, 1), 1);
    equal(kt_sim_busiest(&hot, 2), 2); /* it has all */
    equal(kt_sim_busiest(&hot, 8), 4);
}

static void an_unscaled_source_takes_anything(void **state) {
    (void)state;
    assert_true(isinf(kt_sim_ability(&graph, 1, 1, 0)));
}

static void the_optimum_follows_rates_selectivities_and_time(void **state) {
    (void)state;
    double lambda[4];
    int parallelism[4];
    kt_sim_optimum(&graph, (double[4]){800, 200}, 0, lambda, parallelism);
    equal(lambda[0], 800);
    equal(lambda[1], 200);
    equal(lambda[2], 600);
    equal(lambda[3], 60);
    assert_int_equal(parallelism[0], 2);
    assert_int_equal(parallelism[1], 1);
    assert_int_equal(parallelism[2], 9); /* 100 p / 1.5 >= 600 */
    kt_sim_optimum(&graph, (double[4]){800, 200}, 600, lambda, parallelism);
    assert_int_equal(parallelism[0], 4);
    assert_int_equal(parallelism[2], 18);
}

static void out_of_reach_the_optimum_is_the_smallest_of_the_largest_ability(void **state) {
    (void)state;
    double lambda[4];
    int parallelism[4];
    kt_sim_optimum(&graph, (double[4]){1e6, 0}, 0, lambda, parallelism);
    assert_int_equal(parallelism[0], 4);
    assert_int_equal(parallelism[2], 64);
    int best = 1;
    for (int p = 2; p <= 64; p++) {
        best = kt_sim_ability(&graph, 3, p, 0) > kt_sim_ability(&graph, 3, best, 0) ? p : best;
    }
    assert_in_range(best, 2, 10); /* retrograde beyond */
    assert_int_equal(parallelism[3], best);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_usl_curve_bends_and_turns),
        cmocka_unit_test(a_table_is_proportional_then_linear_then_constant),
        cmocka_unit_test(key_groups_make_steps),
        cmocka_unit_test(a_plateau_adds_nothing),
        cmocka_unit_test(drift_comes_as_a_step_or_a_ramp),
        cmocka_unit_test(skew_limits_what_more_than_one_subtask_can_take),
        cmocka_unit_test(an_unscaled_source_takes_anything),
        cmocka_unit_test(the_optimum_follows_rates_selectivities_and_time),
        cmocka_unit_test(out_of_reach_the_optimum_is_the_smallest_of_the_largest_ability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
