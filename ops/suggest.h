/* SPDX-License-Identifier: GPL-3.0-or-later
 * The two questions of `kontune suggest`: one operator from its history, a whole job from a DS2
 * rate log. Both print their answer on stdout. */
#ifndef KT_OPS_SUGGEST_H
#define KT_OPS_SUGGEST_H

#include "schemas/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct kt_suggest_operator {
    const char *history_path; /* CSV: parallelism,processing_ability; oldest first; "-": stdin */
    double rate;              /* records/s to keep up with, ≥ 0 */
    int32_t current;          /* parallelism that runs now */
    bool kontune;             /* the policy kontune's answer to a new load */
    bool linear;              /* else DS2's answer instead of conttune's */
    bool scaling;             /* else conttune asks `scaling` instead of `rbf` */
    int32_t alpha;
    int32_t top_k;
    int32_t max_parallelism;
    bool json;
};

/* Answers by the code that decides in the worker (model/acquire.h, model/cbo.h). Errors of the file
 * begin with file and line. */
KT_MUST_CHECK enum kt_err kt_suggest_operator(const struct kt_suggest_operator *question, FILE *out,
                                              struct kt_error *error);

struct kt_suggest_job {
    const char *log_path;
    const char *topology_path;
    const char *source_rates_path; /* or NULL */
    bool json;
};

KT_MUST_CHECK enum kt_err kt_suggest_job(const struct kt_suggest_job *question, FILE *out,
                                         struct kt_error *error);

#endif
