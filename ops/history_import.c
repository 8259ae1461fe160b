/* SPDX-License-Identifier: GPL-3.0-or-later
 * Observations from a file into histories: read all, check all, then merge. */
#include "ops/history_import.h"

#include "model/ds2_log.h"
#include "model/history.h"
#include "ops/csv.h"
#include "schemas/codec.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <stdlib.h>

#define RATE_MAX          1e18              /* records/s; anything above is a mistake */
#define SCRATCH_BYTES_MAX ((size_t)4 << 20) /* of one merge */

/* ---- rows -------------------------------------------------------------------------------- */

static struct kt_history_row *push(struct kt_history_rows *rows, struct kt_arena *arena) {
    if (rows->count == rows->capacity) {
        const size_t capacity = rows->capacity == 0 ? 64 : 2 * rows->capacity;
        struct kt_history_row *items = kt_arena_array(arena, capacity, sizeof *items);
        if (items == NULL) {
            return NULL;
        }
        if (rows->count > 0) {
            memcpy(items, rows->items, rows->count * sizeof *items);
        }
        rows->items = items;
        rows->capacity = capacity;
    }
    struct kt_history_row *row = &rows->items[rows->count];
    *row = (struct kt_history_row){.order = rows->count};
    rows->count++;
    return row;
}

static bool copy_names(struct kt_history_row *row, struct kt_arena *arena) {
    row->cluster = kt_arena_str(arena, row->cluster);
    row->job_name = kt_arena_str(arena, row->job_name);
    row->vertex_id = kt_arena_str(arena, row->vertex_id);
    row->name = kt_arena_str(arena, row->name);
    return row->cluster.data != NULL && row->job_name.data != NULL && row->vertex_id.data != NULL &&
           row->name.data != NULL;
}

/* Fills in what the command line says and checks that the row is complete. The message has no place
 * yet. */
static enum kt_err complete(struct kt_history_row *row, const struct kt_history_defaults *defaults,
                            struct kt_error *error) {
    if (defaults->job.data != NULL) {
        const char *slash = memchr(defaults->job.data, '/', defaults->job.len);
        const size_t at = (size_t)(slash - defaults->job.data);
        const struct kt_str cluster = {defaults->job.data, at};
        const struct kt_str name = {slash + 1, defaults->job.len - at - 1};
        const bool named = row->cluster.len > 0 || row->job_name.len > 0;
        if (named && !(kt_str_equal(cluster, row->cluster) && kt_str_equal(name, row->job_name))) {
            return kt_fail(error, KT_ERR_PARSE, "expected job %.*s as in --job, got %.*s/%.*s",
                           KT_STR_ARG(defaults->job), KT_STR_ARG(row->cluster),
                           KT_STR_ARG(row->job_name));
        }
        row->cluster = cluster;
        row->job_name = name;
    }
    if (row->vertex_id.len == 0) {
        row->vertex_id = defaults->vertex;
    }
    if (row->cluster.len == 0 || row->job_name.len == 0) {
        return kt_fail(error, KT_ERR_PARSE, "expected cluster and job_name, or --job CLUSTER/JOB");
    }
    if (row->vertex_id.len == 0) {
        return kt_fail(error, KT_ERR_PARSE, "expected a vertex_id, or --operator ID");
    }
    return KT_ERR_OK;
}

static enum kt_err check_observation(const struct kt_observation *o, struct kt_error *error) {
    if (!isfinite(o->ability) || o->ability <= 0 || o->ability > RATE_MAX) {
        return kt_fail(error, KT_ERR_PARSE,
                       "processing ability: expected a number above 0 and up to %g, got %g",
                       RATE_MAX, o->ability);
    }
    if (!isfinite(o->busy) || o->busy < 0 || o->busy > 1) {
        return kt_fail(error, KT_ERR_PARSE, "busy: expected a number from 0 to 1, got %g", o->busy);
    }
    if (!isfinite(o->lambda) || o->lambda < 0 || o->lambda > RATE_MAX) {
        return kt_fail(error, KT_ERR_PARSE, "lambda: expected a number from 0 to %g, got %g",
                       RATE_MAX, o->lambda);
    }
    if (o->generation < 0 || o->window_end_ms < 0) {
        return kt_fail(error, KT_ERR_PARSE,
                       "generation and window_end_ms: expected 0 or more, got %lld and %lld",
                       (long long)o->generation, (long long)o->window_end_ms);
    }
    return KT_ERR_OK;
}

/* ---- CSV --------------------------------------------------------------------------------- */

struct columns {
    int cluster, job_name, vertex_id, name, parallelism, ability, busy, lambda, kept_up, generation,
        window_end_ms;
};

static enum kt_err find_columns(const struct kt_csv *csv, struct columns *c,
                                struct kt_error *error) {
    *c = (struct columns){.cluster = kt_csv_column(csv, "cluster"),
                          .job_name = kt_csv_column(csv, "job_name"),
                          .vertex_id = kt_csv_column(csv, "vertex_id"),
                          .name = kt_csv_column(csv, "name"),
                          .parallelism = kt_csv_column(csv, "parallelism"),
                          .ability = kt_csv_column(csv, "processing_ability"),
                          .busy = kt_csv_column(csv, "busy"),
                          .lambda = kt_csv_column(csv, "lambda"),
                          .kept_up = kt_csv_column(csv, "kept_up"),
                          .generation = kt_csv_column(csv, "generation"),
                          .window_end_ms = kt_csv_column(csv, "window_end_ms")};
    if (c->parallelism < 0 || c->ability < 0) {
        return kt_csv_fail(csv, error,
                           "expected the columns parallelism and processing_ability in the header");
    }
    return KT_ERR_OK;
}

/* The measures that a bare table lacks: an operator at its limit that kept up, at no known time. */
static enum kt_err read_measures(const struct kt_csv *csv, const struct columns *c,
                                 struct kt_observation *o, struct kt_error *error) {
    *o = (struct kt_observation){.busy = 1};
    enum kt_err err = kt_csv_number(csv, c->ability, 0, RATE_MAX, &o->ability, error);
    o->lambda = o->ability;
    if (err == KT_ERR_OK && c->busy >= 0) {
        err = kt_csv_number(csv, c->busy, 0, 1, &o->busy, error);
    }
    if (err == KT_ERR_OK && c->lambda >= 0) {
        err = kt_csv_number(csv, c->lambda, 0, RATE_MAX, &o->lambda, error);
    }
    if (err == KT_ERR_OK && c->generation >= 0) {
        err = kt_csv_integer(csv, c->generation, 0, INT64_MAX, &o->generation, error);
    }
    if (err == KT_ERR_OK && c->window_end_ms >= 0) {
        err = kt_csv_integer(csv, c->window_end_ms, 0, INT64_MAX, &o->window_end_ms, error);
    }
    if (err == KT_ERR_OK && c->kept_up >= 0) {
        const struct kt_str text = kt_csv_field(csv, c->kept_up);
        if (kt_str_equal(text, KT_STR("true"))) {
            o->keep_up = KT_KEEP_UP_KEPT_UP;
        } else if (kt_str_equal(text, KT_STR("false"))) {
            o->keep_up = KT_KEEP_UP_FELL_BEHIND;
        } else if (text.len > 0) {
            err = kt_csv_fail(csv, error, "kept_up: expected true, false or nothing, got '%.*s'",
                              KT_STR_ARG(text));
        }
    }
    return err;
}

static enum kt_err read_row(const struct kt_csv *csv, const struct columns *c,
                            const struct kt_history_defaults *defaults, struct kt_arena *arena,
                            struct kt_history_rows *rows, struct kt_error *error) {
    struct kt_history_row *row = push(rows, arena);
    if (row == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "more than %zu observations", rows->count);
    }
    int64_t parallelism = 0;
    enum kt_err err =
        kt_csv_integer(csv, c->parallelism, 1, KT_PARALLELISM_MAX, &parallelism, error);
    if (err == KT_ERR_OK) {
        err = read_measures(csv, c, &row->observation, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    row->parallelism = (int32_t)parallelism;
    row->cluster = kt_csv_field(csv, c->cluster);
    row->job_name = kt_csv_field(csv, c->job_name);
    row->vertex_id = kt_csv_field(csv, c->vertex_id);
    row->name = kt_csv_field(csv, c->name);
    struct kt_error why;
    err = complete(row, defaults, &why);
    if (err == KT_ERR_OK) {
        err = check_observation(&row->observation, &why);
    }
    if (err != KT_ERR_OK) {
        return kt_csv_fail(csv, error, "%s", why.message);
    }
    return copy_names(row, arena)
               ? KT_ERR_OK
               : kt_fail(error, KT_ERR_LIMIT, "more than %zu observations", rows->count);
}

enum kt_err kt_history_rows_csv(const char *path, const struct kt_history_defaults *defaults,
                                struct kt_arena *arena, struct kt_history_rows *rows,
                                struct kt_error *error) {
    struct kt_csv *csv = NULL;
    struct columns columns;
    enum kt_err err = kt_csv_open(path, &csv, error);
    if (err == KT_ERR_OK) {
        err = find_columns(csv, &columns, error);
    }
    while (err == KT_ERR_OK && (err = kt_csv_next(csv, error)) == KT_ERR_OK) {
        err = read_row(csv, &columns, defaults, arena, rows, error);
    }
    kt_csv_close(csv);
    return err == KT_ERR_NOT_FOUND ? KT_ERR_OK : err;
}

/* ---- records ----------------------------------------------------------------------------- */

static enum kt_err take_record(const struct kt_operator_history *history,
                               const struct kt_history_defaults *defaults, struct kt_arena *arena,
                               struct kt_history_rows *rows, struct kt_error *error) {
    if (history->parallelism < 1 || history->parallelism > KT_PARALLELISM_MAX) {
        return kt_fail(error, KT_ERR_PARSE, "parallelism: expected an integer from 1 to %d, got %d",
                       KT_PARALLELISM_MAX, history->parallelism);
    }
    for (size_t i = 0; i < history->observations.count; i++) {
        struct kt_history_row *row = push(rows, arena);
        if (row == NULL) {
            return kt_fail(error, KT_ERR_LIMIT, "more than %zu observations", rows->count);
        }
        row->cluster = history->cluster;
        row->job_name = history->job_name;
        row->vertex_id = history->vertex_id;
        row->name = history->name;
        row->parallelism = history->parallelism;
        row->observation = history->observations.items[i];
        enum kt_err err = complete(row, defaults, error);
        if (err == KT_ERR_OK) {
            err = check_observation(&row->observation, error);
        }
        if (err != KT_ERR_OK) {
            return err;
        }
        if (!copy_names(row, arena)) {
            return kt_fail(error, KT_ERR_LIMIT, "more than %zu observations", rows->count);
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_history_rows_records(const char *path, const struct kt_history_defaults *defaults,
                                    struct kt_arena *arena, struct kt_history_rows *rows,
                                    struct kt_error *error) {
    struct kt_file_reader *reader = NULL;
    enum kt_err err = kt_file_reader_open(&kt_operator_history_type, path, &reader, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    for (;;) {
        struct kt_operator_history history = {0};
        bool resumable = false;
        err = kt_file_reader_next(reader, &history, &resumable, error);
        if (err != KT_ERR_OK) {
            break;
        }
        err = take_record(&history, defaults, arena, rows, error);
        if (err != KT_ERR_OK) {
            err =
                kt_fail_in(error, err, "%s:%lld", path, (long long)kt_file_reader_position(reader));
            break;
        }
    }
    kt_file_reader_close(reader);
    return err == KT_ERR_NOT_FOUND ? KT_ERR_OK : err;
}

/* ---- DS2's rate logs --------------------------------------------------------------------- */

/* One operator in one epoch: its instances' rates are summed. An epoch that not every instance
 * logged has less than the operator's ability, and one in which nothing was processed (all of a
 * source's) tells none: both are left out. */
static enum kt_err take_epoch(const char *path, const struct kt_ds2_log_operator *op,
                              const struct kt_ds2_epoch *epoch,
                              const struct kt_history_defaults *defaults, struct kt_arena *arena,
                              struct kt_history_rows *rows, struct kt_error *error) {
    if (epoch->logged != epoch->instances || epoch->rates.true_processing <= 0) {
        rows->left_out++;
        return KT_ERR_OK;
    }
    struct kt_history_row *row = push(rows, arena);
    if (row == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "more than %zu observations", rows->count);
    }
    const struct kt_ds2_rates *rates = &epoch->rates;
    row->vertex_id = op->id;
    row->name = op->id;
    row->parallelism = epoch->instances;
    /* Useful time is the share by which the observed rate falls short of the true one. */
    row->observation =
        (struct kt_observation){.ability = rates->true_processing,
                                .busy = rates->observed_processing < rates->true_processing
                                            ? rates->observed_processing / rates->true_processing
                                            : 1,
                                .lambda = rates->observed_processing};
    enum kt_err err =
        epoch->instances >= 1 && epoch->instances <= KT_PARALLELISM_MAX
            ? complete(row, defaults, error)
            : kt_fail(error, KT_ERR_PARSE, "instances: expected an integer from 1 to %d, got %d",
                      KT_PARALLELISM_MAX, epoch->instances);
    if (err == KT_ERR_OK) {
        err = check_observation(&row->observation, error);
    }
    if (err != KT_ERR_OK) {
        return kt_fail_in(error, err, "%s:%lld", path, (long long)epoch->line);
    }
    return copy_names(row, arena)
               ? KT_ERR_OK
               : kt_fail(error, KT_ERR_LIMIT, "more than %zu observations", rows->count);
}

enum kt_err kt_history_rows_ds2(const char *path, struct kt_str text,
                                const struct kt_history_defaults *defaults, struct kt_arena *arena,
                                struct kt_history_rows *rows, struct kt_error *error) {
    struct kt_ds2_log log = {0};
    enum kt_err err = kt_ds2_log_parse(path, text, arena, &log, error);
    for (size_t i = 0; i < log.operators.count && err == KT_ERR_OK; i++) {
        const struct kt_ds2_log_operator *op = &log.operators.items[i];
        for (size_t j = 0; j < op->epochs.count && err == KT_ERR_OK; j++) {
            err = take_epoch(path, op, &op->epochs.items[j], defaults, arena, rows, error);
        }
    }
    return err;
}

/* ---- merging ----------------------------------------------------------------------------- */

static int by_operator(const struct kt_history_row *x, const struct kt_history_row *y) {
    int order = kt_str_compare(x->cluster, y->cluster);
    order = order != 0 ? order : kt_str_compare(x->job_name, y->job_name);
    order = order != 0 ? order : kt_str_compare(x->vertex_id, y->vertex_id);
    return order != 0 ? order
                      : (x->parallelism > y->parallelism) - (x->parallelism < y->parallelism);
}

/* By operator and parallelism, then by time, then as in the file. */
static int by_operator_and_time(const void *a, const void *b) {
    const struct kt_history_row *x = a, *y = b;
    const int64_t s = x->observation.window_end_ms, t = y->observation.window_end_ms;
    int order = by_operator(x, y);
    order = order != 0 ? order : (s > t) - (s < t);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

/* All numbers are finite: == says what is meant. */
static bool equal(const struct kt_observation *a, const struct kt_observation *b) {
    return a->ability == b->ability && a->busy == b->busy && a->lambda == b->lambda &&
           a->keep_up == b->keep_up && a->generation == b->generation &&
           a->window_end_ms == b->window_end_ms;
}

static bool is_among(const struct kt_observation *o, const struct kt_operator_history *history) {
    for (size_t i = 0; i < history->observations.count; i++) {
        if (equal(o, &history->observations.items[i])) {
            return true;
        }
    }
    return false;
}

/* Both lists are in the order of time; on a tie the one that is there stands behind, as newer.
 * fresh[i] tells which came from the rows. */
static size_t interleave(const struct kt_operator_history *old, const struct kt_history_row *rows,
                         size_t count, struct kt_observation *out, bool *fresh, size_t *present) {
    size_t n = 0, i = 0;
    for (size_t j = 0; j < count; j++) {
        const struct kt_observation *o = &rows[j].observation;
        if (is_among(o, old)) {
            (*present)++;
            continue;
        }
        while (i < old->observations.count &&
               old->observations.items[i].window_end_ms < o->window_end_ms) {
            fresh[n] = false;
            out[n++] = old->observations.items[i++];
        }
        fresh[n] = true;
        out[n++] = *o;
    }
    while (i < old->observations.count) {
        fresh[n] = false;
        out[n++] = old->observations.items[i++];
    }
    return n;
}

/* One operator at one parallelism. */
static enum kt_err merge_group(struct kt_durable *durable, const struct kt_settings *settings,
                               const struct kt_history_row *rows, size_t count,
                               struct kt_arena *arena, struct kt_history_merged *merged,
                               struct kt_error *error) {
    const struct kt_history_row *last = &rows[count - 1];
    const struct kt_history_owner owner = {last->partition, last->cluster, last->job_name,
                                           last->vertex_id};
    const struct kt_store_key key = kt_history_key(&owner, last->parallelism);
    struct kt_operator_history history = {0};
    enum kt_err err = kt_durable_get(durable, KT_DURABLE_HISTORY, key, arena, &history, error);
    if (err == KT_ERR_OK && !(kt_str_equal(history.cluster, owner.cluster) &&
                              kt_str_equal(history.job_name, owner.job_name) &&
                              kt_str_equal(history.vertex_id, owner.vertex_id))) {
        return kt_fail(error, KT_ERR_INVALID,
                       "vertex '%.*s': its key is that of '%.*s' of %.*s/%.*s",
                       KT_STR_ARG(owner.vertex_id), KT_STR_ARG(history.vertex_id),
                       KT_STR_ARG(history.cluster), KT_STR_ARG(history.job_name));
    }
    if (err != KT_ERR_OK && err != KT_ERR_NOT_FOUND) {
        return err;
    }
    const size_t room = history.observations.count + count;
    struct kt_observation *all = kt_arena_array(arena, room, sizeof *all);
    bool *fresh = kt_arena_array(arena, room, sizeof *fresh);
    if (all == NULL || fresh == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "more than %zu observations at one parallelism", count);
    }
    const size_t n = interleave(&history, rows, count, all, fresh, &merged->present);
    const struct kt_job_settings *job = kt_settings_find(settings, owner.cluster, owner.job_name);
    const size_t keep = (size_t)job->policy.top_k;
    const size_t begin = n > keep ? n - keep : 0;
    size_t added = 0;
    for (size_t i = 0; i < n; i++) {
        added += i >= begin && fresh[i];
        merged->older += i < begin && fresh[i];
    }
    if (added == 0) {
        return KT_ERR_OK;
    }
    merged->added += added;
    merged->records++;
    const struct kt_operator_history result = {.cluster = owner.cluster,
                                               .job_name = owner.job_name,
                                               .vertex_id = owner.vertex_id,
                                               .name =
                                                   last->name.len > 0 ? last->name : history.name,
                                               .parallelism = last->parallelism,
                                               .observations = {all + begin, n - begin}};
    return kt_durable_put(durable, KT_DURABLE_HISTORY, key, &result, error);
}

enum kt_err kt_history_merge(struct kt_durable *durable, const struct kt_settings *settings,
                             struct kt_history_rows *rows, struct kt_history_merged *merged,
                             struct kt_error *error) {
    *merged = (struct kt_history_merged){0};
    if (rows->count == 0) {
        return KT_ERR_OK;
    }
    qsort(rows->items, rows->count, sizeof rows->items[0], by_operator_and_time);
    struct kt_arena arena;
    kt_arena_init(&arena, 16384,
                  SCRATCH_BYTES_MAX + rows->count * sizeof(struct kt_observation) * 2);
    enum kt_err err = KT_ERR_OK;
    for (size_t begin = 0, end = 0; begin < rows->count && err == KT_ERR_OK; begin = end) {
        while (end < rows->count && by_operator(&rows->items[begin], &rows->items[end]) == 0) {
            end++;
        }
        kt_arena_reset(&arena);
        err =
            merge_group(durable, settings, &rows->items[begin], end - begin, &arena, merged, error);
    }
    kt_arena_free(&arena);
    return err;
}
