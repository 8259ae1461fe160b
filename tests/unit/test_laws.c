/* SPDX-License-Identifier: GPL-3.0-or-later
 * The library of laws: its order, its priors, its shapes, what it is called. */
#include "model/laws.h"

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

static const struct kt_laws_choice all = {.keyed = true, .exponents = true, .plateaus = true};

static int set_up(void **state) {
    json_error_t error;
    *state = json_load_file(KT_FIXTURES "/scaling/laws.json", 0, &error);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    json_decref(*state);
    return 0;
}

static void assert_close(double ours, double theirs, double tolerance) {
    if (!(fabs(ours - theirs) <= tolerance)) {
        fail_msg("%.17g is not %.17g", ours, theirs);
    }
}

static double sum_of(const double *values) {
    double sum = 0;
    for (size_t m = 0; m < KT_LAWS; m++) {
        sum += values[m];
    }
    return sum;
}

static void the_priors_are_those_of_the_plain_formulas(void **state) {
    json_t *priors = json_object_get(*state, "prior");
    assert_int_equal(json_array_size(priors), 3);
    for (int keyed = KT_LAW_NOT_KEYED; keyed <= KT_LAW_KEYED; keyed++) {
        json_t *expected = json_array_get(priors, (size_t)keyed);
        assert_int_equal(json_array_size(expected), KT_LAWS);
        double prior[KT_LAWS];
        kt_laws_prior(all, (enum kt_law_keyed)keyed, prior);
        for (size_t m = 0; m < KT_LAWS; m++) {
            assert_close(prior[m], json_real_value(json_array_get(expected, m)), 1e-15);
        }
        assert_close(sum_of(prior), 1, 1e-13);
    }
}

static void the_shapes_are_those_of_the_plain_formulas(void **state) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(*state, "shape"), i, row) {
        int32_t parallelism = (int32_t)json_integer_value(json_array_get(row, 0));
        int32_t key_groups = (int32_t)json_integer_value(json_array_get(row, 1));
        json_t *expected = json_array_get(row, 2);
        assert_int_equal(json_array_size(expected), KT_LAWS);
        double shape[KT_LAWS];
        kt_laws_shape(parallelism, key_groups, shape);
        for (size_t m = 0; m < KT_LAWS; m++) {
            assert_close(shape[m], json_real_value(json_array_get(expected, m)), 1e-14);
        }
    }
    assert_int_equal(i, 10);
}

static void shapes_agree_with_the_laws_they_are_of(void **state) {
    (void)state;
    const int32_t p = 37;
    double shape[KT_LAWS];
    kt_laws_shape(p, 128, shape);
    for (size_t m = 0; m < KT_LAWS; m++) {
        struct kt_law law = kt_law_at(m);
        double used = law.plateau > 0 && law.plateau < p ? law.plateau : p;
        double ability =
            (law.keyed ? 128.0 / 4 : used) /
            pow(1 + law.contention / law.exponent * (used - 1) + law.coherence * used * (used - 1),
                law.exponent);
        assert_close(shape[m], log(ability / p), 1e-13);
    }
}

static void at_one_subtask_all_laws_are_the_same(void **state) {
    (void)state;
    double shape[KT_LAWS];
    kt_laws_shape(1, 128, shape);
    for (size_t m = 0; m < KT_LAWS; m++) {
        assert_true(shape[m] == 0);
    }
}

static void without_a_known_number_of_key_groups_keyed_laws_are_the_smooth_ones(void **state) {
    (void)state;
    double shape[KT_LAWS];
    kt_laws_shape(50, 0, shape);
    for (size_t m = 0; m < KT_LAWS_SMOOTH; m++) {
        assert_true(shape[KT_LAWS_SMOOTH + m] == shape[m]);
        assert_false(kt_law_at(m).keyed);
        assert_true(kt_law_at(KT_LAWS_SMOOTH + m).keyed);
    }
}

static void more_subtasks_than_key_groups_are_no_help(void **state) {
    (void)state;
    assert_close(kt_laws_key_loss(128, 128), 0, 0);
    assert_close(kt_laws_key_loss(127, 128), log(64.0 / 127), 1e-15);
    assert_close(kt_laws_key_loss(256, 128), log(0.5), 1e-15);
    assert_close(kt_laws_key_loss(INT32_MAX, 128), log(128.0 / INT32_MAX), 1e-14);
}

/* The prior mass of the laws that have the property. */
static double mass_where(const double *prior, bool (*property)(struct kt_law)) {
    double mass = 0;
    for (size_t m = 0; m < KT_LAWS; m++) {
        if (property(kt_law_at(m))) {
            mass += prior[m];
        }
    }
    return mass;
}

static bool is_keyed(struct kt_law law) {
    return law.keyed;
}

static bool is_bent(struct kt_law law) {
    return law.exponent < 1;
}

static bool is_plateau(struct kt_law law) {
    return law.plateau > 0;
}

static void what_is_left_out_has_no_prior_and_the_rest_shares_it(void **state) {
    (void)state;
    double prior[KT_LAWS];
    kt_laws_prior((struct kt_laws_choice){.exponents = true, .plateaus = true}, KT_LAW_KEYED,
                  prior);
    assert_true(mass_where(prior, is_keyed) == 0);
    assert_close(sum_of(prior), 1, 1e-13);
    kt_laws_prior((struct kt_laws_choice){.keyed = true, .plateaus = true}, KT_LAW_KEYED, prior);
    assert_true(mass_where(prior, is_bent) == 0);
    assert_close(mass_where(prior, is_keyed), .9 / 1.03, 1e-13);
    kt_laws_prior((struct kt_laws_choice){.keyed = true, .exponents = true}, KT_LAW_KEYED, prior);
    assert_true(mass_where(prior, is_plateau) == 0);
    assert_close(mass_where(prior, is_keyed), .9, 1e-13);
    kt_laws_prior(all, KT_LAW_NOT_KEYED, prior);
    assert_true(mass_where(prior, is_keyed) == 0);
}

static void a_law_is_called_by_what_sets_it_apart(void **state) {
    (void)state;
    static const struct {
        struct kt_law law;
        int32_t key_groups;
        const char *text;
    } cases[] = {
        {{.exponent = 1}, 0, "linear"},
        {{.exponent = .5}, 0, "linear"},
        {{.exponent = 1, .keyed = true}, 128, "linear, key groups 128"},
        {{.contention = .02, .exponent = 1, .keyed = true}, 128, "contention 0.02, key groups 128"},
        {{.contention = .02, .exponent = 1, .keyed = true}, 0, "contention 0.02, key groups"},
        {{.contention = .3, .coherence = 6e-5, .exponent = 1},
         0,
         "contention 0.3, coherence 6e-05"},
        {{.contention = .1, .exponent = .25}, 128, "contention 0.1, exponent 0.25"},
        {{.contention = .05, .exponent = 1, .plateau = 12}, 0, "plateau at 12, contention 0.05"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[KT_LAW_TEXT_MAX];
        kt_law_describe(cases[i].law, cases[i].key_groups, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void nobody_to_share_with_leaves_the_prior(void **state) {
    (void)state;
    double prior[KT_LAWS];
    double shared[KT_LAWS];
    kt_laws_prior(all, KT_LAW_MAYBE_KEYED, prior);
    kt_laws_shared_prior(prior, NULL, 0, shared);
    assert_memory_equal(prior, shared, sizeof prior);
}

static void others_raise_the_laws_that_explain_them(void **state) {
    (void)state;
    double prior[KT_LAWS];
    double likelihood[2 * KT_LAWS];
    for (size_t m = 0; m < KT_LAWS; m++) {
        likelihood[m] = likelihood[KT_LAWS + m] = m == 40 ? -1000 : -1030;
    }
    kt_laws_prior(all, KT_LAW_NOT_KEYED, prior);
    double shared[KT_LAWS];
    kt_laws_shared_prior(prior, likelihood, 2, shared);
    double odds = prior[40] * exp(9);
    assert_close(shared[40], .4 * prior[40] + .6 * odds / (odds + 1 - prior[40]), 1e-12);
    assert_close(sum_of(shared), 1, 1e-12);
    assert_true(mass_where(shared, is_keyed) == 0);
    /* in place, too */
    kt_laws_shared_prior(prior, likelihood, 2, prior);
    assert_memory_equal(prior, shared, sizeof prior);
}

static void an_operator_that_no_law_explains_has_no_say(void **state) {
    (void)state;
    double prior[KT_LAWS];
    double likelihood[KT_LAWS];
    for (size_t m = 0; m < KT_LAWS; m++) {
        likelihood[m] = -INFINITY;
    }
    kt_laws_prior(all, KT_LAW_MAYBE_KEYED, prior);
    double shared[KT_LAWS];
    kt_laws_shared_prior(prior, likelihood, 1, shared);
    for (size_t m = 0; m < KT_LAWS; m++) {
        assert_close(shared[m], prior[m], 1e-15);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_priors_are_those_of_the_plain_formulas),
        cmocka_unit_test(the_shapes_are_those_of_the_plain_formulas),
        cmocka_unit_test(shapes_agree_with_the_laws_they_are_of),
        cmocka_unit_test(at_one_subtask_all_laws_are_the_same),
        cmocka_unit_test(without_a_known_number_of_key_groups_keyed_laws_are_the_smooth_ones),
        cmocka_unit_test(more_subtasks_than_key_groups_are_no_help),
        cmocka_unit_test(what_is_left_out_has_no_prior_and_the_rest_shares_it),
        cmocka_unit_test(a_law_is_called_by_what_sets_it_apart),
        cmocka_unit_test(nobody_to_share_with_leaves_the_prior),
        cmocka_unit_test(others_raise_the_laws_that_explain_them),
        cmocka_unit_test(an_operator_that_no_law_explains_has_no_say),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
