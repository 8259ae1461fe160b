/* SPDX-License-Identifier: GPL-3.0-or-later
 * CloudEvents attributes as Kafka record headers. */
#include "producer/cloudevents.h"

#include <stdio.h>
#include <time.h>

void kt_rfc3339(int64_t time_ms, char out[KT_RFC3339_BYTES]) {
    int64_t millis = time_ms % 1000;
    int64_t seconds = time_ms / 1000;
    if (millis < 0) {
        millis += 1000;
        seconds--;
    }
    const time_t when = (time_t)seconds;
    struct tm utc;
    if (gmtime_r(&when, &utc) == NULL || utc.tm_year + 1900 < 0 || utc.tm_year + 1900 > 9999) {
        snprintf(out, KT_RFC3339_BYTES, "?");
        return;
    }
    char day[24];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out, KT_RFC3339_BYTES, "%s.%03dZ", day, (int)millis);
}

static enum kt_err add(rd_kafka_headers_t *headers, const char *name, struct kt_str value,
                       struct kt_error *error) {
    if (value.len == 0) {
        return KT_ERR_OK;
    }
    if (rd_kafka_header_add(headers, name, -1, value.data, (ssize_t)value.len) != 0) {
        return kt_fail(error, KT_ERR_NOMEM, "header %s", name);
    }
    return KT_ERR_OK;
}

enum kt_err kt_cloudevents_headers(const struct kt_cloudevent *event, rd_kafka_headers_t **out,
                                   struct kt_error *error) {
    char time_text[KT_RFC3339_BYTES] = "";
    char expiry_text[KT_RFC3339_BYTES] = "";
    if (event->time_ms != 0) {
        kt_rfc3339(event->time_ms, time_text);
    }
    if (event->expiry_ms != 0) {
        kt_rfc3339(event->expiry_ms, expiry_text);
    }
    const struct {
        const char *name;
        struct kt_str value;
    } attributes[] = {
        {"ce_specversion", KT_STR("1.0")},
        {"ce_id", event->id},
        {"ce_type", event->type},
        {"ce_source", event->source},
        {"ce_time", kt_str_of(time_text)},
        {"ce_expirytime", kt_str_of(expiry_text)},
        {"ce_partitionkey", event->partition_key},
        {"content-type", event->content_type},
    };
    const size_t count = sizeof attributes / sizeof attributes[0];
    rd_kafka_headers_t *headers = rd_kafka_headers_new(count);
    if (headers == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "record headers");
    }
    for (size_t i = 0; i < count; i++) {
        enum kt_err err = add(headers, attributes[i].name, attributes[i].value, error);
        if (err != KT_ERR_OK) {
            rd_kafka_headers_destroy(headers);
            return err;
        }
    }
    *out = headers;
    return KT_ERR_OK;
}
