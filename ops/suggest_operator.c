/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune suggest --history`: one operator's smallest sufficient parallelism from a table of
 * observations. */
#include "ops/suggest.h"

#include "model/acquire.h"
#include "model/cbo.h"
#include "model/operator_fit.h"
#include "model/say.h"
#include "model/settings.h"
#include "ops/suggest_table.h"
#include "schemas/codec.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <stdlib.h>

#define RATE_LEAST 1e-9 /* asked of the surrogate, which knows no λ of 0 */

/* ---- the answer ----------------------------------------------------------------------------- */

struct suggestion {
    struct kt_cbo_answer answer; /* at the parallelism that the limit leaves */
    int32_t wanted;              /* before the limit */
    bool limited;
    bool scaling; /* the surrogate that was asked is `scaling`: */
    struct kt_scaling_fit fit;
    double unit;  /* records/s that the surrogate counts in */
    bool reached; /* of kontune: some parallelism is likely to keep up */
};

/* The operator of the table as evidence has one. */
static void pose(const struct kt_suggest_operator *question, struct kt_suggest_table *table,
                 struct kt_evidence *evidence, struct kt_operator_evidence *op) {
    struct kt_settings settings;
    kt_settings_default(&settings);
    *op = (struct kt_operator_evidence){.vertex_id = KT_STR("of the table"),
                                        .parallelism = question->current,
                                        .min_allowed = 1,
                                        .max_allowed = question->max_parallelism};
    op->history.items = table->points;
    op->history.count = table->points_count;
    op->groups.items = table->groups;
    op->groups.count = table->groups_count;
    *evidence = (struct kt_evidence){.settings = settings.defaults.policy};
    evidence->operators.items = op;
    evidence->operators.count = 1;
}

static double ability_at(const struct kt_history_point *points, size_t count, int32_t p) {
    for (size_t i = 0; i < count; i++) {
        if (points[i].parallelism == p) {
            return points[i].ability;
        }
    }
    return 0;
}

/* The prediction belongs to the answer: where the maximum moves the one, the other is made anew. */
static void limit(const struct kt_suggest_operator *question, struct kt_gp *gp,
                  const struct kt_history_point *points, size_t count,
                  struct suggestion *suggestion) {
    struct kt_cbo_answer *answer = &suggestion->answer;
    suggestion->wanted = answer->parallelism;
    suggestion->limited = answer->parallelism > question->max_parallelism;
    if (!suggestion->limited) {
        return;
    }
    answer->parallelism = question->max_parallelism;
    answer->nearest_observed = kt_cbo_nearest(points, count, answer->parallelism);
    answer->distance = abs(answer->parallelism - answer->nearest_observed);
    if (answer->method == KT_METHOD_LINEAR) {
        answer->predicted_ability *= (double)answer->parallelism / suggestion->wanted;
    } else if (answer->method == KT_METHOD_SURROGATE && !suggestion->scaling &&
               !kt_cbo_predict(gp, points, count, answer->params, answer->parallelism,
                               &answer->predicted_ability, &answer->predicted_stddev)) {
        answer->predicted_ability = 0;
        answer->predicted_stddev = 0;
    }
}

static enum kt_err solve_cbo(const struct kt_suggest_operator *question,
                             struct kt_suggest_table *table, struct kt_scaling *scaling,
                             struct suggestion *suggestion, struct kt_error *error) {
    struct kt_gp *gp = kt_gp_new();
    if (gp == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    enum kt_err err = KT_ERR_OK;
    suggestion->scaling = question->scaling && !question->linear;
    suggestion->unit = 1;
    if (suggestion->scaling) {
        struct kt_evidence evidence;
        struct kt_operator_evidence op;
        struct kt_operator_fit fit;
        pose(question, table, &evidence, &op);
        err = kt_operator_fit(scaling, &evidence, &op, &fit, error);
        suggestion->fit = fit.fit;
        suggestion->unit = fit.unit;
    }
    const struct kt_history_point *points = table->points;
    const size_t count = table->points_count;
    const struct kt_cbo_question q = {
        .history = points,
        .points = question->linear ? 0 : count,
        .lambda = question->rate,
        .lambda_lower = question->rate, /* nothing runs here that could be raised again */
        .present = question->current,
        .cap = question->max_parallelism,
        .alpha = question->alpha,
        .scaling = suggestion->scaling ? scaling : NULL,
        .scaling_unit = suggestion->unit,
        .ability = ability_at(points, count, question->current)};
    if (err == KT_ERR_OK) {
        err = kt_cbo_solve(gp, &q, &suggestion->answer, error);
    }
    if (err == KT_ERR_OK) {
        struct kt_cbo_answer *answer = &suggestion->answer;
        answer->nearest_observed = kt_cbo_nearest(points, count, answer->parallelism);
        answer->distance = abs(answer->parallelism - answer->nearest_observed);
        limit(question, gp, points, count, suggestion);
    }
    kt_gp_free(gp);
    return err;
}

/* As the policy decides on a load that is new to it, of a parallelism of which nothing is proven.
 */
static enum kt_err solve_kontune(const struct kt_suggest_operator *question,
                                 struct kt_suggest_table *table, struct kt_scaling *scaling,
                                 struct suggestion *suggestion, struct kt_error *error) {
    struct kt_evidence evidence;
    struct kt_operator_evidence op;
    struct kt_operator_fit fit;
    pose(question, table, &evidence, &op);
    enum kt_err err = kt_operator_fit(scaling, &evidence, &op, &fit, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    int32_t tried_max = question->current;
    for (size_t i = 0; i < table->points_count; i++) {
        tried_max =
            table->points[i].parallelism > tried_max ? table->points[i].parallelism : tried_max;
    }
    const struct kt_acquire_question asked = {
        .load = {fmax(question->rate / fit.unit, RATE_LEAST), 0},
        .unit = fit.unit,
        .present = question->current,
        .lo = 1,
        .hi = question->max_parallelism,
        .tried_max = tried_max,
        .keep_up = KT_KEEP_UP_UNKNOWN,
        .probability = evidence.settings.keep_up_probability,
        .trim_probability = evidence.settings.trim_probability,
        .gain_min = evidence.settings.gain_min};
    const struct kt_acquire_answer answer = kt_acquire(scaling, &asked);
    const bool moves = answer.under || answer.target.parallelism < question->current;
    const struct kt_acquire_option *option = moves ? &answer.target : &answer.present;
    suggestion->scaling = true;
    suggestion->fit = fit.fit;
    suggestion->unit = fit.unit;
    suggestion->reached = answer.reached;
    suggestion->wanted = option->parallelism;
    suggestion->answer = (struct kt_cbo_answer){.method = KT_METHOD_SURROGATE,
                                                .parallelism = option->parallelism,
                                                .predicted_ability = option->ability,
                                                .predicted_stddev = option->stddev,
                                                .keeps_up = option->probability};
    suggestion->limited = option->parallelism > question->max_parallelism; /* what runs now is */
    if (suggestion->limited) {
        suggestion->answer.parallelism = question->max_parallelism;
    }
    suggestion->answer.nearest_observed =
        kt_cbo_nearest(table->points, table->points_count, suggestion->answer.parallelism);
    suggestion->answer.distance =
        abs(suggestion->answer.parallelism - suggestion->answer.nearest_observed);
    return KT_ERR_OK;
}

static enum kt_err solve(const struct kt_suggest_operator *question, struct kt_suggest_table *table,
                         struct suggestion *suggestion, struct kt_error *error) {
    struct kt_scaling *scaling = kt_scaling_new(&kt_scaling_model_default);
    if (scaling == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    enum kt_err err = question->kontune ? solve_kontune(question, table, scaling, suggestion, error)
                                        : solve_cbo(question, table, scaling, suggestion, error);
    if (err == KT_ERR_OK && suggestion->limited && suggestion->scaling &&
        suggestion->answer.method == KT_METHOD_SURROGATE) {
        struct kt_cbo_answer *answer = &suggestion->answer;
        const double unit = suggestion->unit;
        kt_scaling_predict(scaling, answer->parallelism, &answer->predicted_ability,
                           &answer->predicted_stddev);
        answer->predicted_ability *= unit;
        answer->predicted_stddev *= unit;
        answer->keeps_up = kt_scaling_keeps_up(
            scaling, answer->parallelism,
            (struct kt_scaling_load){fmax(question->rate / unit, RATE_LEAST), 0});
    }
    kt_scaling_free(scaling);
    return err;
}

/* ---- printing ------------------------------------------------------------------------------- */

static const char *method_name(const struct suggestion *s) {
    if (s->limited) {
        return "limited";
    }
    switch (s->answer.method) {
    case KT_METHOD_SURROGATE:
        return "surrogate";
    case KT_METHOD_LINEAR:
        return "linear";
    default:
        return "keep";
    }
}

static enum kt_err print_json(const struct suggestion *s, FILE *out, struct kt_error *error) {
    const struct kt_cbo_answer *a = &s->answer;
    json_t *document =
        json_pack("{s:i, s:s}", "parallelism", a->parallelism, "method", method_name(s));
    int bad = document == NULL;
    if (!bad && a->method != KT_METHOD_KEEP) {
        bad |= json_object_set_new(document, "predicted_ability", json_real(a->predicted_ability));
    }
    if (!bad && a->method == KT_METHOD_SURROGATE) {
        bad |= json_object_set_new(document, "predicted_stddev", json_real(a->predicted_stddev));
    }
    if (!bad) {
        bad |= json_object_set_new(document, "nearest_observed", json_integer(a->nearest_observed));
        bad |= json_object_set_new(document, "distance", json_integer(a->distance));
    }
    if (!bad && s->limited) {
        bad |= json_object_set_new(document, "limits", json_pack("[s]", "MAX_PARALLELISM"));
    }
    if (!bad && s->scaling && a->method == KT_METHOD_SURROGATE) {
        bad |= json_object_set_new(document, "keeps_up_probability", json_real(a->keeps_up));
    }
    if (!bad && s->scaling) {
        char law[KT_LAW_TEXT_MAX];
        kt_law_describe(s->fit.law, 0, law);
        bad |= json_object_set_new(
            document, "surrogate",
            json_pack("{s:s, s:{s:s, s:f, s:f}, s:f}", "name", "scaling", "parameters", "law", law,
                      "law_probability", s->fit.law_probability, "noise", s->fit.noise,
                      "log_marginal_likelihood", s->fit.log_marginal_likelihood));
    }
    if (!bad && a->fitted) {
        bad |= json_object_set_new(document, "surrogate",
                                   json_pack("{s:s, s:{s:f, s:f}, s:f}", "name", "rbf",
                                             "parameters", "length_scale", a->params.length_scale,
                                             "sigma_f", a->params.sigma_f,
                                             "log_marginal_likelihood", a->log_likelihood));
    }
    enum kt_err err = bad ? KT_ERR_NOMEM : kt_json_dump(out, document);
    json_decref(document);
    if (err != KT_ERR_OK || fputc('\n', out) == EOF) {
        return kt_fail(error, err == KT_ERR_OK ? KT_ERR_IO : err, "cannot print the answer");
    }
    return KT_ERR_OK;
}

static void print_reason(const struct kt_suggest_operator *q, const struct suggestion *s,
                         FILE *out) {
    const struct kt_cbo_answer *a = &s->answer;
    const double rate = q->rate;
    if (q->kontune) {
        fprintf(out, "%s: %d keeps up with %.*f records/s with a probability of %.2f\n",
                s->reached ? "surrogate" : "no parallelism up to the maximum is likely to do",
                a->parallelism, KT_SAY_RATE(rate), a->keeps_up);
    } else if (a->method == KT_METHOD_SURROGATE) {
        fprintf(out,
                "surrogate: %d is the smallest that it calls enough for %.*f records/s, and lies "
                "within alpha = %d of an observation\n",
                s->wanted, KT_SAY_RATE(rate), q->alpha);
    } else if (a->method == KT_METHOD_LINEAR) {
        fprintf(out, "linear: one of %d subtasks does %.*f records/s, %.*f records/s need %s%d%s\n",
                q->current, KT_SAY_RATE(a->predicted_ability / a->parallelism), KT_SAY_RATE(rate),
                s->wanted >= KT_PARALLELISM_MAX ? "at least " : "", s->wanted,
                q->linear ? "" : "; the surrogate has no answer within alpha of an observation");
    } else {
        fprintf(out,
                "kept: %sthe linear answer needs an observation at the present parallelism of %d\n",
                q->linear ? "" : "the surrogate has no answer within alpha of an observation, and ",
                q->current);
    }
    if (s->limited) {
        fprintf(out, "limited: at most %d is allowed\n", q->max_parallelism);
    }
}

static enum kt_err print_text(const struct kt_suggest_operator *q, const struct suggestion *s,
                              FILE *out, struct kt_error *error) {
    const struct kt_cbo_answer *a = &s->answer;
    fprintf(out, "parallelism %d (now %d)\n", a->parallelism, q->current);
    print_reason(q, s, out);
    if (a->method == KT_METHOD_SURROGATE) {
        fprintf(out, "predicted at %d: %.*f ± %.*f records/s\n", a->parallelism,
                KT_SAY_RATE(a->predicted_ability), KT_SAY_RATE(a->predicted_stddev));
    } else if (a->method == KT_METHOD_LINEAR) {
        fprintf(out, "predicted at %d: %.*f records/s\n", a->parallelism,
                KT_SAY_RATE(a->predicted_ability));
    }
    fprintf(out, "nearest observed parallelism: %d (distance %d)\n", a->nearest_observed,
            a->distance);
    if (s->scaling) {
        char law[KT_LAW_TEXT_MAX];
        kt_law_describe(s->fit.law, 0, law);
        fprintf(out,
                "surrogate scaling: %s (probability %.2f), noise %.1f %%, log marginal likelihood "
                "%.6g\n",
                law, s->fit.law_probability, s->fit.noise * 100, s->fit.log_marginal_likelihood);
    }
    if (a->fitted) {
        fprintf(out,
                "surrogate rbf: length scale %.4g, sigma_f %.4g, log marginal likelihood %.6g\n",
                a->params.length_scale, a->params.sigma_f, a->log_likelihood);
    }
    if (fflush(out) != 0 || ferror(out)) {
        return kt_fail(error, KT_ERR_IO, "cannot print the answer");
    }
    return KT_ERR_OK;
}

enum kt_err kt_suggest_operator(const struct kt_suggest_operator *question, FILE *out,
                                struct kt_error *error) {
    struct kt_suggest_table table;
    struct suggestion suggestion = {.limited = false};
    enum kt_err err = kt_suggest_table_read(question->history_path, question->top_k, &table, error);
    if (err == KT_ERR_OK) {
        err = solve(question, &table, &suggestion, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    return question->json ? print_json(&suggestion, out, error)
                          : print_text(question, &suggestion, out, error);
}
