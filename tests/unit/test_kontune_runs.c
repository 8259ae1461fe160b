/* SPDX-License-Identifier: GPL-3.0-or-later
 * Whole runs of kontune on simulated jobs with one difficulty each: what it costs at most. */
#include "ops/sim_study.h"
#include "ops/sim_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PERMUTATIONS 3
#define SEED         11

/* The largest means that a scenario may cost. */
struct bounds {
    double per_tuning; /* reconfigurations */
    double under;      /* under-provisioned configurations per run */
    double surplus;    /* % */
};

static void assert_costs(const char *scenario, struct bounds most) {
    static struct kt_sim_suite suite;
    static struct kt_sim_methods methods;
    struct kt_sim_results results = {0};
    struct kt_error error;
    const struct kt_sim_method_base base = {.config_path = NULL};
    assert_int_equal(kt_sim_suite_make("stress", SEED, &suite, &error), KT_ERR_OK);
    assert_int_equal(kt_sim_methods_add(&methods, "kontune", &base, &error), KT_ERR_OK);
    int at = 0;
    while (at < suite.scenarios_count && strcmp(suite.scenarios[at].name, scenario) != 0) {
        at++;
    }
    assert_true(at < suite.scenarios_count);
    const struct kt_sim_study study = {.scenarios = &suite.scenarios[at],
                                       .scenarios_count = 1,
                                       .methods = &methods,
                                       .permutations = PERMUTATIONS,
                                       .seed = SEED,
                                       .noise = -1,
                                       .threads = 1};
    if (kt_sim_study_run(&study, &results, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    const struct kt_sim_mean mean = kt_sim_results_mean(&results, &study, 0, 0);
    if (mean.per_tuning > most.per_tuning || mean.under_provisioned > most.under ||
        mean.surplus_percent > most.surplus) {
        fail_msg("%s: %.3f reconfigurations per tuning, %.2f under-provisioned, %.2f %% surplus",
                 scenario, mean.per_tuning, mean.under_provisioned, mean.surplus_percent);
    }
    kt_sim_results_free(&results);
    kt_sim_methods_free(&methods);
    kt_sim_suite_free(&suite);
}

static void a_job_that_warms_up_is_measured_when_it_is_warm(void **state) {
    (void)state;
    assert_costs("warm-up", (struct bounds){1.15, 1, 5});
}

/* 7 of 10 loads can be reached, the largest of them just so. */
static void on_a_plateau_a_job_comes_back_from_what_gains_nothing(void **state) {
    (void)state;
    assert_costs("plateau", (struct bounds){1.2, 1, 16});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_warms_up_is_measured_when_it_is_warm),
        cmocka_unit_test(on_a_plateau_a_job_comes_back_from_what_gains_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
