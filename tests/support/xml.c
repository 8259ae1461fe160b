/* SPDX-License-Identifier: GPL-3.0-or-later
 * Whether a text is a well-formed XML document. */
#include "support/xml.h"

#include "schemas/utf8.h"

#include <ctype.h>
#include <stdlib.h>

#define DEPTH_MAX      64
#define ATTRIBUTES_MAX 32
#define IDS_MAX        4096

struct reader {
    const char *data;
    size_t len, at;
    struct kt_str open[DEPTH_MAX]; /* names of the elements that are open */
    size_t depth;
    struct kt_str ids[IDS_MAX];
    size_t ids_count;
};

static bool starts(const struct reader *r, const char *text) {
    const size_t len = strlen(text);
    return r->len - r->at >= len && memcmp(r->data + r->at, text, len) == 0;
}

static bool at_end(const struct reader *r) {
    return r->at == r->len;
}

static void skip_space(struct reader *r) {
    while (!at_end(r) && isspace((unsigned char)r->data[r->at])) {
        r->at++;
    }
}

static bool is_name_char(char c) {
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == ':' || c == '.';
}

static struct kt_str read_name(struct reader *r) {
    const size_t from = r->at;
    while (!at_end(r) && is_name_char(r->data[r->at])) {
        r->at++;
    }
    const bool ok = r->at > from && !isdigit((unsigned char)r->data[from]) &&
                    r->data[from] != '-' && r->data[from] != '.';
    return (struct kt_str){r->data + from, ok ? r->at - from : 0};
}

static const char *read_reference(struct reader *r) {
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#39;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (starts(r, known[i])) {
            r->at += strlen(known[i]);
            return NULL;
        }
    }
    return "an unknown reference";
}

/* One character of content or of an attribute's value. */
static const char *read_char(struct reader *r) {
    const unsigned char c = (unsigned char)r->data[r->at];
    if (c == '&') {
        return read_reference(r);
    }
    if (c == '<') {
        return "< where there must be none";
    }
    if (c < 0x20 && !isspace(c)) {
        return "a control character";
    }
    const size_t len = kt_utf8_char((struct kt_str){r->data + r->at, r->len - r->at});
    if (len == 0) {
        return "not UTF-8";
    }
    if (len == 3 && (memcmp(r->data + r->at, "\xef\xbf\xbe", 3) == 0 ||
                     memcmp(r->data + r->at, "\xef\xbf\xbf", 3) == 0)) {
        return "a character that XML does not know";
    }
    r->at += len;
    return NULL;
}

static const char *note_id(struct reader *r, struct kt_str id) {
    for (size_t i = 0; i < r->ids_count; i++) {
        if (kt_str_equal(r->ids[i], id)) {
            return "an id that is there twice";
        }
    }
    if (r->ids_count == IDS_MAX) {
        return "too many ids for this check";
    }
    r->ids[r->ids_count++] = id;
    return NULL;
}

static const char *read_value(struct reader *r, struct kt_str *value) {
    if (!starts(r, "=\"")) {
        return "no =\"…\" behind an attribute's name";
    }
    r->at += 2;
    const size_t from = r->at;
    while (!at_end(r) && r->data[r->at] != '"') {
        const char *wrong = read_char(r);
        if (wrong != NULL) {
            return wrong;
        }
    }
    if (at_end(r)) {
        return "an attribute without an end";
    }
    *value = (struct kt_str){r->data + from, r->at - from};
    r->at++;
    return NULL;
}

static const char *read_attributes(struct reader *r) {
    struct kt_str names[ATTRIBUTES_MAX];
    size_t count = 0;
    for (;;) {
        const size_t from = r->at;
        skip_space(r);
        if (at_end(r) || r->data[r->at] == '>' || r->data[r->at] == '/') {
            return NULL;
        }
        if (r->at == from || count == ATTRIBUTES_MAX) {
            return "no space before an attribute, or too many of them";
        }
        struct kt_str name = read_name(r), value;
        if (name.len == 0) {
            return "a bad attribute name";
        }
        for (size_t i = 0; i < count; i++) {
            if (kt_str_equal(names[i], name)) {
                return "an attribute that is there twice";
            }
        }
        names[count++] = name;
        const char *wrong = read_value(r, &value);
        if (wrong == NULL && kt_str_equal(name, KT_STR("id"))) {
            wrong = note_id(r, value);
        }
        if (wrong != NULL) {
            return wrong;
        }
    }
}

static const char *read_end_tag(struct reader *r) {
    r->at += 2;
    const struct kt_str name = read_name(r);
    if (r->depth == 0 || !kt_str_equal(name, r->open[r->depth - 1])) {
        return "an end tag of another element than the open one";
    }
    r->depth--;
    return starts(r, ">") ? (r->at++, NULL) : "no > behind an end tag";
}

static const char *read_start_tag(struct reader *r) {
    r->at++;
    const struct kt_str name = read_name(r);
    if (name.len == 0) {
        return "a bad element name";
    }
    const char *wrong = read_attributes(r);
    if (wrong != NULL) {
        return wrong;
    }
    if (starts(r, "/>")) {
        r->at += 2;
        return NULL;
    }
    if (!starts(r, ">")) {
        return "no > behind a start tag";
    }
    r->at++;
    if (r->depth == DEPTH_MAX) {
        return "elements nested too deeply for this check";
    }
    r->open[r->depth++] = name;
    return NULL;
}

static const char *read_comment(struct reader *r) {
    while (!at_end(r) && !starts(r, "-->")) {
        r->at++;
    }
    r->at += at_end(r) ? 0 : 3;
    return NULL;
}

static const char *read_document(struct reader *r) {
    if (starts(r, "<!DOCTYPE html>")) {
        r->at += strlen("<!DOCTYPE html>");
    }
    skip_space(r);
    bool root = false;
    while (!at_end(r)) {
        const char *wrong;
        if (starts(r, "<!--")) {
            wrong = read_comment(r);
        } else if (starts(r, "</")) {
            wrong = read_end_tag(r);
        } else if (r->data[r->at] == '<') {
            wrong = r->depth == 0 && root ? "a second root" : read_start_tag(r);
            root = true;
        } else if (r->depth == 0 && !isspace((unsigned char)r->data[r->at])) {
            wrong = "text outside of the root";
        } else {
            wrong = read_char(r);
        }
        if (wrong != NULL) {
            return wrong;
        }
    }
    return !root ? "no element" : r->depth > 0 ? "an element that stays open" : NULL;
}

const char *kt_xml_check(struct kt_str text, size_t *at) {
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return "no memory for this check";
    }
    r->data = text.data;
    r->len = text.len;
    const char *wrong = read_document(r);
    *at = r->at;
    free(r);
    return wrong;
}

size_t kt_xml_count(struct kt_str text, const char *element) {
    const size_t len = strlen(element);
    size_t count = 0;
    for (size_t i = 0; i + len + 1 < text.len; i++) {
        if (text.data[i] == '<' && memcmp(text.data + i + 1, element, len) == 0 &&
            !is_name_char(text.data[i + 1 + len])) {
            count++;
        }
    }
    return count;
}
