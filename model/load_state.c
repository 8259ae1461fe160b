/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state of a job in one window: under-provisioned, over-provisioned, normal. */
#include "model/load_state.h"

#include <math.h>

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

double kt_load_strain(const struct kt_operator_evidence *op) {
    if (!KT_HAS(op, KT_OPEV_BUSY)) {
        return -1;
    }
    return KT_HAS(op, KT_OPEV_BUSY_MAX) ? fmax(op->busy, op->busy_max) : op->busy;
}

bool kt_load_falls_behind(const struct kt_operator_evidence *op, double core_max) {
    double usage = 0;
    return op->is_source && KT_HAS(op, KT_OPEV_RATE_IN_PER_S) &&
           KT_HAS(op, KT_OPEV_PENDING_GROWTH_PER_S) &&
           op->pending_growth_per_s > KT_GROWTH_NOISE * op->rate_in_per_s &&
           kt_load_usage(op, &usage) && usage >= core_max;
}

struct kt_load kt_load_classify(const struct kt_evidence *evidence) {
    struct kt_load load = {
        .state = KT_STATE_UNKNOWN, .backpressured = -1, .behind = -1, .busiest = -1};
    double share_max = evidence->settings.backpressure_threshold;
    double growth_max = 0;
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
        if (kt_load_falls_behind(op, evidence->settings.core_max) &&
            (load.behind < 0 || op->pending_growth_per_s > growth_max)) {
            load.behind = (int32_t)i;
            growth_max = op->pending_growth_per_s;
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
    if (load.behind >= 0 ||
        (load.backpressured >= 0 && load.usage_max >= evidence->settings.core_max)) {
        load.state = KT_STATE_UNDER;
    } else if (load.backpressured < 0 && load.shrinkable > 0 &&
               load.usage_mean < evidence->settings.core_min) {
        load.state = KT_STATE_OVER;
    } else {
        load.state = KT_STATE_NORMAL;
    }
    return load;
}
