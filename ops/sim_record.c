/* SPDX-License-Identifier: GPL-3.0-or-later
 * Records a simulated run while it goes on. */
#include "ops/sim_record.h"

#include "model/cbo.h"
#include "model/scaling_question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BELIEFS_MIN 16 /* parallelisms that a surrogate is asked about, at least */

struct kt_sim_recorder {
    struct kt_sim_spec spec; /* with the drift of the newest view */
    struct kt_sim_trace *trace;
    struct kt_gp *gp;
    struct kt_scaling *scaling;
    double second; /* of the newest view */
    int64_t observed_ms[KT_SIM_OPERATORS_MAX];
    int largest[KT_SIM_OPERATORS_MAX]; /* parallelism that was seen, believed in or optimal */
};

/* Room for one more item of an array that doubles whenever its count is a power of two. */
static bool grow(void *array, size_t count, size_t item_bytes) {
    void *items;
    memcpy(&items, array, sizeof items);
    if ((count & (count - 1)) != 0) {
        return true;
    }
    void *grown = realloc(items, (count == 0 ? 1 : 2 * count) * item_bytes);
    if (grown == NULL) {
        return false;
    }
    memcpy(array, &grown, sizeof grown);
    return true;
}

static enum kt_err no_memory(struct kt_error *error) {
    return kt_fail(error, KT_ERR_NOMEM, "no memory for the record of a run");
}

enum kt_err kt_sim_recorder_new(const struct kt_sim_spec *spec, struct kt_sim_trace *trace,
                                struct kt_sim_recorder **out, struct kt_error *error) {
    struct kt_sim_recorder *recorder = calloc(1, sizeof *recorder);
    if (recorder == NULL) {
        return no_memory(error);
    }
    recorder->gp = kt_gp_new();
    recorder->scaling = kt_scaling_new(&kt_scaling_model_default);
    if (recorder->gp == NULL || recorder->scaling == NULL) {
        kt_sim_recorder_free(recorder);
        return no_memory(error);
    }
    recorder->spec = *spec;
    recorder->trace = trace;
    trace->restart_s = (double)spec->restart_ms / 1000.0;
    trace->operators_count = spec->count;
    for (int i = 0; i < spec->count; i++) {
        trace->operators[i].id = spec->operators[i].id;
        trace->operators[i].name = spec->operators[i].name;
        trace->operators[i].scaled = spec->operators[i].scaled;
        recorder->observed_ms[i] = INT64_MIN;
    }
    *out = recorder;
    return KT_ERR_OK;
}

void kt_sim_recorder_free(struct kt_sim_recorder *recorder) {
    if (recorder != NULL) {
        kt_scaling_free(recorder->scaling);
        kt_gp_free(recorder->gp);
        free(recorder);
    }
}

/* ---- the job at a report --------------------------------------------------------------------- */

static void note_largest(struct kt_sim_recorder *recorder, int op, int parallelism) {
    if (parallelism > recorder->largest[op]) {
        recorder->largest[op] = parallelism;
    }
}

static enum kt_err add_tick(struct kt_sim_recorder *recorder, const struct kt_sim_view *view,
                            struct kt_error *error) {
    struct kt_sim_trace *trace = recorder->trace;
    const size_t operators = (size_t)trace->operators_count;
    if (!grow(&trace->ticks, trace->ticks_count, sizeof *trace->ticks) ||
        !grow(&trace->cells, trace->ticks_count, operators * sizeof *trace->cells)) {
        return no_memory(error);
    }
    struct kt_sim_trace_tick *tick = &trace->ticks[trace->ticks_count];
    struct kt_sim_trace_cell *cells = &trace->cells[trace->ticks_count * operators];
    trace->ticks_count++;
    *tick = (struct kt_sim_trace_tick){.second = recorder->second,
                                       .lag = kt_sim_job_lag(view->job),
                                       .running = kt_sim_job_is_running(view->job),
                                       .tuning = view->level};
    for (int i = 0; i < trace->operators_count; i++) {
        const struct kt_sim_operator *op = &view->spec->operators[i];
        cells[i] = (struct kt_sim_trace_cell){.parallelism = kt_sim_job_parallelism(view->job, i),
                                              .optimum = view->optimum[i],
                                              .lambda = view->lambda[i]};
        tick->offered += op->inputs_count == 0 ? view->source_rates[i] : 0.0;
        tick->cores += op->scaled ? cells[i].parallelism : 0;
        tick->optimum += op->scaled ? cells[i].optimum : 0;
        trace->operators[i].parallelism = cells[i].parallelism;
        trace->operators[i].optimum = cells[i].optimum;
        trace->operators[i].lambda = cells[i].lambda;
        note_largest(recorder, i, cells[i].parallelism);
        note_largest(recorder, i, cells[i].optimum);
    }
    return KT_ERR_OK;
}

static enum kt_err add_change(struct kt_sim_recorder *recorder, const struct kt_sim_view *view,
                              struct kt_error *error) {
    struct kt_sim_trace *trace = recorder->trace;
    if (!grow(&trace->changes, trace->changes_count, sizeof *trace->changes)) {
        return no_memory(error);
    }
    struct kt_sim_trace_change *change = &trace->changes[trace->changes_count++];
    *change =
        (struct kt_sim_trace_change){.second = recorder->second, .reason = view->knowledge->reason};
    snprintf(change->text, sizeof change->text, "%s", view->knowledge->text);
    for (int i = 0; i < trace->operators_count; i++) {
        if (view->spec->operators[i].scaled) {
            change->from += view->before[i];
            change->to += kt_sim_job_parallelism(view->job, i);
        }
    }
    return KT_ERR_OK;
}

static enum kt_err add_observations(struct kt_sim_recorder *recorder,
                                    const struct kt_sim_view *view, struct kt_error *error) {
    const int64_t start_ms = view->loop->start_ms;
    for (int i = 0; i < recorder->trace->operators_count; i++) {
        struct kt_sim_trace_operator *op = &recorder->trace->operators[i];
        if (!view->knowledge->operators[i].known ||
            view->knowledge->operators[i].window_end_ms == recorder->observed_ms[i]) {
            continue;
        }
        if (!grow(&op->observations, op->observations_count, sizeof *op->observations)) {
            return no_memory(error);
        }
        recorder->observed_ms[i] = view->knowledge->operators[i].window_end_ms;
        op->observations[op->observations_count++] = (struct kt_sim_trace_observation){
            .second = (double)(recorder->observed_ms[i] - start_ms) / 1000.0,
            .parallelism = view->knowledge->operators[i].parallelism,
            .ability = view->knowledge->operators[i].ability,
            .busy = view->knowledge->operators[i].busy};
    }
    return KT_ERR_OK;
}

enum kt_err kt_sim_recorder_view(struct kt_sim_recorder *recorder, const struct kt_sim_view *view,
                                 struct kt_error *error) {
    recorder->second = kt_sim_job_second(view->job);
    recorder->spec.drift = view->spec->drift;
    enum kt_err err = add_tick(recorder, view, error);
    if (err == KT_ERR_OK && view->before != NULL) {
        err = add_change(recorder, view, error);
    }
    return err == KT_ERR_OK ? add_observations(recorder, view, error) : err;
}

/* ---- what the surrogate believes ------------------------------------------------------------- */

/* Parallelisms worth asking about: beyond what was observed and decided, within the operator's. */
static int beliefs_up_to(const struct kt_sim_operator *spec,
                         const struct kt_operator_evidence *evidence, int decided) {
    int most = decided > BELIEFS_MIN / 2 ? decided : BELIEFS_MIN / 2;
    for (size_t k = 0; k < evidence->history.count; k++) {
        const int p = evidence->history.items[k].parallelism;
        most = p > most ? p : most;
    }
    return 2 * most < spec->max_parallelism ? 2 * most : spec->max_parallelism;
}

/* A surrogate's prediction at a parallelism, records/s; false: it has no finite one. */
typedef bool predict(struct kt_sim_recorder *recorder, const struct kt_operator_evidence *op,
                     const struct kt_surrogate_fit *fit, int parallelism, double *mean,
                     double *stddev);

static bool predict_rbf(struct kt_sim_recorder *recorder, const struct kt_operator_evidence *op,
                        const struct kt_surrogate_fit *fit, int parallelism, double *mean,
                        double *stddev) {
    const struct kt_gp_params params = {.length_scale = fit->length_scale, .sigma_f = fit->sigma_f};
    return kt_cbo_predict(recorder->gp, op->history.items, op->history.count, params, parallelism,
                          mean, stddev);
}

static bool predict_scaling(struct kt_sim_recorder *recorder, const struct kt_operator_evidence *op,
                            const struct kt_surrogate_fit *fit, int parallelism, double *mean,
                            double *stddev) {
    (void)op;
    (void)fit;
    kt_scaling_predict(recorder->scaling, parallelism, mean, stddev);
    return true;
}

/* The function that predicts as the decision's surrogate did; NULL: there was none, or nothing to
 * condition it on. */
static predict *condition(struct kt_sim_recorder *recorder, const struct kt_evidence *evidence,
                          size_t k, const struct kt_operator_decision *decision) {
    if (!KT_HAS(decision, KT_OPDEC_SURROGATE)) {
        return NULL;
    }
    if (kt_str_equal(decision->surrogate.name, KT_STR("rbf"))) {
        return predict_rbf;
    }
    const struct kt_operator_evidence *op = &evidence->operators.items[k];
    if (!kt_str_equal(decision->surrogate.name, KT_STR("scaling")) || op->groups.count == 0) {
        return NULL;
    }
    double law_prior[KT_LAWS];
    struct kt_scaling_fit fit;
    const struct kt_scaling_question question = kt_scaling_question_of(evidence, op, law_prior);
    return kt_scaling_fit(recorder->scaling, &question, &fit, NULL) == KT_ERR_OK ? predict_scaling
                                                                                 : NULL;
}

static enum kt_err note_beliefs(struct kt_sim_recorder *recorder, int i,
                                const struct kt_rescale_command *command, size_t k,
                                struct kt_error *error) {
    struct kt_sim_trace_operator *op = &recorder->trace->operators[i];
    const struct kt_operator_evidence *evidence = &command->evidence.operators.items[k];
    const struct kt_operator_decision *decision = &command->operators.items[k];
    predict *ask = condition(recorder, &command->evidence, k, decision);
    if (ask == NULL) {
        return KT_ERR_OK;
    }
    const int most = beliefs_up_to(&recorder->spec.operators[i], evidence, decision->to);
    struct kt_sim_trace_belief *beliefs = realloc(op->beliefs, (size_t)most * sizeof *op->beliefs);
    if (beliefs == NULL) {
        return no_memory(error);
    }
    op->beliefs = beliefs;
    op->beliefs_count = 0;
    for (int p = 1; p <= most; p++) {
        double mean = 0.0;
        double stddev = 0.0;
        if (ask(recorder, evidence, &decision->surrogate, p, &mean, &stddev)) {
            beliefs[op->beliefs_count++] = (struct kt_sim_trace_belief){
                .parallelism = p, .mean = mean, .lower = mean - stddev, .upper = mean + stddev};
        }
    }
    op->decided_lambda = KT_HAS(decision, KT_OPDEC_LAMBDA) ? decision->lambda : 0.0;
    op->decided_parallelism = decision->to;
    note_largest(recorder, i, most);
    return KT_ERR_OK;
}

enum kt_err kt_sim_recorder_command(struct kt_sim_recorder *recorder,
                                    const struct kt_rescale_command *command,
                                    struct kt_error *error) {
    enum kt_err err = KT_ERR_OK;
    const struct kt_evidence *evidence = &command->evidence;
    for (size_t k = 0; k < command->operators.count && err == KT_ERR_OK; k++) {
        const int i = kt_sim_operator_find(&recorder->spec, command->operators.items[k].vertex_id);
        if (i >= 0 && k < evidence->operators.count) {
            err = note_beliefs(recorder, i, command, k, error);
        }
    }
    return err;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Somewhat beyond what was seen, so that a picture shows where the curve goes. */
static int truth_up_to(const struct kt_sim_recorder *recorder, int op) {
    const int beyond = recorder->largest[op] + recorder->largest[op] / 4 + 2;
    const int max = recorder->spec.operators[op].max_parallelism;
    return beyond < max ? beyond : recorder->largest[op] > max ? recorder->largest[op] : max;
}

enum kt_err kt_sim_recorder_finish(struct kt_sim_recorder *recorder, struct kt_error *error) {
    for (int i = 0; i < recorder->trace->operators_count; i++) {
        struct kt_sim_trace_operator *op = &recorder->trace->operators[i];
        if (!op->scaled) {
            continue;
        }
        const int most = truth_up_to(recorder, i);
        op->truth = calloc((size_t)most, sizeof *op->truth);
        if (op->truth == NULL) {
            return no_memory(error);
        }
        op->truth_count = (size_t)most;
        for (int p = 1; p <= most; p++) {
            op->truth[p - 1] = kt_sim_ability(&recorder->spec, i, p, recorder->second);
        }
    }
    return KT_ERR_OK;
}
