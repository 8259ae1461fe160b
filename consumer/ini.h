/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads the lines of an INI text, one item at a time, and knows the line of each.
 *
 *   # a comment             a line whose first character (after blanks) is # or ;
 *   [section]               a section, or
 *   [section "subject"]     a section about one thing; the subject ends at the last quote
 *   name = value            split at the first '='; both are trimmed; the value goes to the end of
 *                           the line: there are no comments behind values and no continuation
 *                           lines, so that a password may hold any character
 *
 * The usual library (inih) was left because it cuts section names at 49 bytes without a word, cuts
 * values at " ;", takes ':' for '=', counts an overlong line as two, and tells no line numbers to
 * its handler. */
#ifndef KT_CONSUMER_INI_H
#define KT_CONSUMER_INI_H

#include "schemas/str.h"

#define KT_INI_LINE_BYTES_MAX 65536

enum kt_ini_kind {
    KT_INI_END,
    KT_INI_SECTION, /* section and subject are set */
    KT_INI_OPTION,  /* name and value are set; section and subject are those it stands in */
    KT_INI_BAD,     /* why says what is wrong with the line; reading may go on */
};

/* All strings borrow from the text. */
struct kt_ini {
    struct kt_str rest;
    int line;        /* of the item, from 1 */
    bool in_section; /* false before the first section, and behind a bad section line */
    struct kt_str section;
    struct kt_str subject; /* data NULL: none */
    struct kt_str name;
    struct kt_str value;
    const char *why; /* static */
};

/* A byte order mark at the start is skipped; lines end with \n or \r\n. */
void kt_ini_init(struct kt_ini *ini, struct kt_str text);
enum kt_ini_kind kt_ini_next(struct kt_ini *ini);

#endif
