/* SPDX-License-Identifier: GPL-3.0-or-later
 * The Parsing Canonical Form of a schema and its CRC-64-AVRO fingerprint: two schemas that read the
 * same bytes the same way have the same form, whatever their white space, documentation, order of
 * attributes or way of naming.
 *
 * The rules of the specification and where they happen: [PRIMITIVES], [FULLNAMES], [INTEGERS] and
 * [STRINGS] by the parser (avro_schema.c), which admits names of ASCII letters, digits and
 * underscores only, so that nothing is left to escape; [STRIP], [ORDER] and [WHITESPACE] by what
 * is written here. */
#include "schemas/codec.h"

#include "schemas/avro_schema.h"

#include <inttypes.h>
#include <stdlib.h>

struct form {
    FILE *out;
    bool *defined; /* by named_index: the second time only the name is written */
};

static void write_node(struct form *form, const struct kt_avro_node *node);

static void write_fields(struct form *form, const struct kt_avro_node *node) {
    fputs(",\"fields\":[", form->out);
    for (size_t i = 0; i < node->count; i++) {
        fprintf(form->out, "%s{\"name\":\"%s\",\"type\":", i == 0 ? "" : ",",
                node->u.fields[i].name);
        write_node(form, node->u.fields[i].type);
        fputc('}', form->out);
    }
    fputs("]}", form->out);
}

static void write_symbols(struct form *form, const struct kt_avro_node *node) {
    fputs(",\"symbols\":[", form->out);
    for (size_t i = 0; i < node->count; i++) {
        fprintf(form->out, "%s\"%s\"", i == 0 ? "" : ",", node->u.symbols[i]);
    }
    fputs("]}", form->out);
}

static void write_named(struct form *form, const struct kt_avro_node *node) {
    if (form->defined[node->named_index]) {
        fprintf(form->out, "\"%s\"", node->name);
        return;
    }
    form->defined[node->named_index] = true;
    fprintf(form->out, "{\"name\":\"%s\",\"type\":", node->name);
    if (node->type == KT_AVRO_RECORD) {
        fputs("\"record\"", form->out);
        write_fields(form, node);
    } else if (node->type == KT_AVRO_ENUM) {
        fputs("\"enum\"", form->out);
        write_symbols(form, node);
    } else {
        fprintf(form->out, "\"fixed\",\"size\":%" PRIu64 "}", node->u.size);
    }
}

static void write_union(struct form *form, const struct kt_avro_node *node) {
    fputc('[', form->out);
    for (size_t i = 0; i < node->count; i++) {
        if (i > 0) {
            fputc(',', form->out);
        }
        write_node(form, node->u.branches[i]);
    }
    fputc(']', form->out);
}

static void write_node(struct form *form, const struct kt_avro_node *node) {
    switch (node->type) {
    case KT_AVRO_RECORD:
    case KT_AVRO_ENUM:
    case KT_AVRO_FIXED:
        write_named(form, node);
        break;
    case KT_AVRO_ARRAY:
    case KT_AVRO_MAP:
        fputs(node->type == KT_AVRO_ARRAY ? "{\"type\":\"array\",\"items\":"
                                          : "{\"type\":\"map\",\"values\":",
              form->out);
        write_node(form, node->u.items);
        fputc('}', form->out);
        break;
    case KT_AVRO_UNION:
        write_union(form, node);
        break;
    default:
        fprintf(form->out, "\"%s\"", kt_avro_node_name(node));
    }
}

char *kt_avro_canonical_form(const struct kt_avro_schema *schema) {
    char *text = NULL;
    size_t len = 0;
    struct form form = {.defined = calloc((size_t)schema->named_count + 1, sizeof(bool))};
    form.out = form.defined == NULL ? NULL : open_memstream(&text, &len);
    if (form.out == NULL) {
        free(form.defined);
        return NULL;
    }
    write_node(&form, schema->root);
    bool failed = ferror(form.out) != 0;
    failed = fclose(form.out) != 0 || failed;
    free(form.defined);
    if (failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* fp ← (fp >> 8) ^ table[(fp ^ byte) & 255], with table[i] the i-th byte's eight steps of
 * fp ← (fp >> 1) ^ (empty & -(fp & 1)); the schema texts are short, so the table is not kept. */
uint64_t kt_avro_crc64(const void *bytes, size_t len) {
    const uint64_t empty = UINT64_C(0xc15d213aa4d7a795);
    const unsigned char *at = bytes;
    uint64_t crc = empty;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (empty & (UINT64_C(0) - (crc & 1)));
        }
    }
    return crc;
}

enum kt_err kt_schema_fingerprint(const char *schema_text, uint64_t *fingerprint,
                                  struct kt_error *error) {
    struct kt_avro_schema schema;
    enum kt_err err = kt_avro_schema_parse(schema_text, &schema, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    char *form = kt_avro_canonical_form(&schema);
    kt_avro_schema_free(&schema);
    if (form == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a schema's canonical form");
    }
    *fingerprint = kt_avro_crc64(form, strlen(form));
    free(form);
    return KT_ERR_OK;
}
