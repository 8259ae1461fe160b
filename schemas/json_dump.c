/* SPDX-License-Identifier: GPL-3.0-or-later
 * Prints JSON on one line, each number in the shortest form that reads back as the same double. */
#include "schemas/codec.h"

#include <math.h>
#include <stdlib.h>

/* Enough for a sign, 17 digits, a point, and an exponent. */
#define REAL_BYTES 40

static int write_stream(const char *text, size_t len, void *stream) {
    return fwrite(text, 1, len, stream) == len ? 0 : -1;
}

/* 15 significant digits of a double always survive and 17 always suffice (IEEE 754, 5.12.2). The
 * digits are printed by jansson, which does not depend on the locale. */
static int dump_real(FILE *stream, const json_t *json) {
    const double value = json_real_value(json);
    size_t digits = 15;
    for (; digits < 17; digits++) {
        char text[REAL_BYTES];
        snprintf(text, sizeof text, "%.*g", (int)digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    char text[REAL_BYTES];
    size_t len = json_dumpb(json, text, sizeof text, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
    if (len == 0 || len > sizeof text) {
        return -1;
    }
    /* "12.0" is "12" to a double; only the sign of zero would be lost. */
    if (len > 2 && memcmp(text + len - 2, ".0", 2) == 0 && !(value == 0 && signbit(value))) {
        len -= 2;
    }
    return write_stream(text, len, stream);
}

static int dump_value(FILE *stream, const json_t *json);

static int dump_object(FILE *stream, const json_t *json) {
    const char *before = "{";
    const char *key = NULL;
    json_t *value = NULL;
    /* Iterating does not change the object; jansson's macro only lacks the const. */
    json_t *object = (json_t *)json;
    json_object_foreach(object, key, value) {
        json_t *name = json_string_nocheck(key);
        const int failed = name == NULL || fputs(before, stream) == EOF ||
                           dump_value(stream, name) != 0 || fputc(':', stream) == EOF ||
                           dump_value(stream, value) != 0;
        json_decref(name);
        if (failed) {
            return -1;
        }
        before = ",";
    }
    return fputs(*before == '{' ? "{}" : "}", stream) == EOF ? -1 : 0;
}

static int dump_array(FILE *stream, const json_t *json) {
    if (fputc('[', stream) == EOF) {
        return -1;
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        if ((i > 0 && fputc(',', stream) == EOF) ||
            dump_value(stream, json_array_get(json, i)) != 0) {
            return -1;
        }
    }
    return fputc(']', stream) == EOF ? -1 : 0;
}

static int dump_value(FILE *stream, const json_t *json) {
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return dump_object(stream, json);
    case JSON_ARRAY:
        return dump_array(stream, json);
    case JSON_REAL:
        return dump_real(stream, json);
    default:
        return json_dump_callback(json, write_stream, stream, JSON_ENCODE_ANY);
    }
}

enum kt_err kt_json_dump(FILE *stream, const json_t *json) {
    return json != NULL && dump_value(stream, json) == 0 ? KT_ERR_OK : KT_ERR_IO;
}

enum kt_err kt_record_dump_json(FILE *stream, const struct kt_record_type *type,
                                const void *record) {
    json_t *json = kt_record_to_json(type, record);
    if (json == NULL) {
        return KT_ERR_NOMEM;
    }
    enum kt_err err = kt_json_dump(stream, json);
    json_decref(json);
    if (err == KT_ERR_OK && fputc('\n', stream) == EOF) {
        err = KT_ERR_IO;
    }
    return err;
}
