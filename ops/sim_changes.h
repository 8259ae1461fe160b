/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the stage's changed state records tell, read into a controller's knowledge; for every
 * controller of a simulated job, wherever its records come from. */
#ifndef KT_OPS_SIM_CHANGES_H
#define KT_OPS_SIM_CHANGES_H

#include "model/store.h"
#include "ops/sim_loop.h"
#include "schemas/codec.h"

struct kt_sim_changes {
    struct kt_decoder *job_state;
    struct kt_decoder *history;
    struct kt_arena arena;
};

/* kt_sim_changes_free also after a failure. */
KT_MUST_CHECK enum kt_err kt_sim_changes_init(struct kt_sim_changes *changes,
                                              struct kt_error *error);
void kt_sim_changes_free(struct kt_sim_changes *changes);

/* Notes one changed record, as a sink's change or the changelog gives it; deletions and records of
 * other jobs, of a partition or of a cluster tell nothing about the job and are passed over. */
KT_MUST_CHECK enum kt_err kt_sim_changes_note(struct kt_sim_changes *changes,
                                              struct kt_sim_knowledge *knowledge,
                                              const struct kt_sim_spec *spec,
                                              struct kt_store_key key, const void *value,
                                              size_t len, struct kt_error *error);

#endif
