/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the bodies of frames. The first byte picks the writer: each type's own schema, or one of
 * events with a field of every type to skip. What decodes must survive encoding and decoding again
 * unchanged; what does not must say why. */
#include "schemas/codec.h"
#include "schemas/framing.h"
#include "schemas/metric_event.h"
#include "schemas/rescale_command.h"
#include "schemas/rescale_outcome.h"
#include "schemas/state.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char other_writer[] =
    "{\"type\":\"record\",\"name\":\"MetricEvent\",\"namespace\":\"other\",\"fields\":["
    "{\"name\":\"tree\",\"type\":{\"type\":\"record\",\"name\":\"Tree\",\"fields\":["
    "{\"name\":\"left\",\"type\":[\"null\",\"Tree\"]},{\"name\":\"leaves\",\"type\":{\"type\":"
    "\"array\",\"items\":\"Tree\"}}]}},"
    "{\"name\":\"job_name\",\"type\":\"bytes\"},{\"name\":\"cluster\",\"type\":\"string\"},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"int\",{\"type\":"
    "\"fixed\","
    "\"name\":\"Id\",\"size\":4}]}},"
    "{\"name\":\"timestamp_ms\",\"type\":[\"string\",\"int\",\"long\"]},"
    "{\"name\":\"nothing\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
    "{\"name\":\"upstream\",\"type\":{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"record\","
    "\"name\":\"Upstream\",\"fields\":[{\"name\":\"vertex_id\",\"type\":\"string\"}]}]}},"
    "{\"name\":\"job_id\",\"type\":\"string\"},{\"name\":\"vertex_id\",\"type\":\"string\"},"
    "{\"name\":\"colour\",\"type\":{\"type\":\"enum\",\"name\":\"Colour\",\"symbols\":[\"A\"]}},"
    "{\"name\":\"vertex_name\",\"type\":\"string\"},{\"name\":\"subtask\",\"type\":\"int\"},"
    "{\"name\":\"busy_ms_per_s\",\"type\":[\"float\",\"null\",\"int\",\"double\"]},"
    "{\"name\":\"cpu_load\",\"type\":\"long\"}]}";

static const struct kt_record_type *const types[] = {
    &kt_metric_event_type,  &kt_rescale_command_type,  &kt_rescale_outcome_type,
    &kt_job_state_type,     &kt_operator_history_type, &kt_partition_state_type,
    &kt_cluster_state_type,
};
#define TYPES (sizeof types / sizeof types[0])

static struct kt_decoder *decoders[TYPES];
static struct kt_encoder *encoders[TYPES];
static uint64_t fingerprints[TYPES + 1];
static struct kt_arena arena;

static void must(enum kt_err err) {
    if (err != KT_ERR_OK) {
        abort();
    }
}

static void start(void) {
    if (decoders[0] != NULL) {
        return;
    }
    kt_arena_init(&arena, 65536, 16U << 20);
    for (size_t i = 0; i < TYPES; i++) {
        must(kt_decoder_new(types[i], &decoders[i], NULL));
        must(kt_encoder_new(types[i], &encoders[i], NULL));
        must(kt_schema_fingerprint(types[i]->schema_text, &fingerprints[i], NULL));
    }
    must(kt_decoder_add_schema(decoders[0], other_writer, NULL));
    must(kt_schema_fingerprint(other_writer, &fingerprints[TYPES], NULL));
}

static union {
    struct kt_metric_event event;
    struct kt_rescale_command command;
    struct kt_rescale_outcome outcome;
    struct kt_job_state job;
    struct kt_operator_history history;
    struct kt_partition_state partition;
} record;

/* Decoded, encoded, decoded and encoded again: the two encodings are the same bytes. */
static void check_round_trip(size_t type) {
    struct kt_bytes first = {0};
    struct kt_bytes second = {0};
    struct kt_error error = {0};
    const enum kt_err err = kt_encode(encoders[type], &record, &first, &error);
    if (err == KT_ERR_OK) {
        must(kt_decode(decoders[type], first.data, first.len, &arena, &record, NULL));
        must(kt_encode(encoders[type], &record, &second, NULL));
        if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0) {
            abort();
        }
    } else if (err != KT_ERR_INVALID || error.message[0] == '\0') {
        abort(); /* only a number that is not finite may be refused */
    }
    kt_bytes_free(&first);
    kt_bytes_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    start();
    if (len == 0) {
        return 0;
    }
    const size_t writer = bytes[0] % (TYPES + 1);
    const size_t type = writer == TYPES ? 0 : writer;
    /* Exactly as long as the frame, so that the sanitizer sees a read beyond it. */
    unsigned char *frame = malloc(KT_FRAME_HEADER_BYTES + len - 1);
    if (frame == NULL) {
        abort();
    }
    kt_frame_write(frame, fingerprints[writer]);
    memcpy(frame + KT_FRAME_HEADER_BYTES, bytes + 1, len - 1);
    struct kt_error error = {0};
    kt_arena_reset(&arena);
    const enum kt_err err =
        kt_decode(decoders[type], frame, KT_FRAME_HEADER_BYTES + len - 1, &arena, &record, &error);
    if (err == KT_ERR_OK) {
        check_round_trip(type);
    } else if (error.code != err || error.message[0] == '\0') {
        abort();
    }
    free(frame);
    return 0;
}
