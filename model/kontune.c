/* SPDX-License-Identifier: GPL-3.0-or-later
 * The policy `kontune`: for each operator the smallest parallelism that keeps up with a wanted
 * probability, by the scaling surrogate; for the job one decision.
 *
 *   some operator is under     those go to their targets; the others up to theirs where F < q, or
 *                              down to what keeps up with trim_probability: the restart is paid for
 *   … and nothing helps        it stays, or goes down to what does as much, as at the same load
 *   another load, none under   each is lowered to its target
 *   the same load, none under  all that keeps up with trim_probability is taken back, if that is
 *                              trim_band of the cores or more
 *
 * λ comes from what arrives at the sources, also while backpressure hides it. Where no backlog is
 * known that fails, and Big-small leads out. */
#include "model/acquire.h"
#include "model/big_small.h"
#include "model/demand.h"
#include "model/guard.h"
#include "model/lag.h"
#include "model/operator_fit.h"
#include "model/say.h"

#include <math.h>
#include <string.h>

/* An operator that by its newest observation works less than this share of the time even at its
 * smallest allowed parallelism takes no part in the risk of the decision. */
#define RISK_MIN 0.5

/* What a restart let pile up is given this time to be gone, where nobody can see it. */
#define DRAIN_MS 240000

/* In standard deviations of the noise: what a margin must exceed to prove anything. */
#define PROOF_MARGIN 2.0

/* One operator of the decision. */
struct candidate {
    bool answered; /* the surrogate was asked */
    struct kt_acquire_answer answer;
};

struct proposal {
    const struct kt_policy_input *input;
    struct kt_policy_output *output;
    struct candidate *candidates; /* one per operator */
    double probability;           /* asked of each */
    bool is_new;                  /* another load than the last that was decided on */
    int32_t under;                /* the operator most in need; -1: none is */
    bool faster;                  /* the job gets faster by the move, which pays for the restart */
    int32_t closest; /* of those answered the one with the least F(present); -1: none */
};

static bool is_scalable(const struct kt_operator_evidence *op, double lambda) {
    return !KT_HAS(op, KT_OPEV_PINNED) && KT_HAS(op, KT_OPEV_BUSY) &&
           KT_HAS(op, KT_OPEV_RATE_IN_PER_S) && lambda > 0;
}

/* How many operators of the job could be the one that does not keep up. */
static size_t count_at_risk(const struct kt_evidence *evidence, const double *lambda) {
    size_t count = 0;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (!is_scalable(op, lambda[i]) || op->groups.count == 0) {
            continue;
        }
        const struct kt_observation_group *newest = &op->groups.items[op->groups.count - 1];
        const double least = newest->ability / newest->parallelism * kt_guard_range(op).lo;
        count += lambda[i] > RISK_MIN * least;
    }
    return count;
}

/* What the window's proof is worth: it is one about the speed of a minute, which errs by the noise
 * like everything that was measured in it. Where the margin is within that, the observation itself,
 * among the others, says more than its sign. And it is one about the load of that minute: to keep
 * up with λ the operator would have been busy for λ / rate times as long. */
static int proof(const struct kt_operator_evidence *op, double lambda, double noise) {
    const double margin = PROOF_MARGIN * noise;
    const double busy = kt_load_strain(op);
    const double at_lambda = op->rate_in_per_s > 0 && op->rate_in_per_s < lambda
                                 ? busy * lambda / op->rate_in_per_s
                                 : busy;
    if ((op->keep_up == KT_KEEP_UP_FELL_BEHIND && op->rate_in_per_s > lambda * (1 - margin)) ||
        (op->keep_up == KT_KEEP_UP_KEPT_UP && at_lambda > 1 - margin)) {
        return KT_KEEP_UP_UNKNOWN;
    }
    return op->keep_up;
}

static int32_t tried_max(const struct kt_operator_evidence *op) {
    int32_t most = op->parallelism;
    for (size_t g = 0; g < op->groups.count; g++) {
        most = op->groups.items[g].parallelism > most ? op->groups.items[g].parallelism : most;
    }
    return most;
}

/* Asks the surrogate of one operator. */
static enum kt_err ask(const struct kt_policy_input *input, size_t i, double lambda,
                       double probability, struct kt_operator_decision *decision,
                       struct candidate *candidate, struct kt_error *error) {
    const struct kt_evidence *evidence = input->evidence;
    const struct kt_operator_evidence *op = &evidence->operators.items[i];
    const struct kt_guard_range range = kt_guard_range(op);
    struct kt_operator_fit fit;
    enum kt_err err = kt_operator_fit(input->scaling, evidence, op, &fit, error);
    candidate->answered = err == KT_ERR_OK && fit.fitted;
    if (err != KT_ERR_OK || !candidate->answered) {
        return err;
    }
    const struct kt_acquire_question question = {
        .load = {lambda / fit.unit, decision->lambda_noise * decision->lambda_noise},
        .unit = fit.unit,
        .present = op->parallelism,
        .lo = range.lo,
        .hi = range.hi,
        .tried_max = tried_max(op),
        .keep_up = proof(op, lambda, fit.fit.noise),
        .probability = probability,
        .trim_probability = fmax(probability, evidence->settings.trim_probability),
        .gain_min = evidence->settings.gain_min};
    candidate->answer = kt_acquire(input->scaling, &question);
    return kt_operator_tell_fit(op, &fit.fit, input->arena, decision, error);
}

/* Takes one of the options of an operator's answer. */
static void take(const struct kt_operator_evidence *op, const struct kt_acquire_option *option,
                 struct kt_operator_decision *decision) {
    decision->to = option->parallelism;
    decision->method = KT_METHOD_SURROGATE;
    decision->keeps_up_probability = option->probability;
    KT_SET(decision, KT_OPDEC_KEEPS_UP_PROBABILITY);
    kt_operator_tell_prediction(op, option->ability, option->stddev, decision);
}

/* What the surrogate says of every operator at its λ. noise: of the loads (kt_demand_level), NULL:
 * none. */
static enum kt_err ask_all(const struct kt_policy_input *input, const double *lambda,
                           const double *noise, struct kt_policy_output *output, struct proposal *p,
                           struct kt_error *error) {
    const struct kt_evidence *evidence = input->evidence;
    *p = (struct proposal){.input = input,
                           .output = output,
                           .candidates = kt_arena_array(input->arena, evidence->operators.count,
                                                        sizeof *p->candidates),
                           .probability = kt_acquire_share(evidence->settings.keep_up_probability,
                                                           count_at_risk(evidence, lambda)),
                           .under = -1,
                           .closest = -1};
    if (p->candidates == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the proposal of %zu operators",
                       evidence->operators.count);
    }
    for (size_t i = 0; i < evidence->operators.count; i++) {
        struct kt_operator_decision *decision = &p->output->operators[i];
        struct candidate *candidate = &p->candidates[i];
        if (lambda[i] >= 0) {
            decision->lambda = lambda[i];
            KT_SET(decision, KT_OPDEC_LAMBDA);
        }
        if (noise != NULL && noise[i] > 0) {
            decision->lambda_noise = noise[i];
            KT_SET(decision, KT_OPDEC_LAMBDA_NOISE);
        }
        if (!is_scalable(&evidence->operators.items[i], lambda[i])) {
            continue;
        }
        enum kt_err err = ask(p->input, i, lambda[i], p->probability, decision, candidate, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        if (!candidate->answered) {
            continue;
        }
        const double present = candidate->answer.present.probability;
        if (p->closest < 0 || present < p->candidates[p->closest].answer.present.probability) {
            p->closest = (int32_t)i;
        }
        if (candidate->answer.under &&
            (p->under < 0 || present < p->candidates[p->under].answer.present.probability)) {
            p->under = (int32_t)i;
        }
    }
    p->is_new = kt_demand_is_new(evidence, output->operators, evidence->operators.count);
    return KT_ERR_OK;
}

/* ---- the job's move ----------------------------------------------------------------------------
 */

/* Which option each operator takes while some operator is under: fewer subtasks where they do as
 * well, since the restart is paid for. */
static const struct kt_acquire_option *move_under(const struct kt_acquire_answer *answer) {
    if (answer->target.parallelism > answer->present.parallelism) {
        return &answer->target;
    }
    if (!answer->under) {
        return &answer->trim;
    }
    return answer->target.parallelism < answer->present.parallelism ? &answer->target
                                                                    : &answer->enough;
}

/* Whether the job gets faster by the move of an operator while some operator is under. */
static bool gains(const struct kt_acquire_answer *answer) {
    return answer->target.parallelism > answer->present.parallelism ||
           (answer->under && answer->target.parallelism != answer->present.parallelism);
}

static const struct kt_acquire_option *move_new_load(const struct kt_acquire_answer *answer) {
    return answer->target.parallelism < answer->present.parallelism ? &answer->target
                                                                    : &answer->present;
}

/* What each operator may take back when nothing is to get faster. */
static const struct kt_acquire_option *move_trim(const struct kt_acquire_answer *answer) {
    return answer->under ? &answer->enough : &answer->trim;
}

/* Whether taking back saves enough of the cores of the operators that were asked. */
static bool trim_pays(const struct proposal *p) {
    int64_t now = 0;
    int64_t saved = 0;
    for (size_t i = 0; i < p->input->evidence->operators.count; i++) {
        if (p->candidates[i].answered) {
            const struct kt_acquire_answer *answer = &p->candidates[i].answer;
            now += answer->present.parallelism;
            saved += answer->present.parallelism - move_trim(answer)->parallelism;
        }
    }
    return saved >= 1 && (double)saved >= p->input->evidence->settings.trim_band * (double)now;
}

static bool any_gains(const struct proposal *p) {
    for (size_t i = 0; i < p->input->evidence->operators.count; i++) {
        if (p->candidates[i].answered && gains(&p->candidates[i].answer)) {
            return true;
        }
    }
    return false;
}

/* Sets every operator's answer; returns how many change. */
static size_t move(struct proposal *p) {
    p->faster = p->under >= 0 && any_gains(p);
    const bool is_old = p->under >= 0 ? !p->faster : !p->is_new;
    const bool trim = is_old && trim_pays(p);
    size_t changed = 0;
    for (size_t i = 0; i < p->input->evidence->operators.count; i++) {
        const struct kt_acquire_answer *answer = &p->candidates[i].answer;
        struct kt_operator_decision *decision = &p->output->operators[i];
        if (!p->candidates[i].answered) {
            continue;
        }
        const struct kt_acquire_option *option = &answer->present;
        if (p->faster) {
            option = move_under(answer);
        } else if (!is_old) {
            option = move_new_load(answer);
        } else if (trim) {
            option = move_trim(answer);
        }
        take(&p->input->evidence->operators.items[i], option, decision);
        changed += decision->to != decision->from;
    }
    return changed;
}

/* ---- its words ---------------------------------------------------------------------------------
 */

static struct kt_str say_need(const struct proposal *p, int32_t i) {
    const struct kt_operator_evidence *op = &p->input->evidence->operators.items[i];
    const double lambda = p->output->operators[i].lambda;
    if (op->keep_up == KT_KEEP_UP_FELL_BEHIND) {
        return kt_arena_printf(p->input->arena, "%.*s falls behind with %.*f of %.*f records/s",
                               KT_STR_ARG(kt_say_name(op)), KT_SAY_RATE(op->rate_in_per_s),
                               KT_SAY_RATE(lambda));
    }
    return kt_arena_printf(
        p->input->arena,
        "%.*s keeps up with %.*f records/s at %d subtasks with a probability of %.2f only",
        KT_STR_ARG(kt_say_name(op)), KT_SAY_RATE(lambda), op->parallelism,
        p->candidates[i].answer.present.probability);
}

/* What stops an operator that nothing helps. */
static struct kt_str say_limit(const struct proposal *p, int32_t i) {
    const struct kt_operator_evidence *op = &p->input->evidence->operators.items[i];
    const struct kt_acquire_answer *answer = &p->candidates[i].answer;
    const struct kt_guard_range range = kt_guard_range(op);
    return kt_arena_printf(
        p->input->arena,
        "%.*s, and no parallelism up to %d, the most it may have, is likely to keep up or to gain "
        "%.0f %%: %.*f ± %.*f records/s are predicted at %d",
        KT_STR_ARG(say_need(p, i)), range.hi, p->input->evidence->settings.gain_min * 100,
        KT_SAY_RATE(answer->target.ability), KT_SAY_RATE(answer->target.stddev),
        answer->target.parallelism);
}

/* Why an operator that nothing helps is lowered, or stays while others move. */
static struct kt_str say_enough(const struct proposal *p, int32_t i) {
    const struct kt_acquire_answer *answer = &p->candidates[i].answer;
    const struct kt_operator_decision *decision = &p->output->operators[i];
    if (decision->to == decision->from) {
        return kt_arena_printf(p->input->arena, "%.*s; other operators move",
                               KT_STR_ARG(say_limit(p, i)));
    }
    return kt_arena_printf(
        p->input->arena,
        "%.*s, no parallelism is likely to do, and %d %s as much as %d: %.*f ± %.*f records/s are "
        "predicted, at %d %.*f ± %.*f",
        KT_STR_ARG(say_need(p, i)), decision->to, decision->to == 1 ? "does" : "do", decision->from,
        KT_SAY_RATE(answer->enough.ability), KT_SAY_RATE(answer->enough.stddev), decision->from,
        KT_SAY_RATE(answer->present.ability), KT_SAY_RATE(answer->present.stddev));
}

static struct kt_str say_change(const struct proposal *p) {
    if (p->under < 0) {
        const struct kt_operator_decision *decisions = p->output->operators;
        int32_t least = -1; /* of those that are lowered the one that keeps up least surely */
        for (size_t i = 0; i < p->input->evidence->operators.count; i++) {
            if (decisions[i].to < decisions[i].from &&
                (least < 0 ||
                 decisions[i].keeps_up_probability < decisions[least].keeps_up_probability)) {
                least = (int32_t)i;
            }
        }
        const struct kt_operator_evidence *op = &p->input->evidence->operators.items[least];
        return kt_arena_printf(p->input->arena,
                               "%s, fewer subtasks keep up, %.*s with %.*f records/s at %d with a "
                               "probability of %.2f",
                               p->is_new ? "at another load" : "at the same load",
                               KT_STR_ARG(kt_say_name(op)), KT_SAY_RATE(decisions[least].lambda),
                               decisions[least].to, decisions[least].keeps_up_probability);
    }
    const struct kt_operator_decision *decision = &p->output->operators[p->under];
    const struct kt_acquire_answer *answer = &p->candidates[p->under].answer;
    if (!gains(answer)) {
        return say_enough(p, p->under);
    }
    return kt_arena_printf(p->input->arena, "%.*s, %d %s with a probability of %.2f%s",
                           KT_STR_ARG(say_need(p, p->under)), decision->to,
                           decision->to == 1 ? "does" : "do", decision->keeps_up_probability,
                           answer->reached ? ""
                                           : ", the most that any parallelism is likely to reach");
}

static struct kt_str say_steady(const struct proposal *p) {
    const struct kt_policy_input *input = p->input;
    if (p->closest < 0) {
        return kt_say_load(input->evidence, input->load, input->arena);
    }
    const struct kt_operator_evidence *op = &input->evidence->operators.items[p->closest];
    return kt_arena_printf(
        input->arena, "%.*s keeps up with %.*f records/s at %d %s with a probability of %.2f%s",
        KT_STR_ARG(kt_say_name(op)), KT_SAY_RATE(p->output->operators[p->closest].lambda),
        op->parallelism, op->parallelism == 1 ? "subtask" : "subtasks",
        p->candidates[p->closest].answer.present.probability,
        input->evidence->operators.count > 1 ? ", every other operator more surely" : "");
}

static void conclude(struct proposal *p) {
    struct kt_policy_output *output = p->output;
    const size_t changed = move(p);
    output->phase = KT_PHASE_STEADY;
    output->urgent = p->faster;
    if (changed > 0) {
        output->reason = KT_REASON_UNKNOWN;
        output->text = say_change(p);
    } else if (p->under >= 0) {
        output->reason = KT_REASON_LIMITED;
        output->text = say_limit(p, p->under);
    } else {
        output->reason = KT_REASON_STEADY;
        output->text = say_steady(p);
    }
}

/* ---- Big-small, where λ is hidden --------------------------------------------------------------
 */

static enum kt_err optimum(const struct kt_policy_input *input, size_t i, double lambda,
                           struct kt_operator_decision *decision, bool *short_now,
                           struct kt_error *error) {
    const struct kt_operator_evidence *op = &input->evidence->operators.items[i];
    if (!is_scalable(op, lambda)) {
        return KT_ERR_OK;
    }
    struct candidate candidate = {.answered = false};
    enum kt_err err = ask(input, i, lambda, input->evidence->settings.keep_up_probability, decision,
                          &candidate, error);
    if (err == KT_ERR_OK && candidate.answered) {
        take(op, &candidate.answer.target, decision);
        *short_now = candidate.answer.under;
    }
    return err;
}

/* Whether the backlog of the newest restart may still be what holds the sources back: they emit
 * more than what was decided on, or were raised without knowing what waits. */
static bool may_drain(const struct kt_policy_input *input) {
    const struct kt_evidence *evidence = input->evidence;
    if (!KT_HAS(evidence, KT_EVIDENCE_RUNNING_SINCE_MS) ||
        evidence->window_end_ms - evidence->running_since_ms > DRAIN_MS) {
        return false;
    }
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (kt_lag_is_hidden(evidence, op) && evidence->phase != KT_PHASE_BIG &&
            !(KT_HAS(op, KT_OPEV_LAMBDA_DECIDED) && op->rate_in_per_s >= op->lambda_decided)) {
            return false;
        }
    }
    return true;
}

/* Not in the phase STEADY: this is no rest. */
static void let_drain(const struct kt_policy_input *input, struct kt_policy_output *output) {
    output->phase = input->evidence->phase == KT_PHASE_BIG ? KT_PHASE_BIG : KT_PHASE_SMALL;
    output->reason = KT_REASON_STEADY;
    output->text = kt_arena_printf(
        input->arena,
        "%.*s, nobody knows what waits, and it may be what the restart %.0f s ago left",
        KT_STR_ARG(kt_say_under(input->evidence, input->load, input->arena)),
        (double)(input->evidence->window_end_ms - input->evidence->running_since_ms) / 1e3);
}

/* What is not under under a guessed load stays. */
static size_t raise(struct proposal *p) {
    size_t raised = 0;
    for (size_t i = 0; i < p->input->evidence->operators.count; i++) {
        const struct kt_acquire_answer *answer = &p->candidates[i].answer;
        if (!p->candidates[i].answered) {
            continue;
        }
        const bool up = answer->target.parallelism > answer->present.parallelism;
        take(&p->input->evidence->operators.items[i], up ? &answer->target : &answer->present,
             &p->output->operators[i]);
        raised += up;
    }
    return raised;
}

static struct kt_str say_guess(const struct proposal *p) {
    const struct kt_operator_decision *decision = &p->output->operators[p->under];
    return kt_arena_printf(
        p->input->arena, "%.*s, nobody knows what waits; for %.*f records/s %.*s needs %d",
        KT_STR_ARG(kt_say_under(p->input->evidence, p->input->load, p->input->arena)),
        KT_SAY_RATE(decision->lambda),
        KT_STR_ARG(kt_say_name(&p->input->evidence->operators.items[p->under])), decision->to);
}

/* Raises the job to what a guessed load asks for. *taken: some operator is raised. */
static enum kt_err try_guess(const struct kt_policy_input *input, enum kt_guess guess,
                             struct kt_policy_output *output, bool *taken, struct kt_error *error) {
    double *lambda = NULL;
    bool complete = false;
    struct proposal proposal;
    *taken = false;
    enum kt_err err = kt_demand_guess(input->evidence, input->topology, guess, input->arena,
                                      &lambda, &complete, error);
    if (err != KT_ERR_OK || !complete) {
        return err;
    }
    err = ask_all(input, lambda, NULL, output, &proposal, error);
    if (err != KT_ERR_OK || proposal.under < 0 || raise(&proposal) == 0) {
        return err;
    }
    *taken = true;
    output->phase = KT_PHASE_BIG;
    output->reason = KT_REASON_BIG;
    output->urgent = true;
    output->text = say_guess(&proposal);
    return KT_ERR_OK;
}

/* λ is hidden: to what is known of it, or may be; only where no such load raises anything, to the
 * double. */
static enum kt_err lead_out(const struct kt_policy_input *input, struct kt_policy_output *output,
                            struct kt_error *error) {
    const size_t size = input->evidence->operators.count * sizeof *output->operators;
    struct kt_operator_decision *before = kt_arena_alloc(input->arena, size);
    if (before == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the proposal of %zu operators",
                       input->evidence->operators.count);
    }
    memcpy(before, output->operators, size);
    if (may_drain(input)) {
        let_drain(input, output);
        return KT_ERR_OK;
    }
    for (enum kt_guess guess = KT_GUESS_DECIDED; guess <= KT_GUESS_MOST; guess++) {
        bool taken = false;
        enum kt_err err = try_guess(input, guess, output, &taken, error);
        if (err != KT_ERR_OK || taken) {
            return err;
        }
        memcpy(output->operators, before, size);
    }
    return kt_big_small(input, optimum, output, error);
}

static enum kt_err propose(const struct kt_policy_input *input, struct kt_policy_output *output,
                           struct kt_error *error) {
    double *lambda = NULL;
    bool complete = false;
    enum kt_err err = kt_demand_from_sources(input->evidence, input->topology, input->arena,
                                             &lambda, &complete, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (!complete) {
        return input->load->state == KT_STATE_UNDER ? lead_out(input, output, error)
                                                    : kt_big_small(input, optimum, output, error);
    }
    double *noise = NULL;
    err = kt_demand_level(input->evidence, input->topology, input->arena, lambda, &noise, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    struct proposal proposal;
    err = ask_all(input, lambda, noise, output, &proposal, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    conclude(&proposal);
    return output->text.data == NULL ? kt_fail(error, KT_ERR_LIMIT, "no memory for the reason")
                                     : KT_ERR_OK;
}

const struct kt_policy kt_policy_kontune = {
    .name = "kontune",
    .summary = "the smallest parallelism that probably keeps up, by the scaling surrogate",
    .own_keep_up = true,
    .propose = propose,
    .learns_laws = true,
};
