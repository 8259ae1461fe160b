/* SPDX-License-Identifier: GPL-3.0-or-later
 * The worker's log: one line per event, `2026-11-22T21:00:00.123Z INFO text`. */
#ifndef KT_CONSUMER_LOG_H
#define KT_CONSUMER_LOG_H

#include "schemas/error.h"

#include <stdio.h>

enum kt_log_level { KT_LOG_DEBUG, KT_LOG_INFO, KT_LOG_WARN, KT_LOG_ERROR };

/* Writes one line, whole even when several threads log; control characters become spaces, so that
 * no record's bytes can forge a line. out NULL: silent. */
void kt_log(FILE *out, enum kt_log_level level, const char *format, ...) KT_PRINTF(3, 4);

/* As a kt_client_log: ctx is the FILE. */
void kt_log_client(void *ctx, int severity, const char *text);

#endif
