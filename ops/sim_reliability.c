/* SPDX-License-Identifier: GPL-3.0-or-later
 * A calibration as tables and JSON. */
#include "ops/sim_reliability.h"

#include "ops/text_table.h"

#include <inttypes.h>

static const char *const names[KT_SIM_ASKED] = {
    [KT_SIM_ASKED_SCALING] = "scaling", [KT_SIM_ASKED_RBF] = "rbf"};

/* As JSON has them, and in words; those that matter most come first. */
static const struct {
    enum kt_sim_distance distance;
    const char *name;
    const char *words;
} distances[KT_SIM_DISTANCES] = {
    {KT_SIM_NEAR, "near", "1 to 3 subtasks from one that had been observed"},
    {KT_SIM_FAR, "far", "farther from all that had been observed"},
    {KT_SIM_OBSERVED, "observed", "that had been observed"},
};

#define COLUMNS_EACH 4 /* of one surrogate */

/* ---- tables ---------------------------------------------------------------------------------- */

static void put_bin(const struct kt_text_table *table, int row, int column,
                    const struct kt_sim_bin *bin) {
    const double n = (double)bin->questions;
    kt_text_table_put(table, row, column, "%" PRId64, bin->questions);
    if (bin->questions > 0) {
        kt_text_table_put(table, row, column + 1, "%.3f", bin->predicted / n);
        kt_text_table_put(table, row, column + 2, "%.3f", (double)bin->kept_up / n);
        kt_text_table_put(table, row, column + 3, "%.3f", (double)bin->kept_up_true / n);
    }
}

static void put_surrogate(const struct kt_text_table *table, int column, const char *name,
                          const struct kt_sim_reliability *sum) {
    kt_text_table_put(table, 0, column, "%s: number", name);
    kt_text_table_put(table, 0, column + 1, "predicted");
    kt_text_table_put(table, 0, column + 2, "kept up");
    kt_text_table_put(table, 0, column + 3, "at the true load");
    for (int b = 0; b < KT_SIM_BINS; b++) {
        put_bin(table, b + 1, column, &sum->bins[b]);
    }
    const struct kt_sim_calibration_score score = kt_sim_calibration_score(sum);
    kt_text_table_put(table, KT_SIM_BINS + 1, column, "%" PRId64, score.questions);
    if (score.questions > 0) {
        kt_text_table_put(table, KT_SIM_BINS + 2, column, "%.4f", score.brier);
        kt_text_table_put(table, KT_SIM_BINS + 3, column, "%.4f", score.log_score);
    }
}

static enum kt_err print_one(FILE *out, const struct kt_sim_calibration *calibration, int method,
                             enum kt_sim_distance distance, bool markdown, struct kt_error *error) {
    struct kt_text_table table;
    if (!kt_text_table_make(&table, 1 + KT_SIM_BINS + 3, 1 + KT_SIM_ASKED * COLUMNS_EACH)) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a table");
    }
    kt_text_table_put(&table, 0, 0, "probability");
    for (int b = 0; b < KT_SIM_BINS; b++) {
        kt_text_table_put(&table, b + 1, 0, "%g – %g", kt_sim_bin_edges[b],
                          kt_sim_bin_edges[b + 1]);
    }
    kt_text_table_put(&table, KT_SIM_BINS + 1, 0, "all");
    kt_text_table_put(&table, KT_SIM_BINS + 2, 0, "Brier score");
    kt_text_table_put(&table, KT_SIM_BINS + 3, 0, "log score, nats");
    for (int asked = 0; asked < KT_SIM_ASKED; asked++) {
        const struct kt_sim_reliability sum =
            kt_sim_calibration_sum(calibration, method, (enum kt_sim_asked)asked, distance);
        put_surrogate(&table, 1 + asked * COLUMNS_EACH, names[asked], &sum);
    }
    kt_text_table_print(out, &table, markdown);
    kt_text_table_free(&table);
    return KT_ERR_OK;
}

enum kt_err kt_sim_reliability_print(FILE *out, const struct kt_sim_calibration *calibration,
                                     const struct kt_sim_study *study, bool markdown,
                                     struct kt_error *error) {
    enum kt_err err = KT_ERR_OK;
    const char *quote = markdown ? "`" : "";
    for (int m = 0; m < study->methods->count; m++) {
        for (int d = 0; d < KT_SIM_DISTANCES && err == KT_ERR_OK; d++) {
            fprintf(out, "\nDecisions of %s%s%s, parallelisms %s:\n%s", quote,
                    study->methods->items[m].label, quote, distances[d].words,
                    markdown ? "\n" : "");
            err = print_one(out, calibration, m, distances[d].distance, markdown, error);
        }
    }
    return err;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *share(double sum, int64_t questions) {
    return questions > 0 ? json_real(sum / (double)questions) : json_null();
}

static json_t *bins_json(const struct kt_sim_reliability *sum) {
    json_t *bins = json_array();
    int failed = bins == NULL;
    for (int b = 0; b < KT_SIM_BINS && !failed; b++) {
        const struct kt_sim_bin *bin = &sum->bins[b];
        failed = json_array_append_new(
            bins, json_pack("{s:f s:f s:I s:o s:o s:o}", "from", kt_sim_bin_edges[b], "to",
                            kt_sim_bin_edges[b + 1], "questions", (json_int_t)bin->questions,
                            "predicted", share(bin->predicted, bin->questions), "kept_up",
                            share((double)bin->kept_up, bin->questions), "kept_up_at_true_load",
                            share((double)bin->kept_up_true, bin->questions)));
    }
    if (failed) {
        json_decref(bins);
        return NULL;
    }
    return bins;
}

static json_t *one_json(const struct kt_sim_calibration *calibration, const char *method_label,
                        int method, int asked, int d) {
    const struct kt_sim_reliability sum = kt_sim_calibration_sum(
        calibration, method, (enum kt_sim_asked)asked, distances[d].distance);
    const struct kt_sim_calibration_score score = kt_sim_calibration_score(&sum);
    return json_pack("{s:s s:s s:s s:I s:o s:o s:o}", "method", method_label, "surrogate",
                     names[asked], "distance", distances[d].name, "questions",
                     (json_int_t)score.questions, "brier", share(sum.squares, score.questions),
                     "log_score", share(sum.logs, score.questions), "bins", bins_json(&sum));
}

json_t *kt_sim_reliability_json(const struct kt_sim_calibration *calibration,
                                const struct kt_sim_study *study) {
    json_t *all = json_array();
    int failed = all == NULL;
    for (int m = 0; m < study->methods->count && !failed; m++) {
        for (int asked = 0; asked < KT_SIM_ASKED && !failed; asked++) {
            for (int d = 0; d < KT_SIM_DISTANCES && !failed; d++) {
                failed = json_array_append_new(
                    all, one_json(calibration, study->methods->items[m].label, m, asked, d));
            }
        }
    }
    if (failed) {
        json_decref(all);
        return NULL;
    }
    return all;
}
