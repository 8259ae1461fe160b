/* SPDX-License-Identifier: GPL-3.0-or-later
 * The way from evidence to a decision: what is refused, what holds and with which words, and that
 * nothing but the evidence has any influence. */
#include "model/policy.h"
#include "support/job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A job under the policy whose answers these tests name. */
static void init_conttune(struct kt_test_job *job, size_t operators) {
    kt_test_job_init(job, operators);
    job->evidence.settings.policy = KT_STR("conttune");
}

/* A job of three that is under-provisioned at op2: Big is what it needs. */
static void make_under(struct kt_test_job *job) {
    init_conttune(job, 3);
    kt_test_job_measure(job, 0, 1000, 0.3);
    kt_test_job_measure(job, 1, 1000, 0.5);
    kt_test_job_measure(job, 2, 1000, 0.99);
    kt_test_job_backpressure(job, 0, 0.6);
}

/* One operator of eight subtasks behind a source, busy to half: six are enough (linear). */
static void make_over(struct kt_test_job *job) {
    init_conttune(job, 2);
    kt_test_job_measure(job, 0, 1000, 0.5);
    job->operators[1].parallelism = 8;
    job->evidence.parallelism_peak = 8;
    kt_test_job_measure(job, 1, 1000, 0.7);
}

static void a_window_that_the_gate_holds_is_held_for_that_reason(void **state) {
    (void)state;
    struct kt_test_job job;
    make_under(&job);
    job.evidence.gate = KT_REASON_WARM_UP;
    job.evidence.gate_text = KT_STR("op1 restarted 3 s before the window's end");
    job.evidence.phase = KT_PHASE_BIG;
    job.operators[1].parallelism = 0; /* not known: no error in a window that is not used */
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_HOLD);
    assert_int_equal(d.reason, KT_REASON_WARM_UP);
    assert_int_equal(d.phase, KT_PHASE_BIG);
    assert_int_equal(d.state, KT_STATE_UNKNOWN);
    assert_true(kt_test_says(&d, "op1 restarted 3 s"));
}

static void a_pending_command_is_waited_for_until_its_time(void **state) {
    (void)state;
    struct kt_test_job job;
    make_under(&job);
    job.evidence.pending_until_ms = job.evidence.window_end_ms + 90000;
    KT_SET(&job.evidence, KT_EVIDENCE_PENDING_UNTIL_MS);
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_PENDING);
    assert_true(kt_test_says(&d, "90 s"));
    job.evidence.pending_until_ms = job.evidence.window_end_ms;
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_RESCALE);
}

static void a_job_without_operators_or_with_a_cycle_is_held(void **state) {
    (void)state;
    struct kt_test_job job;
    init_conttune(&job, 0);
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_NO_TOPOLOGY);
    make_under(&job);
    kt_test_job_edge(&job, 2, 1);
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_HOLD);
    assert_int_equal(d.reason, KT_REASON_NO_TOPOLOGY);
    assert_true(kt_test_says(&d, "cycle at or before op1"));
}

static void a_rescale_names_its_cause_and_what_it_changes(void **state) {
    (void)state;
    struct kt_test_job job;
    make_under(&job);
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_BIG);
    assert_true(kt_test_says(&d, "op0 is backpressured 60 % of the time and op2 is 99 % busy"));
    assert_true(kt_test_says(&d, "op1 1 -> 2"));
    assert_true(kt_test_says(&d, "3 -> 6 subtasks in all"));
    make_over(&job);
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_RESCALE);
    assert_int_equal(d.reason, KT_REASON_OVER_PROVISIONED);
    assert_int_equal(d.phase, KT_PHASE_SMALL);
    assert_int_equal(d.operators.items[1].to, 6);
}

static void a_small_change_is_below_the_threshold(void **state) {
    (void)state;
    struct kt_test_job job;
    make_over(&job);
    job.evidence.settings.decision_threshold = 0.30; /* 9 → 7 is 28.6 % */
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_HOLD);
    assert_int_equal(d.reason, KT_REASON_BELOW_THRESHOLD);
    assert_int_equal(d.phase, KT_PHASE_STEADY);
    assert_true(kt_test_says(&d, "from 9 to 7 subtasks"));
    assert_true(kt_test_says(&d, "op1 8 -> 6"));
    job.evidence.settings.decision_threshold = 2.0 / 7;
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_RESCALE);
}

static void an_under_provisioned_job_passes_any_threshold(void **state) {
    (void)state;
    struct kt_test_job job;
    make_under(&job);
    job.evidence.settings.decision_threshold = 1000;
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_RESCALE);
}

static void an_operator_that_will_not_keep_up_passes_any_threshold(void **state) {
    (void)state;
    struct kt_test_job job;
    make_over(&job);
    job.evidence.settings.decision_threshold = 1000;
    job.operators[1].parallelism = 20;
    kt_test_job_measure(&job, 1, 1000, 0.7);
    assert_int_equal(kt_test_decide(&job.evidence).reason, KT_REASON_BELOW_THRESHOLD);
    /* The source is at its end, though nothing is backpressured yet: it needs a second subtask. */
    kt_test_job_measure(&job, 0, 1000, 1.01);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_RESCALE);
    assert_int_equal(d.operators.items[0].to, 2);
}

static void cooldown_holds_until_it_is_over(void **state) {
    (void)state;
    struct kt_test_job job;
    make_under(&job);
    job.evidence.phase = KT_PHASE_SMALL;
    job.evidence.last_rescale_ms = job.evidence.window_end_ms - 59999;
    KT_SET(&job.evidence, KT_EVIDENCE_LAST_RESCALE_MS);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_COOLDOWN);
    assert_int_equal(d.phase, KT_PHASE_SMALL);
    assert_int_equal(d.state, KT_STATE_UNDER);
    assert_true(kt_test_says(&d, "cooldown lasts 60 s"));
    job.evidence.last_rescale_ms--;
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_RESCALE);
}

static void the_restart_budget_holds_when_it_is_used_up(void **state) {
    (void)state;
    struct kt_test_job job;
    make_under(&job);
    job.evidence.restarts_in_day = 99;
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_RESCALE);
    job.evidence.restarts_in_day = 100;
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_RESTART_BUDGET);
    assert_true(kt_test_says(&d, "100 restarts in the last 24 h"));
}

static void limits_that_stop_all_are_the_reason_to_hold(void **state) {
    (void)state;
    struct kt_test_job job;
    make_over(&job);
    job.operators[1].min_allowed = 8;
    job.operators[1].parallelism = 8;
    job.operators[0].parallelism = 3; /* so that something can shrink and the job counts as OVER */
    kt_test_job_measure(&job, 0, 1000, 0.9);
    job.operators[0].min_allowed = 1;
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    kt_test_job_measure(&job, 0, 1000, 0.5);
    job.operators[0].min_allowed = 2;
    job.operators[0].max_allowed = 3;
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_RESCALE);
    job.operators[0].parallelism = 2;
    job.operators[1].min_allowed = 7;
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_RESCALE);
    assert_int_equal(d.operators.items[1].to, 7);
    assert_int_equal(d.operators.items[1].method, KT_METHOD_LIMITED);
    assert_int_equal(d.operators.items[1].limits.count, 1);
    assert_int_equal(d.operators.items[1].limits.items[0], KT_LIMIT_MIN_PARALLELISM);
    /* At its limits the job is held, and the limit is named. */
    job.operators[1].parallelism = 7;
    job.evidence.phase = KT_PHASE_SMALL;
    kt_test_job_measure(&job, 1, 1000, 0.5);
    kt_test_job_measure(&job, 0, 1000, 0.9);
    job.operators[0].parallelism = 1;
    job.operators[0].min_allowed = 1;
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_HOLD);
    assert_int_equal(d.reason, KT_REASON_LIMITED);
    assert_true(kt_test_says(&d, "op1 would go from 7 to 4, but the configured minimum"));
}

static void an_operator_outside_its_limits_moves_with_the_next_rescale_only(void **state) {
    (void)state;
    struct kt_test_job job;
    make_over(&job);
    kt_test_job_measure(&job, 1, 1000, 0.99); /* eight are needed: nothing to change */
    job.operators[1].max_allowed = 6;
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_HOLD);
    job.operators[1].max_allowed = 128;
    job.operators[1].pinned = 6;
    KT_SET(&job.operators[1], KT_OPEV_PINNED);
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_HOLD);
    job.operators[0].parallelism = 4; /* now there is a rescale anyway */
    job.evidence.phase = KT_PHASE_SMALL;
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_RESCALE);
    assert_int_equal(d.operators.items[1].to, 6);
    assert_int_equal(d.operators.items[1].limits.items[0], KT_LIMIT_PIN);
}

static void predictions_follow_an_answer_that_a_limit_moved(void **state) {
    (void)state;
    struct kt_test_job job;
    make_over(&job);
    kt_test_job_learn(&job, 1, 4, 900);
    kt_test_job_learn(&job, 1, 5, 1100);
    kt_test_job_learn(&job, 1, 8, 1428);
    job.operators[1].min_allowed = 6;
    const struct kt_decision d = kt_test_decide(&job.evidence);
    const struct kt_operator_decision *op = &d.operators.items[1];
    assert_int_equal(op->method, KT_METHOD_LIMITED);
    assert_int_equal(op->to, 6);
    assert_true(KT_HAS(op, KT_OPDEC_PREDICTED_STDDEV));
    assert_true(op->predicted_ability > 1100 && op->predicted_ability < 1428);
    assert_int_equal(op->nearest_observed, 5);
    assert_true(KT_HAS(op, KT_OPDEC_SURROGATE));
}

struct bad_value {
    const char *message;
    void (*spoil)(struct kt_test_job *job);
};
#define SPOIL(name, statement)                                                                     \
    static void name(struct kt_test_job *job) {                                                    \
        statement;                                                                                 \
    }
SPOIL(spoil_nan_rate, job->operators[1].rate_in_per_s = NAN)
SPOIL(spoil_negative_rate, job->operators[1].rate_in_per_s = -1)
SPOIL(spoil_infinite_growth, kt_test_job_backlog(job, 0, 1, -INFINITY))
SPOIL(spoil_busy, job->operators[2].busy = 3)
SPOIL(spoil_parallelism, job->operators[2].parallelism = 0)
SPOIL(spoil_bound, job->operators[2].max_allowed = 0)
SPOIL(spoil_edge, job->edges[1][0].upstream = 7)
SPOIL(spoil_history_nan, kt_test_job_learn(job, 0, 3, NAN))
SPOIL(spoil_history_zero, kt_test_job_learn(job, 0, 3, 0))
SPOIL(spoil_history_negative, kt_test_job_learn(job, 0, 3, -5))
SPOIL(spoil_history_infinite, kt_test_job_learn(job, 0, 3, INFINITY))
SPOIL(spoil_history_twice, kt_test_job_learn(job, 0, 3, 5); kt_test_job_learn(job, 0, 4, 6);
      job->history[0][1].parallelism = 3)
SPOIL(spoil_history_p, kt_test_job_learn(job, 0, 0, 5))
SPOIL(spoil_policy, job->evidence.settings.policy = KT_STR("magic"))
SPOIL(spoil_surrogate, job->evidence.settings.surrogate = KT_STR("spline"))
SPOIL(spoil_alpha, job->evidence.settings.alpha = -1)
SPOIL(spoil_threshold, job->evidence.settings.decision_threshold = NAN)
SPOIL(spoil_phase, job->evidence.phase = 9)
SPOIL(spoil_gate, job->evidence.gate = -1)
static double law_prior[KT_LAWS];
SPOIL(spoil_laws, job->evidence.law_prior.items = law_prior; job->evidence.law_prior.count = 2)
SPOIL(spoil_law, job->evidence.law_prior.items = law_prior; job->evidence.law_prior.count = KT_LAWS;
      law_prior[3] = NAN)
static struct kt_observation_group group_pair[2];
static void put_groups(struct kt_test_job *job) {
    for (size_t g = 0; g < 2; g++) {
        group_pair[g] = (struct kt_observation_group){.parallelism = 2,
                                                      .generation = 1,
                                                      .window_end_ms = (int64_t)g,
                                                      .observations = 1,
                                                      .ability = 100,
                                                      .weight = 1};
    }
    job->evidence.operators.items[0].groups.items = group_pair;
    job->evidence.operators.items[0].groups.count = 2;
}
SPOIL(spoil_group_weight, put_groups(job); group_pair[0].weight = NAN)
SPOIL(spoil_group_time, put_groups(job); group_pair[1].window_end_ms = 0)
SPOIL(spoil_group_generation, put_groups(job); group_pair[1].generation = 0)
SPOIL(spoil_now, job->evidence.window_end_ms = INT64_MAX)
SPOIL(spoil_rescale_time, job->evidence.last_rescale_ms = INT64_MAX;
      KT_SET(&job->evidence, KT_EVIDENCE_LAST_RESCALE_MS))
SPOIL(spoil_pending_time, job->evidence.pending_until_ms = INT64_MAX;
      KT_SET(&job->evidence, KT_EVIDENCE_PENDING_UNTIL_MS))
SPOIL(spoil_attempt_time, job->evidence.running_since_ms = INT64_MIN;
      KT_SET(&job->evidence, KT_EVIDENCE_RUNNING_SINCE_MS))

static void evidence_that_is_not_sound_is_refused_by_field(void **state) {
    (void)state;
    const struct bad_value bad[] = {
        {"operators[1].rate_in_per_s is nan", spoil_nan_rate},
        {"operators[1].rate_in_per_s is -1", spoil_negative_rate},
        {"operators[0].pending_growth_per_s is -inf", spoil_infinite_growth},
        {"operators[2].busy is 3", spoil_busy},
        {"operators[2].parallelism is 0", spoil_parallelism},
        {"operators[2].max_allowed is 0", spoil_bound},
        {"operators[1].inputs[0].upstream is 7 of 3", spoil_edge},
        {"operators[0].history[0].ability is nan", spoil_history_nan},
        {"operators[0].history[0].ability is 0", spoil_history_zero},
        {"operators[0].history[0].ability is -5", spoil_history_negative},
        {"operators[0].history[0].ability is inf", spoil_history_infinite},
        {"operators[0].history[1].parallelism is 3 after 3", spoil_history_twice},
        {"operators[0].history[0].parallelism is 0", spoil_history_p},
        {"no policy 'magic'", spoil_policy},
        {"no surrogate 'spline'", spoil_surrogate},
        {"settings.alpha is -1", spoil_alpha},
        {"settings.decision_threshold is nan", spoil_threshold},
        {"phase is 9", spoil_phase},
        {"gate is -1", spoil_gate},
        {"law_prior has 2 values, expected none or 312", spoil_laws},
        {"law_prior[3] is nan, expected 0 to 1", spoil_law},
        {"operators[0].groups[0]: parallelism 2", spoil_group_weight},
        {"operators[0].groups[1] is not the newer one", spoil_group_time},
        {"operators[0].groups[1] is not the newer one", spoil_group_generation},
        {"window_end_ms is 9223372036854775807", spoil_now},
        {"last_rescale_ms is 9223372036854775807", spoil_rescale_time},
        {"pending_until_ms is 9223372036854775807", spoil_pending_time},
        {"running_since_ms is -9223372036854775808", spoil_attempt_time},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kt_test_job job;
        make_under(&job);
        bad[i].spoil(&job);
        const char *message = kt_test_decide_error(&job.evidence, KT_ERR_INVALID);
        if (strstr(message, bad[i].message) == NULL) {
            fail_msg("expected '%s' in '%s'", bad[i].message, message);
        }
    }
}

/* ---- random evidence ------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33U;
}

static double uniform(uint64_t *seed) {
    return (double)next_random(seed) / 2147483648.0;
}

static int32_t below(uint64_t *seed, int32_t n) {
    return (int32_t)(next_random(seed) % (uint64_t)n);
}

/* A rate of any size that a double in range may have, zero included. */
static double wild_rate(uint64_t *seed) {
    return below(seed, 8) == 0 ? 0 : pow(10, -6 + 19 * uniform(seed));
}

static void random_operator(struct kt_test_job *job, size_t i, uint64_t *seed) {
    struct kt_operator_evidence *op = &job->operators[i];
    /* One draw per statement: the order of arguments is the compiler's. */
    const int32_t widest = below(seed, 4) == 0 ? 32768 : 40;
    op->parallelism = 1 + below(seed, widest);
    op->keep_up = below(seed, 3);
    if (below(seed, 2) == 0) {
        op->lambda_decided = 1000 * uniform(seed);
        KT_SET(op, KT_OPEV_LAMBDA_DECIDED);
    }
    static double loads[KT_LOADS_MAX];
    op->loads_per_s.items = loads;
    op->loads_per_s.count = (size_t)below(seed, KT_LOADS_MAX + 1);
    for (size_t l = 0; l < op->loads_per_s.count; l++) {
        loads[l] = wild_rate(seed);
    }
    op->min_allowed = 1 + below(seed, 10);
    op->max_allowed = 1 + below(seed, 200);
    if (below(seed, 5) > 0) {
        const double rate = wild_rate(seed);
        const double busy = below(seed, 6) == 0 ? 0 : 1e-4 + uniform(seed);
        kt_test_job_measure(job, i, rate, busy);
        op->rate_out_per_s = wild_rate(seed);
    }
    if (below(seed, 3) == 0) {
        kt_test_job_backpressure(job, i, uniform(seed));
    }
    if (below(seed, 4) == 0) {
        const double pending = wild_rate(seed);
        const double direction = uniform(seed) - 0.5;
        kt_test_job_backlog(job, i, pending, direction * wild_rate(seed));
    }
    if (below(seed, 2) == 0) {
        kt_test_job_lambda(job, i, wild_rate(seed));
    }
    if (below(seed, 8) == 0) {
        op->pinned = 1 + below(seed, 50);
        KT_SET(op, KT_OPEV_PINNED);
    }
    if (below(seed, 4) == 0) {
        op->max_parallelism = 1 + below(seed, 300);
        KT_SET(op, KT_OPEV_MAX_PARALLELISM);
    }
    if (below(seed, 4) == 0) {
        op->source_partitions = 1 + below(seed, 30);
        KT_SET(op, KT_OPEV_SOURCE_PARTITIONS);
    }
    op->is_source = i == 0 || below(seed, 6) == 0;
    const int32_t points = below(seed, 3) == 0 ? 0 : below(seed, 12);
    const double unit = pow(10, -3 + 12 * uniform(seed));
    for (int32_t h = 0; h < points; h++) {
        const int32_t p = 1 + below(seed, 60);
        kt_test_job_learn(job, i, p, unit * p * (0.5 + uniform(seed)));
    }
    op->inputs.count = 0;
    const size_t edges = i == 0 ? 0 : 1 + (size_t)below(seed, 3);
    for (size_t e = 0; e < edges; e++) {
        if (below(seed, 8) > 0) {
            kt_test_job_edge(job, below(seed, (int32_t)i), (int32_t)i);
        }
    }
}

static void random_job(struct kt_test_job *job, uint64_t seed) {
    uint64_t *s = &seed;
    init_conttune(job, 1 + (size_t)below(s, 6));
    job->evidence.settings.policy =
        kt_str_of(kt_policies[below(s, (int32_t)kt_policies_count)]->name);
    job->evidence.settings.alpha = below(s, 5);
    job->evidence.settings.keep_up_rule = below(s, 4) == 0;
    job->evidence.settings.surrogate = below(s, 2) == 0 ? KT_STR("rbf") : KT_STR("scaling");
    job->evidence.settings.acquisition = below(s, 2) == 0 ? KT_STR("mean") : KT_STR("cei");
    job->evidence.settings.busy_min = below(s, 3) == 0 ? 0 : 0.02;
    job->evidence.phase = below(s, 3);
    job->evidence.parallelism_peak = below(s, 100);
    for (size_t i = 0; i < job->evidence.operators.count; i++) {
        random_operator(job, i, s);
    }
}

/* kt_test_decide checks each: finite numbers, limits, HOLD asks for nothing. */
static void random_evidence_gives_sound_decisions(void **state) {
    (void)state;
    static struct kt_test_job job;
    size_t rescales = 0;
    size_t reasons[KT_REASON_NO_TOPOLOGY + 1] = {0};
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        random_job(&job, seed);
        const struct kt_decision d = kt_test_decide(&job.evidence);
        rescales += d.kind == KT_COMMAND_RESCALE;
        reasons[d.reason]++;
    }
    /* The generator reaches all the ways out that random numbers can reach. */
    assert_in_range(rescales, 600, 2800);
    const int reached[] = {KT_REASON_BIG,     KT_REASON_OVER_PROVISIONED,
                           KT_REASON_STEADY,  KT_REASON_UNDER_PROVISIONED,
                           KT_REASON_LIMITED, KT_REASON_NO_TOPOLOGY,
                           KT_REASON_REFINED, KT_REASON_BELOW_THRESHOLD};
    for (size_t i = 0; i < sizeof reached / sizeof reached[0]; i++) {
        if (reasons[reached[i]] < 2) {
            fail_msg("reason %d came %zu times", reached[i], reasons[reached[i]]);
        }
    }
}

/* A digest of everything a decision says. */
static uint64_t digest(const struct kt_decision *d) {
    uint64_t hash = kt_str_hash(KT_HASH_SEED, d->reason_text);
    const int32_t head[] = {d->kind, d->phase, d->state, d->reason};
    hash = kt_str_hash(hash, (struct kt_str){(const char *)head, sizeof head});
    for (size_t i = 0; i < d->operators.count; i++) {
        const struct kt_operator_decision *op = &d->operators.items[i];
        const double numbers[] = {op->lambda,
                                  op->predicted_ability,
                                  op->predicted_stddev,
                                  op->surrogate.length_scale,
                                  op->surrogate.sigma_f,
                                  op->surrogate.log_marginal_likelihood,
                                  op->to,
                                  op->method,
                                  (double)op->limits.count,
                                  op->nearest_observed};
        hash = kt_str_hash(hash, (struct kt_str){(const char *)numbers, sizeof numbers});
    }
    return hash;
}

static void decisions_do_not_depend_on_earlier_ones(void **state) {
    (void)state;
    enum { JOBS = 200 };
    static struct kt_test_job job;
    uint64_t forwards[JOBS];
    for (uint64_t i = 0; i < JOBS; i++) {
        random_job(&job, 7000 + i);
        const struct kt_decision d = kt_test_decide(&job.evidence);
        forwards[i] = digest(&d);
    }
    for (uint64_t i = JOBS; i-- > 0;) {
        if (i % 10 == 0) {
            kt_test_decide_end(); /* a fresh decider and arena decide the same */
        }
        random_job(&job, 7000 + i);
        const struct kt_decision d = kt_test_decide(&job.evidence);
        assert_true(forwards[i] == digest(&d));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_that_the_gate_holds_is_held_for_that_reason),
        cmocka_unit_test(a_pending_command_is_waited_for_until_its_time),
        cmocka_unit_test(a_job_without_operators_or_with_a_cycle_is_held),
        cmocka_unit_test(a_rescale_names_its_cause_and_what_it_changes),
        cmocka_unit_test(a_small_change_is_below_the_threshold),
        cmocka_unit_test(an_under_provisioned_job_passes_any_threshold),
        cmocka_unit_test(an_operator_that_will_not_keep_up_passes_any_threshold),
        cmocka_unit_test(cooldown_holds_until_it_is_over),
        cmocka_unit_test(the_restart_budget_holds_when_it_is_used_up),
        cmocka_unit_test(limits_that_stop_all_are_the_reason_to_hold),
        cmocka_unit_test(an_operator_outside_its_limits_moves_with_the_next_rescale_only),
        cmocka_unit_test(predictions_follow_an_answer_that_a_limit_moved),
        cmocka_unit_test(evidence_that_is_not_sound_is_refused_by_field),
        cmocka_unit_test(random_evidence_gives_sound_decisions),
        cmocka_unit_test(decisions_do_not_depend_on_earlier_ones),
    };
    return cmocka_run_group_tests(tests, NULL, kt_test_decide_teardown);
}
