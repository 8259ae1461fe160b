/* SPDX-License-Identifier: GPL-3.0-or-later
 * What every Kafka handle of the program shares: where its log goes, and the newest reason that
 * librdkafka gave for a failure.
 *
 * A refused connection, a wrong password or an untrusted certificate never comes back from the
 * call that suffers from it (that one times out): it is told to the error callback alone. It is
 * kept here, so that the message a person reads can say it. */
#ifndef KT_PRODUCER_CLIENT_H
#define KT_PRODUCER_CLIENT_H

#include "schemas/error.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>

/* severity: as syslog's, 0 (emergency) … 7 (debug). Called from any thread. */
typedef void kt_client_log(void *ctx, int severity, const char *text);

struct kt_client {
    kt_client_log *log; /* NULL: silent */
    void *log_ctx;
    const atomic_bool *stop;    /* NULL, or true when waiting for a broker is to end */
    void *owner;                /* for the callbacks of whoever made the handle */
    rd_kafka_resp_err_t reason; /* NO_ERROR: none since the last kt_client_forget */
    char reason_text[256];
};

/* Makes handles built from conf log to the client and tell it their errors. The client becomes the
 * conf's opaque and must outlive the handle. Errors arrive in the thread that polls the handle. */
void kt_client_attach(struct kt_client *client, rd_kafka_conf_t *conf);

/* Forgets the reason, before a new attempt. */
void kt_client_forget(struct kt_client *client);

/* Whether the reason is one that trying again cannot mend: credentials, certificates, rights. */
bool kt_client_is_refused(const struct kt_client *client);

/* Whether a code is one that trying again cannot mend. */
bool kt_client_is_final(rd_kafka_resp_err_t code);

/* Sets one property. KT_ERR_CONFIG names it (never its value). */
KT_MUST_CHECK enum kt_err kt_client_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                        struct kt_error *error);

/* kt_fail, followed by the reason where there is one. client may be NULL. */
enum kt_err kt_client_fail(const struct kt_client *client, struct kt_error *error, enum kt_err code,
                           const char *format, ...) KT_PRINTF(4, 5);

#endif
