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

struct kt_partition {
    int32_t id;
    int64_t committed; /* offset to rewind to: the group's, or where reading began */
    int64_t next;      /* records below were taken, or are left over from before a rewind */
    bool touched;      /* took a record since the last commit */
    bool in_group;     /* the group has the offset `committed` */
};

struct kt_assignment {
    enum kt_assignment_phase phase;
    struct kt_partition *partitions; /* ascending ids */
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
struct kt_partition *kt_assignment_find(const struct kt_assignment *assignment, int32_t id);

/* Whether a record is to be taken: its partition is ACTIVE and it is none that was taken before. */
struct kt_partition *kt_assignment_expects(const struct kt_assignment *assignment, int32_t id,
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
