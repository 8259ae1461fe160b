/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs a program to its end and keeps what it printed, for tests of the command line. */
#include "support/process.h"

#include "producer/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct capture {
    int fd;
    char *text;
    size_t len;
};

/* Reads what is there; closes the pipe at its end. */
static void capture_read(struct capture *c) {
    char chunk[65536];
    ssize_t n = read(c->fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) {
        return;
    }
    if (n <= 0) {
        close(c->fd);
        c->fd = -1;
        return;
    }
    char *grown = realloc(c->text, c->len + (size_t)n + 1);
    if (grown == NULL) {
        abort();
    }
    memcpy(grown + c->len, chunk, (size_t)n);
    c->text = grown;
    c->len += (size_t)n;
    c->text[c->len] = '\0';
}

static void child_exec(const char *const *argv, const int out[2], const int err[2]) {
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0) {
        _exit(127);
    }
    close(null);
    close(out[0]);
    close(out[1]);
    close(err[0]);
    close(err[1]);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

struct kt_process_result kt_process_run(const char *const *argv, int timeout_s) {
    struct kt_process_result result = {.status = -1};
    int out[2], err[2];
    if (pipe2(out, O_CLOEXEC) != 0) {
        return result;
    }
    if (pipe2(err, O_CLOEXEC) != 0) {
        close(out[0]);
        close(out[1]);
        return result;
    }
    pid_t pid = fork();
    if (pid == 0) {
        child_exec(argv, out, err);
    }
    close(out[1]);
    close(err[1]);
    struct capture captures[2] = {{.fd = out[0], .text = calloc(1, 1)},
                                  {.fd = err[0], .text = calloc(1, 1)}};
    const int64_t deadline = kt_clock_ms() + (int64_t)timeout_s * 1000;
    while (pid > 0 && (captures[0].fd >= 0 || captures[1].fd >= 0)) {
        struct pollfd fds[2] = {{.fd = captures[0].fd, .events = POLLIN},
                                {.fd = captures[1].fd, .events = POLLIN}};
        const int64_t left = deadline - kt_clock_ms();
        if (left <= 0) {
            kill(pid, SIGKILL);
        }
        poll(fds, 2, left > 0 ? (int)left : 100);
        for (int i = 0; i < 2; i++) {
            if (captures[i].fd >= 0 && fds[i].revents != 0) {
                capture_read(&captures[i]);
            }
        }
    }
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) == pid) {
        result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    result.out = captures[0].text;
    result.err = captures[1].text;
    return result;
}

void kt_process_result_free(struct kt_process_result *result) {
    free(result->out);
    free(result->err);
    *result = (struct kt_process_result){.status = -1};
}

const char *kt_process_kontune(void) {
    const char *path = getenv("KONTUNE");
    return path != NULL ? path : "kontune";
}

char *kt_process_tmpdir(void) {
    const char *base = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/kontune-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(path) == NULL) {
        perror(path);
        abort();
    }
    return strdup(path);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void kt_process_rmtree(const char *path) {
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        perror(path);
    }
}
