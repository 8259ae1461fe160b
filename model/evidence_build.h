/* SPDX-License-Identifier: GPL-3.0-or-later
 * Builds the evidence of one decision from a window, the histories, the job's state and its
 * settings. */
#ifndef KT_MODEL_EVIDENCE_BUILD_H
#define KT_MODEL_EVIDENCE_BUILD_H

#include "model/gate.h"
#include "model/settings.h"
#include "schemas/state.h"

/* Points of history that one evidence carries at most, over all operators: what bounds a command's
 * size (at most 24 bytes a point). Small jobs get KT_HISTORY_POINTS_MAX per operator. */
#define KT_EVIDENCE_POINTS_MAX 8192
/* The same of observation groups (at most 45 bytes each): both together are less than 600 kB, so
 * that a command of 600 operators stays below the 1 MB that a broker takes. One that does not goes
 * out without its evidence. */
#define KT_EVIDENCE_GROUPS_MAX 8192
#define KT_EVIDENCE_NAME_BYTES 200 /* longer names of vertices are cut: they are for people */

#define KT_DAY_MS INT64_C(86400000)

struct kt_evidence_input {
    const struct kt_window_summary *summary;
    struct kt_verdict verdict;
    const struct kt_job_settings *settings;
    const struct kt_job_state *state; /* before the decision, with this window's λ known */
};

/* The points, and the groups, that each of so many operators may carry, at least 1. */
size_t kt_evidence_points(size_t operators);
size_t kt_evidence_groups(size_t operators);

/* Fills *evidence but for what this window proved and taught (keep_up, learned, history, groups),
 * which is to be assessed by it; everything lives in the arena or is borrowed from the input.
 * Measures that are not finite or beyond any machine are left out. Edges are given only if all of
 * the graph is known, so that nobody computes with half of it. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_evidence_build(const struct kt_evidence_input *input,
                                            struct kt_arena *arena, struct kt_evidence *evidence,
                                            struct kt_error *error);

/* A name cut to KT_EVIDENCE_NAME_BYTES, never inside a UTF-8 sequence. */
struct kt_str kt_evidence_name(struct kt_str name);

/* Index of the operator state of a vertex, or -1. hint: where to look first. */
int64_t kt_operator_state_find(const struct kt_job_state *state, struct kt_str vertex_id,
                               size_t hint);
/* Index of a vertex in a summary, or -1. */
int64_t kt_vertex_find(const struct kt_window_summary *summary, struct kt_str vertex_id,
                       size_t hint);

#endif
