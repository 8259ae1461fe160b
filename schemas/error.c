/* SPDX-License-Identifier: GPL-3.0-or-later
 * Error codes of the whole program, and the message that goes with one. */
#include "schemas/error.h"

#undef kt_fail
#undef kt_fail_in

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
        char context[sizeof error->message];
        va_list args;
        va_start(args, format);
        vsnprintf(context, sizeof context, format, args);
        va_end(args);
        /* Room for ": " and the end is kept; what does not fit is cut from the inner message. */
        size_t used = strnlen(context, sizeof context - 3);
        size_t inner = strnlen(error->message, sizeof error->message - used - 3);
        memmove(error->message + used + 2, error->message, inner);
        memcpy(error->message, context, used);
        memcpy(error->message + used, ": ", 2);
        error->message[used + 2 + inner] = '\0';
        error->code = code;
    }
    return code;
}
