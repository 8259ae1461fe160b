/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads the histories of all operators out of a state folder, beside the worker that owns it. */
#include "ops/history_read.h"

#include "model/durable.h"
#include "schemas/codec.h"

#include <stdlib.h>

#define SCRATCH_BYTES_MAX ((size_t)16 << 20) /* of one record */

struct reading {
    const struct kt_history_filter *filter;
    struct kt_decoder *decoder;
    struct kt_arena scratch; /* of the record at hand */
    struct kt_arena *arena;
    struct kt_history_list *list;
    size_t capacity;
};

static bool matches(const struct kt_history_filter *filter,
                    const struct kt_operator_history *history) {
    const struct kt_str job = filter->job;
    if (job.data != NULL) {
        const size_t cluster = history->cluster.len;
        if (job.len != cluster + 1 + history->job_name.len || job.data[cluster] != '/' ||
            memcmp(job.data, history->cluster.data, cluster) != 0 ||
            memcmp(job.data + cluster + 1, history->job_name.data, history->job_name.len) != 0) {
            return false;
        }
    }
    return filter->vertex.data == NULL || kt_str_equal(filter->vertex, history->vertex_id) ||
           kt_str_equal(filter->vertex, history->name);
}

/* A deep copy in the arena; false when there is no room. */
static bool copy(struct kt_arena *arena, const struct kt_operator_history *from,
                 struct kt_operator_history *to) {
    *to = *from;
    to->cluster = kt_arena_str(arena, from->cluster);
    to->job_name = kt_arena_str(arena, from->job_name);
    to->vertex_id = kt_arena_str(arena, from->vertex_id);
    to->name = kt_arena_str(arena, from->name);
    const size_t count = from->observations.count;
    to->observations.items = kt_arena_array(arena, count, sizeof *to->observations.items);
    if (to->cluster.data == NULL || to->job_name.data == NULL || to->vertex_id.data == NULL ||
        to->name.data == NULL || to->observations.items == NULL) {
        return false;
    }
    if (count > 0) {
        memcpy(to->observations.items, from->observations.items,
               count * sizeof *to->observations.items);
    }
    return true;
}

static bool grow(struct reading *r) {
    if (r->list->count < r->capacity) {
        return true;
    }
    const size_t capacity = r->capacity == 0 ? 256 : 2 * r->capacity;
    struct kt_history_entry *items = kt_arena_array(r->arena, capacity, sizeof *items);
    if (items == NULL) {
        return false;
    }
    if (r->list->count > 0) {
        memcpy(items, r->list->items, r->list->count * sizeof *items);
    }
    r->list->items = items;
    r->capacity = capacity;
    return true;
}

static enum kt_err visit(void *ctx, struct kt_store_key key, struct kt_str value,
                         struct kt_error *error) {
    struct reading *r = ctx;
    if (kt_durable_kind_of(key) != KT_DURABLE_HISTORY) {
        return KT_ERR_OK;
    }
    struct kt_operator_history history = {0};
    kt_arena_reset(&r->scratch);
    const enum kt_err err =
        kt_decode(r->decoder, value.data, value.len, &r->scratch, &history, error);
    if (err != KT_ERR_OK) {
        return kt_fail_in(error, err, "history at partition %u, parallelism %u", key.partition,
                          key.parallelism);
    }
    if (!matches(r->filter, &history)) {
        return KT_ERR_OK;
    }
    struct kt_history_entry entry = {.partition = key.partition};
    if (!grow(r) || !copy(r->arena, &history, &entry.history)) {
        return kt_fail(error, KT_ERR_LIMIT, "more than %zu histories; ask for one job or operator",
                       r->list->count);
    }
    r->list->items[r->list->count++] = entry;
    return KT_ERR_OK;
}

static int compare(const void *a, const void *b) {
    const struct kt_history_entry *x = a, *y = b;
    const struct kt_operator_history *p = &x->history, *q = &y->history;
    int order = kt_str_compare(p->cluster, q->cluster);
    order = order != 0 ? order : kt_str_compare(p->job_name, q->job_name);
    order = order != 0 ? order : kt_str_compare(p->vertex_id, q->vertex_id);
    order =
        order != 0 ? order : (p->parallelism > q->parallelism) - (p->parallelism < q->parallelism);
    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static enum kt_err scan(struct kt_store *store, struct reading *r, struct kt_error *error) {
    const struct kt_store_key first = {0};
    const struct kt_store_key last = {UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT32_MAX};
    enum kt_err err = kt_store_begin(store, error);
    if (err == KT_ERR_OK) {
        err = kt_store_scan(store, first, last, visit, r, error);
    }
    kt_store_abort(store);
    return err;
}

enum kt_err kt_history_read(const char *state_dir, const struct kt_history_filter *filter,
                            struct kt_arena *arena, struct kt_history_list *list,
                            struct kt_error *error) {
    *list = (struct kt_history_list){NULL, 0};
    struct reading r = {.filter = filter, .arena = arena, .list = list};
    kt_arena_init(&r.scratch, 4096, SCRATCH_BYTES_MAX);
    struct kt_store *store = NULL;
    enum kt_err err = kt_decoder_new(&kt_operator_history_type, &r.decoder, error);
    if (err == KT_ERR_OK) {
        const struct kt_store_options options = {.path = state_dir, .read_only = true};
        err = kt_store_open(&options, &store, error);
    }
    if (err == KT_ERR_OK) {
        err = scan(store, &r, error);
    }
    if (err == KT_ERR_OK && list->count > 1) {
        qsort(list->items, list->count, sizeof list->items[0], compare);
    }
    kt_store_close(store);
    kt_decoder_free(r.decoder);
    kt_arena_free(&r.scratch);
    return err;
}

bool kt_history_same_job(const struct kt_operator_history *a, const struct kt_operator_history *b) {
    return kt_str_equal(a->cluster, b->cluster) && kt_str_equal(a->job_name, b->job_name);
}

bool kt_history_same_operator(const struct kt_operator_history *a,
                              const struct kt_operator_history *b) {
    return kt_history_same_job(a, b) && kt_str_equal(a->vertex_id, b->vertex_id);
}
