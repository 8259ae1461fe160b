/* SPDX-License-Identifier: GPL-3.0-or-later
 * Partitions that come and go: what the session commits before it gives them up, and restores
 * before it reads them. */
#include "consumer/log.h"
#include "consumer/session_internal.h"

#include <inttypes.h>

#define COMMITTED_TIMEOUT_MS 20000
#define RESTORE_STALL_MS     60000
#define RESTORE_WAIT_MS      10
/* Of a topic's name (at most 249 bytes) and a partition. */
#define WHERE_BYTES 288

void kt_session_drop(struct kt_session *session) {
    kt_restore_free(session->restore);
    session->restore = NULL;
    for (size_t i = 0; i < session->assignment.count; i++) {
        kt_stage_drop(session->stage, session->assignment.partitions[i].id);
    }
    kt_assignment_revoke(&session->assignment);
}

static void on_revoke(struct kt_session *session) {
    const bool open = session->publisher != NULL && kt_publisher_is_open(session->publisher);
    const bool lost = rd_kafka_assignment_lost(session->consumer) != 0;
    enum kt_err err = KT_ERR_OK;
    if (open && !lost && !session->closing) {
        err = kt_session_commit(session, &session->failure);
    }
    if (open && (lost || session->closing || err == KT_ERR_KAFKA_ABORT)) {
        session->counters.aborts++;
        kt_log(session->log, KT_LOG_WARN, "transaction aborted: %s",
               err == KT_ERR_KAFKA_ABORT ? session->failure.message : "partitions are lost");
        err = kt_publisher_abort(session->publisher, &session->failure);
    }
    kt_store_abort(session->store);
    if (err != KT_ERR_OK) {
        session->failed = err;
    }
    if (session->assignment.phase != KT_ASSIGNMENT_NONE) {
        kt_log(session->log, KT_LOG_INFO, "partitions %s: %zu", lost ? "lost" : "revoked",
               session->assignment.count);
    }
    kt_session_drop(session);
    rd_kafka_assign(session->consumer, NULL);
}

static void on_assign(struct kt_session *session, const rd_kafka_topic_partition_list_t *list) {
    kt_session_drop(session);
    enum kt_err err = kt_assignment_assign(&session->assignment, list, &session->failure);
    if (err != KT_ERR_OK) {
        session->failed = err;
    }
    kt_log(session->log, KT_LOG_INFO, "partitions assigned: %d", list->cnt);
    /* Nothing is fetched before the state is restored. Assigning and pausing would lose offsets. */
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    rd_kafka_assign(session->consumer, none);
    rd_kafka_topic_partition_list_destroy(none);
}

static enum kt_err plan_partition(struct kt_session *session, struct kt_owned_partition *partition,
                                  struct kt_error *error) {
    int64_t low, high, watermark, saved_at_ms;
    enum kt_err err = kt_cluster_offsets(session->cluster, session->config->topics.changelog,
                                         partition->id, &low, &high, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    err = kt_store_begin(session->store, error);
    if (err == KT_ERR_OK) {
        err = kt_store_watermark_get(session->store, (uint32_t)partition->id, &watermark,
                                     &saved_at_ms, error);
        kt_store_abort(session->store);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    const struct kt_restore_plan plan = kt_restore_plan(
        watermark, saved_at_ms, low, high, kt_clock_wall_ms(), session->delete_retention_ms);
    if (plan.wipe) {
        kt_log(session->log, KT_LOG_INFO,
               "partition %" PRId32 ": state wiped, its changelog offset %" PRId64
               " is too old or not of the log %" PRId64 " to %" PRId64,
               partition->id, watermark, low, high);
    }
    return kt_restore_add(session->restore, partition->id, plan, error);
}

/* Offsets first, ends of the changelog second: see restore.h. */
static enum kt_err begin_restore(struct kt_session *session, struct kt_error *error) {
    struct kt_assignment *assignment = &session->assignment;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)assignment->count);
    for (size_t i = 0; i < assignment->count; i++) {
        rd_kafka_topic_partition_list_add(list, session->config->topics.metrics,
                                          assignment->partitions[i].id);
    }
    const rd_kafka_resp_err_t code =
        rd_kafka_committed(session->consumer, list, COMMITTED_TIMEOUT_MS);
    enum kt_err err = KT_ERR_OK;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = kt_client_fail(session->client, error,
                             kt_client_is_final(code) ? KT_ERR_CONFIG : KT_ERR_KAFKA,
                             "committed offsets: %s", rd_kafka_err2str(code));
    }
    for (int i = 0; i < list->cnt && err == KT_ERR_OK; i++) {
        kt_assignment_find(assignment, list->elems[i].partition)->committed = list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_conf_t *conf = NULL;
    if (err == KT_ERR_OK) {
        err = kt_config_kafka_for(session->config, KT_KAFKA_CONSUMER, &conf, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    kt_client_attach(session->client, conf);
    struct kt_restore_options options = {.conf = conf,
                                         .topic = session->config->topics.changelog,
                                         .store = session->store,
                                         .stall_ms = RESTORE_STALL_MS};
    err = kt_restore_new(&options, &session->restore, error);
    session->restore_begun_ms = kt_clock_ms();
    for (size_t i = 0; i < assignment->count && err == KT_ERR_OK; i++) {
        err = plan_partition(session, &assignment->partitions[i], error);
    }
    return err;
}

enum kt_err kt_session_open_partition(struct kt_session *session,
                                      const struct kt_owned_partition *partition,
                                      struct kt_error *error) {
    enum kt_err err = kt_stage_open(session->stage, partition->id, error);
    if (err == KT_ERR_OK && partition->restarted) {
        kt_stage_restart(session->stage, partition->id, partition->committed);
    }
    return err;
}

static void log_start(struct kt_session *session, const struct kt_owned_partition *partition,
                      const struct kt_start *start, int64_t next_offset, int64_t high) {
    char where[WHERE_BYTES];
    snprintf(where, sizeof where, "%s partition %" PRId32, session->config->topics.metrics,
             partition->id);
    switch (start->why) {
    case KT_START_FIRST:
    case KT_START_COMMITTED:
        return;
    case KT_START_DELETED:
        kt_log(session->log, KT_LOG_WARN,
               "%s: offsets %" PRId64 " to %" PRId64 " were deleted before they were read", where,
               partition->committed, start->offset);
        return;
    case KT_START_OTHER_LOG:
        kt_log(session->log, KT_LOG_WARN,
               "%s: the state has read up to offset %" PRId64 " and the group up to %" PRId64
               ", but the log ends at %" PRId64 ": it is another log (the topic was made again, or "
               "its end was cut off); reading from offset %" PRId64
               ", closed windows are not decided again",
               where, next_offset, partition->committed, high, start->offset);
        return;
    case KT_START_NO_OFFSET:
        kt_log(session->log, KT_LOG_WARN,
               "%s: the state has read up to offset %" PRId64
               ", but the group has no offset: the topic was made again, or the group's offsets "
               "have expired; reading from offset %" PRId64
               ", closed windows are not decided again",
               where, next_offset, start->offset);
        return;
    }
}

/* Opens a restored partition in the stage and finds where it is to be read from. */
static enum kt_err start_partition(struct kt_session *session, struct kt_owned_partition *partition,
                                   struct kt_error *error) {
    int64_t low, high;
    enum kt_err err = kt_cluster_offsets(session->cluster, session->config->topics.metrics,
                                         partition->id, &low, &high, error);
    if (err == KT_ERR_OK) {
        err = kt_stage_open(session->stage, partition->id, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    const int64_t next_offset = kt_stage_next_offset(session->stage, partition->id);
    const struct kt_start start = kt_start_of(partition->committed, next_offset, low, high);
    log_start(session, partition, &start, next_offset, high);
    partition->in_group = start.why == KT_START_COMMITTED;
    partition->committed = start.offset;
    partition->next = start.offset;
    partition->restarted = start.restart;
    if (start.restart) {
        kt_stage_restart(session->stage, partition->id, start.offset);
    }
    return KT_ERR_OK;
}

static enum kt_err open_partitions(struct kt_session *session, struct kt_error *error) {
    enum kt_err err = kt_store_begin(session->store, error);
    for (size_t i = 0; i < session->assignment.count && err == KT_ERR_OK; i++) {
        err = start_partition(session, &session->assignment.partitions[i], error);
    }
    kt_store_abort(session->store); /* nothing was written */
    return err;
}

/* RESTORING → ACTIVE. */
static enum kt_err activate(struct kt_session *session, struct kt_error *error) {
    const struct kt_restore_progress progress = kt_restore_progress(session->restore);
    session->counters.restored += progress.records;
    kt_restore_free(session->restore);
    session->restore = NULL;
    enum kt_err err = open_partitions(session, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (progress.skipped > 0) {
        kt_log(session->log, KT_LOG_WARN, "topic %s holds %" PRId64 " records that are not ours",
               session->config->topics.changelog, progress.skipped);
    }
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)session->assignment.count);
    for (size_t i = 0; i < session->assignment.count; i++) {
        const struct kt_owned_partition *partition = &session->assignment.partitions[i];
        rd_kafka_topic_partition_list_add(list, session->config->topics.metrics, partition->id)
            ->offset = partition->committed;
    }
    const rd_kafka_resp_err_t code = rd_kafka_assign(session->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kt_fail(error, KT_ERR_KAFKA, "assign: %s", rd_kafka_err2str(code));
    }
    kt_assignment_activate(&session->assignment);
    kt_log(session->log, KT_LOG_INFO,
           "restored %zu partitions from %" PRId64 " changelog records in %" PRId64 " ms",
           session->assignment.count, progress.records, kt_clock_ms() - session->restore_begun_ms);
    return KT_ERR_OK;
}

enum kt_err kt_session_restore(struct kt_session *session, struct kt_error *error) {
    enum kt_err err = KT_ERR_OK;
    if (session->restore == NULL) {
        err = begin_restore(session, error);
    }
    bool done = false;
    if (err == KT_ERR_OK) {
        err = kt_restore_step(session->restore, RESTORE_WAIT_MS, kt_clock_wall_ms(), &done, error);
    }
    return err == KT_ERR_OK && done ? activate(session, error) : err;
}

void kt_session_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t *list, void *opaque) {
    (void)rk;
    /* The conf's opaque is the client's; the session stands behind it. */
    struct kt_client *client = opaque;
    struct kt_session *session = client->owner;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !session->closing) {
        on_assign(session, list);
    } else {
        on_revoke(session);
    }
}
