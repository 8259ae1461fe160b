/* SPDX-License-Identifier: GPL-3.0-or-later
 * The settings of the core: their defaults, and which of them a job or a vertex obeys. */
#include "model/settings.h"

void kt_settings_default(struct kt_settings *settings) {
    *settings = (struct kt_settings){
        .window = {.window_ms = 60000,
                   .lateness_ms = 5000,
                   .idle_timeout_ms = 60000,
                   .future_ms_max = 60000},
        .gate = {.warm_up_ms = 10000,
                 .rate_warm_up_ms = 60000,
                 .settle_ms = 180000,
                 .settle_rise_max = 0.05,
                 .span_min = 0.5,
                 .samples_min = 3,
                 .ramp_max = 0.2,
                 .ramp_windows_max = 2},
        .defaults = {.key = {"", 0},
                     .policy = {.policy = KT_STR("kontune"),
                                .surrogate = KT_STR("rbf"),
                                .acquisition = KT_STR("mean"),
                                .alpha = 3,
                                .top_k = 5,
                                .decision_threshold = 0.05,
                                .backpressure_threshold = 0.1,
                                .core_min = 0.8,
                                .core_max = 0.8,
                                .busy_min = 0.02,
                                .keep_up_probability = 0.75,
                                .trim_probability = 0.9,
                                .trim_band = 0.15,
                                .load_change = 0.08,
                                .gain_min = 0.05,
                                .keep_up_tolerance = 0.01,
                                .keep_up_rule = false,
                                .warm_start = true,
                                .min_parallelism = 1,
                                .max_parallelism = 128,
                                .cooldown_ms = 60000,
                                .restarts_per_day_max = 100,
                                .command_ttl_ms = 180000,
                                .dry_run = false}},
    };
}

const struct kt_job_settings *kt_settings_find(const struct kt_settings *settings,
                                               struct kt_str cluster, struct kt_str job_name) {
    for (size_t i = 0; i < settings->jobs.count; i++) {
        const struct kt_str key = settings->jobs.items[i].key;
        if (key.len == cluster.len + 1 + job_name.len && key.data[cluster.len] == '/' &&
            memcmp(key.data, cluster.data, cluster.len) == 0 &&
            memcmp(key.data + cluster.len + 1, job_name.data, job_name.len) == 0) {
            return &settings->jobs.items[i];
        }
    }
    return &settings->defaults;
}

const struct kt_vertex_rule *kt_settings_rule(const struct kt_job_settings *settings,
                                              struct kt_str vertex_id, struct kt_str name) {
    const struct kt_vertex_rule *by_name = NULL;
    for (size_t i = 0; i < settings->rules.count; i++) {
        const struct kt_vertex_rule *rule = &settings->rules.items[i];
        if (kt_str_equal(rule->vertex, vertex_id)) {
            return rule;
        }
        if (by_name == NULL && kt_str_equal(rule->vertex, name)) {
            by_name = rule;
        }
    }
    return by_name;
}
