/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the worker does with what is wrong: records become dead letters with their bytes and the
 * reason, and the rest goes on; a cluster or a folder that does not fit is told at the start, in
 * words. */
#include "model/store.h"
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
#include <sys/stat.h>

#include <cmocka.h>

#define EVENT_MS INT64_C(1795332584318)
#define YEAR_MS  (INT64_C(365) * 86400000)

static struct kt_metric_event an_event(int64_t timestamp_ms) {
    struct kt_metric_event event = {.cluster = KT_STR("lab"),
                                    .job_name = KT_STR("orders"),
                                    .job_id = KT_STR("22b206468e7f9e5ef6ec5b33716de259"),
                                    .vertex_id = KT_STR("a0bcbe636c3291fd3f45c25deb2b0823"),
                                    .vertex_name = KT_STR("parse"),
                                    .timestamp_ms = timestamp_ms,
                                    .parallelism = 1};
    KT_SET(&event, KT_EVENT_PARALLELISM);
    return event;
}

static struct kt_bytes framed(const struct kt_metric_event *event) {
    struct kt_encoder *encoder = NULL;
    struct kt_bytes bytes = {0};
    assert_int_equal(kt_encoder_new(&kt_metric_event_type, &encoder, NULL), KT_ERR_OK);
    assert_int_equal(kt_encode(encoder, event, &bytes, NULL), KT_ERR_OK);
    kt_encoder_free(encoder);
    return bytes;
}

/* ---- dead letters -------------------------------------------------------------------------- */

struct bad {
    const char *key;
    const void *bytes;
    size_t len;
    int64_t time_ms;
    const char *stage;
    const char *class;
    const char *message; /* a part of it */
};

struct letters {
    const struct bad *bad;
    size_t count;
    const char *topic;
    size_t seen[16];
};

static void assert_header(const rd_kafka_headers_t *headers, const char *name,
                          const char *expected) {
    const void *value = NULL;
    size_t len = 0;
    assert_int_equal(rd_kafka_header_get_last(headers, name, &value, &len),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    char text[600];
    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)value);
    if (strstr(text, expected) == NULL) {
        fail_msg("%s is \"%s\", expected \"%s\"", name, text, expected);
    }
}

static void check_letter(void *ctx, const rd_kafka_message_t *message) {
    struct letters *letters = ctx;
    for (size_t i = 0; i < letters->count; i++) {
        const struct bad *bad = &letters->bad[i];
        if (message->key_len != strlen(bad->key) ||
            memcmp(message->key, bad->key, message->key_len) != 0) {
            continue;
        }
        letters->seen[i]++;
        assert_int_equal(message->len, bad->len);
        if (bad->bytes == NULL) {
            assert_null(message->payload);
        } else {
            assert_memory_equal(message->payload, bad->bytes, bad->len);
        }
        rd_kafka_headers_t *headers = NULL;
        assert_int_equal(rd_kafka_message_headers(message, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
        assert_header(headers, "trace", bad->key);
        assert_header(headers, "kontune.error.topic", letters->topic);
        assert_header(headers, "kontune.error.partition", "");
        assert_header(headers, "kontune.error.offset", "");
        assert_header(headers, "kontune.error.stage", bad->stage);
        assert_header(headers, "kontune.error.class", bad->class);
        assert_header(headers, "kontune.error.message", bad->message);
        return;
    }
    fail_msg("an unexpected dead letter");
}

static void send_bad(struct kt_test_sender *sender, const struct bad *bad) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, "trace", -1, bad->key, -1);
    kt_test_sender_raw(sender, bad->key, bad->bytes, bad->len, bad->time_ms, headers);
}

static void bad_records_become_dead_letters_and_the_rest_goes_on(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "bad", 1);
    struct kt_metric_event event = an_event(EVENT_MS);
    struct kt_bytes good = framed(&event);
    event.timestamp_ms = EVENT_MS + YEAR_MS;
    struct kt_bytes ahead = framed(&event);
    unsigned char *unknown = malloc(good.len);
    memcpy(unknown, good.data, good.len);
    unknown[2] ^= 0xff;
    unsigned char *longer = calloc(1, good.len + 1);
    memcpy(longer, good.data, good.len);
    const size_t large_len = 900000;
    unsigned char *large = calloc(1, large_len);
    memcpy(large, good.data, good.len);
    const struct bad bad[] = {
        {"truncated", good.data, good.len - 3, EVENT_MS, "decode", "TRUNCATED", ""},
        {"trailing", longer, good.len + 1, EVENT_MS, "decode", "DECODE", ""},
        {"oversized", large, large_len, EVENT_MS, "decode", "DECODE", ""},
        {"fingerprint", unknown, good.len, EVENT_MS, "decode", "SCHEMA_UNKNOWN", "fingerprint"},
        {"garbage", "not avro", 8, EVENT_MS, "decode", "FRAMING", ""},
        {"tombstone", NULL, 0, EVENT_MS, "decode", "TRUNCATED", "no value"},
        {"ahead", ahead.data, ahead.len, EVENT_MS, "event", "INVALID", "ahead"},
    };
    struct letters letters = {.bad = bad, .count = sizeof bad / sizeof bad[0]};
    letters.topic = kt_test_stage_topic(&stage, "metrics");
    struct kt_test_sender *sender = kt_test_sender_new(&stage);
    for (size_t i = 0; i < letters.count; i++) {
        event.timestamp_ms = EVENT_MS + (int64_t)i;
        kt_test_sender_event(sender, &event);
        send_bad(sender, &bad[i]);
    }
    /* the last event closes the window of the others: its HOLD shows that they were taken */
    event.timestamp_ms = EVENT_MS + 120000;
    kt_test_sender_event(sender, &event);
    kt_test_sender_flush(sender);
    struct kt_test_worker worker = kt_test_worker_start(&stage, "a");
    json_t *commands = kt_test_commands(&stage, "lab/orders");
    const int64_t deadline = kt_test_clock_ms() + 60000;
    while (json_array_size(commands) == 0 && kt_test_clock_ms() < deadline) {
        json_decref(commands);
        kt_test_pause_ms(100);
        commands = kt_test_commands(&stage, "lab/orders");
    }
    assert_int_equal(json_array_size(commands), 1);
    json_decref(commands);
    char *dlq = kt_test_stage_topic(&stage, "dlq");
    assert_int_equal(kt_test_read(dlq, check_letter, &letters), letters.count);
    for (size_t i = 0; i < letters.count; i++) {
        assert_int_equal(letters.seen[i], 1);
    }
    /* A restart reads the open window's records again: no letter is written twice. */
    assert_int_equal(kt_test_worker_end(&worker, SIGKILL), 128 + SIGKILL);
    worker = kt_test_worker_start(&stage, "a");
    kt_test_worker_wait_log(&worker, "restored 1 partitions", 2, 60);
    send_bad(sender, &bad[0]);
    event.timestamp_ms = EVENT_MS + 240000;
    kt_test_sender_event(sender, &event);
    kt_test_sender_flush(sender);
    while (kt_test_read(dlq, check_letter, &letters) <= letters.count &&
           kt_test_clock_ms() < deadline + 60000) {
        memset(letters.seen, 0, sizeof letters.seen);
        kt_test_pause_ms(100);
    }
    memset(letters.seen, 0, sizeof letters.seen);
    assert_int_equal(kt_test_read(dlq, check_letter, &letters), letters.count + 1);
    assert_int_equal(letters.seen[0], 2);
    for (size_t i = 1; i < letters.count; i++) {
        assert_int_equal(letters.seen[i], 1);
    }
    assert_int_equal(kt_test_worker_end(&worker, SIGTERM), 0);
    kt_test_sender_free(sender);
    free(dlq);
    free((char *)(uintptr_t)letters.topic);
    free(unknown);
    free(longer);
    free(large);
    kt_bytes_free(&good);
    kt_bytes_free(&ahead);
    kt_test_stage_free(&stage);
}

/* ---- at the start -------------------------------------------------------------------------- */

/* Runs a worker that gives up; asserts status 1 and that its last words hold all texts. */
static void assert_gives_up(const struct kt_test_stage *stage, const char *const *texts) {
    char *log = NULL;
    const int status = kt_test_worker_run(stage, "a", 60, &log);
    for (; *texts != NULL; texts++) {
        if (strstr(log, *texts) == NULL) {
            fail_msg("no \"%s\" in:\n%s", *texts, log);
        }
    }
    assert_int_equal(status, 1);
    free(log);
}

static void an_unreachable_broker_is_named_within_a_bounded_time(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "nobroker", 0);
    setenv("KONTUNE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1", 1);
    const int64_t begun_ms = kt_test_clock_ms();
    assert_gives_up(&stage, (const char *[]){"ERROR no Kafka broker answered at 127.0.0.1:1",
                                             "Connection refused", NULL});
    assert_true(kt_test_clock_ms() - begun_ms < 20000);
    unsetenv("KONTUNE_KAFKA_BOOTSTRAP_SERVERS");
    kt_test_stage_free(&stage);
}

static void a_missing_topic_is_named_with_what_to_do(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "notopic", 0);
    char *topic = kt_test_stage_topic(&stage, "metrics");
    char text[200];
    snprintf(text, sizeof text, "topic %s does not exist", topic);
    assert_gives_up(&stage, (const char *[]){text, "kontune topics create -c FILE", NULL});
    free(topic);
    kt_test_stage_free(&stage);
}

static void topics_of_different_partition_counts_are_refused(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "differ", 0);
    const char *roles[] = {"metrics", "commands", "outcomes", "changelog", "dlq"};
    for (size_t i = 0; i < 5; i++) {
        char *topic = kt_test_stage_topic(&stage, roles[i]);
        kt_test_topic(topic, i == 3 ? 3 : 4, NULL);
        free(topic);
    }
    assert_gives_up(&stage, (const char *[]){".metrics has 4 partitions but topic ",
                                             ".changelog has 3", "same number", NULL});
    char *config = kt_test_stage_config(&stage, "a");
    const char *argv[] = {kt_process_kontune(), "topics", "check", "-c", config, NULL};
    struct kt_process_result result = kt_process_run(argv, 30);
    assert_int_equal(result.status, 1);
    assert_non_null(strstr(result.out, "must have 4 partitions"));
    kt_process_result_free(&result);
    free(config);
    kt_test_stage_free(&stage);
}

static void a_changelog_that_is_not_compacted_is_refused(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "policy", 0);
    const char *roles[] = {"metrics", "commands", "outcomes", "changelog", "dlq"};
    for (size_t i = 0; i < 5; i++) {
        char *topic = kt_test_stage_topic(&stage, roles[i]);
        kt_test_topic(topic, 1, NULL);
        free(topic);
    }
    assert_gives_up(
        &stage, (const char *[]){".changelog has cleanup.policy=delete", "must be compact", NULL});
    kt_test_stage_free(&stage);
}

static void a_state_folder_in_use_is_refused(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "locked", 1);
    struct kt_test_worker first = kt_test_worker_start(&stage, "a");
    kt_test_worker_wait_log(&first, "restored 1 partitions", 1, 60);
    char *folder = kt_test_stage_state(&stage, "a");
    snprintf(stage.extra, sizeof stage.extra, "stats_interval_ms = 1000\n");
    setenv("KONTUNE_WORKER_STATE_DIR", folder, 1);
    char *log = NULL;
    assert_int_equal(kt_test_worker_run(&stage, "second", 30, &log), 1);
    unsetenv("KONTUNE_WORKER_STATE_DIR");
    char pid[32];
    snprintf(pid, sizeof pid, "%d", (int)first.pid);
    assert_non_null(strstr(log, folder));
    assert_non_null(strstr(log, pid));
    assert_int_equal(kt_test_worker_end(&first, SIGTERM), 0);
    free(log);
    free(folder);
    kt_test_stage_free(&stage);
}

static void a_foreign_state_folder_is_refused(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "foreign", 1);
    char *folder = kt_test_stage_state(&stage, "a");
    const struct kt_store_options options = {
        .path = folder, .identity = "somebody else's", .map_bytes = 1 << 20};
    struct kt_store *store = NULL;
    assert_int_equal(kt_store_open(&options, &store, NULL), KT_ERR_OK);
    kt_store_close(store);
    assert_gives_up(&stage, (const char *[]){folder, "somebody else's", NULL});
    free(folder);
    kt_test_stage_free(&stage);
}

/* ---- while it runs ------------------------------------------------------------------------- */

static void a_second_worker_of_the_same_name_ends_the_first_with_a_reason(void **state) {
    (void)state;
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "twice", 1);
    struct kt_test_worker first = kt_test_worker_start(&stage, "a");
    kt_test_worker_wait_log(&first, "restored 1 partitions", 1, 60);
    char *other = kt_test_stage_state(&stage, "elsewhere");
    setenv("KONTUNE_WORKER_STATE_DIR", other, 1);
    setenv("KONTUNE_WORKER_INSTANCE_ID", "a", 1);
    struct kt_test_worker second = kt_test_worker_start(&stage, "elsewhere");
    unsetenv("KONTUNE_WORKER_STATE_DIR");
    unsetenv("KONTUNE_WORKER_INSTANCE_ID");
    kt_test_worker_wait_log(&second, "restored 1 partitions", 1, 60);
    char *log = NULL;
    assert_int_equal(kt_test_worker_wait_end(&first, 60, &log), 1);
    assert_non_null(strstr(log, "ERROR another worker of group "));
    assert_non_null(strstr(log, "has joined with instance_id a"));
    assert_int_equal(kt_test_worker_end(&second, SIGTERM), 0);
    free(log);
    free(other);
    kt_test_stage_free(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_records_become_dead_letters_and_the_rest_goes_on),
        cmocka_unit_test(an_unreachable_broker_is_named_within_a_bounded_time),
        cmocka_unit_test(a_missing_topic_is_named_with_what_to_do),
        cmocka_unit_test(topics_of_different_partition_counts_are_refused),
        cmocka_unit_test(a_changelog_that_is_not_compacted_is_refused),
        cmocka_unit_test(a_state_folder_in_use_is_refused),
        cmocka_unit_test(a_foreign_state_folder_is_refused),
        cmocka_unit_test(a_second_worker_of_the_same_name_ends_the_first_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
