/* SPDX-License-Identifier: GPL-3.0-or-later
 * Whether bytes from outside are well-formed UTF-8 (RFC 3629), and what to do where they are not.
 */
#ifndef KT_SCHEMAS_UTF8_H
#define KT_SCHEMAS_UTF8_H

#include "schemas/str.h"

/* Length in bytes (1…4) of the well-formed character at the start of s; 0 when s is empty or
 * starts with none (a stray or missing continuation byte, an overlong form, a surrogate, a value
 * beyond U+10FFFF). */
size_t kt_utf8_char(struct kt_str s);

/* Whether the whole of s is well-formed. The empty string is. */
bool kt_utf8_valid(struct kt_str s);

#endif
