/* SPDX-License-Identifier: GPL-3.0-or-later
 * Bytes of a file in order, decompressed when it is gzip, with any number of them in sight at once.
 */
#ifndef KT_SCHEMAS_BYTE_SOURCE_H
#define KT_SCHEMAS_BYTE_SOURCE_H

#include "schemas/error.h"
#include "schemas/str.h"

struct kt_byte_source;

/* path "-" is standard input. KT_ERR_IO with the path and the system's reason, KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_byte_source_open(const char *path, struct kt_byte_source **out,
                                              struct kt_error *error);
void kt_byte_source_close(struct kt_byte_source *source);

/* Brings at least count bytes in sight, fewer only at the end of the file. *seen borrows all that
 * is in sight, until the next call. KT_ERR_IO, KT_ERR_TRUNCATED (gzip data without its end),
 * KT_ERR_DECODE (damaged gzip data), KT_ERR_NOMEM; what is in sight stays there. The message does
 * not name the file. */
KT_MUST_CHECK enum kt_err kt_byte_source_see(struct kt_byte_source *source, size_t count,
                                             struct kt_str *seen, struct kt_error *error);

/* Leaves the next count bytes behind; they must be in sight. */
void kt_byte_source_skip(struct kt_byte_source *source, size_t count);

#endif
