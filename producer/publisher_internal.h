/* SPDX-License-Identifier: GPL-3.0-or-later
 * Inside of the publisher, shared by its two files: transactions (publisher.c) and records
 * (publisher_send.c). */
#ifndef KT_PRODUCER_PUBLISHER_INTERNAL_H
#define KT_PRODUCER_PUBLISHER_INTERNAL_H

#include "producer/changelog.h"
#include "producer/command_out.h"
#include "producer/publisher.h"

/* What framing, our headers and the batch around a record can take beside its key and value. */
#define RECORD_OVERHEAD_BYTES ((size_t)2048)
/* Waits between two tries of something retriable. */
#define RETRY_WAIT_MS 100

enum state { STATE_READY, STATE_OPEN, STATE_DEAD };

struct kt_publisher {
    rd_kafka_t *rk;
    struct kt_client *client;
    rd_kafka_topic_t *commands; /* held, so that librdkafka keeps knowing the topics */
    rd_kafka_topic_t *changelog;
    rd_kafka_topic_t *dead_letters;
    struct kt_command_out *command_out;
    struct kt_changelog *changes;
    int64_t *changelog_next; /* per partition, from delivery reports */
    int32_t partition_count; /* of the changelog */
    size_t record_bytes_max; /* of key and value */
    enum state state;
    bool has_records;
    int timeout_ms;
    int64_t dead_letter_count;
    rd_kafka_resp_err_t failed; /* first failed delivery of the transaction */
    char failed_text[160];
};

/* Maps a code that came without an error object (produce) to KT_ERR_KAFKA_ABORT or
 * KT_ERR_KAFKA_FATAL. */
KT_MUST_CHECK enum kt_err kt_publisher_fail_code(struct kt_publisher *publisher,
                                                 rd_kafka_resp_err_t code, const char *what,
                                                 struct kt_error *error);

/* Produces the collected changes. */
KT_MUST_CHECK enum kt_err kt_publisher_flush(struct kt_publisher *publisher,
                                             struct kt_error *error);

#endif
