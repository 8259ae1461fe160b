/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads the histories of all operators out of a state folder, beside the worker that owns it. */
#ifndef KT_OPS_HISTORY_READ_H
#define KT_OPS_HISTORY_READ_H

#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/state.h"

/* Which histories; data NULL: any. */
struct kt_history_filter {
    struct kt_str job;    /* "cluster/job_name" */
    struct kt_str vertex; /* id or name */
};

/* One operator at one parallelism. */
struct kt_history_entry {
    uint32_t partition;
    struct kt_operator_history history;
};

struct kt_history_list {
    struct kt_history_entry *items; /* by cluster, job, vertex id, parallelism */
    size_t count;
};

/* Takes a snapshot: everything is copied to the arena, the folder is closed again.
 * KT_ERR_NOT_FOUND: the folder holds no state; KT_ERR_LIMIT: more than the arena takes. */
KT_MUST_CHECK enum kt_err kt_history_read(const char *state_dir,
                                          const struct kt_history_filter *filter,
                                          struct kt_arena *arena, struct kt_history_list *list,
                                          struct kt_error *error);

/* Whether two entries are of the same job; of the same operator. */
bool kt_history_same_job(const struct kt_operator_history *a, const struct kt_operator_history *b);
bool kt_history_same_operator(const struct kt_operator_history *a,
                              const struct kt_operator_history *b);

#endif
