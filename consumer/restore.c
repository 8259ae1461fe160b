/* SPDX-License-Identifier: GPL-3.0-or-later
 * Brings the store up to the end of the changelog.
 *
 * A consumer without a group reads all partitions through one queue, in batches, each applied in
 * one store transaction together with the partitions' new watermarks: killed half-way, the restore
 * goes on where it was. Markers of transactions move a partition's position only, and so does the
 * end-of-partition event where compaction has emptied the tail of the log. */
#include "consumer/restore.h"

#include "consumer/log.h"
#include "producer/clock.h"

#include <inttypes.h>
#include <stdlib.h>

#define BATCH_RECORDS_MAX 2000

struct source {
    int32_t partition;
    int64_t position; /* changelog offset to apply next */
    int64_t saved;    /* watermark in the store */
    int64_t saved_at_ms;
    int64_t target;
    bool started;
};

struct kt_restore {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_partition_list_t *positions;
    struct kt_store *store;
    struct source *sources;
    size_t count;
    int stall_ms;
    int64_t moved_ms; /* monotonic time of the last progress */
    int64_t records;
    int64_t skipped;
    rd_kafka_message_t *batch[BATCH_RECORDS_MAX];
};

struct kt_restore_plan kt_restore_plan(int64_t watermark, int64_t saved_at_ms, int64_t low,
                                       int64_t high, int64_t now_ms, int64_t delete_retention_ms) {
    struct kt_restore_plan plan = {
        .first = watermark, .target = high, .saved_at_ms = watermark > 0 ? saved_at_ms : now_ms};
    const bool aged = watermark > 0 && now_ms - saved_at_ms >= delete_retention_ms;
    /* Before the log's start records are missing; behind its end it is another log. */
    if (watermark < low || watermark > high || aged) {
        plan.wipe = watermark > 0;
        plan.first = low;
        plan.saved_at_ms = now_ms;
    }
    return plan;
}

static enum kt_err set_properties(rd_kafka_conf_t *conf, struct kt_error *error) {
    static const struct {
        const char *name, *value;
    } properties[] = {
        {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"},
        {"enable.auto.commit", "false"},       {"allow.auto.create.topics", "false"},
        {"auto.offset.reset", "error"},
    };
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        enum kt_err err = kt_client_set(conf, properties[i].name, properties[i].value, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_restore_new(struct kt_restore_options *options, struct kt_restore **out,
                           struct kt_error *error) {
    struct kt_restore *restore = calloc(1, sizeof *restore);
    if (restore == NULL) {
        rd_kafka_conf_destroy(options->conf);
        options->conf = NULL;
        return kt_fail(error, KT_ERR_NOMEM, "restore");
    }
    enum kt_err err = set_properties(options->conf, error);
    if (err == KT_ERR_OK) {
        char text[256];
        restore->rk = rd_kafka_new(RD_KAFKA_CONSUMER, options->conf, text, sizeof text);
        if (restore->rk == NULL) {
            err = kt_fail(error, KT_ERR_CONFIG, "Kafka consumer: %s", text);
        } else {
            options->conf = NULL;
        }
    }
    if (err == KT_ERR_OK) {
        restore->store = options->store;
        restore->stall_ms = options->stall_ms;
        restore->moved_ms = kt_clock_ms();
        restore->queue = rd_kafka_queue_new(restore->rk);
        restore->positions = rd_kafka_topic_partition_list_new(1);
        restore->topic = rd_kafka_topic_new(restore->rk, options->topic, NULL);
        if (restore->topic == NULL) {
            err = kt_fail(error, KT_ERR_KAFKA, "topic %s: %s", options->topic,
                          rd_kafka_err2str(rd_kafka_last_error()));
        }
    }
    if (options->conf != NULL) {
        rd_kafka_conf_destroy(options->conf);
        options->conf = NULL;
    }
    if (err != KT_ERR_OK) {
        kt_restore_free(restore);
        return err;
    }
    *out = restore;
    return KT_ERR_OK;
}

void kt_restore_free(struct kt_restore *restore) {
    if (restore == NULL) {
        return;
    }
    for (size_t i = 0; i < restore->count; i++) {
        if (restore->sources[i].started) {
            rd_kafka_consume_stop(restore->topic, restore->sources[i].partition);
        }
    }
    if (restore->topic != NULL) {
        rd_kafka_topic_destroy(restore->topic);
    }
    if (restore->queue != NULL) {
        rd_kafka_queue_destroy(restore->queue);
    }
    if (restore->positions != NULL) {
        rd_kafka_topic_partition_list_destroy(restore->positions);
    }
    if (restore->rk != NULL) {
        rd_kafka_destroy(restore->rk);
    }
    free(restore->sources);
    free(restore);
}

static enum kt_err wipe(struct kt_restore *restore, int32_t partition, struct kt_restore_plan plan,
                        struct kt_error *error) {
    enum kt_err err = kt_store_begin(restore->store, error);
    if (err == KT_ERR_OK) {
        err = kt_store_wipe_partition(restore->store, (uint32_t)partition, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_store_watermark_put(restore->store, (uint32_t)partition, plan.first,
                                     plan.saved_at_ms, error);
    }
    if (err == KT_ERR_OK) {
        return kt_store_commit(restore->store, error);
    }
    kt_store_abort(restore->store);
    return err;
}

enum kt_err kt_restore_add(struct kt_restore *restore, int32_t partition,
                           struct kt_restore_plan plan, struct kt_error *error) {
    enum kt_err err = KT_ERR_OK;
    if (plan.wipe) {
        err = wipe(restore, partition, plan, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    struct source *grown =
        realloc(restore->sources, (restore->count + 1) * sizeof *restore->sources);
    if (grown == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "restore");
    }
    restore->sources = grown;
    struct source *source = &grown[restore->count++];
    *source = (struct source){.partition = partition,
                              .position = plan.first,
                              .saved = plan.first,
                              .saved_at_ms = plan.saved_at_ms,
                              .target = plan.target};
    if (source->position >= source->target) {
        return KT_ERR_OK;
    }
    if (rd_kafka_consume_start_queue(restore->topic, partition, plan.first, restore->queue) != 0) {
        return kt_fail(error, KT_ERR_KAFKA, "restore of partition %" PRId32 ": %s", partition,
                       rd_kafka_err2str(rd_kafka_last_error()));
    }
    source->started = true;
    rd_kafka_topic_partition_list_add(restore->positions, rd_kafka_topic_name(restore->topic),
                                      partition);
    return KT_ERR_OK;
}

static struct source *find(struct kt_restore *restore, int32_t partition) {
    for (size_t i = 0; i < restore->count; i++) {
        if (restore->sources[i].partition == partition) {
            return &restore->sources[i];
        }
    }
    return NULL;
}

/* Puts one record into the store. */
static enum kt_err apply(struct kt_restore *restore, const rd_kafka_message_t *message,
                         struct kt_error *error) {
    struct source *source = find(restore, message->partition);
    if (source == NULL || message->offset < source->position) {
        return KT_ERR_OK;
    }
    source->position = message->offset + 1;
    struct kt_store_key key;
    if (!kt_store_key_decode(message->key, message->key_len, &key) ||
        key.partition != (uint32_t)message->partition) {
        restore->skipped++;
        return KT_ERR_OK;
    }
    restore->records++;
    return message->payload == NULL
               ? kt_store_delete(restore->store, key, error)
               : kt_store_put(restore->store, key, message->payload, message->len, error);
}

static enum kt_err apply_batch(struct kt_restore *restore, size_t count, struct kt_error *error) {
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_message_t *message = restore->batch[i];
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            struct source *source = find(restore, message->partition);
            if (source != NULL && message->offset > source->position) {
                source->position = message->offset;
            }
            continue;
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return kt_fail(error, kt_client_is_final(message->err) ? KT_ERR_CONFIG : KT_ERR_KAFKA,
                           "restore from topic %s: %s", rd_kafka_topic_name(restore->topic),
                           rd_kafka_message_errstr(message));
        }
        enum kt_err err = apply(restore, message, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

/* Markers and aborted records move the consumer's position without a message. */
static void take_positions(struct kt_restore *restore) {
    if (restore->positions->cnt == 0 ||
        rd_kafka_position(restore->rk, restore->positions) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    for (int i = 0; i < restore->positions->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &restore->positions->elems[i];
        struct source *source = find(restore, at->partition);
        if (source != NULL && at->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
            at->offset > source->position) {
            source->position = at->offset;
        }
    }
}

/* A half restored partition stays as old as it was: only at the target has it seen all deletions.
 */
static enum kt_err save(struct kt_restore *restore, int64_t now_ms, bool *moved,
                        struct kt_error *error) {
    for (size_t i = 0; i < restore->count; i++) {
        struct source *source = &restore->sources[i];
        if (source->position == source->saved) {
            continue;
        }
        *moved = true;
        const int64_t at_ms = source->position >= source->target ? now_ms : source->saved_at_ms;
        enum kt_err err = kt_store_watermark_put(restore->store, (uint32_t)source->partition,
                                                 source->position, at_ms, error);
        if (err != KT_ERR_OK) {
            return err;
        }
        source->saved = source->position;
    }
    return KT_ERR_OK;
}

enum kt_err kt_restore_step(struct kt_restore *restore, int wait_ms, int64_t now_ms, bool *done,
                            struct kt_error *error) {
    *done = kt_restore_progress(restore).partitions == 0;
    if (*done) {
        return KT_ERR_OK;
    }
    rd_kafka_poll(restore->rk, 0);
    const ssize_t got =
        rd_kafka_consume_batch_queue(restore->queue, wait_ms, restore->batch, BATCH_RECORDS_MAX);
    const size_t count = got > 0 ? (size_t)got : 0;
    bool moved = false;
    enum kt_err err = kt_store_begin(restore->store, error);
    if (err == KT_ERR_OK) {
        err = apply_batch(restore, count, error);
    }
    for (size_t i = 0; i < count; i++) {
        rd_kafka_message_destroy(restore->batch[i]);
    }
    if (err == KT_ERR_OK) {
        take_positions(restore);
        err = save(restore, now_ms, &moved, error);
    }
    if (err != KT_ERR_OK) {
        kt_store_abort(restore->store);
        return err;
    }
    err = kt_store_commit(restore->store, error);
    const struct kt_restore_progress progress = kt_restore_progress(restore);
    *done = progress.partitions == 0;
    if (moved) {
        restore->moved_ms = kt_clock_ms();
    } else if (err == KT_ERR_OK && kt_clock_ms() - restore->moved_ms > restore->stall_ms) {
        return kt_fail(error, KT_ERR_KAFKA,
                       "restore stands still for %d s with %" PRId64 " offsets of topic %s to go",
                       restore->stall_ms / 1000, progress.left,
                       rd_kafka_topic_name(restore->topic));
    }
    return err;
}

struct kt_restore_progress kt_restore_progress(const struct kt_restore *restore) {
    struct kt_restore_progress progress = {.records = restore->records,
                                           .skipped = restore->skipped};
    for (size_t i = 0; i < restore->count; i++) {
        const struct source *source = &restore->sources[i];
        if (source->position < source->target) {
            progress.left += source->target - source->position;
            progress.partitions++;
        }
    }
    return progress;
}
