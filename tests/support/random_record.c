/* SPDX-License-Identifier: GPL-3.0-or-later
 * Seeded random records of any type, and the comparison of two records. */
#include "support/random_record.h"

#include "ops/sim_random.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t random_u64(struct random_source *source) {
    return kt_sim_random_next(&source->state);
}

size_t random_below(struct random_source *source, size_t bound) {
    return (size_t)(random_u64(source) % bound);
}

/* Out of memory in a test ends it. */
static void *must(void *memory) {
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static int64_t random_long(struct random_source *source) {
    static const int64_t extremes[] = {0,   -1,  1,         63,        64,
                                       -64, -65, INT64_MAX, INT64_MIN, 1795332584342};
    if (random_below(source, 2) == 0) {
        return extremes[random_below(source, sizeof extremes / sizeof extremes[0])];
    }
    return (int64_t)(random_u64(source) >> random_below(source, 64));
}

static int32_t random_int(struct random_source *source) {
    static const int32_t extremes[] = {0, -1, 1, 63, 64, -64, -65, INT32_MAX, INT32_MIN, 32768};
    if (random_below(source, 2) == 0) {
        return extremes[random_below(source, sizeof extremes / sizeof extremes[0])];
    }
    return (int32_t)(uint32_t)(random_u64(source) >> (32 + random_below(source, 32)));
}

static double random_double(struct random_source *source) {
    static const double extremes[] = {0.0,      -0.0,    1.0,          DBL_MAX,
                                      -DBL_MAX, DBL_MIN, DBL_TRUE_MIN, 1e-3};
    if (source->non_finite && random_below(source, 6) == 0) {
        return random_below(source, 2) == 0 ? (double)NAN : (double)INFINITY;
    }
    if (random_below(source, 2) == 0) {
        return extremes[random_below(source, sizeof extremes / sizeof extremes[0])];
    }
    return ldexp((double)(random_u64(source) >> 11), (int)random_below(source, 40) - 50);
}

static struct kt_str random_string(struct random_source *source, struct kt_arena *arena) {
    static const char *const pieces[] = {
        "a", "Source: Kafka -> Map", "é", "→", "\xF0\x9F\x98\x80", "0", "\"quoted\"\\", "\t\x01"};
    struct kt_str text = {must(kt_arena_alloc(arena, 256)), 0};
    const size_t count = random_below(source, 9);
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[random_below(source, sizeof pieces / sizeof pieces[0])];
        memcpy((char *)text.data + text.len, piece, strlen(piece));
        text.len += strlen(piece);
    }
    return text;
}

static void random_value(struct random_source *source, enum kt_kind kind,
                         const struct kt_field *field, struct kt_arena *arena, void *to);

static void random_array(struct random_source *source, const struct kt_field *field,
                         struct kt_arena *arena, void *to) {
    const size_t most = field->items_max < source->items_max ? field->items_max : source->items_max;
    struct kt_array array = {NULL, random_below(source, most + 1)};
    array.items = must(kt_arena_array(arena, array.count, field->item_size));
    for (size_t i = 0; i < array.count; i++) {
        random_value(source, field->item, field, arena, (char *)array.items + i * field->item_size);
    }
    memcpy(to, &array, sizeof array);
}

static void random_value(struct random_source *source, enum kt_kind kind,
                         const struct kt_field *field, struct kt_arena *arena, void *to) {
    switch (kind) {
    case KT_KIND_BOOL:
        *(bool *)to = random_below(source, 2) == 0;
        break;
    case KT_KIND_INT:
        *(int32_t *)to = random_int(source);
        break;
    case KT_KIND_LONG:
        *(int64_t *)to = random_long(source);
        break;
    case KT_KIND_DOUBLE:
        *(double *)to = random_double(source);
        break;
    case KT_KIND_STRING:
        *(struct kt_str *)to = random_string(source, arena);
        break;
    case KT_KIND_ENUM:
        *(int *)to = (int)random_below(source, (size_t)field->enums->count);
        break;
    case KT_KIND_RECORD:
        random_record(source, field->record, arena, to);
        break;
    case KT_KIND_ARRAY:
        random_array(source, field, arena, to);
        break;
    }
}

void random_record(struct random_source *source, const struct kt_record_type *type,
                   struct kt_arena *arena, void *record) {
    memset(record, 0, type->size);
    for (size_t i = 0; i < type->count; i++) {
        const struct kt_field *field = &type->fields[i];
        if (field->nullable && random_below(source, 2) == 0) {
            continue;
        }
        if (field->nullable) {
            *(uint64_t *)record |= UINT64_C(1) << i;
        }
        random_value(source, field->kind, field, arena, (char *)record + field->offset);
    }
}

/* ---- comparison -------------------------------------------------------------------------- */

static char path[512];

static bool values_equal(enum kt_kind kind, const struct kt_field *field, const void *a,
                         const void *b);

static bool records_equal(const struct kt_record_type *type, const void *a, const void *b) {
    const size_t len = strlen(path);
    for (size_t i = 0; i < type->count; i++) {
        const struct kt_field *field = &type->fields[i];
        snprintf(path + len, sizeof path - len, ".%s", field->name);
        if (field->nullable) {
            const bool has = (*(const uint64_t *)a >> i) & 1;
            if (has != ((*(const uint64_t *)b >> i) & 1)) {
                return false;
            }
            if (!has) {
                continue;
            }
        }
        if (!values_equal(field->kind, field, (const char *)a + field->offset,
                          (const char *)b + field->offset)) {
            return false;
        }
    }
    path[len] = '\0';
    return true;
}

static bool arrays_equal(const struct kt_field *field, const void *a, const void *b) {
    const struct kt_array *one = a;
    const struct kt_array *two = b;
    const size_t len = strlen(path);
    if (one->count != two->count) {
        return false;
    }
    for (size_t i = 0; i < one->count; i++) {
        snprintf(path + len, sizeof path - len, "[%zu]", i);
        if (!values_equal(field->item, field, (const char *)one->items + i * field->item_size,
                          (const char *)two->items + i * field->item_size)) {
            return false;
        }
    }
    path[len] = '\0';
    return true;
}

static bool values_equal(enum kt_kind kind, const struct kt_field *field, const void *a,
                         const void *b) {
    switch (kind) {
    case KT_KIND_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case KT_KIND_INT:
        return *(const int32_t *)a == *(const int32_t *)b;
    case KT_KIND_LONG:
        return *(const int64_t *)a == *(const int64_t *)b;
    case KT_KIND_DOUBLE: {
        uint64_t one = 0;
        uint64_t two = 0;
        memcpy(&one, a, sizeof one);
        memcpy(&two, b, sizeof two);
        return one == two;
    }
    case KT_KIND_STRING:
        return kt_str_equal(*(const struct kt_str *)a, *(const struct kt_str *)b);
    case KT_KIND_ENUM:
        return *(const int *)a == *(const int *)b;
    case KT_KIND_RECORD:
        return records_equal(field->record, a, b);
    case KT_KIND_ARRAY:
        return arrays_equal(field, a, b);
    }
    return false;
}

const char *record_difference(const struct kt_record_type *type, const void *a, const void *b) {
    snprintf(path, sizeof path, "%s", type->name);
    return records_equal(type, a, b) ? NULL : path;
}
