/* SPDX-License-Identifier: GPL-3.0-or-later
 * Avro C as the oracle of the codec. */
#include "support/avro_oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "schemas/avro_schema.h"
#include "schemas/framing.h"

#define DEPTH_MAX 12

static void must(int result) {
    if (result != 0) {
        fail_msg("Avro C: %s", avro_strerror());
    }
}

void avro_oracle_open(struct avro_oracle *oracle, const char *schema_text) {
    *oracle = (struct avro_oracle){0};
    must(avro_schema_from_json_length(schema_text, strlen(schema_text), &oracle->schema));
    oracle->iface = avro_generic_class_from_schema(oracle->schema);
    assert_non_null(oracle->iface);
    must(avro_generic_value_new(oracle->iface, &oracle->value));
    oracle->reader = avro_reader_memory("", 0);
    assert_non_null(oracle->reader);
}

void avro_oracle_close(struct avro_oracle *oracle) {
    avro_reader_free(oracle->reader);
    avro_value_decref(&oracle->value);
    avro_value_iface_decref(oracle->iface);
    avro_schema_decref(oracle->schema);
}

void avro_oracle_read(struct avro_oracle *oracle, const void *body, size_t len) {
    must(avro_value_reset(&oracle->value));
    avro_reader_memory_set_source(oracle->reader, body, (int64_t)len);
    must(avro_value_read(oracle->reader, &oracle->value));
    char one = 0;
    assert_int_not_equal(avro_read(oracle->reader, &one, 1), 0);
}

/* ---- comparison -------------------------------------------------------------------------- */

static char path[512];

static bool value_says(avro_value_t value, enum kt_kind kind, const struct kt_field *field,
                       const struct kt_avro_node *reader, const void *from);

static avro_value_t unwrap(avro_value_t value) {
    while (avro_value_get_type(&value) == AVRO_UNION) {
        avro_value_t branch = {0};
        must(avro_value_get_current_branch(&value, &branch));
        value = branch;
    }
    return value;
}

/* Whether a field holds its default, of the shapes that our schemas use: null, a number, "", false,
 * a symbol, no items. */
static bool default_says(const json_t *json, bool has, const struct kt_field *field,
                         const void *from) {
    if (json == NULL || json_is_null(json) || field->nullable) {
        return json_is_null(json) && !has;
    }
    switch (field->kind) {
    case KT_KIND_BOOL:
        return *(const bool *)from == json_is_true(json);
    case KT_KIND_INT:
        return *(const int32_t *)from == json_integer_value(json);
    case KT_KIND_LONG:
        return *(const int64_t *)from == json_integer_value(json);
    case KT_KIND_DOUBLE: /* the schemas' numbers are read by the same strtod */
        return memcmp(from, &(double){json_number_value(json)}, sizeof(double)) == 0;
    case KT_KIND_STRING:
        return kt_str_equal(*(const struct kt_str *)from, kt_str_of(json_string_value(json)));
    case KT_KIND_ENUM:
        return *(const int *)from == kt_enum_find(field->enums, kt_str_of(json_string_value(json)));
    case KT_KIND_ARRAY:
        return ((const struct kt_array *)from)->count == json_array_size(json);
    default:
        fail_msg("no default of this kind is expected");
        return false;
    }
}

static bool record_says(avro_value_t value, const struct kt_record_type *type,
                        const struct kt_avro_node *reader, const void *record) {
    const size_t len = strlen(path);
    for (size_t i = 0; i < type->count; i++) {
        const struct kt_field *field = &type->fields[i];
        const struct kt_avro_field *own = &reader->u.fields[i];
        const void *from = (const char *)record + field->offset;
        const bool has = !field->nullable || ((*(const uint64_t *)record >> i) & 1) != 0;
        snprintf(path + len, sizeof path - len, ".%s", field->name);
        avro_value_t child = {0};
        if (avro_value_get_by_name(&value, field->name, &child, NULL) != 0) {
            if (!default_says(own->fallback, has, field, from)) {
                return false;
            }
            continue;
        }
        child = unwrap(child);
        const bool is_null = avro_value_get_type(&child) == AVRO_NULL;
        if (has == is_null || (has && !value_says(child, field->kind, field,
                                                  kt_avro_without_null(own->type), from))) {
            return false;
        }
    }
    path[len] = '\0';
    return true;
}

static bool array_says(avro_value_t value, const struct kt_field *field,
                       const struct kt_avro_node *reader, const void *from) {
    const struct kt_array *array = from;
    const size_t len = strlen(path);
    size_t count = 0;
    must(avro_value_get_size(&value, &count));
    if (count != array->count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(path + len, sizeof path - len, "[%zu]", i);
        avro_value_t item = {0};
        must(avro_value_get_by_index(&value, i, &item, NULL));
        if (!value_says(unwrap(item), field->item, field, reader->u.items,
                        (const char *)array->items + i * field->item_size)) {
            return false;
        }
    }
    path[len] = '\0';
    return true;
}

static int64_t integer_of(avro_value_t value) {
    int32_t narrow = 0;
    int64_t wide = 0;
    if (avro_value_get_type(&value) == AVRO_INT32) {
        must(avro_value_get_int(&value, &narrow));
        return narrow;
    }
    must(avro_value_get_long(&value, &wide));
    return wide;
}

static double double_of(avro_value_t value) {
    float narrow = 0;
    double wide = 0;
    switch (avro_value_get_type(&value)) {
    case AVRO_FLOAT:
        must(avro_value_get_float(&value, &narrow));
        return (double)narrow;
    case AVRO_DOUBLE:
        must(avro_value_get_double(&value, &wide));
        return wide;
    default:
        return (double)integer_of(value);
    }
}

static bool string_says(avro_value_t value, struct kt_str text) {
    const void *data = NULL;
    size_t len = 0;
    if (avro_value_get_type(&value) == AVRO_BYTES) {
        must(avro_value_get_bytes(&value, &data, &len));
    } else {
        const char *chars = NULL;
        must(avro_value_get_string(&value, &chars, &len));
        data = chars;
        len--;
    }
    return kt_str_equal(text, (struct kt_str){data, len});
}

static bool enum_says(avro_value_t value, const struct kt_enum_type *type,
                      const struct kt_avro_node *reader, int index) {
    int theirs = -1;
    must(avro_value_get_enum(&value, &theirs));
    const char *symbol = avro_schema_enum_get(avro_value_get_schema(&value), theirs);
    assert_non_null(symbol);
    if (kt_enum_find(type, kt_str_of(symbol)) < 0) {
        symbol = reader->symbol_default;
    }
    return strcmp(symbol, kt_enum_symbol(type, index)) == 0;
}

static bool value_says(avro_value_t value, enum kt_kind kind, const struct kt_field *field,
                       const struct kt_avro_node *reader, const void *from) {
    int flag = 0;
    switch (kind) {
    case KT_KIND_BOOL:
        must(avro_value_get_boolean(&value, &flag));
        return *(const bool *)from == (flag != 0);
    case KT_KIND_INT:
        return *(const int32_t *)from == integer_of(value);
    case KT_KIND_LONG:
        return *(const int64_t *)from == integer_of(value);
    case KT_KIND_DOUBLE: {
        const double theirs = double_of(value);
        const double ours = *(const double *)from;
        return memcmp(&theirs, &ours, sizeof ours) == 0;
    }
    case KT_KIND_STRING:
        return string_says(value, *(const struct kt_str *)from);
    case KT_KIND_ENUM:
        return enum_says(value, field->enums, reader, *(const int *)from);
    case KT_KIND_RECORD:
        return record_says(value, field->record, reader, from);
    case KT_KIND_ARRAY:
        return array_says(value, field, reader, from);
    }
    return false;
}

const char *avro_oracle_difference(struct avro_oracle *oracle, const struct kt_record_type *type,
                                   const void *record) {
    struct kt_avro_schema reader;
    assert_int_equal(kt_avro_schema_parse(type->schema_text, &reader, NULL), KT_ERR_OK);
    snprintf(path, sizeof path, "%s", type->name);
    const bool same = record_says(oracle->value, type, reader.root, record);
    kt_avro_schema_free(&reader);
    return same ? NULL : path;
}

/* ---- random values ----------------------------------------------------------------------- */

static void randomise(avro_value_t value, struct random_source *source, int depth);

static void randomise_text(avro_value_t value, struct random_source *source) {
    static const char *const texts[] = {
        "", "HASH", "Source: Kafka -> Map", "caf\xC3\xA9", "\xF0\x9F\x98\x80", "x"};
    const char *text = texts[random_below(source, sizeof texts / sizeof texts[0])];
    char copy[64];
    snprintf(copy, sizeof copy, "%s%zu", text, random_below(source, 1000));
    if (avro_value_get_type(&value) == AVRO_STRING) {
        must(avro_value_set_string(&value, copy));
    } else {
        must(avro_value_set_bytes(&value, copy, strlen(copy)));
    }
}

static void randomise_items(avro_value_t value, struct random_source *source, int depth) {
    must(avro_value_reset(&value));
    const size_t count = depth > DEPTH_MAX ? 0 : random_below(source, source->items_max + 1);
    for (size_t i = 0; i < count; i++) {
        avro_value_t item = {0};
        char key[32];
        snprintf(key, sizeof key, "key%zu", i);
        if (avro_value_get_type(&value) == AVRO_ARRAY) {
            must(avro_value_append(&value, &item, NULL));
        } else {
            must(avro_value_add(&value, key, &item, NULL, NULL));
        }
        randomise(item, source, depth + 1);
    }
}

static void randomise_fields(avro_value_t value, struct random_source *source, int depth) {
    size_t count = 0;
    must(avro_value_get_size(&value, &count));
    for (size_t i = 0; i < count; i++) {
        avro_value_t child = {0};
        must(avro_value_get_by_index(&value, i, &child, NULL));
        randomise(child, source, depth + 1);
    }
}

static void randomise_union(avro_value_t value, struct random_source *source, int depth) {
    const size_t count = avro_schema_union_size(avro_value_get_schema(&value));
    avro_value_t branch = {0};
    /* Far down the first branch is taken: that ends a recursive schema whose null comes first. */
    const size_t index = depth > DEPTH_MAX ? 0 : random_below(source, count);
    must(avro_value_set_branch(&value, (int)index, &branch));
    randomise(branch, source, depth + 1);
}

static void randomise_fixed(avro_value_t value, struct random_source *source) {
    unsigned char bytes[64];
    const int64_t size = avro_schema_fixed_size(avro_value_get_schema(&value));
    assert_true(size <= (int64_t)sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)random_u64(source);
    }
    must(avro_value_set_fixed(&value, bytes, (size_t)size));
}

static void randomise(avro_value_t value, struct random_source *source, int depth) {
    const uint64_t bits = random_u64(source);
    const unsigned shift = (unsigned)random_below(source, 64);
    switch (avro_value_get_type(&value)) {
    case AVRO_NULL:
        must(avro_value_set_null(&value));
        break;
    case AVRO_BOOLEAN:
        must(avro_value_set_boolean(&value, (int)(bits & 1)));
        break;
    case AVRO_INT32:
        must(avro_value_set_int(&value, (int32_t)(uint32_t)((bits >> 32) >> (shift / 2))));
        break;
    case AVRO_INT64:
        must(avro_value_set_long(&value, (int64_t)(bits >> shift)));
        break;
    case AVRO_FLOAT:
        must(avro_value_set_float(&value, (float)(bits >> 40) / 16.0F));
        break;
    case AVRO_DOUBLE:
        must(avro_value_set_double(&value, (double)(bits >> 12) / 1024.0));
        break;
    case AVRO_STRING:
    case AVRO_BYTES:
        randomise_text(value, source);
        break;
    case AVRO_ENUM:
        must(avro_value_set_enum(
            &value, (int)random_below(source, (size_t)avro_schema_enum_number_of_symbols(
                                                  avro_value_get_schema(&value)))));
        break;
    case AVRO_FIXED:
        randomise_fixed(value, source);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        randomise_items(value, source, depth);
        break;
    case AVRO_UNION:
        randomise_union(value, source, depth);
        break;
    case AVRO_RECORD:
        randomise_fields(value, source, depth);
        break;
    default:
        fail_msg("a value of no type");
    }
}

void avro_oracle_randomise(struct avro_oracle *oracle, struct random_source *source) {
    randomise(oracle->value, source, 0);
}

void avro_oracle_frame(struct avro_oracle *oracle, uint64_t fingerprint, struct kt_bytes *bytes) {
    size_t size = 0;
    must(avro_value_sizeof(&oracle->value, &size));
    kt_bytes_free(bytes);
    bytes->capacity = KT_FRAME_HEADER_BYTES + size;
    bytes->data = malloc(bytes->capacity);
    assert_non_null(bytes->data);
    bytes->len = bytes->capacity;
    kt_frame_write(bytes->data, fingerprint);
    avro_writer_t writer =
        avro_writer_memory((const char *)bytes->data + KT_FRAME_HEADER_BYTES, (int64_t)size);
    assert_non_null(writer);
    must(avro_value_write(writer, &oracle->value));
    avro_writer_free(writer);
}
