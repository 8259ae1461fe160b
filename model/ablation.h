/* SPDX-License-Identifier: GPL-3.0-or-later
 * What can be taken away from the core, to show in the simulator what each piece buys. No option
 * sets it and no evidence tells of it: commands of such a run cannot be computed again. */
#ifndef KT_MODEL_ABLATION_H
#define KT_MODEL_ABLATION_H

#include "model/scaling.h"

#include <stdbool.h>

struct kt_ablation {
    const struct kt_scaling_model *scaling; /* NULL: kt_scaling_model_default */
    bool no_clamp;  /* observations as they were measured, whatever their windows proved */
    bool no_ratios; /* selectivities and input ratios of a window are not remembered */
};

#endif
