/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tables of text. */
#include "ops/text_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *printed(const struct kt_text_table *table, bool markdown) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    kt_text_table_print(out, table, markdown);
    assert_int_equal(fclose(out), 0);
    return text;
}

static struct kt_text_table example(void) {
    struct kt_text_table table;
    assert_true(kt_text_table_make(&table, 2, 3));
    kt_text_table_put(&table, 0, 0, "method");
    kt_text_table_put(&table, 0, 1, "mean");
    kt_text_table_put(&table, 1, 0, "a|b");
    kt_text_table_put(&table, 1, 1, "%.1f ± %.1f", 10.0, 2.5);
    return table;
}

static void test_columns_are_aligned_by_characters(void **state) {
    (void)state;
    struct kt_text_table table = example();
    char *text = printed(&table, false);
    assert_string_equal(text, "  method        mean  \n"
                              "  a|b     10.0 ± 2.5  \n");
    free(text);
    kt_text_table_free(&table);
}

static void test_markdown_has_a_rule_below_the_head_and_escapes_bars(void **state) {
    (void)state;
    struct kt_text_table table = example();
    char *text = printed(&table, true);
    assert_string_equal(text, "| method | mean |  |\n"
                              "|---|---:|---:|\n"
                              "| a\\|b | 10.0 ± 2.5 |  |\n");
    free(text);
    kt_text_table_free(&table);
}

static void test_a_long_text_is_cut_to_its_cell(void **state) {
    (void)state;
    struct kt_text_table table;
    assert_true(kt_text_table_make(&table, 1, 2));
    kt_text_table_put(&table, 0, 0, "%0*d", 2 * KT_CELL_BYTES, 7);
    kt_text_table_put(&table, 0, 1, "next");
    char *text = printed(&table, true);
    assert_int_equal(strcspn(text, "\n"), KT_CELL_BYTES - 1 + strlen("|  | next |"));
    free(text);
    kt_text_table_free(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_aligned_by_characters),
        cmocka_unit_test(test_markdown_has_a_rule_below_the_head_and_escapes_bars),
        cmocka_unit_test(test_a_long_text_is_cut_to_its_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
