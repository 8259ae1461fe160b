/* SPDX-License-Identifier: GPL-3.0-or-later
 * DS2's answer for a whole job and every epoch of a rate log, as DS2's own program gives it. */
#ifndef KT_MODEL_DS2_EPOCHS_H
#define KT_MODEL_DS2_EPOCHS_H

#include "model/ds2_log.h"

struct kt_ds2_operator_answer {
    int32_t node;         /* index in the topology's nodes */
    uint32_t parallelism; /* ⌈…⌉ as below; 0 for 0/0, UINT32_MAX for x/0 */
};
struct kt_ds2_epoch_answer {
    int64_t epoch;
    KT_ARRAY(struct kt_ds2_operator_answer) operators; /* in topological order; never a source */
};
struct kt_ds2_answer {
    KT_ARRAY(struct kt_ds2_epoch_answer) epochs; /* ascending; only those with an operator */
};

/* Per epoch, from the sources down, with sums over instances:
 *
 *   input(d)  = Σ output*(u) over the operators u before d      output*(source) = true_output
 *   opt(d)    = input(d) / (true_processing(d) / instances(d))
 *   output*(d) = true_output(d) · opt(d) / instances(d)         parallelism(d) = ⌈opt(d)⌉
 *
 * Where operators logged different numbers of epochs, DS2's order of work decides, and it is
 * followed exactly: operators in the reverse post-order of its depth-first search; an operator's
 * input has as many epochs as the upstream that was visited first; an operator has an answer for
 * the epochs that both its input and its own log have, and passes its measured output on in the
 * others.
 *
 * At the end DS2 raises an epoch in which no operator would grow by max over sources of
 * true_output / observed_output if that is beyond a threshold. Its default threshold is the largest
 * double: only a source that observed no output at all passes it. (Where several epochs differ in
 * whether they grow, DS2's program mixes them up by the order of a hash map; here each epoch is
 * judged by itself.)
 *
 * source_rates may be NULL. A source is named by its id or its name. KT_ERR_INVALID: a cycle; the
 * log has an operator or a number of instances that the topology does not have (with file and
 * line); a source rate for no operator; no epoch has an answer. KT_ERR_LIMIT: the arena is full. */
KT_MUST_CHECK enum kt_err kt_ds2_epochs(const struct kt_ds2_topology *topology,
                                        const char *log_file, const struct kt_ds2_log *log,
                                        const char *source_rates_file,
                                        const struct kt_ds2_source_rates *source_rates,
                                        struct kt_arena *arena, struct kt_ds2_answer *answer,
                                        struct kt_error *error);

#endif
