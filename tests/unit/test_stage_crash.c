/* SPDX-License-Identifier: GPL-3.0-or-later
 * Exactly once: whatever crashes between the events, what is committed in the end is, to the byte,
 * what an undisturbed run commits. */
#include "support/stage_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BASE_MS INT64_C(1800000000000)

/* ---- a stream of many jobs ------------------------------------------------------------------- */

#define JOBS     24
#define VERTICES 3

struct sim_job {
    char name[16];
    char job_id[16];
    int submission;
    int parallelism[VERTICES];
    int64_t attempt_start_ms;
    int64_t records[VERTICES]; /* counters of a subtask; all are alike */
    double busy_ms[VERTICES];
    int64_t clock_ahead_ms; /* this job's clock is wrong */
    int64_t silent_until_ms;
    double load; /* records/s of a subtask of the source */
};

static struct kt_str text(struct kt_rig_records *records, const char *s) {
    return kt_arena_str(&records->arena, kt_str_of(s));
}

/* One poll of a job: an event per subtask, each up to `jitter` late. */
static void poll_job(struct kt_rig_records *records, struct sim_job *job, int64_t now_ms,
                     struct kt_rig_random *random) {
    const char *const ids[VERTICES] = {"v-source", "v-map", "v-sink"};
    char job_id[32];
    snprintf(job_id, sizeof job_id, "%s-%d", job->name, job->submission);
    for (int v = 0; v < VERTICES; v++) {
        for (int s = 0; s < job->parallelism[v]; s++) {
            struct kt_rig_record *record = kt_rig_records_add(records);
            record->record_ms = now_ms;
            struct kt_metric_event *event = &record->event;
            event->cluster = KT_STR("c");
            event->job_name = text(records, job->name);
            event->job_id = text(records, job_id);
            event->vertex_id = kt_str_of(ids[v]);
            event->vertex_name = event->vertex_id;
            event->subtask = s;
            event->timestamp_ms = now_ms + job->clock_ahead_ms;
            if (kt_rig_below(random, 12) == 0) {
                event->timestamp_ms -= kt_rig_below(random, 9000); /* some too late, some not */
            }
            event->attempt_start_ms = job->attempt_start_ms;
            KT_SET(event, KT_EVENT_ATTEMPT_START_MS);
            event->parallelism = job->parallelism[v];
            KT_SET(event, KT_EVENT_PARALLELISM);
            event->max_parallelism = 64;
            KT_SET(event, KT_EVENT_MAX_PARALLELISM);
            event->is_source = v == 0;
            KT_SET(event, KT_EVENT_IS_SOURCE);
            struct kt_upstream *upstream = kt_arena_array(&records->arena, 1, sizeof *upstream);
            upstream->vertex_id = kt_str_of(v > 0 ? ids[v - 1] : "");
            event->upstream.items = upstream;
            event->upstream.count = v > 0 ? 1 : 0;
            KT_SET(event, KT_EVENT_UPSTREAM);
            event->records_in_total = v > 0 ? job->records[v] : 0;
            KT_SET(event, KT_EVENT_RECORDS_IN_TOTAL);
            event->records_out_total = job->records[v];
            KT_SET(event, KT_EVENT_RECORDS_OUT_TOTAL);
            event->busy_ms_total = (int64_t)job->busy_ms[v];
            KT_SET(event, KT_EVENT_BUSY_MS_TOTAL);
            event->backpressured_ms_total = 0;
            KT_SET(event, KT_EVENT_BACKPRESSURED_MS_TOTAL);
            event->idle_ms_total = now_ms - job->attempt_start_ms - event->busy_ms_total;
            KT_SET(event, KT_EVENT_IDLE_MS_TOTAL);
        }
    }
}

/* Something other than an event happens to a job now and then. */
static void disturb(struct sim_job *job, int64_t now_ms, struct kt_rig_random *random) {
    switch (kt_rig_below(random, 60)) {
    case 0: /* rescaled by hand, or submitted again */
        job->submission += kt_rig_below(random, 2) == 0 ? 1 : 0;
        job->attempt_start_ms = now_ms;
        for (int v = 0; v < VERTICES; v++) {
            job->parallelism[v] = 1 + (int)kt_rig_below(random, 3);
            job->records[v] = 0;
            job->busy_ms[v] = 0;
        }
        break;
    case 1:
        job->silent_until_ms = now_ms + 5000 + kt_rig_below(random, 90000);
        break;
    case 2:
        job->load = 100 + kt_rig_below(random, 900);
        break;
    default:
        break;
    }
}

static void add_bad_record(struct kt_rig_records *records, int64_t now_ms,
                           struct kt_rig_random *random) {
    struct kt_rig_record *record = kt_rig_records_add(records);
    record->record_ms = now_ms;
    record->event = records->items[kt_rig_below(random, (uint32_t)records->count - 1)].event;
    switch (kt_rig_below(random, 3)) {
    case 0:
        record->undecodable = true;
        break;
    case 1: /* a year ahead */
        record->event.timestamp_ms = now_ms + INT64_C(31536000000);
        break;
    default:
        record->event.subtask = -7;
        break;
    }
}

static void make_stream(struct kt_rig_records *records, uint64_t seed, int polls) {
    struct kt_rig_random random = {seed};
    struct sim_job jobs[JOBS] = {0};
    kt_arena_init(&records->arena, (size_t)1 << 20, (size_t)256 << 20);
    for (int j = 0; j < JOBS; j++) {
        snprintf(jobs[j].name, sizeof jobs[j].name, "job-%d", j);
        jobs[j].attempt_start_ms = BASE_MS - 100000;
        jobs[j].clock_ahead_ms = j == 5 ? 45000 : j == 6 ? -70000 : 0;
        jobs[j].load = 100 + kt_rig_below(&random, 900);
        for (int v = 0; v < VERTICES; v++) {
            jobs[j].parallelism[v] = 1 + (int)kt_rig_below(&random, 3);
        }
    }
    for (int i = 0; i < polls; i++) {
        const int64_t now_ms = BASE_MS + (int64_t)i * 1000;
        for (int j = 0; j < JOBS; j++) {
            struct sim_job *job = &jobs[j];
            disturb(job, now_ms, &random);
            for (int v = 0; v < VERTICES; v++) {
                job->records[v] += (int64_t)job->load;
                job->busy_ms[v] += job->load * (0.4 + 0.3 * v) / job->parallelism[v];
            }
            if (now_ms >= job->silent_until_ms) {
                poll_job(records, job, now_ms + j * 30, &random);
            }
            if (kt_rig_below(&random, 50) == 0) {
                add_bad_record(records, now_ms + j * 30, &random);
            }
        }
    }
}

/* ---- crashes --------------------------------------------------------------------------------- */

/* Reads everything with random commits and crashes. */
static void run_with_crashes(struct kt_rig *rig, const struct kt_rig_records *records,
                             uint64_t seed, uint32_t commit_every, uint32_t crash_every,
                             int crashes_max) {
    struct kt_rig_random random = {seed};
    int crashes = 0;
    while (rig->offset < (int64_t)records->count) {
        kt_rig_step(rig, records);
        if (kt_rig_below(&random, commit_every) == 0) {
            kt_rig_commit(rig);
        }
        if (crashes < crashes_max && kt_rig_below(&random, crash_every) == 0) {
            kt_rig_crash(rig, (enum kt_rig_crash)kt_rig_below(&random, 3));
            crashes++;
            if (kt_rig_below(&random, 3) == 0) {
                kt_rig_commit(rig); /* before anything was read */
            }
        }
    }
    kt_rig_commit(rig);
    assert_int_equal(crashes, crashes_max);
}

static struct kt_settings fast_settings(void) {
    struct kt_settings settings;
    kt_settings_default(&settings);
    settings.window.window_ms = 10000;
    settings.window.lateness_ms = 3000;
    settings.window.idle_timeout_ms = 15000;
    settings.defaults.policy.cooldown_ms = 20000;
    settings.defaults.policy.command_ttl_ms = 30000;
    return settings;
}

static void a_recording_is_decided_the_same_whatever_crashes(void **state) {
    (void)state;
    struct kt_rig_records records = {0};
    kt_rig_records_recording(&records);
    struct kt_settings settings;
    kt_settings_default(&settings);
    settings.window.window_ms = 20000;
    struct kt_rig calm;
    kt_rig_init(&calm, &settings);
    kt_rig_run(&calm, &records);
    assert_true(kt_stage_counters(calm.stage)->rescales > 0);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct kt_rig rough;
        kt_rig_init(&rough, &settings);
        run_with_crashes(&rough, &records, seed, 80, 150, 25);
        kt_rig_assert_equal(&calm, &rough);
        kt_rig_end(&rough);
    }
    kt_rig_end(&calm);
    kt_rig_records_free(&records);
}

static void many_jobs_are_decided_the_same_whatever_crashes(void **state) {
    (void)state;
    const struct kt_settings settings = fast_settings();
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct kt_rig_records records = {0};
        make_stream(&records, seed, 150);
        struct kt_rig calm;
        kt_rig_init(&calm, &settings);
        kt_rig_run(&calm, &records);
        const struct kt_stage_counters *counters = kt_stage_counters(calm.stage);
        /* The stream must be a hard one: all of this happens in it. */
        assert_true(counters->late > 0 && counters->refused > 0 && counters->held > 0 &&
                    counters->learned > 0 && counters->rescales > 0 && counters->holds > 0);
        for (uint64_t run = 1; run <= 3; run++) {
            struct kt_rig rough;
            kt_rig_init(&rough, &settings);
            run_with_crashes(&rough, &records, seed * 100 + run, 60, 400, 20);
            kt_rig_assert_equal(&calm, &rough);
            kt_rig_end(&rough);
        }
        kt_rig_end(&calm);
        kt_rig_records_free(&records);
    }
}

/* Crashes so dense that most happen while the last one is still being recovered from: commits fall
 * into the re-reading, where the low-water mark is not next_offset. */
static void a_crash_while_reading_again_loses_nothing(void **state) {
    (void)state;
    const struct kt_settings settings = fast_settings();
    struct kt_rig_records records = {0};
    make_stream(&records, 77, 60);
    struct kt_rig calm;
    kt_rig_init(&calm, &settings);
    kt_rig_run(&calm, &records);
    for (uint64_t run = 1; run <= 3; run++) {
        struct kt_rig rough;
        kt_rig_init(&rough, &settings);
        run_with_crashes(&rough, &records, run, 10, 60, 80);
        const struct kt_stage_counters *last = kt_stage_counters(rough.stage);
        assert_true(rough.totals.rebuilt + last->rebuilt > 0);
        kt_rig_assert_equal(&calm, &rough);
        kt_rig_end(&rough);
    }
    kt_rig_end(&calm);
    kt_rig_records_free(&records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_is_decided_the_same_whatever_crashes),
        cmocka_unit_test(many_jobs_are_decided_the_same_whatever_crashes),
        cmocka_unit_test(a_crash_while_reading_again_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
