/* SPDX-License-Identifier: GPL-3.0-or-later
 * The decision: a pure function of the evidence. The worker, replay, suggest, audit, the simulator
 * and the tests all call this one function.
 *
 *   gate's verdict → state of the job → policy → limits → thresholds → kind and reason
 */
#ifndef KT_MODEL_DECIDE_H
#define KT_MODEL_DECIDE_H

#include "model/scaling.h"
#include "schemas/arena.h"
#include "schemas/rescale_command.h"

struct kt_decision {
    int kind;                  /* enum kt_command_kind */
    int phase;                 /* enum kt_phase afterwards */
    int state;                 /* enum kt_state */
    int reason;                /* enum kt_reason */
    struct kt_str reason_text; /* one sentence with the vertex and the numbers, in the arena */
    /* One per operator of the evidence, in its order. */
    KT_ARRAY(struct kt_operator_decision) operators;
};

/* Memory for decisions (surrogate workspaces), reused; one per thread. Its contents never influence
 * a decision. */
struct kt_decider;
/* model: of the scaling surrogate, copied; NULL: kt_scaling_model_default, which all but the
 * simulator's ablations use. NULL when out of memory. */
struct kt_decider *kt_decider_new(const struct kt_scaling_model *model);
void kt_decider_free(struct kt_decider *decider);
/* Its workspace of the scaling surrogate, for whoever has a question between two decisions. */
struct kt_scaling *kt_decider_scaling(struct kt_decider *decider);

/* Decides. The result lives in the arena and borrows strings from the evidence. Every number in it
 * is finite. KT_ERR_INVALID: the evidence is inconsistent (an edge out of range, a parallelism
 * below 1, a value that is not finite), with the field named. */
KT_MUST_CHECK enum kt_err kt_decide(struct kt_decider *decider, const struct kt_evidence *evidence,
                                    struct kt_arena *arena, struct kt_decision *decision,
                                    struct kt_error *error);

#endif
