/* SPDX-License-Identifier: GPL-3.0-or-later
 * One life of the worker's Kafka side: a publisher, a consumer, the transactions that tie them to
 * the store, and the coming and going of partitions. The worker makes a new session after a fatal
 * error; the store and the stage outlive it.
 *
 *   poll:    record of an ACTIVE partition, not seen before → begin both transactions if none is
 *            open → intake → next = offset + 1
 *   commit:  flush the stage's touched partitions; send the low-water offsets; commit Kafka; put
 *            the changelog watermarks; commit the store. A crash in between leaves the store behind
 *            Kafka, never ahead, and the restore closes the gap.
 *   abort:   abort Kafka, abort the store, drop the touched partitions from the stage, open them
 *            again from the store, seek to the offsets last committed.
 *   revoke:  commit, or abort if the partitions are lost; assign nothing.
 *   assign:  assign nothing yet; read the group's stable offsets; restore to the changelog's high
 *            watermark; open the partitions in the stage; assign with explicit offsets. */
#ifndef KT_CONSUMER_SESSION_H
#define KT_CONSUMER_SESSION_H

#include "consumer/assignment.h"
#include "consumer/cluster.h"
#include "consumer/intake.h"
#include "consumer/restore.h"

/* What the counters line of the log tells beside the stage's own; they live as long as the
 * worker. */
struct kt_session_counters {
    int64_t records;
    int64_t commits;
    int64_t aborts;
    int64_t dead_letters;
    int64_t restored; /* changelog records */
};

struct kt_session {
    /* given by the worker */
    const struct kt_config *config;
    FILE *log;
    struct kt_client *client;
    struct kt_cluster *cluster;
    struct kt_store *store;
    struct kt_stage *stage;
    struct kt_intake *intake;
    struct kt_session_counters counters;
    int64_t delete_retention_ms; /* of the changelog topic */
    size_t record_bytes_max;     /* that all output topics take; 0: not known */

    /* of one life */
    struct kt_publisher *publisher;
    rd_kafka_t *consumer;
    rd_kafka_topic_t *metrics;
    struct kt_assignment assignment;
    struct kt_restore *restore;
    int64_t restore_begun_ms;
    int64_t begun_ms; /* of the open transaction; monotonic */
    int64_t transaction_records;
    int aborts_in_row;
    bool closing;
    enum kt_err failed; /* an error inside a callback, reported by the next poll */
    struct kt_error failure;
    int64_t refused_logged_ms;
    int64_t refused_unlogged;
};

/* Makes the publisher (init_transactions) and the consumer, and joins the group. On an error the
 * session is closed. */
KT_MUST_CHECK enum kt_err kt_session_open(struct kt_session *session, struct kt_error *error);

/* Leaves: aborts what is open (commit first to keep it), drops all partitions from the stage. */
void kt_session_close(struct kt_session *session);

/* One turn of the loop: takes the records that are there (waiting a little), commits what is due,
 * goes on restoring. KT_ERR_KAFKA and KT_ERR_KAFKA_FATAL: close and open again; any other error
 * cannot be mended. */
KT_MUST_CHECK enum kt_err kt_session_turn(struct kt_session *session, struct kt_error *error);

/* Commits what is open, now. */
KT_MUST_CHECK enum kt_err kt_session_commit(struct kt_session *session, struct kt_error *error);

/* Records between what was taken and the ends of the owned partitions, as last heard. */
int64_t kt_session_lag(const struct kt_session *session);

/* The stage's sink: ctx is the session. */
struct kt_stage_sink kt_session_sink(struct kt_session *session);

#endif
