/* SPDX-License-Identifier: GPL-3.0-or-later
 * Frames by fingerprint: what is no frame, schemas that are known and unknown, folders of schemas.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "schemas/codec.h"
#include "schemas/framing.h"
#include "schemas/state.h"

static const char narrow[] =
    "{\"type\":\"record\",\"name\":\"PartitionState\",\"namespace\":\"old\",\"fields\":["
    "{\"name\":\"watermark_ms\",\"type\":\"long\"},{\"name\":\"next_offset\",\"type\":\"int\"}]}";

struct fixture {
    struct kt_decoder *decoder;
    struct kt_arena arena;
    struct kt_error error;
    struct kt_partition_state partition;
    char folder[64];
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL ||
        kt_decoder_new(&kt_partition_state_type, &f->decoder, &f->error) != KT_ERR_OK) {
        return -1;
    }
    kt_arena_init(&f->arena, 4096, 1U << 20);
    snprintf(f->folder, sizeof f->folder, "/tmp/kt-schemas-XXXXXX");
    *state = f;
    return mkdtemp(f->folder) == NULL ? -1 : 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", f->folder);
    const int removed = system(command);
    kt_decoder_free(f->decoder);
    kt_arena_free(&f->arena);
    free(f);
    return removed;
}

static void put_file(const struct fixture *f, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static enum kt_err decode(struct fixture *f, const void *bytes, size_t len) {
    return kt_decode(f->decoder, bytes, len, &f->arena, &f->partition, &f->error);
}

/* A frame of `narrow`: watermark 3, offset 2. */
static size_t narrow_frame(unsigned char frame[16]) {
    uint64_t fingerprint = 0;
    assert_int_equal(kt_schema_fingerprint(narrow, &fingerprint, NULL), KT_ERR_OK);
    kt_frame_write(frame, fingerprint);
    frame[KT_FRAME_HEADER_BYTES] = 6;
    frame[KT_FRAME_HEADER_BYTES + 1] = 4;
    return KT_FRAME_HEADER_BYTES + 2;
}

static void bytes_without_the_marker_are_no_frame(void **state) {
    struct fixture *f = *state;
    assert_int_equal(decode(f, "{\"cluster\":", 11), KT_ERR_FRAMING);
    assert_string_equal(f->error.message,
                        "the record begins with 7b, a single-object frame with c3 01");
    assert_int_equal(decode(f, "\xC3\x02 4567890", 10), KT_ERR_FRAMING);
    assert_int_equal(decode(f, "\x00", 1), KT_ERR_FRAMING);
}

static void a_header_that_ends_too_early_is_truncated(void **state) {
    struct fixture *f = *state;
    unsigned char frame[16];
    narrow_frame(frame);
    for (size_t len = 0; len < KT_FRAME_HEADER_BYTES; len++) {
        assert_int_equal(decode(f, frame, len), KT_ERR_TRUNCATED);
    }
    assert_int_equal(decode(f, NULL, 0), KT_ERR_TRUNCATED);
    assert_string_equal(f->error.message, "0 bytes, a frame's header has 10");
}

static void an_unknown_fingerprint_is_named(void **state) {
    struct fixture *f = *state;
    assert_int_equal(decode(f, "\xC3\x01\x01\x02\x03\x04\x05\x06\x07\x08xx", 12),
                     KT_ERR_SCHEMA_UNKNOWN);
    assert_string_equal(f->error.message,
                        "no schema of PartitionState has the fingerprint 0807060504030201");
}

static void a_schema_that_was_added_is_read(void **state) {
    struct fixture *f = *state;
    unsigned char frame[16];
    const size_t len = narrow_frame(frame);
    assert_int_equal(decode(f, frame, len), KT_ERR_SCHEMA_UNKNOWN);
    assert_int_equal(kt_decoder_add_schema(f->decoder, narrow, &f->error), KT_ERR_OK);
    assert_int_equal(kt_decoder_add_schema(f->decoder, narrow, &f->error), KT_ERR_OK);
    assert_int_equal(decode(f, frame, len), KT_ERR_OK);
    assert_int_equal(f->partition.watermark_ms, 3);
    assert_int_equal(f->partition.next_offset, 2);
}

/* Enough schemas to make the table grow several times; each is found afterwards. */
static void many_schemas_are_told_apart(void **state) {
    struct fixture *f = *state;
    enum { SCHEMAS = 200 };
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < SCHEMAS; i++) {
            char schema[512];
            unsigned char frame[16];
            uint64_t fingerprint = 0;
            snprintf(schema, sizeof schema,
                     "{\"type\":\"record\",\"name\":\"v%d.PartitionState\",\"fields\":["
                     "{\"name\":\"next_offset\",\"type\":\"long\"},"
                     "{\"name\":\"watermark_ms\",\"type\":\"int\"}]}",
                     i);
            if (pass == 0) {
                assert_int_equal(kt_decoder_add_schema(f->decoder, schema, NULL), KT_ERR_OK);
                continue;
            }
            assert_int_equal(kt_schema_fingerprint(schema, &fingerprint, NULL), KT_ERR_OK);
            kt_frame_write(frame, fingerprint);
            frame[KT_FRAME_HEADER_BYTES] = (unsigned char)(i % 64 * 2);
            frame[KT_FRAME_HEADER_BYTES + 1] = 0;
            assert_int_equal(decode(f, frame, KT_FRAME_HEADER_BYTES + 2), KT_ERR_OK);
            assert_int_equal(f->partition.next_offset, i % 64);
        }
    }
}

static void a_folder_adds_the_schemas_of_the_type_and_passes_over_others(void **state) {
    struct fixture *f = *state;
    unsigned char frame[16];
    const size_t len = narrow_frame(frame);
    put_file(f, "narrow.avsc", narrow);
    put_file(f, "other.avsc",
             "{\"type\":\"enum\",\"name\":\"PartitionState\",\"symbols\":[\"A\"]}");
    put_file(f, "another.avsc", "{\"type\":\"record\",\"name\":\"Else\",\"fields\":[]}");
    put_file(f, "notes.txt", "no schema");
    assert_int_equal(kt_decoder_add_folder(f->decoder, f->folder, &f->error), KT_ERR_OK);
    assert_int_equal(decode(f, frame, len), KT_ERR_OK);
}

static void a_bad_file_in_a_folder_is_named(void **state) {
    struct fixture *f = *state;
    char expected[256];
    put_file(f, "bad.avsc",
             "{\"type\":\"record\",\"name\":\"PartitionState\",\"fields\":["
             "{\"name\":\"next_offset\",\"type\":\"string\"}]}");
    assert_int_equal(kt_decoder_add_folder(f->decoder, f->folder, &f->error), KT_ERR_SCHEMA);
    snprintf(expected, sizeof expected,
             "%s/bad.avsc: next_offset: the writer's string cannot be read as long", f->folder);
    assert_string_equal(f->error.message, expected);
    put_file(f, "bad.avsc", "{");
    assert_int_equal(kt_decoder_add_folder(f->decoder, f->folder, &f->error), KT_ERR_SCHEMA);
    assert_non_null(strstr(f->error.message, "/bad.avsc: line 1"));
}

static void a_folder_that_is_not_there_is_an_error(void **state) {
    struct fixture *f = *state;
    assert_int_equal(kt_decoder_add_folder(f->decoder, "/nonexistent/schemas", &f->error),
                     KT_ERR_IO);
    assert_string_equal(f->error.message, "/nonexistent/schemas: No such file or directory");
}

static void a_file_that_cannot_be_a_schema_is_not_read_whole(void **state) {
    struct fixture *f = *state;
    char path[256];
    put_file(f, "large.avsc", "");
    snprintf(path, sizeof path, "%s/large.avsc", f->folder);
    assert_int_equal(truncate(path, 1 << 30), 0);
    assert_int_equal(kt_decoder_add_folder(f->decoder, f->folder, &f->error), KT_ERR_SCHEMA);
    assert_non_null(strstr(f->error.message, "/large.avsc: more than 262144 bytes"));
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(kt_decoder_add_folder(f->decoder, f->folder, &f->error), KT_ERR_SCHEMA);
    assert_non_null(strstr(f->error.message, "/large.avsc: a NUL byte in the text"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(bytes_without_the_marker_are_no_frame),
        TEST(a_header_that_ends_too_early_is_truncated),
        TEST(an_unknown_fingerprint_is_named),
        TEST(a_schema_that_was_added_is_read),
        TEST(many_schemas_are_told_apart),
        TEST(a_folder_adds_the_schemas_of_the_type_and_passes_over_others),
        TEST(a_bad_file_in_a_folder_is_named),
        TEST(a_folder_that_is_not_there_is_an_error),
        TEST(a_file_that_cannot_be_a_schema_is_not_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
