/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state of a job after a window. */
#include "model/next_state.h"

#include "model/demand.h"
#include "model/evidence_build.h"
#include "model/evidence_check.h"
#include "model/lag.h"

#include <math.h>

static enum kt_err no_memory(struct kt_error *error) {
    return kt_fail(error, KT_ERR_NOMEM, "no memory for the state of a job");
}

static bool rate_is_sound(const struct kt_vertex_summary *vertex) {
    return KT_HAS(vertex, KT_SUM_RATE_IN) && vertex->rate_in_per_s <= KT_MEASURE_MAX;
}

/* The largest load comes down to what shows by the window's share of KT_PEAK_MEMORY_MS. */
static void remember_peak(const struct kt_window_summary *window, double rate,
                          struct kt_operator_state *state) {
    const double before = KT_HAS(state, KT_OPSTATE_LAMBDA_PEAK) ? state->lambda_peak : 0;
    const double share = (double)(window->end_ms - window->start_ms) / KT_PEAK_MEMORY_MS;
    state->lambda_peak = rate >= before ? rate : before - fmin(share, 1) * (before - rate);
    KT_SET(state, KT_OPSTATE_LAMBDA_PEAK);
}

/* The operators after a valid window: those in it. λ is carried over where it did not show. */
static enum kt_err operators_of_window(const struct kt_next_input *input, struct kt_job_state *next,
                                       struct kt_error *error) {
    const struct kt_job_state *old = input->before;
    const size_t count = input->summary->vertices.count;
    struct kt_operator_state *items = kt_arena_array(input->arena, count, sizeof *items);
    if (items == NULL) {
        return no_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const struct kt_vertex_summary *vertex = &input->summary->vertices.items[i];
        const int64_t before = kt_operator_state_find(old, vertex->vertex_id, i);
        if (before >= 0) {
            items[i] = old->operators.items[before];
        }
        items[i].vertex_id = vertex->vertex_id;
        items[i].name = kt_evidence_name(vertex->name);
        items[i].parallelism = vertex->parallelism;
        items[i].missed_windows = 0;
        if (input->load_showed && rate_is_sound(vertex)) {
            items[i].lambda_known = vertex->rate_in_per_s;
            KT_SET(&items[i], KT_OPSTATE_LAMBDA_KNOWN);
            remember_peak(input->summary, vertex->rate_in_per_s, &items[i]);
        }
        if (vertex->parallelism > next->parallelism_peak) {
            next->parallelism_peak = vertex->parallelism;
        }
    }
    next->operators.items = items;
    next->operators.count = count;
    next->job_id = input->summary->job_id;
    return KT_ERR_OK;
}

/* The operators after an invalid window: as they were, but for how long each has been silent. */
static enum kt_err operators_kept(const struct kt_next_input *input, struct kt_job_state *next,
                                  struct kt_error *error) {
    const struct kt_job_state *old = input->before;
    const size_t count = old->operators.count;
    struct kt_operator_state *items = kt_arena_array(input->arena, count, sizeof *items);
    if (items == NULL) {
        return no_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = old->operators.items[i];
        if (kt_vertex_find(input->summary, items[i].vertex_id, i) >= 0) {
            items[i].missed_windows = 0;
        } else if (items[i].missed_windows < KT_MISSED_WINDOWS_MAX) {
            items[i].missed_windows++;
        }
    }
    next->operators.items = items;
    if (count == 0) {
        next->job_id = input->summary->job_id;
    }
    return KT_ERR_OK;
}

/* Whether the pending command is done with: carried out, overtaken by somebody else, or expired. */
static bool pending_is_over(const struct kt_next_input *input) {
    const struct kt_job_state *state = input->before;
    if (input->summary->end_ms >= state->pending_until_ms) {
        return true;
    }
    if (!input->valid) {
        return false;
    }
    bool carried_out = true;
    for (size_t i = 0; i < state->pending.count; i++) {
        const struct kt_target *target = &state->pending.items[i];
        const int64_t at = kt_vertex_find(input->summary, target->vertex_id, i);
        if (at < 0) {
            return true;
        }
        const int32_t parallelism = input->summary->vertices.items[at].parallelism;
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

enum kt_err kt_next_state(const struct kt_next_input *input, struct kt_job_state *next,
                          struct kt_error *error) {
    *next = *input->before;
    next->closed_until_ms = input->summary->end_ms;
    next->ramp_windows = input->gate == KT_REASON_RAMP ? input->before->ramp_windows + 1 : 0;
    if (input->gate == KT_REASON_RESTARTED || input->gate == KT_REASON_COUNTER_RESET) {
        next->restart_seen_ms = input->summary->end_ms;
        KT_SET(next, KT_JOBSTATE_RESTART_SEEN_MS);
    }
    if (KT_HAS(next, KT_JOBSTATE_PENDING_UNTIL_MS) && pending_is_over(input)) {
        clear_pending(next);
    }
    return input->valid ? operators_of_window(input, next, error)
                        : operators_kept(input, next, error);
}

/* ---- what was learned and decided -------------------------------------------------------------
 */

/* One window more of a ratio; false: nothing is known of it yet. */
static bool learn_ratio(double numerator, double denominator, double *value, double *base_per_s,
                        int32_t *windows) {
    const struct kt_ratio ratio =
        kt_ratio_learn((struct kt_ratio){*value, *base_per_s, *windows}, numerator, denominator);
    *value = ratio.value;
    *base_per_s = ratio.base_per_s;
    *windows = ratio.windows;
    return ratio.windows > 0;
}

void kt_next_learn_ratios(struct kt_evidence *evidence, bool kept_up, struct kt_job_state *next) {
    for (size_t i = 0; i < next->operators.count; i++) {
        struct kt_operator_evidence *op = &evidence->operators.items[i];
        struct kt_operator_state *state = &next->operators.items[i];
        double numerator = 0;
        double denominator = 0;
        if (kt_demand_selectivity(op, &numerator, &denominator) &&
            learn_ratio(numerator, denominator, &state->selectivity, &state->selectivity_base_per_s,
                        &state->selectivity_windows)) {
            KT_SET(state, KT_OPSTATE_SELECTIVITY);
            op->selectivity = state->selectivity;
            KT_SET(op, KT_OPEV_SELECTIVITY);
        }
        if (kept_up && kt_demand_input_ratio(evidence, op, &numerator, &denominator) &&
            learn_ratio(numerator, denominator, &state->input_ratio, &state->input_ratio_base_per_s,
                        &state->input_ratio_windows)) {
            KT_SET(state, KT_OPSTATE_INPUT_RATIO);
            op->input_ratio = state->input_ratio;
            KT_SET(op, KT_OPEV_INPUT_RATIO);
        }
    }
}

enum kt_err kt_next_learn_lag(const struct kt_next_input *input, const struct kt_evidence *evidence,
                              struct kt_job_state *next, struct kt_error *error) {
    if (KT_HAS(next, KT_JOBSTATE_PENDING_UNTIL_MS)) {
        return KT_ERR_OK; /* the window before the rescale stays the one to compare with */
    }
    const struct kt_lag_window window = {.start_ms = input->summary->start_ms,
                                         .end_ms = input->summary->end_ms,
                                         .generation = next->generation};
    for (size_t i = 0; i < next->operators.count; i++) {
        enum kt_err err = kt_lag_learn(evidence, &evidence->operators.items[i], &window,
                                       input->arena, &next->operators.items[i], error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_next_note_loads(const struct kt_next_input *input, struct kt_evidence *evidence,
                               struct kt_job_state *next, struct kt_error *error) {
    for (size_t i = 0; i < next->operators.count; i++) {
        struct kt_operator_evidence *op = &evidence->operators.items[i];
        struct kt_operator_state *state = &next->operators.items[i];
        const double lambda = op->is_source ? kt_demand_of_source(evidence, op) : KT_DEMAND_UNKNOWN;
        if (!(lambda > 0)) {
            continue;
        }
        double *items =
            kt_arena_append(input->arena, state->loads_per_s.items, &state->loads_per_s.count,
                            sizeof lambda, KT_LOADS_MAX, &lambda);
        if (items == NULL) {
            return no_memory(error);
        }
        state->loads_per_s.items = items;
        op->loads_per_s.items = items;
        op->loads_per_s.count = state->loads_per_s.count;
    }
    return KT_ERR_OK;
}

/* This window begins a new level: at most KT_CHANGE_POINTS_MAX are remembered, the newest ones. */
static enum kt_err add_change_point(const struct kt_next_input *input,
                                    struct kt_operator_state *state, struct kt_error *error) {
    const size_t count = state->change_points_ms.count;
    const int64_t now_ms = input->summary->end_ms;
    if (count > 0 && state->change_points_ms.items[count - 1] >= now_ms) {
        return KT_ERR_OK;
    }
    int64_t *items =
        kt_arena_append(input->arena, state->change_points_ms.items, &state->change_points_ms.count,
                        sizeof now_ms, KT_CHANGE_POINTS_MAX, &now_ms);
    if (items == NULL) {
        return no_memory(error);
    }
    state->change_points_ms.items = items;
    return KT_ERR_OK;
}

enum kt_err kt_next_decided(const struct kt_next_input *input, const struct kt_evidence *evidence,
                            const struct kt_decision *decision, struct kt_job_state *next,
                            struct kt_error *error) {
    const bool decided =
        decision->kind == KT_COMMAND_RESCALE || decision->reason == KT_REASON_STEADY;
    const bool is_new =
        decided && kt_demand_is_new(evidence, decision->operators.items, decision->operators.count);
    for (size_t i = 0; i < decision->operators.count; i++) {
        const struct kt_operator_decision *op = &decision->operators.items[i];
        struct kt_operator_state *state = &next->operators.items[i];
        if (is_new && KT_HAS(op, KT_OPDEC_LAMBDA)) {
            state->lambda_decided = op->lambda;
            KT_SET(state, KT_OPSTATE_LAMBDA_DECIDED);
        }
        if (op->change_point) {
            enum kt_err err = add_change_point(input, state, error);
            if (err != KT_ERR_OK) {
                return err;
            }
        }
    }
    return KT_ERR_OK;
}

/* Adds one to the restarts of the day, and drops those that are older. */
static enum kt_err remember_restart(const struct kt_next_input *input, struct kt_job_state *next,
                                    struct kt_error *error) {
    const int64_t now_ms = input->summary->end_ms;
    const int64_t *recent = input->before->restarts_ms.items;
    size_t count = input->before->restarts_ms.count;
    while (count > 0 && *recent <= now_ms - KT_DAY_MS) {
        recent++;
        count--;
    }
    int64_t *items =
        kt_arena_append(input->arena, recent, &count, sizeof now_ms, KT_RESTARTS_MAX, &now_ms);
    if (items == NULL) {
        return no_memory(error);
    }
    next->restarts_ms.items = items;
    next->restarts_ms.count = count;
    return KT_ERR_OK;
}

enum kt_err kt_next_rescale(const struct kt_next_input *input, struct kt_str command_id,
                            const struct kt_decision *decision, struct kt_job_state *next,
                            struct kt_error *error) {
    const int64_t now_ms = input->summary->end_ms;
    next->last_rescale_ms = now_ms;
    KT_SET(next, KT_JOBSTATE_LAST_RESCALE_MS);
    if (!input->settings->policy.dry_run) {
        enum kt_err err = remember_restart(input, next, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    next->pending.items =
        kt_arena_array(input->arena, decision->operators.count, sizeof *next->pending.items);
    if (next->pending.items == NULL) {
        return no_memory(error);
    }
    next->pending.count = 0;
    for (size_t i = 0; i < decision->operators.count; i++) {
        const struct kt_operator_decision *op = &decision->operators.items[i];
        if (op->from != op->to) {
            next->pending.items[next->pending.count++] =
                (struct kt_target){op->vertex_id, op->from, op->to};
        }
    }
    next->pending_command_id = command_id;
    KT_SET(next, KT_JOBSTATE_PENDING_COMMAND_ID);
    next->pending_until_ms = now_ms + input->settings->policy.command_ttl_ms;
    KT_SET(next, KT_JOBSTATE_PENDING_UNTIL_MS);
    return KT_ERR_OK;
}
