/* SPDX-License-Identifier: GPL-3.0-or-later
 * A stage with a store in a temporary folder and a log of everything it commits. */
#include "support/stage_rig.h"

#include "model/durable.h"
#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MAP_BYTES ((size_t)256 << 20)

/* ---- records --------------------------------------------------------------------------------- */

struct kt_rig_record *kt_rig_records_add(struct kt_rig_records *records) {
    if (records->count == records->capacity) {
        records->capacity = records->capacity * 2 + 1024;
        records->items = realloc(records->items, records->capacity * sizeof *records->items);
        assert_non_null(records->items);
    }
    struct kt_rig_record *record = &records->items[records->count++];
    *record = (struct kt_rig_record){.record_ms = KT_TIME_UNKNOWN};
    return record;
}

struct kt_metric_event *kt_rig_records_copy(struct kt_rig_records *records,
                                            const struct kt_metric_event *event) {
    struct kt_metric_event *copy = &kt_rig_records_add(records)->event;
    *copy = *event;
    copy->cluster = kt_arena_str(&records->arena, event->cluster);
    copy->job_name = kt_arena_str(&records->arena, event->job_name);
    copy->job_id = kt_arena_str(&records->arena, event->job_id);
    copy->vertex_id = kt_arena_str(&records->arena, event->vertex_id);
    copy->vertex_name = kt_arena_str(&records->arena, event->vertex_name);
    struct kt_upstream *upstream =
        kt_arena_array(&records->arena, event->upstream.count, sizeof *upstream);
    for (size_t i = 0; i < event->upstream.count; i++) {
        upstream[i] = event->upstream.items[i];
        upstream[i].vertex_id = kt_arena_str(&records->arena, upstream[i].vertex_id);
        upstream[i].ship_strategy = kt_arena_str(&records->arena, upstream[i].ship_strategy);
    }
    copy->upstream.items = upstream;
    return copy;
}

void kt_rig_records_recording(struct kt_rig_records *records) {
    kt_arena_init(&records->arena, (size_t)1 << 20, (size_t)64 << 20);
    struct kt_file_reader *reader;
    struct kt_error error = {0};
    if (kt_file_reader_open(&kt_metric_event_type, KT_FIXTURES "/flink-recording.jsonl.gz", &reader,
                            &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    for (;;) {
        struct kt_metric_event event;
        bool resumable;
        const enum kt_err err = kt_file_reader_next(reader, &event, &resumable, &error);
        if (err == KT_ERR_NOT_FOUND) {
            break;
        }
        assert_int_equal(err, KT_ERR_OK);
        (void)kt_rig_records_copy(records, &event);
    }
    kt_file_reader_close(reader);
}

void kt_rig_records_free(struct kt_rig_records *records) {
    free(records->items);
    kt_arena_free(&records->arena);
    *records = (struct kt_rig_records){0};
}

/* ---- log ------------------------------------------------------------------------------------- */

static struct kt_rig_entry *log_add(struct kt_rig_log *log, enum kt_rig_kind kind,
                                    const void *bytes, size_t len) {
    if (log->count == log->capacity) {
        log->capacity = log->capacity * 2 + 64;
        log->items = realloc(log->items, log->capacity * sizeof *log->items);
        assert_non_null(log->items);
    }
    struct kt_rig_entry *entry = &log->items[log->count++];
    *entry = (struct kt_rig_entry){.kind = kind};
    entry->bytes.data = malloc(len + 1);
    assert_non_null(entry->bytes.data);
    if (len > 0) {
        memcpy(entry->bytes.data, bytes, len);
    }
    entry->bytes.len = len;
    return entry;
}

static void log_clear(struct kt_rig_log *log) {
    for (size_t i = 0; i < log->count; i++) {
        kt_bytes_free(&log->items[i].bytes);
    }
    log->count = 0;
}

/* Moves everything from one log to the end of another. */
static void log_move(struct kt_rig_log *to, struct kt_rig_log *from) {
    for (size_t i = 0; i < from->count; i++) {
        const struct kt_rig_entry *entry = &from->items[i];
        struct kt_rig_entry *copy = log_add(to, entry->kind, entry->bytes.data, entry->bytes.len);
        copy->key = entry->key;
        copy->offset = entry->offset;
    }
    log_clear(from);
}

static enum kt_err take_command(void *ctx, const struct kt_rescale_command *command,
                                struct kt_error *error) {
    struct kt_rig *rig = ctx;
    struct kt_bytes bytes = {0};
    enum kt_err err = kt_encode(rig->encoder, command, &bytes, error);
    if (err == KT_ERR_OK) {
        (void)log_add(&rig->pending, KT_RIG_COMMAND, bytes.data, bytes.len);
    }
    kt_bytes_free(&bytes);
    return err;
}

static enum kt_err take_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                               struct kt_error *error) {
    (void)error;
    struct kt_rig *rig = ctx;
    log_add(&rig->pending, KT_RIG_CHANGE, value, len)->key = key;
    return KT_ERR_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void check(enum kt_err err, const struct kt_error *error) {
    if (err != KT_ERR_OK) {
        fail_msg("%s: %s", kt_err_name(err), error->message);
    }
}

/* A process starts: opens the folder and restores what Kafka has and the store has not. */
static void start(struct kt_rig *rig) {
    char path[600];
    struct kt_error error = {0};
    snprintf(path, sizeof path, "%s/%d", rig->root, rig->folders);
    const struct kt_store_options options = {
        .path = path, .identity = "rig", .map_bytes = MAP_BYTES};
    check(kt_store_open(&options, &rig->store, &error), &error);
    check(kt_store_begin(rig->store, &error), &error);
    for (; rig->applied < rig->committed.count; rig->applied++) {
        const struct kt_rig_entry *entry = &rig->committed.items[rig->applied];
        if (entry->kind == KT_RIG_CHANGE) {
            check(kt_store_put(rig->store, entry->key, entry->bytes.data, entry->bytes.len, &error),
                  &error);
        }
    }
    check(kt_store_commit(rig->store, &error), &error);
    const struct kt_stage_sink sink = {rig, take_command, take_change};
    check(kt_stage_new(&rig->settings, rig->store, sink, &rig->stage, &error), &error);
    check(kt_store_begin(rig->store, &error), &error);
    check(kt_stage_open(rig->stage, 0, &error), &error);
    rig->offset = rig->committed_offset;
}

static void stop(struct kt_rig *rig) {
    const struct kt_stage_counters *now = kt_stage_counters(rig->stage);
    rig->totals.events += now->events;
    rig->totals.late += now->late;
    rig->totals.rebuilt += now->rebuilt;
    rig->totals.windows += now->windows;
    rig->totals.held += now->held;
    rig->totals.learned += now->learned;
    rig->totals.rescales += now->rescales;
    rig->totals.holds += now->holds;
    rig->totals.refused += now->refused;
    rig->totals.jobs = now->jobs;
    kt_stage_free(rig->stage);
    kt_store_close(rig->store);
}

void kt_rig_init(struct kt_rig *rig, const struct kt_settings *settings) {
    /* In memory where that can be had: what is tested here is not the disk. */
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 0);
    }
    *rig = (struct kt_rig){.root = kt_process_tmpdir()};
    kt_settings_default(&rig->settings);
    if (settings != NULL) {
        rig->settings = *settings;
    }
    struct kt_error error = {0};
    check(kt_encoder_new(&kt_rescale_command_type, &rig->encoder, &error), &error);
    start(rig);
}

void kt_rig_end(struct kt_rig *rig) {
    stop(rig);
    kt_encoder_free(rig->encoder);
    log_clear(&rig->pending);
    log_clear(&rig->committed);
    free(rig->pending.items);
    free(rig->committed.items);
    kt_process_rmtree(rig->root);
    free(rig->root);
}

/* ---- work ------------------------------------------------------------------------------------ */

void kt_rig_step(struct kt_rig *rig, const struct kt_rig_records *records) {
    const struct kt_rig_record *record = &records->items[rig->offset];
    struct kt_error error = {0};
    enum kt_err err = KT_ERR_INVALID;
    if (!record->undecodable) {
        err = kt_stage_event(rig->stage, 0, rig->offset, record->record_ms, &record->event, &error);
    }
    if (err == KT_ERR_INVALID) {
        if (kt_stage_is_new(rig->stage, 0, rig->offset)) {
            log_add(&rig->pending, KT_RIG_REFUSED, "", 0)->offset = rig->offset;
            kt_stage_refuse(rig->stage, 0, rig->offset);
        }
        err = KT_ERR_OK;
    }
    check(err, &error);
    rig->offset++;
}

/* The Kafka transaction: everything pending and the low-water mark become visible at once. */
static void commit_kafka(struct kt_rig *rig) {
    struct kt_error error = {0};
    check(kt_stage_flush(rig->stage, 0, &error), &error);
    const int64_t low = kt_stage_low_water(rig->stage, 0);
    if (low >= 0) {
        rig->committed_offset = low;
    }
    log_move(&rig->committed, &rig->pending);
}

void kt_rig_commit(struct kt_rig *rig) {
    struct kt_error error = {0};
    commit_kafka(rig);
    check(kt_store_commit(rig->store, &error), &error);
    rig->applied = rig->committed.count;
    check(kt_store_begin(rig->store, &error), &error);
}

void kt_rig_crash(struct kt_rig *rig, enum kt_rig_crash crash) {
    if (crash == KT_RIG_AFTER_KAFKA) {
        commit_kafka(rig);
    }
    log_clear(&rig->pending);
    kt_store_abort(rig->store);
    stop(rig);
    if (crash == KT_RIG_STATE_WIPED) {
        rig->folders++;
        rig->applied = 0;
    }
    start(rig);
}

void kt_rig_run(struct kt_rig *rig, const struct kt_rig_records *records) {
    while (rig->offset < (int64_t)records->count) {
        kt_rig_step(rig, records);
    }
    kt_rig_commit(rig);
}

/* ---- results --------------------------------------------------------------------------------- */

/* The next entry that does not depend on when commits came; -1: none. */
static int64_t next_effect(const struct kt_rig_log *log, int64_t i) {
    for (i++; i < (int64_t)log->count; i++) {
        if (log->items[i].kind != KT_RIG_CHANGE ||
            kt_durable_kind_of(log->items[i].key) != KT_DURABLE_PARTITION) {
            return i;
        }
    }
    return -1;
}

static bool entries_equal(const struct kt_rig_entry *a, const struct kt_rig_entry *b) {
    return a->kind == b->kind && a->offset == b->offset && a->key.partition == b->key.partition &&
           a->key.job == b->key.job && a->key.op == b->key.op &&
           a->key.parallelism == b->key.parallelism && a->bytes.len == b->bytes.len &&
           memcmp(a->bytes.data, b->bytes.data, a->bytes.len) == 0;
}

void kt_rig_assert_equal(const struct kt_rig *a, const struct kt_rig *b) {
    int64_t i = next_effect(&a->committed, -1);
    int64_t j = next_effect(&b->committed, -1);
    int64_t n = 0;
    for (; i >= 0 && j >= 0; n++) {
        if (!entries_equal(&a->committed.items[i], &b->committed.items[j])) {
            fail_msg("effect %lld differs: kinds %d and %d", (long long)n,
                     (int)a->committed.items[i].kind, (int)b->committed.items[j].kind);
        }
        i = next_effect(&a->committed, i);
        j = next_effect(&b->committed, j);
    }
    if (i >= 0 || j >= 0) {
        fail_msg("one has %lld effects, the other more", (long long)n);
    }
}

bool kt_rig_command(const struct kt_rig *rig, size_t n, struct kt_arena *arena,
                    struct kt_rescale_command *command) {
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct kt_rig_entry *entry = &rig->committed.items[i];
        if (entry->kind != KT_RIG_COMMAND || n-- > 0) {
            continue;
        }
        struct kt_decoder *decoder;
        struct kt_error error = {0};
        check(kt_decoder_new(&kt_rescale_command_type, &decoder, &error), &error);
        check(kt_decode(decoder, entry->bytes.data, entry->bytes.len, arena, command, &error),
              &error);
        kt_decoder_free(decoder);
        return true;
    }
    return false;
}

size_t kt_rig_commands(const struct kt_rig *rig) {
    size_t n = 0;
    for (size_t i = 0; i < rig->committed.count; i++) {
        n += rig->committed.items[i].kind == KT_RIG_COMMAND ? 1 : 0;
    }
    return n;
}

bool kt_rig_job_state(struct kt_rig *rig, const char *job_name, struct kt_arena *arena,
                      struct kt_job_state *state) {
    const struct kt_store_key key = {.job = kt_store_job_hash(KT_STR("c"), kt_str_of(job_name))};
    struct kt_str value;
    if (kt_store_get(rig->store, key, &value, NULL) != KT_ERR_OK) {
        return false;
    }
    value = kt_arena_str(arena, value);
    struct kt_decoder *decoder;
    struct kt_error error = {0};
    check(kt_decoder_new(&kt_job_state_type, &decoder, &error), &error);
    check(kt_decode(decoder, value.data, value.len, arena, state, &error), &error);
    kt_decoder_free(decoder);
    return true;
}

uint32_t kt_rig_below(struct kt_rig_random *random, uint32_t bound) {
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (uint32_t)((random->state * UINT64_C(0x2545F4914F6CDD1D)) >> 32) % bound;
}
