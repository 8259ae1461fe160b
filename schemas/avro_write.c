/* SPDX-License-Identifier: GPL-3.0-or-later
 * From a C struct to Avro bytes: the encoder of framed records.
 *
 * The table and the .avsc have the same fields in the same order (a test holds them together), so
 * a field's index in one is its index in the other. What a reader would refuse is refused here
 * first: a record of the durable state that cannot be read back would stop its partition. */
#include "schemas/codec.h"
#include "schemas/framing.h"
#include "schemas/metric_event.h"
#include "schemas/utf8.h"

#include <avro.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ENCODED_BYTES_FIRST 1024U
#define ENCODED_BYTES_MAX   (64U << 20)

struct kt_encoder {
    const struct kt_record_type *type;
    bool finite; /* no NaN and no infinity in this type */
    uint64_t fingerprint;
    avro_schema_t schema;
    avro_value_iface_t *iface;
    avro_value_t value; /* reused from record to record */
    avro_writer_t writer;
};

void kt_bytes_free(struct kt_bytes *bytes) {
    free(bytes->data);
    *bytes = (struct kt_bytes){0};
}

/* Makes room for size bytes in all. */
static enum kt_err bytes_reserve(struct kt_bytes *bytes, size_t size, struct kt_error *error) {
    if (size <= bytes->capacity) {
        return KT_ERR_OK;
    }
    unsigned char *data = realloc(bytes->data, size);
    if (data == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu bytes", size);
    }
    bytes->data = data;
    bytes->capacity = size;
    return KT_ERR_OK;
}

/* ---- struct to value --------------------------------------------------------------------- */

static enum kt_err fill_record(const struct kt_record_type *type, const void *record, bool finite,
                               avro_value_t *value, struct kt_error *error);

static enum kt_err check_avro(int result, struct kt_error *error) {
    return result == 0 ? KT_ERR_OK : kt_fail(error, KT_ERR_NOMEM, "%s", avro_strerror());
}

static enum kt_err fill_double(double number, bool finite, avro_value_t *value,
                               struct kt_error *error) {
    if (finite && !isfinite(number)) {
        return kt_fail(error, KT_ERR_INVALID, "%g is not finite", number);
    }
    return check_avro(avro_value_set_double(value, number), error);
}

/* The string is lent with a size that counts a NUL which Avro C neither reads nor writes. */
static enum kt_err fill_string(struct kt_str text, avro_value_t *value, struct kt_error *error) {
    if (!kt_utf8_valid(text)) {
        return kt_fail(error, KT_ERR_INVALID, "the string is not UTF-8");
    }
    avro_wrapped_buffer_t lent = {.buf = text.data == NULL ? "" : text.data, .size = text.len + 1};
    return check_avro(avro_value_give_string_len(value, &lent), error);
}

static enum kt_err fill_enum(const struct kt_enum_type *type, int index, avro_value_t *value,
                             struct kt_error *error) {
    if (index < 0 || index >= type->count) {
        return kt_fail(error, KT_ERR_INVALID, "%d is no %s", index, type->name);
    }
    return check_avro(avro_value_set_enum(value, index), error);
}

static enum kt_err fill_value(enum kt_kind kind, const struct kt_field *field, const void *from,
                              bool finite, avro_value_t *value, struct kt_error *error);

static enum kt_err fill_array(const struct kt_field *field, const void *from, bool finite,
                              avro_value_t *value, struct kt_error *error) {
    struct kt_array array;
    memcpy(&array, from, sizeof array);
    if (array.count > field->items_max) {
        return kt_fail(error, KT_ERR_INVALID, "%zu items, more than %zu", array.count,
                       field->items_max);
    }
    enum kt_err err = check_avro(avro_value_reset(value), error);
    for (size_t i = 0; err == KT_ERR_OK && i < array.count; i++) {
        avro_value_t item;
        err = check_avro(avro_value_append(value, &item, NULL), error);
        if (err == KT_ERR_OK) {
            err = fill_value(field->item, field, (const char *)array.items + i * field->item_size,
                             finite, &item, error);
        }
        if (err != KT_ERR_OK) {
            return kt_fail_in(error, err, "item %zu", i);
        }
    }
    return err;
}

static enum kt_err fill_value(enum kt_kind kind, const struct kt_field *field, const void *from,
                              bool finite, avro_value_t *value, struct kt_error *error) {
    switch (kind) {
    case KT_KIND_BOOL:
        return check_avro(avro_value_set_boolean(value, *(const bool *)from), error);
    case KT_KIND_INT:
        return check_avro(avro_value_set_int(value, *(const int32_t *)from), error);
    case KT_KIND_LONG:
        return check_avro(avro_value_set_long(value, *(const int64_t *)from), error);
    case KT_KIND_DOUBLE:
        return fill_double(*(const double *)from, finite, value, error);
    case KT_KIND_STRING:
        return fill_string(*(const struct kt_str *)from, value, error);
    case KT_KIND_ENUM:
        return fill_enum(field->enums, *(const int *)from, value, error);
    case KT_KIND_RECORD:
        return fill_record(field->record, from, finite, value, error);
    case KT_KIND_ARRAY:
        return fill_array(field, from, finite, value, error);
    }
    return kt_fail(error, KT_ERR_INVALID, "a field of no kind");
}

/* A nullable field is ["null", T] in every schema of ours. */
static enum kt_err fill_field(const struct kt_field *field, bool present, const void *record,
                              bool finite, avro_value_t *value, struct kt_error *error) {
    const void *from = (const char *)record + field->offset;
    if (!field->nullable) {
        return fill_value(field->kind, field, from, finite, value, error);
    }
    avro_value_t branch;
    enum kt_err err = check_avro(avro_value_set_branch(value, present ? 1 : 0, &branch), error);
    if (err != KT_ERR_OK || !present) {
        return err;
    }
    return fill_value(field->kind, field, from, finite, &branch, error);
}

/* Strings are lent: the record must outlive the next reset of the value. finite: a NaN or an
 * infinity is KT_ERR_INVALID, as are an enum out of range, more items than the table allows and a
 * string that is not UTF-8; the message names the field. */
static enum kt_err fill_record(const struct kt_record_type *type, const void *record, bool finite,
                               avro_value_t *value, struct kt_error *error) {
    uint64_t present = 0;
    if (type->has_present) {
        memcpy(&present, record, sizeof present);
    }
    for (size_t i = 0; i < type->count; i++) {
        avro_value_t field;
        enum kt_err err = check_avro(avro_value_get_by_index(value, i, &field, NULL), error);
        if (err == KT_ERR_OK) {
            err = fill_field(&type->fields[i], (present >> i) & 1, record, finite, &field, error);
        }
        if (err != KT_ERR_OK) {
            return kt_fail_in(error, err, "%s", type->fields[i].name);
        }
    }
    return KT_ERR_OK;
}

/* ---- the encoder ------------------------------------------------------------------------- */

static enum kt_err encoder_init(struct kt_encoder *encoder, struct kt_error *error) {
    const char *text = encoder->type->schema_text;
    if (text == NULL) {
        return kt_fail(error, KT_ERR_SCHEMA, "%s is no top-level record", encoder->type->name);
    }
    enum kt_err err = kt_schema_fingerprint(text, &encoder->fingerprint, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (avro_schema_from_json_length(text, strlen(text), &encoder->schema) != 0) {
        encoder->schema = NULL;
        return kt_fail(error, KT_ERR_SCHEMA, "%s: %s", encoder->type->name, avro_strerror());
    }
    encoder->iface = avro_generic_class_from_schema(encoder->schema);
    if (encoder->iface == NULL || avro_generic_value_new(encoder->iface, &encoder->value) != 0) {
        return kt_fail(error, KT_ERR_NOMEM, "%s: %s", encoder->type->name, avro_strerror());
    }
    encoder->writer = avro_writer_memory("", 0);
    return encoder->writer == NULL ? kt_fail(error, KT_ERR_NOMEM, "no memory for a writer")
                                   : KT_ERR_OK;
}

enum kt_err kt_encoder_new(const struct kt_record_type *type, struct kt_encoder **out,
                           struct kt_error *error) {
    struct kt_encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for an encoder");
    }
    encoder->type = type;
    /* A measure that Flink reports as NaN travels as NaN; nothing of ours does. */
    encoder->finite = type != &kt_metric_event_type;
    enum kt_err err = encoder_init(encoder, error);
    if (err != KT_ERR_OK) {
        kt_encoder_free(encoder);
        return err;
    }
    *out = encoder;
    return KT_ERR_OK;
}

void kt_encoder_free(struct kt_encoder *encoder) {
    if (encoder == NULL) {
        return;
    }
    if (encoder->writer != NULL) {
        avro_writer_free(encoder->writer);
    }
    if (encoder->value.self != NULL) {
        avro_value_decref(&encoder->value);
    }
    if (encoder->iface != NULL) {
        avro_value_iface_decref(encoder->iface);
    }
    if (encoder->schema != NULL) {
        avro_schema_decref(encoder->schema);
    }
    free(encoder);
}

/* Writes the filled value behind the frame's header. Its size is asked for first: a writer without
 * room would leave its complaint in a text that all threads of the process share. */
static enum kt_err write_body(struct kt_encoder *encoder, struct kt_bytes *bytes,
                              struct kt_error *error) {
    size_t size = 0;
    if (avro_value_sizeof(&encoder->value, &size) != 0) {
        return kt_fail(error, KT_ERR_INVALID, "%s", avro_strerror());
    }
    size += KT_FRAME_HEADER_BYTES;
    if (size > ENCODED_BYTES_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "the record takes more than %u bytes",
                       ENCODED_BYTES_MAX);
    }
    size_t room = ENCODED_BYTES_FIRST;
    while (room < size) {
        room *= 2;
    }
    enum kt_err err = bytes_reserve(bytes, room, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    avro_writer_memory_set_dest(encoder->writer, (const char *)bytes->data + KT_FRAME_HEADER_BYTES,
                                (int64_t)(bytes->capacity - KT_FRAME_HEADER_BYTES));
    if (avro_value_write(encoder->writer, &encoder->value) != 0) {
        return kt_fail(error, KT_ERR_INVALID, "%s", avro_strerror());
    }
    bytes->len = KT_FRAME_HEADER_BYTES + (size_t)avro_writer_tell(encoder->writer);
    return KT_ERR_OK;
}

enum kt_err kt_encode(struct kt_encoder *encoder, const void *record, struct kt_bytes *bytes,
                      struct kt_error *error) {
    bytes->len = 0;
    enum kt_err err = fill_record(encoder->type, record, encoder->finite, &encoder->value, error);
    if (err == KT_ERR_OK) {
        err = write_body(encoder, bytes, error);
    }
    if (err == KT_ERR_OK) {
        kt_frame_write(bytes->data, encoder->fingerprint);
    } else {
        err = kt_fail_in(error, err, "%s", encoder->type->name);
    }
    return err;
}
