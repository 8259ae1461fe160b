/* SPDX-License-Identifier: GPL-3.0-or-later
 * Text from outside, written into HTML or SVG so that it stays text. */
#ifndef KT_OPS_HTML_TEXT_H
#define KT_OPS_HTML_TEXT_H

#include "schemas/str.h"

#include <stdio.h>

/* Writes s for an element's content or a quoted attribute: & < > " ' as references, and U+FFFD for
 * every byte that is not UTF-8 and every character that XML 1.0 does not know (controls but tab and
 * line ends, U+FFFE, U+FFFF). */
void kt_html_text(FILE *out, struct kt_str s);

/* As above, but at most chars characters (≥ 1); where more were there, the last one is "…". */
void kt_html_text_cut(FILE *out, struct kt_str s, size_t chars);

/* Characters of s as kt_html_text writes it: a byte that is not UTF-8 counts as one. */
size_t kt_html_text_chars(struct kt_str s);

#endif
