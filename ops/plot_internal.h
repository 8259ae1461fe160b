/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the parts of the plots share: which values can be drawn, and where. */
#ifndef KT_OPS_PLOT_INTERNAL_H
#define KT_OPS_PLOT_INTERNAL_H

#include "ops/plot.h"

#include <math.h>
#include <stdbool.h>

/* Whether a value is drawn; what is not is a gap. The bound keeps every difference finite. */
static inline bool kt_plot_usable(double value) {
    return fabs(value) <= 1e300;
}

/* The area between the axes, in px, and the values at its edges. */
struct kt_plot_frame {
    double left, top, right, bottom;
    double x_min, x_max;
    double y_min, y_max; /* at the bottom, and INSET below the top */
    struct kt_plot_ticks x_ticks, y_ticks;
};

/* Room above the highest value, so that a line along it is not cut. */
#define KT_PLOT_INSET 5.0

static inline double kt_plot_at_x(const struct kt_plot_frame *frame, double x) {
    return frame->left +
           (x - frame->x_min) / (frame->x_max - frame->x_min) * (frame->right - frame->left);
}

static inline double kt_plot_at_y(const struct kt_plot_frame *frame, double y) {
    return frame->bottom - (y - frame->y_min) / (frame->y_max - frame->y_min) *
                               (frame->bottom - frame->top - KT_PLOT_INSET);
}

/* "line blue thin": the classes of a series' element. */
void kt_plot_write_class(FILE *out, const struct kt_plot_series *series);

/* Draws a series; KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_plot_draw(FILE *out, const struct kt_plot_frame *frame,
                                       const struct kt_plot_series *series);

#endif
