/* SPDX-License-Identifier: GPL-3.0-or-later
 * The newest texts of a stream that is not in order, in bounded memory. */
#include "ops/newest.h"

#include <stdlib.h>

#define CAPACITY_MIN 256

static int by_time(const void *a, const void *b) {
    const struct kt_newest_item *x = a;
    const struct kt_newest_item *y = b;
    if (x->time_ms != y->time_ms) {
        return x->time_ms < y->time_ms ? -1 : 1;
    }
    if (x->partition != y->partition) {
        return x->partition < y->partition ? -1 : 1;
    }
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void swap(struct kt_newest *newest, size_t i, size_t j) {
    const struct kt_newest_item item = newest->items[i];
    newest->items[i] = newest->items[j];
    newest->items[j] = item;
}

static void drop_oldest(struct kt_newest *newest) {
    newest->bytes -= newest->items[0].len;
    free(newest->items[0].text);
    newest->items[0] = newest->items[--newest->count];
    size_t parent = 0;
    for (;;) {
        const size_t left = 2 * parent + 1;
        size_t oldest = parent;
        for (size_t child = left; child < newest->count && child <= left + 1; child++) {
            if (by_time(&newest->items[child], &newest->items[oldest]) < 0) {
                oldest = child;
            }
        }
        if (oldest == parent) {
            return;
        }
        swap(newest, parent, oldest);
        parent = oldest;
    }
}

static enum kt_err make_room(struct kt_newest *newest, struct kt_error *error) {
    if (newest->count < newest->capacity) {
        return KT_ERR_OK;
    }
    const size_t capacity = newest->capacity == 0 ? CAPACITY_MIN : newest->capacity * 2;
    struct kt_newest_item *grown = realloc(newest->items, capacity * sizeof *grown);
    if (grown == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for %zu records", capacity);
    }
    newest->items = grown;
    newest->capacity = capacity;
    return KT_ERR_OK;
}

enum kt_err kt_newest_add(struct kt_newest *newest, struct kt_newest_item item,
                          struct kt_error *error) {
    enum kt_err err = make_room(newest, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    size_t at = newest->count++;
    newest->items[at] = item;
    newest->bytes += item.len;
    while (at > 0 && by_time(&newest->items[at], &newest->items[(at - 1) / 2]) < 0) {
        swap(newest, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
    if (newest->count_max > 0 && newest->count > newest->count_max) {
        drop_oldest(newest);
    }
    while (newest->bytes > newest->bytes_max && newest->count > 1) {
        drop_oldest(newest);
        newest->crowded_out++;
    }
    return KT_ERR_OK;
}

void kt_newest_sort(struct kt_newest *newest) {
    if (newest->count > 0) {
        qsort(newest->items, newest->count, sizeof *newest->items, by_time);
    }
}

void kt_newest_clear(struct kt_newest *newest) {
    for (size_t i = 0; i < newest->count; i++) {
        free(newest->items[i].text);
    }
    free(newest->items);
    newest->items = NULL;
    newest->count = 0;
    newest->capacity = 0;
    newest->bytes = 0;
}
