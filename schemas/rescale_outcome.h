/* SPDX-License-Identifier: GPL-3.0-or-later
 * RescaleOutcome: what became of a RescaleCommand, as the actuator saw it. */
#ifndef KT_SCHEMAS_RESCALE_OUTCOME_H
#define KT_SCHEMAS_RESCALE_OUTCOME_H

#include "schemas/decision_enums.h"

#include <stdint.h>

struct kt_achieved {
    struct kt_str vertex_id;
    int32_t parallelism;
};

enum kt_outcome_field {
    KT_OUTCOME_COMMAND_ID,
    KT_OUTCOME_STATUS,
    KT_OUTCOME_ACHIEVED,
    KT_OUTCOME_HTTP_STATUS,
    KT_OUTCOME_ERROR,
    KT_OUTCOME_ACCEPTED_AT_MS,
    KT_OUTCOME_RUNNING_AT_MS,
    KT_OUTCOME_DOWNTIME_MS,
    KT_OUTCOME_FIELDS
};
struct kt_rescale_outcome {
    uint64_t present;
    struct kt_str command_id;
    int status;                            /* enum kt_status */
    KT_ARRAY(struct kt_achieved) achieved; /* the parallelism that runs now */
    int32_t http_status;                   /* nullable */
    struct kt_str error;                   /* nullable */
    int64_t accepted_at_ms;
    int64_t running_at_ms;
    int64_t downtime_ms; /* nullable */
};

extern const struct kt_record_type kt_achieved_type, kt_rescale_outcome_type;

#endif
