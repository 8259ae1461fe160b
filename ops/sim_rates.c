/* SPDX-License-Identifier: GPL-3.0-or-later
 * The load of a simulated job over time: a CSV file of rates. */
#include "ops/sim_rates.h"

#include "ops/csv.h"

#include <stdlib.h>

#define RATE_MAX      1e12
#define TIME_MAX      1e10 /* so that times since 1970 may stand there, in seconds */
#define SPAN_MAX_DAYS 366
#define SINGLE_S      3600.0

struct rates_file {
    struct kt_csv *csv;
    const struct kt_sim_spec *spec;
    double time_unit_s;
    int column[KT_SIM_OPERATORS_MAX];   /* of the operator's rate, or -1 */
    double share[KT_SIM_OPERATORS_MAX]; /* of that column's rate */
};

/* Every column must mean something: a misspelt source would get no records. */
static enum kt_err check_columns(const struct rates_file *file, struct kt_error *error) {
    const char *name;
    for (int k = 1; (name = kt_csv_column_name(file->csv, k)) != NULL; k++) {
        bool known = false;
        for (int i = 0; i < file->spec->count; i++) {
            known = known || file->column[i] == k;
        }
        if (!known) {
            return kt_csv_fail(file->csv, error, "the column '%s' is no source of the job", name);
        }
    }
    return KT_ERR_OK;
}

static enum kt_err find_columns(struct rates_file *file, struct kt_error *error) {
    const bool seconds = kt_csv_column(file->csv, "second") == 0;
    const bool minutes = kt_csv_column(file->csv, "minute") == 0;
    const int whole = kt_csv_column(file->csv, "records_per_second");
    double units = 0.0;
    if (!seconds && !minutes) {
        return kt_csv_fail(file->csv, error, "expected 'second' or 'minute' as the first column");
    }
    file->time_unit_s = seconds ? 1.0 : 60.0;
    for (int i = 0; i < file->spec->count; i++) {
        const struct kt_sim_operator *op = &file->spec->operators[i];
        file->column[i] = -1;
        if (op->inputs_count > 0) {
            continue;
        }
        units += op->unit_rate;
        file->column[i] = whole > 0 ? whole : kt_csv_column(file->csv, op->id);
        if (file->column[i] <= 0) {
            return kt_csv_fail(file->csv, error,
                               "expected a column 'records_per_second', or one for each source: "
                               "'%s' has none",
                               op->id);
        }
    }
    for (int i = 0; i < file->spec->count; i++) {
        file->share[i] = whole > 0 ? file->spec->operators[i].unit_rate / units : 1.0;
    }
    return check_columns(file, error);
}

/* The row that was read last. first_s: time of the first one; before: the one before it, or NULL.
 */
static enum kt_err read_row(const struct rates_file *file, struct kt_arena *arena, double first_s,
                            const struct kt_sim_rate *before, struct kt_sim_rate *rate,
                            struct kt_error *error) {
    double time = 0.0;
    double *per_op = kt_arena_array(arena, (size_t)file->spec->count, sizeof *per_op);
    if (per_op == NULL) {
        (void)kt_csv_fail(file->csv, error, "too many rates");
        return KT_ERR_LIMIT;
    }
    enum kt_err err = kt_csv_number(file->csv, 0, 0.0, TIME_MAX, &time, error);
    rate->start_s = time * file->time_unit_s - first_s;
    if (err == KT_ERR_OK && before != NULL && rate->start_s <= before->start_s) {
        err = kt_csv_fail(file->csv, error, "expected a time after that of the row before");
    }
    if (err == KT_ERR_OK && before != NULL && rate->start_s > SPAN_MAX_DAYS * 86400.0) {
        err = kt_csv_fail(file->csv, error, "expected a time at most %d days after the first row's",
                          SPAN_MAX_DAYS);
    }
    for (int i = 0; i < file->spec->count && err == KT_ERR_OK; i++) {
        if (file->column[i] >= 0) {
            err = kt_csv_number(file->csv, file->column[i], 0.0, RATE_MAX, &per_op[i], error);
            per_op[i] *= file->share[i];
        }
    }
    rate->per_op = per_op;
    return err;
}

/* All rows, in memory of their own: the caller frees *levels, also on an error. */
static enum kt_err read_rows(const struct rates_file *file, struct kt_arena *arena,
                             struct kt_sim_rate **levels, int *count, struct kt_error *error) {
    int capacity = 0;
    double first_s = 0.0;
    enum kt_err err;
    while ((err = kt_csv_next(file->csv, error)) == KT_ERR_OK) {
        if (*count == KT_SIM_RATES_MAX) {
            (void)kt_csv_fail(file->csv, error, "expected at most %d rows", KT_SIM_RATES_MAX);
            return KT_ERR_LIMIT;
        }
        if (*count == capacity) {
            capacity = capacity == 0 ? 256 : 2 * capacity;
            struct kt_sim_rate *grown = realloc(*levels, (size_t)capacity * sizeof **levels);
            if (grown == NULL) {
                return kt_fail(error, KT_ERR_NOMEM, "no memory for %d rates", capacity);
            }
            *levels = grown;
        }
        struct kt_sim_rate *rate = &(*levels)[*count];
        err = read_row(file, arena, first_s, *count > 0 ? rate - 1 : NULL, rate, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        if (*count == 0) {
            first_s = rate->start_s;
            rate->start_s = 0.0;
        }
        (*count)++;
    }
    if (err != KT_ERR_NOT_FOUND) {
        return err;
    }
    if (*count == 0) {
        (void)kt_csv_fail(file->csv, error, "expected at least one row");
        return KT_ERR_PARSE;
    }
    return KT_ERR_OK;
}

static enum kt_err read_csv(struct kt_csv *csv, const struct kt_sim_spec *spec,
                            struct kt_arena *arena, struct kt_sim_rates *rates,
                            struct kt_error *error) {
    struct rates_file file = {.csv = csv, .spec = spec};
    struct kt_sim_rate *levels = NULL;
    int count = 0;
    enum kt_err err = find_columns(&file, error);
    if (err == KT_ERR_OK) {
        err = read_rows(&file, arena, &levels, &count, error);
    }
    if (err == KT_ERR_OK) {
        struct kt_sim_rate *kept = kt_arena_array(arena, (size_t)count, sizeof *kept);
        if (kept == NULL) {
            err = kt_fail(error, KT_ERR_LIMIT, "no memory for %d rates", count);
        } else {
            memcpy(kept, levels, (size_t)count * sizeof *kept);
            const double last_s = kept[count - 1].start_s;
            rates->levels = kept;
            rates->count = count;
            rates->end_s = count == 1 ? SINGLE_S : last_s + (last_s - kept[count - 2].start_s);
        }
    }
    free(levels);
    kt_csv_close(csv);
    return err;
}

enum kt_err kt_sim_rates_read_stream(FILE *in, const char *path, const struct kt_sim_spec *spec,
                                     struct kt_arena *arena, struct kt_sim_rates *rates,
                                     struct kt_error *error) {
    struct kt_csv *csv;
    const enum kt_err err = kt_csv_open_stream(in, path, &csv, error);
    return err != KT_ERR_OK ? err : read_csv(csv, spec, arena, rates, error);
}

enum kt_err kt_sim_rates_read(const char *path, const struct kt_sim_spec *spec,
                              struct kt_arena *arena, struct kt_sim_rates *rates,
                              struct kt_error *error) {
    struct kt_csv *csv;
    const enum kt_err err = kt_csv_open(path, &csv, error);
    return err != KT_ERR_OK ? err : read_csv(csv, spec, arena, rates, error);
}
