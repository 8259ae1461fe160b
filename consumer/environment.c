/* SPDX-License-Identifier: GPL-3.0-or-later
 * The environment as configuration sees it: variables that override options, and ${VAR} in values.
 */
#include "consumer/environment.h"

#include <ctype.h>

#define EXPANDED_BYTES_MAX 65536

const char *kt_env_get(char *const *env, struct kt_str name) {
    for (size_t i = 0; env != NULL && env[i] != NULL; i++) {
        if (strncmp(env[i], name.data, name.len) == 0 && env[i][name.len] == '=') {
            return env[i] + name.len + 1;
        }
    }
    return NULL;
}

struct kt_str kt_env_name(const char *section, const char *name, struct kt_arena *arena) {
    const size_t len = strlen("KONTUNE_") + strlen(section) + 1 + strlen(name);
    char *out = kt_arena_alloc(arena, len + 1);
    if (out == NULL) {
        return (struct kt_str){NULL, 0};
    }
    char *at = stpcpy(out, "KONTUNE_");
    at = stpcpy(at, section);
    *at++ = '_';
    stpcpy(at, name);
    for (at = out; *at != '\0'; at++) {
        *at = (char)(*at == '.' ? '_' : toupper((unsigned char)*at));
    }
    return (struct kt_str){out, len};
}

static bool is_name(struct kt_str name) {
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.data[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.len > 0;
}

/* text begins with "${". */
static enum kt_err read_variable(struct kt_str text, char *const *env, struct kt_str *name,
                                 struct kt_str *value, struct kt_error *error) {
    const char *close = memchr(text.data, '}', text.len);
    if (close == NULL) {
        return kt_fail(error, KT_ERR_CONFIG, "expected '}' after '${'; a plain '${' is '$${'");
    }
    *name = (struct kt_str){text.data + 2, (size_t)(close - text.data) - 2};
    if (!is_name(*name)) {
        return kt_fail(error, KT_ERR_CONFIG, "'${%.*s}' names no environment variable",
                       KT_STR_ARG(*name));
    }
    const char *found = kt_env_get(env, *name);
    if (found == NULL) {
        return kt_fail(error, KT_ERR_CONFIG, "the environment variable %.*s is not set",
                       KT_STR_ARG(*name));
    }
    *value = kt_str_of(found);
    return KT_ERR_OK;
}

/* One pass over the value: with out NULL it only measures. */
static enum kt_err expand(struct kt_str value, char *const *env, char *out, size_t *len, bool *used,
                          struct kt_error *error) {
    *len = 0;
    for (size_t i = 0; i < value.len;) {
        struct kt_str piece = {value.data + i, 1};
        const struct kt_str rest = {value.data + i, value.len - i};
        if (rest.len >= 3 && memcmp(rest.data, "$${", 3) == 0) {
            piece = (struct kt_str){"${", 2};
            i += 3;
        } else if (rest.len >= 2 && memcmp(rest.data, "${", 2) == 0) {
            struct kt_str name = {"", 0};
            const enum kt_err err = read_variable(rest, env, &name, &piece, error);
            if (err != KT_ERR_OK) {
                return err;
            }
            i += name.len + 3;
            *used = true;
        } else {
            i++;
        }
        if (out != NULL) {
            memcpy(out + *len, piece.data, piece.len);
        }
        *len += piece.len;
        if (*len > EXPANDED_BYTES_MAX) {
            return kt_fail(error, KT_ERR_CONFIG, "the value is longer than %d bytes",
                           EXPANDED_BYTES_MAX);
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_env_expand(struct kt_str value, char *const *env, struct kt_arena *arena,
                          struct kt_str *out, bool *used, struct kt_error *error) {
    *used = false;
    size_t len;
    enum kt_err err = expand(value, env, NULL, &len, used, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    char *text = kt_arena_alloc(arena, len + 1);
    if (text == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    err = expand(value, env, text, &len, used, error);
    text[len] = '\0';
    *out = (struct kt_str){text, len};
    return err;
}
