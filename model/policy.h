/* SPDX-License-Identifier: GPL-3.0-or-later
 * A scaling policy: from evidence and the job's state to a parallelism per operator, before limits.
 */
#ifndef KT_MODEL_POLICY_H
#define KT_MODEL_POLICY_H

#include "model/decide.h"
#include "model/topology.h"

/* What a policy sees. */
struct kt_policy_input {
    const struct kt_evidence *evidence;
    const struct kt_topology *topology; /* order and edges of the job's graph */
    int state;                          /* enum kt_state */
    struct kt_decider *decider;         /* workspaces */
    struct kt_arena *arena;
};

/* What it says: for each operator `to`, method, lambda and prediction are filled; the caller
 * applies limits and thresholds. */
struct kt_policy_output {
    int phase;  /* if this answer is carried out */
    int reason; /* why, if it differs from what is; else STEADY */
    struct kt_operator_decision
        *operators; /* as many as the evidence has, prepared with from = to */
};

struct kt_policy {
    const char *name;    /* as in settings: "conttune" */
    const char *summary; /* one line for --help and config sample */
    enum kt_err (*propose)(const struct kt_policy_input *input, struct kt_policy_output *output,
                           struct kt_error *error);
};

extern const struct kt_policy
    kt_policy_conttune;                      /* Big-small + CBO (ContTune, algorithms 1 and 2) */
extern const struct kt_policy kt_policy_ds2; /* linear answer along the graph (DS2) */
extern const struct kt_policy kt_policy_big_ds2; /* Big-small with DS2's answer */

/* All policies, and the one of a name (NULL if there is none). */
extern const struct kt_policy *const kt_policies[];
extern const size_t kt_policies_count;
const struct kt_policy *kt_policy_find(struct kt_str name);

#endif
