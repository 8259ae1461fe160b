/* SPDX-License-Identifier: GPL-3.0-or-later
 * Records from a file: JSON lines, plain or gzip-compressed, or an Avro container.
 *
 * JSON lines are read leniently where nothing can be lost: a byte order mark, CRLF, blank lines and
 * a last line without its end are accepted. Everything else that is not one JSON object per line is
 * an error of that line, behind which reading goes on. */
#include "schemas/avro_container.h"
#include "schemas/byte_source.h"
#include "schemas/codec.h"

#include <stdlib.h>

#define LINE_BYTES_MAX   (1U << 20)
#define ARENA_CHUNK      65536
#define RECORD_BYTES_MAX (64U << 20) /* what one record may hold in memory */

struct kt_file_reader {
    const struct kt_record_type *type;
    char *path;
    struct kt_byte_source *source;
    struct kt_container *container; /* NULL for JSON lines */
    struct kt_arena arena;
    int64_t line;
    struct kt_error broken; /* why reading cannot go on; code KT_ERR_OK while it can */
};

/* ---- JSON lines -------------------------------------------------------------------------- */

/* Leaves the rest of a line behind. */
static enum kt_err skip_line(struct kt_byte_source *source, struct kt_error *error) {
    for (;;) {
        struct kt_str seen;
        const enum kt_err err = kt_byte_source_see(source, 1, &seen, error);
        if (err != KT_ERR_OK || seen.len == 0) {
            return err;
        }
        const char *end = memchr(seen.data, '\n', seen.len);
        kt_byte_source_skip(source, end == NULL ? seen.len : (size_t)(end - seen.data) + 1);
        if (end != NULL) {
            return KT_ERR_OK;
        }
    }
}

/* The next line without its end; KT_ERR_NOT_FOUND behind the last one. *resumable is left alone
 * unless the next call goes on after an error. */
static enum kt_err next_line(struct kt_file_reader *reader, struct kt_str *line, bool *resumable,
                             struct kt_error *error) {
    size_t searched = 0;
    reader->line++;
    for (;;) {
        struct kt_str seen;
        enum kt_err err = kt_byte_source_see(reader->source, searched + 1, &seen, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        const char *end = memchr(seen.data + searched, '\n', seen.len - searched);
        const bool last = end == NULL && seen.len == searched;
        const size_t len = end == NULL ? seen.len : (size_t)(end - seen.data);
        if (len > LINE_BYTES_MAX) {
            err = skip_line(reader->source, error);
            *resumable = err == KT_ERR_OK;
            return err != KT_ERR_OK ? err
                                    : kt_fail(error, KT_ERR_LIMIT,
                                              "the line is longer than %u bytes", LINE_BYTES_MAX);
        }
        if (last && len == 0) {
            reader->line--;
            return KT_ERR_NOT_FOUND;
        }
        if (end != NULL || last) {
            *line = (struct kt_str){seen.data, len};
            kt_byte_source_skip(reader->source, last ? len : len + 1);
            return KT_ERR_OK;
        }
        searched = seen.len;
    }
}

static bool is_blank(struct kt_str line) {
    for (size_t i = 0; i < line.len; i++) {
        if (strchr(" \t\r", line.data[i]) == NULL || line.data[i] == '\0') {
            return false;
        }
    }
    return true;
}

static enum kt_err parse_line(struct kt_file_reader *reader, struct kt_str line, void *record,
                              struct kt_error *error) {
    static const char mark[] = "\xEF\xBB\xBF";
    if (reader->line == 1 && line.len >= 3 && memcmp(line.data, mark, 3) == 0) {
        line.data += 3;
        line.len -= 3;
    }
    json_error_t at;
    json_t *json = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &at);
    if (json == NULL) {
        return kt_fail(error, KT_ERR_PARSE, "malformed JSON at column %d: %s", at.column, at.text);
    }
    const enum kt_err err = kt_record_from_json(reader->type, json, &reader->arena, record, error);
    json_decref(json);
    return err;
}

static enum kt_err next_from_lines(struct kt_file_reader *reader, void *record, bool *resumable,
                                   struct kt_error *error) {
    struct kt_str line = {NULL, 0};
    enum kt_err err = KT_ERR_OK;
    do {
        err = next_line(reader, &line, resumable, error);
    } while (err == KT_ERR_OK && is_blank(line));
    if (err == KT_ERR_OK) {
        err = parse_line(reader, line, record, error);
        *resumable = err != KT_ERR_OK;
    }
    if (err != KT_ERR_OK && err != KT_ERR_NOT_FOUND) {
        return kt_fail_in(error, err, "%s:%lld", reader->path, (long long)reader->line);
    }
    return err;
}

/* ---- both -------------------------------------------------------------------------------- */

/* Tells the format by the first bytes. */
static enum kt_err recognise(struct kt_file_reader *reader, struct kt_error *error) {
    struct kt_str seen;
    enum kt_err err = kt_byte_source_see(reader->source, 4, &seen, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (seen.len >= 3 && memcmp(seen.data, "Obj", 3) == 0) {
        return kt_container_open(reader->source, reader->type, &reader->container, error);
    }
    if (kt_str_ends_with(kt_str_of(reader->path), KT_STR(".avro"))) {
        return kt_fail(error, KT_ERR_FRAMING,
                       "not an Avro container: it does not begin with \"Obj\"");
    }
    return KT_ERR_OK;
}

enum kt_err kt_file_reader_open(const struct kt_record_type *type, const char *path,
                                struct kt_file_reader **out, struct kt_error *error) {
    struct kt_file_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", path);
    }
    reader->type = type;
    kt_arena_init(&reader->arena, ARENA_CHUNK, RECORD_BYTES_MAX);
    reader->path = strdup(path);
    enum kt_err err = reader->path == NULL ? kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", path)
                                           : kt_byte_source_open(path, &reader->source, error);
    if (err == KT_ERR_OK) {
        err = recognise(reader, error);
        if (err != KT_ERR_OK) {
            (void)kt_fail_in(error, err, "%s", path);
        }
    }
    if (err != KT_ERR_OK) {
        kt_file_reader_close(reader);
        return err;
    }
    *out = reader;
    return KT_ERR_OK;
}

enum kt_err kt_file_reader_next(struct kt_file_reader *reader, void *record, bool *resumable,
                                struct kt_error *error) {
    *resumable = false;
    if (reader->broken.code != KT_ERR_OK) {
        return kt_fail(error, reader->broken.code, "%s", reader->broken.message);
    }
    struct kt_error local = {0};
    kt_arena_reset(&reader->arena);
    enum kt_err err = KT_ERR_OK;
    if (reader->container == NULL) {
        err = next_from_lines(reader, record, resumable, &local);
    } else {
        err = kt_container_next(reader->container, &reader->arena, record, resumable, &local);
        if (err != KT_ERR_OK && err != KT_ERR_NOT_FOUND) {
            (void)kt_fail_in(&local, err, "%s", reader->path);
        }
    }
    if (err == KT_ERR_OK || err == KT_ERR_NOT_FOUND) {
        return err;
    }
    if (!*resumable) {
        reader->broken = local;
    }
    return kt_fail(error, err, "%s", local.message);
}

int64_t kt_file_reader_position(const struct kt_file_reader *reader) {
    return reader->container == NULL ? reader->line : kt_container_position(reader->container);
}

void kt_file_reader_close(struct kt_file_reader *reader) {
    if (reader == NULL) {
        return;
    }
    kt_container_close(reader->container);
    kt_byte_source_close(reader->source);
    kt_arena_free(&reader->arena);
    free(reader->path);
    free(reader);
}
