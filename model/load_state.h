/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state of a job in one window: under-provisioned, over-provisioned, normal (ContTune, "States
 * of a job"). */
#ifndef KT_MODEL_LOAD_STATE_H
#define KT_MODEL_LOAD_STATE_H

#include "schemas/evidence.h"

/* A backlog that changes by less than this share of its source's rate counts as constant. */
#define KT_GROWTH_NOISE 0.01

struct kt_load {
    int state;             /* enum kt_state */
    int32_t backpressured; /* the vertex most backpressured, at or above the threshold; else -1 */
    int32_t behind;        /* the source that falls behind most; -1: none */
    int32_t busiest;       /* the vertex of the largest usage; -1: no usage is known */
    double usage_max;      /* of the busiest, 0…1 */
    double usage_mean;     /* mean of the operators that could shrink, weighted by parallelism */
    int32_t shrinkable;    /* how many of those there are */
};

/* Share of time in use: cpu_load where it is known, else busy. False when neither is. */
bool kt_load_usage(const struct kt_operator_evidence *op, double *usage);

/* Busy share of time of the busiest subtask, which runs out of time first; -1: not known. */
double kt_load_strain(const struct kt_operator_evidence *op);

/* Whether a source is itself what is too slow: its usage is at least core_max and its backlog
 * grows. (That its usage is asked for keeps the noise of backlogs, which are read seconds apart,
 * out.) */
bool kt_load_falls_behind(const struct kt_operator_evidence *op, double core_max);

/* UNDER: some vertex is backpressured and some vertex's usage is at least core_max; both are asked
 * for, so that backpressure of skew or of a slow external system brings no cores. Or a source falls
 * behind: nothing upstream of it could show backpressure.
 * OVER: nothing is backpressured and the mean usage of the operators that could shrink (not pinned,
 * above min_allowed) is below core_min.
 * UNKNOWN: no vertex's usage is known. NORMAL: all else. */
struct kt_load kt_load_classify(const struct kt_evidence *evidence);

#endif
