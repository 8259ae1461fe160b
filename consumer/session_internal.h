/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the session's two files (session.c: records and transactions; rebalance.c: partitions) ask
 * of each other. */
#ifndef KT_CONSUMER_SESSION_INTERNAL_H
#define KT_CONSUMER_SESSION_INTERNAL_H

#include "consumer/session.h"
#include "producer/clock.h"

/* Forgets all partitions: in the stage, in the table, and a restore that is under way. */
void kt_session_drop(struct kt_session *session);

/* Opens a partition in the stage from what the store has; the store is in a transaction. */
KT_MUST_CHECK enum kt_err kt_session_open_partition(struct kt_session *session,
                                                    const struct kt_owned_partition *partition,
                                                    struct kt_error *error);

/* One bounded step of the restore of the assigned partitions; at its end they are ACTIVE. */
KT_MUST_CHECK enum kt_err kt_session_restore(struct kt_session *session, struct kt_error *error);

/* The consumer's rebalance callback; opaque is the session's client. */
void kt_session_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t *list, void *opaque);

#endif
