/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the demo shows: on a terminal a table that is drawn over itself, elsewhere a line per
 * change; at the end a summary. */
#ifndef KT_OPS_DEMO_VIEW_H
#define KT_OPS_DEMO_VIEW_H

#include "ops/sim_loop.h"

#include <stdio.h>

struct kt_demo_view {
    FILE *out;
    bool terminal;
    int lines;          /* of the picture on the screen */
    int64_t decisions;  /* shown so far */
    double source_rate; /* records/s of all sources, of the last picture */
    int64_t total_ms;   /* of virtual time */
};

void kt_demo_view_begin(struct kt_demo_view *view, FILE *out, const struct kt_sim_spec *spec,
                        const struct kt_sim_level *levels, int levels_count, int64_t poll_ms);
void kt_demo_view_frame(struct kt_demo_view *view, const struct kt_sim_view *sim);
void kt_demo_view_end(struct kt_demo_view *view);
void kt_demo_view_summary(struct kt_demo_view *view, const struct kt_sim_score *kontune,
                          const struct kt_sim_score *ds2);

#endif
