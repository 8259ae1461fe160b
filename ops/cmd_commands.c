/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune commands tail`: the command topic, decoded and readable.
 *
 * Reads committed records of all partitions through one queue, without a group. What is there now
 * is collected, sorted by the time of the decision and printed; with --follow what comes later is
 * printed as it comes. A partition holds several jobs, so it is not sorted itself: nothing can be
 * printed before the end is seen. The past is therefore bounded, and what did not fit is told. */
#include "consumer/cluster.h"
#include "consumer/log.h"
#include "ops/cli.h"
#include "ops/command.h"
#include "ops/command_text.h"
#include "ops/newest.h"
#include "producer/clock.h"
#include "schemas/codec.h"
#include "schemas/rescale_command.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 10000
#define READ_TIMEOUT_MS    30000
#define POLL_MS            100
#define ARENA_BYTES_MAX    ((size_t)64 << 20)
#define PAST_BYTES_MAX     ((size_t)256 << 20)

static atomic_bool stop_asked;

static void on_stop(int number) {
    (void)number;
    atomic_store(&stop_asked, true);
}

struct tail {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    int32_t partitions;
    int32_t ended; /* partitions whose present end was reached */
    bool *at_end;
    bool json;
    bool follow;
    int64_t limit; /* newest commands of the past that are printed; 0: all */
    struct kt_newest past;
    int64_t taken; /* records */
    struct kt_decoder *decoder;
    struct kt_arena arena;
    int64_t undecoded;
};

/* ---- rendering ----------------------------------------------------------------------------- */

/* The command as it is to be printed, without a last line end in JSON; malloc'd. */
static char *render(const struct tail *tail, const struct kt_rescale_command *command,
                    size_t *len) {
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (out == NULL) {
        return NULL;
    }
    bool good = true;
    if (tail->json) {
        json_t *json = kt_record_to_json(&kt_rescale_command_type, command);
        good = json != NULL && kt_json_dump(out, json) == KT_ERR_OK;
        json_decref(json);
    } else {
        kt_command_print(out, command);
    }
    if (fclose(out) != 0 || !good) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- the past ------------------------------------------------------------------------------ */

/* Prints what was collected, once. */
static void print_past(struct tail *tail) {
    const struct kt_newest *past = &tail->past;
    kt_newest_sort(&tail->past);
    const bool document = tail->json && !tail->follow;
    if (document) {
        fputs("{\"commands\":[", stdout);
    }
    for (size_t i = 0; i < past->count; i++) {
        if (document && i > 0) {
            putchar(',');
        }
        fputs(past->items[i].text, stdout);
        if (tail->json && !document) {
            putchar('\n');
        }
    }
    if (document) {
        fputs("]}\n", stdout);
    }
    fflush(stdout);
    if (past->crowded_out > 0) {
        fprintf(stderr,
                "kontune commands tail: the oldest %" PRId64
                " commands are not shown: at most %zu MiB are sorted; ask for fewer with --limit\n",
                past->crowded_out, PAST_BYTES_MAX >> 20);
    }
    kt_newest_clear(&tail->past);
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum kt_err take(struct tail *tail, const rd_kafka_message_t *message,
                        struct kt_error *error) {
    struct kt_rescale_command command;
    struct kt_error why;
    kt_arena_reset(&tail->arena);
    tail->taken++;
    if (kt_decode(tail->decoder, message->payload, message->len, &tail->arena, &command, &why) !=
        KT_ERR_OK) {
        fprintf(stderr, "kontune commands tail: %s partition %" PRId32 " offset %" PRId64 ": %s\n",
                rd_kafka_topic_name(message->rkt), message->partition, message->offset,
                why.message);
        tail->undecoded++;
        return KT_ERR_OK;
    }
    struct kt_newest_item item = {.time_ms = command.decided_at_ms,
                                  .partition = message->partition,
                                  .offset = message->offset};
    item.text = render(tail, &command, &item.len);
    if (item.text == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "a command");
    }
    if (tail->ended < tail->partitions) {
        enum kt_err err = kt_newest_add(&tail->past, item, error);
        if (err != KT_ERR_OK) {
            free(item.text);
        }
        return err;
    }
    fputs(item.text, stdout);
    if (tail->json) {
        putchar('\n');
    }
    fflush(stdout);
    free(item.text);
    return KT_ERR_OK;
}

static enum kt_err read_one(struct tail *tail, struct kt_error *error) {
    rd_kafka_poll(tail->rk, 0);
    rd_kafka_message_t *message = rd_kafka_consume_queue(tail->queue, POLL_MS);
    if (message == NULL) {
        return KT_ERR_OK;
    }
    enum kt_err err = KT_ERR_OK;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (!tail->at_end[message->partition]) {
            tail->at_end[message->partition] = true;
            tail->ended++;
            if (tail->ended == tail->partitions) {
                print_past(tail);
            }
        }
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = take(tail, message, error);
    } else {
        err = kt_fail(error, KT_ERR_KAFKA, "%s", rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
    return err;
}

static enum kt_err read_all(struct tail *tail, struct kt_error *error) {
    const int64_t deadline = kt_clock_ms() + READ_TIMEOUT_MS;
    enum kt_err err = KT_ERR_OK;
    int64_t seen = 0;
    int64_t moved_ms = kt_clock_ms();
    while (err == KT_ERR_OK && !atomic_load(&stop_asked)) {
        if (tail->ended == tail->partitions && !tail->follow) {
            return KT_ERR_OK;
        }
        err = read_one(tail, error);
        if (tail->taken != seen) {
            seen = tail->taken;
            moved_ms = kt_clock_ms();
        }
        if (err == KT_ERR_OK && tail->ended < tail->partitions && kt_clock_ms() > deadline &&
            kt_clock_ms() - moved_ms > READ_TIMEOUT_MS) {
            err = kt_fail(error, KT_ERR_KAFKA,
                          "%" PRId32 " of %" PRId32 " partitions were not read to their end",
                          tail->partitions - tail->ended, tail->partitions);
        }
    }
    return err;
}

static enum kt_err open_consumer(struct tail *tail, const struct kt_config *config,
                                 struct kt_client *client, struct kt_error *error) {
    rd_kafka_conf_t *conf = NULL;
    enum kt_err err = kt_config_kafka_for(config, KT_KAFKA_CONSUMER, &conf, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    kt_client_attach(client, conf);
    const char *properties[][2] = {{"isolation.level", "read_committed"},
                                   {"enable.partition.eof", "true"},
                                   {"auto.offset.reset", "earliest"},
                                   {"allow.auto.create.topics", "false"}};
    for (size_t i = 0; i < sizeof properties / sizeof properties[0] && err == KT_ERR_OK; i++) {
        err = kt_client_set(conf, properties[i][0], properties[i][1], error);
    }
    char text[256];
    if (err == KT_ERR_OK) {
        tail->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
        if (tail->rk == NULL) {
            err = kt_fail(error, KT_ERR_CONFIG, "Kafka consumer: %s", text);
        }
    }
    if (err != KT_ERR_OK) {
        rd_kafka_conf_destroy(conf);
        return err;
    }
    tail->queue = rd_kafka_queue_new(tail->rk);
    tail->topic = rd_kafka_topic_new(tail->rk, config->topics.commands, NULL);
    return tail->topic == NULL ? kt_fail(error, KT_ERR_KAFKA, "topic %s", config->topics.commands)
                               : KT_ERR_OK;
}

static enum kt_err start(struct tail *tail, const struct kt_config *config,
                         struct kt_client *client, struct kt_error *error) {
    struct kt_cluster *cluster = NULL;
    struct kt_topic_info info = {.name = config->topics.commands};
    enum kt_err err = kt_cluster_connect(config, client, CONNECT_TIMEOUT_MS, &cluster, error);
    if (err == KT_ERR_OK) {
        err = kt_cluster_topics(cluster, &info, 1, error);
    }
    kt_cluster_free(cluster);
    if (err == KT_ERR_OK) {
        err = kt_topics_agree(&info, 1, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_decoder_new(&kt_rescale_command_type, &tail->decoder, error);
    }
    if (err == KT_ERR_OK && config->worker.schema_dir[0] != '\0') {
        err = kt_decoder_add_folder(tail->decoder, config->worker.schema_dir, error);
    }
    if (err == KT_ERR_OK) {
        err = open_consumer(tail, config, client, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    tail->partitions = info.partitions;
    tail->at_end = calloc((size_t)info.partitions, sizeof *tail->at_end);
    if (tail->at_end == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "%" PRId32 " partitions", info.partitions);
    }
    for (int32_t i = 0; i < info.partitions; i++) {
        if (rd_kafka_consume_start_queue(tail->topic, i, RD_KAFKA_OFFSET_BEGINNING, tail->queue) !=
            0) {
            return kt_fail(error, KT_ERR_KAFKA, "partition %" PRId32 ": %s", i,
                           rd_kafka_err2str(rd_kafka_last_error()));
        }
    }
    return KT_ERR_OK;
}

static void finish(struct tail *tail) {
    for (int32_t i = 0; tail->at_end != NULL && i < tail->partitions; i++) {
        rd_kafka_consume_stop(tail->topic, i);
    }
    kt_newest_clear(&tail->past);
    free(tail->at_end);
    if (tail->topic != NULL) {
        rd_kafka_topic_destroy(tail->topic);
    }
    if (tail->queue != NULL) {
        rd_kafka_queue_destroy(tail->queue);
    }
    if (tail->rk != NULL) {
        rd_kafka_destroy(tail->rk);
    }
    kt_decoder_free(tail->decoder);
    kt_arena_free(&tail->arena);
}

static int run(struct tail *tail, const char *path) {
    struct kt_config *config = NULL;
    struct kt_error error;
    struct kt_client client = {0};
    kt_arena_init(&tail->arena, 65536, ARENA_BYTES_MAX);
    tail->past.count_max = (size_t)tail->limit;
    tail->past.bytes_max = PAST_BYTES_MAX;
    enum kt_err err = kt_config_load(path, environ, &config, &error);
    const bool bad_config = err != KT_ERR_OK;
    if (err == KT_ERR_OK) {
        err = start(tail, config, &client, &error);
    }
    /* Until here an interrupt ends the program at once: there is nothing to print yet. */
    const struct sigaction stop = {.sa_handler = on_stop};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    if (err == KT_ERR_OK) {
        err = read_all(tail, &error);
    }
    finish(tail);
    kt_config_free(config);
    if (err != KT_ERR_OK) {
        fprintf(stderr, "kontune commands tail: %s\n", error.message);
        return bad_config ? KT_EXIT_USAGE : KT_EXIT_FAILED;
    }
    return tail->undecoded == 0 ? KT_EXIT_OK : KT_EXIT_FAILED;
}

static int tail_commands(int argc, char **argv) {
    const char *path = NULL;
    struct tail tail = {0};
    const struct kt_cli_option options[] = {
        KT_CLI_CONFIG(path),
        {.name = "follow", .flag = &tail.follow, .meaning = "go on with commands as they come"},
        {.name = "limit",
         .integer = &tail.limit,
         .integer_min = 0,
         .integer_max = 1000000,
         .argument = "N",
         .meaning = "of those that are there, only the newest N (0: what fits into "
                    "256 MiB of text)"},
        {.name = "json",
         .flag = &tail.json,
         .meaning = "print one JSON document, with --follow one per line"},
        {0}};
    struct kt_cli cli = {.command = "commands tail",
                         .summary = "Prints the commands of the command topic, decoded, in the "
                                    "order of their decisions.",
                         .options = options};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    return run(&tail, path);
}

int kt_cmd_commands(int argc, char **argv) {
    static const struct kt_cli_verb verbs[] = {
        {"tail", tail_commands, "print the commands, decoded"},
        {NULL, NULL, NULL},
    };
    return kt_cli_dispatch("commands", verbs, argc, argv);
}
