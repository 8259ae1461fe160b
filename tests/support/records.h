/* SPDX-License-Identifier: GPL-3.0-or-later
 * Records of any type for tests of codecs: random ones, and whether two say the same. Driven by the
 * records' tables, so that a new field is tested as soon as it is declared. */
#ifndef KT_TESTS_SUPPORT_RECORDS_H
#define KT_TESTS_SUPPORT_RECORDS_H

#include "schemas/arena.h"
#include "schemas/record.h"

/* The types that travel by themselves. */
extern const struct kt_record_type *const kt_test_record_types[];
extern const size_t kt_test_record_types_count;

/* Whether two records say the same, field by field, each double bit by bit (any NaN equals any
 * NaN). When not, where gets the path of the first field that differs. */
bool kt_test_records_equal(const struct kt_record_type *type, const void *a, const void *b,
                           char *where, size_t where_size);

/* Fills a record with values of its types: extremes and special characters as well as plain ones,
 * nulls, short arrays; doubles are finite. The same *state gives the same record. Aborts when the
 * arena is full. */
void kt_test_record_random(const struct kt_record_type *type, uint64_t *state,
                           struct kt_arena *arena, void *record);

#endif
