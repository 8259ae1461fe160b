/* SPDX-License-Identifier: GPL-3.0-or-later
 * CPU time of kt_window_add per event, and of a summary per subtask, for jobs of 1, 100 and 1000
 * vertices of 16 subtasks, with the events in the reporter's order and scattered. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model/window.h"

#define SUBTASKS  16
#define WINDOW_MS 60000
#define POLL_MS   2000
#define EVENTS    4000000 /* per line of the table */

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "bench_window: %s\n", what);
    exit(1);
}

/* One poll of a job: each subtask of each vertex in turn. */
struct poll {
    struct kt_metric_event *events;
    size_t count;
    char (*ids)[33];
    struct kt_upstream *upstream;
};

static struct poll poll_make(size_t vertices) {
    struct poll poll = {calloc(vertices * SUBTASKS, sizeof(struct kt_metric_event)),
                        vertices * SUBTASKS, calloc(vertices, sizeof *poll.ids),
                        calloc(vertices, sizeof *poll.upstream)};
    if (poll.events == NULL || poll.ids == NULL || poll.upstream == NULL) {
        die("out of memory");
    }
    for (size_t v = 0; v < vertices; v++) {
        snprintf(poll.ids[v], sizeof poll.ids[v], "%016zx%016zx",
                 (v + 1) * (size_t)0x9e3779b97f4a7c15, (v + 7) * (size_t)0xc2b2ae3d27d4eb4f);
        if (v > 0) {
            poll.upstream[v].vertex_id = (struct kt_str){poll.ids[v - 1], 32};
        }
        for (int32_t s = 0; s < SUBTASKS; s++) {
            struct kt_metric_event *event = &poll.events[v * SUBTASKS + (size_t)s];
            *event = (struct kt_metric_event){
                .present = (UINT64_C(1) << KT_EVENT_FIELDS) - 1,
                .cluster = KT_STR("lab"),
                .job_name = KT_STR("orders"),
                .job_id = KT_STR("22b206468e7f9e5ef6ec5b33716de259"),
                .vertex_id = {poll.ids[v], 32},
                .vertex_name = KT_STR("aggregate by key and window"),
                .subtask = s,
                .attempt_start_ms = 1795332000000,
                .parallelism = SUBTASKS,
                .max_parallelism = 128,
                .is_source = v == 0,
                .records_in_per_s = 1000,
                .busy_ms_per_s = 400,
                .cpu_load = 0.5,
            };
            event->upstream.items = v == 0 ? NULL : &poll.upstream[v];
            event->upstream.count = v == 0 ? 0 : 1;
        }
    }
    return poll;
}

/* The i-th event of a poll: in turn, or scattered differently from poll to poll (the steps are
 * primes, so each event comes once). */
static struct kt_metric_event *poll_event(const struct poll *poll, size_t i, int64_t at_ms,
                                          bool scattered) {
    static const size_t steps[] = {7919, 104729, 611953};
    return &poll->events[scattered ? i * steps[at_ms / POLL_MS % 3] % poll->count : i];
}

static void poll_free(struct poll *poll) {
    free(poll->events);
    free(poll->ids);
    free(poll->upstream);
}

static void run(size_t vertices, bool scattered) {
    struct poll poll = poll_make(vertices);
    struct kt_window *window = kt_window_new();
    struct kt_arena arena;
    kt_arena_init(&arena, 1 << 20, (size_t)1 << 30);
    if (window == NULL) {
        die("out of memory");
    }
    double adding_ns = 0;
    double summing_ns = 0;
    size_t events = 0;
    size_t summed = 0;
    for (int64_t start_ms = 1795332000000; events < EVENTS; start_ms += WINDOW_MS) {
        const double begin_ns = cpu_ns();
        kt_window_clear(window, start_ms, start_ms + WINDOW_MS, 0);
        for (int64_t at_ms = start_ms; at_ms < start_ms + WINDOW_MS; at_ms += POLL_MS) {
            for (size_t i = 0; i < poll.count; i++) {
                struct kt_metric_event *event = poll_event(&poll, i, at_ms, scattered);
                event->timestamp_ms = at_ms;
                event->records_in_total += 2000;
                event->records_out_total += 1000;
                event->busy_ms_total += 800;
                event->idle_ms_total += 1200;
                if (kt_window_add(window, event, NULL) != KT_ERR_OK) {
                    die("an event was refused");
                }
            }
            events += poll.count;
        }
        const double added_ns = cpu_ns();
        struct kt_window_summary summary;
        kt_arena_reset(&arena);
        if (kt_window_summarise(window, &arena, &summary, NULL) != KT_ERR_OK) {
            die("no summary");
        }
        summing_ns += cpu_ns() - added_ns;
        adding_ns += added_ns - begin_ns;
        summed += poll.count;
    }
    printf("%8zu  %-10s %14.1f %22.1f\n", vertices, scattered ? "scattered" : "in turn",
           adding_ns / (double)events, summing_ns / (double)summed);
    kt_arena_free(&arena);
    kt_window_free(window);
    poll_free(&poll);
}

int main(void) {
    printf("%8s  %-10s %14s %22s\n", "vertices", "events", "add (ns/event)",
           "summary (ns/subtask)");
    const size_t sizes[] = {1, 100, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        run(sizes[i], false);
        run(sizes[i], true);
    }
    return 0;
}
