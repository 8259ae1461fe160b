/* SPDX-License-Identifier: GPL-3.0-or-later
 * The decoder of framed records: plans by fingerprint. */
#include "schemas/avro_plan.h"
#include "schemas/avro_schema.h"
#include "schemas/codec.h"
#include "schemas/framing.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define SCHEMAS_MAX 4096U /* writers' schemas of one decoder */
#define SLOTS_FIRST 8U

/* Open addressing with linear probing; never more than half full, nothing is ever removed. */
struct kt_decoder {
    const struct kt_record_type *type;
    struct kt_plan **slots;
    size_t slot_count; /* a power of two */
    size_t count;
};

/* The slot of a fingerprint, or the empty one where it belongs. A fingerprint is a hash already. */
static struct kt_plan **slot_of(struct kt_plan **slots, size_t slot_count, uint64_t fingerprint) {
    size_t i = (size_t)fingerprint & (slot_count - 1);
    while (slots[i] != NULL && kt_plan_fingerprint(slots[i]) != fingerprint) {
        i = (i + 1) & (slot_count - 1);
    }
    return &slots[i];
}

static enum kt_err grow(struct kt_decoder *decoder, struct kt_error *error) {
    const size_t slot_count = decoder->slot_count == 0 ? SLOTS_FIRST : decoder->slot_count * 2;
    struct kt_plan **slots = calloc(slot_count, sizeof(struct kt_plan *));
    if (slots == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a decoder");
    }
    for (size_t i = 0; i < decoder->slot_count; i++) {
        if (decoder->slots[i] != NULL) {
            *slot_of(slots, slot_count, kt_plan_fingerprint(decoder->slots[i])) = decoder->slots[i];
        }
    }
    free(decoder->slots);
    decoder->slots = slots;
    decoder->slot_count = slot_count;
    return KT_ERR_OK;
}

enum kt_err kt_decoder_new(const struct kt_record_type *type, struct kt_decoder **out,
                           struct kt_error *error) {
    struct kt_decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a decoder");
    }
    decoder->type = type;
    enum kt_err err = type->schema_text == NULL
                          ? kt_fail(error, KT_ERR_SCHEMA, "%s is no top-level record", type->name)
                          : kt_decoder_add_schema(decoder, type->schema_text, error);
    if (err != KT_ERR_OK) {
        kt_decoder_free(decoder);
        return err;
    }
    *out = decoder;
    return KT_ERR_OK;
}

void kt_decoder_free(struct kt_decoder *decoder) {
    if (decoder == NULL) {
        return;
    }
    for (size_t i = 0; i < decoder->slot_count; i++) {
        kt_plan_free(decoder->slots[i]);
    }
    free(decoder->slots);
    free(decoder);
}

enum kt_err kt_decoder_add_schema(struct kt_decoder *decoder, const char *schema_text,
                                  struct kt_error *error) {
    if (decoder->count == SCHEMAS_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "more than %u schemas", SCHEMAS_MAX);
    }
    struct kt_plan *plan = NULL;
    enum kt_err err = kt_plan_compile(decoder->type, schema_text, &plan, error);
    if (err == KT_ERR_OK && (decoder->count + 1) * 2 > decoder->slot_count) {
        err = grow(decoder, error);
    }
    if (err == KT_ERR_OK) {
        struct kt_plan **slot =
            slot_of(decoder->slots, decoder->slot_count, kt_plan_fingerprint(plan));
        if (*slot == NULL) {
            *slot = plan;
            plan = NULL;
            decoder->count++;
        }
    }
    /* Left over after an error, or when a schema of the same canonical form is known. */
    kt_plan_free(plan);
    return err;
}

/* ---- a folder of schemas ----------------------------------------------------------------- */

static int is_schema_file(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".avsc") == 0;
}

/* The whole of a file of at most KT_SCHEMA_BYTES_MAX bytes as a string; freed with free(). */
static enum kt_err read_text(const char *path, char **out, struct kt_error *error) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", path, strerror(errno));
    }
    enum kt_err err = KT_ERR_OK;
    char *text = malloc(KT_SCHEMA_BYTES_MAX + 1);
    size_t len = text == NULL ? 0 : fread(text, 1, KT_SCHEMA_BYTES_MAX + 1, file);
    if (text == NULL) {
        err = kt_fail(error, KT_ERR_NOMEM, "%s: no memory for the schema", path);
    } else if (ferror(file)) {
        err = kt_fail(error, KT_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (len > KT_SCHEMA_BYTES_MAX) {
        err = kt_fail(error, KT_ERR_SCHEMA, "%s: more than %u bytes", path, KT_SCHEMA_BYTES_MAX);
    } else if (memchr(text, '\0', len) != NULL) {
        err = kt_fail(error, KT_ERR_SCHEMA, "%s: a NUL byte in the text", path);
    }
    (void)fclose(file); /* it was only read */
    if (err != KT_ERR_OK) {
        free(text);
        return err;
    }
    text[len] = '\0';
    *out = text;
    return KT_ERR_OK;
}

static enum kt_err add_file(struct kt_decoder *decoder, const char *folder, const char *name,
                            struct kt_error *error) {
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (len < 0 || (size_t)len >= sizeof path) {
        return kt_fail(error, KT_ERR_IO, "%.200s…: the path is too long", folder);
    }
    char *text = NULL;
    enum kt_err err = read_text(path, &text, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    bool concerns = false;
    err = kt_plan_concerns(decoder->type, text, &concerns, error);
    if (err == KT_ERR_OK && concerns) {
        err = kt_decoder_add_schema(decoder, text, error);
    }
    free(text);
    return err == KT_ERR_OK ? err : kt_fail_in(error, err, "%s", path);
}

enum kt_err kt_decoder_add_folder(struct kt_decoder *decoder, const char *path,
                                  struct kt_error *error) {
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, is_schema_file, alphasort);
    if (count < 0) {
        return kt_fail(error, KT_ERR_IO, "%s: %s", path, strerror(errno));
    }
    enum kt_err err = KT_ERR_OK;
    for (int i = 0; i < count; i++) {
        if (err == KT_ERR_OK) {
            err = add_file(decoder, path, entries[i]->d_name, error);
        }
        free(entries[i]);
    }
    free(entries);
    return err;
}

/* ---- decoding ---------------------------------------------------------------------------- */

enum kt_err kt_decode(const struct kt_decoder *decoder, const void *bytes, size_t len,
                      struct kt_arena *arena, void *record, struct kt_error *error) {
    uint64_t fingerprint = 0;
    enum kt_err err = kt_frame_read(bytes, len, &fingerprint, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const struct kt_plan *plan = *slot_of(decoder->slots, decoder->slot_count, fingerprint);
    if (plan == NULL) {
        return kt_fail(error, KT_ERR_SCHEMA_UNKNOWN,
                       "no schema of %s has the fingerprint %016" PRIx64, decoder->type->name,
                       fingerprint);
    }
    return kt_plan_read(plan, (const unsigned char *)bytes + KT_FRAME_HEADER_BYTES,
                        len - KT_FRAME_HEADER_BYTES, NULL, arena, record, error);
}
