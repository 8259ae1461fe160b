/* SPDX-License-Identifier: GPL-3.0-or-later
 * What one subtask reported in one window, and the rates and shares of time that follow from it. */
#include "model/subtask.h"

#include <assert.h>
#include <math.h>

static_assert(KT_EVENT_IDLE_MS_TOTAL - KT_EVENT_RECORDS_IN_TOTAL == KT_MEASURE_IDLE &&
                  KT_EVENT_IDLE_MS_PER_S - KT_EVENT_RECORDS_IN_PER_S == KT_MEASURE_IDLE,
              "counters and rates of an event are in the order of enum kt_measure");

#define NEVER INT32_MIN

void kt_subtask_init(struct kt_subtask *subtask, uint32_t key) {
    /* Counters and means are not cleared: their seen bits say that they hold nothing. */
    subtask->key = key;
    subtask->first_at_ms = NEVER;
    subtask->last_at_ms = NEVER;
    subtask->attempt_known = false;
    subtask->restarted = false;
    subtask->times = 0;
    subtask->attempt_start_ms = 0;
    subtask->pending_first_at_ms = NEVER;
    subtask->pending_last_at_ms = NEVER;
    subtask->cpu_at_ms = NEVER;
    for (int h = 0; h < 2; h++) {
        subtask->halves[h].counters_seen = 0;
        subtask->halves[h].means_seen = 0;
    }
}

/* Of two samples at the same time the lower counts as the first and the higher as the last, so that
 * the order of arrival does not matter. */
static void counter_add(struct kt_counter *counter, bool seen, int32_t at_ms, int64_t value) {
    if (!seen) {
        *counter = (struct kt_counter){at_ms, at_ms, value, value, value, value};
        return;
    }
    if (at_ms > counter->last_at_ms || (at_ms == counter->last_at_ms && value > counter->last)) {
        counter->last_at_ms = at_ms;
        counter->last = value;
    }
    if (at_ms < counter->first_at_ms || (at_ms == counter->first_at_ms && value < counter->first)) {
        counter->first_at_ms = at_ms;
        counter->first = value;
    }
    counter->low = value < counter->low ? value : counter->low;
    counter->high = value > counter->high ? value : counter->high;
}

static void half_add(struct kt_half *half, const struct kt_metric_event *event, int32_t at_ms) {
    const int64_t totals[KT_MEASURES] = {event->records_in_total, event->records_out_total,
                                         event->busy_ms_total, event->backpressured_ms_total,
                                         event->idle_ms_total};
    const double rates[KT_MEASURES] = {event->records_in_per_s, event->records_out_per_s,
                                       event->busy_ms_per_s, event->backpressured_ms_per_s,
                                       event->idle_ms_per_s};
    for (unsigned m = 0; m < KT_MEASURES; m++) {
        if (KT_HAS(event, KT_EVENT_RECORDS_IN_TOTAL + m)) {
            counter_add(&half->counters[m], (half->counters_seen >> m) & 1U, at_ms, totals[m]);
            half->counters_seen |= 1U << m;
        }
    }
    for (unsigned m = 0; m < KT_MEASURES; m++) {
        if (KT_HAS(event, KT_EVENT_RECORDS_IN_PER_S + m) && isfinite(rates[m])) {
            struct kt_mean *mean = &half->means[m];
            const bool seen = (half->means_seen >> m) & 1U;
            mean->sum = seen ? mean->sum + rates[m] : rates[m];
            mean->count = seen ? mean->count + 1 : 1;
            half->means_seen |= 1U << m;
        }
    }
}

static void pending_add(struct kt_subtask *subtask, int32_t at_ms, double records) {
    if (subtask->pending_last_at_ms == NEVER) {
        subtask->pending_first_at_ms = subtask->pending_last_at_ms = at_ms;
        subtask->pending_first = subtask->pending_last = records;
        return;
    }
    if (at_ms > subtask->pending_last_at_ms ||
        (at_ms == subtask->pending_last_at_ms && records > subtask->pending_last)) {
        subtask->pending_last_at_ms = at_ms;
        subtask->pending_last = records;
    }
    if (at_ms < subtask->pending_first_at_ms ||
        (at_ms == subtask->pending_first_at_ms && records < subtask->pending_first)) {
        subtask->pending_first_at_ms = at_ms;
        subtask->pending_first = records;
    }
}

void kt_subtask_add(struct kt_subtask *subtask, const struct kt_metric_event *event, int32_t at_ms,
                    int64_t window_ms) {
    if (subtask->last_at_ms == NEVER || at_ms < subtask->first_at_ms) {
        subtask->first_at_ms = at_ms;
    }
    if (at_ms > subtask->last_at_ms) {
        subtask->last_at_ms = at_ms;
    }
    subtask->times |= UINT64_C(1) << ((int64_t)at_ms * 64 / window_ms);
    if (KT_HAS(event, KT_EVENT_ATTEMPT_START_MS)) {
        if (subtask->attempt_known && subtask->attempt_start_ms != event->attempt_start_ms) {
            subtask->restarted = true;
        }
        if (!subtask->attempt_known || event->attempt_start_ms > subtask->attempt_start_ms) {
            subtask->attempt_start_ms = event->attempt_start_ms;
        }
        subtask->attempt_known = true;
    }
    if (KT_HAS(event, KT_EVENT_PENDING_RECORDS) && isfinite(event->pending_records)) {
        pending_add(subtask, at_ms, event->pending_records);
    }
    if (KT_HAS(event, KT_EVENT_CPU_LOAD) && isfinite(event->cpu_load) &&
        (at_ms > subtask->cpu_at_ms ||
         (at_ms == subtask->cpu_at_ms && event->cpu_load > subtask->cpu_load))) {
        subtask->cpu_at_ms = at_ms;
        subtask->cpu_load = event->cpu_load;
    }
    half_add(&subtask->halves[(int64_t)at_ms * 2 > window_ms], event, at_ms);
}

/* ---- differences ------------------------------------------------------------------------- */

/* The sample a difference starts or ends at; MIDDLE is the newest one at or before the midpoint. */
enum point { FIRST, MIDDLE, LAST };

struct sample {
    int32_t at_ms; /* NEVER: there is none */
    int64_t value;
};

static struct sample sample_at(const struct kt_subtask *subtask, unsigned measure,
                               enum point point) {
    const struct kt_half *early = &subtask->halves[0];
    const struct kt_half *late = &subtask->halves[1];
    const bool has_early = (early->counters_seen >> measure) & 1U;
    const bool has_late = (late->counters_seen >> measure) & 1U;
    const struct kt_half *half = has_early ? early : late;
    if (point == LAST && has_late) {
        half = late;
    }
    if ((!has_early && !has_late) || (point == MIDDLE && !has_early)) {
        return (struct sample){NEVER, 0};
    }
    const struct kt_counter *counter = &half->counters[measure];
    return point == FIRST ? (struct sample){counter->first_at_ms, counter->first}
                          : (struct sample){counter->last_at_ms, counter->last};
}

struct difference {
    bool known; /* two samples at different times, and the counter did not fall (see below) */
    int32_t from_ms;
    int32_t to_ms;
    int64_t delta;
};

/* A busy clock that stepped back counts as one that stood still: a step too large for Flink's own
 * imprecision is reported as a reset elsewhere. */
static struct difference difference_between(const struct kt_subtask *subtask, unsigned measure,
                                            enum point from, enum point to) {
    const struct sample a = sample_at(subtask, measure, from);
    const struct sample b = sample_at(subtask, measure, to);
    struct difference d = {false, a.at_ms, b.at_ms, 0};
    if (a.at_ms == NEVER || b.at_ms == NEVER || b.at_ms <= a.at_ms) {
        return d;
    }
    d.delta = b.value - a.value;
    if (measure == KT_MEASURE_BUSY && d.delta < 0) {
        d.delta = 0;
    }
    d.known = d.delta >= 0;
    return d;
}

static bool difference_same_times(struct difference a, struct difference b) {
    return a.known && b.known && a.from_ms == b.from_ms && a.to_ms == b.to_ms;
}

/* Growth in ms of all three clocks together over the same time as d: what the task manager itself
 * says has passed. 0 unless all three were sampled at d's two times. In double precision: counters
 * of any size come from outside. */
static double clocks_during(const struct kt_subtask *subtask, struct difference d, enum point from,
                            enum point to) {
    double sum_ms = 0;
    for (unsigned m = KT_MEASURE_CLOCK; m < KT_MEASURES; m++) {
        if (!difference_same_times(d, difference_between(subtask, m, from, to))) {
            return 0;
        }
        /* What busy lost in a step back the others gained: its raw growth belongs in the sum. */
        sum_ms += (double)(sample_at(subtask, m, to).value - sample_at(subtask, m, from).value);
    }
    return sum_ms;
}

/* Time in ms that a difference spans: Flink's clocks are exact where timestamps are late by up to
 * one poll, so they are used wherever they were sampled together with the counter and moved. */
static double difference_elapsed_ms(const struct kt_subtask *subtask, struct difference d,
                                    enum point from, enum point to, int32_t clocks) {
    const double sum_ms = clocks_during(subtask, d, from, to);
    return sum_ms > 0 ? sum_ms / clocks : (double)(d.to_ms - d.from_ms);
}

/* ---- what was measured ------------------------------------------------------------------- */

static double mean_of(const struct kt_subtask *subtask, unsigned measure, int half) {
    const struct kt_half *h = &subtask->halves[half];
    return (h->means_seen >> measure) & 1U ? h->means[measure].sum / (double)h->means[measure].count
                                           : (double)NAN;
}

static double mean_of_window(const struct kt_subtask *subtask, unsigned measure) {
    double sum = 0;
    int64_t count = 0;
    for (int h = 0; h < 2; h++) {
        if ((subtask->halves[h].means_seen >> measure) & 1U) {
            sum += subtask->halves[h].means[measure].sum;
            count += subtask->halves[h].means[measure].count;
        }
    }
    return count > 0 ? sum / (double)count : (double)NAN;
}

static double share_clip(double share) {
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* A difference as a rate: records/s, or share of time. NAN without a difference. */
static double rate_between(const struct kt_subtask *subtask, unsigned m, enum point from,
                           enum point to, int32_t clocks, double *elapsed_ms) {
    const struct difference d = difference_between(subtask, m, from, to);
    if (!d.known) {
        return NAN;
    }
    *elapsed_ms = difference_elapsed_ms(subtask, d, from, to, clocks);
    return m < KT_MEASURE_CLOCK ? 1000 * (double)d.delta / *elapsed_ms
                                : share_clip((double)d.delta / (*elapsed_ms * clocks));
}

static void measure_smoothed(const struct kt_subtask *subtask, unsigned m,
                             struct kt_measured *out) {
    const double unit = m < KT_MEASURE_CLOCK ? 1 : 1000;
    out->rate[m] = mean_of_window(subtask, m) / unit;
    for (int h = 0; h < 2; h++) {
        out->half_rate[m][h] = mean_of(subtask, m, h) / unit;
    }
    out->smoothed |= 1U << m;
}

static void measure_one(const struct kt_subtask *subtask, unsigned m, int32_t clocks,
                        struct kt_measured *out) {
    double elapsed_ms = 0;
    double ignored_ms = 0;
    const double rate = rate_between(subtask, m, FIRST, LAST, clocks, &elapsed_ms);
    if (isnan(rate)) {
        measure_smoothed(subtask, m, out);
        return;
    }
    const struct difference d = difference_between(subtask, m, FIRST, LAST);
    out->rate[m] = rate;
    out->half_rate[m][0] = rate_between(subtask, m, FIRST, MIDDLE, clocks, &ignored_ms);
    out->half_rate[m][1] = rate_between(subtask, m, MIDDLE, LAST, clocks, &ignored_ms);
    out->delta[m] = (double)d.delta;
    out->span_ms = fmin(out->span_ms, elapsed_ms);
    out->aligned[m] =
        difference_same_times(d, difference_between(subtask, KT_MEASURE_BUSY, FIRST, LAST));
}

/* How far a counter ever fell: within a half against its first and last value, and between them. */
static int64_t counter_fall(const struct kt_subtask *subtask, unsigned m) {
    int64_t fall = 0;
    for (int h = 0; h < 2; h++) {
        if ((subtask->halves[h].counters_seen >> m) & 1U) {
            const struct kt_counter *c = &subtask->halves[h].counters[m];
            fall = c->first - c->low > fall ? c->first - c->low : fall;
            fall = c->high - c->last > fall ? c->high - c->last : fall;
        }
    }
    if ((subtask->halves[0].counters_seen & subtask->halves[1].counters_seen) >> m & 1U) {
        const int64_t step =
            subtask->halves[0].counters[m].last - subtask->halves[1].counters[m].first;
        fall = step > fall ? step : fall;
    }
    return fall;
}

/* Stands still: with clocks, when none of them moved (an idle task's idle clock runs), and no
 * records came. Without clocks a quiet subtask looks the same, unless its smoothed rate, which goes
 * to 0 when records stop, says otherwise at the end. */
static bool measure_stale(const struct kt_subtask *subtask, unsigned records) {
    bool clocks = false;
    bool counters = false;
    for (unsigned m = 0; m < KT_MEASURES; m++) {
        const struct sample a = sample_at(subtask, m, FIRST);
        const struct sample b = sample_at(subtask, m, LAST);
        if (a.at_ms == NEVER || b.at_ms <= a.at_ms) {
            continue;
        }
        if (a.value != b.value) {
            return false;
        }
        counters = true;
        clocks = clocks || m >= KT_MEASURE_CLOCK;
    }
    return counters && (clocks || mean_of(subtask, records, 1) > 0);
}

void kt_subtask_measure(const struct kt_subtask *subtask, int32_t clocks, bool source,
                        struct kt_measured *out) {
    const unsigned records = source ? KT_MEASURE_OUT : KT_MEASURE_IN;
    *out = (struct kt_measured){
        .delta = {NAN, NAN, NAN, NAN, NAN},
        .samples = __builtin_popcountll(subtask->times),
        .span_ms = subtask->last_at_ms - subtask->first_at_ms,
        .pending = subtask->pending_last_at_ms == NEVER ? (double)NAN : subtask->pending_last,
        .pending_growth_per_s = NAN,
        .cpu_load = subtask->cpu_at_ms == NEVER ? (double)NAN : subtask->cpu_load,
    };
    if (subtask->pending_last_at_ms > subtask->pending_first_at_ms) {
        out->pending_growth_per_s =
            1000 * (subtask->pending_last - subtask->pending_first) /
            (double)(subtask->pending_last_at_ms - subtask->pending_first_at_ms);
    }
    for (unsigned m = 0; m < KT_MEASURES; m++) {
        const int64_t allowed = m == KT_MEASURE_BUSY ? (int64_t)KT_BUSY_DIP_MS * clocks : 0;
        out->reset = out->reset || counter_fall(subtask, m) > allowed;
        measure_one(subtask, m, clocks, out);
    }
    out->stale = measure_stale(subtask, records);
}
