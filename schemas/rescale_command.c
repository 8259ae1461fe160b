/* SPDX-License-Identifier: GPL-3.0-or-later
 * Field tables of the rescale command. */
#include "schemas/rescale_command.h"

#include "schemas/fields.h"

extern const char kt_avsc_rescale_command[];

#define S struct kt_surrogate_fit
static const struct kt_field fields_surrogate_fit[] = {
    [KT_FIT_NAME] = KT_FIELD(S, name, STRING),
    [KT_FIT_LENGTH_SCALE] = KT_FIELD_NULLABLE(S, length_scale, DOUBLE),
    [KT_FIT_SIGMA_F] = KT_FIELD_NULLABLE(S, sigma_f, DOUBLE),
    [KT_FIT_LOG_MARGINAL_LIKELIHOOD] = KT_FIELD(S, log_marginal_likelihood, DOUBLE),
    [KT_FIT_LAW] = KT_FIELD_NULLABLE(S, law, STRING),
    [KT_FIT_LAW_PROBABILITY] = KT_FIELD_NULLABLE(S, law_probability, DOUBLE),
    [KT_FIT_NOISE] = KT_FIELD_NULLABLE(S, noise, DOUBLE),
};
#undef S
_Static_assert(sizeof fields_surrogate_fit / sizeof fields_surrogate_fit[0] == KT_FIT_FIELDS,
               "one line per field");
const struct kt_record_type kt_surrogate_fit_type =
    KT_RECORD_TYPE("SurrogateFit", struct kt_surrogate_fit, fields_surrogate_fit, NULL, true);

#define S struct kt_operator_decision
static const struct kt_field fields_operator[] = {
    [KT_OPDEC_VERTEX_ID] = KT_FIELD(S, vertex_id, STRING),
    [KT_OPDEC_NAME] = KT_FIELD(S, name, STRING),
    [KT_OPDEC_FROM] = KT_FIELD(S, from, INT),
    [KT_OPDEC_TO] = KT_FIELD(S, to, INT),
    [KT_OPDEC_METHOD] = KT_FIELD_ENUM(S, method, kt_method_type),
    [KT_OPDEC_LAMBDA] = KT_FIELD_NULLABLE(S, lambda, DOUBLE),
    [KT_OPDEC_LAMBDA_NOISE] = KT_FIELD_NULLABLE(S, lambda_noise, DOUBLE),
    [KT_OPDEC_PREDICTED_ABILITY] = KT_FIELD_NULLABLE(S, predicted_ability, DOUBLE),
    [KT_OPDEC_PREDICTED_STDDEV] = KT_FIELD_NULLABLE(S, predicted_stddev, DOUBLE),
    [KT_OPDEC_NEAREST_OBSERVED] = KT_FIELD_NULLABLE(S, nearest_observed, INT),
    [KT_OPDEC_LIMITS] = KT_FIELD_ENUMS(S, limits, kt_limit_type, KT_LIMITS_HIT_MAX),
    [KT_OPDEC_SURROGATE] = KT_FIELD_RECORD_NULLABLE(S, surrogate, kt_surrogate_fit_type),
    [KT_OPDEC_KEEPS_UP_PROBABILITY] = KT_FIELD_NULLABLE(S, keeps_up_probability, DOUBLE),
    [KT_OPDEC_CHANGE_POINT] = KT_FIELD(S, change_point, BOOL),
};
#undef S
_Static_assert(sizeof fields_operator / sizeof fields_operator[0] == KT_OPDEC_FIELDS,
               "one line per field");
const struct kt_record_type kt_operator_decision_type =
    KT_RECORD_TYPE("OperatorDecision", struct kt_operator_decision, fields_operator, NULL, true);

#define S struct kt_rescale_command
static const struct kt_field fields_command[] = {
    [KT_COMMAND_F_COMMAND_ID] = KT_FIELD(S, command_id, STRING),
    [KT_COMMAND_F_KIND] = KT_FIELD_ENUM(S, kind, kt_command_kind_type),
    [KT_COMMAND_F_POLICY] = KT_FIELD(S, policy, STRING),
    [KT_COMMAND_F_CLUSTER] = KT_FIELD(S, cluster, STRING),
    [KT_COMMAND_F_JOB_NAME] = KT_FIELD(S, job_name, STRING),
    [KT_COMMAND_F_JOB_ID] = KT_FIELD(S, job_id, STRING),
    [KT_COMMAND_F_GENERATION] = KT_FIELD(S, generation, LONG),
    [KT_COMMAND_F_WINDOW_START_MS] = KT_FIELD(S, window_start_ms, LONG),
    [KT_COMMAND_F_WINDOW_END_MS] = KT_FIELD(S, window_end_ms, LONG),
    [KT_COMMAND_F_DECIDED_AT_MS] = KT_FIELD(S, decided_at_ms, LONG),
    [KT_COMMAND_F_EXPIRES_AT_MS] = KT_FIELD(S, expires_at_ms, LONG),
    [KT_COMMAND_F_DRY_RUN] = KT_FIELD(S, dry_run, BOOL),
    [KT_COMMAND_F_PHASE] = KT_FIELD_ENUM(S, phase, kt_phase_type),
    [KT_COMMAND_F_STATE] = KT_FIELD_ENUM(S, state, kt_state_type),
    [KT_COMMAND_F_REASON] = KT_FIELD_ENUM(S, reason, kt_reason_type),
    [KT_COMMAND_F_REASON_TEXT] = KT_FIELD(S, reason_text, STRING),
    [KT_COMMAND_F_OPERATORS] =
        KT_FIELD_RECORDS(S, operators, kt_operator_decision_type, KT_OPERATORS_MAX),
    [KT_COMMAND_F_EVIDENCE] = KT_FIELD_RECORD(S, evidence, kt_evidence_type),
};
#undef S
_Static_assert(sizeof fields_command / sizeof fields_command[0] == KT_COMMAND_FIELDS,
               "one line per field");
const struct kt_record_type kt_rescale_command_type = KT_RECORD_TYPE(
    "RescaleCommand", struct kt_rescale_command, fields_command, kt_avsc_rescale_command, true);
