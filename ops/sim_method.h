/* SPDX-License-Identifier: GPL-3.0-or-later
 * A method to be simulated: a policy by name with settings, as in
 * `conttune:alpha=0:surrogate=rbf`; every option of section [policy] may stand behind a colon, and
 * `without=` a piece of the surrogate or the policy (sim_ablation.h). */
#ifndef KT_OPS_SIM_METHOD_H
#define KT_OPS_SIM_METHOD_H

#include "consumer/config.h"
#include "ops/sim_ablation.h"

#define KT_SIM_METHODS_MAX 64

struct kt_sim_method {
    char *label;                     /* as given */
    struct kt_str policy;            /* its name; borrows from config */
    struct kt_str surrogate;         /* empty: the policy has none */
    struct kt_config *config;        /* what it runs with */
    struct kt_sim_ablation ablation; /* and without */
};

struct kt_sim_methods {
    int count;
    struct kt_sim_method items[KT_SIM_METHODS_MAX];
};

/* Where the settings that a method does not name come from. */
struct kt_sim_method_base {
    const char *config_path; /* a worker's configuration with its environment; NULL: the program's
                                defaults, changed so that no guardrail holds a decision back:
                                no cooldown, no budget of restarts */
    const char
        *surrogate; /* for methods that take one and do not name it; NULL: the policy's own */
};

/* Appends the methods of a list with commas between them, all or none. KT_ERR_USAGE names the
 * method and its setting, and what was expected; KT_ERR_CONFIG of the file. kt_sim_methods_free
 * also after a failure. */
KT_MUST_CHECK enum kt_err kt_sim_methods_add(struct kt_sim_methods *methods, const char *list,
                                             const struct kt_sim_method_base *base,
                                             struct kt_error *error);
void kt_sim_methods_free(struct kt_sim_methods *methods);

/* The list of methods that a suite compares when none are named: `kontune`, also without its trim
 * band, then every baseline, also each with the same keep-up signal (keep_up_rule); as far as this
 * program has them. malloc'd; NULL when out of memory. */
char *kt_sim_methods_standard(void);

#endif
