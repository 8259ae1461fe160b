/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state of a job after a window: what the window itself makes of it, what was learned of the
 * graph, and what was decided. */
#ifndef KT_MODEL_NEXT_STATE_H
#define KT_MODEL_NEXT_STATE_H

#include "model/decide.h"
#include "model/gate.h"
#include "schemas/state.h"

/* A vertex that was silent for so many windows in a row is gone (its tasks finished, or nobody
 * reports it any more): the gate no longer waits for it. */
#define KT_MISSED_WINDOWS_MAX 5

/* Within this time the largest load that showed is forgotten: a month with its busiest day stays
 * known for the next one. */
#define KT_PEAK_MEMORY_MS (30.0 * KT_DAY_MS)

/* What a window was. All is borrowed; the arena takes what the new state needs. */
struct kt_next_input {
    const struct kt_job_state *before;
    const struct kt_window_summary *summary;
    const struct kt_job_settings *settings;
    int gate;         /* enum kt_reason: the gate's verdict */
    bool valid;       /* the gate let the window pass */
    bool load_showed; /* nothing in the job was backpressured */
    struct kt_arena *arena;
};

/* The state that the window itself makes, before anything is decided. After a valid window its
 * operators are those of the summary, in its order; what is remembered of each goes along, also
 * over a resubmission. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_next_state(const struct kt_next_input *input,
                                        struct kt_job_state *next, struct kt_error *error);

/* Learns selectivities and input ratios from a valid window; the evidence gets them, too. What an
 * operator sends of what it receives does not depend on whether the job keeps up; one that gathers
 * for a burst while those below are slow even shows its selectivity only together with the windows
 * in which it is held back. What it receives of what its upstreams send does: buffers between them
 * fill up. So input ratios are learned only if the job kept up. */
void kt_next_learn_ratios(struct kt_evidence *evidence, bool kept_up, struct kt_job_state *next);

/* Learns the gains of the sources' backlogs (model/lag.h) from a valid window. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_next_learn_lag(const struct kt_next_input *input,
                                            const struct kt_evidence *evidence,
                                            struct kt_job_state *next, struct kt_error *error);

/* Remembers the load of every source in a valid window, as far as it is known; the evidence gets
 * it, too. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_next_note_loads(const struct kt_next_input *input,
                                             struct kt_evidence *evidence,
                                             struct kt_job_state *next, struct kt_error *error);

/* Remembers what a decision says of the operators: change points, and the load that was decided
 * on, if it is another one (kt_demand_is_new) and the decision is a RESCALE or that what runs is
 * the answer. The state must be that of a valid window. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_next_decided(const struct kt_next_input *input,
                                          const struct kt_evidence *evidence,
                                          const struct kt_decision *decision,
                                          struct kt_job_state *next, struct kt_error *error);

/* Remembers a published rescale: when it was, and what it asks for. A dry run restarts nothing, so
 * that it takes nothing from the budget: it would fall silent, and the day after as well. */
KT_MUST_CHECK enum kt_err kt_next_rescale(const struct kt_next_input *input,
                                          struct kt_str command_id,
                                          const struct kt_decision *decision,
                                          struct kt_job_state *next, struct kt_error *error);

#endif
