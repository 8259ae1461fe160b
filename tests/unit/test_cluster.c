/* SPDX-License-Identifier: GPL-3.0-or-later
 * Waiting for a broker: who is asked to stop does not wait, who waits is told why in vain. */
#include "consumer/cluster.h"

#include "consumer/log.h"
#include "producer/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Nobody listens on port 1 of the loopback. */
static struct kt_config *config_of_nobody(void) {
    char path[] = "/tmp/kt_test_cluster_XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    static const char text[] = "[kafka]\nbootstrap.servers = 127.0.0.1:1\n";
    assert_int_equal(write(file, text, sizeof text - 1), sizeof text - 1);
    close(file);
    struct kt_config *config = NULL;
    struct kt_error error;
    char *const no_env[] = {NULL};
    assert_int_equal(kt_config_load(path, no_env, &config, &error), KT_ERR_OK);
    unlink(path);
    return config;
}

static void a_stop_ends_the_wait_for_a_broker(void **state) {
    (void)state;
    struct kt_config *config = config_of_nobody();
    const atomic_bool stop = true;
    struct kt_client client = {.stop = &stop};
    struct kt_cluster *cluster = NULL;
    struct kt_error error;
    const int64_t begin_ms = kt_clock_ms();
    assert_int_equal(kt_cluster_connect(config, &client, 60000, &cluster, &error), KT_ERR_STOPPED);
    assert_true(kt_clock_ms() - begin_ms < 30000);
    assert_string_equal(error.message, "stopped before a broker answered at 127.0.0.1:1");
    kt_config_free(config);
}

static void a_wait_in_vain_names_the_servers_and_the_reason(void **state) {
    (void)state;
    struct kt_config *config = config_of_nobody();
    struct kt_client client = {0};
    struct kt_cluster *cluster = NULL;
    struct kt_error error;
    assert_int_equal(kt_cluster_connect(config, &client, 1000, &cluster, &error), KT_ERR_KAFKA);
    assert_non_null(strstr(error.message, "no Kafka broker answered at 127.0.0.1:1 within 1 s: "));
    assert_non_null(strstr(error.message, "Connection refused"));
    kt_config_free(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_ends_the_wait_for_a_broker),
        cmocka_unit_test(a_wait_in_vain_names_the_servers_and_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
