/* SPDX-License-Identifier: GPL-3.0-or-later
 * A closed loop around kt_decide in a few lines of arithmetic: a chain with known curves, a queue
 * before its source, a history per operator. It tests policies; ops/sim_job.h is the whole job. */
#ifndef KT_TESTS_SUPPORT_LOOP_H
#define KT_TESTS_SUPPORT_LOOP_H

#include "support/job.h"

#define KT_LOOP_OPERATORS 3
#define KT_LOOP_P_MAX     512

struct kt_loop {
    struct kt_test_job job;
    double gamma[KT_LOOP_OPERATORS]; /* PA(p) = γ p / (1 + σ (p − 1)) */
    double sigma[KT_LOOP_OPERATORS];
    double rate;           /* λ that arrives before the source, records/s */
    double backlog;        /* records that wait there */
    double restart_s;      /* downtime of a rescale */
    double noise;          /* relative half width of a measured ability's error */
    uint64_t seed;         /* of the noise */
    int reconfigurations;  /* so far */
    int under_provisioned; /* windows in which the job could not keep up with λ */
    int32_t parallelism_most;
    struct kt_decision last;
    double observed[KT_LOOP_OPERATORS][KT_LOOP_P_MAX + 1][5]; /* newest last */
    int observed_count[KT_LOOP_OPERATORS][KT_LOOP_P_MAX + 1];
};

/* Three operators of PA(p) = γ p / (1 + .04 (p − 1)) with γ = 1000, 1100, 1200, at parallelism 1,
 * nothing learned, no restart cost, decision threshold 0 and no cooldown. */
void kt_loop_init(struct kt_loop *loop, const char *policy, double rate);

double kt_loop_ability(const struct kt_loop *loop, size_t i, int32_t parallelism);
/* The smallest parallelism of operator i that reaches rate. */
int32_t kt_loop_smallest(const struct kt_loop *loop, size_t i, double rate);

/* One window of 60 s: measures, learns, decides, carries out. True if it rescaled. */
bool kt_loop_step(struct kt_loop *loop);

/* Steps until nothing was changed for `quiet` windows; returns the reconfigurations it took, or -1
 * after `windows_max` windows. */
int kt_loop_settle(struct kt_loop *loop, int quiet, int windows_max);

/* Ten loads up and down, the source the slowest operator or far from it. Each must settle within 12
 * reconfigurations, with every operator at what is enough and at most quarters_max quarters of it
 * and one more. Returns the reconfigurations of all ten. */
int kt_loop_ten_loads(const char *policy, bool fast_source, int quarters_max);

#endif
