/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads a whole text file. */
#include "ops/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static enum kt_err read_all(FILE *in, char **bytes, size_t *len, size_t limit) {
    size_t capacity = 0;
    for (;;) {
        if (*len == capacity) {
            capacity = capacity == 0 ? 65536 : 2 * capacity;
            char *grown = capacity > limit ? NULL : realloc(*bytes, capacity);
            if (grown == NULL) {
                return KT_ERR_LIMIT;
            }
            *bytes = grown;
        }
        errno = 0;
        const size_t got = fread(*bytes + *len, 1, capacity - *len, in);
        *len += got;
        if (got == 0) {
            return ferror(in) ? KT_ERR_IO : KT_ERR_OK;
        }
    }
}

enum kt_err kt_text_file_read(const char *path, struct kt_arena *arena, struct kt_str *text,
                              struct kt_error *error) {
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (in == NULL) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", path, strerror(errno));
    }
    char *bytes = NULL;
    size_t len = 0;
    enum kt_err err = read_all(in, &bytes, &len, arena->limit_bytes);
    if (err == KT_ERR_IO) {
        err = kt_fail(error, KT_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (err == KT_ERR_OK) {
        *text = kt_arena_str(arena, (struct kt_str){bytes, len});
        err = text->data == NULL ? KT_ERR_LIMIT : KT_ERR_OK;
    }
    if (err == KT_ERR_LIMIT) {
        err = kt_fail(error, KT_ERR_LIMIT, "%s: too large", path);
    }
    free(bytes);
    if (in != stdin) {
        fclose(in);
    }
    return err;
}
