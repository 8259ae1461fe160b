/* SPDX-License-Identifier: GPL-3.0-or-later
 * Bytes of a file in order, decompressed when it is gzip, with any number of them in sight at once.
 *
 * zlib passes a file that is not gzip through as it is, so that there is one way to read both. */
#include "schemas/byte_source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK_BYTES 65536U

struct kt_byte_source {
    gzFile gz;
    char *data; /* capacity bytes, of which start … end are in sight */
    size_t capacity;
    size_t start;
    size_t end;
    bool at_end;
};

enum kt_err kt_byte_source_open(const char *path, struct kt_byte_source **out,
                                struct kt_error *error) {
    const int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                          : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", path, strerror(errno));
    }
    struct kt_byte_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        close(fd);
        return kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", path);
    }
    source->gz = gzdopen(fd, "rb");
    if (source->gz == NULL) {
        close(fd);
        free(source);
        return kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", path);
    }
    gzbuffer(source->gz, CHUNK_BYTES);
    *out = source;
    return KT_ERR_OK;
}

void kt_byte_source_close(struct kt_byte_source *source) {
    if (source == NULL) {
        return;
    }
    (void)gzclose_r(source->gz); /* nothing was written that could be lost */
    free(source->data);
    free(source);
}

/* Room for one more chunk behind `end`. */
static bool make_room(struct kt_byte_source *source) {
    if (source->start > 0) {
        memmove(source->data, source->data + source->start, source->end - source->start);
        source->end -= source->start;
        source->start = 0;
    }
    if (source->capacity - source->end >= CHUNK_BYTES) {
        return true;
    }
    const size_t capacity = source->capacity * 2 + 2 * (size_t)CHUNK_BYTES;
    char *data = realloc(source->data, capacity);
    if (data == NULL) {
        return false;
    }
    source->data = data;
    source->capacity = capacity;
    return true;
}

static enum kt_err read_chunk(struct kt_byte_source *source, struct kt_error *error) {
    if (!make_room(source)) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    errno = 0;
    const int n = gzread(source->gz, source->data + source->end, CHUNK_BYTES);
    if (n > 0) {
        source->end += (size_t)n;
        return KT_ERR_OK;
    }
    /* A gzip stream that breaks off reads as an end; only its error tells. */
    int code = Z_OK;
    (void)gzerror(source->gz, &code);
    switch (code) {
    case Z_OK:
    case Z_STREAM_END:
        source->at_end = true;
        return KT_ERR_OK;
    case Z_BUF_ERROR:
        return kt_fail(error, KT_ERR_TRUNCATED, "the gzip data ends too early");
    case Z_ERRNO:
        return kt_fail(error, KT_ERR_IO, "%s", strerror(errno));
    case Z_MEM_ERROR:
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    default:
        return kt_fail(error, KT_ERR_DECODE, "the gzip data is damaged");
    }
}

enum kt_err kt_byte_source_see(struct kt_byte_source *source, size_t count, struct kt_str *seen,
                               struct kt_error *error) {
    enum kt_err err = KT_ERR_OK;
    while (source->end - source->start < count && !source->at_end && err == KT_ERR_OK) {
        err = read_chunk(source, error);
    }
    const size_t len = source->end - source->start;
    *seen = (struct kt_str){len == 0 ? "" : source->data + source->start, len};
    return err;
}

void kt_byte_source_skip(struct kt_byte_source *source, size_t count) {
    assert(count <= source->end - source->start);
    source->start += count;
}
