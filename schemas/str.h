/* SPDX-License-Identifier: GPL-3.0-or-later
 * A borrowed string: bytes that somebody else owns, not NUL-terminated. */
#ifndef KT_SCHEMAS_STR_H
#define KT_SCHEMAS_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct kt_str {
    const char *data;
    size_t len;
};

/* For printf's "%.*s". */
#define KT_STR_ARG(s) (int)(s).len, ((s).data == NULL ? "" : (s).data)

/* A compile-time string as a kt_str. */
#define KT_STR(literal) ((struct kt_str){(literal), sizeof(literal) - 1})

static inline struct kt_str kt_str_of(const char *text) {
    return (struct kt_str){text, text == NULL ? 0 : strlen(text)};
}

static inline bool kt_str_equal(struct kt_str a, struct kt_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool kt_str_ends_with(struct kt_str s, struct kt_str end) {
    return s.len >= end.len && memcmp(s.data + (s.len - end.len), end.data, end.len) == 0;
}

/* s without the characters of blanks at both its ends. */
static inline struct kt_str kt_str_trim(struct kt_str s, struct kt_str blanks) {
    while (s.len > 0 && memchr(blanks.data, s.data[0], blanks.len) != NULL) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && memchr(blanks.data, s.data[s.len - 1], blanks.len) != NULL) {
        s.len--;
    }
    return s;
}

/* Below, at or above 0 as a comes before, with or after b: by bytes, then by length. */
static inline int kt_str_compare(struct kt_str a, struct kt_str b) {
    const size_t shorter = a.len < b.len ? a.len : b.len;
    const int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* 64-bit FNV-1a, continued from seed (start with KT_HASH_SEED). Stable across runs and machines:
 * the keys of the durable state are made of it. */
#define KT_HASH_SEED UINT64_C(0xcbf29ce484222325)
static inline uint64_t kt_str_hash(uint64_t seed, struct kt_str s) {
    for (size_t i = 0; i < s.len; i++) {
        seed = (seed ^ (unsigned char)s.data[i]) * UINT64_C(0x100000001b3);
    }
    return seed;
}

#endif
