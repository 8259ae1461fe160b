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
    bool doubtful;      /* let through because ramps do not end, though they may distort what was
                           measured: to decide on, not to learn from */
};

/* What earlier windows of the job tell about this one. */
struct kt_gate_past {
    const struct kt_str *expected; /* vertices of the last valid window: one that is silent now is
                                      MISSING_SUBTASKS */
    size_t expected_count;
    int32_t ramp_windows;    /* RAMP verdicts in a row before this window */
    bool restart_seen;       /* some window showed a restart (RESTARTED or COUNTER_RESET) */
    int64_t restart_seen_ms; /* end of the last that did */
};

/* Looks at the whole job: a reason found at one vertex holds the job, because one reconfiguration
 * restarts all of it. A vertex that never reports busy time (it is NaN or absent in all its
 * samples) does not hold the job: it is left as it is. */
struct kt_verdict kt_gate_check(const struct kt_window_summary *summary,
                                const struct kt_gate_settings *settings,
                                const struct kt_gate_past *past, struct kt_arena *arena);

#endif
