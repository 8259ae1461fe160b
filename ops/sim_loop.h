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
        double ability; /* newest observation, records/s */
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
    bool rescale_waits;  /* to[] is to be carried out */
    int to[KT_SIM_OPERATORS_MAX];
};

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
    int64_t duration_ms;
    double rate[KT_SIM_OPERATORS_MAX]; /* records/s of each source, indexed by operator */
};

/* What a run cost. */
struct kt_sim_score {
    int load_changes;
    int reconfigurations;
    double under_provisioned_s; /* the job's true ability was below its load */
    double core_s;              /* subtasks × time */
    double optimum_core_s;      /* of the smallest sufficient parallelism */
    double backlog_max;         /* records */
    int cores_max;
};

struct kt_sim_loop {
    const struct kt_sim_spec *spec;
    const struct kt_sim_level *levels;
    int levels_count;
    uint64_t seed;
    int64_t start_ms;    /* virtual time of the start, a multiple of the window */
    int64_t poll_ms;     /* between two reports of the job */
    int64_t window_ms;   /* of the controller */
    int64_t lateness_ms; /* of the controller */
    struct kt_sim_controller controller;
    /* Called after each report, with the job as it is; may be NULL. A result but KT_ERR_OK ends the
     * run. */
    enum kt_err (*observe)(void *ctx, const struct kt_sim_loop *loop, const struct kt_sim_job *job,
                           const struct kt_sim_knowledge *knowledge, const double *source_rates,
                           struct kt_error *error);
    void *observe_ctx;
};

/* Runs all levels, from parallelism 1 everywhere. */
KT_MUST_CHECK enum kt_err kt_sim_loop_run(const struct kt_sim_loop *loop,
                                          struct kt_sim_score *score, struct kt_error *error);

/* The stage's core in this process as a controller. Its store is a folder of its own below a
 * temporary one, removed by free. */
struct kt_sim_local;
KT_MUST_CHECK enum kt_err kt_sim_local_new(const struct kt_settings *settings,
                                           const struct kt_sim_spec *spec,
                                           struct kt_sim_local **out, struct kt_error *error);
struct kt_sim_controller kt_sim_local_controller(struct kt_sim_local *local);
void kt_sim_local_free(struct kt_sim_local *local);

#endif
