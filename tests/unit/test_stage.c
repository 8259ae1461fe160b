/* SPDX-License-Identifier: GPL-3.0-or-later
 * The stage's time: which window takes an event, when windows close, what is refused, and what may
 * be committed. */
#include "support/process.h"
#include "support/steady_job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BASE   KT_STEADY_JOB_BASE_MS
#define MINUTE INT64_C(60000)

struct fixture {
    struct kt_rig rig;
    struct kt_rig_records records;
    struct kt_arena arena;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    kt_rig_init(&f->rig, NULL);
    kt_arena_init(&f->arena, 65536, (size_t)64 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kt_rig_end(&f->rig);
    kt_rig_records_free(&f->records);
    kt_arena_free(&f->arena);
    free(f);
    return 0;
}

/* One event of a job whose content does not matter, read at once. */
static void event_at(struct fixture *f, const char *job, int64_t timestamp_ms) {
    struct kt_steady_job reporter;
    kt_steady_job_init(&reporter, job);
    reporter.count = 1;
    reporter.now_ms = timestamp_ms - 1000;
    kt_steady_job_run(&reporter, &f->records, timestamp_ms, 1000);
    kt_rig_step(&f->rig, &f->records);
}

static const struct kt_stage_counters *counters(const struct fixture *f) {
    return kt_stage_counters(f->rig.stage);
}

static int64_t closed_until(struct fixture *f, const char *job) {
    struct kt_job_state state;
    return kt_rig_job_state(&f->rig, job, &f->arena, &state) ? state.closed_until_ms : 0;
}

static void a_window_closes_when_its_jobs_time_is_past_end_and_lateness(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE + 1000);
    event_at(f, "j", BASE + MINUTE + 4999);
    assert_int_equal(counters(f)->windows, 0);
    event_at(f, "j", BASE + MINUTE + 5000);
    assert_int_equal(counters(f)->windows, 1);
    assert_int_equal(closed_until(f, "j"), BASE + MINUTE);
}

static void windows_without_events_do_not_exist(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE + 1000);
    event_at(f, "j", BASE + 100 * MINUTE + 30000);
    assert_int_equal(counters(f)->windows, 1);
    assert_int_equal(kt_stage_open_windows(f->rig.stage, 0), 1);
}

static void an_event_within_lateness_is_taken_and_a_later_one_counted(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE + 30000);
    event_at(f, "j", BASE + MINUTE + 4000);
    event_at(f, "j", BASE + MINUTE - 1); /* out of order */
    assert_int_equal(counters(f)->events, 3);
    event_at(f, "j", BASE + MINUTE + 6000);
    event_at(f, "j", BASE + MINUTE - 1);
    assert_int_equal(counters(f)->events, 4);
    assert_int_equal(counters(f)->late, 1);
    assert_int_equal(counters(f)->windows, 1);
    assert_int_equal(kt_stage_next_offset(f->rig.stage, 0), 5);
}

static void the_bounds_of_a_window_belong_to_it_at_its_start_only(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE);
    assert_int_equal(kt_stage_open_windows(f->rig.stage, 0), 1);
    event_at(f, "j", BASE + MINUTE - 1);
    assert_int_equal(kt_stage_open_windows(f->rig.stage, 0), 1);
    event_at(f, "j", BASE + MINUTE);
    assert_int_equal(kt_stage_open_windows(f->rig.stage, 0), 2);
}

static void a_silent_job_is_closed_as_the_partition_crosses_a_boundary(void **state) {
    struct fixture *f = *state;
    event_at(f, "silent", BASE + 30000); /* ends at 1 min; + lateness + idle timeout: 2 min 5 s */
    event_at(f, "busy", BASE + 31000);
    event_at(f, "busy", BASE + 2 * MINUTE + 6000); /* boundary 2 min: not yet */
    assert_int_equal(closed_until(f, "silent"), 0);
    event_at(f, "busy", BASE + 3 * MINUTE - 1);
    assert_int_equal(closed_until(f, "silent"), 0);
    event_at(f, "busy", BASE + 3 * MINUTE);
    assert_int_equal(closed_until(f, "silent"), BASE + MINUTE);
}

static void a_job_that_lags_behind_is_not_silent(void **state) {
    struct fixture *f = *state;
    /* One job's clock is nine minutes ahead of the other's; both report every 5 s. */
    for (int64_t t = 0; t <= 10 * MINUTE; t += 5000) {
        event_at(f, "ahead", BASE + 9 * MINUTE + t);
        event_at(f, "behind", BASE + t);
    }
    assert_int_equal(counters(f)->late, 0);
    /* Closed by its own time, not before. */
    assert_int_equal(closed_until(f, "behind"), BASE + 9 * MINUTE);
    assert_int_equal(closed_until(f, "ahead"), BASE + 18 * MINUTE);
}

static void a_job_that_is_gone_is_forgotten_and_known_when_it_comes_back(void **state) {
    struct fixture *f = *state;
    event_at(f, "gone", BASE + 30000);
    for (int64_t t = 0; t <= 20 * MINUTE; t += MINUTE) {
        event_at(f, "other", BASE + t);
    }
    assert_int_equal(counters(f)->jobs, 1);
    event_at(f, "gone", BASE + 40000); /* of the window that was closed long ago */
    assert_int_equal(counters(f)->jobs, 2);
    assert_int_equal(counters(f)->late, 1);
}

static void a_timestamp_far_ahead_of_its_record_is_refused_by_name(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE);
    struct kt_metric_event event = f->records.items[0].event;
    struct kt_error error = {0};
    event.timestamp_ms = BASE + 60001;
    assert_int_equal(kt_stage_event(f->rig.stage, 0, 1, BASE, &event, &error), KT_ERR_INVALID);
    assert_string_equal(error.message, "timestamp_ms: 1800000060001 is 60 s ahead of the record's "
                                       "own time, at most 60 s are taken");
    kt_stage_refuse(f->rig.stage, 0, 1);
    event.timestamp_ms = BASE + 60000;
    assert_int_equal(kt_stage_event(f->rig.stage, 0, 2, BASE, &event, &error), KT_ERR_OK);
    event.timestamp_ms = BASE + 30 * MINUTE;
    assert_int_equal(kt_stage_event(f->rig.stage, 0, 3, KT_TIME_UNKNOWN, &event, &error),
                     KT_ERR_OK);
    assert_int_equal(counters(f)->refused, 1);
    assert_int_equal(counters(f)->events, 3);
}

static void an_event_that_cannot_be_is_refused_and_the_rest_goes_on(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE);
    struct kt_metric_event event = f->records.items[0].event;
    struct kt_error error = {0};
    event.subtask = -2;
    assert_int_equal(kt_stage_event(f->rig.stage, 0, 1, BASE, &event, &error), KT_ERR_INVALID);
    assert_non_null(strstr(error.message, "subtask"));
    assert_true(kt_stage_is_new(f->rig.stage, 0, 1));
    kt_stage_refuse(f->rig.stage, 0, 1);
    assert_false(kt_stage_is_new(f->rig.stage, 0, 1));
    event.subtask = 0;
    assert_int_equal(kt_stage_event(f->rig.stage, 0, 2, BASE, &event, &error), KT_ERR_OK);
}

static void two_jobs_of_one_key_are_told_apart(void **state) {
    struct fixture *f = *state;
    event_at(f, "a/b", BASE);
    struct kt_metric_event event = f->records.items[0].event;
    event.cluster = KT_STR("c/a");
    event.job_name = KT_STR("b");
    struct kt_error error = {0};
    assert_int_equal(kt_stage_event(f->rig.stage, 0, 1, BASE, &event, &error), KT_ERR_INVALID);
    assert_string_equal(error.message,
                        "job 'b' of cluster 'c/a' has the key of job 'a/b' of cluster 'c'");
}

static void a_job_of_too_many_vertices_loses_only_those(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE);
    struct kt_metric_event event = f->records.items[0].event;
    struct kt_error error = {0};
    char id[32];
    int64_t offset = 1;
    for (int v = 1; v < KT_OPERATORS_MAX; v++) {
        snprintf(id, sizeof id, "vertex-%d", v);
        event.vertex_id = kt_str_of(id);
        assert_int_equal(kt_stage_event(f->rig.stage, 0, offset++, BASE, &event, &error),
                         KT_ERR_OK);
    }
    event.vertex_id = KT_STR("one more");
    assert_int_equal(kt_stage_event(f->rig.stage, 0, offset, BASE, &event, &error), KT_ERR_INVALID);
    kt_stage_refuse(f->rig.stage, 0, offset++);
    event.vertex_id = KT_STR("vertex-1");
    event.timestamp_ms = BASE + 2 * MINUTE;
    assert_int_equal(kt_stage_event(f->rig.stage, 0, offset, event.timestamp_ms, &event, &error),
                     KT_ERR_OK);
    assert_int_equal(counters(f)->windows, 1);
}

static void the_low_water_mark_is_the_earliest_open_window(void **state) {
    struct fixture *f = *state;
    assert_int_equal(kt_stage_low_water(f->rig.stage, 0), -1);
    event_at(f, "a", BASE + 1000);
    event_at(f, "b", BASE + 1000);
    assert_int_equal(kt_stage_low_water(f->rig.stage, 0), 0);
    event_at(f, "a", BASE + MINUTE + 6000); /* closes a's first, opens its second at offset 2 */
    assert_int_equal(kt_stage_low_water(f->rig.stage, 0), 1);
    event_at(f, "b", BASE + MINUTE + 6000);
    assert_int_equal(kt_stage_low_water(f->rig.stage, 0), 2);
}

static void with_no_window_open_all_is_committed(void **state) {
    struct fixture *f = *state;
    kt_stage_refuse(f->rig.stage, 0, 0);
    kt_stage_refuse(f->rig.stage, 0, 7); /* gaps are fine */
    assert_int_equal(kt_stage_low_water(f->rig.stage, 0), 8);
}

static void only_what_moved_is_flushed(void **state) {
    struct fixture *f = *state;
    event_at(f, "a", BASE + 1000);
    kt_rig_commit(&f->rig);
    const size_t entries = f->rig.committed.count;
    assert_int_equal(entries, 1); /* PartitionState */
    assert_true(f->rig.committed.items[0].key.job == 0);
    kt_rig_commit(&f->rig);
    assert_int_equal(f->rig.committed.count, entries);
    kt_rig_crash(&f->rig, KT_RIG_BEFORE_KAFKA);
    kt_rig_commit(&f->rig); /* nothing was read yet */
    assert_int_equal(f->rig.committed.count, entries);
    assert_int_equal(f->rig.committed_offset, 0);
    kt_rig_step(&f->rig, &f->records);
    assert_int_equal(counters(f)->rebuilt, 1);
    assert_int_equal(counters(f)->events, 0);
    kt_rig_commit(&f->rig);
    assert_int_equal(f->rig.committed.count, entries);
}

/* A new log under the same state, read from its first record. */
static void read_another_log(struct fixture *f) {
    kt_rig_commit(&f->rig);
    kt_rig_records_free(&f->records);
    f->records = (struct kt_rig_records){0};
    f->rig.offset = 0;
    assert_int_equal(kt_stage_open(f->rig.stage, 0, NULL), KT_ERR_OK);
}

static void without_a_restart_another_logs_events_have_no_effect(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE);
    event_at(f, "j", BASE + 10000);
    event_at(f, "j", BASE + 20000);
    read_another_log(f);
    assert_int_equal(kt_stage_next_offset(f->rig.stage, 0), 3);
    event_at(f, "j", BASE + 5 * MINUTE);
    event_at(f, "j", BASE + 9 * MINUTE);
    assert_int_equal(counters(f)->windows, 0);
}

static void after_a_restart_another_logs_events_have_their_effects(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE);
    event_at(f, "j", BASE + 10000);
    event_at(f, "j", BASE + 20000);
    read_another_log(f);
    kt_stage_restart(f->rig.stage, 0, 0);
    assert_int_equal(kt_stage_low_water(f->rig.stage, 0), -1);
    event_at(f, "j", BASE + 5 * MINUTE);
    event_at(f, "j", BASE + 9 * MINUTE);
    assert_int_equal(counters(f)->windows, 1);
    assert_int_equal(closed_until(f, "j"), BASE + 6 * MINUTE);
    /* The new offsets are durable with the commit. */
    kt_rig_commit(&f->rig);
    kt_rig_crash(&f->rig, KT_RIG_BEFORE_KAFKA);
    assert_int_equal(kt_stage_next_offset(f->rig.stage, 0), 2);
}

static void a_restart_that_was_not_committed_is_not_in_the_store(void **state) {
    struct fixture *f = *state;
    event_at(f, "j", BASE);
    event_at(f, "j", BASE + 10000);
    read_another_log(f);
    kt_stage_restart(f->rig.stage, 0, 0);
    event_at(f, "j", BASE + 5 * MINUTE);
    kt_rig_crash(&f->rig, KT_RIG_BEFORE_KAFKA);
    assert_int_equal(kt_stage_next_offset(f->rig.stage, 0), 2);
}

static void a_log_that_is_read_again_from_its_start_decides_no_window_twice(void **state) {
    struct fixture *f = *state;
    kt_rig_records_recording(&f->records);
    kt_rig_run(&f->rig, &f->records);
    const size_t commands = kt_rig_commands(&f->rig);
    const struct kt_stage_counters before = *counters(f);
    assert_true(commands > 0);
    f->rig.offset = 0;
    assert_int_equal(kt_stage_open(f->rig.stage, 0, NULL), KT_ERR_OK);
    kt_stage_restart(f->rig.stage, 0, 0);
    kt_rig_run(&f->rig, &f->records);
    assert_int_equal(kt_rig_commands(&f->rig), commands);
    assert_int_equal(counters(f)->windows, before.windows);
    assert_int_equal(counters(f)->learned, before.learned);
    assert_true(counters(f)->late - before.late > 0);
    assert_int_equal(counters(f)->rebuilt, 0);
}

static enum kt_err refuse_command(void *ctx, const struct kt_rescale_command *command,
                                  struct kt_error *error) {
    (void)command;
    return kt_fail(error, *(const enum kt_err *)ctx, "queue full");
}

static enum kt_err take_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                               struct kt_error *error) {
    (void)ctx;
    (void)key;
    (void)value;
    (void)len;
    (void)error;
    return KT_ERR_OK;
}

/* What the stage returns when the sink refuses its first command with this error. */
static enum kt_err stage_with_sink(struct fixture *f, enum kt_err sink_err,
                                   struct kt_error *error) {
    struct kt_stage *stage;
    const struct kt_stage_sink sink = {&sink_err, refuse_command, take_change};
    assert_int_equal(kt_stage_new(&f->rig.settings, f->rig.store, sink, &stage, NULL), KT_ERR_OK);
    assert_int_equal(kt_stage_open(stage, 1, NULL), KT_ERR_OK);
    event_at(f, "j", BASE);
    struct kt_metric_event event = f->records.items[0].event;
    assert_int_equal(kt_stage_event(stage, 1, 0, BASE, &event, error), KT_ERR_OK);
    event.timestamp_ms = BASE + 2 * MINUTE;
    const enum kt_err err = kt_stage_event(stage, 1, 1, event.timestamp_ms, &event, error);
    kt_stage_drop(stage, 1);
    kt_stage_drop(stage, 1);
    kt_stage_drop(stage, 99);
    kt_stage_free(stage);
    return err;
}

static void a_sink_that_fails_fails_the_stage_with_job_and_window(void **state) {
    struct fixture *f = *state;
    struct kt_error error = {0};
    assert_int_equal(stage_with_sink(f, KT_ERR_KAFKA_ABORT, &error), KT_ERR_KAFKA_ABORT);
    assert_string_equal(error.message, "job 'c/j', window ending at 1800000060000: queue full");
}

/* KT_ERR_INVALID means that the event is bad; a failed effect must never look like that. */
static void an_event_is_not_blamed_for_a_command_that_cannot_be_written(void **state) {
    struct fixture *f = *state;
    struct kt_error error = {0};
    assert_int_equal(stage_with_sink(f, KT_ERR_INVALID, &error), KT_ERR_IO);
    assert_non_null(strstr(error.message, "window ending at 1800000060000: queue full"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_window_closes_when_its_jobs_time_is_past_end_and_lateness),
        T(windows_without_events_do_not_exist),
        T(an_event_within_lateness_is_taken_and_a_later_one_counted),
        T(the_bounds_of_a_window_belong_to_it_at_its_start_only),
        T(a_silent_job_is_closed_as_the_partition_crosses_a_boundary),
        T(a_job_that_lags_behind_is_not_silent),
        T(a_job_that_is_gone_is_forgotten_and_known_when_it_comes_back),
        T(a_timestamp_far_ahead_of_its_record_is_refused_by_name),
        T(an_event_that_cannot_be_is_refused_and_the_rest_goes_on),
        T(two_jobs_of_one_key_are_told_apart),
        T(a_job_of_too_many_vertices_loses_only_those),
        T(the_low_water_mark_is_the_earliest_open_window),
        T(with_no_window_open_all_is_committed),
        T(only_what_moved_is_flushed),
        T(without_a_restart_another_logs_events_have_no_effect),
        T(after_a_restart_another_logs_events_have_their_effects),
        T(a_restart_that_was_not_committed_is_not_in_the_store),
        T(a_log_that_is_read_again_from_its_start_decides_no_window_twice),
        T(a_sink_that_fails_fails_the_stage_with_job_and_window),
        T(an_event_is_not_blamed_for_a_command_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
