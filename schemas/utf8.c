/* SPDX-License-Identifier: GPL-3.0-or-later
 * Whether bytes from outside are well-formed UTF-8. */
#include "schemas/utf8.h"

/* RFC 3629, section 4: the second byte's range depends on the first, which is what excludes
 * overlong forms, surrogates and values beyond U+10FFFF. */
size_t kt_utf8_char(struct kt_str s) {
    if (s.len == 0) {
        return 0;
    }
    const unsigned char *b = (const unsigned char *)s.data;
    if (b[0] < 0x80) {
        return 1;
    }
    const size_t len = b[0] < 0xC2 ? 0 : b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : b[0] < 0xF5 ? 4 : 0;
    if (len == 0 || s.len < len) {
        return 0;
    }
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (b[0] == 0xE0) {
        low = 0xA0;
    } else if (b[0] == 0xED) {
        high = 0x9F;
    } else if (b[0] == 0xF0) {
        low = 0x90;
    } else if (b[0] == 0xF4) {
        high = 0x8F;
    }
    if (b[1] < low || b[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (b[i] < 0x80 || b[i] > 0xBF) {
            return 0;
        }
    }
    return len;
}

bool kt_utf8_valid(struct kt_str s) {
    while (s.len > 0) {
        /* Names are ASCII nearly always: eight bytes at a time. */
        uint64_t word = 0;
        if (s.len >= sizeof word) {
            memcpy(&word, s.data, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                s.data += sizeof word;
                s.len -= sizeof word;
                continue;
            }
        }
        const size_t len = kt_utf8_char(s);
        if (len == 0) {
            return false;
        }
        s.data += len;
        s.len -= len;
    }
    return true;
}
