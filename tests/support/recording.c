/* SPDX-License-Identifier: GPL-3.0-or-later
 * The recording of a real Flink job as a file of events: copied, read again and compared. */
#include "support/recording.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "schemas/metric_event.h"
#include "support/random_record.h"

struct kt_file_reader *recording_open(const char *path) {
    struct kt_file_reader *reader = NULL;
    struct kt_error error = {0};
    if (kt_file_reader_open(&kt_metric_event_type, path, &reader, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    return reader;
}

void recording_assert_end(struct kt_file_reader *reader) {
    for (int i = 0; i < 2; i++) {
        struct kt_metric_event event;
        bool resumable = true;
        struct kt_error error = {0};
        assert_int_equal(kt_file_reader_next(reader, &event, &resumable, &error), KT_ERR_NOT_FOUND);
        assert_false(resumable);
    }
    kt_file_reader_close(reader);
}

void recording_copy(const char *to) {
    struct kt_file_reader *reader = recording_open(RECORDING);
    struct kt_file_writer *writer = NULL;
    assert_int_equal(kt_file_writer_open(&kt_metric_event_type, to, &writer, NULL), KT_ERR_OK);
    struct kt_metric_event event;
    bool resumable = false;
    struct kt_error error = {0};
    while (kt_file_reader_next(reader, &event, &resumable, &error) == KT_ERR_OK) {
        assert_int_equal(kt_file_writer_append(writer, &event, &error), KT_ERR_OK);
    }
    assert_string_equal(error.message, "");
    assert_int_equal(kt_file_reader_position(reader), RECORDING_EVENTS);
    assert_int_equal(kt_file_writer_close(writer, &error), KT_ERR_OK);
    kt_file_reader_close(reader);
}

void recording_assert_same(const char *path) {
    struct kt_file_reader *expected = recording_open(RECORDING);
    struct kt_file_reader *actual = recording_open(path);
    assert_int_equal(kt_file_reader_position(actual), 0);
    for (int i = 0; i < RECORDING_EVENTS; i++) {
        struct kt_metric_event a;
        struct kt_metric_event b;
        bool resumable = false;
        struct kt_error error = {0};
        assert_int_equal(kt_file_reader_next(expected, &a, &resumable, &error), KT_ERR_OK);
        if (kt_file_reader_next(actual, &b, &resumable, &error) != KT_ERR_OK) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(kt_file_reader_position(actual), i + 1);
        const char *where = record_difference(&kt_metric_event_type, &a, &b);
        if (where != NULL) {
            fail_msg("event %d differs in %s", i + 1, where);
        }
    }
    recording_assert_end(expected);
    recording_assert_end(actual);
}
