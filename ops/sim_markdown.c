/* SPDX-License-Identifier: GPL-3.0-or-later
 * The results of a study as Markdown. */
#include "ops/sim_markdown.h"

#include "ops/text_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SCENARIOS_WIDE 8 /* more do not fit into the columns of one table */
#define MEAN_OF_ALL    (-1)

struct page {
    FILE *out;
    const struct kt_sim_suite *suite;
    const struct kt_sim_study *study;
    const struct kt_sim_results *results;
    bool over_time;
};

/* ---- figures --------------------------------------------------------------------------------- */

static struct kt_sim_mean mean_of(const struct page *page, int scenario, int method) {
    return scenario == MEAN_OF_ALL
               ? kt_sim_results_mean_of_all(page->results, page->study, method)
               : kt_sim_results_mean(page->results, page->study, scenario, method);
}

static const char *name_of(const struct page *page, int scenario) {
    return scenario == MEAN_OF_ALL ? "mean" : page->study->scenarios[scenario].name;
}

static const char *label_of(const struct page *page, int method) {
    return page->study->methods->items[method].label;
}

/* The two figures that a baseline may be ahead in. */
enum { RECONFIGURATIONS, SHORT, RANKED };
static double ranked(const struct page *page, const struct kt_sim_mean *mean, int figure) {
    if (figure == RECONFIGURATIONS) {
        return page->over_time ? mean->reconfigurations : mean->per_tuning;
    }
    return page->over_time ? mean->under_provisioned_s : mean->under_provisioned;
}

static bool is_baseline(const struct page *page, int method) {
    return !kt_str_equal(page->study->methods->items[method].policy, KT_STR("kontune"));
}

static bool has_baseline(const struct page *page) {
    bool any = false;
    for (int m = 1; m < page->results->methods; m++) {
        any = any || is_baseline(page, m);
    }
    return any && !is_baseline(page, 0);
}

/* The baseline with the lowest figure, the first of equals; -1: there is none. */
static int best_baseline(const struct page *page, int scenario, int figure) {
    int best = -1;
    double lowest = 0.0;
    for (int m = 0; m < page->results->methods; m++) {
        const struct kt_sim_mean mean = mean_of(page, scenario, m);
        const double value = ranked(page, &mean, figure);
        if (is_baseline(page, m) && (best < 0 || value < lowest - 1e-9)) {
            best = m;
            lowest = value;
        }
    }
    return best;
}

/* Whether a baseline is ahead of the first method. */
static bool is_behind(const struct page *page, int scenario, int figure) {
    const int best = has_baseline(page) ? best_baseline(page, scenario, figure) : -1;
    if (best < 0) {
        return false;
    }
    const struct kt_sim_mean ours = mean_of(page, scenario, 0);
    const struct kt_sim_mean theirs = mean_of(page, scenario, best);
    return ranked(page, &theirs, figure) < ranked(page, &ours, figure) - 1e-9;
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void put_figures(const struct page *page, const struct kt_text_table *table, int row,
                        int column, int scenario, int method) {
    const struct kt_sim_mean mean = mean_of(page, scenario, method);
    const bool behind = method == 0 && (is_behind(page, scenario, RECONFIGURATIONS) ||
                                        is_behind(page, scenario, SHORT));
    const char *mark = behind ? " †" : "";
    if (page->over_time) {
        kt_text_table_put(table, row, column, "%.1f / %.0f / %.1f%s", mean.reconfigurations,
                          mean.under_provisioned_s, mean.surplus_percent, mark);
    } else if (mean.permutations > 1.0) {
        kt_text_table_put(table, row, column, "%.3f ± %.3f / %.2f / %.1f%s", mean.per_tuning,
                          mean.per_tuning_error, mean.under_provisioned, mean.surplus_percent,
                          mark);
    } else {
        kt_text_table_put(table, row, column, "%.3f / %.2f / %.1f%s", mean.per_tuning,
                          mean.under_provisioned, mean.surplus_percent, mark);
    }
}

static void put_best(const struct page *page, const struct kt_text_table *table, int row,
                     int column, int scenario, int figure) {
    const int best = best_baseline(page, scenario, figure);
    const struct kt_sim_mean mean = mean_of(page, scenario, best);
    kt_text_table_put(table, row, column, "%.*f `%s`",
                      page->over_time   ? (figure == SHORT ? 0 : 1)
                      : figure == SHORT ? 2
                                        : 3,
                      ranked(page, &mean, figure), label_of(page, best));
}

static enum kt_err no_memory(struct kt_error *error) {
    return kt_fail(error, KT_ERR_NOMEM, "no memory for a table");
}

static void print(const struct page *page, struct kt_text_table *table) {
    fputc('\n', page->out);
    kt_text_table_print(page->out, table, true);
    kt_text_table_free(table);
}

/* ---- few scenarios: a column each ------------------------------------------------------------ */

static enum kt_sim_measure primary(const struct page *page) {
    return page->over_time ? KT_SIM_RECONFIGURATIONS : KT_SIM_PER_TUNING;
}

static void put_published(const struct page *page, const struct kt_text_table *table, int row,
                          const struct kt_sim_published *published) {
    const int decimals =
        published->measure == KT_SIM_PER_TUNING || published->measure == KT_SIM_BACKLOG ? 2 : 0;
    double sum = 0.0;
    kt_text_table_put(table, row, 0, "published: %s", published->method);
    for (int s = 0; s < page->results->scenarios; s++) {
        sum += published->figures[s];
        kt_text_table_put(table, row, s + 2, "%.*f", decimals, published->figures[s]);
    }
    kt_text_table_put(table, row, 1, "%.*f", decimals == 0 ? 1 : decimals,
                      sum / page->results->scenarios);
}

static int put_all_published(const struct page *page, const struct kt_text_table *table, int row,
                             enum kt_sim_measure measure) {
    int count = 0;
    for (int i = 0; i < page->suite->published_count; i++) {
        if (page->suite->published[i].measure == measure) {
            if (table != NULL) {
                put_published(page, table, row + count, &page->suite->published[i]);
            }
            count++;
        }
    }
    return count;
}

static enum kt_err print_columns(const struct page *page, struct kt_error *error) {
    const struct kt_sim_results *results = page->results;
    const int published = put_all_published(page, NULL, 0, primary(page));
    struct kt_text_table table;
    if (!kt_text_table_make(&table, 1 + results->methods + published, results->scenarios + 2)) {
        return no_memory(error);
    }
    kt_text_table_put(&table, 0, 0, "method");
    for (int s = MEAN_OF_ALL; s < results->scenarios; s++) {
        kt_text_table_put(&table, 0, s + 2, "%s", name_of(page, s));
        for (int m = 0; m < results->methods; m++) {
            kt_text_table_put(&table, m + 1, 0, "`%s`", label_of(page, m));
            put_figures(page, &table, m + 1, s + 2, s, m);
        }
    }
    put_all_published(page, &table, 1 + results->methods, primary(page));
    print(page, &table);
    return KT_ERR_OK;
}

/* The other measures that somebody has published about these scenarios. */
static enum kt_err print_other(const struct page *page, enum kt_sim_measure measure,
                               const char *title, struct kt_error *error) {
    const struct kt_sim_results *results = page->results;
    const int published = put_all_published(page, NULL, 0, measure);
    struct kt_text_table table;
    if (published == 0 || measure == primary(page)) {
        return KT_ERR_OK;
    }
    if (!kt_text_table_make(&table, 1 + results->methods + published, results->scenarios + 2)) {
        return no_memory(error);
    }
    kt_text_table_put(&table, 0, 0, "%s", title);
    for (int s = MEAN_OF_ALL; s < results->scenarios; s++) {
        kt_text_table_put(&table, 0, s + 2, "%s", name_of(page, s));
        for (int m = 0; m < results->methods; m++) {
            const struct kt_sim_mean mean = mean_of(page, s, m);
            kt_text_table_put(&table, m + 1, 0, "`%s`", label_of(page, m));
            if (measure == KT_SIM_BACKLOG) {
                kt_text_table_put(&table, m + 1, s + 2, "%.2f", mean.backlog_percent);
            } else {
                kt_text_table_put(&table, m + 1, s + 2, "%.0f", mean.cores_max);
            }
        }
    }
    put_all_published(page, &table, 1 + results->methods, measure);
    print(page, &table);
    return KT_ERR_OK;
}

/* ---- many scenarios: a row each -------------------------------------------------------------- */

static enum kt_err print_means(const struct page *page, struct kt_error *error) {
    struct kt_text_table table;
    if (!kt_text_table_make(&table, 1 + page->results->methods, 2)) {
        return no_memory(error);
    }
    kt_text_table_put(&table, 0, 0, "method");
    kt_text_table_put(&table, 0, 1, "mean");
    for (int m = 0; m < page->results->methods; m++) {
        kt_text_table_put(&table, m + 1, 0, "`%s`", label_of(page, m));
        put_figures(page, &table, m + 1, 1, MEAN_OF_ALL, m);
    }
    print(page, &table);
    return KT_ERR_OK;
}

/* With baselines: the methods that have no settings of their own, and the best of all baselines;
 * without: all methods. */
static enum kt_err print_rows(const struct page *page, struct kt_error *error) {
    const bool ranking = has_baseline(page);
    int shown[KT_SIM_METHODS_MAX];
    int count = 0;
    for (int m = 0; m < page->results->methods; m++) {
        if (!ranking || strchr(label_of(page, m), ':') == NULL) {
            shown[count++] = m;
        }
    }
    struct kt_text_table table;
    if (!kt_text_table_make(&table, 2 + page->results->scenarios,
                            1 + count + (ranking ? RANKED : 0))) {
        return no_memory(error);
    }
    kt_text_table_put(&table, 0, 0, "scenario");
    if (ranking) {
        kt_text_table_put(&table, 0, count + 1, "fewest reconfigurations of a baseline");
        kt_text_table_put(&table, 0, count + 2, "least under-provisioning of a baseline");
    }
    for (int s = MEAN_OF_ALL; s < page->results->scenarios; s++) {
        kt_text_table_put(&table, s + 2, 0, "%s", name_of(page, s));
        for (int i = 0; i < count; i++) {
            kt_text_table_put(&table, 0, i + 1, "`%s`", label_of(page, shown[i]));
            put_figures(page, &table, s + 2, i + 1, s, shown[i]);
        }
        for (int figure = 0; ranking && figure < RANKED; figure++) {
            put_best(page, &table, s + 2, count + 1 + figure, s, figure);
        }
    }
    print(page, &table);
    return KT_ERR_OK;
}

/* ---- the page -------------------------------------------------------------------------------- */

static void print_behind(const struct page *page) {
    static const char *const figures[RANKED] = {"fewer reconfigurations",
                                                "less under-provisioning"};
    bool any = false;
    for (int s = MEAN_OF_ALL; s < page->results->scenarios; s++) {
        for (int figure = 0; figure < RANKED; figure++) {
            if (!is_behind(page, s, figure)) {
                continue;
            }
            const int best = best_baseline(page, s, figure);
            const struct kt_sim_mean ours = mean_of(page, s, 0);
            const struct kt_sim_mean theirs = mean_of(page, s, best);
            fprintf(
                page->out, "%s- † %s: `%s` has %s: %.3f against %.3f, with a surplus of %.1f %%\n",
                any ? "" : "\n", name_of(page, s), label_of(page, best), figures[figure],
                ranked(page, &theirs, figure), ranked(page, &ours, figure), theirs.surplus_percent);
            any = true;
        }
    }
}

enum kt_err kt_sim_markdown_print(FILE *out, const struct kt_sim_suite *suite,
                                  const struct kt_sim_study *study,
                                  const struct kt_sim_results *results, struct kt_error *error) {
    const struct page page = {.out = out,
                              .suite = suite,
                              .study = study,
                              .results = results,
                              .over_time = study->scenarios[0].protocol == KT_SIM_OVER_TIME};
    fprintf(out, "%s %d permutation%s, seed %" PRIu64 ". %s\n", suite->what, study->permutations,
            study->permutations == 1 ? "" : "s", study->seed,
            page.over_time ? "Reconfigurations / seconds with too little parallelism / surplus "
                             "core-seconds %."
                           : "Reconfigurations per tuning ± standard error / under-provisioned "
                             "configurations per run / surplus cores %.");
    enum kt_err err = KT_ERR_OK;
    if (results->scenarios <= SCENARIOS_WIDE) {
        err = print_columns(&page, error);
    } else {
        err = print_means(&page, error);
        if (err == KT_ERR_OK) {
            err = print_rows(&page, error);
        }
    }
    if (err == KT_ERR_OK && results->scenarios <= SCENARIOS_WIDE) {
        err = print_other(&page, KT_SIM_CORES_MAX, "most cores requested", error);
    }
    if (err == KT_ERR_OK && results->scenarios <= SCENARIOS_WIDE) {
        err = print_other(&page, KT_SIM_BACKLOG, "records that had to wait, %", error);
    }
    if (err == KT_ERR_OK) {
        print_behind(&page);
    }
    if (err == KT_ERR_OK && suite->source != NULL) {
        fprintf(out, "\nPublished figures: %s.\n", suite->source);
    }
    return err;
}
