/* SPDX-License-Identifier: GPL-3.0-or-later
 * The durable state on this machine: one LMDB environment in a state folder, keys and values byte
 * for byte those of the changelog topic.
 *
 *   key: partition u32 | job u64 | operator u64 | parallelism u32, big-endian
 *        p | 0   | 0  | 0    PartitionState
 *        p | job | 0  | 0    JobState
 *        p | job | op | n    OperatorHistory at parallelism n
 *        p | 0   | cluster | 2³¹  ClusterState; no parallelism is so large
 *   value: single-object Avro
 *
 * job, op and cluster are 64-bit FNV-1a hashes of "cluster/job_name", of the vertex id and of the
 * cluster; the values carry the names, and a reader compares them. A second table holds, per
 * partition, the next changelog offset (the restore watermark).
 *
 * Written with MDB_NOSYNC: a crash of the process loses nothing; a crash of the machine may tear
 * the file. Therefore boot id and a clean-shutdown flag are kept beside it: another boot without
 * the flag wipes the state, and the changelog restores it. */
#ifndef KT_MODEL_STORE_H
#define KT_MODEL_STORE_H

#include "schemas/error.h"
#include "schemas/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KT_STORE_KEY_BYTES 24
#define KT_STORE_CLUSTER   UINT32_C(0x80000000) /* instead of a parallelism */

struct kt_store_key {
    uint32_t partition;
    uint64_t job;
    uint64_t op;
    uint32_t parallelism;
};
void kt_store_key_encode(struct kt_store_key key, unsigned char out[KT_STORE_KEY_BYTES]);
/* False unless len is KT_STORE_KEY_BYTES. */
bool kt_store_key_decode(const void *bytes, size_t len, struct kt_store_key *key);
uint64_t kt_store_job_hash(struct kt_str cluster, struct kt_str job_name);
uint64_t kt_store_op_hash(struct kt_str vertex_id);

struct kt_store_options {
    const char *path;     /* the state folder; made if its parent exists */
    const char *identity; /* group, topic and cluster the state belongs to */
    size_t map_bytes;     /* sparse size of the map, at least 1 MiB; a reader takes the writer's */
    bool read_only; /* for tools beside a running worker: no lock, no wipe, no identity check */
};

/* KT_ERR_LOCKED: another worker has the folder (the message names its process id). KT_ERR_FOREIGN:
 * the folder belongs to another identity, or holds files that are not ours. KT_ERR_NOT_FOUND:
 * read_only, and there is no state. KT_ERR_IO / KT_ERR_FULL otherwise. A process may have a folder
 * open only once (LMDB's rule). */
struct kt_store;
KT_MUST_CHECK enum kt_err kt_store_open(const struct kt_store_options *options,
                                        struct kt_store **out, struct kt_error *error);
/* Marks a clean shutdown (after a sync) if no write failed. */
void kt_store_close(struct kt_store *store);

/* One write transaction at a time; get, put, delete and scan need it open (a read-only store opens
 * a read transaction). KT_ERR_FULL from put or commit: the transaction can only be aborted. */
KT_MUST_CHECK enum kt_err kt_store_begin(struct kt_store *store, struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_store_commit(struct kt_store *store, struct kt_error *error);
void kt_store_abort(struct kt_store *store); /* also when none is open */
bool kt_store_in_transaction(const struct kt_store *store);

/* KT_ERR_NOT_FOUND. *value borrows from the map until the next write or the transaction's end. */
KT_MUST_CHECK enum kt_err kt_store_get(struct kt_store *store, struct kt_store_key key,
                                       struct kt_str *value, struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_store_put(struct kt_store *store, struct kt_store_key key,
                                       const void *value, size_t len, struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_store_delete(struct kt_store *store, struct kt_store_key key,
                                          struct kt_error *error); /* absent is fine */

/* Calls visit for every key from first to last inclusive, ascending, until it returns something but
 * KT_ERR_OK, which is then returned. visit may not write. */
typedef enum kt_err kt_store_visit(void *ctx, struct kt_store_key key, struct kt_str value,
                                   struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_store_scan(struct kt_store *store, struct kt_store_key first,
                                        struct kt_store_key last, kt_store_visit *visit, void *ctx,
                                        struct kt_error *error);

/* Removes everything of a partition, its watermark included. */
KT_MUST_CHECK enum kt_err kt_store_wipe_partition(struct kt_store *store, uint32_t partition,
                                                  struct kt_error *error);

/* Next changelog offset to restore from; 0 when nothing was ever restored. saved_at_ms: when it was
 * put (the caller's clock). */
KT_MUST_CHECK enum kt_err kt_store_watermark_get(struct kt_store *store, uint32_t partition,
                                                 int64_t *next_offset, int64_t *saved_at_ms,
                                                 struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_store_watermark_put(struct kt_store *store, uint32_t partition,
                                                 int64_t next_offset, int64_t now_ms,
                                                 struct kt_error *error);

#endif
