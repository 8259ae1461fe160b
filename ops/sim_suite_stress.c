/* SPDX-License-Identifier: GPL-3.0-or-later
 * The suite `stress`: one kind of difficulty per scenario, on a job of one operator unless it says
 * otherwise. Which truth each has stands in its line; nothing of it is known to a policy. */
#include "ops/sim_suite.h"

#include <assert.h>
#include <stdlib.h>

#define UNITS           10
#define UNIT_RATE       50e3
#define PARALLELISM_MAX 64
#define KEY_GROUPS      128

/* One operator behind an unscaled source: contention, an optimum of 25 at 10 units. */
static const struct kt_sim_spec plain = {
    .cluster = "stress",
    .job_name = "plain",
    .restart_ms = 60000,
    .noise = 0.015,
    .buffer_records = 1000,
    .count = 2,
    .operators = {{.id = "source",
                   .name = "Source: events",
                   .selectivity = 1,
                   .unit_rate = UNIT_RATE,
                   .max_parallelism = KEY_GROUPS},
                  {.id = "map",
                   .name = "map",
                   .inputs = {0},
                   .inputs_count = 1,
                   .selectivity = 1,
                   .scaled = true,
                   .max_parallelism = KEY_GROUPS,
                   .curve = {.gamma = 32.5e3, .sigma = 0.025}}},
};

struct scenarios {
    struct kt_sim_suite *suite;
    struct kt_sim_spec *specs;
};

/* A copy of the plain job to be made harder. */
static struct kt_sim_spec *add(struct scenarios *all, const char *name, const char *what) {
    struct kt_sim_suite *suite = all->suite;
    assert(suite->scenarios_count < KT_SIM_SCENARIOS_MAX);
    struct kt_sim_spec *spec = &all->specs[suite->scenarios_count];
    *spec = plain;
    spec->job_name = name;
    suite->scenarios[suite->scenarios_count++] =
        (struct kt_sim_scenario){.name = name,
                                 .what = what,
                                 .spec = spec,
                                 .protocol = KT_SIM_TUNINGS,
                                 .units = UNITS,
                                 .max_parallelism = PARALLELISM_MAX};
    return spec;
}

static void add_noise(struct scenarios *all) {
    add(all, "noise 1.5 %", "contention, nothing else");
    add(all, "noise 5 %", "the same, speed redrawn every minute with 5 %")->noise = 0.05;
    add(all, "noise 10 %", "the same with 10 %")->noise = 0.1;
    struct kt_sim_spec *spec =
        add(all, "slow noise", "noise of 5 % that lasts 15 minutes: a bad machine, a neighbour");
    spec->noise = 0.05;
    spec->noise_ms = 900000;
}

static void add_drift(struct scenarios *all) {
    struct kt_sim_scenario *scenarios = all->suite->scenarios;
    add(all, "drift", "abilities fall by 20 % at once, after half of the tunings")->drift.factor =
        0.8;
    scenarios[all->suite->scenarios_count - 1].drift_level = UNITS;
    struct kt_sim_spec *spec =
        add(all, "slow drift", "abilities fall by 20 % within an hour, after a quarter of them");
    spec->drift.factor = 0.8;
    spec->drift.ramp_s = 3600;
    scenarios[all->suite->scenarios_count - 1].drift_level = UNITS / 2;
}

static void add_curves(struct scenarios *all) {
    struct kt_sim_curve *curve =
        &add(all, "linear", "no contention: 20 K records/s per subtask")->operators[1].curve;
    *curve = (struct kt_sim_curve){.gamma = 20.2e3};
    curve = &add(all, "Amdahl", "a serial share of 6 %")->operators[1].curve;
    *curve = (struct kt_sim_curve){.gamma = 60e3, .sigma = 0.06};
    curve =
        &add(all, "retrograde", "coherence: beyond 40 subtasks it gets slower")->operators[1].curve;
    *curve = (struct kt_sim_curve){.gamma = 36e3, .sigma = 0.02, .kappa = 6e-4};
    struct kt_sim_operator *op =
        &add(all, "key groups", "keyed, steps of 128 key groups")->operators[1];
    op->keyed = true;
    op->curve = (struct kt_sim_curve){.gamma = 26e3, .sigma = 0.01, .key_groups = KEY_GROUPS};
    curve = &add(all, "plateau", "a limit of 12 subtasks: the upper loads cannot be reached")
                 ->operators[1]
                 .curve;
    *curve = (struct kt_sim_curve){.gamma = 32.5e3, .sigma = 0.01, .plateau = 12};
    op = &add(all, "skew", "keyed, the busiest subtask has 30 % more than its share")->operators[1];
    op->keyed = true;
    op->skew = 0.3;
    op->curve = (struct kt_sim_curve){.gamma = 36e3, .sigma = 0.015};
}

static void add_metrics(struct scenarios *all) {
    add(all, "lag x 0.5", "pending records are reported as half")->metrics.lag_factor = 0.5;
    add(all, "lag x 2", "pending records are reported twice")->metrics.lag_factor = 2.0;
    add(all, "late lag", "pending records are two minutes old")->metrics.lag_delay_s = 120;
    add(all, "no lag", "sources report no pending records")->metrics.no_lag = true;
    add(all, "averages", "Flink's averages over 60 s instead of counters")->metrics.rates = true;
    struct kt_sim_spec *spec =
        add(all, "warm-up", "after a restart half as fast, as fast as ever after 90 s");
    spec->warm_up_factor = 0.5;
    spec->warm_up_ms = 90000;
}

/* parse → enrich (keyed) → aggregate (keyed) and, beside it, archive. */
static void make_four(struct kt_sim_spec *spec) {
    static const struct kt_sim_operator four[] = {
        {.id = "parse",
         .name = "parse",
         .inputs = {0},
         .inputs_count = 1,
         .selectivity = 1,
         .scaled = true,
         .max_parallelism = KEY_GROUPS,
         .curve = {.gamma = 60e3, .sigma = 0.02}},
        {.id = "enrich",
         .name = "enrich",
         .inputs = {1},
         .inputs_count = 1,
         .selectivity = 0.6,
         .keyed = true,
         .scaled = true,
         .max_parallelism = KEY_GROUPS,
         .curve = {.gamma = 38e3, .sigma = 0.025, .key_groups = KEY_GROUPS}},
        {.id = "aggregate",
         .name = "aggregate",
         .inputs = {2},
         .inputs_count = 1,
         .keyed = true,
         .scaled = true,
         .max_parallelism = KEY_GROUPS,
         .curve = {.gamma = 30e3, .sigma = 0.03, .key_groups = KEY_GROUPS}},
        {.id = "archive",
         .name = "archive",
         .inputs = {2},
         .inputs_count = 1,
         .scaled = true,
         .max_parallelism = KEY_GROUPS,
         .curve = {.gamma = 45e3, .sigma = 0.04}},
    };
    for (int i = 0; i < 4; i++) {
        spec->operators[1 + i] = four[i];
    }
    spec->count = 5;
}

static void add_jobs(struct scenarios *all) {
    make_four(add(all, "four operators", "a chain of two and a fan-out, all different"));
    struct kt_sim_spec *spec =
        add(all, "bursts", "four operators that emit every 45 s: measured selectivities are off");
    make_four(spec);
    spec->metrics.burst_s = 45;
}

enum kt_err kt_sim_suite_stress(uint64_t seed, struct kt_sim_suite *suite, struct kt_error *error) {
    (void)seed;
    struct scenarios all = {.suite = suite,
                            .specs = calloc(KT_SIM_SCENARIOS_MAX, sizeof *all.specs)};
    if (all.specs == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a suite");
    }
    suite->memory = all.specs;
    suite->what = "One difficulty each, on one operator with contention (optimum 25 at 10 units) "
                  "unless said otherwise. A run is a permutation of 1 ... 10 units of load, twice; "
                  "restarts of 60 s, noise of 1.5 % unless said otherwise.";
    suite->permutations = 6;
    add_noise(&all);
    add_drift(&all);
    add_curves(&all);
    add_metrics(&all);
    add_jobs(&all);
    return KT_ERR_OK;
}
