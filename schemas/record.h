/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tables that say where each field of an Avro record lives in its C struct.
 *
 * Every record that travels (events, commands, outcomes, state) is declared three times and no
 * more: the .avsc (what is on the wire), the struct (what the code reads) and one table of
 * kt_field that ties the two together. Decoding (avro_plan), encoding (avro_write) and JSON
 * (record_json) are driven by the table, so that a new field is one line in each of the three.
 *
 * What the tables can say: booleans, 32- and 64-bit integers, doubles, strings, enums, records,
 * arrays of these; any field may be a union with null. A nullable field that is null has its bit
 * clear in the struct's `present` mask (bit number = index in the table) and reads as zero. */
#ifndef KT_SCHEMAS_RECORD_H
#define KT_SCHEMAS_RECORD_H

#include "schemas/str.h"

enum kt_kind {
    KT_KIND_BOOL,   /* bool */
    KT_KIND_INT,    /* int32_t, Avro int */
    KT_KIND_LONG,   /* int64_t, Avro long */
    KT_KIND_DOUBLE, /* double */
    KT_KIND_STRING, /* struct kt_str, Avro string (UTF-8) */
    KT_KIND_ENUM,   /* int, Avro enum: the index of the symbol in our schema */
    KT_KIND_RECORD, /* a struct with a table of its own */
    KT_KIND_ARRAY   /* KT_ARRAY(item type) */
};

/* An array of items that live in an arena or in somebody's memory. All KT_ARRAYs share the
 * layout of struct kt_array. */
#define KT_ARRAY(type)                                                                             \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count;                                                                              \
    }
struct kt_array {
    void *items;
    size_t count;
};

struct kt_enum_type {
    const char *name;           /* of the Avro enum */
    const char *const *symbols; /* in the order of the .avsc and of the C enum */
    int count;
};

struct kt_record_type;

struct kt_field {
    const char *name;                    /* in the .avsc and in JSON */
    size_t offset;                       /* in the struct */
    enum kt_kind kind;                   /* of the value (for a nullable field: when not null) */
    bool nullable;                       /* union of null and the kind */
    enum kt_kind item;                   /* of the items of an array */
    size_t item_size;                    /* bytes of one item in the struct */
    size_t items_max;                    /* more items than this are refused */
    const struct kt_enum_type *enums;    /* of an enum, or of an array's enum items */
    const struct kt_record_type *record; /* of a record, or of an array's record items */
};

struct kt_record_type {
    const char *name;              /* of the Avro record, without namespace */
    size_t size;                   /* sizeof the struct */
    const struct kt_field *fields; /* in the order of the .avsc */
    size_t count;                  /* at most 64 */
    const char *schema_text;       /* the .avsc for a top-level record, else NULL */
    bool has_present;              /* the struct begins with `uint64_t present` */
};

/* Index of a symbol in an enum, or -1. */
int kt_enum_find(const struct kt_enum_type *type, struct kt_str symbol);
/* Symbol of an index; "?" when it is out of range. */
const char *kt_enum_symbol(const struct kt_enum_type *type, int index);

#define KT_HAS(s, bit)   (((s)->present >> (bit)) & 1U)
#define KT_SET(s, bit)   ((s)->present |= UINT64_C(1) << (bit))
#define KT_CLEAR(s, bit) ((s)->present &= ~(UINT64_C(1) << (bit)))

#endif
