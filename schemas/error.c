/* SPDX-License-Identifier: GPL-3.0-or-later
 * Error codes of the whole program, and the message that goes with one. */
#include "schemas/error.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {
#define X(name, text) #name,
    KT_ERR_MAP(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
    KT_ERR_MAP(X)
#undef X
};

const char *kt_err_name(enum kt_err code) {
    return (size_t)code < sizeof names / sizeof names[0] ? names[code] : "?";
}

const char *kt_err_text(enum kt_err code) {
    return (size_t)code < sizeof texts / sizeof texts[0] ? texts[code] : "?";
}

enum kt_err kt_fail(struct kt_error *error, enum kt_err code, const char *format, ...) {
    if (error != NULL) {
        error->code = code;
        va_list args;
        va_start(args, format);
        vsnprintf(error->message, sizeof error->message, format, args);
        va_end(args);
    }
    return code;
}

enum kt_err kt_fail_in(struct kt_error *error, enum kt_err code, const char *format, ...) {
    if (error != NULL) {
        char inner[sizeof error->message];
        memcpy(inner, error->message, sizeof inner);
        va_list args;
        va_start(args, format);
        int used = vsnprintf(error->message, sizeof error->message, format, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof error->message) {
            snprintf(error->message + used, sizeof error->message - (size_t)used, ": %s", inner);
        }
        error->code = code;
    }
    return code;
}
