/* SPDX-License-Identifier: GPL-3.0-or-later
 * Simulated jobs that come one after the other to one stage. */
#include "support/sim_cluster.h"

#include "ops/sim_random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define START_MS   INT64_C(1767225600000)
#define POLL_MS    10000
#define BETWEEN_MS INT64_C(3600000)
#define UNITS      10
#define FULL_P     20

static void must(enum kt_err err, const struct kt_error *error) {
    if (err != KT_ERR_OK) {
        fail_msg("%s: %s", kt_err_name(err), error->message);
    }
}

/* ---- a stage and jobs ------------------------------------------------------------------------ */

void kt_sim_stage_init(struct kt_sim_stage *stage, bool warm_start) {
    *stage = (struct kt_sim_stage){.now_ms = START_MS};
    kt_settings_default(&stage->settings);
    stage->settings.defaults.policy.policy = KT_STR("kontune");
    stage->settings.defaults.policy.cooldown_ms = 0;
    stage->settings.defaults.policy.restarts_per_day_max = 1000000;
    stage->settings.defaults.policy.warm_start = warm_start;
    stage->settings.window.lateness_ms = 0;
}

void kt_sim_stage_free(struct kt_sim_stage *stage) {
    kt_sim_local_free(stage->local);
}

struct kt_sim_spec kt_sim_stage_job(const char *cluster, const char *name, double sigma,
                                    double kappa, uint64_t seed) {
    struct kt_sim_spec spec = {
        .cluster = cluster,
        .job_name = name,
        .operators = {{.id = "in", .name = "Source: in", .selectivity = 1, .max_parallelism = 128},
                      {.id = "map",
                       .name = "map",
                       .inputs = {0},
                       .inputs_count = 1,
                       .selectivity = 1,
                       .scaled = true,
                       .max_parallelism = 128,
                       .curve = {.sigma = sigma, .kappa = kappa}}},
        .count = 2,
        .restart_ms = 10000,
        .noise = 0.015,
        .buffer_records = 2000,
    };
    struct kt_sim_curve *curve = &spec.operators[1].curve;
    curve->gamma = 50e3 * exp(0.5 * kt_sim_random_normal(&seed));
    spec.operators[0].unit_rate = kt_sim_curve_at(curve, FULL_P) / UNITS;
    return spec;
}

static enum kt_err count_command(void *ctx, const struct kt_rescale_command *command,
                                 struct kt_error *error) {
    (void)error;
    struct kt_sim_stage *stage = ctx;
    stage->commands++;
    stage->commands_with_law_prior += command->evidence.law_prior.count > 0;
    return KT_ERR_OK;
}

static enum kt_err watch(void *ctx, const struct kt_sim_view *view, struct kt_error *error) {
    (void)error;
    struct kt_sim_stage *stage = ctx;
    stage->now_ms = kt_sim_job_now_ms(view->job);
    stage->first_reconfigurations += view->level == 0 && view->before != NULL;
    return KT_ERR_OK;
}

/* Records the events on their way to the stage. */
static enum kt_err offer(void *ctx, const struct kt_metric_event *events, size_t count,
                         struct kt_error *error) {
    struct kt_sim_stage *stage = ctx;
    for (size_t i = 0; stage->records != NULL && i < count; i++) {
        struct kt_metric_event *copy = kt_rig_records_copy(stage->records, &events[i]);
        if (stage->job_id != NULL) {
            copy->job_id = kt_arena_str(&stage->records->arena, kt_str_of(stage->job_id));
        }
    }
    const struct kt_sim_controller local = kt_sim_local_controller(stage->local);
    return local.offer(local.ctx, events, count, error);
}

static enum kt_err learn(void *ctx, int64_t until_ms, struct kt_sim_knowledge *knowledge,
                         struct kt_error *error) {
    const struct kt_sim_stage *stage = ctx;
    const struct kt_sim_controller local = kt_sim_local_controller(stage->local);
    return local.learn(local.ctx, until_ms, knowledge, error);
}

struct kt_sim_score kt_sim_stage_run(struct kt_sim_stage *stage, const struct kt_sim_spec *spec,
                                     int tunings, uint64_t seed) {
    struct kt_error error = {KT_ERR_OK, ""};
    if (stage->local == NULL) {
        const struct kt_sim_tap tap = {stage, count_command};
        must(kt_sim_local_new(&stage->settings, spec, tap, &stage->local, &error), &error);
    } else {
        kt_sim_local_next(stage->local, spec);
    }
    stage->first_reconfigurations = 0;
    stage->commands = 0;
    stage->commands_with_law_prior = 0;
    struct kt_sim_level levels[2 * UNITS];
    kt_sim_permutation(spec, UNITS, seed, levels);
    const int64_t window_ms = stage->settings.window.window_ms;
    const struct kt_sim_loop loop = {.spec = spec,
                                     .levels = levels,
                                     .levels_count = tunings,
                                     .protocol = KT_SIM_TUNINGS,
                                     .windows_max = 60,
                                     .seed = seed,
                                     .start_ms =
                                         stage->now_ms - stage->now_ms % window_ms + BETWEEN_MS,
                                     .poll_ms = POLL_MS,
                                     .window_ms = window_ms,
                                     .lateness_ms = stage->settings.window.lateness_ms,
                                     .controller = {stage, offer, learn},
                                     .observe = watch,
                                     .observe_ctx = stage};
    struct kt_sim_score score;
    must(kt_sim_loop_run(&loop, &score, &error), &error);
    return score;
}

/* ---- the last of some -------------------------------------------------------------------------
 */

static struct kt_sim_spec draw_job(const struct kt_sim_cluster *cluster, const char *name,
                                   double sigma, uint64_t seed) {
    uint64_t shape = kt_sim_random_split(seed, 1);
    const double own_sigma = sigma * exp(cluster->spread * kt_sim_random_normal(&shape));
    const double own_kappa = cluster->kappa * exp(cluster->spread * kt_sim_random_normal(&shape));
    struct kt_sim_spec spec = kt_sim_stage_job("lab", name, own_sigma, own_kappa, seed);
    spec.noise = cluster->noise;
    return spec;
}

struct kt_sim_cluster_result kt_sim_cluster_run(const struct kt_sim_cluster *cluster,
                                                bool warm_start, uint64_t seed) {
    struct kt_sim_stage stage;
    kt_sim_stage_init(&stage, warm_start);
    char name[32];
    for (int i = 1; i <= cluster->jobs; i++) {
        const uint64_t own = kt_sim_random_split(seed, (uint64_t)i);
        snprintf(name, sizeof name, "job-%d", i);
        const struct kt_sim_spec spec = draw_job(cluster, name, cluster->sigma, own);
        (void)kt_sim_stage_run(&stage, &spec, cluster->tunings, own);
    }
    const uint64_t own = kt_sim_random_split(seed, 0);
    const double sigma = cluster->last_sigma >= 0 ? cluster->last_sigma : cluster->sigma;
    const struct kt_sim_spec last = draw_job(cluster, "last", sigma, own);
    struct kt_sim_cluster_result result = {
        .last = kt_sim_stage_run(&stage, &last, cluster->last_tunings, own)};
    result.first_reconfigurations = stage.first_reconfigurations;
    kt_sim_stage_free(&stage);
    return result;
}
