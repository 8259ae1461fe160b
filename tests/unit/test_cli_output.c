/* SPDX-License-Identifier: GPL-3.0-or-later
 * What all subcommands have in common: results that could not be written are a failure, and the
 * help fits a terminal. */
#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_S 30

/* The program's end when its stdout is the file. */
static struct kt_process_result run_into(const char *file, const char *words) {
    char line[1024];
    snprintf(line, sizeof line, "exec '%s' %s >%s", kt_process_kontune(), words, file);
    const char *const argv[] = {"sh", "-c", line, NULL};
    return kt_process_run(argv, LIMIT_S);
}

static void a_full_disk_is_a_failure_that_is_told(void **state) {
    (void)state;
    static const char *const commands[] = {
        "--help",
        "--version",
        "config sample",
        "config sample --markdown",
        "config check /dev/null",
        "config check --json /dev/null",
        "history --help",
        "replay --in " KT_FIXTURES "/flink-recording.jsonl.gz",
        "replay --in " KT_FIXTURES "/flink-recording.jsonl.gz --json",
        "suggest --history " KT_FIXTURES "/nexmark-q1-mapper.csv --rate 4e6 --current 26",
        "suggest --history " KT_FIXTURES "/nexmark-q1-mapper.csv --rate 4e6 --current 26 --json",
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct kt_process_result r = run_into("/dev/full", commands[i]);
        if (r.status != 1 || strncmp(r.err, "kontune ", 8) != 0) {
            fail_msg("kontune %s: status %d, %s", commands[i], r.status, r.err);
        }
        kt_process_result_free(&r);
    }
}

static void the_help_of_every_subcommand_fits_80_columns(void **state) {
    (void)state;
    static const char *const commands[] = {"worker",        "replay",         "suggest",
                                           "topics create", "topics check",   "config check",
                                           "history list",  "history export", "history import",
                                           "config sample", "commands tail",  "demo"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s --help", commands[i]);
        struct kt_process_result r = run_into("/dev/stdout", line);
        assert_int_equal(r.status, 0);
        for (const char *at = r.out; *at != '\0';) {
            const size_t len = strcspn(at, "\n");
            if (len > 80) {
                fail_msg("kontune %s: %zu columns: %.*s", line, len, (int)len, at);
            }
            at += len + (at[len] == '\n');
        }
        kt_process_result_free(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_a_failure_that_is_told),
        cmocka_unit_test(the_help_of_every_subcommand_fits_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
