/* SPDX-License-Identifier: GPL-3.0-or-later
 * Whether a text is a well-formed XML document, as far as our own pages use XML: elements,
 * attributes, references, comments and a document type, but no processing instructions, CDATA or
 * internal subset. */
#ifndef KT_TESTS_XML_H
#define KT_TESTS_XML_H

#include "schemas/str.h"

/* NULL: well-formed. Else what is wrong; *at gets its offset. Besides the grammar it holds that
 * every value of an id attribute is there once. */
const char *kt_xml_check(struct kt_str text, size_t *at);

/* How many elements have this name. */
size_t kt_xml_count(struct kt_str text, const char *element);

#endif
