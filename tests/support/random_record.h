/* SPDX-License-Identifier: GPL-3.0-or-later
 * Seeded random records of any type, from its field table, and the comparison of two records. */
#ifndef KT_TESTS_RANDOM_RECORD_H
#define KT_TESTS_RANDOM_RECORD_H

#include "schemas/arena.h"
#include "schemas/record.h"

struct random_source {
    uint64_t state;
    size_t items_max; /* arrays have at most this many items */
    bool non_finite;  /* doubles may be NaN or infinite */
};

/* splitmix64: every seed gives a sequence of its own. */
uint64_t random_u64(struct random_source *source);
/* 0 … bound-1 */
size_t random_below(struct random_source *source, size_t bound);

/* Fills a record; strings and arrays live in the arena. Every value of a kind can come, extreme
 * ones often; nullable fields are null half the time. */
void random_record(struct random_source *source, const struct kt_record_type *type,
                   struct kt_arena *arena, void *record);

/* NULL when two records are equal field by field (doubles bit by bit), else the path of the first
 * difference, valid until the next call. */
const char *record_difference(const struct kt_record_type *type, const void *a, const void *b);

#endif
