/* SPDX-License-Identifier: GPL-3.0-or-later
 * The closed loop around a simulated job. */
#include "ops/sim_loop.h"

#include "ops/sim_random.h"
#include "schemas/decision_enums.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool kt_sim_is_job(const struct kt_sim_spec *spec, struct kt_str cluster, struct kt_str job_name) {
    return kt_str_equal(cluster, kt_str_of(spec->cluster)) &&
           kt_str_equal(job_name, kt_str_of(spec->job_name));
}

int kt_sim_operator_find(const struct kt_sim_spec *spec, struct kt_str vertex_id) {
    for (int i = 0; i < spec->count; i++) {
        if (kt_str_equal(vertex_id, kt_str_of(spec->operators[i].id))) {
            return i;
        }
    }
    return -1;
}

void kt_sim_note_command(struct kt_sim_knowledge *knowledge, const struct kt_sim_spec *spec,
                         const struct kt_rescale_command *command) {
    knowledge->decisions++;
    knowledge->kind = command->kind;
    knowledge->reason = command->reason;
    knowledge->decided_at_ms = command->decided_at_ms;
    snprintf(knowledge->text, sizeof knowledge->text, "%.*s", KT_STR_ARG(command->reason_text));
    if (command->kind == KT_COMMAND_HOLD) {
        return;
    }
    snprintf(knowledge->rescale_id, sizeof knowledge->rescale_id, "%.*s",
             KT_STR_ARG(command->command_id));
    knowledge->rescale_waits = !command->dry_run;
    for (int i = 0; i < spec->count; i++) {
        knowledge->to[i] = 0;
    }
    for (size_t k = 0; k < command->operators.count; k++) {
        const int i = kt_sim_operator_find(spec, command->operators.items[k].vertex_id);
        if (i >= 0) {
            knowledge->to[i] = command->operators.items[k].to;
        }
    }
}

void kt_sim_permutation(const struct kt_sim_spec *spec, int units, uint64_t seed,
                        struct kt_sim_level *levels) {
    assert(units >= 1 && units <= KT_SIM_UNITS_MAX);
    int order[KT_SIM_UNITS_MAX];
    for (int i = 0; i < units; i++) {
        order[i] = i + 1;
    }
    for (int i = units - 1; i > 0; i--) { /* Fisher and Yates */
        const int k = (int)(kt_sim_random_next(&seed) % (uint64_t)(i + 1));
        const int kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    for (int level = 0; level < 2 * units; level++) {
        levels[level] = (struct kt_sim_level){.duration_ms = 1};
        for (int i = 0; i < spec->count; i++) {
            levels[level].rate[i] = spec->operators[i].unit_rate * order[level % units];
        }
    }
}

/* ---- one run --------------------------------------------------------------------------------- */

/* What stays the same while neither load nor drift changes. */
struct truth {
    double lambda[KT_SIM_OPERATORS_MAX];
    int optimum[KT_SIM_OPERATORS_MAX];
    double drift; /* factor that they were computed with */
    int cores;    /* Σ optimum */
};

struct run {
    const struct kt_sim_loop *loop;
    struct kt_sim_spec spec; /* the loop's; its drift may begin with a level */
    struct kt_sim_job *job;
    struct kt_arena arena;
    struct kt_sim_knowledge knowledge;
    struct kt_sim_score *score;
    int level;
    const double *rates;
    struct truth truth;
    int64_t level_start_ms;
    int64_t reported_ms; /* the newest report */
    int64_t next_report_ms;
    int level_windows; /* decided in this level */
    double backlog;    /* at the newest report */
    bool judged;       /* this configuration at this level has been looked at */
    bool settled;      /* the newest window was decided, and asked for no change */
    bool restarting;   /* since the newest rescale no report has come */
    int before[KT_SIM_OPERATORS_MAX];
};

static double seconds(int64_t ms) {
    return (double)ms / 1000.0;
}

static void refresh_truth(struct run *run) {
    struct truth *truth = &run->truth;
    const double second = kt_sim_job_second(run->job);
    truth->drift = kt_sim_drift_at(&run->spec.drift, second);
    kt_sim_optimum(&run->spec, run->rates, second, truth->lambda, truth->optimum);
    truth->cores = 0;
    for (int i = 0; i < run->spec.count; i++) {
        truth->cores += run->spec.operators[i].scaled ? truth->optimum[i] : 0;
    }
}

static void keep_truth(struct run *run) {
    const double drift = kt_sim_drift_at(&run->spec.drift, kt_sim_job_second(run->job));
    if (drift < run->truth.drift || drift > run->truth.drift) {
        refresh_truth(run);
    }
}

bool kt_sim_is_short(const struct kt_sim_spec *spec, const double *lambda, const int *optimum,
                     const int *parallelism, double second) {
    for (int i = 0; i < spec->count; i++) {
        if (!spec->operators[i].scaled) {
            continue;
        }
        const double most = kt_sim_ability(spec, i, optimum[i], second);
        const double needed = lambda[i] < most ? lambda[i] : most;
        if (kt_sim_ability(spec, i, parallelism[i], second) < needed) {
            return true;
        }
    }
    return false;
}

static void get_parallelism(const struct run *run, int *parallelism) {
    for (int i = 0; i < run->spec.count; i++) {
        parallelism[i] = kt_sim_job_parallelism(run->job, i);
    }
}

static bool is_short(const struct run *run) {
    int parallelism[KT_SIM_OPERATORS_MAX];
    get_parallelism(run, parallelism);
    return kt_sim_is_short(&run->spec, run->truth.lambda, run->truth.optimum, parallelism,
                           kt_sim_job_second(run->job));
}

/* Counts the configuration that runs now, once. */
static void judge(struct run *run) {
    if (!run->judged) {
        run->judged = true;
        run->score->under_provisioned += is_short(run);
    }
}

static int cores_of(const struct run *run) {
    int cores = 0;
    for (int i = 0; i < run->spec.count; i++) {
        cores += run->spec.operators[i].scaled ? kt_sim_job_parallelism(run->job, i) : 0;
    }
    return cores;
}

/* Lets time pass, and counts it. */
static void advance(struct run *run, int64_t until_ms) {
    struct kt_sim_score *score = run->score;
    const double passed_s = seconds(until_ms - kt_sim_job_now_ms(run->job));
    kt_sim_job_advance(run->job, until_ms, run->rates);
    keep_truth(run);
    const int cores = cores_of(run);
    score->seconds += passed_s;
    score->core_s += cores * passed_s;
    score->optimum_core_s += run->truth.cores * passed_s;
    score->under_provisioned_s += is_short(run) ? passed_s : 0.0;
    score->cores_max = cores > score->cores_max ? cores : score->cores_max;
    for (int i = 0; i < run->spec.count; i++) {
        score->offered += run->spec.operators[i].inputs_count == 0 ? run->rates[i] * passed_s : 0.0;
    }
}

/* With KT_SIM_TUNINGS, what the restart let pile up is gone when the job reports again. */
static void come_back(struct run *run) {
    if (run->restarting && kt_sim_job_is_running(run->job)) {
        run->restarting = false;
        if (run->loop->protocol == KT_SIM_TUNINGS) {
            kt_sim_job_settle(run->job);
        }
    }
}

static void note_backlog(struct run *run) {
    const double backlog = kt_sim_job_lag(run->job);
    struct kt_sim_score *score = run->score;
    score->backlogged += backlog > run->backlog ? backlog - run->backlog : 0.0;
    score->backlog_max = backlog > score->backlog_max ? backlog : score->backlog_max;
    run->backlog = backlog;
}

/* Carries a waiting rescale out, as an actuator would. Vertices that it does not name stay. */
static void actuate(struct run *run) {
    run->knowledge.rescale_waits = false;
    int to[KT_SIM_OPERATORS_MAX];
    for (int i = 0; i < run->spec.count; i++) {
        const int p = run->knowledge.to[i];
        const int max = run->spec.operators[i].max_parallelism;
        to[i] = p < 1 ? kt_sim_job_parallelism(run->job, i) : p < max ? p : max;
    }
    kt_sim_job_rescale(run->job, to);
    run->score->reconfigurations++;
    run->restarting = true;
    run->judged = false;
    judge(run);
}

/* Whether the newest decision found nothing to change, for good: steady in the phase BIG or SMALL
 * means that the policy waits, e.g. for a backlog to be worked off, before it goes on. A hold is
 * published when its reason changes: the newest reason is that of the newest window. */
static bool asks_for_no_change(const struct kt_sim_knowledge *knowledge) {
    if (knowledge->decisions == 0 || knowledge->kind != KT_COMMAND_HOLD) {
        return false;
    }
    switch (knowledge->reason) {
    case KT_REASON_STEADY:
        return knowledge->phase == KT_PHASE_STEADY;
    case KT_REASON_BELOW_THRESHOLD:
    case KT_REASON_LIMITED:
    case KT_REASON_NO_TOPOLOGY:
        return true;
    default:
        return false;
    }
}

static enum kt_err show(struct run *run, const int *before, struct kt_error *error) {
    const struct kt_sim_loop *loop = run->loop;
    if (loop->observe == NULL) {
        return KT_ERR_OK;
    }
    const struct kt_sim_view view = {.loop = loop,
                                     .spec = &run->spec,
                                     .job = run->job,
                                     .knowledge = &run->knowledge,
                                     .level = run->level,
                                     .source_rates = run->rates,
                                     .lambda = run->truth.lambda,
                                     .optimum = run->truth.optimum,
                                     .before = before};
    return loop->observe(loop->observe_ctx, &view, error);
}

/* What the controller makes of the windows that the newest report closes. *decided: there was one,
 * and all of it in this level. */
static enum kt_err learn(struct run *run, int64_t reported_ms, bool *decided,
                         struct kt_error *error) {
    const struct kt_sim_loop *loop = run->loop;
    /* This report closes every window that ends lateness before it. A window without a report was
     * never open. */
    const int64_t watermark = kt_sim_job_now_ms(run->job) - loop->lateness_ms;
    const int64_t until_ms = watermark - watermark % loop->window_ms;
    const bool was_open = reported_ms >= until_ms - loop->window_ms;
    if (until_ms <= run->knowledge.closed_until_ms || !was_open) {
        return KT_ERR_OK;
    }
    *decided = until_ms - loop->window_ms >= run->level_start_ms;
    run->score->windows++;
    return loop->controller.learn(loop->controller.ctx, until_ms, &run->knowledge, error);
}

/* One report of the job and what the controller makes of it. */
static enum kt_err report(struct run *run, struct kt_error *error) {
    const struct kt_sim_loop *loop = run->loop;
    run->settled = false;
    note_backlog(run);
    come_back(run);
    run->backlog = kt_sim_job_lag(run->job);
    struct kt_metric_event *events;
    size_t count;
    kt_arena_reset(&run->arena);
    enum kt_err err = kt_sim_job_events(run->job, &run->arena, &events, &count, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (count == 0) {
        return show(run, NULL, error);
    }
    err = loop->controller.offer(loop->controller.ctx, events, count, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    bool decided = false;
    const int64_t reported_ms = run->reported_ms;
    run->reported_ms = kt_sim_job_now_ms(run->job);
    err = learn(run, reported_ms, &decided, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    run->level_windows += decided;
    if (run->knowledge.rescale_waits) {
        get_parallelism(run, run->before);
        actuate(run);
        return show(run, run->before, error);
    }
    if (decided && asks_for_no_change(&run->knowledge)) {
        run->settled = true;
        judge(run);
    }
    return show(run, NULL, error);
}

static void count_surplus(struct run *run) {
    for (int i = 0; i < run->spec.count; i++) {
        if (run->spec.operators[i].scaled) {
            const int surplus = kt_sim_job_parallelism(run->job, i) - run->truth.optimum[i];
            run->score->surplus_cores += surplus > 0 ? surplus : 0;
            run->score->optimum_cores += run->truth.optimum[i];
        }
    }
}

/* As if enough time had passed since the last level: a window goes by that nobody sees. */
static void pass_unseen(struct run *run) {
    const int64_t until_ms = kt_sim_job_now_ms(run->job) + run->loop->window_ms;
    kt_sim_job_settle(run->job);
    kt_sim_job_advance(run->job, until_ms, run->rates);
    kt_sim_job_settle(run->job);
    run->next_report_ms = until_ms;
    run->backlog = kt_sim_job_lag(run->job);
}

static enum kt_err begin_level(struct run *run, int level, struct kt_error *error) {
    const struct kt_sim_loop *loop = run->loop;
    run->level = level;
    run->rates = loop->levels[level].rate;
    run->judged = false;
    run->level_windows = 0;
    const bool goes_on = level > 0 && loop->protocol == KT_SIM_TUNINGS;
    if (goes_on) {
        pass_unseen(run);
    }
    if (loop->drift_level > 0 && level == loop->drift_level) {
        run->spec.drift.second = kt_sim_job_second(run->job);
    }
    refresh_truth(run);
    run->level_start_ms = kt_sim_job_now_ms(run->job);
    if (!goes_on) {
        return KT_ERR_OK;
    }
    run->next_report_ms += loop->poll_ms;
    return report(run, error);
}

static bool level_is_over(const struct run *run, int64_t level_end_ms) {
    if (run->loop->protocol == KT_SIM_OVER_TIME) {
        return kt_sim_job_now_ms(run->job) >= level_end_ms;
    }
    return run->settled || run->level_windows >= run->loop->windows_max;
}

static enum kt_err run_level(struct run *run, int level, struct kt_error *error) {
    const struct kt_sim_loop *loop = run->loop;
    enum kt_err err = begin_level(run, level, error);
    const int64_t end_ms = loop->protocol == KT_SIM_OVER_TIME
                               ? run->level_start_ms + loop->levels[level].duration_ms
                               : INT64_MAX;
    while (err == KT_ERR_OK && !level_is_over(run, end_ms)) {
        const int64_t until_ms = run->next_report_ms < end_ms ? run->next_report_ms : end_ms;
        advance(run, until_ms);
        if (until_ms == run->next_report_ms) {
            run->next_report_ms += loop->poll_ms;
            err = report(run, error);
        }
    }
    if (err == KT_ERR_OK) {
        run->score->unsettled += loop->protocol == KT_SIM_TUNINGS && !run->settled;
        count_surplus(run);
    }
    return err;
}

enum kt_err kt_sim_loop_run(const struct kt_sim_loop *loop, struct kt_sim_score *score,
                            struct kt_error *error) {
    assert(loop->levels_count > 0 && loop->window_ms % loop->poll_ms == 0);
    assert(loop->protocol == KT_SIM_OVER_TIME || (loop->lateness_ms == 0 && loop->windows_max > 0));
    *score = (struct kt_sim_score){.tunings = loop->levels_count};
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a simulated run");
    }
    run->loop = loop;
    run->spec = *loop->spec;
    run->score = score;
    run->rates = loop->levels[0].rate;
    run->reported_ms = INT64_MIN;
    run->next_report_ms = loop->start_ms + loop->poll_ms;
    run->knowledge.closed_until_ms = loop->start_ms;
    if (loop->drift_level > 0) {
        run->spec.drift.second = INFINITY;
    }
    kt_arena_init(&run->arena, 1 << 16, 1 << 26);
    run->job = kt_sim_job_new(&run->spec, loop->seed, loop->start_ms, NULL);
    enum kt_err err = KT_ERR_OK;
    if (run->job == NULL) {
        err = kt_fail(error, KT_ERR_NOMEM, "no memory for a simulated job");
        goto out;
    }
    refresh_truth(run);
    for (int i = 0; i < loop->levels_count && err == KT_ERR_OK; i++) {
        err = run_level(run, i, error);
    }
out:
    kt_sim_job_free(run->job);
    kt_arena_free(&run->arena);
    free(run);
    return err;
}
