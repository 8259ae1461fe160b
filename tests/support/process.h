/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs a program to its end and keeps what it printed, for tests of the command line. */
#ifndef KT_TESTS_SUPPORT_PROCESS_H
#define KT_TESTS_SUPPORT_PROCESS_H

#include <stddef.h>
#include <stdint.h>

struct kt_process_result {
    int status; /* exit status; 128 + signal when killed; -1 when it could not be started */
    char *out;  /* NUL-terminated stdout; owned by the result */
    char *err;  /* NUL-terminated stderr */
};

/* Runs argv[0] (found by PATH) with the arguments up to NULL, /dev/null as stdin, killed after
 * timeout_s. */
struct kt_process_result kt_process_run(const char *const *argv, int timeout_s);
void kt_process_result_free(struct kt_process_result *result);

/* Path of the kontune program under test: $KONTUNE. */
const char *kt_process_kontune(void);

/* A new empty folder below $TMPDIR or /tmp; the caller removes it with kt_process_rmtree. Aborts
 * when impossible. */
char *kt_process_tmpdir(void); /* malloc'd */
void kt_process_rmtree(const char *path);

#endif
