/* SPDX-License-Identifier: GPL-3.0-or-later
 * Plots as inline SVG: the frame with its ticks and words; what is drawn in it is plot_draw.c's.
 *
 *     title  y title
 *  tick ├──────────────────────┤ label
 *       │                      │ label    The labels stand where their series end, moved apart
 *  tick ├──────────────────────┤          as far as they need, and tied to it by a thin line.
 *      tick      tick      tick
 *                       x title */
#include "ops/html_text.h"
#include "ops/plot_internal.h"

#include <stdlib.h>

#define LEFT_PX        52.0
#define HEAD_PX        24.0 /* the row of the title */
#define TICKS_PX       20.0 /* the row of the x ticks */
#define X_TITLE_PX     15.0
#define RIGHT_PX_MIN   22.0 /* half a tick's text */
#define LABEL_GAP_PX   10.0 /* between an axis' end and the labels */
#define LABEL_ROW_PX   13.0
#define CHAR_PX        6.3 /* of the labels' letters, at most as a rule */
#define TITLE_CHAR_PX  8.4
#define LABEL_CHARS    18 /* longer ones are cut */
#define CLOCK_EACH_PX  84.0
#define NUMBER_EACH_PX 56.0
#define Y_TICK_EACH_PX 30.0

static const char *const kind_class[] = {
    [KT_PLOT_LINE] = "line",     [KT_PLOT_STEP] = "line",   [KT_PLOT_BAND] = "band",
    [KT_PLOT_POINTS] = "points", [KT_PLOT_MARKS] = "marks",
};
static const char *const ink_class[] = {
    [KT_PLOT_BLUE] = "blue",     [KT_PLOT_ORANGE] = "orange", [KT_PLOT_GREEN] = "green",
    [KT_PLOT_PURPLE] = "purple", [KT_PLOT_GREY] = "grey",
};
static const char *const stroke_class[] = {
    [KT_PLOT_SOLID] = "", [KT_PLOT_THIN] = " thin", [KT_PLOT_DASHED] = " dashed"};

void kt_plot_write_class(FILE *out, const struct kt_plot_series *series) {
    fprintf(out, "%s %s%s", kind_class[series->kind], ink_class[series->ink],
            stroke_class[series->stroke]);
}

/* --- checks --- */

static enum kt_err check_series(const struct kt_plot_series *series, size_t index,
                                struct kt_error *error) {
    if (series->kind == KT_PLOT_POINTS) {
        return KT_ERR_OK;
    }
    for (size_t i = 0; i < series->count; i++) {
        if (!kt_plot_usable(series->x[i]) || (i > 0 && series->x[i] < series->x[i - 1])) {
            return kt_fail(error, KT_ERR_INVALID,
                           "series %zu of a plot: x of sample %zu is not finite or descends", index,
                           i);
        }
    }
    return KT_ERR_OK;
}

static enum kt_err check(const struct kt_plot *plot, struct kt_error *error) {
    if (plot->width < KT_PLOT_WIDTH_MIN || plot->width > KT_PLOT_WIDTH_MAX ||
        plot->height < KT_PLOT_HEIGHT_MIN || plot->height > KT_PLOT_HEIGHT_MAX ||
        plot->label_width < 0 || plot->label_width > plot->width / 3) {
        return kt_fail(error, KT_ERR_INVALID, "a plot of %d x %d px, %d for labels", plot->width,
                       plot->height, plot->label_width);
    }
    if (plot->count > KT_PLOT_SERIES_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "a plot of %zu series; %d is the most", plot->count,
                       KT_PLOT_SERIES_MAX);
    }
    const double bounds[] = {plot->x.min, plot->x.max, plot->y.min, plot->y.max};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        if (!kt_plot_usable(bounds[i])) {
            return kt_fail(error, KT_ERR_INVALID, "a plot's axis to %g", bounds[i]);
        }
    }
    for (size_t s = 0; s < plot->count; s++) {
        const enum kt_err err = check_series(&plot->series[s], s, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

/* --- layout --- */

static void cover(double *min, double *max, double value) {
    if (kt_plot_usable(value)) {
        *min = fmin(*min, value);
        *max = fmax(*max, value);
    }
}

static void cover_data(const struct kt_plot *plot, struct kt_plot_frame *frame) {
    frame->x_min = plot->x.min;
    frame->x_max = plot->x.max;
    frame->y_min = fmin(plot->y.min, 0.0);
    frame->y_max = fmax(plot->y.max, 0.0);
    for (size_t s = 0; s < plot->count; s++) {
        const struct kt_plot_series *series = &plot->series[s];
        for (size_t i = 0; i < series->count; i++) {
            cover(&frame->x_min, &frame->x_max, series->x[i]);
            if (series->kind != KT_PLOT_MARKS) {
                cover(&frame->y_min, &frame->y_max, series->y[i]);
            }
            if (series->kind == KT_PLOT_BAND) {
                cover(&frame->y_min, &frame->y_max, series->y_upper[i]);
            }
        }
    }
    /* Nothing, or one value, has a range of its own. */
    if (!(frame->x_max > frame->x_min)) {
        frame->x_max = frame->x_min + fmax(1.0, fabs(frame->x_min));
    }
    if (!(frame->y_max > frame->y_min)) {
        frame->y_max = frame->y_min + 1.0;
    }
}

static double label_px(const struct kt_plot *plot) {
    if (plot->label_width > 0) {
        return plot->label_width;
    }
    double widest = 0.0;
    for (size_t s = 0; s < plot->count; s++) {
        const size_t chars = kt_html_text_chars(plot->series[s].label);
        widest = fmax(widest, CHAR_PX * fmin((double)chars, LABEL_CHARS));
    }
    return widest > 0.0 ? LABEL_GAP_PX + widest + 2.0 : RIGHT_PX_MIN;
}

static void lay_out(const struct kt_plot *plot, struct kt_plot_frame *frame) {
    frame->left = LEFT_PX;
    frame->right = plot->width - fmax(label_px(plot), RIGHT_PX_MIN);
    frame->top = HEAD_PX;
    frame->bottom = plot->height - TICKS_PX - (plot->x.title.len > 0 ? X_TITLE_PX : 0.0);
    cover_data(plot, frame);
    const double each = plot->x.unit == KT_PLOT_DURATION ? CLOCK_EACH_PX : NUMBER_EACH_PX;
    const int across = (int)fmax((frame->right - frame->left) / each, 2.0);
    const int down = (int)fmax((frame->bottom - frame->top) / Y_TICK_EACH_PX, 2.0);
    frame->x_ticks = kt_plot_ticks_between(plot->x.unit, frame->x_min, frame->x_max, across);
    frame->y_ticks = kt_plot_ticks_between(plot->y.unit, frame->y_min, frame->y_max, down);
    /* The y axis ends on round values, so that its top can be read off. */
    const double step = frame->y_ticks.step;
    frame->y_min = step * floor(frame->y_min / step + 1e-9);
    frame->y_max = step * ceil(frame->y_max / step - 1e-9);
    frame->y_ticks =
        kt_plot_ticks_between(plot->y.unit, frame->y_min, frame->y_max,
                              (int)fmin(down, 1 + (frame->y_max - frame->y_min) / step));
}

/* --- words --- */

static void write_ticks(FILE *out, const struct kt_plot *plot, const struct kt_plot_frame *frame) {
    char text[32];
    fputs("<path class=\"grid\" d=\"", out);
    for (int i = 0; i < frame->x_ticks.count; i++) {
        const double x = kt_plot_at_x(frame, frame->x_ticks.first + i * frame->x_ticks.step);
        fprintf(out, "M%.1f,%.1fV%.1f", x, frame->top, frame->bottom);
    }
    for (int i = 0; i < frame->y_ticks.count; i++) {
        const double y = kt_plot_at_y(frame, frame->y_ticks.first + i * frame->y_ticks.step);
        fprintf(out, "M%.1f,%.1fH%.1f", frame->left, y, frame->right);
    }
    const double zero = kt_plot_at_y(frame, 0.0);
    fprintf(out, "\"/>\n<path class=\"axis\" d=\"M%.1f,%.1fH%.1f\"/>\n<g class=\"ticks\">\n",
            frame->left, zero, frame->right);
    for (int i = 0; i < frame->x_ticks.count; i++) {
        kt_plot_tick_text(plot->x.unit, &frame->x_ticks, i, text);
        fprintf(out, "<text class=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                kt_plot_at_x(frame, frame->x_ticks.first + i * frame->x_ticks.step),
                frame->bottom + 15.0, text);
    }
    for (int i = 0; i < frame->y_ticks.count; i++) {
        kt_plot_tick_text(plot->y.unit, &frame->y_ticks, i, text);
        fprintf(out, "<text class=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", frame->left - 7.0,
                kt_plot_at_y(frame, frame->y_ticks.first + i * frame->y_ticks.step) + 3.5, text);
    }
    fputs("</g>\n", out);
}

static void write_titles(FILE *out, const struct kt_plot *plot, const struct kt_plot_frame *frame) {
    const double unit_px = CHAR_PX * (double)kt_html_text_chars(plot->y.title);
    const double room = (plot->width - unit_px - 20.0) / TITLE_CHAR_PX;
    fputs("<text class=\"title\" x=\"0\" y=\"13\">", out);
    kt_html_text_cut(out, plot->title, (size_t)fmax(room, 8.0));
    if (plot->y.title.len > 0) {
        fputs("<tspan class=\"unit\" dx=\"8\">", out);
        kt_html_text(out, plot->y.title);
        fputs("</tspan>", out);
    }
    fputs("</text>\n", out);
    if (plot->x.title.len > 0) {
        const char *format = kt_plot_tick_format(plot->x.unit, &frame->x_ticks);
        fprintf(out, "<text class=\"unit end\" x=\"%.1f\" y=\"%d\">", frame->right,
                plot->height - 4);
        kt_html_text(out, plot->x.title);
        fprintf(out, "%s%s</text>\n", format != NULL ? ", " : "", format != NULL ? format : "");
    }
}

/* Where a series ends, and where its label stands. */
struct label {
    const struct kt_plot_series *series;
    double x, y; /* of its last value, px */
    double row;  /* of the label's middle, px */
};

static int label_compare(const void *a, const void *b) {
    const struct label *p = a, *q = b;
    return p->y < q->y ? -1 : p->y > q->y ? 1 : (p->series > q->series) - (p->series < q->series);
}

static bool label_of(const struct kt_plot_frame *frame, const struct kt_plot_series *series,
                     struct label *label) {
    if (series->label.len == 0 || series->kind == KT_PLOT_MARKS) {
        return false;
    }
    for (size_t i = series->count; i > 0; i--) {
        double y = series->y[i - 1];
        if (series->kind == KT_PLOT_BAND) {
            y = 0.5 * y + 0.5 * series->y_upper[i - 1];
        }
        if (kt_plot_usable(y)) {
            *label = (struct label){series, kt_plot_at_x(frame, series->x[i - 1]),
                                    kt_plot_at_y(frame, y), kt_plot_at_y(frame, y)};
            return true;
        }
    }
    return false;
}

/* Moves labels, sorted from the top, apart: first none above its own place, then none below the
 * axes. */
static void spread(struct label *labels, size_t count, const struct kt_plot_frame *frame) {
    double least = frame->top + 0.5 * LABEL_ROW_PX;
    for (size_t i = 0; i < count; i++) {
        labels[i].row = fmax(labels[i].row, least);
        least = labels[i].row + LABEL_ROW_PX;
    }
    double most = frame->bottom; /* above the row of the ticks */
    for (size_t i = count; i > 0; i--) {
        labels[i - 1].row = fmin(labels[i - 1].row, most);
        most = labels[i - 1].row - LABEL_ROW_PX;
    }
}

/* Whether every label has a row of its own. */
static bool labels_fit(const struct kt_plot *plot, const struct kt_plot_frame *frame) {
    size_t count = 0;
    for (size_t s = 0; s < plot->count; s++) {
        count += plot->series[s].label.len > 0;
    }
    return (double)count * LABEL_ROW_PX <= frame->bottom - frame->top + 0.5 * LABEL_ROW_PX;
}

static void write_labels(FILE *out, const struct kt_plot *plot, const struct kt_plot_frame *frame) {
    struct label labels[KT_PLOT_SERIES_MAX];
    size_t count = 0;
    for (size_t s = 0; s < plot->count; s++) {
        count += label_of(frame, &plot->series[s], &labels[count]);
    }
    qsort(labels, count, sizeof *labels, label_compare);
    spread(labels, count, frame);
    const size_t room = (size_t)((plot->width - frame->right - LABEL_GAP_PX) / CHAR_PX + 0.5);
    for (size_t i = 0; i < count; i++) {
        const struct label *label = &labels[i];
        if (fabs(label->row - label->y) > 2.0 || frame->right - label->x > 2.0) {
            fprintf(out, "<path class=\"tie\" d=\"M%.1f,%.1fL%.1f,%.1f\"/>\n",
                    fmin(label->x + 1.0, frame->right + 1.0), label->y, frame->right + 8.0,
                    label->row);
        }
        fprintf(out, "<text class=\"label %s\" x=\"%.1f\" y=\"%.1f\">",
                ink_class[label->series->ink], frame->right + LABEL_GAP_PX, label->row + 3.8);
        kt_html_text_cut(out, label->series->label, room > 1 ? room : 1);
        fputs("</text>\n", out);
    }
}

enum kt_err kt_plot_write(FILE *out, const struct kt_plot *plot, struct kt_error *error) {
    enum kt_err err = check(plot, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    struct kt_plot_frame frame;
    lay_out(plot, &frame);
    if (!labels_fit(plot, &frame)) {
        return kt_fail(error, KT_ERR_INVALID, "a plot of %d px is too low for its labels",
                       plot->height);
    }
    fprintf(out,
            "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "width=\"%d\" height=\"%d\" role=\"img\" aria-labelledby=\"plot-%d-t plot-%d-d\">\n"
            "<title id=\"plot-%d-t\">",
            plot->width, plot->height, plot->width, plot->height, plot->id, plot->id, plot->id);
    kt_html_text(out, plot->title);
    fprintf(out, "</title>\n<desc id=\"plot-%d-d\">", plot->id);
    kt_html_text(out, plot->description);
    fputs("</desc>\n", out);
    write_ticks(out, plot, &frame);
    for (size_t s = 0; s < plot->count; s++) {
        err = kt_plot_draw(out, &frame, &plot->series[s]);
        if (err != KT_ERR_OK) {
            return kt_fail(error, err, "no memory for a plot");
        }
    }
    write_titles(out, plot, &frame);
    write_labels(out, plot, &frame);
    fputs("</svg>\n", out);
    return KT_ERR_OK;
}
