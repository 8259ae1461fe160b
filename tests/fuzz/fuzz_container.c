/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes a whole file of events: an Avro container, JSON lines, either of them compressed. Every
 * error must have a message, reading must end, and a reader that is broken must stay so. */
#include "schemas/codec.h"
#include "schemas/metric_event.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Each record or error takes a byte of the file or more, but compression may multiply them. */
#define STEPS_MAX 100000

static void read_all(struct kt_file_reader *reader) {
    int64_t position = 0;
    for (int step = 0; step < STEPS_MAX; step++) {
        struct kt_metric_event event;
        struct kt_error error = {0};
        bool resumable = false;
        const enum kt_err err = kt_file_reader_next(reader, &event, &resumable, &error);
        if (err == KT_ERR_OK) {
            (void)(kt_metric_event_check(&event, &error) == KT_ERR_OK);
        } else if (err == KT_ERR_NOT_FOUND) {
            return;
        } else if (error.code != err || error.message[0] == '\0') {
            abort();
        } else if (!resumable) {
            if (kt_file_reader_next(reader, &event, &resumable, &error) != err || resumable) {
                abort();
            }
            return;
        }
        if (kt_file_reader_position(reader) < position) {
            abort();
        }
        position = kt_file_reader_position(reader);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len) {
        abort();
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct kt_file_reader *reader = NULL;
    struct kt_error error = {0};
    const enum kt_err err = kt_file_reader_open(&kt_metric_event_type, path, &reader, &error);
    if (err == KT_ERR_OK) {
        read_all(reader);
        kt_file_reader_close(reader);
    } else if (error.message[0] == '\0') {
        abort();
    }
    close(fd);
    return 0;
}
