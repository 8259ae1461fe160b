/* SPDX-License-Identifier: GPL-3.0-or-later
 * The closed loop in virtual time: the stage's own windows, gate, histories and decisions around a
 * simulated job. */
#include "ops/sim_loop.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define START_MS INT64_C(1767225600000)

static const struct kt_sim_spec chain = {
    .cluster = "lab",
    .job_name = "chain",
    .operators = {{.id = "a",
                   .name = "source",
                   .selectivity = 1,
                   .scaled = true,
                   .curve = {.gamma = 50000},
                   .max_parallelism = 16},
                  {.id = "b",
                   .name = "map",
                   .inputs = {0},
                   .inputs_count = 1,
                   .selectivity = 0.5,
                   .scaled = true,
                   .curve = {.gamma = 1000, .sigma = 0.05},
                   .max_parallelism = 128},
                  {.id = "c",
                   .name = "aggregate",
                   .inputs = {1},
                   .inputs_count = 1,
                   .scaled = true,
                   .curve = {.gamma = 400, .sigma = 0.03},
                   .max_parallelism = 128,
                   .keyed = true}},
    .count = 3,
    .restart_ms = 5000,
    .noise = 0.01,
    .buffer_records = 500,
};

static const struct kt_sim_level levels[] = {
    {900000, {700}},  {900000, {2700}}, {900000, {5200}},
    {900000, {1300}}, {900000, {5300}}, {900000, {650}},
};
#define CATCHING_UP 10000 /* records: some seconds of load */
#define LEVELS      (int)(sizeof levels / sizeof levels[0])

/* What is looked at while the loop runs. */
struct watch {
    int sufficient_at_end; /* levels whose last report shows enough parallelism */
    int tight_at_end;      /* levels that end within one subtask per operator of the optimum, or
                              still catching up with a backlog */
    int catching_up_at_end;
    double backlog_at_end;
};

static enum kt_err watch_level_ends(void *ctx, const struct kt_sim_view *view,
                                    struct kt_error *error) {
    (void)error;
    const struct kt_sim_job *job = view->job;
    struct watch *watch = ctx;
    if ((kt_sim_job_now_ms(job) - view->loop->start_ms) % levels[0].duration_ms != 0) {
        return KT_ERR_OK;
    }
    bool enough = true, tight = true;
    for (int i = 0; i < view->spec->count; i++) {
        const int p = kt_sim_job_parallelism(job, i);
        /* 1 % of headroom more or less is within the noise of what can be measured. */
        enough = enough &&
                 kt_sim_ability(view->spec, i, p, kt_sim_job_second(job)) >= 0.99 * view->lambda[i];
        tight = tight && p <= view->optimum[i] + 1;
    }
    watch->sufficient_at_end += enough;
    watch->backlog_at_end = kt_sim_job_backlog(job);
    watch->tight_at_end += tight || watch->backlog_at_end > CATCHING_UP;
    watch->catching_up_at_end += watch->backlog_at_end > CATCHING_UP;
    return KT_ERR_OK;
}

static struct kt_sim_score run(const char *policy, struct watch *watch) {
    struct kt_settings settings;
    struct kt_error error = {KT_ERR_OK, ""};
    kt_settings_default(&settings);
    settings.defaults.policy.policy = kt_str_of(policy);
    struct kt_sim_local *local;
    assert_int_equal(
        kt_sim_local_new(&settings, &chain, (struct kt_sim_tap){NULL, NULL}, &local, &error),
        KT_ERR_OK);
    *watch = (struct watch){0};
    const struct kt_sim_loop loop = {.spec = &chain,
                                     .levels = levels,
                                     .levels_count = LEVELS,
                                     .seed = 7,
                                     .start_ms = START_MS,
                                     .poll_ms = 10000,
                                     .window_ms = settings.window.window_ms,
                                     .lateness_ms = settings.window.lateness_ms,
                                     .controller = kt_sim_local_controller(local),
                                     .observe = watch_level_ends,
                                     .observe_ctx = watch};
    struct kt_sim_score score;
    const enum kt_err err = kt_sim_loop_run(&loop, &score, &error);
    kt_sim_local_free(local);
    if (err != KT_ERR_OK) {
        fail_msg("%s: %s", policy, error.message);
    }
    printf("%-9s %3d reconfigurations for %d loads, %4.1f min under, cores %+.0f %%, backlog at "
           "most %.0f; %d levels end sufficient, %d tight\n",
           policy, score.reconfigurations, score.tunings, score.under_provisioned_s / 60,
           100 * (score.core_s / score.optimum_core_s - 1), score.backlog_max,
           watch->sufficient_at_end, watch->tight_at_end);
    return score;
}

static void conttune_ends_every_level_with_the_smallest_sufficient_parallelism(void **state) {
    (void)state;
    struct watch watch;
    const struct kt_sim_score score = run("conttune", &watch);
    assert_int_equal(watch.sufficient_at_end, LEVELS);
    assert_int_equal(watch.tight_at_end, LEVELS);
    assert_true(watch.catching_up_at_end <= 1);
    assert_true(watch.backlog_at_end < 1000);
    assert_true(score.reconfigurations <= 4 * LEVELS);
}

static void ds2_ends_every_level_with_enough_parallelism(void **state) {
    (void)state;
    struct watch watch;
    (void)run("ds2", &watch);
    assert_int_equal(watch.sufficient_at_end, LEVELS);
}

static void big_ds2_ends_every_level_with_enough_parallelism(void **state) {
    (void)state;
    struct watch watch;
    (void)run("big-ds2", &watch);
    assert_int_equal(watch.sufficient_at_end, LEVELS);
}

static void the_same_seed_gives_the_same_run(void **state) {
    (void)state;
    struct watch first_watch, second_watch;
    const struct kt_sim_score first = run("conttune", &first_watch);
    const struct kt_sim_score second = run("conttune", &second_watch);
    assert_memory_equal(&first, &second, sizeof first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conttune_ends_every_level_with_the_smallest_sufficient_parallelism),
        cmocka_unit_test(ds2_ends_every_level_with_enough_parallelism),
        cmocka_unit_test(big_ds2_ends_every_level_with_enough_parallelism),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
