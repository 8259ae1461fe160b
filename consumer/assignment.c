/* SPDX-License-Identifier: GPL-3.0-or-later
 * The partitions that this worker owns and how far each has got. */
#include "consumer/assignment.h"

#include <assert.h>
#include <stdlib.h>

static int by_id(const void *a, const void *b) {
    const struct kt_owned_partition *x = a;
    const struct kt_owned_partition *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* The one place where the phase changes. */
static void set_phase(struct kt_assignment *assignment, enum kt_assignment_phase to) {
    assert(to == KT_ASSIGNMENT_NONE ||
           (to == KT_ASSIGNMENT_RESTORING && assignment->phase == KT_ASSIGNMENT_NONE) ||
           (to == KT_ASSIGNMENT_ACTIVE && assignment->phase == KT_ASSIGNMENT_RESTORING));
    assignment->phase = to;
}

static enum kt_err make_index(struct kt_assignment *assignment, struct kt_error *error) {
    const size_t count = assignment->count;
    assignment->index_count = count == 0 ? 0 : (size_t)assignment->partitions[count - 1].id + 1;
    assignment->index = malloc((assignment->index_count + 1) * sizeof *assignment->index);
    if (assignment->index == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "%zu partitions", count);
    }
    for (size_t i = 0; i < assignment->index_count; i++) {
        assignment->index[i] = -1;
    }
    for (size_t i = 0; i < count; i++) {
        assignment->index[assignment->partitions[i].id] = (int32_t)i;
    }
    return KT_ERR_OK;
}

enum kt_err kt_assignment_assign(struct kt_assignment *assignment,
                                 const rd_kafka_topic_partition_list_t *list,
                                 struct kt_error *error) {
    assert(assignment->phase == KT_ASSIGNMENT_NONE && assignment->partitions == NULL);
    const size_t count = (size_t)list->cnt;
    assignment->partitions = calloc(count + 1, sizeof *assignment->partitions);
    if (assignment->partitions == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "%zu partitions", count);
    }
    assignment->count = count;
    for (size_t i = 0; i < count; i++) {
        assignment->partitions[i].id = list->elems[i].partition;
    }
    qsort(assignment->partitions, count, sizeof *assignment->partitions, by_id);
    enum kt_err err = make_index(assignment, error);
    if (err != KT_ERR_OK) {
        kt_assignment_revoke(assignment);
        return err;
    }
    set_phase(assignment, KT_ASSIGNMENT_RESTORING);
    return KT_ERR_OK;
}

void kt_assignment_activate(struct kt_assignment *assignment) {
    set_phase(assignment, KT_ASSIGNMENT_ACTIVE);
}

void kt_assignment_revoke(struct kt_assignment *assignment) {
    free(assignment->partitions);
    free(assignment->index);
    assignment->partitions = NULL;
    assignment->index = NULL;
    assignment->count = 0;
    assignment->index_count = 0;
    set_phase(assignment, KT_ASSIGNMENT_NONE);
}

struct kt_owned_partition *kt_assignment_find(const struct kt_assignment *assignment, int32_t id) {
    if (id < 0 || (size_t)id >= assignment->index_count || assignment->index[id] < 0) {
        return NULL;
    }
    return &assignment->partitions[assignment->index[id]];
}

struct kt_owned_partition *kt_assignment_expects(const struct kt_assignment *assignment, int32_t id,
                                                 int64_t offset) {
    if (assignment->phase != KT_ASSIGNMENT_ACTIVE) {
        return NULL;
    }
    struct kt_owned_partition *partition = kt_assignment_find(assignment, id);
    return partition != NULL && offset >= partition->next ? partition : NULL;
}

struct kt_start kt_start_of(int64_t committed, int64_t next_offset, int64_t low, int64_t high) {
    struct kt_start start = {.why = KT_START_COMMITTED, .offset = committed};
    if (next_offset > high || committed > high) {
        start.why = KT_START_OTHER_LOG;
    } else if (committed < 0) {
        start.why = next_offset > 0 ? KT_START_NO_OFFSET : KT_START_FIRST;
    } else if (committed < low) {
        start.why = KT_START_DELETED;
    } else {
        return start;
    }
    start.offset = low;
    start.restart = start.why != KT_START_DELETED && next_offset > low;
    return start;
}

rd_kafka_topic_partition_list_t *
kt_assignment_offsets(const struct kt_assignment *assignment, const char *topic,
                      int64_t (*low_water)(void *ctx, int32_t partition), void *ctx) {
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)assignment->count);
    for (size_t i = 0; list != NULL && i < assignment->count; i++) {
        const struct kt_owned_partition *partition = &assignment->partitions[i];
        if (!partition->touched) {
            continue;
        }
        const int64_t offset = low_water(ctx, partition->id);
        if (offset >= 0 && (!partition->in_group || offset != partition->committed)) {
            rd_kafka_topic_partition_list_add(list, topic, partition->id)->offset = offset;
        }
    }
    return list;
}

void kt_assignment_committed(struct kt_assignment *assignment,
                             const rd_kafka_topic_partition_list_t *offsets) {
    for (int i = 0; i < offsets->cnt; i++) {
        struct kt_owned_partition *partition =
            kt_assignment_find(assignment, offsets->elems[i].partition);
        if (partition != NULL) {
            partition->committed = offsets->elems[i].offset;
            partition->in_group = true;
        }
    }
    for (size_t i = 0; i < assignment->count; i++) {
        struct kt_owned_partition *partition = &assignment->partitions[i];
        /* The stage's state went with the offsets. */
        partition->restarted = partition->restarted && !partition->touched;
        partition->touched = false;
    }
}

void kt_assignment_rewound(struct kt_assignment *assignment) {
    for (size_t i = 0; i < assignment->count; i++) {
        struct kt_owned_partition *partition = &assignment->partitions[i];
        if (partition->touched) {
            partition->next = partition->committed;
            partition->touched = false;
        }
    }
}
