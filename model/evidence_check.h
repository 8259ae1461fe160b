/* SPDX-License-Identifier: GPL-3.0-or-later
 * Evidence is checked before anything is computed from it: what is decided is finite and in range
 * only if what it is decided from is. */
#ifndef KT_MODEL_EVIDENCE_CHECK_H
#define KT_MODEL_EVIDENCE_CHECK_H

#include "schemas/error.h"
#include "schemas/evidence.h"

/* Largest rate, ability or backlog that is believed: far above any machine, far below overflow. */
#define KT_MEASURE_MAX 1e18
/* Largest share of time or CPU: averages may overshoot 1 a little, more is nonsense. */
#define KT_SHARE_MAX 2.0

/* KT_ERR_INVALID names the field, its index and its value: a measure that is not finite, negative
 * or beyond KT_MEASURE_MAX; a share above 1 (up to 2 is taken, because totals and clocks are read
 * at slightly different times); a parallelism or bound outside 1…KT_PARALLELISM_MAX (0 is taken for
 * the parallelism of a window the gate holds: not known); a history that does not ascend; an edge
 * out of range; an enum or a setting out of range; a policy or surrogate that does not exist; a
 * time that is no date. */
KT_MUST_CHECK enum kt_err kt_evidence_check(const struct kt_evidence *evidence,
                                            struct kt_error *error);

#endif
