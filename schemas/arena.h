/* SPDX-License-Identifier: GPL-3.0-or-later
 * A bump allocator: many small allocations that are all dropped together. It is how a decoded
 * record owns its arrays; after the first record of a size it allocates nothing more. */
#ifndef KT_SCHEMAS_ARENA_H
#define KT_SCHEMAS_ARENA_H

#include "schemas/error.h"
#include "schemas/str.h"

#include <stddef.h>

struct kt_arena_chunk;

struct kt_arena {
    struct kt_arena_chunk *first;   /* every chunk ever made, kept over a reset */
    struct kt_arena_chunk *current; /* the one that is being filled */
    size_t chunk_bytes;             /* size of a new chunk */
    size_t limit_bytes;             /* no allocation beyond this total */
    size_t used_bytes;              /* handed out since the last reset */
};

/* Nothing is allocated before the first kt_arena_alloc. limit_bytes bounds what one record can
 * make the program hold. */
void kt_arena_init(struct kt_arena *arena, size_t chunk_bytes, size_t limit_bytes);

/* Zeroed memory, aligned for any type, valid until the next reset or free; NULL when the limit
 * or the machine's memory is exhausted. size 0 gives a valid pointer. */
void *kt_arena_alloc(struct kt_arena *arena, size_t size);

/* count * size with the overflow checked. */
void *kt_arena_array(struct kt_arena *arena, size_t count, size_t size);

/* A copy of the array with one item more behind, items_max (at least 1) items at most: the oldest,
 * in front, go. *count ← how many the copy has. NULL: no memory, *count stands. */
void *kt_arena_append(struct kt_arena *arena, const void *items, size_t *count, size_t item_size,
                      size_t items_max, const void *item);

/* A copy of s in the arena, NUL-terminated for convenience; data NULL when out of memory. */
struct kt_str kt_arena_str(struct kt_arena *arena, struct kt_str s);
struct kt_str kt_arena_printf(struct kt_arena *arena, const char *format, ...) KT_PRINTF(2, 3);

/* Drops all allocations, keeps the chunks. */
void kt_arena_reset(struct kt_arena *arena);
void kt_arena_free(struct kt_arena *arena);

#endif
