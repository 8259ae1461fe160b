/* SPDX-License-Identifier: GPL-3.0-or-later
 * The validity gate: may this window be learned from and decided on? One lie learned costs more
 * than ten windows skipped. */
#ifndef KT_MODEL_GATE_H
#define KT_MODEL_GATE_H

#include "model/settings.h"
#include "model/window.h"

struct kt_verdict {
    int reason;         /* enum kt_reason: STEADY when the window is valid, else why it is not */
    struct kt_str text; /* which vertex and which numbers; empty when valid; in the arena */
};

/* Looks at the whole job: a reason found at one vertex holds the job, because one reconfiguration
 * restarts all of it. expected: the vertices of the job's last valid window (a vertex that is
 * silent now is MISSING_SUBTASKS). ramp_windows: RAMP verdicts in a row before this window. A
 * vertex that never reports busy time (it is NaN or absent in all its samples) does not hold the
 * job: it is left as it is. */
struct kt_verdict kt_gate_check(const struct kt_window_summary *summary,
                                const struct kt_gate_settings *settings,
                                const struct kt_str *expected, size_t expected_count,
                                int32_t ramp_windows, struct kt_arena *arena);

#endif
