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
#include "producer/client.h"
#include "schemas/codec.h"
#include "schemas/rescale_command.h"

#include <librdkafka/rdkafka.h>

struct kt_publisher_options {
    rd_kafka_conf_t *conf;    /* connection properties and transaction.timeout.ms (how long a dead
                                 worker's open transaction holds back its successor); the publisher
                                 takes ownership and sets what exactly-once needs */
    struct kt_client *client; /* conf is attached to it, its reason goes into messages; or NULL */
    const char *transactional_id;
    const char *source; /* ce_source of commands: "kontune/GROUP" */
    const char *commands_topic;
    const char *changelog_topic;
    const char *dead_letter_topic;
    size_t record_bytes_max; /* that all output topics take, if less than message.max.bytes; 0: not
                                known */
    int timeout_ms;          /* of init, commit and abort */
};

/* Makes the producer, learns its topics (a first transaction to an unknown topic takes a second)
 * and runs init_transactions, which fences and aborts what a former instance left. The conf is
 * taken even on failure. KT_ERR_CONFIG: a property, a missing topic or a missing right, which
 * trying again does not mend; KT_ERR_KAFKA: anything else. The options' strings are borrowed. */
struct kt_publisher;
KT_MUST_CHECK enum kt_err kt_publisher_new(struct kt_publisher_options *options,
                                           struct kt_publisher **out, struct kt_error *error);
void kt_publisher_free(struct kt_publisher *publisher);

/* All functions below fail with KT_ERR_KAFKA_ABORT (call kt_publisher_abort and rewind),
 * KT_ERR_KAFKA_FATAL (the publisher is dead), KT_ERR_CONFIG (a missing right, or a topic that takes
 * smaller records than message.max.bytes) or KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_publisher_begin(struct kt_publisher *publisher,
                                             struct kt_error *error);
bool kt_publisher_is_open(const struct kt_publisher *publisher);
/* Whether the open transaction holds a record (and not only offsets to come). */
bool kt_publisher_has_records(const struct kt_publisher *publisher);

/* Key "cluster/job_name", partitioner murmur2_random, CloudEvents headers (binary mode). A command
 * that no record can hold is noted in the dead-letter topic instead: one job's bad luck stops
 * nobody else. */
KT_MUST_CHECK enum kt_err kt_publisher_command(struct kt_publisher *publisher,
                                               const struct kt_rescale_command *command,
                                               struct kt_error *error);
/* One changelog record into the partition that the key names; value NULL is a tombstone. Several
 * changes of a key within a transaction become one record. KT_ERR_LIMIT: no record holds the value,
 * and without it the state would be lost, so nothing can go on. */
KT_MUST_CHECK enum kt_err kt_publisher_change(struct kt_publisher *publisher,
                                              struct kt_store_key key, const void *value,
                                              size_t len, struct kt_error *error);
/* The original bytes, key and headers, and
 * kontune.error.{topic,partition,offset,stage,class,message} headers. A record that was as large as
 * a record can be is cut, with its size in kontune.error.cut_from. */
KT_MUST_CHECK enum kt_err kt_publisher_dead_letter(struct kt_publisher *publisher,
                                                   const rd_kafka_message_t *message,
                                                   const char *stage, enum kt_err code,
                                                   const char *text, struct kt_error *error);

/* Commits with the input offsets (may be empty), fenced by the consumer's group generation: if the
 * consumer has left its generation or lost its partitions, it is KT_ERR_KAFKA_ABORT. */
KT_MUST_CHECK enum kt_err kt_publisher_commit(struct kt_publisher *publisher,
                                              const rd_kafka_topic_partition_list_t *offsets,
                                              rd_kafka_t *consumer, struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_publisher_abort(struct kt_publisher *publisher,
                                             struct kt_error *error);

/* Another limit for commit and abort, e.g. under a deadline to stop. */
void kt_publisher_set_timeout(struct kt_publisher *publisher, int timeout_ms);

/* Serves delivery reports and errors; to be called now and then. Never blocks. */
void kt_publisher_poll(struct kt_publisher *publisher);

/* Dead letters produced since the publisher was made (aborted ones included). */
int64_t kt_publisher_dead_letters(const struct kt_publisher *publisher);

/* Next changelog offset after the last record that this transaction delivered to the partition; -1:
 * none. Valid after a successful commit, until the next begin. */
int64_t kt_publisher_changelog_next(const struct kt_publisher *publisher, int32_t partition);

#endif
