/* SPDX-License-Identifier: GPL-3.0-or-later
 * The records and watermarks inside the store's open transaction, and the bytes of their keys. */
#include "model/store_internal.h"

#include <assert.h>
#include <string.h>

#define WATERMARK_BYTES 16

/* ---- keys --------------------------------------------------------------------------------- */

static void put_be32(unsigned char *out, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        out[i] = (unsigned char)(v >> (24 - 8 * i));
    }
}

static void put_be64(unsigned char *out, uint64_t v) {
    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char)(v >> (56 - 8 * i));
    }
}

static uint64_t get_be(const unsigned char *in, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) {
        v = v << 8 | in[i];
    }
    return v;
}

void kt_store_key_encode(struct kt_store_key key, unsigned char out[KT_STORE_KEY_BYTES]) {
    put_be32(out, key.partition);
    put_be64(out + 4, key.job);
    put_be64(out + 12, key.op);
    put_be32(out + 20, key.parallelism);
}

bool kt_store_key_decode(const void *bytes, size_t len, struct kt_store_key *key) {
    if (len != KT_STORE_KEY_BYTES) {
        return false;
    }
    const unsigned char *in = bytes;
    key->partition = (uint32_t)get_be(in, 4);
    key->job = get_be(in + 4, 8);
    key->op = get_be(in + 12, 8);
    key->parallelism = (uint32_t)get_be(in + 20, 4);
    return true;
}

uint64_t kt_store_job_hash(struct kt_str cluster, struct kt_str job_name) {
    return kt_str_hash(kt_str_hash(kt_str_hash(KT_HASH_SEED, cluster), KT_STR("/")), job_name);
}

uint64_t kt_store_op_hash(struct kt_str vertex_id) {
    return kt_str_hash(KT_HASH_SEED, vertex_id);
}

/* ---- records --------------------------------------------------------------------------------- */

/* Puts into a table; remembers that the transaction is spoilt when there was no room. */
static enum kt_err table_put(struct kt_store *store, MDB_dbi table, MDB_val *key, MDB_val *value,
                             struct kt_error *error) {
    assert(store->txn != NULL && !store->read_only);
    int rc = store->txn_full ? MDB_MAP_FULL : mdb_put(store->txn, table, key, value, 0);
    if (rc == MDB_MAP_FULL) {
        store->txn_full = true;
    }
    return rc == 0 ? KT_ERR_OK : kt_store_fail(store, error, rc, "writing a record");
}

enum kt_err kt_store_get(struct kt_store *store, struct kt_store_key key, struct kt_str *value,
                         struct kt_error *error) {
    assert(store->txn != NULL);
    unsigned char bytes[KT_STORE_KEY_BYTES];
    kt_store_key_encode(key, bytes);
    MDB_val k = {sizeof bytes, bytes};
    MDB_val v;
    int rc = mdb_get(store->txn, store->records, &k, &v);
    if (rc == MDB_NOTFOUND) {
        return kt_fail(error, KT_ERR_NOT_FOUND, "%s: no such record", store->path);
    }
    if (rc != 0) {
        return kt_store_fail(store, error, rc, "reading a record");
    }
    *value = (struct kt_str){v.mv_data, v.mv_size};
    return KT_ERR_OK;
}

enum kt_err kt_store_put(struct kt_store *store, struct kt_store_key key, const void *value,
                         size_t len, struct kt_error *error) {
    unsigned char bytes[KT_STORE_KEY_BYTES];
    kt_store_key_encode(key, bytes);
    MDB_val k = {sizeof bytes, bytes};
    MDB_val v = {.mv_size = len};
    memcpy(&v.mv_data, &value, sizeof value); /* LMDB only reads it, but takes no const */
    return table_put(store, store->records, &k, &v, error);
}

enum kt_err kt_store_delete(struct kt_store *store, struct kt_store_key key,
                            struct kt_error *error) {
    assert(store->txn != NULL && !store->read_only);
    unsigned char bytes[KT_STORE_KEY_BYTES];
    kt_store_key_encode(key, bytes);
    MDB_val k = {sizeof bytes, bytes};
    int rc = store->txn_full ? MDB_MAP_FULL : mdb_del(store->txn, store->records, &k, NULL);
    if (rc == MDB_MAP_FULL) {
        store->txn_full = true;
    }
    return rc == 0 || rc == MDB_NOTFOUND ? KT_ERR_OK
                                         : kt_store_fail(store, error, rc, "deleting a record");
}

/* Positions a cursor at the first key that is not before `first`. */
static int cursor_seek(MDB_cursor *cursor, struct kt_store_key first, MDB_val *k, MDB_val *v) {
    unsigned char bytes[KT_STORE_KEY_BYTES];
    kt_store_key_encode(first, bytes);
    *k = (MDB_val){sizeof bytes, bytes};
    return mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
}

enum kt_err kt_store_scan(struct kt_store *store, struct kt_store_key first,
                          struct kt_store_key last, kt_store_visit *visit, void *ctx,
                          struct kt_error *error) {
    assert(store->txn != NULL);
    unsigned char end[KT_STORE_KEY_BYTES];
    kt_store_key_encode(last, end);
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(store->txn, store->records, &cursor);
    if (rc != 0) {
        return kt_store_fail(store, error, rc, "opening a cursor");
    }
    enum kt_err err = KT_ERR_OK;
    MDB_val k, v;
    for (rc = cursor_seek(cursor, first, &k, &v); rc == 0 && err == KT_ERR_OK;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        struct kt_store_key key;
        if (!kt_store_key_decode(k.mv_data, k.mv_size, &key)) {
            err = kt_fail(error, KT_ERR_IO, "%s: a key of %zu bytes", store->path, k.mv_size);
            break;
        }
        if (memcmp(k.mv_data, end, sizeof end) > 0) {
            break;
        }
        err = visit(ctx, key, (struct kt_str){v.mv_data, v.mv_size}, error);
        if (err != KT_ERR_OK) {
            break;
        }
    }
    mdb_cursor_close(cursor);
    if (err == KT_ERR_OK && rc != 0 && rc != MDB_NOTFOUND) {
        return kt_store_fail(store, error, rc, "scanning");
    }
    return err;
}

enum kt_err kt_store_wipe_partition(struct kt_store *store, uint32_t partition,
                                    struct kt_error *error) {
    assert(store->txn != NULL && !store->read_only);
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(store->txn, store->records, &cursor);
    if (rc != 0) {
        return kt_store_fail(store, error, rc, "opening a cursor");
    }
    MDB_val k, v;
    rc = cursor_seek(cursor, (struct kt_store_key){.partition = partition}, &k, &v);
    while (rc == 0 && k.mv_size == KT_STORE_KEY_BYTES && get_be(k.mv_data, 4) == partition) {
        rc = mdb_cursor_del(cursor, 0);
        if (rc == 0) {
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
        }
    }
    mdb_cursor_close(cursor);
    if (rc == 0 || rc == MDB_NOTFOUND) {
        unsigned char bytes[4];
        put_be32(bytes, partition);
        k = (MDB_val){sizeof bytes, bytes};
        rc = mdb_del(store->txn, store->watermarks, &k, NULL);
    }
    store->txn_full = store->txn_full || rc == MDB_MAP_FULL;
    return rc == 0 || rc == MDB_NOTFOUND ? KT_ERR_OK
                                         : kt_store_fail(store, error, rc, "wiping a partition");
}

/* ---- watermarks ------------------------------------------------------------------------------ */

enum kt_err kt_store_watermark_get(struct kt_store *store, uint32_t partition, int64_t *next_offset,
                                   int64_t *saved_at_ms, struct kt_error *error) {
    assert(store->txn != NULL);
    *next_offset = 0;
    *saved_at_ms = 0;
    unsigned char bytes[4];
    put_be32(bytes, partition);
    MDB_val k = {sizeof bytes, bytes};
    MDB_val v;
    int rc = mdb_get(store->txn, store->watermarks, &k, &v);
    if (rc == MDB_NOTFOUND) {
        return KT_ERR_OK;
    }
    if (rc != 0) {
        return kt_store_fail(store, error, rc, "reading a watermark");
    }
    if (v.mv_size != WATERMARK_BYTES) {
        return kt_fail(error, KT_ERR_IO, "%s: the watermark of partition %u has %zu bytes",
                       store->path, partition, v.mv_size);
    }
    const unsigned char *in = v.mv_data;
    *next_offset = (int64_t)get_be(in, 8);
    *saved_at_ms = (int64_t)get_be(in + 8, 8);
    return KT_ERR_OK;
}

enum kt_err kt_store_watermark_put(struct kt_store *store, uint32_t partition, int64_t next_offset,
                                   int64_t now_ms, struct kt_error *error) {
    unsigned char bytes[4];
    put_be32(bytes, partition);
    unsigned char value[WATERMARK_BYTES];
    put_be64(value, (uint64_t)next_offset);
    put_be64(value + 8, (uint64_t)now_ms);
    MDB_val k = {sizeof bytes, bytes};
    MDB_val v = {sizeof value, value};
    return table_put(store, store->watermarks, &k, &v, error);
}
