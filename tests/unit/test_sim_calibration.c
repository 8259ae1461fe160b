/* SPDX-License-Identifier: GPL-3.0-or-later
 * The calibration of probabilities, by decisions made up about a job of known curve. */
#include "ops/sim_calibration.h"
#include "ops/sim_reliability.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNIT    100.0 /* records/s of one subtask */
#define LAMBDA  650.0 /* as decided with */
#define TRUE    750.0
#define OPTIMUM 8 /* of the true load */

static const struct kt_sim_spec spec = {.cluster = "c",
                                        .job_name = "linear",
                                        .count = 2,
                                        .operators = {{.id = "source",
                                                       .name = "source",
                                                       .selectivity = 1,
                                                       .unit_rate = 1,
                                                       .max_parallelism = 128},
                                                      {.id = "map",
                                                       .name = "map",
                                                       .inputs = {0},
                                                       .inputs_count = 1,
                                                       .selectivity = 1,
                                                       .scaled = true,
                                                       .max_parallelism = 128,
                                                       .curve = {.gamma = UNIT}}}};
static const struct kt_sim_scenario scenario = {.name = "linear", .spec = &spec};

struct rig {
    struct kt_sim_methods methods;
    struct kt_sim_study study;
    struct kt_sim_calibration *calibration;
    struct kt_sim_job *job;
    struct kt_sim_listener listener;
    char label[16];

    double lambda[2];
    int optimum[2];
    struct kt_observation_group groups[2];
    struct kt_history_point history[2];
    struct kt_operator_evidence evidence[2];
    struct kt_operator_decision decisions[2];
    struct kt_rescale_command command;
};

/* Two busy observations of the true curve, at parallelism 2 and 4. */
static void make_command(struct rig *rig) {
    static const int parallelism[2] = {2, 4};
    for (int i = 0; i < 2; i++) {
        const double ability = UNIT * parallelism[i];
        rig->groups[i] = (struct kt_observation_group){.parallelism = parallelism[i],
                                                       .generation = i,
                                                       .window_end_ms = 60000 * (i + 1),
                                                       .observations = 1,
                                                       .ability = ability,
                                                       .weight = 1};
        rig->history[i] = (struct kt_history_point){parallelism[i], ability, 1};
    }
    rig->evidence[0] =
        (struct kt_operator_evidence){.vertex_id = KT_STR("source"), .parallelism = 1};
    rig->evidence[1] = (struct kt_operator_evidence){.vertex_id = KT_STR("map"), .parallelism = 4};
    rig->evidence[1].groups.items = rig->groups;
    rig->evidence[1].groups.count = 2;
    rig->evidence[1].history.items = rig->history;
    rig->evidence[1].history.count = 2;
    rig->decisions[1].lambda = LAMBDA;
    KT_SET(&rig->decisions[1], KT_OPDEC_LAMBDA);
    rig->command.evidence.gate = KT_REASON_STEADY;
    rig->command.evidence.operators.items = rig->evidence;
    rig->command.evidence.operators.count = 2;
    rig->command.operators.items = rig->decisions;
    rig->command.operators.count = 2;
}

static int set_up(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    strcpy(rig->label, "kontune");
    rig->methods.count = 1;
    rig->methods.items[0].label = rig->label;
    rig->study = (struct kt_sim_study){.scenarios = &scenario,
                                       .scenarios_count = 1,
                                       .methods = &rig->methods,
                                       .permutations = 1,
                                       .threads = 1};
    rig->calibration = kt_sim_calibration_new(&rig->study);
    assert_non_null(rig->calibration);
    kt_sim_calibration_listen(rig->calibration, &rig->study);
    struct kt_error error;
    const struct kt_sim_task task = {.scenario = 0};
    assert_int_equal(rig->study.begin(rig->study.listen_ctx, &task, &rig->listener, &error),
                     KT_ERR_OK);
    rig->job = kt_sim_job_new(&spec, 1, 0, NULL);
    assert_non_null(rig->job);
    rig->lambda[1] = TRUE;
    rig->optimum[1] = OPTIMUM;
    const struct kt_sim_view view = {
        .spec = &spec, .job = rig->job, .lambda = rig->lambda, .optimum = rig->optimum};
    assert_int_equal(rig->listener.view(rig->listener.ctx, &view, &error), KT_ERR_OK);
    make_command(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;
    rig->study.end(rig->study.listen_ctx, &rig->listener);
    kt_sim_job_free(rig->job);
    kt_sim_calibration_free(rig->calibration);
    free(rig);
    return 0;
}

static void decide(struct rig *rig) {
    struct kt_error error;
    assert_int_equal(rig->listener.command(rig->listener.ctx, &rig->command, &error), KT_ERR_OK);
}

static int64_t questions(const struct rig *rig, enum kt_sim_asked asked,
                         enum kt_sim_distance distance) {
    const struct kt_sim_reliability sum =
        kt_sim_calibration_sum(rig->calibration, 0, asked, distance);
    return kt_sim_calibration_score(&sum).questions;
}

static void test_both_surrogates_are_asked_up_to_twice_the_optimum(void **state) {
    struct rig *rig = *state;
    decide(rig);
    for (int asked = 0; asked < KT_SIM_ASKED; asked++) {
        assert_int_equal(questions(rig, (enum kt_sim_asked)asked, KT_SIM_OBSERVED), 2);
        assert_int_equal(questions(rig, (enum kt_sim_asked)asked, KT_SIM_NEAR), 5); /* 1 3 5 6 7 */
        assert_int_equal(questions(rig, (enum kt_sim_asked)asked, KT_SIM_FAR), 2 * OPTIMUM - 7);
    }
}

static void test_the_truth_is_the_true_curve_at_both_loads(void **state) {
    struct rig *rig = *state;
    decide(rig);
    int64_t kept_up = 0;
    int64_t kept_up_true = 0;
    for (int d = 0; d < KT_SIM_DISTANCES; d++) {
        const struct kt_sim_reliability sum = kt_sim_calibration_sum(
            rig->calibration, 0, KT_SIM_ASKED_SCALING, (enum kt_sim_distance)d);
        for (int b = 0; b < KT_SIM_BINS; b++) {
            kept_up += sum.bins[b].kept_up;
            kept_up_true += sum.bins[b].kept_up_true;
        }
    }
    assert_int_equal(kept_up, 10);     /* 7 … 16 */
    assert_int_equal(kept_up_true, 9); /* 8 … 16 */
}

static void test_what_was_observed_is_all_but_certain(void **state) {
    struct rig *rig = *state;
    decide(rig);
    const struct kt_sim_reliability sum =
        kt_sim_calibration_sum(rig->calibration, 0, KT_SIM_ASKED_SCALING, KT_SIM_OBSERVED);
    assert_int_equal(sum.bins[0].questions, 2);
    assert_true(kt_sim_calibration_score(&sum).brier < 1e-4);
}

/* The seed's process returns to zero between and beyond what it has seen. */
static void test_scores_tell_a_good_surrogate_from_a_bad_one(void **state) {
    struct rig *rig = *state;
    decide(rig);
    const struct kt_sim_reliability good =
        kt_sim_calibration_sum(rig->calibration, 0, KT_SIM_ASKED_SCALING, KT_SIM_FAR);
    const struct kt_sim_reliability bad =
        kt_sim_calibration_sum(rig->calibration, 0, KT_SIM_ASKED_RBF, KT_SIM_FAR);
    const struct kt_sim_calibration_score of_good = kt_sim_calibration_score(&good);
    const struct kt_sim_calibration_score of_bad = kt_sim_calibration_score(&bad);
    assert_true(of_good.brier < 0.5 * of_bad.brier);
    assert_true(of_good.log_score < 0.5 * of_bad.log_score);
}

static void test_decisions_without_a_valid_window_or_a_load_are_passed_over(void **state) {
    struct rig *rig = *state;
    rig->command.evidence.gate = KT_REASON_RESTARTED;
    decide(rig);
    rig->command.evidence.gate = KT_REASON_STEADY;
    KT_CLEAR(&rig->decisions[1], KT_OPDEC_LAMBDA);
    decide(rig);
    rig->evidence[1].groups.count = 0;
    KT_SET(&rig->decisions[1], KT_OPDEC_LAMBDA);
    decide(rig);
    assert_int_equal(questions(rig, KT_SIM_ASKED_SCALING, KT_SIM_OBSERVED), 0);
    assert_int_equal(questions(rig, KT_SIM_ASKED_SCALING, KT_SIM_FAR), 0);
}

static void test_json_has_a_mean_for_every_bin_with_questions(void **state) {
    struct rig *rig = *state;
    decide(rig);
    json_t *all = kt_sim_reliability_json(rig->calibration, &rig->study);
    assert_non_null(all);
    assert_int_equal(json_array_size(all), KT_SIM_ASKED * KT_SIM_DISTANCES);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *bins = json_object_get(json_array_get(all, i), "bins");
        assert_int_equal(json_array_size(bins), KT_SIM_BINS);
        for (size_t b = 0; b < KT_SIM_BINS; b++) {
            const json_t *bin = json_array_get(bins, b);
            const bool some = json_integer_value(json_object_get(bin, "questions")) > 0;
            const json_t *predicted = json_object_get(bin, "predicted");
            assert_int_equal(json_is_real(predicted), some);
            if (some) {
                assert_true(json_real_value(predicted) >= kt_sim_bin_edges[b]);
                assert_true(json_real_value(predicted) <= kt_sim_bin_edges[b + 1]);
            }
        }
    }
    json_decref(all);
}

static void test_the_table_has_a_row_for_every_bin_and_score(void **state) {
    struct rig *rig = *state;
    decide(rig);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct kt_error error;
    assert_int_equal(kt_sim_reliability_print(out, rig->calibration, &rig->study, true, &error),
                     KT_ERR_OK);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "Decisions of `kontune`, parallelisms that had been observed:"));
    assert_non_null(strstr(text, "\n| 0.99 – 1 | "));
    assert_non_null(strstr(text, "\n| Brier score | "));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_both_surrogates_are_asked_up_to_twice_the_optimum),
        TEST(test_the_truth_is_the_true_curve_at_both_loads),
        TEST(test_what_was_observed_is_all_but_certain),
        TEST(test_scores_tell_a_good_surrogate_from_a_bad_one),
        TEST(test_decisions_without_a_valid_window_or_a_load_are_passed_over),
        TEST(test_json_has_a_mean_for_every_bin_with_questions),
        TEST(test_the_table_has_a_row_for_every_bin_and_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
