/* SPDX-License-Identifier: GPL-3.0-or-later
 * The records of the publisher's open transaction: commands, changes, dead letters. */
#include "producer/clock.h"
#include "producer/dead_letter.h"
#include "producer/publisher_internal.h"

#include <assert.h>
#include <inttypes.h>

/* More changes than this are not kept back until the commit. */
#define CHANGELOG_BYTES_MAX ((size_t)16 << 20)

struct outgoing {
    rd_kafka_topic_t *topic;
    int32_t partition; /* or RD_KAFKA_PARTITION_UA: by the key */
    struct kt_str key;
    const void *value;
    size_t len;
    rd_kafka_headers_t *headers; /* taken on success */
};

/* Hands one record to librdkafka, waiting while its queue is full. */
static rd_kafka_resp_err_t produce(struct kt_publisher *publisher, struct outgoing *record) {
    assert(publisher->state == STATE_OPEN);
    publisher->has_records = true;
    const int64_t deadline = kt_clock_ms() + publisher->timeout_ms;
    /* librdkafka's interface takes pointers to what it does not change. */
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = record->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)record->key.data, record->key.len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)record->value, record->len}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = publisher},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = record->headers},
    };
    const size_t count = sizeof parts / sizeof parts[0] - (record->headers == NULL ? 1 : 0);
    for (;;) {
        rd_kafka_error_t *failure = rd_kafka_produceva(publisher->rk, parts, count);
        if (failure == NULL) {
            record->headers = NULL;
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
        const rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
        rd_kafka_error_destroy(failure);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || kt_clock_ms() >= deadline) {
            return code;
        }
        rd_kafka_poll(publisher->rk, RETRY_WAIT_MS);
    }
}

/* Bytes that the headers take at most. */
static size_t headers_bytes(const rd_kafka_headers_t *headers) {
    size_t bytes = 0;
    const char *name;
    const void *value;
    size_t len;
    for (size_t i = 0;
         headers != NULL &&
         rd_kafka_header_get_all(headers, i, &name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        bytes += strlen(name) + len + 10;
    }
    return bytes;
}

/* A record with the letter's headers; what does not fit is left out: first the end of the value,
 * then the original headers, then the key. */
static enum kt_err send_letter(struct kt_publisher *publisher, struct kt_dead_letter letter,
                               struct kt_str key, struct kt_str value,
                               const rd_kafka_headers_t *original, struct kt_error *error) {
    size_t room = publisher->record_bytes_max;
    room -= room > RECORD_OVERHEAD_BYTES ? RECORD_OVERHEAD_BYTES : 0; /* our headers */
    if (key.len + headers_bytes(original) > room) {
        original = NULL;
    }
    if (key.len > room) {
        key = (struct kt_str){0};
    }
    room -= key.len + headers_bytes(original);
    letter.cut_from = -1;
    if (value.len > room) {
        letter.cut_from = (int64_t)value.len;
        value.len = room;
    }
    struct outgoing record = {.topic = publisher->dead_letters,
                              .partition = RD_KAFKA_PARTITION_UA,
                              .key = key,
                              .value = value.data,
                              .len = value.len};
    enum kt_err err = kt_dead_letter_headers(&letter, original, &record.headers, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const rd_kafka_resp_err_t code = produce(publisher, &record);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(record.headers);
        return kt_publisher_fail_code(publisher, code, "dead letter", error);
    }
    publisher->dead_letter_count++;
    return KT_ERR_OK;
}

enum kt_err kt_publisher_command(struct kt_publisher *publisher,
                                 const struct kt_rescale_command *command, struct kt_error *error) {
    const size_t names = 2 * (command->cluster.len + 1 + command->job_name.len);
    const size_t room =
        publisher->record_bytes_max > names ? publisher->record_bytes_max - names : 0;
    struct kt_command_record made;
    struct kt_error why;
    enum kt_err err = kt_command_out_encode(publisher->command_out, command, room, &made, &why);
    if (err == KT_ERR_LIMIT || err == KT_ERR_NUMERIC) {
        char key[256];
        const int len = snprintf(key, sizeof key, "%.*s/%.*s", KT_STR_ARG(command->cluster),
                                 KT_STR_ARG(command->job_name));
        const struct kt_dead_letter letter = {.stage = "publish", .code = err, .text = why.message};
        const size_t key_len = len < (int)sizeof key ? (size_t)len : sizeof key - 1;
        return send_letter(publisher, letter, (struct kt_str){key, key_len}, (struct kt_str){0},
                           NULL, error);
    }
    if (err != KT_ERR_OK) {
        return kt_fail(error, err, "%s", why.message);
    }
    struct outgoing record = {.topic = publisher->commands,
                              .partition = RD_KAFKA_PARTITION_UA,
                              .key = made.key,
                              .value = made.value.data,
                              .len = made.value.len,
                              .headers = made.headers};
    const rd_kafka_resp_err_t code = produce(publisher, &record);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(record.headers);
        return kt_publisher_fail_code(publisher, code, "command", error);
    }
    return KT_ERR_OK;
}

enum kt_err kt_publisher_flush(struct kt_publisher *publisher, struct kt_error *error) {
    for (size_t i = 0; i < kt_changelog_count(publisher->changes); i++) {
        struct outgoing record = {.topic = publisher->changelog};
        const struct kt_store_key key =
            kt_changelog_at(publisher->changes, i, &record.value, &record.len);
        unsigned char bytes[KT_STORE_KEY_BYTES];
        kt_store_key_encode(key, bytes);
        record.key = (struct kt_str){(const char *)bytes, sizeof bytes};
        record.partition = (int32_t)key.partition;
        const rd_kafka_resp_err_t code = produce(publisher, &record);
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
            return kt_fail(error, KT_ERR_LIMIT,
                           "a changelog record of %zu bytes is larger than message.max.bytes: "
                           "raise it in [kafka] and max.message.bytes of topic %s",
                           record.len, rd_kafka_topic_name(publisher->changelog));
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return kt_publisher_fail_code(publisher, code, "changelog", error);
        }
    }
    kt_changelog_clear(publisher->changes);
    return KT_ERR_OK;
}

enum kt_err kt_publisher_change(struct kt_publisher *publisher, struct kt_store_key key,
                                const void *value, size_t len, struct kt_error *error) {
    assert(publisher->state == STATE_OPEN);
    if (key.partition >= (uint32_t)publisher->partition_count) {
        return kt_fail(
            error, KT_ERR_CONFIG, "topic %s has %" PRId32 " partitions, none is %" PRIu32,
            rd_kafka_topic_name(publisher->changelog), publisher->partition_count, key.partition);
    }
    publisher->has_records = true;
    enum kt_err err = kt_changelog_put(publisher->changes, key, value, len, error);
    if (err == KT_ERR_OK && kt_changelog_bytes(publisher->changes) > CHANGELOG_BYTES_MAX) {
        err = kt_publisher_flush(publisher, error);
    }
    return err;
}

enum kt_err kt_publisher_dead_letter(struct kt_publisher *publisher,
                                     const rd_kafka_message_t *message, const char *stage,
                                     enum kt_err code, const char *text, struct kt_error *error) {
    const struct kt_dead_letter letter = {.topic = rd_kafka_topic_name(message->rkt),
                                          .partition = message->partition,
                                          .offset = message->offset,
                                          .stage = stage,
                                          .code = code,
                                          .text = text};
    rd_kafka_headers_t *original = NULL;
    if (rd_kafka_message_headers(message, &original) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        original = NULL; /* there are none */
    }
    return send_letter(publisher, letter, (struct kt_str){message->key, message->key_len},
                       (struct kt_str){message->payload, message->len}, original, error);
}
