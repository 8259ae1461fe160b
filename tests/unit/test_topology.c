/* SPDX-License-Identifier: GPL-3.0-or-later
 * The graph: order, cycles, factors carried along edges, and what follows for state and demand. */
#include "model/demand.h"
#include "model/load_state.h"
#include "support/job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kt_arena arena;

static int set_up(void **state) {
    (void)state;
    kt_arena_init(&arena, 65536, 16U << 20U);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    kt_arena_free(&arena);
    return 0;
}

static struct kt_topology build(const struct kt_evidence *evidence) {
    struct kt_topology topology;
    struct kt_error error = {KT_ERR_OK, ""};
    if (kt_topology_build(evidence, &arena, &topology, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    return topology;
}

static void assert_order(const struct kt_evidence *evidence, const int32_t *expected) {
    const struct kt_topology topology = build(evidence);
    for (size_t i = 0; i < topology.count; i++) {
        assert_int_equal(topology.order[i], expected[i]);
    }
}

/* A job of unconnected operators. */
static void make_loose(struct kt_test_job *job, size_t count) {
    kt_test_job_init(job, count);
    for (size_t i = 0; i < count; i++) {
        job->operators[i].inputs.count = 0;
    }
}

static void operators_come_after_all_their_inputs_and_ties_by_index(void **state) {
    (void)state;
    struct kt_test_job job;
    make_loose(&job, 4);
    assert_order(&job.evidence, (int32_t[]){0, 1, 2, 3});
    kt_test_job_edge(&job, 3, 0); /* 3 → 0, 3 → 1, 0 → 1 */
    kt_test_job_edge(&job, 3, 1);
    kt_test_job_edge(&job, 0, 1);
    assert_order(&job.evidence, (int32_t[]){2, 3, 0, 1});
}

static void two_edges_from_one_upstream_are_two_edges(void **state) {
    (void)state;
    struct kt_test_job job;
    make_loose(&job, 2);
    kt_test_job_edge(&job, 1, 0);
    kt_test_job_edge(&job, 1, 0);
    assert_order(&job.evidence, (int32_t[]){1, 0});
}

static void a_cycle_is_an_error_that_names_a_vertex(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 4);
    kt_test_job_edge(&job, 3, 2);
    struct kt_topology topology;
    struct kt_error error;
    assert_int_equal(kt_topology_build(&job.evidence, &arena, &topology, &error), KT_ERR_INVALID);
    assert_string_equal(error.message, "the graph has a cycle at or before op2");
    make_loose(&job, 1);
    kt_test_job_edge(&job, 0, 0);
    assert_int_equal(kt_topology_build(&job.evidence, &arena, &topology, &error), KT_ERR_INVALID);
}

static void an_edge_out_of_range_is_an_error(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 2);
    job.edges[1][0].upstream = 2;
    struct kt_topology topology;
    assert_int_equal(kt_topology_build(&job.evidence, &arena, &topology, NULL), KT_ERR_INVALID);
    job.edges[1][0].upstream = -1;
    assert_int_equal(kt_topology_build(&job.evidence, &arena, &topology, NULL), KT_ERR_INVALID);
}

static void an_arena_without_room_is_an_error(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 8);
    struct kt_arena small;
    kt_arena_init(&small, 16, 64);
    struct kt_topology topology;
    assert_int_equal(kt_topology_build(&job.evidence, &small, &topology, NULL), KT_ERR_LIMIT);
    kt_arena_free(&small);
}

/* The largest job there may be: a chain whose indices run against the flow, and a dense graph. */
static void a_thousand_operators_are_ordered(void **state) {
    (void)state;
    const size_t count = KT_OPERATORS_MAX;
    struct kt_operator_evidence *ops = calloc(count, sizeof *ops);
    struct kt_edge *edges = calloc(count * 256, sizeof *edges);
    assert_non_null(ops);
    assert_non_null(edges);
    for (size_t i = 0; i < count; i++) {
        ops[i].inputs.items = &edges[i * 256];
        for (size_t e = 0; e < 256 && i + e + 1 < count; e++) {
            ops[i].inputs.items[ops[i].inputs.count++].upstream = (int32_t)(i + e + 1);
        }
    }
    const struct kt_evidence evidence = {.operators = {ops, count}};
    const struct kt_topology topology = build(&evidence);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(topology.order[i], count - 1 - i);
    }
    free(ops);
    free(edges);
}

static void factors_are_weighted_by_rates_at_joins(void **state) {
    (void)state;
    struct kt_test_job job;
    make_loose(&job, 4); /* 0 and 1 join in 2, then 3 */
    kt_test_job_edge(&job, 0, 2);
    kt_test_job_edge(&job, 1, 2);
    kt_test_job_edge(&job, 2, 3);
    kt_test_job_measure(&job, 0, 300, 0.5);
    kt_test_job_measure(&job, 1, 100, 0.5);
    const struct kt_topology topology = build(&job.evidence);
    double factor[] = {0.5, 1, 7, 7};
    kt_topology_carry(&topology, factor);
    assert_true(fabs(factor[2] - 0.625) < 1e-15);
    assert_true(fabs(factor[3] - 0.625) < 1e-15);
    kt_test_job_measure(&job, 0, 0, 0.5);
    kt_test_job_measure(&job, 1, 0, 0.5);
    kt_topology_carry(&topology, factor);
    assert_true(fabs(factor[2] - 0.75) < 1e-15); /* no weights: the plain mean */
}

static void demand_takes_the_drained_backlog_out_below_its_source_only(void **state) {
    (void)state;
    struct kt_test_job job;
    make_loose(&job, 4);
    kt_test_job_edge(&job, 0, 2);
    kt_test_job_edge(&job, 1, 3);
    job.operators[1].is_source = true;
    for (size_t i = 0; i < 4; i++) {
        kt_test_job_measure(&job, i, 1000, 0.5);
    }
    kt_test_job_backlog(&job, 0, 0, -400);
    kt_test_job_backlog(&job, 1, 0, -9); /* less than 1 %: constant */
    const struct kt_topology topology = build(&job.evidence);
    double *lambda = NULL;
    assert_int_equal(kt_demand_visible(&job.evidence, &topology, &arena, &lambda, NULL), KT_ERR_OK);
    assert_true(fabs(lambda[0] - 600) < 1e-9 && fabs(lambda[2] - 600) < 1e-9);
    assert_true(lambda[1] == 1000 && lambda[3] == 1000);
}

static void demand_of_an_operator_without_a_rate_is_unknown(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 2);
    kt_test_job_measure(&job, 0, 1000, 0.5);
    const struct kt_topology topology = build(&job.evidence);
    double *lambda = NULL;
    assert_int_equal(kt_demand_visible(&job.evidence, &topology, &arena, &lambda, NULL), KT_ERR_OK);
    assert_true(lambda[1] == KT_DEMAND_UNKNOWN);
}

static void hidden_demand_is_the_last_known_with_room_for_the_backlog(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 3);
    for (size_t i = 0; i < 3; i++) {
        kt_test_job_measure(&job, i, 900, 0.5);
        kt_test_job_lambda(&job, i, 1000);
    }
    kt_test_job_backlog(&job, 0, 180000, 0); /* 100/s for half an hour */
    kt_test_job_measure(&job, 2, 1200, 0.5); /* more than was known */
    const struct kt_topology topology = build(&job.evidence);
    double *lambda = NULL;
    bool complete = false;
    assert_int_equal(kt_demand_hidden(&job.evidence, &topology, &arena, &lambda, &complete, NULL),
                     KT_ERR_OK);
    assert_true(complete);
    assert_true(fabs(lambda[1] - 1100) < 1e-9);
    assert_true(fabs(lambda[2] - 1320) < 1e-9);
    KT_CLEAR(&job.operators[1], KT_OPEV_LAMBDA_KNOWN);
    assert_int_equal(kt_demand_hidden(&job.evidence, &topology, &arena, &lambda, &complete, NULL),
                     KT_ERR_OK);
    assert_false(complete);
    job.operators[1].pinned = 1; /* a pinned operator needs no λ */
    KT_SET(&job.operators[1], KT_OPEV_PINNED);
    assert_int_equal(kt_demand_hidden(&job.evidence, &topology, &arena, &lambda, &complete, NULL),
                     KT_ERR_OK);
    assert_true(complete);
}

/* ---- states ---------------------------------------------------------------------------------- */

static void under_needs_backpressure_and_a_stressed_vertex(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 2);
    kt_test_job_measure(&job, 0, 100, 0.2);
    kt_test_job_measure(&job, 1, 100, 0.8);
    kt_test_job_backpressure(&job, 0, 0.1);
    assert_int_equal(kt_load_classify(&job.evidence).state, KT_STATE_UNDER);
    kt_test_job_backpressure(&job, 0, 0.0999);
    assert_int_equal(kt_load_classify(&job.evidence).state, KT_STATE_NORMAL);
    kt_test_job_backpressure(&job, 0, 0.5);
    kt_test_job_measure(&job, 1, 100, 0.7999);
    assert_int_equal(kt_load_classify(&job.evidence).state, KT_STATE_NORMAL);
}

static void cpu_load_beats_busy_time(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 2);
    kt_test_job_measure(&job, 1, 100, 0.9);
    kt_test_job_backpressure(&job, 0, 0.5);
    job.operators[1].cpu_load = 0.3;
    KT_SET(&job.operators[1], KT_OPEV_CPU_LOAD);
    assert_int_equal(kt_load_classify(&job.evidence).state, KT_STATE_NORMAL);
}

static void over_looks_at_what_could_shrink_weighted_by_subtasks(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 3);
    kt_test_job_measure(&job, 0, 100, 0.01); /* at its minimum: cannot shrink */
    kt_test_job_measure(&job, 1, 100, 0.9);
    kt_test_job_measure(&job, 2, 100, 0.5);
    job.operators[1].parallelism = 8;
    job.operators[2].parallelism = 2;
    struct kt_load load = kt_load_classify(&job.evidence);
    assert_int_equal(load.state, KT_STATE_NORMAL);
    assert_true(fabs(load.usage_mean - 0.82) < 1e-12);
    job.operators[2].parallelism = 8;
    assert_int_equal(kt_load_classify(&job.evidence).state, KT_STATE_OVER);
    job.operators[2].pinned = 8;
    KT_SET(&job.operators[2], KT_OPEV_PINNED);
    assert_int_equal(kt_load_classify(&job.evidence).state, KT_STATE_NORMAL);
    job.operators[1].min_allowed = 8;
    kt_test_job_measure(&job, 1, 100, 0.1);
    load = kt_load_classify(&job.evidence);
    assert_int_equal(load.state, KT_STATE_NORMAL); /* nothing could shrink */
    assert_int_equal(load.shrinkable, 0);
}

static void without_any_usage_the_state_is_unknown(void **state) {
    (void)state;
    struct kt_test_job job;
    kt_test_job_init(&job, 2);
    kt_test_job_backpressure(&job, 0, 0.9);
    assert_int_equal(kt_load_classify(&job.evidence).state, KT_STATE_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_come_after_all_their_inputs_and_ties_by_index),
        cmocka_unit_test(two_edges_from_one_upstream_are_two_edges),
        cmocka_unit_test(a_cycle_is_an_error_that_names_a_vertex),
        cmocka_unit_test(an_edge_out_of_range_is_an_error),
        cmocka_unit_test(an_arena_without_room_is_an_error),
        cmocka_unit_test(a_thousand_operators_are_ordered),
        cmocka_unit_test(factors_are_weighted_by_rates_at_joins),
        cmocka_unit_test(demand_takes_the_drained_backlog_out_below_its_source_only),
        cmocka_unit_test(demand_of_an_operator_without_a_rate_is_unknown),
        cmocka_unit_test(hidden_demand_is_the_last_known_with_room_for_the_backlog),
        cmocka_unit_test(under_needs_backpressure_and_a_stressed_vertex),
        cmocka_unit_test(cpu_load_beats_busy_time),
        cmocka_unit_test(over_looks_at_what_could_shrink_weighted_by_subtasks),
        cmocka_unit_test(without_any_usage_the_state_is_unknown),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
