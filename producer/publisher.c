/* SPDX-License-Identifier: GPL-3.0-or-later
 * The transactional publisher.
 *
 * Changes are collected (producer/changelog.c) and produced at commit; commands and dead letters
 * are produced at once. Delivery reports come back inside the calls that wait (commit, abort) and
 * inside poll, always in the caller's thread. A failed delivery makes librdkafka fail the commit;
 * the report is kept only to say which topic and why.
 *
 * Errors fall into three classes. Retriable: tried again until timeout_ms has passed. Abortable:
 * KT_ERR_KAFKA_ABORT. Everything else kills the producer, also what librdkafka does not call fatal:
 * a new producer costs some 10 ms and leaves no doubt about its state. */
#include "producer/publisher_internal.h"

#include "producer/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

/* The one place where the state changes. */
static void set_state(struct kt_publisher *publisher, enum state to) {
    const enum state from = publisher->state;
    assert(to == STATE_DEAD || (from == STATE_READY && to == STATE_OPEN) ||
           (from == STATE_OPEN && to == STATE_READY));
    (void)from;
    publisher->state = to;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    struct kt_publisher *publisher = message->_private;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        /* Purged records are the consequence of an abort, never the cause of one. */
        if (publisher->failed == RD_KAFKA_RESP_ERR_NO_ERROR &&
            message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
            message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
            publisher->failed = message->err;
            snprintf(publisher->failed_text, sizeof publisher->failed_text,
                     "a record of %zu bytes to topic %.80s: %.40s", message->len,
                     rd_kafka_topic_name(message->rkt), rd_kafka_err2name(message->err));
        }
        return;
    }
    if (message->partition >= 0 && message->partition < publisher->partition_count &&
        strcmp(rd_kafka_topic_name(message->rkt), rd_kafka_topic_name(publisher->changelog)) == 0 &&
        message->offset + 1 > publisher->changelog_next[message->partition]) {
        publisher->changelog_next[message->partition] = message->offset + 1;
    }
}

enum kt_err kt_publisher_fail_code(struct kt_publisher *publisher, rd_kafka_resp_err_t code,
                                   const char *what, struct kt_error *error) {
    char fatal[256];
    if (code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__FENCED ||
        rd_kafka_fatal_error(publisher->rk, fatal, sizeof fatal) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        set_state(publisher, STATE_DEAD);
        return kt_client_fail(publisher->client, error, KT_ERR_KAFKA_FATAL, "%s: %s", what,
                              rd_kafka_err2str(code));
    }
    return kt_client_fail(publisher->client, error, KT_ERR_KAFKA_ABORT, "%s: %s", what,
                          rd_kafka_err2str(code));
}

/* Maps and destroys an error object that is not to be retried. */
static enum kt_err fail_with(struct kt_publisher *publisher, rd_kafka_error_t *failure,
                             const char *what, struct kt_error *error) {
    const rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    const bool abortable = rd_kafka_error_txn_requires_abort(failure) != 0;
    const bool final = kt_client_is_final(code) || kt_client_is_final(publisher->failed);
    const bool oversized = publisher->failed == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    enum kt_err err = abortable ? KT_ERR_KAFKA_ABORT : KT_ERR_KAFKA_FATAL;
    if (final || oversized) {
        err = KT_ERR_CONFIG;
    }
    if (err != KT_ERR_KAFKA_ABORT) {
        set_state(publisher, STATE_DEAD);
    }
    const bool undelivered = publisher->failed != RD_KAFKA_RESP_ERR_NO_ERROR;
    err = kt_fail(error, err, "%s: %s%s%s%s", what, rd_kafka_error_string(failure),
                  undelivered ? " (" : "", undelivered ? publisher->failed_text : "",
                  undelivered ? ")" : "");
    rd_kafka_error_destroy(failure);
    return err;
}

/* Repeats call while its error is retriable, until the time is over. */
static enum kt_err retry(struct kt_publisher *publisher,
                         rd_kafka_error_t *(*call)(struct kt_publisher *publisher, void *ctx,
                                                   int timeout_ms),
                         void *ctx, const char *what, struct kt_error *error) {
    const int64_t deadline = kt_clock_ms() + publisher->timeout_ms;
    for (;;) {
        const int64_t left = deadline - kt_clock_ms();
        rd_kafka_error_t *failure = call(publisher, ctx, left > 1 ? (int)left : 1);
        if (failure == NULL) {
            return KT_ERR_OK;
        }
        if (!rd_kafka_error_is_retriable(failure) || deadline - kt_clock_ms() <= RETRY_WAIT_MS) {
            return fail_with(publisher, failure, what, error);
        }
        rd_kafka_error_destroy(failure);
        rd_kafka_poll(publisher->rk, RETRY_WAIT_MS);
    }
}

/* ---- making one ---------------------------------------------------------------------------- */

/* Never sends what the topics do not take. */
static enum kt_err limit_records(rd_kafka_conf_t *conf, size_t bytes_max, struct kt_error *error) {
    char text[32];
    size_t len = sizeof text;
    if (bytes_max < 1000 ||
        rd_kafka_conf_get(conf, "message.max.bytes", text, &len) != RD_KAFKA_CONF_OK ||
        strtoull(text, NULL, 10) <= bytes_max) {
        return KT_ERR_OK;
    }
    snprintf(text, sizeof text, "%zu", bytes_max);
    enum kt_err err = kt_client_set(conf, "message.max.bytes", text, error);
    return err == KT_ERR_OK ? kt_client_set(conf, "batch.size", text, error) : err;
}

static enum kt_err set_properties(const struct kt_publisher_options *options,
                                  struct kt_error *error) {
    static const struct {
        const char *name, *value;
    } properties[] = {
        {"enable.idempotence", "true"},
        {"partitioner", "murmur2_random"},
    };
    rd_kafka_conf_t *conf = options->conf;
    enum kt_err err = kt_client_set(conf, "transactional.id", options->transactional_id, error);
    for (size_t i = 0; i < sizeof properties / sizeof properties[0] && err == KT_ERR_OK; i++) {
        err = kt_client_set(conf, properties[i].name, properties[i].value, error);
    }
    if (err == KT_ERR_OK) {
        err = limit_records(conf, options->record_bytes_max, error);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return err;
}

static size_t record_bytes_max(rd_kafka_t *rk) {
    char text[32];
    size_t len = sizeof text;
    if (rd_kafka_conf_get(rd_kafka_conf(rk), "message.max.bytes", text, &len) != RD_KAFKA_CONF_OK) {
        return 1000000 - RECORD_OVERHEAD_BYTES;
    }
    const unsigned long long bytes = strtoull(text, NULL, 10);
    return bytes > 2 * RECORD_OVERHEAD_BYTES ? (size_t)bytes - RECORD_OVERHEAD_BYTES
                                             : RECORD_OVERHEAD_BYTES;
}

/* Every output topic must be there; the changelog's partitions are counted. */
static enum kt_err read_metadata(struct kt_publisher *publisher,
                                 const struct rd_kafka_metadata *metadata, struct kt_error *error) {
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            const bool transient = topic->err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
            return kt_fail(error, transient ? KT_ERR_KAFKA : KT_ERR_CONFIG, "topic %s: %s",
                           topic->topic, rd_kafka_err2str(topic->err));
        }
        if (strcmp(topic->topic, rd_kafka_topic_name(publisher->changelog)) == 0) {
            publisher->partition_count = topic->partition_cnt;
        }
    }
    if (publisher->partition_count <= 0) {
        return kt_fail(error, KT_ERR_KAFKA, "topic %s has no partitions",
                       rd_kafka_topic_name(publisher->changelog));
    }
    const size_t count = (size_t)publisher->partition_count;
    publisher->changelog_next = calloc(count, sizeof *publisher->changelog_next);
    if (publisher->changelog_next == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "%zu partitions", count);
    }
    return KT_ERR_OK;
}

static enum kt_err learn_topics(struct kt_publisher *publisher,
                                const struct kt_publisher_options *options,
                                struct kt_error *error) {
    publisher->commands = rd_kafka_topic_new(publisher->rk, options->commands_topic, NULL);
    publisher->changelog = rd_kafka_topic_new(publisher->rk, options->changelog_topic, NULL);
    publisher->dead_letters = rd_kafka_topic_new(publisher->rk, options->dead_letter_topic, NULL);
    if (publisher->commands == NULL || publisher->changelog == NULL ||
        publisher->dead_letters == NULL) {
        return kt_fail(error, KT_ERR_CONFIG, "output topics: %s",
                       rd_kafka_err2str(rd_kafka_last_error()));
    }
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(publisher->rk, 0, NULL, &metadata, publisher->timeout_ms);
    rd_kafka_poll(publisher->rk, 0); /* collects the reason */
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kt_client_fail(publisher->client, error,
                              kt_client_is_refused(publisher->client) ? KT_ERR_CONFIG
                                                                      : KT_ERR_KAFKA,
                              "metadata of the output topics: %s", rd_kafka_err2str(code));
    }
    enum kt_err err = read_metadata(publisher, metadata, error);
    rd_kafka_metadata_destroy(metadata);
    return err;
}

static rd_kafka_error_t *call_init(struct kt_publisher *publisher, void *ctx, int timeout_ms) {
    (void)ctx;
    return rd_kafka_init_transactions(publisher->rk, timeout_ms);
}

static enum kt_err start(struct kt_publisher *publisher, struct kt_publisher_options *options,
                         struct kt_error *error) {
    char text[256];
    publisher->rk = rd_kafka_new(RD_KAFKA_PRODUCER, options->conf, text, sizeof text);
    if (publisher->rk == NULL) {
        return kt_fail(error, KT_ERR_CONFIG, "Kafka producer: %s", text);
    }
    options->conf = NULL; /* the handle owns it now */
    publisher->record_bytes_max = record_bytes_max(publisher->rk);
    enum kt_err err = learn_topics(publisher, options, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    char what[256];
    snprintf(what, sizeof what, "init_transactions of %s", options->transactional_id);
    err = retry(publisher, call_init, NULL, what, error);
    return err == KT_ERR_KAFKA_FATAL || err == KT_ERR_KAFKA_ABORT
               ? kt_fail_in(error, KT_ERR_KAFKA, "Kafka producer")
               : err;
}

/* Fills a zeroed publisher. */
static enum kt_err fill(struct kt_publisher *publisher, struct kt_publisher_options *options,
                        struct kt_error *error) {
    publisher->client = options->client;
    publisher->timeout_ms = options->timeout_ms;
    publisher->changes = kt_changelog_new();
    if (publisher->changes == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "publisher");
    }
    enum kt_err err = kt_command_out_new(options->source, &publisher->command_out, error);
    if (err == KT_ERR_OK) {
        err = set_properties(options, error);
    }
    return err == KT_ERR_OK ? start(publisher, options, error) : err;
}

enum kt_err kt_publisher_new(struct kt_publisher_options *options, struct kt_publisher **out,
                             struct kt_error *error) {
    struct kt_publisher *publisher = calloc(1, sizeof *publisher);
    enum kt_err err = publisher == NULL ? kt_fail(error, KT_ERR_NOMEM, "publisher")
                                        : fill(publisher, options, error);
    if (options->conf != NULL) {
        rd_kafka_conf_destroy(options->conf);
        options->conf = NULL;
    }
    if (err != KT_ERR_OK) {
        kt_publisher_free(publisher);
        return err;
    }
    *out = publisher;
    return KT_ERR_OK;
}

void kt_publisher_free(struct kt_publisher *publisher) {
    if (publisher == NULL) {
        return;
    }
    rd_kafka_topic_t *topics[] = {publisher->commands, publisher->changelog,
                                  publisher->dead_letters};
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (topics[i] != NULL) {
            rd_kafka_topic_destroy(topics[i]);
        }
    }
    if (publisher->rk != NULL) {
        /* Reports of what was never delivered must not outlive us. */
        rd_kafka_purge(publisher->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(publisher->rk, 0);
        rd_kafka_destroy(publisher->rk);
    }
    kt_command_out_free(publisher->command_out);
    kt_changelog_free(publisher->changes);
    free(publisher->changelog_next);
    free(publisher);
}

/* ---- producing ----------------------------------------------------------------------------- */

enum kt_err kt_publisher_begin(struct kt_publisher *publisher, struct kt_error *error) {
    assert(publisher->state == STATE_READY);
    publisher->failed = RD_KAFKA_RESP_ERR_NO_ERROR;
    publisher->has_records = false;
    for (int32_t i = 0; i < publisher->partition_count; i++) {
        publisher->changelog_next[i] = -1;
    }
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(publisher->rk);
    if (failure != NULL) {
        return fail_with(publisher, failure, "begin_transaction", error);
    }
    set_state(publisher, STATE_OPEN);
    return KT_ERR_OK;
}

bool kt_publisher_is_open(const struct kt_publisher *publisher) {
    return publisher->state == STATE_OPEN;
}

bool kt_publisher_has_records(const struct kt_publisher *publisher) {
    return publisher->has_records;
}

/* ---- ending the transaction ---------------------------------------------------------------- */

/* Generation of the group metadata, or 0 when its serialised form is not the known one
 * ("CGMDv2:", then the generation as a native int32). librdkafka has no getter for it. */
static int32_t generation_of(const rd_kafka_consumer_group_metadata_t *metadata) {
    static const char magic[] = "CGMDv2:";
    void *bytes = NULL;
    size_t len = 0;
    rd_kafka_error_t *failure = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &len);
    if (failure != NULL) {
        rd_kafka_error_destroy(failure);
        return 0;
    }
    int32_t generation = 0;
    if (len >= sizeof magic - 1 + sizeof generation &&
        memcmp(bytes, magic, sizeof magic - 1) == 0) {
        memcpy(&generation, (const char *)bytes + sizeof magic - 1, sizeof generation);
    }
    rd_kafka_mem_free(NULL, bytes);
    return generation;
}

struct send_offsets {
    const rd_kafka_topic_partition_list_t *offsets;
    const rd_kafka_consumer_group_metadata_t *group;
};

static rd_kafka_error_t *call_send(struct kt_publisher *publisher, void *ctx, int timeout_ms) {
    const struct send_offsets *send = ctx;
    return rd_kafka_send_offsets_to_transaction(publisher->rk, send->offsets, send->group,
                                                timeout_ms);
}

static rd_kafka_error_t *call_commit(struct kt_publisher *publisher, void *ctx, int timeout_ms) {
    (void)ctx;
    return rd_kafka_commit_transaction(publisher->rk, timeout_ms);
}

static rd_kafka_error_t *call_abort(struct kt_publisher *publisher, void *ctx, int timeout_ms) {
    (void)ctx;
    return rd_kafka_abort_transaction(publisher->rk, timeout_ms);
}

static enum kt_err send_offsets(struct kt_publisher *publisher,
                                const rd_kafka_topic_partition_list_t *offsets,
                                rd_kafka_t *consumer, struct kt_error *error) {
    struct send_offsets send = {.offsets = offsets};
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(consumer);
    if (group == NULL) {
        return kt_fail(error, KT_ERR_KAFKA_ABORT, "the consumer is in no group");
    }
    send.group = group;
    enum kt_err err;
    /* Without a generation the broker would not fence us: a member that was thrown out could
     * commit over its successor. */
    if (generation_of(group) < 0 || rd_kafka_assignment_lost(consumer)) {
        err = kt_fail(error, KT_ERR_KAFKA_ABORT, "the consumer has lost its partitions");
    } else {
        err = retry(publisher, call_send, &send, "send_offsets_to_transaction", error);
    }
    rd_kafka_consumer_group_metadata_destroy(group);
    return err;
}

enum kt_err kt_publisher_commit(struct kt_publisher *publisher,
                                const rd_kafka_topic_partition_list_t *offsets,
                                rd_kafka_t *consumer, struct kt_error *error) {
    assert(publisher->state == STATE_OPEN);
    enum kt_err err = kt_publisher_flush(publisher, error);
    if (err == KT_ERR_OK && offsets != NULL && offsets->cnt > 0) {
        err = send_offsets(publisher, offsets, consumer, error);
    }
    if (err == KT_ERR_OK) {
        err = retry(publisher, call_commit, NULL, "commit_transaction", error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    set_state(publisher, STATE_READY);
    return KT_ERR_OK;
}

enum kt_err kt_publisher_abort(struct kt_publisher *publisher, struct kt_error *error) {
    if (publisher->state != STATE_OPEN) {
        return publisher->state == STATE_READY
                   ? KT_ERR_OK
                   : kt_fail(error, KT_ERR_KAFKA_FATAL, "the producer is dead");
    }
    kt_changelog_clear(publisher->changes);
    enum kt_err err = retry(publisher, call_abort, NULL, "abort_transaction", error);
    if (err != KT_ERR_OK) {
        /* An abort that fails leaves nothing to hold on to. */
        if (publisher->state != STATE_DEAD) {
            set_state(publisher, STATE_DEAD);
        }
        return err == KT_ERR_KAFKA_ABORT ? kt_fail_in(error, KT_ERR_KAFKA_FATAL, "abort") : err;
    }
    set_state(publisher, STATE_READY);
    return KT_ERR_OK;
}

void kt_publisher_set_timeout(struct kt_publisher *publisher, int timeout_ms) {
    publisher->timeout_ms = timeout_ms;
}

void kt_publisher_poll(struct kt_publisher *publisher) {
    rd_kafka_poll(publisher->rk, 0);
}

int64_t kt_publisher_dead_letters(const struct kt_publisher *publisher) {
    return publisher->dead_letter_count;
}

int64_t kt_publisher_changelog_next(const struct kt_publisher *publisher, int32_t partition) {
    return partition >= 0 && partition < publisher->partition_count
               ? publisher->changelog_next[partition]
               : -1;
}
