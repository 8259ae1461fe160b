/* SPDX-License-Identifier: GPL-3.0-or-later
 * Puts the vertices of a window's summary in the order in which records flow. */
#include "model/flow_order.h"

/* Whether all inputs of a vertex have their place. An input that is not in the window keeps nobody
 * waiting. */
static bool is_ready(const struct kt_window_summary *summary,
                     const struct kt_vertex_summary *vertex, const bool *placed) {
    for (size_t e = 0; e < vertex->upstream.count; e++) {
        const int64_t input = kt_window_summary_find(summary, vertex->upstream.items[e].vertex_id);
        if (input >= 0 && !placed[input]) {
            return false;
        }
    }
    return true;
}

enum kt_err kt_flow_order(struct kt_window_summary *summary, struct kt_arena *arena,
                          struct kt_error *error) {
    const size_t count = summary->vertices.count;
    bool *placed = kt_arena_array(arena, count, sizeof *placed);
    struct kt_vertex_summary *ordered = kt_arena_array(arena, count, sizeof *ordered);
    if (placed == NULL || ordered == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory to order %zu vertices", count);
    }
    size_t done = 0;
    for (size_t before = SIZE_MAX; done < count && done != before;) {
        before = done;
        for (size_t i = 0; i < count; i++) {
            const struct kt_vertex_summary *vertex = &summary->vertices.items[i];
            if (!placed[i] && is_ready(summary, vertex, placed)) {
                placed[i] = true;
                ordered[done++] = *vertex;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!placed[i]) {
            ordered[done++] = summary->vertices.items[i];
        }
    }
    summary->vertices.items = ordered;
    return KT_ERR_OK;
}
