/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune suggest --history`: one operator's smallest sufficient parallelism from a table of
 * observations. */
#include "ops/suggest.h"

#include "model/cbo.h"
#include "model/evidence_check.h"
#include "model/say.h"
#include "ops/csv.h"
#include "schemas/codec.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <stdlib.h>

/* ---- the table ------------------------------------------------------------------------------ */

/* The newest observations at one parallelism, in a ring of top_k. */
struct seen {
    int32_t parallelism;
    size_t ring;   /* number of its ring */
    int64_t count; /* ever seen */
};

struct table {
    struct seen seen[KT_HISTORY_POINTS_MAX]; /* ascending parallelism */
    size_t count;
    int32_t top_k;
    double *rings;    /* KT_HISTORY_POINTS_MAX of them */
    char vertex[128]; /* the operator of the rows so far, where the table says it */
};

static double *ring_of(const struct table *table, const struct seen *seen) {
    return table->rings + seen->ring * (size_t)table->top_k;
}

static enum kt_err table_add(struct table *table, const struct kt_csv *csv, int32_t parallelism,
                             double ability, struct kt_error *error) {
    size_t at = 0;
    while (at < table->count && table->seen[at].parallelism < parallelism) {
        at++;
    }
    if (at == table->count || table->seen[at].parallelism != parallelism) {
        if (table->count == KT_HISTORY_POINTS_MAX) {
            return kt_csv_fail(csv, error, "expected at most %d different parallelisms",
                               KT_HISTORY_POINTS_MAX);
        }
        memmove(&table->seen[at + 1], &table->seen[at],
                (table->count - at) * sizeof table->seen[0]);
        table->seen[at] = (struct seen){.parallelism = parallelism, .ring = table->count};
        table->count++;
    }
    struct seen *seen = &table->seen[at];
    ring_of(table, seen)[seen->count++ % table->top_k] = ability;
    return KT_ERR_OK;
}

/* A table of several operators (as `history export` writes it) has no one answer. */
static enum kt_err check_vertex(struct table *table, const struct kt_csv *csv, int column,
                                bool first, struct kt_error *error) {
    if (column < 0) {
        return KT_ERR_OK;
    }
    const struct kt_str vertex = kt_csv_field(csv, column);
    if (first) {
        snprintf(table->vertex, sizeof table->vertex, "%.*s", KT_STR_ARG(vertex));
        return KT_ERR_OK;
    }
    const size_t len =
        vertex.len < sizeof table->vertex - 1 ? vertex.len : sizeof table->vertex - 1;
    if (strlen(table->vertex) != len || memcmp(table->vertex, vertex.data, len) != 0) {
        return kt_csv_fail(csv, error,
                           "expected one operator, got '%.*s' after '%s'; `kontune history export "
                           "--operator ID` gives one",
                           KT_STR_ARG(vertex), table->vertex);
    }
    return KT_ERR_OK;
}

static enum kt_err read_rows(struct kt_csv *csv, struct table *table, struct kt_error *error) {
    const int column_p = kt_csv_column(csv, "parallelism");
    const int column_ability = kt_csv_column(csv, "processing_ability");
    const int column_vertex = kt_csv_column(csv, "vertex_id");
    if (column_p < 0 || column_ability < 0) {
        return kt_csv_fail(csv, error,
                           "expected the columns parallelism and processing_ability in the header");
    }
    enum kt_err err = KT_ERR_OK;
    while ((err = kt_csv_next(csv, error)) == KT_ERR_OK) {
        int64_t parallelism = 0;
        double ability = 0;
        err = check_vertex(table, csv, column_vertex, table->count == 0, error);
        if (err == KT_ERR_OK) {
            err = kt_csv_integer(csv, column_p, 1, KT_PARALLELISM_MAX, &parallelism, error);
        }
        if (err == KT_ERR_OK) {
            err = kt_csv_number(csv, column_ability, 0, KT_MEASURE_MAX, &ability, error);
        }
        if (err == KT_ERR_OK && ability <= 0) {
            err = kt_csv_fail(csv, error, "processing_ability: expected a number above 0");
        }
        if (err == KT_ERR_OK) {
            err = table_add(table, csv, (int32_t)parallelism, ability, error);
        }
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return err == KT_ERR_NOT_FOUND ? KT_ERR_OK : err;
}

/* Reads the file into means of the newest top_k per parallelism. */
static enum kt_err read_history(const struct kt_suggest_operator *question,
                                struct kt_history_point *points, size_t *count,
                                struct kt_error *error) {
    struct table table = {.top_k = question->top_k};
    table.rings = calloc((size_t)table.top_k * KT_HISTORY_POINTS_MAX, sizeof *table.rings);
    if (table.rings == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    struct kt_csv *csv = NULL;
    enum kt_err err = kt_csv_open(question->history_path, &csv, error);
    if (err != KT_ERR_OK) {
        free(table.rings);
        return err;
    }
    err = read_rows(csv, &table, error);
    for (size_t i = 0; i < table.count && err == KT_ERR_OK; i++) {
        const struct seen *seen = &table.seen[i];
        const int64_t newest = seen->count < table.top_k ? seen->count : table.top_k;
        double sum = 0;
        for (int64_t k = 0; k < newest; k++) {
            sum += ring_of(&table, seen)[k];
        }
        points[i] = (struct kt_history_point){.parallelism = seen->parallelism,
                                              .ability = sum / (double)newest,
                                              .observations = (int32_t)newest};
    }
    *count = table.count;
    if (err == KT_ERR_OK && table.count == 0) {
        err = kt_csv_fail(csv, error, "expected at least one observation");
    }
    free(table.rings);
    kt_csv_close(csv);
    return err;
}

/* ---- the answer ----------------------------------------------------------------------------- */

struct suggestion {
    struct kt_cbo_answer answer; /* at the parallelism that the limit leaves */
    int32_t wanted;              /* before the limit */
    bool limited;
};

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
    } else if (answer->method == KT_METHOD_SURROGATE &&
               !kt_cbo_predict(gp, points, count, answer->params, answer->parallelism,
                               &answer->predicted_ability, &answer->predicted_stddev)) {
        answer->predicted_ability = 0;
        answer->predicted_stddev = 0;
    }
}

static enum kt_err solve(const struct kt_suggest_operator *question,
                         const struct kt_history_point *points, size_t count,
                         struct suggestion *suggestion, struct kt_error *error) {
    struct kt_gp *gp = kt_gp_new();
    if (gp == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    const struct kt_cbo_question q = {
        .history = points,
        .points = question->linear ? 0 : count,
        .lambda = question->rate,
        .lambda_lower = question->rate, /* nothing runs here that could be raised again */
        .present = question->current,
        .cap = question->max_parallelism,
        .alpha = question->alpha,
        .ability = ability_at(points, count, question->current)};
    enum kt_err err = kt_cbo_solve(gp, &q, &suggestion->answer, error);
    if (err == KT_ERR_OK) {
        struct kt_cbo_answer *answer = &suggestion->answer;
        answer->nearest_observed = kt_cbo_nearest(points, count, answer->parallelism);
        answer->distance = abs(answer->parallelism - answer->nearest_observed);
        limit(question, gp, points, count, suggestion);
    }
    kt_gp_free(gp);
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
    if (a->method == KT_METHOD_SURROGATE) {
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
    struct kt_history_point points[KT_HISTORY_POINTS_MAX];
    size_t count = 0;
    struct suggestion suggestion = {0};
    enum kt_err err = read_history(question, points, &count, error);
    if (err == KT_ERR_OK) {
        err = solve(question, points, count, &suggestion, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    return question->json ? print_json(&suggestion, out, error)
                          : print_text(question, &suggestion, out, error);
}
