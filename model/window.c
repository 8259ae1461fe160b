/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fills one event-time window of one job.
 *
 * This is the hot path of the program: one look-up per event and a few cache lines of counters.
 * Reporters repeat the same subtasks in the same order, so the subtask after the last event's is
 * tried before the hash tables. Nothing is allocated per event once the window has seen its
 * vertices and subtasks, and what it has it keeps over kt_window_clear. Whatever may be reported
 * twice with different values (a name, a parallelism, edges) is decided by time and, at equal
 * times, by the larger value: never by the order of arrival. */
#include "model/window_data.h"

#include "schemas/evidence.h"

#include <stdlib.h>

#define ARENA_CHUNK_BYTES 4096
#define SUBTASKS_FIRST    16 /* first allocations; they double */
#define VERTICES_FIRST    8

struct kt_window *kt_window_new(void) {
    struct kt_window *window = calloc(1, sizeof *window);
    if (window != NULL) {
        kt_arena_init(&window->arena, ARENA_CHUNK_BYTES, KT_WINDOW_TEXT_BYTES_MAX);
        kt_window_clear(window, 0, 0, 0);
    }
    return window;
}

void kt_window_free(struct kt_window *window) {
    if (window == NULL) {
        return;
    }
    kt_arena_free(&window->arena);
    free(window->vertices);
    free(window->vertex_cells);
    free(window->subtasks);
    free(window->subtask_cells);
    free(window);
}

void kt_window_clear(struct kt_window *window, int64_t start_ms, int64_t end_ms,
                     int64_t first_offset) {
    window->start_ms = start_ms;
    window->end_ms = end_ms;
    window->first_offset = first_offset;
    kt_arena_reset(&window->arena);
    window->cluster = (struct kt_text){NULL, 0, 0};
    window->job_name = (struct kt_text){NULL, 0, 0};
    window->job_id = (struct kt_text){NULL, 0, 0};
    window->job_id_at_ms = KT_WINDOW_NEVER;
    window->job_id_changed = false;
    window->slots_available = (struct kt_newest){KT_WINDOW_NEVER, 0};
    if (window->vertex_count > 0) {
        memset(window->vertex_cells, 0, window->vertex_cells_count * sizeof *window->vertex_cells);
    }
    if (window->subtask_count > 0) {
        memset(window->subtask_cells, 0,
               window->subtask_cells_count * sizeof *window->subtask_cells);
    }
    window->vertex_count = 0;
    window->id_bytes = 0;
    window->subtask_count = 0;
    window->subtask_last = 0;
}

int64_t kt_window_start_ms(const struct kt_window *window) {
    return window->start_ms;
}

int64_t kt_window_end_ms(const struct kt_window *window) {
    return window->end_ms;
}

int64_t kt_window_first_offset(const struct kt_window *window) {
    return window->first_offset;
}

/* ---- texts ------------------------------------------------------------------------------- */

/* Memory from the window's arena; NULL, with *err saying why, when there is none. */
static void *text_alloc(struct kt_window *window, size_t bytes, enum kt_err *err,
                        struct kt_error *error) {
    void *memory = kt_arena_alloc(&window->arena, bytes);
    if (memory == NULL && window->arena.used_bytes + bytes > KT_WINDOW_TEXT_BYTES_MAX) {
        *err = kt_fail(error, KT_ERR_LIMIT,
                       "the names and edges of a job take more than %u bytes in one window",
                       KT_WINDOW_TEXT_BYTES_MAX);
    } else if (memory == NULL) {
        *err = kt_fail(error, KT_ERR_NOMEM, "out of memory for %zu bytes of names", bytes);
    }
    return memory;
}

/* Room at least doubles, so that names that keep changing cannot fill the arena. */
static enum kt_err text_set(struct kt_window *window, struct kt_text *text, struct kt_str value,
                            struct kt_error *error) {
    if (text->data == NULL || value.len > text->capacity) {
        const size_t capacity = value.len > 2 * text->capacity ? value.len : 2 * text->capacity;
        enum kt_err err = KT_ERR_OK;
        char *data = text_alloc(window, capacity, &err, error);
        if (data == NULL) {
            return err;
        }
        text->data = data;
        text->capacity = capacity;
    }
    if (value.len > 0) {
        memcpy(text->data, value.data, value.len);
    }
    text->len = value.len;
    return KT_ERR_OK;
}

/* Keeps the newest of a text's values; *at_ms is the time of the one held. */
static enum kt_err text_newest(struct kt_window *window, struct kt_text *text, int32_t *held_at_ms,
                               struct kt_str value, int32_t at_ms, bool *changed,
                               struct kt_error *error) {
    const bool known = *held_at_ms != KT_WINDOW_NEVER;
    const int order = known ? kt_str_compare(kt_text_str(*text), value) : -1;
    if (known && order != 0) {
        *changed = true;
    }
    if (order != 0 && (at_ms > *held_at_ms || (at_ms == *held_at_ms && order < 0))) {
        enum kt_err err = text_set(window, text, value, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    *held_at_ms = at_ms > *held_at_ms ? at_ms : *held_at_ms;
    return KT_ERR_OK;
}

/* ---- vertices ---------------------------------------------------------------------------- */

/* Eight bytes at a time; only for this table, so it need not be the same anywhere else. */
static uint64_t id_hash(struct kt_str id) {
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = (uint64_t)id.len * odd;
    size_t i = 0;
    while (i < id.len) {
        uint64_t word = 0;
        const size_t bytes = id.len - i < sizeof word ? id.len - i : sizeof word;
        memcpy(&word, id.data + i, bytes);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
        i += bytes;
    }
    return hash;
}

/* The cell of a vertex, or the free one where it belongs. */
static struct kt_vertex_cell *vertex_cell(struct kt_window *window, uint64_t hash,
                                          struct kt_str id) {
    const size_t mask = window->vertex_cells_count - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct kt_vertex_cell *cell = &window->vertex_cells[i];
        if (cell->index == 0 ||
            (cell->tag == (uint32_t)(hash >> 32) &&
             kt_str_equal(kt_text_str(window->vertices[cell->index - 1].id), id))) {
            return cell;
        }
    }
}

/* Room for one more vertex and a free cell for it. */
static enum kt_err vertices_grow(struct kt_window *window, struct kt_error *error) {
    if (window->vertex_count < window->vertex_capacity) {
        return KT_ERR_OK;
    }
    const size_t capacity =
        window->vertex_capacity == 0 ? VERTICES_FIRST : 2 * window->vertex_capacity;
    struct kt_vertex *vertices = realloc(window->vertices, capacity * sizeof *vertices);
    if (vertices == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory for %zu vertices", capacity);
    }
    window->vertices = vertices;
    struct kt_vertex_cell *cells = calloc(2 * capacity, sizeof *cells);
    if (cells == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory for %zu vertices", capacity);
    }
    free(window->vertex_cells);
    window->vertex_cells = cells;
    window->vertex_cells_count = 2 * capacity;
    window->vertex_capacity = capacity;
    for (size_t i = 0; i < window->vertex_count; i++) {
        const struct kt_vertex *vertex = &vertices[i];
        *vertex_cell(window, vertex->hash, kt_text_str(vertex->id)) =
            (struct kt_vertex_cell){(uint32_t)(vertex->hash >> 32), (uint32_t)i + 1};
    }
    return KT_ERR_OK;
}

static enum kt_err vertex_find(struct kt_window *window, const struct kt_metric_event *event,
                               size_t *index, struct kt_error *error) {
    const uint64_t hash = id_hash(event->vertex_id);
    if (window->vertex_cells_count > 0) {
        const struct kt_vertex_cell *cell = vertex_cell(window, hash, event->vertex_id);
        if (cell->index != 0) {
            *index = cell->index - 1;
            return KT_ERR_OK;
        }
    }
    if (window->vertex_count == KT_OPERATORS_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "job %.*s/%.*s has more than %d vertices",
                       KT_STR_ARG(event->cluster), KT_STR_ARG(event->job_name), KT_OPERATORS_MAX);
    }
    if (event->vertex_id.len > KT_WINDOW_ID_BYTES_MAX - window->id_bytes) {
        return kt_fail(
            error, KT_ERR_LIMIT, "the vertex ids of job %.*s/%.*s take more than %u bytes",
            KT_STR_ARG(event->cluster), KT_STR_ARG(event->job_name), KT_WINDOW_ID_BYTES_MAX);
    }
    enum kt_err err = vertices_grow(window, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const struct kt_newest never = {KT_WINDOW_NEVER, 0};
    struct kt_vertex *vertex = &window->vertices[window->vertex_count];
    *vertex = (struct kt_vertex){.hash = hash,
                                 .name_at_ms = KT_WINDOW_NEVER,
                                 .subtask_largest = -1,
                                 .parallelism = never,
                                 .max_parallelism = never,
                                 .source_partitions = never,
                                 .is_source = never,
                                 .upstream_at_ms = KT_WINDOW_NEVER};
    err = text_set(window, &vertex->id, event->vertex_id, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    *index = window->vertex_count++;
    window->id_bytes += event->vertex_id.len;
    *vertex_cell(window, hash, event->vertex_id) =
        (struct kt_vertex_cell){(uint32_t)(hash >> 32), (uint32_t)*index + 1};
    return KT_ERR_OK;
}

/* ---- subtasks ---------------------------------------------------------------------------- */

static struct kt_subtask_cell *subtask_cell(struct kt_window *window, uint32_t key) {
    const size_t mask = window->subtask_cells_count - 1;
    const uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = (size_t)(hash >> 32) & mask;; i = (i + 1) & mask) {
        struct kt_subtask_cell *cell = &window->subtask_cells[i];
        if (cell->index == 0 || cell->key == key) {
            return cell;
        }
    }
}

static enum kt_err subtasks_grow(struct kt_window *window, struct kt_error *error) {
    if (window->subtask_count < window->subtask_capacity) {
        return KT_ERR_OK;
    }
    const size_t capacity =
        window->subtask_capacity == 0 ? SUBTASKS_FIRST : 2 * window->subtask_capacity;
    struct kt_subtask *subtasks = realloc(window->subtasks, capacity * sizeof *subtasks);
    if (subtasks == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory for %zu subtasks", capacity);
    }
    window->subtasks = subtasks;
    struct kt_subtask_cell *cells = calloc(2 * capacity, sizeof *cells);
    if (cells == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory for %zu subtasks", capacity);
    }
    free(window->subtask_cells);
    window->subtask_cells = cells;
    window->subtask_cells_count = 2 * capacity;
    window->subtask_capacity = capacity;
    for (size_t i = 0; i < window->subtask_count; i++) {
        *subtask_cell(window, subtasks[i].key) =
            (struct kt_subtask_cell){subtasks[i].key, (uint32_t)i + 1};
    }
    return KT_ERR_OK;
}

/* Whether the subtask at this index is the event's. */
static bool subtask_is(const struct kt_window *window, size_t index,
                       const struct kt_metric_event *event) {
    const uint32_t key = window->subtasks[index].key;
    return kt_window_key_subtask(key) == event->subtask &&
           kt_str_equal(kt_text_str(window->vertices[kt_window_key_vertex(key)].id),
                        event->vertex_id);
}

static enum kt_err subtask_find(struct kt_window *window, const struct kt_metric_event *event,
                                struct kt_error *error) {
    if (window->subtask_count > 0) {
        const size_t last = window->subtask_last;
        const size_t next = last + 1 == window->subtask_count ? 0 : last + 1;
        if (subtask_is(window, next, event)) {
            window->subtask_last = next;
            return KT_ERR_OK;
        }
        if (subtask_is(window, last, event)) {
            return KT_ERR_OK;
        }
    }
    size_t vertex = 0;
    enum kt_err err = vertex_find(window, event, &vertex, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const uint32_t key = kt_window_key(vertex, event->subtask);
    if (window->subtask_cells_count > 0) {
        const struct kt_subtask_cell *cell = subtask_cell(window, key);
        if (cell->index != 0) {
            window->subtask_last = cell->index - 1;
            return KT_ERR_OK;
        }
    }
    if (window->subtask_count == KT_WINDOW_SUBTASKS_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "job %.*s/%.*s has more than %d subtasks",
                       KT_STR_ARG(event->cluster), KT_STR_ARG(event->job_name),
                       KT_WINDOW_SUBTASKS_MAX);
    }
    err = subtasks_grow(window, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    kt_subtask_init(&window->subtasks[window->subtask_count], key);
    *subtask_cell(window, key) = (struct kt_subtask_cell){key, (uint32_t)window->subtask_count + 1};
    window->subtask_last = window->subtask_count++;
    return KT_ERR_OK;
}

/* ---- what is said about the job and its vertices ----------------------------------------- */

/* Returns whether a different value had been reported before. */
static bool newest_set(struct kt_newest *newest, int32_t at_ms, int32_t value) {
    const bool differs = newest->at_ms != KT_WINDOW_NEVER && newest->value != value;
    if (at_ms > newest->at_ms || (at_ms == newest->at_ms && value > newest->value)) {
        newest->value = value;
    }
    newest->at_ms = at_ms > newest->at_ms ? at_ms : newest->at_ms;
    return differs;
}

static enum kt_err job_update(struct kt_window *window, const struct kt_metric_event *event,
                              int32_t at_ms, struct kt_error *error) {
    enum kt_err err = KT_ERR_OK;
    if (window->cluster.data == NULL) {
        err = text_set(window, &window->cluster, event->cluster, error);
    }
    if (err == KT_ERR_OK && window->job_name.data == NULL) {
        err = text_set(window, &window->job_name, event->job_name, error);
    }
    if (err == KT_ERR_OK && event->job_id.len > 0) {
        err = text_newest(window, &window->job_id, &window->job_id_at_ms, event->job_id, at_ms,
                          &window->job_id_changed, error);
    }
    if (KT_HAS(event, KT_EVENT_SLOTS_AVAILABLE)) {
        newest_set(&window->slots_available, at_ms, event->slots_available);
    }
    return err;
}

static int edge_compare(const struct kt_edge_text *a, const struct kt_upstream *b) {
    const bool has_ship = KT_HAS(b, KT_UPSTREAM_SHIP_STRATEGY);
    const int order = kt_str_compare(kt_text_str(a->vertex_id), b->vertex_id);
    if (order != 0 || a->has_ship_strategy != has_ship) {
        return order != 0 ? order : (int)a->has_ship_strategy - (int)has_ship;
    }
    return has_ship ? kt_str_compare(kt_text_str(a->ship_strategy), b->ship_strategy) : 0;
}

/* Order of the edges held and those of an event: by number, then edge by edge. */
static int upstream_compare(const struct kt_vertex *vertex, const struct kt_metric_event *event) {
    const size_t count = event->upstream.count;
    if (vertex->upstream_count != count) {
        return vertex->upstream_count > count ? 1 : -1;
    }
    int order = 0;
    for (size_t i = 0; i < count && order == 0; i++) {
        order = edge_compare(&vertex->upstream[i], &event->upstream.items[i]);
    }
    return order;
}

static enum kt_err upstream_set(struct kt_window *window, struct kt_vertex *vertex,
                                const struct kt_metric_event *event, struct kt_error *error) {
    const size_t count = event->upstream.count;
    if (count > vertex->upstream_capacity) {
        const size_t capacity =
            count > 2 * vertex->upstream_capacity ? count : 2 * vertex->upstream_capacity;
        enum kt_err err = KT_ERR_OK;
        struct kt_edge_text *edges = text_alloc(window, capacity * sizeof *edges, &err, error);
        if (edges == NULL) {
            return err;
        }
        if (vertex->upstream_capacity > 0) {
            memcpy(edges, vertex->upstream, vertex->upstream_capacity * sizeof *edges);
        }
        vertex->upstream = edges;
        vertex->upstream_capacity = capacity;
    }
    vertex->upstream_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct kt_upstream *from = &event->upstream.items[i];
        struct kt_edge_text *to = &vertex->upstream[i];
        enum kt_err err = text_set(window, &to->vertex_id, from->vertex_id, error);
        to->has_ship_strategy = KT_HAS(from, KT_UPSTREAM_SHIP_STRATEGY);
        if (err == KT_ERR_OK && to->has_ship_strategy) {
            err = text_set(window, &to->ship_strategy, from->ship_strategy, error);
        }
        if (err != KT_ERR_OK) {
            vertex->upstream_count = 0;
            return err;
        }
    }
    return KT_ERR_OK;
}

static enum kt_err vertex_update(struct kt_window *window, struct kt_vertex *vertex,
                                 const struct kt_metric_event *event, int32_t at_ms,
                                 struct kt_error *error) {
    if (event->subtask > vertex->subtask_largest) {
        vertex->subtask_largest = event->subtask;
    }
    if (KT_HAS(event, KT_EVENT_PARALLELISM) &&
        newest_set(&vertex->parallelism, at_ms, event->parallelism)) {
        vertex->parallelism_changed = true;
    }
    if (KT_HAS(event, KT_EVENT_MAX_PARALLELISM)) {
        newest_set(&vertex->max_parallelism, at_ms, event->max_parallelism);
    }
    if (KT_HAS(event, KT_EVENT_SOURCE_PARTITIONS)) {
        newest_set(&vertex->source_partitions, at_ms, event->source_partitions);
    }
    if (KT_HAS(event, KT_EVENT_IS_SOURCE)) {
        newest_set(&vertex->is_source, at_ms, event->is_source);
    }
    enum kt_err err = KT_ERR_OK;
    if (event->vertex_name.len > 0) {
        bool renamed = false; /* of no consequence: the identity is the id */
        err = text_newest(window, &vertex->name, &vertex->name_at_ms, event->vertex_name, at_ms,
                          &renamed, error);
    }
    if (err == KT_ERR_OK && KT_HAS(event, KT_EVENT_UPSTREAM) && at_ms >= vertex->upstream_at_ms) {
        const int order =
            vertex->upstream_at_ms == KT_WINDOW_NEVER ? -1 : upstream_compare(vertex, event);
        if (order < 0 || (order > 0 && at_ms > vertex->upstream_at_ms)) {
            err = upstream_set(window, vertex, event, error);
        }
        vertex->upstream_at_ms = at_ms;
    }
    return err;
}

enum kt_err kt_window_add(struct kt_window *window, const struct kt_metric_event *event,
                          struct kt_error *error) {
    const int64_t window_ms = window->end_ms - window->start_ms;
    if (event->timestamp_ms < window->start_ms || event->timestamp_ms >= window->end_ms) {
        return kt_fail(error, KT_ERR_INVALID, "timestamp_ms %lld is outside of window %lld … %lld",
                       (long long)event->timestamp_ms, (long long)window->start_ms,
                       (long long)window->end_ms);
    }
    if (window_ms > KT_WINDOW_MS_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "a window of %lld ms is longer than %lld ms",
                       (long long)window_ms, (long long)KT_WINDOW_MS_MAX);
    }
    if (event->subtask < KT_SUBTASK_WHOLE_VERTEX || event->subtask >= KT_PARALLELISM_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "subtask %d is outside of -1 … %d", event->subtask,
                       KT_PARALLELISM_MAX - 1);
    }
    const int32_t at_ms = (int32_t)(event->timestamp_ms - window->start_ms);
    enum kt_err err = subtask_find(window, event, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    struct kt_subtask *subtask = &window->subtasks[window->subtask_last];
    err = job_update(window, event, at_ms, error);
    if (err == KT_ERR_OK) {
        err = vertex_update(window, &window->vertices[kt_window_key_vertex(subtask->key)], event,
                            at_ms, error);
    }
    if (err == KT_ERR_OK) {
        kt_subtask_add(subtask, event, at_ms, window_ms);
    }
    return err;
}
