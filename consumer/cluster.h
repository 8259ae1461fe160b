/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the program asks of a Kafka cluster beside reading and writing: is it there, which topics
 * has it, how long are their logs, how are they set.
 *
 * The handle is in no group and reads uncommitted: the end of a log that it tells is the high
 * watermark, behind records of transactions that are still open. */
#ifndef KT_CONSUMER_CLUSTER_H
#define KT_CONSUMER_CLUSTER_H

#include "consumer/config.h"
#include "producer/client.h"

struct kt_cluster;

/* Waits until a broker answers, at most timeout_ms. KT_ERR_KAFKA: none did; the message names the
 * servers and librdkafka's reason. KT_ERR_CONFIG: a property, or the broker refuses us
 * (credentials, certificate), which is told without waiting any longer. KT_ERR_STOPPED: the
 * client's stop became true. */
KT_MUST_CHECK enum kt_err kt_cluster_connect(const struct kt_config *config,
                                             struct kt_client *client, int timeout_ms,
                                             struct kt_cluster **out, struct kt_error *error);
void kt_cluster_free(struct kt_cluster *cluster);

/* The cluster's own id. Valid as long as the cluster. */
const char *kt_cluster_id(const struct kt_cluster *cluster);
rd_kafka_t *kt_cluster_handle(struct kt_cluster *cluster);

struct kt_topic_info {
    const char *name;       /* given by the caller */
    int32_t partitions;     /* 0: there is no such topic */
    int32_t replicas_least; /* of any of its partitions */
    bool has_leaders;       /* every partition has one */
};
/* Fills the infos of the topics that they name. Never creates one. */
KT_MUST_CHECK enum kt_err kt_cluster_topics(struct kt_cluster *cluster, struct kt_topic_info *infos,
                                            size_t count, struct kt_error *error);

/* The worker's conditions: all four topics exist and have the same number of partitions, for a job
 * must have its events, its state and its commands under one number. KT_ERR_CONFIG says which do
 * not and what to do. *partitions: their number. */
KT_MUST_CHECK enum kt_err kt_cluster_check(struct kt_cluster *cluster,
                                           const struct kt_topics *topics, int32_t *partitions,
                                           struct kt_error *error);

/* The same on what is already known (pure). */
KT_MUST_CHECK enum kt_err kt_topics_agree(const struct kt_topic_info *infos, size_t count,
                                          struct kt_error *error);

/* First offset of a partition's log and the one behind its last (high watermark). */
KT_MUST_CHECK enum kt_err kt_cluster_offsets(struct kt_cluster *cluster, const char *topic,
                                             int32_t partition, int64_t *low, int64_t *high,
                                             struct kt_error *error);

/* One setting of a topic as text into value. KT_ERR_NOT_FOUND: the broker does not tell (no right
 * to ask, or it does not know the request). */
KT_MUST_CHECK enum kt_err kt_cluster_setting(struct kt_cluster *cluster, const char *topic,
                                             const char *name, char *value, size_t size,
                                             struct kt_error *error);

#endif
