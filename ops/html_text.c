/* SPDX-License-Identifier: GPL-3.0-or-later
 * Text from outside, written into HTML or SVG so that it stays text. */
#include "ops/html_text.h"

#include "schemas/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The reference that stands for a character of the markup's own; NULL: none is needed. */
static const char *reference_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Whether XML 1.0 (production 2, Char) knows the well-formed character of len bytes at s. */
static bool is_xml_char(const char *s, size_t len) {
    if (len == 1) {
        const unsigned char c = (unsigned char)s[0];
        return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    }
    return len != 3 || (memcmp(s, "\xef\xbf\xbe", 3) != 0 && memcmp(s, "\xef\xbf\xbf", 3) != 0);
}

static void write_char(FILE *out, const char *s, size_t len) {
    const char *reference = len == 1 ? reference_of(s[0]) : NULL;
    if (reference != NULL) {
        fputs(reference, out);
    } else if (len == 0 || !is_xml_char(s, len)) {
        fputs(REPLACEMENT, out);
    } else {
        fwrite(s, 1, len, out);
    }
}

/* Takes the first character off *s; its length in bytes, 0 for a byte that is none. */
static size_t take_char(struct kt_str *s) {
    const size_t len = kt_utf8_char(*s);
    const size_t step = len > 0 ? len : 1;
    s->data += step;
    s->len -= step;
    return len;
}

void kt_html_text(FILE *out, struct kt_str s) {
    while (s.len > 0) {
        const char *at = s.data;
        write_char(out, at, take_char(&s));
    }
}

size_t kt_html_text_chars(struct kt_str s) {
    size_t chars = 0;
    while (s.len > 0) {
        (void)take_char(&s);
        chars++;
    }
    return chars;
}

void kt_html_text_cut(FILE *out, struct kt_str s, size_t chars) {
    if (kt_html_text_chars(s) <= chars) {
        kt_html_text(out, s);
        return;
    }
    for (size_t i = 0; i + 1 < chars; i++) {
        const char *at = s.data;
        write_char(out, at, take_char(&s));
    }
    fputs("…", out);
}
