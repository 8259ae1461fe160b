/* SPDX-License-Identifier: GPL-3.0-or-later
 * The transactional publisher: commands, changelog, dead letters and input offsets in one Kafka
 * transaction.
 *
 * State machine (kt_publisher_state asserts the steps):
 *
 *   READY --begin--> OPEN --commit--> READY
 *                    OPEN --abort---> READY
 *   any   --fatal--> DEAD   (free it and make a new one) */
#ifndef KT_PRODUCER_PUBLISHER_H
#define KT_PRODUCER_PUBLISHER_H

#include "model/store.h"
#include "schemas/codec.h"
#include "schemas/rescale_command.h"

#include <librdkafka/rdkafka.h>

struct kt_publisher_options {
    rd_kafka_conf_t *conf; /* connection properties; the publisher takes ownership and sets what
                              exactly-once needs */
    const char *transactional_id;
    const char *commands_topic;
    const char *changelog_topic;
    const char *dead_letter_topic;
    int timeout_ms; /* of init, commit and abort */
};

/* Makes the producer and runs init_transactions, which fences and aborts what a former instance
 * left. */
struct kt_publisher;
KT_MUST_CHECK enum kt_err kt_publisher_new(struct kt_publisher_options *options,
                                           struct kt_publisher **out, struct kt_error *error);
void kt_publisher_free(struct kt_publisher *publisher);

KT_MUST_CHECK enum kt_err kt_publisher_begin(struct kt_publisher *publisher,
                                             struct kt_error *error);
bool kt_publisher_is_open(const struct kt_publisher *publisher);

/* Key "cluster/job_name", partitioner murmur2_random, CloudEvents headers (binary mode). */
KT_MUST_CHECK enum kt_err kt_publisher_command(struct kt_publisher *publisher,
                                               const struct kt_rescale_command *command,
                                               struct kt_error *error);
/* One changelog record into the partition that the key names; value NULL is a tombstone. */
KT_MUST_CHECK enum kt_err kt_publisher_change(struct kt_publisher *publisher,
                                              struct kt_store_key key, const void *value,
                                              size_t len, struct kt_error *error);
/* The original bytes, key and headers, and
 * kontune.error.{topic,partition,offset,stage,class,message} headers. */
KT_MUST_CHECK enum kt_err kt_publisher_dead_letter(struct kt_publisher *publisher,
                                                   const rd_kafka_message_t *message,
                                                   const char *stage, enum kt_err code,
                                                   const char *text, struct kt_error *error);

/* Commits with the input offsets. KT_ERR_KAFKA_ABORT: call kt_publisher_abort and rewind;
 * KT_ERR_KAFKA_FATAL: the publisher is dead. */
KT_MUST_CHECK enum kt_err kt_publisher_commit(struct kt_publisher *publisher,
                                              const rd_kafka_topic_partition_list_t *offsets,
                                              rd_kafka_t *consumer, struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_publisher_abort(struct kt_publisher *publisher,
                                             struct kt_error *error);

/* Next changelog offset after the last record that this transaction delivered to the partition; -1:
 * none. Valid after a successful commit, until the next begin. */
int64_t kt_publisher_changelog_next(const struct kt_publisher *publisher, int32_t partition);

#endif
