/* SPDX-License-Identifier: GPL-3.0-or-later
 * From a C struct to Avro bytes through Avro C's value interface, driven by the field table. */
#ifndef KT_SCHEMAS_AVRO_WRITE_H
#define KT_SCHEMAS_AVRO_WRITE_H

#include "schemas/codec.h"

#include <avro.h>

/* Makes room for size bytes in all. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_bytes_reserve(struct kt_bytes *bytes, size_t size,
                                           struct kt_error *error);

/* Sets a value of the type's own schema. Strings are lent: the record must outlive the next reset
 * of the value. finite: a NaN or an infinity is KT_ERR_INVALID, as are an enum out of range, more
 * items than the table allows and a string that is not UTF-8; the message names the field. */
KT_MUST_CHECK enum kt_err kt_avro_fill(const struct kt_record_type *type, const void *record,
                                       bool finite, avro_value_t *value, struct kt_error *error);

#endif
