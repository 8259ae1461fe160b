/* SPDX-License-Identifier: GPL-3.0-or-later
 * The simulated job: what it reports must be what its curves say. */
#include "ops/sim_job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T0_MS INT64_C(1700000000000)

/* source -> half -> sink; one subtask of half takes 1000 records/s, of sink 400. */
static const struct kt_sim_spec chain = {
    .cluster = "lab",
    .job_name = "chain",
    .operators = {{.id = "a",
                   .name = "source",
                   .selectivity = 1,
                   .scaled = true,
                   .curve = {.gamma = 1e5},
                   .max_parallelism = 8},
                  {.id = "b",
                   .name = "half",
                   .inputs = {0},
                   .inputs_count = 1,
                   .selectivity = 0.5,
                   .scaled = true,
                   .curve = {.gamma = 1000, .sigma = 0.05},
                   .max_parallelism = 128,
                   .keyed = true},
                  {.id = "c",
                   .name = "sink",
                   .inputs = {1},
                   .inputs_count = 1,
                   .scaled = true,
                   .curve = {.gamma = 400},
                   .max_parallelism = 128}},
    .count = 3,
    .restart_ms = 5000,
    .buffer_records = 500,
};

/* The sum of a total over a vertex's subtasks. */
static double total(struct kt_sim_job *job, const char *vertex, size_t offset) {
    struct kt_arena arena;
    kt_arena_init(&arena, 65536, 1 << 24);
    struct kt_metric_event *events;
    size_t count;
    struct kt_error error;
    assert_int_equal(kt_sim_job_events(job, &arena, &events, &count, &error), KT_ERR_OK);
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (kt_str_equal(events[i].vertex_id, kt_str_of(vertex))) {
            int64_t value;
            memcpy(&value, (const char *)&events[i] + offset, sizeof value);
            sum += value;
            assert_int_equal(kt_metric_event_check(&events[i], &error), KT_ERR_OK);
        }
    }
    kt_arena_free(&arena);
    return (double)sum;
}

static void ability_follows_the_curve_at_every_parallelism(void **state) {
    (void)state;
    for (int p = 1; p <= 8; p++) {
        const int parallelism[] = {1, p, 32};
        struct kt_sim_job *job = kt_sim_job_new(&chain, 1, T0_MS, parallelism);
        assert_non_null(job);
        kt_sim_job_advance(job, T0_MS + 60000, (double[3]){700.0});
        const double records = total(job, "b", offsetof(struct kt_metric_event, records_in_total));
        const double busy = total(job, "b", offsetof(struct kt_metric_event, busy_ms_total));
        const double ability = p * records / busy * 1000.0;
        assert_true(fabs(ability / kt_sim_ability(&chain, 1, p, 0) - 1.0) < 0.01);
        kt_sim_job_free(job);
    }
}

static void too_little_parallelism_shows_as_backpressure_upstream_and_lag(void **state) {
    (void)state;
    const int parallelism[] = {1, 2, 1};
    struct kt_sim_job *job = kt_sim_job_new(&chain, 1, T0_MS, parallelism);
    assert_non_null(job);
    kt_sim_job_advance(job, T0_MS + 60000,
                       (double[3]){1200.0}); /* the sink takes 400, so 800 pass */
    assert_true(total(job, "b", offsetof(struct kt_metric_event, backpressured_ms_total)) > 10000);
    assert_true(total(job, "c", offsetof(struct kt_metric_event, busy_ms_total)) > 55000);
    assert_true(fabs(kt_sim_job_backlog(job) - 60.0 * 400.0) < 2000.0);
    kt_sim_job_free(job);
}

static void no_record_is_lost_by_a_rescale(void **state) {
    (void)state;
    struct kt_sim_job *job = kt_sim_job_new(&chain, 1, T0_MS, NULL);
    assert_non_null(job);
    kt_sim_job_advance(job, T0_MS + 30000, (double[3]){900.0});
    const double before = total(job, "c", offsetof(struct kt_metric_event, records_in_total));
    const int parallelism[] = {1, 2, 4};
    kt_sim_job_rescale(job, parallelism);
    assert_false(kt_sim_job_is_running(job));
    kt_sim_job_advance(job, T0_MS + 120000, (double[3]){900.0});
    assert_true(kt_sim_job_is_running(job));
    const double after = total(job, "c", offsetof(struct kt_metric_event, records_in_total));
    /* 900/s for 120 s, half of them reach the sink; a few are on their way. */
    assert_true(fabs(before + after - 120.0 * 450.0) < 500.0);
    assert_true(kt_sim_job_backlog(job) < 500.0);
    kt_sim_job_free(job);
}

static void the_optimum_is_the_smallest_parallelism_that_keeps_up(void **state) {
    (void)state;
    double lambda[3];
    int parallelism[3];
    kt_sim_optimum(&chain, (double[3]){1500.0}, 0, lambda, parallelism);
    assert_true(lambda[1] == 1500.0 && lambda[2] == 750.0);
    assert_int_equal(parallelism[0], 1);
    assert_int_equal(parallelism[1], 2);
    assert_int_equal(parallelism[2], 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ability_follows_the_curve_at_every_parallelism),
        cmocka_unit_test(too_little_parallelism_shows_as_backpressure_upstream_and_lag),
        cmocka_unit_test(no_record_is_lost_by_a_rescale),
        cmocka_unit_test(the_optimum_is_the_smallest_parallelism_that_keeps_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
