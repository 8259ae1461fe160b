/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads the records of an Avro object container file, block by block, with every size bounded.
 *
 *   file:   "Obj" 1 | metadata: map of bytes | sync marker, 16 bytes | block …
 *   block:  records, long | bytes, long | that many bytes, maybe deflated | sync marker
 *
 * (Avro 1.11 specification, "Object Container Files".) A block is in sight as a whole, with its
 * sync marker checked, before the first of its records is read: what a reader was given before an
 * error is therefore never made of bytes that belong to something else. */
#include "schemas/avro_container.h"
#include "schemas/avro_plan.h"

#include <stdlib.h>
#include <zlib.h>

#define SYNC_BYTES         16
#define BLOCK_BYTES_MAX    (16 << 20) /* of one block, as it is in the file and inflated */
#define METADATA_BYTES_MAX (1 << 20)  /* of one metadata key or value */
#define METADATA_MAX       1024       /* entries */
#define LONG_BYTES_MAX     10         /* of one variable-length long */
#define CODEC_SHOWN_MAX    32         /* of an unknown codec's name in a message */

enum codec { CODEC_NULL, CODEC_DEFLATE };

struct kt_container {
    struct kt_byte_source *source;
    struct kt_plan *plan;
    enum codec codec;
    unsigned char sync[SYNC_BYTES];
    z_stream inflater;
    bool inflater_ready;
    unsigned char *inflated; /* the block's bytes when deflated */
    size_t inflated_capacity;
    const unsigned char *body; /* the block's bytes */
    size_t body_len;
    size_t body_used;
    size_t frame_len; /* of the block's bytes and sync marker in the source, to be skipped */
    int64_t left;     /* records of the block that were not read yet */
    int64_t position;
};

/* ---- pieces ------------------------------------------------------------------------------ */

/* Brings count bytes in sight; KT_ERR_TRUNCATED when the file has fewer. */
static enum kt_err need(struct kt_byte_source *source, size_t count, struct kt_str *seen,
                        struct kt_error *error) {
    const enum kt_err err = kt_byte_source_see(source, count, seen, error);
    if (err == KT_ERR_OK && seen->len < count) {
        return kt_fail(error, KT_ERR_TRUNCATED, "the file ends too early");
    }
    return err;
}

/* A zigzag variable-length long. */
static enum kt_err take_long(struct kt_byte_source *source, int64_t *value,
                             struct kt_error *error) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < LONG_BYTES_MAX; i++) {
        struct kt_str seen;
        const enum kt_err err = need(source, 1, &seen, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        const unsigned char byte = (unsigned char)seen.data[0];
        kt_byte_source_skip(source, 1);
        bits |= (uint64_t)(byte & 0x7FU) << (7 * i);
        if (i == LONG_BYTES_MAX - 1 && byte > 1) {
            break;
        }
        if ((byte & 0x80U) == 0) {
            *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return KT_ERR_OK;
        }
    }
    return kt_fail(error, KT_ERR_DECODE, "a number is longer than 64 bits");
}

/* A metadata key or value: in sight, to be skipped by the caller. */
static enum kt_err see_bytes(struct kt_byte_source *source, struct kt_str *bytes,
                             struct kt_error *error) {
    int64_t len = 0;
    *bytes = (struct kt_str){NULL, 0};
    enum kt_err err = take_long(source, &len, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (len < 0 || len > METADATA_BYTES_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "metadata of %lld bytes (expected 0 to %d)",
                       (long long)len, METADATA_BYTES_MAX);
    }
    err = need(source, (size_t)len, bytes, error);
    bytes->len = (size_t)len;
    return err;
}

/* ---- header ------------------------------------------------------------------------------ */

/* What the metadata says about reading. */
struct header {
    char *schema; /* NUL-terminated, malloc'd */
    enum codec codec;
};

static enum kt_err read_codec(struct kt_str name, enum codec *codec, struct kt_error *error) {
    if (kt_str_equal(name, KT_STR("null")) || name.len == 0) {
        *codec = CODEC_NULL;
    } else if (kt_str_equal(name, KT_STR("deflate"))) {
        *codec = CODEC_DEFLATE;
    } else {
        if (name.len > CODEC_SHOWN_MAX) {
            name.len = CODEC_SHOWN_MAX;
        }
        return kt_fail(error, KT_ERR_FRAMING, "unknown codec \"%.*s\" (expected null or deflate)",
                       KT_STR_ARG(name));
    }
    return KT_ERR_OK;
}

static enum kt_err read_schema(struct kt_str text, char **schema, struct kt_error *error) {
    if (*schema != NULL) {
        return kt_fail(error, KT_ERR_DECODE, "two schemas");
    }
    if (memchr(text.data, '\0', text.len) != NULL) {
        return kt_fail(error, KT_ERR_SCHEMA, "the schema contains a NUL byte");
    }
    *schema = strndup(text.data, text.len);
    return *schema == NULL ? kt_fail(error, KT_ERR_NOMEM, "out of memory") : KT_ERR_OK;
}

static enum kt_err read_entry(struct kt_byte_source *source, struct header *header,
                              struct kt_error *error) {
    struct kt_str key;
    enum kt_err err = see_bytes(source, &key, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const bool is_schema = kt_str_equal(key, KT_STR("avro.schema"));
    const bool is_codec = kt_str_equal(key, KT_STR("avro.codec"));
    kt_byte_source_skip(source, key.len);
    struct kt_str value;
    err = see_bytes(source, &value, error);
    if (err == KT_ERR_OK && is_schema) {
        err = read_schema(value, &header->schema, error);
    } else if (err == KT_ERR_OK && is_codec) {
        err = read_codec(value, &header->codec, error);
    }
    if (err == KT_ERR_OK) {
        kt_byte_source_skip(source, value.len);
    }
    return err;
}

/* A map comes in groups: a count, negated when the group's size in bytes follows; 0 ends it. */
static enum kt_err read_metadata(struct kt_byte_source *source, struct header *header,
                                 struct kt_error *error) {
    int64_t entries = 0;
    for (;;) {
        int64_t count = 0;
        int64_t bytes = 0;
        enum kt_err err = take_long(source, &count, error);
        if (err == KT_ERR_OK && count < 0) {
            err = take_long(source, &bytes, error);
        }
        if (err != KT_ERR_OK) {
            return err;
        }
        if (count == 0) {
            return KT_ERR_OK;
        }
        if (count < -METADATA_MAX || count > METADATA_MAX) {
            return kt_fail(error, KT_ERR_LIMIT, "more than %d metadata entries", METADATA_MAX);
        }
        count = count < 0 ? -count : count;
        entries += count;
        if (entries > METADATA_MAX) {
            return kt_fail(error, KT_ERR_LIMIT, "more than %d metadata entries", METADATA_MAX);
        }
        for (; count > 0; count--) {
            err = read_entry(source, header, error);
            if (err != KT_ERR_OK) {
                return err;
            }
        }
    }
}

static enum kt_err read_header(struct kt_container *container, const struct kt_record_type *type,
                               struct kt_error *error) {
    struct kt_str seen;
    enum kt_err err = need(container->source, 4, &seen, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (memcmp(seen.data, "Obj\x01", 4) != 0) {
        return kt_fail(error, KT_ERR_FRAMING,
                       "not an Avro container: it begins with %02x %02x %02x %02x (expected 4f 62 "
                       "6a 01)",
                       (unsigned char)seen.data[0], (unsigned char)seen.data[1],
                       (unsigned char)seen.data[2], (unsigned char)seen.data[3]);
    }
    kt_byte_source_skip(container->source, 4);
    struct header header = {.codec = CODEC_NULL};
    err = read_metadata(container->source, &header, error);
    if (err == KT_ERR_OK) {
        err = need(container->source, SYNC_BYTES, &seen, error);
    }
    if (err == KT_ERR_OK) {
        memcpy(container->sync, seen.data, SYNC_BYTES);
        kt_byte_source_skip(container->source, SYNC_BYTES);
        container->codec = header.codec;
        err = header.schema == NULL
                  ? kt_fail(error, KT_ERR_SCHEMA, "no avro.schema in the metadata")
                  : kt_plan_compile(type, header.schema, &container->plan, error);
    }
    free(header.schema);
    return err;
}

enum kt_err kt_container_open(struct kt_byte_source *source, const struct kt_record_type *type,
                              struct kt_container **out, struct kt_error *error) {
    struct kt_container *container = calloc(1, sizeof *container);
    if (container == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    container->source = source;
    enum kt_err err = read_header(container, type, error);
    if (err == KT_ERR_OK && container->codec == CODEC_DEFLATE) {
        /* Negative: raw deflate, without zlib's header and checksum. */
        container->inflater_ready = inflateInit2(&container->inflater, -MAX_WBITS) == Z_OK;
        if (!container->inflater_ready) {
            err = kt_fail(error, KT_ERR_NOMEM, "out of memory");
        }
    }
    if (err != KT_ERR_OK) {
        kt_container_close(container);
        return err;
    }
    *out = container;
    return KT_ERR_OK;
}

void kt_container_close(struct kt_container *container) {
    if (container == NULL) {
        return;
    }
    if (container->inflater_ready) {
        (void)inflateEnd(&container->inflater);
    }
    kt_plan_free(container->plan);
    free(container->inflated);
    free(container);
}

/* ---- blocks ------------------------------------------------------------------------------ */

/* Room for more inflated bytes; false at the limit or out of memory. */
static bool grow_inflated(struct kt_container *container) {
    if (container->inflated_capacity >= BLOCK_BYTES_MAX) {
        return false;
    }
    const size_t capacity =
        container->inflated_capacity == 0 ? 65536 : container->inflated_capacity * 2;
    unsigned char *inflated = realloc(container->inflated, capacity);
    if (inflated == NULL) {
        return false;
    }
    container->inflated = inflated;
    container->inflated_capacity = capacity;
    return true;
}

static enum kt_err inflate_block(struct kt_container *container, struct kt_str deflated,
                                 struct kt_error *error) {
    z_stream *z = &container->inflater;
    (void)inflateReset(z);
    z->next_in = (unsigned char *)deflated.data;
    z->avail_in = (unsigned)deflated.len;
    size_t used = 0;
    int code = Z_OK;
    while (code == Z_OK) {
        if (used == container->inflated_capacity && !grow_inflated(container)) {
            return kt_fail(error, KT_ERR_LIMIT, "the block inflates to more than %d bytes",
                           BLOCK_BYTES_MAX);
        }
        z->next_out = container->inflated + used;
        z->avail_out = (unsigned)(container->inflated_capacity - used);
        code = inflate(z, Z_NO_FLUSH);
        used = container->inflated_capacity - z->avail_out;
    }
    /* What stands behind the end of the stream is ignored, as in Java: fastavro leaves three bytes
     * of zlib's checksum there. */
    if (code != Z_STREAM_END) {
        return kt_fail(error, KT_ERR_DECODE, "the deflated block is damaged");
    }
    container->body = container->inflated;
    container->body_len = used;
    return KT_ERR_OK;
}

/* Reads a block's count and size. KT_ERR_NOT_FOUND at the end of the file. */
static enum kt_err read_block_frame(struct kt_container *container, int64_t *count, int64_t *size,
                                    struct kt_error *error) {
    struct kt_str seen;
    enum kt_err err = kt_byte_source_see(container->source, 1, &seen, error);
    if (err == KT_ERR_OK && seen.len == 0) {
        return KT_ERR_NOT_FOUND;
    }
    if (err == KT_ERR_OK) {
        err = take_long(container->source, count, error);
    }
    if (err == KT_ERR_OK) {
        err = take_long(container->source, size, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    /* No record takes less than a byte: each type here has a field without default. */
    if (*count < 0 || *count > BLOCK_BYTES_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "a block of %lld records (expected 0 to %d)",
                       (long long)*count, BLOCK_BYTES_MAX);
    }
    if (*size < 0 || *size > BLOCK_BYTES_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "a block of %lld bytes (expected 0 to %d)",
                       (long long)*size, BLOCK_BYTES_MAX);
    }
    return KT_ERR_OK;
}

/* Leaves the present block behind and brings the next one in sight. */
static enum kt_err next_block(struct kt_container *container, bool *resumable,
                              struct kt_error *error) {
    kt_byte_source_skip(container->source, container->frame_len);
    container->frame_len = 0;
    container->body_len = 0;
    container->body_used = 0;
    int64_t count = 0;
    int64_t size = 0;
    enum kt_err err = read_block_frame(container, &count, &size, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    struct kt_str seen;
    err = need(container->source, (size_t)size + SYNC_BYTES, &seen, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (memcmp(seen.data + size, container->sync, SYNC_BYTES) != 0) {
        return kt_fail(error, KT_ERR_DECODE, "the block does not end in the file's sync marker");
    }
    container->frame_len = (size_t)size + SYNC_BYTES;
    *resumable = true; /* from here on the next block can be found */
    if (container->codec == CODEC_DEFLATE) {
        err = inflate_block(container, (struct kt_str){seen.data, (size_t)size}, error);
    } else {
        container->body = (const unsigned char *)seen.data;
        container->body_len = (size_t)size;
    }
    if (err == KT_ERR_OK && (uint64_t)count > container->body_len) {
        err = kt_fail(error, KT_ERR_DECODE, "a block of %zu bytes with %lld records",
                      container->body_len, (long long)count);
        count = 1; /* it is one error, not so many records */
    }
    container->left = count;
    return err;
}

/* Reads one record of the block in sight. */
static enum kt_err read_body(struct kt_container *container, struct kt_arena *arena, void *record,
                             struct kt_error *error) {
    size_t used = 0;
    const enum kt_err err =
        kt_plan_read(container->plan, container->body + container->body_used,
                     container->body_len - container->body_used, &used, arena, record, error);
    container->body_used += used;
    return err;
}

enum kt_err kt_container_next(struct kt_container *container, struct kt_arena *arena, void *record,
                              bool *resumable, struct kt_error *error) {
    *resumable = false;
    enum kt_err err = KT_ERR_OK;
    const int64_t number = container->position + 1;
    while (err == KT_ERR_OK && container->left == 0) {
        if (container->body_used < container->body_len) {
            const size_t behind = container->body_len - container->body_used;
            container->body_used = container->body_len;
            *resumable = true;
            return kt_fail(error, KT_ERR_DECODE,
                           "record %lld: the block before it has %zu bytes too many",
                           (long long)number, behind);
        }
        err = next_block(container, resumable, error);
    }
    if (err == KT_ERR_OK) {
        err = read_body(container, arena, record, error);
        *resumable = true;
    }
    if (err == KT_ERR_OK) {
        container->left--;
        container->position++;
        *resumable = false;
        return KT_ERR_OK;
    }
    if (err == KT_ERR_NOT_FOUND) {
        return err;
    }
    const int64_t lost = container->left;
    container->left = 0;
    container->body_used = container->body_len;
    if (*resumable) {
        container->position += lost;
    }
    if (lost > 1) {
        return kt_fail_in(error, err, "record %lld (and %lld behind it)", (long long)number,
                          (long long)(lost - 1));
    }
    return kt_fail_in(error, err, "record %lld", (long long)number);
}

int64_t kt_container_position(const struct kt_container *container) {
    return container->position;
}
