/* SPDX-License-Identifier: GPL-3.0-or-later
 * A plan: how bodies that were written with one schema are read into the C struct of a record type,
 * compiled once by Avro's rules of schema resolution. Thread-safe to read with, as it never
 * changes. */
#ifndef KT_SCHEMAS_AVRO_PLAN_H
#define KT_SCHEMAS_AVRO_PLAN_H

#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/record.h"

struct kt_plan;

/* Compiles the plan from the writer's schema (JSON text) and the type's own schema, both only
 * needed during the call. KT_ERR_SCHEMA: not a schema, or not resolvable; the message names the
 * field ("operators.to: …"). */
KT_MUST_CHECK enum kt_err kt_plan_compile(const struct kt_record_type *type,
                                          const char *writer_schema, struct kt_plan **out,
                                          struct kt_error *error);
void kt_plan_free(struct kt_plan *plan);

/* CRC-64-AVRO of the writer's schema. */
uint64_t kt_plan_fingerprint(const struct kt_plan *plan);

/* Reads one body into *record and, with used not NULL, says how many bytes it took; with used NULL
 * every byte must be used. Strings borrow from bytes (those of defaults from the plan), arrays from
 * the arena; nothing else is allocated. After an error *record holds nothing of use.
 * KT_ERR_TRUNCATED: the bytes end too early, whatever follows. KT_ERR_DECODE: malformed, or a value
 * that the type cannot hold. KT_ERR_LIMIT: more items than the table allows, or the arena is full.
 * The message names the field and the offset. */
KT_MUST_CHECK enum kt_err kt_plan_read(const struct kt_plan *plan, const void *bytes, size_t len,
                                       size_t *used, struct kt_arena *arena, void *record,
                                       struct kt_error *error);

/* Whether a schema is a record that has the type's name or an alias of it, i.e. whether it is meant
 * for this type at all. KT_ERR_SCHEMA: it is no schema. */
KT_MUST_CHECK enum kt_err kt_plan_concerns(const struct kt_record_type *type,
                                           const char *writer_schema, bool *concerns,
                                           struct kt_error *error);

#endif
