/* SPDX-License-Identifier: GPL-3.0-or-later
 * What every Kafka handle shares: its log and the newest reason for a failure. */
#include "producer/client.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    const struct kt_client *client = rd_kafka_opaque(rk);
    if (client == NULL || client->log == NULL) {
        return;
    }
    char line[512];
    snprintf(line, sizeof line, "librdkafka %s: %s", facility, text);
    client->log(client->log_ctx, level, line);
}

static void on_error(rd_kafka_t *rk, int code, const char *text, void *opaque) {
    (void)rk;
    struct kt_client *client = opaque;
    /* "All brokers down" says less than the reason that came before it. */
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN &&
        client->reason != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    /* A reason that cannot be mended is not overwritten by the disconnections that follow it. */
    if (!kt_client_is_refused(client) || kt_client_is_final((rd_kafka_resp_err_t)code)) {
        client->reason = (rd_kafka_resp_err_t)code;
        snprintf(client->reason_text, sizeof client->reason_text, "%s", text);
    }
    /* The others are in librdkafka's log already. */
    if (client->log != NULL && kt_client_is_final((rd_kafka_resp_err_t)code)) {
        char line[512];
        snprintf(line, sizeof line, "Kafka: %s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)code),
                 text);
        client->log(client->log_ctx, LOG_WARNING, line);
    }
}

void kt_client_attach(struct kt_client *client, rd_kafka_conf_t *conf) {
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
}

void kt_client_forget(struct kt_client *client) {
    client->reason = RD_KAFKA_RESP_ERR_NO_ERROR;
    client->reason_text[0] = '\0';
}

bool kt_client_is_refused(const struct kt_client *client) {
    return client != NULL && kt_client_is_final(client->reason);
}

bool kt_client_is_final(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        return true;
    default:
        return false;
    }
}

enum kt_err kt_client_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                          struct kt_error *error) {
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        return kt_fail(error, KT_ERR_CONFIG, "Kafka property %s: %s", name, text);
    }
    return KT_ERR_OK;
}

enum kt_err kt_client_fail(const struct kt_client *client, struct kt_error *error, enum kt_err code,
                           const char *format, ...) {
    char text[sizeof error->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (client == NULL || client->reason == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kt_fail(error, code, "%s", text);
    }
    return kt_fail(error, code, "%s: %s", text, client->reason_text);
}
