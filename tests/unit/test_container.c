/* SPDX-License-Identifier: GPL-3.0-or-later
 * Avro container files: the real recording comes through whole, Avro C reads what is written, and
 * every way a container can be wrong has its message. Wrong containers are composed byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <avro.h>
#include <cmocka.h>
#include <zlib.h>

#include "schemas/codec.h"
#include "schemas/framing.h"
#include "schemas/metric_event.h"
#include "support/avro_oracle.h"
#include "support/process.h"
#include "support/random_record.h"
#include "support/recording.h"

#define CONTAINER_MAX (1 << 20)
#define SYNC          "0123456789abcdef"

/* A container that is being composed, the folder it goes to, and the codec to do it with. */
struct fixture {
    char *folder;
    char path[400];
    struct kt_encoder *encoder;
    struct kt_bytes frame;
    unsigned char bytes[CONTAINER_MAX];
    size_t len;
};

static int fixture_setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL || kt_encoder_new(&kt_metric_event_type, &f->encoder, NULL) != KT_ERR_OK) {
        free(f);
        return -1;
    }
    f->folder = kt_process_tmpdir();
    snprintf(f->path, sizeof f->path, "%s/events.avro", f->folder);
    *state = f;
    return 0;
}

static int fixture_teardown(void **state) {
    struct fixture *f = *state;
    kt_encoder_free(f->encoder);
    kt_bytes_free(&f->frame);
    kt_process_rmtree(f->folder);
    free(f->folder);
    free(f);
    return 0;
}

/* ---- composing --------------------------------------------------------------------------- */

static void put(struct fixture *f, const void *bytes, size_t len) {
    assert_true(len <= sizeof f->bytes - f->len);
    memcpy(f->bytes + f->len, bytes, len);
    f->len += len;
}

static void put_long(struct fixture *f, int64_t value) {
    uint64_t bits = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
    do {
        const unsigned char byte = (unsigned char)((bits & 0x7F) | (bits > 0x7F ? 0x80 : 0));
        put(f, &byte, 1);
        bits >>= 7;
    } while (bits != 0);
}

static void put_entry(struct fixture *f, const char *key, const char *value) {
    put_long(f, (int64_t)strlen(key));
    put(f, key, strlen(key));
    put_long(f, (int64_t)strlen(value));
    put(f, value, strlen(value));
}

/* codec NULL: none is named. */
static void put_header(struct fixture *f, const char *codec) {
    put(f, "Obj\x01", 4);
    put_long(f, codec == NULL ? 1 : 2);
    put_entry(f, "avro.schema", kt_metric_event_type.schema_text);
    if (codec != NULL) {
        put_entry(f, "avro.codec", codec);
    }
    put_long(f, 0);
    put(f, SYNC, 16);
}

static void put_block(struct fixture *f, int64_t count, const void *bytes, size_t len) {
    put_long(f, count);
    put_long(f, (int64_t)len);
    put(f, bytes, len);
    put(f, SYNC, 16);
}

/* Bodies of events of the given vertices, one letter each, into bytes; their length. */
static size_t bodies(struct fixture *f, const char *vertices, unsigned char *bytes, size_t size) {
    size_t used = 0;
    for (const char *v = vertices; *v != '\0'; v++) {
        const struct kt_metric_event event = {
            .cluster = KT_STR("lab"),
            .job_name = KT_STR("orders"),
            .job_id = KT_STR("j"),
            .vertex_id = {v, 1},
            .vertex_name = KT_STR("map"),
            .timestamp_ms = 1795332584342,
        };
        assert_int_equal(kt_encode(f->encoder, &event, &f->frame, NULL), KT_ERR_OK);
        const size_t len = f->frame.len - KT_FRAME_HEADER_BYTES;
        assert_true(len <= size - used);
        memcpy(bytes + used, f->frame.data + KT_FRAME_HEADER_BYTES, len);
        used += len;
    }
    return used;
}

static void put_events(struct fixture *f, const char *vertices) {
    unsigned char bytes[4096];
    put_block(f, (int64_t)strlen(vertices), bytes, bodies(f, vertices, bytes, sizeof bytes));
}

static size_t deflate_raw(const void *bytes, size_t len, unsigned char *out, size_t size) {
    z_stream z = {0};
    assert_int_equal(
        deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
        Z_OK);
    z.next_in = (unsigned char *)bytes;
    z.avail_in = (unsigned)len;
    z.next_out = out;
    z.avail_out = (unsigned)size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t used = z.total_out;
    deflateEnd(&z);
    return used;
}

static void save(const struct fixture *f) {
    FILE *file = fopen(f->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(f->bytes, 1, f->len, file), f->len);
    assert_int_equal(fclose(file), 0);
}

/* ---- reading ----------------------------------------------------------------------------- */

static struct kt_file_reader *open_composed(const struct fixture *f) {
    save(f);
    return recording_open(f->path);
}

static void assert_open_refused(const struct fixture *f, enum kt_err code, const char *message) {
    save(f);
    struct kt_file_reader *reader = NULL;
    struct kt_error error = {0};
    assert_int_equal(kt_file_reader_open(&kt_metric_event_type, f->path, &reader, &error), code);
    char expected[600];
    snprintf(expected, sizeof expected, "%s: %s", f->path, message);
    assert_string_equal(error.message, expected);
}

static void assert_events(struct kt_file_reader *reader, const char *vertices) {
    for (const char *v = vertices; *v != '\0'; v++) {
        struct kt_metric_event event;
        struct kt_error error = {0};
        bool resumable = true;
        if (kt_file_reader_next(reader, &event, &resumable, &error) != KT_ERR_OK) {
            fail_msg("instead of %c: %s", *v, error.message);
        }
        assert_true(kt_str_equal(event.vertex_id, (struct kt_str){v, 1}));
        assert_true(event.timestamp_ms == 1795332584342);
        assert_false(resumable);
    }
}

static void assert_refused(const struct fixture *f, struct kt_file_reader *reader, enum kt_err code,
                           bool expect_resumable, const char *message) {
    struct kt_metric_event event;
    struct kt_error error = {0};
    bool resumable = !expect_resumable;
    assert_int_equal(kt_file_reader_next(reader, &event, &resumable, &error), code);
    char expected[600];
    snprintf(expected, sizeof expected, "%s: %s", f->path, message);
    assert_string_equal(error.message, expected);
    assert_int_equal(resumable, expect_resumable);
}

/* ---- the recording ----------------------------------------------------------------------- */

static void recording_survives_a_container_field_for_field(void **state) {
    const struct fixture *f = *state;
    recording_copy(f->path);
    recording_assert_same(f->path);
}

static void avro_c_reads_what_was_written(void **state) {
    const struct fixture *f = *state;
    recording_copy(f->path);
    struct kt_file_reader *expected = recording_open(RECORDING);
    avro_file_reader_t file = NULL;
    assert_int_equal(avro_file_reader(f->path, &file), 0);
    struct avro_oracle oracle;
    avro_oracle_open(&oracle, kt_metric_event_type.schema_text);
    for (int i = 0; i < RECORDING_EVENTS; i++) {
        struct kt_metric_event event;
        bool resumable = false;
        assert_int_equal(kt_file_reader_next(expected, &event, &resumable, NULL), KT_ERR_OK);
        assert_int_equal(avro_value_reset(&oracle.value), 0);
        assert_int_equal(avro_file_reader_read_value(file, &oracle.value), 0);
        const char *where = avro_oracle_difference(&oracle, &kt_metric_event_type, &event);
        if (where != NULL) {
            fail_msg("event %d differs in %s", i + 1, where);
        }
    }
    assert_int_equal(avro_file_reader_read_value(file, &oracle.value), EOF);
    avro_oracle_close(&oracle);
    avro_file_reader_close(file);
    recording_assert_end(expected);
}

/* ---- what is right ----------------------------------------------------------------------- */

static void blocks_without_codec_are_read(void **state) {
    struct fixture *f = *state;
    put_header(f, NULL);
    put_events(f, "ab");
    put_block(f, 0, "", 0);
    put_events(f, "c");
    struct kt_file_reader *reader = open_composed(f);
    assert_events(reader, "abc");
    assert_int_equal(kt_file_reader_position(reader), 3);
    recording_assert_end(reader);
}

static void deflated_blocks_are_read(void **state) {
    struct fixture *f = *state;
    put_header(f, "deflate");
    unsigned char plain[4096];
    unsigned char packed[4096];
    for (const char *v = "abc"; *v != '\0'; v++) {
        const char two[] = {*v, *v, '\0'};
        const size_t len = bodies(f, two, plain, sizeof plain);
        put_block(f, 2, packed, deflate_raw(plain, len, packed, sizeof packed));
    }
    struct kt_file_reader *reader = open_composed(f);
    assert_events(reader, "aabbcc");
    recording_assert_end(reader);
}

static void bytes_behind_a_deflated_stream_are_ignored(void **state) {
    struct fixture *f = *state;
    put_header(f, "deflate");
    unsigned char plain[4096];
    unsigned char packed[4096];
    const size_t len = bodies(f, "ab", plain, sizeof plain);
    const size_t packed_len = deflate_raw(plain, len, packed, sizeof packed - 3);
    memcpy(packed + packed_len, "\x12\x34\x56", 3); /* fastavro: the rest of an Adler-32 */
    put_block(f, 2, packed, packed_len + 3);
    struct kt_file_reader *reader = open_composed(f);
    assert_events(reader, "ab");
    recording_assert_end(reader);
}

static void metadata_may_be_grouped_and_hold_other_keys(void **state) {
    struct fixture *f = *state;
    put(f, "Obj\x01", 4);
    put_long(f, -1); /* a negative count is followed by the group's size in bytes */
    const size_t text_len = strlen(kt_metric_event_type.schema_text);
    put_long(f, 1 + 11 + 2 + (int64_t)text_len);
    put_entry(f, "avro.schema", kt_metric_event_type.schema_text);
    put_long(f, 2);
    put_entry(f, "written.by", "a test");
    put_entry(f, "avro.codec", "null");
    put_long(f, 0);
    put(f, SYNC, 16);
    put_events(f, "a");
    struct kt_file_reader *reader = open_composed(f);
    assert_events(reader, "a");
    recording_assert_end(reader);
}

static void a_container_without_records_has_none(void **state) {
    struct fixture *f = *state;
    put_header(f, "null");
    recording_assert_end(open_composed(f));
}

static void a_container_is_told_by_its_bytes_even_compressed(void **state) {
    struct fixture *f = *state;
    put_header(f, "null");
    put_events(f, "a");
    snprintf(f->path, sizeof f->path, "%s/events.gz", f->folder);
    gzFile gz = gzopen(f->path, "wb");
    assert_int_equal(gzwrite(gz, f->bytes, (unsigned)f->len), (int)f->len);
    assert_int_equal(gzclose(gz), Z_OK);
    struct kt_file_reader *reader = recording_open(f->path);
    assert_events(reader, "a");
    recording_assert_end(reader);
}

/* ---- wrong headers ----------------------------------------------------------------------- */

static void wrong_magic_is_refused(void **state) {
    struct fixture *f = *state;
    put(f, "PK\x03\x04", 4);
    assert_open_refused(f, KT_ERR_FRAMING, "not an Avro container: it does not begin with \"Obj\"");
    f->len = 0;
    assert_open_refused(f, KT_ERR_FRAMING, "not an Avro container: it does not begin with \"Obj\"");
    put(f, "Obj\x02", 4);
    assert_open_refused(f, KT_ERR_FRAMING,
                        "not an Avro container: it begins with 4f 62 6a 02 (expected 4f 62 6a 01)");
}

static void an_unknown_codec_is_refused(void **state) {
    struct fixture *f = *state;
    put_header(f, "zstandard");
    assert_open_refused(f, KT_ERR_FRAMING,
                        "unknown codec \"zstandard\" (expected null or deflate)");
}

static void a_header_without_schema_is_refused(void **state) {
    struct fixture *f = *state;
    put(f, "Obj\x01", 4);
    put_long(f, 1);
    put_entry(f, "avro.codec", "null");
    put_long(f, 0);
    put(f, SYNC, 16);
    assert_open_refused(f, KT_ERR_SCHEMA, "no avro.schema in the metadata");
}

static void every_truncation_of_the_header_is_refused(void **state) {
    struct fixture *f = *state;
    put_header(f, "null");
    const size_t whole = f->len;
    for (f->len = 3; f->len < whole; f->len += f->len < 40 ? 1 : 97) {
        assert_open_refused(f, KT_ERR_TRUNCATED, "the file ends too early");
    }
}

static void metadata_is_bounded(void **state) {
    struct fixture *f = *state;
    put(f, "Obj\x01", 4);
    put_long(f, 1025);
    assert_open_refused(f, KT_ERR_LIMIT, "more than 1024 metadata entries");
    f->len = 4;
    put_long(f, INT64_MIN);
    put_long(f, 0);
    assert_open_refused(f, KT_ERR_LIMIT, "more than 1024 metadata entries");
    f->len = 4;
    put_long(f, 1);
    put_long(f, (1 << 20) + 1);
    assert_open_refused(f, KT_ERR_LIMIT, "metadata of 1048577 bytes (expected 0 to 1048576)");
    f->len = 4;
    put_long(f, 1);
    put_long(f, -1);
    assert_open_refused(f, KT_ERR_LIMIT, "metadata of -1 bytes (expected 0 to 1048576)");
    f->len = 4;
    put(f, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10);
    assert_open_refused(f, KT_ERR_DECODE, "a number is longer than 64 bits");
}

/* ---- wrong blocks ------------------------------------------------------------------------ */

static void a_truncated_container_gives_its_blocks_and_then_an_error(void **state) {
    struct fixture *f = *state;
    put_header(f, "null");
    put_events(f, "ab");
    const size_t one_block = f->len;
    put_events(f, "cd");
    const size_t two_blocks = f->len;
    for (f->len = one_block + 1; f->len < two_blocks; f->len++) {
        struct kt_file_reader *reader = open_composed(f);
        assert_events(reader, "ab");
        assert_refused(f, reader, KT_ERR_TRUNCATED, false, "record 3: the file ends too early");
        assert_refused(f, reader, KT_ERR_TRUNCATED, false, "record 3: the file ends too early");
        kt_file_reader_close(reader);
    }
}

static void a_bad_sync_marker_ends_the_reading(void **state) {
    struct fixture *f = *state;
    put_header(f, "null");
    put_events(f, "a");
    put_events(f, "bc");
    f->bytes[f->len - 1] ^= 1;
    put_events(f, "d");
    struct kt_file_reader *reader = open_composed(f);
    assert_events(reader, "a");
    assert_refused(f, reader, KT_ERR_DECODE, false,
                   "record 2: the block does not end in the file's sync marker");
    kt_file_reader_close(reader);
}

static void block_sizes_are_bounded(void **state) {
    static const struct {
        int64_t count;
        int64_t size;
        const char *message;
    } cases[] = {
        {1, (16 << 20) + 1, "record 2: a block of 16777217 bytes (expected 0 to 16777216)"},
        {1, INT64_MAX, "record 2: a block of 9223372036854775807 bytes (expected 0 to 16777216)"},
        {1, -1, "record 2: a block of -1 bytes (expected 0 to 16777216)"},
        {-1, 1, "record 2: a block of -1 records (expected 0 to 16777216)"},
        {INT64_MAX, 1, "record 2: a block of 9223372036854775807 records (expected 0 to 16777216)"},
    };
    struct fixture *f = *state;
    put_header(f, "null");
    put_events(f, "a");
    const size_t before = f->len;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->len = before;
        put_long(f, cases[i].count);
        put_long(f, cases[i].size);
        put(f, "rest of it", 10);
        struct kt_file_reader *reader = open_composed(f);
        assert_events(reader, "a");
        assert_refused(f, reader, KT_ERR_LIMIT, false, cases[i].message);
        kt_file_reader_close(reader);
    }
}

static void a_block_with_more_records_than_bytes_is_left_behind(void **state) {
    struct fixture *f = *state;
    put_header(f, "null");
    put_block(f, 5, "\0\0\0", 3);
    put_events(f, "a");
    struct kt_file_reader *reader = open_composed(f);
    assert_refused(f, reader, KT_ERR_DECODE, true, "record 1: a block of 3 bytes with 5 records");
    assert_events(reader, "a");
    recording_assert_end(reader);
}

static void a_deflate_bomb_is_left_behind(void **state) {
    struct fixture *f = *state;
    put_header(f, "deflate");
    const size_t len = (16U << 20) + 1;
    unsigned char *zeros = calloc(1, len);
    unsigned char *packed = malloc(65536);
    put_block(f, 1, packed, deflate_raw(zeros, len, packed, 65536));
    const size_t used = bodies(f, "a", zeros, len);
    put_block(f, 1, packed, deflate_raw(zeros, used, packed, 65536));
    free(zeros);
    free(packed);
    struct kt_file_reader *reader = open_composed(f);
    assert_refused(f, reader, KT_ERR_LIMIT, true,
                   "record 1: the block inflates to more than 16777216 bytes");
    assert_events(reader, "a");
    recording_assert_end(reader);
}

static void a_damaged_deflated_block_is_left_behind(void **state) {
    struct fixture *f = *state;
    put_header(f, "deflate");
    unsigned char plain[4096];
    unsigned char packed[4096];
    const size_t len = bodies(f, "abc", plain, sizeof plain);
    const size_t packed_len = deflate_raw(plain, len, packed, sizeof packed);
    put_block(f, 3, packed, packed_len - 1);
    put_block(f, 3, "\xFF\xFF\xFF\xFF", 4);
    put_block(f, 3, packed, packed_len);
    struct kt_file_reader *reader = open_composed(f);
    assert_refused(f, reader, KT_ERR_DECODE, true,
                   "record 1 (and 2 behind it): the deflated block is damaged");
    assert_int_equal(kt_file_reader_position(reader), 3);
    assert_refused(f, reader, KT_ERR_DECODE, true,
                   "record 4 (and 2 behind it): the deflated block is damaged");
    assert_events(reader, "abc");
    assert_int_equal(kt_file_reader_position(reader), 9);
    recording_assert_end(reader);
}

static void a_bad_record_costs_the_rest_of_its_block(void **state) {
    struct fixture *f = *state;
    put_header(f, "null");
    unsigned char bytes[4096];
    const size_t good = bodies(f, "a", bytes, sizeof bytes);
    bytes[good] = 0x01; /* cluster: a string of -1 bytes */
    put_block(f, 3, bytes, good + 1 + bodies(f, "c", bytes + good + 1, 2048));
    put_events(f, "d");
    struct kt_file_reader *reader = open_composed(f);
    assert_events(reader, "a");
    struct kt_metric_event event;
    struct kt_error error = {0};
    bool resumable = false;
    assert_int_equal(kt_file_reader_next(reader, &event, &resumable, &error), KT_ERR_DECODE);
    char expected[600];
    snprintf(expected, sizeof expected, "%s: record 2 (and 1 behind it): cluster", f->path);
    assert_memory_equal(error.message, expected, strlen(expected));
    assert_true(resumable);
    assert_int_equal(kt_file_reader_position(reader), 3);
    assert_events(reader, "d");
    assert_int_equal(kt_file_reader_position(reader), 4);
    recording_assert_end(reader);
}

static void bytes_behind_a_blocks_records_are_an_error(void **state) {
    struct fixture *f = *state;
    put_header(f, "null");
    unsigned char bytes[4096];
    const size_t len = bodies(f, "ab", bytes, sizeof bytes);
    put_block(f, 1, bytes, len);
    put_events(f, "c");
    struct kt_file_reader *reader = open_composed(f);
    assert_events(reader, "a");
    char message[128];
    snprintf(message, sizeof message, "record 2: the block before it has %zu bytes too many",
             len / 2);
    assert_refused(f, reader, KT_ERR_DECODE, true, message);
    assert_events(reader, "c");
    recording_assert_end(reader);
}

/* ---- writing ----------------------------------------------------------------------------- */

static void a_full_disk_is_reported_for_containers(void **state) {
    const struct fixture *f = *state;
    assert_int_equal(symlink("/dev/full", f->path), 0);
    char message[600];
    snprintf(message, sizeof message, "%s: No space left on device", f->path);
    static const int records[] = {0, 1, 60000};
    for (size_t r = 0; r < sizeof records / sizeof records[0]; r++) {
        struct kt_file_writer *writer = NULL;
        assert_int_equal(kt_file_writer_open(&kt_metric_event_type, f->path, &writer, NULL),
                         KT_ERR_OK);
        struct kt_metric_event event = {.cluster = KT_STR("lab"), .job_name = KT_STR("orders")};
        struct kt_error error = {0};
        enum kt_err err = KT_ERR_OK;
        for (int i = 0; i < records[r] && err == KT_ERR_OK; i++) {
            event.timestamp_ms = i * INT64_C(2654435761) % INT64_C(4294967291);
            err = kt_file_writer_append(writer, &event, &error);
        }
        assert_int_equal(err, records[r] > 1000 ? KT_ERR_FULL : KT_ERR_OK);
        assert_int_equal(kt_file_writer_close(writer, &error), KT_ERR_FULL);
        assert_string_equal(error.message, message);
    }
}

static void a_refused_record_makes_the_file_incomplete(void **state) {
    const struct fixture *f = *state;
    struct kt_file_writer *writer = NULL;
    assert_int_equal(kt_file_writer_open(&kt_metric_event_type, f->path, &writer, NULL), KT_ERR_OK);
    const struct kt_metric_event bad = {.cluster = KT_STR("\xFF")};
    const struct kt_metric_event good = {.cluster = KT_STR("lab")};
    struct kt_error error = {0};
    assert_int_equal(kt_file_writer_append(writer, &good, &error), KT_ERR_OK);
    assert_int_equal(kt_file_writer_append(writer, &bad, &error), KT_ERR_INVALID);
    assert_int_equal(kt_file_writer_append(writer, &good, &error), KT_ERR_INVALID);
    assert_int_equal(kt_file_writer_close(writer, &error), KT_ERR_INVALID);
    assert_memory_equal(error.message, f->path, strlen(f->path));
    assert_non_null(strstr(error.message, "cluster: "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(recording_survives_a_container_field_for_field),
        TEST(avro_c_reads_what_was_written),
        TEST(blocks_without_codec_are_read),
        TEST(deflated_blocks_are_read),
        TEST(bytes_behind_a_deflated_stream_are_ignored),
        TEST(metadata_may_be_grouped_and_hold_other_keys),
        TEST(a_container_without_records_has_none),
        TEST(a_container_is_told_by_its_bytes_even_compressed),
        TEST(wrong_magic_is_refused),
        TEST(an_unknown_codec_is_refused),
        TEST(a_header_without_schema_is_refused),
        TEST(every_truncation_of_the_header_is_refused),
        TEST(metadata_is_bounded),
        TEST(a_truncated_container_gives_its_blocks_and_then_an_error),
        TEST(a_bad_sync_marker_ends_the_reading),
        TEST(block_sizes_are_bounded),
        TEST(a_block_with_more_records_than_bytes_is_left_behind),
        TEST(a_deflate_bomb_is_left_behind),
        TEST(a_damaged_deflated_block_is_left_behind),
        TEST(a_bad_record_costs_the_rest_of_its_block),
        TEST(bytes_behind_a_blocks_records_are_an_error),
        TEST(a_full_disk_is_reported_for_containers),
        TEST(a_refused_record_makes_the_file_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
