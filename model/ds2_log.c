/* SPDX-License-Identifier: GPL-3.0-or-later
 * The text files of DS2's own program: rate logs, topologies, source rates. */
#include "model/ds2_log.h"

#include "schemas/evidence.h"
#include "schemas/metric_event.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BLANKS KT_STR(" \t\r\v\f")

#define FIELDS_MAX 8

/* ---- lines and fields ----------------------------------------------------------------------- */

struct reader {
    const char *file;
    struct kt_str rest; /* of the text */
    int64_t line;       /* number of the line in `fields`, from 1 */
    struct kt_str fields[FIELDS_MAX];
    size_t count; /* fields found, at most FIELDS_MAX */
};

/* Takes what stands before the next separator off the text. */
static struct kt_str cut(struct kt_str *text, char separator) {
    const char *end = text->len == 0 ? NULL : memchr(text->data, separator, text->len);
    const size_t len = end == NULL ? text->len : (size_t)(end - text->data);
    const struct kt_str part = {text->data, len};
    const size_t used = end == NULL ? len : len + 1;
    *text = (struct kt_str){text->data + used, text->len - used};
    return part;
}

/* The fields of the next line that has any; false at the end. */
static bool next_line(struct reader *reader) {
    while (reader->rest.len > 0) {
        struct kt_str line = kt_str_trim(cut(&reader->rest, '\n'), BLANKS);
        reader->line++;
        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }
        for (reader->count = 0; reader->count < FIELDS_MAX && line.data != NULL;) {
            const bool last = memchr(line.data, ',', line.len) == NULL;
            reader->fields[reader->count++] = kt_str_trim(cut(&line, ','), BLANKS);
            if (last) {
                break;
            }
        }
        return true;
    }
    return false;
}

static enum kt_err bad_field(const struct reader *reader, size_t field, const char *name,
                             const char *expected, struct kt_error *error) {
    const struct kt_str s = reader->fields[field];
    return kt_fail(error, KT_ERR_PARSE, "%s:%" PRId64 ": %s is '%.*s', expected %s", reader->file,
                   reader->line, name, (int)(s.len > 60 ? 60 : s.len), s.data, expected);
}

static enum kt_err need_fields(const struct reader *reader, size_t count, const char *expected,
                               struct kt_error *error) {
    if (reader->count < count) {
        return kt_fail(error, KT_ERR_PARSE, "%s:%" PRId64 ": %zu fields, expected %zu: %s",
                       reader->file, reader->line, reader->count, count, expected);
    }
    return KT_ERR_OK;
}

static enum kt_err read_id(const struct reader *reader, size_t field, const char *name,
                           struct kt_str *id, struct kt_error *error) {
    *id = reader->fields[field];
    if (id->len == 0 || id->len > KT_NAME_BYTES_MAX) {
        return bad_field(reader, field, name, "a name", error);
    }
    return KT_ERR_OK;
}

/* A decimal number with nothing around it: no hexadecimal, no infinity, no NaN. */
static bool to_number(struct kt_str s, double *value) {
    char text[64];
    if (s.len == 0 || s.len >= sizeof text) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (strchr("+-.eE0123456789", s.data[i]) == NULL || s.data[i] == '\0') {
            return false;
        }
    }
    memcpy(text, s.data, s.len);
    text[s.len] = '\0';
    char *end = NULL;
    *value = strtod(text, &end);
    return end == text + s.len && isfinite(*value);
}

static enum kt_err read_rate(const struct reader *reader, size_t field, const char *name,
                             double *rate, struct kt_error *error) {
    if (!to_number(reader->fields[field], rate) || *rate < 0) {
        return bad_field(reader, field, name, "a number of at least 0", error);
    }
    return KT_ERR_OK;
}

static bool to_integer(struct kt_str s, uint64_t max, uint64_t *value) {
    *value = 0;
    const size_t first = s.len > 1 && s.data[0] == '+';
    for (size_t i = first; i < s.len; i++) {
        const unsigned digit = (unsigned)(unsigned char)s.data[i] - '0';
        if (digit > 9 || *value > (max - digit) / 10) {
            return false;
        }
        *value = *value * 10 + digit;
    }
    return s.len > 0;
}

static enum kt_err read_instances(const struct reader *reader, size_t field, const char *name,
                                  int32_t *instances, struct kt_error *error) {
    uint64_t value = 0;
    if (!to_integer(reader->fields[field], KT_PARALLELISM_MAX, &value) || value < 1) {
        return bad_field(reader, field, name, "a whole number of 1 to 32768", error);
    }
    *instances = (int32_t)value;
    return KT_ERR_OK;
}

/* An upper bound of the lines that hold something. */
static size_t count_lines(struct kt_str text) {
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++) {
        lines += text.data[i] == '\n';
    }
    return lines;
}

static enum kt_err no_room(const char *file, struct kt_error *error) {
    return kt_fail(error, KT_ERR_LIMIT, "%s: too large", file);
}

/* ---- rate logs ------------------------------------------------------------------------------ */

struct row {
    size_t op; /* index in the log's operators */
    struct kt_str instance;
    uint64_t timestamp;
    int64_t line;
    int32_t instances;
    size_t epoch;
    struct kt_ds2_rates rates;
};

/* A row in the order of numbering; rows themselves stay in the order of their lines. */
struct place {
    struct row *row;
};

/* By operator, instance, time, line. */
static int compare_places(const void *pa, const void *pb) {
    const struct row *a = ((const struct place *)pa)->row;
    const struct row *b = ((const struct place *)pb)->row;
    if (a->op != b->op) {
        return a->op < b->op ? -1 : 1;
    }
    const int c = kt_str_compare(a->instance, b->instance);
    if (c != 0) {
        return c;
    }
    if (a->timestamp != b->timestamp) {
        return a->timestamp < b->timestamp ? -1 : 1;
    }
    return (a->line > b->line) - (a->line < b->line);
}

static enum kt_err read_row(const struct reader *reader, struct row *row, struct kt_str *id,
                            struct kt_error *error) {
    static const char *const names[] = {"true_processing_rate", "true_output_rate",
                                        "observed_processing_rate", "observed_output_rate"};
    double *const rates[] = {&row->rates.true_processing, &row->rates.true_output,
                             &row->rates.observed_processing, &row->rates.observed_output};
    enum kt_err err = need_fields(
        reader, 8,
        "operator_id,operator_instance_id,total_number_of_operator_instances,epoch_timestamp,"
        "true_processing_rate,true_output_rate,observed_processing_rate,observed_output_rate",
        error);
    if (err == KT_ERR_OK) {
        err = read_id(reader, 0, "operator_id", id, error);
    }
    if (err == KT_ERR_OK) {
        err = read_id(reader, 1, "operator_instance_id", &row->instance, error);
    }
    if (err == KT_ERR_OK) {
        err =
            read_instances(reader, 2, "total_number_of_operator_instances", &row->instances, error);
    }
    if (err == KT_ERR_OK && !to_integer(reader->fields[3], UINT64_MAX, &row->timestamp)) {
        err = bad_field(reader, 3, "epoch_timestamp", "a whole number of at least 0", error);
    }
    for (size_t i = 0; i < 4 && err == KT_ERR_OK; i++) {
        err = read_rate(reader, 4 + i, names[i], rates[i], error);
    }
    row->line = reader->line;
    return err;
}

/* Index of the operator, added if it is new; rows of one operator mostly stand together. */
static size_t find_operator(struct kt_ds2_log *log, struct kt_str id, size_t last) {
    if (last < log->operators.count && kt_str_equal(log->operators.items[last].id, id)) {
        return last;
    }
    for (size_t i = 0; i < log->operators.count; i++) {
        if (kt_str_equal(log->operators.items[i].id, id)) {
            return i;
        }
    }
    if (log->operators.count == KT_OPERATORS_MAX) {
        return SIZE_MAX;
    }
    log->operators.items[log->operators.count].id = id;
    return log->operators.count++;
}

/* Numbers every row by its place among its instance's, and makes each operator's epochs. */
static enum kt_err number_epochs(const char *file, struct row *rows, size_t count,
                                 struct kt_arena *arena, struct kt_ds2_log *log,
                                 struct kt_error *error) {
    struct place *sorted = kt_arena_array(arena, count, sizeof *sorted);
    if (sorted == NULL) {
        return no_room(file, error);
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i].row = &rows[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_places);
    for (size_t i = 0; i < count; i++) {
        const struct row *before = i == 0 ? NULL : sorted[i - 1].row;
        struct row *row = sorted[i].row;
        const bool same = before != NULL && before->op == row->op &&
                          kt_str_equal(before->instance, row->instance);
        row->epoch = same ? before->epoch + 1 : 0;
        struct kt_ds2_log_operator *op = &log->operators.items[row->op];
        if (row->epoch >= op->epochs.count) {
            op->epochs.count = row->epoch + 1;
        }
    }
    for (size_t i = 0; i < log->operators.count; i++) {
        struct kt_ds2_log_operator *op = &log->operators.items[i];
        op->epochs.items = kt_arena_array(arena, op->epochs.count, sizeof *op->epochs.items);
        if (op->epochs.items == NULL) {
            return no_room(file, error);
        }
    }
    return KT_ERR_OK;
}

static enum kt_err add_row(const char *file, const struct row *row, struct kt_ds2_log *log,
                           struct kt_error *error) {
    const struct kt_ds2_log_operator *op = &log->operators.items[row->op];
    struct kt_ds2_epoch *epoch = &op->epochs.items[row->epoch];
    if (epoch->logged == 0) {
        epoch->instances = row->instances;
        epoch->line = row->line;
    } else if (epoch->instances != row->instances) {
        return kt_fail(error, KT_ERR_PARSE,
                       "%s:%" PRId64 ": operator '%.*s' has %d instances in epoch %zu, but %d in "
                       "line %" PRId64,
                       file, row->line, KT_STR_ARG(op->id), row->instances, row->epoch,
                       epoch->instances, epoch->line);
    }
    epoch->logged++;
    epoch->rates.true_processing += row->rates.true_processing;
    epoch->rates.true_output += row->rates.true_output;
    epoch->rates.observed_processing += row->rates.observed_processing;
    epoch->rates.observed_output += row->rates.observed_output;
    return KT_ERR_OK;
}

enum kt_err kt_ds2_log_parse(const char *file, struct kt_str text, struct kt_arena *arena,
                             struct kt_ds2_log *log, struct kt_error *error) {
    *log = (struct kt_ds2_log){.operators = {NULL, 0}};
    struct row *rows = kt_arena_array(arena, count_lines(text), sizeof *rows);
    log->operators.items = kt_arena_array(arena, KT_OPERATORS_MAX, sizeof *log->operators.items);
    if (rows == NULL || log->operators.items == NULL) {
        return no_room(file, error);
    }
    struct reader reader = {.file = file, .rest = text};
    size_t count = 0;
    size_t op = 0;
    while (next_line(&reader)) {
        struct kt_str id = {NULL, 0};
        enum kt_err err = read_row(&reader, &rows[count], &id, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        op = find_operator(log, id, op);
        if (op == SIZE_MAX) {
            return kt_fail(error, KT_ERR_LIMIT, "%s:%" PRId64 ": more than %d operators", file,
                           reader.line, KT_OPERATORS_MAX);
        }
        rows[count++].op = op;
    }
    enum kt_err err = number_epochs(file, rows, count, arena, log, error);
    for (size_t i = 0; i < count && err == KT_ERR_OK; i++) {
        err = add_row(file, &rows[i], log, error);
    }
    return err;
}

/* ---- topologies ----------------------------------------------------------------------------- */

static enum kt_err read_node(const struct reader *reader, size_t field,
                             struct kt_ds2_topology *topology, int32_t *index,
                             struct kt_error *error) {
    struct kt_ds2_node node;
    enum kt_err err = read_id(reader, field, "operator id", &node.id, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    node.name = reader->fields[field + 1];
    err = read_instances(reader, field + 2, "number of instances", &node.instances, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    for (size_t i = 0; i < topology->nodes.count; i++) {
        const struct kt_ds2_node *known = &topology->nodes.items[i];
        if (!kt_str_equal(known->id, node.id)) {
            continue;
        }
        if (known->instances != node.instances || !kt_str_equal(known->name, node.name)) {
            return kt_fail(error, KT_ERR_PARSE,
                           "%s:%" PRId64 ": operator '%.*s' comes as '%.*s' with %d instances, but "
                           "came as '%.*s' with %d",
                           reader->file, reader->line, KT_STR_ARG(node.id), KT_STR_ARG(node.name),
                           node.instances, KT_STR_ARG(known->name), known->instances);
        }
        *index = (int32_t)i;
        return KT_ERR_OK;
    }
    if (topology->nodes.count == KT_OPERATORS_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "%s:%" PRId64 ": more than %d operators", reader->file,
                       reader->line, KT_OPERATORS_MAX);
    }
    *index = (int32_t)topology->nodes.count;
    topology->nodes.items[topology->nodes.count++] = node;
    return KT_ERR_OK;
}

static void add_edge(struct kt_ds2_topology *topology, struct kt_ds2_edge edge) {
    for (size_t i = 0; i < topology->edges.count; i++) {
        const struct kt_ds2_edge known = topology->edges.items[i];
        if (known.from == edge.from && known.to == edge.to) {
            return;
        }
    }
    topology->edges.items[topology->edges.count++] = edge;
}

enum kt_err kt_ds2_topology_parse(const char *file, struct kt_str text, struct kt_arena *arena,
                                  struct kt_ds2_topology *topology, struct kt_error *error) {
    *topology = (struct kt_ds2_topology){.nodes = {NULL, 0}};
    topology->nodes.items = kt_arena_array(arena, KT_OPERATORS_MAX, sizeof *topology->nodes.items);
    topology->edges.items = kt_arena_array(arena, count_lines(text), sizeof *topology->edges.items);
    if (topology->nodes.items == NULL || topology->edges.items == NULL) {
        return no_room(file, error);
    }
    struct reader reader = {.file = file, .rest = text};
    while (next_line(&reader)) {
        struct kt_ds2_edge edge = {0, 0};
        enum kt_err err = need_fields(&reader, 6,
                                      "operator_id1,operator_name1,instances1,operator_id2,"
                                      "operator_name2,instances2",
                                      error);
        if (err == KT_ERR_OK) {
            err = read_node(&reader, 0, topology, &edge.from, error);
        }
        if (err == KT_ERR_OK) {
            err = read_node(&reader, 3, topology, &edge.to, error);
        }
        if (err != KT_ERR_OK) {
            return err;
        }
        add_edge(topology, edge);
    }
    if (topology->edges.count == 0) {
        return kt_fail(error, KT_ERR_PARSE, "%s:%" PRId64 ": no edge in the whole file", file,
                       reader.line);
    }
    return KT_ERR_OK;
}

/* ---- source rates --------------------------------------------------------------------------- */

enum kt_err kt_ds2_source_rates_parse(const char *file, struct kt_str text, struct kt_arena *arena,
                                      struct kt_ds2_source_rates *rates, struct kt_error *error) {
    *rates = (struct kt_ds2_source_rates){.rates = {NULL, 0}};
    rates->rates.items = kt_arena_array(arena, count_lines(text), sizeof *rates->rates.items);
    if (rates->rates.items == NULL) {
        return no_room(file, error);
    }
    struct reader reader = {.file = file, .rest = text};
    while (next_line(&reader)) {
        struct kt_ds2_source_rate *rate = &rates->rates.items[rates->rates.count];
        enum kt_err err =
            need_fields(&reader, 2, "source_operator_name,output_rate_per_instance", error);
        if (err == KT_ERR_OK) {
            err = read_id(&reader, 0, "source_operator_name", &rate->source, error);
        }
        if (err != KT_ERR_OK) {
            return err;
        }
        if (!to_number(reader.fields[1], &rate->rate_per_instance) ||
            (rate->rate_per_instance < 0 && rate->rate_per_instance != KT_DS2_RATE_OBSERVED)) {
            return bad_field(&reader, 1, "output_rate_per_instance",
                             "a number of at least 0, or -1 for the observed rate", error);
        }
        rate->line = reader.line;
        rates->rates.count++;
    }
    return KT_ERR_OK;
}
