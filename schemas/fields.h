/* SPDX-License-Identifier: GPL-3.0-or-later
 * Shorthand for the lines of a field table: one macro per kind of field, so that name, offset and
 * item size are taken from the struct's member and cannot drift from it. */
#ifndef KT_SCHEMAS_FIELDS_H
#define KT_SCHEMAS_FIELDS_H

#include "schemas/record.h"

#include <stddef.h>

/* clang-format off */
#define KT_FIELD_BASE(type, member)  .name = #member, .offset = offsetof(type, member)
#define KT_FIELD_ITEMS(type, member) .kind = KT_KIND_ARRAY, .item_size = sizeof *((type *)0)->member.items
/* clang-format on */

/* A boolean, number or string; kind is the last word of its KT_KIND_. */
#define KT_FIELD(type, member, k)                                                                  \
    { KT_FIELD_BASE(type, member), .kind = KT_KIND_##k }
#define KT_FIELD_NULLABLE(type, member, k)                                                         \
    { KT_FIELD_BASE(type, member), .kind = KT_KIND_##k, .nullable = true }

#define KT_FIELD_ENUM(type, member, e)                                                             \
    { KT_FIELD_BASE(type, member), .kind = KT_KIND_ENUM, .enums = &(e) }

#define KT_FIELD_RECORD(type, member, r)                                                           \
    { KT_FIELD_BASE(type, member), .kind = KT_KIND_RECORD, .record = &(r) }
#define KT_FIELD_RECORD_NULLABLE(type, member, r)                                                  \
    { KT_FIELD_BASE(type, member), .kind = KT_KIND_RECORD, .nullable = true, .record = &(r) }

/* Arrays of at most max plain values, symbols or records. */
#define KT_FIELD_ARRAY(type, member, k, max)                                                       \
    {                                                                                              \
        KT_FIELD_BASE(type, member), KT_FIELD_ITEMS(type, member), .item = KT_KIND_##k,            \
                                                                   .items_max = (max)              \
    }
#define KT_FIELD_ENUMS(type, member, e, max)                                                       \
    {                                                                                              \
        KT_FIELD_BASE(type, member), KT_FIELD_ITEMS(type, member),                                 \
            .item = KT_KIND_ENUM, .items_max = (max), .enums = &(e)                                \
    }
#define KT_FIELD_RECORDS(type, member, r, max)                                                     \
    {                                                                                              \
        KT_FIELD_BASE(type, member), KT_FIELD_ITEMS(type, member),                                 \
            .item = KT_KIND_RECORD, .items_max = (max), .record = &(r)                             \
    }
#define KT_FIELD_RECORDS_NULLABLE(type, member, r, max)                                            \
    {                                                                                              \
        KT_FIELD_BASE(type, member), KT_FIELD_ITEMS(type, member),                                 \
            .item = KT_KIND_RECORD, .nullable = true, .items_max = (max), .record = &(r)           \
    }

/* A table as a record type; text is the .avsc of a top-level record, else NULL. */
#define KT_RECORD_TYPE(avro_name, type, table, text, present_mask)                                 \
    {                                                                                              \
        .name = (avro_name), .size = sizeof(type), .fields = (table),                              \
        .count = sizeof(table) / sizeof(table)[0], .schema_text = (text),                          \
        .has_present = (present_mask)                                                              \
    }

#endif
