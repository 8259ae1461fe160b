/* SPDX-License-Identifier: GPL-3.0-or-later
 * The closing of one window: everything lasting that the stage ever does.
 *
 * Every input is durable (the job's state, its histories, settings) or made of the window's events,
 * so that the same window closed after a crash has the same effects, to the byte. */
#include "model/closing.h"

#include "model/evidence_build.h"
#include "model/evidence_check.h"
#include "model/flow_order.h"
#include "model/history.h"
#include "model/keep_up.h"
#include "model/next_state.h"
#include "model/warm_start.h"

#include <stdio.h>
#include <uuid/uuid.h>

/* The namespace of command ids (UUIDv5). */
static const uuid_t id_namespace = {0x8f, 0x30, 0x4c, 0x74, 0x95, 0xfc, 0x46, 0x5a,
                                    0xb9, 0x15, 0x70, 0xea, 0x66, 0x24, 0x5b, 0x41};

/* One closing under way. */
struct run {
    struct kt_closing *closing;
    struct kt_arena *arena;
    uint32_t partition;
    struct kt_job *job;
    const struct kt_job_settings *settings;
    struct kt_window_summary summary;
    struct kt_verdict verdict;
    struct kt_next_input window; /* what the window was, for the state that follows */
    size_t learned;
    struct kt_job_state next;    /* the job's state afterwards */
    struct kt_evidence evidence; /* its operators are the vertices of the summary, in order */
    struct kt_kept *kept;        /* of each operator, what the window proved; NULL: nothing */
    struct kt_decision decision;
};

static enum kt_err no_memory(struct kt_error *error) {
    return kt_fail(error, KT_ERR_NOMEM, "no memory to close a window");
}

/* ---- gate ------------------------------------------------------------------------------------ */

/* The vertices that must be there. After a resubmission only what the window shows: the new job may
 * have another graph. */
static enum kt_err check_gate(struct run *run, struct kt_error *error) {
    const struct kt_job_state *state = &run->job->state;
    struct kt_str *expected = kt_arena_array(run->arena, state->operators.count, sizeof *expected);
    if (expected == NULL) {
        return no_memory(error);
    }
    size_t count = 0;
    if (kt_str_equal(state->job_id, run->summary.job_id)) {
        for (size_t i = 0; i < state->operators.count; i++) {
            const struct kt_operator_state *op = &state->operators.items[i];
            if (op->missed_windows < KT_MISSED_WINDOWS_MAX) {
                expected[count++] = op->vertex_id;
            }
        }
    }
    const struct kt_gate_past past = {.expected = expected,
                                      .expected_count = count,
                                      .ramp_windows = state->ramp_windows,
                                      .restart_seen = KT_HAS(state, KT_JOBSTATE_RESTART_SEEN_MS),
                                      .restart_seen_ms = state->restart_seen_ms};
    run->verdict = kt_gate_check(&run->summary, &run->closing->settings->gate, &past, run->arena);
    return KT_ERR_OK;
}

/* No vertex that says so was backpressured, and at least one says. */
static bool load_showed(const struct run *run) {
    const double threshold = run->settings->policy.backpressure_threshold;
    bool known = false;
    for (size_t i = 0; i < run->summary.vertices.count; i++) {
        const struct kt_vertex_summary *vertex = &run->summary.vertices.items[i];
        if (KT_HAS(vertex, KT_SUM_BACKPRESSURED)) {
            known = true;
            if (!(vertex->backpressured < threshold)) {
                return false;
            }
        }
    }
    return known;
}

/* ---- learning -------------------------------------------------------------------------------- */

/* Nothing is remembered that the evidence of later decisions could not carry: one absurd value
 * would stop them all. */
static bool measurable(const struct run *run, const struct kt_vertex_summary *vertex) {
    return KT_HAS(vertex, KT_SUM_ABILITY) && KT_HAS(vertex, KT_SUM_BUSY) &&
           KT_HAS(vertex, KT_SUM_RATE_IN) && vertex->parallelism >= 1 &&
           vertex->busy >= run->settings->policy.busy_min && vertex->busy <= KT_SHARE_MAX &&
           vertex->ability > 0 && vertex->ability <= KT_MEASURE_MAX;
}

static struct kt_history_owner owner_of(const struct run *run,
                                        const struct kt_vertex_summary *vertex) {
    return (struct kt_history_owner){run->partition, run->summary.cluster, run->summary.job_name,
                                     vertex->vertex_id};
}

/* What the window proved of each operator; nothing, where the graph has no order. */
static enum kt_err assess(struct run *run, struct kt_error *error) {
    struct kt_topology topology;
    enum kt_err err = kt_topology_build(&run->evidence, run->arena, &topology, error);
    if (err == KT_ERR_INVALID) {
        return KT_ERR_OK; /* the decision will say so */
    }
    if (err == KT_ERR_OK) {
        err = kt_keep_up_assess(&run->evidence, &topology, run->arena, &run->kept, error);
    }
    for (size_t i = 0; err == KT_ERR_OK && i < run->evidence.operators.count; i++) {
        run->evidence.operators.items[i].keep_up = run->kept[i].keep_up;
    }
    return err;
}

/* The observation of one vertex. That it fell behind is worth remembering only with the load that
 * it fell behind of. */
static struct kt_observation observe(const struct run *run, size_t i) {
    const struct kt_vertex_summary *vertex = &run->summary.vertices.items[i];
    const bool lambda_known = run->kept != NULL && run->kept[i].lambda >= 0;
    return (struct kt_observation){
        .ability = run->evidence.operators.items[i].ability, /* as skew leaves it */
        .busy = vertex->busy,
        .lambda = lambda_known ? run->kept[i].lambda : vertex->rate_in_per_s,
        .keep_up = lambda_known ? run->kept[i].keep_up : KT_KEEP_UP_UNKNOWN,
        .generation = run->job->state.generation,
        .window_end_ms = run->summary.end_ms};
}

static enum kt_err learn(struct run *run, struct kt_error *error) {
    for (size_t i = 0; i < run->summary.vertices.count; i++) {
        const struct kt_vertex_summary *vertex = &run->summary.vertices.items[i];
        if (!measurable(run, vertex)) {
            continue;
        }
        const struct kt_history_owner owner = owner_of(run, vertex);
        const struct kt_observation observation = observe(run, i);
        enum kt_err err =
            kt_history_add(run->closing->durable, &owner, vertex->name, vertex->parallelism,
                           &observation, run->settings->policy.top_k, run->arena, error);
        if (err == KT_ERR_INVALID) {
            continue; /* the hash of its id is another vertex's: it stays unlearned */
        }
        if (err != KT_ERR_OK) {
            return err;
        }
        run->evidence.operators.items[i].learned = true;
        run->learned++;
    }
    const struct kt_ablation *ablation = run->closing->settings->ablation;
    if (ablation == NULL || !ablation->no_ratios) {
        kt_next_learn_ratios(&run->evidence,
                             run->kept != NULL &&
                                 kt_keep_up_all(run->kept, run->evidence.operators.count),
                             &run->next);
    }
    return kt_next_learn_lag(&run->window, &run->evidence, &run->next, error);
}

/* Loads what is known of every vertex, this window included. */
static enum kt_err recall(struct run *run, struct kt_error *error) {
    const struct kt_ablation *ablation = run->closing->settings->ablation;
    const size_t count = run->summary.vertices.count;
    struct kt_history_query query = {.top_k = run->settings->policy.top_k,
                                     .points_max = kt_evidence_points(count),
                                     .groups_max = kt_evidence_groups(count),
                                     .window_end_ms = run->summary.end_ms,
                                     .as_measured = ablation != NULL && ablation->no_clamp};
    for (size_t i = 0; i < count; i++) {
        struct kt_operator_evidence *op = &run->evidence.operators.items[i];
        const struct kt_history_owner owner = owner_of(run, &run->summary.vertices.items[i]);
        struct kt_history_found found;
        query.change_points_ms = op->change_points_ms.items;
        query.change_points = op->change_points_ms.count;
        enum kt_err err =
            kt_history_load(run->closing->durable, &owner, &query, run->arena, &found, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        op->history.items = found.points.items;
        op->history.count = found.points.count;
        op->groups.items = found.groups.items;
        op->groups.count = found.groups.count;
    }
    return KT_ERR_OK;
}

/* A window that passed the gate may still have nothing to decide by: no vertex told both its rate
 * and its busy time, or none was busy enough to measure and nothing was ever learned. */
static enum kt_err check_usable(struct run *run, struct kt_error *error) {
    const struct kt_vertex_summary *busiest = NULL;
    bool remembered = run->learned > 0 || run->verdict.doubtful;
    for (size_t i = 0; i < run->summary.vertices.count; i++) {
        const struct kt_vertex_summary *vertex = &run->summary.vertices.items[i];
        remembered = remembered || run->evidence.operators.items[i].history.count > 0;
        if (KT_HAS(vertex, KT_SUM_RATE_IN) && KT_HAS(vertex, KT_SUM_BUSY) &&
            (busiest == NULL || vertex->busy > busiest->busy)) {
            busiest = vertex;
        }
    }
    if (busiest != NULL && remembered) {
        return KT_ERR_OK;
    }
    run->verdict.reason = KT_REASON_BUSY_TOO_LOW;
    run->verdict.text =
        busiest == NULL
            ? kt_arena_str(run->arena, KT_STR("no vertex reported both a rate and a busy time"))
            : kt_arena_printf(run->arena,
                              "the busiest vertex '%.*s' was busy for %.4f of the time, less than "
                              "%.4f, and nothing was learned before",
                              KT_STR_ARG(busiest->name), busiest->busy,
                              run->settings->policy.busy_min);
    run->evidence.gate = run->verdict.reason;
    run->evidence.gate_text = run->verdict.text;
    return run->verdict.text.data == NULL ? no_memory(error) : KT_ERR_OK;
}

static struct kt_warm_start cluster_of(const struct run *run) {
    return (struct kt_warm_start){run->closing->durable, run->partition, run->summary.cluster,
                                  run->arena};
}

/* What the window proved and taught; a window that is held does neither. */
static enum kt_err learn_and_recall(struct run *run, struct kt_error *error) {
    enum kt_err err = assess(run, error);
    if (err == KT_ERR_OK && !run->verdict.doubtful) {
        err = learn(run, error);
    }
    if (err == KT_ERR_OK && !run->verdict.doubtful) {
        err = kt_next_note_loads(&run->window, &run->evidence, &run->next, error);
    }
    if (err == KT_ERR_OK) {
        err = recall(run, error);
    }
    if (err == KT_ERR_OK) {
        const struct kt_warm_start cluster = cluster_of(run);
        err = kt_warm_start_take(&cluster, &run->evidence, error);
    }
    return err == KT_ERR_OK ? check_usable(run, error) : err;
}

/* ---- decision and command ------------------------------------------------------------------- */

static enum kt_err build_evidence(struct run *run, struct kt_error *error) {
    const struct kt_evidence_input input = {.summary = &run->summary,
                                            .verdict = run->verdict,
                                            .settings = run->settings,
                                            .state = &run->next};
    return kt_evidence_build(&input, run->arena, &run->evidence, error);
}

static enum kt_err decide(struct run *run, struct kt_error *error) {
    struct kt_error why = {0};
    enum kt_err err =
        kt_decide(run->closing->decider, &run->evidence, run->arena, &run->decision, &why);
    if (err == KT_ERR_INVALID || err == KT_ERR_NUMERIC) {
        /* One job's odd numbers must not stop the partition: hold, and say it in public. */
        run->decision = (struct kt_decision){.kind = KT_COMMAND_HOLD,
                                             .phase = run->next.phase,
                                             .state = KT_STATE_UNKNOWN,
                                             .reason = KT_REASON_UNKNOWN};
        run->decision.reason_text = kt_arena_str(run->arena, kt_str_of(why.message));
        return run->decision.reason_text.data == NULL ? no_memory(error) : KT_ERR_OK;
    }
    if (err != KT_ERR_OK) {
        return kt_fail(error, err, "deciding: %s", why.message);
    }
    return run->window.valid
               ? kt_next_decided(&run->window, &run->evidence, &run->decision, &run->next, error)
               : KT_ERR_OK;
}

/* A job that has come to rest tells its cluster's others what it showed, once. */
static enum kt_err tell_others(struct run *run, struct kt_error *error) {
    const struct kt_decision *decision = &run->decision;
    if (!run->window.valid || run->next.gave_laws || decision->kind != KT_COMMAND_HOLD ||
        decision->reason != KT_REASON_STEADY || decision->phase != KT_PHASE_STEADY) {
        return KT_ERR_OK;
    }
    const struct kt_warm_start cluster = cluster_of(run);
    return kt_warm_start_give(&cluster, kt_decider_scaling(run->closing->decider), &run->evidence,
                              &run->next.gave_laws, error);
}

/* UUIDv5 of job, generation and window end: a replay repeats it. */
static struct kt_str command_id(struct run *run) {
    const struct kt_str name =
        kt_arena_printf(run->arena, "%.*s/%.*s/%lld/%lld", KT_STR_ARG(run->summary.cluster),
                        KT_STR_ARG(run->summary.job_name), (long long)run->next.generation,
                        (long long)run->summary.end_ms);
    char *text = kt_arena_alloc(run->arena, UUID_STR_LEN);
    if (name.data == NULL || text == NULL) {
        return (struct kt_str){NULL, 0};
    }
    uuid_t id;
    uuid_generate_sha1(id, id_namespace, name.data, name.len);
    uuid_unparse_lower(id, text);
    return (struct kt_str){text, UUID_STR_LEN - 1};
}

static enum kt_err publish(struct run *run, struct kt_error *error) {
    const struct kt_decision *decision = &run->decision;
    run->next.phase = decision->phase;
    const bool rescale = decision->kind != KT_COMMAND_HOLD;
    const bool first = run->job->state.closed_until_ms == INT64_MIN; /* no reason was said yet */
    if (!rescale && !first && decision->reason == run->job->state.last_reason) {
        return KT_ERR_OK; /* said before */
    }
    run->next.last_reason = decision->reason;
    run->next.generation += rescale ? 1 : 0;
    const struct kt_str id = command_id(run);
    if (id.data == NULL) {
        return no_memory(error);
    }
    struct kt_rescale_command command = {
        .command_id = id,
        .kind = decision->kind,
        .policy = run->settings->policy.policy,
        .cluster = run->summary.cluster,
        .job_name = run->summary.job_name,
        .job_id = run->summary.job_id,
        .generation = run->next.generation,
        .window_start_ms = run->summary.start_ms,
        .window_end_ms = run->summary.end_ms,
        .decided_at_ms = run->summary.end_ms,
        .expires_at_ms = run->summary.end_ms + run->settings->policy.command_ttl_ms,
        .dry_run = run->settings->policy.dry_run,
        .phase = decision->phase,
        .state = decision->state,
        .reason = decision->reason,
        .reason_text = decision->reason_text,
        .evidence = run->evidence,
    };
    command.operators.items = decision->operators.items;
    command.operators.count = decision->operators.count;
    if (rescale) {
        enum kt_err err = kt_next_rescale(&run->window, id, decision, &run->next, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    struct kt_stage_counters *counters = run->closing->counters;
    counters->rescales += rescale ? 1 : 0;
    counters->holds += rescale ? 0 : 1;
    return run->closing->sink.command(run->closing->sink.ctx, &command, error);
}

/* From the summary to the job's new state; the window itself is done with. */
static enum kt_err run_steps(struct run *run, struct kt_error *error) {
    run->settings =
        kt_settings_find(run->closing->settings, run->summary.cluster, run->summary.job_name);
    enum kt_err err = check_gate(run, error);
    if (err == KT_ERR_OK) { /* behind the gate, which looks vertices up by the order of their ids */
        err = kt_flow_order(&run->summary, run->arena, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    const bool valid = run->verdict.reason == KT_REASON_STEADY;
    run->window = (struct kt_next_input){.before = &run->job->state,
                                         .summary = &run->summary,
                                         .settings = run->settings,
                                         .gate = run->verdict.reason,
                                         .valid = valid,
                                         .load_showed = valid && load_showed(run),
                                         .arena = run->arena};
    err = kt_next_state(&run->window, &run->next, error);
    if (err == KT_ERR_OK) {
        err = build_evidence(run, error);
    }
    if (err == KT_ERR_OK && valid) {
        err = learn_and_recall(run, error);
    }
    if (err == KT_ERR_OK) {
        err = decide(run, error);
    }
    if (err == KT_ERR_OK) {
        err = tell_others(run, error);
    }
    return err == KT_ERR_OK ? publish(run, error) : err;
}

enum kt_err kt_closing_run(struct kt_closing *closing, uint32_t partition, struct kt_job *job,
                           const struct kt_window *window, struct kt_error *error) {
    kt_arena_reset(&closing->arena);
    struct run run = {
        .closing = closing, .arena = &closing->arena, .partition = partition, .job = job};
    enum kt_err err = kt_window_summarise(window, run.arena, &run.summary, error);
    if (err == KT_ERR_OK) {
        err = run_steps(&run, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_durable_put(closing->durable, KT_DURABLE_JOB, kt_job_key(job, partition),
                             &run.next, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_job_reload(job, partition, closing->durable, error);
    }
    if (err != KT_ERR_OK) {
        return kt_fail_in(error, err, "job '%.*s/%.*s', window ending at %lld",
                          KT_STR_ARG(run.summary.cluster), KT_STR_ARG(run.summary.job_name),
                          (long long)kt_window_end_ms(window));
    }
    closing->counters->windows++;
    closing->counters->held += run.verdict.reason == KT_REASON_STEADY ? 0 : 1;
    closing->counters->learned += (int64_t)run.learned;
    return KT_ERR_OK;
}
