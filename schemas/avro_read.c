/* SPDX-License-Identifier: GPL-3.0-or-later
 * Executes a plan: reads one Avro body into a C struct.
 *
 * Everything in the bytes is hostile until checked. A read never goes beyond `end`; a length or a
 * count is compared with what is left before anything is done with it, so that no allocation is
 * larger than a small multiple of the message. The work is bounded too: a loop either consumes
 * bytes or is bounded by the table, and values that take no bytes are not looped over.
 *
 * On the good path nothing is recorded about where we are. A failure notes its reason, and each
 * level adds its field's name on the way out. */
#include "schemas/avro_plan.h"

#include "schemas/avro_steps.h"
#include "schemas/utf8.h"

#include <stdio.h>

/* Values inside values that are skipped: a recursive type could go on for ever. */
#define SKIP_DEPTH_MAX 256

struct reader {
    const unsigned char *at;
    const unsigned char *start;
    const unsigned char *end;
    struct kt_arena *arena;
    enum kt_err code;
    char reason[160];
    char path[256]; /* filled from its end to its start */
    size_t path_at;
};

#define LIKELY(condition) __builtin_expect(!!(condition), 1)

static size_t bytes_left(const struct reader *r) {
    return (size_t)(r->end - r->at);
}

KT_PRINTF(3, 4)
static bool fail(struct reader *r, enum kt_err code, const char *format, ...) {
    r->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(r->reason, sizeof r->reason, format, args);
    va_end(args);
    return false;
}

static bool truncated(struct reader *r) {
    return fail(r, KT_ERR_TRUNCATED, "the record ends here");
}

/* Puts a field's name or an item's index in front of the path; what does not fit is left out. */
static void path_prepend(struct reader *r, const char *text, bool item) {
    const size_t len = strlen(text);
    const bool dot = !item && r->path[r->path_at] != '\0' && r->path[r->path_at] != '[';
    if (len + dot <= r->path_at) {
        r->path_at -= dot;
        if (dot) {
            r->path[r->path_at] = '.';
        }
        r->path_at -= len;
        memcpy(r->path + r->path_at, text, len);
    }
}

static void path_prepend_index(struct reader *r, size_t index) {
    char text[32];
    /* The item's own field follows after a dot. */
    if (r->path[r->path_at] != '\0' && r->path_at > 0) {
        r->path[--r->path_at] = '.';
    }
    snprintf(text, sizeof text, "[%zu]", index);
    path_prepend(r, text, true);
}

/* ---- primitives -------------------------------------------------------------------------- */

/* A zig-zag varint of at most 64 bits. */
static bool read_long_slow(struct reader *r, int64_t *value) {
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->at == r->end) {
            return truncated(r);
        }
        const unsigned char byte = *r->at++;
        if (shift == 63 && byte > 1) {
            break;
        }
        bits |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return true;
        }
    }
    return fail(r, KT_ERR_DECODE, "a number has more than 64 bits");
}

static inline bool read_long(struct reader *r, int64_t *value) {
    if (LIKELY(r->at < r->end && *r->at < 0x80)) {
        const unsigned byte = *r->at++;
        *value = (int64_t)(byte >> 1) ^ -(int64_t)(byte & 1);
        return true;
    }
    return read_long_slow(r, value);
}

static bool read_int(struct reader *r, int64_t *value) {
    if (!read_long(r, value)) {
        return false;
    }
    return LIKELY(*value >= INT32_MIN && *value <= INT32_MAX)
               ? true
               : fail(r, KT_ERR_DECODE, "an int has more than 32 bits");
}

static bool read_bool(struct reader *r, bool *value) {
    if (r->at == r->end) {
        return truncated(r);
    }
    if (*r->at > 1) {
        return fail(r, KT_ERR_DECODE, "a boolean is %u", *r->at);
    }
    *value = *r->at++ == 1;
    return true;
}

/* count little-endian bytes as an unsigned number. */
static bool read_little_endian(struct reader *r, size_t count, uint64_t *bits) {
    if (bytes_left(r) < count) {
        return truncated(r);
    }
    *bits = 0;
    for (size_t i = 0; i < count; i++) {
        *bits |= (uint64_t)r->at[i] << (8 * i);
    }
    r->at += count;
    return true;
}

static bool read_double(struct reader *r, double *value) {
    uint64_t bits = 0;
    if (!read_little_endian(r, sizeof bits, &bits)) {
        return false;
    }
    memcpy(value, &bits, sizeof bits);
    return true;
}

static bool read_float(struct reader *r, double *value) {
    uint64_t bits = 0;
    if (!read_little_endian(r, sizeof(float), &bits)) {
        return false;
    }
    const uint32_t narrow = (uint32_t)bits;
    float number = 0;
    memcpy(&number, &narrow, sizeof number);
    *value = (double)number;
    return true;
}

/* A length that the rest of the bytes can hold. */
static bool read_length(struct reader *r, size_t *len) {
    int64_t value = 0;
    if (!read_long(r, &value)) {
        return false;
    }
    if (value < 0) {
        return fail(r, KT_ERR_DECODE, "a length is negative");
    }
    if ((uint64_t)value > bytes_left(r)) {
        return fail(r, KT_ERR_TRUNCATED, "%lld bytes are announced, %zu are left", (long long)value,
                    bytes_left(r));
    }
    *len = (size_t)value;
    return true;
}

static bool read_string(struct reader *r, struct kt_str *value) {
    size_t len = 0;
    if (!read_length(r, &len)) {
        return false;
    }
    const struct kt_str text = {(const char *)r->at, len};
    if (!kt_utf8_valid(text)) {
        return fail(r, KT_ERR_DECODE, "a string is not UTF-8");
    }
    *value = text;
    r->at += len;
    return true;
}

/* Index of a branch or symbol. */
static bool read_index(struct reader *r, size_t count, const char *what, size_t *index) {
    int64_t value = 0;
    if (!read_long(r, &value)) {
        return false;
    }
    if (value < 0 || (uint64_t)value >= count) {
        return fail(r, KT_ERR_DECODE, "%s %lld of %zu", what, (long long)value, count);
    }
    *index = (size_t)value;
    return true;
}

/* The head of an array's or map's block: *count items, 0 at the end. A negative count is followed
 * by the block's size; *bytes is that size, or SIZE_MAX when it is not said. */
static bool read_block(struct reader *r, uint32_t bytes_min, uint64_t *count, size_t *bytes) {
    int64_t value = 0;
    *bytes = SIZE_MAX;
    if (!read_long(r, &value)) {
        return false;
    }
    *count = value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
    if (value < 0 && !read_length(r, bytes)) {
        return false;
    }
    const size_t room = *bytes == SIZE_MAX ? bytes_left(r) : *bytes;
    if (bytes_min > 0 && *count > room / bytes_min) {
        return *bytes == SIZE_MAX
                   ? fail(r, KT_ERR_TRUNCATED, "%llu items are announced, %zu bytes are left",
                          (unsigned long long)*count, room)
                   : fail(r, KT_ERR_DECODE, "a block of %zu bytes announces %llu items", *bytes,
                          (unsigned long long)*count);
    }
    return true;
}

/* ---- values that are not wanted ---------------------------------------------------------- */

static bool skip_value(struct reader *r, const struct kt_avro_node *type, unsigned depth);

static bool skip_bytes(struct reader *r, uint64_t count) {
    if (count > bytes_left(r)) {
        return truncated(r);
    }
    r->at += count;
    return true;
}

static bool skip_blocks(struct reader *r, const struct kt_avro_node *type, unsigned depth) {
    const struct kt_avro_node *items = type->u.items;
    const uint32_t key_min = type->type == KT_AVRO_MAP ? 1 : 0;
    for (;;) {
        uint64_t count = 0;
        size_t bytes = 0;
        if (!read_block(r, items->bytes_min + key_min, &count, &bytes)) {
            return false;
        }
        if (count == 0) {
            return true;
        }
        if (bytes != SIZE_MAX) {
            r->at += bytes;
            continue;
        }
        /* Items without bytes: there is nothing to pass over. */
        for (uint64_t i = 0; items->bytes_min + key_min > 0 && i < count; i++) {
            size_t key = 0;
            if (key_min > 0 && (!read_length(r, &key) || !skip_bytes(r, key))) {
                return false;
            }
            if (!skip_value(r, items, depth)) {
                return false;
            }
        }
    }
}

static bool skip_record(struct reader *r, const struct kt_avro_node *type, unsigned depth) {
    for (size_t i = 0; i < type->count; i++) {
        if (!skip_value(r, type->u.fields[i].type, depth)) {
            return false;
        }
    }
    return true;
}

static bool skip_value(struct reader *r, const struct kt_avro_node *type, unsigned depth) {
    int64_t number = 0;
    size_t size = 0;
    bool flag = false;
    if (type->bytes_min == 0) {
        return true;
    }
    if (depth == SKIP_DEPTH_MAX) {
        return fail(r, KT_ERR_LIMIT, "values are nested deeper than %d", SKIP_DEPTH_MAX);
    }
    switch (type->type) {
    case KT_AVRO_NULL:
        return true;
    case KT_AVRO_BOOLEAN:
        return read_bool(r, &flag);
    case KT_AVRO_INT:
        return read_int(r, &number);
    case KT_AVRO_LONG:
        return read_long(r, &number);
    case KT_AVRO_FLOAT:
        return skip_bytes(r, sizeof(float));
    case KT_AVRO_DOUBLE:
        return skip_bytes(r, sizeof(double));
    case KT_AVRO_BYTES:
    case KT_AVRO_STRING:
        return read_length(r, &size) && skip_bytes(r, size);
    case KT_AVRO_FIXED:
        return skip_bytes(r, type->u.size);
    case KT_AVRO_ENUM:
        return read_index(r, type->count, "symbol", &size);
    case KT_AVRO_ARRAY:
    case KT_AVRO_MAP:
        return skip_blocks(r, type, depth + 1);
    case KT_AVRO_UNION:
        return read_index(r, type->count, "branch", &size) &&
               skip_value(r, type->u.branches[size], depth + 1);
    case KT_AVRO_RECORD:
        return skip_record(r, type, depth + 1);
    }
    return fail(r, KT_ERR_DECODE, "a type of no kind");
}

/* ---- steps ------------------------------------------------------------------------------- */

static bool run_program(struct reader *r, const struct kt_program *program, void *record);
static bool run_value(struct reader *r, const struct kt_step *step, void *record);

static bool read_symbol(struct reader *r, const struct kt_enum_step *symbols, int *value) {
    size_t index = 0;
    if (!read_index(r, symbols->count, "symbol", &index)) {
        return false;
    }
    *value = symbols->to[index];
    return *value >= 0 ? true
                       : fail(r, KT_ERR_DECODE, "symbol \"%.64s\" is not known here",
                              symbols->writer->u.symbols[index]);
}

/* Room for count items in all; doubling keeps the cost of many small blocks linear. */
static bool array_reserve(struct reader *r, const struct kt_array_step *step,
                          struct kt_array *array, size_t *capacity, size_t count) {
    if (count <= *capacity) {
        return true;
    }
    size_t wanted = *capacity * 2 > count ? *capacity * 2 : count;
    wanted = wanted > step->items_max ? step->items_max : wanted;
    void *items = kt_arena_array(r->arena, wanted, step->item_size);
    if (items == NULL) {
        return fail(r, KT_ERR_LIMIT, "no room for %zu items", wanted);
    }
    if (array->count > 0) {
        memcpy(items, array->items, array->count * step->item_size);
    }
    array->items = items;
    *capacity = wanted;
    return true;
}

static bool read_items(struct reader *r, const struct kt_array_step *step, struct kt_array *array,
                       size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *item = (char *)array->items + array->count * step->item_size;
        if (!run_value(r, &step->item, item)) {
            path_prepend_index(r, array->count);
            return false;
        }
        array->count++;
    }
    return true;
}

static bool read_array(struct reader *r, const struct kt_array_step *step, void *to) {
    struct kt_array array = {NULL, 0};
    size_t capacity = 0;
    for (;;) {
        uint64_t count = 0;
        size_t bytes = 0;
        if (!read_block(r, step->bytes_min, &count, &bytes)) {
            return false;
        }
        if (count == 0) {
            break;
        }
        if (count > step->items_max - array.count) {
            return fail(r, KT_ERR_LIMIT, "more than %zu items", step->items_max);
        }
        const unsigned char *begin = r->at;
        if (!array_reserve(r, step, &array, &capacity, array.count + (size_t)count) ||
            !read_items(r, step, &array, (size_t)count)) {
            return false;
        }
        if (bytes != SIZE_MAX && (size_t)(r->at - begin) != bytes) {
            return fail(r, KT_ERR_DECODE, "a block of %zu bytes took %zu", bytes,
                        (size_t)(r->at - begin));
        }
    }
    memcpy(to, &array, sizeof array);
    return true;
}

static bool read_union(struct reader *r, const struct kt_union_step *set, void *record) {
    size_t index = 0;
    return read_index(r, set->count, "branch", &index) &&
           run_value(r, &set->branches[index], record);
}

/* [null, T]: whether a value follows. */
static bool read_optional(struct reader *r, enum kt_optional optional, bool *present) {
    size_t index = 0;
    if (!read_index(r, 2, "branch", &index)) {
        return false;
    }
    *present = index == (optional == KT_NULL_FIRST ? 1 : 0);
    return true;
}

static bool read_widened(struct reader *r, enum kt_op op, double *value) {
    int64_t number = 0;
    if (op == KT_OP_FLOAT_TO_DOUBLE) {
        return read_float(r, value);
    }
    if (op == KT_OP_INT_TO_DOUBLE ? !read_int(r, &number) : !read_long(r, &number)) {
        return false;
    }
    *value = (double)number;
    return true;
}

static bool read_integer(struct reader *r, enum kt_op op, void *to) {
    int64_t number = 0;
    if (op == KT_OP_LONG ? !read_long(r, &number) : !read_int(r, &number)) {
        return false;
    }
    if (op == KT_OP_INT) {
        *(int32_t *)to = (int32_t)number;
    } else {
        *(int64_t *)to = number;
    }
    return true;
}

/* The value of a step, its optional union read already. */
static bool run_op(struct reader *r, const struct kt_step *step, void *record) {
    void *to = (char *)record + step->offset;
    switch ((enum kt_op)step->op) {
    case KT_OP_BOOL:
        return read_bool(r, to);
    case KT_OP_INT:
    case KT_OP_LONG:
    case KT_OP_INT_TO_LONG:
        return read_integer(r, (enum kt_op)step->op, to);
    case KT_OP_DOUBLE:
        return read_double(r, to);
    case KT_OP_FLOAT_TO_DOUBLE:
    case KT_OP_INT_TO_DOUBLE:
    case KT_OP_LONG_TO_DOUBLE:
        return read_widened(r, (enum kt_op)step->op, to);
    case KT_OP_STRING:
        return read_string(r, to);
    case KT_OP_ENUM:
        return read_symbol(r, step->with.symbols, to);
    case KT_OP_RECORD:
        return run_program(r, step->with.program, to);
    case KT_OP_ARRAY:
        return read_array(r, step->with.array, to);
    case KT_OP_UNION:
        return read_union(r, step->with.branches, record);
    case KT_OP_SKIP:
        return skip_value(r, step->with.skipped, 0);
    case KT_OP_NULL:
        return true;
    case KT_OP_REFUSE:
        break;
    }
    return fail(r, KT_ERR_DECODE, "a value of the writer's branch %.64s does not fit",
                kt_avro_node_name(step->with.skipped));
}

static bool run_value(struct reader *r, const struct kt_step *step, void *record) {
    if (step->optional != KT_ALWAYS) {
        bool present = false;
        if (!read_optional(r, (enum kt_optional)step->optional, &present)) {
            return false;
        }
        if (!present) {
            return true;
        }
    }
    if (!run_op(r, step, record)) {
        return false;
    }
    /* A union's bit is set by the branch that was taken. */
    if (step->bit != KT_NO_BIT && step->op != KT_OP_UNION && step->op != KT_OP_NULL) {
        *(uint64_t *)record |= UINT64_C(1) << step->bit;
    }
    return true;
}

static bool run_program(struct reader *r, const struct kt_program *program, void *record) {
    memcpy(record, program->prototype, program->size);
    for (size_t i = 0; i < program->count; i++) {
        if (!run_value(r, &program->steps[i], record)) {
            path_prepend(r, program->names[i], false);
            return false;
        }
    }
    return true;
}

enum kt_err kt_plan_read(const struct kt_plan *plan, const void *bytes, size_t len, size_t *used,
                         struct kt_arena *arena, void *record, struct kt_error *error) {
    static const unsigned char nothing[1] = {0};
    struct reader r;
    r.start = len == 0 ? nothing : bytes;
    r.at = r.start;
    r.end = r.start + len;
    r.arena = arena;
    r.path_at = sizeof r.path - 1;
    r.path[r.path_at] = '\0';
    if (!run_program(&r, plan->root, record)) {
        return kt_fail(error, r.code, "%s: %s (byte %zu of %zu)", r.path + r.path_at, r.reason,
                       (size_t)(r.at - r.start), len);
    }
    if (used != NULL) {
        *used = (size_t)(r.at - r.start);
    } else if (r.at != r.end) {
        return kt_fail(error, KT_ERR_DECODE, "%zu bytes follow the record", bytes_left(&r));
    }
    return KT_ERR_OK;
}
