/* SPDX-License-Identifier: GPL-3.0-or-later
 * The topics of a stage through Kafka's Admin API. */
#include "ops/topics.h"

#include "consumer/log.h"
#include "producer/clock.h"

#include <inttypes.h>
#include <time.h>

#define CREATE_MS  30000
#define LEADERS_MS 30000
#define LOOK_MS    50

struct setting {
    const char *name;
    const char *value;
};

/* The changelog is compacted soon (its keys change with every window, and a restore reads what is
 * left), but tombstones stay for a day: so long may a worker be away and still go on from its own
 * state folder. */
static const struct setting changelog_settings[] = {
    {"cleanup.policy", "compact"}, {"min.cleanable.dirty.ratio", "0.1"}, {"segment.ms", "3600000"},
    {"segment.bytes", "67108864"}, {"delete.retention.ms", "86400000"},
};
static const struct setting plain_settings[] = {{"cleanup.policy", "delete"}};

enum kt_err kt_topics_look(struct kt_cluster *cluster, const struct kt_topics *topics,
                           struct kt_topic_state states[KT_TOPICS_COUNT], struct kt_error *error) {
    const struct kt_topic_state wanted[KT_TOPICS_COUNT] = {
        {.role = "metrics", .cleanup = "delete", .info = {.name = topics->metrics}},
        {.role = "commands", .cleanup = "delete", .info = {.name = topics->commands}},
        {.role = "outcomes", .cleanup = "delete", .info = {.name = topics->outcomes}},
        {.role = "changelog", .cleanup = "compact", .info = {.name = topics->changelog}},
        {.role = "dlq", .cleanup = "delete", .info = {.name = topics->dlq}},
    };
    struct kt_topic_info infos[KT_TOPICS_COUNT];
    for (size_t i = 0; i < KT_TOPICS_COUNT; i++) {
        const bool created = states[i].created;
        states[i] = wanted[i];
        states[i].created = created;
        infos[i] = wanted[i].info;
    }
    enum kt_err err = kt_cluster_topics(cluster, infos, KT_TOPICS_COUNT, error);
    for (size_t i = 0; i < KT_TOPICS_COUNT && err == KT_ERR_OK; i++) {
        states[i].info = infos[i];
        if (infos[i].partitions == 0) {
            continue;
        }
        struct kt_error untold;
        err = kt_cluster_setting(cluster, infos[i].name, "cleanup.policy", states[i].cleanup_found,
                                 sizeof states[i].cleanup_found, &untold);
        if (err == KT_ERR_NOT_FOUND) {
            states[i].cleanup_found[0] = '\0';
            err = KT_ERR_OK;
        } else if (err != KT_ERR_OK) {
            return kt_fail(error, err, "%s", untold.message);
        }
    }
    return err;
}

/* The number of partitions that all topics must have; 0 when none exists. */
static int32_t common_partitions(const struct kt_topic_state states[KT_TOPICS_COUNT]) {
    for (size_t i = 0; i < KT_TOPICS_COUNT; i++) {
        if (states[i].info.partitions > 0) {
            return states[i].info.partitions;
        }
    }
    return 0;
}

int kt_topics_judge(struct kt_topic_state states[KT_TOPICS_COUNT]) {
    const int32_t partitions = common_partitions(states);
    int problems = 0;
    for (size_t i = 0; i < KT_TOPICS_COUNT; i++) {
        struct kt_topic_state *state = &states[i];
        char *text = state->problem;
        text[0] = '\0';
        if (state->info.partitions == 0) {
            snprintf(text, sizeof state->problem,
                     "missing: `kontune topics create -c FILE` creates it");
        } else if (state->info.partitions != partitions) {
            snprintf(text, sizeof state->problem,
                     "must have %" PRId32 " partitions, as the first topic: recreate it",
                     partitions);
        } else if (state->cleanup_found[0] != '\0' &&
                   strcmp(state->cleanup_found, state->cleanup) != 0) {
            snprintf(text, sizeof state->problem,
                     "must have cleanup.policy=%s: set it with kafka-configs", state->cleanup);
        } else if (!state->info.has_leaders) {
            snprintf(text, sizeof state->problem, "a partition has no leader: look at the brokers");
        }
        problems += text[0] != '\0';
    }
    return problems;
}

static enum kt_err add_topic(const struct kt_topic_state *state, int32_t partitions,
                             int32_t replicas, rd_kafka_NewTopic_t **out, struct kt_error *error) {
    char text[256];
    /* Kafka's word for "the broker's default" is -1. */
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        state->info.name, partitions, replicas > 0 ? replicas : -1, text, sizeof text);
    if (topic == NULL) {
        return kt_fail(error, KT_ERR_CONFIG, "topic %s: %s", state->info.name, text);
    }
    const bool compact = strcmp(state->cleanup, "compact") == 0;
    const struct setting *settings = compact ? changelog_settings : plain_settings;
    const size_t count = compact ? sizeof changelog_settings / sizeof changelog_settings[0]
                                 : sizeof plain_settings / sizeof plain_settings[0];
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_NewTopic_set_config(topic, settings[i].name, settings[i].value) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_NewTopic_destroy(topic);
            return kt_fail(error, KT_ERR_CONFIG, "topic %s: %s", state->info.name,
                           settings[i].name);
        }
    }
    *out = topic;
    return KT_ERR_OK;
}

/* Sees to every topic's own result. */
static enum kt_err read_results(rd_kafka_event_t *event,
                                struct kt_topic_state states[KT_TOPICS_COUNT],
                                struct kt_error *error) {
    if (event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kt_fail(error, KT_ERR_KAFKA, "topics were not created: %s",
                       event == NULL ? "no answer" : rd_kafka_event_error_string(event));
    }
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        result == NULL ? NULL : rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; results != NULL && i < count; i++) {
        const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        const char *name = rd_kafka_topic_result_name(results[i]);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            for (size_t s = 0; s < KT_TOPICS_COUNT; s++) {
                states[s].created |= strcmp(states[s].info.name, name) == 0;
            }
        } else if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            const char *why = rd_kafka_topic_result_error_string(results[i]);
            return kt_fail(error, KT_ERR_CONFIG, "topic %s was not created: %s%s", name,
                           why != NULL ? why : rd_kafka_err2str(code),
                           code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR
                               ? " (replication_factor in [topics])"
                               : "");
        }
    }
    return KT_ERR_OK;
}

static enum kt_err request(struct kt_cluster *cluster, rd_kafka_NewTopic_t **wanted, size_t count,
                           struct kt_topic_state states[KT_TOPICS_COUNT], struct kt_error *error) {
    rd_kafka_t *rk = kt_cluster_handle(cluster);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char text[128];
    enum kt_err err = KT_ERR_OK;
    if (rd_kafka_AdminOptions_set_request_timeout(options, CREATE_MS, text, sizeof text) !=
            RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_AdminOptions_set_operation_timeout(options, CREATE_MS, text, sizeof text) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = kt_fail(error, KT_ERR_KAFKA, "topics were not created: %s", text);
    } else {
        rd_kafka_CreateTopics(rk, wanted, count, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CREATE_MS + 1000);
        err = read_results(event, states, error);
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return err;
}

static bool all_led(const struct kt_topic_state states[KT_TOPICS_COUNT]) {
    for (size_t i = 0; i < KT_TOPICS_COUNT; i++) {
        if (states[i].info.partitions == 0 || !states[i].info.has_leaders) {
            return false;
        }
    }
    return true;
}

/* CreateTopics returns before every broker knows the topic. */
static enum kt_err wait_for_leaders(struct kt_cluster *cluster, const struct kt_topics *topics,
                                    struct kt_topic_state states[KT_TOPICS_COUNT],
                                    struct kt_error *error) {
    const int64_t deadline = kt_clock_ms() + LEADERS_MS;
    for (;;) {
        enum kt_err err = kt_topics_look(cluster, topics, states, error);
        if (err != KT_ERR_OK || all_led(states)) {
            return err;
        }
        if (kt_clock_ms() >= deadline) {
            return kt_fail(error, KT_ERR_KAFKA, "topics have no leaders after %d s",
                           LEADERS_MS / 1000);
        }
        const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
        nanosleep(&look, NULL);
    }
}

enum kt_err kt_topics_create(struct kt_cluster *cluster, const struct kt_topics *topics,
                             struct kt_topic_state states[KT_TOPICS_COUNT],
                             struct kt_error *error) {
    enum kt_err err = kt_topics_look(cluster, topics, states, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const int32_t found = common_partitions(states);
    const int32_t partitions = found > 0 ? found : topics->partitions;
    rd_kafka_NewTopic_t *wanted[KT_TOPICS_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < KT_TOPICS_COUNT && err == KT_ERR_OK; i++) {
        if (states[i].info.partitions == 0) {
            err = add_topic(&states[i], partitions, topics->replication_factor, &wanted[count],
                            error);
            count += err == KT_ERR_OK;
        }
    }
    if (err == KT_ERR_OK && count > 0) {
        err = request(cluster, wanted, count, states, error);
    }
    rd_kafka_NewTopic_destroy_array(wanted, count);
    return err == KT_ERR_OK ? wait_for_leaders(cluster, topics, states, error) : err;
}
