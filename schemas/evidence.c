/* SPDX-License-Identifier: GPL-3.0-or-later
 * Field tables of the evidence. */
#include "schemas/evidence.h"

#include "schemas/fields.h"
#include "schemas/metric_event.h"

#define S struct kt_policy_settings
static const struct kt_field fields_settings[] = {
    KT_FIELD(S, policy, STRING),
    KT_FIELD(S, surrogate, STRING),
    KT_FIELD(S, acquisition, STRING),
    KT_FIELD(S, alpha, INT),
    KT_FIELD(S, top_k, INT),
    KT_FIELD(S, decision_threshold, DOUBLE),
    KT_FIELD(S, backpressure_threshold, DOUBLE),
    KT_FIELD(S, core_min, DOUBLE),
    KT_FIELD(S, core_max, DOUBLE),
    KT_FIELD(S, busy_min, DOUBLE),
    KT_FIELD(S, keep_up_probability, DOUBLE),
    KT_FIELD(S, trim_probability, DOUBLE),
    KT_FIELD(S, trim_band, DOUBLE),
    KT_FIELD(S, load_change, DOUBLE),
    KT_FIELD(S, gain_min, DOUBLE),
    KT_FIELD(S, keep_up_tolerance, DOUBLE),
    KT_FIELD(S, keep_up_rule, BOOL),
    KT_FIELD(S, warm_start, BOOL),
    KT_FIELD(S, min_parallelism, INT),
    KT_FIELD(S, max_parallelism, INT),
    KT_FIELD(S, cooldown_ms, LONG),
    KT_FIELD(S, restarts_per_day_max, INT),
    KT_FIELD(S, command_ttl_ms, LONG),
    KT_FIELD(S, dry_run, BOOL),
};
#undef S
const struct kt_record_type kt_policy_settings_type =
    KT_RECORD_TYPE("PolicySettings", struct kt_policy_settings, fields_settings, NULL, false);

#define S struct kt_history_point
static const struct kt_field fields_history_point[] = {
    KT_FIELD(S, parallelism, INT),
    KT_FIELD(S, ability, DOUBLE),
    KT_FIELD(S, observations, INT),
};
#undef S
const struct kt_record_type kt_history_point_type =
    KT_RECORD_TYPE("HistoryPoint", struct kt_history_point, fields_history_point, NULL, false);

#define S struct kt_observation_group
static const struct kt_field fields_group[] = {
    KT_FIELD(S, parallelism, INT),  KT_FIELD(S, generation, LONG), KT_FIELD(S, window_end_ms, LONG),
    KT_FIELD(S, observations, INT), KT_FIELD(S, ability, DOUBLE),  KT_FIELD(S, weight, DOUBLE),
    KT_FIELD(S, scatter, DOUBLE),
};
#undef S
const struct kt_record_type kt_observation_group_type =
    KT_RECORD_TYPE("ObservationGroup", struct kt_observation_group, fields_group, NULL, false);

#define S struct kt_edge
static const struct kt_field fields_edge[] = {
    KT_FIELD(S, upstream, INT),
    KT_FIELD(S, keyed, BOOL),
};
#undef S
const struct kt_record_type kt_edge_type =
    KT_RECORD_TYPE("Edge", struct kt_edge, fields_edge, NULL, false);

#define S struct kt_operator_evidence
static const struct kt_field fields_operator[] = {
    [KT_OPEV_VERTEX_ID] = KT_FIELD(S, vertex_id, STRING),
    [KT_OPEV_NAME] = KT_FIELD(S, name, STRING),
    [KT_OPEV_PARALLELISM] = KT_FIELD(S, parallelism, INT),
    [KT_OPEV_MAX_PARALLELISM] = KT_FIELD_NULLABLE(S, max_parallelism, INT),
    [KT_OPEV_SOURCE_PARTITIONS] = KT_FIELD_NULLABLE(S, source_partitions, INT),
    [KT_OPEV_MIN_ALLOWED] = KT_FIELD(S, min_allowed, INT),
    [KT_OPEV_MAX_ALLOWED] = KT_FIELD(S, max_allowed, INT),
    [KT_OPEV_PINNED] = KT_FIELD_NULLABLE(S, pinned, INT),
    [KT_OPEV_IS_SOURCE] = KT_FIELD(S, is_source, BOOL),
    [KT_OPEV_INPUTS] = KT_FIELD_RECORDS(S, inputs, kt_edge_type, KT_UPSTREAM_MAX),
    [KT_OPEV_RATE_IN_PER_S] = KT_FIELD_NULLABLE(S, rate_in_per_s, DOUBLE),
    [KT_OPEV_RATE_OUT_PER_S] = KT_FIELD_NULLABLE(S, rate_out_per_s, DOUBLE),
    [KT_OPEV_BUSY] = KT_FIELD_NULLABLE(S, busy, DOUBLE),
    [KT_OPEV_BUSY_MAX] = KT_FIELD_NULLABLE(S, busy_max, DOUBLE),
    [KT_OPEV_BACKPRESSURED] = KT_FIELD_NULLABLE(S, backpressured, DOUBLE),
    [KT_OPEV_IDLE] = KT_FIELD_NULLABLE(S, idle, DOUBLE),
    [KT_OPEV_CPU_LOAD] = KT_FIELD_NULLABLE(S, cpu_load, DOUBLE),
    [KT_OPEV_PENDING_RECORDS] = KT_FIELD_NULLABLE(S, pending_records, DOUBLE),
    [KT_OPEV_PENDING_GROWTH_PER_S] = KT_FIELD_NULLABLE(S, pending_growth_per_s, DOUBLE),
    [KT_OPEV_ABILITY] = KT_FIELD_NULLABLE(S, ability, DOUBLE),
    [KT_OPEV_LEARNED] = KT_FIELD(S, learned, BOOL),
    [KT_OPEV_LAMBDA_KNOWN] = KT_FIELD_NULLABLE(S, lambda_known, DOUBLE),
    [KT_OPEV_HISTORY] = KT_FIELD_RECORDS(S, history, kt_history_point_type, KT_HISTORY_POINTS_MAX),
    [KT_OPEV_KEEP_UP] = KT_FIELD_ENUM(S, keep_up, kt_keep_up_type),
    [KT_OPEV_SELECTIVITY] = KT_FIELD_NULLABLE(S, selectivity, DOUBLE),
    [KT_OPEV_INPUT_RATIO] = KT_FIELD_NULLABLE(S, input_ratio, DOUBLE),
    [KT_OPEV_LAMBDA_DECIDED] = KT_FIELD_NULLABLE(S, lambda_decided, DOUBLE),
    [KT_OPEV_GROUPS] = KT_FIELD_RECORDS(S, groups, kt_observation_group_type, KT_GROUPS_MAX),
    [KT_OPEV_CHANGE_POINTS_MS] = KT_FIELD_ARRAY(S, change_points_ms, LONG, KT_CHANGE_POINTS_MAX),
    [KT_OPEV_LAMBDA_PEAK] = KT_FIELD_NULLABLE(S, lambda_peak, DOUBLE),
    [KT_OPEV_LAG_GAIN] = KT_FIELD_NULLABLE(S, lag_gain, DOUBLE),
    [KT_OPEV_LOADS] = KT_FIELD_ARRAY(S, loads_per_s, DOUBLE, KT_LOADS_MAX),
};
#undef S
_Static_assert(sizeof fields_operator / sizeof fields_operator[0] == KT_OPEV_FIELDS,
               "one line per field");
const struct kt_record_type kt_operator_evidence_type =
    KT_RECORD_TYPE("OperatorEvidence", struct kt_operator_evidence, fields_operator, NULL, true);

#define S struct kt_evidence
static const struct kt_field fields_evidence[] = {
    [KT_EVIDENCE_SETTINGS] = KT_FIELD_RECORD(S, settings, kt_policy_settings_type),
    [KT_EVIDENCE_WINDOW_END_MS] = KT_FIELD(S, window_end_ms, LONG),
    [KT_EVIDENCE_GATE] = KT_FIELD_ENUM(S, gate, kt_reason_type),
    [KT_EVIDENCE_GATE_TEXT] = KT_FIELD(S, gate_text, STRING),
    [KT_EVIDENCE_GENERATION] = KT_FIELD(S, generation, LONG),
    [KT_EVIDENCE_PHASE] = KT_FIELD_ENUM(S, phase, kt_phase_type),
    [KT_EVIDENCE_LAST_RESCALE_MS] = KT_FIELD_NULLABLE(S, last_rescale_ms, LONG),
    [KT_EVIDENCE_RESTARTS_IN_DAY] = KT_FIELD(S, restarts_in_day, INT),
    [KT_EVIDENCE_PARALLELISM_PEAK] = KT_FIELD(S, parallelism_peak, INT),
    [KT_EVIDENCE_PENDING_UNTIL_MS] = KT_FIELD_NULLABLE(S, pending_until_ms, LONG),
    [KT_EVIDENCE_OPERATORS] =
        KT_FIELD_RECORDS(S, operators, kt_operator_evidence_type, KT_OPERATORS_MAX),
    [KT_EVIDENCE_LAW_PRIOR] = KT_FIELD_ARRAY(S, law_prior, DOUBLE, KT_LAW_PRIOR_MAX),
    [KT_EVIDENCE_RUNNING_SINCE_MS] = KT_FIELD_NULLABLE(S, running_since_ms, LONG),
};
#undef S
_Static_assert(sizeof fields_evidence / sizeof fields_evidence[0] == KT_EVIDENCE_FIELDS,
               "one line per field");
const struct kt_record_type kt_evidence_type =
    KT_RECORD_TYPE("Evidence", struct kt_evidence, fields_evidence, NULL, true);
