/* SPDX-License-Identifier: GPL-3.0-or-later
 * The stage's core: from an event to a command. Everything between the sockets, so that the worker,
 * replay and the simulator run the very same path:
 *
 *   event → open window of its job → (time passes its end) → summary → gate → history → evidence →
 *   decide → command
 *
 * Time. Windows are [k·W, (k+1)·W) of event time, per job. A window closes
 *  - when its job's newest timestamp is at least its end + lateness, or
 *  - when the job is silent: as the partition's watermark (the largest timestamp of any job)
 *    crosses a multiple b of W, if end + lateness + idle_timeout ≤ b and the watermark has
 *    advanced by idle_timeout since the job's newest event *arrived* (seen + idle_timeout ≤ b). The
 *    second condition is what keeps jobs apart: without it a job whose clock or poller runs ahead
 *    would close the windows of all others, which are not silent but only behind.
 * Silent jobs are closed in the order of their key's hash, each one's windows in their own order.
 * decided_at_ms, ids and windows depend on event time alone.
 *
 * What makes it exactly-once under restarts:
 *  - All lasting effects of an event happen when a window closes, inside one store transaction that
 *    the shell commits together with the Kafka transaction. They are computed from durable state,
 *    settings and the window's events only (model/closing.c).
 *  - The committed input offset is the low-water mark L: the first offset of the earliest open
 *    window, or next_offset N when none is open. PartitionState.next_offset = N says how far events
 *    have had their effects. After a restart the offsets L … N−1 are read again; they only fill the
 *    windows that are still open. Nothing closes, nothing is dead-lettered there.
 *  - An event of a window that is already closed (JobState.closed_until_ms) is late: counted, not
 *    used.
 *
 * Why the memory at N is then what it was, as far as anything that follows can tell:
 *  - Open windows. Every event in one has an offset ≥ its window's first ≥ L, so it is read again;
 *    closed_until only grows, so what is not late now was not late then, and the reverse holds for
 *    windows that are open. Events of closed windows are recognised as late.
 *  - A job's newest timestamp closes windows that end before it. If the event that set it lies in
 *    a closed window, it is before closed_until and all open windows end after that: it closes
 *    nothing, before and after. If it lies in an open window it is read again.
 *  - The watermark at N is durable. It cannot come from a late event: those lie before
 *    closed_until, which lies before the watermark.
 *  - When a job was last seen is told by the watermark *of that moment*. Therefore PartitionState
 *    also holds low_watermark_ms, the watermark just before offset L: from there every later one is
 *    computed again. (If the job's last event was in a window that a sweep has closed, the job was
 *    silent already; its remaining windows find it silent now too.)
 *  - Commits while reading again: L is then the earliest window found so far, or the offset to be
 *    read next: never N, because windows whose first events are still to come are not in memory.
 *  - A refused event changes nothing; but one of a window that holds too many vertices counts for
 *    time like any other, because when it is read again its window may be closed and nobody can
 *    tell it from a late one.
 *
 * When the offsets are of another log (the topic was deleted and made again, its end was cut off,
 * or the group has lost its offsets), N means nothing there: taken for "read again", every event
 * below it would have no effect. kt_stage_restart sets N to the offset where reading begins, and
 * keeps everything else:
 *  - No window is decided twice: JobState.closed_until_ms is event time, not an offset. What the
 *    other log has of closed windows is late, what it has of open ones fills them again.
 *  - The watermark stays. It is a time, too, and only grows; events behind it are taken as those of
 *    a job that lags are.
 *  - What is lost: events of windows that were open at N, where the other log does not have them;
 *    and records of the same log that were refused below N are refused, and told, again.
 *  - The new N becomes durable with the next flush. Until then kt_stage_open finds the old one and
 *    the shell must restart the partition again.
 *
 * Memory: a job that has no open window and whose last one is long closed is forgotten; its state
 * is in the store. Closed windows are reused. In steady state an event allocates nothing. */
#ifndef KT_MODEL_STAGE_H
#define KT_MODEL_STAGE_H

#include "model/settings.h"
#include "model/store.h"
#include "schemas/metric_event.h"
#include "schemas/rescale_command.h"

#define KT_TIME_UNKNOWN INT64_MIN

/* Where the effects go. Every function may fail; the stage then fails with the same error, and the
 * shell aborts and drops every partition that the transaction touched. */
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
/* Borrows settings and store for its life. */
KT_MUST_CHECK enum kt_err kt_stage_new(const struct kt_settings *settings, struct kt_store *store,
                                       struct kt_stage_sink sink, struct kt_stage **out,
                                       struct kt_error *error);
void kt_stage_free(struct kt_stage *stage);

/* Begins a partition (again, if it was open) whose durable state is in the store; offsets that
 * follow must ascend (gaps are fine). The store must be in a transaction here and in every call
 * below that takes an error. */
KT_MUST_CHECK enum kt_err kt_stage_open(struct kt_stage *stage, int32_t partition,
                                        struct kt_error *error);
/* Forgets the partition's memory (revoked, or aborted and to be rewound); not open is fine. */
void kt_stage_drop(struct kt_stage *stage, int32_t partition);

/* Directly after kt_stage_open: the state's offsets are not those of the log that is read now,
 * which begins at this offset. From here on every event has effects (see above). */
void kt_stage_restart(struct kt_stage *stage, int32_t partition, int64_t offset);

/* Whether a record at this offset still has effects to come (false: it is read again). The shell
 * asks before it dead-letters a record. */
bool kt_stage_is_new(const struct kt_stage *stage, int32_t partition, int64_t offset);

/* Takes an event. record_ms: the time of the record that carried it, or KT_TIME_UNKNOWN.
 * KT_ERR_INVALID: the event itself is bad (if kt_stage_is_new: dead-letter it, then
 * kt_stage_refuse); any other error: abort. */
KT_MUST_CHECK enum kt_err kt_stage_event(struct kt_stage *stage, int32_t partition, int64_t offset,
                                         int64_t record_ms, const struct kt_metric_event *event,
                                         struct kt_error *error);
/* A record that is no event: moves next_offset past it. */
void kt_stage_refuse(struct kt_stage *stage, int32_t partition, int64_t offset);

/* Offset to commit for the partition: of the earliest open window, else the next to be read; -1:
 * nothing was read yet (then there is nothing to commit). */
int64_t kt_stage_low_water(const struct kt_stage *stage, int32_t partition);
/* N above: 0 for a partition without any state. A log that ends before it is another topic than
 * the one that the state was made from. */
int64_t kt_stage_next_offset(const struct kt_stage *stage, int32_t partition);
/* Windows that are open now. */
int64_t kt_stage_open_windows(const struct kt_stage *stage, int32_t partition);

/* Writes PartitionState (if it moved) to the store and the sink: the last thing before a commit. */
KT_MUST_CHECK enum kt_err kt_stage_flush(struct kt_stage *stage, int32_t partition,
                                         struct kt_error *error);

const struct kt_stage_counters *kt_stage_counters(const struct kt_stage *stage);

#endif
