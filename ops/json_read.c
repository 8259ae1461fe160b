/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads a JSON file that a person wrote, field by field as tables declare them. */
#include "ops/json_read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PLACE_BYTES 160
#define VALUE_BYTES 48

/* "operators[2].curve." */
static void put_place(const struct kt_json_place *place, char *out, size_t size) {
    if (place == NULL) {
        return;
    }
    put_place(place->up, out, size);
    const size_t used = strlen(out);
    if (place->key == NULL) {
        snprintf(out + used, size - used, "[%zu]", place->index);
    } else {
        snprintf(out + used, size - used, "%s%s", used > 0 ? "." : "", place->key);
    }
}

enum kt_err kt_json_fail(const struct kt_json_reader *reader, const struct kt_json_place *place,
                         const char *format, ...) {
    struct kt_error inner;
    va_list args;
    va_start(args, format);
    vsnprintf(inner.message, sizeof inner.message, format, args);
    va_end(args);
    char text[PLACE_BYTES] = "";
    put_place(place, text, sizeof text);
    return kt_fail(reader->error, KT_ERR_CONFIG, "%s: %s%s%s", reader->path, text,
                   place != NULL ? ": " : "", inner.message);
}

/* ", not VALUE" as the file has it, cut where it is long. */
static void put_value(json_t *value, char out[VALUE_BYTES + 16]) {
    if (value == NULL) {
        snprintf(out, VALUE_BYTES, ", but it is missing");
        return;
    }
    if (json_is_object(value) || json_is_array(value)) {
        const char *what = json_is_object(value) ? "an object" : "a list";
        const size_t size =
            json_is_object(value) ? json_object_size(value) : json_array_size(value);
        snprintf(out, VALUE_BYTES, ", not %s of %zu", what, size);
        return;
    }
    char text[VALUE_BYTES];
    const size_t len = json_dumpb(value, text, sizeof text,
                                  JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    const size_t shown = len < sizeof text ? len : sizeof text;
    snprintf(out, VALUE_BYTES + 16, ", not %.*s%s", (int)shown, text, shown < len ? "…" : "");
}

enum kt_err kt_json_expected(const struct kt_json_reader *reader, const struct kt_json_place *place,
                             json_t *value, const char *format, ...) {
    struct kt_error inner;
    va_list args;
    va_start(args, format);
    vsnprintf(inner.message, sizeof inner.message, format, args);
    va_end(args);
    char text[VALUE_BYTES + 16];
    put_value(value, text);
    return kt_json_fail(reader, place, "expected %s%s", inner.message, text);
}

static bool listed(const char *key, const struct kt_json_scalar *scalars,
                   const char *const *others) {
    for (; scalars != NULL && scalars->key != NULL; scalars++) {
        if (strcmp(scalars->key, key) == 0) {
            return true;
        }
    }
    for (; others != NULL && *others != NULL; others++) {
        if (strcmp(*others, key) == 0) {
            return true;
        }
    }
    return false;
}

/* "a, b, c" */
static void put_keys(const struct kt_json_scalar *scalars, const char *const *others, char *out,
                     size_t size) {
    size_t used = 0;
    for (; others != NULL && *others != NULL && used < size; others++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", *others);
    }
    for (; scalars != NULL && scalars->key != NULL && used < size; scalars++) {
        used +=
            (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", scalars->key);
    }
}

enum kt_err kt_json_keys(const struct kt_json_reader *reader, json_t *value,
                         const struct kt_json_place *place, const struct kt_json_scalar *scalars,
                         const char *const *others) {
    if (!json_is_object(value)) {
        return kt_json_expected(reader, place, value, "an object");
    }
    const char *key;
    json_t *item;
    json_object_foreach(value, key, item) {
        if (!listed(key, scalars, others)) {
            const struct kt_json_place inner = {.up = place, .key = key};
            char keys[256] = "";
            put_keys(scalars, others, keys, sizeof keys);
            return kt_json_fail(reader, &inner, "unknown, expected one of %s", keys);
        }
    }
    return KT_ERR_OK;
}

/* "a number greater than 0", "a whole number from 1 to 32768": the upper bound of what is only
 * bounded below is told to whom exceeds it. */
static void put_expected(const struct kt_json_scalar *scalar, bool too_large, char *out,
                         size_t size) {
    const bool above = (scalar->flags & KT_JSON_ABOVE) != 0;
    const char *what = scalar->kind == KT_JSON_WHOLE ? "a whole number" : "a number";
    if (scalar->kind == KT_JSON_TRUTH) {
        snprintf(out, size, "true or false");
    } else if (above && too_large) {
        snprintf(out, size, "%s greater than %g and at most %g", what, scalar->min, scalar->max);
    } else if (above) {
        snprintf(out, size, "%s greater than %g", what, scalar->min);
    } else {
        snprintf(out, size, "%s from %g to %g", what, scalar->min, scalar->max);
    }
}

static bool scalar_fits(const struct kt_json_scalar *scalar, json_t *value) {
    if (scalar->kind == KT_JSON_TRUTH) {
        return json_is_boolean(value);
    }
    if (scalar->kind == KT_JSON_WHOLE ? !json_is_integer(value) : !json_is_number(value)) {
        return false;
    }
    const double number = json_number_value(value);
    return number <= scalar->max &&
           ((scalar->flags & KT_JSON_ABOVE) != 0 ? number > scalar->min : number >= scalar->min);
}

enum kt_err kt_json_scalar(const struct kt_json_reader *reader, json_t *value,
                           const struct kt_json_place *place, const struct kt_json_scalar *scalar,
                           void *to) {
    if (!scalar_fits(scalar, value)) {
        char expected[96];
        put_expected(scalar, json_number_value(value) > scalar->max, expected, sizeof expected);
        return kt_json_expected(reader, place, value, "%s", expected);
    }
    void *field = (char *)to + scalar->offset;
    const double number = json_number_value(value);
    switch (scalar->kind) {
    case KT_JSON_REAL:
        *(double *)field = number;
        break;
    case KT_JSON_WHOLE:
        *(int *)field = (int)json_integer_value(value);
        break;
    case KT_JSON_SECONDS:
        *(int64_t *)field = llround(number * 1000.0);
        break;
    case KT_JSON_TRUTH:
        *(bool *)field = json_is_true(value);
        break;
    }
    return KT_ERR_OK;
}

enum kt_err kt_json_scalars(const struct kt_json_reader *reader, json_t *object,
                            const struct kt_json_place *place, const struct kt_json_scalar *scalars,
                            void *to) {
    for (const struct kt_json_scalar *scalar = scalars; scalar->key != NULL; scalar++) {
        json_t *value = json_object_get(object, scalar->key);
        if (value == NULL && (scalar->flags & KT_JSON_REQUIRED) == 0) {
            continue;
        }
        const struct kt_json_place inner = {.up = place, .key = scalar->key};
        const enum kt_err err = kt_json_scalar(reader, value, &inner, scalar, to);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_json_text(const struct kt_json_reader *reader, json_t *value,
                         const struct kt_json_place *place, size_t bytes_max, bool required,
                         struct kt_arena *arena, const char **text) {
    if (value == NULL && !required) {
        return KT_ERR_OK;
    }
    if (!json_is_string(value) || json_string_length(value) < 1 ||
        json_string_length(value) > bytes_max) {
        return kt_json_expected(reader, place, value, "a text of 1 to %zu bytes", bytes_max);
    }
    const struct kt_str read = {json_string_value(value), json_string_length(value)};
    *text = kt_arena_str(arena, read).data;
    return *text != NULL
               ? KT_ERR_OK
               : kt_fail(reader->error, KT_ERR_NOMEM, "%s: no memory for its names", reader->path);
}
