/* SPDX-License-Identifier: GPL-3.0-or-later
 * The keep-up signal and the trim band of kontune for policies that do not know them, so that a
 * comparison shows what a policy's model is worth and not what it was not told. */
#ifndef KT_MODEL_KEEP_UP_RULE_H
#define KT_MODEL_KEEP_UP_RULE_H

#include "model/policy.h"

/* Corrects a policy's answer, before limits (pinned operators stay the caller's):
 *   1. An operator that kept up in this window is not raised.
 *   2. One that fell behind is raised by at least one subtask, whatever the policy says of it.
 *   3. At an old load, and if nothing is raised, operators are lowered only if the job saves at
 *      least one subtask and trim_band of all it has. The load is old when some operator has a
 *      lambda_decided and no operator's λ (its decision's, else the rate it received while it kept
 *      up) is further from it than load_change of it.
 * An answer that changes nothing any more becomes STEADY, one that only now does is named by its
 * sums. NO_TOPOLOGY is left alone. */
void kt_keep_up_rule_apply(const struct kt_policy_input *input, struct kt_policy_output *output);

#endif
