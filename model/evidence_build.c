/* SPDX-License-Identifier: GPL-3.0-or-later
 * Builds the evidence of one decision from a window, the histories, the job's state and its
 * settings. */
#include "model/evidence_build.h"

#include "model/evidence_check.h"
#include "model/lag.h"

#include <math.h>

/* What each of so many operators gets of a total: all that one can use, or its share. */
static size_t share_of(size_t operators, size_t each_max, size_t total_max) {
    if (operators * each_max <= total_max) {
        return each_max;
    }
    const size_t share = total_max / operators;
    return share > 0 ? share : 1;
}

size_t kt_evidence_points(size_t operators) {
    return share_of(operators, KT_HISTORY_POINTS_MAX, KT_EVIDENCE_POINTS_MAX);
}

size_t kt_evidence_groups(size_t operators) {
    return share_of(operators, KT_GROUPS_MAX, KT_EVIDENCE_GROUPS_MAX);
}

int64_t kt_operator_state_find(const struct kt_job_state *state, struct kt_str vertex_id,
                               size_t hint) {
    const size_t count = state->operators.count;
    for (size_t i = 0; i < count; i++) {
        const size_t at = (hint + i) % count;
        if (kt_str_equal(state->operators.items[at].vertex_id, vertex_id)) {
            return (int64_t)at;
        }
    }
    return -1;
}

int64_t kt_vertex_find(const struct kt_window_summary *summary, struct kt_str vertex_id,
                       size_t hint) {
    const size_t count = summary->vertices.count;
    for (size_t i = 0; i < count; i++) {
        const size_t at = (hint + i) % count;
        if (kt_str_equal(summary->vertices.items[at].vertex_id, vertex_id)) {
            return (int64_t)at;
        }
    }
    return -1;
}

struct kt_str kt_evidence_name(struct kt_str name) {
    if (name.len > KT_EVIDENCE_NAME_BYTES) {
        name.len = KT_EVIDENCE_NAME_BYTES;
        while (name.len > 0 && ((unsigned char)name.data[name.len] & 0xC0) == 0x80) {
            name.len--;
        }
    }
    return name;
}

static const struct {
    int from; /* enum kt_summary_field */
    int to;   /* enum kt_operator_evidence_field */
    size_t from_offset;
    size_t to_offset;
    double min;
    double max;
} measures[] = {
#define MEASURE(from, to, member, low, high)                                                       \
    {                                                                                              \
        KT_SUM_##from, KT_OPEV_##to, offsetof(struct kt_vertex_summary, member),                   \
            offsetof(struct kt_operator_evidence, member), low, high                               \
    }
    MEASURE(RATE_IN, RATE_IN_PER_S, rate_in_per_s, 0, KT_MEASURE_MAX),
    MEASURE(RATE_OUT, RATE_OUT_PER_S, rate_out_per_s, 0, KT_MEASURE_MAX),
    MEASURE(BUSY, BUSY, busy, 0, KT_SHARE_MAX),
    MEASURE(BUSY, BUSY_MAX, busy_max, 0, KT_SHARE_MAX),
    MEASURE(BACKPRESSURED, BACKPRESSURED, backpressured, 0, KT_SHARE_MAX),
    MEASURE(IDLE, IDLE, idle, 0, KT_SHARE_MAX),
    MEASURE(CPU_LOAD, CPU_LOAD, cpu_load, 0, KT_SHARE_MAX),
    MEASURE(PENDING, PENDING_RECORDS, pending_records, 0, KT_MEASURE_MAX),
    MEASURE(PENDING_GROWTH, PENDING_GROWTH_PER_S, pending_growth_per_s, -KT_MEASURE_MAX,
            KT_MEASURE_MAX),
    MEASURE(ABILITY, ABILITY, ability, 0, KT_MEASURE_MAX),
#undef MEASURE
};

static void copy_measures(const struct kt_vertex_summary *vertex, struct kt_operator_evidence *op) {
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++) {
        double value = 0;
        memcpy(&value, (const char *)vertex + measures[i].from_offset, sizeof value);
        if (KT_HAS(vertex, measures[i].from) && value >= measures[i].min &&
            value <= measures[i].max) {
            memcpy((char *)op + measures[i].to_offset, &value, sizeof value);
            KT_SET(op, measures[i].to);
        }
    }
}

/* Work that is spread unevenly ends when the busiest subtask is busy all the time: what the
 * operator is able to do then is its rate over that subtask's share. Small differences between
 * subtasks are chance, and the largest of many would be taken for the rule. */
#define SKEW_MIN       1.2 /* times the mean share */
#define SKEW_SHARE_MIN 0.1 /* of the time */
static void limit_by_skew(struct kt_operator_evidence *op) {
    if (KT_HAS(op, KT_OPEV_ABILITY) && KT_HAS(op, KT_OPEV_BUSY) && KT_HAS(op, KT_OPEV_BUSY_MAX) &&
        op->busy_max > SKEW_MIN * op->busy && op->busy_max > op->busy + SKEW_SHARE_MIN) {
        op->ability *= op->busy / op->busy_max;
    }
}

/* What the configuration says of this vertex. */
static void copy_bounds(const struct kt_job_settings *settings,
                        const struct kt_vertex_summary *vertex, struct kt_operator_evidence *op) {
    op->min_allowed = settings->policy.min_parallelism;
    op->max_allowed = settings->policy.max_parallelism;
    const struct kt_vertex_rule *rule = kt_settings_rule(settings, vertex->vertex_id, vertex->name);
    if (rule == NULL) {
        return;
    }
    if (rule->min_parallelism > 0) {
        op->min_allowed = rule->min_parallelism;
    }
    if (rule->max_parallelism > 0) {
        op->max_allowed = rule->max_parallelism;
    }
    if (rule->pinned > 0) {
        op->pinned = rule->pinned;
        KT_SET(op, KT_OPEV_PINNED);
    }
}

/* What is remembered of the operator. */
static void copy_state(const struct kt_operator_state *state, struct kt_operator_evidence *op) {
    if (op->parallelism == 0) {
        op->parallelism = state->parallelism; /* an invalid window: what it had before */
    }
    if (KT_HAS(state, KT_OPSTATE_LAMBDA_KNOWN)) {
        op->lambda_known = state->lambda_known;
        KT_SET(op, KT_OPEV_LAMBDA_KNOWN);
    }
    if (KT_HAS(state, KT_OPSTATE_SELECTIVITY)) {
        op->selectivity = state->selectivity;
        KT_SET(op, KT_OPEV_SELECTIVITY);
    }
    if (KT_HAS(state, KT_OPSTATE_INPUT_RATIO)) {
        op->input_ratio = state->input_ratio;
        KT_SET(op, KT_OPEV_INPUT_RATIO);
    }
    if (KT_HAS(state, KT_OPSTATE_LAMBDA_DECIDED)) {
        op->lambda_decided = state->lambda_decided;
        KT_SET(op, KT_OPEV_LAMBDA_DECIDED);
    }
    if (KT_HAS(state, KT_OPSTATE_LAMBDA_PEAK)) {
        op->lambda_peak = state->lambda_peak;
        KT_SET(op, KT_OPEV_LAMBDA_PEAK);
    }
    if (kt_lag_gain(state, &op->lag_gain)) {
        KT_SET(op, KT_OPEV_LAG_GAIN);
    }
    op->change_points_ms.items = state->change_points_ms.items;
    op->change_points_ms.count = state->change_points_ms.count;
    op->loads_per_s.items = state->loads_per_s.items;
    op->loads_per_s.count = state->loads_per_s.count;
}

static void fill_operator(const struct kt_evidence_input *input, size_t i,
                          struct kt_operator_evidence *op) {
    const struct kt_vertex_summary *vertex = &input->summary->vertices.items[i];
    op->vertex_id = vertex->vertex_id;
    op->name = kt_evidence_name(vertex->name);
    op->parallelism = vertex->parallelism;
    op->is_source = vertex->is_source;
    if (vertex->max_parallelism > 0) {
        op->max_parallelism = vertex->max_parallelism;
        KT_SET(op, KT_OPEV_MAX_PARALLELISM);
    }
    if (vertex->source_partitions > 0) {
        op->source_partitions = vertex->source_partitions;
        KT_SET(op, KT_OPEV_SOURCE_PARTITIONS);
    }
    copy_bounds(input->settings, vertex, op);
    copy_measures(vertex, op);
    limit_by_skew(op);
    const int64_t known = kt_operator_state_find(input->state, vertex->vertex_id, i);
    if (known >= 0) {
        copy_state(&input->state->operators.items[known], op);
    }
}

/* Whether every vertex said where its input comes from, and all of that is in the window. */
static bool graph_is_known(const struct kt_window_summary *summary) {
    for (size_t i = 0; i < summary->vertices.count; i++) {
        const struct kt_vertex_summary *vertex = &summary->vertices.items[i];
        if (!KT_HAS(vertex, KT_SUM_UPSTREAM) && !vertex->is_source) {
            return false;
        }
        for (size_t e = 0; e < vertex->upstream.count; e++) {
            if (kt_vertex_find(summary, vertex->upstream.items[e].vertex_id, i > 0 ? i - 1 : 0) <
                0) {
                return false;
            }
        }
    }
    return true;
}

static enum kt_err fill_edges(const struct kt_window_summary *summary, struct kt_arena *arena,
                              struct kt_evidence *evidence, struct kt_error *error) {
    if (!graph_is_known(summary)) {
        return KT_ERR_OK;
    }
    for (size_t i = 0; i < summary->vertices.count; i++) {
        const struct kt_vertex_summary *vertex = &summary->vertices.items[i];
        struct kt_operator_evidence *op = &evidence->operators.items[i];
        op->inputs.items = kt_arena_array(arena, vertex->upstream.count, sizeof *op->inputs.items);
        if (op->inputs.items == NULL) {
            return kt_fail(error, KT_ERR_NOMEM, "no memory for the edges of a job");
        }
        for (size_t e = 0; e < vertex->upstream.count; e++) {
            const struct kt_upstream *upstream = &vertex->upstream.items[e];
            op->inputs.items[op->inputs.count++] =
                (struct kt_edge){.upstream = (int32_t)kt_vertex_find(summary, upstream->vertex_id,
                                                                     i > 0 ? i - 1 : 0),
                                 .keyed = KT_HAS(upstream, KT_UPSTREAM_SHIP_STRATEGY) &&
                                          kt_str_equal(upstream->ship_strategy, KT_STR("HASH"))};
        }
    }
    return KT_ERR_OK;
}

static int32_t restarts_in_day(const struct kt_job_state *state, int64_t now_ms) {
    int32_t count = 0;
    for (size_t i = 0; i < state->restarts_ms.count; i++) {
        count += state->restarts_ms.items[i] > now_ms - KT_DAY_MS ? 1 : 0;
    }
    return count;
}

/* Where no event told of an attempt, the end of the last window that showed a restart. */
static void copy_attempt(const struct kt_evidence_input *input, struct kt_evidence *evidence) {
    if (KT_HAS(input->state, KT_JOBSTATE_RESTART_SEEN_MS)) {
        evidence->running_since_ms = input->state->restart_seen_ms;
        KT_SET(evidence, KT_EVIDENCE_RUNNING_SINCE_MS);
    }
    for (size_t i = 0; i < input->summary->vertices.count; i++) {
        const struct kt_vertex_summary *vertex = &input->summary->vertices.items[i];
        if (KT_HAS(vertex, KT_SUM_ATTEMPT_START) &&
            (!KT_HAS(evidence, KT_EVIDENCE_RUNNING_SINCE_MS) ||
             vertex->attempt_start_ms > evidence->running_since_ms)) {
            evidence->running_since_ms = vertex->attempt_start_ms;
            KT_SET(evidence, KT_EVIDENCE_RUNNING_SINCE_MS);
        }
    }
}

enum kt_err kt_evidence_build(const struct kt_evidence_input *input, struct kt_arena *arena,
                              struct kt_evidence *evidence, struct kt_error *error) {
    const struct kt_window_summary *summary = input->summary;
    const struct kt_job_state *state = input->state;
    *evidence = (struct kt_evidence){
        .settings = input->settings->policy,
        .window_end_ms = summary->end_ms,
        .gate = input->verdict.reason,
        .gate_text = input->verdict.text,
        .generation = state->generation,
        .phase = state->phase,
        .restarts_in_day = restarts_in_day(state, summary->end_ms),
        .parallelism_peak = state->parallelism_peak,
    };
    if (KT_HAS(state, KT_JOBSTATE_LAST_RESCALE_MS)) {
        evidence->last_rescale_ms = state->last_rescale_ms;
        KT_SET(evidence, KT_EVIDENCE_LAST_RESCALE_MS);
    }
    if (KT_HAS(state, KT_JOBSTATE_PENDING_UNTIL_MS)) {
        evidence->pending_until_ms = state->pending_until_ms;
        KT_SET(evidence, KT_EVIDENCE_PENDING_UNTIL_MS);
    }
    copy_attempt(input, evidence);
    const size_t count = summary->vertices.count;
    evidence->operators.items = kt_arena_array(arena, count, sizeof *evidence->operators.items);
    if (evidence->operators.items == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for the evidence of %zu operators", count);
    }
    evidence->operators.count = count;
    for (size_t i = 0; i < count; i++) {
        fill_operator(input, i, &evidence->operators.items[i]);
    }
    return fill_edges(summary, arena, evidence, error);
}
