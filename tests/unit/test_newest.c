/* SPDX-License-Identifier: GPL-3.0-or-later
 * The newest texts of a stream, in bounded memory. */
#include "ops/newest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct kt_newest *newest, int64_t time_ms, int32_t partition, int64_t offset,
                const char *text) {
    const struct kt_newest_item item = {time_ms, partition, offset, strdup(text), strlen(text)};
    assert_int_equal(kt_newest_add(newest, item, NULL), KT_ERR_OK);
}

/* Times 0 … count - 1 in a scattered order (7919 and count have no common factor). */
static void add_scattered(struct kt_newest *newest, int count) {
    for (int i = 0; i < count; i++) {
        const int time_ms = (int)((int64_t)i * 7919 % count);
        char text[16];
        snprintf(text, sizeof text, "%08d", time_ms);
        add(newest, time_ms, 0, i, text);
    }
}

static void assert_times(struct kt_newest *newest, int64_t first, int64_t last) {
    kt_newest_sort(newest);
    assert_int_equal(newest->count, last - first + 1);
    for (size_t i = 0; i < newest->count; i++) {
        assert_int_equal(newest->items[i].time_ms, first + (int64_t)i);
        assert_int_equal(atoi(newest->items[i].text), first + (int64_t)i);
    }
}

static void without_bounds_all_are_kept_and_sorted(void **state) {
    (void)state;
    struct kt_newest newest = {.bytes_max = SIZE_MAX};
    add_scattered(&newest, 1000);
    assert_times(&newest, 0, 999);
    assert_int_equal(newest.crowded_out, 0);
    kt_newest_clear(&newest);
}

static void beyond_the_count_the_oldest_go(void **state) {
    (void)state;
    struct kt_newest newest = {.count_max = 10, .bytes_max = SIZE_MAX};
    add_scattered(&newest, 1000);
    assert_times(&newest, 990, 999);
    assert_int_equal(newest.crowded_out, 0);
    kt_newest_clear(&newest);
}

static void beyond_the_bytes_the_oldest_go_and_are_counted(void **state) {
    (void)state;
    struct kt_newest newest = {.bytes_max = 8 * 25 + 7};
    add_scattered(&newest, 1000);
    assert_int_equal(newest.bytes, 8 * 25);
    assert_times(&newest, 975, 999);
    assert_int_equal(newest.crowded_out, 975);
    kt_newest_clear(&newest);
}

static void one_text_is_kept_whatever_its_size(void **state) {
    (void)state;
    struct kt_newest newest = {.bytes_max = 3};
    add(&newest, 2, 0, 0, "larger than three");
    add(&newest, 1, 0, 1, "older");
    assert_int_equal(newest.count, 1);
    assert_string_equal(newest.items[0].text, "larger than three");
    assert_int_equal(newest.crowded_out, 1);
    kt_newest_clear(&newest);
}

static void at_one_time_partition_and_offset_tell_the_order(void **state) {
    (void)state;
    struct kt_newest newest = {.bytes_max = SIZE_MAX};
    add(&newest, 5, 1, 0, "c");
    add(&newest, 5, 0, 9, "b");
    add(&newest, 5, 0, 8, "a");
    kt_newest_sort(&newest);
    assert_string_equal(newest.items[0].text, "a");
    assert_string_equal(newest.items[1].text, "b");
    assert_string_equal(newest.items[2].text, "c");
    kt_newest_clear(&newest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_bounds_all_are_kept_and_sorted),
        cmocka_unit_test(beyond_the_count_the_oldest_go),
        cmocka_unit_test(beyond_the_bytes_the_oldest_go_and_are_counted),
        cmocka_unit_test(one_text_is_kept_whatever_its_size),
        cmocka_unit_test(at_one_time_partition_and_offset_tell_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
