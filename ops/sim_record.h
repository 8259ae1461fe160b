/* SPDX-License-Identifier: GPL-3.0-or-later
 * Records a simulated run (sim_trace.h) while it goes on. */
#ifndef KT_OPS_SIM_RECORD_H
#define KT_OPS_SIM_RECORD_H

#include "ops/sim_loop.h"
#include "ops/sim_trace.h"

/* Fills *trace, which must be empty and outlive the recorder, from the views and the commands of a
 * run of this job; the trace then borrows the spec's strings. */
struct kt_sim_recorder;
KT_MUST_CHECK enum kt_err kt_sim_recorder_new(const struct kt_sim_spec *spec,
                                              struct kt_sim_trace *trace,
                                              struct kt_sim_recorder **out, struct kt_error *error);
void kt_sim_recorder_free(struct kt_sim_recorder *recorder);

/* After each report, as the loop's observer. */
KT_MUST_CHECK enum kt_err kt_sim_recorder_view(struct kt_sim_recorder *recorder,
                                               const struct kt_sim_view *view,
                                               struct kt_error *error);
/* For each command, as the core's tap. */
KT_MUST_CHECK enum kt_err kt_sim_recorder_command(struct kt_sim_recorder *recorder,
                                                  const struct kt_rescale_command *command,
                                                  struct kt_error *error);

/* At the end of the run: the true curves as they are then. */
KT_MUST_CHECK enum kt_err kt_sim_recorder_finish(struct kt_sim_recorder *recorder,
                                                 struct kt_error *error);

#endif
