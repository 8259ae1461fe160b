/* SPDX-License-Identifier: GPL-3.0-or-later
 * The worker's log lines. */
#include "consumer/log.h"

#include "producer/clock.h"
#include "producer/cloudevents.h"

#include <syslog.h>

enum { LINE_BYTES_MAX = 1024 };

void kt_log(FILE *out, enum kt_log_level level, const char *format, ...) {
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    if (out == NULL) {
        return;
    }
    char text[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = ' ';
        }
    }
    char when[KT_RFC3339_BYTES];
    kt_rfc3339(kt_clock_wall_ms(), when);
    fprintf(out, "%s %s %s\n", when, names[level], text);
    fflush(out);
}

void kt_log_client(void *ctx, int severity, const char *text) {
    enum kt_log_level level = KT_LOG_INFO;
    if (severity <= LOG_ERR) {
        level = KT_LOG_ERROR;
    } else if (severity == LOG_WARNING) {
        level = KT_LOG_WARN;
    } else if (severity == LOG_DEBUG) {
        level = KT_LOG_DEBUG;
    }
    kt_log(ctx, level, "%s", text);
}
