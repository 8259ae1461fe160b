/* SPDX-License-Identifier: GPL-3.0-or-later
 * The results of a study: tables for people, JSON for programs. */
#include "ops/sim_table.h"

#include "ops/text_table.h"

#include <inttypes.h>
#include <stdlib.h>

#define SIDE_BY_SIDE_MAX 8 /* scenarios in one table */

/* ---- measures -------------------------------------------------------------------------------- */

static const struct {
    const char *title; /* of a table */
    const char *head;  /* of a column */
    int decimals;
    bool tunings; /* shown with KT_SIM_TUNINGS */
    bool over_time;
} measures[KT_SIM_MEASURES] = {
    [KT_SIM_PER_TUNING] = {"Reconfigurations per tuning, with the standard error over permutations",
                           "per tuning", 2, true, false},
    [KT_SIM_RECONFIGURATIONS] = {"Reconfigurations in all", "reconfigurations", 1, false, true},
    [KT_SIM_UNDER_PROVISIONED] = {"Under-provisioned configurations per run", "under-provisioned",
                                  2, true, false},
    [KT_SIM_SURPLUS] = {"Cores above the optimum, %", "surplus %", 1, true, true},
    [KT_SIM_CORES_MAX] = {"Most cores requested", "max cores", 0, true, true},
    [KT_SIM_CORE_SECONDS] = {"Core-hours", "core-hours", 1, false, true},
    [KT_SIM_BACKLOG] = {"Records that had to wait, %", "backlog %", 2, true, true},
    [KT_SIM_UNDER_SECONDS] = {"Seconds with too little parallelism", "seconds short", 0, false,
                              true},
};

static double value_of(const struct kt_sim_mean *mean, int measure) {
    switch (measure) {
    case KT_SIM_PER_TUNING:
        return mean->per_tuning;
    case KT_SIM_RECONFIGURATIONS:
        return mean->reconfigurations;
    case KT_SIM_UNDER_PROVISIONED:
        return mean->under_provisioned;
    case KT_SIM_SURPLUS:
        return mean->surplus_percent;
    case KT_SIM_CORES_MAX:
        return mean->cores_max;
    case KT_SIM_CORE_SECONDS:
        return mean->core_s / 3600.0;
    case KT_SIM_BACKLOG:
        return mean->backlog_percent;
    default:
        return mean->under_provisioned_s;
    }
}

/* ---- scenarios side by side ------------------------------------------------------------------ */

static void put_value(const struct kt_text_table *table, int row, int column,
                      const struct kt_sim_mean *mean, int measure) {
    const double value = value_of(mean, measure);
    if (measure == KT_SIM_PER_TUNING && mean->permutations > 1.0) {
        kt_text_table_put(table, row, column, "%.2f ± %.2f", value, mean->per_tuning_error);
    } else {
        kt_text_table_put(table, row, column, "%.*f", measures[measure].decimals, value);
    }
}

static int count_published(const struct kt_sim_suite *suite, int measure) {
    int count = 0;
    for (int i = 0; i < suite->published_count; i++) {
        count += suite->published[i].measure == (enum kt_sim_measure)measure;
    }
    return count;
}

static void put_published(const struct kt_text_table *table, int row,
                          const struct kt_sim_suite *suite,
                          const struct kt_sim_published *published) {
    double sum = 0.0;
    kt_text_table_put(table, row, 0, "%s (published)", published->method);
    for (int s = 0; s < suite->scenarios_count; s++) {
        sum += published->figures[s];
        kt_text_table_put(table, row, s + 1, "%.*f", measures[published->measure].decimals,
                          published->figures[s]);
    }
    kt_text_table_put(table, row, suite->scenarios_count + 1, "%.*f",
                      measures[published->measure].decimals, sum / suite->scenarios_count);
}

static bool print_measure(FILE *out, const struct kt_sim_suite *suite,
                          const struct kt_sim_study *study, const struct kt_sim_results *results,
                          int measure) {
    const int published = count_published(suite, measure);
    struct kt_text_table table;
    if (!kt_text_table_make(&table, 1 + results->methods + published, results->scenarios + 2)) {
        return false;
    }
    kt_text_table_put(&table, 0, 0, "method");
    kt_text_table_put(&table, 0, results->scenarios + 1, "mean");
    for (int s = 0; s < results->scenarios; s++) {
        kt_text_table_put(&table, 0, s + 1, "%s", study->scenarios[s].name);
    }
    for (int m = 0; m < results->methods; m++) {
        kt_text_table_put(&table, m + 1, 0, "%s", study->methods->items[m].label);
        for (int s = 0; s < results->scenarios; s++) {
            const struct kt_sim_mean mean = kt_sim_results_mean(results, study, s, m);
            put_value(&table, m + 1, s + 1, &mean, measure);
        }
        const struct kt_sim_mean all = kt_sim_results_mean_of_all(results, study, m);
        put_value(&table, m + 1, results->scenarios + 1, &all, measure);
    }
    int row = 1 + results->methods;
    for (int i = 0; i < suite->published_count; i++) {
        if (suite->published[i].measure == (enum kt_sim_measure)measure) {
            put_published(&table, row++, suite, &suite->published[i]);
        }
    }
    fprintf(out, "\n%s\n", measures[measure].title);
    kt_text_table_print(out, &table, false);
    kt_text_table_free(&table);
    return true;
}

/* ---- one scenario, all measures -------------------------------------------------------------- */

/* scenario below 0: the mean of all. */
static bool print_scenario(FILE *out, const struct kt_sim_study *study,
                           const struct kt_sim_results *results, int scenario) {
    const bool over_time =
        study->scenarios[scenario < 0 ? 0 : scenario].protocol == KT_SIM_OVER_TIME;
    int shown[KT_SIM_MEASURES];
    int count = 0;
    for (int i = 0; i < KT_SIM_MEASURES; i++) {
        if (over_time ? measures[i].over_time : measures[i].tunings) {
            shown[count++] = i;
        }
    }
    struct kt_text_table table;
    if (!kt_text_table_make(&table, 1 + results->methods, 1 + count)) {
        return false;
    }
    kt_text_table_put(&table, 0, 0, "method");
    for (int i = 0; i < count; i++) {
        kt_text_table_put(&table, 0, i + 1, "%s", measures[shown[i]].head);
    }
    for (int m = 0; m < results->methods; m++) {
        const struct kt_sim_mean mean = scenario < 0
                                            ? kt_sim_results_mean_of_all(results, study, m)
                                            : kt_sim_results_mean(results, study, scenario, m);
        kt_text_table_put(&table, m + 1, 0, "%s", study->methods->items[m].label);
        for (int i = 0; i < count; i++) {
            put_value(&table, m + 1, i + 1, &mean, shown[i]);
        }
    }
    if (scenario < 0) {
        fprintf(out, "\nmean of the %d scenarios\n", results->scenarios);
    } else {
        const struct kt_sim_scenario *s = &study->scenarios[scenario];
        fprintf(out, "\n%s%s%s\n", s->name, s->what != NULL ? ": " : "",
                s->what != NULL ? s->what : "");
    }
    kt_text_table_print(out, &table, false);
    kt_text_table_free(&table);
    return true;
}

/* A tuning without an end is worth a word: its method asks for changes for ever. */
static void print_unsettled(FILE *out, const struct kt_sim_study *study,
                            const struct kt_sim_results *results) {
    bool any = false;
    for (int m = 0; m < results->methods; m++) {
        for (int s = 0; s < results->scenarios; s++) {
            const struct kt_sim_mean mean = kt_sim_results_mean(results, study, s, m);
            if (mean.unsettled > 0.0) {
                fprintf(out, "%s%s on %s: %.1f tunings per run were cut off unsettled\n",
                        any ? "" : "\n", study->methods->items[m].label, study->scenarios[s].name,
                        mean.unsettled);
                any = true;
            }
        }
    }
}

void kt_sim_table_title(FILE *out, const struct kt_sim_suite *suite,
                        const struct kt_sim_study *study) {
    fprintf(out, "%s\n%d permutation%s, seed %" PRIu64 "\n", suite->what, study->permutations,
            study->permutations == 1 ? "" : "s", study->seed);
}

enum kt_err kt_sim_table_print(FILE *out, const struct kt_sim_suite *suite,
                               const struct kt_sim_study *study,
                               const struct kt_sim_results *results, struct kt_error *error) {
    kt_sim_table_title(out, suite, study);
    bool ok = true;
    if (results->scenarios > 1 && results->scenarios <= SIDE_BY_SIDE_MAX) {
        const bool over_time = study->scenarios[0].protocol == KT_SIM_OVER_TIME;
        for (int i = 0; i < KT_SIM_MEASURES && ok; i++) {
            if (over_time ? measures[i].over_time : measures[i].tunings) {
                ok = print_measure(out, suite, study, results, i);
            }
        }
    } else {
        for (int s = 0; s < results->scenarios && ok; s++) {
            ok = print_scenario(out, study, results, s);
        }
        if (ok && results->scenarios > 1) {
            ok = print_scenario(out, study, results, -1);
        }
    }
    if (!ok) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a table");
    }
    print_unsettled(out, study, results);
    if (suite->source != NULL) {
        fprintf(out, "\nPublished figures: %s\n", suite->source);
    }
    return KT_ERR_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *entry(const struct kt_sim_study *study, const struct kt_sim_results *results, int s,
                     int m) {
    const struct kt_sim_method *method = &study->methods->items[m];
    const struct kt_sim_mean mean = kt_sim_results_mean(results, study, s, m);
    return json_pack(
        "{s:s% s:s% s:s s:s s:f s:f s:f s:f s:f s:f s:f s:f s:f s:f s:f s:i s:f}", "policy",
        method->policy.data, method->policy.len, "surrogate", method->surrogate.data,
        method->surrogate.len, "method", method->label, "job", study->scenarios[s].name, "tunings",
        mean.tunings, "reconfigurations", mean.reconfigurations, "reconfigurations_per_tuning",
        mean.per_tuning, "reconfigurations_per_tuning_stderr", mean.per_tuning_error,
        "under_provisioned_configurations", mean.under_provisioned, "unsettled_tunings",
        mean.unsettled, "surplus_percent", mean.surplus_percent, "max_cores", mean.cores_max,
        "core_seconds", mean.core_s, "optimum_core_seconds", mean.optimum_core_s, "backlog_percent",
        mean.backlog_percent, "permutations", study->permutations, "under_provisioned_seconds",
        mean.under_provisioned_s);
}

static json_t *published_figures(const struct kt_sim_suite *suite, int i) {
    const struct kt_sim_published *published = &suite->published[i];
    json_t *figures = json_array();
    int failed = figures == NULL;
    for (int s = 0; s < suite->scenarios_count && !failed; s++) {
        failed = json_array_append_new(figures, json_real(published->figures[s])) != 0;
    }
    if (failed) {
        json_decref(figures);
        return NULL;
    }
    return json_pack("{s:s s:s s:s s:o}", "source", suite->source, "measure",
                     measures[published->measure].head, "method", published->method, "figures",
                     figures);
}

json_t *kt_sim_table_json(const struct kt_sim_suite *suite, const struct kt_sim_study *study,
                          const struct kt_sim_results *results) {
    json_t *policies = json_array();
    json_t *published = json_array();
    int failed = policies == NULL || published == NULL;
    for (int s = 0; s < results->scenarios && !failed; s++) {
        for (int m = 0; m < results->methods && !failed; m++) {
            failed = json_array_append_new(policies, entry(study, results, s, m)) != 0;
        }
    }
    for (int i = 0; i < suite->published_count && !failed; i++) {
        failed = json_array_append_new(published, published_figures(suite, i)) != 0;
    }
    if (failed) {
        json_decref(policies);
        json_decref(published);
        return NULL;
    }
    return json_pack("{s:s? s:I s:o s:o}", "suite", suite->name, "seed", (json_int_t)study->seed,
                     "policies", policies, "published", published);
}
