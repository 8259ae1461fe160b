/* SPDX-License-Identifier: GPL-3.0-or-later
 * Comma-separated files with a header line: one record per line, fields in double quotes where they
 * hold a comma or a quote (doubled). Empty lines and lines that begin with # are passed over. */
#ifndef KT_OPS_CSV_H
#define KT_OPS_CSV_H

#include "schemas/error.h"
#include "schemas/str.h"

#include <stdio.h>

#define KT_CSV_COLUMNS_MAX 64

struct kt_csv;

/* Opens the file ("-": stdin) and reads its header. KT_ERR_IO, KT_ERR_PARSE. All messages begin
 * with file and line. */
KT_MUST_CHECK enum kt_err kt_csv_open(const char *path, struct kt_csv **out,
                                      struct kt_error *error);
/* The same from an open stream, which is taken (and closed, unless it is stdin), also on an error.
 * path: what messages call it. */
KT_MUST_CHECK enum kt_err kt_csv_open_stream(FILE *in, const char *path, struct kt_csv **out,
                                             struct kt_error *error);
void kt_csv_close(struct kt_csv *csv);

/* Index of a column of the header, or -1. */
int kt_csv_column(const struct kt_csv *csv, const char *name);
/* Its name, or NULL behind the last one. */
const char *kt_csv_column_name(const struct kt_csv *csv, int column);

/* Reads the next record. KT_ERR_NOT_FOUND at the end; KT_ERR_PARSE: malformed, or not as many
 * fields as the header has. */
KT_MUST_CHECK enum kt_err kt_csv_next(struct kt_csv *csv, struct kt_error *error);
/* Line of the record, from 1. */
int kt_csv_line(const struct kt_csv *csv);

/* A field of the record, NUL-terminated, valid until the next one is read. Column -1: empty. */
struct kt_str kt_csv_field(const struct kt_csv *csv, int column);
/* The field as a number within bounds (inclusive). KT_ERR_PARSE says what was expected. */
KT_MUST_CHECK enum kt_err kt_csv_integer(const struct kt_csv *csv, int column, int64_t min,
                                         int64_t max, int64_t *value, struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_csv_number(const struct kt_csv *csv, int column, double min,
                                        double max, double *value, struct kt_error *error);

/* KT_ERR_PARSE with file and line in front. */
enum kt_err kt_csv_fail(const struct kt_csv *csv, struct kt_error *error, const char *format, ...)
    KT_PRINTF(3, 4);

/* Writes one field (without a line break), quoted if it must be; separators are the caller's. */
void kt_csv_put(FILE *out, struct kt_str field);

#endif
