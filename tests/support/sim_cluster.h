/* SPDX-License-Identifier: GPL-3.0-or-later
 * Simulated jobs that come one after the other to one stage, under the policy kontune and without
 * guardrails; and what the last one costs when the others have told how operators scale. */
#ifndef KT_TESTS_SUPPORT_SIM_CLUSTER_H
#define KT_TESTS_SUPPORT_SIM_CLUSTER_H

#include "ops/sim_loop.h"
#include "support/stage_rig.h"

/* ---- a stage and jobs ------------------------------------------------------------------------ */

struct kt_sim_stage {
    struct kt_settings settings;
    struct kt_sim_local *local;      /* NULL until the first job runs */
    struct kt_rig_records *records;  /* takes every event; NULL: nobody does */
    const char *job_id;              /* of the events in the records; NULL: the simulation's */
    int64_t now_ms;                  /* end of the job before */
    int first_reconfigurations;      /* of the newest job: in its first tuning */
    int64_t commands;                /* of the newest job */
    int64_t commands_with_law_prior; /* of those, with something that others told */
};

/* Settings are the defaults but for guardrails, lateness and those two. */
void kt_sim_stage_init(struct kt_sim_stage *stage, bool warm_start);
void kt_sim_stage_free(struct kt_sim_stage *stage);

/* A job of one operator behind a source, PA(p) = γ p / (1 + σ (p − 1) + κ p (p − 1)), γ drawn from
 * the seed; 10 units of load need about 20 subtasks. Borrows the names. */
struct kt_sim_spec kt_sim_stage_job(const char *cluster, const char *name, double sigma,
                                    double kappa, uint64_t seed);

/* Runs the job, an hour after the one before, for so many of 1 … 10 units in an order of its own.
 * Fails the test if the run fails. */
struct kt_sim_score kt_sim_stage_run(struct kt_sim_stage *stage, const struct kt_sim_spec *spec,
                                     int tunings, uint64_t seed);

/* ---- the last of some -------------------------------------------------------------------------
 */

struct kt_sim_cluster {
    const char *name;
    double sigma;      /* median over the jobs */
    double kappa;      /* likewise */
    double spread;     /* of ln σ and ln κ between jobs: standard deviation */
    double last_sigma; /* median σ of the job that comes last; below 0: as the others' */
    int jobs;          /* that come before, each tuned in to `tunings` loads */
    int tunings;
    int last_tunings;
    double noise; /* of every job's speed */
};

struct kt_sim_cluster_result {
    struct kt_sim_score last;   /* of the job that came last */
    int first_reconfigurations; /* of its first tuning */
};

/* The last job is the same, with the same noise, for the same seed, whatever comes before and
 * whatever it hears. */
struct kt_sim_cluster_result kt_sim_cluster_run(const struct kt_sim_cluster *cluster,
                                                bool warm_start, uint64_t seed);

#endif
