/* SPDX-License-Identifier: GPL-3.0-or-later
 * A scaling policy: from evidence and the job's state to a parallelism per operator, before limits.
 */
#ifndef KT_MODEL_POLICY_H
#define KT_MODEL_POLICY_H

#include "model/decide.h"
#include "model/gp.h"
#include "model/load_state.h"
#include "model/scaling.h"
#include "model/topology.h"

/* What a policy sees. */
struct kt_policy_input {
    const struct kt_evidence *evidence; /* checked (model/evidence_check.h), its window valid */
    const struct kt_topology *topology; /* order and edges of the job's graph */
    const struct kt_load *load;         /* state of the job and the vertices that made it */
    struct kt_gp *gp;                   /* workspaces */
    struct kt_scaling *scaling;
    struct kt_arena *arena;
};

/* What it says. The caller applies limits and thresholds, and names a rescale by the sums that come
 * out of them. Pinned operators are the caller's: a policy leaves their `to` alone. */
struct kt_policy_output {
    int phase;  /* if this answer is carried out, or if it is what runs already */
    int reason; /* STEADY or LIMITED or NO_TOPOLOGY: nothing is to be changed, and why; BIG or
                   REFINED: the cause of the change; UNKNOWN: a change named by the sums */
    struct kt_str text; /* the cause in words with vertex and numbers, no full stop; in the arena */
    bool urgent;        /* an operator will not keep up by prediction: no threshold holds it back */
    struct kt_operator_decision *operators; /* as many as the evidence has, prepared with from = to
                                               and KEEP; to, method, lambda, prediction: to fill */
};

struct kt_policy {
    const char *name;    /* as in settings: "conttune" */
    const char *summary; /* one line for --help and config sample */
    bool own_keep_up;    /* obeys keep-up and trim band itself: keep_up_rule does not touch it */
    enum kt_err (*propose)(const struct kt_policy_input *input, struct kt_policy_output *output,
                           struct kt_error *error);
    bool learns_laws; /* it asks the scaling surrogate by kt_scaling_question_of, and so profits
                         from what other jobs showed (model/warm_start.h) */
};

/* Fills λ of every operator of a job in which nothing is backpressured (kt_demand_visible); leaves
 * it out where backpressure hides it. */
KT_MUST_CHECK enum kt_err kt_policy_show_lambda(const struct kt_policy_input *input,
                                                struct kt_policy_output *output,
                                                struct kt_error *error);

/* Takes the prediction out of an answer whose parallelism is no longer what it was made for; λ and
 * the fitted surrogate stay. */
void kt_policy_forget_prediction(struct kt_operator_decision *decision);

/* The scaling surrogate and its acquisition by probabilities. */
extern const struct kt_policy kt_policy_kontune;
/* Big-small + CBO (ContTune, algorithms 1 and 2). */
extern const struct kt_policy kt_policy_conttune;
/* Linear answer along the graph (DS2). */
extern const struct kt_policy kt_policy_ds2;
/* Big-small with DS2's answer. */
extern const struct kt_policy kt_policy_big_ds2;
/* Symptom, diagnosis, resolution (Dhalion). */
extern const struct kt_policy kt_policy_dhalion;
/* Gaussian-process upper confidence bounds against targets along the graph (Dragster). */
extern const struct kt_policy kt_policy_dragster;
/* Uniform draws until the job is right: what any method has to beat. */
extern const struct kt_policy kt_policy_random;

/* All policies, and the one of a name (NULL if there is none). */
extern const struct kt_policy *const kt_policies[];
extern const size_t kt_policies_count;
const struct kt_policy *kt_policy_find(struct kt_str name);

#endif
