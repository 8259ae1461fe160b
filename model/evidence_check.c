/* SPDX-License-Identifier: GPL-3.0-or-later
 * Evidence is checked before anything is computed from it. */
#include "model/evidence_check.h"

#include "model/lag.h"
#include "model/laws.h"
#include "model/policy.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <stddef.h>

#define COUNT_MAX   1000000                   /* restarts a day, alpha, top_k: beyond any use */
#define TIME_MS_MAX INT64_C(1000000000000000) /* Unix milliseconds: some thirty thousand years */

static enum kt_err check_setting(const char *name, double value, double min, double max,
                                 struct kt_error *error) {
    if (!(value >= min && value <= max)) {
        return kt_fail(error, KT_ERR_INVALID, "settings.%s is %g, expected %g to %g", name, value,
                       min, max);
    }
    return KT_ERR_OK;
}

static enum kt_err check_settings(const struct kt_policy_settings *s, struct kt_error *error) {
    if (kt_policy_find(s->policy) == NULL) {
        return kt_fail(error, KT_ERR_INVALID, "settings.policy: there is no policy '%.*s'",
                       KT_STR_ARG(s->policy));
    }
    if (!kt_str_equal(s->acquisition, KT_STR("mean")) &&
        !kt_str_equal(s->acquisition, KT_STR("cei"))) {
        return kt_fail(error, KT_ERR_INVALID,
                       "settings.acquisition: there is no acquisition '%.*s'",
                       KT_STR_ARG(s->acquisition));
    }
    if (!kt_str_equal(s->surrogate, KT_STR("rbf")) &&
        !kt_str_equal(s->surrogate, KT_STR("scaling"))) {
        return kt_fail(error, KT_ERR_INVALID, "settings.surrogate: there is no surrogate '%.*s'",
                       KT_STR_ARG(s->surrogate));
    }
    const struct {
        const char *name;
        double value;
        double min;
        double max;
    } ranges[] = {
        {"alpha", s->alpha, 0, COUNT_MAX},
        {"top_k", s->top_k, 1, COUNT_MAX},
        {"decision_threshold", s->decision_threshold, 0, 1e6},
        {"backpressure_threshold", s->backpressure_threshold, 0, 1},
        {"core_min", s->core_min, 0, 1},
        {"core_max", s->core_max, 0, 1},
        {"busy_min", s->busy_min, 0, 1},
        {"keep_up_probability", s->keep_up_probability, 0, 1},
        {"trim_probability", s->trim_probability, 0, 1},
        {"trim_band", s->trim_band, 0, 1},
        {"load_change", s->load_change, 0, 1e6},
        {"gain_min", s->gain_min, 0, 1e6},
        {"keep_up_tolerance", s->keep_up_tolerance, 0, 1},
        {"min_parallelism", s->min_parallelism, 1, KT_PARALLELISM_MAX},
        {"max_parallelism", s->max_parallelism, 1, KT_PARALLELISM_MAX},
        {"cooldown_ms", (double)s->cooldown_ms, 0, 1e15},
        {"restarts_per_day_max", s->restarts_per_day_max, 0, COUNT_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        enum kt_err err =
            check_setting(ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

/* The measures of an operator: where each is, and between what it lies. */
static const struct {
    const char *name;
    int field; /* bit in present */
    size_t offset;
    double min;
    double max;
} measures[] = {
#define MEASURE(bit, member, low, high)                                                            \
    { #member, KT_OPEV_##bit, offsetof(struct kt_operator_evidence, member), low, high }
    MEASURE(RATE_IN_PER_S, rate_in_per_s, 0, KT_MEASURE_MAX),
    MEASURE(RATE_OUT_PER_S, rate_out_per_s, 0, KT_MEASURE_MAX),
    MEASURE(BUSY, busy, 0, KT_SHARE_MAX),
    MEASURE(BUSY_MAX, busy_max, 0, KT_SHARE_MAX),
    MEASURE(BACKPRESSURED, backpressured, 0, KT_SHARE_MAX),
    MEASURE(IDLE, idle, 0, KT_SHARE_MAX),
    MEASURE(CPU_LOAD, cpu_load, 0, KT_SHARE_MAX),
    MEASURE(PENDING_RECORDS, pending_records, 0, KT_MEASURE_MAX),
    MEASURE(PENDING_GROWTH_PER_S, pending_growth_per_s, -KT_MEASURE_MAX, KT_MEASURE_MAX),
    MEASURE(ABILITY, ability, 0, KT_MEASURE_MAX),
    MEASURE(LAMBDA_KNOWN, lambda_known, 0, KT_MEASURE_MAX),
    MEASURE(SELECTIVITY, selectivity, 0, KT_MEASURE_MAX),
    MEASURE(INPUT_RATIO, input_ratio, 0, KT_MEASURE_MAX),
    MEASURE(LAMBDA_DECIDED, lambda_decided, 0, KT_MEASURE_MAX),
    MEASURE(LAMBDA_PEAK, lambda_peak, 0, KT_MEASURE_MAX),
    MEASURE(LAG_GAIN, lag_gain, KT_LAG_GAIN_MIN, KT_LAG_GAIN_MAX),
#undef MEASURE
};

static enum kt_err check_measures(const struct kt_operator_evidence *op, size_t i,
                                  struct kt_error *error) {
    for (size_t m = 0; m < sizeof measures / sizeof measures[0]; m++) {
        if (!KT_HAS(op, measures[m].field)) {
            continue;
        }
        double value = 0;
        memcpy(&value, (const char *)op + measures[m].offset, sizeof value);
        if (!(value >= measures[m].min && value <= measures[m].max)) {
            return kt_fail(error, KT_ERR_INVALID, "operators[%zu].%s is %g, expected %g to %g", i,
                           measures[m].name, value, measures[m].min, measures[m].max);
        }
    }
    return KT_ERR_OK;
}

static enum kt_err check_history(const struct kt_operator_evidence *op, size_t i,
                                 struct kt_error *error) {
    if (op->history.count > KT_HISTORY_POINTS_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "operators[%zu].history has %zu points, at most %d",
                       i, op->history.count, KT_HISTORY_POINTS_MAX);
    }
    for (size_t h = 0; h < op->history.count; h++) {
        const struct kt_history_point *point = &op->history.items[h];
        const int32_t before = h == 0 ? 0 : op->history.items[h - 1].parallelism;
        if (point->parallelism <= before || point->parallelism > KT_PARALLELISM_MAX) {
            return kt_fail(error, KT_ERR_INVALID,
                           "operators[%zu].history[%zu].parallelism is %d after %d, expected "
                           "ascending values of 1 to %d",
                           i, h, point->parallelism, before, KT_PARALLELISM_MAX);
        }
        if (!(point->ability > 0 && point->ability <= KT_MEASURE_MAX)) {
            return kt_fail(error, KT_ERR_INVALID,
                           "operators[%zu].history[%zu].ability is %g, expected more than 0", i, h,
                           point->ability);
        }
        if (point->observations < 1) {
            return kt_fail(error, KT_ERR_INVALID,
                           "operators[%zu].history[%zu].observations is %d, expected at least 1", i,
                           h, point->observations);
        }
    }
    return KT_ERR_OK;
}

static enum kt_err check_groups(const struct kt_operator_evidence *op, size_t i,
                                struct kt_error *error) {
    if (op->groups.count > KT_GROUPS_MAX || op->change_points_ms.count > KT_CHANGE_POINTS_MAX) {
        return kt_fail(error, KT_ERR_INVALID,
                       "operators[%zu] has %zu groups and %zu change points, at most %d and %d", i,
                       op->groups.count, op->change_points_ms.count, KT_GROUPS_MAX,
                       KT_CHANGE_POINTS_MAX);
    }
    for (size_t g = 0; g < op->groups.count; g++) {
        const struct kt_observation_group *group = &op->groups.items[g];
        if (group->parallelism < 1 || group->parallelism > KT_PARALLELISM_MAX ||
            group->observations < 1 || !(group->ability > 0 && group->ability <= KT_MEASURE_MAX) ||
            !(group->weight > 0 && group->weight <= KT_MEASURE_MAX) ||
            !(group->scatter >= 0 && group->scatter <= KT_MEASURE_MAX)) {
            return kt_fail(error, KT_ERR_INVALID,
                           "operators[%zu].groups[%zu]: parallelism %d, %d observations, ability "
                           "%g, weight %g, scatter %g: expected 1 to %d, at least 1, and numbers "
                           "of a measurement",
                           i, g, group->parallelism, group->observations, group->ability,
                           group->weight, group->scatter, KT_PARALLELISM_MAX);
        }
        if (g > 0 && (group->window_end_ms <= op->groups.items[g - 1].window_end_ms ||
                      group->generation < op->groups.items[g - 1].generation)) {
            return kt_fail(error, KT_ERR_INVALID, "operators[%zu].groups[%zu] is not the newer one",
                           i, g);
        }
    }
    for (size_t c = 1; c < op->change_points_ms.count; c++) {
        if (op->change_points_ms.items[c] <= op->change_points_ms.items[c - 1]) {
            return kt_fail(error, KT_ERR_INVALID,
                           "operators[%zu].change_points_ms[%zu] is not the later one", i, c);
        }
    }
    for (size_t l = 0; l < op->loads_per_s.count; l++) {
        if (!(op->loads_per_s.items[l] >= 0 && op->loads_per_s.items[l] <= KT_MEASURE_MAX)) {
            return kt_fail(error, KT_ERR_INVALID,
                           "operators[%zu].loads_per_s[%zu] is %g, expected at least 0", i, l,
                           op->loads_per_s.items[l]);
        }
    }
    if (op->keep_up < 0 || op->keep_up > KT_KEEP_UP_FELL_BEHIND) {
        return kt_fail(error, KT_ERR_INVALID, "operators[%zu].keep_up is %d, which is no symbol", i,
                       op->keep_up);
    }
    return KT_ERR_OK;
}

static enum kt_err check_bound(const char *name, int32_t value, int32_t min, size_t i,
                               struct kt_error *error) {
    if (value < min || value > KT_PARALLELISM_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "operators[%zu].%s is %d, expected %d to %d", i, name,
                       value, min, KT_PARALLELISM_MAX);
    }
    return KT_ERR_OK;
}

static enum kt_err check_operator(const struct kt_evidence *evidence, size_t i,
                                  struct kt_error *error) {
    const struct kt_operator_evidence *op = &evidence->operators.items[i];
    const struct {
        const char *name;
        bool present;
        int32_t value;
        int32_t min;
    } bounds[] = {
        {"parallelism", true, op->parallelism, evidence->gate == KT_REASON_STEADY},
        {"max_parallelism", KT_HAS(op, KT_OPEV_MAX_PARALLELISM), op->max_parallelism, 1},
        {"min_allowed", true, op->min_allowed, 1},
        {"max_allowed", true, op->max_allowed, 1},
        {"pinned", KT_HAS(op, KT_OPEV_PINNED), op->pinned, 1},
    };
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        enum kt_err err = bounds[b].present ? check_bound(bounds[b].name, bounds[b].value,
                                                          bounds[b].min, i, error)
                                            : KT_ERR_OK;
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    /* A topic may have more partitions than Flink has subtasks. */
    if (KT_HAS(op, KT_OPEV_SOURCE_PARTITIONS) && op->source_partitions < 1) {
        return kt_fail(error, KT_ERR_INVALID,
                       "operators[%zu].source_partitions is %d, expected at least 1", i,
                       op->source_partitions);
    }
    for (size_t e = 0; e < op->inputs.count; e++) {
        const int32_t upstream = op->inputs.items[e].upstream;
        if (upstream < 0 || (size_t)upstream >= evidence->operators.count) {
            return kt_fail(error, KT_ERR_INVALID,
                           "operators[%zu].inputs[%zu].upstream is %d of %zu operators", i, e,
                           upstream, evidence->operators.count);
        }
    }
    enum kt_err err = check_measures(op, i, error);
    if (err == KT_ERR_OK) {
        err = check_history(op, i, error);
    }
    return err != KT_ERR_OK ? err : check_groups(op, i, error);
}

static enum kt_err check_law_prior(const struct kt_evidence *evidence, struct kt_error *error) {
    const size_t count = evidence->law_prior.count;
    if (count != 0 && count != KT_LAWS) {
        return kt_fail(error, KT_ERR_INVALID, "law_prior has %zu values, expected none or %d",
                       count, KT_LAWS);
    }
    for (size_t m = 0; m < count; m++) {
        if (!(evidence->law_prior.items[m] >= 0 && evidence->law_prior.items[m] <= 1)) {
            return kt_fail(error, KT_ERR_INVALID, "law_prior[%zu] is %g, expected 0 to 1", m,
                           evidence->law_prior.items[m]);
        }
    }
    return KT_ERR_OK;
}

/* Times are subtracted from each other: none may be so far away that a difference overflows. */
static enum kt_err check_times(const struct kt_evidence *evidence, struct kt_error *error) {
    const struct {
        const char *name;
        bool present;
        int64_t value;
    } times[] = {
        {"window_end_ms", true, evidence->window_end_ms},
        {"last_rescale_ms", KT_HAS(evidence, KT_EVIDENCE_LAST_RESCALE_MS),
         evidence->last_rescale_ms},
        {"pending_until_ms", KT_HAS(evidence, KT_EVIDENCE_PENDING_UNTIL_MS),
         evidence->pending_until_ms},
        {"running_since_ms", KT_HAS(evidence, KT_EVIDENCE_RUNNING_SINCE_MS),
         evidence->running_since_ms},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (times[i].present && (times[i].value < -TIME_MS_MAX || times[i].value > TIME_MS_MAX)) {
            return kt_fail(error, KT_ERR_INVALID, "%s is %lld, expected -%lld to %lld",
                           times[i].name, (long long)times[i].value, (long long)TIME_MS_MAX,
                           (long long)TIME_MS_MAX);
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_evidence_check(const struct kt_evidence *evidence, struct kt_error *error) {
    enum kt_err err = check_settings(&evidence->settings, error);
    if (err == KT_ERR_OK) {
        err = check_times(evidence, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    if (evidence->gate < 0 || evidence->gate > KT_REASON_NO_TOPOLOGY) {
        return kt_fail(error, KT_ERR_INVALID, "gate is %d, which is no reason", evidence->gate);
    }
    if (evidence->phase < 0 || evidence->phase > KT_PHASE_SMALL) {
        return kt_fail(error, KT_ERR_INVALID, "phase is %d, which is no phase", evidence->phase);
    }
    if (evidence->restarts_in_day < 0) {
        return kt_fail(error, KT_ERR_INVALID, "restarts_in_day is %d, expected at least 0",
                       evidence->restarts_in_day);
    }
    if (evidence->parallelism_peak < 0 || evidence->parallelism_peak > KT_PARALLELISM_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "parallelism_peak is %d, expected 0 to %d",
                       evidence->parallelism_peak, KT_PARALLELISM_MAX);
    }
    if (evidence->operators.count > KT_OPERATORS_MAX) {
        return kt_fail(error, KT_ERR_INVALID, "%zu operators, at most %d",
                       evidence->operators.count, KT_OPERATORS_MAX);
    }
    for (size_t i = 0; i < evidence->operators.count; i++) {
        err = check_operator(evidence, i, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return check_law_prior(evidence, error);
}
