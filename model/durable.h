/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads and writes the records of the durable state: encoded once, put into the store and handed to
 * the changelog, so that the two are byte for byte the same. */
#ifndef KT_MODEL_DURABLE_H
#define KT_MODEL_DURABLE_H

#include "model/store.h"
#include "schemas/arena.h"

enum kt_durable_kind {
    KT_DURABLE_PARTITION, /* struct kt_partition_state */
    KT_DURABLE_JOB,       /* struct kt_job_state */
    KT_DURABLE_HISTORY,   /* struct kt_operator_history */
    KT_DURABLE_CLUSTER,   /* struct kt_cluster_state */
    KT_DURABLE_KINDS
};

/* Which kind of record has this key (model/store.h). */
enum kt_durable_kind kt_durable_kind_of(struct kt_store_key key);

/* Takes a record that was just put; as in struct kt_stage_sink. */
typedef enum kt_err kt_durable_change(void *ctx, struct kt_store_key key, const void *value,
                                      size_t len, struct kt_error *error);

/* Borrows the store, which must be in a transaction whenever a function below is called. */
struct kt_durable;
KT_MUST_CHECK enum kt_err kt_durable_new(struct kt_store *store, kt_durable_change *change,
                                         void *ctx, struct kt_durable **out,
                                         struct kt_error *error);
void kt_durable_free(struct kt_durable *durable);

/* Decodes the record at key; strings and arrays live in the arena. KT_ERR_NOT_FOUND. */
KT_MUST_CHECK enum kt_err kt_durable_get(struct kt_durable *durable, enum kt_durable_kind kind,
                                         struct kt_store_key key, struct kt_arena *arena,
                                         void *record, struct kt_error *error);

/* Puts the record; strings and arrays need to live only for the call. */
KT_MUST_CHECK enum kt_err kt_durable_put(struct kt_durable *durable, enum kt_durable_kind kind,
                                         struct kt_store_key key, const void *record,
                                         struct kt_error *error);

/* Every record of one kind from first to last, ascending, until visit returns something but
 * KT_ERR_OK, which is then returned. The record lives until the next visit; visit may not write. */
typedef enum kt_err kt_durable_visit(void *ctx, struct kt_store_key key, const void *record,
                                     struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_durable_scan(struct kt_durable *durable, enum kt_durable_kind kind,
                                          struct kt_store_key first, struct kt_store_key last,
                                          kt_durable_visit *visit, void *ctx,
                                          struct kt_error *error);

#endif
