/* SPDX-License-Identifier: GPL-3.0-or-later
 * The headers of what goes out: CloudEvents attributes of commands, reasons of dead letters; and
 * what the start-up check says about topics that do not fit. */
#include "consumer/cluster.h"
#include "producer/cloudevents.h"
#include "producer/dead_letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_header(const rd_kafka_headers_t *headers, const char *name,
                          const char *expected) {
    const void *value;
    size_t len;
    const rd_kafka_resp_err_t code = rd_kafka_header_get_last(headers, name, &value, &len);
    if (expected == NULL) {
        assert_int_equal(code, RD_KAFKA_RESP_ERR__NOENT);
        return;
    }
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(value, expected, len);
}

static void a_time_is_written_as_rfc_3339(void **state) {
    (void)state;
    char text[KT_RFC3339_BYTES];
    kt_rfc3339(INT64_C(1795381200123), text);
    assert_string_equal(text, "2026-11-22T21:00:00.123Z");
    kt_rfc3339(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    kt_rfc3339(INT64_MAX, text);
    assert_string_equal(text, "?");
}

static void a_cloud_event_has_its_attributes_as_headers(void **state) {
    (void)state;
    const struct kt_cloudevent event = {
        .id = KT_STR("c0ffee"),
        .type = KT_STR("kontune.rescale_command.v1"),
        .source = KT_STR("kontune/lab"),
        .partition_key = KT_STR("lab/orders"),
        .content_type = KT_STR("application/avro"),
        .time_ms = INT64_C(1795381200000),
        .expiry_ms = INT64_C(1795381260000),
    };
    rd_kafka_headers_t *headers = NULL;
    assert_int_equal(kt_cloudevents_headers(&event, &headers, NULL), KT_ERR_OK);
    assert_header(headers, "ce_specversion", "1.0");
    assert_header(headers, "ce_id", "c0ffee");
    assert_header(headers, "ce_type", "kontune.rescale_command.v1");
    assert_header(headers, "ce_source", "kontune/lab");
    assert_header(headers, "ce_partitionkey", "lab/orders");
    assert_header(headers, "ce_time", "2026-11-22T21:00:00.000Z");
    assert_header(headers, "ce_expirytime", "2026-11-22T21:01:00.000Z");
    assert_header(headers, "content-type", "application/avro");
    rd_kafka_headers_destroy(headers);
}

static void an_attribute_that_is_empty_is_left_out(void **state) {
    (void)state;
    const struct kt_cloudevent event = {.id = KT_STR("1")};
    rd_kafka_headers_t *headers = NULL;
    assert_int_equal(kt_cloudevents_headers(&event, &headers, NULL), KT_ERR_OK);
    assert_int_equal(rd_kafka_header_cnt(headers), 2);
    assert_header(headers, "ce_expirytime", NULL);
    rd_kafka_headers_destroy(headers);
}

static void a_dead_letter_keeps_the_original_headers_and_adds_the_reason(void **state) {
    (void)state;
    rd_kafka_headers_t *original = rd_kafka_headers_new(1);
    rd_kafka_header_add(original, "trace", -1, "abc", -1);
    const struct kt_dead_letter letter = {.topic = "flink.metrics",
                                          .partition = 3,
                                          .offset = 42,
                                          .stage = "decode",
                                          .code = KT_ERR_TRUNCATED,
                                          .text = "ends after 7 bytes",
                                          .cut_from = -1};
    rd_kafka_headers_t *headers = NULL;
    assert_int_equal(kt_dead_letter_headers(&letter, original, &headers, NULL), KT_ERR_OK);
    assert_int_equal(rd_kafka_header_cnt(original), 1);
    assert_header(headers, "trace", "abc");
    assert_header(headers, "kontune.error.topic", "flink.metrics");
    assert_header(headers, "kontune.error.partition", "3");
    assert_header(headers, "kontune.error.offset", "42");
    assert_header(headers, "kontune.error.stage", "decode");
    assert_header(headers, "kontune.error.class", "TRUNCATED");
    assert_header(headers, "kontune.error.message", "ends after 7 bytes");
    assert_header(headers, "kontune.error.cut_from", NULL);
    rd_kafka_headers_destroy(headers);
    rd_kafka_headers_destroy(original);
}

static void a_dead_letter_says_when_its_value_was_cut(void **state) {
    (void)state;
    const struct kt_dead_letter letter = {
        .stage = "publish", .code = KT_ERR_LIMIT, .text = "too large", .cut_from = 1000000};
    rd_kafka_headers_t *headers = NULL;
    assert_int_equal(kt_dead_letter_headers(&letter, NULL, &headers, NULL), KT_ERR_OK);
    assert_header(headers, "kontune.error.cut_from", "1000000");
    assert_header(headers, "kontune.error.topic", NULL);
    assert_header(headers, "kontune.error.offset", NULL);
    rd_kafka_headers_destroy(headers);
}

static void topics_that_agree_pass(void **state) {
    (void)state;
    const struct kt_topic_info infos[] = {{.name = "a", .partitions = 4},
                                          {.name = "b", .partitions = 4}};
    assert_int_equal(kt_topics_agree(infos, 2, NULL), KT_ERR_OK);
}

static void a_missing_topic_is_named_with_what_to_do(void **state) {
    (void)state;
    const struct kt_topic_info infos[] = {{.name = "a", .partitions = 4}, {.name = "b"}};
    struct kt_error error;
    assert_int_equal(kt_topics_agree(infos, 2, &error), KT_ERR_CONFIG);
    assert_non_null(strstr(error.message, "topic b does not exist"));
    assert_non_null(strstr(error.message, "kontune topics create"));
}

static void different_partition_counts_are_both_named(void **state) {
    (void)state;
    const struct kt_topic_info infos[] = {{.name = "a", .partitions = 4},
                                          {.name = "b", .partitions = 6}};
    struct kt_error error;
    assert_int_equal(kt_topics_agree(infos, 2, &error), KT_ERR_CONFIG);
    assert_non_null(strstr(error.message, "topic a has 4 partitions but topic b has 6"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_as_rfc_3339),
        cmocka_unit_test(a_cloud_event_has_its_attributes_as_headers),
        cmocka_unit_test(an_attribute_that_is_empty_is_left_out),
        cmocka_unit_test(a_dead_letter_keeps_the_original_headers_and_adds_the_reason),
        cmocka_unit_test(a_dead_letter_says_when_its_value_was_cut),
        cmocka_unit_test(topics_that_agree_pass),
        cmocka_unit_test(a_missing_topic_is_named_with_what_to_do),
        cmocka_unit_test(different_partition_counts_are_both_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
