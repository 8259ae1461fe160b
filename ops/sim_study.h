/* SPDX-License-Identifier: GPL-3.0-or-later
 * A study: scenarios (a job under a load) × methods × permutations, run on a pool of threads. The
 * runs share nothing, each result has a slot of its own: how many threads there are changes nothing
 * but the time it takes. */
#ifndef KT_OPS_SIM_STUDY_H
#define KT_OPS_SIM_STUDY_H

#include "ops/sim_loop.h"
#include "ops/sim_method.h"
#include "ops/sim_trace.h"

#include <signal.h>

#define KT_SIM_SCENARIOS_MAX    64
#define KT_SIM_PERMUTATIONS_MAX 10000
#define KT_SIM_THREADS_MAX      256

struct kt_sim_scenario {
    const char *name; /* "Q1" */
    const char *what; /* one line for people */
    const struct kt_sim_spec *spec;
    enum kt_sim_protocol protocol;
    int units;                         /* KT_SIM_TUNINGS: 1 … units times the unit rates, twice */
    const struct kt_sim_level *levels; /* KT_SIM_OVER_TIME */
    int levels_count;
    int drift_level;     /* see struct kt_sim_loop */
    int max_parallelism; /* of an operator, by the size of the cluster; 0: no limit of its own */
};

/* One run, so that whoever listens knows whose commands those are. */
struct kt_sim_task {
    int scenario; /* indices */
    int method;
    int permutation;
    uint64_t order_seed; /* of the load */
    uint64_t noise_seed; /* of the job */
};

/* Somebody who follows a run. */
struct kt_sim_listener {
    void *ctx;
    /* Each published command, before it is carried out. */
    enum kt_err (*command)(void *ctx, const struct kt_rescale_command *command,
                           struct kt_error *error);
    /* After each report. The view's pointers hold until the end of the run and always show its
     * present: also in the midst of a report, while a command is published. */
    enum kt_err (*view)(void *ctx, const struct kt_sim_view *view, struct kt_error *error);
};

struct kt_sim_study {
    const struct kt_sim_scenario *scenarios;
    int scenarios_count;
    const struct kt_sim_methods *methods;
    int permutations; /* runs of each method in each scenario, with orders and noise of their own
                         but the same for every method */
    uint64_t seed;
    double noise; /* instead of the specs'; below 0: theirs */
    int threads;
    bool own_settings; /* methods come from a user's configuration: scenarios change nothing in it
                          but its lateness */
    bool traced;       /* record the first permutation of each scenario and method */
    const volatile sig_atomic_t *stop; /* becomes nonzero: end soon; may be NULL */
    /* Told after each run, never by two threads at once; may be NULL. */
    void (*progress)(void *ctx, int done, int total);
    void *progress_ctx;
    /* Listens to every run: begin makes the listener of one, which its thread alone calls, and end
     * takes it back, also after a failure of the run. Both may be called by several threads at
     * once; begin may be NULL. */
    enum kt_err (*begin)(void *ctx, const struct kt_sim_task *task,
                         struct kt_sim_listener *listener, struct kt_error *error);
    void (*end)(void *ctx, struct kt_sim_listener *listener);
    void *listen_ctx;
};

/* Scores by scenario, method and permutation, and the traces by scenario and method. */
struct kt_sim_results {
    int scenarios;
    int methods;
    int permutations;
    struct kt_sim_score *scores;
    struct kt_sim_trace *traces; /* NULL if the study was not traced */
};

/* Runs everything. KT_ERR_STOPPED when it was asked to end. kt_sim_results_free also after a
 * failure. */
KT_MUST_CHECK enum kt_err kt_sim_study_run(const struct kt_sim_study *study,
                                           struct kt_sim_results *results, struct kt_error *error);
void kt_sim_results_free(struct kt_sim_results *results);

/* Mean over the permutations, or over several scenarios of one method (each weighs the same). */
struct kt_sim_mean {
    double permutations; /* runs of each scenario */
    double tunings;
    double reconfigurations;
    double per_tuning;       /* reconfigurations */
    double per_tuning_error; /* standard error over the permutations; of several scenarios: of
                                their mean; 0: a single run */
    double under_provisioned;
    double unsettled;
    double surplus_percent; /* KT_SIM_TUNINGS: Σ max(0, p − p_opt) / Σ p_opt at the ends of tunings;
                               KT_SIM_OVER_TIME: core-seconds above the optimum's */
    double cores_max;       /* the largest of all runs; of several scenarios the mean */
    double core_s;
    double optimum_core_s;
    double backlog_percent; /* records that had to wait, of those offered */
    double under_provisioned_s;
};
struct kt_sim_mean kt_sim_results_mean(const struct kt_sim_results *results,
                                       const struct kt_sim_study *study, int scenario, int method);
struct kt_sim_mean kt_sim_results_mean_of_all(const struct kt_sim_results *results,
                                              const struct kt_sim_study *study, int method);

const struct kt_sim_trace *kt_sim_results_trace(const struct kt_sim_results *results, int scenario,
                                                int method);

#endif
