/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune simulate` from outside: a user's own job, the documents it prints, the same bytes for
 * the same seed whatever the threads, and mistakes that are named. */
#include "schemas/codec.h"
#include "support/process.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 20

static char *folder;
static char job_path[512], rates_path[512], config_path[512], page_path[512];

static void write_file(char *path, const char *name, const char *text) {
    snprintf(path, 512, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static int setup(void **state) {
    (void)state;
    folder = kt_process_tmpdir();
    write_file(job_path, "job.json",
               "{\"name\": \"own\", \"noise\": 0.01,\n"
               " \"sources\": [{\"id\": \"source\", \"unit_rate\": 1000}],\n"
               " \"operators\": [{\"id\": \"mapper\", \"upstream\": [\"source\"],\n"
               "   \"curve\": {\"usl\": {\"gamma\": 700, \"sigma\": 0.02}}}],\n"
               " \"restart_seconds\": 60, \"max_parallelism\": 64}\n");
    write_file(rates_path, "rates.csv",
               "second,records_per_second\n0,1000\n600,4000\n1200,2000\n1800,2000\n");
    write_file(config_path, "kontune.ini", "[policy]\nmax_parallelism = 3\n");
    snprintf(page_path, sizeof page_path, "%s/page.html", folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    kt_process_rmtree(folder);
    free(folder);
    return 0;
}

/* Runs `kontune simulate` with words up to NULL. */
static struct kt_process_result simulate(const char *const *words) {
    const char *argv[ARGUMENTS_MAX + 3] = {kt_process_kontune(), "simulate"};
    for (int i = 0; words[i] != NULL; i++) {
        assert_true(i < ARGUMENTS_MAX);
        argv[i + 2] = words[i];
    }
    return kt_process_run(argv, 120);
}

#define SIMULATE(...) simulate((const char *const[]){__VA_ARGS__, NULL})

static json_t *document_of(struct kt_process_result *result) {
    if (result->status != 0) {
        fail_msg("ended with %d: %s", result->status, result->err);
    }
    json_error_t error;
    json_t *document = json_loads(result->out, 0, &error);
    if (document == NULL) {
        fail_msg("line %d: %s", error.line, error.text);
    }
    kt_process_result_free(result);
    return document;
}

static struct kt_process_result run_paper(const char *seed, const char *threads) {
    struct kt_process_result result =
        SIMULATE("--suite", "paper", "--policy", "kontune,ds2", "--permutations", "1", "--seed",
                 seed, "--jobs", threads);
    assert_int_equal(result.status, 0);
    return result;
}

static void the_same_seed_gives_the_same_bytes_with_any_number_of_threads(void **state) {
    (void)state;
    struct kt_process_result one = run_paper("5", "1");
    struct kt_process_result three = run_paper("5", "3");
    struct kt_process_result other = run_paper("6", "3");
    assert_string_equal(one.out, three.out);
    assert_string_not_equal(one.out, other.out);
    kt_process_result_free(&one);
    kt_process_result_free(&three);
    kt_process_result_free(&other);
}

static void each_job_and_method_is_an_entry_with_every_field(void **state) {
    (void)state;
    static const char *const numbers[] = {"tunings",
                                          "reconfigurations",
                                          "reconfigurations_per_tuning",
                                          "reconfigurations_per_tuning_stderr",
                                          "under_provisioned_configurations",
                                          "unsettled_tunings",
                                          "surplus_percent",
                                          "max_cores",
                                          "core_seconds",
                                          "optimum_core_seconds",
                                          "backlog_percent",
                                          "under_provisioned_seconds",
                                          "permutations"};
    struct kt_process_result result = SIMULATE(
        "--job", job_path, "--policy", "conttune:alpha=1,ds2", "--permutations", "2", "--json");
    json_t *document = document_of(&result);
    const json_t *policies = json_object_get(document, "policies");
    assert_int_equal(json_array_size(policies), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *entry = json_array_get(policies, i);
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
            if (!json_is_number(json_object_get(entry, numbers[k]))) {
                fail_msg("entry %zu has no number '%s'", i, numbers[k]);
            }
        }
        assert_string_equal(json_string_value(json_object_get(entry, "job")), "own");
        assert_int_equal(json_integer_value(json_object_get(entry, "permutations")), 2);
        assert_true(json_number_value(json_object_get(entry, "tunings")) == 20);
    }
    const json_t *first = json_array_get(policies, 0), *second = json_array_get(policies, 1);
    assert_string_equal(json_string_value(json_object_get(first, "policy")), "conttune");
    assert_string_equal(json_string_value(json_object_get(first, "method")), "conttune:alpha=1");
    assert_string_equal(json_string_value(json_object_get(first, "surrogate")), "rbf");
    assert_string_equal(json_string_value(json_object_get(second, "surrogate")), "");
    json_decref(document);
}

static void the_standard_error_is_that_of_the_permutations_mean(void **state) {
    (void)state;
    struct kt_process_result result =
        SIMULATE("--job", job_path, "--policy", "ds2", "--permutations", "1", "--json");
    json_t *document = document_of(&result);
    const json_t *entry = json_array_get(json_object_get(document, "policies"), 0);
    assert_true(json_number_value(json_object_get(entry, "reconfigurations_per_tuning_stderr")) <=
                0.0);
    const double per_tuning =
        json_number_value(json_object_get(entry, "reconfigurations_per_tuning"));
    const double all = json_number_value(json_object_get(entry, "reconfigurations"));
    assert_true(per_tuning > all / 20 - 1e-12 && per_tuning < all / 20 + 1e-12);
    json_decref(document);
}

static void rates_over_time_count_their_levels_as_tunings(void **state) {
    (void)state;
    struct kt_process_result result =
        SIMULATE("--job", job_path, "--rates", rates_path, "--policy", "ds2", "--json");
    json_t *document = document_of(&result);
    const json_t *entry = json_array_get(json_object_get(document, "policies"), 0);
    assert_true(json_number_value(json_object_get(entry, "tunings")) == 4);
    assert_int_equal(json_integer_value(json_object_get(entry, "permutations")), 1);
    assert_true(json_number_value(json_object_get(entry, "reconfigurations")) >= 3);
    assert_true(json_number_value(json_object_get(entry, "under_provisioned_seconds")) > 60);
    assert_true(json_number_value(json_object_get(entry, "core_seconds")) > 2400);
    json_decref(document);
}

static void a_job_may_be_larger_than_the_default_limit(void **state) {
    (void)state;
    char wide[512];
    write_file(wide, "wide.json",
               "{\"name\": \"wide\", \"sources\": [{\"id\": \"s\", \"unit_rate\": 2000}],"
               " \"operators\": [{\"id\": \"m\", \"upstream\": [\"s\"],"
               " \"curve\": {\"linear\": 100}}], \"max_parallelism\": 300}");
    struct kt_process_result result =
        SIMULATE("--job", wide, "--policy", "ds2", "--permutations", "1", "--json");
    json_t *document = document_of(&result);
    const json_t *entry = json_array_get(json_object_get(document, "policies"), 0);
    assert_true(json_number_value(json_object_get(entry, "max_cores")) > 128);
    json_decref(document);
}

static void a_configuration_of_ones_own_limits_every_method(void **state) {
    (void)state;
    struct kt_process_result result = SIMULATE("--job", job_path, "--policy", "ds2,conttune",
                                               "--permutations", "1", "-c", config_path, "--json");
    json_t *document = document_of(&result);
    for (size_t i = 0; i < 2; i++) {
        const json_t *entry = json_array_get(json_object_get(document, "policies"), i);
        assert_true(json_number_value(json_object_get(entry, "max_cores")) == 3);
    }
    json_decref(document);
}

static void noise_on_the_command_line_replaces_the_jobs(void **state) {
    (void)state;
    struct kt_process_result quiet = SIMULATE("--job", job_path, "--policy", "ds2", "--noise", "0",
                                              "--permutations", "1", "--json");
    struct kt_process_result loud = SIMULATE("--job", job_path, "--policy", "ds2", "--noise", "0.3",
                                             "--permutations", "1", "--json");
    assert_int_equal(quiet.status, 0);
    assert_int_equal(loud.status, 0);
    assert_string_not_equal(quiet.out, loud.out);
    kt_process_result_free(&quiet);
    kt_process_result_free(&loud);
}

static void tables_show_the_papers_figures_below_ours(void **state) {
    (void)state;
    struct kt_process_result result =
        SIMULATE("--suite", "paper", "--policy", "ds2", "--permutations", "1");
    assert_int_equal(result.status, 0);
    assert_non_null(strstr(result.out, "ContTune, alpha = 3 (published)"));
    assert_non_null(strstr(result.out, "PVLDB 16(13), 2023"));
    assert_string_equal(result.err, "");
    /* Lines of one table are equally long. */
    const char *head = strstr(result.out, "\n  method");
    assert_non_null(head);
    const size_t width = strcspn(head + 1, "\n");
    assert_int_equal(strcspn(strchr(head + 1, '\n') + 1, "\n"), width);
    kt_process_result_free(&result);
}

static void a_page_shows_every_method(void **state) {
    (void)state;
    struct kt_process_result result =
        SIMULATE("--job", job_path, "--policy", "ds2,conttune:alpha=2", "--permutations", "2",
                 "--html", page_path);
    assert_int_equal(result.status, 0);
    kt_process_result_free(&result);
    FILE *in = fopen(page_path, "r");
    assert_non_null(in);
    char *page = NULL;
    size_t size = 0;
    const ssize_t len = getdelim(&page, &size, '\0', in);
    fclose(in);
    assert_true(len > 1000);
    assert_non_null(strstr(page, "conttune:alpha=2"));
    assert_non_null(strstr(page, "mapper"));
    assert_non_null(strstr(page, "<svg"));
    free(page);
}

static void each_mistake_names_its_option_or_field(void **state) {
    (void)state;
    char broken[512];
    write_file(broken, "broken.json",
               "{\"name\": \"x\", \"sources\": [{\"id\": \"s\", \"unit_rate\": \"fast\"}],"
               " \"operators\": []}");
    char backwards[512];
    write_file(backwards, "backwards.csv", "second,records_per_second\n60,5\n0,1\n");
    const struct {
        const char *words[8];
        const char *message;
    } cases[] = {
        {{"--policy", "ds2"}, "either --job FILE or --suite NAME is needed"},
        {{"--job", job_path, "--suite", "paper"}, "either --job FILE or --suite NAME"},
        {{"--suite", "papers"}, "--suite: expected paper, real, stress or ablation, got 'papers'"},
        {{"--suite", "paper", "--rates", rates_path}, "--rates and --protocol go with --job"},
        {{"--job", job_path, "--protocol", "mine"}, "--protocol: expected paper, got 'mine'"},
        {{"--job", job_path, "--protocol", "paper", "--rates", rates_path},
         "either --rates or --protocol"},
        {{"--suite", "paper", "--policy", "conttun"}, "--policy: 'conttun': policy: expected one"},
        {{"--suite", "paper", "--policy", "ds2,"}, "--policy: '': policy: expected one"},
        {{"--suite", "paper", "--policy", "conttune:alpah=1"},
         "no option 'alpah'; did you mean 'alpha'?"},
        {{"--suite", "paper", "--policy", "conttune:alpha=x"},
         "'conttune:alpha=x': alpha: expected an integer from 0"},
        {{"--suite", "paper", "--policy", "conttune:alpha"}, "expected option=value, got 'alpha'"},
        {{"--suite", "paper", "--policy", "conttune", "--surrogate", "linear"},
         "surrogate: expected one of"},
        {{"--suite", "paper", "--permutations", "0"}, "--permutations: expected an integer from 1"},
        {{"--suite", "paper", "--noise", "2"}, "--noise: expected a number from 0 to 1"},
        {{"--suite", "paper", "--policy", "kontune:surrogate=rbf"},
         "surrogate: expected scaling, the only one of kontune"},
        {{"--job", broken}, "broken.json: sources[0].unit_rate"},
        {{"--job", "/nowhere/job.json"}, "/nowhere/job.json: No such file"},
        {{"--job", job_path, "--rates", backwards}, "backwards.csv:3: expected a time after"},
        {{"--job", job_path, "--rates", "/nowhere/rates.csv"}, "/nowhere/rates.csv: No such file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kt_process_result result = simulate(cases[i].words);
        if (result.status != 2 || strstr(result.err, cases[i].message) == NULL) {
            fail_msg("case %zu: status %d, '%s' has no '%s'", i, result.status, result.err,
                     cases[i].message);
        }
        assert_string_equal(result.out, "");
        kt_process_result_free(&result);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_with_any_number_of_threads),
        cmocka_unit_test(each_job_and_method_is_an_entry_with_every_field),
        cmocka_unit_test(the_standard_error_is_that_of_the_permutations_mean),
        cmocka_unit_test(rates_over_time_count_their_levels_as_tunings),
        cmocka_unit_test(a_job_may_be_larger_than_the_default_limit),
        cmocka_unit_test(a_configuration_of_ones_own_limits_every_method),
        cmocka_unit_test(noise_on_the_command_line_replaces_the_jobs),
        cmocka_unit_test(tables_show_the_papers_figures_below_ours),
        cmocka_unit_test(a_page_shows_every_method),
        cmocka_unit_test(each_mistake_names_its_option_or_field),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
