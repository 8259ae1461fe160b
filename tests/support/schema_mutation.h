/* SPDX-License-Identifier: GPL-3.0-or-later
 * Writers' schemas that differ from ours in every way that Avro's rules of resolution allow. */
#ifndef KT_TESTS_SCHEMA_MUTATION_H
#define KT_TESTS_SCHEMA_MUTATION_H

#include "support/random_record.h"

/* A random schema whose values can all be read by the schema given: another namespace, fields in
 * another order, without some that have a default, with others of every type in between; narrower
 * numbers, bytes for strings, unions around values; symbols in another order, fewer or more. The
 * caller frees the text. */
char *schema_mutate(const char *schema_text, struct random_source *source);

#endif
