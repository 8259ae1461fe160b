/* SPDX-License-Identifier: GPL-3.0-or-later
 * History of an operator: what it could process at each parallelism it ever ran with. */
#include "model/history.h"

#include "model/evidence_check.h"
#include "model/keep_up.h"

#include <math.h>
#include <stdlib.h>

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
    struct kt_operator_history fresh = {.cluster = owner->cluster,
                                        .job_name = owner->job_name,
                                        .vertex_id = owner->vertex_id,
                                        .name = name,
                                        .parallelism = parallelism};
    fresh.observations.count = old.observations.count;
    fresh.observations.items =
        kt_arena_append(arena, old.observations.items, &fresh.observations.count,
                        sizeof *observation, keep < 1 ? 1 : (size_t)keep, observation);
    if (fresh.observations.items == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu observations",
                       fresh.observations.count + 1);
    }
    return kt_durable_put(durable, KT_DURABLE_HISTORY, key, &fresh, error);
}

/* ---- loading ----------------------------------------------------------------------------------
 */

#define BUSY_FLOOR 0.02 /* a less busy operator measures nothing: its weight would be noise */

/* A point and when it was last observed. */
struct dated_point {
    struct kt_history_point point;
    int64_t newest_ms;
};

/* A group while it is summed up: y = ln(ability / parallelism), weights busy². */
struct open_group {
    struct kt_observation_group group;
    double mean;
    size_t segment; /* change points at or before it */
};

struct gather {
    const struct kt_history_owner *owner;
    const struct kt_history_query *query;
    size_t points_max;
    size_t groups_max;
    size_t points_count;
    size_t groups_count;
    struct dated_point points[KT_HISTORY_POINTS_MAX];
    struct kt_observation_group groups[KT_GROUPS_MAX];
    struct open_group open[KT_OBSERVATIONS_MAX]; /* of the record that is being visited */
};

static size_t segment_of(const struct kt_history_query *query, int64_t window_end_ms) {
    size_t segment = 0;
    while (segment < query->change_points && query->change_points_ms[segment] <= window_end_ms) {
        segment++;
    }
    return segment;
}

/* Oldest first; what has the same time keeps an order that does not depend on anything else. */
static int group_order(const void *a, const void *b) {
    const struct kt_observation_group *x = a;
    const struct kt_observation_group *y = b;
    if (x->window_end_ms != y->window_end_ms) {
        return x->window_end_ms < y->window_end_ms ? -1 : 1;
    }
    if (x->generation != y->generation) {
        return x->generation < y->generation ? -1 : 1;
    }
    return (x->parallelism > y->parallelism) - (x->parallelism < y->parallelism);
}

/* Adds one observation to a group (West's update of weighted mean and scatter). */
static void group_add(struct open_group *open, const struct kt_observation *o, bool as_measured,
                      int64_t at_ms, int32_t parallelism) {
    const double ability =
        as_measured ? o->ability : kt_keep_up_clamp(o->ability, o->lambda, o->keep_up);
    const double busy = fmin(fmax(o->busy, BUSY_FLOOR), 1);
    const double weight = busy * busy;
    const double y = log(ability / parallelism);
    open->group.observations++;
    open->group.weight += weight;
    const double step = y - open->mean;
    open->mean += step * (weight / open->group.weight);
    open->group.scatter += fmax(weight * step * (y - open->mean), 0);
    if (at_ms > open->group.window_end_ms) {
        open->group.window_end_ms = at_ms;
    }
}

/* Keeps a finished group if it is among the newest. */
static void gather_group(struct gather *gather, struct kt_observation_group group) {
    if (gather->groups_count < gather->groups_max) {
        gather->groups[gather->groups_count++] = group;
        return;
    }
    size_t stalest = 0;
    for (size_t i = 1; i < gather->groups_count; i++) {
        if (group_order(&gather->groups[i], &gather->groups[stalest]) < 0) {
            stalest = i;
        }
    }
    if (gather->groups_count > 0 && group_order(&gather->groups[stalest], &group) < 0) {
        gather->groups[stalest] = group;
    }
}

/* The groups of one parallelism. */
static void gather_groups(struct gather *gather, const struct kt_operator_history *history) {
    const size_t count = history->observations.count;
    const int64_t now_ms = gather->query->window_end_ms;
    size_t groups = 0;
    for (size_t i = newest_begin(count, gather->query->top_k); i < count; i++) {
        const struct kt_observation *o = &history->observations.items[i];
        /* What another clock dated into the future is older than what was just seen. */
        const int64_t at_ms = o->window_end_ms > now_ms ? now_ms - 1 : o->window_end_ms;
        const size_t segment = segment_of(gather->query, at_ms);
        size_t g = 0;
        while (g < groups && (at_ms == now_ms || gather->open[g].segment != segment ||
                              gather->open[g].group.generation != o->generation ||
                              gather->open[g].group.window_end_ms == now_ms)) {
            g++;
        }
        if (g == groups) {
            gather->open[groups++] =
                (struct open_group){.group = {.parallelism = history->parallelism,
                                              .generation = o->generation,
                                              .window_end_ms = at_ms},
                                    .segment = segment};
        }
        group_add(&gather->open[g], o, gather->query->as_measured, at_ms, history->parallelism);
    }
    for (size_t g = 0; g < groups; g++) {
        struct kt_observation_group *group = &gather->open[g].group;
        group->ability = fmin(history->parallelism * exp(gather->open[g].mean), KT_MEASURE_MAX);
        gather_group(gather, *group);
    }
}

/* Index of the point that was observed longest ago. */
static size_t gather_stalest(const struct gather *gather) {
    size_t stalest = 0;
    for (size_t i = 1; i < gather->points_count; i++) {
        if (gather->points[i].newest_ms < gather->points[stalest].newest_ms) {
            stalest = i;
        }
    }
    return stalest;
}

/* Parallelisms come in ascending order; when there are too many the stalest goes. */
static void gather_point(struct gather *gather, const struct kt_operator_history *history) {
    if (gather->points_max == 0) {
        return;
    }
    const size_t newest = history->observations.count - 1;
    const struct dated_point fresh = {kt_history_mean(history, gather->query->top_k),
                                      history->observations.items[newest].window_end_ms};
    if (gather->points_count == gather->points_max) {
        const size_t stalest = gather_stalest(gather);
        if (gather->points[stalest].newest_ms > fresh.newest_ms) {
            return;
        }
        gather->points_count--;
        memmove(&gather->points[stalest], &gather->points[stalest + 1],
                (gather->points_count - stalest) * sizeof gather->points[0]);
    }
    gather->points[gather->points_count++] = fresh;
}

static enum kt_err gather_visit(void *ctx, struct kt_store_key key, const void *record,
                                struct kt_error *error) {
    (void)key;
    (void)error;
    struct gather *gather = ctx;
    const struct kt_operator_history *history = record;
    if (history->observations.count > 0 && belongs_to(history, gather->owner)) {
        gather_point(gather, history);
        gather_groups(gather, history);
    }
    return KT_ERR_OK;
}

/* Puts the groups in order, and dates back what is not older than its successor. */
static void order_groups(struct kt_observation_group *groups, size_t count) {
    qsort(groups, count, sizeof *groups, group_order);
    for (size_t i = count; i-- > 1;) {
        struct kt_observation_group *older = &groups[i - 1];
        if (older->window_end_ms >= groups[i].window_end_ms) {
            older->window_end_ms = groups[i].window_end_ms - 1;
        }
        if (older->generation > groups[i].generation) {
            older->generation = groups[i].generation;
        }
    }
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

enum kt_err kt_history_load(struct kt_durable *durable, const struct kt_history_owner *owner,
                            const struct kt_history_query *query, struct kt_arena *arena,
                            struct kt_history_found *found, struct kt_error *error) {
    *found = (struct kt_history_found){.points = {NULL, 0}};
    struct gather gather; /* its arrays are filled up to their counts */
    gather.owner = owner;
    gather.query = query;
    gather.points_max = least(query->points_max, KT_HISTORY_POINTS_MAX);
    gather.groups_max = least(query->groups_max, KT_GROUPS_MAX);
    gather.points_count = 0;
    gather.groups_count = 0;
    const struct kt_store_key first = kt_history_key(owner, 1);
    const struct kt_store_key last = kt_history_key(owner, INT32_MAX);
    enum kt_err err =
        kt_durable_scan(durable, KT_DURABLE_HISTORY, first, last, gather_visit, &gather, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    order_groups(gather.groups, gather.groups_count);
    found->points.items = kt_arena_array(arena, gather.points_count, sizeof *found->points.items);
    found->groups.items = kt_arena_array(arena, gather.groups_count, sizeof *found->groups.items);
    if (found->points.items == NULL || found->groups.items == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a history of %zu parallelisms",
                       gather.points_count);
    }
    for (size_t i = 0; i < gather.points_count; i++) {
        found->points.items[found->points.count++] = gather.points[i].point;
    }
    memcpy(found->groups.items, gather.groups, gather.groups_count * sizeof *found->groups.items);
    found->groups.count = gather.groups_count;
    return KT_ERR_OK;
}
