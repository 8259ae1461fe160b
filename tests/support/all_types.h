/* SPDX-License-Identifier: GPL-3.0-or-later
 * Every record type that travels, for tests that hold a property of all of them. */
#ifndef KT_TESTS_ALL_TYPES_H
#define KT_TESTS_ALL_TYPES_H

#include "schemas/metric_event.h"
#include "schemas/rescale_command.h"
#include "schemas/rescale_outcome.h"
#include "schemas/state.h"

static const struct kt_record_type *const all_types[] = {
    &kt_metric_event_type,  &kt_rescale_command_type,  &kt_rescale_outcome_type,
    &kt_job_state_type,     &kt_operator_history_type, &kt_partition_state_type,
    &kt_cluster_state_type,
};
#define ALL_TYPES (sizeof all_types / sizeof all_types[0])

/* Room for a record of any of them. */
union any_record {
    struct kt_metric_event event;
    struct kt_rescale_command command;
    struct kt_rescale_outcome outcome;
    struct kt_job_state job;
    struct kt_operator_history history;
    struct kt_partition_state partition;
    struct kt_cluster_state cluster;
};

#endif
