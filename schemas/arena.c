/* SPDX-License-Identifier: GPL-3.0-or-later
 * A bump allocator: many small allocations that are all dropped together. */
#include "schemas/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

struct kt_arena_chunk {
    struct kt_arena_chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

void kt_arena_init(struct kt_arena *arena, size_t chunk_bytes, size_t limit_bytes) {
    *arena = (struct kt_arena){.chunk_bytes = chunk_bytes, .limit_bytes = limit_bytes};
}

/* The next kept chunk that has room for size, or a new one linked behind the current. */
static struct kt_arena_chunk *arena_advance(struct kt_arena *arena, size_t size) {
    struct kt_arena_chunk *chunk = arena->current == NULL ? arena->first : arena->current->next;
    while (chunk != NULL && chunk->size < size) {
        chunk = chunk->next;
    }
    if (chunk != NULL) {
        chunk->used = 0;
        arena->current = chunk;
        return chunk;
    }
    size_t bytes = size > arena->chunk_bytes ? size : arena->chunk_bytes;
    chunk = malloc(sizeof *chunk + bytes);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->size = bytes;
    chunk->used = 0;
    if (arena->current != NULL) {
        chunk->next = arena->current->next;
        arena->current->next = chunk;
    } else {
        chunk->next = arena->first;
        arena->first = chunk;
    }
    arena->current = chunk;
    return chunk;
}

void *kt_arena_alloc(struct kt_arena *arena, size_t size) {
    const size_t align = alignof(max_align_t);
    if (size > arena->limit_bytes || arena->used_bytes > arena->limit_bytes - size) {
        return NULL;
    }
    size_t rounded = size == 0 ? align : (size + align - 1) / align * align;
    struct kt_arena_chunk *chunk = arena->current;
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        chunk = arena_advance(arena, rounded);
        if (chunk == NULL) {
            return NULL;
        }
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += rounded;
    arena->used_bytes += rounded;
    memset(memory, 0, rounded);
    return memory;
}

void *kt_arena_array(struct kt_arena *arena, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / 2 / size) {
        return NULL;
    }
    return kt_arena_alloc(arena, count * size);
}

struct kt_str kt_arena_str(struct kt_arena *arena, struct kt_str s) {
    char *copy = kt_arena_alloc(arena, s.len + 1);
    if (copy == NULL) {
        return (struct kt_str){NULL, 0};
    }
    if (s.len > 0) {
        memcpy(copy, s.data, s.len);
    }
    return (struct kt_str){copy, s.len};
}

void *kt_arena_append(struct kt_arena *arena, const void *items, size_t *count, size_t item_size,
                      size_t items_max, const void *item) {
    const size_t kept = *count < items_max ? *count : items_max - 1;
    char *copy = kt_arena_array(arena, kept + 1, item_size);
    if (copy == NULL) {
        return NULL;
    }
    if (kept > 0) {
        memcpy(copy, (const char *)items + (*count - kept) * item_size, kept * item_size);
    }
    memcpy(copy + kept * item_size, item, item_size);
    *count = kept + 1;
    return copy;
}

struct kt_str kt_arena_printf(struct kt_arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    struct kt_str s = {NULL, 0};
    char *text = len < 0 ? NULL : kt_arena_alloc(arena, (size_t)len + 1);
    if (text != NULL) {
        vsnprintf(text, (size_t)len + 1, format, again);
        s = (struct kt_str){text, (size_t)len};
    }
    va_end(again);
    return s;
}

void kt_arena_reset(struct kt_arena *arena) {
    arena->current = arena->first;
    if (arena->first != NULL) {
        arena->first->used = 0;
    }
    arena->used_bytes = 0;
}

void kt_arena_free(struct kt_arena *arena) {
    struct kt_arena_chunk *chunk = arena->first;
    while (chunk != NULL) {
        struct kt_arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    kt_arena_init(arena, arena->chunk_bytes, arena->limit_bytes);
}
