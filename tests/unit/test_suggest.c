/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune suggest` as a user calls it: answers, text, and what it says of mistakes. */
#include "support/process.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TABLE     KT_FIXTURES "/nexmark-q1-mapper.csv"
#define ARGS_MAX  24
#define TIMEOUT_S 60

static char *folder;

static int set_up(void **state) {
    (void)state;
    folder = kt_process_tmpdir();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    kt_process_rmtree(folder);
    free(folder);
    return 0;
}

/* A file in the test's folder; the path is valid until the next call with the same slot. */
static const char *write_file(int slot, const char *text) {
    static char paths[3][600];
    snprintf(paths[slot], sizeof paths[slot], "%s/file%d", folder, slot);
    FILE *file = fopen(paths[slot], "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return paths[slot];
}

/* Runs `kontune suggest` with the arguments up to NULL. */
static struct kt_process_result suggest(const char *first, ...) {
    const char *argv[ARGS_MAX] = {kt_process_kontune(), "suggest"};
    size_t count = 2;
    va_list args;
    va_start(args, first);
    for (const char *arg = first; arg != NULL; arg = va_arg(args, const char *)) {
        assert_in_range(count, 0, ARGS_MAX - 2);
        argv[count++] = arg;
    }
    va_end(args);
    return kt_process_run(argv, TIMEOUT_S);
}

/* The document that was printed, and nothing else. */
static json_t *parse(struct kt_process_result result) {
    if (result.status != 0) {
        fail_msg("exit status %d: %s", result.status, result.err);
    }
    assert_string_equal(result.err, "");
    json_t *document = json_loads(result.out, 0, NULL);
    if (document == NULL) {
        fail_msg("no JSON: %s", result.out);
    }
    kt_process_result_free(&result);
    return document;
}

static double number(const json_t *document, const char *key) {
    const json_t *value = json_object_get(document, key);
    if (!json_is_number(value)) {
        fail_msg("no number %s", key);
    }
    return json_number_value(value);
}

static void assert_failed(struct kt_process_result result, int status, const char *message) {
    if (result.status != status || strstr(result.err, message) == NULL) {
        fail_msg("expected status %d and '%s', got %d and '%s'", status, message, result.status,
                 result.err);
    }
    assert_string_equal(result.out, "");
    kt_process_result_free(&result);
}

static void assert_method(const json_t *document, const char *method) {
    assert_string_equal(json_string_value(json_object_get(document, "method")), method);
}

/* ---- one operator --------------------------------------------------------------------------- */

static void the_seeds_table_says_11(void **state) {
    (void)state;
    static const char *const alphas[] = {"1", "3"};
    for (size_t i = 0; i < 2; i++) {
        json_t *d = parse(suggest("--policy", "conttune", "--history", TABLE, "--rate", "4e6",
                                  "--current", "26", "--alpha", alphas[i], "--json", NULL));
        assert_true(number(d, "parallelism") == 11);
        assert_method(d, "surrogate");
        assert_true(number(d, "predicted_ability") >= 4e6);
        assert_true(number(d, "predicted_stddev") > 0);
        assert_true(number(d, "nearest_observed") == 10);
        assert_true(number(d, "distance") == 1);
        const json_t *surrogate = json_object_get(d, "surrogate");
        assert_string_equal(json_string_value(json_object_get(surrogate, "name")), "rbf");
        const json_t *parameters = json_object_get(surrogate, "parameters");
        assert_true(number(parameters, "length_scale") > 1 &&
                    number(parameters, "length_scale") < 10);
        assert_true(number(parameters, "sigma_f") > 0);
        assert_true(number(surrogate, "log_marginal_likelihood") < 0);
        json_decref(d);
    }
}

static void alpha_zero_is_linear_as_ds2_is(void **state) {
    (void)state;
    json_t *cache = parse(suggest("--policy", "conttune", "--history", TABLE, "--rate", "4e6",
                                  "--current", "26", "--alpha", "0", "--json", NULL));
    json_t *ds2 = parse(suggest("--history", TABLE, "--rate", "4e6", "--current", "26", "--policy",
                                "ds2", "--json", NULL));
    assert_method(cache, "linear");
    assert_method(ds2, "linear");
    assert_true(number(cache, "parallelism") == 14);
    assert_true(number(ds2, "parallelism") == 14);
    assert_true(number(ds2, "predicted_ability") == number(cache, "predicted_ability"));
    assert_null(json_object_get(ds2, "predicted_stddev"));
    assert_null(json_object_get(ds2, "surrogate"));
    assert_non_null(json_object_get(cache, "surrogate"));
    json_decref(cache);
    json_decref(ds2);
}

static void the_newest_observations_count_by_top_k(void **state) {
    (void)state;
    const char *path = write_file(0, "parallelism,processing_ability\n2,9000\n2,1000\n2,1200\n");
    json_t *d = parse(suggest("--history", path, "--rate", "3000", "--current", "2", "--policy",
                              "ds2", "--top-k", "2", "--json", NULL));
    assert_true(number(d, "parallelism") == 6); /* 550 each */
    json_decref(d);
    d = parse(suggest("--history", path, "--rate", "3000", "--current", "2", "--policy", "ds2",
                      "--top-k", "1", "--json", NULL));
    assert_true(number(d, "parallelism") == 5); /* 600 each */
    json_decref(d);
}

static void columns_may_stand_anywhere_among_others(void **state) {
    (void)state;
    const char *path = write_file(
        0, "# made by hand\nvertex_id,processing_ability,note,parallelism\nm,1000,\"a, b\",1\n");
    json_t *d = parse(suggest("--policy", "conttune", "--history", path, "--rate", "1500",
                              "--current", "1", "--json", NULL));
    assert_true(number(d, "parallelism") == 2);
    assert_method(d, "linear");
    json_decref(d);
}

static void the_maximum_limits_the_answer(void **state) {
    (void)state;
    static const char *const policies[] = {"kontune", "conttune"};
    for (size_t i = 0; i < 2; i++) {
        json_t *d = parse(suggest("--policy", policies[i], "--history", TABLE, "--rate", "7e6",
                                  "--current", "26", "--max-parallelism", "20", "--json", NULL));
        assert_true(number(d, "parallelism") == 20);
        assert_method(d, "limited");
        assert_string_equal(json_string_value(json_array_get(json_object_get(d, "limits"), 0)),
                            "MAX_PARALLELISM");
        json_decref(d);
    }
}

static void without_an_observation_to_be_linear_from_it_stays(void **state) {
    (void)state;
    json_t *d = parse(suggest("--policy", "conttune", "--history", TABLE, "--rate", "9e9",
                              "--current", "13", "--json", NULL));
    assert_method(d, "keep");
    assert_true(number(d, "parallelism") == 13);
    assert_null(json_object_get(d, "predicted_ability"));
    json_decref(d);
}

static void the_text_says_what_why_and_how_sure(void **state) {
    (void)state;
    struct kt_process_result r = suggest("--policy", "conttune", "--history", TABLE, "--rate",
                                         "4e6", "--current", "26", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "parallelism 11 (now 26)"));
    assert_non_null(
        strstr(r.out, "surrogate: 11 is the smallest that it calls enough for 4000000"));
    assert_non_null(strstr(r.out, "predicted at 11: 41"));
    assert_non_null(strstr(r.out, " ± "));
    assert_non_null(strstr(r.out, "nearest observed parallelism: 10 (distance 1)"));
    kt_process_result_free(&r);
}

/* Without a word about the policy it is kontune that answers. */
static void kontune_says_how_surely_its_answer_keeps_up(void **state) {
    (void)state;
    json_t *d =
        parse(suggest("--history", TABLE, "--rate", "4e6", "--current", "26", "--json", NULL));
    assert_true(number(d, "parallelism") == 12);
    assert_method(d, "surrogate");
    assert_true(number(d, "keeps_up_probability") > 0.99);
    assert_true(fabs(number(d, "predicted_ability") / 4.2e6 - 1) < 0.02);
    assert_true(number(d, "nearest_observed") == 10);
    assert_true(number(d, "distance") == 2);
    const json_t *surrogate = json_object_get(d, "surrogate");
    assert_string_equal(json_string_value(json_object_get(surrogate, "name")), "scaling");
    const json_t *parameters = json_object_get(surrogate, "parameters");
    assert_non_null(json_string_value(json_object_get(parameters, "law")));
    assert_true(number(parameters, "law_probability") > 0);
    assert_true(number(parameters, "noise") > 0);
    assert_true(json_is_real(json_object_get(surrogate, "log_marginal_likelihood")));
    json_decref(d);
    struct kt_process_result r =
        suggest("--history", TABLE, "--rate", "4e6", "--current", "26", NULL);
    assert_non_null(strstr(r.out, "surrogate: 12 keeps up with 4000000 records/s with a prob"));
    kt_process_result_free(&r);
}

static void a_rate_that_nothing_reaches_is_said_to_be_one(void **state) {
    (void)state;
    struct kt_process_result r = suggest("--history", TABLE, "--rate", "9e9", "--current", "26",
                                         "--max-parallelism", "40", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "no parallelism up to the maximum is likely to do"));
    assert_non_null(strstr(r.out, "with a probability of 0.00"));
    kt_process_result_free(&r);
}

static void a_rate_of_zero_needs_one_subtask(void **state) {
    (void)state;
    json_t *d =
        parse(suggest("--history", TABLE, "--rate", "0", "--current", "26", "--json", NULL));
    assert_true(number(d, "parallelism") == 1);
    json_decref(d);
}

static void conttune_may_ask_the_scaling_surrogate(void **state) {
    (void)state;
    json_t *d = parse(suggest("--policy", "conttune", "--surrogate", "scaling", "--history", TABLE,
                              "--rate", "4e6", "--current", "26", "--json", NULL));
    assert_true(number(d, "parallelism") == 12);
    assert_true(number(d, "keeps_up_probability") > 0.9);
    assert_string_equal(json_string_value(json_object_get(json_object_get(d, "surrogate"), "name")),
                        "scaling");
    json_decref(d);
}

static void bad_tables_are_refused_by_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } bad[] = {
        {"a,b\n1,2\n", "file0:1: expected the columns parallelism and processing_ability"},
        {"parallelism,processing_ability\n", "expected at least one observation"},
        {"parallelism,processing_ability\n1,5\n0,5\n", "file0:3: "},
        {"parallelism,processing_ability\n1,nan\n", "file0:2: "},
        {"parallelism,processing_ability\n1,0\n", "file0:2: processing_ability: expected a number"},
        {"parallelism,processing_ability\n1,-3\n", "file0:2: "},
        {"parallelism,processing_ability\n1,inf\n", "file0:2: "},
        {"parallelism,processing_ability\n1.5,3\n", "file0:2: "},
        {"parallelism,processing_ability\n1\n", "file0:2: expected 2 fields"},
        {"parallelism,processing_ability,vertex_id\n1,5,a\n2,5,b\n",
         "file0:3: expected one operator, got 'b' after 'a'; `kontune history export --operator "
         "ID` "
         "gives one"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *path = write_file(0, bad[i].text);
        assert_failed(suggest("--history", path, "--rate", "5", "--current", "1", NULL), 1,
                      bad[i].message);
    }
    assert_failed(suggest("--history", "/nonexistent", "--rate", "5", "--current", "1", NULL), 1,
                  "/nonexistent: No such file");
}

static void more_parallelisms_than_a_surrogate_takes_are_refused(void **state) {
    (void)state;
    char text[4096] = "parallelism,processing_ability\n";
    for (int p = 1; p <= 65; p++) {
        const size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "%d,%d\n", p, 1000 * p);
    }
    assert_failed(suggest("--history", write_file(0, text), "--rate", "5", "--current", "1", NULL),
                  1, "file0:66: expected at most 64 different parallelisms");
    *strstr(text, "65,") = '\0';
    struct kt_process_result r =
        suggest("--history", write_file(0, text), "--rate", "5500", "--current", "1", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "parallelism 6 "));
    kt_process_result_free(&r);
}

static void bad_usage_has_status_2(void **state) {
    (void)state;
    assert_failed(suggest(NULL), 2, "either --history or --ds2-log");
    assert_failed(suggest("--history", TABLE, "--current", "2", NULL), 2, "--rate");
    assert_failed(suggest("--history", TABLE, "--rate", "2", NULL), 2, "--current");
    assert_failed(suggest("--history", TABLE, "--rate", "-2", "--current", "2", NULL), 2, "rate");
    assert_failed(suggest("--history", TABLE, "--rate", "nan", "--current", "2", NULL), 2, "rate");
    assert_failed(suggest("--history", TABLE, "--rate", "2", "--current", "0", NULL), 2, "current");
    assert_failed(
        suggest("--history", TABLE, "--rate", "2", "--current", "2", "--policy", "magic", NULL), 2,
        "expected kontune, conttune or ds2, got 'magic'");
    assert_failed(
        suggest("--history", TABLE, "--rate", "2", "--current", "2", "--surrogate", "x", NULL), 2,
        "expected scaling or rbf, got 'x'");
    assert_failed(
        suggest("--history", TABLE, "--rate", "2", "--current", "2", "--surrogate", "rbf", NULL), 2,
        "takes no surrogate but scaling");
    assert_failed(
        suggest("--history", TABLE, "--rate", "2", "--current", "2", "--top-k", "0", NULL), 2,
        "top-k");
    assert_failed(
        suggest("--history", TABLE, "--rate", "2", "--current", "2", "--topology", "x", NULL), 2,
        "go with --ds2-log");
    assert_failed(suggest("--ds2-log", "x", NULL), 2, "--ds2-log needs --topology");
    assert_failed(suggest("--ds2-log", "x", "--topology", "y", "--policy", "conttune", NULL), 2,
                  "--ds2-log needs --policy ds2");
    assert_failed(suggest("--ds2-log", "x", "--topology", "y", "--rate", "3", NULL), 2,
                  "takes neither --history");
    assert_failed(suggest("--unknown", NULL), 2, "unknown");
}

static void help_lists_the_options(void **state) {
    (void)state;
    struct kt_process_result r = suggest("--help", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "--ds2-log"));
    assert_non_null(strstr(r.out, "--max-parallelism"));
    kt_process_result_free(&r);
}

/* ---- a whole job ---------------------------------------------------------------------------- */

#define TOPOLOGY "# edges\nsrc,src,1,map,map,1\nmap,map,1,sink,sink,2\n"
#define LOG                                                                                        \
    "src,1,1,10,0,100,0,90\nmap,1,1,11,50,400,45,380\nsink,1,2,9,50,0,50,0\n"                      \
    "sink,2,2,9,50,0,50,0\nsrc,1,1,20,0,200,0,90\nmap,1,1,21,40,700,15,380\n"                      \
    "sink,1,2,19,40,0,50,0\nsink,2,2,19,59,0,50,0\n"

static void a_rate_log_is_answered_for_every_epoch(void **state) {
    (void)state;
    const char *log = write_file(0, LOG);
    const char *topology = write_file(1, TOPOLOGY);
    struct kt_process_result r =
        suggest("--policy", "ds2", "--ds2-log", log, "--topology", topology, "--json", NULL);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out,
                        "{\"epochs\":[{\"epoch\":0,\"operators\":[{\"operator\":\"map\","
                        "\"parallelism\":2},{\"operator\":\"sink\",\"parallelism\":16}]},"
                        "{\"epoch\":1,\"operators\":[{\"operator\":\"map\",\"parallelism\":5},"
                        "{\"operator\":\"sink\",\"parallelism\":71}]}]}\n");
    kt_process_result_free(&r);
    r = suggest("--ds2-log", log, "--topology", topology, NULL);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "epoch 0: map 1 -> 2, sink 2 -> 16\n"
                               "epoch 1: map 1 -> 5, sink 2 -> 71\n");
    kt_process_result_free(&r);
}

static void source_rates_replace_the_measured_ones(void **state) {
    (void)state;
    const char *log = write_file(0, LOG);
    const char *topology = write_file(1, TOPOLOGY);
    const char *rates = write_file(2, "src,50\n");
    json_t *d = parse(suggest("--policy", "ds2", "--ds2-log", log, "--topology", topology,
                              "--source-rates", rates, "--json", NULL));
    const json_t *epochs = json_object_get(d, "epochs");
    assert_int_equal(json_array_size(epochs), 2);
    const json_t *first =
        json_array_get(json_object_get(json_array_get(epochs, 0), "operators"), 0);
    assert_true(number(first, "parallelism") == 1);
    json_decref(d);
}

static void bad_logs_are_refused_by_line(void **state) {
    (void)state;
    const char *log = write_file(0, "src,1,1,10,0,100,0\n");
    const char *topology = write_file(1, TOPOLOGY);
    assert_failed(suggest("--ds2-log", log, "--topology", topology, "--json", NULL), 1,
                  "file0:1: 7 fields, expected 8");
    assert_failed(suggest("--ds2-log", "/nonexistent", "--topology", topology, NULL), 1,
                  "/nonexistent: No such file");
    log = write_file(0, "src,1,1,10,0,100,0,1\n\xff,1,1,10,0,100,0,1\n");
    topology = write_file(1, "src,src,1,\xff,x,1\n");
    assert_failed(suggest("--ds2-log", log, "--topology", topology, "--json", NULL), 1,
                  "not UTF-8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seeds_table_says_11),
        cmocka_unit_test(alpha_zero_is_linear_as_ds2_is),
        cmocka_unit_test(the_newest_observations_count_by_top_k),
        cmocka_unit_test(columns_may_stand_anywhere_among_others),
        cmocka_unit_test(the_maximum_limits_the_answer),
        cmocka_unit_test(without_an_observation_to_be_linear_from_it_stays),
        cmocka_unit_test(the_text_says_what_why_and_how_sure),
        cmocka_unit_test(kontune_says_how_surely_its_answer_keeps_up),
        cmocka_unit_test(a_rate_that_nothing_reaches_is_said_to_be_one),
        cmocka_unit_test(a_rate_of_zero_needs_one_subtask),
        cmocka_unit_test(conttune_may_ask_the_scaling_surrogate),
        cmocka_unit_test(bad_tables_are_refused_by_line),
        cmocka_unit_test(more_parallelisms_than_a_surrogate_takes_are_refused),
        cmocka_unit_test(bad_usage_has_status_2),
        cmocka_unit_test(help_lists_the_options),
        cmocka_unit_test(a_rate_log_is_answered_for_every_epoch),
        cmocka_unit_test(source_rates_replace_the_measured_ones),
        cmocka_unit_test(bad_logs_are_refused_by_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
