/* SPDX-License-Identifier: GPL-3.0-or-later
 * Methods without one of their pieces. */
#include "ops/sim_ablation.h"
#include "ops/sim_method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_every_method_of_the_list_goes_without_exactly_one_piece(void **state) {
    (void)state;
    char *list = kt_sim_ablation_methods();
    assert_non_null(list);
    assert_int_equal(strncmp(list, "kontune,", 8), 0);
    int without = 0;
    for (const char *at = strstr(list, "without="); at != NULL; at = strstr(at, "without=")) {
        at += strlen("without=");
        struct kt_sim_ablation ablation = {.any = false};
        struct kt_error error;
        assert_int_equal(
            kt_sim_ablation_take(&ablation, (struct kt_str){at, strcspn(at, ",")}, &error),
            KT_ERR_OK);
        assert_true(ablation.any);
        assert_ptr_equal(ablation.core.scaling, &ablation.scaling);
        const bool of_model = memcmp(&ablation.scaling, &kt_scaling_model_default,
                                     sizeof kt_scaling_model_default) != 0;
        assert_int_equal(
            of_model + ablation.core.no_clamp + ablation.core.no_ratios + ablation.no_lag, 1);
        without++;
    }
    assert_int_equal(without, 10);
    free(list);
}

static void test_a_method_remembers_what_it_goes_without(void **state) {
    (void)state;
    static struct kt_sim_methods methods;
    const struct kt_sim_method_base base = {.config_path = NULL};
    struct kt_error error;
    assert_int_equal(kt_sim_methods_add(&methods, "ds2,ds2:without=lag:alpha=1", &base, &error),
                     KT_ERR_OK);
    assert_false(methods.items[0].ablation.any);
    assert_true(methods.items[1].ablation.no_lag);
    assert_int_equal(methods.items[1].config->settings.defaults.policy.alpha, 1);
    kt_sim_methods_free(&methods);
}

static void test_pieces_add_up(void **state) {
    (void)state;
    struct kt_sim_ablation ablation = {.any = false};
    struct kt_error error;
    assert_int_equal(kt_sim_ablation_take(&ablation, KT_STR("plateaus"), &error), KT_ERR_OK);
    assert_int_equal(kt_sim_ablation_take(&ablation, KT_STR("exponents"), &error), KT_ERR_OK);
    assert_false(ablation.scaling.laws.plateaus);
    assert_false(ablation.scaling.laws.exponents);
    assert_true(ablation.scaling.laws.keyed);
}

static void test_one_noise_level_is_the_likeliest_and_certain(void **state) {
    (void)state;
    struct kt_sim_ablation ablation = {.any = false};
    struct kt_error error;
    assert_int_equal(kt_sim_ablation_take(&ablation, KT_STR("noise-levels"), &error), KT_ERR_OK);
    double sum = 0;
    for (size_t i = 0; i < 4; i++) {
        sum += ablation.scaling.noise_prior[i];
    }
    assert_true(sum == 1);
    assert_true(ablation.scaling.noise_prior[1] == 1);
}

static void test_an_unknown_piece_is_refused_with_those_that_there_are(void **state) {
    (void)state;
    static struct kt_sim_methods methods;
    const struct kt_sim_method_base base = {.config_path = NULL};
    struct kt_error error;
    assert_int_equal(kt_sim_methods_add(&methods, "ds2:without=luck", &base, &error), KT_ERR_USAGE);
    assert_non_null(strstr(error.message, "'ds2:without=luck'"));
    assert_non_null(strstr(error.message, "change-points, "));
    assert_non_null(strstr(error.message, "got 'luck'"));
    kt_sim_methods_free(&methods);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_method_of_the_list_goes_without_exactly_one_piece),
        cmocka_unit_test(test_a_method_remembers_what_it_goes_without),
        cmocka_unit_test(test_pieces_add_up),
        cmocka_unit_test(test_one_noise_level_is_the_likeliest_and_certain),
        cmocka_unit_test(test_an_unknown_piece_is_refused_with_those_that_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
