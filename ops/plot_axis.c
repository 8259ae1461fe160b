/* SPDX-License-Identifier: GPL-3.0-or-later
 * The round values of a plot's axis, and how they are written. */
#include "ops/plot.h"

#include <math.h>

/* A value this much below a tick, in steps, is on it: quotients of decimal fractions are not exact.
 */
#define ON_TICK 1e-9

#define MINUTE 60.0
#define HOUR   3600.0
#define DAY    86400.0

/* 1, 2 or 5 times a power of ten, the smallest that is at least raw (> 0). */
static double step_of_ten(double raw) {
    const double power = pow(10.0, floor(log10(raw)));
    const double mantissa = raw / power * (1.0 - ON_TICK);
    return power * (mantissa <= 1.0 ? 1.0 : mantissa <= 2.0 ? 2.0 : mantissa <= 5.0 ? 5.0 : 10.0);
}

static double step_of_clock(double raw) {
    static const double steps[] = {1,      2,          5,          10,       15,        30,
                                   MINUTE, 2 * MINUTE, 5 * MINUTE, 600,      900,       1800,
                                   HOUR,   2 * HOUR,   3 * HOUR,   6 * HOUR, 12 * HOUR, DAY};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i] >= raw * (1.0 - ON_TICK)) {
            return steps[i];
        }
    }
    return DAY * step_of_ten(raw / DAY);
}

struct kt_plot_ticks kt_plot_ticks_between(enum kt_plot_unit unit, double min, double max,
                                           int wanted) {
    const double raw = (max - min) / wanted;
    double step = unit == KT_PLOT_DURATION ? step_of_clock(raw) : step_of_ten(raw);
    if (unit == KT_PLOT_WHOLE && step < 1.0) {
        step = 1.0;
    }
    const double first = ceil(min / step - ON_TICK);
    const double last = floor(max / step + ON_TICK);
    struct kt_plot_ticks ticks = {.first = first * step, .step = step, .count = 1};
    if (last > first) {
        ticks.count = (int)fmin(last - first + 1.0, KT_PLOT_TICKS_MAX);
    }
    return ticks;
}

/* The value of tick i; exactly 0 where rounding would leave a trace of it. */
static double tick_value(const struct kt_plot_ticks *ticks, int i) {
    const double value = ticks->first + ticks->step * i;
    return fabs(value) < ticks->step * ON_TICK ? 0.0 : value;
}

static void number_text(const struct kt_plot_ticks *ticks, double value, char text[32]) {
    static const struct {
        double from; /* the largest tick's magnitude */
        double scale;
        const char *suffix;
    } scales[] = {{1e13, 0, ""}, {1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}, {0, 1, ""}};
    const double largest = fmax(fabs(ticks->first), fabs(tick_value(ticks, ticks->count - 1)));
    size_t s = 0;
    while (largest < scales[s].from) {
        s++;
    }
    const double step = scales[s].scale > 0.0 ? ticks->step / scales[s].scale : 0.0;
    if (value == 0.0) {
        snprintf(text, 32, "0");
    } else if (step < 1e-6) {
        snprintf(text, 32, "%.4g", value);
    } else {
        const int decimals = step < 1.0 ? (int)ceil(-log10(step) - ON_TICK) : 0;
        snprintf(text, 32, "%.*f%s", decimals, value / scales[s].scale, scales[s].suffix);
    }
}

const char *kt_plot_tick_format(enum kt_plot_unit unit, const struct kt_plot_ticks *ticks) {
    if (unit != KT_PLOT_DURATION) {
        return NULL;
    }
    if (ticks->step >= DAY) {
        return "days";
    }
    const double last = tick_value(ticks, ticks->count - 1);
    return ticks->step < MINUTE || last < HOUR ? "m:ss" : "h:mm";
}

static void duration_text(const struct kt_plot_ticks *ticks, double value, char text[32]) {
    const char *format = kt_plot_tick_format(KT_PLOT_DURATION, ticks);
    const char *sign = value < 0.0 ? "-" : "";
    const double s = fabs(value);
    if (format[0] == 'd') {
        snprintf(text, 32, "%s%.0f d", sign, s / DAY);
        return;
    }
    const double unit = format[0] == 'm' ? MINUTE : HOUR;
    const double whole = floor(s / unit + ON_TICK);
    const double rest = (s - whole * unit) * MINUTE / unit;
    snprintf(text, 32, "%s%.0f:%02.0f", sign, whole, fabs(rest));
}

void kt_plot_tick_text(enum kt_plot_unit unit, const struct kt_plot_ticks *ticks, int i,
                       char text[32]) {
    const double value = tick_value(ticks, i);
    if (unit == KT_PLOT_DURATION) {
        duration_text(ticks, value, text);
    } else {
        number_text(ticks, value, text);
    }
}
