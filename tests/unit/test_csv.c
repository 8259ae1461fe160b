/* SPDX-License-Identifier: GPL-3.0-or-later
 * Comma-separated files: fields, quotes, numbers, and every mistake with its line. */
#include "ops/csv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static enum kt_err open_text(const char *text, size_t len, struct kt_csv **csv,
                             struct kt_error *error) {
    FILE *in = tmpfile();
    assert_non_null(in);
    assert_int_equal(fwrite(text, 1, len, in), len);
    rewind(in);
    return kt_csv_open_stream(in, "f.csv", csv, error);
}

static struct kt_csv *opened(const char *text) {
    struct kt_csv *csv = NULL;
    struct kt_error error;
    assert_int_equal(open_text(text, strlen(text), &csv, &error), KT_ERR_OK);
    return csv;
}

static void assert_field(const struct kt_csv *csv, int column, const char *expected) {
    const struct kt_str field = kt_csv_field(csv, column);
    assert_int_equal(field.len, strlen(expected));
    assert_string_equal(field.data, expected);
}

static void fields_are_found_by_the_header(void **state) {
    (void)state;
    struct kt_csv *csv = opened("\xEF\xBB\xBF# made by hand\n\nname,\"the rate\",x\r\n"
                                "a,1.5,\r\n# no record\n\"b, \"\"c\"\"\",-2,\"\"");
    struct kt_error error;
    assert_int_equal(kt_csv_column(csv, "name"), 0);
    assert_int_equal(kt_csv_column(csv, "the rate"), 1);
    assert_int_equal(kt_csv_column(csv, "y"), -1);
    assert_int_equal(kt_csv_next(csv, &error), KT_ERR_OK);
    assert_int_equal(kt_csv_line(csv), 4);
    assert_field(csv, 0, "a");
    assert_field(csv, 2, "");
    assert_field(csv, -1, "");
    double rate = 0;
    assert_int_equal(kt_csv_number(csv, 1, 0, 2, &rate, &error), KT_ERR_OK);
    assert_true(rate == 1.5);
    assert_int_equal(kt_csv_next(csv, &error), KT_ERR_OK);
    assert_int_equal(kt_csv_line(csv), 6);
    assert_field(csv, 0, "b, \"c\"");
    int64_t integer = 0;
    assert_int_equal(kt_csv_integer(csv, 1, -2, 2, &integer, &error), KT_ERR_OK);
    assert_int_equal(integer, -2);
    assert_field(csv, 2, "");
    assert_int_equal(kt_csv_next(csv, &error), KT_ERR_NOT_FOUND);
    kt_csv_close(csv);
}

static void bad_headers_are_told(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "f.csv:1: expected a header line"},
        {"# only a comment\n", "f.csv:1: expected a header line"},
        {"a,b,a\n", "f.csv:1: the column 'a' is there twice"},
        {"a,\"b\n", "f.csv:1: expected a closing quote"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kt_csv *csv = NULL;
        struct kt_error error;
        assert_int_equal(open_text(cases[i].text, strlen(cases[i].text), &csv, &error),
                         KT_ERR_PARSE);
        assert_string_equal(error.message, cases[i].message);
        assert_null(csv);
    }
}

static void bad_records_are_told_by_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *message;
    } cases[] = {
#define CASE(text, message) {"a,b\n1,2\n" text, sizeof("a,b\n1,2\n" text) - 1, message}
        CASE("1\n", "f.csv:3: expected 2 fields as in the header, got 1"),
        CASE("\n1,2,3\n", "f.csv:4: expected 2 fields as in the header, got 3"),
        CASE("\"1,2\n", "f.csv:3: expected a closing quote"),
        CASE("\"1\"2,3\n", "f.csv:3: expected a comma behind the closing quote"),
        CASE("1,\xFF\n", "f.csv:3: expected UTF-8 text"),
        CASE("1,\0002\n", "f.csv:3: expected text, got a NUL byte"),
        CASE("\0\n", "f.csv:3: expected text, got a NUL byte"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kt_csv *csv = NULL;
        struct kt_error error;
        assert_int_equal(open_text(cases[i].text, cases[i].len, &csv, &error), KT_ERR_OK);
        assert_int_equal(kt_csv_next(csv, &error), KT_ERR_OK);
        assert_int_equal(kt_csv_next(csv, &error), KT_ERR_PARSE);
        assert_string_equal(error.message, cases[i].message);
        kt_csv_close(csv);
    }
}

static void overlong_lines_and_too_many_columns_are_refused(void **state) {
    (void)state;
    enum { LONG = 70000 };
    char *text = malloc(LONG);
    assert_non_null(text);
    memset(text, 'x', LONG);
    struct kt_csv *csv = NULL;
    struct kt_error error;
    assert_int_equal(open_text(text, LONG, &csv, &error), KT_ERR_PARSE);
    assert_string_equal(error.message, "f.csv:1: expected a line of at most 65536 bytes");
    memset(text, ',', KT_CSV_COLUMNS_MAX);
    assert_int_equal(open_text(text, KT_CSV_COLUMNS_MAX, &csv, &error), KT_ERR_PARSE);
    assert_string_equal(error.message, "f.csv:1: expected at most 64 columns");
    free(text);
}

static void bad_numbers_tell_what_was_expected(void **state) {
    (void)state;
    struct kt_csv *csv = opened("n\nx\n1.5\n9\n1e999\n\"\"\n");
    static const char *const integers[] = {
        "f.csv:2: n: expected an integer from 1 to 8, got 'x'",
        "f.csv:3: n: expected an integer from 1 to 8, got '1.5'",
        "f.csv:4: n: expected an integer from 1 to 8, got '9'",
        "f.csv:5: n: expected an integer from 1 to 8, got '1e999'",
        "f.csv:6: n: expected an integer from 1 to 8, got ''",
    };
    static const char *const numbers[] = {
        "f.csv:2: n: expected a number from 0 to 1, got 'x'",
        "f.csv:3: n: expected a number from 0 to 1, got '1.5'",
        "f.csv:4: n: expected a number from 0 to 1, got '9'",
        "f.csv:5: n: expected a number from 0 to 1, got '1e999'",
        "f.csv:6: n: expected a number from 0 to 1, got ''",
    };
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        struct kt_error error;
        int64_t integer;
        double number;
        assert_int_equal(kt_csv_next(csv, &error), KT_ERR_OK);
        assert_int_equal(kt_csv_integer(csv, 0, 1, 8, &integer, &error), KT_ERR_PARSE);
        assert_string_equal(error.message, integers[i]);
        assert_int_equal(kt_csv_number(csv, 0, 0, 1, &number, &error), KT_ERR_PARSE);
        assert_string_equal(error.message, numbers[i]);
    }
    kt_csv_close(csv);
}

static void what_is_written_can_be_read(void **state) {
    (void)state;
    static const char *const fields[] = {"plain", "a,b", "say \"x\"", "", "#1", "Σ"};
    enum { COUNT = sizeof fields / sizeof fields[0] };
    FILE *file = tmpfile();
    fputs("a,b,c,d,e,f\n", file);
    for (size_t i = 0; i < COUNT; i++) {
        /* The hash comes first in its line, where it would begin a comment. */
        kt_csv_put(file, kt_str_of(fields[(i + 4) % COUNT]));
        fputs(i + 1 < COUNT ? "," : "\n", file);
    }
    rewind(file);
    struct kt_csv *csv = NULL;
    struct kt_error error;
    assert_int_equal(kt_csv_open_stream(file, "f.csv", &csv, &error), KT_ERR_OK);
    assert_int_equal(kt_csv_next(csv, &error), KT_ERR_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_field(csv, (int)i, fields[(i + 4) % COUNT]);
    }
    kt_csv_close(csv);
}

static void a_missing_file_is_told(void **state) {
    (void)state;
    struct kt_csv *csv = NULL;
    struct kt_error error;
    assert_int_equal(kt_csv_open("/no/such.csv", &csv, &error), KT_ERR_IO);
    assert_string_equal(error.message, "/no/such.csv: No such file or directory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_by_the_header),
        cmocka_unit_test(bad_headers_are_told),
        cmocka_unit_test(bad_records_are_told_by_line),
        cmocka_unit_test(overlong_lines_and_too_many_columns_are_refused),
        cmocka_unit_test(bad_numbers_tell_what_was_expected),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(a_missing_file_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
