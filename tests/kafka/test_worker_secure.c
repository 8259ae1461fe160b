/* SPDX-License-Identifier: GPL-3.0-or-later
 * A broker behind TLS and SASL ($KT_KAFKA_SECURE: its folder, see ops/servers/kafka): with the
 * right certificate and password the stage works; what is wrong with either is told in words, soon;
 * and the password shows nowhere. */
#include "support/kafka.h"
#include "support/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_S  60
#define EVENT_MS INT64_C(1795332584318)

struct fixture {
    char address[32];
    char ca[512];
    char stranger[512];
    char password[64];
    const char *properties[11]; /* of the test's own clients */
};

/* The first line of a file of the broker's folder that begins with prefix, without it. */
static void read_line(const char *name, const char *prefix, char *out, size_t size) {
    const char *folder = getenv("KT_KAFKA_SECURE");
    assert_non_null(folder);
    char path[512], line[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    bool found = false;
    while (!found && fgets(line, sizeof line, file) != NULL) {
        found = strncmp(line, prefix, strlen(prefix)) == 0;
    }
    fclose(file);
    assert_true(found);
    line[strcspn(line, "\n")] = '\0';
    snprintf(out, size, "%s", line + strlen(prefix));
}

static int setup(void **state) {
    static struct fixture f;
    char port[16];
    read_line("port", "", port, sizeof port);
    read_line("users", "alice ", f.password, sizeof f.password);
    snprintf(f.address, sizeof f.address, "127.0.0.1:%s", port);
    snprintf(f.ca, sizeof f.ca, "%s/ca.pem", getenv("KT_KAFKA_SECURE"));
    snprintf(f.stranger, sizeof f.stranger, "%s/stranger.pem", getenv("KT_KAFKA_SECURE"));
    const char *properties[] = {"security.protocol",
                                "SASL_SSL",
                                "ssl.ca.location",
                                f.ca,
                                "sasl.mechanism",
                                "PLAIN",
                                "sasl.username",
                                "alice",
                                "sasl.password",
                                f.password,
                                NULL};
    memcpy(f.properties, properties, sizeof properties);
    kt_test_broker(f.address, f.properties);
    setenv("KT_TEST_PASSWORD", f.password, 1);
    *state = &f;
    return 0;
}

static void begin(struct kt_test_stage *stage, const char *name, const char *mechanism,
                  const char *ca) {
    kt_test_stage_init(stage, name, 0);
    snprintf(stage->extra, sizeof stage->extra,
             "[kafka]\nsecurity.protocol = SASL_SSL\nssl.ca.location = %s\nsasl.mechanism = %s\n"
             "sasl.username = alice\nsasl.password = ${KT_TEST_PASSWORD}\n",
             ca, mechanism);
}

/* Runs a subcommand on the stage's configuration: FILE as the last argument. */
static struct kt_process_result run(const struct kt_test_stage *stage, const char *noun,
                                    const char *verb, const char *option) {
    char *config = kt_test_stage_config(stage, "a");
    const char *argv[6] = {kt_process_kontune(), noun, verb};
    size_t count = 3;
    if (option != NULL) {
        argv[count++] = option;
    }
    argv[count++] = config;
    struct kt_process_result result = kt_process_run(argv, LIMIT_S);
    free(config);
    return result;
}

static void assert_keeps_the_secret(const struct fixture *f, const char *text) {
    if (strstr(text, f->password) != NULL) {
        fail_msg("the password is shown:\n%s", text);
    }
}

/* Also that the text tells something: an empty one keeps any secret. */
static void assert_runs(const struct fixture *f, const struct kt_test_stage *stage,
                        const char *noun, const char *verb, const char *option) {
    struct kt_process_result result = run(stage, noun, verb, option);
    if (result.status != 0 || result.out[0] == '\0') {
        fail_msg("%s %s: status %d\n%s%s", noun, verb, result.status, result.out, result.err);
    }
    assert_keeps_the_secret(f, result.out);
    assert_keeps_the_secret(f, result.err);
    kt_process_result_free(&result);
}

static void send_events(const struct kt_test_stage *stage) {
    struct kt_test_sender *sender = kt_test_sender_new(stage);
    struct kt_metric_event event = {.cluster = KT_STR("lab"),
                                    .job_name = KT_STR("orders"),
                                    .job_id = KT_STR("22b206468e7f9e5ef6ec5b33716de259"),
                                    .vertex_id = KT_STR("a0bcbe636c3291fd3f45c25deb2b0823"),
                                    .vertex_name = KT_STR("parse"),
                                    .parallelism = 1};
    KT_SET(&event, KT_EVENT_PARALLELISM);
    for (int i = 0; i < 2; i++) {
        event.timestamp_ms = EVENT_MS + i * 120000;
        kt_test_sender_event(sender, &event);
    }
    kt_test_sender_flush(sender);
    kt_test_sender_free(sender);
}

static void assert_works(const struct fixture *f, const char *mechanism) {
    struct kt_test_stage stage;
    begin(&stage, mechanism, mechanism, f->ca);
    assert_runs(f, &stage, "topics", "create", "-c");
    assert_runs(f, &stage, "config", "check", NULL);
    send_events(&stage);
    struct kt_test_worker worker = kt_test_worker_start(&stage, "a");
    kt_test_expect_count(&stage, "lab/orders", 1, LIMIT_S);
    assert_runs(f, &stage, "commands", "tail", "-c");
    char *log = NULL;
    kill(worker.pid, SIGTERM);
    assert_int_equal(kt_test_worker_wait_end(&worker, LIMIT_S, &log), 0);
    assert_non_null(strstr(log, "restored 1 partitions"));
    assert_keeps_the_secret(f, log);
    free(log);
    kt_test_stage_free(&stage);
}

static void with_scram_over_tls_events_become_commands(void **state) {
    assert_works(*state, "SCRAM-SHA-256");
}

static void with_plain_over_tls_events_become_commands(void **state) {
    assert_works(*state, "PLAIN");
}

/* Librdkafka's reasons follow ours. The limit is far above what it takes, for slow machines, but
 * far below waiting for ever. */
static void assert_gives_up(const struct fixture *f, struct kt_test_stage *stage,
                            const char *const *texts) {
    char *log = NULL;
    assert_int_equal(kt_test_worker_run(stage, "a", 30, &log), 1);
    for (; *texts != NULL; texts++) {
        if (strstr(log, *texts) == NULL) {
            fail_msg("no \"%s\" in:\n%s", *texts, log);
        }
    }
    assert_keeps_the_secret(f, log);
    free(log);
    kt_test_stage_free(stage);
}

static void a_wrong_password_is_told(void **state) {
    struct fixture *f = *state;
    char refused[128];
    snprintf(refused, sizeof refused, "ERROR Kafka at %s refuses the connection: ", f->address);
    const char *mechanisms[] = {"SCRAM-SHA-256", "PLAIN"};
    const char *reasons[] = {"invalid credentials with SASL mechanism SCRAM-SHA-256",
                             "Invalid username or password"};
    for (size_t i = 0; i < 2; i++) {
        struct kt_test_stage stage;
        begin(&stage, "wrong", mechanisms[i], f->ca);
        char wrong[sizeof f->password + 8];
        snprintf(wrong, sizeof wrong, "%s-guess", f->password);
        setenv("KT_TEST_PASSWORD", wrong, 1);
        assert_gives_up(f, &stage, (const char *[]){refused, reasons[i], NULL});
        setenv("KT_TEST_PASSWORD", f->password, 1);
    }
}

static void a_broker_that_another_ca_signed_is_told(void **state) {
    struct fixture *f = *state;
    char refused[128];
    snprintf(refused, sizeof refused, "ERROR Kafka at %s refuses the connection: ", f->address);
    struct kt_test_stage stage;
    begin(&stage, "stranger", "SCRAM-SHA-256", f->stranger);
    assert_gives_up(f, &stage,
                    (const char *[]){refused,
                                     "broker certificate could not be verified, verify that "
                                     "ssl.ca.location is correctly configured",
                                     NULL});
}

static void a_client_without_tls_is_told_what_may_be_wrong(void **state) {
    struct fixture *f = *state;
    char unanswered[128];
    snprintf(unanswered, sizeof unanswered,
             "ERROR no Kafka broker answered at %s within 10 s: ", f->address);
    struct kt_test_stage stage;
    kt_test_stage_init(&stage, "plaintext", 0);
    assert_gives_up(f, &stage,
                    (const char *[]){unanswered,
                                     "incorrect security.protocol configuration "
                                     "(connecting to a SSL listener?)",
                                     NULL});
}

static void a_password_that_the_environment_lacks_is_told(void **state) {
    struct fixture *f = *state;
    struct kt_test_stage stage;
    begin(&stage, "unset", "PLAIN", f->ca);
    unsetenv("KT_TEST_PASSWORD");
    struct kt_process_result result = run(&stage, "config", "check", NULL);
    setenv("KT_TEST_PASSWORD", f->password, 1);
    assert_int_equal(result.status, 2);
    assert_non_null(strstr(result.err, "KT_TEST_PASSWORD"));
    kt_process_result_free(&result);
    kt_test_stage_free(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_scram_over_tls_events_become_commands),
        cmocka_unit_test(with_plain_over_tls_events_become_commands),
        cmocka_unit_test(a_wrong_password_is_told),
        cmocka_unit_test(a_broker_that_another_ca_signed_is_told),
        cmocka_unit_test(a_client_without_tls_is_told_what_may_be_wrong),
        cmocka_unit_test(a_password_that_the_environment_lacks_is_told),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
