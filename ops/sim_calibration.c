/* SPDX-License-Identifier: GPL-3.0-or-later
 * Calibration of the surrogates' probabilities against true curves.
 *
 * The tap of a run sees each command in the midst of the report that led to it; the job's clock and
 * the truth at that moment come from the view of the report before, whose pointers show the
 * present. Each run has sums of its own, added up in the order of the runs: the number of threads
 * changes no digit. */
#include "ops/sim_calibration.h"

#include "model/gp.h"
#include "model/scaling.h"
#include "model/scaling_question.h"

#include <math.h>
#include <stdlib.h>

#define LOG_SCORE_CLIP 1e-6

const double kt_sim_bin_edges[KT_SIM_BINS + 1] = {0, .01, .1, .3, .5, .7, .9, .99, 1};

struct sums {
    struct kt_sim_reliability of[KT_SIM_ASKED][KT_SIM_DISTANCES];
};

struct kt_sim_calibration {
    int scenarios;
    int methods;
    int permutations;
    struct sums *runs; /* by scenario, method, permutation */
};

/* One run that is listened to. */
struct listener {
    struct sums *sums;
    struct kt_scaling *scaling;
    struct kt_gp *gp;
    struct kt_sim_view view; /* the newest */
    bool viewed;
};

struct kt_sim_calibration *kt_sim_calibration_new(const struct kt_sim_study *study) {
    struct kt_sim_calibration *calibration = calloc(1, sizeof *calibration);
    if (calibration == NULL) {
        return NULL;
    }
    calibration->scenarios = study->scenarios_count;
    calibration->methods = study->methods->count;
    calibration->permutations = study->permutations;
    calibration->runs = calloc((size_t)calibration->scenarios * (size_t)calibration->methods *
                                   (size_t)calibration->permutations,
                               sizeof *calibration->runs);
    if (calibration->runs == NULL) {
        free(calibration);
        return NULL;
    }
    return calibration;
}

void kt_sim_calibration_free(struct kt_sim_calibration *calibration) {
    if (calibration != NULL) {
        free(calibration->runs);
        free(calibration);
    }
}

/* ---- counting -------------------------------------------------------------------------------- */

static void count(struct kt_sim_reliability *sums, double probability, bool kept_up,
                  bool kept_up_true) {
    const double q = fmin(fmax(probability, 0.0), 1.0);
    int bin = KT_SIM_BINS - 1;
    while (bin > 0 && q < kt_sim_bin_edges[bin]) {
        bin--;
    }
    sums->bins[bin].questions++;
    sums->bins[bin].predicted += q;
    sums->bins[bin].kept_up += kept_up;
    sums->bins[bin].kept_up_true += kept_up_true;
    const double miss = kept_up ? 1.0 - q : q;
    sums->squares += miss * miss;
    sums->logs -= log(fmin(fmax(1.0 - miss, LOG_SCORE_CLIP), 1.0 - LOG_SCORE_CLIP));
}

static enum kt_sim_distance distance_of(const struct kt_operator_evidence *op, int parallelism) {
    enum kt_sim_distance distance = KT_SIM_FAR;
    for (size_t i = 0; i < op->groups.count; i++) {
        const int away = abs(op->groups.items[i].parallelism - parallelism);
        if (away == 0) {
            return KT_SIM_OBSERVED;
        }
        distance = away <= KT_SIM_NEAR_SUBTASKS ? KT_SIM_NEAR : distance;
    }
    return distance;
}

/* Φ((μ − λ) / σ); a step where nothing is left uncertain. */
static double rbf_keeps_up(const struct kt_gp *gp, int parallelism, double lambda) {
    double mean = 0.0;
    double stddev = 0.0;
    kt_gp_predict(gp, parallelism, &mean, &stddev);
    if (!(stddev > 0.0)) {
        return mean >= lambda ? 1.0 : 0.0;
    }
    return 0.5 * erfc((lambda - mean) / (stddev * sqrt(2.0)));
}

static enum kt_err fit_both(struct listener *listener, const struct kt_evidence *evidence,
                            const struct kt_operator_evidence *op, struct kt_error *error) {
    double law_prior[KT_LAWS];
    struct kt_scaling_question question = kt_scaling_question_of(evidence, op, law_prior);
    question.law_prior = NULL; /* what other operators taught is not the surrogate's merit */
    struct kt_scaling_fit fit;
    enum kt_err err = kt_scaling_fit(listener->scaling, &question, &fit, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    double x[KT_GP_POINTS_MAX];
    double y[KT_GP_POINTS_MAX];
    const size_t n = op->history.count < KT_GP_POINTS_MAX ? op->history.count : KT_GP_POINTS_MAX;
    for (size_t i = 0; i < n; i++) {
        x[i] = op->history.items[i].parallelism;
        y[i] = op->history.items[i].ability;
    }
    struct kt_gp_params params;
    double log_likelihood;
    err = kt_gp_fit(listener->gp, x, y, n, &params, &log_likelihood);
    return err == KT_ERR_OK ? err : kt_fail(error, err, "%zu points cannot be fitted", n);
}

/* All questions about operator i of the job. */
static enum kt_err ask(struct listener *listener, int i, const struct kt_evidence *evidence,
                       const struct kt_operator_evidence *op, double lambda,
                       struct kt_error *error) {
    enum kt_err err = fit_both(listener, evidence, op, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const struct kt_sim_view *view = &listener->view;
    const double second = kt_sim_job_second(view->job);
    const int most = view->spec->operators[i].max_parallelism;
    const int last = 2 * view->optimum[i] < most ? 2 * view->optimum[i] : most;
    for (int p = 1; p <= last; p++) {
        const double truth = kt_sim_ability(view->spec, i, p, second);
        const bool kept_up = truth >= lambda;
        const bool kept_up_true = truth >= view->lambda[i];
        const enum kt_sim_distance distance = distance_of(op, p);
        count(&listener->sums->of[KT_SIM_ASKED_SCALING][distance],
              kt_scaling_keeps_up(listener->scaling, p, (struct kt_scaling_load){lambda, 0}),
              kept_up, kept_up_true);
        count(&listener->sums->of[KT_SIM_ASKED_RBF][distance],
              rbf_keeps_up(listener->gp, p, lambda), kept_up, kept_up_true);
    }
    return KT_ERR_OK;
}

/* ---- listening ------------------------------------------------------------------------------- */

static enum kt_err on_command(void *ctx, const struct kt_rescale_command *command,
                              struct kt_error *error) {
    struct listener *listener = ctx;
    const struct kt_evidence *evidence = &command->evidence;
    if (!listener->viewed || evidence->gate != KT_REASON_STEADY) {
        return KT_ERR_OK;
    }
    for (size_t k = 0; k < evidence->operators.count && k < command->operators.count; k++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[k];
        const struct kt_operator_decision *decision = &command->operators.items[k];
        const int i = kt_sim_operator_find(listener->view.spec, op->vertex_id);
        if (i < 0 || !listener->view.spec->operators[i].scaled || op->groups.count == 0 ||
            op->history.count == 0 || !KT_HAS(decision, KT_OPDEC_LAMBDA) ||
            !(decision->lambda > 0.0)) {
            continue;
        }
        enum kt_err err = ask(listener, i, evidence, op, decision->lambda, error);
        if (err != KT_ERR_OK) {
            return kt_fail_in(error, err, "calibration at %.*s", KT_STR_ARG(op->vertex_id));
        }
    }
    return KT_ERR_OK;
}

static enum kt_err on_view(void *ctx, const struct kt_sim_view *view, struct kt_error *error) {
    struct listener *listener = ctx;
    (void)error;
    listener->view = *view;
    listener->viewed = true;
    return KT_ERR_OK;
}

static void listener_free(struct listener *listener) {
    if (listener != NULL) {
        kt_scaling_free(listener->scaling);
        kt_gp_free(listener->gp);
        free(listener);
    }
}

static enum kt_err begin(void *ctx, const struct kt_sim_task *task, struct kt_sim_listener *out,
                         struct kt_error *error) {
    struct kt_sim_calibration *calibration = ctx;
    struct listener *listener = calloc(1, sizeof *listener);
    if (listener != NULL) {
        listener->scaling = kt_scaling_new(&kt_scaling_model_default);
        listener->gp = kt_gp_new();
    }
    if (listener == NULL || listener->scaling == NULL || listener->gp == NULL) {
        listener_free(listener);
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a calibration");
    }
    const int run =
        (task->scenario * calibration->methods + task->method) * calibration->permutations +
        task->permutation;
    listener->sums = &calibration->runs[run];
    *out = (struct kt_sim_listener){.ctx = listener, .command = on_command, .view = on_view};
    return KT_ERR_OK;
}

static void end(void *ctx, struct kt_sim_listener *listener) {
    (void)ctx;
    listener_free(listener->ctx);
}

void kt_sim_calibration_listen(struct kt_sim_calibration *calibration, struct kt_sim_study *study) {
    study->begin = begin;
    study->end = end;
    study->listen_ctx = calibration;
}

/* ---- results --------------------------------------------------------------------------------- */

static void add(struct kt_sim_reliability *sum, const struct kt_sim_reliability *more) {
    for (int b = 0; b < KT_SIM_BINS; b++) {
        sum->bins[b].questions += more->bins[b].questions;
        sum->bins[b].predicted += more->bins[b].predicted;
        sum->bins[b].kept_up += more->bins[b].kept_up;
        sum->bins[b].kept_up_true += more->bins[b].kept_up_true;
    }
    sum->squares += more->squares;
    sum->logs += more->logs;
}

struct kt_sim_reliability kt_sim_calibration_sum(const struct kt_sim_calibration *calibration,
                                                 int method, enum kt_sim_asked asked,
                                                 enum kt_sim_distance distance) {
    struct kt_sim_reliability sum = {.squares = 0.0};
    for (int s = 0; s < calibration->scenarios; s++) {
        for (int k = 0; k < calibration->permutations; k++) {
            const int run = (s * calibration->methods + method) * calibration->permutations + k;
            add(&sum, &calibration->runs[run].of[asked][distance]);
        }
    }
    return sum;
}

struct kt_sim_calibration_score
kt_sim_calibration_score(const struct kt_sim_reliability *reliability) {
    struct kt_sim_calibration_score score = {.questions = 0};
    for (int b = 0; b < KT_SIM_BINS; b++) {
        score.questions += reliability->bins[b].questions;
    }
    if (score.questions > 0) {
        score.brier = reliability->squares / (double)score.questions;
        score.log_score = reliability->logs / (double)score.questions;
    }
    return score;
}
