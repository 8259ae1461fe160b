/* SPDX-License-Identifier: GPL-3.0-or-later
 * History of an operator: what it could process at each parallelism it ever ran with. */
#include "model/history.h"

#include "model/evidence_check.h"

struct kt_store_key kt_history_key(const struct kt_history_owner *owner, int32_t parallelism) {
    return (struct kt_store_key){.partition = owner->partition,
                                 .job = kt_store_job_hash(owner->cluster, owner->job_name),
                                 .op = kt_store_op_hash(owner->vertex_id),
                                 .parallelism = (uint32_t)parallelism};
}

/* Two names may share a hash: the record says whose it is. */
static bool belongs_to(const struct kt_operator_history *history,
                       const struct kt_history_owner *owner) {
    return kt_str_equal(history->vertex_id, owner->vertex_id) &&
           kt_str_equal(history->cluster, owner->cluster) &&
           kt_str_equal(history->job_name, owner->job_name);
}

/* Index of the first of the newest k observations. */
static size_t newest_begin(size_t count, int32_t k) {
    const size_t keep = k < 1 ? 1 : (size_t)k;
    return count > keep ? count - keep : 0;
}

struct kt_history_point kt_history_mean(const struct kt_operator_history *history, int32_t top_k) {
    struct kt_history_point point = {.parallelism = history->parallelism};
    const size_t begin = newest_begin(history->observations.count, top_k);
    double sum = 0;
    for (size_t i = begin; i < history->observations.count; i++) {
        sum += history->observations.items[i].ability;
        point.observations++;
    }
    if (point.observations > 0) {
        point.ability = sum / point.observations;
    }
    return point;
}

enum kt_err kt_history_add(struct kt_durable *durable, const struct kt_history_owner *owner,
                           struct kt_str name, int32_t parallelism,
                           const struct kt_observation *observation, int32_t top_k,
                           struct kt_arena *arena, struct kt_error *error) {
    if (!(observation->ability > 0 && observation->ability <= KT_MEASURE_MAX)) {
        return kt_fail(error, KT_ERR_INVALID,
                       "vertex '%.*s': an ability of %g records/s cannot be learned",
                       KT_STR_ARG(owner->vertex_id), observation->ability);
    }
    const struct kt_store_key key = kt_history_key(owner, parallelism);
    struct kt_operator_history old = {0};
    enum kt_err err = kt_durable_get(durable, KT_DURABLE_HISTORY, key, arena, &old, error);
    if (err != KT_ERR_OK && err != KT_ERR_NOT_FOUND) {
        return err;
    }
    if (err == KT_ERR_OK && !belongs_to(&old, owner)) {
        return kt_fail(error, KT_ERR_INVALID,
                       "vertex '%.*s': its key is that of '%.*s' of job '%.*s/%.*s'",
                       KT_STR_ARG(owner->vertex_id), KT_STR_ARG(old.vertex_id),
                       KT_STR_ARG(old.cluster), KT_STR_ARG(old.job_name));
    }
    const int32_t keep = top_k > KT_OBSERVATIONS_MAX ? KT_OBSERVATIONS_MAX : top_k;
    /* The new one takes a place too; keep = 1 leaves none to the old. */
    const size_t begin =
        keep > 1 ? newest_begin(old.observations.count, keep - 1) : old.observations.count;
    const size_t kept = old.observations.count - begin;
    struct kt_operator_history fresh = {.cluster = owner->cluster,
                                        .job_name = owner->job_name,
                                        .vertex_id = owner->vertex_id,
                                        .name = name,
                                        .parallelism = parallelism};
    fresh.observations.items = kt_arena_array(arena, kept + 1, sizeof *fresh.observations.items);
    fresh.observations.count = kept + 1;
    if (fresh.observations.items == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu observations", kept + 1);
    }
    for (size_t i = 0; i < kept; i++) {
        fresh.observations.items[i] = old.observations.items[begin + i];
    }
    fresh.observations.items[kept] = *observation;
    return kt_durable_put(durable, KT_DURABLE_HISTORY, key, &fresh, error);
}

/* A point and when it was last observed. */
struct dated_point {
    struct kt_history_point point;
    int64_t newest_ms;
};

struct gather {
    const struct kt_history_owner *owner;
    int32_t top_k;
    size_t points_max;
    size_t count;
    struct dated_point points[KT_HISTORY_POINTS_MAX];
};

/* Index of the point that was observed longest ago. */
static size_t gather_stalest(const struct gather *gather) {
    size_t stalest = 0;
    for (size_t i = 1; i < gather->count; i++) {
        if (gather->points[i].newest_ms < gather->points[stalest].newest_ms) {
            stalest = i;
        }
    }
    return stalest;
}

/* Parallelisms come in ascending order; when there are too many the stalest goes. */
static enum kt_err gather_visit(void *ctx, struct kt_store_key key, const void *record,
                                struct kt_error *error) {
    (void)key;
    (void)error;
    struct gather *gather = ctx;
    const struct kt_operator_history *history = record;
    const size_t count = history->observations.count;
    if (count == 0 || !belongs_to(history, gather->owner)) {
        return KT_ERR_OK;
    }
    const struct dated_point fresh = {kt_history_mean(history, gather->top_k),
                                      history->observations.items[count - 1].window_end_ms};
    if (gather->count == gather->points_max) {
        const size_t stalest = gather_stalest(gather);
        if (gather->points[stalest].newest_ms > fresh.newest_ms) {
            return KT_ERR_OK;
        }
        gather->count--;
        memmove(&gather->points[stalest], &gather->points[stalest + 1],
                (gather->count - stalest) * sizeof gather->points[0]);
    }
    gather->points[gather->count++] = fresh;
    return KT_ERR_OK;
}

enum kt_err kt_history_load(struct kt_durable *durable, const struct kt_history_owner *owner,
                            int32_t top_k, size_t points_max, struct kt_arena *arena,
                            struct kt_history_points *points, struct kt_error *error) {
    *points = (struct kt_history_points){0};
    struct gather gather = {
        .owner = owner,
        .top_k = top_k,
        .points_max = points_max < KT_HISTORY_POINTS_MAX ? points_max : KT_HISTORY_POINTS_MAX};
    if (gather.points_max == 0) {
        return KT_ERR_OK;
    }
    const struct kt_store_key first = kt_history_key(owner, 1);
    const struct kt_store_key last = kt_history_key(owner, INT32_MAX);
    enum kt_err err =
        kt_durable_scan(durable, KT_DURABLE_HISTORY, first, last, gather_visit, &gather, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    points->items = kt_arena_array(arena, gather.count, sizeof *points->items);
    if (points->items == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu points of history", gather.count);
    }
    for (size_t i = 0; i < gather.count; i++) {
        points->items[points->count++] = gather.points[i].point;
    }
    return KT_ERR_OK;
}
