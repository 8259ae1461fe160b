/* SPDX-License-Identifier: GPL-3.0-or-later
 * Plots as inline SVG: lines, steps, bands, points and vertical marks over two axes with round
 * ticks, each series named at its right end. Colours are classes; kt_plot_style gives them their
 * meaning, light, dark and in print. The same data give the same bytes. */
#ifndef KT_OPS_PLOT_H
#define KT_OPS_PLOT_H

#include "schemas/error.h"
#include "schemas/str.h"

#include <stdio.h>

#define KT_PLOT_SERIES_MAX 8    /* of one plot */
#define KT_PLOT_WIDTH_MIN  200  /* px */
#define KT_PLOT_WIDTH_MAX  2000 /* px */
#define KT_PLOT_HEIGHT_MIN 90   /* px */
#define KT_PLOT_HEIGHT_MAX 1000 /* px */
#define KT_PLOT_TICKS_MAX  32   /* of one axis */

/* How the numbers of an axis are written. */
enum kt_plot_unit {
    KT_PLOT_NUMBER,  /* 1, 2 or 5 times a power of ten; k, M, G from 10 000 on */
    KT_PLOT_WHOLE,   /* the same, but steps of at least 1 */
    KT_PLOT_DURATION /* seconds, shown as m:ss, h:mm or days, in steps that a clock has */
};

enum kt_plot_kind {
    KT_PLOT_LINE,
    KT_PLOT_STEP,   /* holds each value until the next x */
    KT_PLOT_BAND,   /* the area between y and y_upper */
    KT_PLOT_POINTS, /* x in any order; for every other kind it ascends */
    KT_PLOT_MARKS   /* vertical lines at x; y is not read */
};

/* Roles of a colour, told apart with any colour vision; stroke and kind tell series apart too. */
enum kt_plot_ink { KT_PLOT_BLUE, KT_PLOT_ORANGE, KT_PLOT_GREEN, KT_PLOT_PURPLE, KT_PLOT_GREY };

enum kt_plot_stroke { KT_PLOT_SOLID, KT_PLOT_THIN, KT_PLOT_DASHED };

/* Data are borrowed. A value that is not finite, or beyond ±1e300, is a gap. */
struct kt_plot_series {
    enum kt_plot_kind kind;
    enum kt_plot_ink ink;
    enum kt_plot_stroke stroke;
    struct kt_str label; /* beside its last value; empty: none */
    const double *x;
    const double *y;
    const double *y_upper; /* of a band */
    size_t count;
};

struct kt_plot_axis {
    struct kt_str title; /* of the y axis: beside the plot's title; of x: below. Empty: none */
    enum kt_plot_unit unit;
    double min; /* the axis covers at least min … max, all data, and 0 on the y axis */
    double max;
};

struct kt_plot {
    struct kt_str title;
    struct kt_str description; /* what the plot shows, for those who do not see it */
    int id;                    /* unique in its page: makes the names that the description needs */
    int width;                 /* px, of the drawing; the page may scale it */
    int height;
    int label_width; /* px right of the axes, so that plots line up; 0: what the labels need */
    struct kt_plot_axis x;
    struct kt_plot_axis y;
    const struct kt_plot_series *series; /* later ones are drawn over earlier ones */
    size_t count;                        /* 0…KT_PLOT_SERIES_MAX */
};

/* Writes one <svg> element. Long series are thinned to what pixels can show (kt_plot_thin), so that
 * a plot's size is bounded by its width. Failures to write are the stream's to tell (byte_sink.h).
 * KT_ERR_INVALID: sizes or counts outside the bounds above, more labels than the height has rows,
 * descending x, a range that is not finite; KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_plot_write(FILE *out, const struct kt_plot *plot,
                                        struct kt_error *error);

/* The rules of a style sheet that plots need. They use and define custom properties --plot-… on
 * :root, for a light scheme, a dark one (prefers-color-scheme) and print. */
void kt_plot_style(FILE *out);

/* A sample of how a series looks, to stand beside words: an <svg> element as high as the text. */
void kt_plot_key(FILE *out, const struct kt_plot_series *series);

/* Round values of an axis: first, first + step, … */
struct kt_plot_ticks {
    double first;
    double step; /* > 0 */
    int count;   /* 1…KT_PLOT_TICKS_MAX */
};

/* The ticks within min … max: the smallest round step of which at most `wanted` (1…30) fit into the
 * range. min < max, both finite. */
struct kt_plot_ticks kt_plot_ticks_between(enum kt_plot_unit unit, double min, double max,
                                           int wanted);

/* The text of tick i, "12k", "0:30", NUL-terminated. All ticks of an axis have the same scale and
 * decimals. */
void kt_plot_tick_text(enum kt_plot_unit unit, const struct kt_plot_ticks *ticks, int i,
                       char text[32]);

/* "m:ss", "h:mm" or "days": how the ticks of a duration are written; otherwise NULL. */
const char *kt_plot_tick_format(enum kt_plot_unit unit, const struct kt_plot_ticks *ticks);

/* Indices of the samples that show in `columns` (≥ 1) pixel columns of x_min … x_max: of each
 * column the first, lowest, highest and last one, and the first gap; ascending. No spike is lost.
 * Everything is kept when there are at most 5 · columns samples. kept holds 5 · columns indices;
 * returns how many there are. x ascends within x_min … x_max. */
size_t kt_plot_thin(const double *x, const double *y, size_t count, double x_min, double x_max,
                    int columns, size_t *kept);

#endif
