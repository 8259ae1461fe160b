/* SPDX-License-Identifier: GPL-3.0-or-later
 * A stage with a store in a temporary folder and a log of everything it commits: a worker without
 * Kafka, which a test can crash between any two events. */
#ifndef KT_TESTS_SUPPORT_STAGE_RIG_H
#define KT_TESTS_SUPPORT_STAGE_RIG_H

#include "model/stage.h"
#include "schemas/codec.h"
#include "schemas/state.h"

/* One record of the metrics topic; its offset is its index. */
struct kt_rig_record {
    bool undecodable;
    int64_t record_ms;
    struct kt_metric_event event;
};

struct kt_rig_records {
    struct kt_arena arena; /* owns what the events point to */
    struct kt_rig_record *items;
    size_t count;
    size_t capacity;
};
struct kt_rig_record *kt_rig_records_add(struct kt_rig_records *records);
/* Adds a deep copy of an event, in the arena, which must be initialised. */
struct kt_metric_event *kt_rig_records_copy(struct kt_rig_records *records,
                                            const struct kt_metric_event *event);
/* The recording of a real job in tests/fixtures. */
void kt_rig_records_recording(struct kt_rig_records *records);
void kt_rig_records_free(struct kt_rig_records *records);

enum kt_rig_kind { KT_RIG_COMMAND, KT_RIG_CHANGE, KT_RIG_REFUSED };
struct kt_rig_entry {
    enum kt_rig_kind kind;
    int64_t offset; /* of the refused record */
    struct kt_store_key key;
    struct kt_bytes bytes; /* framed command, or the change's value */
};
struct kt_rig_log {
    struct kt_rig_entry *items;
    size_t count;
    size_t capacity;
};

enum kt_rig_crash {
    KT_RIG_BEFORE_KAFKA, /* nothing of the transaction happened */
    KT_RIG_AFTER_KAFKA,  /* Kafka committed, the store did not */
    KT_RIG_STATE_WIPED,  /* the state folder is gone, too */
};

struct kt_rig {
    struct kt_settings settings;
    char *root;
    int folders; /* made below root so far */
    struct kt_store *store;
    struct kt_stage *stage;
    struct kt_encoder *encoder;
    struct kt_rig_log pending;   /* of the open transaction */
    struct kt_rig_log committed; /* what a read_committed consumer sees */
    size_t applied;              /* committed entries that the store has */
    int64_t offset;              /* next record to read */
    int64_t committed_offset;
    struct kt_stage_counters totals; /* over all stages that were */
};

/* Default settings, partition 0, a transaction open. */
void kt_rig_init(struct kt_rig *rig, const struct kt_settings *settings);
void kt_rig_end(struct kt_rig *rig);

/* Reads the record at rig->offset. */
void kt_rig_step(struct kt_rig *rig, const struct kt_rig_records *records);
/* Commits as the worker does, and begins again. */
void kt_rig_commit(struct kt_rig *rig);
/* The process dies; a new one restores and rewinds to the committed offset. */
void kt_rig_crash(struct kt_rig *rig, enum kt_rig_crash crash);
/* All records, then a commit. */
void kt_rig_run(struct kt_rig *rig, const struct kt_rig_records *records);

/* Fails the test unless both committed the same commands, changes of jobs, histories and clusters,
 * and refusals, in the same order, byte for byte. */
void kt_rig_assert_equal(const struct kt_rig *a, const struct kt_rig *b);

/* The n-th committed command (from 0), decoded; strings live as long as the rig and the arena.
 * False: there are not so many. */
bool kt_rig_command(const struct kt_rig *rig, size_t n, struct kt_arena *arena,
                    struct kt_rescale_command *command);

size_t kt_rig_commands(const struct kt_rig *rig);
/* What the store has of a job; false: nothing. */
bool kt_rig_job_state(struct kt_rig *rig, const char *job_name, struct kt_arena *arena,
                      struct kt_job_state *state);

/* xorshift64*: seeded, the same everywhere. */
struct kt_rig_random {
    uint64_t state;
};
uint32_t kt_rig_below(struct kt_rig_random *random, uint32_t bound);

#endif
