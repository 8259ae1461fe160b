/* SPDX-License-Identifier: GPL-3.0-or-later
 * The recording of a real Flink job as a file of events: copied, read again and compared, for tests
 * of every file format. All of these fail the running cmocka test when something is wrong. */
#ifndef KT_TESTS_SUPPORT_RECORDING_H
#define KT_TESTS_SUPPORT_RECORDING_H

#include "schemas/codec.h"

#define RECORDING        KT_FIXTURES "/flink-recording.jsonl.gz"
#define RECORDING_EVENTS 6156

/* Opens a file of MetricEvents; the caller closes the reader. */
struct kt_file_reader *recording_open(const char *path);

/* Asserts that the reader is at its end and stays there, and closes it. */
void recording_assert_end(struct kt_file_reader *reader);

/* Writes all events of the recording to a file, in the format that its name asks for. */
void recording_copy(const char *to);

/* Asserts that a file holds the recording's events, field for field and no others. */
void recording_assert_same(const char *path);

#endif
