/* SPDX-License-Identifier: GPL-3.0-or-later
 * librdkafka's embedded mock broker as the demo's Kafka, and the demo's own connection to it. */
#include "ops/demo_broker.h"

#include "ops/sim_changes.h"
#include "producer/clock.h"
#include "schemas/codec.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LEARN_LIMIT_MS 30000
#define FLUSH_LIMIT_MS 10000

static const char *const topics[] = {"flink.metrics", "kontune.commands", "kontune.outcomes",
                                     "kontune.changelog", "kontune.dlq"};

struct kt_demo_broker {
    const struct kt_sim_spec *spec;
    struct kt_sim_tap tap;
    const volatile sig_atomic_t *stop;
    rd_kafka_t *producer; /* the mock broker lives inside it */
    rd_kafka_mock_cluster_t *cluster;
    rd_kafka_t *reader;
    struct kt_encoder *event;
    struct kt_decoder *command;
    struct kt_sim_changes changes;
    struct kt_bytes bytes;
    struct kt_arena arena; /* of one command */
    struct kt_sim_knowledge heard;
    char key[256]; /* of the job's records */
};

/* A librdkafka handle with the properties given in pairs up to NULL. */
static enum kt_err make_handle(rd_kafka_type_t type, const char *const *properties,
                               rd_kafka_t **out, struct kt_error *error) {
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (int i = 0; properties[i] != NULL; i += 2) {
        if (rd_kafka_conf_set(conf, properties[i], properties[i + 1], text, sizeof text) !=
            RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(conf);
            return kt_fail(error, KT_ERR_KAFKA, "%s: %s", properties[i], text);
        }
    }
    *out = rd_kafka_new(type, conf, text, sizeof text);
    if (*out == NULL) {
        rd_kafka_conf_destroy(conf);
        return kt_fail(error, KT_ERR_KAFKA, "%s", text);
    }
    return KT_ERR_OK;
}

static enum kt_err start_cluster(struct kt_demo_broker *broker, struct kt_error *error) {
    static const char *const properties[] = {
        "test.mock.num.brokers", "1", "linger.ms", "1", "log_level", "3", NULL};
    const enum kt_err err = make_handle(RD_KAFKA_PRODUCER, properties, &broker->producer, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    broker->cluster = rd_kafka_handle_mock_cluster(broker->producer);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        const rd_kafka_resp_err_t made =
            rd_kafka_mock_topic_create(broker->cluster, topics[i], 1, 1);
        if (made != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return kt_fail(error, KT_ERR_KAFKA, "topic %s: %s", topics[i], rd_kafka_err2str(made));
        }
    }
    return KT_ERR_OK;
}

/* Reads commands and changelog from their beginnings, without a group. */
static enum kt_err start_reader(struct kt_demo_broker *broker, struct kt_error *error) {
    const char *const properties[] = {"bootstrap.servers",
                                      kt_demo_broker_address(broker),
                                      "group.id",
                                      "demo",
                                      "enable.auto.commit",
                                      "false",
                                      "auto.offset.reset",
                                      "earliest",
                                      "fetch.wait.max.ms",
                                      "10",
                                      "log_level",
                                      "3",
                                      NULL};
    const enum kt_err err = make_handle(RD_KAFKA_CONSUMER, properties, &broker->reader, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    rd_kafka_poll_set_consumer(broker->reader);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(2);
    rd_kafka_topic_partition_list_add(list, "kontune.commands", 0)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_topic_partition_list_add(list, "kontune.changelog", 0)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    const rd_kafka_resp_err_t assigned = rd_kafka_assign(broker->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return assigned == RD_KAFKA_RESP_ERR_NO_ERROR
               ? KT_ERR_OK
               : kt_fail(error, KT_ERR_KAFKA, "reader: %s", rd_kafka_err2str(assigned));
}

enum kt_err kt_demo_broker_start(const struct kt_sim_spec *spec, struct kt_sim_tap tap,
                                 const volatile sig_atomic_t *stop, struct kt_demo_broker **out,
                                 struct kt_error *error) {
    struct kt_demo_broker *broker = calloc(1, sizeof *broker);
    if (broker == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a broker");
    }
    broker->spec = spec;
    broker->tap = tap;
    broker->stop = stop;
    kt_arena_init(&broker->arena, 1 << 16, 1 << 26);
    snprintf(broker->key, sizeof broker->key, "%s/%s", spec->cluster, spec->job_name);
    enum kt_err err = start_cluster(broker, error);
    if (err == KT_ERR_OK) {
        err = start_reader(broker, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_encoder_new(&kt_metric_event_type, &broker->event, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_decoder_new(&kt_rescale_command_type, &broker->command, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_sim_changes_init(&broker->changes, error);
    }
    if (err != KT_ERR_OK) {
        kt_demo_broker_stop(broker);
        return err;
    }
    *out = broker;
    return KT_ERR_OK;
}

void kt_demo_broker_stop(struct kt_demo_broker *broker) {
    if (broker == NULL) {
        return;
    }
    if (broker->reader != NULL) {
        rd_kafka_consumer_close(broker->reader);
        rd_kafka_destroy(broker->reader);
    }
    if (broker->producer != NULL) {
        rd_kafka_destroy(broker->producer);
    }
    kt_encoder_free(broker->event);
    kt_decoder_free(broker->command);
    kt_sim_changes_free(&broker->changes);
    kt_bytes_free(&broker->bytes);
    kt_arena_free(&broker->arena);
    free(broker);
}

const char *kt_demo_broker_address(const struct kt_demo_broker *broker) {
    return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}

/* Produces the events with their own times as the records' times: virtual time runs faster than the
 * clock. */
static enum kt_err broker_offer(void *ctx, const struct kt_metric_event *events, size_t count,
                                struct kt_error *error) {
    struct kt_demo_broker *broker = ctx;
    for (size_t i = 0; i < count; i++) {
        const enum kt_err err = kt_encode(broker->event, &events[i], &broker->bytes, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        /* librdkafka's interface takes pointers to what it does not change. */
        rd_kafka_vu_t parts[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = "flink.metrics"},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)broker->key, strlen(broker->key)}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {broker->bytes.data, broker->bytes.len}},
            {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = events[i].timestamp_ms},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        };
        rd_kafka_error_t *failure =
            rd_kafka_produceva(broker->producer, parts, sizeof parts / sizeof parts[0]);
        if (failure != NULL) {
            (void)kt_fail(error, KT_ERR_KAFKA, "flink.metrics: %s", rd_kafka_error_string(failure));
            rd_kafka_error_destroy(failure);
            return KT_ERR_KAFKA;
        }
    }
    const rd_kafka_resp_err_t flushed = rd_kafka_flush(broker->producer, FLUSH_LIMIT_MS);
    return flushed == RD_KAFKA_RESP_ERR_NO_ERROR
               ? KT_ERR_OK
               : kt_fail(error, KT_ERR_KAFKA, "flink.metrics: %s", rd_kafka_err2str(flushed));
}

static enum kt_err hear_change(struct kt_demo_broker *broker, const rd_kafka_message_t *message,
                               struct kt_error *error) {
    struct kt_store_key key;
    if (!kt_store_key_decode(message->key, message->key_len, &key)) {
        return KT_ERR_OK;
    }
    return kt_sim_changes_note(&broker->changes, &broker->heard, broker->spec, key,
                               message->payload, message->len, error);
}

static enum kt_err hear(struct kt_demo_broker *broker, const rd_kafka_message_t *message,
                        struct kt_error *error) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kt_fail(error, KT_ERR_KAFKA, "reader: %s", rd_kafka_message_errstr(message));
    }
    kt_arena_reset(&broker->arena);
    if (strcmp(rd_kafka_topic_name(message->rkt), "kontune.changelog") == 0) {
        return hear_change(broker, message, error);
    }
    struct kt_rescale_command command;
    const enum kt_err err =
        kt_decode(broker->command, message->payload, message->len, &broker->arena, &command, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    kt_sim_note_command(&broker->heard, broker->spec, &command);
    return broker->tap.command != NULL ? broker->tap.command(broker->tap.ctx, &command, error)
                                       : KT_ERR_OK;
}

/* Whether all that belongs to the windows up to until_ms was heard: the job's state says so, and
 * the rescale that it waits for (in another partition of the same transaction) is here too. */
static bool heard_all(const struct kt_sim_knowledge *heard, int64_t until_ms) {
    return heard->closed_until_ms >= until_ms &&
           (heard->pending_id[0] == '\0' || strcmp(heard->pending_id, heard->rescale_id) == 0);
}

/* One quiet poll more, because a hold changes no state that could be waited for. */
static enum kt_err broker_learn(void *ctx, int64_t until_ms, struct kt_sim_knowledge *knowledge,
                                struct kt_error *error) {
    struct kt_demo_broker *broker = ctx;
    const int64_t deadline = kt_clock_ms() + LEARN_LIMIT_MS;
    bool quiet = false;
    while (!heard_all(&broker->heard, until_ms) || !quiet) {
        if (*broker->stop) {
            return kt_fail(error, KT_ERR_STOPPED, "interrupted");
        }
        if (kt_clock_ms() > deadline) {
            return kt_fail(error, KT_ERR_KAFKA, "the worker did not decide within %d s",
                           LEARN_LIMIT_MS / 1000);
        }
        rd_kafka_message_t *message = rd_kafka_consumer_poll(broker->reader, 40);
        quiet = message == NULL;
        if (message == NULL) {
            continue;
        }
        const enum kt_err err = hear(broker, message, error);
        rd_kafka_message_destroy(message);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    *knowledge = broker->heard;
    broker->heard.rescale_waits = false;
    return KT_ERR_OK;
}

struct kt_sim_controller kt_demo_broker_controller(struct kt_demo_broker *broker) {
    return (struct kt_sim_controller){broker, broker_offer, broker_learn};
}
