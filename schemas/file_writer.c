/* SPDX-License-Identifier: GPL-3.0-or-later
 * Records to a file: JSON lines, or an Avro container.
 *
 * The container is Avro C's. It writes into a sink that never refuses a byte, because on a failed
 * write Avro C keeps its memory for ever; the sink knows the truth and is asked after each record
 * and at the end. */
#include "schemas/byte_sink.h"
#include "schemas/codec.h"
#include "schemas/framing.h"

#include <avro.h>
#include <stdlib.h>

#define BLOCK_BYTES (1 << 20) /* of a container's block; a record must fit in one */

struct kt_file_writer {
    const struct kt_record_type *type;
    char *path;
    struct kt_byte_sink *sink;
    avro_file_writer_t container; /* NULL for JSON lines */
    struct kt_encoder *encoder;
    struct kt_bytes frame;
    struct kt_error failed; /* the first failure: the file is not complete */
};

static enum kt_err open_container(struct kt_file_writer *writer, struct kt_error *error) {
    const char *text = writer->type->schema_text;
    avro_schema_t schema = NULL;
    if (avro_schema_from_json_length(text, strlen(text), &schema) != 0) {
        return kt_fail(error, KT_ERR_SCHEMA, "%s: %s", writer->path, avro_strerror());
    }
    enum kt_err err = kt_encoder_new(writer->type, &writer->encoder, error);
    if (err == KT_ERR_OK && avro_file_writer_create_with_codec_fp(
                                kt_byte_sink_stream(writer->sink), writer->path, 0, schema,
                                &writer->container, "deflate", BLOCK_BYTES) != 0) {
        writer->container = NULL;
        err = kt_fail(error, KT_ERR_IO, "%s: %s", writer->path, avro_strerror());
    }
    avro_schema_decref(schema);
    return err;
}

static void writer_free(struct kt_file_writer *writer) {
    kt_encoder_free(writer->encoder);
    kt_bytes_free(&writer->frame);
    free(writer->path);
    free(writer);
}

enum kt_err kt_file_writer_open(const struct kt_record_type *type, const char *path,
                                struct kt_file_writer **out, struct kt_error *error) {
    struct kt_file_writer *writer = calloc(1, sizeof *writer);
    char *copy = strdup(path);
    if (writer == NULL || copy == NULL) {
        free(writer);
        free(copy);
        return kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", path);
    }
    writer->type = type;
    writer->path = copy;
    enum kt_err err = kt_byte_sink_open(path, &writer->sink, error);
    if (err == KT_ERR_OK && kt_str_ends_with(kt_str_of(path), KT_STR(".avro"))) {
        err = open_container(writer, error);
        if (err != KT_ERR_OK) {
            kt_byte_sink_abandon(writer->sink);
        }
    }
    if (err != KT_ERR_OK) {
        writer_free(writer);
        return err;
    }
    *out = writer;
    return KT_ERR_OK;
}

static enum kt_err append_to_container(struct kt_file_writer *writer, const void *record,
                                       struct kt_error *error) {
    const enum kt_err err = kt_encode(writer->encoder, record, &writer->frame, error);
    if (err != KT_ERR_OK) {
        return kt_fail_in(error, err, "%s", writer->path);
    }
    const size_t len = writer->frame.len - KT_FRAME_HEADER_BYTES;
    if (len > BLOCK_BYTES) {
        return kt_fail(error, KT_ERR_LIMIT, "%s: a record of %zu bytes (expected at most %d)",
                       writer->path, len, BLOCK_BYTES);
    }
    if (avro_file_writer_append_encoded(
            writer->container, writer->frame.data + KT_FRAME_HEADER_BYTES, (int64_t)len) != 0) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", writer->path, avro_strerror());
    }
    return KT_ERR_OK;
}

enum kt_err kt_file_writer_append(struct kt_file_writer *writer, const void *record,
                                  struct kt_error *error) {
    struct kt_error *failed = &writer->failed;
    if (failed->code == KT_ERR_OK) {
        enum kt_err err = KT_ERR_OK;
        if (writer->container != NULL) {
            err = append_to_container(writer, record, failed);
        } else {
            err = kt_record_dump_json(kt_byte_sink_stream(writer->sink), writer->type, record);
            if (err != KT_ERR_OK) {
                (void)kt_fail(failed, err, "%s: %s", writer->path, kt_err_text(err));
            }
        }
        if (err == KT_ERR_OK) {
            err = kt_byte_sink_check(writer->sink, failed);
        }
        if (err == KT_ERR_OK) {
            return KT_ERR_OK;
        }
    }
    return kt_fail(error, failed->code, "%s", failed->message);
}

enum kt_err kt_file_writer_close(struct kt_file_writer *writer, struct kt_error *error) {
    struct kt_error failed = writer->failed;
    if (writer->container != NULL && avro_file_writer_close(writer->container) != 0 &&
        failed.code == KT_ERR_OK) {
        (void)kt_fail(&failed, KT_ERR_IO, "%s: %s", writer->path, avro_strerror());
    }
    struct kt_error late = {0};
    const enum kt_err err = kt_byte_sink_close(writer->sink, &late);
    if (failed.code == KT_ERR_OK && err != KT_ERR_OK) {
        failed = late;
    }
    writer_free(writer);
    return failed.code == KT_ERR_OK ? KT_ERR_OK : kt_fail(error, failed.code, "%s", failed.message);
}
