/* SPDX-License-Identifier: GPL-3.0-or-later
 * The partitions that this worker owns now and how far each has got. A table without I/O.
 *
 *   NONE --assign--> RESTORING --activate--> ACTIVE
 *   RESTORING, ACTIVE --revoke--> NONE
 *
 * All partitions are in the same phase: the group rebalances eagerly, so they come and go
 * together. */
#ifndef KT_CONSUMER_ASSIGNMENT_H
#define KT_CONSUMER_ASSIGNMENT_H

#include "schemas/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kt_assignment_phase { KT_ASSIGNMENT_NONE, KT_ASSIGNMENT_RESTORING, KT_ASSIGNMENT_ACTIVE };

struct kt_owned_partition {
    int32_t id;
    int64_t committed; /* offset to rewind to: the group's, or where reading began */
    int64_t next;      /* records below were taken, or are left over from before a rewind */
    bool touched;      /* took a record since the last commit */
    bool in_group;     /* the group has the offset `committed` */
    bool restarted;    /* the stage's durable state has offsets of another log: whenever the stage
                          opens the partition it is to be restarted at `committed` */
};

/* Where a partition is read from. */
struct kt_start {
    enum kt_start_why {
        KT_START_FIRST,     /* neither the group nor the state has been here */
        KT_START_COMMITTED, /* where the group is */
        KT_START_DELETED,   /* the log's start: what the group was to read next is deleted */
        KT_START_OTHER_LOG, /* the log's start: the group or the state is ahead of the log's end */
        KT_START_NO_OFFSET, /* the log's start: there is a state, but the group has no offset. Both
                               are written in one transaction, so the topic was deleted (and the
                               group's offsets with it), or they have expired. */
    } why;
    int64_t offset;
    bool restart; /* kt_stage_restart there */
};
/* committed: of the group, < 0: none. next_offset: of the stage's state, 0: none. low, high: first
 * offset of the log and the one behind its last. Pure. */
struct kt_start kt_start_of(int64_t committed, int64_t next_offset, int64_t low, int64_t high);

struct kt_assignment {
    enum kt_assignment_phase phase;
    struct kt_owned_partition *partitions; /* ascending ids */
    size_t count;
    int32_t *index; /* id → position in partitions, or -1 */
    size_t index_count;
};

/* NONE → RESTORING with the partitions of one topic. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_assignment_assign(struct kt_assignment *assignment,
                                               const rd_kafka_topic_partition_list_t *list,
                                               struct kt_error *error);
/* RESTORING → ACTIVE. */
void kt_assignment_activate(struct kt_assignment *assignment);
/* Any → NONE; frees the table. */
void kt_assignment_revoke(struct kt_assignment *assignment);

/* NULL when the partition is not owned. */
struct kt_owned_partition *kt_assignment_find(const struct kt_assignment *assignment, int32_t id);

/* Whether a record is to be taken: its partition is ACTIVE and it is none that was taken before. */
struct kt_owned_partition *kt_assignment_expects(const struct kt_assignment *assignment, int32_t id,
                                                 int64_t offset);

/* The offsets to commit: those of touched partitions whose low-water mark (asked through low_water,
 * -1: nothing was read) differs from what the group has. The caller destroys the list; NULL when
 * out of memory. */
rd_kafka_topic_partition_list_t *
kt_assignment_offsets(const struct kt_assignment *assignment, const char *topic,
                      int64_t (*low_water)(void *ctx, int32_t partition), void *ctx);
/* After the commit of those offsets. */
void kt_assignment_committed(struct kt_assignment *assignment,
                             const rd_kafka_topic_partition_list_t *offsets);
/* After an abort: every touched partition is to be read again from `committed`. */
void kt_assignment_rewound(struct kt_assignment *assignment);

#endif
