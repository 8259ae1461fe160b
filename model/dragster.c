/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policy `dragster`: Gaussian-process upper confidence bounds against the capacity that every
 * operator should have (Liu, Xu, Lau, "Online Resource Optimization for Elastic Stream Processing
 * with Regret Guarantee", ICPP 2022).
 *
 * From what is public of it (abstract, keywords): resources of a DAG of operators under changing
 * load as an online optimisation problem; unknown capacities are learned by GP-UCB; the regret of
 * throughput grows sub-linearly, so exploring is paid with reconfigurations on purpose.
 * GP-UCB: Srinivas et al., ICML 2010: UCB(p) = μ(p) + √β σ(p), β = 2 ln(D t² π² / 6δ) with D
 * candidates and t observations.
 *
 * Our reading of the rest, whose text we did not have:
 *   - The upper level (a dual variable per operator that grows where load exceeds capacity, and the
 *     capacity that answers it) has its fixed point where every capacity meets the load that
 *     unhindered sources bring; that load is carried along the graph (model/targets.h). Dragster
 *     converges over several time slots: each goes half the way from the present capacity to the
 *     load. The step is ours, and the one number that its figures hang on: with 1 it would be DS2
 *     with a memory.
 *   - The lower level takes the smallest parallelism whose upper bound reaches the target. It is
 *     optimistic: what was not tried is taken for good until it was, so that a new load is
 *     approached from too few subtasks in several steps, and one seen before at once.
 *   - The Gaussian process is the `rbf` kernel with parameters known beforehand, as GP-UCB asks: on
 *     PA(p) / (p ū) − 1 over ln p, ū the mean ability of one subtask. With ability itself and
 *     fitted parameters (the surrogate of ContTune) the prior far from the data would be 0 and
 *     nothing would ever be explored. Its noise is the surrogate's jitter, by the choice of unit.
 *   - Sources are operators among others; every time slot is a window. */
#include "model/cbo.h"
#include "model/guard.h"
#include "model/policy.h"
#include "model/targets.h"
#include "schemas/metric_event.h"

#include <math.h>

#define NOISE        0.02 /* relative sd of one parallelism's mean ability */
#define SPREAD       0.25 /* prior sd of one subtask's ability between parallelisms, relative */
#define LENGTH_SCALE 0.5  /* over ln p: from p to about 1.6 p abilities are much alike */
#define DELTA        0.1  /* β: the bounds hold with probability 1 − δ */
#define STEP         0.5  /* of the way from the present capacity to the load, per time slot */

/* Beyond so many times the linear answer nothing is looked at: bounds that do not reach the target
 * there mean a peak that was passed. */
#define SEARCH_FACTOR 8.0

struct bandit {
    const struct kt_gp *gp;
    const struct kt_operator_evidence *op;
    double unit;  /* ū, records/s of one subtask */
    double scale; /* of the surrogate's y: jitter / scale² = NOISE² */
    double root_beta;
};

static double unit_ability(const struct kt_operator_evidence *op) {
    double sum = 0;
    for (size_t h = 0; h < op->history.count; h++) {
        sum += op->history.items[h].ability / op->history.items[h].parallelism;
    }
    return op->history.count > 0 ? sum / (double)op->history.count : 0;
}

/* Conditions the surrogate on the history of one operator. False: it cannot be. */
static bool condition(struct kt_gp *gp, const struct kt_operator_evidence *op,
                      struct bandit *bandit) {
    double x[KT_GP_POINTS_MAX];
    double y[KT_GP_POINTS_MAX];
    double trials = 0;
    const size_t n = op->history.count < KT_GP_POINTS_MAX ? op->history.count : KT_GP_POINTS_MAX;
    bandit->gp = gp;
    bandit->scale = sqrt(KT_GP_JITTER) / NOISE;
    for (size_t h = 0; h < n; h++) {
        const struct kt_history_point *point = &op->history.items[h];
        x[h] = log(point->parallelism);
        y[h] = bandit->scale * (point->ability / point->parallelism / bandit->unit - 1);
        trials += point->observations;
    }
    const struct kt_guard_range range = kt_guard_range(op);
    const double candidates = (double)(range.hi - range.lo) + 1;
    const double t = fmax(trials, 1);
    bandit->root_beta = sqrt(2 * log(candidates * t * t * M_PI * M_PI / (6 * DELTA)));
    const struct kt_gp_params params = {.length_scale = LENGTH_SCALE,
                                        .sigma_f = SPREAD * bandit->scale};
    double log_likelihood = 0;
    return n > 0 && kt_gp_set(gp, x, y, n, params, &log_likelihood) == KT_ERR_OK;
}

/* Mean and standard deviation of PA(p), records/s. */
static void predict(const struct bandit *bandit, int32_t p, double *mean, double *stddev) {
    kt_gp_predict(bandit->gp, log(p), mean, stddev);
    *mean = bandit->unit * p * fmax(0, 1 + *mean / bandit->scale);
    *stddev = bandit->unit * p * *stddev / bandit->scale;
}

static double observed(const struct kt_operator_evidence *op, int32_t p) {
    for (size_t h = 0; h < op->history.count; h++) {
        if (op->history.items[h].parallelism == p) {
            return op->history.items[h].ability;
        }
    }
    return 0;
}

/* What may be hoped for: of a parallelism that was tried no more than it showed, or a job would
 * stay short by what the noise leaves open (there the dual variable grows until it moves on). */
static double upper_bound(const struct bandit *bandit, int32_t p) {
    const double shown = observed(bandit->op, p);
    if (shown > 0) {
        return shown;
    }
    double mean = 0;
    double stddev = 0;
    predict(bandit, p, &mean, &stddev);
    return mean + bandit->root_beta * stddev;
}

static double present_ability(const struct bandit *bandit) {
    const double shown = observed(bandit->op, bandit->op->parallelism);
    double mean = 0;
    double stddev = 0;
    predict(bandit, bandit->op->parallelism, &mean, &stddev);
    return shown > 0 ? shown : mean;
}

/* The smallest parallelism of the range whose upper bound reaches the target, else the one of the
 * largest bound. */
static int32_t acquire(const struct bandit *bandit, struct kt_guard_range range, double target) {
    const double far = SEARCH_FACTOR * fmax(1, target / bandit->unit);
    const int32_t last = far < range.hi ? (int32_t)far : range.hi;
    int32_t best = range.lo;
    double most = -1;
    for (int32_t p = range.lo; p <= last; p++) {
        const double bound = upper_bound(bandit, p);
        if (bound >= target) {
            return p;
        }
        if (bound > most) {
            most = bound;
            best = p;
        }
    }
    return best;
}

/* The answer for one operator with a target; one that was never measured stays. */
static void answer(struct kt_gp *gp, const struct kt_operator_evidence *op,
                   struct kt_operator_decision *decision, bool *short_now) {
    struct bandit bandit = {.op = op, .unit = unit_ability(op)};
    if (KT_HAS(op, KT_OPEV_PINNED) || !(bandit.unit > 0) || !condition(gp, op, &bandit)) {
        return;
    }
    const double capacity = present_ability(&bandit);
    const double target = capacity + STEP * (decision->lambda - capacity);
    decision->to = acquire(&bandit, kt_guard_range(op), target);
    decision->method = KT_METHOD_SURROGATE;
    predict(&bandit, decision->to, &decision->predicted_ability, &decision->predicted_stddev);
    KT_SET(decision, KT_OPDEC_PREDICTED_ABILITY);
    KT_SET(decision, KT_OPDEC_PREDICTED_STDDEV);
    decision->nearest_observed = kt_cbo_nearest(op->history.items, op->history.count, decision->to);
    KT_SET(decision, KT_OPDEC_NEAREST_OBSERVED);
    *short_now = capacity < decision->lambda;
}

static enum kt_err propose(const struct kt_policy_input *input, struct kt_policy_output *output,
                           struct kt_error *error) {
    const struct kt_evidence *evidence = input->evidence;
    output->phase = KT_PHASE_STEADY;
    if (kt_targets_blind(evidence, input->arena, &output->text)) {
        output->reason = KT_REASON_NO_TOPOLOGY;
        return KT_ERR_OK;
    }
    double *target = NULL;
    enum kt_err err = kt_targets_carry(evidence, input->topology, input->arena, &target, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    size_t changed = 0;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        struct kt_operator_decision *decision = &output->operators[i];
        bool short_now = false;
        decision->lambda = target[i];
        KT_SET(decision, KT_OPDEC_LAMBDA);
        answer(input->gp, &evidence->operators.items[i], decision, &short_now);
        output->urgent |= short_now;
        changed += decision->to != decision->from;
    }
    output->reason = changed > 0 ? KT_REASON_UNKNOWN : KT_REASON_STEADY;
    output->text = changed > 0 ? KT_STR("the smallest that may reach the targets along the graph")
                               : KT_STR("nothing smaller may reach the targets along the graph");
    return KT_ERR_OK;
}

const struct kt_policy kt_policy_dragster = {
    .name = "dragster",
    .summary = "optimistic bounds of a Gaussian process against targets along the graph "
               "(Dragster)",
    .propose = propose,
};
