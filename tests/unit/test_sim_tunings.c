/* SPDX-License-Identifier: GPL-3.0-or-later
 * The protocol of tunings and its scores, with a controller whose answers are written down: what a
 * run costs is known beforehand. */
#include "ops/sim_loop.h"
#include "schemas/decision_enums.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define START_MS    INT64_C(1767225600000)
#define WINDOW_MS   60000
#define POLL_MS     15000
#define SAMPLES_MIN 3
#define ANSWERS_MAX 4
#define SETTLE      0
#define FOR_EVER    (-1)
#define WAIT        (-2)

/* 100 records/s per subtask, so that the optimum for r records/s is ⌈r / 100⌉. */
static const struct kt_sim_spec job = {
    .cluster = "lab",
    .job_name = "known",
    .operators =
        {{.id = "s", .name = "source", .selectivity = 1, .unit_rate = 100, .max_parallelism = 1},
         {.id = "m",
          .name = "map",
          .inputs = {0},
          .inputs_count = 1,
          .scaled = true,
          .curve = {.gamma = 100},
          .max_parallelism = 128}},
    .count = 2,
    .restart_ms = 60000,
    .buffer_records = 50,
};

/* What the controller answers to the valid windows of one level: a parallelism, SETTLE, WAIT
 * (nothing for now, in the phase SMALL), or FOR_EVER (one more subtask each time). */
typedef int answers[ANSWERS_MAX];

struct stub {
    const answers *levels; /* NULL: the optimum at once, then SETTLE */
    int level;
    int step;
    int64_t window; /* the newest that reports came from */
    int reports;    /* in it */
    int reports_before;
    double lag; /* the last that was reported */
    double lag_max;
    int wanted;  /* of the oracle */
    int present; /* parallelism */
    int64_t valid_from_ms[64];
    int valid;
};

static enum kt_err stub_offer(void *ctx, const struct kt_metric_event *events, size_t count,
                              struct kt_error *error) {
    (void)error;
    struct stub *stub = ctx;
    const int64_t window = events[0].timestamp_ms / WINDOW_MS;
    stub->reports_before = window > stub->window ? stub->reports : stub->reports_before;
    stub->reports = window > stub->window ? 1 : stub->reports + 1;
    stub->window = window;
    stub->present = 0;
    for (size_t i = 0; i < count; i++) {
        stub->present += !events[i].is_source;
        if (events[i].is_source) {
            stub->lag = events[i].pending_records;
            stub->lag_max = fmax(stub->lag_max, stub->lag);
        }
    }
    return KT_ERR_OK;
}

static void hold(struct kt_sim_knowledge *knowledge, int reason) {
    knowledge->kind = KT_COMMAND_HOLD;
    knowledge->reason = reason;
    knowledge->decisions++;
}

static enum kt_err stub_learn(void *ctx, int64_t until_ms, struct kt_sim_knowledge *knowledge,
                              struct kt_error *error) {
    (void)error;
    struct stub *stub = ctx;
    knowledge->closed_until_ms = until_ms;
    knowledge->phase = KT_PHASE_STEADY;
    if (stub->reports_before < SAMPLES_MIN) {
        hold(knowledge, KT_REASON_TOO_FEW_SAMPLES);
        return KT_ERR_OK;
    }
    if (stub->valid < 64) {
        stub->valid_from_ms[stub->valid++] = until_ms - WINDOW_MS - START_MS;
    }
    int to = SETTLE;
    if (stub->levels == NULL) {
        to = stub->present == stub->wanted ? SETTLE : stub->wanted;
    } else {
        to = stub->levels[stub->level][stub->step++];
        if (to == FOR_EVER) {
            to = stub->present + 1;
            stub->step--;
        }
    }
    if (to == WAIT) {
        knowledge->phase = KT_PHASE_SMALL;
        hold(knowledge, KT_REASON_STEADY);
        return KT_ERR_OK;
    }
    if (to == SETTLE) {
        stub->level++;
        stub->step = 0;
        hold(knowledge, KT_REASON_STEADY);
        return KT_ERR_OK;
    }
    knowledge->kind = KT_COMMAND_RESCALE;
    knowledge->reason = KT_REASON_REFINED;
    knowledge->decisions++;
    knowledge->rescale_waits = true;
    knowledge->to[0] = 0; /* not named: stays */
    knowledge->to[1] = to;
    return KT_ERR_OK;
}

/* Tells the oracle the optimum of the level that begins. */
static enum kt_err tell(void *ctx, const struct kt_sim_view *view, struct kt_error *error) {
    (void)error;
    struct stub *stub = ctx;
    stub->wanted = view->optimum[1];
    return KT_ERR_OK;
}

static struct kt_sim_score run_levels(struct stub *stub, const struct kt_sim_spec *spec,
                                      const struct kt_sim_level *levels, int count,
                                      int drift_level) {
    const struct kt_sim_loop loop = {.spec = spec,
                                     .levels = levels,
                                     .levels_count = count,
                                     .protocol = KT_SIM_TUNINGS,
                                     .windows_max = 20,
                                     .drift_level = drift_level,
                                     .seed = 1,
                                     .start_ms = START_MS,
                                     .poll_ms = POLL_MS,
                                     .window_ms = WINDOW_MS,
                                     .controller = {stub, stub_offer, stub_learn},
                                     .observe = tell,
                                     .observe_ctx = stub};
    struct kt_sim_score score;
    struct kt_error error;
    if (kt_sim_loop_run(&loop, &score, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    return score;
}

static struct kt_sim_score run_answers(const answers *script, const double *rates, int count) {
    struct kt_sim_level levels[8] = {{0}};
    for (int i = 0; i < count; i++) {
        levels[i].rate[0] = rates[i];
    }
    struct stub stub = {.levels = script};
    return run_levels(&stub, &job, levels, count, 0);
}

static void each_tuning_lasts_until_nothing_is_to_be_changed(void **state) {
    (void)state;
    static const answers script[] = {{2, SETTLE}, {4, 7, SETTLE}, {SETTLE}};
    const struct kt_sim_score score = run_answers(script, (const double[]){200, 500, 300}, 3);
    assert_int_equal(score.tunings, 3);
    assert_int_equal(score.reconfigurations, 3);
    assert_int_equal(score.unsettled, 0);
    assert_int_equal(score.cores_max, 7);
}

static void surplus_is_counted_at_the_ends_of_tunings(void **state) {
    (void)state;
    static const answers script[] = {{2, SETTLE}, {9, 7, SETTLE}, {SETTLE}};
    const struct kt_sim_score score = run_answers(script, (const double[]){200, 500, 300}, 3);
    assert_int_equal(score.surplus_cores, 0 + 2 + 4);
    assert_int_equal(score.optimum_cores, 2 + 5 + 3);
}

static void too_little_at_the_end_is_no_surplus_elsewhere(void **state) {
    (void)state;
    static const answers script[] = {{3, SETTLE}, {SETTLE}};
    const struct kt_sim_score score = run_answers(script, (const double[]){200, 500}, 2);
    assert_int_equal(score.surplus_cores, 1);
}

static void a_chosen_parallelism_below_the_load_is_under_provisioned(void **state) {
    (void)state;
    static const answers script[] = {{4, 3, 5, SETTLE}};
    assert_int_equal(run_answers(script, (const double[]){500}, 1).under_provisioned, 2);
}

static void an_inherited_parallelism_counts_only_if_it_is_kept(void **state) {
    (void)state;
    static const answers replaced[] = {{2, SETTLE}, {5, SETTLE}};
    static const answers kept[] = {{2, SETTLE}, {SETTLE}};
    const double rates[] = {200, 500};
    assert_int_equal(run_answers(replaced, rates, 2).under_provisioned, 0);
    assert_int_equal(run_answers(kept, rates, 2).under_provisioned, 1);
}

static void a_configuration_counts_once_though_it_is_chosen_and_kept(void **state) {
    (void)state;
    static const answers script[] = {{4, SETTLE}};
    assert_int_equal(run_answers(script, (const double[]){500}, 1).under_provisioned, 1);
}

static void where_the_load_cannot_be_reached_the_largest_ability_is_enough(void **state) {
    (void)state;
    struct kt_sim_spec limited = job;
    limited.operators[1].curve.plateau = 4;
    static const answers script[] = {{3, 4, SETTLE}};
    struct stub stub = {.levels = script};
    const struct kt_sim_level level = {.rate = {900}};
    const struct kt_sim_score score = run_levels(&stub, &limited, &level, 1, 0);
    assert_int_equal(score.under_provisioned, 1); /* the 3 */
    assert_int_equal(score.optimum_cores, 4);
    assert_int_equal(score.surplus_cores, 0);
}

static void an_oracle_needs_one_reconfiguration_per_tuning(void **state) {
    (void)state;
    struct kt_sim_level levels[20];
    kt_sim_permutation(&job, 10, 3, levels);
    for (int i = 0; i < 20; i++) {
        levels[i].rate[0] += 100; /* 2 … 11 units: the first load needs more than one subtask */
    }
    struct stub oracle = {.levels = NULL};
    const struct kt_sim_score score = run_levels(&oracle, &job, levels, 20, 0);
    assert_int_equal(score.tunings, 20);
    assert_int_equal(score.reconfigurations, 20);
    assert_int_equal(score.under_provisioned, 0);
    assert_int_equal(score.surplus_cores, 0);
}

static void a_tuning_without_an_end_is_cut_off_and_told(void **state) {
    (void)state;
    static const answers script[] = {{FOR_EVER}};
    const struct kt_sim_score score = run_answers(script, (const double[]){200}, 1);
    assert_int_equal(score.unsettled, 1);
    assert_int_equal(score.windows, 20);
}

static void a_tuning_begins_with_a_window_and_without_a_backlog(void **state) {
    (void)state;
    static const answers script[] = {{2, SETTLE}, {5, SETTLE}};
    struct stub stub = {.levels = script};
    const struct kt_sim_level levels[] = {{.rate = {200}}, {.rate = {500}}};
    (void)run_levels(&stub, &job, levels, 2, 0);
    /* [0, 60) 1 is too little; restart; [120, 180) settles; one unseen; [240, 300) again too
     * little; restart; [360, 420) settles. */
    assert_int_equal(stub.valid, 4);
    assert_int_equal(stub.valid_from_ms[0], 0);
    assert_int_equal(stub.valid_from_ms[1], 120000);
    assert_int_equal(stub.valid_from_ms[2], 240000);
    assert_int_equal(stub.valid_from_ms[3], 360000);
    /* Within a window 300 records/s may pile up, but nothing of a restart of 60 s does. */
    assert_true(stub.lag_max <= 300 * 60 + 1);
}

static void what_is_not_taken_as_it_comes_has_to_wait(void **state) {
    (void)state;
    static const answers script[] = {{2, SETTLE}};
    const struct kt_sim_score score = run_answers(script, (const double[]){200}, 1);
    /* A window with half of what is needed, a restart with nothing, a window with enough. */
    assert_true(fabs(score.offered - 3 * 60 * 200) < 1);
    assert_true(fabs(score.backlogged - (60 * 100 + 60 * 200)) < 200);
    assert_true(fabs(score.seconds - 3 * 60) < 1e-9);
    assert_true(fabs(score.under_provisioned_s - 60) < 1e-9);
    assert_true(fabs(score.core_s - (60 * 1 + 120 * 2)) < 1e-9);
    assert_true(fabs(score.optimum_core_s - 3 * 60 * 2) < 1e-9);
}

static void drift_begins_with_its_level(void **state) {
    (void)state;
    struct kt_sim_spec drifting = job;
    drifting.drift.factor = 0.5;
    static const answers script[] = {{4, SETTLE}, {8, SETTLE}};
    struct stub stub = {.levels = script};
    const struct kt_sim_level levels[] = {{.rate = {400}}, {.rate = {400}}};
    const struct kt_sim_score score = run_levels(&stub, &drifting, levels, 2, 1);
    assert_int_equal(score.optimum_cores, 4 + 8);
    assert_int_equal(score.under_provisioned, 0);
    assert_int_equal(score.surplus_cores, 0);
}

static void a_policy_that_waits_has_not_settled(void **state) {
    (void)state;
    static const answers script[] = {{WAIT, WAIT, 3, SETTLE}};
    const struct kt_sim_score score = run_answers(script, (const double[]){300}, 1);
    assert_int_equal(score.reconfigurations, 1);
    assert_int_equal(score.unsettled, 0);
}

static void permutations_hold_each_load_twice_in_the_same_order(void **state) {
    (void)state;
    struct kt_sim_level levels[20], others[20];
    kt_sim_permutation(&job, 10, 7, levels);
    kt_sim_permutation(&job, 10, 8, others);
    int seen[11] = {0};
    bool differ = false;
    for (int i = 0; i < 20; i++) {
        seen[(int)(levels[i].rate[0] / 100)]++;
        assert_true(fabs(levels[i].rate[0] - levels[i % 10].rate[0]) < 1e-9);
        differ = differ || fabs(levels[i].rate[0] - others[i].rate[0]) > 1;
    }
    for (int unit = 1; unit <= 10; unit++) {
        assert_int_equal(seen[unit], 2);
    }
    assert_true(differ);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tuning_lasts_until_nothing_is_to_be_changed),
        cmocka_unit_test(surplus_is_counted_at_the_ends_of_tunings),
        cmocka_unit_test(too_little_at_the_end_is_no_surplus_elsewhere),
        cmocka_unit_test(a_chosen_parallelism_below_the_load_is_under_provisioned),
        cmocka_unit_test(an_inherited_parallelism_counts_only_if_it_is_kept),
        cmocka_unit_test(a_configuration_counts_once_though_it_is_chosen_and_kept),
        cmocka_unit_test(where_the_load_cannot_be_reached_the_largest_ability_is_enough),
        cmocka_unit_test(an_oracle_needs_one_reconfiguration_per_tuning),
        cmocka_unit_test(a_tuning_without_an_end_is_cut_off_and_told),
        cmocka_unit_test(a_tuning_begins_with_a_window_and_without_a_backlog),
        cmocka_unit_test(what_is_not_taken_as_it_comes_has_to_wait),
        cmocka_unit_test(drift_begins_with_its_level),
        cmocka_unit_test(a_policy_that_waits_has_not_settled),
        cmocka_unit_test(permutations_hold_each_load_twice_in_the_same_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
