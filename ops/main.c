/* SPDX-License-Identifier: GPL-3.0-or-later
 * The program: finds the subcommand and runs it. */
#include "ops/command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"worker", kt_cmd_worker, "the stage: metric events in, rescale commands out"},
    {"replay", kt_cmd_replay, "the worker's decisions from a file of events, without a broker"},
    {"suggest", kt_cmd_suggest, "one decision from a history, or DS2's answer for a rate log"},
    {"topics", kt_cmd_topics, "create or check the Kafka topics"},
    {"config", kt_cmd_config, "check a configuration, or print one with every option"},
    {"history", kt_cmd_history, "list, export or import what was learned"},
    {"commands", kt_cmd_commands, "read the command topic"},
    {"simulate", kt_cmd_simulate, "the closed loop on simulated jobs, method beside method"},
    {"demo", kt_cmd_demo, "a live closed loop on an embedded broker"},
};

static void usage(FILE *out) {
    fprintf(out, "usage: kontune COMMAND [OPTIONS]\n\n"
                 "Finds the smallest parallelism per operator of a Flink job that keeps up.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(out,
            "\n`kontune COMMAND --help` tells the options. `kontune --version` the version.\n");
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        usage(stderr);
        return KT_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return KT_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("kontune %s\n", KT_VERSION);
        return KT_EXIT_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "kontune: unknown command '%s'; `kontune --help` lists them\n", argv[1]);
    return KT_EXIT_USAGE;
}

/* What was printed has arrived, or it was not done: a full disk must not look like success. */
static int finish(const char *name, int status) {
    errno = 0;
    const bool lost = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !lost) {
        return status;
    }
    if (status == KT_EXIT_OK) { /* else the subcommand has said what went wrong */
        fprintf(stderr, "kontune %s: writing to stdout: %s\n", name,
                errno == 0 ? "not all was written" : strerror(errno));
        status = KT_EXIT_FAILED;
    }
    return status;
}

int main(int argc, char **argv) {
    return finish(argc < 2 ? "" : argv[1], run(argc, argv));
}
