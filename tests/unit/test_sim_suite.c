/* SPDX-License-Identifier: GPL-3.0-or-later
 * The suites are what they say: optima and units of the paper, Q1's curve by its measurements, two
 * hours of rates, one difficulty per scenario; and a study records and tells what it runs. */
#include "ops/csv.h"
#include "ops/sim_suite.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void make(const char *name, uint64_t seed, struct kt_sim_suite *suite) {
    struct kt_error error;
    if (kt_sim_suite_make(name, seed, suite, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
}

/* Optimal cores of the scaled operators at so many units of load. */
static int optimal_cores(const struct kt_sim_spec *spec, double units) {
    double rates[KT_SIM_OPERATORS_MAX] = {0}, lambda[KT_SIM_OPERATORS_MAX];
    int optimum[KT_SIM_OPERATORS_MAX];
    for (int i = 0; i < spec->count; i++) {
        rates[i] = spec->operators[i].unit_rate * units;
    }
    kt_sim_optimum(spec, rates, 0, lambda, optimum);
    int cores = 0;
    for (int i = 0; i < spec->count; i++) {
        cores += spec->operators[i].scaled ? optimum[i] : 0;
    }
    return cores;
}

static void the_papers_jobs_have_the_papers_units_and_optima(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double units[2]; /* of its sources */
        int cores;       /* at 10 units */
    } expected[] = {{"WordCount", {100e3}, 13}, {"Q1", {700e3}, 25}, {"Q2", {900e3}, 23},
                    {"Q3", {200e3, 40e3}, 18},  {"Q5", {80e3}, 22},  {"Q8", {100e3, 60e3}, 10}};
    struct kt_sim_suite suite;
    make("paper", 1, &suite);
    assert_int_equal(suite.scenarios_count, 6);
    for (int i = 0; i < 6; i++) {
        const struct kt_sim_scenario *scenario = &suite.scenarios[i];
        assert_string_equal(scenario->name, expected[i].name);
        assert_int_equal(optimal_cores(scenario->spec, 10), expected[i].cores);
        assert_int_equal(scenario->max_parallelism, 90);
        assert_int_equal(scenario->spec->restart_ms, 60000);
        assert_true(fabs(scenario->spec->noise - 0.015) < 1e-12);
        int sources = 0;
        for (int k = 0; k < scenario->spec->count; k++) {
            if (scenario->spec->operators[k].inputs_count == 0) {
                assert_false(scenario->spec->operators[k].scaled);
                assert_true(fabs(scenario->spec->operators[k].unit_rate -
                                 expected[i].units[sources++]) < 1e-6);
            }
        }
    }
    kt_sim_suite_free(&suite);
}

/* Σ (PA(p) − y)² over the measurements. */
static double squares(const struct kt_sim_curve *curve) {
    struct kt_csv *csv;
    struct kt_error error;
    assert_int_equal(kt_csv_open(KT_FIXTURES "/nexmark-q1-mapper.csv", &csv, &error), KT_ERR_OK);
    double sum = 0;
    while (kt_csv_next(csv, &error) == KT_ERR_OK) {
        int64_t p;
        double y;
        assert_int_equal(
            kt_csv_integer(csv, kt_csv_column(csv, "parallelism"), 1, 1000, &p, &error), KT_ERR_OK);
        assert_int_equal(
            kt_csv_number(csv, kt_csv_column(csv, "processing_ability"), 0, 1e12, &y, &error),
            KT_ERR_OK);
        const double d = kt_sim_curve_at(curve, (int)p) - y;
        sum += d * d;
    }
    kt_csv_close(csv);
    return sum;
}

static void q1_has_the_curve_that_fits_its_measurements_best(void **state) {
    (void)state;
    struct kt_sim_suite suite;
    make("paper", 1, &suite);
    const struct kt_sim_curve best = suite.scenarios[1].spec->operators[1].curve;
    const double least = squares(&best);
    for (int direction = -1; direction <= 1; direction += 2) {
        struct kt_sim_curve curve = best;
        curve.gamma *= 1 + 0.002 * direction;
        assert_true(squares(&curve) > least);
        curve = best;
        curve.sigma *= 1 + 0.005 * direction;
        assert_true(squares(&curve) > least);
    }
    struct kt_sim_curve coherent = best;
    coherent.kappa = 1e-6;
    assert_true(squares(&coherent) > least);
    kt_sim_suite_free(&suite);
}

static void real_workloads_are_two_hours_of_minutes(void **state) {
    (void)state;
    struct kt_sim_suite suite;
    make("real", 1, &suite);
    assert_int_equal(suite.scenarios_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(suite.scenarios[i].levels_count, 120);
        for (int m = 0; m < 120; m++) {
            assert_int_equal(suite.scenarios[i].levels[m].duration_ms, 60000);
            assert_true(suite.scenarios[i].levels[m].rate[0] > 0);
        }
    }
    /* The first and the highest rate of the ETL job. */
    const struct kt_sim_level *etl = suite.scenarios[0].levels;
    assert_true(fabs(etl[0].rate[0] - 34.216666666666676) < 1e-9);
    assert_true(fabs(etl[22].rate[0] - 53.13333333333333) < 1e-9);
    kt_sim_suite_free(&suite);
}

static void generated_rates_follow_the_seed_and_the_etl_jobs_do_not(void **state) {
    (void)state;
    struct kt_sim_suite one, same, other;
    make("real", 1, &one);
    make("real", 1, &same);
    make("real", 2, &other);
    const size_t bytes = 120 * sizeof(struct kt_sim_level);
    for (int i = 0; i < 3; i++) {
        assert_memory_equal(one.scenarios[i].levels, same.scenarios[i].levels, bytes);
    }
    assert_memory_equal(one.scenarios[0].levels, other.scenarios[0].levels, bytes);
    assert_memory_not_equal(one.scenarios[1].levels, other.scenarios[1].levels, bytes);
    assert_memory_not_equal(one.scenarios[2].levels, other.scenarios[2].levels, bytes);
    kt_sim_suite_free(&one);
    kt_sim_suite_free(&same);
    kt_sim_suite_free(&other);
}

static void every_stress_scenario_has_a_name_and_an_optimum_within_its_cluster(void **state) {
    (void)state;
    struct kt_sim_suite suite;
    make("stress", 1, &suite);
    assert_int_equal(suite.scenarios_count, 20);
    for (int i = 0; i < suite.scenarios_count; i++) {
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(suite.scenarios[i].name, suite.scenarios[k].name);
        }
        assert_non_null(suite.scenarios[i].what);
        assert_int_equal(suite.scenarios[i].max_parallelism, 64);
        const int cores = optimal_cores(suite.scenarios[i].spec, 10);
        if (cores < 10 || cores > 70) {
            fail_msg("%s: %d cores", suite.scenarios[i].name, cores);
        }
    }
    kt_sim_suite_free(&suite);
}

/* ---- a study --------------------------------------------------------------------------------- */

#define RUNS 4

/* What was heard of one run. */
struct heard {
    int commands;
    int rescales;
    int views;
    int ended;
};

static enum kt_err hear(void *ctx, const struct kt_rescale_command *command,
                        struct kt_error *error) {
    (void)error;
    struct heard *heard = ctx;
    heard->commands++;
    heard->rescales += command->kind == KT_COMMAND_RESCALE && command->evidence.operators.count > 0;
    return KT_ERR_OK;
}

static enum kt_err see(void *ctx, const struct kt_sim_view *view, struct kt_error *error) {
    (void)view;
    (void)error;
    struct heard *heard = ctx;
    heard->views++;
    return KT_ERR_OK;
}

static enum kt_err begin(void *ctx, const struct kt_sim_task *task,
                         struct kt_sim_listener *listener, struct kt_error *error) {
    (void)error;
    struct heard *runs = ctx;
    *listener = (struct kt_sim_listener){
        .ctx = &runs[task->method * 2 + task->permutation], .command = hear, .view = see};
    return KT_ERR_OK;
}

static void end(void *ctx, struct kt_sim_listener *listener) {
    (void)ctx;
    struct heard *heard = listener->ctx;
    heard->ended++;
}

/* Two methods on Q1, two permutations, recorded and listened to. */
struct fixture {
    struct kt_sim_suite suite;
    struct kt_sim_methods methods;
    struct kt_sim_results results;
    struct heard heard[RUNS];
    struct kt_sim_study study;
};

static int run_study(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make("paper", 1, &f->suite);
    struct kt_error error;
    const struct kt_sim_method_base base = {.config_path = NULL};
    assert_int_equal(kt_sim_methods_add(&f->methods, "conttune, ds2", &base, &error), KT_ERR_OK);
    f->study = (struct kt_sim_study){.scenarios = &f->suite.scenarios[1],
                                     .scenarios_count = 1,
                                     .methods = &f->methods,
                                     .permutations = 2,
                                     .seed = 3,
                                     .noise = -1,
                                     .threads = 2,
                                     .traced = true,
                                     .begin = begin,
                                     .end = end,
                                     .listen_ctx = f->heard};
    if (kt_sim_study_run(&f->study, &f->results, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    *state = f;
    return 0;
}

static int free_study(void **state) {
    struct fixture *f = *state;
    kt_sim_results_free(&f->results);
    kt_sim_methods_free(&f->methods);
    kt_sim_suite_free(&f->suite);
    free(f);
    return 0;
}

static void a_listener_hears_every_command_of_its_run(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < RUNS; i++) {
        assert_true(f->heard[i].commands > f->heard[i].rescales);
        assert_int_equal(f->heard[i].rescales, f->results.scores[i].reconfigurations);
        assert_true(f->heard[i].views > f->results.scores[i].windows);
        assert_int_equal(f->heard[i].ended, 1);
    }
}

static void a_record_holds_time_changes_observations_and_truth(void **state) {
    struct fixture *f = *state;
    for (int method = 0; method < 2; method++) {
        const struct kt_sim_trace *trace = kt_sim_results_trace(&f->results, 0, method);
        assert_string_equal(trace->job, "Q1");
        assert_string_equal(trace->method, f->methods.items[method].label);
        assert_int_equal(trace->changes_count, f->results.scores[2 * method].reconfigurations);
        assert_true(trace->ticks_count > 100);
        int changes = 0;
        for (size_t t = 1; t < trace->ticks_count; t++) {
            assert_true(trace->ticks[t].second > trace->ticks[t - 1].second);
            changes +=
                trace->cells[2 * t + 1].parallelism != trace->cells[2 * (t - 1) + 1].parallelism;
        }
        assert_true(changes <= (int)trace->changes_count);
        assert_true(changes >= (int)trace->changes_count - 1);
        const struct kt_sim_trace_operator *op = &trace->operators[1];
        assert_true(op->observations_count >= 20);
        assert_true(op->truth_count >= 25);
        assert_true(op->truth[24] >= 7e6 && op->truth[23] < 7e6);
    }
}

static void a_record_has_the_beliefs_of_a_method_with_a_surrogate(void **state) {
    struct fixture *f = *state;
    const struct kt_sim_trace_operator *with =
        &kt_sim_results_trace(&f->results, 0, 0)->operators[1];
    const struct kt_sim_trace_operator *without =
        &kt_sim_results_trace(&f->results, 0, 1)->operators[1];
    assert_int_equal(without->beliefs_count, 0);
    assert_true(with->beliefs_count >= 16);
    assert_true(with->decided_lambda > 0);
    for (size_t i = 0; i < with->beliefs_count; i++) {
        assert_int_equal(with->beliefs[i].parallelism, i + 1);
        assert_true(with->beliefs[i].lower <= with->beliefs[i].mean);
        assert_true(with->beliefs[i].upper >= with->beliefs[i].mean);
    }
    /* Where it was observed, it is right. */
    const int p = with->observations[with->observations_count - 1].parallelism;
    assert_true(fabs(with->beliefs[p - 1].mean / with->truth[p - 1] - 1) < 0.05);
}

static void means_are_over_the_permutations(void **state) {
    struct fixture *f = *state;
    const struct kt_sim_score *scores = f->results.scores;
    const struct kt_sim_mean mean = kt_sim_results_mean(&f->results, &f->study, 0, 0);
    const double a = scores[0].reconfigurations, b = scores[1].reconfigurations;
    assert_true(fabs(mean.reconfigurations - (a + b) / 2) < 1e-12);
    assert_true(fabs(mean.per_tuning - (a + b) / 40) < 1e-12);
    assert_true(fabs(mean.per_tuning_error - fabs(a - b) / 40) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_papers_jobs_have_the_papers_units_and_optima),
        cmocka_unit_test(q1_has_the_curve_that_fits_its_measurements_best),
        cmocka_unit_test(real_workloads_are_two_hours_of_minutes),
        cmocka_unit_test(generated_rates_follow_the_seed_and_the_etl_jobs_do_not),
        cmocka_unit_test(every_stress_scenario_has_a_name_and_an_optimum_within_its_cluster),
    };
    const struct CMUnitTest of_a_study[] = {
        cmocka_unit_test(a_listener_hears_every_command_of_its_run),
        cmocka_unit_test(a_record_holds_time_changes_observations_and_truth),
        cmocka_unit_test(a_record_has_the_beliefs_of_a_method_with_a_surrogate),
        cmocka_unit_test(means_are_over_the_permutations),
    };
    const int failed = cmocka_run_group_tests_name("suites", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("a study", of_a_study, run_study, free_study);
}
