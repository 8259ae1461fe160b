/* SPDX-License-Identifier: GPL-3.0-or-later
 * The stage's core: from an event to a command. Everything between the sockets, so that the worker,
 * replay and the simulator run the very same path:
 *
 *   event → open window of its job → (the watermark passes its end) → summary → gate → history →
 * evidence → decide → command
 *
 * What makes it exactly-once under restarts:
 *  - All lasting effects of an event happen when a window closes, inside one store transaction that
 * the shell commits together with the Kafka transaction.
 *  - The committed input offset is the low-water mark: the first offset of the earliest open
 * window.
 *  - PartitionState.next_offset says how far events have had their effects. After a restart the
 * offsets between the low-water mark and next_offset are read again; they only fill the windows
 * that are still open. Nothing closes, nothing is dead-lettered there, so that at next_offset the
 * memory is what it was.
 *  - An event of a window that is already closed (JobState.closed_until_ms) is late: counted, not
 * used.
 *  - decided_at_ms, ids and windows depend on event time alone. */
#ifndef KT_MODEL_STAGE_H
#define KT_MODEL_STAGE_H

#include "model/settings.h"
#include "model/store.h"
#include "schemas/metric_event.h"
#include "schemas/rescale_command.h"

#define KT_TIME_UNKNOWN INT64_MIN

/* Where the effects go. Every function may fail; the stage then fails with the same error, and the
 * shell aborts and drops the partition. */
struct kt_stage_sink {
    void *ctx;
    enum kt_err (*command)(void *ctx, const struct kt_rescale_command *command,
                           struct kt_error *error);
    /* A changed record of the durable state; value NULL is a deletion. Also already put into the
     * store. */
    enum kt_err (*change)(void *ctx, struct kt_store_key key, const void *value, size_t len,
                          struct kt_error *error);
};

struct kt_stage_counters {
    int64_t events;   /* accepted into a window */
    int64_t rebuilt;  /* read again below next_offset */
    int64_t late;     /* their window was already closed */
    int64_t refused;  /* bad records, dead-lettered */
    int64_t windows;  /* closed */
    int64_t held;     /* windows that the gate refused */
    int64_t learned;  /* observations added to histories */
    int64_t rescales; /* RESCALE commands */
    int64_t holds;    /* HOLD commands */
    int64_t jobs;     /* in memory now */
};

struct kt_stage;
KT_MUST_CHECK enum kt_err kt_stage_new(const struct kt_settings *settings, struct kt_store *store,
                                       struct kt_stage_sink sink, struct kt_stage **out,
                                       struct kt_error *error);
void kt_stage_free(struct kt_stage *stage);

/* Begins a partition whose durable state is in the store (which must be in a transaction); offsets
 * that follow must ascend (gaps are fine). */
KT_MUST_CHECK enum kt_err kt_stage_open(struct kt_stage *stage, int32_t partition,
                                        struct kt_error *error);
/* Forgets the partition's memory (revoked, or aborted and to be rewound). */
void kt_stage_drop(struct kt_stage *stage, int32_t partition);

/* Whether a record at this offset still has effects to come (false: it is read again). The shell
 * asks before it dead-letters a record. */
bool kt_stage_is_new(const struct kt_stage *stage, int32_t partition, int64_t offset);

/* Takes an event. record_ms: the time of the record that carried it, or KT_TIME_UNKNOWN.
 * KT_ERR_INVALID: the event itself is bad (dead-letter it, then kt_stage_refuse); any other error:
 * abort. */
KT_MUST_CHECK enum kt_err kt_stage_event(struct kt_stage *stage, int32_t partition, int64_t offset,
                                         int64_t record_ms, const struct kt_metric_event *event,
                                         struct kt_error *error);
/* A record that is no event: moves next_offset past it. */
void kt_stage_refuse(struct kt_stage *stage, int32_t partition, int64_t offset);

/* Offset to commit for the partition: of the earliest open window, else next_offset; -1: nothing
 * was read yet. */
int64_t kt_stage_low_water(const struct kt_stage *stage, int32_t partition);

/* Writes PartitionState (if it moved) to the store and the sink: the last thing before a commit. */
KT_MUST_CHECK enum kt_err kt_stage_flush(struct kt_stage *stage, int32_t partition,
                                         struct kt_error *error);

const struct kt_stage_counters *kt_stage_counters(const struct kt_stage *stage);

#endif
