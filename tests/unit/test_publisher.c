/* SPDX-License-Identifier: GPL-3.0-or-later
 * The publisher's states and errors, on librdkafka's mock brokers (which know errors, but neither
 * isolation nor fencing: that is tested on a real Kafka). */
#include "producer/publisher.h"

#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Kafka's request numbers. */
enum { PRODUCE = 0, END_TXN = 26 };

struct fixture {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock;
    struct kt_publisher *publisher;
};

static rd_kafka_conf_t *conf_of(const struct fixture *fixture, const char *name,
                                const char *value) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[128];
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers",
                                       rd_kafka_mock_cluster_bootstraps(fixture->mock), text,
                                       sizeof text),
                     RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(conf, "transaction.timeout.ms", "10000", text, sizeof text),
                     RD_KAFKA_CONF_OK);
    if (name != NULL) {
        assert_int_equal(rd_kafka_conf_set(conf, name, value, text, sizeof text), RD_KAFKA_CONF_OK);
    }
    return conf;
}

static struct kt_publisher *publisher_of(const struct fixture *fixture, const char *name,
                                         const char *value) {
    struct kt_publisher_options options = {.conf = conf_of(fixture, name, value),
                                           .transactional_id = "lab-a",
                                           .source = "kontune/lab",
                                           .commands_topic = "commands",
                                           .changelog_topic = "changelog",
                                           .dead_letter_topic = "dlq",
                                           .timeout_ms = 10000};
    struct kt_publisher *publisher = NULL;
    struct kt_error error = {0};
    if (kt_publisher_new(&options, &publisher, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    assert_null(options.conf);
    return publisher;
}

static int set_up(void **state) {
    static struct fixture fixture;
    char text[128];
    fixture.rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    fixture.mock = rd_kafka_mock_cluster_new(fixture.rk, 1);
    rd_kafka_mock_topic_create(fixture.mock, "commands", 2, 1);
    rd_kafka_mock_topic_create(fixture.mock, "changelog", 2, 1);
    rd_kafka_mock_topic_create(fixture.mock, "dlq", 2, 1);
    fixture.publisher = publisher_of(&fixture, NULL, NULL);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    kt_publisher_free(fixture->publisher);
    rd_kafka_mock_cluster_destroy(fixture->mock);
    rd_kafka_destroy(fixture->rk);
    return 0;
}

static void begin(struct kt_publisher *publisher) {
    assert_int_equal(kt_publisher_begin(publisher, NULL), KT_ERR_OK);
    assert_true(kt_publisher_is_open(publisher));
}

static void change(struct kt_publisher *publisher, uint32_t partition, uint64_t job,
                   const char *value) {
    assert_int_equal(kt_publisher_change(publisher,
                                         (struct kt_store_key){.partition = partition, .job = job},
                                         value, strlen(value), NULL),
                     KT_ERR_OK);
}

static void a_commit_tells_the_next_changelog_offset_per_partition(void **state) {
    struct kt_publisher *publisher = ((struct fixture *)*state)->publisher;
    begin(publisher);
    assert_false(kt_publisher_has_records(publisher));
    change(publisher, 1, 1, "first");
    change(publisher, 1, 2, "second");
    change(publisher, 1, 1, "first again"); /* the newest of a key is one record */
    assert_true(kt_publisher_has_records(publisher));
    assert_int_equal(kt_publisher_commit(publisher, NULL, NULL, NULL), KT_ERR_OK);
    assert_false(kt_publisher_is_open(publisher));
    assert_int_equal(kt_publisher_changelog_next(publisher, 0), -1);
    assert_int_equal(kt_publisher_changelog_next(publisher, 1), 2);
    assert_int_equal(kt_publisher_changelog_next(publisher, 2), -1);
    begin(publisher);
    assert_int_equal(kt_publisher_changelog_next(publisher, 1), -1);
    change(publisher, 1, 1, "third");
    assert_int_equal(kt_publisher_commit(publisher, NULL, NULL, NULL), KT_ERR_OK);
    assert_int_equal(kt_publisher_changelog_next(publisher, 1), 3);
}

static void a_change_of_a_partition_that_is_not_there_is_refused(void **state) {
    struct kt_publisher *publisher = ((struct fixture *)*state)->publisher;
    struct kt_error error;
    begin(publisher);
    assert_int_equal(
        kt_publisher_change(publisher, (struct kt_store_key){.partition = 2}, "x", 1, &error),
        KT_ERR_CONFIG);
    assert_non_null(strstr(error.message, "topic changelog has 2 partitions, none is 2"));
    assert_int_equal(kt_publisher_abort(publisher, NULL), KT_ERR_OK);
}

static void an_abort_forgets_the_changes(void **state) {
    struct kt_publisher *publisher = ((struct fixture *)*state)->publisher;
    begin(publisher);
    change(publisher, 0, 1, "never");
    assert_int_equal(kt_publisher_abort(publisher, NULL), KT_ERR_OK);
    assert_false(kt_publisher_is_open(publisher));
    begin(publisher);
    assert_int_equal(kt_publisher_commit(publisher, NULL, NULL, NULL), KT_ERR_OK);
    assert_int_equal(kt_publisher_changelog_next(publisher, 0), -1);
}

static void an_error_that_spoils_the_transaction_asks_for_an_abort(void **state) {
    struct fixture *fixture = *state;
    struct kt_publisher *publisher = fixture->publisher;
    struct kt_error error = {0};
    begin(publisher);
    change(publisher, 0, 1, "x");
    rd_kafka_mock_push_request_errors(fixture->mock, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID);
    assert_int_equal(kt_publisher_commit(publisher, NULL, NULL, &error), KT_ERR_KAFKA_ABORT);
    assert_int_equal(kt_publisher_abort(publisher, NULL), KT_ERR_OK);
    begin(publisher);
    change(publisher, 0, 1, "x");
    assert_int_equal(kt_publisher_commit(publisher, NULL, NULL, NULL), KT_ERR_OK);
}

static void a_transient_error_is_tried_again(void **state) {
    struct fixture *fixture = *state;
    struct kt_publisher *publisher = fixture->publisher;
    begin(publisher);
    change(publisher, 0, 1, "x");
    rd_kafka_mock_push_request_errors(fixture->mock, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    assert_int_equal(kt_publisher_commit(publisher, NULL, NULL, NULL), KT_ERR_OK);
    assert_true(kt_publisher_changelog_next(publisher, 0) > 0);
}

static void a_fenced_producer_is_dead(void **state) {
    struct fixture *fixture = *state;
    struct kt_publisher *publisher = publisher_of(fixture, NULL, NULL);
    struct kt_error error = {0};
    begin(publisher);
    change(publisher, 0, 1, "x");
    rd_kafka_mock_push_request_errors(fixture->mock, END_TXN, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    assert_int_equal(kt_publisher_commit(publisher, NULL, NULL, &error), KT_ERR_KAFKA_FATAL);
    assert_false(kt_publisher_is_open(publisher));
    assert_int_equal(kt_publisher_abort(publisher, &error), KT_ERR_KAFKA_FATAL);
    kt_publisher_free(publisher);
}

static void a_record_that_the_topic_does_not_take_is_told_with_topic_and_size(void **state) {
    struct fixture *fixture = *state;
    struct kt_publisher *publisher = publisher_of(fixture, NULL, NULL);
    struct kt_error error = {0};
    begin(publisher);
    change(publisher, 0, 1, "12345");
    rd_kafka_mock_push_request_errors(fixture->mock, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(kt_publisher_commit(publisher, NULL, NULL, &error), KT_ERR_CONFIG);
    assert_non_null(strstr(error.message, "a record of 5 bytes to topic changelog"));
    kt_publisher_free(publisher);
}

static struct kt_rescale_command a_command(void) {
    return (struct kt_rescale_command){.command_id = KT_STR("c0ffee"),
                                       .kind = KT_COMMAND_HOLD,
                                       .policy = KT_STR("conttune"),
                                       .cluster = KT_STR("lab"),
                                       .job_name = KT_STR("orders"),
                                       .job_id = KT_STR("1"),
                                       .decided_at_ms = 1795332600000,
                                       .expires_at_ms = 1795332780000,
                                       .reason_text = KT_STR("because")};
}

static void a_command_too_large_for_a_record_stops_nobody(void **state) {
    struct fixture *fixture = *state;
    struct kt_publisher *publisher = publisher_of(fixture, "message.max.bytes", "10000");
    static char text[9000];
    memset(text, 'x', sizeof text);
    struct kt_rescale_command command = a_command();
    begin(publisher);
    assert_int_equal(kt_publisher_command(publisher, &command, NULL), KT_ERR_OK);
    assert_int_equal(kt_publisher_dead_letters(publisher), 0);
    command.reason_text = (struct kt_str){text, sizeof text};
    assert_int_equal(kt_publisher_command(publisher, &command, NULL), KT_ERR_OK);
    assert_int_equal(kt_publisher_dead_letters(publisher), 1);
    assert_int_equal(kt_publisher_commit(publisher, NULL, NULL, NULL), KT_ERR_OK);
    kt_publisher_free(publisher);
}

static void a_missing_output_topic_is_named(void **state) {
    struct fixture *fixture = *state;
    struct kt_publisher_options options = {.conf = conf_of(fixture, NULL, NULL),
                                           .transactional_id = "lab-b",
                                           .source = "kontune/lab",
                                           .commands_topic = "commands",
                                           .changelog_topic = "gone",
                                           .dead_letter_topic = "dlq",
                                           .timeout_ms = 10000};
    rd_kafka_mock_topic_set_error(fixture->mock, "gone",
                                  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    struct kt_publisher *publisher = NULL;
    struct kt_error error = {0};
    assert_int_equal(kt_publisher_new(&options, &publisher, &error), KT_ERR_CONFIG);
    assert_non_null(strstr(error.message, "topic gone: "));
    assert_null(publisher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_tells_the_next_changelog_offset_per_partition),
        cmocka_unit_test(a_change_of_a_partition_that_is_not_there_is_refused),
        cmocka_unit_test(an_abort_forgets_the_changes),
        cmocka_unit_test(an_error_that_spoils_the_transaction_asks_for_an_abort),
        cmocka_unit_test(a_transient_error_is_tried_again),
        cmocka_unit_test(a_fenced_producer_is_dead),
        cmocka_unit_test(a_record_that_the_topic_does_not_take_is_told_with_topic_and_size),
        cmocka_unit_test(a_command_too_large_for_a_record_stops_nobody),
        cmocka_unit_test(a_missing_output_topic_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
