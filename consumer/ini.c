/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads the lines of an INI text, one item at a time, and knows the line of each. */
#include "consumer/ini.h"

#include "schemas/utf8.h"

#define BLANKS KT_STR(" \t\r")

void kt_ini_init(struct kt_ini *ini, struct kt_str text) {
    if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0) {
        text.data += 3;
        text.len -= 3;
    }
    *ini = (struct kt_ini){.rest = text};
}

static struct kt_str take_line(struct kt_ini *ini) {
    const char *end = memchr(ini->rest.data, '\n', ini->rest.len);
    const size_t len = end == NULL ? ini->rest.len : (size_t)(end - ini->rest.data);
    const struct kt_str line = {ini->rest.data, len};
    const size_t used = end == NULL ? len : len + 1;
    ini->rest.data += used;
    ini->rest.len -= used;
    ini->line++;
    return line;
}

static enum kt_ini_kind bad(struct kt_ini *ini, const char *why) {
    ini->why = why;
    return KT_INI_BAD;
}

/* line is trimmed and begins with '['. */
static enum kt_ini_kind read_section(struct kt_ini *ini, struct kt_str line) {
    ini->in_section = false;
    if (line.data[line.len - 1] != ']') {
        return bad(ini, "expected ']' at the end of the section's line");
    }
    struct kt_str inside = kt_str_trim((struct kt_str){line.data + 1, line.len - 2}, BLANKS);
    const char *quote = memchr(inside.data, '"', inside.len);
    ini->subject = (struct kt_str){NULL, 0};
    if (quote != NULL) {
        const size_t at = (size_t)(quote - inside.data);
        if (at + 1 >= inside.len || inside.data[inside.len - 1] != '"') {
            return bad(ini, "expected [section \"cluster/job\"] with two quotes");
        }
        ini->subject = (struct kt_str){quote + 1, inside.len - at - 2};
        inside = kt_str_trim((struct kt_str){inside.data, at}, BLANKS);
    }
    if (inside.len == 0) {
        return bad(ini, "expected a section's name between the brackets");
    }
    ini->section = inside;
    ini->in_section = true;
    return KT_INI_SECTION;
}

static enum kt_ini_kind read_option(struct kt_ini *ini, struct kt_str line) {
    const char *equals = memchr(line.data, '=', line.len);
    if (equals == NULL || equals == line.data) {
        return bad(ini, "expected 'name = value' or '[section]'");
    }
    const size_t at = (size_t)(equals - line.data);
    ini->name = kt_str_trim((struct kt_str){line.data, at}, BLANKS);
    ini->value = kt_str_trim((struct kt_str){equals + 1, line.len - at - 1}, BLANKS);
    return KT_INI_OPTION;
}

enum kt_ini_kind kt_ini_next(struct kt_ini *ini) {
    while (ini->rest.len > 0) {
        const struct kt_str whole = take_line(ini);
        if (whole.len > KT_INI_LINE_BYTES_MAX) {
            return bad(ini, "expected a line of at most 65536 bytes");
        }
        if (memchr(whole.data, '\0', whole.len) != NULL || !kt_utf8_valid(whole)) {
            return bad(ini, "expected UTF-8 text");
        }
        const struct kt_str line = kt_str_trim(whole, BLANKS);
        if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';') {
            continue;
        }
        return line.data[0] == '[' ? read_section(ini, line) : read_option(ini, line);
    }
    return KT_INI_END;
}
