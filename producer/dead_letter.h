/* SPDX-License-Identifier: GPL-3.0-or-later
 * The headers of a dead letter: those of the original record, and why and where it was refused. */
#ifndef KT_PRODUCER_DEAD_LETTER_H
#define KT_PRODUCER_DEAD_LETTER_H

#include "schemas/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct kt_dead_letter {
    const char *topic; /* of the original record; NULL when there is none */
    int32_t partition;
    int64_t offset;
    const char *stage; /* what refused it: "decode", "event", "publish" */
    enum kt_err code;  /* kontune.error.class is its name */
    const char *text;  /* kontune.error.message */
    int64_t cut_from;  /* bytes of the original value when it had to be cut to fit, else -1 */
};

/* original may be NULL (no headers). The caller owns the result. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_dead_letter_headers(const struct kt_dead_letter *letter,
                                                 const rd_kafka_headers_t *original,
                                                 rd_kafka_headers_t **out, struct kt_error *error);

#endif
