/* SPDX-License-Identifier: GPL-3.0-or-later
 * One life of the worker's Kafka side: records, transactions, and the making and closing of both
 * clients. */
#include "consumer/log.h"
#include "consumer/session_internal.h"

#include <inttypes.h>

/* Of init, commit and abort: longer than the broker keeps a dead predecessor's transaction. */
#define PUBLISHER_TIMEOUT_MS 30000
/* Waits for a record: short with a transaction open, whose age must be looked at. */
#define POLL_OPEN_MS 2
#define POLL_IDLE_MS 20
/* Records taken between two looks at the clock. */
#define POLL_RECORDS_MAX 256
/* So many aborts without one commit between them are a broken producer. */
#define ABORTS_IN_ROW_MAX 10
#define REFUSED_LOG_MS    1000

/* ---- transactions -------------------------------------------------------------------------- */

static enum kt_err sink_command(void *ctx, const struct kt_rescale_command *command,
                                struct kt_error *error) {
    struct kt_session *session = ctx;
    return kt_publisher_command(session->publisher, command, error);
}

static enum kt_err sink_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                               struct kt_error *error) {
    struct kt_session *session = ctx;
    return kt_publisher_change(session->publisher, key, value, len, error);
}

struct kt_stage_sink kt_session_sink(struct kt_session *session) {
    return (struct kt_stage_sink){.ctx = session, .command = sink_command, .change = sink_change};
}

static enum kt_err begin(struct kt_session *session, struct kt_error *error) {
    enum kt_err err = kt_store_begin(session->store, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    err = kt_publisher_begin(session->publisher, error);
    if (err != KT_ERR_OK) {
        kt_store_abort(session->store);
        return err;
    }
    session->begun_ms = kt_clock_ms();
    session->transaction_records = 0;
    return KT_ERR_OK;
}

static int64_t low_water(void *ctx, int32_t partition) {
    const struct kt_session *session = ctx;
    return kt_stage_low_water(session->stage, partition);
}

/* The stage's last writes before the commit. */
static enum kt_err flush(struct kt_session *session, struct kt_error *error) {
    for (size_t i = 0; i < session->assignment.count; i++) {
        const struct kt_owned_partition *partition = &session->assignment.partitions[i];
        if (partition->touched) {
            enum kt_err err = kt_stage_flush(session->stage, partition->id, error);
            if (err != KT_ERR_OK) {
                return err;
            }
        }
    }
    return KT_ERR_OK;
}

static enum kt_err put_watermarks(struct kt_session *session, struct kt_error *error) {
    const int64_t now_ms = kt_clock_wall_ms();
    for (size_t i = 0; i < session->assignment.count; i++) {
        const int32_t id = session->assignment.partitions[i].id;
        const int64_t next = kt_publisher_changelog_next(session->publisher, id);
        if (next < 0) {
            continue;
        }
        enum kt_err err = kt_store_watermark_put(session->store, (uint32_t)id, next, now_ms, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

/* After Kafka. A store that cannot follow ends the worker: the stage's memory is then ahead of it,
 * and only a restore from the changelog makes them one again. */
static enum kt_err commit_store(struct kt_session *session, struct kt_error *error) {
    enum kt_err err = put_watermarks(session, error);
    if (err == KT_ERR_OK) {
        err = kt_store_commit(session->store, error);
    }
    return err == KT_ERR_OK ? err
                            : kt_fail_in(error, err,
                                         "committed in Kafka but not in the state folder, which "
                                         "the next start restores from the changelog");
}

enum kt_err kt_session_commit(struct kt_session *session, struct kt_error *error) {
    if (session->publisher == NULL || !kt_publisher_is_open(session->publisher)) {
        return KT_ERR_OK;
    }
    enum kt_err err = flush(session, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    rd_kafka_topic_partition_list_t *offsets = kt_assignment_offsets(
        &session->assignment, session->config->topics.metrics, low_water, session);
    if (offsets == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "offsets");
    }
    err = kt_publisher_commit(session->publisher, offsets, session->consumer, error);
    if (err == KT_ERR_OK) {
        err = commit_store(session, error);
        /* Kafka has committed: whatever became of the store, the offsets stand. */
        kt_assignment_committed(&session->assignment, offsets);
        session->counters.commits++;
        session->aborts_in_row = 0;
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return err;
}

/* Takes the touched partitions back to where the group has them. */
static enum kt_err rewind_partitions(struct kt_session *session, struct kt_error *error) {
    enum kt_err err = kt_store_begin(session->store, error);
    for (size_t i = 0; i < session->assignment.count && err == KT_ERR_OK; i++) {
        const struct kt_owned_partition *partition = &session->assignment.partitions[i];
        if (!partition->touched) {
            continue;
        }
        kt_stage_drop(session->stage, partition->id);
        err = kt_session_open_partition(session, partition, error);
        if (err == KT_ERR_OK) {
            /* Not rd_kafka_seek_partitions: its timeout handling is broken in 2.0.2. A timeout of 0
             * outdates at once what is queued. */
            const rd_kafka_resp_err_t code =
                rd_kafka_seek(session->metrics, partition->id, partition->committed, 0);
            if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
                err = kt_fail(error, KT_ERR_KAFKA, "seek: %s", rd_kafka_err2str(code));
            }
        }
    }
    kt_store_abort(session->store); /* nothing was written */
    kt_assignment_rewound(&session->assignment);
    return err;
}

/* After KT_ERR_KAFKA_ABORT. */
static enum kt_err abort_and_rewind(struct kt_session *session, const struct kt_error *why,
                                    struct kt_error *error) {
    kt_log(session->log, KT_LOG_WARN, "transaction aborted: %s", why->message);
    session->counters.aborts++;
    session->aborts_in_row++;
    enum kt_err err = kt_publisher_abort(session->publisher, error);
    kt_store_abort(session->store);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (session->aborts_in_row > ABORTS_IN_ROW_MAX) {
        return kt_fail(error, KT_ERR_KAFKA_FATAL, "%d transactions in a row were aborted: %s",
                       session->aborts_in_row, why->message);
    }
    if (rd_kafka_assignment_lost(session->consumer)) {
        kt_session_drop(session); /* the rebalance that follows says what is ours */
        return KT_ERR_OK;
    }
    return rewind_partitions(session, error);
}

/* Passes errors on, but for those that an abort mends. */
static enum kt_err mend(struct kt_session *session, enum kt_err err, struct kt_error *error) {
    if (err != KT_ERR_KAFKA_ABORT) {
        return err;
    }
    const struct kt_error why = *error;
    return abort_and_rewind(session, &why, error);
}

/* ---- records ------------------------------------------------------------------------------- */

/* At most one line a second, so that a flood of bad records does not become a flood of lines. */
static void log_refused(struct kt_session *session, const rd_kafka_message_t *message,
                        const struct kt_error *why) {
    session->refused_unlogged++;
    const int64_t now_ms = kt_clock_ms();
    if (session->refused_logged_ms != 0 && now_ms - session->refused_logged_ms < REFUSED_LOG_MS) {
        return;
    }
    session->refused_logged_ms = now_ms;
    kt_log(session->log, KT_LOG_WARN,
           "bad record at %s partition %" PRId32 " offset %" PRId64 ": %s: %s (%" PRId64
           " since the last such line)",
           rd_kafka_topic_name(message->rkt), message->partition, message->offset,
           kt_err_name(why->code), why->message, session->refused_unlogged);
    session->refused_unlogged = 0;
}

static enum kt_err take(struct kt_session *session, const rd_kafka_message_t *message,
                        struct kt_error *error) {
    struct kt_owned_partition *partition =
        kt_assignment_expects(&session->assignment, message->partition, message->offset);
    if (partition == NULL) {
        return KT_ERR_OK;
    }
    if (!kt_publisher_is_open(session->publisher)) {
        enum kt_err err = begin(session, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    partition->touched = true;
    partition->next = message->offset + 1;
    session->transaction_records++;
    session->counters.records++;
    bool refused = false;
    struct kt_error why = {0};
    enum kt_err err = kt_intake_take(session->intake, message, session->stage, session->publisher,
                                     &refused, &why, error);
    if (refused) {
        log_refused(session, message, &why);
    }
    return err;
}

/* What the consumer tells in place of a record. */
static enum kt_err take_event(struct kt_session *session, const rd_kafka_message_t *message,
                              struct kt_error *error) {
    const char *text = rd_kafka_message_errstr(message);
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        char fatal[256];
        const rd_kafka_resp_err_t code =
            rd_kafka_fatal_error(session->consumer, fatal, sizeof fatal);
        if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
            return kt_fail(error, KT_ERR_LOCKED,
                           "another worker of group %s has joined with instance_id %s",
                           session->config->worker.group_id, session->config->worker.instance_id);
        }
        return kt_fail(error, KT_ERR_KAFKA_FATAL, "consumer: %s", fatal);
    }
    if (kt_client_is_final(message->err)) {
        return kt_fail(error, KT_ERR_CONFIG, "consumer: %s", text);
    }
    if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        message->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        return kt_fail(error, KT_ERR_KAFKA, "consumer: %s", text);
    }
    kt_log(session->log, KT_LOG_WARN, "consumer: %s", text);
    return KT_ERR_OK;
}

static bool commit_is_due(const struct kt_session *session) {
    const struct kt_worker_config *worker = &session->config->worker;
    if (!kt_publisher_is_open(session->publisher)) {
        return false;
    }
    if (session->transaction_records >= worker->transaction_records_max) {
        return true;
    }
    const int64_t age_ms = kt_clock_ms() - session->begun_ms;
    return age_ms >= worker->commit_interval_ms ||
           (age_ms >= worker->transaction_ms_max && kt_publisher_has_records(session->publisher));
}

static enum kt_err poll_records(struct kt_session *session, int wait_ms, struct kt_error *error) {
    for (int i = 0; i < POLL_RECORDS_MAX; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(session->consumer, wait_ms);
        if (session->failed != KT_ERR_OK) {
            const enum kt_err failed = session->failed;
            session->failed = KT_ERR_OK;
            if (message != NULL) {
                rd_kafka_message_destroy(message);
            }
            return kt_fail(error, failed, "%s", session->failure.message);
        }
        if (message == NULL) {
            return KT_ERR_OK;
        }
        enum kt_err err = message->err == RD_KAFKA_RESP_ERR_NO_ERROR
                              ? take(session, message, error)
                              : take_event(session, message, error);
        rd_kafka_message_destroy(message);
        if (err != KT_ERR_OK) {
            return err;
        }
        if (session->transaction_records >= session->config->worker.transaction_records_max) {
            return KT_ERR_OK;
        }
        wait_ms = 0;
    }
    return KT_ERR_OK;
}

enum kt_err kt_session_turn(struct kt_session *session, struct kt_error *error) {
    if (session->assignment.phase == KT_ASSIGNMENT_RESTORING) {
        enum kt_err err = kt_session_restore(session, error);
        return err == KT_ERR_OK ? poll_records(session, 0, error) : err;
    }
    const bool open = kt_publisher_is_open(session->publisher);
    enum kt_err err = poll_records(session, open ? POLL_OPEN_MS : POLL_IDLE_MS, error);
    if (err == KT_ERR_OK && commit_is_due(session)) {
        err = kt_session_commit(session, error);
    }
    kt_publisher_poll(session->publisher);
    return mend(session, err, error);
}

int64_t kt_session_lag(const struct kt_session *session) {
    int64_t lag = 0;
    for (size_t i = 0; i < session->assignment.count; i++) {
        const struct kt_owned_partition *partition = &session->assignment.partitions[i];
        int64_t low, high;
        if (rd_kafka_get_watermark_offsets(session->consumer, session->config->topics.metrics,
                                           partition->id, &low,
                                           &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
            high > partition->next) {
            lag += high - partition->next;
        }
    }
    return lag;
}

/* ---- opening and closing ------------------------------------------------------------------- */

static enum kt_err open_publisher(struct kt_session *session, struct kt_error *error) {
    const struct kt_config *config = session->config;
    rd_kafka_conf_t *conf = NULL;
    enum kt_err err = kt_config_kafka_for(config, KT_KAFKA_PRODUCER, &conf, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    kt_client_attach(session->client, conf);
    char id[512], source[512];
    snprintf(id, sizeof id, "%s-%s", config->worker.group_id, config->worker.instance_id);
    snprintf(source, sizeof source, "kontune/%s", config->worker.group_id);
    struct kt_publisher_options options = {.conf = conf,
                                           .client = session->client,
                                           .transactional_id = id,
                                           .source = source,
                                           .commands_topic = config->topics.commands,
                                           .changelog_topic = config->topics.changelog,
                                           .dead_letter_topic = config->topics.dlq,
                                           .record_bytes_max = session->record_bytes_max,
                                           .timeout_ms = PUBLISHER_TIMEOUT_MS};
    return kt_publisher_new(&options, &session->publisher, error);
}

static enum kt_err set_consumer(struct kt_session *session, rd_kafka_conf_t *conf,
                                struct kt_error *error) {
    const struct {
        const char *name, *value;
    } properties[] = {
        {"group.id", session->config->worker.group_id},
        {"group.instance.id", session->config->worker.instance_id},
        {"partition.assignment.strategy", "range"},
        {"isolation.level", "read_committed"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        /* Every partition is assigned with an offset; one that the log does not have is looked into
         * by a new session. */
        {"auto.offset.reset", "error"},
        {"allow.auto.create.topics", "false"},
        {"enable.partition.eof", "false"},
    };
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        enum kt_err err = kt_client_set(conf, properties[i].name, properties[i].value, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    kt_client_attach(session->client, conf);
    rd_kafka_conf_set_rebalance_cb(conf, kt_session_on_rebalance);
    return KT_ERR_OK;
}

static enum kt_err open_consumer(struct kt_session *session, struct kt_error *error) {
    rd_kafka_conf_t *conf = NULL;
    enum kt_err err = kt_config_kafka_for(session->config, KT_KAFKA_CONSUMER, &conf, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    err = set_consumer(session, conf, error);
    if (err == KT_ERR_OK) {
        char text[256];
        session->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
        if (session->consumer == NULL) {
            err = kt_fail(error, KT_ERR_CONFIG, "Kafka consumer: %s", text);
        }
    }
    if (err != KT_ERR_OK) {
        rd_kafka_conf_destroy(conf);
        return err;
    }
    rd_kafka_poll_set_consumer(session->consumer);
    session->metrics = rd_kafka_topic_new(session->consumer, session->config->topics.metrics, NULL);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, session->config->topics.metrics,
                                      RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(session->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (session->metrics == NULL || code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kt_fail(error, KT_ERR_KAFKA, "subscribe: %s", rd_kafka_err2str(code));
    }
    return KT_ERR_OK;
}

enum kt_err kt_session_open(struct kt_session *session, struct kt_error *error) {
    session->closing = false;
    session->failed = KT_ERR_OK;
    session->aborts_in_row = 0;
    session->client->owner = session;
    kt_client_forget(session->client);
    /* The publisher first: init_transactions ends what a former life left open, before this one
     * asks for offsets. */
    enum kt_err err = open_publisher(session, error);
    if (err == KT_ERR_OK) {
        err = open_consumer(session, error);
    }
    if (err != KT_ERR_OK) {
        kt_session_close(session);
    }
    return err;
}

void kt_session_close(struct kt_session *session) {
    session->closing = true;
    if (session->publisher != NULL && kt_publisher_is_open(session->publisher)) {
        struct kt_error ignored;
        /* The successor's init_transactions aborts what this cannot. */
        (void)(kt_publisher_abort(session->publisher, &ignored) == KT_ERR_OK);
    }
    kt_store_abort(session->store);
    kt_session_drop(session);
    if (session->metrics != NULL) {
        rd_kafka_topic_destroy(session->metrics);
        session->metrics = NULL;
    }
    if (session->consumer != NULL) {
        rd_kafka_consumer_close(session->consumer);
        rd_kafka_destroy(session->consumer);
        session->consumer = NULL;
    }
    if (session->publisher != NULL) {
        session->counters.dead_letters += kt_publisher_dead_letters(session->publisher);
        kt_publisher_free(session->publisher);
        session->publisher = NULL;
    }
}
