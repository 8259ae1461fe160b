/* SPDX-License-Identifier: GPL-3.0-or-later
 * Thinning of a long series to what pixels can show.
 *
 * Within one pixel column a line is a vertical stroke from its lowest to its highest value that is
 * entered at the first and left at the last one. These four samples, in their order, therefore draw
 * the same picture as all of them (M4: Jugel and others, VLDB 2014). */
#include "ops/plot.h"
#include "ops/plot_internal.h"

#include <math.h>

/* What is to be kept of one column. */
struct column {
    size_t first, lowest, highest, last, gap;
    bool any;
    bool any_gap;
};

static int column_of(double x, double x_min, double x_max, int columns) {
    const double share = x_max > x_min ? (x - x_min) / (x_max - x_min) : 0.0;
    const double column = floor(share * columns);
    return column < 0.0 ? 0 : column >= columns ? columns - 1 : (int)column;
}

static void column_add(struct column *column, const double *y, size_t i) {
    if (!kt_plot_usable(y[i])) {
        if (!column->any_gap) {
            column->gap = i;
        }
        column->any_gap = true;
        return;
    }
    if (!column->any) {
        *column = (struct column){i, i, i, i, column->gap, true, column->any_gap};
    }
    column->lowest = y[i] < y[column->lowest] ? i : column->lowest;
    column->highest = y[i] > y[column->highest] ? i : column->highest;
    column->last = i;
}

/* Appends the column's indices in ascending order, each once. */
static size_t column_flush(const struct column *column, size_t *kept, size_t count) {
    size_t order[5];
    int n = 0;
    if (column->any) {
        order[n++] = column->first;
        order[n++] = column->lowest;
        order[n++] = column->highest;
        order[n++] = column->last;
    }
    if (column->any_gap) {
        order[n++] = column->gap;
    }
    for (int i = 1; i < n; i++) {
        const size_t index = order[i];
        int at = i;
        for (; at > 0 && order[at - 1] > index; at--) {
            order[at] = order[at - 1];
        }
        order[at] = index;
    }
    for (int i = 0; i < n; i++) {
        if (i == 0 || order[i] != order[i - 1]) {
            kept[count++] = order[i];
        }
    }
    return count;
}

size_t kt_plot_thin(const double *x, const double *y, size_t count, double x_min, double x_max,
                    int columns, size_t *kept) {
    if (count <= 5 * (size_t)columns) {
        for (size_t i = 0; i < count; i++) {
            kept[i] = i;
        }
        return count;
    }
    size_t n = 0;
    int now = column_of(x[0], x_min, x_max, columns);
    struct column column = {0};
    for (size_t i = 0; i < count; i++) {
        const int next = column_of(x[i], x_min, x_max, columns);
        if (next != now) {
            n = column_flush(&column, kept, n);
            column = (struct column){0};
            now = next;
        }
        column_add(&column, y, i);
    }
    return column_flush(&column, kept, n);
}
