/* SPDX-License-Identifier: GPL-3.0-or-later
 * Evidence of a small job, made by hand, for tests of decisions. */
#include "support/job.h"

#include "model/guard.h"
#include "model/settings.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

void kt_test_job_init(struct kt_test_job *job, size_t count) {
    assert_in_range(count, 0, KT_TEST_OPERATORS_MAX);
    struct kt_settings settings;
    kt_settings_default(&settings);
    *job = (struct kt_test_job){.evidence = {.settings = settings.defaults.policy,
                                             .window_end_ms = 1000000,
                                             .gate = KT_REASON_STEADY,
                                             .phase = KT_PHASE_STEADY,
                                             .parallelism_peak = 1}};
    job->evidence.operators.items = job->operators;
    job->evidence.operators.count = count;
    for (size_t i = 0; i < count; i++) {
        struct kt_operator_evidence *op = &job->operators[i];
        snprintf(job->ids[i], sizeof job->ids[i], "op%zu", i);
        op->vertex_id = kt_str_of(job->ids[i]);
        op->name = op->vertex_id;
        op->parallelism = 1;
        op->min_allowed = 1;
        op->max_allowed = 128;
        op->is_source = i == 0;
        op->inputs.items = job->edges[i];
        op->history.items = job->history[i];
        op->groups.items = job->groups[i];
        if (i > 0) {
            kt_test_job_edge(job, (int32_t)i - 1, (int32_t)i);
        }
    }
}

void kt_test_job_edge(struct kt_test_job *job, int32_t upstream, int32_t downstream) {
    struct kt_operator_evidence *op = &job->operators[downstream];
    assert_in_range(op->inputs.count, 0, KT_TEST_EDGES_MAX - 1);
    op->inputs.items[op->inputs.count++] = (struct kt_edge){.upstream = upstream};
}

void kt_test_job_measure(struct kt_test_job *job, size_t i, double rate, double busy) {
    struct kt_operator_evidence *op = &job->operators[i];
    op->rate_in_per_s = rate;
    op->rate_out_per_s = rate;
    op->busy = busy;
    op->backpressured = 0;
    KT_SET(op, KT_OPEV_RATE_IN_PER_S);
    KT_SET(op, KT_OPEV_RATE_OUT_PER_S);
    KT_SET(op, KT_OPEV_BUSY);
    KT_SET(op, KT_OPEV_BACKPRESSURED);
    KT_CLEAR(op, KT_OPEV_ABILITY);
    if (busy > 0) {
        op->ability = rate / busy;
        KT_SET(op, KT_OPEV_ABILITY);
    }
}

void kt_test_job_backpressure(struct kt_test_job *job, size_t i, double share) {
    job->operators[i].backpressured = share;
    KT_SET(&job->operators[i], KT_OPEV_BACKPRESSURED);
}

void kt_test_job_backlog(struct kt_test_job *job, size_t i, double pending, double growth_per_s) {
    job->operators[i].pending_records = pending;
    job->operators[i].pending_growth_per_s = growth_per_s;
    KT_SET(&job->operators[i], KT_OPEV_PENDING_RECORDS);
    KT_SET(&job->operators[i], KT_OPEV_PENDING_GROWTH_PER_S);
}

void kt_test_job_lambda(struct kt_test_job *job, size_t i, double lambda_known) {
    job->operators[i].lambda_known = lambda_known;
    KT_SET(&job->operators[i], KT_OPEV_LAMBDA_KNOWN);
}

void kt_test_job_learn(struct kt_test_job *job, size_t i, int32_t parallelism, double ability) {
    struct kt_operator_evidence *op = &job->operators[i];
    size_t at = 0;
    while (at < op->history.count && op->history.items[at].parallelism < parallelism) {
        at++;
    }
    const bool known = at < op->history.count && op->history.items[at].parallelism == parallelism;
    if (!known) {
        assert_in_range(op->history.count, 0, KT_HISTORY_POINTS_MAX - 1);
        memmove(&op->history.items[at + 1], &op->history.items[at],
                (op->history.count - at) * sizeof op->history.items[0]);
        op->history.count++;
    }
    op->history.items[at] = (struct kt_history_point){
        .parallelism = parallelism, .ability = ability, .observations = 1};
}

void kt_test_job_observe(struct kt_test_job *job, size_t i, int32_t parallelism, int64_t generation,
                         double ability, double busy) {
    struct kt_operator_evidence *op = &job->operators[i];
    assert_in_range(op->groups.count, 0, KT_GROUPS_MAX - 1);
    op->groups.items[op->groups.count++] =
        (struct kt_observation_group){.parallelism = parallelism,
                                      .generation = generation,
                                      .window_end_ms = 1000 * (int64_t)(op->groups.count + 1),
                                      .observations = 1,
                                      .ability = ability,
                                      .weight = busy * busy};
}

static struct kt_decider *decider;
static struct kt_arena arena;
static const struct kt_scaling_model *model;

static enum kt_err decide(const struct kt_evidence *evidence, struct kt_decision *decision,
                          struct kt_error *error) {
    if (decider == NULL) {
        decider = kt_decider_new(model);
        assert_non_null(decider);
        kt_arena_init(&arena, 65536, 16U << 20U);
    }
    kt_arena_reset(&arena);
    return kt_decide(decider, evidence, &arena, decision, error);
}

struct kt_decision kt_test_decide(const struct kt_evidence *evidence) {
    struct kt_decision decision;
    struct kt_error error = {KT_ERR_OK, ""};
    enum kt_err err = decide(evidence, &decision, &error);
    if (err != KT_ERR_OK) {
        fail_msg("%s: %s", kt_err_name(err), error.message);
    }
    kt_test_check_decision(evidence, &decision);
    return decision;
}

const char *kt_test_decide_error(const struct kt_evidence *evidence, enum kt_err expected) {
    static struct kt_error error;
    struct kt_decision decision;
    error.message[0] = '\0';
    assert_int_equal(decide(evidence, &decision, &error), expected);
    return error.message;
}

void kt_test_decide_end(void) {
    if (decider != NULL) {
        kt_decider_free(decider);
        kt_arena_free(&arena);
        decider = NULL;
    }
}

int kt_test_decide_teardown(void **state) {
    (void)state;
    kt_test_decide_end();
    return 0;
}

void kt_test_decide_by(const struct kt_scaling_model *other) {
    kt_test_decide_end();
    model = other;
}

static void check_operator(const struct kt_operator_evidence *op,
                           const struct kt_operator_decision *answer, int kind) {
    assert_true(kt_str_equal(op->vertex_id, answer->vertex_id));
    assert_int_equal(answer->from, op->parallelism);
    assert_true(isfinite(answer->lambda) && answer->lambda >= 0);
    assert_true(isfinite(answer->predicted_ability));
    assert_true(isfinite(answer->predicted_stddev) && answer->predicted_stddev >= 0);
    assert_true(answer->keeps_up_probability >= 0 && answer->keeps_up_probability <= 1);
    assert_true(isfinite(answer->surrogate.length_scale));
    assert_true(isfinite(answer->surrogate.sigma_f));
    assert_true(isfinite(answer->surrogate.log_marginal_likelihood));
    const struct kt_guard_range range = kt_guard_range(op);
    if (kind == KT_COMMAND_RESCALE) {
        assert_in_range(answer->to, range.lo, range.hi);
    } else {
        assert_int_equal(answer->to, answer->from);
    }
    if (KT_HAS(op, KT_OPEV_PINNED)) {
        assert_int_equal(answer->method, KT_METHOD_PINNED);
    }
}

void kt_test_check_decision(const struct kt_evidence *evidence,
                            const struct kt_decision *decision) {
    assert_int_equal(decision->operators.count, evidence->operators.count);
    assert_true(decision->reason_text.len > 0);
    assert_int_not_equal(decision->reason, KT_REASON_UNKNOWN);
    bool changes = false;
    for (size_t i = 0; i < decision->operators.count; i++) {
        const struct kt_operator_decision *answer = &decision->operators.items[i];
        check_operator(&evidence->operators.items[i], answer, decision->kind);
        changes |= answer->to != answer->from;
    }
    assert_int_equal(changes, decision->kind == KT_COMMAND_RESCALE);
}

bool kt_test_says(const struct kt_decision *decision, const char *part) {
    return memmem(decision->reason_text.data, decision->reason_text.len, part, strlen(part)) !=
           NULL;
}
