/* SPDX-License-Identifier: GPL-3.0-or-later
 * The closing of one window: everything lasting that the stage ever does.
 *
 *   window → summary → gate → evidence (measures, state) → what the window proved → histories →
 *   what the cluster's others showed → decide → command, the job's new state, and what others may
 *   learn of it
 */
#ifndef KT_MODEL_CLOSING_H
#define KT_MODEL_CLOSING_H

#include "model/decide.h"
#include "model/job.h"
#include "model/stage.h"

/* What closings share; owned by the stage. */
struct kt_closing {
    const struct kt_settings *settings;
    struct kt_durable *durable;
    struct kt_decider *decider;
    struct kt_stage_sink sink;
    struct kt_stage_counters *counters;
    struct kt_arena arena; /* reset at each closing */
};

/* Gives the window of a job its effects: histories, command, job state and, once in the job's life,
 * the state of its cluster go to store and sink. The
 * window is only read. An error spoils the transaction. */
KT_MUST_CHECK enum kt_err kt_closing_run(struct kt_closing *closing, uint32_t partition,
                                         struct kt_job *job, const struct kt_window *window,
                                         struct kt_error *error);

#endif
