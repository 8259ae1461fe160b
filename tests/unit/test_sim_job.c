/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a simulated job reports, read by the stage's own windows and gate: its curves, its load and
 * its restarts must be found again, and its lies be as large as asked for. */
#include "model/gate.h"
#include "model/settings.h"
#include "model/window.h"
#include "ops/sim_job.h"
#include "schemas/decision_enums.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T0_MS     INT64_C(1767225600000)
#define MINUTE_MS 60000
#define POLL_MS   10000

static struct kt_arena arena;
static struct kt_window *window;

static int setup(void **state) {
    (void)state;
    kt_arena_init(&arena, 1 << 16, 1 << 26);
    window = kt_window_new();
    return window == NULL;
}

static int teardown(void **state) {
    (void)state;
    kt_window_free(window);
    kt_arena_free(&arena);
    return 0;
}

static void near(double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance)) {
        fail_msg("expected %.9g within %.3g, got %.9g", expected, tolerance, got);
    }
}

/* source -> half -> sink; one subtask of half takes 1000 records/s, of sink 400. */
static struct kt_sim_spec chain(void) {
    return (struct kt_sim_spec){
        .cluster = "lab",
        .job_name = "chain",
        .operators = {{.id = "a", .name = "source", .selectivity = 1, .max_parallelism = 1},
                      {.id = "b",
                       .name = "half",
                       .inputs = {0},
                       .inputs_count = 1,
                       .scaled = true,
                       .selectivity = 0.5,
                       .curve = {.gamma = 1000, .sigma = 0.05},
                       .max_parallelism = 128,
                       .keyed = true},
                      {.id = "c",
                       .name = "sink",
                       .inputs = {1},
                       .inputs_count = 1,
                       .scaled = true,
                       .selectivity = 1,
                       .curve = {.gamma = 400},
                       .max_parallelism = 128}},
        .count = 3,
        .restart_ms = 5000,
        .buffer_records = 500,
    };
}

static struct kt_sim_job *start(const struct kt_sim_spec *spec, const int *parallelism) {
    struct kt_sim_job *job = kt_sim_job_new(spec, 1, T0_MS, parallelism);
    assert_non_null(job);
    return job;
}

static void advance_to(struct kt_sim_job *job, double second, double rate) {
    kt_sim_job_advance(job, T0_MS + llround(1000 * second), (double[KT_SIM_OPERATORS_MAX]){rate});
}

static struct kt_metric_event *report(const struct kt_sim_job *job, size_t *count) {
    struct kt_metric_event *events;
    struct kt_error error;
    assert_int_equal(kt_sim_job_events(job, &arena, &events, count, &error), KT_ERR_OK);
    for (size_t i = 0; i < *count; i++) {
        if (kt_metric_event_check(&events[i], &error) != KT_ERR_OK) {
            fail_msg("%s", error.message);
        }
    }
    return events;
}

/* The event of a subtask. */
static struct kt_metric_event event_of(const struct kt_sim_job *job, const char *vertex, int s) {
    size_t count;
    const struct kt_metric_event *events = report(job, &count);
    for (size_t i = 0; i < count; i++) {
        if (kt_str_equal(events[i].vertex_id, kt_str_of(vertex)) && events[i].subtask == s) {
            return events[i];
        }
    }
    fail_msg("no event of %s %d", vertex, s);
    return (struct kt_metric_event){0};
}

/* The job's next minute, polled each 10 s, as the stage sums it up. */
static struct kt_window_summary minute(struct kt_sim_job *job, double rate) {
    const double from_s = kt_sim_job_second(job);
    const int64_t from_ms = kt_sim_job_now_ms(job);
    struct kt_error error;
    kt_window_clear(window, from_ms, from_ms + MINUTE_MS, 0);
    for (int poll = 0; poll < MINUTE_MS / POLL_MS; poll++) {
        /* In the middle of its time, so that all six lie within the window. */
        advance_to(job, from_s + poll * 10 + 5, rate);
        size_t count;
        const struct kt_metric_event *events = report(job, &count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(kt_window_add(window, &events[i], &error), KT_ERR_OK);
        }
    }
    advance_to(job, from_s + 60, rate);
    struct kt_window_summary summary;
    assert_int_equal(kt_window_summarise(window, &arena, &summary, &error), KT_ERR_OK);
    return summary;
}

static const struct kt_vertex_summary *vertex_of(const struct kt_window_summary *summary,
                                                 const char *id) {
    const int64_t i = kt_window_summary_find(summary, kt_str_of(id));
    assert_true(i >= 0);
    return &summary->vertices.items[i];
}

static void assert_verdict(const struct kt_window_summary *summary, int reason) {
    struct kt_settings settings;
    kt_settings_default(&settings);
    const struct kt_gate_past past = {0};
    const struct kt_verdict verdict = kt_gate_check(summary, &settings.gate, &past, &arena);
    if (verdict.reason != reason) {
        fail_msg("%s, not %s: %.*s", kt_enum_symbol(&kt_reason_type, verdict.reason),
                 kt_enum_symbol(&kt_reason_type, reason), KT_STR_ARG(verdict.text));
    }
}

/* ---- the truth --------------------------------------------------------------------------- */

static void a_window_measures_the_curve_at_every_parallelism(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.operators[1].curve.key_groups = 12;
    spec.operators[2].curve =
        (struct kt_sim_curve){.kind = KT_SIM_TABLE, .points = 2, .table = {{1, 500}, {8, 1500}}};
    for (int p = 1; p <= 10; p++) {
        struct kt_sim_job *job = start(&spec, (int[]){1, p, p});
        advance_to(job, 60, 700);
        const struct kt_window_summary summary = minute(job, 700);
        assert_verdict(&summary, KT_REASON_STEADY);
        for (int i = 1; i < 3; i++) {
            const double truth = kt_sim_curve_at(&spec.operators[i].curve, p);
            near(vertex_of(&summary, spec.operators[i].id)->ability / truth, 1, 0.002);
        }
        near(vertex_of(&summary, "b")->rate_in_per_s, 700, 1);
        near(vertex_of(&summary, "c")->rate_in_per_s, 350, 1);
        kt_sim_job_free(job);
        kt_arena_reset(&arena);
    }
}

static void an_overloaded_job_measures_its_curve_and_the_growth_of_lag(void **state) {
    (void)state;
    const struct kt_sim_spec spec = chain();
    struct kt_sim_job *job = start(&spec, (int[]){1, 2, 1}); /* the sink takes 400: 800 pass */
    advance_to(job, 60, 1200);
    const struct kt_window_summary summary = minute(job, 1200);
    assert_verdict(&summary, KT_REASON_STEADY);
    const struct kt_vertex_summary *source = vertex_of(&summary, "a");
    near(source->rate_in_per_s, 800, 2);
    near(source->pending_growth_per_s, 400, 2);
    near(source->backpressured, 1, 0.01);
    near(source->busy, 0, 0);
    assert_int_equal(source->parallelism, 1);
    near(vertex_of(&summary, "b")->ability, kt_sim_curve_at(&spec.operators[1].curve, 2), 5);
    assert_true(vertex_of(&summary, "b")->backpressured > 0.5);
    near(vertex_of(&summary, "c")->busy, 1, 0.001);
    near(vertex_of(&summary, "c")->ability, 400, 1);
    kt_sim_job_free(job);
}

static void an_unscaled_source_keeps_its_one_subtask(void **state) {
    (void)state;
    const struct kt_sim_spec spec = chain();
    struct kt_sim_job *job = start(&spec, (int[]){7, 2, 2});
    advance_to(job, 10, 100);
    assert_int_equal(kt_sim_job_parallelism(job, 0), 1);
    const struct kt_metric_event event = event_of(job, "a", 0);
    assert_int_equal(event.parallelism, 1);
    assert_int_equal(event.max_parallelism, 1);
    assert_true(event.is_source);
    assert_int_equal(event.records_in_total, 0);
    assert_int_equal(event.records_out_total, 1000);
    kt_sim_job_rescale(job, (int[]){9, 1, 1});
    assert_int_equal(kt_sim_job_parallelism(job, 0), 1);
    kt_sim_job_free(job);
}

static void a_counter_stays_where_64_bits_end(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    const double rates[KT_SIM_OPERATORS_MAX] = {1e19};
    spec.metrics.no_lag = false;
    struct kt_sim_job *job = start(&spec, (int[]){1, 1, 1});
    kt_sim_job_advance(job, T0_MS + MINUTE_MS, rates);
    assert_true(event_of(job, "a", 0).pending_records >= 0x1p62);
    kt_sim_job_free(job);
}

static void counters_begin_again_with_each_attempt(void **state) {
    (void)state;
    const struct kt_sim_spec spec = chain();
    struct kt_sim_job *job = start(&spec, (int[]){1, 1, 1});
    advance_to(job, 60, 700);
    assert_int_equal(event_of(job, "b", 0).attempt_start_ms, T0_MS);
    kt_sim_job_rescale(job, (int[]){1, 2, 3});
    advance_to(job, 64, 700);
    size_t count;
    (void)report(job, &count);
    assert_int_equal(count, 0); /* still down */
    advance_to(job, 67, 700);
    (void)report(job, &count);
    assert_int_equal(count, 6);
    const struct kt_metric_event event = event_of(job, "b", 1);
    assert_int_equal(event.attempt_start_ms, T0_MS + 65000);
    assert_int_equal(event.busy_ms_total + event.idle_ms_total + event.backpressured_ms_total,
                     2000);
    assert_in_range(event.records_in_total, 1, 2000);
    kt_sim_job_free(job);
}

static void skew_shows_in_the_busiest_subtask_and_limits_the_operator(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.operators[1].skew = 0.5;
    struct kt_sim_job *job = start(&spec, (int[]){1, 4, 16});
    advance_to(job, 60, 9000); /* more than it can take */
    const double curve = kt_sim_curve_at(&spec.operators[1].curve, 4);
    const struct kt_window_summary summary = minute(job, 9000);
    const struct kt_vertex_summary *b = vertex_of(&summary, "b");
    near(b->rate_in_per_s, kt_sim_ability(&spec, 1, 4, 0), 2);
    near(b->rate_in_per_s, curve / 1.5, 2);
    near(b->busy_max, 1, 0.001);
    near(b->busy, 1 / 1.5, 0.001);
    near(b->ability, curve, 0.002 * curve); /* what the mean makes believe */
    const struct kt_metric_event first = event_of(job, "b", 0), second = event_of(job, "b", 1);
    near((double)first.records_in_total / (double)second.records_in_total, 1.5 / (2.5 / 3), 0.01);
    near((double)first.busy_ms_total, 120000, 10);
    assert_true(second.idle_ms_total > 50000); /* it waits for nothing but records */
    kt_sim_job_free(job);
}

/* ---- noise, warm-up ---------------------------------------------------------------------- */

#define DRAWS 2000

/* The speed of half and sink in a minute, relative to their curves, from counters. */
static void measure_minute(struct kt_sim_job *job, double speed[2]) {
    static const char *const ids[] = {"b", "c"};
    static const double abilities[] = {1000, 400};
    int64_t before[2][2];
    for (int i = 0; i < 2; i++) {
        const struct kt_metric_event event = event_of(job, ids[i], 0);
        before[i][0] = event.records_in_total;
        before[i][1] = event.busy_ms_total;
    }
    advance_to(job, kt_sim_job_second(job) + 60, 700);
    for (int i = 0; i < 2; i++) {
        const struct kt_metric_event event = event_of(job, ids[i], 0);
        speed[i] = 1000.0 * (double)(event.records_in_total - before[i][0]) /
                   (double)(event.busy_ms_total - before[i][1]) / abilities[i];
    }
    kt_arena_reset(&arena);
}

static void noise_has_its_deviation_and_is_independent_per_operator(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.noise = 0.05;
    struct kt_sim_job *job = start(&spec, NULL);
    double sum[2] = {0}, squares[2] = {0}, product = 0, last = 0, successive = 0;
    advance_to(job, 60, 700);
    for (int i = 0; i < DRAWS; i++) {
        double speed[2];
        measure_minute(job, speed);
        for (int k = 0; k < 2; k++) {
            sum[k] += speed[k] - 1;
            squares[k] += (speed[k] - 1) * (speed[k] - 1);
        }
        product += (speed[0] - 1) * (speed[1] - 1);
        successive += (speed[0] - 1) * last;
        last = speed[0] - 1;
    }
    const double variance = 0.05 * 0.05;
    for (int k = 0; k < 2; k++) {
        near(sum[k] / DRAWS, 0, 4 * 0.05 / sqrt(DRAWS));
        near(sqrt(squares[k] / DRAWS), 0.05, 4 * 0.05 / sqrt(2.0 * DRAWS));
    }
    near(product / DRAWS / variance, 0, 4 / sqrt(DRAWS));
    near(successive / DRAWS / variance, 0, 4 / sqrt(DRAWS));
    kt_sim_job_free(job);
}

static void noise_stays_as_long_as_it_is_asked_to(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.noise = 0.1;
    spec.noise_ms = 300000;
    struct kt_sim_job *job = start(&spec, NULL);
    double speed[10][2];
    advance_to(job, 300, 700);
    for (int i = 0; i < 10; i++) {
        measure_minute(job, speed[i]);
    }
    near(speed[4][0], speed[0][0], 1e-3);
    near(speed[9][0], speed[5][0], 1e-3);
    assert_true(fabs(speed[5][0] - speed[4][0]) > 0.002);
    kt_sim_job_free(job);
}

static void a_job_warms_up_after_a_restart(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.warm_up_ms = 20000;
    spec.warm_up_factor = 0.5;
    struct kt_sim_job *job = start(&spec, (int[]){1, 1, 8});
    advance_to(job, 20, 5000);
    near((double)event_of(job, "b", 0).records_in_total, 20 * 1000 * 0.75, 5);
    advance_to(job, 30, 5000);
    near((double)event_of(job, "b", 0).records_in_total, 20 * 1000 * 0.75 + 10 * 1000, 5);
    kt_sim_job_free(job);
}

static void drift_slows_the_running_job(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.drift = (struct kt_sim_drift){.second = 10, .factor = 0.5, .ramp_s = 10};
    struct kt_sim_job *job = start(&spec, (int[]){1, 1, 8});
    advance_to(job, 30, 5000);
    near((double)event_of(job, "b", 0).records_in_total, 10000 + 7500 + 5000, 5);
    kt_sim_job_free(job);
}

static void the_same_seed_gives_the_same_reports_and_another_one_others(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.noise = 0.1;
    struct kt_metric_event last[3];
    for (int run = 0; run < 3; run++) {
        struct kt_sim_job *job = kt_sim_job_new(&spec, run < 2 ? 5 : 6, T0_MS, (int[]){1, 3, 2});
        assert_non_null(job);
        advance_to(job, 200, 2500);
        kt_sim_job_rescale(job, (int[]){1, 2, 2});
        advance_to(job, 400, 2500);
        last[run] = event_of(job, "b", 1);
        kt_sim_job_free(job);
    }
    assert_int_equal(last[0].records_in_total, last[1].records_in_total);
    assert_int_equal(last[0].busy_ms_total, last[1].busy_ms_total);
    assert_int_not_equal(last[0].records_in_total, last[2].records_in_total);
}

/* ---- how metrics lie --------------------------------------------------------------------- */

static void smoothed_rates_ramp_up_and_follow_the_load_late(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.metrics.rates = true;
    struct kt_sim_job *job = start(&spec, (int[]){1, 2, 2});
    advance_to(job, 30, 600);
    struct kt_metric_event event = event_of(job, "b", 0);
    assert_false(KT_HAS(&event, KT_EVENT_RECORDS_IN_TOTAL));
    assert_false(KT_HAS(&event, KT_EVENT_BUSY_MS_TOTAL));
    near(event.records_in_per_s, 150, 1); /* of 300, over 60 s that began at 0 */
    const double busy = 1000 * 600 / kt_sim_curve_at(&spec.operators[1].curve, 2);
    near(event.busy_ms_per_s, busy, 2); /* over the 30 s that the attempt is old */
    advance_to(job, 120, 600);
    event = event_of(job, "b", 0);
    near(event.records_in_per_s, 300, 1);
    near(event.records_out_per_s, 150, 1);
    near(event.busy_ms_per_s + event.idle_ms_per_s + event.backpressured_ms_per_s, 1000, 3);
    advance_to(job, 150, 1200);
    near(event_of(job, "b", 0).records_in_per_s, 450, 1); /* half of the 60 s are new */
    advance_to(job, 180, 1200);
    near(event_of(job, "b", 0).records_in_per_s, 600, 1);
    kt_sim_job_free(job);
}

static void a_window_of_smoothed_rates_is_believed_only_after_their_warm_up(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.metrics.rates = true;
    struct kt_sim_job *job = start(&spec, (int[]){1, 2, 2});
    struct kt_window_summary summary = minute(job, 600);
    assert_verdict(&summary, KT_REASON_WARM_UP);
    advance_to(job, 240, 600);
    summary = minute(job, 600);
    assert_verdict(&summary, KT_REASON_STEADY);
    const double truth = kt_sim_curve_at(&spec.operators[1].curve, 2);
    near(vertex_of(&summary, "b")->ability / truth, 1, 0.005);
    kt_sim_job_free(job);
}

static void clocks_are_as_coarse_as_asked(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.metrics.busy_quantum_ms = 500;
    struct kt_sim_job *job = start(&spec, (int[]){1, 2, 2});
    advance_to(job, 61.3, 600);
    const struct kt_metric_event event = event_of(job, "b", 0);
    const double busy_ms = 61300 * 600 / kt_sim_curve_at(&spec.operators[1].curve, 2);
    assert_int_equal(event.busy_ms_total % 500, 0);
    assert_int_equal(event.idle_ms_total % 500, 0);
    near((double)event.busy_ms_total, busy_ms - 250, 250);
    kt_sim_job_free(job);
}

static void lag_can_be_wrong_late_or_missing(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.metrics.lag_factor = 2;
    struct kt_sim_job *job = start(&spec, NULL); /* the sink takes 400: 800 pass, half takes 1000 */
    advance_to(job, 100, 1800);
    const double lag = 1000 * 100; /* less what the buffers hold */
    near(event_of(job, "a", 0).pending_records, 2 * lag, 4000);
    kt_sim_job_free(job);

    spec.metrics = (struct kt_sim_metrics){.lag_delay_s = 40};
    job = start(&spec, NULL);
    advance_to(job, 30, 1800);
    near(event_of(job, "a", 0).pending_records, 0, 0);
    advance_to(job, 100, 1800);
    near(event_of(job, "a", 0).pending_records, 1000 * 60, 2000);
    kt_sim_job_settle(job);
    near(event_of(job, "a", 0).pending_records, 0, 0);
    kt_sim_job_free(job);

    spec.metrics = (struct kt_sim_metrics){.no_lag = true};
    job = start(&spec, NULL);
    advance_to(job, 100, 1800);
    const struct kt_metric_event event = event_of(job, "a", 0);
    assert_false(KT_HAS(&event, KT_EVENT_PENDING_RECORDS));
    assert_true(kt_sim_job_backlog(job) > 50000);
    kt_sim_job_free(job);
}

static void bursts_make_windows_measure_other_selectivities(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain();
    spec.metrics.burst_s = 35;
    struct kt_sim_job *job = start(&spec, (int[]){1, 1, 8});
    advance_to(job, 60, 700);
    double least = INFINITY, most = 0, sum = 0;
    for (int i = 0; i < 35; i++) { /* five times seven minutes, after which bursts repeat */
        const struct kt_window_summary summary = minute(job, 700);
        const struct kt_vertex_summary *b = vertex_of(&summary, "b");
        const double selectivity = b->rate_out_per_s / b->rate_in_per_s;
        least = fmin(least, selectivity);
        most = fmax(most, selectivity);
        sum += selectivity;
        kt_arena_reset(&arena);
    }
    assert_true(least < 0.4);
    assert_true(most > 0.65);
    near(sum / 35, 0.5, 0.01);
    kt_sim_job_free(job);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_window_measures_the_curve_at_every_parallelism),
        TEST(an_overloaded_job_measures_its_curve_and_the_growth_of_lag),
        TEST(an_unscaled_source_keeps_its_one_subtask),
        TEST(a_counter_stays_where_64_bits_end),
        TEST(counters_begin_again_with_each_attempt),
        TEST(skew_shows_in_the_busiest_subtask_and_limits_the_operator),
        TEST(noise_has_its_deviation_and_is_independent_per_operator),
        TEST(noise_stays_as_long_as_it_is_asked_to),
        TEST(a_job_warms_up_after_a_restart),
        TEST(drift_slows_the_running_job),
        TEST(the_same_seed_gives_the_same_reports_and_another_one_others),
        TEST(smoothed_rates_ramp_up_and_follow_the_load_late),
        TEST(a_window_of_smoothed_rates_is_believed_only_after_their_warm_up),
        TEST(clocks_are_as_coarse_as_asked),
        TEST(lag_can_be_wrong_late_or_missing),
        TEST(bursts_make_windows_measure_other_selectivities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
