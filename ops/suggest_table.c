/* SPDX-License-Identifier: GPL-3.0-or-later
 * The table of observations that `kontune suggest` is asked with. */
#include "ops/suggest_table.h"

#include "model/evidence_check.h"
#include "ops/csv.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <stdlib.h>

/* The newest observations at one parallelism, in a ring of top_k. */
struct seen {
    int32_t parallelism;
    size_t ring;   /* number of its ring */
    int64_t count; /* ever seen */
    int64_t row;   /* of the last one, from 1 */
};

struct table {
    struct seen seen[KT_HISTORY_POINTS_MAX]; /* ascending parallelism */
    size_t count;
    int32_t top_k;
    int64_t rows;
    double *rings;    /* KT_HISTORY_POINTS_MAX of them */
    char vertex[128]; /* the operator of the rows so far, where the table says it */
};

static double *ring_of(const struct table *table, const struct seen *seen) {
    return table->rings + seen->ring * (size_t)table->top_k;
}

static enum kt_err table_add(struct table *table, const struct kt_csv *csv, int32_t parallelism,
                             double ability, struct kt_error *error) {
    size_t at = 0;
    while (at < table->count && table->seen[at].parallelism < parallelism) {
        at++;
    }
    if (at == table->count || table->seen[at].parallelism != parallelism) {
        if (table->count == KT_HISTORY_POINTS_MAX) {
            return kt_csv_fail(csv, error, "expected at most %d different parallelisms",
                               KT_HISTORY_POINTS_MAX);
        }
        memmove(&table->seen[at + 1], &table->seen[at],
                (table->count - at) * sizeof table->seen[0]);
        table->seen[at] = (struct seen){.parallelism = parallelism, .ring = table->count};
        table->count++;
    }
    struct seen *seen = &table->seen[at];
    ring_of(table, seen)[seen->count++ % table->top_k] = ability;
    seen->row = ++table->rows;
    return KT_ERR_OK;
}

/* A table of several operators (as `history export` writes it) has no one answer. */
static enum kt_err check_vertex(struct table *table, const struct kt_csv *csv, int column,
                                bool first, struct kt_error *error) {
    if (column < 0) {
        return KT_ERR_OK;
    }
    const struct kt_str vertex = kt_csv_field(csv, column);
    if (first) {
        snprintf(table->vertex, sizeof table->vertex, "%.*s", KT_STR_ARG(vertex));
        return KT_ERR_OK;
    }
    const size_t len =
        vertex.len < sizeof table->vertex - 1 ? vertex.len : sizeof table->vertex - 1;
    if (strlen(table->vertex) != len || memcmp(table->vertex, vertex.data, len) != 0) {
        return kt_csv_fail(csv, error,
                           "expected one operator, got '%.*s' after '%s'; `kontune history export "
                           "--operator ID` gives one",
                           KT_STR_ARG(vertex), table->vertex);
    }
    return KT_ERR_OK;
}

static enum kt_err read_rows(struct kt_csv *csv, struct table *table, struct kt_error *error) {
    const int column_p = kt_csv_column(csv, "parallelism");
    const int column_ability = kt_csv_column(csv, "processing_ability");
    const int column_vertex = kt_csv_column(csv, "vertex_id");
    if (column_p < 0 || column_ability < 0) {
        return kt_csv_fail(csv, error,
                           "expected the columns parallelism and processing_ability in the header");
    }
    enum kt_err err = KT_ERR_OK;
    while ((err = kt_csv_next(csv, error)) == KT_ERR_OK) {
        int64_t parallelism = 0;
        double ability = 0;
        err = check_vertex(table, csv, column_vertex, table->count == 0, error);
        if (err == KT_ERR_OK) {
            err = kt_csv_integer(csv, column_p, 1, KT_PARALLELISM_MAX, &parallelism, error);
        }
        if (err == KT_ERR_OK) {
            err = kt_csv_number(csv, column_ability, 0, KT_MEASURE_MAX, &ability, error);
        }
        if (err == KT_ERR_OK && ability <= 0) {
            err = kt_csv_fail(csv, error, "processing_ability: expected a number above 0");
        }
        if (err == KT_ERR_OK) {
            err = table_add(table, csv, (int32_t)parallelism, ability, error);
        }
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return err == KT_ERR_NOT_FOUND ? KT_ERR_OK : err;
}

/* Mean and group of the newest observations at one parallelism. A bare table does not say how busy
 * the operator was: all the time, as in a tuning that waits for backpressure. */
static void sum_up(const struct table *table, const struct seen *seen,
                   struct kt_history_point *point, struct kt_observation_group *group) {
    const int64_t newest = seen->count < table->top_k ? seen->count : table->top_k;
    const double *abilities = ring_of(table, seen);
    double sum = 0;
    double sum_ln = 0;
    for (int64_t k = 0; k < newest; k++) {
        sum += abilities[k];
        sum_ln += log(abilities[k]);
    }
    const double mean_ln = sum_ln / (double)newest;
    double scatter = 0;
    for (int64_t k = 0; k < newest; k++) {
        scatter += (log(abilities[k]) - mean_ln) * (log(abilities[k]) - mean_ln);
    }
    *point = (struct kt_history_point){.parallelism = seen->parallelism,
                                       .ability = sum / (double)newest,
                                       .observations = (int32_t)newest};
    *group = (struct kt_observation_group){.parallelism = seen->parallelism,
                                           .window_end_ms = seen->row,
                                           .observations = (int32_t)newest,
                                           .ability = exp(mean_ln),
                                           .weight = (double)newest,
                                           .scatter = scatter};
}

static int by_row(const void *a, const void *b) {
    const int64_t x = ((const struct kt_observation_group *)a)->window_end_ms;
    const int64_t y = ((const struct kt_observation_group *)b)->window_end_ms;
    return (x > y) - (x < y);
}

static void finish(const struct table *table, struct kt_suggest_table *out) {
    struct kt_observation_group groups[KT_HISTORY_POINTS_MAX];
    for (size_t i = 0; i < table->count; i++) {
        sum_up(table, &table->seen[i], &out->points[i], &groups[i]);
    }
    out->points_count = table->count;
    qsort(groups, table->count, sizeof *groups, by_row);
    const size_t begin = table->count > KT_GROUPS_MAX ? table->count - KT_GROUPS_MAX : 0;
    out->groups_count = table->count - begin;
    memcpy(out->groups, groups + begin, out->groups_count * sizeof *groups);
}

enum kt_err kt_suggest_table_read(const char *path, int32_t top_k, struct kt_suggest_table *out,
                                  struct kt_error *error) {
    struct table table = {.top_k = top_k};
    table.rings = calloc((size_t)table.top_k * KT_HISTORY_POINTS_MAX, sizeof *table.rings);
    if (table.rings == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    struct kt_csv *csv = NULL;
    enum kt_err err = kt_csv_open(path, &csv, error);
    if (err != KT_ERR_OK) {
        goto free_rings;
    }
    err = read_rows(csv, &table, error);
    if (err == KT_ERR_OK && table.count == 0) {
        err = kt_csv_fail(csv, error, "expected at least one observation");
    }
    if (err == KT_ERR_OK) {
        finish(&table, out);
    }
    kt_csv_close(csv);
free_rings:
    free(table.rings);
    return err;
}
