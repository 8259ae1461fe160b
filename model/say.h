/* SPDX-License-Identifier: GPL-3.0-or-later
 * Names and numbers in the sentences that explain a decision. */
#ifndef KT_MODEL_SAY_H
#define KT_MODEL_SAY_H

#include "model/load_state.h"
#include "schemas/arena.h"

/* The operator's name, or its id where it has none, cut at a whole character to fit a sentence. */
struct kt_str kt_say_name(const struct kt_operator_evidence *op);

/* Why a job that is not under-provisioned is left as it is: nothing is known, backpressure that no
 * subtask would end, or how busy the busiest vertex is. */
struct kt_str kt_say_load(const struct kt_evidence *evidence, const struct kt_load *load,
                          struct kt_arena *arena);

/* Why a job with a backpressured vertex is under-provisioned. */
struct kt_str kt_say_under(const struct kt_evidence *evidence, const struct kt_load *load,
                           struct kt_arena *arena);

/* How a source falls behind (load->behind must be one). */
struct kt_str kt_say_behind(const struct kt_evidence *evidence, const struct kt_load *load,
                            struct kt_arena *arena);

/* How a backlog shrinks, of the source of kt_demand_catching_up, gone after so many seconds. */
struct kt_str kt_say_catching_up(const struct kt_operator_evidence *source, double seconds,
                                 struct kt_arena *arena);

/* For printf's "%.*f": as many decimals as a rate of this size deserves. */
#define KT_SAY_RATE(v) ((v) >= 100 || (v) <= 0 ? 0 : (v) >= 1 ? 1 : 4), (v)

#endif
