/* SPDX-License-Identifier: GPL-3.0-or-later
 * The stage's core: partitions, event time, and when windows close. */
#include "model/stage.h"

#include "model/closing.h"

#include <assert.h>
#include <stdlib.h>

#define ARENA_CHUNK_BYTES    ((size_t)256 << 10)
#define ARENA_LIMIT_BYTES    ((size_t)256 << 20)
#define PARTITIONS_MAX       (1 << 20)
#define FORGET_AFTER_WINDOWS 10 /* a job without open windows stays in memory for so many more */

struct kt_stage {
    struct kt_closing closing;
    struct kt_stage_counters counters;
    struct kt_store *store;
    struct kt_partition **partitions; /* by number; NULL: not open */
    size_t partition_count;
};

/* ---- life ------------------------------------------------------------------------------------ */

enum kt_err kt_stage_new(const struct kt_settings *settings, struct kt_store *store,
                         struct kt_stage_sink sink, struct kt_stage **out, struct kt_error *error) {
    *out = NULL;
    struct kt_stage *stage = calloc(1, sizeof *stage);
    if (stage == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for the stage");
    }
    stage->store = store;
    stage->closing.settings = settings;
    stage->closing.sink = sink;
    stage->closing.counters = &stage->counters;
    kt_arena_init(&stage->closing.arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    enum kt_err err = kt_durable_new(store, sink.change, sink.ctx, &stage->closing.durable, error);
    if (err == KT_ERR_OK) {
        const struct kt_ablation *ablation = settings->ablation;
        stage->closing.decider = kt_decider_new(ablation != NULL ? ablation->scaling : NULL);
        if (stage->closing.decider == NULL) {
            err = kt_fail(error, KT_ERR_NOMEM, "no memory for the stage");
        }
    }
    if (err != KT_ERR_OK) {
        kt_stage_free(stage);
        return err;
    }
    *out = stage;
    return KT_ERR_OK;
}

void kt_stage_free(struct kt_stage *stage) {
    if (stage == NULL) {
        return;
    }
    for (size_t i = 0; i < stage->partition_count; i++) {
        kt_partition_free(stage->partitions[i]);
    }
    free((void *)stage->partitions);
    kt_decider_free(stage->closing.decider);
    kt_durable_free(stage->closing.durable);
    kt_arena_free(&stage->closing.arena);
    free(stage);
}

const struct kt_stage_counters *kt_stage_counters(const struct kt_stage *stage) {
    return &stage->counters;
}

/* ---- partitions ------------------------------------------------------------------------------ */

static struct kt_partition *partition_of(const struct kt_stage *stage, int32_t number) {
    assert(number >= 0 && (size_t)number < stage->partition_count &&
           stage->partitions[number] != NULL);
    return stage->partitions[number];
}

static enum kt_err make_room(struct kt_stage *stage, int32_t number, struct kt_error *error) {
    if (number < 0 || number >= PARTITIONS_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "partition %d: expected 0 to %d", number,
                       PARTITIONS_MAX - 1);
    }
    if ((size_t)number < stage->partition_count) {
        return KT_ERR_OK;
    }
    const size_t count = (size_t)number + 1;
    struct kt_partition **grown =
        realloc((void *)stage->partitions, count * sizeof(struct kt_partition *));
    if (grown == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for partition %d", number);
    }
    for (size_t i = stage->partition_count; i < count; i++) {
        grown[i] = NULL;
    }
    stage->partitions = grown;
    stage->partition_count = count;
    return KT_ERR_OK;
}

void kt_stage_drop(struct kt_stage *stage, int32_t partition) {
    if (partition < 0 || (size_t)partition >= stage->partition_count ||
        stage->partitions[partition] == NULL) {
        return;
    }
    stage->counters.jobs -= (int64_t)stage->partitions[partition]->job_count;
    kt_partition_free(stage->partitions[partition]);
    stage->partitions[partition] = NULL;
}

static struct kt_store_key partition_key(const struct kt_partition *p) {
    return (struct kt_store_key){.partition = p->number};
}

enum kt_err kt_stage_open(struct kt_stage *stage, int32_t partition, struct kt_error *error) {
    kt_stage_drop(stage, partition);
    enum kt_err err = make_room(stage, partition, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    struct kt_partition *p = kt_partition_new((uint32_t)partition);
    if (p == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for partition %d", partition);
    }
    p->durable =
        (struct kt_partition_state){.watermark_ms = INT64_MIN, .low_watermark_ms = INT64_MIN};
    kt_arena_reset(&stage->closing.arena);
    err = kt_durable_get(stage->closing.durable, KT_DURABLE_PARTITION, partition_key(p),
                         &stage->closing.arena, &p->durable, error);
    if (err != KT_ERR_OK && err != KT_ERR_NOT_FOUND) {
        kt_partition_free(p);
        return err;
    }
    p->flushed = err == KT_ERR_OK;
    p->next_offset = p->durable.next_offset;
    p->watermark_ms = p->durable.watermark_ms;
    p->position_watermark_ms = p->durable.low_watermark_ms;
    stage->partitions[partition] = p;
    return KT_ERR_OK;
}

void kt_stage_restart(struct kt_stage *stage, int32_t partition, int64_t offset) {
    struct kt_partition *p = partition_of(stage, partition);
    assert(p->position < 0 && offset >= 0);
    p->next_offset = offset;
    p->position_watermark_ms = p->watermark_ms;
}

bool kt_stage_is_new(const struct kt_stage *stage, int32_t partition, int64_t offset) {
    return offset >= partition_of(stage, partition)->next_offset;
}

int64_t kt_stage_next_offset(const struct kt_stage *stage, int32_t partition) {
    return partition_of(stage, partition)->next_offset;
}

int64_t kt_stage_open_windows(const struct kt_stage *stage, int32_t partition) {
    int64_t count = 0;
    for (const struct kt_open_window *open = partition_of(stage, partition)->first; open != NULL;
         open = open->next) {
        count++;
    }
    return count;
}

int64_t kt_stage_low_water(const struct kt_stage *stage, int32_t partition) {
    const struct kt_partition *p = partition_of(stage, partition);
    return p->first != NULL ? kt_window_first_offset(p->first->window) : p->position;
}

enum kt_err kt_stage_flush(struct kt_stage *stage, int32_t partition, struct kt_error *error) {
    struct kt_partition *p = partition_of(stage, partition);
    if (p->position < 0) {
        return KT_ERR_OK;
    }
    const struct kt_partition_state state = {
        .next_offset = p->next_offset,
        .watermark_ms = p->watermark_ms,
        .low_watermark_ms =
            p->first != NULL ? p->first->low_watermark_ms : p->position_watermark_ms,
    };
    if (p->flushed && state.next_offset == p->durable.next_offset &&
        state.watermark_ms == p->durable.watermark_ms &&
        state.low_watermark_ms == p->durable.low_watermark_ms) {
        return KT_ERR_OK;
    }
    enum kt_err err = kt_durable_put(stage->closing.durable, KT_DURABLE_PARTITION, partition_key(p),
                                     &state, error);
    if (err == KT_ERR_OK) {
        p->durable = state;
        p->flushed = true;
    }
    return err;
}

/* ---- time ------------------------------------------------------------------------------------ */

static int64_t window_start(const struct kt_stage *stage, int64_t timestamp_ms) {
    return timestamp_ms - timestamp_ms % stage->closing.settings->window.window_ms;
}

/* Closes the job's windows that end at or before until_ms, in order. */
static enum kt_err close_until(struct kt_stage *stage, struct kt_partition *p, struct kt_job *job,
                               int64_t until_ms, struct kt_error *error) {
    while (job->windows != NULL && kt_window_end_ms(job->windows->window) <= until_ms) {
        enum kt_err err =
            kt_closing_run(&stage->closing, p->number, job, job->windows->window, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        kt_partition_close_first(p, job);
    }
    return KT_ERR_OK;
}

/* The watermark crossed the boundary: closes what silent jobs left open and forgets jobs that have
 * been gone for long. */
static enum kt_err sweep(struct kt_stage *stage, struct kt_partition *p, int64_t boundary_ms,
                         struct kt_error *error) {
    const struct kt_window_settings *settings = &stage->closing.settings->window;
    const int64_t silent_ms = boundary_ms - settings->idle_timeout_ms;
    const int64_t forget_ms = silent_ms - FORGET_AFTER_WINDOWS * settings->window_ms;
    struct kt_job **jobs = kt_partition_sorted(p);
    if (jobs == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory to close the windows of silent jobs");
    }
    const size_t count = p->job_count;
    for (size_t i = 0; i < count; i++) {
        struct kt_job *job = jobs[i];
        if (job->seen_ms > silent_ms) {
            continue;
        }
        enum kt_err err = close_until(stage, p, job, silent_ms - settings->lateness_ms, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        if (job->windows == NULL && job->seen_ms <= forget_ms) {
            kt_partition_forget(p, job);
            stage->counters.jobs--;
        }
    }
    return KT_ERR_OK;
}

/* ---- events ---------------------------------------------------------------------------------- */

static enum kt_err check_event(const struct kt_stage *stage, int64_t record_ms,
                               const struct kt_metric_event *event, struct kt_error *error) {
    enum kt_err err = kt_metric_event_check(event, error);
    const int64_t ahead_ms_max = stage->closing.settings->window.future_ms_max;
    if (err == KT_ERR_OK && record_ms != KT_TIME_UNKNOWN &&
        event->timestamp_ms - ahead_ms_max > record_ms) {
        return kt_fail(error, KT_ERR_INVALID,
                       "timestamp_ms: %lld is %lld s ahead of the record's own time, at most %lld "
                       "s are taken",
                       (long long)event->timestamp_ms,
                       (long long)((event->timestamp_ms - record_ms) / 1000),
                       (long long)(ahead_ms_max / 1000));
    }
    return err;
}

/* An event's way through time and its window. *refused: the window could not take it (too many
 * vertices); everything else about it holds. */
static enum kt_err add_event(struct kt_stage *stage, struct kt_partition *p, struct kt_job *job,
                             int64_t offset, const struct kt_metric_event *event, bool *late,
                             bool *refused, struct kt_error *error) {
    const int64_t before_ms = p->position_watermark_ms;
    if (event->timestamp_ms > p->position_watermark_ms) {
        p->position_watermark_ms = event->timestamp_ms;
    }
    const int64_t start_ms = window_start(stage, event->timestamp_ms);
    const int64_t end_ms = start_ms + stage->closing.settings->window.window_ms;
    *late = end_ms <= job->state.closed_until_ms;
    if (*late) {
        return KT_ERR_OK;
    }
    const struct kt_open_window *last = p->last;
    struct kt_open_window *open = kt_partition_window(p, job, start_ms, end_ms, offset);
    if (open == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a window");
    }
    if (p->last != last) { /* it was opened for this event */
        open->low_watermark_ms = before_ms;
    }
    if (event->timestamp_ms > job->newest_ms) {
        job->newest_ms = event->timestamp_ms;
    }
    job->seen_ms = p->position_watermark_ms;
    enum kt_err err = kt_window_add(open->window, event, error);
    *refused = err == KT_ERR_LIMIT || err == KT_ERR_INVALID;
    return *refused ? KT_ERR_OK : err;
}

/* Closes what the event's time lets close. */
static enum kt_err advance(struct kt_stage *stage, struct kt_partition *p, struct kt_job *job,
                           struct kt_error *error) {
    enum kt_err err = close_until(
        stage, p, job, job->newest_ms - stage->closing.settings->window.lateness_ms, error);
    if (err != KT_ERR_OK || p->position_watermark_ms <= p->watermark_ms) {
        return err;
    }
    const int64_t boundary_ms = window_start(stage, p->position_watermark_ms);
    const bool crossed = p->watermark_ms != INT64_MIN && boundary_ms > p->watermark_ms;
    p->watermark_ms = p->position_watermark_ms;
    return crossed ? sweep(stage, p, boundary_ms, error) : KT_ERR_OK;
}

enum kt_err kt_stage_event(struct kt_stage *stage, int32_t partition, int64_t offset,
                           int64_t record_ms, const struct kt_metric_event *event,
                           struct kt_error *error) {
    struct kt_partition *p = partition_of(stage, partition);
    assert(offset >= p->position && kt_store_in_transaction(stage->store));
    const bool fresh = offset >= p->next_offset;
    p->position = offset + 1;
    if (fresh) {
        p->position_watermark_ms = p->watermark_ms;
    }
    enum kt_err err = check_event(stage, record_ms, event, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const size_t jobs_before = p->job_count;
    struct kt_job *job;
    err = kt_partition_job(p, stage->closing.durable, event->cluster, event->job_name, &job, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    stage->counters.jobs += (int64_t)(p->job_count - jobs_before);
    bool late = false;
    bool refused = false;
    struct kt_error why = {0};
    err = add_event(stage, p, job, offset, event, &late, &refused, &why);
    if (err != KT_ERR_OK) {
        return kt_fail(error, err, "%s", why.message);
    }
    if (!fresh) {
        stage->counters.rebuilt++;
        return refused ? kt_fail(error, KT_ERR_INVALID, "%s", why.message) : KT_ERR_OK;
    }
    err = advance(stage, p, job, error);
    if (err == KT_ERR_INVALID) { /* some record of ours: the event must not be blamed for it */
        return kt_fail_in(error, KT_ERR_IO, "closing a window");
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    if (refused) {
        return kt_fail(error, KT_ERR_INVALID, "%s", why.message);
    }
    stage->counters.late += late ? 1 : 0;
    stage->counters.events += late ? 0 : 1;
    p->next_offset = offset + 1;
    return KT_ERR_OK;
}

void kt_stage_refuse(struct kt_stage *stage, int32_t partition, int64_t offset) {
    struct kt_partition *p = partition_of(stage, partition);
    assert(offset + 1 >= p->position);
    p->position = offset + 1;
    if (offset >= p->next_offset) {
        p->position_watermark_ms = p->watermark_ms;
        p->next_offset = offset + 1;
        stage->counters.refused++;
    }
}
