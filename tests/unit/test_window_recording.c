/* SPDX-License-Identifier: GPL-3.0-or-later
 * Windows and gate on a real Flink job's metrics: tests/fixtures/flink-recording.jsonl.gz, 20
 * minutes of a Flink 1.20 job of known cost per record, polled from REST every 2 s, with the load
 * and the parallelism changed on the way. What the gate calls valid must be the truth. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/gate.h"
#include "schemas/codec.h"

#define EVENTS_MAX 8000
#define VERTICES   5

/* An operator of the job blocks for c0 (1 + a (p − 1)) ms per record at parallelism p, so that its
 * processing ability is PA(p) = 1000 p / (c0 (1 + a (p − 1))) records/s. */
static const struct {
    const char *name;
    double c0_ms;
    double a;
} operators[] = {{"parse", 0.4, 0.02}, {"enrich", 1.0, 0.06}, {"aggregate", 1.5, 0.04}};

/* The source's rate, by seconds of its own schedule. A step shows in the timestamps later than
 * that after the job's first attempt began: the schedule started 5 s into it, and REST gives values
 * that are one poll (2 s) old. */
#define SCHEDULE_SEEN_AFTER_MS 7000
static const struct {
    double from_s;
    double rate;
} schedule[] = {{0, 500},    {150, 1500}, {300, 3000}, {450, 4000},
                {600, 2000}, {750, 1000}, {900, 2500}, {1050, 3500}};
#define STEPS (sizeof schedule / sizeof *schedule)

struct recording {
    struct kt_arena arena;
    struct kt_metric_event *events;
    size_t count;
    int64_t job_start_ms;
    struct kt_str vertices[VERTICES]; /* ids */
};

/* Of one pass over the recording. */
struct tally {
    int windows;
    int undisturbed; /* of one attempt, warm from the start */
    int valid;
    int reasons[64];
    int abilities; /* compared with the truth */
    int ramps;     /* windows with a step of the source that had to be held for it */
    double worst;  /* relative error of an ability */
    char worst_where[128];
};

/* Copies an event, which the reader is about to overwrite. */
static void keep(struct recording *recording, const struct kt_metric_event *event) {
    struct kt_arena *arena = &recording->arena;
    struct kt_metric_event *copy = &recording->events[recording->count++];
    *copy = *event;
    struct kt_str *const texts[5] = {&copy->cluster, &copy->job_name, &copy->job_id,
                                     &copy->vertex_id, &copy->vertex_name};
    for (size_t i = 0; i < 5; i++) {
        *texts[i] = kt_arena_str(arena, *texts[i]);
        assert_non_null(texts[i]->data);
    }
    copy->upstream.items =
        kt_arena_array(arena, event->upstream.count, sizeof *event->upstream.items);
    assert_non_null(copy->upstream.items);
    for (size_t i = 0; i < event->upstream.count; i++) {
        const struct kt_str id = kt_arena_str(arena, event->upstream.items[i].vertex_id);
        assert_non_null(id.data);
        copy->upstream.items[i] = (struct kt_upstream){.vertex_id = id};
    }
}

static int load(void **state) {
    struct recording *recording = calloc(1, sizeof *recording);
    assert_non_null(recording);
    kt_arena_init(&recording->arena, 1 << 20, 64 << 20);
    recording->events = calloc(EVENTS_MAX, sizeof *recording->events);
    assert_non_null(recording->events);
    struct kt_file_reader *reader = NULL;
    struct kt_error error = {0};
    enum kt_err err = kt_file_reader_open(&kt_metric_event_type,
                                          KT_FIXTURES "/flink-recording.jsonl.gz", &reader, &error);
    for (bool resumable = false; err == KT_ERR_OK;) {
        struct kt_metric_event event;
        err = kt_file_reader_next(reader, &event, &resumable, &error);
        if (err == KT_ERR_OK) {
            assert_true(recording->count < EVENTS_MAX);
            keep(recording, &event);
        }
    }
    assert_int_equal(err, KT_ERR_NOT_FOUND); /* the end */
    kt_file_reader_close(reader);
    assert_int_equal(recording->count, 6156);
    recording->job_start_ms = recording->events[0].attempt_start_ms;
    for (size_t i = 0; i < VERTICES; i++) { /* the first poll: one subtask of each */
        recording->vertices[i] = recording->events[i].vertex_id;
    }
    *state = recording;
    return 0;
}

static int unload(void **state) {
    struct recording *recording = *state;
    kt_arena_free(&recording->arena);
    free(recording->events);
    free(recording);
    return 0;
}

static double truth(size_t op, int32_t p) {
    return 1000.0 * p / (operators[op].c0_ms * (1 + operators[op].a * (p - 1)));
}

/* Mean scheduled rate between two times of the recording. */
static double scheduled(const struct recording *recording, int64_t from_ms, int64_t to_ms) {
    const double origin = (double)(recording->job_start_ms + SCHEDULE_SEEN_AFTER_MS);
    const double from_s = ((double)from_ms - origin) / 1000;
    const double to_s = ((double)to_ms - origin) / 1000;
    double records = 0;
    for (size_t i = 0; i < STEPS; i++) {
        const double begin = i == 0 ? -INFINITY : schedule[i].from_s;
        const double end = i + 1 == STEPS ? INFINITY : schedule[i + 1].from_s;
        const double overlap = fmin(end, to_s) - fmax(begin, from_s);
        records += overlap > 0 ? overlap * schedule[i].rate : 0;
    }
    return records / (to_s - from_s);
}

/* Whether a vertex runs in two attempts or at two parallelisms within the window, or its first
 * sample is younger than the warm-up: seen in the raw events. */
static bool disturbed(const struct recording *recording, int64_t start_ms, int64_t end_ms,
                      int64_t warm_up_ms) {
    int64_t attempt_ms = -1;
    for (size_t i = 0; i < recording->count; i++) {
        const struct kt_metric_event *event = &recording->events[i];
        if (event->timestamp_ms < start_ms || event->timestamp_ms >= end_ms) {
            continue;
        }
        if ((attempt_ms >= 0 && attempt_ms != event->attempt_start_ms) ||
            event->timestamp_ms < event->attempt_start_ms + warm_up_ms) {
            return true;
        }
        attempt_ms = event->attempt_start_ms;
    }
    return false;
}

static const struct kt_vertex_summary *find(const struct kt_window_summary *summary,
                                            const char *name) {
    for (size_t i = 0; i < summary->vertices.count; i++) {
        if (kt_str_equal(summary->vertices.items[i].name, kt_str_of(name))) {
            return &summary->vertices.items[i];
        }
    }
    return NULL;
}

static void check_abilities(const struct kt_window_summary *summary, double busy_min,
                            const struct recording *recording, struct tally *tally) {
    for (size_t op = 0; op < sizeof operators / sizeof *operators; op++) {
        const struct kt_vertex_summary *vertex = find(summary, operators[op].name);
        assert_non_null(vertex);
        assert_true(KT_HAS(vertex, KT_SUM_BUSY));
        assert_true(vertex->from_totals);
        if (vertex->busy < busy_min) {
            continue;
        }
        assert_true(KT_HAS(vertex, KT_SUM_ABILITY));
        const double error = vertex->ability / truth(op, vertex->parallelism) - 1;
        tally->abilities++;
        if (fabs(error) > fabs(tally->worst)) {
            tally->worst = error;
            snprintf(tally->worst_where, sizeof tally->worst_where,
                     "%s at parallelism %d, busy %.3f, second %.0f", operators[op].name,
                     vertex->parallelism, vertex->busy,
                     (double)(summary->start_ms - recording->job_start_ms) / 1000);
        }
        if (fabs(error) > 0.05) {
            fail_msg("%s: ability %g, the truth is %g", operators[op].name, vertex->ability,
                     truth(op, vertex->parallelism));
        }
    }
}

static bool backpressured(const struct kt_window_summary *summary) {
    for (size_t i = 0; i < summary->vertices.count; i++) {
        if (summary->vertices.items[i].backpressured >= 0.01 ||
            summary->vertices.items[i].pending_records > 0) {
            return true;
        }
    }
    return false;
}

/* Holds the verdict of one window against what really happened in it. */
static void check_window(const struct recording *recording, const struct kt_settings *settings,
                         const struct kt_window_summary *summary, struct kt_verdict verdict,
                         struct tally *tally) {
    const bool valid = verdict.reason == KT_REASON_STEADY;
    tally->windows++;
    tally->valid += valid;
    tally->reasons[verdict.reason]++;
    assert_int_equal(valid, verdict.text.len == 0);
    if (disturbed(recording, summary->start_ms, summary->end_ms, settings->gate.warm_up_ms)) {
        assert_false(valid);
        return;
    }
    tally->undisturbed++;
    if (valid) {
        check_abilities(summary, settings->defaults.policy.busy_min, recording, tally);
    }
    if (backpressured(summary)) {
        return; /* the source emits what it can, not what is scheduled */
    }
    const struct kt_vertex_summary *source = find(summary, "Source: source");
    assert_non_null(source);
    assert_true(source->is_source);
    const int64_t middle_ms = (summary->start_ms + summary->end_ms) / 2;
    const double first = scheduled(recording, summary->start_ms, middle_ms);
    const double second = scheduled(recording, middle_ms, summary->end_ms);
    const double change = fabs(second - first) / fmax(first, second);
    if (change > settings->gate.ramp_max + 0.03) {
        tally->ramps++;
        assert_int_equal(verdict.reason, KT_REASON_RAMP);
    } else if (change == 0) {
        assert_int_equal(verdict.reason, KT_REASON_STEADY);
        assert_true(fabs(source->rate_in_per_s - first) < 0.02 * first);
    }
}

/* Sums up the window that starts at start_ms. */
static struct kt_window_summary summarise(const struct recording *recording,
                                          struct kt_window *window, int64_t start_ms,
                                          int64_t window_ms, struct kt_arena *arena) {
    kt_window_clear(window, start_ms, start_ms + window_ms, 0);
    for (size_t i = 0; i < recording->count; i++) {
        const struct kt_metric_event *event = &recording->events[i];
        if (event->timestamp_ms >= start_ms && event->timestamp_ms < start_ms + window_ms) {
            assert_int_equal(kt_window_add(window, event, NULL), KT_ERR_OK);
        }
    }
    struct kt_window_summary summary;
    assert_int_equal(kt_window_summarise(window, arena, &summary, NULL), KT_ERR_OK);
    return summary;
}

/* Cuts the recording into windows and checks each. */
static void cut(const struct recording *recording, int64_t window_ms, struct tally *tally) {
    struct kt_settings settings;
    kt_settings_default(&settings);
    struct kt_window *window = kt_window_new();
    assert_non_null(window);
    struct kt_arena arena;
    kt_arena_init(&arena, 1 << 16, 1 << 24);
    const int64_t last_ms = recording->events[recording->count - 1].timestamp_ms;
    int32_t ramp_windows = 0;
    for (int64_t start_ms = recording->events[0].timestamp_ms / window_ms * window_ms;
         start_ms + window_ms <= last_ms; start_ms += window_ms) {
        kt_arena_reset(&arena);
        const struct kt_window_summary summary =
            summarise(recording, window, start_ms, window_ms, &arena);
        const struct kt_gate_past past = {.expected = recording->vertices,
                                          .expected_count = VERTICES,
                                          .ramp_windows = ramp_windows};
        const struct kt_verdict verdict = kt_gate_check(&summary, &settings.gate, &past, &arena);
        check_window(recording, &settings, &summary, verdict, tally);
        ramp_windows = verdict.reason == KT_REASON_RAMP ? ramp_windows + 1 : 0;
    }
    kt_arena_free(&arena);
    kt_window_free(window);
}

static void report(int64_t window_ms, const struct tally *tally) {
    print_message("windows of %lld s: %d, undisturbed %d, valid %d; held:",
                  (long long)window_ms / 1000, tally->windows, tally->undisturbed, tally->valid);
    for (int reason = 0; reason < kt_reason_type.count; reason++) {
        if (reason != KT_REASON_STEADY && tally->reasons[reason] > 0) {
            print_message(" %s %d", kt_enum_symbol(&kt_reason_type, reason),
                          tally->reasons[reason]);
        }
    }
    print_message("\n  %d abilities, worst %+.2f %% (%s); %d ramps of the source\n",
                  tally->abilities, 100 * tally->worst, tally->worst_where, tally->ramps);
}

static void windows_of_20_s_are_valid_only_where_they_hold_the_truth(void **state) {
    struct tally tally = {0};
    cut(*state, 20000, &tally);
    report(20000, &tally);
    assert_true(tally.valid >= 30);
    assert_true(tally.ramps >= 4);
}

static void windows_of_30_s_are_valid_only_where_they_hold_the_truth(void **state) {
    struct tally tally = {0};
    cut(*state, 30000, &tally);
    report(30000, &tally);
    assert_true(tally.valid >= 15);
    assert_true(tally.ramps >= 6);
}

static void windows_of_60_s_are_valid_only_where_they_hold_the_truth(void **state) {
    struct tally tally = {0};
    cut(*state, 60000, &tally);
    report(60000, &tally);
    assert_true(tally.valid >= 4); /* the recording's parallelism changes nearly every minute */
    assert_true(tally.ramps >= 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_20_s_are_valid_only_where_they_hold_the_truth),
        cmocka_unit_test(windows_of_30_s_are_valid_only_where_they_hold_the_truth),
        cmocka_unit_test(windows_of_60_s_are_valid_only_where_they_hold_the_truth),
    };
    return cmocka_run_group_tests_name("window recording", tests, load, unload);
}
