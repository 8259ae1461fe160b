/* SPDX-License-Identifier: GPL-3.0-or-later
 * The table of owned partitions: what is committed, what is taken, what a rewind undoes. */
#include "consumer/assignment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct kt_assignment assigned(const int32_t *ids, int count) {
    struct kt_assignment assignment = {0};
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, "metrics", ids[i]);
    }
    assert_int_equal(kt_assignment_assign(&assignment, list, NULL), KT_ERR_OK);
    rd_kafka_topic_partition_list_destroy(list);
    return assignment;
}

static int64_t low_water(void *ctx, int32_t partition) {
    const int64_t *offsets = ctx;
    return offsets[partition];
}

static void partitions_are_found_by_id_whatever_their_order(void **state) {
    (void)state;
    struct kt_assignment assignment = assigned((int32_t[]){7, 0, 3}, 3);
    assert_int_equal(kt_assignment_find(&assignment, 7)->id, 7);
    assert_int_equal(kt_assignment_find(&assignment, 0)->id, 0);
    assert_int_equal(kt_assignment_find(&assignment, 3)->id, 3);
    assert_null(kt_assignment_find(&assignment, 1));
    assert_null(kt_assignment_find(&assignment, 8));
    assert_null(kt_assignment_find(&assignment, -1));
    kt_assignment_revoke(&assignment);
    assert_null(kt_assignment_find(&assignment, 7));
}

static void an_empty_assignment_owns_nothing(void **state) {
    (void)state;
    struct kt_assignment assignment = assigned(NULL, 0);
    kt_assignment_activate(&assignment);
    assert_null(kt_assignment_expects(&assignment, 0, 0));
    kt_assignment_revoke(&assignment);
}

static void nothing_is_expected_before_the_state_is_restored(void **state) {
    (void)state;
    struct kt_assignment assignment = assigned((int32_t[]){0}, 1);
    assert_int_equal(assignment.phase, KT_ASSIGNMENT_RESTORING);
    assert_null(kt_assignment_expects(&assignment, 0, 5));
    kt_assignment_activate(&assignment);
    assert_non_null(kt_assignment_expects(&assignment, 0, 5));
    kt_assignment_revoke(&assignment);
    assert_int_equal(assignment.phase, KT_ASSIGNMENT_NONE);
}

static void records_below_the_next_offset_are_not_expected(void **state) {
    (void)state;
    struct kt_assignment assignment = assigned((int32_t[]){0}, 1);
    kt_assignment_activate(&assignment);
    assignment.partitions[0].next = 10;
    assert_null(kt_assignment_expects(&assignment, 0, 9));
    assert_non_null(kt_assignment_expects(&assignment, 0, 10));
    assert_non_null(kt_assignment_expects(&assignment, 0, 12)); /* transaction markers leave gaps */
    kt_assignment_revoke(&assignment);
}

static void only_touched_partitions_whose_low_water_mark_moved_are_committed(void **state) {
    (void)state;
    struct kt_assignment assignment = assigned((int32_t[]){0, 1, 2, 3, 4}, 5);
    int64_t offsets[] = {10, 20, 30, -1, 0};
    for (size_t i = 0; i < 5; i++) {
        assignment.partitions[i].touched = i != 0;
        assignment.partitions[i].in_group = i != 4;
    }
    assignment.partitions[1].committed = 20; /* a window is still open there */
    assignment.partitions[2].committed = 25;
    rd_kafka_topic_partition_list_t *list =
        kt_assignment_offsets(&assignment, "metrics", low_water, offsets);
    assert_int_equal(list->cnt, 2);
    assert_int_equal(list->elems[0].partition, 2);
    assert_int_equal(list->elems[0].offset, 30);
    /* offset 0 that the group has not yet is news, too */
    assert_int_equal(list->elems[1].partition, 4);
    assert_int_equal(list->elems[1].offset, 0);
    kt_assignment_committed(&assignment, list);
    rd_kafka_topic_partition_list_destroy(list);
    assert_int_equal(kt_assignment_find(&assignment, 2)->committed, 30);
    assert_true(kt_assignment_find(&assignment, 4)->in_group);
    for (size_t i = 0; i < 5; i++) {
        assert_false(assignment.partitions[i].touched);
    }
    kt_assignment_revoke(&assignment);
}

static void a_rewind_takes_touched_partitions_back_to_what_is_committed(void **state) {
    (void)state;
    struct kt_assignment assignment = assigned((int32_t[]){0, 1}, 2);
    assignment.partitions[0] =
        (struct kt_owned_partition){.id = 0, .committed = 5, .next = 9, .touched = true};
    assignment.partitions[1] = (struct kt_owned_partition){.id = 1, .committed = 5, .next = 9};
    kt_assignment_rewound(&assignment);
    assert_int_equal(assignment.partitions[0].next, 5);
    assert_false(assignment.partitions[0].touched);
    assert_int_equal(assignment.partitions[1].next, 9);
    kt_assignment_revoke(&assignment);
}

static void a_restarted_partition_is_one_until_its_own_offsets_are_committed(void **state) {
    (void)state;
    struct kt_assignment assignment = assigned((int32_t[]){0, 1}, 2);
    int64_t offsets[] = {4, -1};
    assignment.partitions[0].restarted = true;
    assignment.partitions[1].restarted = true;
    assignment.partitions[0].touched = true;
    kt_assignment_rewound(&assignment);
    assert_true(assignment.partitions[0].restarted);
    assignment.partitions[0].touched = true;
    rd_kafka_topic_partition_list_t *list =
        kt_assignment_offsets(&assignment, "metrics", low_water, offsets);
    kt_assignment_committed(&assignment, list);
    rd_kafka_topic_partition_list_destroy(list);
    assert_false(assignment.partitions[0].restarted);
    assert_true(assignment.partitions[1].restarted);
    kt_assignment_revoke(&assignment);
}

/* ---- where to begin ------------------------------------------------------------------------ */

#define NONE (-1001) /* what librdkafka tells of a group without an offset */

static void assert_start(struct kt_start start, enum kt_start_why why, int64_t offset,
                         bool restart) {
    assert_int_equal(start.why, why);
    assert_int_equal(start.offset, offset);
    assert_int_equal(start.restart, restart);
}

static void reading_goes_on_where_the_group_is(void **state) {
    (void)state;
    assert_start(kt_start_of(40, 50, 0, 50), KT_START_COMMITTED, 40, false);
    assert_start(kt_start_of(40, 50, 40, 90), KT_START_COMMITTED, 40, false);
    assert_start(kt_start_of(0, 0, 0, 0), KT_START_COMMITTED, 0, false);
    /* the changelog was lost */
    assert_start(kt_start_of(40, 0, 0, 50), KT_START_COMMITTED, 40, false);
    /* all of the log is deleted, but nothing that was still to be read */
    assert_start(kt_start_of(50, 50, 50, 50), KT_START_COMMITTED, 50, false);
}

static void a_new_group_begins_at_the_logs_start(void **state) {
    (void)state;
    assert_start(kt_start_of(NONE, 0, 7, 90), KT_START_FIRST, 7, false);
}

static void deleted_records_are_stepped_over(void **state) {
    (void)state;
    assert_start(kt_start_of(40, 45, 60, 90), KT_START_DELETED, 60, false);
    assert_start(kt_start_of(40, 65, 60, 90), KT_START_DELETED, 60, false);
}

static void a_state_or_a_group_ahead_of_the_log_is_of_another_log(void **state) {
    (void)state;
    assert_start(kt_start_of(40, 50, 0, 49), KT_START_OTHER_LOG, 0, true);
    assert_start(kt_start_of(40, 50, 3, 10), KT_START_OTHER_LOG, 3, true);
    assert_start(kt_start_of(NONE, 50, 0, 0), KT_START_OTHER_LOG, 0, true);
    /* the changelog was lost, too */
    assert_start(kt_start_of(40, 0, 0, 10), KT_START_OTHER_LOG, 0, false);
}

static void a_state_without_a_groups_offset_is_restarted(void **state) {
    (void)state;
    assert_start(kt_start_of(NONE, 50, 0, 90), KT_START_NO_OFFSET, 0, true);
    /* what the log still has is all new */
    assert_start(kt_start_of(NONE, 50, 50, 90), KT_START_NO_OFFSET, 50, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_are_found_by_id_whatever_their_order),
        cmocka_unit_test(an_empty_assignment_owns_nothing),
        cmocka_unit_test(nothing_is_expected_before_the_state_is_restored),
        cmocka_unit_test(records_below_the_next_offset_are_not_expected),
        cmocka_unit_test(only_touched_partitions_whose_low_water_mark_moved_are_committed),
        cmocka_unit_test(a_rewind_takes_touched_partitions_back_to_what_is_committed),
        cmocka_unit_test(a_restarted_partition_is_one_until_its_own_offsets_are_committed),
        cmocka_unit_test(reading_goes_on_where_the_group_is),
        cmocka_unit_test(a_new_group_begins_at_the_logs_start),
        cmocka_unit_test(deleted_records_are_stepped_over),
        cmocka_unit_test(a_state_or_a_group_ahead_of_the_log_is_of_another_log),
        cmocka_unit_test(a_state_without_a_groups_offset_is_restarted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
