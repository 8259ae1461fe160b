/* SPDX-License-Identifier: GPL-3.0-or-later
 * The symbols of the decision's enums, from the same lists as the C enums. */
#include "schemas/decision_enums.h"

#define X(name) #name,
static const char *const kinds[] = {KT_KINDS(X)};
static const char *const phases[] = {KT_PHASES(X)};
static const char *const states[] = {KT_STATES(X)};
static const char *const reasons[] = {KT_REASONS(X)};
static const char *const methods[] = {KT_METHODS(X)};
static const char *const limits[] = {KT_LIMITS(X)};
static const char *const keep_ups[] = {KT_KEEP_UPS(X)};
static const char *const statuses[] = {KT_STATUSES(X)};
#undef X

#define ENUM_TYPE(avro_name, list)                                                                 \
    { (avro_name), (list), (int)(sizeof(list) / sizeof(list)[0]) }

const struct kt_enum_type kt_command_kind_type = ENUM_TYPE("CommandKind", kinds);
const struct kt_enum_type kt_phase_type = ENUM_TYPE("Phase", phases);
const struct kt_enum_type kt_state_type = ENUM_TYPE("State", states);
const struct kt_enum_type kt_reason_type = ENUM_TYPE("Reason", reasons);
const struct kt_enum_type kt_method_type = ENUM_TYPE("Method", methods);
const struct kt_enum_type kt_limit_type = ENUM_TYPE("Limit", limits);
const struct kt_enum_type kt_keep_up_type = ENUM_TYPE("KeepUp", keep_ups);
const struct kt_enum_type kt_status_type = ENUM_TYPE("Status", statuses);
