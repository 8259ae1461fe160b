/* SPDX-License-Identifier: GPL-3.0-or-later
 * Avro's single-object frame. */
#include "schemas/framing.h"

static const unsigned char marker[2] = {0xC3, 0x01};

void kt_frame_write(unsigned char header[KT_FRAME_HEADER_BYTES], uint64_t fingerprint) {
    header[0] = marker[0];
    header[1] = marker[1];
    for (size_t i = 0; i < sizeof fingerprint; i++) {
        header[sizeof marker + i] = (unsigned char)(fingerprint >> (8 * i));
    }
}

enum kt_err kt_frame_read(const void *bytes, size_t len, uint64_t *fingerprint,
                          struct kt_error *error) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < sizeof marker && i < len; i++) {
        if (at[i] != marker[i]) {
            return kt_fail(error, KT_ERR_FRAMING,
                           "the record begins with %02x, a single-object frame with c3 01",
                           (unsigned)at[0]);
        }
    }
    if (len < KT_FRAME_HEADER_BYTES) {
        return kt_fail(error, KT_ERR_TRUNCATED, "%zu bytes, a frame's header has %d", len,
                       KT_FRAME_HEADER_BYTES);
    }
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof value; i++) {
        value |= (uint64_t)at[sizeof marker + i] << (8 * i);
    }
    *fingerprint = value;
    return KT_ERR_OK;
}
