/* SPDX-License-Identifier: GPL-3.0-or-later
 * The inside of a window, shared by the file that fills it (window.c) and the one that reads it
 * (summary.c); nobody else includes this. */
#ifndef KT_MODEL_WINDOW_DATA_H
#define KT_MODEL_WINDOW_DATA_H

#include "model/subtask.h"
#include "model/window.h"

#define KT_WINDOW_NEVER INT32_MIN

/* Text in the window's arena whose room is reused when it changes. */
struct kt_text {
    char *data;
    size_t len;
    size_t capacity;
};

struct kt_edge_text {
    struct kt_text vertex_id;
    struct kt_text ship_strategy;
    bool has_ship_strategy;
};

/* A whole number of which the newest report counts; of two at the same time, the larger. */
struct kt_newest {
    int32_t at_ms; /* KT_WINDOW_NEVER: never reported */
    int32_t value;
};

struct kt_vertex {
    uint64_t hash; /* of the id */
    struct kt_text id;
    struct kt_text name;
    int32_t name_at_ms;
    int32_t subtask_largest; /* -1: only whole-vertex events */
    struct kt_newest parallelism;
    struct kt_newest max_parallelism;
    struct kt_newest source_partitions;
    struct kt_newest is_source;
    bool parallelism_changed; /* two values were reported */
    int32_t upstream_at_ms;
    struct kt_edge_text *upstream;
    size_t upstream_count;
    size_t upstream_capacity;
};

/* Open addressing, linear probing, a power of two of cells, at most half full. */
struct kt_vertex_cell {
    uint32_t tag;   /* upper half of the id's hash */
    uint32_t index; /* in vertices, + 1; 0: free */
};
struct kt_subtask_cell {
    uint32_t key;
    uint32_t index; /* in subtasks, + 1; 0: free */
};

struct kt_window {
    int64_t start_ms;
    int64_t end_ms;
    int64_t first_offset;
    struct kt_arena arena; /* all texts */
    struct kt_text cluster;
    struct kt_text job_name;
    struct kt_text job_id; /* newest */
    int32_t job_id_at_ms;
    bool job_id_changed; /* two ids were reported */
    struct kt_newest slots_available;

    struct kt_vertex *vertices; /* in the order of their first event */
    size_t vertex_count;
    size_t id_bytes; /* of all vertices */
    size_t vertex_capacity;
    struct kt_vertex_cell *vertex_cells;
    size_t vertex_cells_count;

    struct kt_subtask *subtasks; /* in the order of their first event */
    size_t subtask_count;
    size_t subtask_capacity;
    struct kt_subtask_cell *subtask_cells;
    size_t subtask_cells_count;
    size_t subtask_last; /* of the last event: where to look first for the next */
};

/* Key of a subtask: vertex index in the upper, subtask + 1 in the lower half; so ascending keys are
 * vertex by vertex, the whole vertex first. */
static inline uint32_t kt_window_key(size_t vertex, int32_t subtask) {
    return (uint32_t)vertex << 16 | (uint32_t)(subtask + 1);
}
static inline size_t kt_window_key_vertex(uint32_t key) {
    return key >> 16;
}
static inline int32_t kt_window_key_subtask(uint32_t key) {
    return (int32_t)(key & 0xffff) - 1;
}

static inline struct kt_str kt_text_str(struct kt_text text) {
    return (struct kt_str){text.data, text.len};
}

#endif
