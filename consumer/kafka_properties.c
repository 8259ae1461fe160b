/* SPDX-License-Identifier: GPL-3.0-or-later
 * What may stand in [kafka]: librdkafka's own properties, but for those that the program sets
 * because exactly-once depends on them. */
#include "consumer/kafka_properties.h"

#include "consumer/options.h"

#include <stdlib.h>

const struct kt_kafka_default kt_kafka_defaults[] = {
    {"bootstrap.servers", "127.0.0.1:9092", "Brokers to start from: host:port, host:port, …"},
    {"client.id", "kontune", "Name that brokers log for this program."},
    {"queued.max.messages.kbytes", "16384",
     "Most kilobytes that are read ahead per partition queue; a rewind throws them away."},
};
const size_t kt_kafka_defaults_count = sizeof kt_kafka_defaults / sizeof kt_kafka_defaults[0];

/* The worker's promise is: commands, state and input offsets become visible together, once. Each of
 * these properties can break one leg of it, so that none is left to a file:
 *  - offsets are committed by the transaction alone, and reading resumes only where it says;
 *  - the producer is transactional, acknowledged by all replicas, in order, and knows of each
 *    delivery (the restore watermark comes from the delivery reports);
 *  - a fencing identity per instance, and an assignor that never leaves a kicked member with stale
 *    partitions;
 *  - each job's key stays on its partition, and all topics have the same partitions. */
#define BY_TRANSACTION "offsets are committed inside the transaction"
#define BY_PRODUCER    "the transactional producer sets it"
#define BY_POSITION    "the worker itself says where a partition's reading begins"
const struct kt_kafka_refusal kt_kafka_refusals[] = {
    {"enable.auto.commit", BY_TRANSACTION},
    {"auto.commit.enable", BY_TRANSACTION},
    {"auto.commit.interval.ms", BY_TRANSACTION},
    {"enable.auto.offset.store", BY_TRANSACTION},
    {"offset.store.method", BY_TRANSACTION},
    {"offset.store.path", BY_TRANSACTION},
    {"offset.store.sync.interval.ms", BY_TRANSACTION},
    {"auto.offset.reset", BY_POSITION},
    {"enable.partition.eof", BY_POSITION},
    {"isolation.level", "the worker reads committed records only"},
    {"group.id", "set group_id in [worker]"},
    {"group.instance.id", "set instance_id in [worker]"},
    {"transactional.id", "it is made of instance_id in [worker]"},
    {"transaction.timeout.ms", "set transaction_timeout_ms in [worker]"},
    {"message.timeout.ms", "it follows transaction_timeout_ms in [worker]"},
    {"delivery.timeout.ms", "it follows transaction_timeout_ms in [worker]"},
    {"partition.assignment.strategy",
     "only the eager range assignor never leaves a kicked worker with stale partitions"},
    {"partitioner", "all records of a job go to the partition of murmur2_random"},
    {"acks", BY_PRODUCER},
    {"request.required.acks", BY_PRODUCER},
    {"enable.idempotence", BY_PRODUCER},
    {"enable.gapless.guarantee", BY_PRODUCER},
    {"max.in.flight", BY_PRODUCER},
    {"max.in.flight.requests.per.connection", BY_PRODUCER},
    {"retries", BY_PRODUCER},
    {"message.send.max.retries", BY_PRODUCER},
    {"delivery.report.only.error", "the state is tied to the offsets in the delivery reports"},
    {"queuing.strategy", BY_PRODUCER},
    {"allow.auto.create.topics",
     "topics need equal partition counts and their own settings: kontune topics create"},
    {"plugin.library.paths", "plugins may change records and offsets behind the worker's back"},
};
const size_t kt_kafka_refusals_count = sizeof kt_kafka_refusals / sizeof kt_kafka_refusals[0];

bool kt_kafka_property_is_secret(struct kt_str name) {
    static const char *const words[] = {"password", "secret", "key", "jaas", "token", "credential",
                                        /* a free text that may hold a secret */
                                        "sasl.oauthbearer.config"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (memmem(name.data, name.len, words[i], strlen(words[i])) != NULL) {
            return true;
        }
    }
    return false;
}

struct kt_str kt_kafka_property_canonical(struct kt_str name) {
    return kt_str_equal(name, KT_STR("metadata.broker.list")) ? KT_STR("bootstrap.servers") : name;
}

/* ---- librdkafka's own list of properties ------------------------------------------------- */

#define PROPERTIES_MAX 512

/* Its printed table, "name | C/P | range | …" per line, cut into names and scopes. */
struct properties {
    char *table; /* malloc'd */
    size_t count;
    const char *names[PROPERTIES_MAX];
    char scopes[PROPERTIES_MAX]; /* C: consumer, P: producer, *: both */
};

static void cut(struct properties *list) {
    for (char *line = list->table; line != NULL && list->count < PROPERTIES_MAX;) {
        char *next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        char *end = line + strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789._");
        char *bar = strchr(end, '|');
        if (end > line && bar != NULL) {
            *end = '\0';
            list->names[list->count] = line;
            list->scopes[list->count++] = bar[1 + strspn(bar + 1, " ")];
        }
        line = next;
    }
}

/* False when out of memory. */
static bool list_properties(struct properties *list) {
    *list = (struct properties){0};
    size_t size = 0;
    FILE *memory = open_memstream(&list->table, &size);
    if (memory == NULL) {
        return false;
    }
    rd_kafka_conf_properties_show(memory);
    if (fclose(memory) != 0) {
        free(list->table);
        return false;
    }
    cut(list);
    return true;
}

bool kt_kafka_property_is_for(const char *name, enum kt_kafka_role role) {
    struct properties list;
    if (!list_properties(&list)) {
        return true;
    }
    const char other = role == KT_KAFKA_CONSUMER ? 'P' : 'C';
    bool used = true;
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.names[i], name) == 0) {
            used = list.scopes[i] != other;
            break;
        }
    }
    free(list.table);
    return used;
}

static enum kt_err unknown(struct kt_str name, struct kt_error *error) {
    struct properties list;
    if (!list_properties(&list)) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    const char *nearest = kt_nearest_name(name, list.names, list.count);
    enum kt_err err;
    if (nearest != NULL) {
        err = kt_fail(error, KT_ERR_NOT_FOUND, "unknown librdkafka property; did you mean '%s'?",
                      nearest);
    } else {
        err = kt_fail(error, KT_ERR_NOT_FOUND, "unknown librdkafka property");
    }
    free(list.table);
    return err;
}

enum kt_err kt_kafka_property_check(rd_kafka_conf_t *scratch, struct kt_str name,
                                    struct kt_str value, bool show, struct kt_error *error) {
    for (size_t i = 0; i < kt_kafka_refusals_count; i++) {
        if (kt_str_equal(name, kt_str_of(kt_kafka_refusals[i].name))) {
            return kt_fail(error, KT_ERR_CONFIG, "may not be set: %s", kt_kafka_refusals[i].why);
        }
    }
    if (value.len == 0 && kt_str_equal(name, KT_STR("bootstrap.servers"))) {
        return kt_fail(error, KT_ERR_CONFIG, "expected host:port, …, got ''");
    }
    char text[256] = "";
    switch (rd_kafka_conf_set(scratch, name.data, value.data, text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        return KT_ERR_OK;
    case RD_KAFKA_CONF_UNKNOWN:
        return unknown(name, error);
    default:
        break;
    }
    if (!show) {
        return kt_fail(error, KT_ERR_CONFIG, "librdkafka refuses the value (which is not shown)");
    }
    text[strcspn(text, "\n")] = '\0';
    return kt_fail(error, KT_ERR_CONFIG, "librdkafka refuses it: %s", text);
}
