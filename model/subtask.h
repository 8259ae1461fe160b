/* SPDX-License-Identifier: GPL-3.0-or-later
 * What one subtask (or a vertex as a whole) reported in one window, in constant space, and the
 * rates and shares of time that follow from it.
 *
 * A counter keeps its first and last sample in each half of the window, so that it can be
 * differenced over the window and over its halves, and its lowest and highest value, so that a fall
 * shows however the events are ordered. A smoothed rate keeps its mean in each half. Nothing here
 * depends on the order in which events come (but for the rounding of means). */
#ifndef KT_MODEL_SUBTASK_H
#define KT_MODEL_SUBTASK_H

#include "schemas/metric_event.h"

/* The measures that come as a counter (…_total), as a smoothed rate (…_per_s), or as both. */
enum kt_measure {
    KT_MEASURE_IN,   /* records */
    KT_MEASURE_OUT,  /* records */
    KT_MEASURE_BUSY, /* ms, as the two below */
    KT_MEASURE_BACKPRESSURED,
    KT_MEASURE_IDLE,
    KT_MEASURES
};
#define KT_MEASURE_CLOCK KT_MEASURE_BUSY /* the first that counts time and not records */

/* Flink computes busy time as what idling and backpressure leave of the wall clock, and books a
 * wait in progress every 5 s only: busy_ms_total may step back by that much without a reset. */
#define KT_BUSY_DIP_MS 5000

/* Times are ms since the window's start, so that they fit 32 bits. */
struct kt_counter {
    int32_t first_at_ms;
    int32_t last_at_ms;
    int64_t first;
    int64_t last;
    int64_t low;
    int64_t high;
};

struct kt_mean {
    double sum;
    int64_t count;
};

struct kt_half {
    uint32_t counters_seen; /* bit per measure: the entry below holds something */
    uint32_t means_seen;
    struct kt_counter counters[KT_MEASURES];
    struct kt_mean means[KT_MEASURES];
};

struct kt_subtask {
    uint32_t key;             /* the owner's name for it */
    int32_t first_at_ms;      /* earliest and latest event */
    int32_t last_at_ms;       /* INT32_MIN: none yet */
    bool attempt_known;       /* attempt_start_ms holds something */
    bool restarted;           /* two different attempt starts came */
    uint64_t times;           /* bit per 64th of the window in which an event came */
    int64_t attempt_start_ms; /* newest */
    int32_t pending_first_at_ms;
    int32_t pending_last_at_ms; /* INT32_MIN: none yet */
    int32_t cpu_at_ms;          /* INT32_MIN: none yet */
    double pending_first;
    double pending_last;
    double cpu_load; /* newest */
    struct kt_half halves[2];
};

void kt_subtask_init(struct kt_subtask *subtask, uint32_t key);

/* Takes an event at at_ms after the window's start, 0 ≤ at_ms < window_ms. Measures that are not
 * finite count as absent. */
void kt_subtask_add(struct kt_subtask *subtask, const struct kt_metric_event *event, int32_t at_ms,
                    int64_t window_ms);

/* What was measured; NAN stands for unknown, so that a sum over subtasks of which one is unknown
 * is unknown itself. */
struct kt_measured {
    double rate[KT_MEASURES];         /* records/s, or share of time 0…1 */
    double half_rate[KT_MEASURES][2]; /* the same in the first and second half of the window */
    double delta[KT_MEASURES]; /* counter's growth over the window; NAN without a difference */
    uint32_t smoothed;         /* bit per measure: rate is the mean of a smoothed one */
    bool aligned[KT_MEASURES]; /* differenced between the same times as busy */
    bool reset;                /* a counter fell */
    bool stale;                /* counters came and stood still although time passed */
    int32_t samples;           /* distinct 64ths of the window with an event */
    double span_ms; /* time covered: of the shortest difference used, else of the events */
    double pending; /* records */
    double pending_growth_per_s;
    double cpu_load;
};

/* clocks: how many subtasks' clocks the counters add up, 1 for a subtask and the parallelism for a
 * whole vertex. source: the records that matter for span and staleness are those it emits. */
void kt_subtask_measure(const struct kt_subtask *subtask, int32_t clocks, bool source,
                        struct kt_measured *out);

#endif
