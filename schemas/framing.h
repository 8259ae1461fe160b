/* SPDX-License-Identifier: GPL-3.0-or-later
 * Avro's single-object frame: what stands in front of a body and says which schema wrote it. */
#ifndef KT_SCHEMAS_FRAMING_H
#define KT_SCHEMAS_FRAMING_H

#include "schemas/error.h"

#include <stddef.h>
#include <stdint.h>

/* C3 01 | little-endian CRC-64-AVRO of the writer's schema */
#define KT_FRAME_HEADER_BYTES 10

void kt_frame_write(unsigned char header[KT_FRAME_HEADER_BYTES], uint64_t fingerprint);

/* KT_ERR_TRUNCATED: the bytes are the beginning of a header. KT_ERR_FRAMING: they are none; the
 * message shows the first of them. */
KT_MUST_CHECK enum kt_err kt_frame_read(const void *bytes, size_t len, uint64_t *fingerprint,
                                        struct kt_error *error);

#endif
