/* SPDX-License-Identifier: GPL-3.0-or-later
 * Metric events of a subtask that works steadily, for tests of windows and of the gate. */
#ifndef KT_TESTS_SUPPORT_REPORTER_H
#define KT_TESTS_SUPPORT_REPORTER_H

#include "model/window.h"

#define KT_TEST_START_MS  INT64_C(1795332600000) /* start of the windows of these tests */
#define KT_TEST_WINDOW_MS INT64_C(60000)

/* What a subtask does and how it is reported. */
struct kt_reporter {
    const char *vertex; /* id and name */
    int32_t subtask;
    int32_t parallelism;  /* 0: not reported */
    double in_per_s;      /* records */
    double out_per_s;     /* records */
    double busy;          /* shares of time; what is left is idle */
    double backpressured; /* share of time */
    int64_t from_ms;      /* first sample, since KT_TEST_START_MS */
    int64_t to_ms;        /* no sample at or after this */
    int64_t poll_ms;      /* time between samples */
    int64_t attempt_ms;   /* start of the attempt, since KT_TEST_START_MS: negative */
    bool totals;          /* report counters */
    bool rates;           /* report smoothed rates */
    bool source;          /* without inputs */
};

/* Subtask 0 of one of vertex "a", counters only, a sample every 2 s over the whole window, 100 s
 * after the attempt began; 1000 records/s in, 500 out, busy 0.4. */
struct kt_reporter kt_reporter_default(void);

/* The event of the reporter at a time. */
struct kt_metric_event kt_reporter_event(const struct kt_reporter *reporter, int64_t at_ms);

/* Adds all its events to the window; fails the test if one is refused. */
void kt_reporter_feed(const struct kt_reporter *reporter, struct kt_window *window);
/* As above for subtasks 0 … parallelism-1 that share its work evenly. */
void kt_reporter_feed_all(const struct kt_reporter *reporter, struct kt_window *window);

/* A new window from KT_TEST_START_MS; its summary, in an arena that kt_test_window_free frees. */
struct kt_window *kt_test_window(void);
struct kt_window_summary *kt_test_summary(const struct kt_window *window);
void kt_test_window_free(struct kt_window *window);

/* The summary of the vertex with this id; fails the test if there is none. */
const struct kt_vertex_summary *kt_test_vertex(const struct kt_window_summary *summary,
                                               const char *id);

#endif
