/* SPDX-License-Identifier: GPL-3.0-or-later
 * The plots of one recorded run. One colour has one meaning in all of them: orange is what is asked
 * of the job, blue what it did or what was believed of it, grey the truth, green what waits, purple
 * a reconfiguration. */
#include "ops/sim_html_plots.h"

#include "ops/html_text.h"
#include "ops/plot.h"

#include <math.h>
#include <stdlib.h>

#define WIDE_PX         1080
#define LABELS_PX       86
#define RATES_PX        210
#define LAG_PX          130
#define OPERATOR_PX     104
#define CURVE_WIDTH_PX  350
#define CURVE_HEIGHT_PX 235

/* A belief beyond this many times the largest value that matters is drawn at the edge: a wide band
 * must not flatten everything else. */
#define BELIEF_SHOWN 1.25

/* The columns of a trace, each with ticks_count values, and the reconfigurations' times. */
struct columns {
    double *memory;
    double *seconds, *offered, *processed, *lag, *zero;
    double *parallelism, *optimum; /* filled for one operator after the other */
    double *changes;
};

/* Records/s that the sources gave on in the interval that ends with tick t: what was offered less
 * what the lag grew by. Not known where a backlog was dropped: with tunings a new load and the end
 * of a restart begin without one. */
static double processed_at(const struct kt_sim_trace *trace, size_t t) {
    const struct kt_sim_trace_tick *tick = &trace->ticks[t], *before = tick - 1;
    const bool came_back = tick->running && !before->running;
    if (!trace->over_time && (tick->tuning != before->tuning || came_back)) {
        return NAN;
    }
    const double seconds = tick->second - before->second;
    return seconds > 0.0 ? fmax(tick->offered - (tick->lag - before->lag) / seconds, 0.0) : NAN;
}

static enum kt_err columns_make(const struct kt_sim_trace *trace, struct columns *columns,
                                struct kt_error *error) {
    const size_t n = trace->ticks_count;
    double *memory = calloc(7 * n + trace->changes_count + 1, sizeof *memory);
    if (memory == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for the plots of a run");
    }
    *columns = (struct columns){.memory = memory,
                                .seconds = memory,
                                .offered = memory + n,
                                .processed = memory + 2 * n,
                                .lag = memory + 3 * n,
                                .zero = memory + 4 * n,
                                .parallelism = memory + 5 * n,
                                .optimum = memory + 6 * n,
                                .changes = memory + 7 * n};
    for (size_t t = 0; t < n; t++) {
        /* A tick's rates are those of the interval before it, and a step holds from its x on. */
        const size_t end = t + 1 < n ? t + 1 : t;
        columns->seconds[t] = trace->ticks[t].second;
        columns->offered[t] = trace->ticks[end].offered;
        columns->processed[t] = end > 0 ? processed_at(trace, end) : NAN;
        columns->lag[t] = trace->ticks[t].lag;
    }
    for (size_t i = 0; i < trace->changes_count; i++) {
        columns->changes[i] = trace->changes[i].second;
    }
    return KT_ERR_OK;
}

static enum kt_err write_figure(FILE *out, struct kt_plot *plot, int *id, struct kt_error *error) {
    plot->id = ++*id;
    fputs("<figure>\n", out);
    const enum kt_err err = kt_plot_write(out, plot, error);
    fputs("</figure>\n", out);
    return err;
}

static struct kt_plot_series marks_of(const struct kt_sim_trace *trace,
                                      const struct columns *columns) {
    return (struct kt_plot_series){.kind = KT_PLOT_MARKS,
                                   .ink = KT_PLOT_PURPLE,
                                   .x = columns->changes,
                                   .count = trace->changes_count};
}

static struct kt_plot over_time(const struct kt_sim_trace *trace, int height_px) {
    return (struct kt_plot){
        .width = WIDE_PX,
        .height = height_px,
        .label_width = LABELS_PX,
        .x = {.unit = KT_PLOT_DURATION,
              .max = trace->ticks_count > 0 ? trace->ticks[trace->ticks_count - 1].second : 0.0},
    };
}

static enum kt_err plot_rates(FILE *out, const struct kt_sim_trace *trace,
                              const struct columns *columns, int *id, struct kt_error *error) {
    const size_t n = trace->ticks_count;
    const struct kt_plot_series series[] = {
        marks_of(trace, columns),
        {.kind = KT_PLOT_STEP,
         .ink = KT_PLOT_ORANGE,
         .stroke = KT_PLOT_THIN,
         .label = KT_STR("offered"),
         .x = columns->seconds,
         .y = columns->offered,
         .count = n},
        {.kind = KT_PLOT_STEP,
         .ink = KT_PLOT_BLUE,
         .label = KT_STR("processed"),
         .x = columns->seconds,
         .y = columns->processed,
         .count = n},
    };
    struct kt_plot plot = over_time(trace, RATES_PX);
    plot.title = KT_STR("Load");
    plot.description = KT_STR("Records per second that were offered to the sources and that they "
                              "gave on, over time; reconfigurations are marked.");
    plot.y.title = KT_STR("records/s, all sources");
    plot.series = series;
    plot.count = sizeof series / sizeof *series;
    return write_figure(out, &plot, id, error);
}

static enum kt_err plot_lag(FILE *out, const struct kt_sim_trace *trace,
                            const struct columns *columns, int *id, struct kt_error *error) {
    const struct kt_plot_series series[] = {
        marks_of(trace, columns),
        {.kind = KT_PLOT_BAND,
         .ink = KT_PLOT_GREEN,
         .x = columns->seconds,
         .y = columns->zero,
         .y_upper = columns->lag,
         .count = trace->ticks_count},
        {.kind = KT_PLOT_LINE,
         .ink = KT_PLOT_GREEN,
         .label = KT_STR("lag"),
         .x = columns->seconds,
         .y = columns->lag,
         .count = trace->ticks_count},
    };
    struct kt_plot plot = over_time(trace, LAG_PX);
    plot.title = KT_STR("Lag");
    plot.description = KT_STR("Records that wait to be processed, over time.");
    plot.y.title = KT_STR("records that wait");
    plot.series = series;
    plot.count = sizeof series / sizeof *series;
    return write_figure(out, &plot, id, error);
}

/* Parallelism and optimum as they stand in the columns. */
static enum kt_err plot_parallelism(FILE *out, const struct kt_sim_trace *trace,
                                    const struct columns *columns, struct kt_str title, bool last,
                                    int *id, struct kt_error *error) {
    const struct kt_plot_series series[] = {
        marks_of(trace, columns),
        {.kind = KT_PLOT_STEP,
         .ink = KT_PLOT_ORANGE,
         .stroke = KT_PLOT_THIN,
         .label = KT_STR("optimum"),
         .x = columns->seconds,
         .y = columns->optimum,
         .count = trace->ticks_count},
        {.kind = KT_PLOT_STEP,
         .ink = KT_PLOT_BLUE,
         .label = KT_STR("parallelism"),
         .x = columns->seconds,
         .y = columns->parallelism,
         .count = trace->ticks_count},
    };
    struct kt_plot plot = over_time(trace, OPERATOR_PX);
    plot.title = title;
    plot.description = KT_STR("Parallelism over time beside the smallest sufficient one; "
                              "reconfigurations are marked.");
    plot.y.title = KT_STR("subtasks");
    plot.y.unit = KT_PLOT_WHOLE;
    if (last) {
        plot.height += 15;
        plot.x.title = KT_STR("time since the start");
    }
    plot.series = series;
    plot.count = sizeof series / sizeof *series;
    return write_figure(out, &plot, id, error);
}

/* Index of the last scaled operator; -1: there is none. *count gets how many there are. */
static int last_scaled(const struct kt_sim_trace *trace, int *count) {
    int last = -1;
    *count = 0;
    for (int i = 0; i < trace->operators_count; i++) {
        if (trace->operators[i].scaled) {
            last = i;
            ++*count;
        }
    }
    return last;
}

static enum kt_err plot_operators(FILE *out, const struct kt_sim_trace *trace,
                                  struct columns *columns, int *id, struct kt_error *error) {
    int scaled;
    const int last = last_scaled(trace, &scaled);
    enum kt_err err = KT_ERR_OK;
    if (scaled > 1) {
        for (size_t t = 0; t < trace->ticks_count; t++) {
            columns->parallelism[t] = trace->ticks[t].cores;
            columns->optimum[t] = trace->ticks[t].optimum;
        }
        err = plot_parallelism(out, trace, columns, KT_STR("All operators"), false, id, error);
    }
    for (int i = 0; i < trace->operators_count && err == KT_ERR_OK; i++) {
        if (!trace->operators[i].scaled) {
            continue;
        }
        for (size_t t = 0; t < trace->ticks_count; t++) {
            const struct kt_sim_trace_cell *cell =
                &trace->cells[t * (size_t)trace->operators_count + (size_t)i];
            columns->parallelism[t] = cell->parallelism;
            columns->optimum[t] = cell->optimum;
        }
        err = plot_parallelism(out, trace, columns, kt_str_of(trace->operators[i].name), i == last,
                               id, error);
    }
    return err;
}

enum kt_err kt_sim_html_plot_times(FILE *out, const struct kt_sim_trace *trace, int *id,
                                   struct kt_error *error) {
    struct columns columns;
    enum kt_err err = columns_make(trace, &columns, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    fputs("<div class=\"times\">\n", out);
    err = plot_rates(out, trace, &columns, id, error);
    if (err == KT_ERR_OK) {
        err = plot_lag(out, trace, &columns, id, error);
    }
    if (err == KT_ERR_OK) {
        err = plot_operators(out, trace, &columns, id, error);
    }
    fputs("</div>\n", out);
    free(columns.memory);
    return err;
}

/* --- curves --- */

/* What is drawn of one operator: arrays in one block. */
struct curves {
    double *memory;
    double *truth_x, *truth;
    double *belief_x, *mean, *lower, *upper;
    double *seen_x, *seen;
    size_t truth_count, beliefs_count, seen_count;
    int shown_max; /* the largest parallelism on the axis */
};

/* Enough to see where the curve goes behind everything that was run or needed. */
static int parallelism_shown(const struct kt_sim_trace_operator *op) {
    int most = op->parallelism > op->optimum ? op->parallelism : op->optimum;
    most = op->decided_parallelism > most ? op->decided_parallelism : most;
    for (size_t i = 0; i < op->observations_count; i++) {
        const int p = op->observations[i].parallelism;
        most = p > most ? p : most;
    }
    const int behind = most + most / 4 + 2;
    const int known = (int)op->truth_count > most ? (int)op->truth_count : most;
    return behind < known ? behind : known;
}

static enum kt_err curves_make(const struct kt_sim_trace_operator *op, struct curves *curves,
                               struct kt_error *error) {
    const size_t t = op->truth_count, b = op->beliefs_count, s = op->observations_count;
    double *memory = calloc(2 * t + 4 * b + 2 * s + 1, sizeof *memory);
    if (memory == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for the curves of %s", op->name);
    }
    double *at = memory;
    *curves = (struct curves){.memory = memory, .shown_max = parallelism_shown(op)};
    curves->truth_x = at;
    curves->truth = at += t;
    curves->belief_x = at += t;
    curves->mean = at += b;
    curves->lower = at += b;
    curves->upper = at += b;
    curves->seen_x = at += b;
    curves->seen = at + s;
    double most = op->lambda;
    for (size_t i = 0; i < t && (int)i < curves->shown_max; i++) {
        curves->truth_x[i] = (double)i + 1.0;
        curves->truth[i] = op->truth[i];
        curves->truth_count = i + 1;
        most = fmax(most, op->truth[i]);
    }
    for (size_t i = 0; i < s; i++) {
        curves->seen_x[i] = op->observations[i].parallelism;
        curves->seen[i] = op->observations[i].ability;
        curves->seen_count = i + 1;
        most = fmax(most, op->observations[i].ability);
    }
    most *= BELIEF_SHOWN;
    for (size_t i = 0; i < b && op->beliefs[i].parallelism <= curves->shown_max; i++) {
        curves->belief_x[i] = op->beliefs[i].parallelism;
        curves->mean[i] = fmin(fmax(op->beliefs[i].mean, 0.0), most);
        curves->lower[i] = fmin(fmax(op->beliefs[i].lower, 0.0), most);
        curves->upper[i] = fmin(fmax(op->beliefs[i].upper, 0.0), most);
        curves->beliefs_count = i + 1;
    }
    return KT_ERR_OK;
}

static enum kt_err plot_curves(FILE *out, const struct kt_sim_trace_operator *op,
                               const struct curves *curves, int *id, struct kt_error *error) {
    const double lambda_x[] = {0.0, curves->shown_max}, lambda[] = {op->lambda, op->lambda};
    const struct kt_plot_series series[] = {
        {.kind = KT_PLOT_BAND,
         .ink = KT_PLOT_BLUE,
         .x = curves->belief_x,
         .y = curves->lower,
         .y_upper = curves->upper,
         .count = curves->beliefs_count},
        {.kind = KT_PLOT_LINE,
         .ink = KT_PLOT_ORANGE,
         .stroke = KT_PLOT_THIN,
         .label = KT_STR("λ"),
         .x = lambda_x,
         .y = lambda,
         .count = 2},
        {.kind = KT_PLOT_LINE,
         .ink = KT_PLOT_BLUE,
         .label = KT_STR("mean"),
         .x = curves->belief_x,
         .y = curves->mean,
         .count = curves->beliefs_count},
        {.kind = KT_PLOT_LINE,
         .ink = KT_PLOT_GREY,
         .stroke = KT_PLOT_DASHED,
         .label = KT_STR("truth"),
         .x = curves->truth_x,
         .y = curves->truth,
         .count = curves->truth_count},
        {.kind = KT_PLOT_POINTS,
         .ink = KT_PLOT_BLUE,
         .x = curves->seen_x,
         .y = curves->seen,
         .count = curves->seen_count},
    };
    struct kt_plot plot = {
        .title = kt_str_of(op->name),
        .description = KT_STR("Processing ability by parallelism: what was observed, the "
                              "surrogate's mean and band, the truth, and the load as a level."),
        .width = CURVE_WIDTH_PX,
        .height = CURVE_HEIGHT_PX,
        .label_width = 46,
        .x = {KT_STR("parallelism"), KT_PLOT_WHOLE, 0.0, curves->shown_max},
        .y = {.title = KT_STR("records/s")},
        .series = series,
        .count = sizeof series / sizeof *series,
    };
    return write_figure(out, &plot, id, error);
}

enum kt_err kt_sim_html_plot_curves(FILE *out, const struct kt_sim_trace *trace, int *id,
                                    struct kt_error *error) {
    enum kt_err err = KT_ERR_OK;
    fputs("<div class=\"curves\">\n", out);
    for (int i = 0; i < trace->operators_count && err == KT_ERR_OK; i++) {
        const struct kt_sim_trace_operator *op = &trace->operators[i];
        struct curves curves = {.memory = NULL};
        if (!op->scaled) {
            continue;
        }
        err = curves_make(op, &curves, error);
        if (err != KT_ERR_OK) {
            break;
        }
        fputs("<div>\n", out);
        err = plot_curves(out, op, &curves, id, error);
        fprintf(out, "<p class=\"note\">runs with %d, optimum %d; %zu observations%s</p>\n</div>\n",
                op->parallelism, op->optimum, op->observations_count,
                op->beliefs_count > 0 ? "" : ", no surrogate");
        free(curves.memory);
    }
    fputs("</div>\n", out);
    return err;
}

void kt_sim_html_plot_keys(FILE *out) {
    static const struct {
        struct kt_plot_series series;
        const char *meaning;
    } keys[] = {
        {{.kind = KT_PLOT_STEP, .ink = KT_PLOT_BLUE}, "what the job did, what was believed of it"},
        {{.kind = KT_PLOT_POINTS, .ink = KT_PLOT_BLUE}, "an observation"},
        {{.kind = KT_PLOT_BAND, .ink = KT_PLOT_BLUE}, "one standard deviation about the mean"},
        {{.kind = KT_PLOT_STEP, .ink = KT_PLOT_ORANGE, .stroke = KT_PLOT_THIN},
         "what is asked for: load, λ, smallest sufficient parallelism (optimum)"},
        {{.kind = KT_PLOT_LINE, .ink = KT_PLOT_GREY, .stroke = KT_PLOT_DASHED},
         "the truth, which no method sees"},
        {{.kind = KT_PLOT_MARKS, .ink = KT_PLOT_PURPLE}, "a reconfiguration"},
    };
    fputs("<ul class=\"keys\">\n", out);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        fputs("<li>", out);
        kt_plot_key(out, &keys[i].series);
        fprintf(out, " %s</li>\n", keys[i].meaning);
    }
    fputs("</ul>\n", out);
}
