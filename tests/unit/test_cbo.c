/* SPDX-License-Identifier: GPL-3.0-or-later
 * Conservative Bayesian optimisation of one operator: where it trusts the surrogate, where it is
 * linear, and histories that break naive code. */
#include "model/cbo.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kt_gp *gp;

static int set_up(void **state) {
    (void)state;
    gp = kt_gp_new();
    return gp == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    kt_gp_free(gp);
    return 0;
}

static struct kt_cbo_answer solve(struct kt_cbo_question q) {
    struct kt_cbo_answer answer;
    struct kt_error error = {KT_ERR_OK, ""};
    if (q.lambda_lower < q.lambda) {
        q.lambda_lower = q.lambda;
    }
    if (kt_cbo_solve(gp, &q, &answer, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    assert_in_range(answer.parallelism, 1, KT_PARALLELISM_MAX);
    assert_true(isfinite(answer.predicted_ability) && isfinite(answer.predicted_stddev));
    return answer;
}

/* The seed's table, averaged per parallelism. */
static size_t mapper(struct kt_history_point *points) {
    size_t n = 0;
    char line[256];
    FILE *file = fopen(KT_FIXTURES "/nexmark-q1-mapper.csv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        char *end = NULL;
        const long p = strtol(line, &end, 10);
        if (end == line || *end != ',') {
            continue;
        }
        const double ability = strtod(strchr(end + 1, ',') + 1, NULL);
        if (n == 0 || points[n - 1].parallelism != p) {
            points[n++] = (struct kt_history_point){.parallelism = (int32_t)p};
        }
        struct kt_history_point *point = &points[n - 1];
        point->observations++;
        point->ability += (ability - point->ability) / point->observations;
    }
    fclose(file);
    return n;
}

static void the_seeds_table_says_11_for_four_million_records(void **state) {
    (void)state;
    struct kt_history_point points[KT_HISTORY_POINTS_MAX];
    struct kt_cbo_question q = {
        .history = points, .points = mapper(points), .lambda = 4e6, .present = 26, .cap = 128};
    for (q.alpha = 1; q.alpha <= 3; q.alpha++) {
        const struct kt_cbo_answer a = solve(q);
        assert_int_equal(a.method, KT_METHOD_SURROGATE);
        assert_int_equal(a.parallelism, 11);
        assert_int_equal(a.nearest_observed, 10);
        assert_int_equal(a.distance, 1);
        assert_true(a.predicted_ability >= 4e6 && a.predicted_ability < 4.3e6);
        assert_false(a.short_now);
    }
    q.alpha = 0;
    const struct kt_cbo_answer a = solve(q);
    assert_int_equal(a.method, KT_METHOD_LINEAR);
    const double unit = points[q.points - 1].ability / 26;
    assert_int_equal(a.parallelism, (int32_t)ceil(4e6 / unit));
    assert_true(a.fitted);
}

static void alpha_zero_takes_what_was_observed(void **state) {
    (void)state;
    struct kt_history_point points[] = {{2, 1900, 1}, {3, 2700, 1}, {4, 3400, 1}};
    const struct kt_cbo_answer a = solve((struct kt_cbo_question){
        .history = points, .points = 3, .lambda = 2600, .present = 4, .cap = 99});
    assert_int_equal(a.method, KT_METHOD_SURROGATE);
    assert_int_equal(a.parallelism, 3);
    assert_int_equal(a.distance, 0);
}

static void without_history_the_answer_is_linear_in_this_window(void **state) {
    (void)state;
    struct kt_cbo_question q = {
        .lambda = 1001, .present = 2, .cap = 99, .alpha = 3, .ability = 500};
    struct kt_cbo_answer a = solve(q);
    assert_int_equal(a.method, KT_METHOD_LINEAR);
    assert_int_equal(a.parallelism, 5);
    assert_true(a.predicted_ability == 1250);
    assert_true(a.short_now);
    assert_int_equal(a.nearest_observed, 0);
    q.lambda = 500;
    a = solve(q);
    assert_int_equal(a.parallelism, 2);
    assert_false(a.short_now);
}

static void ability_comes_from_the_window_then_history_then_its_floor(void **state) {
    (void)state;
    struct kt_history_point points[] = {{4, 400, 1}};
    struct kt_cbo_question q = {.history = points,
                                .points = 1,
                                .lambda = 10000,
                                .present = 4,
                                .cap = 200,
                                .ability = 800,
                                .ability_floor = 100};
    assert_int_equal(solve(q).parallelism, 50);
    q.ability = 0;
    assert_int_equal(solve(q).parallelism, 100);
    q.points = 0;
    assert_int_equal(solve(q).parallelism, 400);
    q.ability_floor = 0;
    const struct kt_cbo_answer a = solve(q);
    assert_int_equal(a.method, KT_METHOD_KEEP);
    assert_int_equal(a.parallelism, 4);
}

static void what_the_surrogate_never_calls_feasible_is_answered_linearly(void **state) {
    (void)state;
    struct kt_history_point points[] = {{1, 100, 1}, {2, 190, 1}, {3, 270, 1}};
    const struct kt_cbo_answer a = solve((struct kt_cbo_question){
        .history = points, .points = 3, .lambda = 2700, .present = 3, .cap = 99, .alpha = 3});
    assert_int_equal(a.method, KT_METHOD_LINEAR);
    assert_int_equal(a.parallelism, 30);
}

static void lowering_asks_for_more_than_staying(void **state) {
    (void)state;
    struct kt_history_point points[] = {{2, 1010, 1}, {3, 1500, 1}, {4, 2000, 1}};
    struct kt_cbo_question q = {.history = points,
                                .points = 3,
                                .lambda = 1000,
                                .lambda_lower = 1030,
                                .present = 4,
                                .cap = 99};
    assert_int_equal(solve(q).parallelism, 3);
    q.present = 2;
    assert_int_equal(solve(q).parallelism, 2);
    q.points = 0;
    q.ability = 1010;
    assert_int_equal(solve(q).parallelism, 2);
    q.present = 4; /* linear: 252.5 each; 1000 needs 4 */
    assert_int_equal(solve(q).parallelism, 4);
    q.ability = 1344; /* 336 each: 1000 needs 3, 1030 needs 4 */
    assert_int_equal(solve(q).parallelism, 4);
}

static void the_linear_answer_never_overflows_nor_buys_a_subtask_by_rounding(void **state) {
    (void)state;
    assert_int_equal(kt_linear_parallelism(0, 0, 1, 5), 1);
    assert_int_equal(kt_linear_parallelism(1e300, 1e300, 1, 1e-300), KT_PARALLELISM_MAX);
    assert_int_equal(kt_linear_parallelism(1e18, 1e18, 1, 1), KT_PARALLELISM_MAX);
    assert_int_equal(kt_linear_parallelism(1e-300, 1e-300, 1, 1e300), 1);
    assert_int_equal(kt_linear_parallelism(10.0000001, 10.0000001, 1, 1), 11);
    for (int32_t p = 1; p <= 2000; p++) {
        for (int k = 1; k <= 5; k++) {
            const double rate = 1000.0 / 3 * k * p;
            assert_int_equal(kt_linear_parallelism(rate, rate, 1, rate / p), p);
        }
    }
}

static void the_nearest_observation_of_two_is_the_smaller(void **state) {
    (void)state;
    struct kt_history_point points[] = {{2, 1, 1}, {6, 1, 1}, {20, 1, 1}};
    assert_int_equal(kt_cbo_nearest(points, 3, 4), 2);
    assert_int_equal(kt_cbo_nearest(points, 3, 5), 6);
    assert_int_equal(kt_cbo_nearest(points, 3, 100), 20);
    assert_int_equal(kt_cbo_nearest(points, 0, 100), 0);
}

/* ---- histories that break naive code -------------------------------------------------------- */

static void awkward_histories_have_sound_answers(void **state) {
    (void)state;
    struct kt_history_point points[KT_HISTORY_POINTS_MAX];
    for (int shape = 0; shape < 6; shape++) {
        for (size_t n = 1; n <= KT_HISTORY_POINTS_MAX; n = n < 3 ? n + 1 : n * n - 1) {
            for (int scale = -3; scale <= 12; scale += 15) {
                const double unit = pow(10, scale);
                for (size_t i = 0; i < n; i++) {
                    const double p = (double)(i + 1) * (shape == 3 ? 17 : 1); /* 3: gaps */
                    const double curves[] = {p, 1, 100 - p, p / (1 + .04 * p), sqrt(p) + 1, p * p};
                    points[i] = (struct kt_history_point){.parallelism = (int32_t)p,
                                                          .ability = unit * curves[shape],
                                                          .observations = 5};
                }
                for (int32_t alpha = n < 63 ? 0 : 3; alpha <= 3; alpha += 3) {
                    const struct kt_cbo_answer a = solve((struct kt_cbo_question){
                        .history = points,
                        .points = n,
                        .lambda = unit * 0.999 * (shape == 1 ? 1 : points[n / 2].ability / unit),
                        .present = points[n - 1].parallelism,
                        .cap = 2000,
                        .alpha = alpha});
                    assert_int_not_equal(a.method, KT_METHOD_KEEP);
                    assert_true(a.fitted);
                    if (a.method == KT_METHOD_SURROGATE) {
                        assert_in_range(a.distance, 0, alpha);
                    }
                }
            }
        }
    }
}

/* The search over 1…cap, without any short cut. */
static int32_t slow_acquire(const struct kt_cbo_question *q) {
    for (int32_t p = 1; p <= q->cap; p++) {
        if (kt_gp_mean(gp, p) >= (p < q->present ? q->lambda_lower : q->lambda)) {
            return p;
        }
    }
    return 0;
}

static void random_questions_are_answered_as_algorithm_2_says(void **state) {
    (void)state;
    srand(7);
    int by_method[8] = {0};
    for (int round = 0; round < 150; round++) {
        struct kt_history_point points[KT_HISTORY_POINTS_MAX];
        size_t n = 0;
        const double gamma = pow(10, rand() % 9);
        for (int32_t p = 1 + rand() % 4; p < 60 && n < 20; p += 1 + rand() % 6) {
            const double noise = 1 + 0.04 * (rand() / (double)RAND_MAX - 0.5);
            points[n++] = (struct kt_history_point){p, noise * gamma * p / (1 + .03 * p), 1};
        }
        struct kt_cbo_question q = {.history = points,
                                    .points = n,
                                    .lambda = gamma * (rand() % 400) / 10.0,
                                    .present = points[(size_t)rand() % n].parallelism,
                                    .cap = 1 + rand() % 100,
                                    .alpha = rand() % 5};
        q.lambda_lower = q.lambda * (1 + (rand() % 2) * 0.03);
        const struct kt_cbo_answer a = solve(q);
        by_method[a.method]++;
        const int32_t p = slow_acquire(&q);
        const int32_t d = p == 0 ? INT32_MAX : abs(p - kt_cbo_nearest(points, n, p));
        if (d <= q.alpha) {
            assert_int_equal(a.method, KT_METHOD_SURROGATE);
            assert_int_equal(a.parallelism, p);
        } else {
            assert_int_equal(a.method, KT_METHOD_LINEAR);
        }
    }
    assert_true(by_method[KT_METHOD_SURROGATE] > 20 && by_method[KT_METHOD_LINEAR] > 20);
}

/* ---- constrained expected improvement, and the other surrogate ------------------------------ */

static void improvement_is_upon_the_least_that_is_known_to_be_enough(void **state) {
    (void)state;
    /* A line: the surrogate is nearly certain of everything between. */
    struct kt_history_point points[] = {{2, 200, 1}, {4, 400, 1}, {6, 600, 1}, {8, 800, 1}};
    struct kt_cbo_question q = {.history = points,
                                .points = 4,
                                .lambda = 450,
                                .present = 8,
                                .cap = 99,
                                .alpha = 3,
                                .acquisition = KT_CBO_CEI};
    struct kt_cbo_answer a = solve(q);
    assert_int_equal(a.method, KT_METHOD_SURROGATE);
    assert_int_equal(a.parallelism, 5);
    assert_true(a.keeps_up > 0.5 && a.keeps_up <= 1);
    q.lambda = 590; /* 6 is known; 5 would be twice the improvement at next to no probability */
    assert_int_equal(solve(q).parallelism, 6);
    q.lambda = 610; /* below the present one is asked for more: 7 */
    q.lambda_lower = 660;
    assert_int_equal(solve(q).parallelism, 7);
    q.alpha = 0; /* not observed */
    a = solve(q);
    assert_int_equal(a.method, KT_METHOD_LINEAR);
    assert_int_equal(a.parallelism, 7);
}

/* Where improvement and probability pull in two directions, equation 4 weighs them: 12 is known to
 * be enough, so near it the certain gain is small and a risk is taken, far from it the gain is
 * large and one more subtask for it costs little. Equation 5 takes the first that is more likely
 * than not.
 */
static void improvement_and_probability_are_weighed(void **state) {
    (void)state;
    struct kt_history_point points[] = {{1, 100, 1}, {12, 900, 1}};
    struct kt_cbo_question q = {.history = points,
                                .points = 2,
                                .lambda = 850,
                                .present = 12,
                                .cap = 99,
                                .alpha = 10,
                                .acquisition = KT_CBO_CEI};
    assert_int_equal(solve(q).parallelism, 9);
    assert_true(fabs(solve(q).keeps_up - 0.380) < 0.001);
    q.lambda = 500;
    assert_int_equal(solve(q).parallelism, 7);
    assert_true(fabs(solve(q).keeps_up - 0.640) < 0.001);
    q.acquisition = KT_CBO_MEAN;
    assert_int_equal(solve(q).parallelism, 6);
    assert_true(fabs(solve(q).keeps_up - 0.516) < 0.001);
    q.lambda = 850;
    assert_int_equal(solve(q).parallelism, 11);
    assert_true(fabs(solve(q).keeps_up - 0.638) < 0.001);
}

/* Equation 4 over all candidates, without any short cut; ties to the smaller. */
static int32_t slow_cei(const struct kt_cbo_question *q) {
    int32_t star = q->cap + 1;
    for (size_t i = q->points; i-- > 0;) {
        const int32_t p = q->history[i].parallelism;
        if (p <= q->cap &&
            q->history[i].ability >= (p < q->present ? q->lambda_lower : q->lambda)) {
            star = p + 1;
        }
    }
    int32_t best = 0;
    double most = 0;
    for (int32_t p = 1; p <= q->cap; p++) {
        const double lambda = p < q->present ? q->lambda_lower : q->lambda;
        double probability = 0;
        if (q->scaling != NULL) {
            probability = kt_scaling_keeps_up(
                q->scaling, p, (struct kt_scaling_load){lambda / q->scaling_unit, 0});
        } else {
            double mean = 0;
            double stddev = 0;
            kt_gp_predict(gp, p, &mean, &stddev);
            probability = stddev > 0 ? erfc((lambda - mean) / (stddev * sqrt(2))) / 2
                                     : (mean >= lambda ? 1.0 : 0.0);
        }
        if ((star - p) * probability > most * (1 + 1e-12)) {
            most = (star - p) * probability;
            best = p;
        }
    }
    return best;
}

static void expect_answer(const struct kt_cbo_question *q, int32_t p, int *by_method) {
    const struct kt_cbo_answer a = solve(*q);
    const int32_t d = p == 0 ? INT32_MAX : abs(p - kt_cbo_nearest(q->history, q->points, p));
    by_method[a.method]++;
    if (d <= q->alpha) {
        assert_int_equal(a.method, KT_METHOD_SURROGATE);
        assert_int_equal(a.parallelism, p);
        assert_true(a.keeps_up >= 0 && a.keeps_up <= 1);
    } else {
        assert_int_equal(a.method, KT_METHOD_LINEAR);
    }
}

/* A history that goes as ability = γ p / (1 + .03 p), with noise. */
static size_t random_history(struct kt_history_point *points, double gamma) {
    size_t n = 0;
    for (int32_t p = 1 + rand() % 4; p < 60 && n < 20; p += 1 + rand() % 6) {
        const double noise = 1 + 0.04 * (rand() / (double)RAND_MAX - 0.5);
        points[n++] = (struct kt_history_point){p, noise * gamma * p / (1 + .03 * p), 1};
    }
    return n;
}

static void random_questions_are_answered_as_equation_4_says(void **state) {
    (void)state;
    srand(11);
    int by_method[8] = {0};
    for (int round = 0; round < 100; round++) {
        struct kt_history_point points[KT_HISTORY_POINTS_MAX];
        const double gamma = pow(10, rand() % 9);
        const size_t n = random_history(points, gamma);
        struct kt_cbo_question q = {.history = points,
                                    .points = n,
                                    .lambda = gamma * (1 + rand() % 250) / 10.0,
                                    .present = points[(size_t)rand() % n].parallelism,
                                    .cap = 1 + rand() % 100,
                                    .alpha = rand() % 5,
                                    .acquisition = KT_CBO_CEI};
        q.lambda_lower = q.lambda * (1 + (rand() % 2) * 0.03);
        (void)solve(q); /* conditions gp for the slow answer */
        expect_answer(&q, slow_cei(&q), by_method);
    }
    assert_true(by_method[KT_METHOD_SURROGATE] > 20 && by_method[KT_METHOD_LINEAR] > 5);
}

/* The smallest that the mean of the scaling surrogate calls enough. */
static int32_t slow_scaling_mean(const struct kt_cbo_question *q) {
    for (int32_t p = 1; p <= q->cap; p++) {
        double mean = 0;
        double stddev = 0;
        kt_scaling_predict(q->scaling, p, &mean, &stddev);
        if (mean * q->scaling_unit >= (p < q->present ? q->lambda_lower : q->lambda)) {
            return p;
        }
    }
    return 0;
}

static void the_scaling_surrogate_answers_in_place_of_rbf(void **state) {
    (void)state;
    struct kt_scaling *scaling = kt_scaling_new(&kt_scaling_model_default);
    assert_non_null(scaling);
    srand(13);
    int by_method[8] = {0};
    for (int round = 0; round < 30; round++) {
        struct kt_history_point points[KT_HISTORY_POINTS_MAX];
        struct kt_observation_group groups[20];
        const double gamma = pow(10, rand() % 9);
        const size_t n = random_history(points, gamma);
        for (size_t i = 0; i < n; i++) {
            groups[i] = (struct kt_observation_group){.parallelism = points[i].parallelism,
                                                      .generation = (int64_t)i,
                                                      .window_end_ms = 60000 * (int64_t)i,
                                                      .observations = 1,
                                                      .ability = points[i].ability / gamma,
                                                      .weight = 0.8};
        }
        const struct kt_scaling_question seen = {.groups = groups, .count = n};
        struct kt_scaling_fit fit;
        assert_int_equal(kt_scaling_fit(scaling, &seen, &fit, NULL), KT_ERR_OK);
        struct kt_cbo_question q = {.history = points,
                                    .points = n,
                                    .lambda = gamma * (1 + rand() % 250) / 10.0,
                                    .present = points[(size_t)rand() % n].parallelism,
                                    .cap = 20 + rand() % 60,
                                    .alpha = rand() % 5,
                                    .acquisition = round % 2 == 0 ? KT_CBO_MEAN : KT_CBO_CEI,
                                    .scaling = scaling,
                                    .scaling_unit = gamma};
        q.lambda_lower = q.lambda * 1.03;
        expect_answer(&q, round % 2 == 0 ? slow_scaling_mean(&q) : slow_cei(&q), by_method);
        assert_false(solve(q).fitted);
    }
    assert_true(by_method[KT_METHOD_SURROGATE] > 10 && by_method[KT_METHOD_LINEAR] > 2);
    kt_scaling_free(scaling);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seeds_table_says_11_for_four_million_records),
        cmocka_unit_test(alpha_zero_takes_what_was_observed),
        cmocka_unit_test(without_history_the_answer_is_linear_in_this_window),
        cmocka_unit_test(ability_comes_from_the_window_then_history_then_its_floor),
        cmocka_unit_test(what_the_surrogate_never_calls_feasible_is_answered_linearly),
        cmocka_unit_test(lowering_asks_for_more_than_staying),
        cmocka_unit_test(the_linear_answer_never_overflows_nor_buys_a_subtask_by_rounding),
        cmocka_unit_test(the_nearest_observation_of_two_is_the_smaller),
        cmocka_unit_test(awkward_histories_have_sound_answers),
        cmocka_unit_test(random_questions_are_answered_as_algorithm_2_says),
        cmocka_unit_test(improvement_is_upon_the_least_that_is_known_to_be_enough),
        cmocka_unit_test(improvement_and_probability_are_weighed),
        cmocka_unit_test(random_questions_are_answered_as_equation_4_says),
        cmocka_unit_test(the_scaling_surrogate_answers_in_place_of_rbf),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
