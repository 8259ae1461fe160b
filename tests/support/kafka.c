/* SPDX-License-Identifier: GPL-3.0-or-later
 * A real Kafka in tests: topics, events, records, workers. */
#include "support/kafka.h"

#include "schemas/codec.h"
#include "schemas/rescale_command.h"
#include "support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 30000

static _Noreturn void die(const char *format, ...) KT_PRINTF(1, 2);
static _Noreturn void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("kafka test support: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

int64_t kt_test_clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void kt_test_pause_ms(int ms) {
    poll(NULL, 0, ms);
}

static const char *broker_address; /* NULL: $KT_KAFKA */
static const char *const no_properties[] = {NULL};
static const char *const *broker_properties = no_properties;

void kt_test_broker(const char *address, const char *const *properties) {
    broker_address = address;
    broker_properties = properties;
}

static const char *brokers(void) {
    const char *text = broker_address != NULL ? broker_address : getenv("KT_KAFKA");
    if (text == NULL) {
        die("KT_KAFKA=host:port is not set");
    }
    return text;
}

static char *text_of(const char *format, ...) KT_PRINTF(1, 2);
static char *text_of(const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    const int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0) {
        die("out of memory");
    }
    return text;
}

/* ---- the stage ----------------------------------------------------------------------------- */

void kt_test_stage_init(struct kt_test_stage *stage, const char *name, int partitions) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    *stage = (struct kt_test_stage){.partitions = partitions, .folder = kt_process_tmpdir()};
    snprintf(stage->prefix, sizeof stage->prefix, "%s-%" PRIx64, name,
             (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
    if (partitions == 0) {
        return;
    }
    char *config = kt_test_stage_config(stage, "setup");
    const char *argv[] = {kt_process_kontune(), "topics", "create", "-c", config, NULL};
    struct kt_process_result result = kt_process_run(argv, 60);
    if (result.status != 0) {
        die("topics create: %d\n%s%s", result.status, result.out, result.err);
    }
    kt_process_result_free(&result);
    free(config);
}

void kt_test_stage_free(struct kt_test_stage *stage) {
    kt_process_rmtree(stage->folder);
    free(stage->folder);
}

char *kt_test_stage_topic(const struct kt_test_stage *stage, const char *role) {
    return text_of("%s.%s", stage->prefix, role);
}

char *kt_test_stage_state(const struct kt_test_stage *stage, const char *instance) {
    return text_of("%s/state-%s", stage->folder, instance);
}

char *kt_test_stage_config(const struct kt_test_stage *stage, const char *instance) {
    char *path = text_of("%s/%s.ini", stage->folder, instance);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        die("%s: %s", path, strerror(errno));
    }
    fprintf(file,
            "[kafka]\nbootstrap.servers = %s\n[topics]\nmetrics = %s.metrics\ncommands = "
            "%s.commands\noutcomes = %s.outcomes\nchangelog = %s.changelog\ndlq = "
            "%s.dlq\npartitions = %d\n[worker]\ngroup_id = %s\n"
            "instance_id = %s\nstate_dir = %s/state-%s\nstate_map_bytes = 268435456\n%s\n",
            brokers(), stage->prefix, stage->prefix, stage->prefix, stage->prefix, stage->prefix,
            stage->partitions > 0 ? stage->partitions : 1, stage->prefix, instance, stage->folder,
            instance, stage->extra);
    if (fclose(file) != 0) {
        die("%s: %s", path, strerror(errno));
    }
    return path;
}

static void set_properties(rd_kafka_conf_t *conf, const char *const *properties) {
    char text[256];
    for (; *properties != NULL; properties += 2) {
        if (rd_kafka_conf_set(conf, properties[0], properties[1], text, sizeof text) !=
            RD_KAFKA_CONF_OK) {
            die("%s", text);
        }
    }
}

/* The properties that every client has, and these. */
static rd_kafka_conf_t *client_conf(const char *const *properties) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set_properties(conf, (const char *[]){"bootstrap.servers", brokers(), NULL});
    set_properties(conf, broker_properties);
    set_properties(conf, properties);
    return conf;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *const *properties) {
    char text[256];
    rd_kafka_t *rk = rd_kafka_new(type, client_conf(properties), text, sizeof text);
    if (rk == NULL) {
        die("%s", text);
    }
    return rk;
}

/* Waits until every partition of a topic has a leader; returns how many there are. */
static int wait_for_topic(rd_kafka_t *rk, rd_kafka_topic_t *topic) {
    const int64_t deadline = kt_test_clock_ms() + WAIT_MS;
    while (kt_test_clock_ms() < deadline) {
        const struct rd_kafka_metadata *metadata = NULL;
        if (rd_kafka_metadata(rk, 0, topic, &metadata, WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            const struct rd_kafka_metadata_topic *found = &metadata->topics[0];
            bool led = found->err == RD_KAFKA_RESP_ERR_NO_ERROR && found->partition_cnt > 0;
            for (int i = 0; i < found->partition_cnt; i++) {
                led = led && found->partitions[i].leader >= 0;
            }
            const int count = found->partition_cnt;
            rd_kafka_metadata_destroy(metadata);
            if (led) {
                return count;
            }
        }
        kt_test_pause_ms(20);
    }
    die("topic %s has no leaders", rd_kafka_topic_name(topic));
}

void kt_test_topic(const char *topic, int partitions, const char *const *settings) {
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, no_properties);
    char text[256];
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, text, sizeof text);
    for (; settings != NULL && *settings != NULL; settings += 2) {
        rd_kafka_NewTopic_set_config(wanted, settings[0], settings[1]);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    size_t count = 0;
    const rd_kafka_CreateTopics_result_t *result =
        event == NULL ? NULL : rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **topics =
        result == NULL ? NULL : rd_kafka_CreateTopics_result_topics(result, &count);
    if (count != 1 || rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("topic %s was not created: %s", topic,
            count == 1 ? rd_kafka_topic_result_error_string(topics[0]) : "no answer");
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    wait_for_topic(rk, handle);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(rk);
}

static void delete_topic(const char *topic) {
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, no_properties);
    rd_kafka_DeleteTopic_t *unwanted = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopics(rk, &unwanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    size_t count = 0;
    const rd_kafka_DeleteTopics_result_t *result =
        event == NULL ? NULL : rd_kafka_event_DeleteTopics_result(event);
    const rd_kafka_topic_result_t **topics =
        result == NULL ? NULL : rd_kafka_DeleteTopics_result_topics(result, &count);
    if (count != 1 || rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("topic %s was not deleted", topic);
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy(unwanted);
    rd_kafka_destroy(rk);
}

void kt_test_topic_again(const char *topic, int partitions) {
    delete_topic(topic);
    kt_test_topic(topic, partitions, NULL);
}

/* ---- events in ----------------------------------------------------------------------------- */

struct kt_test_sender {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    struct kt_encoder *encoder;
    struct kt_bytes bytes;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("a record was not delivered: %s", rd_kafka_err2str(message->err));
    }
}

struct kt_test_sender *kt_test_sender_new(const struct kt_test_stage *stage) {
    struct kt_test_sender *sender = calloc(1, sizeof *sender);
    if (sender == NULL) {
        die("out of memory");
    }
    const char *properties[] = {"enable.idempotence", "true", "partitioner", "murmur2_random",
                                NULL};
    rd_kafka_conf_t *conf = client_conf(properties);
    char text[256];
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    sender->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (sender->rk == NULL) {
        die("%s", text);
    }
    char *topic = kt_test_stage_topic(stage, "metrics");
    sender->topic = rd_kafka_topic_new(sender->rk, topic, NULL);
    free(topic);
    if (kt_encoder_new(&kt_metric_event_type, &sender->encoder, NULL) != KT_ERR_OK) {
        die("no encoder");
    }
    return sender;
}

void kt_test_sender_raw(struct kt_test_sender *sender, const char *key, const void *value,
                        size_t len, int64_t time_ms, rd_kafka_headers_t *headers) {
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = sender->topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)key, key == NULL ? 0 : strlen(key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value, len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = time_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    const size_t count = sizeof parts / sizeof parts[0] - (headers == NULL ? 1 : 0);
    for (;;) {
        rd_kafka_error_t *failure = rd_kafka_produceva(sender->rk, parts, count);
        if (failure == NULL) {
            break;
        }
        if (rd_kafka_error_code(failure) != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            die("produce: %s", rd_kafka_error_string(failure));
        }
        rd_kafka_error_destroy(failure);
        rd_kafka_poll(sender->rk, 10);
    }
    rd_kafka_poll(sender->rk, 0);
}

void kt_test_sender_event(struct kt_test_sender *sender, const struct kt_metric_event *event) {
    struct kt_error error;
    if (kt_encode(sender->encoder, event, &sender->bytes, &error) != KT_ERR_OK) {
        die("%s", error.message);
    }
    char *key = text_of("%.*s/%.*s", KT_STR_ARG(event->cluster), KT_STR_ARG(event->job_name));
    kt_test_sender_raw(sender, key, sender->bytes.data, sender->bytes.len, event->timestamp_ms,
                       NULL);
    free(key);
}

void kt_test_sender_flush(struct kt_test_sender *sender) {
    if (rd_kafka_flush(sender->rk, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        die("events are not delivered after %d ms", WAIT_MS);
    }
}

void kt_test_sender_free(struct kt_test_sender *sender) {
    rd_kafka_topic_destroy(sender->topic);
    rd_kafka_destroy(sender->rk);
    kt_encoder_free(sender->encoder);
    kt_bytes_free(&sender->bytes);
    free(sender);
}

/* ---- records out --------------------------------------------------------------------------- */

size_t kt_test_read(const char *topic, void (*visit)(void *ctx, const rd_kafka_message_t *message),
                    void *ctx) {
    const char *properties[] = {"isolation.level",
                                "read_committed",
                                "enable.partition.eof",
                                "true",
                                "allow.auto.create.topics",
                                "false",
                                NULL};
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, properties);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    const int partitions = wait_for_topic(rk, handle);
    for (int i = 0; i < partitions; i++) {
        rd_kafka_consume_start_queue(handle, i, RD_KAFKA_OFFSET_BEGINNING, queue);
    }
    bool *ended = calloc((size_t)partitions, sizeof *ended);
    size_t records = 0;
    int open = partitions;
    int64_t moved_ms = kt_test_clock_ms();
    while (open > 0) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, 100);
        if (message == NULL) {
            if (kt_test_clock_ms() - moved_ms > WAIT_MS) {
                die("topic %s was not read to its end", topic);
            }
            continue;
        }
        moved_ms = kt_test_clock_ms();
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            open -= !ended[message->partition];
            ended[message->partition] = true;
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            records++;
            visit(ctx, message);
        } else {
            die("topic %s: %s", topic, rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    free(ended);
    for (int i = 0; i < partitions; i++) {
        rd_kafka_consume_stop(handle, i);
    }
    rd_kafka_topic_destroy(handle);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return records;
}

struct commands {
    const char *job;
    struct kt_decoder *decoder;
    struct kt_arena arena;
    json_t *list;
};

/* As `kontune replay --json` prints it: a real without a fraction reads back as an integer. */
static json_t *as_printed(const struct kt_rescale_command *command) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL || kt_record_dump_json(out, &kt_rescale_command_type, command) != KT_ERR_OK ||
        fclose(out) != 0) {
        die("a command cannot be printed");
    }
    json_error_t why;
    json_t *json = json_loadb(text, len, 0, &why);
    free(text);
    return json;
}

static void take_command(void *ctx, const rd_kafka_message_t *message) {
    struct commands *commands = ctx;
    if (message->key_len != strlen(commands->job) ||
        memcmp(message->key, commands->job, message->key_len) != 0) {
        return;
    }
    struct kt_rescale_command command;
    struct kt_error error;
    kt_arena_reset(&commands->arena);
    if (kt_decode(commands->decoder, message->payload, message->len, &commands->arena, &command,
                  &error) != KT_ERR_OK) {
        die("a command cannot be read: %s", error.message);
    }
    json_array_append_new(commands->list, as_printed(&command));
}

json_t *kt_test_commands(const struct kt_test_stage *stage, const char *job) {
    struct commands commands = {.job = job, .list = json_array()};
    kt_arena_init(&commands.arena, 65536, (size_t)64 << 20);
    if (kt_decoder_new(&kt_rescale_command_type, &commands.decoder, NULL) != KT_ERR_OK) {
        die("no decoder");
    }
    char *topic = kt_test_stage_topic(stage, "commands");
    kt_test_read(topic, take_command, &commands);
    free(topic);
    kt_decoder_free(commands.decoder);
    kt_arena_free(&commands.arena);
    return commands.list;
}

json_t *kt_test_replay(const char *path, const struct kt_test_stage *stage) {
    char *config = stage != NULL ? kt_test_stage_config(stage, "replay") : NULL;
    const char *argv[] = {kt_process_kontune(),         "replay", "--in", path, "--json",
                          config != NULL ? "-c" : NULL, config,   NULL};
    struct kt_process_result result = kt_process_run(argv, 120);
    free(config);
    json_error_t why;
    json_t *document = json_loads(result.out, 0, &why);
    json_t *commands = json_incref(json_object_get(document, "commands"));
    if (result.status != 0 || !json_is_array(commands)) {
        die("replay of %s: %d %s", path, result.status, result.err);
    }
    json_decref(document);
    kt_process_result_free(&result);
    return commands;
}

void kt_test_expect_commands(const struct kt_test_stage *stage, const char *job,
                             const json_t *expected, int limit_s) {
    const int64_t deadline = kt_test_clock_ms() + (int64_t)limit_s * 1000;
    json_t *found = kt_test_commands(stage, job);
    while (json_array_size(found) < json_array_size(expected) && kt_test_clock_ms() < deadline) {
        json_decref(found);
        kt_test_pause_ms(100);
        found = kt_test_commands(stage, job);
    }
    for (size_t i = 0; i < json_array_size(found) || i < json_array_size(expected); i++) {
        json_t *a = json_array_get(expected, i);
        json_t *b = json_array_get(found, i);
        if (a == NULL || b == NULL || !json_equal(a, b)) {
            char *x = a == NULL ? NULL : json_dumps(a, JSON_SORT_KEYS);
            char *y = b == NULL ? NULL : json_dumps(b, JSON_SORT_KEYS);
            die("command %zu of %s (%zu expected, %zu found) differs:\nexpected %s\nfound    %s", i,
                job, json_array_size(expected), json_array_size(found), x == NULL ? "none" : x,
                y == NULL ? "none" : y);
        }
    }
    json_decref(found);
}

void kt_test_expect_count(const struct kt_test_stage *stage, const char *job, size_t count,
                          int limit_s) {
    const int64_t deadline = kt_test_clock_ms() + (int64_t)limit_s * 1000;
    json_t *found = kt_test_commands(stage, job);
    while (json_array_size(found) < count && kt_test_clock_ms() < deadline) {
        json_decref(found);
        kt_test_pause_ms(100);
        found = kt_test_commands(stage, job);
    }
    if (json_array_size(found) != count) {
        die("%zu commands of %s expected, %zu found", count, job, json_array_size(found));
    }
    json_decref(found);
}

/* ---- workers ------------------------------------------------------------------------------- */

struct kt_test_worker kt_test_worker_start(const struct kt_test_stage *stage,
                                           const char *instance) {
    struct kt_test_worker worker = {.log = text_of("%s/%s.log", stage->folder, instance)};
    char *config = kt_test_stage_config(stage, instance);
    worker.pid = fork();
    if (worker.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing running */
        const int null = open("/dev/null", O_RDWR);
        const int log = open(worker.log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log, 2) < 0) {
            _exit(127);
        }
        execlp(kt_process_kontune(), "kontune", "worker", "-c", config, (char *)NULL);
        _exit(127);
    }
    if (worker.pid < 0) {
        die("fork: %s", strerror(errno));
    }
    free(config);
    return worker;
}

static char *slurp(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    if (file == NULL || getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = text_of("%s", "");
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

static int wait_end(const struct kt_test_worker *worker, int limit_s) {
    const int64_t deadline = kt_test_clock_ms() + (int64_t)limit_s * 1000;
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(worker->pid, &status, WNOHANG)) == 0 && kt_test_clock_ms() < deadline) {
        kt_test_pause_ms(10);
    }
    if (ended != worker->pid) {
        kill(worker->pid, SIGKILL);
        waitpid(worker->pid, &status, 0);
        char *log = slurp(worker->log);
        die("the worker did not end within %d s:\n%s", limit_s, log);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int kt_test_worker_end(struct kt_test_worker *worker, int signal_number) {
    if (kill(worker->pid, signal_number) != 0) {
        die("kill: %s", strerror(errno));
    }
    const int status = wait_end(worker, 60);
    free(worker->log);
    *worker = (struct kt_test_worker){0};
    return status;
}

int kt_test_worker_wait_end(struct kt_test_worker *worker, int limit_s, char **log) {
    const int status = wait_end(worker, limit_s);
    *log = slurp(worker->log);
    free(worker->log);
    *worker = (struct kt_test_worker){0};
    return status;
}

/* Counts by offset: gcc 12 takes a pointer into slurp's buffer for one to its local variable. */
static int occurrences(const char *log, const char *text) {
    int found = 0;
    const size_t len = strlen(log);
    for (size_t at = 0; at < len; at++) {
        found += strncmp(log + at, text, strlen(text)) == 0;
    }
    return found;
}

int kt_test_worker_log_count(const struct kt_test_worker *worker, const char *text) {
    char *log = slurp(worker->log);
    const int found = occurrences(log, text);
    free(log);
    return found;
}

void kt_test_worker_wait_log(const struct kt_test_worker *worker, const char *text, int times,
                             int limit_s) {
    const int64_t deadline = kt_test_clock_ms() + (int64_t)limit_s * 1000;
    for (;;) {
        /* Asked before the log is read: what a worker that has ended wrote is all there. */
        const bool ended = waitpid(worker->pid, NULL, WNOHANG) != 0;
        const bool late = kt_test_clock_ms() >= deadline;
        if (kt_test_worker_log_count(worker, text) >= times) {
            return;
        }
        if (ended || late) {
            if (!ended) {
                kill(worker->pid, SIGKILL);
            }
            die("no \"%s\" in the log%s:\n%s", text, ended ? " of a worker that has ended" : "",
                slurp(worker->log));
        }
        kt_test_pause_ms(20);
    }
}

int kt_test_worker_run(const struct kt_test_stage *stage, const char *instance, int limit_s,
                       char **log) {
    struct kt_test_worker worker = kt_test_worker_start(stage, instance);
    return kt_test_worker_wait_end(&worker, limit_s, log);
}
