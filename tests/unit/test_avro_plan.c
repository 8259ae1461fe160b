/* SPDX-License-Identifier: GPL-3.0-or-later
 * Plans against Avro C: values of writers' schemas that differ from ours in every allowed way are
 * written by Avro C and read by the plan; and no damage to a frame does more than fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schemas/codec.h"
#include "schemas/framing.h"
#include "support/all_types.h"
#include "support/avro_oracle.h"
#include "support/schema_mutation.h"

#define ARENA_BYTES (1U << 26)

static void assert_reads(const struct kt_decoder *decoder, const struct kt_record_type *type,
                         struct avro_oracle *oracle, const struct kt_bytes *frame,
                         struct kt_arena *arena, const char *schema) {
    struct kt_error error = {0};
    union any_record record;
    kt_arena_reset(arena);
    const enum kt_err err = kt_decode(decoder, frame->data, frame->len, arena, &record, &error);
    if (err != KT_ERR_OK) {
        fail_msg("%s, written with %s", error.message, schema);
    }
    const char *difference = avro_oracle_difference(oracle, type, &record);
    if (difference != NULL) {
        fail_msg("%s differs, written with %s", difference, schema);
    }
}

static void check_writer(const struct kt_record_type *type, const char *schema,
                         struct random_source *source, int values) {
    struct avro_oracle oracle;
    struct kt_decoder *decoder = NULL;
    struct kt_error error = {0};
    struct kt_bytes frame = {0};
    struct kt_arena arena;
    uint64_t fingerprint = 0;
    kt_arena_init(&arena, 65536, ARENA_BYTES);
    assert_int_equal(kt_decoder_new(type, &decoder, NULL), KT_ERR_OK);
    if (kt_decoder_add_schema(decoder, schema, &error) != KT_ERR_OK) {
        fail_msg("%s: %s", error.message, schema);
    }
    assert_int_equal(kt_schema_fingerprint(schema, &fingerprint, NULL), KT_ERR_OK);
    avro_oracle_open(&oracle, schema);
    for (int i = 0; i < values; i++) {
        avro_oracle_randomise(&oracle, source);
        avro_oracle_frame(&oracle, fingerprint, &frame);
        assert_reads(decoder, type, &oracle, &frame, &arena, schema);
    }
    avro_oracle_close(&oracle);
    kt_bytes_free(&frame);
    kt_decoder_free(decoder);
    kt_arena_free(&arena);
}

static void values_of_the_own_schema_are_read_as_avro_c_wrote_them(void **state) {
    (void)state;
    struct random_source source = {.state = 11, .items_max = 3};
    for (size_t t = 0; t < ALL_TYPES; t++) {
        check_writer(all_types[t], all_types[t]->schema_text, &source, 50);
    }
}

static void values_of_other_writers_are_read_by_the_rules_of_resolution(void **state) {
    (void)state;
    struct random_source source = {.state = 12, .items_max = 3};
    for (size_t t = 0; t < ALL_TYPES; t++) {
        for (int n = 0; n < 60; n++) {
            char *schema = schema_mutate(all_types[t]->schema_text, &source);
            check_writer(all_types[t], schema, &source, 4);
            free(schema);
        }
    }
}

/* A frame in memory of exactly its length, so that the sanitizer sees a read beyond it. */
static enum kt_err decode_exact(const struct kt_decoder *decoder, const unsigned char *bytes,
                                size_t len, struct kt_arena *arena, struct kt_error *error) {
    union any_record record;
    unsigned char *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    kt_arena_reset(arena);
    const enum kt_err err = kt_decode(decoder, len == 0 ? NULL : copy, len, arena, &record, error);
    free(copy);
    return err;
}

static void every_prefix_of_a_frame_is_truncated(void **state) {
    (void)state;
    struct random_source source = {.state = 13, .items_max = 2};
    struct kt_arena arena;
    kt_arena_init(&arena, 65536, ARENA_BYTES);
    for (size_t t = 0; t < ALL_TYPES; t++) {
        for (int n = 0; n < 8; n++) {
            char *schema = schema_mutate(all_types[t]->schema_text, &source);
            struct avro_oracle oracle;
            struct kt_decoder *decoder = NULL;
            struct kt_bytes frame = {0};
            uint64_t fingerprint = 0;
            assert_int_equal(kt_decoder_new(all_types[t], &decoder, NULL), KT_ERR_OK);
            assert_int_equal(kt_decoder_add_schema(decoder, schema, NULL), KT_ERR_OK);
            assert_int_equal(kt_schema_fingerprint(schema, &fingerprint, NULL), KT_ERR_OK);
            avro_oracle_open(&oracle, schema);
            avro_oracle_randomise(&oracle, &source);
            avro_oracle_frame(&oracle, fingerprint, &frame);
            assert_int_equal(decode_exact(decoder, frame.data, frame.len, &arena, NULL), KT_ERR_OK);
            const size_t step = frame.len > 2000 ? frame.len / 2000 : 1;
            for (size_t len = 0; len < frame.len; len += step) {
                struct kt_error error = {0};
                const enum kt_err err = decode_exact(decoder, frame.data, len, &arena, &error);
                if (err != KT_ERR_TRUNCATED) {
                    fail_msg("%zu of %zu bytes: %s", len, frame.len, error.message);
                }
            }
            avro_oracle_close(&oracle);
            kt_bytes_free(&frame);
            kt_decoder_free(decoder);
            free(schema);
        }
    }
    kt_arena_free(&arena);
}

static void a_byte_behind_the_record_is_refused(void **state) {
    (void)state;
    struct kt_arena arena;
    struct kt_encoder *encoder = NULL;
    struct kt_decoder *decoder = NULL;
    struct kt_bytes frame = {0};
    struct kt_error error = {0};
    kt_arena_init(&arena, 1024, ARENA_BYTES);
    assert_int_equal(kt_encoder_new(&kt_partition_state_type, &encoder, NULL), KT_ERR_OK);
    assert_int_equal(kt_decoder_new(&kt_partition_state_type, &decoder, NULL), KT_ERR_OK);
    struct kt_partition_state partition = {.next_offset = 7, .watermark_ms = INT64_MIN};
    assert_int_equal(kt_encode(encoder, &partition, &frame, NULL), KT_ERR_OK);
    frame.data[frame.len] = 0;
    assert_int_equal(decode_exact(decoder, frame.data, frame.len + 1, &arena, &error),
                     KT_ERR_DECODE);
    assert_string_equal(error.message, "1 bytes follow the record");
    kt_bytes_free(&frame);
    kt_encoder_free(encoder);
    kt_decoder_free(decoder);
    kt_arena_free(&arena);
}

/* Bytes changed at random: any answer will do, if only there is one and memory stays bounded. */
static void damaged_frames_do_no_more_than_fail(void **state) {
    (void)state;
    struct random_source source = {.state = 14, .items_max = 4};
    struct kt_arena arena;
    kt_arena_init(&arena, 65536, 1U << 22);
    size_t refused = 0;
    for (size_t t = 0; t < ALL_TYPES; t++) {
        struct kt_decoder *decoder = NULL;
        struct kt_encoder *encoder = NULL;
        struct kt_bytes frame = {0};
        union any_record record;
        struct kt_arena made;
        kt_arena_init(&made, 65536, ARENA_BYTES);
        assert_int_equal(kt_decoder_new(all_types[t], &decoder, NULL), KT_ERR_OK);
        assert_int_equal(kt_encoder_new(all_types[t], &encoder, NULL), KT_ERR_OK);
        for (int n = 0; n < 500; n++) {
            kt_arena_reset(&made);
            random_record(&source, all_types[t], &made, &record);
            assert_int_equal(kt_encode(encoder, &record, &frame, NULL), KT_ERR_OK);
            for (size_t i = 1 + random_below(&source, 4); i > 0; i--) {
                const size_t at = KT_FRAME_HEADER_BYTES +
                                  random_below(&source, frame.len - KT_FRAME_HEADER_BYTES);
                frame.data[at] = (unsigned char)random_u64(&source);
            }
            refused += decode_exact(decoder, frame.data, frame.len, &arena, NULL) != KT_ERR_OK;
        }
        kt_bytes_free(&frame);
        kt_encoder_free(encoder);
        kt_decoder_free(decoder);
        kt_arena_free(&made);
    }
    assert_true(refused > 500);
    kt_arena_free(&arena);
}

static void decoding_again_takes_no_more_memory(void **state) {
    (void)state;
    struct random_source source = {.state = 15, .items_max = 8};
    struct kt_arena made;
    struct kt_arena arena;
    struct kt_encoder *encoder = NULL;
    struct kt_decoder *decoder = NULL;
    struct kt_bytes frame = {0};
    struct kt_metric_event event;
    kt_arena_init(&made, 4096, ARENA_BYTES);
    kt_arena_init(&arena, 4096, ARENA_BYTES);
    assert_int_equal(kt_encoder_new(&kt_metric_event_type, &encoder, NULL), KT_ERR_OK);
    assert_int_equal(kt_decoder_new(&kt_metric_event_type, &decoder, NULL), KT_ERR_OK);
    do {
        random_record(&source, &kt_metric_event_type, &made, &event);
    } while (event.upstream.count == 0);
    assert_int_equal(kt_encode(encoder, &event, &frame, NULL), KT_ERR_OK);
    size_t first = 0;
    const struct kt_arena_chunk *chunk = NULL;
    for (int i = 0; i < 1000; i++) {
        kt_arena_reset(&arena);
        assert_int_equal(kt_decode(decoder, frame.data, frame.len, &arena, &event, NULL),
                         KT_ERR_OK);
        if (i == 0) {
            first = arena.used_bytes;
            chunk = arena.current;
        }
        assert_int_equal(arena.used_bytes, first);
        assert_ptr_equal(arena.current, chunk);
    }
    kt_bytes_free(&frame);
    kt_encoder_free(encoder);
    kt_decoder_free(decoder);
    kt_arena_free(&arena);
    kt_arena_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_the_own_schema_are_read_as_avro_c_wrote_them),
        cmocka_unit_test(values_of_other_writers_are_read_by_the_rules_of_resolution),
        cmocka_unit_test(every_prefix_of_a_frame_is_truncated),
        cmocka_unit_test(a_byte_behind_the_record_is_refused),
        cmocka_unit_test(damaged_frames_do_no_more_than_fail),
        cmocka_unit_test(decoding_again_takes_no_more_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
