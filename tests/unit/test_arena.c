/* SPDX-License-Identifier: GPL-3.0-or-later
 * Arrays that keep their newest items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "schemas/arena.h"

static void an_array_grows_up_to_its_bound_and_then_loses_its_oldest(void **state) {
    (void)state;
    struct kt_arena arena;
    kt_arena_init(&arena, 256, 4096);
    int *items = NULL;
    size_t count = 0;
    for (int i = 1; i <= 5; i++) {
        items = kt_arena_append(&arena, items, &count, sizeof i, 3, &i);
        assert_non_null(items);
        assert_int_equal(count, i < 3 ? i : 3);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(items[k], i - (int)(count - 1 - k));
        }
    }
    const int last = 9;
    items = kt_arena_append(&arena, items, &count, sizeof last, 1, &last);
    assert_int_equal(count, 1);
    assert_int_equal(items[0], last);
    kt_arena_free(&arena);
}

static void an_arena_that_is_full_leaves_the_count(void **state) {
    (void)state;
    struct kt_arena arena;
    kt_arena_init(&arena, 64, 64);
    char items[64] = {0};
    size_t count = sizeof items;
    assert_null(kt_arena_append(&arena, items, &count, 1, 256, "x"));
    assert_int_equal(count, sizeof items);
    kt_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_grows_up_to_its_bound_and_then_loses_its_oldest),
        cmocka_unit_test(an_arena_that_is_full_leaves_the_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
