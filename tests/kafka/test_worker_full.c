/* SPDX-License-Identifier: GPL-3.0-or-later
 * A state folder without room: the worker ends and says so, the more so when Kafka has committed
 * what the folder could not take; with room it goes on, and the commands are those of `kontune
 * replay`. */
#include "schemas/codec.h"
#include "support/kafka.h"
#include "support/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#define RECORDING KT_FIXTURES "/flink-recording.jsonl.gz"
#define OTHERS    150
#define LIMIT_S   120

/* Sends every event of the recording, every twentieth for other jobs, too: their states take room.
 */
static void send_recording(const struct kt_test_stage *stage) {
    struct kt_test_sender *sender = kt_test_sender_new(stage);
    struct kt_file_reader *reader = NULL;
    assert_int_equal(kt_file_reader_open(&kt_metric_event_type, RECORDING, &reader, NULL),
                     KT_ERR_OK);
    struct kt_metric_event event;
    bool resumable;
    for (int64_t index = 0; kt_file_reader_next(reader, &event, &resumable, NULL) == KT_ERR_OK;
         index++) {
        kt_test_sender_event(sender, &event);
        char name[32];
        for (int i = 0; i < OTHERS && index % 20 == 0; i++) {
            snprintf(name, sizeof name, "other-%02d", i);
            event.job_name = kt_str_of(name);
            kt_test_sender_event(sender, &event);
        }
    }
    kt_file_reader_close(reader);
    kt_test_sender_flush(sender);
    kt_test_sender_free(sender);
}

static void begin(struct kt_test_stage *stage, const char *name) {
    kt_test_stage_init(stage, name, 1);
    snprintf(stage->extra, sizeof stage->extra,
             "transaction_ms_max = 20\ncommit_interval_ms = 100\ntransaction_records_max = 200\n");
    send_recording(stage);
}

/* Starts a worker that has no room; asserts that it gives up with the reason and status 1. */
static void assert_gives_up(const struct kt_test_stage *stage, const char *reason) {
    char *log = NULL;
    const int status = kt_test_worker_run(stage, "a", LIMIT_S, &log);
    if (status != 1 || strstr(log, reason) == NULL) {
        fail_msg("status %d, no \"%s\" in:\n%s", status, reason, log);
    }
    free(log);
}

/* With room. */
static void assert_goes_on(const struct kt_test_stage *stage, const json_t *expected) {
    struct kt_test_worker worker = kt_test_worker_start(stage, "a");
    kt_test_expect_commands(stage, "lab/orders", expected, LIMIT_S);
    kt_test_worker_wait_log(&worker, "restored 1 partitions", 1, LIMIT_S);
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    kt_test_expect_commands(stage, "lab/orders", expected, 0);
}

static void set_file_bytes_max(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The limit on the size of files stands for the disk. LMDB writes when it commits, and that is
 * after Kafka: each of these starts ends with commands in Kafka that the folder knows nothing of.
 */
static void a_disk_that_is_full_after_kafka_has_committed_loses_and_repeats_nothing(void **state) {
    (void)state;
    json_t *expected = kt_test_replay(RECORDING, NULL);
    struct kt_test_stage stage;
    begin(&stage, "disk");
    signal(SIGXFSZ, SIG_IGN); /* an error of write, as on a full disk */
    char *folder = kt_test_stage_state(&stage, "a");
    for (rlim_t kib = 48; kib <= 112; kib += 32) {
        set_file_bytes_max(kib << 10);
        char reason[512];
        snprintf(reason, sizeof reason,
                 "ERROR committed in Kafka but not in the state folder, which the next start "
                 "restores from the changelog: %s: no space left on the disk while committing\n",
                 folder);
        assert_gives_up(&stage, reason);
    }
    set_file_bytes_max(RLIM_INFINITY);
    assert_goes_on(&stage, expected);
    free(folder);
    kt_test_stage_free(&stage);
    json_decref(expected);
}

#define EVENT_MS  INT64_C(1795332584318)
#define MANY_JOBS 6000

static void send_many_jobs(const struct kt_test_stage *stage) {
    struct kt_test_sender *sender = kt_test_sender_new(stage);
    struct kt_metric_event event = {.cluster = KT_STR("lab"),
                                    .job_id = KT_STR("22b206468e7f9e5ef6ec5b33716de259"),
                                    .vertex_id = KT_STR("a0bcbe636c3291fd3f45c25deb2b0823"),
                                    .vertex_name = KT_STR("parse"),
                                    .parallelism = 1};
    KT_SET(&event, KT_EVENT_PARALLELISM);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY_JOBS; i++) {
            char name[32];
            snprintf(name, sizeof name, "job-%05d", i);
            event.job_name = kt_str_of(name);
            event.timestamp_ms = EVENT_MS + round * 120000;
            kt_test_sender_event(sender, &event);
        }
    }
    kt_test_sender_flush(sender);
    kt_test_sender_free(sender);
}

static void count_job(void *ctx, const rd_kafka_message_t *message) {
    int *commands = ctx;
    char key[32];
    int job = -1;
    snprintf(key, sizeof key, "%.*s", (int)message->key_len, (const char *)message->key);
    assert_int_equal(sscanf(key, "lab/job-%d", &job), 1);
    assert_in_range(job, 0, MANY_JOBS - 1);
    commands[job]++;
}

/* The map takes no more while a window closes, and that is before Kafka. */
static void a_full_map_is_told_with_its_option_and_loses_and_repeats_nothing(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "map", 1);
    send_many_jobs(&stage);
    setenv("KONTUNE_WORKER_STATE_MAP_BYTES", "1048576", 1);
    char *folder = kt_test_stage_state(&stage, "a");
    char reason[512];
    snprintf(reason, sizeof reason, "%s: the state's map is full while ", folder);
    assert_gives_up(&stage, reason);
    assert_gives_up(&stage, "raise state_map_bytes\n");
    unsetenv("KONTUNE_WORKER_STATE_MAP_BYTES");
    struct kt_test_worker worker = kt_test_worker_start(&stage, "a");
    static int commands[MANY_JOBS];
    char *topic = kt_test_stage_topic(&stage, "commands");
    const int64_t deadline = kt_test_clock_ms() + LIMIT_S * 1000;
    while (kt_test_read(topic, count_job, commands) < MANY_JOBS && kt_test_clock_ms() < deadline) {
        memset(commands, 0, sizeof commands);
        kt_test_pause_ms(100);
    }
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    memset(commands, 0, sizeof commands);
    assert_int_equal(kt_test_read(topic, count_job, commands), MANY_JOBS);
    for (int i = 0; i < MANY_JOBS; i++) {
        assert_int_equal(commands[i], 1);
    }
    free(topic);
    free(folder);
    kt_test_stage_free(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_is_full_after_kafka_has_committed_loses_and_repeats_nothing),
        cmocka_unit_test(a_full_map_is_told_with_its_option_and_loses_and_repeats_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
