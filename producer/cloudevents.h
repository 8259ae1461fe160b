/* SPDX-License-Identifier: GPL-3.0-or-later
 * CloudEvents 1.0 in the binary mode of its Kafka binding: the attributes of an event as record
 * headers, the event itself untouched as the record's value. */
#ifndef KT_PRODUCER_CLOUDEVENTS_H
#define KT_PRODUCER_CLOUDEVENTS_H

#include "schemas/error.h"
#include "schemas/str.h"

#include <librdkafka/rdkafka.h>

/* Any attribute that is empty (or a time of 0) is left out. */
struct kt_cloudevent {
    struct kt_str id;     /* ce_id */
    struct kt_str type;   /* ce_type */
    struct kt_str source; /* ce_source */
    struct kt_str partition_key;
    struct kt_str content_type; /* content-type */
    int64_t time_ms;            /* ce_time; Unix time */
    int64_t expiry_ms;          /* ce_expirytime; Unix time */
};

/* The caller owns the result (rd_kafka_headers_destroy). KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_cloudevents_headers(const struct kt_cloudevent *event,
                                                 rd_kafka_headers_t **out, struct kt_error *error);

/* Unix time in milliseconds as RFC 3339 in UTC ("2026-11-22T21:00:00.123Z"), for years 0…9999;
 * others give "?". */
#define KT_RFC3339_BYTES 32
void kt_rfc3339(int64_t time_ms, char out[KT_RFC3339_BYTES]);

#endif
