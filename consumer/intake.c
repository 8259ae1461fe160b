/* SPDX-License-Identifier: GPL-3.0-or-later
 * One record of the metrics topic into the stage or into the dead-letter topic. */
#include "consumer/intake.h"

#include <stdlib.h>

/* What one record may make us hold: its upstream list is all that needs memory. */
#define ARENA_CHUNK_BYTES 16384
#define ARENA_BYTES_MAX   (1 << 20)

struct kt_intake {
    struct kt_decoder *decoder;
    struct kt_arena arena;
};

enum kt_err kt_intake_new(const char *schema_dir, struct kt_intake **out, struct kt_error *error) {
    struct kt_intake *intake = calloc(1, sizeof *intake);
    if (intake == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "intake");
    }
    kt_arena_init(&intake->arena, ARENA_CHUNK_BYTES, ARENA_BYTES_MAX);
    enum kt_err err = kt_decoder_new(&kt_metric_event_type, &intake->decoder, error);
    if (err == KT_ERR_OK && schema_dir != NULL && schema_dir[0] != '\0') {
        err = kt_decoder_add_folder(intake->decoder, schema_dir, error);
    }
    if (err != KT_ERR_OK) {
        kt_intake_free(intake);
        return err;
    }
    *out = intake;
    return KT_ERR_OK;
}

void kt_intake_free(struct kt_intake *intake) {
    if (intake == NULL) {
        return;
    }
    kt_decoder_free(intake->decoder);
    kt_arena_free(&intake->arena);
    free(intake);
}

/* Whether an error of decoding is the record's own fault. Everything else is ours or the world's,
 * and blaming the record would lose it. */
static bool is_bad_record(enum kt_err err) {
    return err == KT_ERR_FRAMING || err == KT_ERR_SCHEMA_UNKNOWN || err == KT_ERR_SCHEMA ||
           err == KT_ERR_TRUNCATED || err == KT_ERR_DECODE || err == KT_ERR_LIMIT ||
           err == KT_ERR_INVALID || err == KT_ERR_PARSE;
}

static int64_t record_time(const rd_kafka_message_t *message) {
    rd_kafka_timestamp_type_t type;
    const int64_t time_ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time_ms < 0 ? KT_TIME_UNKNOWN : time_ms;
}

enum kt_err kt_intake_take(struct kt_intake *intake, const rd_kafka_message_t *message,
                           struct kt_stage *stage, struct kt_publisher *publisher, bool *refused,
                           struct kt_error *why, struct kt_error *error) {
    *refused = false;
    const char *step = "decode";
    struct kt_metric_event event;
    enum kt_err err;
    kt_arena_reset(&intake->arena);
    if (message->payload == NULL || message->len == 0) {
        err = kt_fail(why, KT_ERR_TRUNCATED, "the record has no value");
    } else {
        err =
            kt_decode(intake->decoder, message->payload, message->len, &intake->arena, &event, why);
    }
    const bool decoded = err == KT_ERR_OK;
    if (decoded) {
        step = "event";
        err = kt_stage_event(stage, message->partition, message->offset, record_time(message),
                             &event, why);
    }
    if (err == KT_ERR_OK) {
        return KT_ERR_OK;
    }
    /* Of the stage's errors only this one is the event's fault: the others come from what the event
     * set off, for which the transaction must be aborted. */
    if (decoded ? err != KT_ERR_INVALID : !is_bad_record(err)) {
        return kt_fail(error, err, "%s", why->message);
    }
    *refused = true;
    if (kt_stage_is_new(stage, message->partition, message->offset)) {
        err = kt_publisher_dead_letter(publisher, message, step, err, why->message, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    kt_stage_refuse(stage, message->partition, message->offset);
    return KT_ERR_OK;
}
