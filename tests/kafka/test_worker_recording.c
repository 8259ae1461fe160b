/* SPDX-License-Identifier: GPL-3.0-or-later
 * The real recording through a real Kafka and `kontune worker`: the same commands as `kontune
 * replay` makes of the file, field for field; undisturbed, under SIGKILL, and among other jobs on
 * two workers. */
#include "schemas/codec.h"
#include "support/kafka.h"
#include "support/process.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECORDING KT_FIXTURES "/flink-recording.jsonl.gz"
#define JOB       "lab/orders"

/* Calls send for every event of the recording. */
static void each_event(void (*send)(void *ctx, const struct kt_metric_event *event, int64_t index),
                       void *ctx) {
    struct kt_file_reader *reader = NULL;
    struct kt_error error = {0};
    assert_int_equal(kt_file_reader_open(&kt_metric_event_type, RECORDING, &reader, &error),
                     KT_ERR_OK);
    struct kt_metric_event event;
    bool resumable;
    int64_t index = 0;
    enum kt_err err;
    while ((err = kt_file_reader_next(reader, &event, &resumable, &error)) == KT_ERR_OK) {
        send(ctx, &event, index++);
    }
    assert_int_equal(err, KT_ERR_NOT_FOUND);
    kt_file_reader_close(reader);
}

static void send_one(void *ctx, const struct kt_metric_event *event, int64_t index) {
    (void)index;
    kt_test_sender_event(ctx, event);
}

static void send_recording(const struct kt_test_stage *stage) {
    struct kt_test_sender *sender = kt_test_sender_new(stage);
    each_event(send_one, sender);
    kt_test_sender_flush(sender);
    kt_test_sender_free(sender);
}

/* What `kontune commands tail --json` prints. */
static json_t *tailed(const struct kt_test_stage *stage, const char *limit) {
    char *config = kt_test_stage_config(stage, "tail");
    const char *argv[] = {
        kt_process_kontune(), "commands", "tail", "-c", config, "--json", "--limit", limit, NULL};
    struct kt_process_result result = kt_process_run(argv, 60);
    assert_int_equal(result.status, 0);
    json_error_t why;
    json_t *document = json_loads(result.out, 0, &why);
    json_t *commands = json_incref(json_object_get(document, "commands"));
    json_decref(document);
    kt_process_result_free(&result);
    free(config);
    return commands;
}

static void assert_tail_shows(const struct kt_test_stage *stage, const json_t *expected) {
    json_t *all = tailed(stage, "0");
    assert_true(json_equal(all, expected));
    json_decref(all);
    json_t *newest = tailed(stage, "2");
    const size_t count = json_array_size(expected);
    assert_int_equal(json_array_size(newest), 2);
    assert_true(json_equal(json_array_get(newest, 0), json_array_get(expected, count - 2)));
    assert_true(json_equal(json_array_get(newest, 1), json_array_get(expected, count - 1)));
    json_decref(newest);
}

static void a_recording_through_kafka_gives_the_commands_of_replay(void **state) {
    (void)state;
    json_t *expected = kt_test_replay(RECORDING, NULL);
    assert_true(json_array_size(expected) > 0);
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "recording", 4);
    send_recording(&stage);
    struct kt_test_worker worker = kt_test_worker_start(&stage, "a");
    kt_test_expect_commands(&stage, JOB, expected, 60);
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    kt_test_expect_commands(&stage, JOB, expected, 0);
    assert_tail_shows(&stage, expected);
    kt_test_stage_free(&stage);
    json_decref(expected);
}

/* ---- killed -------------------------------------------------------------------------------- */

/* A small generator with a seed of its own: the moments differ, the test does not. */
static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

struct slow_sender {
    struct kt_test_sender *sender;
    const struct kt_test_stage *stage;
    struct kt_test_worker worker;
    uint64_t seed;
    int64_t next_kill; /* index of the event before which the worker is killed */
    int kills;
};

#define KILLS          10
#define KILL_EVERY_MAX 1100
#define WIPE_AT_KILL   5

static void kill_and_restart(struct slow_sender *slow) {
    /* At a random moment from start-up over restoring to committing. */
    kt_test_pause_ms((int)(next_random(&slow->seed) % 700));
    assert_int_equal(kt_test_worker_end(&slow->worker, SIGKILL), 128 + SIGKILL);
    slow->kills++;
    if (slow->kills == WIPE_AT_KILL) {
        char *folder = kt_test_stage_state(slow->stage, "a");
        kt_process_rmtree(folder);
        free(folder);
    }
    slow->worker = kt_test_worker_start(slow->stage, "a");
}

static void send_and_kill(void *ctx, const struct kt_metric_event *event, int64_t index) {
    struct slow_sender *slow = ctx;
    kt_test_sender_event(slow->sender, event);
    if (index >= slow->next_kill && slow->kills < KILLS) {
        kt_test_sender_flush(slow->sender);
        kill_and_restart(slow);
        slow->next_kill = index + 1 + next_random(&slow->seed) % KILL_EVERY_MAX;
    }
}

static void ten_kills_and_a_lost_state_folder_change_no_command(void **state) {
    (void)state;
    json_t *expected = kt_test_replay(RECORDING, NULL);
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "killed", 4);
    snprintf(stage.extra, sizeof stage.extra,
             "transaction_ms_max = 20\ncommit_interval_ms = 100\ntransaction_records_max = 50\n");
    struct slow_sender slow = {.sender = kt_test_sender_new(&stage),
                               .stage = &stage,
                               .worker = kt_test_worker_start(&stage, "a"),
                               .seed = 20261122};
    each_event(send_and_kill, &slow);
    kt_test_sender_flush(slow.sender);
    while (slow.kills < KILLS) {
        kill_and_restart(&slow);
    }
    kt_test_expect_commands(&stage, JOB, expected, 90);
    assert_int_equal(kt_test_worker_end(&slow.worker, SIGTERM), 0);
    kt_test_expect_commands(&stage, JOB, expected, 0);
    kt_test_sender_free(slow.sender);
    kt_test_stage_free(&stage);
    json_decref(expected);
}

/* ---- asleep -------------------------------------------------------------------------------- */

#define ABORTS_MIN   2
#define SLEEP_EVERY  600
#define NEXT_SESSION "next try in"
#define SLEEP_MS     3000 /* transaction_timeout_ms, and the broker's look at it every second */

static void send_and_stop(void *ctx, const struct kt_metric_event *event, int64_t index) {
    struct slow_sender *slow = ctx;
    kt_test_sender_event(slow->sender, event);
    if (index < slow->next_kill) {
        return;
    }
    slow->next_kill = index + SLEEP_EVERY;
    /* A sleep between two transactions ends none: it is tried until enough have. */
    if (kt_test_worker_log_count(&slow->worker, NEXT_SESSION) >= ABORTS_MIN) {
        return;
    }
    kt_test_sender_flush(slow->sender);
    kt_test_pause_ms((int)(next_random(&slow->seed) % 300));
    kill(slow->worker.pid, SIGSTOP);
    kt_test_pause_ms(SLEEP_MS);
    kill(slow->worker.pid, SIGCONT);
}

static void a_worker_that_slept_through_its_transaction_goes_on_by_itself(void **state) {
    (void)state;
    json_t *expected = kt_test_replay(RECORDING, NULL);
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "asleep", 4);
    snprintf(stage.extra, sizeof stage.extra,
             "transaction_timeout_ms = 1000\ntransaction_ms_max = 900\n"
             "commit_interval_ms = 900\n");
    struct slow_sender slow = {.sender = kt_test_sender_new(&stage),
                               .stage = &stage,
                               .worker = kt_test_worker_start(&stage, "a"),
                               .seed = 7,
                               .next_kill = SLEEP_EVERY};
    kt_test_worker_wait_log(&slow.worker, "restored 4 partitions", 1, 60);
    each_event(send_and_stop, &slow);
    kt_test_sender_flush(slow.sender);
    kt_test_expect_commands(&stage, JOB, expected, 90);
    /* At least once the broker had ended its transaction meanwhile. */
    kt_test_worker_wait_log(&slow.worker, NEXT_SESSION, 1, 0);
    assert_int_equal(kt_test_worker_end(&slow.worker, SIGTERM), 0);
    kt_test_expect_commands(&stage, JOB, expected, 0);
    kt_test_sender_free(slow.sender);
    kt_test_stage_free(&stage);
    json_decref(expected);
}

/* ---- among others -------------------------------------------------------------------------- */

#define OTHERS 200

/* Every twentieth event of the recording is every other job's, too, a vertex of its own. */
static void send_among_others(void *ctx, const struct kt_metric_event *event, int64_t index) {
    kt_test_sender_event(ctx, event);
    if (index % 20 != 0) {
        return;
    }
    struct kt_metric_event other = *event;
    char name[32];
    for (int i = 0; i < OTHERS; i++) {
        snprintf(name, sizeof name, "other-%03d", i);
        other.job_name = kt_str_of(name);
        kt_test_sender_event(ctx, &other);
    }
}

static void two_workers_among_two_hundred_jobs_change_no_command(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "others", 4);
    /* Without it the jobs of a cluster tell each other how operators scale, by design; nothing else
     * may go from one to the other. */
    snprintf(stage.extra, sizeof stage.extra, "[policy]\nwarm_start = false\n");
    json_t *expected = kt_test_replay(RECORDING, &stage);
    struct kt_test_worker a = kt_test_worker_start(&stage, "a");
    kt_test_worker_wait_log(&a, "restored 4 partitions", 1, 60);
    struct kt_test_sender *sender = kt_test_sender_new(&stage);
    each_event(send_among_others, sender);
    /* The second comes while the first is at work, and takes half of the partitions over. */
    struct kt_test_worker b = kt_test_worker_start(&stage, "b");
    kt_test_worker_wait_log(&b, "restored 2 partitions", 1, 90);
    kt_test_sender_flush(sender);
    kt_test_sender_free(sender);
    kt_test_expect_commands(&stage, JOB, expected, 120);
    assert_int_equal(kt_test_worker_end(&a, SIGTERM), 0);
    assert_int_equal(kt_test_worker_end(&b, SIGTERM), 0);
    kt_test_expect_commands(&stage, JOB, expected, 0);
    kt_test_stage_free(&stage);
    json_decref(expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_through_kafka_gives_the_commands_of_replay),
        cmocka_unit_test(ten_kills_and_a_lost_state_folder_change_no_command),
        cmocka_unit_test(a_worker_that_slept_through_its_transaction_goes_on_by_itself),
        cmocka_unit_test(two_workers_among_two_hundred_jobs_change_no_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
