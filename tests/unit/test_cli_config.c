/* SPDX-License-Identifier: GPL-3.0-or-later
 * kontune config on the command line: what it prints, where, and its exit status. */
#include "support/process.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_S 20

/* A folder with one file in it; the path is what messages begin with. */
struct file {
    char *folder;
    char path[256];
};

static struct file write_file(const char *text) {
    struct file file = {.folder = kt_process_tmpdir()};
    snprintf(file.path, sizeof file.path, "%s/k.ini", file.folder);
    FILE *out = fopen(file.path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
    return file;
}

static void remove_file(struct file *file) {
    kt_process_rmtree(file->folder);
    free(file->folder);
}

static struct kt_process_result run(const char *verb, const char *a, const char *b) {
    const char *const argv[] = {kt_process_kontune(), "config", verb, a, b, NULL};
    return kt_process_run(argv, LIMIT_S);
}

static void a_good_file_prints_what_differs_from_the_defaults(void **state) {
    (void)state;
    struct file file = write_file("[policy]\nalpha = 1\ntop_k = 5\n"
                                  "[policy \"prod/q1\"]\npins = sink=1\n"
                                  "[kafka]\nsasl.password = hunter2\n"
                                  "bootstrap.servers = ${KT_TEST_BROKERS}\n");
    setenv("KT_TEST_BROKERS", "b1:9092", 1);
    setenv("KONTUNE_GATE_SAMPLES_MIN", "9", 1);
    struct kt_process_result r = run("check", file.path, NULL);
    unsetenv("KT_TEST_BROKERS");
    unsetenv("KONTUNE_GATE_SAMPLES_MIN");
    char expected[2048];
    snprintf(expected, sizeof expected,
             "%s: ok\n"
             "  [policy] alpha = 1  (%s:2)\n"
             "  [policy \"prod/q1\"] pins = sink=1  (%s:5)\n"
             "  [kafka] sasl.password = (hidden)  (%s:7)\n"
             "  [kafka] bootstrap.servers = ${KT_TEST_BROKERS}  (%s:8)\n"
             "  [gate] samples_min = 9  (KONTUNE_GATE_SAMPLES_MIN)\n",
             file.path, file.path, file.path, file.path, file.path);
    assert_string_equal(r.err, "");
    assert_string_equal(r.out, expected);
    assert_int_equal(r.status, 0);
    kt_process_result_free(&r);
    remove_file(&file);
}

static void a_bad_file_prints_every_problem_and_exits_2(void **state) {
    (void)state;
    struct file file = write_file("[policy]\nalpha = x\n[wroker]\n[topics]\npartitions = 0\n");
    struct kt_process_result r = run("check", file.path, NULL);
    char expected[2048];
    snprintf(expected, sizeof expected,
             "%s:2: [policy] alpha: expected an integer from 0 to 32768, got 'x'\n"
             "%s:3: unknown section [wroker]; did you mean [worker]?\n"
             "%s:5: [topics] partitions: expected an integer from 1 to 10000, got '0'\n",
             file.path, file.path, file.path);
    assert_string_equal(r.out, "");
    assert_string_equal(r.err, expected);
    assert_int_equal(r.status, 2);
    kt_process_result_free(&r);
    remove_file(&file);
}

static void json_is_one_document_for_good_and_bad(void **state) {
    (void)state;
    struct file file = write_file("[policy \"prod/q1\"]\nalpha = 1\n");
    struct kt_process_result r = run("check", file.path, "--json");
    assert_int_equal(r.status, 0);
    json_t *document = json_loads(r.out, JSON_REJECT_DUPLICATES, NULL);
    char origin[300];
    snprintf(origin, sizeof origin, "%s:2", file.path);
    json_t *expected = json_pack("{s:s, s:b, s:[{s:s, s:s, s:s, s:s, s:s}]}", "file", file.path,
                                 "ok", 1, "options", "section", "policy", "job", "prod/q1", "name",
                                 "alpha", "value", "1", "origin", origin);
    assert_true(json_equal(document, expected));
    json_decref(document);
    json_decref(expected);
    kt_process_result_free(&r);
    remove_file(&file);

    file = write_file("\xFF\nalpha = 1\n");
    r = run("check", file.path, "--json");
    assert_int_equal(r.status, 2);
    assert_string_equal(r.err, "");
    document = json_loads(r.out, JSON_REJECT_DUPLICATES, NULL);
    assert_false(json_boolean_value(json_object_get(document, "ok")));
    json_t *problem = json_array_get(json_object_get(document, "problems"), 0);
    assert_int_equal(json_integer_value(json_object_get(problem, "line")), 1);
    char message[300];
    snprintf(message, sizeof message, "%s:1: expected UTF-8 text", file.path);
    assert_string_equal(json_string_value(json_object_get(problem, "message")), message);
    json_decref(document);
    kt_process_result_free(&r);
    remove_file(&file);
}

static void a_missing_file_exits_2(void **state) {
    (void)state;
    struct kt_process_result r = run("check", "/no/such.ini", NULL);
    assert_string_equal(r.err, "/no/such.ini: cannot be read: No such file or directory\n");
    assert_int_equal(r.status, 2);
    kt_process_result_free(&r);
}

static void the_sample_passes_the_check_without_a_difference(void **state) {
    (void)state;
    struct kt_process_result sample = run("sample", NULL, NULL);
    assert_int_equal(sample.status, 0);
    struct file file = write_file(sample.out);
    struct kt_process_result r = run("check", file.path, NULL);
    char expected[300];
    snprintf(expected, sizeof expected, "%s: ok\n", file.path);
    assert_string_equal(r.out, expected);
    assert_int_equal(r.status, 0);
    kt_process_result_free(&r);
    kt_process_result_free(&sample);
    remove_file(&file);
}

static void misuse_exits_2_and_help_exits_0(void **state) {
    (void)state;
    struct kt_process_result r = run("check", NULL, NULL);
    assert_string_equal(r.err,
                        "kontune config check: expected FILE; see `kontune config check --help`\n");
    assert_int_equal(r.status, 2);
    kt_process_result_free(&r);
    r = run("chekc", NULL, NULL);
    assert_string_equal(r.err,
                        "kontune config: unknown command 'chekc'; see `kontune config --help`\n");
    assert_int_equal(r.status, 2);
    kt_process_result_free(&r);
    r = run("sample", "--help", NULL);
    assert_non_null(strstr(r.out, "usage: kontune config sample [OPTIONS]\n"));
    assert_int_equal(r.status, 0);
    kt_process_result_free(&r);
    r = run("--help", NULL, NULL);
    assert_non_null(strstr(r.out, "usage: kontune config COMMAND [OPTIONS]\n"));
    assert_int_equal(r.status, 0);
    kt_process_result_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_prints_what_differs_from_the_defaults),
        cmocka_unit_test(a_bad_file_prints_every_problem_and_exits_2),
        cmocka_unit_test(json_is_one_document_for_good_and_bad),
        cmocka_unit_test(a_missing_file_exits_2),
        cmocka_unit_test(the_sample_passes_the_check_without_a_difference),
        cmocka_unit_test(misuse_exits_2_and_help_exits_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
