/* SPDX-License-Identifier: GPL-3.0-or-later
 * Records to a file of JSON lines, plain or gzip-compressed.
 *
 * The sink knows whether all of it arrived and is asked after each record and at the end. */
#include "schemas/byte_sink.h"
#include "schemas/codec.h"

#include <stdlib.h>

struct kt_file_writer {
    const struct kt_record_type *type;
    char *path;
    struct kt_byte_sink *sink;
    struct kt_error failed; /* the first failure: the file is not complete */
};

static void writer_free(struct kt_file_writer *writer) {
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
        err = kt_fail(error, KT_ERR_FRAMING, "%s: Avro containers cannot be written by this build",
                      path);
        kt_byte_sink_abandon(writer->sink);
    }
    if (err != KT_ERR_OK) {
        writer_free(writer);
        return err;
    }
    *out = writer;
    return KT_ERR_OK;
}

enum kt_err kt_file_writer_append(struct kt_file_writer *writer, const void *record,
                                  struct kt_error *error) {
    struct kt_error *failed = &writer->failed;
    if (failed->code == KT_ERR_OK) {
        enum kt_err err =
            kt_record_dump_json(kt_byte_sink_stream(writer->sink), writer->type, record);
        if (err != KT_ERR_OK) {
            (void)kt_fail(failed, err, "%s: %s", writer->path, kt_err_text(err));
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
    struct kt_error late = {0};
    const enum kt_err err = kt_byte_sink_close(writer->sink, &late);
    if (failed.code == KT_ERR_OK && err != KT_ERR_OK) {
        failed = late;
    }
    writer_free(writer);
    return failed.code == KT_ERR_OK ? KT_ERR_OK : kt_fail(error, failed.code, "%s", failed.message);
}
