/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads and writes the records of the durable state. */
#include "model/durable.h"

#include "schemas/codec.h"
#include "schemas/state.h"

#include <inttypes.h>
#include <stdlib.h>

#define SCAN_ARENA_CHUNK ((size_t)16 << 10)
#define SCAN_ARENA_LIMIT ((size_t)4 << 20)

static const struct kt_record_type *const types[KT_DURABLE_KINDS] = {
    [KT_DURABLE_PARTITION] = &kt_partition_state_type,
    [KT_DURABLE_JOB] = &kt_job_state_type,
    [KT_DURABLE_HISTORY] = &kt_operator_history_type,
    [KT_DURABLE_CLUSTER] = &kt_cluster_state_type,
};

enum kt_durable_kind kt_durable_kind_of(struct kt_store_key key) {
    if (key.parallelism == KT_STORE_CLUSTER) {
        return KT_DURABLE_CLUSTER;
    }
    if (key.parallelism > 0) {
        return KT_DURABLE_HISTORY;
    }
    return key.job == 0 ? KT_DURABLE_PARTITION : KT_DURABLE_JOB;
}

struct kt_durable {
    struct kt_store *store;
    kt_durable_change *change;
    void *ctx;
    struct kt_encoder *encoders[KT_DURABLE_KINDS];
    struct kt_decoder *decoders[KT_DURABLE_KINDS];
    struct kt_bytes bytes;
    struct kt_arena scan_arena;
};

enum kt_err kt_durable_new(struct kt_store *store, kt_durable_change *change, void *ctx,
                           struct kt_durable **out, struct kt_error *error) {
    *out = NULL;
    struct kt_durable *durable = calloc(1, sizeof *durable);
    if (durable == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for the durable state");
    }
    durable->store = store;
    durable->change = change;
    durable->ctx = ctx;
    kt_arena_init(&durable->scan_arena, SCAN_ARENA_CHUNK, SCAN_ARENA_LIMIT);
    for (size_t i = 0; i < KT_DURABLE_KINDS; i++) {
        enum kt_err err = kt_encoder_new(types[i], &durable->encoders[i], error);
        if (err == KT_ERR_OK) {
            err = kt_decoder_new(types[i], &durable->decoders[i], error);
        }
        if (err != KT_ERR_OK) {
            kt_durable_free(durable);
            return err;
        }
    }
    *out = durable;
    return KT_ERR_OK;
}

void kt_durable_free(struct kt_durable *durable) {
    if (durable == NULL) {
        return;
    }
    for (size_t i = 0; i < KT_DURABLE_KINDS; i++) {
        kt_encoder_free(durable->encoders[i]);
        kt_decoder_free(durable->decoders[i]);
    }
    kt_bytes_free(&durable->bytes);
    kt_arena_free(&durable->scan_arena);
    free(durable);
}

static enum kt_err fail_at(struct kt_error *error, enum kt_err err, enum kt_durable_kind kind,
                           struct kt_store_key key) {
    return kt_fail_in(error, err,
                      "%s of partition %" PRIu32 ", key %016" PRIx64 "/%016" PRIx64 "/%" PRIu32,
                      types[kind]->name, key.partition, key.job, key.op, key.parallelism);
}

enum kt_err kt_durable_get(struct kt_durable *durable, enum kt_durable_kind kind,
                           struct kt_store_key key, struct kt_arena *arena, void *record,
                           struct kt_error *error) {
    struct kt_str value;
    enum kt_err err = kt_store_get(durable->store, key, &value, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const struct kt_str copy = kt_arena_str(arena, value); /* the map moves under a later put */
    if (copy.data == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a record of %zu bytes", value.len);
    }
    err = kt_decode(durable->decoders[kind], copy.data, copy.len, arena, record, error);
    return err == KT_ERR_OK ? err : fail_at(error, err, kind, key);
}

enum kt_err kt_durable_put(struct kt_durable *durable, enum kt_durable_kind kind,
                           struct kt_store_key key, const void *record, struct kt_error *error) {
    enum kt_err err = kt_encode(durable->encoders[kind], record, &durable->bytes, error);
    if (err != KT_ERR_OK) {
        return fail_at(error, err, kind, key);
    }
    err = kt_store_put(durable->store, key, durable->bytes.data, durable->bytes.len, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    return durable->change(durable->ctx, key, durable->bytes.data, durable->bytes.len, error);
}

struct scan {
    struct kt_durable *durable;
    enum kt_durable_kind kind;
    kt_durable_visit *visit;
    void *ctx;
};

static enum kt_err scan_visit(void *ctx, struct kt_store_key key, struct kt_str value,
                              struct kt_error *error) {
    const struct scan *scan = ctx;
    struct kt_durable *durable = scan->durable;
    union {
        struct kt_partition_state partition;
        struct kt_job_state job;
        struct kt_operator_history history;
        struct kt_cluster_state cluster;
    } record;
    kt_arena_reset(&durable->scan_arena);
    enum kt_err err = kt_decode(durable->decoders[scan->kind], value.data, value.len,
                                &durable->scan_arena, &record, error);
    if (err != KT_ERR_OK) {
        return fail_at(error, err, scan->kind, key);
    }
    return scan->visit(scan->ctx, key, &record, error);
}

enum kt_err kt_durable_scan(struct kt_durable *durable, enum kt_durable_kind kind,
                            struct kt_store_key first, struct kt_store_key last,
                            kt_durable_visit *visit, void *ctx, struct kt_error *error) {
    struct scan scan = {durable, kind, visit, ctx};
    return kt_store_scan(durable->store, first, last, scan_visit, &scan, error);
}
