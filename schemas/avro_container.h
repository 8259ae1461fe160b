/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads the records of an Avro object container file, block by block, with every size bounded. */
#ifndef KT_SCHEMAS_AVRO_CONTAINER_H
#define KT_SCHEMAS_AVRO_CONTAINER_H

#include "schemas/arena.h"
#include "schemas/byte_source.h"
#include "schemas/error.h"
#include "schemas/record.h"

#include <stdint.h>

struct kt_container;

/* Reads the header: magic, metadata, the writer's schema (compiled for the type), codec (null or
 * deflate). The source stays the caller's and must outlive the container. KT_ERR_FRAMING (wrong
 * version, unknown codec), KT_ERR_TRUNCATED, KT_ERR_LIMIT, KT_ERR_DECODE, KT_ERR_SCHEMA, and those
 * of the source. Messages do not name the file. */
KT_MUST_CHECK enum kt_err kt_container_open(struct kt_byte_source *source,
                                            const struct kt_record_type *type,
                                            struct kt_container **out, struct kt_error *error);
void kt_container_close(struct kt_container *container);

/* The next record; its strings borrow from the container until the next call, its arrays are in the
 * arena. KT_ERR_NOT_FOUND at the end of the file. The message of any other error begins with
 * "record N: "; *resumable then says whether the next call goes on behind it: what is wrong inside
 * a block costs the rest of that block, because records do not say how long they are; what is wrong
 * with a block's frame costs the rest of the file. */
KT_MUST_CHECK enum kt_err kt_container_next(struct kt_container *container, struct kt_arena *arena,
                                            void *record, bool *resumable, struct kt_error *error);

/* Number of the last record read or refused, from 1; 0 before the first. */
int64_t kt_container_position(const struct kt_container *container);

#endif
