/* SPDX-License-Identifier: GPL-3.0-or-later
 * Field tables of the durable state. */
#include "schemas/state.h"

#include "schemas/fields.h"

extern const char kt_avsc_cluster_state[];
extern const char kt_avsc_job_state[];
extern const char kt_avsc_operator_history[];
extern const char kt_avsc_partition_state[];

#define S struct kt_operator_state
static const struct kt_field fields_operator_state[] = {
    [KT_OPSTATE_VERTEX_ID] = KT_FIELD(S, vertex_id, STRING),
    [KT_OPSTATE_NAME] = KT_FIELD(S, name, STRING),
    [KT_OPSTATE_PARALLELISM] = KT_FIELD(S, parallelism, INT),
    [KT_OPSTATE_LAMBDA_KNOWN] = KT_FIELD_NULLABLE(S, lambda_known, DOUBLE),
    [KT_OPSTATE_MISSED_WINDOWS] = KT_FIELD(S, missed_windows, INT),
    [KT_OPSTATE_SELECTIVITY] = KT_FIELD_NULLABLE(S, selectivity, DOUBLE),
    [KT_OPSTATE_SELECTIVITY_WINDOWS] = KT_FIELD(S, selectivity_windows, INT),
    [KT_OPSTATE_INPUT_RATIO] = KT_FIELD_NULLABLE(S, input_ratio, DOUBLE),
    [KT_OPSTATE_INPUT_RATIO_WINDOWS] = KT_FIELD(S, input_ratio_windows, INT),
    [KT_OPSTATE_LAMBDA_DECIDED] = KT_FIELD_NULLABLE(S, lambda_decided, DOUBLE),
    [KT_OPSTATE_CHANGE_POINTS_MS] = KT_FIELD_ARRAY(S, change_points_ms, LONG, KT_CHANGE_POINTS_MAX),
    [KT_OPSTATE_SELECTIVITY_BASE] = KT_FIELD(S, selectivity_base_per_s, DOUBLE),
    [KT_OPSTATE_INPUT_RATIO_BASE] = KT_FIELD(S, input_ratio_base_per_s, DOUBLE),
    [KT_OPSTATE_LAMBDA_PEAK] = KT_FIELD_NULLABLE(S, lambda_peak, DOUBLE),
    [KT_OPSTATE_LAG_GAINS] = KT_FIELD_ARRAY(S, lag_gains, DOUBLE, KT_LAG_GAINS_MAX),
    [KT_OPSTATE_LAG_RATE] = KT_FIELD_NULLABLE(S, lag_rate_per_s, DOUBLE),
    [KT_OPSTATE_LAG_GROWTH] = KT_FIELD(S, lag_growth_per_s, DOUBLE),
    [KT_OPSTATE_LAG_GENERATION] = KT_FIELD(S, lag_generation, LONG),
    [KT_OPSTATE_LAG_END_MS] = KT_FIELD(S, lag_end_ms, LONG),
    [KT_OPSTATE_LOADS] = KT_FIELD_ARRAY(S, loads_per_s, DOUBLE, KT_LOADS_MAX),
};
#undef S
_Static_assert(sizeof fields_operator_state / sizeof fields_operator_state[0] == KT_OPSTATE_FIELDS,
               "one line per field");
const struct kt_record_type kt_operator_state_type =
    KT_RECORD_TYPE("OperatorState", struct kt_operator_state, fields_operator_state, NULL, true);

#define S struct kt_target
static const struct kt_field fields_target[] = {
    KT_FIELD(S, vertex_id, STRING),
    KT_FIELD(S, from, INT),
    KT_FIELD(S, to, INT),
};
#undef S
const struct kt_record_type kt_target_type =
    KT_RECORD_TYPE("Target", struct kt_target, fields_target, NULL, false);

#define S struct kt_job_state
static const struct kt_field fields_job_state[] = {
    [KT_JOBSTATE_CLUSTER] = KT_FIELD(S, cluster, STRING),
    [KT_JOBSTATE_JOB_NAME] = KT_FIELD(S, job_name, STRING),
    [KT_JOBSTATE_JOB_ID] = KT_FIELD(S, job_id, STRING),
    [KT_JOBSTATE_CLOSED_UNTIL_MS] = KT_FIELD(S, closed_until_ms, LONG),
    [KT_JOBSTATE_GENERATION] = KT_FIELD(S, generation, LONG),
    [KT_JOBSTATE_PHASE] = KT_FIELD_ENUM(S, phase, kt_phase_type),
    [KT_JOBSTATE_LAST_REASON] = KT_FIELD_ENUM(S, last_reason, kt_reason_type),
    [KT_JOBSTATE_LAST_RESCALE_MS] = KT_FIELD_NULLABLE(S, last_rescale_ms, LONG),
    [KT_JOBSTATE_RESTARTS_MS] = KT_FIELD_ARRAY(S, restarts_ms, LONG, KT_RESTARTS_MAX),
    [KT_JOBSTATE_PARALLELISM_PEAK] = KT_FIELD(S, parallelism_peak, INT),
    [KT_JOBSTATE_RAMP_WINDOWS] = KT_FIELD(S, ramp_windows, INT),
    [KT_JOBSTATE_PENDING_COMMAND_ID] = KT_FIELD_NULLABLE(S, pending_command_id, STRING),
    [KT_JOBSTATE_PENDING_UNTIL_MS] = KT_FIELD_NULLABLE(S, pending_until_ms, LONG),
    [KT_JOBSTATE_PENDING] = KT_FIELD_RECORDS(S, pending, kt_target_type, KT_OPERATORS_MAX),
    [KT_JOBSTATE_OPERATORS] =
        KT_FIELD_RECORDS(S, operators, kt_operator_state_type, KT_OPERATORS_MAX),
    [KT_JOBSTATE_RESTART_SEEN_MS] = KT_FIELD_NULLABLE(S, restart_seen_ms, LONG),
    [KT_JOBSTATE_GAVE_LAWS] = KT_FIELD(S, gave_laws, BOOL),
};
#undef S
_Static_assert(sizeof fields_job_state / sizeof fields_job_state[0] == KT_JOBSTATE_FIELDS,
               "one line per field");
const struct kt_record_type kt_job_state_type =
    KT_RECORD_TYPE("JobState", struct kt_job_state, fields_job_state, kt_avsc_job_state, true);

#define S struct kt_observation
static const struct kt_field fields_observation[] = {
    KT_FIELD(S, ability, DOUBLE),  KT_FIELD(S, busy, DOUBLE),
    KT_FIELD(S, lambda, DOUBLE),   KT_FIELD_ENUM(S, keep_up, kt_keep_up_type),
    KT_FIELD(S, generation, LONG), KT_FIELD(S, window_end_ms, LONG),
};
#undef S
const struct kt_record_type kt_observation_type =
    KT_RECORD_TYPE("Observation", struct kt_observation, fields_observation, NULL, false);

#define S struct kt_operator_history
static const struct kt_field fields_history[] = {
    KT_FIELD(S, cluster, STRING),
    KT_FIELD(S, job_name, STRING),
    KT_FIELD(S, vertex_id, STRING),
    KT_FIELD(S, name, STRING),
    KT_FIELD(S, parallelism, INT),
    KT_FIELD_RECORDS(S, observations, kt_observation_type, KT_OBSERVATIONS_MAX),
};
#undef S
const struct kt_record_type kt_operator_history_type = KT_RECORD_TYPE(
    "OperatorHistory", struct kt_operator_history, fields_history, kt_avsc_operator_history, false);

#define S struct kt_cluster_state
static const struct kt_field fields_cluster_state[] = {
    KT_FIELD(S, cluster, STRING),
    KT_FIELD(S, jobs, INT),
    KT_FIELD_ARRAY(S, law_prior, DOUBLE, KT_LAW_PRIOR_MAX),
};
#undef S
const struct kt_record_type kt_cluster_state_type = KT_RECORD_TYPE(
    "ClusterState", struct kt_cluster_state, fields_cluster_state, kt_avsc_cluster_state, false);

#define S struct kt_partition_state
static const struct kt_field fields_partition_state[] = {
    KT_FIELD(S, next_offset, LONG),
    KT_FIELD(S, watermark_ms, LONG),
    KT_FIELD(S, low_watermark_ms, LONG),
};
#undef S
const struct kt_record_type kt_partition_state_type =
    KT_RECORD_TYPE("PartitionState", struct kt_partition_state, fields_partition_state,
                   kt_avsc_partition_state, false);
