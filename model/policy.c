/* SPDX-License-Identifier: GPL-3.0-or-later
 * The list of scaling policies. */
#include "model/policy.h"

#include "model/demand.h"

const struct kt_policy *const kt_policies[] = {
    &kt_policy_kontune, &kt_policy_conttune, &kt_policy_ds2,   &kt_policy_big_ds2,
    &kt_policy_dhalion, &kt_policy_dragster, &kt_policy_random};
const size_t kt_policies_count = sizeof kt_policies / sizeof kt_policies[0];

const struct kt_policy *kt_policy_find(struct kt_str name) {
    for (size_t i = 0; i < kt_policies_count; i++) {
        if (kt_str_equal(name, kt_str_of(kt_policies[i]->name))) {
            return kt_policies[i];
        }
    }
    return NULL;
}

void kt_policy_forget_prediction(struct kt_operator_decision *decision) {
    KT_CLEAR(decision, KT_OPDEC_PREDICTED_ABILITY);
    KT_CLEAR(decision, KT_OPDEC_PREDICTED_STDDEV);
    KT_CLEAR(decision, KT_OPDEC_NEAREST_OBSERVED);
    KT_CLEAR(decision, KT_OPDEC_KEEPS_UP_PROBABILITY);
    decision->predicted_ability = 0;
    decision->predicted_stddev = 0;
    decision->nearest_observed = 0;
    decision->keeps_up_probability = 0;
}

enum kt_err kt_policy_show_lambda(const struct kt_policy_input *input,
                                  struct kt_policy_output *output, struct kt_error *error) {
    if (input->load->backpressured >= 0) {
        return KT_ERR_OK;
    }
    double *lambda = NULL;
    enum kt_err err =
        kt_demand_visible(input->evidence, input->topology, input->arena, &lambda, error);
    for (size_t i = 0; err == KT_ERR_OK && i < input->evidence->operators.count; i++) {
        if (lambda[i] >= 0) {
            output->operators[i].lambda = lambda[i];
            KT_SET(&output->operators[i], KT_OPDEC_LAMBDA);
        }
    }
    return err;
}
