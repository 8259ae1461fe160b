/* SPDX-License-Identifier: GPL-3.0-or-later
 * A metrics topic that is deleted and made again under a group and a state that remember its
 * offsets: the new log's events are taken, and no window is decided twice. */
#include "support/kafka.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_S 60
#define BASE_MS INT64_C(1795332600000) /* a multiple of the window */
#define MINUTE  INT64_C(60000)

/* One event of a job with one operator. Its first closed window is a HOLD. */
static void send_event(struct kt_test_sender *sender, const char *job, int64_t timestamp_ms) {
    struct kt_metric_event event = {.cluster = KT_STR("lab"),
                                    .job_name = kt_str_of(job),
                                    .job_id = KT_STR("22b206468e7f9e5ef6ec5b33716de259"),
                                    .vertex_id = KT_STR("a0bcbe636c3291fd3f45c25deb2b0823"),
                                    .vertex_name = KT_STR("parse"),
                                    .timestamp_ms = timestamp_ms,
                                    .parallelism = 1};
    KT_SET(&event, KT_EVENT_PARALLELISM);
    kt_test_sender_event(sender, &event);
}

/* Events of the job every second from a minute on, and one that closes them. */
static void send_minute(const struct kt_test_stage *stage, const char *job, int64_t minute,
                        int events) {
    struct kt_test_sender *sender = kt_test_sender_new(stage);
    for (int i = 0; i < events; i++) {
        send_event(sender, job, BASE_MS + minute * MINUTE + i * 1000);
    }
    send_event(sender, job, BASE_MS + (minute + 1) * MINUTE + 30000);
    kt_test_sender_flush(sender);
    kt_test_sender_free(sender);
}

static void begin(struct kt_test_stage *stage, const char *name, struct kt_test_worker *worker) {
    kt_test_stage_init(stage, name, 1);
    snprintf(stage->extra, sizeof stage->extra,
             "transaction_ms_max = 20\ncommit_interval_ms = 100\n");
    *worker = kt_test_worker_start(stage, "a");
    send_minute(stage, "first", 0, 30);
    kt_test_expect_count(stage, "lab/first", 1, LIMIT_S);
}

static void make_again(const struct kt_test_stage *stage) {
    char *topic = kt_test_stage_topic(stage, "metrics");
    kt_test_topic_again(topic, 1);
    free(topic);
}

static void a_shorter_log_under_an_old_state_is_read_from_its_start(void **state) {
    (void)state;
    struct kt_test_stage stage;
    struct kt_test_worker worker;
    begin(&stage, "shorter", &worker);
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    make_again(&stage);
    send_minute(&stage, "first", 0, 3); /* decided already */
    send_minute(&stage, "second", 3, 3);
    worker = kt_test_worker_start(&stage, "a");
    kt_test_expect_count(&stage, "lab/second", 1, LIMIT_S);
    char expected[200];
    snprintf(expected, sizeof expected,
             "WARN %s.metrics partition 0: the state has read up to offset 31 and ", stage.prefix);
    kt_test_worker_wait_log(&worker, expected, 1, 0);
    kt_test_worker_wait_log(&worker, "but the log ends at 8: it is another log", 1, 0);
    kt_test_worker_wait_log(&worker, "reading from offset 0, ", 1, 0);
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    /* The next start finds a state of this log. */
    worker = kt_test_worker_start(&stage, "a");
    send_minute(&stage, "third", 6, 3);
    kt_test_expect_count(&stage, "lab/third", 1, LIMIT_S);
    char *log = NULL;
    kill(worker.pid, SIGTERM);
    assert_int_equal(kt_test_worker_wait_end(&worker, LIMIT_S, &log), 0);
    const char *told = strstr(log, "another log");
    assert_non_null(told);
    assert_null(strstr(told + 1, "another log"));
    free(log);
    kt_test_expect_count(&stage, "lab/first", 1, 0);
    kt_test_expect_count(&stage, "lab/second", 1, 0);
    kt_test_stage_free(&stage);
}

static void a_longer_log_under_an_old_state_is_told_by_the_groups_lost_offset(void **state) {
    (void)state;
    struct kt_test_stage stage;
    struct kt_test_worker worker;
    begin(&stage, "longer", &worker);
    assert_int_equal(kt_test_worker_end(&worker, SIGKILL), 128 + SIGKILL);
    make_again(&stage);
    send_minute(&stage, "second", 3, 3);
    send_minute(&stage, "first", 0, 50);
    worker = kt_test_worker_start(&stage, "a");
    kt_test_expect_count(&stage, "lab/second", 1, LIMIT_S);
    kt_test_worker_wait_log(&worker, "but the group has no offset: the topic was made again", 1, 0);
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    kt_test_expect_count(&stage, "lab/first", 1, 0);
    kt_test_stage_free(&stage);
}

static void a_topic_made_again_under_a_running_worker_is_read_from_its_start(void **state) {
    (void)state;
    struct kt_test_stage stage;
    struct kt_test_worker worker;
    begin(&stage, "live", &worker);
    /* Asleep meanwhile: it would end, and say so, if it looked while the topic is away. */
    kill(worker.pid, SIGSTOP);
    make_again(&stage);
    send_minute(&stage, "first", 0, 3);
    send_minute(&stage, "second", 3, 3);
    kill(worker.pid, SIGCONT);
    kt_test_expect_count(&stage, "lab/second", 1, LIMIT_S);
    kt_test_worker_wait_log(&worker, "it is another log", 1, 0);
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    kt_test_expect_count(&stage, "lab/first", 1, 0);
    kt_test_stage_free(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shorter_log_under_an_old_state_is_read_from_its_start),
        cmocka_unit_test(a_longer_log_under_an_old_state_is_told_by_the_groups_lost_offset),
        cmocka_unit_test(a_topic_made_again_under_a_running_worker_is_read_from_its_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
