/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune worker`: the stage as a process. SIGTERM and SIGINT drain it under a deadline; a second
 * one ends it at once. */
#include "consumer/worker.h"
#include "ops/cli.h"
#include "ops/command.h"

#include <signal.h>
#include <unistd.h>

/* Beyond the drain's own deadline: closing connections and the state folder. */
#define CLOSE_S 5

static atomic_bool stop_asked;
static volatile sig_atomic_t drain_s;

static void on_stop(int number) {
    if (atomic_exchange(&stop_asked, true)) {
        _exit(128 + number);
    }
    alarm((unsigned int)drain_s);
}

static void on_deadline(int number) {
    (void)number;
    static const char text[] = "kontune worker: the deadline to stop has passed; what is not "
                               "committed will be read again\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) {
        _exit(KT_EXIT_FAILED); /* nobody listens; the status says it */
    }
    _exit(KT_EXIT_FAILED);
}

static void watch_signals(const struct kt_config *config) {
    drain_s = (sig_atomic_t)(config->worker.shutdown_ms / 1000 + CLOSE_S);
    struct sigaction stop = {.sa_handler = on_stop};
    struct sigaction deadline = {.sa_handler = on_deadline};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&stop.sa_mask);
    sigemptyset(&deadline.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGALRM, &deadline, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

int kt_cmd_worker(int argc, char **argv) {
    const char *path = NULL;
    const struct kt_cli_option options[] = {KT_CLI_CONFIG(path), {0}};
    struct kt_cli cli = {.command = "worker",
                         .summary =
                             "Reads metric events from Kafka and publishes rescale commands, "
                             "exactly once. Logs to stderr. SIGTERM drains and commits.",
                         .options = options};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    struct kt_config *config = NULL;
    struct kt_error error;
    if (kt_config_load(path, environ, &config, &error) != KT_ERR_OK) {
        return kt_cli_fail(&cli, &error);
    }
    watch_signals(config);
    const enum kt_err err = kt_worker_run(config, &stop_asked, stderr, &error);
    kt_config_free(config);
    /* The log's last line says why. What the file says is right, the cluster's state is not. */
    return err == KT_ERR_OK ? KT_EXIT_OK : KT_EXIT_FAILED;
}
