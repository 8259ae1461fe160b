/* SPDX-License-Identifier: GPL-3.0-or-later
 * Warm start: the jobs of a cluster tell a new one how operators scale there. */
#include "model/warm_start.h"

#include "model/operator_fit.h"
#include "model/policy.h"
#include "model/scaling_question.h"
#include "schemas/state.h"

#include <math.h>

_Static_assert(KT_LAWS <= KT_LAW_PRIOR_MAX, "the library fits into the records");

static struct kt_store_key key_of(const struct kt_warm_start *at) {
    return (struct kt_store_key){.partition = at->partition,
                                 .op = kt_str_hash(KT_HASH_SEED, at->cluster),
                                 .parallelism = KT_STORE_CLUSTER};
}

static bool wanted(const struct kt_evidence *evidence) {
    const struct kt_policy *policy = kt_policy_find(evidence->settings.policy);
    return evidence->settings.warm_start && policy != NULL && policy->learns_laws;
}

/* A prior of another library than this program's is of no use to it. */
static bool is_prior(const struct kt_cluster_state *state) {
    if (state->jobs < 1 || state->law_prior.count != KT_LAWS) {
        return false;
    }
    for (size_t m = 0; m < KT_LAWS; m++) {
        if (!(state->law_prior.items[m] >= 0 && state->law_prior.items[m] <= 1)) {
            return false;
        }
    }
    return true;
}

/* What the cluster's record says; jobs 0: nothing yet. *foreign: it is another cluster's whose
 * hash is the same. */
static enum kt_err load(const struct kt_warm_start *at, struct kt_cluster_state *state,
                        bool *foreign, struct kt_error *error) {
    *foreign = false;
    *state = (struct kt_cluster_state){.jobs = 0};
    enum kt_err err =
        kt_durable_get(at->durable, KT_DURABLE_CLUSTER, key_of(at), at->arena, state, error);
    if (err == KT_ERR_NOT_FOUND) {
        return KT_ERR_OK;
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    *foreign = !kt_str_equal(state->cluster, at->cluster);
    if (*foreign || !is_prior(state)) {
        *state = (struct kt_cluster_state){.jobs = 0};
    }
    return KT_ERR_OK;
}

enum kt_err kt_warm_start_take(const struct kt_warm_start *at, struct kt_evidence *evidence,
                               struct kt_error *error) {
    bool needed = false;
    for (size_t i = 0; i < evidence->operators.count && !needed; i++) {
        needed = kt_scaling_needs_prior(&evidence->operators.items[i]);
    }
    if (!needed || !wanted(evidence)) {
        return KT_ERR_OK;
    }
    struct kt_cluster_state state;
    bool foreign = false;
    enum kt_err err = load(at, &state, &foreign, error);
    if (err == KT_ERR_OK && state.jobs > 0) {
        evidence->law_prior.items = state.law_prior.items;
        evidence->law_prior.count = state.law_prior.count;
    }
    return err;
}

static bool tells(const struct kt_operator_evidence *op) {
    return op->history.count >= KT_WARM_START_PARALLELISMS && op->groups.count > 0;
}

/* Of so many operators, at most KT_WARM_START_OPERATORS_MAX. */
static size_t count_telling(const struct kt_evidence *evidence) {
    size_t count = 0;
    for (size_t i = 0; i < evidence->operators.count && count < KT_WARM_START_OPERATORS_MAX; i++) {
        count += tells(&evidence->operators.items[i]) ? 1 : 0;
    }
    return count;
}

/* The likelihoods of the laws under one operator; false where it cannot be fitted. */
static bool likelihoods_of(struct kt_scaling *scaling, const struct kt_evidence *evidence,
                           const struct kt_operator_evidence *op, double *log_likelihood) {
    struct kt_operator_fit fit;
    if (kt_operator_fit(scaling, evidence, op, &fit, NULL) != KT_ERR_OK || !fit.fitted) {
        return false;
    }
    kt_scaling_law_likelihoods(scaling, log_likelihood);
    for (size_t m = 0; m < KT_LAWS; m++) {
        if (!isfinite(log_likelihood[m])) {
            return false;
        }
    }
    return true;
}

/* The prior that this job's operators alone would make; *used: of how many. */
static enum kt_err prior_of_job(const struct kt_warm_start *at, struct kt_scaling *scaling,
                                const struct kt_evidence *evidence, double *prior, size_t *used,
                                struct kt_error *error) {
    const size_t most = count_telling(evidence);
    *used = 0;
    if (most == 0) {
        return KT_ERR_OK;
    }
    double *log_likelihoods = kt_arena_array(at->arena, most * KT_LAWS, sizeof *log_likelihoods);
    if (log_likelihoods == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for what %zu operators tell", most);
    }
    size_t told = 0;
    for (size_t i = 0; told < most; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (tells(op)) {
            told++;
            *used += likelihoods_of(scaling, evidence, op, log_likelihoods + *used * KT_LAWS);
        }
    }
    double library[KT_LAWS];
    kt_scaling_library_prior(library);
    kt_laws_shared_prior(library, log_likelihoods, *used, prior);
    return KT_ERR_OK;
}

/* The cluster's prior with one job more. */
static void add_job(struct kt_cluster_state *state, const double *prior) {
    state->jobs = state->jobs < KT_WARM_START_JOBS_MAX ? state->jobs + 1 : state->jobs;
    for (size_t m = 0; m < KT_LAWS; m++) {
        double *mean = &state->law_prior.items[m];
        *mean += (prior[m] - *mean) / state->jobs;
    }
}

enum kt_err kt_warm_start_give(const struct kt_warm_start *at, struct kt_scaling *scaling,
                               const struct kt_evidence *evidence, bool *gave,
                               struct kt_error *error) {
    *gave = false;
    if (!wanted(evidence)) {
        return KT_ERR_OK;
    }
    double prior[KT_LAWS];
    size_t used = 0;
    enum kt_err err = prior_of_job(at, scaling, evidence, prior, &used, error);
    if (err != KT_ERR_OK || used == 0) {
        return err;
    }
    struct kt_cluster_state state;
    bool foreign = false;
    err = load(at, &state, &foreign, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    *gave = true;
    if (foreign) {
        return KT_ERR_OK; /* the record stays the other's */
    }
    state.cluster = at->cluster;
    if (state.jobs == 0) {
        state.law_prior.items = kt_arena_array(at->arena, KT_LAWS, sizeof(double));
        state.law_prior.count = KT_LAWS;
        if (state.law_prior.items == NULL) {
            return kt_fail(error, KT_ERR_NOMEM, "no memory for the state of a cluster");
        }
    }
    add_job(&state, prior);
    return kt_durable_put(at->durable, KT_DURABLE_CLUSTER, key_of(at), &state, error);
}
