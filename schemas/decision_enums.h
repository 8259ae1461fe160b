/* SPDX-License-Identifier: GPL-3.0-or-later
 * The words a decision is made of: kind, phase, state, reason, method, limit, outcome status.
 * Each list is the C enum and, in the same order, the symbols of the Avro enum. New symbols go to
 * the end; UNKNOWN is each enum's default for readers that do not know a symbol yet. */
#ifndef KT_SCHEMAS_DECISION_ENUMS_H
#define KT_SCHEMAS_DECISION_ENUMS_H

#include "schemas/record.h"

#define KT_KINDS(X) X(HOLD) X(RESCALE) X(ROLLBACK)

/* Of the Big-small algorithm (ContTune, algorithm 1): BIG after the job was set to its largest
 * parallelism, SMALL while the smallest sufficient one is searched, STEADY when it was found. */
#define KT_PHASES(X) X(STEADY) X(BIG) X(SMALL)

#define KT_STATES(X) X(UNKNOWN) X(UNDER) X(OVER) X(NORMAL)

/* Why a command is what it is. First the causes of a rescale, then the gate's reasons to hold
 * (nothing is learned), then the policy's and the guardrails'. */
#define KT_REASONS(X)                                                                              \
    X(UNKNOWN)                                                                                     \
    X(UNDER_PROVISIONED) /* rescale: more parallelism is needed */                                 \
    X(OVER_PROVISIONED)  /* rescale: less parallelism is enough */                                 \
    X(BIG)               /* rescale: load is hidden by backpressure, go to the largest */          \
    X(REFINED)           /* rescale: the load became visible, or a better answer was learned */    \
    X(MISSING_SUBTASKS)  /* gate: a subtask (or a vertex's parallelism) was not reported */        \
    X(NOT_A_NUMBER)      /* gate: a needed measure was NaN or absent */                            \
    X(COUNTER_RESET)     /* gate: a counter fell inside the window */                              \
    X(RESTARTED)         /* gate: more than one attempt, or parallelism changed in the window */   \
    X(WARM_UP)           /* gate: too soon after a restart */                                      \
    X(TOO_FEW_SAMPLES)   /* gate: measured time covers too little of the window */                 \
    X(STALE)             /* gate: counters and clocks stood still */                               \
    X(RAMP)              /* gate: the load changed inside the window */                            \
    X(BUSY_TOO_LOW)      /* gate: no operator was busy enough to measure */                        \
    X(STEADY)            /* hold: the present parallelism is the answer */                         \
    X(BELOW_THRESHOLD)   /* hold: the change is smaller than the decision threshold */             \
    X(COOLDOWN)          /* hold: too soon after the last rescale */                               \
    X(RESTART_BUDGET)    /* hold: the day's restarts are used up */                                \
    X(PENDING)           /* hold: an earlier command is not carried out yet */                     \
    X(LIMITED)           /* hold: a limit forbids what would be needed */                          \
    X(NO_TOPOLOGY)       /* hold: the job's graph is unknown or has a cycle */

/* How an operator's parallelism was found. */
#define KT_METHODS(X)                                                                              \
    X(KEEP)      /* as it is */                                                                    \
    X(SURROGATE) /* the surrogate's answer ("fast exploitation") */                                \
    X(LINEAR)    /* DS2's linear answer ("conservative exploration") */                            \
    X(BIG)       /* the job's largest parallelism, or its double */                                \
    X(PINNED)    /* fixed by configuration */                                                      \
    X(LIMITED)   /* moved by a limit */                                                            \
    X(RULE)      /* by a rule of thumb or a draw: no model of ability says it */

/* The limits that can move or stop an answer. */
#define KT_LIMITS(X)                                                                               \
    X(UNKNOWN)                                                                                     \
    X(MIN_PARALLELISM) X(MAX_PARALLELISM) X(VERTEX_MAX_PARALLELISM) X(PIN) X(SOURCE_PARTITIONS)

/* What a window proves about an operator: that its ability reached the load, or that it did not.
 * UNKNOWN: neither, e.g. of an operator that another one holds up. */
#define KT_KEEP_UPS(X) X(UNKNOWN) X(KEPT_UP) X(FELL_BEHIND)

#define KT_STATUSES(X) X(UNKNOWN) X(APPLIED) X(PARTIAL) X(REJECTED) X(EXPIRED) X(STALE) X(FAILED)

#define X(name) KT_COMMAND_##name,
enum kt_command_kind { KT_KINDS(X) };
#undef X
#define X(name) KT_PHASE_##name,
enum kt_phase { KT_PHASES(X) };
#undef X
#define X(name) KT_STATE_##name,
enum kt_state { KT_STATES(X) };
#undef X
#define X(name) KT_REASON_##name,
enum kt_reason { KT_REASONS(X) };
#undef X
#define X(name) KT_METHOD_##name,
enum kt_method { KT_METHODS(X) };
#undef X
#define X(name) KT_LIMIT_##name,
enum kt_limit { KT_LIMITS(X) };
#undef X
#define X(name) KT_KEEP_UP_##name,
enum kt_keep_up { KT_KEEP_UPS(X) };
#undef X
#define X(name) KT_STATUS_##name,
enum kt_status { KT_STATUSES(X) };
#undef X

extern const struct kt_enum_type kt_command_kind_type, kt_phase_type, kt_state_type, kt_reason_type,
    kt_method_type, kt_limit_type, kt_keep_up_type, kt_status_type;

#endif
