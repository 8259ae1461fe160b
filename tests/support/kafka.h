/* SPDX-License-Identifier: GPL-3.0-or-later
 * A real Kafka in tests: topics of one's own, events into it, records out of it, workers that are
 * started and killed. The broker is $KT_KAFKA (host:port); everything aborts the test with a
 * message when it cannot be done, and every wait has a limit. */
#ifndef KT_TESTS_SUPPORT_KAFKA_H
#define KT_TESTS_SUPPORT_KAFKA_H

#include "schemas/arena.h"
#include "schemas/metric_event.h"

#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* For a broker that asks for more than an address: it and the properties (name, value, …, NULL) of
 * every client of the support's own from now on. Borrowed. */
void kt_test_broker(const char *address, const char *const *properties);

/* A stage of a test's own: topics named PREFIX.metrics and so on, a group PREFIX, and a folder with
 * the configuration and the state of each instance. */
struct kt_test_stage {
    char prefix[64]; /* unique */
    char *folder;
    int partitions;
    char extra[1024]; /* further lines of the configuration, beginning with a section */
};

/* Names it and creates its topics by `kontune topics create` (not when partitions is 0). */
void kt_test_stage_init(struct kt_test_stage *stage, const char *name, int partitions);
/* Removes the folder (the broker is thrown away with its topics). */
void kt_test_stage_free(struct kt_test_stage *stage);

/* The configuration file of one instance, written now; malloc'd. */
char *kt_test_stage_config(const struct kt_test_stage *stage, const char *instance);
/* "PREFIX.role"; malloc'd. */
char *kt_test_stage_topic(const struct kt_test_stage *stage, const char *role);
/* The state folder of one instance; malloc'd. */
char *kt_test_stage_state(const struct kt_test_stage *stage, const char *instance);

/* Creates one topic as `kontune topics create` would not. settings: name, value, …, NULL; may be
 * NULL. */
void kt_test_topic(const char *topic, int partitions, const char *const *settings);

/* Deletes a topic with all it has, and makes it again. */
void kt_test_topic_again(const char *topic, int partitions);

/* ---- events in ----------------------------------------------------------------------------- */

/* Encodes events and sends them to the stage's metrics topic: key "cluster/job_name", record time =
 * event time. */
struct kt_test_sender;
struct kt_test_sender *kt_test_sender_new(const struct kt_test_stage *stage);
void kt_test_sender_event(struct kt_test_sender *sender, const struct kt_metric_event *event);
/* Any bytes; headers may be NULL (else taken); value NULL is a tombstone. */
void kt_test_sender_raw(struct kt_test_sender *sender, const char *key, const void *value,
                        size_t len, int64_t time_ms, rd_kafka_headers_t *headers);
/* Waits until all are delivered. */
void kt_test_sender_flush(struct kt_test_sender *sender);
void kt_test_sender_free(struct kt_test_sender *sender);

/* ---- records out --------------------------------------------------------------------------- */

/* Reads a topic from its beginning to its present end under read_committed; calls visit for each
 * record. Returns how many. */
size_t kt_test_read(const char *topic, void (*visit)(void *ctx, const rd_kafka_message_t *message),
                    void *ctx);

/* The committed commands of one job ("cluster/job_name") in the order of their partition, as a JSON
 * array of plain records; the caller owns it. */
json_t *kt_test_commands(const struct kt_test_stage *stage, const char *job);

/* What `kontune replay --json` makes of a file: its "commands"; with the configuration of a stage,
 * or the program's defaults (NULL). */
json_t *kt_test_replay(const char *path, const struct kt_test_stage *stage);

/* Waits until job has as many committed commands as expected has, at most limit_s, and asserts that
 * they are the same, field for field. */
void kt_test_expect_commands(const struct kt_test_stage *stage, const char *job,
                             const json_t *expected, int limit_s);

/* Waits until job has at least count committed commands, at most limit_s, and asserts that it has
 * just so many. */
void kt_test_expect_count(const struct kt_test_stage *stage, const char *job, size_t count,
                          int limit_s);

/* ---- workers ------------------------------------------------------------------------------- */

struct kt_test_worker {
    pid_t pid;
    char *log; /* path; appended to by every start of the instance */
};
/* Starts `kontune worker` as instance. It inherits the limits and the ignored signals of the test.
 */
struct kt_test_worker kt_test_worker_start(const struct kt_test_stage *stage, const char *instance);
/* Sends the signal and waits for the end; returns the exit status, or 128 + signal. */
int kt_test_worker_end(struct kt_test_worker *worker, int signal_number);
/* Waits until it ends by itself; returns its status, its log in *log (malloc'd). */
int kt_test_worker_wait_end(struct kt_test_worker *worker, int limit_s, char **log);
/* Waits until the log holds text (at least times times); aborts with the log after limit_s. */
void kt_test_worker_wait_log(const struct kt_test_worker *worker, const char *text, int times,
                             int limit_s);
/* How often the log holds text now. */
int kt_test_worker_log_count(const struct kt_test_worker *worker, const char *text);
/* Runs a worker that is expected to give up by itself; returns its status, its log in *log
 * (malloc'd). */
int kt_test_worker_run(const struct kt_test_stage *stage, const char *instance, int limit_s,
                       char **log);

/* Milliseconds of a clock that never jumps; and a short pause between two looks at a condition. */
int64_t kt_test_clock_ms(void);
void kt_test_pause_ms(int ms);

#endif
