/* SPDX-License-Identifier: GPL-3.0-or-later
 * A job that reports what a test tells it to: counters that rise at given rates. */
#ifndef KT_TESTS_SUPPORT_STEADY_JOB_H
#define KT_TESTS_SUPPORT_STEADY_JOB_H

#include "support/stage_rig.h"

#define KT_STEADY_JOB_VERTICES_MAX 128
#define KT_STEADY_JOB_BASE_MS      INT64_C(1800000000000) /* a multiple of any window in the tests */

struct kt_steady_job_vertex {
    const char *id;
    const char *upstream; /* NULL: a source */
    int parallelism;
    double rate;           /* records/s over all subtasks, in and (but for what is dropped) out */
    double dropped;        /* share of the records that it does not pass on */
    double backlog_growth; /* of a source, records/s */
    double busy;           /* shares of time */
    double backpressured;
    bool silent; /* reports nothing */
    bool tells_backlog;
    double records, busy_ms, backpressured_ms; /* counters of one subtask */
    double backlog;                            /* of one subtask */
};

struct kt_steady_job {
    const char *job_name;
    const char *job_id;
    int64_t now_ms;
    int64_t attempt_start_ms;
    int count;
    struct kt_steady_job_vertex vertices[KT_STEADY_JOB_VERTICES_MAX];
};

/* A source and a map behind it, running since an hour before KT_STEADY_JOB_BASE_MS. */
void kt_steady_job_init(struct kt_steady_job *job, const char *name);
/* Lets time pass to until_ms and reports every step_ms. */
void kt_steady_job_run(struct kt_steady_job *job, struct kt_rig_records *records, int64_t until_ms,
                       int64_t step_ms);
/* A new attempt: counters begin again. */
void kt_steady_job_restart(struct kt_steady_job *job);

#endif
