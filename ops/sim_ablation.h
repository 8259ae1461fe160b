/* SPDX-License-Identifier: GPL-3.0-or-later
 * A method without one of its pieces: `kontune:without=change-points`. */
#ifndef KT_OPS_SIM_ABLATION_H
#define KT_OPS_SIM_ABLATION_H

#include "model/ablation.h"
#include "schemas/error.h"
#include "schemas/str.h"

/* What a method goes without. Zero: nothing. Its core points into itself once something is taken
 * (kt_sim_ablation_take), so that it must stay where it is. */
struct kt_sim_ablation {
    bool any;
    struct kt_ablation core;         /* for struct kt_settings */
    struct kt_scaling_model scaling; /* for core */
    bool no_lag;                     /* the job's sources report no pending records */
};

/* Takes a piece away. KT_ERR_USAGE: there is none of that name; the message lists them. */
KT_MUST_CHECK enum kt_err kt_sim_ablation_take(struct kt_sim_ablation *ablation,
                                               struct kt_str piece, struct kt_error *error);

/* "kontune,kontune:without=…,…": the policy whole, then without each piece. malloc'd; NULL when out
 * of memory. */
char *kt_sim_ablation_methods(void);

#endif
