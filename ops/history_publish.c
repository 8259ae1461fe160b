/* SPDX-License-Identifier: GPL-3.0-or-later
 * Publishes imported observations to the changelog topic, merged with what is there.
 *
 *   group empty? → restore each job's partition into a temporary state → merge there, collecting
 *   the changes → group still empty? → one transaction with the changes
 *
 * A worker that starts in between either restores behind the transaction's records (an open
 * transaction holds its restore back) or shows in the group before the commit. */
#include "ops/history_publish.h"

#include "consumer/cluster.h"
#include "consumer/log.h"
#include "consumer/restore.h"
#include "ops/temp_folder.h"
#include "producer/changelog.h"
#include "producer/clock.h"
#include "producer/publisher.h"

#include <stdlib.h>
#include <time.h>

#define TIMEOUT_MS     10000
#define RETRY_MS       100
#define STEP_WAIT_MS   100
#define TEMP_MAP_BYTES ((size_t)16 << 30) /* sparse */

struct publishing {
    const struct kt_config *config;
    struct kt_client client;
    struct kt_cluster *cluster;
    int32_t partitions;
    char *folder;
    struct kt_store *store;
    struct kt_durable *durable;
    struct kt_changelog *changes;
    struct kt_publisher *publisher;
};

/* ---- the group --------------------------------------------------------------------------- */

static enum kt_err check_group(struct publishing *p, struct kt_error *error) {
    const char *id = p->config->worker.group_id;
    const struct rd_kafka_group_list *list = NULL;
    const rd_kafka_resp_err_t code =
        rd_kafka_list_groups(kt_cluster_handle(p->cluster), id, &list, TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kt_client_fail(&p->client, error, KT_ERR_KAFKA, "group %s: %s", id,
                              rd_kafka_err2str(code));
    }
    int members = 0;
    for (int i = 0; i < list->group_cnt; i++) {
        if (strcmp(list->groups[i].group, id) == 0) {
            members += list->groups[i].member_cnt;
        }
    }
    rd_kafka_group_list_destroy(list);
    if (members > 0) {
        return kt_fail(error, KT_ERR_LOCKED,
                       "group %s has %d member%s: stop its workers first (a stopped worker leaves "
                       "its group after session.timeout.ms)",
                       id, members, members == 1 ? "" : "s");
    }
    return KT_ERR_OK;
}

/* ---- what is there ----------------------------------------------------------------------- */

/* The partition of a key as the publisher's partitioner (murmur2_random) chooses it. */
static void place_rows(const struct publishing *p, struct kt_history_rows *rows) {
    for (size_t i = 0; i < rows->count; i++) {
        struct kt_history_row *row = &rows->items[i];
        char key[1024];
        const int len = snprintf(key, sizeof key, "%.*s/%.*s", KT_STR_ARG(row->cluster),
                                 KT_STR_ARG(row->job_name));
        const size_t used = (size_t)len < sizeof key ? (size_t)len : sizeof key - 1;
        row->partition =
            (uint32_t)rd_kafka_msg_partitioner_murmur2(NULL, key, used, p->partitions, NULL, NULL);
    }
}

/* A topic that was just made, or a broker that was just lost, has no leader for a moment. */
static enum kt_err ask_offsets(struct publishing *p, int32_t partition, int64_t *low, int64_t *high,
                               struct kt_error *error) {
    const int64_t deadline = kt_clock_ms() + TIMEOUT_MS;
    for (;;) {
        const enum kt_err err = kt_cluster_offsets(p->cluster, p->config->topics.changelog,
                                                   partition, low, high, error);
        if (err != KT_ERR_KAFKA || kt_clock_ms() >= deadline) {
            return err;
        }
        const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

static enum kt_err add_partition(struct publishing *p, struct kt_restore *restore,
                                 int32_t partition, struct kt_error *error) {
    int64_t low = 0, high = 0;
    const enum kt_err err = ask_offsets(p, partition, &low, &high, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    const struct kt_restore_plan plan = {.first = low, .target = high};
    return kt_restore_add(restore, partition, plan, error);
}

static enum kt_err add_partitions(struct publishing *p, struct kt_restore *restore,
                                  const struct kt_history_rows *rows, struct kt_error *error) {
    bool *needed = calloc((size_t)p->partitions, sizeof *needed);
    if (needed == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < rows->count; i++) {
        needed[rows->items[i].partition] = true;
    }
    enum kt_err err = KT_ERR_OK;
    for (int32_t i = 0; i < p->partitions && err == KT_ERR_OK; i++) {
        if (needed[i]) {
            err = add_partition(p, restore, i, error);
        }
    }
    free(needed);
    return err;
}

static enum kt_err restore(struct publishing *p, const struct kt_history_rows *rows,
                           struct kt_error *error) {
    rd_kafka_conf_t *conf = NULL;
    enum kt_err err = kt_config_kafka_for(p->config, KT_KAFKA_CONSUMER, &conf, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    kt_client_attach(&p->client, conf);
    struct kt_restore_options options = {.conf = conf,
                                         .topic = p->config->topics.changelog,
                                         .store = p->store,
                                         .stall_ms = TIMEOUT_MS};
    struct kt_restore *work = NULL;
    err = kt_restore_new(&options, &work, error);
    if (err == KT_ERR_OK) {
        err = add_partitions(p, work, rows, error);
    }
    bool done = false;
    while (err == KT_ERR_OK && !done) {
        err = kt_restore_step(work, STEP_WAIT_MS, kt_clock_wall_ms(), &done, error);
    }
    kt_restore_free(work);
    return err;
}

/* ---- merging and publishing -------------------------------------------------------------- */

static enum kt_err keep_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                               struct kt_error *error) {
    struct publishing *p = ctx;
    return kt_changelog_put(p->changes, key, value, len, error);
}

static enum kt_err merge(struct publishing *p, struct kt_history_rows *rows,
                         struct kt_history_merged *merged, struct kt_error *error) {
    enum kt_err err = kt_store_begin(p->store, error);
    if (err == KT_ERR_OK) {
        err = kt_history_merge(p->durable, &p->config->settings, rows, merged, error);
    }
    kt_store_abort(p->store); /* the temporary state has done its work */
    return err;
}

static enum kt_err open_publisher(struct publishing *p, struct kt_error *error) {
    rd_kafka_conf_t *conf = NULL;
    enum kt_err err = kt_config_kafka_for(p->config, KT_KAFKA_PRODUCER, &conf, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    kt_client_attach(&p->client, conf);
    char id[512];
    snprintf(id, sizeof id, "%s-history-import", p->config->worker.group_id);
    struct kt_publisher_options options = {.conf = conf,
                                           .client = &p->client,
                                           .transactional_id = id,
                                           .source = "kontune/history-import",
                                           .commands_topic = p->config->topics.commands,
                                           .changelog_topic = p->config->topics.changelog,
                                           .dead_letter_topic = p->config->topics.dlq,
                                           .timeout_ms = TIMEOUT_MS};
    return kt_publisher_new(&options, &p->publisher, error);
}

static enum kt_err publish(struct publishing *p, struct kt_error *error) {
    enum kt_err err = open_publisher(p, error);
    if (err == KT_ERR_OK) {
        err = kt_publisher_begin(p->publisher, error);
    }
    const bool begun = err == KT_ERR_OK;
    for (size_t i = 0; i < kt_changelog_count(p->changes) && err == KT_ERR_OK; i++) {
        const void *value = NULL;
        size_t len = 0;
        const struct kt_store_key key = kt_changelog_at(p->changes, i, &value, &len);
        err = kt_publisher_change(p->publisher, key, value, len, error);
    }
    if (err == KT_ERR_OK) {
        err = check_group(p, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_publisher_commit(p->publisher, NULL, NULL, error);
    }
    if (err != KT_ERR_OK && begun) {
        /* What is left open, Kafka aborts after the transaction's timeout. */
        struct kt_error ignored;
        (void)(kt_publisher_abort(p->publisher, &ignored) == KT_ERR_OK);
    }
    return err;
}

static enum kt_err open_all(struct publishing *p, struct kt_error *error) {
    enum kt_err err = kt_cluster_connect(p->config, &p->client, TIMEOUT_MS, &p->cluster, error);
    if (err == KT_ERR_OK) {
        err = kt_cluster_check(p->cluster, &p->config->topics, &p->partitions, error);
    }
    if (err == KT_ERR_OK) {
        err = check_group(p, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_temp_folder_make(&p->folder, error);
    }
    if (err == KT_ERR_OK) {
        const struct kt_store_options options = {
            .path = p->folder, .identity = "history import", .map_bytes = TEMP_MAP_BYTES};
        err = kt_store_open(&options, &p->store, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_durable_new(p->store, keep_change, p, &p->durable, error);
    }
    if (err == KT_ERR_OK && (p->changes = kt_changelog_new()) == NULL) {
        err = kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    return err;
}

enum kt_err kt_history_publish(const struct kt_config *config, struct kt_history_rows *rows,
                               struct kt_history_merged *merged, struct kt_error *error) {
    struct publishing p = {.config = config};
    *merged = (struct kt_history_merged){0};
    enum kt_err err = open_all(&p, error);
    if (err == KT_ERR_OK) {
        place_rows(&p, rows);
        err = restore(&p, rows, error);
    }
    if (err == KT_ERR_OK) {
        err = merge(&p, rows, merged, error);
    }
    if (err == KT_ERR_OK && merged->records > 0) {
        err = publish(&p, error);
    }
    kt_publisher_free(p.publisher);
    kt_changelog_free(p.changes);
    kt_durable_free(p.durable);
    kt_store_close(p.store);
    kt_temp_folder_remove(p.folder);
    kt_cluster_free(p.cluster);
    return err;
}
