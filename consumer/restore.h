/* SPDX-License-Identifier: GPL-3.0-or-later
 * Brings the store up to the end of the changelog for newly owned partitions.
 *
 * The target is the high watermark, not the last stable offset: a former owner's transaction whose
 * outcome is not yet known may commit, and its input offsets with it. So the caller first reads the
 * group's stable offsets, then asks for the high watermark, and the restore waits until reading
 * committed records has moved its position there; a pending transaction holds it back until it is
 * decided. */
#ifndef KT_CONSUMER_RESTORE_H
#define KT_CONSUMER_RESTORE_H

#include "model/store.h"
#include "producer/client.h"

#include <librdkafka/rdkafka.h>

/* What has to be done for one partition (pure). */
struct kt_restore_plan {
    bool wipe;     /* what the store has of the partition cannot be continued */
    int64_t first; /* changelog offset to read from */
    int64_t target;
    int64_t saved_at_ms; /* when what is there before was current */
};
/* watermark, saved_at_ms: of the store (0, 0: nothing there). low, high: of the changelog
 * partition. delete_retention_ms: how long the changelog keeps tombstones; a state that has not
 * been current for longer may have missed deletions. */
struct kt_restore_plan kt_restore_plan(int64_t watermark, int64_t saved_at_ms, int64_t low,
                                       int64_t high, int64_t now_ms, int64_t delete_retention_ms);

struct kt_restore_options {
    rd_kafka_conf_t *conf; /* connection properties, attached to a client; taken */
    const char *topic;     /* the changelog */
    struct kt_store *store;
    int stall_ms; /* no progress for this long is KT_ERR_KAFKA */
};

struct kt_restore;
KT_MUST_CHECK enum kt_err kt_restore_new(struct kt_restore_options *options,
                                         struct kt_restore **out, struct kt_error *error);
void kt_restore_free(struct kt_restore *restore);

/* Adds a partition, wiping it first where the plan says so. The store must be in no transaction. */
KT_MUST_CHECK enum kt_err kt_restore_add(struct kt_restore *restore, int32_t partition,
                                         struct kt_restore_plan plan, struct kt_error *error);

/* Reads and applies one bounded piece in a store transaction of its own; waits at most wait_ms for
 * records. *done: every partition is at its target. */
KT_MUST_CHECK enum kt_err kt_restore_step(struct kt_restore *restore, int wait_ms, int64_t now_ms,
                                          bool *done, struct kt_error *error);

struct kt_restore_progress {
    int64_t records; /* applied */
    int64_t skipped; /* records in the changelog that are none of ours */
    int64_t left;    /* offsets still to go, over all partitions */
    int partitions;  /* not yet done */
};
struct kt_restore_progress kt_restore_progress(const struct kt_restore *restore);

#endif
