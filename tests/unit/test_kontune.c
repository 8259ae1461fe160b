/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policy `kontune`: single operators beside a reference implementation, the moves of a job, its
 * limits, its words, and the way out where λ is hidden. */
#include "model/acquire.h"
#include "support/job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance) assert_true(fabs((double)(a) - (b)) <= (tolerance))

/* ---- one operator ---- */

/* Answers of an independent implementation of the same model and acquisition, in Python. The laws
 * of the true curves: contention, retrograde, linear, a plateau at 12. */
static const struct golden {
    const char *name;
    double lambda;
    int32_t present;
    bool first;
    int keep_up;
    int32_t answer;
    double probability;
    size_t count;
    struct {
        int32_t parallelism;
        int64_t generation;
        double ability;
        double busy;
    } observations[8];
} golden[] = {
    /* clang-format off */
    {"q1 first raise", 5331085.0439882698, 9, true, KT_KEEP_UP_FELL_BEHIND, 14, 0.881298651723, 6,
     {{1, 0, 525766.75997359899, 0.90397039486824693}, {1, 0, 528685.31666311109, 0.6429006900440708}, {4, 1, 1978064.1234296509, 0.69168444039275911}, {4, 1, 1944941.1362256501, 0.52263759695122258}, {9, 2, 3926347.3983048294, 0.99958805753253577}, {9, 2, 3907703.2939723432, 1}}},
    {"q1 lower", 2311600.7194244601, 10, true, KT_KEEP_UP_KEPT_UP, 6, 0.991370343904, 3,
     {{16, 0, 5914878.3220471246, 0.98709309662962763}, {16, 0, 5983959.08109044, 0.92211551880437048}, {10, 1, 4229685.2696500598, 0.54651837478576959}}},
    {"q1 trim", 3081078.7671232875, 12, false, KT_KEEP_UP_KEPT_UP, 7, 0.940378965921, 4,
     {{3, 0, 1496236.4920916473, 0.53040135647902797}, {6, 1, 2769646.7934230561, 0.63572580226505071}, {12, 2, 4859318.8054346573, 0.53210721865609556}, {12, 2, 4882344.342590142, 0.63106543720116604}}},
    {"q1 too little to trim", 4418046.875, 12, false, KT_KEEP_UP_KEPT_UP, 12, 1, 4,
     {{3, 0, 1481145.2368664977, 0.94772411970706294}, {6, 1, 2762249.7122124955, 0.50925860883510543}, {12, 2, 4800091.2917592051, 0.50059984179341432}, {12, 2, 5080753.90625, 0.86956521739130432}}},
    {"q1 one point", 1955719.5571955717, 1, true, KT_KEEP_UP_FELL_BEHIND, 5, 0.861518005893, 1,
     {{1, 0, 524474.98911028623, 1}}},
    {"q1 unknown", 4233226.837060703, 8, true, KT_KEEP_UP_UNKNOWN, 11, 0.845557128753, 4,
     {{2, 0, 1008866.2373479963, 0.65822604370224513}, {5, 1, 2393831.3526700069, 0.8492559951591554}, {5, 1, 2439529.9228942608, 0.899469745481567}, {8, 2, 3406291.8986212672, 0.65989232715914314}}},
    {"retro first raise", 893461.83902057831, 9, true, KT_KEEP_UP_FELL_BEHIND, 14, 0.955979310835, 6,
     {{1, 0, 98904.330043955793, 0.75353406946169565}, {1, 0, 100043.64151270787, 0.61809706419793176}, {4, 1, 362920.51544110436, 0.96661195011271683}, {4, 1, 367284.98592466448, 0.92246340073680499}, {9, 2, 698726.07063604635, 0.97551149059789966}, {9, 2, 691294.17033805349, 1}}},
    {"retro lower", 426936.61971830984, 10, true, KT_KEEP_UP_KEPT_UP, 5, 0.771988296001, 3,
     {{16, 0, 988640.93799655372, 0.62006766415138792}, {16, 0, 998407.21307760337, 0.8371948574433814}, {10, 1, 751479.67864523269, 0.56812796386988274}}},
    {"retro trim", 559492.41924851679, 12, false, KT_KEEP_UP_KEPT_UP, 7, 0.963257680194, 4,
     {{3, 0, 280039.13778318721, 0.82047007074065548}, {6, 1, 518021.53900600551, 0.84611113732241494}, {12, 2, 837467.07609213667, 0.68825626279384611}, {12, 2, 840995.34124307497, 0.66527410059315095}}},
    {"retro too little to trim", 768731.98847262235, 12, false, KT_KEEP_UP_KEPT_UP, 12, 1, 4,
     {{3, 0, 281314.10816033662, 0.89896694304851055}, {6, 1, 511600.04885290231, 0.85662893206222601}, {12, 2, 843408.80902519519, 0.97050048762130092}, {12, 2, 884041.78674351564, 0.86956521739130443}}},
    {"retro one point", 363768.64314296102, 1, true, KT_KEEP_UP_FELL_BEHIND, 5, 0.885009551832, 1,
     {{1, 0, 100971.66256159538, 1}}},
    {"retro unknown", 745156.48286140081, 8, true, KT_KEEP_UP_UNKNOWN, 11, 0.940568270011, 4,
     {{2, 0, 190144.753753686, 0.9238121901272669}, {5, 1, 443863.64121063479, 0.77662501989677046}, {5, 1, 429084.21881770523, 0.97926149989968581}, {8, 2, 622473.69834379992, 0.70104226346888288}}},
    {"linear first raise", 274400, 9, true, KT_KEEP_UP_FELL_BEHIND, 15, 0.977993497917, 6,
     {{1, 0, 19998.647737648091, 0.71009226734656528}, {1, 0, 19989.184133310038, 0.9674805470933252}, {4, 1, 79587.551557184823, 0.66367490666204887}, {4, 1, 78544.015732855521, 0.5938374701172594}, {9, 2, 179367.05283613186, 0.57862974354202223}, {9, 2, 179166.29644423866, 1}}},
    {"linear lower", 97000, 10, true, KT_KEEP_UP_KEPT_UP, 5, 0.955738891925, 3,
     {{16, 0, 317700.09436956345, 0.91439903548826118}, {16, 0, 320513.13644124556, 0.76355323827854127}, {10, 1, 200200.98462510863, 0.48451310157959404}}},
    {"linear trim", 135800, 12, false, KT_KEEP_UP_KEPT_UP, 7, 0.991906810049, 4,
     {{3, 0, 60288.160654239931, 0.55313102559937866}, {6, 1, 122098.37089424553, 0.63934815951715596}, {12, 2, 237751.20992518734, 0.52862929835787442}, {12, 2, 240042.37720705094, 0.56573344082017796}}},
    {"linear too little to trim", 213400, 12, false, KT_KEEP_UP_KEPT_UP, 12, 1, 4,
     {{3, 0, 59621.096106953344, 0.96405671050728681}, {6, 1, 120057.75667563612, 0.74025050832307326}, {12, 2, 239221.14149659817, 0.83349652192694035}, {12, 2, 245409.99999999997, 0.86956521739130443}}},
    {"linear one point", 80000, 1, true, KT_KEEP_UP_FELL_BEHIND, 5, 0.800554508173, 1,
     {{1, 0, 20051.570839496355, 1}}},
    {"linear unknown", 200000, 8, true, KT_KEEP_UP_UNKNOWN, 11, 0.981531312903, 4,
     {{2, 0, 39161.50825510516, 0.86873349139511347}, {5, 1, 99969.434385905188, 0.84538788560334965}, {5, 1, 98942.452136953201, 0.50285634496395915}, {8, 2, 162327.8390773854, 0.57451915540777476}}},
    {"plateau first raise", 352800, 9, true, KT_KEEP_UP_FELL_BEHIND, 12, 0.833205007409, 6,
     {{1, 0, 30261.736223340071, 0.60160730354726599}, {1, 0, 30146.759508814725, 0.60860570112488999}, {4, 1, 120750.14115517697, 0.94303758071517652}, {4, 1, 120854.96385459496, 0.68320239945319106}, {9, 2, 269089.7349478571, 0.84017089152306534}, {9, 2, 271708.50694253069, 1}}},
    {"plateau lower", 145500, 10, true, KT_KEEP_UP_KEPT_UP, 4, 0.780059437944, 3,
     {{16, 0, 360037.7048784942, 0.85338710223696146}, {16, 0, 367078.78599800676, 0.91200089932142148}, {10, 1, 296840.54239195568, 0.49016215516773365}}},
    {"plateau trim", 203700, 12, false, KT_KEEP_UP_KEPT_UP, 7, 0.977986855356, 4,
     {{3, 0, 90029.167244147699, 0.86267201583439879}, {6, 1, 179244.95099228807, 0.65806067464280971}, {12, 2, 365772.85026951937, 0.52522520682901042}, {12, 2, 359088.13438806392, 0.56727020609336787}}},
    {"plateau too little to trim", 320100, 12, false, KT_KEEP_UP_KEPT_UP, 12, 1, 4,
     {{3, 0, 89659.569989268202, 0.91656866309155594}, {6, 1, 180394.78874356148, 0.77844190534916802}, {12, 2, 362253.34240962152, 0.79899856877532871}, {12, 2, 368115, 0.86956521739130432}}},
    {"plateau one point", 120000, 1, true, KT_KEEP_UP_FELL_BEHIND, 5, 0.789807421915, 1,
     {{1, 0, 29788.773073495351, 1}}},
    {"plateau unknown", 300000, 8, true, KT_KEEP_UP_UNKNOWN, 11, 0.738250834461, 4,
     {{2, 0, 58017.847031003817, 0.62406360752642909}, {5, 1, 152775.21791323548, 0.83619340920563934}, {5, 1, 152749.52668659584, 0.99518354028196798}, {8, 2, 228799.90775765484, 0.9776656334009397}}},
    {"no parallelism does", 503999.99999999994, 20, false, KT_KEEP_UP_FELL_BEHIND, 20, 8.87052909329e-08, 6,
     {{4, 0, 119535.33411070958, 0.72174643829741281}, {8, 1, 239708.65996100227, 0.52334580768596239}, {12, 2, 359789.92431735207, 0.62337392057987406}, {16, 3, 367860.51689711114, 0.58184708030012611}, {20, 4, 356680.91675829509, 0.62469094519589552}, {20, 4, 361439.24280927307, 1}}},
    /* clang-format on */
};

/* The reference stays where nothing helps, whatever fewer subtasks do. */
static void never_take_back(struct kt_test_job *job) {
    job->evidence.settings.trim_band = 1;
}

/* op0 is a source that cannot be scaled; op1 has the observations. */
static void pose(struct kt_test_job *job, const struct golden *g) {
    kt_test_job_init(job, 2);
    job->evidence.settings.policy = KT_STR("kontune");
    job->evidence.settings.keep_up_probability = 0.7; /* as the reference asks */
    const double received =
        g->keep_up == KT_KEEP_UP_FELL_BEHIND ? g->observations[g->count - 1].ability : g->lambda;
    kt_test_job_measure(job, 0, received, 0.5);
    kt_test_job_measure(job, 1, received,
                        fmin(received / g->observations[g->count - 1].ability, 1));
    if (g->keep_up == KT_KEEP_UP_FELL_BEHIND) {
        kt_test_job_backpressure(job, 0, 0.5);
        kt_test_job_backlog(job, 0, 1e9, g->lambda - received);
    }
    job->operators[0].pinned = 1;
    KT_SET(&job->operators[0], KT_OPEV_PINNED);
    struct kt_operator_evidence *op = &job->operators[1];
    op->parallelism = g->present;
    op->keep_up = g->keep_up;
    op->max_allowed = 64;
    for (size_t i = 0; i < g->count; i++) {
        kt_test_job_observe(job, 1, g->observations[i].parallelism, g->observations[i].generation,
                            g->observations[i].ability, g->observations[i].busy);
    }
    if (!g->first) {
        for (size_t i = 0; i < 2; i++) {
            job->operators[i].lambda_decided = g->lambda;
            KT_SET(&job->operators[i], KT_OPEV_LAMBDA_DECIDED);
        }
    }
}

static void answers_are_those_of_the_reference(void **state) {
    (void)state;
    static struct kt_test_job job;
    struct kt_scaling_model one_walk = kt_scaling_model_default;
    one_walk.level_walk_prior[0] = 1;
    one_walk.level_walk_prior[1] = 0;
    kt_test_decide_by(&one_walk);
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        const struct golden *g = &golden[i];
        pose(&job, g);
        if (g->keep_up == KT_KEEP_UP_FELL_BEHIND && g->answer == g->present) {
            never_take_back(&job);
        }
        const struct kt_decision decision = kt_test_decide(&job.evidence);
        const struct kt_operator_decision *answer = &decision.operators.items[1];
        if (answer->to != g->answer || fabs(answer->keeps_up_probability - g->probability) > 1e-9) {
            fail_msg("%s: %d with %.12f instead of %d with %.12f", g->name, answer->to,
                     answer->keeps_up_probability, g->answer, g->probability);
        }
        assert_true(KT_HAS(answer, KT_OPDEC_SURROGATE));
        assert_true(kt_str_equal(answer->surrogate.name, KT_STR("scaling")));
        assert_true(answer->surrogate.law.len > 0);
        assert_true(answer->surrogate.law_probability > 0 &&
                    answer->surrogate.law_probability <= 1);
        assert_true(answer->surrogate.noise > 0.005 && answer->surrogate.noise < 0.1);
    }
    kt_test_decide_by(NULL);
}

/* 20 subtasks, of which 12 do as much, and a load that none reach. */
static void pose_limit(struct kt_test_job *job) {
    size_t i = 0;
    while (strcmp(golden[i].name, "no parallelism does") != 0) {
        i++;
    }
    pose(job, &golden[i]);
}

static void a_limit_is_called_one_with_vertex_and_numbers(void **state) {
    (void)state;
    static struct kt_test_job job;
    pose_limit(&job);
    never_take_back(&job);
    const struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_HOLD);
    assert_int_equal(decision.reason, KT_REASON_LIMITED);
    assert_true(kt_test_says(&decision, "op1 falls behind with"));
    assert_true(kt_test_says(&decision, "of 504000 records/s"));
    assert_true(kt_test_says(&decision, "no parallelism up to 64"));
}

static void what_gains_nothing_at_a_limit_is_taken_back(void **state) {
    (void)state;
    static struct kt_test_job job;
    pose_limit(&job);
    const struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    assert_int_equal(decision.operators.items[1].to, 12);
    assert_true(kt_test_says(&decision, "op1 falls behind with"));
    assert_true(kt_test_says(&decision, "no parallelism is likely to do, and 12 do as much as 20"));
}

/* A load beyond what the largest allowed parallelism does: more would do more. */
static void at_a_limit_of_the_settings_nothing_is_taken_back(void **state) {
    (void)state;
    static struct kt_test_job job;
    struct golden g = {.name = "capped",
                       .lambda = 900000,
                       .present = 20,
                       .keep_up = KT_KEEP_UP_FELL_BEHIND,
                       .count = 4};
    static const int32_t tried[] = {4, 9, 14, 20};
    for (size_t i = 0; i < 4; i++) {
        g.observations[i].parallelism = tried[i];
        g.observations[i].generation = (int64_t)i;
        g.observations[i].ability = 30000.0 * tried[i] / (1 + 0.03 * (tried[i] - 1));
        g.observations[i].busy = 1;
    }
    pose(&job, &g);
    job.operators[1].max_allowed = 20;
    const struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_HOLD);
    assert_int_equal(decision.reason, KT_REASON_LIMITED);
}

/* The largest of what is known lies at about 13 subtasks; 40 do less. */
static void beyond_a_peak_the_way_to_more_is_down(void **state) {
    (void)state;
    static struct kt_test_job job;
    struct golden g = {.name = "retrograde",
                       .lambda = 900000,
                       .present = 40,
                       .keep_up = KT_KEEP_UP_FELL_BEHIND,
                       .count = 5};
    static const int32_t tried[] = {2, 5, 10, 20, 40};
    for (size_t i = 0; i < 5; i++) {
        const double p = tried[i];
        g.observations[i].parallelism = tried[i];
        g.observations[i].generation = (int64_t)i;
        g.observations[i].ability = 30000.0 * p / (1 + 0.02 * (p - 1) + 0.006 * p * (p - 1));
        g.observations[i].busy = 1;
    }
    pose(&job, &g);
    const struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    assert_in_range(decision.operators.items[1].to, 8, 18);
}

static void an_observation_that_leaves_the_level_is_a_change_point(void **state) {
    (void)state;
    static struct kt_test_job job;
    struct golden g = {
        .name = "change", .lambda = 50000, .present = 8, .first = true, .answer = 8, .count = 8};
    for (size_t i = 0; i < 8; i++) {
        g.observations[i].parallelism = 8;
        g.observations[i].generation = (int64_t)i;
        g.observations[i].ability = i < 7 ? 100000 : 70000;
        g.observations[i].busy = 0.7;
    }
    pose(&job, &g);
    job.operators[1].learned = true;
    struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_true(decision.operators.items[1].change_point);
    job.operators[1].learned = false; /* the newest is not of this window: it was asked before */
    decision = kt_test_decide(&job.evidence);
    assert_false(decision.operators.items[1].change_point);
}

/* ---- a job ---- */

#define SOURCE_RATE 1000.0

/* op0 (a source) → op1 → op2 → op3, each with a unit ability in records/s, of which the surrogate
 * knows three parallelisms well; all run `present` subtasks and receive SOURCE_RATE. */
static void chain(struct kt_test_job *job, const double *unit, const int32_t *present, bool first) {
    kt_test_job_init(job, 4);
    job->evidence.settings.policy = KT_STR("kontune");
    for (size_t i = 0; i < 4; i++) {
        struct kt_operator_evidence *op = &job->operators[i];
        kt_test_job_measure(job, i, SOURCE_RATE, fmin(SOURCE_RATE / (unit[i] * present[i]), 1));
        op->parallelism = present[i];
        for (int32_t k = 0; k < 3; k++) {
            const int32_t p = k == 2 ? present[i] : present[i] + 1 + k;
            kt_test_job_observe(job, i, p, k, unit[i] * p, 0.8);
        }
        if (!first) {
            op->lambda_decided = SOURCE_RATE;
            KT_SET(op, KT_OPEV_LAMBDA_DECIDED);
        }
        op->keep_up = KT_KEEP_UP_KEPT_UP;
    }
    job->evidence.parallelism_peak = 10;
}

/* The slow one takes 60 % of what arrives. */
static void fall_behind(struct kt_test_job *job, size_t slow) {
    for (size_t i = 0; i < 4; i++) {
        kt_test_job_measure(job, i, SOURCE_RATE * 0.6, i == slow ? 1 : 0.4);
        kt_test_job_backpressure(job, i, i < slow ? 0.5 : 0);
        job->operators[i].keep_up = i == slow ? KT_KEEP_UP_FELL_BEHIND : KT_KEEP_UP_UNKNOWN;
    }
    kt_test_job_backlog(job, 0, 1e6, SOURCE_RATE * 0.4);
}

static void who_falls_behind_takes_the_others_along(void **state) {
    (void)state;
    static struct kt_test_job job;
    /* op1 falls behind; op2 would be short of 1000 with 4, op3 has three times what it needs. */
    chain(&job, (double[]){500, 150, 220, 300}, (int32_t[]){3, 4, 4, 10}, true);
    fall_behind(&job, 1);
    const struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    const struct kt_operator_decision *op = decision.operators.items;
    assert_near(op[1].lambda, SOURCE_RATE, 1e-9);
    assert_true(op[1].to >= 7 && op[1].to <= 8);
    assert_int_equal(op[2].to, 5);
    assert_true(op[3].to >= 4 && op[3].to <= 5);
    assert_int_equal(op[0].to, 3);
    for (size_t i = 0; i < 4; i++) {
        assert_true(op[i].keeps_up_probability >= 0.85);
        assert_true(op[i].predicted_ability > SOURCE_RATE);
        assert_true(KT_HAS(&op[i], KT_OPDEC_NEAREST_OBSERVED));
    }
    assert_true(kt_test_says(&decision, "op1 falls behind with 600 of 1000 records/s"));
    assert_true(kt_test_says(&decision, "with a probability of"));
}

/* Fourteen minutes of 1000 ± 100 records/s, and one of 1150, for which five subtasks of 210 are
 * too few. */
static void one_high_minute_of_a_load_that_fluctuates_costs_no_restart(void **state) {
    (void)state;
    static struct kt_test_job job;
    static double loads[] = {930,  1080, 1120, 900, 1010, 1090, 940, 890,
                             1100, 980,  1060, 910, 1070, 950,  1150};
    chain(&job, (double[]){210, 210, 210, 210}, (int32_t[]){6, 5, 6, 6}, false);
    for (size_t i = 0; i < 4; i++) {
        kt_test_job_measure(&job, i, 1150, fmin(1150 / (210.0 * job.operators[i].parallelism), 1));
        job.operators[i].keep_up = KT_KEEP_UP_UNKNOWN;
    }
    struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    assert_near(decision.operators.items[1].lambda, 1150, 1e-9);
    assert_false(KT_HAS(&decision.operators.items[1], KT_OPDEC_LAMBDA_NOISE));
    job.operators[0].loads_per_s.items = loads;
    job.operators[0].loads_per_s.count = sizeof loads / sizeof loads[0];
    decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.reason, KT_REASON_STEADY);
    for (size_t i = 0; i < 4; i++) {
        assert_near(decision.operators.items[i].lambda, 1010, 50);
        assert_near(decision.operators.items[i].lambda_noise, 0.09, 0.04);
    }
    assert_true(decision.operators.items[1].keeps_up_probability < 0.9);
    loads[sizeof loads / sizeof loads[0] - 1] = 2000; /* a shift is one */
    for (size_t i = 0; i < 4; i++) {
        kt_test_job_measure(&job, i, 2000, 1);
    }
    decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    assert_near(decision.operators.items[1].lambda, 2000, 1e-9);
    assert_true(decision.operators.items[1].to > 2000 / 210.0 * 1.05); /* room for its noise */
}

static void another_load_is_taken_back_freely_the_same_only_if_it_pays(void **state) {
    (void)state;
    static struct kt_test_job job;
    const double unit[] = {210, 210, 210, 180};
    const int32_t present[] = {6, 5, 5, 6}; /* one core of 22 is too many */
    chain(&job, unit, present, true);
    struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.reason, KT_REASON_BELOW_THRESHOLD); /* of 5 %, which still applies */
    job.evidence.settings.decision_threshold = 0;
    decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    assert_int_equal(decision.reason, KT_REASON_OVER_PROVISIONED);
    assert_int_equal(decision.operators.items[0].to, 5);
    assert_true(kt_test_says(&decision, "another load"));
    chain(&job, unit, present, false);
    decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.reason, KT_REASON_STEADY);
    const int32_t many[] = {10, 5, 5, 6}; /* five of 26 are */
    chain(&job, unit, many, false);
    decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    assert_int_equal(decision.operators.items[0].to, 5);
    assert_true(kt_test_says(&decision, "the same load"));
}

static void pins_ranges_and_operators_without_measures_are_obeyed(void **state) {
    (void)state;
    static struct kt_test_job job;
    chain(&job, (double[]){500, 150, 500, 300}, (int32_t[]){8, 4, 8, 10}, true);
    fall_behind(&job, 1);
    job.operators[0].source_partitions = 6;
    KT_SET(&job.operators[0], KT_OPEV_SOURCE_PARTITIONS);
    job.operators[1].max_allowed = 6; /* 7 are needed */
    KT_CLEAR(&job.operators[2], KT_OPEV_BUSY);
    job.operators[3].pinned = 10;
    KT_SET(&job.operators[3], KT_OPEV_PINNED);
    const struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    const struct kt_operator_decision *op = decision.operators.items;
    assert_true(op[0].to <= 6);
    assert_int_equal(op[1].to, 6);
    assert_true(kt_test_says(&decision, "the most that any parallelism is likely to reach"));
    assert_int_equal(op[2].to, 8);
    assert_int_equal(op[2].method, KT_METHOD_KEEP);
    assert_int_equal(op[3].to, 10);
    assert_int_equal(op[3].method, KT_METHOD_PINNED);
}

/* An answer that a limit moves (the operator runs outside its range) is predicted anew. */
static void what_a_limit_moves_is_predicted_by_the_surrogate(void **state) {
    (void)state;
    static struct kt_test_job job;
    chain(&job, (double[]){500, 150, 500, 300}, (int32_t[]){3, 4, 3, 10}, true);
    fall_behind(&job, 1);
    job.operators[3].max_allowed = 3; /* below what its λ needs */
    const struct kt_decision decision = kt_test_decide(&job.evidence);
    const struct kt_operator_decision *op = &decision.operators.items[3];
    assert_int_equal(op->to, 3);
    assert_near(op->predicted_ability, 900, 100);
    assert_true(op->keeps_up_probability < 0.5);
}

static void hide_backlog(struct kt_test_job *job) {
    KT_CLEAR(&job->operators[0], KT_OPEV_PENDING_GROWTH_PER_S);
    KT_CLEAR(&job->operators[0], KT_OPEV_PENDING_RECORDS);
}

static void without_a_backlog_the_largest_load_that_showed_is_tried(void **state) {
    (void)state;
    static struct kt_test_job job;
    chain(&job, (double[]){500, 150, 500, 300}, (int32_t[]){3, 4, 3, 4}, true);
    fall_behind(&job, 1);
    hide_backlog(&job);
    job.operators[0].lambda_peak = 1e5; /* out of reach: the others are raised as well */
    KT_SET(&job.operators[0], KT_OPEV_LAMBDA_PEAK);
    struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    assert_int_equal(decision.reason, KT_REASON_BIG);
    assert_int_equal(decision.phase, KT_PHASE_BIG);
    assert_near(decision.operators.items[0].lambda, 1e5, 1e-6);
    job.operators[0].lambda_decided = SOURCE_RATE; /* not even that passes */
    KT_SET(&job.operators[0], KT_OPEV_LAMBDA_DECIDED);
    decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.reason, KT_REASON_BIG);
    assert_near(decision.operators.items[0].lambda, SOURCE_RATE, 1e-6);
    assert_true(decision.operators.items[1].to >= 7);
    assert_true(decision.operators.items[1].to <= 8);
    for (size_t i = 0; i < 4; i++) { /* a guess lowers nothing */
        assert_true(decision.operators.items[i].to >= decision.operators.items[i].from);
    }
}

static void a_restart_without_a_backlog_is_given_time_to_be_worked_off(void **state) {
    (void)state;
    static struct kt_test_job job;
    chain(&job, (double[]){500, 150, 500, 300}, (int32_t[]){3, 4, 3, 4}, true);
    fall_behind(&job, 1);
    hide_backlog(&job);
    job.evidence.phase = KT_PHASE_BIG;
    job.evidence.running_since_ms = job.evidence.window_end_ms - 240000;
    KT_SET(&job.evidence, KT_EVIDENCE_RUNNING_SINCE_MS);
    struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_HOLD);
    assert_int_equal(decision.reason, KT_REASON_STEADY);
    assert_int_equal(decision.phase, KT_PHASE_BIG); /* no rest */
    assert_true(kt_test_says(&decision, "the restart 240 s ago"));
    job.evidence.running_since_ms--;
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_RESCALE);
}

static void noise_of_a_minute_restarts_nothing(void **state) {
    (void)state;
    static struct kt_test_job job;
    chain(&job, (double[]){500, 150, 500, 300}, (int32_t[]){3, 7, 3, 4}, false);
    struct kt_operator_evidence *slow = &job.operators[1];
    for (int i = 0; i < 6; i++) { /* 1050 ± 10 % were measured so far */
        kt_test_job_observe(&job, 1, 7, 3, 1050 * (i % 2 == 0 ? 1.1 : 0.9), 0.95);
    }
    for (size_t i = 0; i < 4; i++) {
        kt_test_job_measure(&job, i, 960, i == 1 ? 1 : 0.5);
        job.operators[i].keep_up = KT_KEEP_UP_UNKNOWN;
    }
    kt_test_job_backpressure(&job, 0, 0.3);
    kt_test_job_backlog(&job, 0, 2400, 40);
    slow->keep_up = KT_KEEP_UP_FELL_BEHIND; /* by 4 %, in this minute */
    assert_int_equal(kt_test_decide(&job.evidence).reason, KT_REASON_STEADY);
    for (size_t i = 0; i < 4; i++) {
        kt_test_job_measure(&job, i, 600, i == 1 ? 1 : 0.5);
    }
    kt_test_job_backpressure(&job, 0, 0.3);
    kt_test_job_backlog(&job, 0, 24000, 400); /* by 40 % */
    assert_int_equal(kt_test_decide(&job.evidence).kind, KT_COMMAND_RESCALE);
}

static void who_was_never_busy_enough_to_be_measured_is_bounded_from_below(void **state) {
    (void)state;
    static struct kt_test_job job;
    kt_test_job_init(&job, 1);
    job.evidence.settings.policy = KT_STR("kontune");
    kt_test_job_measure(&job, 0, 1000, 0.001);
    job.operators[0].parallelism = 8;
    job.operators[0].keep_up = KT_KEEP_UP_KEPT_UP;
    const struct kt_decision decision = kt_test_decide(&job.evidence);
    assert_int_equal(decision.kind, KT_COMMAND_RESCALE);
    assert_int_equal(decision.operators.items[0].to, 1);
    assert_false(KT_HAS(&decision.operators.items[0], KT_OPDEC_NEAREST_OBSERVED));
}

static void the_risk_is_shared_between_operators(void **state) {
    (void)state;
    assert_near(kt_acquire_share(0.7, 0), 0.7, 1e-15);
    assert_near(kt_acquire_share(0.7, 1), 0.7, 1e-15);
    assert_near(kt_acquire_share(0.7, 4), 0.85, 1e-15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_reference),
        cmocka_unit_test(what_gains_nothing_at_a_limit_is_taken_back),
        cmocka_unit_test(at_a_limit_of_the_settings_nothing_is_taken_back),
        cmocka_unit_test(beyond_a_peak_the_way_to_more_is_down),
        cmocka_unit_test(a_limit_is_called_one_with_vertex_and_numbers),
        cmocka_unit_test(an_observation_that_leaves_the_level_is_a_change_point),
        cmocka_unit_test(who_falls_behind_takes_the_others_along),
        cmocka_unit_test(one_high_minute_of_a_load_that_fluctuates_costs_no_restart),
        cmocka_unit_test(another_load_is_taken_back_freely_the_same_only_if_it_pays),
        cmocka_unit_test(pins_ranges_and_operators_without_measures_are_obeyed),
        cmocka_unit_test(what_a_limit_moves_is_predicted_by_the_surrogate),
        cmocka_unit_test(without_a_backlog_the_largest_load_that_showed_is_tried),
        cmocka_unit_test(a_restart_without_a_backlog_is_given_time_to_be_worked_off),
        cmocka_unit_test(noise_of_a_minute_restarts_nothing),
        cmocka_unit_test(who_was_never_busy_enough_to_be_measured_is_bounded_from_below),
        cmocka_unit_test(the_risk_is_shared_between_operators),
    };
    return cmocka_run_group_tests(tests, NULL, kt_test_decide_teardown);
}
