/* SPDX-License-Identifier: GPL-3.0-or-later
 * A file that is written from front to end as a FILE, and that knows at the end whether all of it
 * arrived.
 *
 * The stream keeps the first errno and then takes bytes without writing them: what prints into it
 * (jansson, Avro C) need not be trusted to report a failure, nor to clean up after one. */
#include "schemas/byte_sink.h"

#include "schemas/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>
#include <zlib.h>

#define BUFFER_BYTES 65536

struct kt_byte_sink {
    FILE *stream;
    gzFile gz; /* NULL when not compressed; then it owns fd */
    int fd;
    int failure; /* the first errno, 0 while all is well */
    char *path;
};

static void write_plain(struct kt_byte_sink *sink, const char *bytes, size_t len) {
    while (len > 0) {
        const ssize_t n = write(sink->fd, bytes, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            sink->failure = n < 0 ? errno : EIO;
            return;
        }
        bytes += n;
        len -= (size_t)n;
    }
}

static int failure_of_gzip(gzFile gz) {
    int code = Z_OK;
    (void)gzerror(gz, &code);
    return code == Z_ERRNO && errno != 0 ? errno : (code == Z_MEM_ERROR ? ENOMEM : EIO);
}

static ssize_t sink_write(void *cookie, const char *bytes, size_t len) {
    struct kt_byte_sink *sink = cookie;
    if (sink->failure == 0 && len > 0) {
        errno = 0;
        if (sink->gz == NULL) {
            write_plain(sink, bytes, len);
        } else if (gzfwrite(bytes, 1, len, sink->gz) != len) {
            sink->failure = failure_of_gzip(sink->gz);
        }
    }
    return (ssize_t)len;
}

static void sink_free(struct kt_byte_sink *sink) {
    free(sink->path);
    free(sink);
}

/* The descriptor, then what buffers it. */
static int sink_open(struct kt_byte_sink *sink, const char *path) {
    if (strcmp(path, "-") == 0) {
        (void)fflush(stdout); /* what was printed before comes before */
        sink->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    } else {
        sink->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    if (sink->fd < 0) {
        return errno;
    }
    if (kt_str_ends_with(kt_str_of(path), KT_STR(".gz"))) {
        sink->gz = gzdopen(sink->fd, "wb");
        if (sink->gz == NULL) {
            close(sink->fd);
            return ENOMEM;
        }
    }
    sink->stream = fopencookie(sink, "wb", (cookie_io_functions_t){.write = sink_write});
    if (sink->stream == NULL) {
        if (sink->gz != NULL) {
            (void)gzclose_w(sink->gz);
        } else {
            close(sink->fd);
        }
        return ENOMEM;
    }
    (void)setvbuf(sink->stream, NULL, _IOFBF, BUFFER_BYTES);
    return 0;
}

enum kt_err kt_byte_sink_open(const char *path, struct kt_byte_sink **out, struct kt_error *error) {
    struct kt_byte_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", path);
    }
    sink->path = strdup(path);
    const int failure = sink->path == NULL ? ENOMEM : sink_open(sink, path);
    if (failure != 0) {
        sink_free(sink);
        return kt_fail(error, failure == ENOMEM ? KT_ERR_NOMEM : KT_ERR_IO, "%s: %s", path,
                       strerror(failure));
    }
    *out = sink;
    return KT_ERR_OK;
}

FILE *kt_byte_sink_stream(struct kt_byte_sink *sink) {
    return sink->stream;
}

enum kt_err kt_byte_sink_check(const struct kt_byte_sink *sink, struct kt_error *error) {
    if (sink->failure == 0) {
        return KT_ERR_OK;
    }
    const bool full = sink->failure == ENOSPC || sink->failure == EDQUOT;
    return kt_fail(error, full ? KT_ERR_FULL : KT_ERR_IO, "%s: %s", sink->path,
                   strerror(sink->failure));
}

enum kt_err kt_byte_sink_close(struct kt_byte_sink *sink, struct kt_error *error) {
    if (fclose(sink->stream) != 0 && sink->failure == 0) {
        sink->failure = EIO;
    }
    errno = 0;
    if (sink->gz != NULL) {
        const int code = gzclose_w(sink->gz);
        if (code != Z_OK && sink->failure == 0) {
            sink->failure = code == Z_ERRNO && errno != 0 ? errno : EIO;
        }
    } else if (close(sink->fd) != 0 && sink->failure == 0 && errno != EINTR) {
        sink->failure = errno;
    }
    const enum kt_err err = kt_byte_sink_check(sink, error);
    sink_free(sink);
    return err;
}

void kt_byte_sink_abandon(struct kt_byte_sink *sink) {
    enum kt_err err = kt_byte_sink_close(sink, NULL);
    (void)err;
}
