/* SPDX-License-Identifier: GPL-3.0-or-later
 * Comma-separated files with a header line. */
#include "ops/csv.h"

#include "schemas/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define LINE_BYTES_MAX  65536
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

struct kt_csv {
    char *path;
    FILE *in;
    int line;
    char *text; /* LINE_BYTES_MAX + 2 bytes: the record, cut into fields in place */
    char *header;
    size_t column_count;
    const char *columns[KT_CSV_COLUMNS_MAX];
    size_t field_count;
    struct kt_str fields[KT_CSV_COLUMNS_MAX];
};

enum kt_err kt_csv_fail(const struct kt_csv *csv, struct kt_error *error, const char *format, ...) {
    struct kt_error inner;
    va_list args;
    va_start(args, format);
    vsnprintf(inner.message, sizeof inner.message, format, args);
    va_end(args);
    return kt_fail(error, KT_ERR_PARSE, "%s:%d: %s", csv->path, csv->line, inner.message);
}

/* Reads the next line that is not empty and no comment into text, without its end. */
static enum kt_err read_line(struct kt_csv *csv, struct kt_error *error) {
    for (;;) {
        errno = 0;
        if (fgets(csv->text, LINE_BYTES_MAX + 2, csv->in) == NULL) {
            return ferror(csv->in)
                       ? kt_fail(error, KT_ERR_IO, "%s: %s", csv->path, strerror(errno))
                       : kt_fail(error, KT_ERR_NOT_FOUND, "%s: no more lines", csv->path);
        }
        csv->line++;
        size_t len = strlen(csv->text);
        if (len > LINE_BYTES_MAX) {
            return kt_csv_fail(csv, error, "expected a line of at most %d bytes", LINE_BYTES_MAX);
        }
        if (len == 0 || (csv->text[len - 1] != '\n' && !feof(csv->in))) {
            return kt_csv_fail(csv, error, "expected text, got a NUL byte");
        }
        while (len > 0 && (csv->text[len - 1] == '\n' || csv->text[len - 1] == '\r')) {
            csv->text[--len] = '\0';
        }
        if (csv->line == 1 && strncmp(csv->text, BYTE_ORDER_MARK, 3) == 0) {
            len -= 3;
            memmove(csv->text, csv->text + 3, len + 1);
        }
        if (!kt_utf8_valid((struct kt_str){csv->text, len})) {
            return kt_csv_fail(csv, error, "expected UTF-8 text");
        }
        if (len > 0 && csv->text[0] != '#') {
            return KT_ERR_OK;
        }
    }
}

/* Cuts one field off *at, unquoting it in place; *at is NULL behind the last one. */
static enum kt_err cut_field(const struct kt_csv *csv, char **at, struct kt_str *field,
                             struct kt_error *error) {
    char *from = *at, *to = *at;
    field->data = to;
    const bool quoted = *from == '"';
    from += quoted;
    for (; *from != '\0'; from++) {
        if (quoted && from[0] == '"' && from[1] != '"') {
            break;
        }
        if (!quoted && *from == ',') {
            break;
        }
        from += quoted && from[0] == '"';
        *to++ = *from;
    }
    if (quoted && *from++ != '"') {
        return kt_csv_fail(csv, error, "expected a closing quote");
    }
    if (*from != ',' && *from != '\0') {
        return kt_csv_fail(csv, error, "expected a comma behind the closing quote");
    }
    *at = *from == ',' ? from + 1 : NULL;
    *to = '\0';
    field->len = (size_t)(to - field->data);
    return KT_ERR_OK;
}

static enum kt_err cut_line(struct kt_csv *csv, struct kt_error *error) {
    csv->field_count = 0;
    for (char *at = csv->text; at != NULL;) {
        if (csv->field_count == KT_CSV_COLUMNS_MAX) {
            return kt_csv_fail(csv, error, "expected at most %d columns", KT_CSV_COLUMNS_MAX);
        }
        const enum kt_err err = cut_field(csv, &at, &csv->fields[csv->field_count], error);
        if (err != KT_ERR_OK) {
            return err;
        }
        csv->field_count++;
    }
    return KT_ERR_OK;
}

static enum kt_err read_header(struct kt_csv *csv, struct kt_error *error) {
    enum kt_err err = read_line(csv, error);
    if (err == KT_ERR_NOT_FOUND) {
        return kt_fail(error, KT_ERR_PARSE, "%s:1: expected a header line", csv->path);
    }
    if (err == KT_ERR_OK) {
        err = cut_line(csv, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    csv->header = csv->text; /* the names stay in it; records get a buffer of their own */
    for (size_t i = 0; i < csv->field_count; i++) {
        csv->columns[i] = csv->fields[i].data;
        if (kt_csv_column(csv, csv->columns[i]) >= 0) {
            return kt_csv_fail(csv, error, "the column '%s' is there twice", csv->columns[i]);
        }
        csv->column_count++;
    }
    csv->text = malloc(LINE_BYTES_MAX + 2);
    return csv->text == NULL ? kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", csv->path)
                             : KT_ERR_OK;
}

enum kt_err kt_csv_open_stream(FILE *in, const char *path, struct kt_csv **out,
                               struct kt_error *error) {
    *out = NULL;
    enum kt_err err;
    struct kt_csv *csv = calloc(1, sizeof *csv);
    if (csv == NULL) {
        if (in != stdin) {
            fclose(in);
        }
        return kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", path);
    }
    csv->in = in;
    csv->path = strdup(path);
    csv->text = malloc(LINE_BYTES_MAX + 2);
    if (csv->path == NULL || csv->text == NULL) {
        err = kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", path);
    } else {
        err = read_header(csv, error);
    }
    if (err != KT_ERR_OK) {
        kt_csv_close(csv);
        return err;
    }
    *out = csv;
    return KT_ERR_OK;
}

enum kt_err kt_csv_open(const char *path, struct kt_csv **out, struct kt_error *error) {
    *out = NULL;
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (in == NULL) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", path, strerror(errno));
    }
    return kt_csv_open_stream(in, path, out, error);
}

void kt_csv_close(struct kt_csv *csv) {
    if (csv == NULL) {
        return;
    }
    if (csv->in != NULL && csv->in != stdin) {
        fclose(csv->in);
    }
    if (csv->header != csv->text) {
        free(csv->header);
    }
    free(csv->text);
    free(csv->path);
    free(csv);
}

int kt_csv_column(const struct kt_csv *csv, const char *name) {
    for (size_t i = 0; i < csv->column_count; i++) {
        if (strcmp(csv->columns[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *kt_csv_column_name(const struct kt_csv *csv, int column) {
    return column >= 0 && (size_t)column < csv->column_count ? csv->columns[column] : NULL;
}

enum kt_err kt_csv_next(struct kt_csv *csv, struct kt_error *error) {
    enum kt_err err = read_line(csv, error);
    if (err == KT_ERR_OK) {
        err = cut_line(csv, error);
    }
    if (err == KT_ERR_OK && csv->field_count != csv->column_count) {
        err = kt_csv_fail(csv, error, "expected %zu fields as in the header, got %zu",
                          csv->column_count, csv->field_count);
    }
    return err;
}

int kt_csv_line(const struct kt_csv *csv) {
    return csv->line;
}

struct kt_str kt_csv_field(const struct kt_csv *csv, int column) {
    return column < 0 || (size_t)column >= csv->field_count ? KT_STR("") : csv->fields[column];
}

enum kt_err kt_csv_integer(const struct kt_csv *csv, int column, int64_t min, int64_t max,
                           int64_t *value, struct kt_error *error) {
    const struct kt_str field = kt_csv_field(csv, column);
    char *end = NULL;
    errno = 0;
    const long long read = strtoll(field.data, &end, 10);
    if (end == field.data || *end != '\0' || errno != 0 || read < min || read > max) {
        return kt_csv_fail(csv, error, "%s: expected an integer from %lld to %lld, got '%.*s'",
                           column < 0 ? "?" : csv->columns[column], (long long)min, (long long)max,
                           KT_STR_ARG(field));
    }
    *value = read;
    return KT_ERR_OK;
}

enum kt_err kt_csv_number(const struct kt_csv *csv, int column, double min, double max,
                          double *value, struct kt_error *error) {
    const struct kt_str field = kt_csv_field(csv, column);
    char *end = NULL;
    *value = strtod(field.data, &end);
    if (end == field.data || *end != '\0' || !isfinite(*value) || *value < min || *value > max) {
        return kt_csv_fail(csv, error, "%s: expected a number from %g to %g, got '%.*s'",
                           column < 0 ? "?" : csv->columns[column], min, max, KT_STR_ARG(field));
    }
    return KT_ERR_OK;
}

void kt_csv_put(FILE *out, struct kt_str field) {
    if (field.len == 0) {
        return;
    }
    const bool plain = memchr(field.data, ',', field.len) == NULL &&
                       memchr(field.data, '"', field.len) == NULL &&
                       memchr(field.data, '\r', field.len) == NULL && field.data[0] != '#';
    if (plain) {
        fprintf(out, "%.*s", KT_STR_ARG(field));
        return;
    }
    fputc('"', out);
    for (size_t i = 0; i < field.len; i++) {
        if (field.data[i] == '"') {
            fputc('"', out);
        }
        fputc(field.data[i], out);
    }
    fputc('"', out);
}
