/* SPDX-License-Identifier: GPL-3.0-or-later
 * The marks of a plot: each series as one <path>. */
#include "ops/plot_internal.h"

#include <stdlib.h>

/* Points are told apart down to cells of this size; more in one cell are one. */
#define CELL_PX 2.0

static int columns_of(const struct kt_plot_frame *frame) {
    return (int)(frame->right - frame->left);
}

static void begin_path(FILE *out, const struct kt_plot_series *series) {
    fputs("<path class=\"", out);
    kt_plot_write_class(out, series);
    fputs("\" d=\"", out);
}

static void end_path(FILE *out) {
    fputs("\"/>\n", out);
}

/* Whether sample k of those kept is on the straight way from the one before to the one behind it,
 * all of one value: it need not be drawn. */
static bool is_level(const struct kt_plot_series *series, const size_t *kept, size_t k, size_t n) {
    if (k == 0 || k + 1 >= n) {
        return false;
    }
    const double y = series->y[kept[k]];
    return series->y[kept[k - 1]] == y && series->y[kept[k + 1]] == y;
}

/* A line, or a step: level until the next x, then up or down to its value. */
static enum kt_err draw_line(FILE *out, const struct kt_plot_frame *frame,
                             const struct kt_plot_series *series) {
    size_t *kept = malloc(5 * (size_t)columns_of(frame) * sizeof *kept);
    if (kept == NULL) {
        return KT_ERR_NOMEM;
    }
    const size_t n = kt_plot_thin(series->x, series->y, series->count, frame->x_min, frame->x_max,
                                  columns_of(frame), kept);
    const bool step = series->kind == KT_PLOT_STEP;
    begin_path(out, series);
    bool pen_down = false;
    for (size_t k = 0; k < n; k++) {
        const double y = series->y[kept[k]];
        const double at_x = kt_plot_at_x(frame, series->x[kept[k]]);
        if (!kt_plot_usable(y)) {
            if (pen_down && step) {
                fprintf(out, "H%.1f", at_x);
            }
            pen_down = false;
            continue;
        }
        if (is_level(series, kept, k, n)) {
            continue;
        }
        const double at_y = kt_plot_at_y(frame, y);
        if (!pen_down) {
            fprintf(out, "M%.1f,%.1fh0", at_x, at_y); /* a dot where a gap follows */
        } else if (step) {
            fprintf(out, "H%.1fV%.1f", at_x, at_y);
        } else {
            fprintf(out, "L%.1f,%.1f", at_x, at_y);
        }
        pen_down = true;
    }
    end_path(out);
    free(kept);
    return KT_ERR_OK;
}

/* One column of a band: the widest it gets there. */
struct slice {
    double x, lower, upper;
};

/* Whether the band runs level through slice i, so that it need not be drawn. */
static bool is_level_slice(const struct slice *slices, size_t i, size_t count) {
    if (i == 0 || i + 1 >= count) {
        return false;
    }
    const struct slice *before = &slices[i - 1], *here = &slices[i], *behind = &slices[i + 1];
    return before->lower == here->lower && behind->lower == here->lower &&
           before->upper == here->upper && behind->upper == here->upper;
}

/* The outline: forth along the upper edge, back along the lower one. */
static void draw_slices(FILE *out, const struct kt_plot_frame *frame, const struct slice *slices,
                        size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!is_level_slice(slices, i, count)) {
            fprintf(out, "%c%.1f,%.1f", i == 0 ? 'M' : 'L', kt_plot_at_x(frame, slices[i].x),
                    kt_plot_at_y(frame, slices[i].upper));
        }
    }
    for (size_t i = count; i > 0; i--) {
        if (!is_level_slice(slices, i - 1, count)) {
            fprintf(out, "L%.1f,%.1f", kt_plot_at_x(frame, slices[i - 1].x),
                    kt_plot_at_y(frame, slices[i - 1].lower));
        }
    }
    if (count > 0) {
        fputc('Z', out);
    }
}

static enum kt_err draw_band(FILE *out, const struct kt_plot_frame *frame,
                             const struct kt_plot_series *series) {
    const size_t columns = (size_t)columns_of(frame);
    struct slice *slices = malloc((columns + 1) * sizeof *slices);
    if (slices == NULL) {
        return KT_ERR_NOMEM;
    }
    const bool all = series->count <= columns;
    begin_path(out, series);
    size_t n = 0;
    double column = -1.0;
    for (size_t i = 0; i < series->count; i++) {
        const double lower = series->y[i], upper = series->y_upper[i];
        if (!kt_plot_usable(lower) || !kt_plot_usable(upper)) {
            draw_slices(out, frame, slices, n);
            n = 0;
            continue;
        }
        const double here = floor(kt_plot_at_x(frame, series->x[i]) - frame->left);
        if (all || n == 0 || here > column) {
            slices[n++] = (struct slice){series->x[i], lower, upper};
            column = here;
        } else {
            slices[n - 1].lower = fmin(slices[n - 1].lower, lower);
            slices[n - 1].upper = fmax(slices[n - 1].upper, upper);
        }
    }
    draw_slices(out, frame, slices, n);
    end_path(out);
    free(slices);
    return KT_ERR_OK;
}

/* Dots are strokes of no length with round ends; each twice, so that they are parted by a rim. */
static enum kt_err draw_points(FILE *out, const struct kt_plot_frame *frame,
                               const struct kt_plot_series *series) {
    const size_t across = (size_t)((frame->right - frame->left) / CELL_PX) + 1;
    const size_t down = (size_t)((frame->bottom - frame->top) / CELL_PX) + 1;
    unsigned char *taken = malloc(across * down);
    if (taken == NULL) {
        return KT_ERR_NOMEM;
    }
    for (int rim = 1; rim >= 0; rim--) {
        memset(taken, 0, across * down);
        fputs(rim ? "<path class=\"rim\" d=\"" : "<path class=\"", out);
        if (!rim) {
            kt_plot_write_class(out, series);
            fputs("\" d=\"", out);
        }
        for (size_t i = 0; i < series->count; i++) {
            if (!kt_plot_usable(series->x[i]) || !kt_plot_usable(series->y[i])) {
                continue;
            }
            const double x = kt_plot_at_x(frame, series->x[i]);
            const double y = kt_plot_at_y(frame, series->y[i]);
            const size_t cell = (size_t)((y - frame->top) / CELL_PX) * across +
                                (size_t)((x - frame->left) / CELL_PX);
            if (!taken[cell]) {
                taken[cell] = 1;
                fprintf(out, "M%.1f,%.1fh0", x, y);
            }
        }
        end_path(out);
    }
    free(taken);
    return KT_ERR_OK;
}

/* From top to bottom; at most one per pixel column. */
static void draw_marks(FILE *out, const struct kt_plot_frame *frame,
                       const struct kt_plot_series *series) {
    begin_path(out, series);
    double before = -1.0;
    for (size_t i = 0; i < series->count; i++) {
        const double x = kt_plot_at_x(frame, series->x[i]);
        if (floor(x) > before) {
            fprintf(out, "M%.1f,%.1fV%.1f", x, frame->top, frame->bottom);
            before = floor(x);
        }
    }
    end_path(out);
}

enum kt_err kt_plot_draw(FILE *out, const struct kt_plot_frame *frame,
                         const struct kt_plot_series *series) {
    switch (series->kind) {
    case KT_PLOT_LINE:
    case KT_PLOT_STEP:
        return draw_line(out, frame, series);
    case KT_PLOT_BAND:
        return draw_band(out, frame, series);
    case KT_PLOT_POINTS:
        return draw_points(out, frame, series);
    case KT_PLOT_MARKS:
        draw_marks(out, frame, series);
        return KT_ERR_OK;
    }
    return KT_ERR_INVALID;
}
