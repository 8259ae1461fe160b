/* SPDX-License-Identifier: GPL-3.0-or-later
 * A rescale command as a Kafka record. */
#include "producer/command_out.h"

#include "producer/cloudevents.h"

#include <stdlib.h>

struct kt_command_out {
    struct kt_encoder *encoder;
    struct kt_bytes value;
    struct kt_bytes key;
    const char *source;
};

enum kt_err kt_command_out_new(const char *source, struct kt_command_out **out,
                               struct kt_error *error) {
    struct kt_command_out *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "command encoder");
    }
    made->source = source;
    enum kt_err err = kt_encoder_new(&kt_rescale_command_type, &made->encoder, error);
    if (err != KT_ERR_OK) {
        kt_command_out_free(made);
        return err;
    }
    *out = made;
    return KT_ERR_OK;
}

void kt_command_out_free(struct kt_command_out *out) {
    if (out == NULL) {
        return;
    }
    kt_encoder_free(out->encoder);
    kt_bytes_free(&out->value);
    kt_bytes_free(&out->key);
    free(out);
}

static enum kt_err set_key(struct kt_command_out *out, const struct kt_rescale_command *command,
                           struct kt_error *error) {
    const size_t len = command->cluster.len + 1 + command->job_name.len;
    if (len > out->key.capacity) {
        unsigned char *grown = realloc(out->key.data, len);
        if (grown == NULL) {
            return kt_fail(error, KT_ERR_NOMEM, "command key");
        }
        out->key.data = grown;
        out->key.capacity = len;
    }
    memcpy(out->key.data, command->cluster.data, command->cluster.len);
    out->key.data[command->cluster.len] = '/';
    memcpy(out->key.data + command->cluster.len + 1, command->job_name.data, command->job_name.len);
    out->key.len = len;
    return KT_ERR_OK;
}

/* The value, without the evidence where it does not fit with it. */
static enum kt_err set_value(struct kt_command_out *out, const struct kt_rescale_command *command,
                             size_t bytes_max, bool *omitted, struct kt_error *error) {
    *omitted = false;
    enum kt_err err = kt_encode(out->encoder, command, &out->value, error);
    if (err == KT_ERR_OK && out->value.len > bytes_max) {
        struct kt_rescale_command bare = *command;
        bare.evidence.operators.count = 0;
        *omitted = true;
        err = kt_encode(out->encoder, &bare, &out->value, error);
    }
    if (err == KT_ERR_NOMEM) {
        return err;
    }
    if (err != KT_ERR_OK) {
        return kt_fail_in(error, KT_ERR_NUMERIC, "command for job %.*s/%.*s",
                          KT_STR_ARG(command->cluster), KT_STR_ARG(command->job_name));
    }
    if (out->value.len > bytes_max) {
        return kt_fail(error, KT_ERR_LIMIT,
                       "command for job %.*s/%.*s has %zu bytes without its evidence; at most %zu "
                       "fit (message.max.bytes)",
                       KT_STR_ARG(command->cluster), KT_STR_ARG(command->job_name), out->value.len,
                       bytes_max);
    }
    return KT_ERR_OK;
}

enum kt_err kt_command_out_encode(struct kt_command_out *out,
                                  const struct kt_rescale_command *command, size_t value_bytes_max,
                                  struct kt_command_record *record, struct kt_error *error) {
    enum kt_err err = set_key(out, command, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const struct kt_str key = {(const char *)out->key.data, out->key.len};
    bool omitted;
    err = set_value(out, command, value_bytes_max, &omitted, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const struct kt_cloudevent event = {
        .id = command->command_id,
        .type = KT_STR(KT_COMMAND_TYPE),
        .source = kt_str_of(out->source),
        .partition_key = key,
        .content_type = KT_STR(KT_COMMAND_CONTENT_TYPE),
        .time_ms = command->decided_at_ms,
        .expiry_ms = command->expires_at_ms,
    };
    rd_kafka_headers_t *headers = NULL;
    err = kt_cloudevents_headers(&event, &headers, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (omitted && rd_kafka_header_add(headers, "kontune.evidence", -1, "omitted", -1) != 0) {
        rd_kafka_headers_destroy(headers);
        return kt_fail(error, KT_ERR_NOMEM, "record headers");
    }
    *record = (struct kt_command_record){
        .key = key,
        .value = {(const char *)out->value.data, out->value.len},
        .headers = headers,
    };
    return KT_ERR_OK;
}
