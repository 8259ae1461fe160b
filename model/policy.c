/* SPDX-License-Identifier: GPL-3.0-or-later
 * The list of scaling policies. */
#include "model/policy.h"

const struct kt_policy *const kt_policies[] = {&kt_policy_conttune, &kt_policy_ds2,
                                               &kt_policy_big_ds2,  &kt_policy_dhalion,
                                               &kt_policy_dragster, &kt_policy_random};
const size_t kt_policies_count = sizeof kt_policies / sizeof kt_policies[0];

const struct kt_policy *kt_policy_find(struct kt_str name) {
    for (size_t i = 0; i < kt_policies_count; i++) {
        if (kt_str_equal(name, kt_str_of(kt_policies[i]->name))) {
            return kt_policies[i];
        }
    }
    return NULL;
}
