/* SPDX-License-Identifier: GPL-3.0-or-later
 * Files of records: the real recording comes through whole, and every way a file can be wrong has
 * its message. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "schemas/codec.h"
#include "schemas/metric_event.h"
#include "support/process.h"
#include "support/random_record.h"
#include "support/recording.h"

#define LINE(vertex)                                                                               \
    "{\"cluster\":\"lab\",\"job_name\":\"orders\",\"job_id\":\"j\",\"vertex_id\":\"" vertex        \
    "\",\"vertex_name\":\"map\",\"subtask\":0,\"timestamp_ms\":1795332584342}"

/* ---- support ----------------------------------------------------------------------------- */

struct fixture {
    char *folder;
    char path[512];
};

static int folder_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL) {
        return -1;
    }
    fixture->folder = kt_process_tmpdir();
    *state = fixture;
    return 0;
}

static int folder_teardown(void **state) {
    struct fixture *fixture = *state;
    kt_process_rmtree(fixture->folder);
    free(fixture->folder);
    free(fixture);
    return 0;
}

/* Path of a file in the test's folder, valid until the next call. */
static const char *path_in(void **state, const char *name) {
    struct fixture *fixture = *state;
    snprintf(fixture->path, sizeof fixture->path, "%s/%s", fixture->folder, name);
    return fixture->path;
}

static void write_bytes(const char *path, const void *bytes, size_t len) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static const char *write_text(void **state, const char *name, const char *text) {
    const char *path = path_in(state, name);
    write_bytes(path, text, strlen(text));
    return path;
}

static struct kt_bytes read_bytes(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    struct kt_bytes bytes = {.len = (size_t)st.st_size};
    bytes.data = malloc(bytes.len);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes.data, 1, bytes.len, file), bytes.len);
    fclose(file);
    return bytes;
}

static void assert_open_refused(const char *path, enum kt_err code, const char *message) {
    struct kt_file_reader *reader = NULL;
    struct kt_error error = {0};
    assert_int_equal(kt_file_reader_open(&kt_metric_event_type, path, &reader, &error), code);
    assert_string_equal(error.message, message);
    assert_null(reader);
}

static void assert_next_event(struct kt_file_reader *reader, const char *vertex_id) {
    struct kt_metric_event event;
    struct kt_error error = {0};
    bool resumable = true;
    if (kt_file_reader_next(reader, &event, &resumable, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    assert_false(resumable);
    if (vertex_id != NULL && !kt_str_equal(event.vertex_id, kt_str_of(vertex_id))) {
        fail_msg("expected %s, got %.*s", vertex_id, KT_STR_ARG(event.vertex_id));
    }
}

static void assert_next_refused(struct kt_file_reader *reader, enum kt_err code,
                                bool expect_resumable, const char *format, const char *path) {
    struct kt_metric_event event;
    struct kt_error error = {0};
    bool resumable = !expect_resumable;
    assert_int_equal(kt_file_reader_next(reader, &event, &resumable, &error), code);
    char message[sizeof error.message];
    snprintf(message, sizeof message, "%s%s", path, format);
    assert_string_equal(error.message, message);
    assert_int_equal(resumable, expect_resumable);
}

/* ---- the recording ----------------------------------------------------------------------- */

static void every_event_of_the_recording_is_read_and_valid(void **state) {
    (void)state;
    struct kt_file_reader *reader = recording_open(RECORDING);
    struct kt_metric_event event;
    bool resumable = false;
    struct kt_error error = {0};
    int events = 0;
    while (kt_file_reader_next(reader, &event, &resumable, &error) == KT_ERR_OK) {
        events++;
        if (kt_metric_event_check(&event, &error) != KT_ERR_OK) {
            fail_msg("event %d: %s", events, error.message);
        }
    }
    assert_string_equal(error.message, "");
    assert_int_equal(events, RECORDING_EVENTS);
    kt_file_reader_close(reader);
}

static void recording_survives_json_lines(void **state) {
    const char *path = path_in(state, "copy.jsonl");
    recording_copy(path);
    recording_assert_same(path);
}

static void recording_survives_compressed_json_lines(void **state) {
    const char *path = path_in(state, "copy.jsonl.gz");
    recording_copy(path);
    struct kt_bytes bytes = read_bytes(path);
    assert_memory_equal(bytes.data, "\x1f\x8b", 2);
    free(bytes.data);
    recording_assert_same(path);
}

/* ---- JSON lines -------------------------------------------------------------------------- */

static void line_ends_marks_and_blank_lines_are_accepted(void **state) {
    const char *path = write_text(
        state, "in.jsonl", "\xEF\xBB\xBF" LINE("a") "\r\n\r\n \t\n" LINE("b") "\n" LINE("c"));
    struct kt_file_reader *reader = recording_open(path);
    assert_int_equal(kt_file_reader_position(reader), 0);
    assert_next_event(reader, "a");
    assert_int_equal(kt_file_reader_position(reader), 1);
    assert_next_event(reader, "b");
    assert_int_equal(kt_file_reader_position(reader), 4);
    assert_next_event(reader, "c");
    assert_int_equal(kt_file_reader_position(reader), 5);
    recording_assert_end(reader);
}

static void an_empty_file_has_no_events(void **state) {
    recording_assert_end(recording_open(write_text(state, "in.jsonl", "")));
}

static void reading_goes_on_behind_a_bad_line(void **state) {
    const char *path =
        write_text(state, "in.jsonl",
                   LINE("a") "\n{\"cluster\":lab}\n" LINE(
                       "b") "\n# comment\n"
                            "{\"cluster\":7}\n" LINE("c") " x\n" LINE(
                                "d") "\n"
                                     "{\"cluster\":\"a\",\"cluster\":\"b\"}\n{\"clus");
    struct kt_file_reader *reader = recording_open(path);
    assert_next_event(reader, "a");
    assert_next_refused(reader, KT_ERR_PARSE, true,
                        ":2: malformed JSON at column 14: invalid token near 'lab'", path);
    assert_next_event(reader, "b");
    assert_next_refused(reader, KT_ERR_PARSE, true,
                        ":4: malformed JSON at column 1: '[' or '{' expected near '#'", path);
    assert_next_refused(reader, KT_ERR_INVALID, true, ":5: cluster: expected a string, got 7",
                        path);
    assert_next_refused(reader, KT_ERR_PARSE, true,
                        ":6: malformed JSON at column 129: end of file expected near 'x'", path);
    assert_next_event(reader, "d");
    assert_next_refused(reader, KT_ERR_PARSE, true,
                        ":8: malformed JSON at column 24: duplicate object key near '\"cluster\"'",
                        path);
    assert_next_refused(reader, KT_ERR_PARSE, true,
                        ":9: malformed JSON at column 6: premature end of input near '\"clus'",
                        path);
    recording_assert_end(reader);
}

static void a_line_beyond_the_limit_is_refused_and_left_behind(void **state) {
    const size_t len = (1U << 20) + 1;
    char *text = malloc(3 * len);
    assert_non_null(text);
    memset(text, 'x', len);
    size_t used = len;
    used += (size_t)snprintf(text + used, len, "\n%s\n", LINE("a"));
    memset(text + used, ' ', len - 1); /* exactly at the limit, and blank */
    const char *path = path_in(state, "in.jsonl");
    write_bytes(path, text, used + len - 1);
    free(text);
    struct kt_file_reader *reader = recording_open(path);
    assert_next_refused(reader, KT_ERR_LIMIT, true, ":1: the line is longer than 1048576 bytes",
                        path);
    assert_next_event(reader, "a");
    recording_assert_end(reader);
}

static void truncated_gzip_gives_its_lines_and_then_an_error(void **state) {
    struct kt_bytes bytes = read_bytes(RECORDING);
    const char *path = path_in(state, "in.jsonl.gz");
    write_bytes(path, bytes.data, bytes.len / 2);
    free(bytes.data);
    struct kt_file_reader *reader = recording_open(path);
    struct kt_metric_event event;
    bool resumable = true;
    struct kt_error error = {0};
    int events = 0;
    while (kt_file_reader_next(reader, &event, &resumable, &error) == KT_ERR_OK) {
        events++;
    }
    assert_in_range(events, 1000, RECORDING_EVENTS - 1000);
    assert_int_equal(error.code, KT_ERR_TRUNCATED);
    char message[600];
    snprintf(message, sizeof message, "%s:%d: the gzip data ends too early", path, events + 1);
    assert_string_equal(error.message, message);
    assert_false(resumable);
    /* It stays broken: no caller can take this for an end. */
    assert_int_equal(kt_file_reader_next(reader, &event, &resumable, &error), KT_ERR_TRUNCATED);
    assert_string_equal(error.message, message);
    kt_file_reader_close(reader);
}

static void damaged_gzip_is_an_error(void **state) {
    struct kt_bytes bytes = read_bytes(RECORDING);
    bytes.data[bytes.len - 6] ^= 0xFF; /* of the checksum */
    const char *path = path_in(state, "in.jsonl.gz");
    write_bytes(path, bytes.data, bytes.len);
    free(bytes.data);
    struct kt_file_reader *reader = recording_open(path);
    struct kt_metric_event event;
    bool resumable = true;
    struct kt_error error = {0};
    enum kt_err err = KT_ERR_OK;
    while (err == KT_ERR_OK) {
        err = kt_file_reader_next(reader, &event, &resumable, &error);
    }
    assert_int_equal(err, KT_ERR_DECODE);
    assert_non_null(strstr(error.message, ": the gzip data is damaged"));
    assert_false(resumable);
    kt_file_reader_close(reader);
}

static void files_that_cannot_be_read_are_named(void **state) {
    char message[600];
    const char *path = path_in(state, "missing.jsonl");
    snprintf(message, sizeof message, "%s: No such file or directory", path);
    assert_open_refused(path, KT_ERR_IO, message);
    struct fixture *fixture = *state;
    snprintf(message, sizeof message, "%s: Is a directory", fixture->folder);
    assert_open_refused(fixture->folder, KT_ERR_IO, message);
}

/* Puts a file in the place of a standard stream; the descriptor to put back. */
static int redirect(int standard, const char *path, int flags) {
    (void)fflush(stdout);
    const int saved = dup(standard);
    const int fd = open(path, flags, 0600);
    assert_true(saved >= 0 && fd >= 0);
    assert_int_equal(dup2(fd, standard), standard);
    close(fd);
    return saved;
}

static void restore(int standard, int saved) {
    assert_int_equal(dup2(saved, standard), standard);
    close(saved);
}

static void a_dash_means_the_standard_streams(void **state) {
    const char *path = path_in(state, "stream.jsonl");
    const int out = redirect(STDOUT_FILENO, path, O_WRONLY | O_CREAT);
    struct kt_file_reader *reader = NULL;
    struct kt_file_writer *writer = NULL;
    const enum kt_err opened = kt_file_writer_open(&kt_metric_event_type, "-", &writer, NULL);
    const struct kt_metric_event event = {.vertex_id = KT_STR("v"), .timestamp_ms = 7};
    enum kt_err written = opened;
    if (opened == KT_ERR_OK) {
        written = kt_file_writer_append(writer, &event, NULL);
        const enum kt_err closed = kt_file_writer_close(writer, NULL);
        written = written == KT_ERR_OK ? closed : written;
    }
    restore(STDOUT_FILENO, out);
    assert_int_equal(written, KT_ERR_OK);

    const int in = redirect(STDIN_FILENO, path, O_RDONLY);
    assert_int_equal(kt_file_reader_open(&kt_metric_event_type, "-", &reader, NULL), KT_ERR_OK);
    assert_next_event(reader, "v");
    recording_assert_end(reader);
    restore(STDIN_FILENO, in);
}

/* ---- writing ----------------------------------------------------------------------------- */

static void a_file_that_cannot_be_created_is_named(void **state) {
    const char *path = path_in(state, "missing/out.jsonl");
    struct kt_file_writer *writer = NULL;
    struct kt_error error = {0};
    assert_int_equal(kt_file_writer_open(&kt_metric_event_type, path, &writer, &error), KT_ERR_IO);
    char message[600];
    snprintf(message, sizeof message, "%s: No such file or directory", path);
    assert_string_equal(error.message, message);
}

/* A symbolic link gives the full disk the name that chooses the format. */
static void assert_full_disk_is_reported(void **state, const char *name, int records) {
    const char *path = path_in(state, name);
    assert_int_equal(symlink("/dev/full", path), 0);
    struct kt_file_writer *writer = NULL;
    assert_int_equal(kt_file_writer_open(&kt_metric_event_type, path, &writer, NULL), KT_ERR_OK);
    struct kt_metric_event event = {.cluster = KT_STR("lab"), .job_name = KT_STR("orders")};
    struct kt_error error = {0};
    enum kt_err err = KT_ERR_OK;
    char message[600];
    snprintf(message, sizeof message, "%s: No space left on device", path);
    for (int i = 0; i < records && err == KT_ERR_OK; i++) {
        event.timestamp_ms = i * INT64_C(2654435761) % INT64_C(4294967291);
        err = kt_file_writer_append(writer, &event, &error);
    }
    if (err != KT_ERR_OK) {
        assert_int_equal(err, KT_ERR_FULL);
        assert_string_equal(error.message, message);
    }
    error.message[0] = '\0';
    assert_int_equal(kt_file_writer_close(writer, &error), KT_ERR_FULL);
    assert_string_equal(error.message, message);
}

static void a_full_disk_is_reported_for_json_lines(void **state) {
    assert_full_disk_is_reported(state, "one.jsonl", 1);
    assert_full_disk_is_reported(state, "many.jsonl", 5000);
}

static void a_full_disk_is_reported_for_compressed_lines(void **state) {
    assert_full_disk_is_reported(state, "one.jsonl.gz", 1);
    assert_full_disk_is_reported(state, "many.jsonl.gz", 20000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_of_the_recording_is_read_and_valid),
        TEST(recording_survives_json_lines),
        TEST(recording_survives_compressed_json_lines),
        TEST(line_ends_marks_and_blank_lines_are_accepted),
        TEST(an_empty_file_has_no_events),
        TEST(reading_goes_on_behind_a_bad_line),
        TEST(a_line_beyond_the_limit_is_refused_and_left_behind),
        TEST(truncated_gzip_gives_its_lines_and_then_an_error),
        TEST(damaged_gzip_is_an_error),
        TEST(files_that_cannot_be_read_are_named),
        TEST(a_dash_means_the_standard_streams),
        TEST(a_file_that_cannot_be_created_is_named),
        TEST(a_full_disk_is_reported_for_json_lines),
        TEST(a_full_disk_is_reported_for_compressed_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
