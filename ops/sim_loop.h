/* SPDX-License-Identifier: GPL-3.0-or-later
 * The closed loop around a simulated job: its metrics go to a controller, the controller's rescales
 * go to the job, and what that costs is counted. The controller is a worker behind a broker (demo)
 * or the stage's core in this process (the comparison); the loop cannot tell them apart. */
#ifndef KT_OPS_SIM_LOOP_H
#define KT_OPS_SIM_LOOP_H

#include "model/settings.h"
#include "ops/sim_job.h"
#include "schemas/rescale_command.h"

/* What a controller has told so far: the newest durable state and decision. Strings are copied, so
 * that a picture of it can be shown at any time. */
struct kt_sim_knowledge {
    int64_t closed_until_ms; /* all windows up to here are decided */
    int phase;               /* enum kt_phase */
    struct {
        bool known;
        int64_t window_end_ms; /* of the newest observation, as all here */
        int parallelism;
        double ability; /* records/s */
        double lambda;
        double busy;
    } operators[KT_SIM_OPERATORS_MAX];
    int64_t decisions;
    int kind; /* of the newest command, as all below; meaningful if decisions > 0 */
    int reason;
    int64_t decided_at_ms;
    char text[256];
    char pending_id[40]; /* of the rescale that the job's state waits for, or empty */
    char rescale_id[40]; /* of the newest rescale heard of, or empty */
    bool rescale_waits;  /* to[] is to be carried out (a dry run's is not) */
    int to[KT_SIM_OPERATORS_MAX];
};

/* Whether something of this job is of the simulated one: a controller may have others, too. */
bool kt_sim_is_job(const struct kt_sim_spec *spec, struct kt_str cluster, struct kt_str job_name);

/* Index of the operator with this vertex id, or -1. */
int kt_sim_operator_find(const struct kt_sim_spec *spec, struct kt_str vertex_id);

/* Notes a command in the knowledge; vertices are matched by id. A controller calls this for every
 * command it sees, and kt_sim_changes_note (sim_changes.h) for every changed state record. */
void kt_sim_note_command(struct kt_sim_knowledge *knowledge, const struct kt_sim_spec *spec,
                         const struct kt_rescale_command *command);

struct kt_sim_controller {
    void *ctx;
    /* Hands over what the job reported; in order of time. */
    enum kt_err (*offer)(void *ctx, const struct kt_metric_event *events, size_t count,
                         struct kt_error *error);
    /* Brings the knowledge up to every window that ends at or before until_ms; waits for it if it
     * must. */
    enum kt_err (*learn)(void *ctx, int64_t until_ms, struct kt_sim_knowledge *knowledge,
                         struct kt_error *error);
};

struct kt_sim_level {
    int64_t duration_ms;               /* > 0; not read with KT_SIM_TUNINGS */
    double rate[KT_SIM_OPERATORS_MAX]; /* records/s of each source, indexed by operator */
};

/* The load of ContTune's evaluation: 1 … units times the sources' unit rates in an order drawn from
 * the seed, and the same order once more. levels has room for 2 × units. */
#define KT_SIM_UNITS_MAX 100
void kt_sim_permutation(const struct kt_sim_spec *spec, int units, uint64_t seed,
                        struct kt_sim_level *levels);

/* When the load goes on to its next level. */
enum kt_sim_protocol {
    KT_SIM_OVER_TIME, /* after its duration; what waits goes on waiting */
    KT_SIM_TUNINGS,   /* when the last one is tuned in: as in ContTune's evaluation, see below */
};

/* What a run cost. Only scaled operators count as cores. A parallelism is under-provisioned where
 * the true ability is below the true load, or below the largest there is if that is less than the
 * load; the optimum is the smallest that is not. */
struct kt_sim_score {
    int tunings; /* levels of the load */
    int reconfigurations;
    int under_provisioned; /* configurations chosen, or kept by a decision, that were: each once */
    int unsettled;         /* tunings that windows_max ended */
    int windows;           /* decided */
    int64_t surplus_cores; /* Σ max(0, p − optimum) over operators at the end of each level */
    int64_t optimum_cores; /* Σ optimum, the same way */
    int cores_max;
    double seconds;
    double under_provisioned_s;
    double core_s;         /* cores × time, also while the job restarts */
    double optimum_core_s; /* of the optimum */
    double offered;        /* records that the sources had to emit */
    double backlogged;     /* records by which the sources' lag grew, summed over those reports to
                              which it grew: what had to wait instead of being taken as it came */
    double backlog_max;    /* largest lag, records */
};

struct kt_sim_loop;

/* A run as it is after a report. Arrays are indexed by operator. What is pointed to, `before`
 * apart, lives as long as the run and always shows its present. */
struct kt_sim_view {
    const struct kt_sim_loop *loop;
    const struct kt_sim_spec *spec; /* with its drift as it is in this run */
    const struct kt_sim_job *job;
    const struct kt_sim_knowledge *knowledge;
    int level; /* of the load, from 0 */
    const double *source_rates;
    const double *lambda; /* true loads */
    const int *optimum;
    const int *before; /* parallelism until this moment, if a rescale was carried out; else NULL */
};

/* KT_SIM_TUNINGS: a level lasts until a valid window is decided and nothing is to be changed (a
 * window that the gate, a cooldown or a pending command holds decides nothing), or windows_max
 * windows. Then the next one begins as if enough time had passed: one window goes by unreported and
 * uncounted, and all backlogs are empty. So a level begins with a window, and no window sees two
 * loads. lateness_ms must be 0 for it: a window is decided at its end. */
struct kt_sim_loop {
    const struct kt_sim_spec *spec;
    const struct kt_sim_level *levels;
    int levels_count; /* > 0 */
    enum kt_sim_protocol protocol;
    int windows_max; /* of one tuning; > 0 for KT_SIM_TUNINGS */
    int drift_level; /* the spec's drift begins with this level instead of at its second; 0: not */
    uint64_t seed;
    int64_t start_ms;    /* virtual time of the start, a multiple of the window */
    int64_t poll_ms;     /* between two reports of the job; a divisor of the window */
    int64_t window_ms;   /* of the controller */
    int64_t lateness_ms; /* of the controller */
    struct kt_sim_controller controller;
    /* Called after each report, also when the job restarts and reports nothing; may be NULL. A
     * result but KT_ERR_OK ends the run.
     */
    enum kt_err (*observe)(void *ctx, const struct kt_sim_view *view, struct kt_error *error);
    void *observe_ctx;
};

/* Runs all levels, from parallelism 1 everywhere. */
KT_MUST_CHECK enum kt_err kt_sim_loop_run(const struct kt_sim_loop *loop,
                                          struct kt_sim_score *score, struct kt_error *error);

/* Whether the configuration is under-provisioned, by the arrays of a view. */
bool kt_sim_is_short(const struct kt_sim_spec *spec, const double *lambda, const int *optimum,
                     const int *parallelism, double second);

/* Somebody who sees every command that the core publishes, with its evidence, before it is carried
 * out. */
struct kt_sim_tap {
    void *ctx; /* NULL with command NULL: nobody */
    enum kt_err (*command)(void *ctx, const struct kt_rescale_command *command,
                           struct kt_error *error);
};

/* The stage's core in this process as a controller. Its store is a folder of its own below a
 * temporary one, removed by free. */
struct kt_sim_local;
KT_MUST_CHECK enum kt_err kt_sim_local_new(const struct kt_settings *settings,
                                           const struct kt_sim_spec *spec, struct kt_sim_tap tap,
                                           struct kt_sim_local **out, struct kt_error *error);
struct kt_sim_controller kt_sim_local_controller(struct kt_sim_local *local);
void kt_sim_local_free(struct kt_sim_local *local);

/* After a run: the next one is of another job, and later. The core goes on, and so does what is
 * durable of the jobs before. */
void kt_sim_local_next(struct kt_sim_local *local, const struct kt_sim_spec *spec);

#endif
