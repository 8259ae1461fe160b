/* SPDX-License-Identifier: GPL-3.0-or-later
 * Field tables of the rescale outcome. */
#include "schemas/rescale_outcome.h"

#include "schemas/evidence.h"
#include "schemas/fields.h"

extern const char kt_avsc_rescale_outcome[];

#define S struct kt_achieved
static const struct kt_field fields_achieved[] = {
    KT_FIELD(S, vertex_id, STRING),
    KT_FIELD(S, parallelism, INT),
};
#undef S
const struct kt_record_type kt_achieved_type =
    KT_RECORD_TYPE("Achieved", struct kt_achieved, fields_achieved, NULL, false);

#define S struct kt_rescale_outcome
static const struct kt_field fields_outcome[] = {
    [KT_OUTCOME_COMMAND_ID] = KT_FIELD(S, command_id, STRING),
    [KT_OUTCOME_STATUS] = KT_FIELD_ENUM(S, status, kt_status_type),
    [KT_OUTCOME_ACHIEVED] = KT_FIELD_RECORDS(S, achieved, kt_achieved_type, KT_OPERATORS_MAX),
    [KT_OUTCOME_HTTP_STATUS] = KT_FIELD_NULLABLE(S, http_status, INT),
    [KT_OUTCOME_ERROR] = KT_FIELD_NULLABLE(S, error, STRING),
    [KT_OUTCOME_ACCEPTED_AT_MS] = KT_FIELD(S, accepted_at_ms, LONG),
    [KT_OUTCOME_RUNNING_AT_MS] = KT_FIELD(S, running_at_ms, LONG),
    [KT_OUTCOME_DOWNTIME_MS] = KT_FIELD_NULLABLE(S, downtime_ms, LONG),
};
#undef S
_Static_assert(sizeof fields_outcome / sizeof fields_outcome[0] == KT_OUTCOME_FIELDS,
               "one line per field");
const struct kt_record_type kt_rescale_outcome_type = KT_RECORD_TYPE(
    "RescaleOutcome", struct kt_rescale_outcome, fields_outcome, kt_avsc_rescale_outcome, true);
