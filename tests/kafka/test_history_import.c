/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune history import` through the changelog of a real Kafka: the next worker has what was
 * imported, merged with what was there; nothing is published beside a running worker. */
#include "support/kafka.h"
#include "support/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_S 60
#define HEADER                                                                                     \
    "cluster,job_name,vertex_id,name,parallelism,processing_ability,busy,lambda,kept_up,"          \
    "generation,window_end_ms\n"
#define OLDER "prod,q1,v1,map,2,1000,0.5,500,true,1,1767225600000\n"
#define NEWER "prod,q1,v1,map,2,1100,0.5,550,true,1,1767225660000\n"
#define OTHER "prod,q7,v1,map,3,70,0.5,35,true,1,1767225600000\n"

static struct kt_process_result import_rows(const struct kt_test_stage *stage, const char *rows) {
    char path[512];
    snprintf(path, sizeof path, "%s/rows.csv", stage->folder);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "%s%s", HEADER, rows);
    assert_int_equal(fclose(out), 0);
    char *config = kt_test_stage_config(stage, "import");
    const char *const argv[] = {kt_process_kontune(), "history", "import", "-c", config,
                                "--format",           "csv",     path,     NULL};
    struct kt_process_result result = kt_process_run(argv, LIMIT_S);
    free(config);
    return result;
}

static void expect_import(const struct kt_test_stage *stage, const char *rows, const char *out) {
    struct kt_process_result result = import_rows(stage, rows);
    assert_string_equal(result.err, "");
    assert_string_equal(result.out, out);
    assert_int_equal(result.status, 0);
    kt_process_result_free(&result);
}

/* Waits until a worker's state exports as expected. */
static void expect_state(const struct kt_test_stage *stage, const char *instance,
                         const char *expected) {
    char *state = kt_test_stage_state(stage, instance);
    const char *const argv[] = {kt_process_kontune(), "history", "export", "--state", state, NULL};
    const int64_t deadline = kt_test_clock_ms() + LIMIT_S * 1000;
    bool same = false;
    while (!same) {
        struct kt_process_result result = kt_process_run(argv, LIMIT_S);
        same = result.status == 0 && strcmp(result.out, expected) == 0;
        if (!same && kt_test_clock_ms() > deadline) {
            fail_msg("the state exports as\n%s%s", result.out, result.err);
        }
        kt_process_result_free(&result);
        if (!same) {
            kt_test_pause_ms(100);
        }
    }
    free(state);
}

static void see_partition(void *ctx, const rd_kafka_message_t *message) {
    *(int32_t *)ctx = message->partition;
}

static void the_next_worker_has_what_was_imported(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "import", 6);
    expect_import(
        &stage, NEWER OTHER,
        "observations: 2 read, 2 added, 0 already there, 0 older than the newest at their "
        "parallelism\n");
    /* Merged with what the changelog has, and not published again. */
    expect_import(
        &stage, OLDER NEWER,
        "observations: 2 read, 1 added, 1 already there, 0 older than the newest at their "
        "parallelism\n");
    struct kt_test_worker worker = kt_test_worker_start(&stage, "a");
    expect_state(&stage, "a", HEADER OLDER NEWER OTHER);
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);

    /* The state stands under the partition of the job's own events. */
    struct kt_test_sender *sender = kt_test_sender_new(&stage);
    kt_test_sender_raw(sender, "prod/q1", "x", 1, 1767225600000, NULL);
    kt_test_sender_flush(sender);
    kt_test_sender_free(sender);
    int32_t of_events = -1;
    char *topic = kt_test_stage_topic(&stage, "metrics");
    assert_int_equal(kt_test_read(topic, see_partition, &of_events), 1);
    free(topic);
    char *folder = kt_test_stage_state(&stage, "a");
    const char *const argv[] = {kt_process_kontune(),
                                "history",
                                "list",
                                "--state",
                                folder,
                                "--job",
                                "prod/q1",
                                "--json",
                                NULL};
    struct kt_process_result result = kt_process_run(argv, LIMIT_S);
    char expected[32];
    snprintf(expected, sizeof expected, "\"partition\":%d}", of_events);
    assert_non_null(strstr(result.out, expected));
    kt_process_result_free(&result);
    free(folder);
    kt_test_stage_free(&stage);
}

static void a_warm_worker_has_it_too(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "warm", 2);
    /* A short session, so that the stopped worker leaves its group at once. */
    snprintf(stage.extra, sizeof stage.extra,
             "[kafka]\nsession.timeout.ms = 6000\nheartbeat.interval.ms = 1000\n");
    expect_import(
        &stage, OLDER,
        "observations: 1 read, 1 added, 0 already there, 0 older than the newest at their "
        "parallelism\n");
    struct kt_test_worker worker = kt_test_worker_start(&stage, "a");
    expect_state(&stage, "a", HEADER OLDER);

    struct kt_process_result result = import_rows(&stage, NEWER);
    char message[512];
    snprintf(message, sizeof message,
             "kontune history import: group %s has 1 member: stop its workers first (a stopped "
             "worker leaves its group after session.timeout.ms)\n",
             stage.prefix);
    assert_string_equal(result.err, message);
    assert_string_equal(result.out, "");
    assert_int_equal(result.status, 1);
    kt_process_result_free(&result);

    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    const int64_t deadline = kt_test_clock_ms() + LIMIT_S * 1000;
    for (result = import_rows(&stage, NEWER); result.status != 0;
         result = import_rows(&stage, NEWER)) {
        assert_string_equal(result.err, message);
        assert_true(kt_test_clock_ms() < deadline);
        kt_process_result_free(&result);
        kt_test_pause_ms(500);
    }
    assert_string_equal(result.out, "observations: 1 read, 1 added, 0 already there, 0 older than "
                                    "the newest at their parallelism\n");
    kt_process_result_free(&result);
    worker = kt_test_worker_start(&stage, "a");
    expect_state(&stage, "a", HEADER OLDER NEWER);
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    kt_test_stage_free(&stage);
}

static void missing_topics_are_told(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "nowhere", 0);
    struct kt_process_result result = import_rows(&stage, OLDER);
    assert_int_equal(result.status, 2);
    assert_non_null(strstr(result.err, "does not exist"));
    assert_non_null(strstr(result.err, "topics create"));
    kt_process_result_free(&result);
    kt_test_stage_free(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_worker_has_what_was_imported),
        cmocka_unit_test(a_warm_worker_has_it_too),
        cmocka_unit_test(missing_topics_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
