/* SPDX-License-Identifier: GPL-3.0-or-later
 * Observations from a file into histories: read all, check all, then merge.
 *
 * Merging is by time: an operator's observations at one parallelism, those that are there and those
 * of the file, are put in the order of their windows' ends and the newest top_k stay. An
 * observation without a time counts as older than every one with. One that is there already, equal
 * in every field, is not added again, so that an import may be repeated. */
#ifndef KT_OPS_HISTORY_IMPORT_H
#define KT_OPS_HISTORY_IMPORT_H

#include "model/durable.h"
#include "model/settings.h"
#include "schemas/arena.h"
#include "schemas/state.h"

struct kt_history_row {
    uint32_t partition; /* of the job; filled by the caller before the merge */
    struct kt_str cluster;
    struct kt_str job_name;
    struct kt_str vertex_id;
    struct kt_str name;
    int32_t parallelism;
    struct kt_observation observation;
    size_t order; /* in the file */
};

struct kt_history_rows {
    struct kt_history_row *items;
    size_t count;
    size_t capacity;
    size_t left_out; /* of a rate log: operators' epochs that tell no ability */
};

/* What the command line says of rows that do not say it themselves; data NULL: nothing. */
struct kt_history_defaults {
    struct kt_str job;    /* "cluster/job_name"; a row of another job is an error */
    struct kt_str vertex; /* vertex id */
};

/* Read a whole file; strings live in the arena. Errors begin with file and line; nothing of a file
 * with an error may be used. */
KT_MUST_CHECK enum kt_err kt_history_rows_csv(const char *path,
                                              const struct kt_history_defaults *defaults,
                                              struct kt_arena *arena, struct kt_history_rows *rows,
                                              struct kt_error *error);
/* JSON lines or an Avro container of OperatorHistory. */
KT_MUST_CHECK enum kt_err kt_history_rows_records(const char *path,
                                                  const struct kt_history_defaults *defaults,
                                                  struct kt_arena *arena,
                                                  struct kt_history_rows *rows,
                                                  struct kt_error *error);

/* DS2's rate log (model/ds2_log.h), already read: an observation per operator and epoch, in the
 * order of the epochs and without a time; the operator's id becomes the vertex id. Epochs in which
 * nothing was processed, or that some instance did not log, are left out. text lives as long as
 * rows. */
KT_MUST_CHECK enum kt_err kt_history_rows_ds2(const char *path, struct kt_str text,
                                              const struct kt_history_defaults *defaults,
                                              struct kt_arena *arena, struct kt_history_rows *rows,
                                              struct kt_error *error);

struct kt_history_merged {
    size_t added;
    size_t present; /* equal to one that is there */
    size_t older;   /* not among the newest top_k */
    size_t records; /* changed: one operator at one parallelism */
};

/* Merges into the store behind durable (in a transaction). top_k comes from the job's settings.
 * Reorders rows. KT_ERR_INVALID: a key belongs to another operator. */
KT_MUST_CHECK enum kt_err kt_history_merge(struct kt_durable *durable,
                                           const struct kt_settings *settings,
                                           struct kt_history_rows *rows,
                                           struct kt_history_merged *merged,
                                           struct kt_error *error);

#endif
