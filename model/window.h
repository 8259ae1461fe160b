/* SPDX-License-Identifier: GPL-3.0-or-later
 * One event-time window of one job: what every subtask reported between its start and its end, and
 * the summary per vertex that decisions are made of.
 *
 * Totals are differenced between the first and the last sample of the window and beat the smoothed
 * rates, which are averaged. Measures may come in separate events (narrow formats): each measure
 * keeps its own first and last time. Events may come in any order; the same events in any order
 * give the same summary (but for rounding of averages). */
#ifndef KT_MODEL_WINDOW_H
#define KT_MODEL_WINDOW_H

#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/metric_event.h"

/* A window owns its memory and can be cleared for reuse: after the first windows of a job nothing
 * is allocated any more. */
struct kt_window;
struct kt_window *kt_window_new(void); /* NULL when out of memory */
void kt_window_free(struct kt_window *window);
void kt_window_clear(struct kt_window *window, int64_t start_ms, int64_t end_ms,
                     int64_t first_offset);

int64_t kt_window_start_ms(const struct kt_window *window);
int64_t kt_window_end_ms(const struct kt_window *window);
/* Offset of the first event that the window took: the committed offset may not pass it. */
int64_t kt_window_first_offset(const struct kt_window *window);

#define KT_WINDOW_SUBTASKS_MAX   (1 << 18)          /* subtasks of one job with samples */
#define KT_WINDOW_TEXT_BYTES_MAX (64u << 20)        /* names, ids and edges of one job */
#define KT_WINDOW_ID_BYTES_MAX   (256u << 10)       /* ids of its vertices: its state fits 1 MB */
#define KT_WINDOW_MS_MAX         (INT64_C(1) << 31) /* length of a window: 24 days */

/* Takes one event whose timestamp lies in the window. Amortised O(1), whatever the number of
 * vertices and subtasks. KT_ERR_LIMIT: more than KT_OPERATORS_MAX vertices or one of the bounds
 * above. KT_ERR_INVALID: the timestamp or the subtask is out of range. KT_ERR_NOMEM. A refused
 * event leaves no measure behind. */
KT_MUST_CHECK enum kt_err kt_window_add(struct kt_window *window,
                                        const struct kt_metric_event *event,
                                        struct kt_error *error);

enum kt_summary_field {
    KT_SUM_RATE_IN,
    KT_SUM_RATE_OUT,
    KT_SUM_RATE_HALVES,
    KT_SUM_BUSY,
    KT_SUM_BUSY_HALVES,
    KT_SUM_BACKPRESSURED,
    KT_SUM_BACKPRESSURED_HALVES,
    KT_SUM_IDLE,
    KT_SUM_CPU_LOAD,
    KT_SUM_PENDING,
    KT_SUM_PENDING_GROWTH,
    KT_SUM_ABILITY,
    KT_SUM_ATTEMPT_START,
    KT_SUM_UPSTREAM,
};

struct kt_vertex_summary {
    uint64_t present; /* which of the measures below are known (enum kt_summary_field) */
    struct kt_str vertex_id;
    struct kt_str name;
    bool is_source;            /* said so, or without inputs where the graph is known */
    int32_t parallelism;       /* newest reported, else largest subtask index + 1; 0: unknown */
    int32_t max_parallelism;   /* 0: unknown */
    int32_t source_partitions; /* 0: unknown */
    KT_ARRAY(struct kt_upstream) upstream;

    /* what the gate looks at */
    int32_t subtasks_seen; /* distinct subtasks with samples; = parallelism when only whole-vertex
                              events came */
    int32_t samples_least; /* of the subtask with the fewest: distinct 64ths of the window with an
                              event, so that what narrow formats split counts once */
    int64_t span_ms_least; /* least time that a subtask's measurement covers: by its own clocks
                              where they are known, else between its first and last sample */
    int64_t first_ms;      /* earliest sample of any subtask */
    int64_t attempt_start_ms; /* newest */
    bool restarted;           /* two attempts, two job ids or two parallelisms in the window */
    bool counter_reset;
    bool not_a_number; /* a needed measure (rate or busy) was NaN or never came */
    bool stale;        /* a subtask's totals came and neither its records nor its clocks moved */
    bool from_totals;  /* rates and busy share come from differenced totals */

    /* what was measured, over all subtasks */
    double rate_in_per_s; /* for a source: the records it emits */
    double rate_out_per_s;
    double rate_first_half; /* of the rate above, in the halves of the window */
    double rate_second_half;
    double busy;            /* shares of time 0…1, mean over subtasks */
    double busy_first_half; /* the mean in the halves of the window */
    double busy_second_half;
    double busy_max; /* of the busiest subtask */
    double backpressured;
    double backpressured_first_half; /* in the halves of the window */
    double backpressured_second_half;
    double idle;
    double cpu_load;
    double pending_records; /* at the end, summed */
    double pending_growth_per_s;
    double ability; /* PA = rate_in / busy (ContTune, "Terms"); absent when busy is 0 */
};

struct kt_window_summary {
    int64_t start_ms;
    int64_t end_ms;
    struct kt_str cluster;
    struct kt_str job_name;
    struct kt_str job_id;
    int32_t slots_available;                     /* -1: unknown */
    KT_ARRAY(struct kt_vertex_summary) vertices; /* in the order of their ids */
};

/* Summarises the window into the arena. Strings are copied. */
KT_MUST_CHECK enum kt_err kt_window_summarise(const struct kt_window *window,
                                              struct kt_arena *arena,
                                              struct kt_window_summary *summary,
                                              struct kt_error *error);

/* Index of a vertex by bisection, or -1. The vertices must be in the order of their ids. */
int64_t kt_window_summary_find(const struct kt_window_summary *summary, struct kt_str id);

#endif
