/* SPDX-License-Identifier: GPL-3.0-or-later
 * A file that is written from front to end as a FILE, and that knows at the end whether all of it
 * arrived. */
#ifndef KT_SCHEMAS_BYTE_SINK_H
#define KT_SCHEMAS_BYTE_SINK_H

#include "schemas/error.h"

#include <stdio.h>

struct kt_byte_sink;

/* Creates or empties the file; path "-" is standard output (left open at the end), a path that ends
 * in .gz is compressed. KT_ERR_IO with the path and the system's reason, KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_byte_sink_open(const char *path, struct kt_byte_sink **out,
                                            struct kt_error *error);

/* Where to write; buffered, owned by the sink. It takes everything: whether that arrived is said by
 * kt_byte_sink_check and _close alone. */
FILE *kt_byte_sink_stream(struct kt_byte_sink *sink);

/* The first failure so far: KT_ERR_FULL, KT_ERR_IO, with the path. */
KT_MUST_CHECK enum kt_err kt_byte_sink_check(const struct kt_byte_sink *sink,
                                             struct kt_error *error);

/* Writes what is buffered, closes the file and frees the sink. Only KT_ERR_OK means that every byte
 * arrived. */
KT_MUST_CHECK enum kt_err kt_byte_sink_close(struct kt_byte_sink *sink, struct kt_error *error);

/* As above where the file has failed already and what becomes of it does not matter. */
void kt_byte_sink_abandon(struct kt_byte_sink *sink);

#endif
