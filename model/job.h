/* SPDX-License-Identifier: GPL-3.0-or-later
 * A job in memory: its durable state and its open windows; and the jobs of one partition with what
 * the partition knows of time.
 *
 * All of it can be lost at any time: the durable state is in the store, the open windows come back
 * by reading again (model/stage.h says why that gives the same). */
#ifndef KT_MODEL_JOB_H
#define KT_MODEL_JOB_H

#include "model/durable.h"
#include "model/window.h"
#include "schemas/state.h"

struct kt_job;

/* A window that still takes events. */
struct kt_open_window {
    struct kt_window *window;
    struct kt_job *job;
    int64_t low_watermark_ms;               /* the partition's watermark before the first event */
    struct kt_open_window *later;           /* of the same job, ascending start */
    struct kt_open_window *previous, *next; /* of the partition, ascending first offset */
};

struct kt_job {
    struct kt_job *next_in_bucket;
    uint64_t hash;
    struct kt_job_state state; /* as the store has it; names always set */
    struct kt_arena arena;     /* owns the state's strings and arrays */
    struct kt_open_window *windows;
    struct kt_open_window *spare; /* closed ones to be used again: they fit this job's size */
    size_t spare_count;
    int64_t newest_ms; /* largest timestamp accepted from the job; 0: none yet */
    int64_t seen_ms;   /* the partition's watermark when its newest event was accepted; 0: none */
};

struct kt_partition {
    uint32_t number;
    struct kt_partition_state durable; /* as it was last flushed, or read */
    bool flushed;                      /* durable is what the store has */
    int64_t next_offset;  /* events below have had their effects; PartitionState.next_offset */
    int64_t watermark_ms; /* largest accepted timestamp at next_offset */
    int64_t position;     /* next offset to read; -1: nothing was read yet */
    int64_t position_watermark_ms; /* largest accepted timestamp before position, as far as it is
                                      known: it starts with PartitionState.low_watermark_ms */

    struct kt_job **buckets; /* a power of two */
    size_t bucket_count;
    size_t job_count;
    struct kt_open_window *first, *last; /* all open windows, ascending first offset */
    struct kt_job **order;               /* scratch of kt_partition_sorted */
    size_t order_capacity;
};

/* NULL when out of memory. */
struct kt_partition *kt_partition_new(uint32_t number);
void kt_partition_free(struct kt_partition *partition);

/* The job of an event; loaded from the store when it is seen first. KT_ERR_INVALID: its key is that
 * of another job (of cluster "a", job "b/c" and cluster "a/b", job "c" only the first can be had,
 * because they are one Kafka key). */
KT_MUST_CHECK enum kt_err kt_partition_job(struct kt_partition *partition,
                                           struct kt_durable *durable, struct kt_str cluster,
                                           struct kt_str job_name, struct kt_job **out,
                                           struct kt_error *error);

/* Reads the job's state from the store again, after it was put there: the memory is never anything
 * else than what a restart would find. */
KT_MUST_CHECK enum kt_err kt_job_reload(struct kt_job *job, uint32_t partition,
                                        struct kt_durable *durable, struct kt_error *error);
struct kt_store_key kt_job_key(const struct kt_job *job, uint32_t partition);

/* Drops a job without open windows from memory. */
void kt_partition_forget(struct kt_partition *partition, struct kt_job *job);

/* The job's open window that starts at start_ms, opened (its first event being at the offset) if
 * there is none. NULL when out of memory. */
struct kt_open_window *kt_partition_window(struct kt_partition *partition, struct kt_job *job,
                                           int64_t start_ms, int64_t end_ms, int64_t offset);
/* Takes the job's earliest window away from it, for reuse. */
void kt_partition_close_first(struct kt_partition *partition, struct kt_job *job);

/* All jobs by hash, valid until the next job comes or goes; NULL when out of memory. */
struct kt_job **kt_partition_sorted(struct kt_partition *partition);

#endif
