/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state of a job in one window: under-provisioned, over-provisioned, normal. */
#include "model/load_state.h"

bool kt_load_usage(const struct kt_operator_evidence *op, double *usage) {
    if (KT_HAS(op, KT_OPEV_CPU_LOAD)) {
        *usage = op->cpu_load;
        return true;
    }
    if (KT_HAS(op, KT_OPEV_BUSY)) {
        *usage = op->busy;
        return true;
    }
    return false;
}

struct kt_load kt_load_classify(const struct kt_evidence *evidence) {
    struct kt_load load = {.state = KT_STATE_UNKNOWN, .backpressured = -1, .busiest = -1};
    double share_max = evidence->settings.backpressure_threshold;
    double weighted = 0;
    double weights = 0;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        /* ≥ finds the first at the threshold, > the worst of those after it. */
        if (KT_HAS(op, KT_OPEV_BACKPRESSURED) &&
            (load.backpressured < 0 ? op->backpressured >= share_max
                                    : op->backpressured > share_max)) {
            load.backpressured = (int32_t)i;
            share_max = op->backpressured;
        }
        double usage = 0;
        if (!kt_load_usage(op, &usage)) {
            continue;
        }
        if (load.busiest < 0 || usage > load.usage_max) {
            load.busiest = (int32_t)i;
            load.usage_max = usage;
        }
        if (!KT_HAS(op, KT_OPEV_PINNED) && op->parallelism > op->min_allowed) {
            weighted += usage * op->parallelism;
            weights += op->parallelism;
            load.shrinkable++;
        }
    }
    load.usage_mean = weights > 0 ? weighted / weights : 0;
    if (load.busiest < 0) {
        return load;
    }
    if (load.backpressured >= 0) {
        load.state =
            load.usage_max >= evidence->settings.core_max ? KT_STATE_UNDER : KT_STATE_NORMAL;
    } else {
        load.state = load.shrinkable > 0 && load.usage_mean < evidence->settings.core_min
                         ? KT_STATE_OVER
                         : KT_STATE_NORMAL;
    }
    return load;
}
