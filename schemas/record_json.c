/* SPDX-License-Identifier: GPL-3.0-or-later
 * Records to plain JSON objects and back, driven by the records' tables alone.
 *
 * Both directions walk the table and never the JSON: what the table does not name is not read, and
 * the depth of the walk is that of the tables. A `path` on the stack follows the walk, so that an
 * error names the field it is about: operators[3].to: expected an int, got "x". */
#include "schemas/codec.h"
#include "schemas/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define STRING_BYTES_MAX    65536 /* of one string value */
#define SHOWN_BYTES_MAX     40    /* of a wrong string that a message repeats */
#define SHOWN_SYMBOLS_MAX   8     /* an enum with more is named instead of listed */
#define INTEGRAL_DOUBLE_MAX 0x1p53
#define REPLACEMENT         "\xEF\xBF\xBD" /* U+FFFD */

/* ---- to JSON ----------------------------------------------------------------------------- */

/* Other people's bytes may be no UTF-8. They are shown as U+FFFD, so that the output is valid JSON
 * and reads back; NUL likewise, which the way back refuses. */
static json_t *string_to_json(struct kt_str s) {
    if (s.len == 0) {
        return json_string_nocheck("");
    }
    if (kt_utf8_valid(s) && memchr(s.data, '\0', s.len) == NULL) {
        return json_stringn_nocheck(s.data, s.len);
    }
    char *text = malloc(s.len * (sizeof REPLACEMENT - 1));
    if (text == NULL) {
        return NULL;
    }
    size_t used = 0;
    while (s.len > 0) {
        size_t len = *s.data == '\0' ? 0 : kt_utf8_char(s);
        if (len == 0) {
            memcpy(text + used, REPLACEMENT, sizeof REPLACEMENT - 1);
            used += sizeof REPLACEMENT - 1;
            len = 1;
        } else {
            memcpy(text + used, s.data, len);
            used += len;
        }
        s.data += len;
        s.len -= len;
    }
    json_t *json = json_stringn_nocheck(text, used);
    free(text);
    return json;
}

static json_t *array_to_json(const struct kt_field *field, const struct kt_array *array);

/* Sets *json; false when out of memory. A double without a JSON form becomes null. */
static bool value_to_json(const struct kt_field *field, enum kt_kind kind, const void *slot,
                          json_t **json) {
    switch (kind) {
    case KT_KIND_BOOL:
        *json = json_boolean(*(const bool *)slot);
        break;
    case KT_KIND_INT:
        *json = json_integer(*(const int32_t *)slot);
        break;
    case KT_KIND_LONG:
        *json = json_integer(*(const int64_t *)slot);
        break;
    case KT_KIND_DOUBLE: {
        const double value = *(const double *)slot;
        *json = isfinite(value) ? json_real(value) : json_null();
        break;
    }
    case KT_KIND_STRING:
        *json = string_to_json(*(const struct kt_str *)slot);
        break;
    case KT_KIND_ENUM:
        *json = json_string(kt_enum_symbol(field->enums, *(const int *)slot));
        break;
    case KT_KIND_RECORD:
        *json = kt_record_to_json(field->record, slot);
        break;
    case KT_KIND_ARRAY:
        *json = array_to_json(field, slot);
        break;
    }
    return *json != NULL;
}

static json_t *array_to_json(const struct kt_field *field, const struct kt_array *array) {
    json_t *json = json_array();
    for (size_t i = 0; json != NULL && i < array->count; i++) {
        json_t *item = NULL;
        const char *slot = (const char *)array->items + i * field->item_size;
        if (!value_to_json(field, field->item, slot, &item) ||
            json_array_append_new(json, item) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

static bool is_null(const struct kt_record_type *type, const void *record, size_t i) {
    return type->fields[i].nullable && ((*(const uint64_t *)record >> i) & 1U) == 0;
}

json_t *kt_record_to_json(const struct kt_record_type *type, const void *record) {
    json_t *json = json_object();
    for (size_t i = 0; json != NULL && i < type->count; i++) {
        if (is_null(type, record, i)) {
            continue;
        }
        const struct kt_field *field = &type->fields[i];
        json_t *value = NULL;
        if (!value_to_json(field, field->kind, (const char *)record + field->offset, &value)) {
            json_decref(json);
            return NULL;
        }
        if (!json_is_null(value) && json_object_set_nocheck(json, field->name, value) != 0) {
            json_decref(json);
            json = NULL;
        }
        json_decref(value);
    }
    return json;
}

/* ---- from JSON --------------------------------------------------------------------------- */

/* One step from the outermost record inwards: a field, or an item of an array (name NULL). */
struct path {
    const struct path *up;
    const char *name;
    size_t index;
};

/* What one conversion needs at every step. */
struct conversion {
    const struct kt_record_type *root;
    struct kt_arena *arena;
    struct kt_error *error;
    json_t *schema; /* the root's schema, parsed when the first default is needed */
};

static size_t print_path(const struct path *at, char *text, size_t size) {
    if (at == NULL) {
        return 0;
    }
    size_t used = print_path(at->up, text, size);
    if (used < size) {
        const int n = at->name == NULL ? snprintf(text + used, size - used, "[%zu]", at->index)
                                       : snprintf(text + used, size - used, "%s%s",
                                                  used > 0 ? "." : "", at->name);
        used += n > 0 ? (size_t)n : 0;
    }
    return used;
}

static enum kt_err fail_at(struct kt_error *error, const struct path *at, enum kt_err code) {
    char path[256] = "";
    print_path(at, path, sizeof path);
    return at == NULL ? code : kt_fail_in(error, code, "%s", path);
}

/* The start of a string, cut between characters, with its special characters escaped. */
static void describe_string(const json_t *json, char *text, size_t size) {
    const struct kt_str s = {json_string_value(json), json_string_length(json)};
    size_t len = 0;
    while (len < s.len && len < SHOWN_BYTES_MAX) {
        len += kt_utf8_char((struct kt_str){s.data + len, s.len - len});
    }
    json_t *shown = json_stringn(s.data, len);
    const size_t used = shown == NULL ? 0 : json_dumpb(shown, text, size - 1, JSON_ENCODE_ANY);
    json_decref(shown);
    snprintf(text + (used < size ? used : 0), size - (used < size ? used : 0), "%s",
             len < s.len ? "…" : "");
}

/* KT_ERR_INVALID with what was expected and what stands there instead. */
static enum kt_err fail_got(const struct conversion *c, const struct path *at, const char *expected,
                            const json_t *json) {
    char got[8 * SHOWN_BYTES_MAX] = "";
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        snprintf(got, sizeof got, "an object");
        break;
    case JSON_ARRAY:
        snprintf(got, sizeof got, "an array");
        break;
    case JSON_STRING:
        describe_string(json, got, sizeof got);
        break;
    case JSON_INTEGER:
        snprintf(got, sizeof got, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        break;
    case JSON_REAL:
        snprintf(got, sizeof got, "%.17g", json_real_value(json));
        break;
    default:
        snprintf(got, sizeof got, "%s",
                 json_is_true(json) ? "true" : (json_is_false(json) ? "false" : "null"));
    }
    (void)kt_fail(c->error, KT_ERR_INVALID, "expected %s, got %s", expected, got);
    return fail_at(c->error, at, KT_ERR_INVALID);
}

static enum kt_err read_record(struct conversion *c, const struct path *at,
                               const struct kt_record_type *type, const json_t *json, void *record);
static enum kt_err read_array(struct conversion *c, const struct path *at,
                              const struct kt_field *field, const json_t *json,
                              struct kt_array *array);

/* An integer may be written as a real without a fraction, as some languages do. */
static bool integral(const json_t *json, int64_t *value) {
    if (json_is_integer(json)) {
        *value = json_integer_value(json);
        return true;
    }
    const double real = json_real_value(json);
    if (!json_is_real(json) || real != floor(real) || fabs(real) > INTEGRAL_DOUBLE_MAX) {
        return false;
    }
    *value = (int64_t)real;
    return true;
}

static enum kt_err read_double(const struct conversion *c, const struct path *at,
                               const json_t *json, double *value) {
    if (json_is_number(json)) {
        *value = json_number_value(json);
    } else if (json_is_string(json) && strcmp(json_string_value(json), "NaN") == 0) {
        *value = NAN;
    } else {
        return fail_got(c, at, "a number", json);
    }
    return KT_ERR_OK;
}

static enum kt_err read_string(const struct conversion *c, const struct path *at,
                               const json_t *json, struct kt_str *value) {
    if (!json_is_string(json)) {
        return fail_got(c, at, "a string", json);
    }
    const struct kt_str s = {json_string_value(json), json_string_length(json)};
    if (s.len > STRING_BYTES_MAX) {
        (void)kt_fail(c->error, KT_ERR_LIMIT, "expected at most %d bytes, got %zu",
                      STRING_BYTES_MAX, s.len);
        return fail_at(c->error, at, KT_ERR_LIMIT);
    }
    if (memchr(s.data, '\0', s.len) != NULL) {
        (void)kt_fail(c->error, KT_ERR_INVALID, "contains a NUL character");
        return fail_at(c->error, at, KT_ERR_INVALID);
    }
    *value = kt_arena_str(c->arena, s);
    if (value->data == NULL) {
        (void)kt_fail(c->error, KT_ERR_LIMIT, "the record does not fit in memory");
        return fail_at(c->error, at, KT_ERR_LIMIT);
    }
    return KT_ERR_OK;
}

static enum kt_err read_enum(const struct conversion *c, const struct path *at,
                             const struct kt_enum_type *type, const json_t *json, int *value) {
    if (json_is_string(json)) {
        *value =
            kt_enum_find(type, (struct kt_str){json_string_value(json), json_string_length(json)});
        if (*value >= 0) {
            return KT_ERR_OK;
        }
    }
    char expected[256];
    int used = snprintf(expected, sizeof expected, "one of");
    for (int i = 0; i < type->count && used > 0 && (size_t)used < sizeof expected; i++) {
        used += snprintf(expected + used, sizeof expected - (size_t)used, "%s %s", i > 0 ? "," : "",
                         type->symbols[i]);
    }
    if (type->count > SHOWN_SYMBOLS_MAX) {
        snprintf(expected, sizeof expected, "a symbol of %s", type->name);
    }
    return fail_got(c, at, expected, json);
}

static enum kt_err read_value(struct conversion *c, const struct path *at,
                              const struct kt_field *field, enum kt_kind kind, const json_t *json,
                              void *slot) {
    int64_t value = 0;
    switch (kind) {
    case KT_KIND_BOOL:
        if (!json_is_boolean(json)) {
            return fail_got(c, at, "true or false", json);
        }
        *(bool *)slot = json_is_true(json);
        return KT_ERR_OK;
    case KT_KIND_INT:
        if (!integral(json, &value) || value < INT32_MIN || value > INT32_MAX) {
            return fail_got(c, at, "an int", json);
        }
        *(int32_t *)slot = (int32_t)value;
        return KT_ERR_OK;
    case KT_KIND_LONG:
        if (!integral(json, &value)) {
            return fail_got(c, at, "a long", json);
        }
        *(int64_t *)slot = value;
        return KT_ERR_OK;
    case KT_KIND_DOUBLE:
        return read_double(c, at, json, slot);
    case KT_KIND_STRING:
        return read_string(c, at, json, slot);
    case KT_KIND_ENUM:
        return read_enum(c, at, field->enums, json, slot);
    case KT_KIND_RECORD:
        return read_record(c, at, field->record, json, slot);
    case KT_KIND_ARRAY:
        return read_array(c, at, field, json, slot);
    }
    return KT_ERR_INVALID;
}

static enum kt_err read_array(struct conversion *c, const struct path *at,
                              const struct kt_field *field, const json_t *json,
                              struct kt_array *array) {
    if (!json_is_array(json)) {
        return fail_got(c, at, "an array", json);
    }
    const size_t count = json_array_size(json);
    if (count > field->items_max) {
        (void)kt_fail(c->error, KT_ERR_LIMIT, "expected at most %zu items, got %zu",
                      field->items_max, count);
        return fail_at(c->error, at, KT_ERR_LIMIT);
    }
    char *items = kt_arena_array(c->arena, count, field->item_size);
    if (items == NULL) {
        (void)kt_fail(c->error, KT_ERR_LIMIT, "the record does not fit in memory");
        return fail_at(c->error, at, KT_ERR_LIMIT);
    }
    for (size_t i = 0; i < count; i++) {
        const struct path item = {.up = at, .index = i};
        const enum kt_err err = read_value(c, &item, field, field->item, json_array_get(json, i),
                                           items + i * field->item_size);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    *array = (struct kt_array){.items = items, .count = count};
    return KT_ERR_OK;
}

/* The declaration of a record somewhere inside a schema; NULL when there is none. */
static json_t *find_declaration(json_t *schema, const char *name) {
    if (json_is_array(schema)) {
        for (size_t i = 0; i < json_array_size(schema); i++) {
            json_t *found = find_declaration(json_array_get(schema, i), name);
            if (found != NULL) {
                return found;
            }
        }
        return NULL;
    }
    if (!json_is_object(schema)) {
        return NULL;
    }
    const char *declared = json_string_value(json_object_get(schema, "name"));
    json_t *fields = json_object_get(schema, "fields");
    if (fields != NULL && declared != NULL && strcmp(declared, name) == 0) {
        return schema;
    }
    for (size_t i = 0; i < json_array_size(fields); i++) {
        json_t *type = json_object_get(json_array_get(fields, i), "type");
        json_t *found = find_declaration(type, name);
        if (found != NULL) {
            return found;
        }
    }
    return find_declaration(json_object_get(schema, "items"), name);
}

/* What the schema says for a field that is absent; NULL when it says nothing. */
static const json_t *find_default(struct conversion *c, const struct kt_record_type *type,
                                  const struct kt_field *field) {
    if (c->schema == NULL && c->root->schema_text != NULL) {
        c->schema = json_loads(c->root->schema_text, 0, NULL);
    }
    json_t *fields = json_object_get(find_declaration(c->schema, type->name), "fields");
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *declared = json_array_get(fields, i);
        const char *name = json_string_value(json_object_get(declared, "name"));
        if (name != NULL && strcmp(name, field->name) == 0) {
            return json_object_get(declared, "default");
        }
    }
    return NULL;
}

static enum kt_err read_record(struct conversion *c, const struct path *at,
                               const struct kt_record_type *type, const json_t *json,
                               void *record) {
    /* A nested record with one thing to say may be a plain string; a whole one may not. */
    const bool plain = at != NULL && json_is_string(json) && type->fields[0].kind == KT_KIND_STRING;
    if (!plain && !json_is_object(json)) {
        return fail_got(c, at, "an object", json);
    }
    memset(record, 0, type->size);
    for (size_t i = 0; i < type->count; i++) {
        const struct kt_field *field = &type->fields[i];
        const struct path inner = {.up = at, .name = field->name};
        const json_t *value = json_object_get(json, field->name);
        if (plain && i == 0) {
            value = json;
        }
        const bool absent = value == NULL || json_is_null(value);
        if (absent && field->nullable) {
            continue;
        }
        if (absent) {
            value = find_default(c, type, field);
        }
        if (value == NULL) {
            (void)kt_fail(c->error, KT_ERR_INVALID, "missing");
            return fail_at(c->error, &inner, KT_ERR_INVALID);
        }
        const enum kt_err err =
            read_value(c, &inner, field, field->kind, value, (char *)record + field->offset);
        if (err != KT_ERR_OK) {
            return err;
        }
        if (field->nullable) {
            *(uint64_t *)record |= UINT64_C(1) << i;
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_record_from_json(const struct kt_record_type *type, const json_t *json,
                                struct kt_arena *arena, void *record, struct kt_error *error) {
    struct conversion c = {.root = type, .arena = arena, .error = error};
    const enum kt_err err = read_record(&c, NULL, type, json, record);
    json_decref(c.schema);
    return err;
}
