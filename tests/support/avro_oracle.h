/* SPDX-License-Identifier: GPL-3.0-or-later
 * Avro C as the oracle of the codec: its generic values read and write by any schema. */
#ifndef KT_TESTS_AVRO_ORACLE_H
#define KT_TESTS_AVRO_ORACLE_H

#include "schemas/codec.h"
#include "support/random_record.h"

#include <avro.h>

struct avro_oracle {
    avro_schema_t schema;
    avro_value_iface_t *iface;
    avro_value_t value;
    avro_reader_t reader;
};

/* Any failure of Avro C itself fails the test. */
void avro_oracle_open(struct avro_oracle *oracle, const char *schema_text);
void avro_oracle_close(struct avro_oracle *oracle);

/* Reads a body (without frame) into oracle->value; all bytes must be used. */
void avro_oracle_read(struct avro_oracle *oracle, const void *body, size_t len);

/* NULL when the record is what Avro's rules of resolution make of the value; else the path of the
 * first difference. Numbers compare after promotion, a value in a union by its branch, a field that
 * the value's schema lacks with the default in the type's own schema, an enum by its symbol, an
 * unknown symbol with the enum's default. Aliases are not looked at. */
const char *avro_oracle_difference(struct avro_oracle *oracle, const struct kt_record_type *type,
                                   const void *record);

/* Sets every part of the value at random. */
void avro_oracle_randomise(struct avro_oracle *oracle, struct random_source *source);

/* Replaces *bytes by a frame of the value. */
void avro_oracle_frame(struct avro_oracle *oracle, uint64_t fingerprint, struct kt_bytes *bytes);

#endif
