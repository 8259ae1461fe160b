/* SPDX-License-Identifier: GPL-3.0-or-later
 * The closing of one window: everything lasting that the stage ever does.
 *
 * Every input is durable (the job's state, its histories, settings) or made of the window's events,
 * so that the same window closed after a crash has the same effects, to the byte. */
#include "model/closing.h"

#include "model/evidence_build.h"
#include "model/evidence_check.h"
#include "model/flow_order.h"

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
    bool valid;                           /* the gate let the window pass */
    bool kept_up;                         /* nothing in the job was backpressured */
    struct kt_vertex_knowledge *vertices; /* one per vertex of the summary */
    size_t learned;
    struct kt_job_state next; /* the job's state afterwards */
    struct kt_evidence evidence;
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
    run->valid = run->verdict.reason == KT_REASON_STEADY;
    return KT_ERR_OK;
}

/* No vertex that says so was backpressured, and at least one says. */
static bool job_kept_up(const struct run *run) {
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

static bool rate_is_sound(const struct kt_vertex_summary *vertex) {
    return KT_HAS(vertex, KT_SUM_RATE_IN) && vertex->rate_in_per_s <= KT_MEASURE_MAX;
}

static struct kt_history_owner owner_of(const struct run *run,
                                        const struct kt_vertex_summary *vertex) {
    return (struct kt_history_owner){run->partition, run->summary.cluster, run->summary.job_name,
                                     vertex->vertex_id};
}

static enum kt_err learn(struct run *run, struct kt_error *error) {
    for (size_t i = 0; i < run->summary.vertices.count; i++) {
        const struct kt_vertex_summary *vertex = &run->summary.vertices.items[i];
        if (!measurable(run, vertex)) {
            continue;
        }
        const struct kt_history_owner owner = owner_of(run, vertex);
        const struct kt_observation observation = {.ability = vertex->ability,
                                                   .busy = vertex->busy,
                                                   .lambda = vertex->rate_in_per_s,
                                                   .keep_up = run->kept_up ? KT_KEEP_UP_KEPT_UP
                                                                           : KT_KEEP_UP_UNKNOWN,
                                                   .generation = run->job->state.generation,
                                                   .window_end_ms = run->summary.end_ms};
        enum kt_err err =
            kt_history_add(run->closing->durable, &owner, vertex->name, vertex->parallelism,
                           &observation, run->settings->policy.top_k, run->arena, error);
        if (err == KT_ERR_INVALID) {
            continue; /* the hash of its id is another vertex's: it stays unlearned */
        }
        if (err != KT_ERR_OK) {
            return err;
        }
        run->vertices[i].learned = true;
        run->learned++;
    }
    return KT_ERR_OK;
}

/* Loads what is known of every vertex, this window included. */
static enum kt_err recall(struct run *run, struct kt_error *error) {
    const size_t count = run->summary.vertices.count;
    const size_t points_max = kt_evidence_points(count);
    for (size_t i = 0; i < count; i++) {
        const struct kt_history_owner owner = owner_of(run, &run->summary.vertices.items[i]);
        enum kt_err err =
            kt_history_load(run->closing->durable, &owner, run->settings->policy.top_k, points_max,
                            run->arena, &run->vertices[i].history, error);
        if (err != KT_ERR_OK) {
            return err;
        }
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
        remembered = remembered || run->vertices[i].history.count > 0;
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
    return run->verdict.text.data == NULL ? no_memory(error) : KT_ERR_OK;
}

/* ---- the job's next state ------------------------------------------------------------------- */

/* The operators after a valid window: those in it. λ is carried over where it did not show. */
static enum kt_err operators_of_window(struct run *run, struct kt_error *error) {
    const struct kt_job_state *old = &run->job->state;
    const size_t count = run->summary.vertices.count;
    struct kt_operator_state *items = kt_arena_array(run->arena, count, sizeof *items);
    if (items == NULL) {
        return no_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const struct kt_vertex_summary *vertex = &run->summary.vertices.items[i];
        items[i] = (struct kt_operator_state){.vertex_id = vertex->vertex_id,
                                              .name = kt_evidence_name(vertex->name),
                                              .parallelism = vertex->parallelism};
        const int64_t before = kt_operator_state_find(old, vertex->vertex_id, i);
        if (run->kept_up && rate_is_sound(vertex)) {
            items[i].lambda_known = vertex->rate_in_per_s;
            KT_SET(&items[i], KT_OPSTATE_LAMBDA_KNOWN);
        } else if (before >= 0 && KT_HAS(&old->operators.items[before], KT_OPSTATE_LAMBDA_KNOWN)) {
            items[i].lambda_known = old->operators.items[before].lambda_known;
            KT_SET(&items[i], KT_OPSTATE_LAMBDA_KNOWN);
        }
        if (vertex->parallelism > run->next.parallelism_peak) {
            run->next.parallelism_peak = vertex->parallelism;
        }
    }
    run->next.operators.items = items;
    run->next.operators.count = count;
    run->next.job_id = run->summary.job_id;
    return KT_ERR_OK;
}

/* The operators after an invalid window: as they were, but for how long each has been silent. */
static enum kt_err operators_kept(struct run *run, struct kt_error *error) {
    const struct kt_job_state *old = &run->job->state;
    const size_t count = old->operators.count;
    struct kt_operator_state *items = kt_arena_array(run->arena, count, sizeof *items);
    if (items == NULL) {
        return no_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = old->operators.items[i];
        if (kt_vertex_find(&run->summary, items[i].vertex_id, i) >= 0) {
            items[i].missed_windows = 0;
        } else if (items[i].missed_windows < KT_MISSED_WINDOWS_MAX) {
            items[i].missed_windows++;
        }
    }
    run->next.operators.items = items;
    if (count == 0) {
        run->next.job_id = run->summary.job_id;
    }
    return KT_ERR_OK;
}

/* Whether the pending command is done with: carried out, overtaken by somebody else, or expired. */
static bool pending_is_over(const struct run *run) {
    const struct kt_job_state *state = &run->job->state;
    if (run->summary.end_ms >= state->pending_until_ms) {
        return true;
    }
    if (!run->valid) {
        return false;
    }
    bool carried_out = true;
    for (size_t i = 0; i < state->pending.count; i++) {
        const struct kt_target *target = &state->pending.items[i];
        const int64_t at = kt_vertex_find(&run->summary, target->vertex_id, i);
        if (at < 0) {
            return true;
        }
        const int32_t parallelism = run->summary.vertices.items[at].parallelism;
        if (parallelism != target->to && parallelism != target->from) {
            return true;
        }
        carried_out = carried_out && parallelism == target->to;
    }
    return carried_out;
}

static void clear_pending(struct kt_job_state *state) {
    KT_CLEAR(state, KT_JOBSTATE_PENDING_COMMAND_ID);
    KT_CLEAR(state, KT_JOBSTATE_PENDING_UNTIL_MS);
    state->pending_command_id = (struct kt_str){NULL, 0};
    state->pending_until_ms = 0;
    state->pending.items = NULL;
    state->pending.count = 0;
}

/* The state that the window itself makes, before anything is decided. */
static enum kt_err next_state(struct run *run, struct kt_error *error) {
    run->next = run->job->state;
    run->next.closed_until_ms = run->summary.end_ms;
    run->next.ramp_windows =
        run->verdict.reason == KT_REASON_RAMP ? run->job->state.ramp_windows + 1 : 0;
    if (run->verdict.reason == KT_REASON_RESTARTED ||
        run->verdict.reason == KT_REASON_COUNTER_RESET) {
        run->next.restart_seen_ms = run->summary.end_ms;
        KT_SET(&run->next, KT_JOBSTATE_RESTART_SEEN_MS);
    }
    if (KT_HAS(&run->next, KT_JOBSTATE_PENDING_UNTIL_MS) && pending_is_over(run)) {
        clear_pending(&run->next);
    }
    return run->valid ? operators_of_window(run, error) : operators_kept(run, error);
}

/* Adds one to the restarts of the day, and drops those that are older. */
static enum kt_err remember_restart(struct run *run, struct kt_error *error) {
    struct kt_job_state *next = &run->next;
    const int64_t now_ms = run->summary.end_ms;
    const struct kt_job_state *old = &run->job->state;
    size_t begin = 0;
    while (begin < old->restarts_ms.count && (old->restarts_ms.items[begin] <= now_ms - KT_DAY_MS ||
                                              old->restarts_ms.count - begin >= KT_RESTARTS_MAX)) {
        begin++;
    }
    const size_t kept = old->restarts_ms.count - begin;
    next->restarts_ms.items = kt_arena_array(run->arena, kept + 1, sizeof(int64_t));
    if (next->restarts_ms.items == NULL) {
        return no_memory(error);
    }
    for (size_t i = 0; i < kept; i++) {
        next->restarts_ms.items[i] = old->restarts_ms.items[begin + i];
    }
    next->restarts_ms.items[kept] = now_ms;
    next->restarts_ms.count = kept + 1;
    return KT_ERR_OK;
}

/* Remembers a published rescale: when it was, and what it asks for. A dry run restarts nothing, so
 * that it takes nothing from the budget: it would fall silent, and the day after as well. */
static enum kt_err remember_rescale(struct run *run, struct kt_str command_id,
                                    struct kt_error *error) {
    struct kt_job_state *next = &run->next;
    const int64_t now_ms = run->summary.end_ms;
    next->last_rescale_ms = now_ms;
    KT_SET(next, KT_JOBSTATE_LAST_RESCALE_MS);
    if (!run->settings->policy.dry_run) {
        enum kt_err err = remember_restart(run, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    next->pending.items =
        kt_arena_array(run->arena, run->decision.operators.count, sizeof *next->pending.items);
    if (next->pending.items == NULL) {
        return no_memory(error);
    }
    next->pending.count = 0;
    for (size_t i = 0; i < run->decision.operators.count; i++) {
        const struct kt_operator_decision *op = &run->decision.operators.items[i];
        if (op->from != op->to) {
            next->pending.items[next->pending.count++] =
                (struct kt_target){op->vertex_id, op->from, op->to};
        }
    }
    next->pending_command_id = command_id;
    KT_SET(next, KT_JOBSTATE_PENDING_COMMAND_ID);
    next->pending_until_ms = now_ms + run->settings->policy.command_ttl_ms;
    KT_SET(next, KT_JOBSTATE_PENDING_UNTIL_MS);
    return KT_ERR_OK;
}

/* ---- decision and command ------------------------------------------------------------------- */

static enum kt_err decide(struct run *run, struct kt_error *error) {
    const struct kt_evidence_input input = {.summary = &run->summary,
                                            .verdict = run->verdict,
                                            .settings = run->settings,
                                            .state = &run->next,
                                            .vertices = run->vertices};
    enum kt_err err = kt_evidence_build(&input, run->arena, &run->evidence, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    struct kt_error why = {0};
    err = kt_decide(run->closing->decider, &run->evidence, run->arena, &run->decision, &why);
    if (err == KT_ERR_INVALID || err == KT_ERR_NUMERIC) {
        /* One job's odd numbers must not stop the partition: hold, and say it in public. */
        run->decision = (struct kt_decision){.kind = KT_COMMAND_HOLD,
                                             .phase = run->next.phase,
                                             .state = KT_STATE_UNKNOWN,
                                             .reason = KT_REASON_UNKNOWN};
        run->decision.reason_text = kt_arena_str(run->arena, kt_str_of(why.message));
        return run->decision.reason_text.data == NULL ? no_memory(error) : KT_ERR_OK;
    }
    return err == KT_ERR_OK ? err : kt_fail(error, err, "deciding: %s", why.message);
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
        enum kt_err err = remember_rescale(run, id, error);
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
    run->vertices = kt_arena_array(run->arena, run->summary.vertices.count, sizeof *run->vertices);
    if (run->vertices == NULL) {
        return no_memory(error);
    }
    enum kt_err err = check_gate(run, error);
    if (err == KT_ERR_OK) { /* behind the gate, which looks vertices up by the order of their ids */
        err = kt_flow_order(&run->summary, run->arena, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    run->kept_up = run->valid && job_kept_up(run);
    err = run->valid && !run->verdict.doubtful ? learn(run, error) : KT_ERR_OK;
    if (err == KT_ERR_OK && run->valid) { /* what was learned says nothing about a window held */
        err = recall(run, error);
    }
    if (err == KT_ERR_OK && run->valid) {
        err = check_usable(run, error);
    }
    if (err == KT_ERR_OK) {
        err = next_state(run, error);
    }
    if (err == KT_ERR_OK) {
        err = decide(run, error);
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
