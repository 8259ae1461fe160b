/* SPDX-License-Identifier: GPL-3.0-or-later
 * The acquisition of one operator. */
#include "model/acquire.h"

#include <math.h>

#define BEHIND_MAX    0.05 /* F of what fell behind is at most this */
#define STAY_MIN      0.5 /* a parallelism below this F is left even if nothing proved it too small */
#define PLATEAU_SHARE 0.97 /* of the largest E[PA]: more subtasks than that gain nothing */

static double probability_at(struct kt_scaling *scaling, const struct kt_acquire_question *q,
                             int32_t p) {
    if (q->keep_up == KT_KEEP_UP_KEPT_UP && p == q->present) {
        return 1;
    }
    const double f = fmin(fmax(kt_scaling_keeps_up(scaling, p, q->load), 0), 1); /* rounding */
    return q->keep_up == KT_KEEP_UP_FELL_BEHIND && p <= q->present ? fmin(f, BEHIND_MAX) : f;
}

/* The smallest allowed parallelism, or the present one, with F ≥ probability; 0: there is none. */
static int32_t smallest(struct kt_scaling *scaling, const struct kt_acquire_question *q,
                        double probability) {
    int32_t first = q->lo;
    if (q->keep_up == KT_KEEP_UP_FELL_BEHIND && probability > BEHIND_MAX && first <= q->present) {
        first = q->present + 1;
    }
    const int32_t p =
        first <= q->hi ? kt_scaling_smallest(scaling, q->load, probability, first, q->hi) : 0;
    if ((p == 0 || p > q->present) && probability_at(scaling, q, q->present) >= probability) {
        return q->present;
    }
    return p;
}

/* How far up the surrogate is believed to know what gets most out of the operator. */
static int32_t reach_of(const struct kt_acquire_question *q) {
    return q->tried_max <= q->hi / 2 ? 2 * q->tried_max : q->hi;
}

/* Where no parallelism is likely to do: what gets most out of the operator without waste. */
static int32_t best_effort(struct kt_scaling *scaling, const struct kt_acquire_question *q) {
    const int32_t reach = reach_of(q);
    const int32_t best = reach >= q->lo ? kt_scaling_best(scaling, PLATEAU_SHARE, reach) : 0;
    const int32_t p = best > 0 && best < q->lo ? q->lo : best;
    if (p == 0) {
        return q->present;
    }
    double there = 0;
    double here = 0;
    kt_scaling_predict(scaling, p, &there, NULL);
    kt_scaling_predict(scaling, q->present, &here, NULL);
    return there > (1 + q->gain_min) * here ? p : q->present;
}

/* Where no parallelism is likely to do and none gains: fewer subtasks that lose nothing. */
static int32_t enough(struct kt_scaling *scaling, const struct kt_acquire_question *q) {
    const int32_t best = kt_scaling_best(scaling, PLATEAU_SHARE, reach_of(q));
    const int32_t p = kt_scaling_matching(scaling, q->present, PLATEAU_SHARE, q->trim_probability,
                                          best > q->lo ? best : q->lo, q->present - 1);
    return p > 0 ? p : q->present;
}

static struct kt_acquire_option option(struct kt_scaling *scaling,
                                       const struct kt_acquire_question *q, int32_t p) {
    struct kt_acquire_option answer = {.parallelism = p,
                                       .probability = probability_at(scaling, q, p)};
    kt_scaling_predict(scaling, p, &answer.ability, &answer.stddev);
    answer.ability *= q->unit;
    answer.stddev *= q->unit;
    return answer;
}

struct kt_acquire_answer kt_acquire(struct kt_scaling *scaling,
                                    const struct kt_acquire_question *question) {
    const int32_t target = smallest(scaling, question, question->probability);
    const int32_t trim = smallest(scaling, question, question->trim_probability);
    const int32_t most = target > 0 ? target : best_effort(scaling, question);
    const bool limited = target == 0 && most == question->present;
    struct kt_acquire_answer answer = {
        .present = option(scaling, question, question->present),
        .target = option(scaling, question, most),
        .trim = option(scaling, question,
                       trim > 0 && trim < question->present ? trim : question->present),
        .enough =
            option(scaling, question, limited ? enough(scaling, question) : question->present),
        .reached = target > 0};
    answer.under =
        question->keep_up == KT_KEEP_UP_FELL_BEHIND || answer.present.probability < STAY_MIN;
    return answer;
}

double kt_acquire_share(double probability, size_t operators) {
    return operators > 1 ? 1 - (1 - probability) / sqrt((double)operators) : probability;
}
