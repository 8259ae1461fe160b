/* SPDX-License-Identifier: GPL-3.0-or-later
 * What may stand in [kafka]: librdkafka's own properties, but for those that the program sets
 * because exactly-once depends on them. */
#ifndef KT_CONSUMER_KAFKA_PROPERTIES_H
#define KT_CONSUMER_KAFKA_PROPERTIES_H

#include "consumer/config.h"

/* A property with a default of the program's own. */
struct kt_kafka_default {
    const char *name;
    const char *value;
    const char *meaning;
};
extern const struct kt_kafka_default kt_kafka_defaults[];
extern const size_t kt_kafka_defaults_count;

/* A property that is refused, and why. */
struct kt_kafka_refusal {
    const char *name;
    const char *why;
};
extern const struct kt_kafka_refusal kt_kafka_refusals[];
extern const size_t kt_kafka_refusals_count;

/* Whether values of the property may never be shown: by its name. */
bool kt_kafka_property_is_secret(struct kt_str name);

/* The name under which a property is kept: aliases become one. */
struct kt_str kt_kafka_property_canonical(struct kt_str name);

/* Whether a client of this kind uses the property; true for a property that is not known. */
bool kt_kafka_property_is_for(const char *name, enum kt_kafka_role role);

/* Checks the property and sets it in scratch. name and value are NUL-terminated. show: whether the
 * message may hold the value. KT_ERR_CONFIG: refused, or its value is; KT_ERR_NOT_FOUND: unknown to
 * librdkafka, with the nearest known name. */
KT_MUST_CHECK enum kt_err kt_kafka_property_check(rd_kafka_conf_t *scratch, struct kt_str name,
                                                  struct kt_str value, bool show,
                                                  struct kt_error *error);

#endif
