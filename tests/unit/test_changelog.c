/* SPDX-License-Identifier: GPL-3.0-or-later
 * The changes of one transaction: the newest per key, in the order of first appearance. */
#include "producer/changelog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct kt_store_key key(uint64_t job) {
    return (struct kt_store_key){.partition = 1, .job = job};
}

static void assert_change(const struct kt_changelog *changelog, size_t index, uint64_t job,
                          const char *expected) {
    const void *value;
    size_t len;
    assert_int_equal(kt_changelog_at(changelog, index, &value, &len).job, job);
    if (expected == NULL) {
        assert_null(value);
        assert_int_equal(len, 0);
    } else {
        assert_non_null(value);
        assert_int_equal(len, strlen(expected));
        assert_memory_equal(value, expected, len);
    }
}

static void put(struct kt_changelog *changelog, uint64_t job, const char *value) {
    assert_int_equal(
        kt_changelog_put(changelog, key(job), value, value == NULL ? 0 : strlen(value), NULL),
        KT_ERR_OK);
}

static void the_newest_change_of_a_key_replaces_the_others(void **state) {
    (void)state;
    struct kt_changelog *changelog = kt_changelog_new();
    put(changelog, 1, "one");
    put(changelog, 2, "two");
    put(changelog, 1, "a longer one");
    assert_int_equal(kt_changelog_count(changelog), 2);
    assert_int_equal(kt_changelog_bytes(changelog), strlen("a longer one") + strlen("two"));
    assert_change(changelog, 0, 1, "a longer one");
    assert_change(changelog, 1, 2, "two");
    kt_changelog_free(changelog);
}

static void a_deletion_replaces_a_value_and_the_reverse(void **state) {
    (void)state;
    struct kt_changelog *changelog = kt_changelog_new();
    put(changelog, 1, "one");
    put(changelog, 1, NULL);
    put(changelog, 2, NULL);
    put(changelog, 2, "two");
    assert_change(changelog, 0, 1, NULL);
    assert_change(changelog, 1, 2, "two");
    assert_int_equal(kt_changelog_bytes(changelog), strlen("two"));
    kt_changelog_free(changelog);
}

static void a_value_of_no_bytes_is_no_deletion(void **state) {
    (void)state;
    struct kt_changelog *changelog = kt_changelog_new();
    put(changelog, 1, "one");
    put(changelog, 1, "");
    assert_change(changelog, 0, 1, "");
    kt_changelog_free(changelog);
}

static void keys_that_differ_anywhere_are_kept_apart(void **state) {
    (void)state;
    struct kt_changelog *changelog = kt_changelog_new();
    const struct kt_store_key keys[] = {
        {1, 2, 3, 4}, {9, 2, 3, 4}, {1, 9, 3, 4}, {1, 2, 9, 4}, {1, 2, 3, 9}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(kt_changelog_put(changelog, keys[i], "x", 1, NULL), KT_ERR_OK);
    }
    assert_int_equal(kt_changelog_count(changelog), 5);
    kt_changelog_free(changelog);
}

static void many_keys_survive_growth_and_a_clear_forgets_them(void **state) {
    (void)state;
    struct kt_changelog *changelog = kt_changelog_new();
    char value[32];
    for (int round = 0; round < 3; round++) {
        for (uint64_t job = 0; job < 5000; job++) {
            snprintf(value, sizeof value, "%d/%d", round, (int)job);
            put(changelog, job, value);
        }
        assert_int_equal(kt_changelog_count(changelog), 5000);
        for (uint64_t job = 0; job < 5000; job++) {
            snprintf(value, sizeof value, "%d/%d", round, (int)job);
            assert_change(changelog, job, job, value);
        }
        kt_changelog_clear(changelog);
        assert_int_equal(kt_changelog_count(changelog), 0);
        assert_int_equal(kt_changelog_bytes(changelog), 0);
    }
    kt_changelog_free(changelog);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_change_of_a_key_replaces_the_others),
        cmocka_unit_test(a_deletion_replaces_a_value_and_the_reverse),
        cmocka_unit_test(a_value_of_no_bytes_is_no_deletion),
        cmocka_unit_test(keys_that_differ_anywhere_are_kept_apart),
        cmocka_unit_test(many_keys_survive_growth_and_a_clear_forgets_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
