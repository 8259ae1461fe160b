/* SPDX-License-Identifier: GPL-3.0-or-later
 * The scaling surrogate beside the model's plain formulas (fixtures/scaling/make.py), which know
 * observations and no groups. */
#include "model/scaling.h"
#include "support/observations.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOLERANCE        1e-9
#define OBSERVATIONS_MAX 200
#define KNOWN_MAX        8

/* The likelihoods of earlier cases' laws, which later ones share. */
struct known {
    const char *name;
    double log_likelihood[KT_LAWS];
};

/* One case of a file. */
struct golden {
    const char *name;
    const json_t *json;
    struct kt_scaling *scaling;
    struct kt_scaling_fit fit;
    double constant; /* the plain density's beyond ours */
};

/* The cases were made with one walk of the level; that of operators that drift came later. */
static int set_up(void **state) {
    struct kt_scaling_model model = kt_scaling_model_default;
    model.level_walk_prior[0] = 1;
    model.level_walk_prior[1] = 0;
    *state = kt_scaling_new(&model);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    kt_scaling_free(*state);
    return 0;
}

static double number_at(const json_t *row, size_t i) {
    const json_t *value = json_array_get(row, i);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* Absolute up to 1, relative beyond. */
static void assert_close(const struct golden *golden, const char *what, double at, double ours,
                         double theirs) {
    if (!(fabs(ours - theirs) <= TOLERANCE * fmax(1, fabs(theirs)))) {
        fail_msg("%s: %s at %g is %.17g, by the plain formulas %.17g", golden->name, what, at, ours,
                 theirs);
    }
}

static void fit(struct golden *golden, const struct known *known, size_t known_count) {
    struct kt_test_observation observations[OBSERVATIONS_MAX];
    struct kt_observation_group groups[KT_GROUPS_MAX];
    int64_t change_points_ms[KT_CHANGE_POINTS_MAX];
    double likelihoods[KNOWN_MAX][KT_LAWS];
    double prior[KT_LAWS];
    size_t count;
    json_t *row;
    const json_t *rows = json_object_get(golden->json, "observations");
    assert_in_range(json_array_size(rows), 1, OBSERVATIONS_MAX);
    json_array_foreach(rows, count, row) {
        observations[count] = (struct kt_test_observation){
            .parallelism = (int32_t)json_integer_value(json_array_get(row, 0)),
            .generation = json_integer_value(json_array_get(row, 1)),
            .window_end_ms = json_integer_value(json_array_get(row, 2)),
            .ability = number_at(row, 3),
            .busy = number_at(row, 4)};
    }
    const json_t *changes = json_object_get(golden->json, "change_points_ms");
    assert_in_range(json_array_size(changes), 0, KT_CHANGE_POINTS_MAX);
    for (size_t j = 0; j < json_array_size(changes); j++) {
        change_points_ms[j] = json_integer_value(json_array_get(changes, j));
    }
    struct kt_scaling_question question = {
        .groups = groups,
        .change_points_ms = change_points_ms,
        .change_points = json_array_size(changes),
        .keyed = (enum kt_law_keyed)number_of(golden->json, "keyed"),
        .key_groups = (int32_t)number_of(golden->json, "key_groups")};
    question.count = kt_test_group(observations, count, change_points_ms, question.change_points,
                                   groups, &golden->constant);

    const json_t *others = json_object_get(golden->json, "others");
    for (size_t i = 0; i < json_array_size(others); i++) {
        const char *name = json_string_value(json_array_get(others, i));
        size_t k = 0;
        while (k < known_count && strcmp(known[k].name, name) != 0) {
            k++;
        }
        assert_in_range(k, 0, known_count - 1);
        memcpy(likelihoods[i], known[k].log_likelihood, sizeof likelihoods[i]);
    }
    if (json_array_size(others) > 0) {
        kt_laws_prior(kt_scaling_model_default.laws, question.keyed, prior);
        kt_laws_shared_prior(prior, likelihoods[0], json_array_size(others), prior);
        question.law_prior = prior;
    }
    struct kt_error error = {KT_ERR_OK, ""};
    if (kt_scaling_fit(golden->scaling, &question, &golden->fit, &error)) {
        fail_msg("%s: %s", golden->name, error.message);
    }
}

static void compare_fit(const struct golden *golden, struct known *known) {
    const json_t *json = golden->json;
    const struct kt_scaling_fit *found = &golden->fit;
    assert_close(golden, "log marginal likelihood", 0,
                 found->log_marginal_likelihood + golden->constant,
                 number_of(json, "log_marginal_likelihood"));
    assert_close(golden, "noise", 0, found->noise, number_of(json, "noise"));
    assert_close(golden, "law's probability", 0, found->law_probability,
                 number_of(json, "law_probability"));
    struct kt_law law = kt_law_at((size_t)number_of(json, "law"));
    assert_memory_equal(&found->law, &law, sizeof law);
    assert_int_equal(found->change_point, json_is_true(json_object_get(json, "change_point")));
    kt_scaling_law_likelihoods(golden->scaling, known->log_likelihood);
    known->name = golden->name;
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(json, "law_likelihoods"), i, row) {
        size_t m = (size_t)number_at(row, 0);
        assert_close(golden, "likelihood of a law", (double)m,
                     known->log_likelihood[m] + golden->constant, number_at(row, 1));
    }
    assert_int_not_equal(i, 0);
}

static void compare_predictions(const struct golden *golden) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(golden->json, "keeps_up"), i, row) {
        int32_t p = (int32_t)number_at(row, 0);
        double ours =
            kt_scaling_keeps_up(golden->scaling, p, (struct kt_scaling_load){number_at(row, 1), 0});
        assert_close(golden, "probability", p, ours, number_at(row, 2));
    }
    assert_int_not_equal(i, 0);
    json_array_foreach(json_object_get(golden->json, "predict"), i, row) {
        int32_t p = (int32_t)number_at(row, 0);
        double mean;
        double stddev;
        kt_scaling_predict(golden->scaling, p, &mean, &stddev);
        /* of the value's own size, however small */
        assert_close(golden, "mean", p, mean / number_at(row, 1), 1);
        assert_close(golden, "standard deviation", p, stddev / number_at(row, 2), 1);
    }
    assert_int_not_equal(i, 0);
}

static void compare_searches(const struct golden *golden) {
    int32_t last = (int32_t)number_of(golden->json, "search_max");
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(golden->json, "smallest"), i, row) {
        int32_t ours =
            kt_scaling_smallest(golden->scaling, (struct kt_scaling_load){number_at(row, 0), 0},
                                number_at(row, 1), 1, last);
        assert_close(golden, "smallest parallelism", number_at(row, 1), ours, number_at(row, 2));
    }
    assert_int_not_equal(i, 0);
    json_array_foreach(json_object_get(golden->json, "best"), i, row) {
        int32_t ours = kt_scaling_best(golden->scaling, number_at(row, 0), last);
        assert_close(golden, "best parallelism", number_at(row, 0), ours, number_at(row, 1));
    }
    assert_int_not_equal(i, 0);
}

static void compare_file(struct kt_scaling *scaling, const char *file) {
    char path[512];
    json_error_t problem;
    struct known known[16];
    (void)snprintf(path, sizeof path, "%s/scaling/%s.json", KT_FIXTURES, file);
    json_t *cases = json_load_file(path, 0, &problem);
    assert_true(json_is_array(cases));
    assert_in_range(json_array_size(cases), 1, sizeof known / sizeof *known);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *json = json_array_get(cases, i);
        struct golden golden = {.name = json_string_value(json_object_get(json, "name")),
                                .json = json,
                                .scaling = scaling};
        fit(&golden, known, i);
        compare_fit(&golden, &known[i]);
        compare_predictions(&golden);
        compare_searches(&golden);
    }
    json_decref(cases);
}

static void few_observations_agree_with_the_plain_formulas(void **state) {
    compare_file(*state, "few");
}

static void curves_of_every_kind_agree_with_the_plain_formulas(void **state) {
    compare_file(*state, "curves");
}

static void groups_agree_with_the_plain_formulas_for_their_observations(void **state) {
    compare_file(*state, "repeated");
}

static void noise_and_outliers_agree_with_the_plain_formulas(void **state) {
    compare_file(*state, "noise");
}

static void drift_and_change_points_agree_with_the_plain_formulas(void **state) {
    compare_file(*state, "drift");
}

static void long_histories_agree_with_the_plain_formulas(void **state) {
    compare_file(*state, "long");
}

static void shared_priors_agree_with_the_plain_formulas(void **state) {
    compare_file(*state, "shared");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_observations_agree_with_the_plain_formulas),
        cmocka_unit_test(curves_of_every_kind_agree_with_the_plain_formulas),
        cmocka_unit_test(groups_agree_with_the_plain_formulas_for_their_observations),
        cmocka_unit_test(noise_and_outliers_agree_with_the_plain_formulas),
        cmocka_unit_test(drift_and_change_points_agree_with_the_plain_formulas),
        cmocka_unit_test(long_histories_agree_with_the_plain_formulas),
        cmocka_unit_test(shared_priors_agree_with_the_plain_formulas),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
