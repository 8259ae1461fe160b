/* SPDX-License-Identifier: GPL-3.0-or-later
 * Turns the JSON default of a reader's field into the value that stands in a plan's prototype. */
#include "schemas/avro_steps.h"

#include <limits.h>

static enum kt_err put_value(enum kt_kind kind, const struct kt_field *field,
                             const struct kt_avro_node *type, const json_t *json, void *to,
                             struct kt_arena *arena, struct kt_error *error);

static enum kt_err misfit(const struct kt_field *field, struct kt_error *error) {
    return kt_fail(error, KT_ERR_SCHEMA, "%s: the default does not fit the type", field->name);
}

static enum kt_err no_memory(const struct kt_field *field, struct kt_error *error) {
    return kt_fail(error, KT_ERR_NOMEM, "%s: no memory for the default", field->name);
}

static enum kt_err put_integer(enum kt_kind kind, const struct kt_field *field, const json_t *json,
                               void *to, struct kt_error *error) {
    const json_int_t value = json_integer_value(json);
    if (!json_is_integer(json) ||
        (kind == KT_KIND_INT && (value < INT32_MIN || value > INT32_MAX))) {
        return misfit(field, error);
    }
    if (kind == KT_KIND_INT) {
        *(int32_t *)to = (int32_t)value;
    } else {
        *(int64_t *)to = value;
    }
    return KT_ERR_OK;
}

static enum kt_err put_string(const struct kt_field *field, const json_t *json, void *to,
                              struct kt_arena *arena, struct kt_error *error) {
    if (!json_is_string(json)) {
        return misfit(field, error);
    }
    struct kt_str copy =
        kt_arena_str(arena, (struct kt_str){json_string_value(json), json_string_length(json)});
    *(struct kt_str *)to = copy;
    return copy.data == NULL ? no_memory(field, error) : KT_ERR_OK;
}

static enum kt_err put_record(const struct kt_field *field, const struct kt_avro_node *type,
                              const json_t *json, void *to, struct kt_arena *arena,
                              struct kt_error *error) {
    const struct kt_record_type *record = field->record;
    if (!json_is_object(json) || type->count != record->count) {
        return misfit(field, error);
    }
    for (size_t i = 0; i < record->count; i++) {
        /* What the object leaves out has the default of its own field. */
        struct kt_avro_field own = type->u.fields[i];
        const json_t *member = json_object_get(json, own.name);
        own.fallback = member != NULL ? member : own.fallback;
        enum kt_err err = own.fallback == NULL
                              ? misfit(field, error)
                              : kt_avro_default(&record->fields[i], i, &own, to, arena, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

static enum kt_err put_array(const struct kt_field *field, const struct kt_avro_node *type,
                             const json_t *json, void *to, struct kt_arena *arena,
                             struct kt_error *error) {
    const size_t count = json_array_size(json);
    if (!json_is_array(json) || count > field->items_max) {
        return misfit(field, error);
    }
    struct kt_array array = {kt_arena_array(arena, count, field->item_size), count};
    if (array.items == NULL) {
        return no_memory(field, error);
    }
    for (size_t i = 0; i < count; i++) {
        enum kt_err err = put_value(field->item, field, type->u.items, json_array_get(json, i),
                                    (char *)array.items + i * field->item_size, arena, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    memcpy(to, &array, sizeof array);
    return KT_ERR_OK;
}

static enum kt_err put_value(enum kt_kind kind, const struct kt_field *field,
                             const struct kt_avro_node *type, const json_t *json, void *to,
                             struct kt_arena *arena, struct kt_error *error) {
    switch (kind) {
    case KT_KIND_BOOL:
        *(bool *)to = json_is_true(json);
        return json_is_boolean(json) ? KT_ERR_OK : misfit(field, error);
    case KT_KIND_INT:
    case KT_KIND_LONG:
        return put_integer(kind, field, json, to, error);
    case KT_KIND_DOUBLE:
        *(double *)to = json_number_value(json);
        return json_is_number(json) ? KT_ERR_OK : misfit(field, error);
    case KT_KIND_STRING:
        return put_string(field, json, to, arena, error);
    case KT_KIND_ENUM:
        *(int *)to = json_is_string(json)
                         ? kt_enum_find(field->enums, kt_str_of(json_string_value(json)))
                         : -1;
        return *(int *)to >= 0 ? KT_ERR_OK : misfit(field, error);
    case KT_KIND_RECORD:
        return put_record(field, type, json, to, arena, error);
    case KT_KIND_ARRAY:
        return put_array(field, type, json, to, arena, error);
    }
    return misfit(field, error);
}

enum kt_err kt_avro_default(const struct kt_field *field, size_t index,
                            const struct kt_avro_field *reader, void *record,
                            struct kt_arena *arena, struct kt_error *error) {
    if (field->nullable && json_is_null(reader->fallback)) {
        return KT_ERR_OK;
    }
    const struct kt_avro_node *type = reader->type;
    if (field->nullable) {
        uint64_t present = 0;
        memcpy(&present, record, sizeof present);
        present |= UINT64_C(1) << index;
        memcpy(record, &present, sizeof present);
        type = kt_avro_without_null(type);
    }
    return put_value(field->kind, field, type, reader->fallback, (char *)record + field->offset,
                     arena, error);
}
