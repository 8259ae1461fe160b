/* SPDX-License-Identifier: GPL-3.0-or-later
 * The worker: checks what it needs at the start, then runs sessions (consumer/session.c) one after
 * the other until it is told to stop or meets an error that no new session can mend. */
#include "consumer/worker.h"

#include "consumer/log.h"
#include "consumer/session.h"
#include "producer/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define CONNECT_TIMEOUT_MS 10000
#define BACKOFF_MIN_MS     250
#define BACKOFF_MAX_MS     30000
#define STOP_LOOK_MS       50
/* Kafka's own default, where the broker does not tell. */
#define DELETE_RETENTION_MS 86400000

struct worker {
    const struct kt_config *config;
    const atomic_bool *stop;
    FILE *log;
    struct kt_client client;
    struct kt_session session;
    int64_t stats_ms;      /* monotonic time of the last counters line */
    int64_t stats_records; /* counted then */
    int failures;          /* sessions in a row that ended without a commit */
    unsigned int jitter;
};

static bool stopping(const struct worker *worker) {
    return atomic_load(worker->stop);
}

static void log_counters(struct worker *worker) {
    const int64_t now_ms = kt_clock_ms();
    const int64_t span_ms = now_ms - worker->stats_ms;
    struct kt_session *session = &worker->session;
    const struct kt_stage_counters *stage = kt_stage_counters(session->stage);
    const struct kt_session_counters *counters = &session->counters;
    const int64_t records = counters->records - worker->stats_records;
    const int64_t letters =
        counters->dead_letters +
        (session->publisher == NULL ? 0 : kt_publisher_dead_letters(session->publisher));
    kt_log(worker->log, KT_LOG_INFO,
           "counters: records %" PRId64 " (%.1f/s) events %" PRId64 " rebuilt %" PRId64
           " late %" PRId64 " refused %" PRId64 " dead_letters %" PRId64 " lag %" PRId64
           " partitions %zu jobs %" PRId64 " windows %" PRId64 " held %" PRId64 " learned %" PRId64
           " rescales %" PRId64 " holds %" PRId64 " commits %" PRId64 " aborts %" PRId64
           " restored %" PRId64,
           counters->records, span_ms > 0 ? (double)records * 1000.0 / (double)span_ms : 0.0,
           stage->events, stage->rebuilt, stage->late, stage->refused, letters,
           session->consumer == NULL ? 0 : kt_session_lag(session), session->assignment.count,
           stage->jobs, stage->windows, stage->held, stage->learned, stage->rescales, stage->holds,
           counters->commits, counters->aborts, counters->restored);
    worker->stats_ms = now_ms;
    worker->stats_records = counters->records;
}

/* What the worker must know of the topics' settings. A broker that does not tell is believed to
 * have Kafka's defaults. */
static enum kt_err read_settings(struct worker *worker, struct kt_error *error) {
    struct kt_session *session = &worker->session;
    const struct kt_topics *topics = &worker->config->topics;
    char text[64];
    session->delete_retention_ms = DELETE_RETENTION_MS;
    enum kt_err err = kt_cluster_setting(session->cluster, topics->changelog, "delete.retention.ms",
                                         text, sizeof text, error);
    if (err == KT_ERR_OK) {
        session->delete_retention_ms = strtoll(text, NULL, 10);
    } else if (err == KT_ERR_NOT_FOUND) {
        kt_log(worker->log, KT_LOG_WARN, "%s; Kafka's defaults are assumed", error->message);
        return KT_ERR_OK;
    } else {
        return err;
    }
    err = kt_cluster_setting(session->cluster, topics->changelog, "cleanup.policy", text,
                             sizeof text, error);
    if (err == KT_ERR_OK && strcmp(text, "compact") != 0) {
        return kt_fail(error, KT_ERR_CONFIG,
                       "topic %s has cleanup.policy=%s, which would lose state; it must be compact",
                       topics->changelog, text);
    }
    const char *outputs[] = {topics->commands, topics->changelog, topics->dlq};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        err = kt_cluster_setting(session->cluster, outputs[i], "max.message.bytes", text,
                                 sizeof text, error);
        const long long bytes = err == KT_ERR_OK ? strtoll(text, NULL, 10) : 0;
        if (bytes > 0 &&
            (session->record_bytes_max == 0 || (size_t)bytes < session->record_bytes_max)) {
            session->record_bytes_max = (size_t)bytes;
        }
    }
    return KT_ERR_OK;
}

static enum kt_err open_store(struct worker *worker, struct kt_error *error) {
    const struct kt_config *config = worker->config;
    char identity[1024];
    snprintf(identity, sizeof identity, "cluster %s group %s metrics %s changelog %s",
             kt_cluster_id(worker->session.cluster), config->worker.group_id,
             config->topics.metrics, config->topics.changelog);
    const struct kt_store_options options = {
        .path = config->worker.state_dir,
        .identity = identity,
        .map_bytes = (size_t)config->worker.state_map_bytes,
    };
    return kt_store_open(&options, &worker->session.store, error);
}

static enum kt_err start(struct worker *worker, struct kt_error *error) {
    struct kt_session *session = &worker->session;
    int32_t partitions = 0;
    enum kt_err err = kt_intake_new(worker->config->worker.schema_dir, &session->intake, error);
    if (err == KT_ERR_OK) {
        err = kt_cluster_connect(worker->config, &worker->client, CONNECT_TIMEOUT_MS,
                                 &session->cluster, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_cluster_check(session->cluster, &worker->config->topics, &partitions, error);
    }
    if (err == KT_ERR_OK) {
        err = read_settings(worker, error);
    }
    if (err == KT_ERR_OK) {
        err = open_store(worker, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_stage_new(&worker->config->settings, session->store, kt_session_sink(session),
                           &session->stage, error);
    }
    if (err == KT_ERR_OK) {
        kt_log(worker->log, KT_LOG_INFO,
               "kontune %s, librdkafka %s: group %s instance %s, topic %s with %" PRId32
               " partitions, state in %s",
               KT_VERSION, rd_kafka_version_str(), worker->config->worker.group_id,
               worker->config->worker.instance_id, worker->config->topics.metrics, partitions,
               worker->config->worker.state_dir);
    }
    return err;
}

static void finish(struct worker *worker) {
    struct kt_session *session = &worker->session;
    kt_stage_free(session->stage);
    if (session->store != NULL) {
        kt_store_close(session->store);
    }
    kt_intake_free(session->intake);
    kt_cluster_free(session->cluster);
}

static bool can_be_mended(enum kt_err err) {
    return err == KT_ERR_KAFKA || err == KT_ERR_KAFKA_ABORT || err == KT_ERR_KAFKA_FATAL;
}

/* Waits before the next session: doubled with every failure, half of it at random, so that workers
 * that fell together do not rise together. */
static void back_off(struct worker *worker) {
    int64_t wait_ms = BACKOFF_MIN_MS;
    for (int i = 0; i < worker->failures && wait_ms < BACKOFF_MAX_MS; i++) {
        wait_ms *= 2;
    }
    wait_ms = wait_ms < BACKOFF_MAX_MS ? wait_ms : BACKOFF_MAX_MS;
    wait_ms = wait_ms / 2 + rand_r(&worker->jitter) % (wait_ms / 2 + 1);
    kt_log(worker->log, KT_LOG_INFO, "next try in %" PRId64 " ms", wait_ms);
    const int64_t until_ms = kt_clock_ms() + wait_ms;
    while (!stopping(worker) && kt_clock_ms() < until_ms) {
        const struct timespec look = {.tv_nsec = STOP_LOOK_MS * 1000000L};
        nanosleep(&look, NULL);
    }
}

/* Everything that was taken is committed, if the deadline allows; else it is read again. */
static enum kt_err drain(struct worker *worker, struct kt_error *error) {
    struct kt_session *session = &worker->session;
    kt_publisher_set_timeout(session->publisher, (int)worker->config->worker.shutdown_ms);
    const enum kt_err err = kt_session_commit(session, error);
    if (!can_be_mended(err)) {
        return err;
    }
    kt_log(worker->log, KT_LOG_WARN, "not committed at the stop, will be read again: %s",
           error->message);
    return KT_ERR_OK;
}

static enum kt_err run_session(struct worker *worker, struct kt_error *error) {
    struct kt_session *session = &worker->session;
    const int64_t commits = session->counters.commits;
    enum kt_err err = kt_session_open(session, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    while (err == KT_ERR_OK && !stopping(worker)) {
        err = kt_session_turn(session, error);
        if (kt_clock_ms() - worker->stats_ms >= worker->config->worker.stats_interval_ms) {
            log_counters(worker);
        }
    }
    if (err == KT_ERR_OK) {
        kt_log(worker->log, KT_LOG_INFO, "stopping");
        err = drain(worker, error);
    }
    kt_session_close(session);
    if (session->counters.commits > commits) {
        worker->failures = 0;
    }
    return err;
}

/* Sessions until the stop. Before a new one the topics are looked at again: one that is gone is
 * said by its name. */
static enum kt_err run_sessions(struct worker *worker, struct kt_error *error) {
    while (!stopping(worker)) {
        enum kt_err err = run_session(worker, error);
        while (err != KT_ERR_OK) {
            if (!can_be_mended(err)) {
                return err;
            }
            kt_log(worker->log, KT_LOG_ERROR, "%s", error->message);
            back_off(worker);
            worker->failures++;
            if (stopping(worker)) {
                return KT_ERR_OK;
            }
            int32_t partitions;
            err = kt_cluster_check(worker->session.cluster, &worker->config->topics, &partitions,
                                   error);
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_worker_run(const struct kt_config *config, const atomic_bool *stop, FILE *log,
                          struct kt_error *error) {
    struct kt_error local;
    if (error == NULL) {
        error = &local;
    }
    struct worker worker = {
        .config = config,
        .stop = stop,
        .log = log,
        .client = {.log = kt_log_client, .log_ctx = log, .stop = stop},
        .stats_ms = kt_clock_ms(),
        .jitter = (unsigned int)kt_clock_wall_ms(),
    };
    worker.session.config = config;
    worker.session.log = log;
    worker.session.client = &worker.client;
    enum kt_err err = start(&worker, error);
    if (err == KT_ERR_OK) {
        err = run_sessions(&worker, error);
        log_counters(&worker);
    } else if (err == KT_ERR_STOPPED) {
        kt_log(log, KT_LOG_INFO, "%s", error->message);
        err = KT_ERR_OK;
    }
    finish(&worker);
    kt_log(log, err == KT_ERR_OK ? KT_LOG_INFO : KT_LOG_ERROR, "%s",
           err == KT_ERR_OK ? "stopped" : error->message);
    return err;
}
