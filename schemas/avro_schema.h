/* SPDX-License-Identifier: GPL-3.0-or-later
 * A parsed Avro schema as a graph of nodes, with what Avro C forgets: defaults, aliases, and the
 * exact text of names. Canonical form, fingerprint and decoding plans are made from it. */
#ifndef KT_SCHEMAS_AVRO_SCHEMA_H
#define KT_SCHEMAS_AVRO_SCHEMA_H

#include "schemas/arena.h"
#include "schemas/error.h"

#include <jansson.h>
#include <stdint.h>

#define KT_SCHEMA_BYTES_MAX (256U << 10) /* text of one schema */
#define KT_SCHEMA_DEPTH_MAX 64           /* types inside types, in the text and in skipped data */

enum kt_avro_type {
    KT_AVRO_NULL,
    KT_AVRO_BOOLEAN,
    KT_AVRO_INT,
    KT_AVRO_LONG,
    KT_AVRO_FLOAT,
    KT_AVRO_DOUBLE,
    KT_AVRO_BYTES,
    KT_AVRO_STRING,
    KT_AVRO_RECORD,
    KT_AVRO_ENUM,
    KT_AVRO_FIXED,
    KT_AVRO_ARRAY,
    KT_AVRO_MAP,
    KT_AVRO_UNION
};

struct kt_avro_field {
    const char *name;
    const char *const *aliases;
    size_t alias_count;
    const struct kt_avro_node *type;
    const json_t *fallback; /* the default's JSON, or NULL */
};

/* One type. Named types are shared: a graph with a recursive record has a cycle. */
struct kt_avro_node {
    enum kt_avro_type type;
    const char *name;           /* full name of a record, enum or fixed, else NULL */
    const char *const *aliases; /* full names */
    size_t alias_count;
    uint32_t named_index; /* of a named type: 0, 1, … in order of definition */
    uint32_t bytes_min;   /* least bytes of a value; 0 means that every value takes none */
    size_t count;         /* of fields, symbols or branches */
    union {
        const struct kt_avro_field *fields;         /* record */
        const char *const *symbols;                 /* enum */
        const struct kt_avro_node *const *branches; /* union */
        const struct kt_avro_node *items;           /* array items or map values */
        uint64_t size;                              /* fixed, bytes */
    } u;
    const char *symbol_default; /* enum: or NULL */
};

struct kt_avro_schema {
    struct kt_arena arena; /* owns all nodes */
    json_t *json;          /* owns names and defaults */
    const struct kt_avro_node *root;
    uint32_t named_count;
};

/* Parses a schema by the rules of the Avro 1.11 specification: names well formed and defined once
 * before they are used, fields, symbols and branches distinct, no union directly in a union, no
 * record that contains itself without end. KT_ERR_SCHEMA names the place
 * ("RescaleCommand.evidence: …"). On success *schema must be freed. */
KT_MUST_CHECK enum kt_err kt_avro_schema_parse(const char *text, struct kt_avro_schema *schema,
                                               struct kt_error *error);
void kt_avro_schema_free(struct kt_avro_schema *schema);

/* The name without its namespace. */
const char *kt_avro_short_name(const char *full_name);

/* What a type is called in messages: a named type's name, else the type's keyword. */
const char *kt_avro_node_name(const struct kt_avro_node *node);

/* The other branch of a union of null and one type; any other type itself. */
const struct kt_avro_node *kt_avro_without_null(const struct kt_avro_node *node);

/* The Parsing Canonical Form as a string that the caller frees with free(); NULL when out of
 * memory. */
char *kt_avro_canonical_form(const struct kt_avro_schema *schema);

/* CRC-64-AVRO (Avro specification, "Schema Fingerprints"). */
uint64_t kt_avro_crc64(const void *bytes, size_t len);

#endif
