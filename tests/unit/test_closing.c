/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the closing of a window does: learn, decide, publish, remember. */
#include "model/decide.h"
#include "model/evidence_build.h"
#include "model/history.h"
#include "support/steady_job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BASE   KT_STEADY_JOB_BASE_MS
#define MINUTE INT64_C(60000)

struct fixture {
    struct kt_rig rig;
    struct kt_rig_records records;
    struct kt_arena arena;
    struct kt_steady_job job;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    kt_rig_init(&f->rig, NULL);
    kt_arena_init(&f->arena, 65536, (size_t)256 << 20);
    kt_steady_job_init(&f->job, "orders");
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kt_rig_end(&f->rig);
    kt_rig_records_free(&f->records);
    kt_arena_free(&f->arena);
    free(f);
    return 0;
}

/* Reports every 5 s to the end of that minute (and its lateness) and commits. */
static void run_minutes(struct fixture *f, int minutes) {
    kt_steady_job_run(&f->job, &f->records, BASE + minutes * MINUTE + 5000, 5000);
    kt_rig_run(&f->rig, &f->records);
}

static struct kt_rescale_command command(struct fixture *f, size_t n) {
    struct kt_rescale_command command;
    if (!kt_rig_command(&f->rig, n, &f->arena, &command)) {
        fail_msg("there is no command %zu", n);
    }
    return command;
}

static struct kt_rescale_command last_command(struct fixture *f) {
    return command(f, kt_rig_commands(&f->rig) - 1);
}

static struct kt_job_state job_state(struct fixture *f) {
    struct kt_job_state state;
    assert_true(kt_rig_job_state(&f->rig, f->job.job_name, &f->arena, &state));
    return state;
}

#define assert_str(s, text) assert_true(kt_str_equal(s, kt_str_of(text)))

/* The job is hidden behind backpressure: its map works all the time, its source waits for half. */
static void overload(struct fixture *f) {
    f->job.vertices[0].busy = 0.3;
    f->job.vertices[0].backpressured = 0.5;
    f->job.vertices[1].busy = 0.98;
}

static void an_overloaded_job_is_told_to_grow(void **state) {
    struct fixture *f = *state;
    overload(f);
    run_minutes(f, 1);
    assert_int_equal(kt_rig_commands(&f->rig), 1);
    const struct kt_rescale_command c = command(f, 0);
    assert_int_equal(c.kind, KT_COMMAND_RESCALE);
    assert_int_equal(c.state, KT_STATE_UNDER);
    assert_str(c.cluster, "c");
    assert_str(c.job_name, "orders");
    assert_str(c.job_id, "id-1");
    assert_str(c.policy, "kontune");
    assert_int_equal(c.generation, 1);
    assert_int_equal(c.window_start_ms, BASE);
    assert_int_equal(c.window_end_ms, BASE + MINUTE);
    assert_int_equal(c.decided_at_ms, BASE + MINUTE);
    assert_int_equal(c.expires_at_ms, BASE + 4 * MINUTE);
    assert_false(c.dry_run);
    /* UUIDv5 of "c/orders/1/1800000060000" in the program's namespace, computed apart. */
    assert_str(c.command_id, "7bc5d099-2e1e-57c1-9ecd-9bf16671cb06");
    assert_int_equal(c.operators.count, 2);
    assert_str(c.operators.items[1].vertex_id, "w-map");
    assert_int_equal(c.operators.items[1].from, 1);
    assert_true(c.operators.items[1].to > 1);
    const struct kt_operator_evidence *map = &c.evidence.operators.items[1];
    assert_true(map->learned);
    assert_int_equal(map->history.count, 1);
    assert_int_equal(map->history.items[0].parallelism, 1);
    assert_true(map->history.items[0].ability > 1000 && map->history.items[0].ability < 1040);
    assert_int_equal(map->inputs.count, 1);
    assert_int_equal(map->inputs.items[0].upstream, 0);
    assert_true(map->inputs.items[0].keyed);
    assert_false(KT_HAS(map, KT_OPEV_LAMBDA_KNOWN)); /* what a backpressured job takes is no λ */

    const struct kt_job_state s = job_state(f);
    assert_int_equal(s.generation, 1);
    assert_int_equal(s.closed_until_ms, BASE + MINUTE);
    assert_int_equal(s.last_rescale_ms, BASE + MINUTE);
    assert_int_equal(s.restarts_ms.count, 1);
    assert_true(kt_str_equal(s.pending_command_id, c.command_id));
    assert_int_equal(s.pending_until_ms, BASE + 4 * MINUTE);
    assert_true(s.pending.count >= 1);
    assert_int_equal(s.phase, c.phase);
    assert_int_equal(s.parallelism_peak, 1);
}

static void a_hold_is_published_when_its_reason_changes_only(void **state) {
    struct fixture *f = *state;
    run_minutes(f, 1);
    const size_t first = kt_rig_commands(&f->rig);
    assert_int_equal(first, 1);
    assert_int_equal(command(f, 0).kind, KT_COMMAND_HOLD);
    run_minutes(f, 5);
    assert_int_equal(kt_rig_commands(&f->rig), first);
    kt_steady_job_restart(&f->job);
    run_minutes(f, 6);
    assert_int_equal(last_command(f).reason, KT_REASON_RESTARTED);
    assert_int_equal(last_command(f).generation, 0);
}

static void a_window_that_is_held_teaches_nothing(void **state) {
    struct fixture *f = *state;
    kt_steady_job_run(&f->job, &f->records, BASE + 30000, 5000);
    kt_steady_job_restart(&f->job);
    run_minutes(f, 1);
    assert_int_equal(kt_stage_counters(f->rig.stage)->held, 1);
    assert_int_equal(kt_stage_counters(f->rig.stage)->learned, 0);
    const struct kt_rescale_command c = last_command(f);
    assert_int_equal(c.reason, KT_REASON_RESTARTED);
    assert_int_equal(c.evidence.gate, KT_REASON_RESTARTED);
    assert_true(c.evidence.gate_text.len > 0);
    const struct kt_job_state s = job_state(f);
    assert_true(KT_HAS(&s, KT_JOBSTATE_RESTART_SEEN_MS));
    assert_int_equal(s.restart_seen_ms, BASE + 60000);
}

static void the_load_is_known_while_nothing_is_backpressured(void **state) {
    struct fixture *f = *state;
    run_minutes(f, 1);
    struct kt_job_state s = job_state(f);
    assert_int_equal(s.operators.count, 2);
    assert_true(KT_HAS(&s.operators.items[1], KT_OPSTATE_LAMBDA_KNOWN));
    assert_float_equal(s.operators.items[1].lambda_known, 1000, 1);
    f->job.vertices[0].backpressured = 0.5;
    f->job.vertices[0].rate = 700;
    f->job.vertices[1].rate = 700;
    run_minutes(f, 3); /* the first is a ramp */
    s = job_state(f);
    assert_float_equal(s.operators.items[1].lambda_known, 1000, 1); /* carried on */
}

static void the_last_known_load_reaches_the_decision(void **state) {
    struct fixture *f = *state;
    run_minutes(f, 1);
    overload(f);
    f->job.vertices[0].rate = 700;
    f->job.vertices[1].rate = 700;
    run_minutes(f, 3);
    size_t rescale = 0;
    while (command(f, rescale).kind != KT_COMMAND_RESCALE) {
        rescale++;
    }
    const struct kt_rescale_command c = command(f, rescale);
    assert_float_equal(c.evidence.operators.items[1].rate_in_per_s, 700, 70);
    assert_true(KT_HAS(&c.evidence.operators.items[1], KT_OPEV_LAMBDA_KNOWN));
    assert_float_equal(c.evidence.operators.items[1].lambda_known, 1000, 1);
}

/* The map takes all it can and the backlog of its source grows by half of that. */
static void fall_behind(struct fixture *f) {
    overload(f);
    f->job.vertices[0].tells_backlog = true;
    f->job.vertices[0].backlog = 1e6;
    f->job.vertices[0].backlog_growth = 500;
}

static void what_a_window_proved_stands_in_its_evidence(void **state) {
    struct fixture *f = *state;
    fall_behind(f);
    run_minutes(f, 1);
    struct kt_rescale_command c = command(f, 0);
    assert_int_equal(c.evidence.operators.items[0].keep_up, KT_KEEP_UP_UNKNOWN);
    const struct kt_operator_evidence *map = &c.evidence.operators.items[1];
    assert_int_equal(map->keep_up, KT_KEEP_UP_FELL_BEHIND);
    assert_int_equal(map->groups.count, 1);
    assert_int_equal(map->groups.items[0].parallelism, 1);
    assert_int_equal(map->groups.items[0].window_end_ms, BASE + MINUTE);
    assert_true(fabs(map->groups.items[0].ability - 1000 / 0.98) < 5);
    assert_true(fabs(map->groups.items[0].weight - 0.98 * 0.98) < 1e-3);
    f->job.vertices[0].backlog_growth = -800; /* the same rates, but less arrives */
    run_minutes(f, 6);
    c = last_command(f);
    assert_int_equal(c.evidence.operators.count, 2);
    assert_int_equal(c.evidence.operators.items[1].keep_up, KT_KEEP_UP_KEPT_UP);
    assert_true(c.evidence.operators.items[1].groups.count >= 2);
}

static void ratios_are_learned_as_far_as_a_window_shows_them(void **state) {
    struct fixture *f = *state;
    f->job.vertices[1].dropped = 0.75;
    run_minutes(f, 2);
    struct kt_job_state s = job_state(f);
    assert_true(KT_HAS(&s.operators.items[1], KT_OPSTATE_SELECTIVITY));
    assert_float_equal(s.operators.items[1].selectivity, 0.25, 1e-3);
    assert_float_equal(s.operators.items[1].input_ratio, 1, 1e-3);
    assert_int_equal(s.operators.items[1].selectivity_windows, 2);
    assert_float_equal(s.operators.items[0].selectivity, 1, 1e-3);
    assert_false(KT_HAS(&s.operators.items[0], KT_OPSTATE_INPUT_RATIO)); /* it has no input */
    f->job.vertices[1].dropped = 0;
    fall_behind(f);
    run_minutes(f, 4);
    s = job_state(f);
    assert_true(s.operators.items[1].selectivity > 0.5); /* what it makes of a record shows */
    assert_int_equal(s.operators.items[1].input_ratio_windows, 2); /* what buffers hold does not */
    const struct kt_operator_evidence *map = &last_command(f).evidence.operators.items[1];
    assert_true(KT_HAS(map, KT_OPEV_SELECTIVITY) && KT_HAS(map, KT_OPEV_INPUT_RATIO));
}

static void an_own_rescale_teaches_the_gain_of_the_backlog(void **state) {
    struct fixture *f = *state;
    fall_behind(f);
    run_minutes(f, 1);
    assert_int_equal(last_command(f).kind, KT_COMMAND_RESCALE);
    f->job.vertices[1].parallelism = last_command(f).operators.items[1].to;
    f->job.vertices[0].rate = 1800; /* 1000 + 2 · 500 arrive */
    f->job.vertices[1].rate = 1800;
    f->job.vertices[0].backlog_growth = 100;
    kt_steady_job_restart(&f->job);
    run_minutes(f, 4);
    const struct kt_job_state s = job_state(f);
    const struct kt_operator_state *source = &s.operators.items[0];
    assert_int_equal(source->lag_gains.count, 1);
    assert_float_equal(source->lag_gains.items[0], 2, 0.05);
    const struct kt_rescale_command c = last_command(f);
    assert_true(KT_HAS(&c.evidence, KT_EVIDENCE_RUNNING_SINCE_MS));
}

static void the_largest_load_that_showed_fades_slowly(void **state) {
    struct fixture *f = *state;
    run_minutes(f, 1);
    f->job.vertices[0].rate = 400;
    f->job.vertices[1].rate = 400;
    run_minutes(f, 4);
    const struct kt_job_state s = job_state(f);
    const struct kt_operator_state *source = &s.operators.items[0];
    assert_float_equal(source->lambda_known, 400, 1);
    assert_true(source->lambda_peak < 1000);
    assert_float_equal(source->lambda_peak, 1000, 1); /* 600 / 43200 a minute */
}

static void the_newest_loads_of_a_source_are_remembered(void **state) {
    struct fixture *f = *state;
    run_minutes(f, 3);
    struct kt_job_state s = job_state(f);
    assert_int_equal(s.operators.items[0].loads_per_s.count, 3);
    assert_int_equal(s.operators.items[1].loads_per_s.count, 0); /* no source */
    for (size_t i = 0; i < 3; i++) {
        assert_float_equal(s.operators.items[0].loads_per_s.items[i], 1000, 5);
    }
    run_minutes(f, KT_LOADS_MAX);
    s = job_state(f);
    assert_int_equal(s.operators.items[0].loads_per_s.count, KT_LOADS_MAX);
}

static void what_was_learned_of_an_operator_outlives_a_resubmission(void **state) {
    struct fixture *f = *state;
    f->job.vertices[1].parallelism = 4; /* far more than it needs: it is lowered */
    f->job.vertices[1].busy = 0.15;
    run_minutes(f, 1);
    assert_int_equal(last_command(f).kind, KT_COMMAND_RESCALE);
    f->job.job_id = "id-2";
    kt_steady_job_restart(&f->job);
    run_minutes(f, 3);
    const struct kt_job_state s = job_state(f);
    assert_str(s.job_id, "id-2");
    assert_true(KT_HAS(&s.operators.items[1], KT_OPSTATE_SELECTIVITY));
    assert_true(KT_HAS(&s.operators.items[1], KT_OPSTATE_LAMBDA_DECIDED));
    assert_float_equal(s.operators.items[1].lambda_decided, 1000, 1);
}

static void a_load_that_never_stops_changing_is_decided_after_two_windows(void **state) {
    struct fixture *f = *state;
    f->rig.settings.gate.ramp_max = 0.3;
    for (int half = 1; half <= 8; half++) { /* each minute's second half has the double rate */
        const double rate = half % 2 == 1 ? 1000 : 2000;
        f->job.vertices[0].rate = rate;
        f->job.vertices[1].rate = rate;
        kt_steady_job_run(&f->job, &f->records, BASE + half * 30000, 5000);
    }
    run_minutes(f, 4);
    assert_int_equal(command(f, 0).reason, KT_REASON_RAMP);
    assert_int_equal(command(f, 0).window_end_ms, BASE + MINUTE);
    assert_int_equal(command(f, 1).evidence.gate, KT_REASON_STEADY);
    assert_int_equal(command(f, 1).window_end_ms, BASE + 3 * MINUTE);
    assert_int_equal(command(f, 2).reason, KT_REASON_RAMP); /* the count begins again */
}

/* Lets the first command (of minute 1) be answered by these parallelisms from then on. */
static struct kt_job_state after_answer(struct fixture *f, const struct kt_rescale_command *c,
                                        bool carried_out, int extra) {
    for (int v = 0; v < f->job.count; v++) {
        const struct kt_operator_decision *op = &c->operators.items[v];
        f->job.vertices[v].parallelism = (carried_out ? op->to : op->from) + (v == 1 ? extra : 0);
        f->job.vertices[v].backpressured = 0;
        f->job.vertices[v].busy = 0.5;
    }
    if (carried_out || extra != 0) {
        kt_steady_job_restart(&f->job);
    }
    run_minutes(f, 3);
    return job_state(f);
}

static void a_command_that_was_carried_out_is_no_longer_pending(void **state) {
    struct fixture *f = *state;
    overload(f);
    run_minutes(f, 1);
    const struct kt_rescale_command c = command(f, 0);
    const struct kt_job_state s = after_answer(f, &c, true, 0);
    assert_false(KT_HAS(&s, KT_JOBSTATE_PENDING_UNTIL_MS) &&
                 kt_str_equal(s.pending_command_id, c.command_id));
}

static void a_command_that_was_not_carried_out_stays_pending_until_it_expires(void **state) {
    struct fixture *f = *state;
    overload(f);
    run_minutes(f, 1);
    const struct kt_rescale_command c = command(f, 0);
    run_minutes(f, 3);
    struct kt_job_state s = job_state(f);
    assert_true(kt_str_equal(s.pending_command_id, c.command_id));
    assert_int_equal(last_command(f).reason, KT_REASON_PENDING);
    assert_int_equal(s.generation, 1);
    run_minutes(f, 4); /* its window ends as the command expires */
    s = job_state(f);
    assert_false(kt_str_equal(s.pending_command_id, c.command_id));
    assert_int_equal(s.generation, 2); /* still overloaded: told again */
    assert_int_equal(s.restarts_ms.count, 2);
}

static void somebody_elses_rescale_ends_a_pending_command(void **state) {
    struct fixture *f = *state;
    overload(f);
    run_minutes(f, 1);
    const struct kt_rescale_command c = command(f, 0);
    const struct kt_job_state s = after_answer(f, &c, true, 7);
    assert_false(KT_HAS(&s, KT_JOBSTATE_PENDING_UNTIL_MS) &&
                 kt_str_equal(s.pending_command_id, c.command_id));
    assert_true(s.parallelism_peak >= 8);
}

static void a_vertex_that_falls_silent_holds_the_job_but_not_for_ever(void **state) {
    struct fixture *f = *state;
    run_minutes(f, 1);
    f->job.vertices[1].silent = true;
    run_minutes(f, 2); /* its newest sample is at the very start of this window */
    run_minutes(f, 3);
    assert_int_equal(last_command(f).reason, KT_REASON_MISSING_SUBTASKS);
    run_minutes(f, 7);
    assert_int_equal(job_state(f).operators.items[1].missed_windows, 5);
    assert_int_equal(last_command(f).reason, KT_REASON_MISSING_SUBTASKS);
    run_minutes(f, 8);
    assert_int_not_equal(last_command(f).evidence.gate, KT_REASON_MISSING_SUBTASKS);
    assert_int_equal(job_state(f).operators.count, 1);
}

static void a_resubmitted_job_may_have_another_graph(void **state) {
    struct fixture *f = *state;
    run_minutes(f, 2);
    f->job.job_id = "id-2";
    f->job.vertices[1].id = "x-map-2";
    kt_steady_job_restart(&f->job);
    run_minutes(f, 4); /* two ids in one window, then warm */
    const struct kt_job_state s = job_state(f);
    assert_str(s.job_id, "id-2");
    assert_int_equal(s.operators.count, 2);
    assert_str(s.operators.items[1].vertex_id, "x-map-2");
    assert_int_equal(s.last_reason, last_command(f).reason);
    assert_int_equal(last_command(f).evidence.gate, KT_REASON_STEADY);
}

static void a_history_outlives_a_resubmission(void **state) {
    struct fixture *f = *state;
    run_minutes(f, 2);
    f->job.job_id = "id-2";
    kt_steady_job_restart(&f->job);
    overload(f);
    run_minutes(f, 4);
    const struct kt_rescale_command c = last_command(f);
    assert_str(c.job_id, "id-2");
    assert_true(c.evidence.operators.items[1].history.items[0].observations >= 3);
}

/* From now to the end of that minute the map says a rate in place of its counters. */
static void run_minutes_with_rate(struct fixture *f, int minutes, double records_per_s,
                                  double busy_ms_per_s) {
    const size_t begin = f->records.count;
    kt_steady_job_run(&f->job, &f->records, BASE + minutes * MINUTE, 5000);
    for (size_t i = begin; i < f->records.count; i++) {
        struct kt_metric_event *event = &f->records.items[i].event;
        if (event->is_source) {
            continue;
        }
        for (int field = KT_EVENT_RECORDS_IN_TOTAL; field <= KT_EVENT_IDLE_MS_TOTAL; field++) {
            KT_CLEAR(event, field);
        }
        event->records_in_per_s = records_per_s;
        KT_SET(event, KT_EVENT_RECORDS_IN_PER_S);
        event->busy_ms_per_s = busy_ms_per_s;
        KT_SET(event, KT_EVENT_BUSY_MS_PER_S);
    }
}

static void a_rate_beyond_any_machine_is_neither_learned_nor_remembered(void **state) {
    struct fixture *f = *state;
    run_minutes_with_rate(f, 1, 1e300, 600);
    run_minutes(f, 1);
    const struct kt_job_state s = job_state(f);
    assert_int_equal(kt_stage_counters(f->rig.stage)->held, 0);
    assert_true(KT_HAS(&s.operators.items[0], KT_OPSTATE_LAMBDA_KNOWN));
    assert_false(KT_HAS(&s.operators.items[1], KT_OPSTATE_LAMBDA_KNOWN));
    overload(f);
    run_minutes(f, 4); /* the first is a ramp */
    bool told = false;
    for (size_t i = 0; i < kt_rig_commands(&f->rig); i++) {
        const struct kt_rescale_command c = command(f, i);
        assert_int_not_equal(c.reason, KT_REASON_UNKNOWN);
        told = told || c.kind == KT_COMMAND_RESCALE;
        if (c.evidence.operators.items[1].history.count > 0) {
            assert_true(c.evidence.operators.items[1].history.items[0].ability < 3000);
        }
    }
    assert_true(told);
}

static void a_share_of_time_that_cannot_be_teaches_nothing(void **state) {
    struct fixture *f = *state;
    f->rig.settings.gate.rate_warm_up_ms = 0;
    run_minutes_with_rate(f, 1, 1000, 4000); /* a sum over subtasks where a mean is meant */
    run_minutes(f, 1);
    const struct kt_rescale_command c = last_command(f);
    assert_int_equal(c.window_end_ms, BASE + MINUTE);
    assert_true(KT_HAS(&c.evidence.operators.items[1], KT_OPEV_RATE_IN_PER_S));
    assert_int_equal(c.evidence.operators.items[0].history.count, 1);
    assert_int_equal(c.evidence.operators.items[1].history.count, 0);
}

static void the_state_keeps_long_names_short(void **state) {
    struct fixture *f = *state;
    static char id[1001];
    memset(id, 'i', sizeof id - 1);
    f->job.vertices[1].id = id; /* also its name */
    run_minutes(f, 1);
    const struct kt_job_state s = job_state(f);
    assert_int_equal(s.operators.items[1].vertex_id.len, 1000);
    assert_int_equal(s.operators.items[1].name.len, KT_EVIDENCE_NAME_BYTES);
}

static void a_job_that_cannot_be_decided_says_so_from_the_first_window(void **state) {
    struct fixture *f = *state;
    f->rig.settings.defaults.policy.core_max = 7;
    run_minutes(f, 3);
    assert_int_equal(kt_rig_commands(&f->rig), 1);
    const struct kt_rescale_command c = command(f, 0);
    assert_int_equal(c.kind, KT_COMMAND_HOLD);
    assert_int_equal(c.reason, KT_REASON_UNKNOWN);
    assert_non_null(strstr(c.reason_text.data, "settings.core_max is 7"));
}

static void a_dry_run_takes_nothing_from_the_restart_budget(void **state) {
    struct fixture *f = *state;
    f->rig.settings.defaults.policy.dry_run = true;
    f->rig.settings.defaults.policy.restarts_per_day_max = 1;
    overload(f);
    run_minutes(f, 7); /* the first command has expired by the fourth window */
    const struct kt_job_state s = job_state(f);
    assert_true(s.generation >= 2);
    assert_int_equal(s.restarts_ms.count, 0);
    for (size_t i = 0; i < kt_rig_commands(&f->rig); i++) {
        const struct kt_rescale_command c = command(f, i);
        assert_true(c.dry_run);
        assert_int_not_equal(c.reason, KT_REASON_RESTART_BUDGET);
    }
}

static void the_restart_budget_is_free_again_after_a_day(void **state) {
    struct fixture *f = *state;
    f->rig.settings.defaults.policy.restarts_per_day_max = 1;
    overload(f);
    run_minutes(f, 5);
    assert_int_equal(last_command(f).reason, KT_REASON_RESTART_BUDGET);
    assert_int_equal(job_state(f).generation, 1);
    f->job.now_ms = BASE + 1440 * MINUTE; /* the first rescale was at minute 1 */
    run_minutes(f, 1441);
    assert_int_equal(last_command(f).kind, KT_COMMAND_RESCALE);
    const struct kt_job_state s = job_state(f);
    assert_int_equal(s.generation, 2);
    assert_int_equal(s.restarts_ms.count, 1);
}

static void an_idle_job_without_a_history_is_not_judged(void **state) {
    struct fixture *f = *state;
    for (int v = 0; v < 2; v++) {
        f->job.vertices[v].busy = 0.001;
        f->job.vertices[v].rate = 1;
    }
    run_minutes(f, 1);
    const struct kt_rescale_command c = last_command(f);
    assert_int_equal(c.reason, KT_REASON_BUSY_TOO_LOW);
    assert_non_null(strstr(c.reason_text.data, "nothing was learned before"));
}

static void the_rules_of_a_vertex_reach_the_decision(void **state) {
    struct fixture *f = *state;
    struct kt_vertex_rule rules[] = {{.vertex = KT_STR("w-map"), .max_parallelism = 3},
                                     {.vertex = KT_STR("v-source"), .pinned = 1}};
    f->rig.settings.defaults.rules.items = rules;
    f->rig.settings.defaults.rules.count = 2;
    overload(f);
    f->job.vertices[1].parallelism = 2;
    run_minutes(f, 1);
    const struct kt_rescale_command c = command(f, 0);
    assert_int_equal(c.evidence.operators.items[1].max_allowed, 3);
    assert_int_equal(c.evidence.operators.items[0].pinned, 1);
    assert_int_equal(c.operators.items[0].to, 1);
    assert_true(c.operators.items[1].to <= 3);
    f->rig.settings.defaults.rules.count = 0;
}

static void a_graph_that_is_not_wholly_known_gives_no_edges(void **state) {
    struct fixture *f = *state;
    f->job.vertices[1].upstream = "not-reported";
    run_minutes(f, 1);
    const struct kt_rescale_command c = last_command(f);
    assert_int_equal(c.evidence.operators.items[0].inputs.count, 0);
    assert_int_equal(c.evidence.operators.items[1].inputs.count, 0);
}

static enum kt_err ignore_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                                 struct kt_error *error) {
    (void)ctx;
    (void)key;
    (void)value;
    (void)len;
    (void)error;
    return KT_ERR_OK;
}

static void a_command_of_a_hundred_operators_with_full_histories_is_small(void **state) {
    struct fixture *f = *state;
    static char ids[100][40];
    struct kt_durable *durable;
    assert_int_equal(kt_durable_new(f->rig.store, ignore_change, NULL, &durable, NULL), KT_ERR_OK);
    f->job.count = 100;
    for (int v = 0; v < 100; v++) {
        snprintf(ids[v], sizeof ids[v], "%032x", v + 1);
        f->job.vertices[v] = (struct kt_steady_job_vertex){.id = ids[v],
                                                           .upstream = v == 0 ? NULL : ids[v - 1],
                                                           .parallelism = 2,
                                                           .rate = 5000,
                                                           .busy = 0.58,
                                                           .backpressured = v < 99 ? 0.4 : 0};
        const struct kt_history_owner owner = {0, KT_STR("c"), KT_STR("orders"), kt_str_of(ids[v])};
        for (int32_t p = 1; p <= 64; p++) {
            const struct kt_observation seen = {.ability = 2512.345 * p / (1 + 0.013 * (p - 1)),
                                                .window_end_ms = p};
            assert_int_equal(
                kt_history_add(durable, &owner, owner.vertex_id, p, &seen, 5, &f->arena, NULL),
                KT_ERR_OK);
        }
        kt_arena_reset(&f->arena);
    }
    kt_durable_free(durable);
    kt_steady_job_run(&f->job, &f->records, BASE + MINUTE + 15000, 15000);
    kt_rig_run(&f->rig, &f->records);
    const struct kt_rescale_command c = command(f, 0);
    assert_int_equal(c.evidence.operators.count, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(c.evidence.operators.items[i].history.count, 64);
    }
    for (size_t i = 0; i < f->rig.committed.count; i++) {
        if (f->rig.committed.items[i].kind == KT_RIG_COMMAND) {
            print_message("a command of %zu bytes\n", f->rig.committed.items[i].bytes.len);
            assert_true(f->rig.committed.items[i].bytes.len < 500000);
        }
    }
}

/* The commands of one job, in order, must begin with those of the other rig. */
static void assert_commands_of_job(struct kt_rig *among, struct kt_rig *alone,
                                   struct kt_arena *arena, const char *job) {
    size_t found = 0;
    size_t next = 0;
    for (size_t i = 0; i < among->committed.count; i++) {
        const struct kt_rig_entry *entry = &among->committed.items[i];
        if (entry->kind != KT_RIG_COMMAND) {
            continue;
        }
        struct kt_rescale_command command;
        assert_true(kt_rig_command(among, found++, arena, &command));
        if (!kt_str_equal(command.job_name, kt_str_of(job))) {
            continue;
        }
        while (next < alone->committed.count &&
               alone->committed.items[next].kind != KT_RIG_COMMAND) {
            next++;
        }
        assert_true(next < alone->committed.count);
        const struct kt_bytes *bytes = &alone->committed.items[next++].bytes;
        assert_int_equal(bytes->len, entry->bytes.len);
        assert_memory_equal(bytes->data, entry->bytes.data, bytes->len);
    }
    for (; next < alone->committed.count; next++) {
        assert_int_not_equal(alone->committed.items[next].kind, KT_RIG_COMMAND);
    }
}

#define CROWD 200

static void a_job_is_decided_the_same_alone_and_among_two_hundred(void **state) {
    struct fixture *f = *state;
    static struct kt_steady_job crowd[CROWD];
    static char names[CROWD][16];
    struct kt_rig alone;
    struct kt_rig_records own = {0};
    kt_rig_init(&alone, NULL);
    for (int j = 0; j < CROWD; j++) {
        snprintf(names[j], sizeof names[j], "job-%d", j);
        kt_steady_job_init(&crowd[j], names[j]);
        /* Clocks up to nine minutes ahead and half an hour behind. */
        crowd[j].now_ms += (int64_t)(j % 40 - 30) * MINUTE;
        crowd[j].vertices[1].busy = 0.3 + 0.003 * j;
    }
    overload(f);
    for (int step = 1; step <= 8 * 4; step++) {
        const int64_t now = BASE + step * 15000;
        if (step == 10) {
            kt_steady_job_restart(&f->job);
            f->job.vertices[0].backpressured = 0;
            f->job.vertices[1].busy = 0.7;
            f->job.vertices[1].parallelism = 2;
        }
        for (int j = 0; j < CROWD; j++) {
            kt_steady_job_run(&crowd[j], &f->records, crowd[j].now_ms + 15000, 15000);
        }
        const size_t begin = f->records.count;
        kt_steady_job_run(&f->job, &f->records, now, 15000);
        for (size_t i = begin; i < f->records.count; i++) {
            if (own.arena.chunk_bytes == 0) {
                kt_arena_init(&own.arena, 1024, 1024);
            }
            *kt_rig_records_add(&own) = f->records.items[i];
        }
    }
    kt_rig_run(&f->rig, &f->records);
    kt_rig_run(&alone, &own);
    assert_true(kt_rig_commands(&alone) >= 3);
    assert_int_equal(kt_stage_counters(f->rig.stage)->jobs, CROWD + 1);
    assert_commands_of_job(&f->rig, &alone, &f->arena, "orders");
    kt_rig_end(&alone);
    kt_rig_records_free(&own);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(an_overloaded_job_is_told_to_grow),
        T(a_hold_is_published_when_its_reason_changes_only),
        T(a_window_that_is_held_teaches_nothing),
        T(the_load_is_known_while_nothing_is_backpressured),
        T(the_last_known_load_reaches_the_decision),
        T(what_a_window_proved_stands_in_its_evidence),
        T(ratios_are_learned_as_far_as_a_window_shows_them),
        T(an_own_rescale_teaches_the_gain_of_the_backlog),
        T(the_largest_load_that_showed_fades_slowly),
        T(the_newest_loads_of_a_source_are_remembered),
        T(what_was_learned_of_an_operator_outlives_a_resubmission),
        T(a_load_that_never_stops_changing_is_decided_after_two_windows),
        T(a_command_that_was_carried_out_is_no_longer_pending),
        T(a_command_that_was_not_carried_out_stays_pending_until_it_expires),
        T(somebody_elses_rescale_ends_a_pending_command),
        T(a_vertex_that_falls_silent_holds_the_job_but_not_for_ever),
        T(a_resubmitted_job_may_have_another_graph),
        T(a_history_outlives_a_resubmission),
        T(a_rate_beyond_any_machine_is_neither_learned_nor_remembered),
        T(a_share_of_time_that_cannot_be_teaches_nothing),
        T(the_state_keeps_long_names_short),
        T(a_job_that_cannot_be_decided_says_so_from_the_first_window),
        T(a_dry_run_takes_nothing_from_the_restart_budget),
        T(the_restart_budget_is_free_again_after_a_day),
        T(an_idle_job_without_a_history_is_not_judged),
        T(the_rules_of_a_vertex_reach_the_decision),
        T(a_graph_that_is_not_wholly_known_gives_no_edges),
        T(a_command_of_a_hundred_operators_with_full_histories_is_small),
        T(a_job_is_decided_the_same_alone_and_among_two_hundred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
