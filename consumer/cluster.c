/* SPDX-License-Identifier: GPL-3.0-or-later
 * Questions to a Kafka cluster: reachability, topics, offsets, settings. */
#include "consumer/cluster.h"

#include "consumer/log.h"
#include "producer/clock.h"

#include <inttypes.h>
#include <stdlib.h>

/* One try of a connection; between tries the reason is looked at. */
#define CONNECT_TRY_MS 500
#define REQUEST_MS     15000
/* A broker that does not tell its settings (an embedded one, an old one) should not hold a start
 * up. */
#define SETTING_MS 2000
#define TOPICS_MAX 16

struct kt_cluster {
    rd_kafka_t *rk;
    struct kt_client *client;
    char *id;
};

/* The configured bootstrap servers, for messages. */
static const char *servers(const struct kt_config *config) {
    for (size_t i = 0; i < config->kafka.count; i++) {
        const char *name = config->kafka.items[i].name;
        if (strcmp(name, "bootstrap.servers") == 0 || strcmp(name, "metadata.broker.list") == 0) {
            return config->kafka.items[i].value;
        }
    }
    return "(no bootstrap.servers in [kafka])";
}

static enum kt_err make_handle(const struct kt_config *config, struct kt_cluster *cluster,
                               struct kt_error *error) {
    rd_kafka_conf_t *conf = NULL;
    enum kt_err err = kt_config_kafka_for(config, KT_KAFKA_CONSUMER, &conf, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    kt_client_attach(cluster->client, conf);
    err = kt_client_set(conf, "isolation.level", "read_uncommitted", error);
    if (err == KT_ERR_OK) {
        err = kt_client_set(conf, "allow.auto.create.topics", "false", error);
    }
    if (err == KT_ERR_OK) {
        char text[256];
        cluster->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
        if (cluster->rk != NULL) {
            return KT_ERR_OK;
        }
        err = kt_fail(error, KT_ERR_CONFIG, "Kafka client: %s", text);
    }
    rd_kafka_conf_destroy(conf);
    return err;
}

static enum kt_err wait_for_broker(struct kt_cluster *cluster, const struct kt_config *config,
                                   int timeout_ms, struct kt_error *error) {
    const int64_t deadline = kt_clock_ms() + timeout_ms;
    for (;;) {
        const struct rd_kafka_metadata *metadata = NULL;
        const rd_kafka_resp_err_t code =
            rd_kafka_metadata(cluster->rk, 0, NULL, &metadata, CONNECT_TRY_MS);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(metadata);
            cluster->id = rd_kafka_clusterid(cluster->rk, REQUEST_MS);
            return KT_ERR_OK;
        }
        rd_kafka_poll(cluster->rk, 0); /* collects the reason */
        if (kt_client_is_refused(cluster->client)) {
            return kt_client_fail(cluster->client, error, KT_ERR_CONFIG,
                                  "Kafka at %s refuses the connection", servers(config));
        }
        if (cluster->client->stop != NULL && atomic_load(cluster->client->stop)) {
            return kt_fail(error, KT_ERR_STOPPED, "stopped before a broker answered at %s",
                           servers(config));
        }
        if (kt_clock_ms() >= deadline) {
            return kt_client_fail(cluster->client, error, KT_ERR_KAFKA,
                                  "no Kafka broker answered at %s within %d s", servers(config),
                                  timeout_ms / 1000);
        }
    }
}

enum kt_err kt_cluster_connect(const struct kt_config *config, struct kt_client *client,
                               int timeout_ms, struct kt_cluster **out, struct kt_error *error) {
    struct kt_cluster *cluster = calloc(1, sizeof *cluster);
    if (cluster == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "Kafka client");
    }
    cluster->client = client;
    enum kt_err err = make_handle(config, cluster, error);
    if (err == KT_ERR_OK) {
        err = wait_for_broker(cluster, config, timeout_ms, error);
    }
    if (err != KT_ERR_OK) {
        kt_cluster_free(cluster);
        return err;
    }
    *out = cluster;
    return KT_ERR_OK;
}

void kt_cluster_free(struct kt_cluster *cluster) {
    if (cluster == NULL) {
        return;
    }
    if (cluster->rk != NULL) {
        rd_kafka_mem_free(cluster->rk, cluster->id);
        rd_kafka_destroy(cluster->rk);
    }
    free(cluster);
}

const char *kt_cluster_id(const struct kt_cluster *cluster) {
    return cluster->id != NULL ? cluster->id : "unknown";
}

rd_kafka_t *kt_cluster_handle(struct kt_cluster *cluster) {
    return cluster->rk;
}

static void read_topic(const struct rd_kafka_metadata_topic *topic, struct kt_topic_info *info) {
    info->partitions = topic->partition_cnt;
    info->has_leaders = topic->partition_cnt > 0;
    info->replicas_least = INT32_MAX;
    for (int i = 0; i < topic->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *partition = &topic->partitions[i];
        if (partition->leader < 0) {
            info->has_leaders = false;
        }
        if (partition->replica_cnt < info->replicas_least) {
            info->replicas_least = partition->replica_cnt;
        }
    }
}

enum kt_err kt_cluster_topics(struct kt_cluster *cluster, struct kt_topic_info *infos, size_t count,
                              struct kt_error *error) {
    rd_kafka_topic_t *handles[TOPICS_MAX] = {NULL};
    if (count > TOPICS_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "%zu topics asked at once", count);
    }
    for (size_t i = 0; i < count; i++) {
        infos[i].partitions = 0;
        infos[i].replicas_least = 0;
        infos[i].has_leaders = false;
        handles[i] = rd_kafka_topic_new(cluster->rk, infos[i].name, NULL);
    }
    const struct rd_kafka_metadata *metadata = NULL;
    const rd_kafka_resp_err_t code = rd_kafka_metadata(cluster->rk, 0, NULL, &metadata, REQUEST_MS);
    rd_kafka_poll(cluster->rk, 0);
    enum kt_err err = KT_ERR_OK;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = kt_client_fail(cluster->client, error, KT_ERR_KAFKA, "metadata: %s",
                             rd_kafka_err2str(code));
    }
    for (int t = 0; err == KT_ERR_OK && t < metadata->topic_cnt; t++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[t];
        for (size_t i = 0; i < count && err == KT_ERR_OK; i++) {
            if (strcmp(infos[i].name, topic->topic) != 0) {
                continue;
            }
            if (topic->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
                topic->err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
                read_topic(topic, &infos[i]);
            } else if (topic->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
                       topic->err != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
                err = kt_fail(error, KT_ERR_CONFIG, "topic %s: %s", topic->topic,
                              rd_kafka_err2str(topic->err));
            }
        }
    }
    if (metadata != NULL) {
        rd_kafka_metadata_destroy(metadata);
    }
    for (size_t i = 0; i < count; i++) {
        if (handles[i] != NULL) {
            rd_kafka_topic_destroy(handles[i]);
        }
    }
    return err;
}

enum kt_err kt_topics_agree(const struct kt_topic_info *infos, size_t count,
                            struct kt_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (infos[i].partitions == 0) {
            return kt_fail(error, KT_ERR_CONFIG,
                           "topic %s does not exist; `kontune topics create -c FILE` creates what "
                           "is missing",
                           infos[i].name);
        }
    }
    for (size_t i = 1; i < count; i++) {
        if (infos[i].partitions != infos[0].partitions) {
            return kt_fail(error, KT_ERR_CONFIG,
                           "topic %s has %" PRId32 " partitions but topic %s has %" PRId32
                           "; they must have the same number",
                           infos[0].name, infos[0].partitions, infos[i].name, infos[i].partitions);
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_cluster_check(struct kt_cluster *cluster, const struct kt_topics *topics,
                             int32_t *partitions, struct kt_error *error) {
    struct kt_topic_info infos[] = {{.name = topics->metrics},
                                    {.name = topics->commands},
                                    {.name = topics->changelog},
                                    {.name = topics->dlq}};
    const size_t count = sizeof infos / sizeof infos[0];
    enum kt_err err = kt_cluster_topics(cluster, infos, count, error);
    if (err == KT_ERR_OK) {
        err = kt_topics_agree(infos, count, error);
    }
    *partitions = infos[0].partitions;
    return err;
}

enum kt_err kt_cluster_offsets(struct kt_cluster *cluster, const char *topic, int32_t partition,
                               int64_t *low, int64_t *high, struct kt_error *error) {
    const rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(cluster->rk, topic, partition, low, high, REQUEST_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_poll(cluster->rk, 0);
        return kt_client_fail(cluster->client, error, KT_ERR_KAFKA,
                              "offsets of %s partition %" PRId32 ": %s", topic, partition,
                              rd_kafka_err2str(code));
    }
    return KT_ERR_OK;
}

/* Copies the setting out of an answer to DescribeConfigs. */
static enum kt_err read_setting(rd_kafka_event_t *event, const char *topic, const char *name,
                                char *value, size_t size, struct kt_error *error) {
    const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
    size_t count = 0;
    const rd_kafka_ConfigResource_t **resources =
        result == NULL ? NULL : rd_kafka_DescribeConfigs_result_resources(result, &count);
    for (size_t i = 0; resources != NULL && i < count; i++) {
        size_t entry_count = 0;
        const rd_kafka_ConfigEntry_t **entries =
            rd_kafka_ConfigResource_configs(resources[i], &entry_count);
        for (size_t e = 0; e < entry_count; e++) {
            const char *text = rd_kafka_ConfigEntry_value(entries[e]);
            if (strcmp(rd_kafka_ConfigEntry_name(entries[e]), name) == 0 && text != NULL) {
                snprintf(value, size, "%s", text);
                return KT_ERR_OK;
            }
        }
    }
    return kt_fail(error, KT_ERR_NOT_FOUND, "the broker does not tell %s of topic %s", name, topic);
}

enum kt_err kt_cluster_setting(struct kt_cluster *cluster, const char *topic, const char *name,
                               char *value, size_t size, struct kt_error *error) {
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(cluster->rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(cluster->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    char text[128];
    rd_kafka_AdminOptions_set_request_timeout(options, SETTING_MS, text, sizeof text);
    rd_kafka_DescribeConfigs(cluster->rk, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, SETTING_MS);
    enum kt_err err;
    if (event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = kt_fail(error, KT_ERR_NOT_FOUND, "settings of topic %s: %s", topic,
                      event == NULL ? "no answer" : rd_kafka_event_error_string(event));
    } else {
        err = read_setting(event, topic, name, value, size, error);
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(resource);
    return err;
}
