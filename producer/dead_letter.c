/* SPDX-License-Identifier: GPL-3.0-or-later
 * The headers of a dead letter. */
#include "producer/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>

enum kt_err kt_dead_letter_headers(const struct kt_dead_letter *letter,
                                   const rd_kafka_headers_t *original, rd_kafka_headers_t **out,
                                   struct kt_error *error) {
    char partition[16], offset[24], cut_from[24];
    snprintf(partition, sizeof partition, "%" PRId32, letter->partition);
    snprintf(offset, sizeof offset, "%" PRId64, letter->offset);
    snprintf(cut_from, sizeof cut_from, "%" PRId64, letter->cut_from);
    const bool located = letter->topic != NULL;
    const struct {
        const char *name;
        const char *value; /* NULL: left out */
    } added[] = {
        {"kontune.error.topic", letter->topic},
        {"kontune.error.partition", located ? partition : NULL},
        {"kontune.error.offset", located ? offset : NULL},
        {"kontune.error.stage", letter->stage},
        {"kontune.error.class", kt_err_name(letter->code)},
        {"kontune.error.message", letter->text},
        {"kontune.error.cut_from", letter->cut_from >= 0 ? cut_from : NULL},
    };
    const size_t count = sizeof added / sizeof added[0];
    rd_kafka_headers_t *headers =
        original != NULL ? rd_kafka_headers_copy(original) : rd_kafka_headers_new(count);
    if (headers == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "record headers");
    }
    for (size_t i = 0; i < count; i++) {
        if (added[i].value != NULL &&
            rd_kafka_header_add(headers, added[i].name, -1, added[i].value, -1) != 0) {
            rd_kafka_headers_destroy(headers);
            return kt_fail(error, KT_ERR_NOMEM, "record headers");
        }
    }
    *out = headers;
    return KT_ERR_OK;
}
