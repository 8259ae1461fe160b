/* SPDX-License-Identifier: GPL-3.0-or-later
 * A study's results as Markdown, from made-up scores. */
#include "ops/sim_markdown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SCENARIOS 9 /* more than fit side by side */
#define METHODS   3
#define RUNS      2

static const struct kt_sim_spec spec = {.count = 1};
static const double published_figures[] = {3.5, 4.5};
static const struct kt_sim_published published = {KT_SIM_PER_TUNING, "Somebody's",
                                                  published_figures};
static const char *const names[SCENARIOS] = {"one", "two",   "three", "four", "five",
                                             "six", "seven", "eight", "nine"};

struct made {
    struct kt_sim_suite suite;
    struct kt_sim_methods methods;
    struct kt_sim_study study;
    struct kt_sim_results results;
    struct kt_sim_score scores[SCENARIOS * METHODS * RUNS];
    char labels[METHODS][32];
};

/* kontune at 22, ds2 and conttune:alpha=0 at 40 reconfigurations in 20 tunings. */
static void make(struct made *made, int scenarios) {
    static const char *const policies[METHODS] = {"kontune", "ds2", "conttune"};
    static const char *const labels[METHODS] = {"kontune", "ds2", "conttune:alpha=0"};
    *made = (struct made){.methods = {.count = METHODS}};
    for (int m = 0; m < METHODS; m++) {
        strcpy(made->labels[m], labels[m]);
        made->methods.items[m].label = made->labels[m];
        made->methods.items[m].policy = kt_str_of(policies[m]);
    }
    made->suite = (struct kt_sim_suite){.name = "made", .what = "Made up.", .permutations = RUNS};
    for (int s = 0; s < scenarios; s++) {
        made->suite.scenarios[made->suite.scenarios_count++] =
            (struct kt_sim_scenario){.name = names[s], .spec = &spec, .protocol = KT_SIM_TUNINGS};
        for (int m = 0; m < METHODS; m++) {
            for (int k = 0; k < RUNS; k++) {
                made->scores[(s * METHODS + m) * RUNS + k] =
                    (struct kt_sim_score){.tunings = 20,
                                          .reconfigurations = (m == 0 ? 22 : 40) + k,
                                          .under_provisioned = m,
                                          .surplus_cores = 3,
                                          .optimum_cores = 100};
            }
        }
    }
    made->study = (struct kt_sim_study){.scenarios = made->suite.scenarios,
                                        .scenarios_count = scenarios,
                                        .methods = &made->methods,
                                        .permutations = RUNS,
                                        .seed = 7};
    made->results = (struct kt_sim_results){
        .scenarios = scenarios, .methods = METHODS, .permutations = RUNS, .scores = made->scores};
}

static char *printed(const struct made *made) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    struct kt_error error;
    assert_int_equal(kt_sim_markdown_print(out, &made->suite, &made->study, &made->results, &error),
                     KT_ERR_OK);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("expected '%s' in:\n%s", part, text);
    }
}

static void
test_few_scenarios_are_columns_with_the_mean_first_and_published_rows_below(void **state) {
    (void)state;
    static struct made made;
    make(&made, 2);
    made.suite.source = "A paper";
    made.suite.published = &published;
    made.suite.published_count = 1;
    char *text = printed(&made);
    assert_has(text, "2 permutations, seed 7");
    assert_has(text, "| method | mean | one | two |\n|---|---:|---:|---:|\n");
    assert_has(text, "| `kontune` | 1.125 ± 0.018 / 0.00 / 3.0 | 1.125 ± 0.025 / 0.00 / 3.0 | ");
    assert_has(text, "| published: Somebody's | 4.00 | 3.50 | 4.50 |\n");
    assert_has(text, "Published figures: A paper.");
    assert_null(strstr(text, "†"));
    free(text);
}

static void test_a_scenario_where_a_baseline_is_ahead_is_marked_and_named(void **state) {
    (void)state;
    static struct made made;
    make(&made, 2);
    made.scores[(1 * METHODS + 1) * RUNS].reconfigurations = 10; /* ds2 on two */
    made.scores[(1 * METHODS + 1) * RUNS + 1].reconfigurations = 10;
    char *text = printed(&made);
    assert_has(text, "| 1.125 ± 0.025 / 0.00 / 3.0 | 1.125 ± 0.025 / 0.00 / 3.0 † |\n");
    assert_has(text, "- † two: `ds2` has fewer reconfigurations: 0.500 against 1.125");
    assert_null(strstr(text, "† one"));
    assert_null(strstr(text, "† mean"));
    free(text);
}

static void test_equal_figures_are_not_behind(void **state) {
    (void)state;
    static struct made made;
    make(&made, 1);
    for (int k = 0; k < RUNS; k++) {
        made.scores[RUNS + k] = made.scores[k]; /* ds2 as kontune */
    }
    char *text = printed(&made);
    assert_null(strstr(text, "†"));
    free(text);
}

static void test_many_scenarios_are_rows_below_a_table_of_means(void **state) {
    (void)state;
    static struct made made;
    make(&made, SCENARIOS);
    char *text = printed(&made);
    assert_has(text, "| method | mean |\n");
    assert_has(text, "| `conttune:alpha=0` | 2.025 ± ");
    assert_has(text,
               "| scenario | `kontune` | `ds2` | fewest reconfigurations of a baseline | least "
               "under-provisioning of a baseline |\n");
    assert_has(text, "| mean | 1.125 ± ");
    assert_has(text,
               "| nine | 1.125 ± 0.025 / 0.00 / 3.0 | 2.025 ± 0.025 / 1.00 / 3.0 | 2.025 `ds2` "
               "| 1.00 `ds2` |\n");
    free(text);
}

static void test_without_baselines_every_method_has_a_column(void **state) {
    (void)state;
    static struct made made;
    make(&made, SCENARIOS);
    for (int m = 0; m < METHODS; m++) {
        made.methods.items[m].policy = KT_STR("kontune");
    }
    char *text = printed(&made);
    assert_has(text, "| scenario | `kontune` | `ds2` | `conttune:alpha=0` |\n");
    free(text);
}

static void test_runs_over_time_have_figures_of_their_own(void **state) {
    (void)state;
    static struct made made;
    make(&made, 1);
    made.suite.scenarios[0].protocol = KT_SIM_OVER_TIME;
    for (int k = 0; k < RUNS; k++) {
        made.scores[k].under_provisioned_s = 120;
        made.scores[k].core_s = 110;
        made.scores[k].optimum_core_s = 100;
    }
    char *text = printed(&made);
    assert_has(text, "| `kontune` | 22.5 / 120 / 10.0");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_few_scenarios_are_columns_with_the_mean_first_and_published_rows_below),
        cmocka_unit_test(test_a_scenario_where_a_baseline_is_ahead_is_marked_and_named),
        cmocka_unit_test(test_equal_figures_are_not_behind),
        cmocka_unit_test(test_many_scenarios_are_rows_below_a_table_of_means),
        cmocka_unit_test(test_without_baselines_every_method_has_a_column),
        cmocka_unit_test(test_runs_over_time_have_figures_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
