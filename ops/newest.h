/* SPDX-License-Identifier: GPL-3.0-or-later
 * The newest texts of a stream that is not in order, in bounded memory: a heap whose root is the
 * oldest of those that are kept. */
#ifndef KT_OPS_NEWEST_H
#define KT_OPS_NEWEST_H

#include "schemas/error.h"

#include <stddef.h>
#include <stdint.h>

struct kt_newest_item {
    int64_t time_ms;
    int32_t partition; /* together with the offset: the order at one time */
    int64_t offset;
    char *text; /* malloc'd */
    size_t len;
};

struct kt_newest {
    size_t count_max; /* 0: any number */
    size_t bytes_max; /* of all texts together; the newest one is kept whatever its size */
    struct kt_newest_item *items;
    size_t count;
    size_t capacity;
    size_t bytes;
    int64_t crowded_out; /* dropped for bytes_max */
};

/* Takes the item and its text, and drops the oldest while there are more than allowed.
 * KT_ERR_NOMEM: nothing was taken. */
KT_MUST_CHECK enum kt_err kt_newest_add(struct kt_newest *newest, struct kt_newest_item item,
                                        struct kt_error *error);
/* Puts the items in their order, oldest first; nothing may be added afterwards. */
void kt_newest_sort(struct kt_newest *newest);
/* Frees all items. */
void kt_newest_clear(struct kt_newest *newest);

#endif
