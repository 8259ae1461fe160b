/* SPDX-License-Identifier: GPL-3.0-or-later
 * The closed loop around a simulated job. */
#include "ops/sim_loop.h"

#include <inttypes.h>
#include <stdio.h>

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
    knowledge->rescale_waits = true;
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

static void score_tick(struct kt_sim_score *score, const struct kt_sim_spec *spec,
                       const struct kt_sim_job *job, const double *source_rates, double seconds) {
    double lambda[KT_SIM_OPERATORS_MAX];
    int optimum[KT_SIM_OPERATORS_MAX];
    kt_sim_optimum(spec, source_rates, kt_sim_job_second(job), lambda, optimum);
    int cores = 0, cores_needed = 0;
    bool under = false;
    for (int i = 0; i < spec->count; i++) {
        const int p = kt_sim_job_parallelism(job, i);
        if (!spec->operators[i].scaled) {
            continue;
        }
        cores += p;
        cores_needed += optimum[i];
        under = under || kt_sim_ability(spec, i, p, kt_sim_job_second(job)) < lambda[i];
    }
    score->core_s += cores * seconds;
    score->optimum_core_s += cores_needed * seconds;
    score->under_provisioned_s += under ? seconds : 0.0;
    score->cores_max = cores > score->cores_max ? cores : score->cores_max;
    const double backlog = kt_sim_job_backlog(job);
    score->backlog_max = backlog > score->backlog_max ? backlog : score->backlog_max;
}

/* Carries a waiting rescale out, as an actuator would. Vertices that it does not name stay. */
static void actuate(const struct kt_sim_spec *spec, struct kt_sim_job *job,
                    struct kt_sim_knowledge *knowledge, struct kt_sim_score *score) {
    if (!knowledge->rescale_waits) {
        return;
    }
    knowledge->rescale_waits = false;
    int to[KT_SIM_OPERATORS_MAX];
    for (int i = 0; i < spec->count; i++) {
        const int p = knowledge->to[i];
        const int max = spec->operators[i].max_parallelism;
        to[i] = p < 1 ? kt_sim_job_parallelism(job, i) : p < max ? p : max;
    }
    kt_sim_job_rescale(job, to);
    score->reconfigurations++;
}

/* One report of the job and what the controller makes of it. */
static enum kt_err loop_tick(const struct kt_sim_loop *loop, struct kt_sim_job *job,
                             struct kt_arena *arena, int64_t *reported_ms,
                             struct kt_sim_knowledge *knowledge, struct kt_sim_score *score,
                             struct kt_error *error) {
    struct kt_metric_event *events;
    size_t count;
    kt_arena_reset(arena);
    enum kt_err err = kt_sim_job_events(job, arena, &events, &count, error);
    if (err != KT_ERR_OK || count == 0) {
        return err;
    }
    err = loop->controller.offer(loop->controller.ctx, events, count, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    /* This report closes every window that ends lateness before it. A window without a report was
     * never open. */
    const int64_t watermark = kt_sim_job_now_ms(job) - loop->lateness_ms;
    const int64_t until_ms = watermark - watermark % loop->window_ms;
    const bool was_open = *reported_ms >= until_ms - loop->window_ms;
    *reported_ms = kt_sim_job_now_ms(job);
    if (until_ms <= knowledge->closed_until_ms || !was_open) {
        return KT_ERR_OK;
    }
    err = loop->controller.learn(loop->controller.ctx, until_ms, knowledge, error);
    if (err == KT_ERR_OK) {
        actuate(loop->spec, job, knowledge, score);
    }
    return err;
}

enum kt_err kt_sim_loop_run(const struct kt_sim_loop *loop, struct kt_sim_score *score,
                            struct kt_error *error) {
    *score = (struct kt_sim_score){.load_changes = loop->levels_count};
    struct kt_arena arena;
    kt_arena_init(&arena, 1 << 16, 1 << 26);
    struct kt_sim_knowledge knowledge = {.closed_until_ms = loop->start_ms};
    struct kt_sim_job *job = kt_sim_job_new(loop->spec, loop->seed, loop->start_ms, NULL);
    enum kt_err err = KT_ERR_OK;
    if (job == NULL) {
        err = kt_fail(error, KT_ERR_NOMEM, "no memory for a simulated job");
        goto out;
    }
    int64_t now_ms = loop->start_ms;
    int64_t level_end_ms = loop->start_ms;
    int64_t reported_ms = INT64_MIN;
    for (int i = 0; i < loop->levels_count && err == KT_ERR_OK; i++) {
        const double *rates = loop->levels[i].rate;
        level_end_ms += loop->levels[i].duration_ms;
        while (now_ms < level_end_ms && err == KT_ERR_OK) {
            now_ms += loop->poll_ms;
            kt_sim_job_advance(job, now_ms, rates);
            score_tick(score, loop->spec, job, rates, (double)loop->poll_ms / 1000.0);
            err = loop_tick(loop, job, &arena, &reported_ms, &knowledge, score, error);
            if (err == KT_ERR_OK && loop->observe != NULL) {
                err = loop->observe(loop->observe_ctx, loop, job, &knowledge, rates, error);
            }
        }
    }
out:
    kt_sim_job_free(job);
    kt_arena_free(&arena);
    return err;
}
