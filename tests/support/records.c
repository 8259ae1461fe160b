/* SPDX-License-Identifier: GPL-3.0-or-later
 * Records of any type for tests of codecs: random ones, and whether two say the same. */
#include "support/records.h"

#include "schemas/metric_event.h"
#include "schemas/rescale_command.h"
#include "schemas/rescale_outcome.h"
#include "schemas/state.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct kt_record_type *const kt_test_record_types[] = {
    &kt_metric_event_type, &kt_rescale_command_type,  &kt_rescale_outcome_type,
    &kt_job_state_type,    &kt_operator_history_type, &kt_partition_state_type,
};
const size_t kt_test_record_types_count =
    sizeof kt_test_record_types / sizeof kt_test_record_types[0];

/* ---- equality ---------------------------------------------------------------------------- */

static bool arrays_equal(const struct kt_field *field, const struct kt_array *a,
                         const struct kt_array *b, char *where, size_t where_size);

static bool values_equal(const struct kt_field *field, enum kt_kind kind, const void *a,
                         const void *b, char *where, size_t where_size) {
    switch (kind) {
    case KT_KIND_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case KT_KIND_INT:
        return *(const int32_t *)a == *(const int32_t *)b;
    case KT_KIND_LONG:
        return *(const int64_t *)a == *(const int64_t *)b;
    case KT_KIND_DOUBLE:
        return (isnan(*(const double *)a) && isnan(*(const double *)b)) ||
               memcmp(a, b, sizeof(double)) == 0;
    case KT_KIND_STRING:
        return kt_str_equal(*(const struct kt_str *)a, *(const struct kt_str *)b);
    case KT_KIND_ENUM:
        return *(const int *)a == *(const int *)b;
    case KT_KIND_RECORD:
        return kt_test_records_equal(field->record, a, b, where, where_size);
    case KT_KIND_ARRAY:
        return arrays_equal(field, a, b, where, where_size);
    }
    return false;
}

static bool arrays_equal(const struct kt_field *field, const struct kt_array *a,
                         const struct kt_array *b, char *where, size_t where_size) {
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        equal = values_equal(field, field->item, (const char *)a->items + i * field->item_size,
                             (const char *)b->items + i * field->item_size, where, where_size);
    }
    return equal;
}

bool kt_test_records_equal(const struct kt_record_type *type, const void *a, const void *b,
                           char *where, size_t where_size) {
    for (size_t i = 0; i < type->count; i++) {
        const struct kt_field *field = &type->fields[i];
        if (field->nullable) {
            const unsigned in_a = (*(const uint64_t *)a >> i) & 1U;
            const unsigned in_b = (*(const uint64_t *)b >> i) & 1U;
            if (in_a == 0 && in_b == 0) {
                continue;
            }
            if (in_a != in_b) {
                snprintf(where, where_size, "%s.%s (null in one)", type->name, field->name);
                return false;
            }
        }
        where[0] = '\0';
        if (!values_equal(field, field->kind, (const char *)a + field->offset,
                          (const char *)b + field->offset, where, where_size)) {
            if (where[0] == '\0') {
                snprintf(where, where_size, "%s.%s", type->name, field->name);
            }
            return false;
        }
    }
    where[0] = '\0';
    return true;
}

/* ---- random records ---------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double random_double(uint64_t *state) {
    static const double special[] = {0,    -0.0,    0.1,     1.0 / 3,   1e22,       1e-3,
                                     1e12, DBL_MAX, DBL_MIN, 0x1p-1074, 0x1p53 + 2, -5.5};
    const uint64_t choice = next_random(state);
    if (choice % 4 == 0) {
        return special[(choice / 4) % (sizeof special / sizeof special[0])];
    }
    double value = 0;
    do {
        const uint64_t bits = next_random(state);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static int64_t random_integer(uint64_t *state, int64_t min, int64_t max) {
    const uint64_t choice = next_random(state);
    switch (choice % 4) {
    case 0:
        return min;
    case 1:
        return max;
    case 2:
        return (int64_t)(choice / 4 % 100);
    default:
        return (int64_t)next_random(state) % max;
    }
}

static struct kt_str random_string(uint64_t *state, struct kt_arena *arena) {
    static const char *const words[] = {
        "", "x", "Source: a -> b", "\"quoted\"\\", "\t\n\x01\x7f", "Größe", "演算子 😀", "NaN"};
    const char *a = words[next_random(state) % (sizeof words / sizeof words[0])];
    const char *b = words[next_random(state) % (sizeof words / sizeof words[0])];
    return kt_arena_printf(arena, "%s%s", a, b);
}

static void random_array(const struct kt_field *field, uint64_t *state, struct kt_arena *arena,
                         struct kt_array *array);

static void random_value(const struct kt_field *field, enum kt_kind kind, uint64_t *state,
                         struct kt_arena *arena, void *slot) {
    switch (kind) {
    case KT_KIND_BOOL:
        *(bool *)slot = next_random(state) % 2 == 0;
        break;
    case KT_KIND_INT:
        *(int32_t *)slot = (int32_t)random_integer(state, INT32_MIN, INT32_MAX);
        break;
    case KT_KIND_LONG:
        *(int64_t *)slot = random_integer(state, INT64_MIN, INT64_MAX);
        break;
    case KT_KIND_DOUBLE:
        *(double *)slot = random_double(state);
        break;
    case KT_KIND_STRING:
        *(struct kt_str *)slot = random_string(state, arena);
        break;
    case KT_KIND_ENUM:
        *(int *)slot = (int)(next_random(state) % (uint64_t)field->enums->count);
        break;
    case KT_KIND_RECORD:
        kt_test_record_random(field->record, state, arena, slot);
        break;
    case KT_KIND_ARRAY:
        random_array(field, state, arena, slot);
        break;
    }
}

static void random_array(const struct kt_field *field, uint64_t *state, struct kt_arena *arena,
                         struct kt_array *array) {
    array->count = next_random(state) % 4;
    array->items = kt_arena_array(arena, array->count, field->item_size);
    if (array->items == NULL) {
        abort();
    }
    for (size_t i = 0; i < array->count; i++) {
        random_value(field, field->item, state, arena, (char *)array->items + i * field->item_size);
    }
}

void kt_test_record_random(const struct kt_record_type *type, uint64_t *state,
                           struct kt_arena *arena, void *record) {
    memset(record, 0, type->size);
    for (size_t i = 0; i < type->count; i++) {
        const struct kt_field *field = &type->fields[i];
        if (field->nullable && next_random(state) % 3 == 0) {
            continue;
        }
        random_value(field, field->kind, state, arena, (char *)record + field->offset);
        if (field->nullable) {
            *(uint64_t *)record |= UINT64_C(1) << i;
        }
    }
}
