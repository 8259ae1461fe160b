/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a window makes of its events: rates, shares, abilities, and the signs of an invalid window.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schemas/evidence.h"
#include "support/reporter.h"

static struct kt_window *window;

static int setup(void **state) {
    (void)state;
    window = kt_test_window();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    kt_test_window_free(window);
    return 0;
}

static const struct kt_vertex_summary *vertex_a(void) {
    return kt_test_vertex(kt_test_summary(window), "a");
}

static void add(const struct kt_metric_event *event) {
    struct kt_error error = {0};
    const enum kt_err err = kt_window_add(window, event, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(err, KT_ERR_OK);
}

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-9 * fmax(1, fabs(expected)))) {
        fail_msg("%.12g is not %.12g", value, expected);
    }
}

static void assert_known(const struct kt_vertex_summary *vertex, enum kt_summary_field field,
                         double value, double expected) {
    assert_true(KT_HAS(vertex, field));
    assert_near(value, expected);
}

/* ---- counters ---------------------------------------------------------------------------- */

static void ability_is_records_per_busy_time_over_all_subtasks(void **state) {
    (void)state;
    struct kt_reporter quick = kt_reporter_default();
    quick.parallelism = 2;
    quick.in_per_s = 900;
    quick.busy = 0.3;
    struct kt_reporter slow = quick;
    slow.subtask = 1;
    slow.in_per_s = 100;
    slow.busy = 0.1;
    slow.backpressured = 0.25;
    kt_reporter_feed(&quick, window);
    kt_reporter_feed(&slow, window);
    const struct kt_vertex_summary *a = vertex_a();
    assert_int_equal(a->parallelism, 2);
    assert_int_equal(a->subtasks_seen, 2);
    assert_int_equal(a->samples_least, 30);
    assert_int_equal(a->span_ms_least, 58000);
    assert_int_equal(a->first_ms, KT_TEST_START_MS);
    assert_true(a->from_totals);
    assert_known(a, KT_SUM_RATE_IN, a->rate_in_per_s, 1000);
    assert_known(a, KT_SUM_RATE_OUT, a->rate_out_per_s, 1000);
    assert_known(a, KT_SUM_BUSY, a->busy, 0.2);
    assert_near(a->busy_max, 0.3);
    assert_known(a, KT_SUM_BACKPRESSURED, a->backpressured, 0.125);
    assert_known(a, KT_SUM_IDLE, a->idle, 0.675);
    assert_known(a, KT_SUM_ABILITY, a->ability, 2 * 1000 / 0.4);
    assert_known(a, KT_SUM_ATTEMPT_START, (double)a->attempt_start_ms,
                 (double)KT_TEST_START_MS - 100000);
    assert_false(a->restarted || a->counter_reset || a->not_a_number || a->stale);
}

static void elapsed_time_is_what_the_clocks_say(void **state) {
    (void)state;
    /* Two polls 20 s apart, of which the second delivers what was measured after 16 s. */
    struct kt_reporter reporter = kt_reporter_default();
    struct kt_metric_event event = kt_reporter_event(&reporter, 0);
    add(&event);
    event = kt_reporter_event(&reporter, 16000);
    event.timestamp_ms = KT_TEST_START_MS + 20000;
    add(&event);
    const struct kt_vertex_summary *a = vertex_a();
    assert_near(a->rate_in_per_s, 1000);
    assert_near(a->busy, 0.4);
    assert_int_equal(a->span_ms_least, 16000);
}

static void elapsed_time_without_all_clocks_is_that_of_the_timestamps(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    for (int64_t at_ms = 0; at_ms <= 20000; at_ms += 20000) {
        struct kt_metric_event event = kt_reporter_event(&reporter, at_ms * 4 / 5);
        event.timestamp_ms = KT_TEST_START_MS + at_ms;
        KT_CLEAR(&event, KT_EVENT_IDLE_MS_TOTAL);
        add(&event);
    }
    const struct kt_vertex_summary *a = vertex_a();
    assert_near(a->rate_in_per_s, 800);
    assert_near(a->busy, 0.32);
    assert_near(a->ability, 2500);
    assert_false(KT_HAS(a, KT_SUM_IDLE));
    assert_int_equal(a->span_ms_least, 20000);
}

static void source_counts_what_it_emits(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.source = true;
    reporter.out_per_s = 3000;
    kt_reporter_feed(&reporter, window);
    const struct kt_vertex_summary *a = vertex_a();
    assert_true(a->is_source);
    assert_near(a->rate_in_per_s, 3000);
    assert_near(a->rate_out_per_s, 3000);
    assert_near(a->ability, 7500);
}

static void halves_hold_the_rates_before_and_after_the_middle(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    for (int64_t at_ms = 0; at_ms < KT_TEST_WINDOW_MS; at_ms += 2000) {
        struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
        if (at_ms > 30000) { /* twice the records; of the idle time a third is busy, half waits */
            event.records_in_total += at_ms - 30000;
            event.busy_ms_total += (at_ms - 30000) / 5;
            event.idle_ms_total -= (at_ms - 30000) / 2;
            event.backpressured_ms_total += (at_ms - 30000) * 3 / 10;
        }
        add(&event);
    }
    const struct kt_vertex_summary *a = vertex_a();
    assert_true(KT_HAS(a, KT_SUM_RATE_HALVES));
    assert_near(a->rate_first_half, 1000);
    assert_near(a->rate_second_half, 2000);
    assert_true(KT_HAS(a, KT_SUM_BUSY_HALVES));
    assert_near(a->busy_first_half, 0.4);
    assert_near(a->busy_second_half, 0.6);
    assert_true(KT_HAS(a, KT_SUM_BACKPRESSURED_HALVES));
    assert_near(a->backpressured_first_half, 0);
    assert_near(a->backpressured_second_half, 0.3);
}

static void halves_are_unknown_without_samples_in_both(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.from_ms = 32000;
    kt_reporter_feed(&reporter, window);
    assert_true(KT_HAS(vertex_a(), KT_SUM_ABILITY));
    assert_false(KT_HAS(vertex_a(), KT_SUM_RATE_HALVES));
}

static void ability_is_absent_without_busy_time_or_records(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.busy = 0;
    kt_reporter_feed(&reporter, window);
    reporter = kt_reporter_default();
    reporter.vertex = "b";
    reporter.in_per_s = 0;
    kt_reporter_feed(&reporter, window);
    reporter = kt_reporter_default();
    reporter.vertex = "c";
    for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
        struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
        KT_CLEAR(&event, KT_EVENT_BUSY_MS_TOTAL);
        add(&event);
    }
    const struct kt_window_summary *summary = kt_test_summary(window);
    for (size_t i = 0; i < 3; i++) {
        assert_false(KT_HAS(&summary->vertices.items[i], KT_SUM_ABILITY));
        assert_true(KT_HAS(&summary->vertices.items[i], KT_SUM_RATE_IN));
    }
    assert_false(KT_HAS(kt_test_vertex(summary, "c"), KT_SUM_BUSY));
    assert_true(kt_test_vertex(summary, "c")->not_a_number);
    assert_false(kt_test_vertex(summary, "a")->not_a_number);
}

/* ---- smoothed rates and narrow events ---------------------------------------------------- */

static void smoothed_rates_are_averaged_and_summed_over_subtasks(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.parallelism = 4;
    reporter.totals = false;
    reporter.rates = true;
    kt_reporter_feed_all(&reporter, window);
    struct kt_metric_event event = kt_reporter_event(&reporter, 59000);
    event.records_in_per_s = 1000 + 31 * 25; /* moves the mean of subtask 0 from 250 to 299.19 */
    add(&event);
    const struct kt_vertex_summary *a = vertex_a();
    assert_false(a->from_totals);
    assert_near(a->rate_in_per_s, 750 + (30 * 250.0 + 1775) / 31);
    assert_near(a->busy, 0.4);
    assert_near(a->ability, a->rate_in_per_s / 0.4);
    assert_near(a->rate_first_half, 1000);
    assert_near(a->rate_second_half, 750 + (14 * 250.0 + 1775) / 15);
    assert_int_equal(a->span_ms_least, 58000);
}

static void counters_beat_smoothed_rates(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.rates = true;
    for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
        struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
        event.records_in_per_s = 297;
        event.busy_ms_per_s = 1000;
        add(&event);
    }
    assert_true(vertex_a()->from_totals);
    assert_near(vertex_a()->ability, 2500);
}

static void smoothed_busy_time_joins_counted_records(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.rates = true;
    for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
        struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
        KT_CLEAR(&event, KT_EVENT_BUSY_MS_TOTAL);
        KT_CLEAR(&event, KT_EVENT_RECORDS_IN_PER_S);
        add(&event);
    }
    assert_false(vertex_a()->from_totals);
    assert_near(vertex_a()->busy, 0.4);
    assert_near(vertex_a()->ability, 2500);
}

/* One event for each measure, a little later than the one before, and no two kinds in step. */
static void measures_in_events_of_their_own_join(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    const uint64_t measures = UINT64_C(0x1f) << KT_EVENT_RECORDS_IN_TOTAL;
    for (int64_t at_ms = 0; at_ms < 60000; at_ms += 4000) {
        for (int bit = KT_EVENT_RECORDS_IN_TOTAL; bit <= KT_EVENT_IDLE_MS_TOTAL; bit++) {
            struct kt_metric_event event = kt_reporter_event(
                &reporter, at_ms + INT64_C(10) * (bit - KT_EVENT_RECORDS_IN_TOTAL));
            event.present = (event.present & ~measures) | UINT64_C(1) << bit;
            if (bit != KT_EVENT_BUSY_MS_TOTAL || at_ms > 0) {
                add(&event);
            }
        }
    }
    const struct kt_vertex_summary *a = vertex_a();
    assert_true(a->from_totals);
    assert_int_equal(a->subtasks_seen, 1);
    assert_int_equal(a->samples_least, 15);
    assert_int_equal(a->span_ms_least, 52000); /* busy time came once less */
    assert_near(a->rate_in_per_s, 1000);
    assert_near(a->busy, 0.4);
    assert_near(a->idle, 0.6);
    assert_near(a->ability, 2500);
}

static void measures_that_are_not_numbers_are_ignored(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.totals = false;
    reporter.rates = true;
    kt_reporter_feed(&reporter, window);
    struct kt_metric_event event = kt_reporter_event(&reporter, 31000);
    event.records_in_per_s = NAN;
    event.busy_ms_per_s = NAN;
    event.pending_records = NAN;
    event.cpu_load = INFINITY;
    KT_SET(&event, KT_EVENT_PENDING_RECORDS);
    KT_SET(&event, KT_EVENT_CPU_LOAD);
    add(&event);
    assert_near(vertex_a()->ability, 2500);
    assert_false(vertex_a()->not_a_number);
    assert_false(KT_HAS(vertex_a(), KT_SUM_PENDING));
    assert_false(KT_HAS(vertex_a(), KT_SUM_CPU_LOAD));
}

static void busy_time_that_never_is_a_number_is_unknown(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.totals = false;
    reporter.rates = true;
    reporter.busy = NAN;
    kt_reporter_feed(&reporter, window);
    assert_true(vertex_a()->not_a_number);
    assert_false(KT_HAS(vertex_a(), KT_SUM_BUSY));
    assert_false(KT_HAS(vertex_a(), KT_SUM_ABILITY));
    assert_near(vertex_a()->rate_in_per_s, 1000);
}

static void a_measure_that_one_subtask_lacks_is_unknown(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.parallelism = 2;
    kt_reporter_feed(&reporter, window);
    reporter.subtask = 1;
    for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
        struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
        KT_CLEAR(&event, KT_EVENT_BUSY_MS_TOTAL);
        add(&event);
    }
    assert_int_equal(vertex_a()->subtasks_seen, 2);
    assert_false(KT_HAS(vertex_a(), KT_SUM_BUSY));
    assert_false(KT_HAS(vertex_a(), KT_SUM_ABILITY));
    assert_near(vertex_a()->rate_in_per_s, 2000);
}

/* ---- whole vertices ---------------------------------------------------------------------- */

/* 4 subtasks as one: sums of counters, clocks and record rates, means of time rates. */
static void feed_whole(const char *vertex, bool totals, double records_factor) {
    struct kt_reporter reporter = kt_reporter_default();
    reporter.vertex = vertex;
    reporter.subtask = KT_SUBTASK_WHOLE_VERTEX;
    reporter.parallelism = 4;
    reporter.in_per_s *= records_factor;
    reporter.totals = totals;
    reporter.rates = !totals;
    for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
        struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
        event.busy_ms_total *= 4;
        event.idle_ms_total *= 4;
        event.backpressured_ms_total *= 4;
        add(&event);
    }
}

static void whole_vertex_stands_for_its_subtasks(void **state) {
    (void)state;
    feed_whole("a", true, 1);
    feed_whole("b", false, 1);
    const struct kt_window_summary *summary = kt_test_summary(window);
    for (size_t i = 0; i < 2; i++) {
        const struct kt_vertex_summary *vertex = &summary->vertices.items[i];
        assert_int_equal(vertex->from_totals, i == 0);
        assert_int_equal(vertex->parallelism, 4);
        assert_int_equal(vertex->subtasks_seen, 4);
        assert_int_equal(vertex->span_ms_least, 58000);
        assert_near(vertex->rate_in_per_s, 1000);
        assert_near(vertex->busy, 0.4);
        assert_near(vertex->busy_max, 0.4);
        assert_near(vertex->idle, 0.6);
        assert_near(vertex->ability, 2500);
        assert_near(vertex->rate_first_half, 1000);
        assert_near(vertex->rate_second_half, 1000);
        assert_false(vertex->restarted);
    }
}

static void whole_vertex_is_ignored_beside_complete_subtasks(void **state) {
    (void)state;
    feed_whole("a", true, 7);
    struct kt_reporter reporter = kt_reporter_default();
    reporter.parallelism = 4;
    kt_reporter_feed_all(&reporter, window);
    assert_near(vertex_a()->rate_in_per_s, 1000);
    assert_near(vertex_a()->ability, 2500);
}

static void whole_vertex_is_used_beside_incomplete_subtasks(void **state) {
    (void)state;
    feed_whole("a", true, 1);
    struct kt_reporter reporter = kt_reporter_default();
    reporter.parallelism = 4;
    reporter.in_per_s = 17;
    kt_reporter_feed(&reporter, window);
    assert_int_equal(vertex_a()->subtasks_seen, 4);
    assert_near(vertex_a()->rate_in_per_s, 1000);
    assert_near(vertex_a()->ability, 2500);
}

static void restart_of_a_subtask_shows_beside_the_whole_vertex(void **state) {
    (void)state;
    feed_whole("a", true, 1);
    struct kt_reporter reporter = kt_reporter_default();
    reporter.parallelism = 4;
    struct kt_metric_event event = kt_reporter_event(&reporter, 0);
    add(&event);
    assert_false(vertex_a()->restarted);
    reporter.attempt_ms = -200000;
    event = kt_reporter_event(&reporter, 0);
    add(&event);
    assert_true(vertex_a()->restarted);
}

static void whole_vertex_fills_in_what_subtasks_lack(void **state) {
    (void)state;
    feed_whole("a", false, 1); /* smoothed rates */
    struct kt_reporter reporter = kt_reporter_default();
    reporter.parallelism = 4;
    for (reporter.subtask = 0; reporter.subtask < 4; reporter.subtask++) {
        for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
            struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
            KT_CLEAR(&event, KT_EVENT_BUSY_MS_TOTAL);
            KT_CLEAR(&event, KT_EVENT_IDLE_MS_TOTAL);
            add(&event);
        }
    }
    assert_near(vertex_a()->rate_in_per_s, 4000); /* from the subtasks' counters */
    assert_near(vertex_a()->busy, 0.4);           /* from the whole vertex's rate */
    assert_near(vertex_a()->ability, 10000);
    assert_false(vertex_a()->from_totals);
}

/* ---- backlog, CPU, what is said about vertex and job ------------------------------------- */

static void backlog_is_summed_and_its_growth_is_a_rate(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.source = true;
    reporter.parallelism = 2;
    for (reporter.subtask = 0; reporter.subtask < 2; reporter.subtask++) {
        for (int64_t at_ms = 10000; at_ms <= 50000; at_ms += 10000) {
            struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
            event.pending_records =
                reporter.subtask == 0 ? (double)at_ms / 100 : 1000 - (double)at_ms / 1000;
            KT_SET(&event, KT_EVENT_PENDING_RECORDS);
            event.cpu_load = 0.2 + (double)at_ms / 100000 + 0.1 * reporter.subtask;
            KT_SET(&event, KT_EVENT_CPU_LOAD);
            add(&event);
        }
    }
    const struct kt_vertex_summary *a = vertex_a();
    assert_known(a, KT_SUM_PENDING, a->pending_records, 500 + 950);
    assert_known(a, KT_SUM_PENDING_GROWTH, a->pending_growth_per_s, 10 - 1);
    assert_known(a, KT_SUM_CPU_LOAD, a->cpu_load, 0.75);
}

static void newest_word_about_a_vertex_counts(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    struct kt_upstream edges[2] = {{.vertex_id = KT_STR("x")}, {.vertex_id = KT_STR("y")}};
    edges[1].ship_strategy = KT_STR("HASH");
    KT_SET(&edges[1], KT_UPSTREAM_SHIP_STRATEGY);
    for (int i = 0; i < 3; i++) { /* at seconds 20, 40, 0 */
        struct kt_metric_event event = kt_reporter_event(&reporter, INT64_C(20000) * ((i + 1) % 3));
        event.vertex_name = i == 1 ? KT_STR("newest") : KT_STR("older");
        event.max_parallelism = i == 1 ? 64 : 128;
        event.source_partitions = i == 1 ? 8 : 16;
        event.slots_available = i == 1 ? 3 : 9;
        event.upstream.items = edges;
        event.upstream.count = i == 1 ? 2 : 1;
        KT_SET(&event, KT_EVENT_MAX_PARALLELISM);
        KT_SET(&event, KT_EVENT_SOURCE_PARTITIONS);
        KT_SET(&event, KT_EVENT_SLOTS_AVAILABLE);
        KT_SET(&event, KT_EVENT_UPSTREAM);
        add(&event);
    }
    edges[0].vertex_id = edges[1].vertex_id = KT_STR("overwritten");
    const struct kt_window_summary *summary = kt_test_summary(window);
    assert_int_equal(summary->slots_available, 3);
    assert_true(kt_str_equal(summary->cluster, KT_STR("lab")));
    assert_true(kt_str_equal(summary->job_name, KT_STR("orders")));
    assert_true(kt_str_equal(summary->job_id, KT_STR("22b206468e7f9e5ef6ec5b33716de259")));
    const struct kt_vertex_summary *a = kt_test_vertex(summary, "a");
    assert_true(kt_str_equal(a->name, KT_STR("newest")));
    assert_int_equal(a->max_parallelism, 64);
    assert_int_equal(a->source_partitions, 8);
    assert_true(KT_HAS(a, KT_SUM_UPSTREAM));
    assert_int_equal(a->upstream.count, 2);
    assert_true(kt_str_equal(a->upstream.items[0].vertex_id, KT_STR("x")));
    assert_false(KT_HAS(&a->upstream.items[0], KT_UPSTREAM_SHIP_STRATEGY));
    assert_true(kt_str_equal(a->upstream.items[1].vertex_id, KT_STR("y")));
    assert_true(kt_str_equal(a->upstream.items[1].ship_strategy, KT_STR("HASH")));
}

static void what_nobody_said_is_unknown(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    struct kt_metric_event event = kt_reporter_event(&reporter, 0);
    event.present = 0;
    event.subtask = 6;
    add(&event);
    const struct kt_window_summary *summary = kt_test_summary(window);
    assert_int_equal(summary->slots_available, -1);
    const struct kt_vertex_summary *a = kt_test_vertex(summary, "a");
    assert_int_equal(a->present, 0);
    assert_int_equal(a->parallelism, 7); /* at least so many */
    assert_int_equal(a->max_parallelism, 0);
    assert_int_equal(a->subtasks_seen, 1);
    assert_false(a->is_source);
    assert_true(a->not_a_number);
    assert_false(a->from_totals || a->restarted || a->counter_reset || a->stale);
}

static void vertex_without_inputs_is_a_source_unless_it_says_otherwise(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    for (int said = 0; said < 2; said++) {
        reporter.vertex = said ? "said" : "unsaid";
        struct kt_metric_event event = kt_reporter_event(&reporter, 0);
        KT_SET(&event, KT_EVENT_UPSTREAM);
        if (!said) {
            KT_CLEAR(&event, KT_EVENT_IS_SOURCE);
        }
        add(&event);
    }
    assert_true(kt_test_vertex(kt_test_summary(window), "unsaid")->is_source);
    assert_false(kt_test_vertex(kt_test_summary(window), "said")->is_source);
}

/* ---- signs of an invalid window ---------------------------------------------------------- */

static void second_attempt_shows_as_restart(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.to_ms = 20000;
    kt_reporter_feed(&reporter, window);
    assert_false(vertex_a()->restarted);
    reporter.from_ms = 30000;
    reporter.to_ms = 40000;
    reporter.attempt_ms = 25000;
    kt_reporter_feed(&reporter, window);
    assert_true(vertex_a()->restarted);
    assert_int_equal(vertex_a()->attempt_start_ms, KT_TEST_START_MS + 25000);
}

static void second_job_id_shows_as_restart_of_every_vertex(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    kt_reporter_feed(&reporter, window);
    reporter.vertex = "b";
    struct kt_metric_event event = kt_reporter_event(&reporter, 0);
    event.job_id = KT_STR("another");
    add(&event);
    const struct kt_window_summary *summary = kt_test_summary(window);
    assert_true(summary->vertices.items[0].restarted);
    assert_true(summary->vertices.items[1].restarted);
    assert_true(kt_str_equal(summary->job_id, KT_STR("22b206468e7f9e5ef6ec5b33716de259")));
}

static void second_parallelism_shows_as_restart(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    struct kt_metric_event event = kt_reporter_event(&reporter, 2000);
    event.parallelism = 2;
    add(&event);
    kt_reporter_feed(&reporter, window);
    assert_true(vertex_a()->restarted);
    assert_int_equal(vertex_a()->parallelism, 1); /* the newest */
}

static void subtask_beyond_the_parallelism_shows_as_restart(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    kt_reporter_feed(&reporter, window);
    reporter.subtask = 1;
    kt_reporter_feed(&reporter, window);
    assert_true(vertex_a()->restarted);
}

static void subtask_silent_since_the_newest_attempt_shows_as_restart(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.parallelism = 2;
    reporter.to_ms = 20000;
    kt_reporter_feed(&reporter, window);
    reporter.subtask = 1;
    reporter.from_ms = 30000;
    reporter.to_ms = 60000;
    reporter.attempt_ms = 25000;
    kt_reporter_feed(&reporter, window);
    assert_true(vertex_a()->restarted);
}

static void counter_that_falls_and_recovers_shows_as_reset(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
        struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
        KT_CLEAR(&event, KT_EVENT_ATTEMPT_START_MS);
        if (at_ms == 10000) {
            event.records_out_total = 100; /* of a new attempt, soon overtaken by an old sample */
        }
        add(&event);
    }
    assert_true(vertex_a()->counter_reset);
}

static void counter_that_falls_between_the_halves_shows_as_reset(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.parallelism = 2;
    for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
        struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
        event.idle_ms_total -= at_ms > 30000 ? 40000 : 0;
        add(&event);
    }
    reporter.subtask = 1; /* nothing falls */
    kt_reporter_feed(&reporter, window);
    assert_true(vertex_a()->counter_reset);
    assert_false(KT_HAS(vertex_a(), KT_SUM_IDLE));
}

static void busy_time_may_step_back_by_a_wait_that_is_booked_late(void **state) {
    (void)state;
    for (int fall = 0; fall < 2; fall++) {
        struct kt_reporter reporter = kt_reporter_default();
        reporter.vertex = fall ? "fall" : "dip";
        for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
            struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
            event.busy_ms_total += at_ms == 20000 ? (fall ? 15000 : 3000) : 0;
            event.idle_ms_total -= at_ms == 20000 ? 1000 : 0;
            add(&event);
        }
    }
    const struct kt_window_summary *summary = kt_test_summary(window);
    assert_false(kt_test_vertex(summary, "dip")->counter_reset);
    assert_near(kt_test_vertex(summary, "dip")->ability, 2500);
    assert_true(kt_test_vertex(summary, "fall")->counter_reset);
}

static void subtask_whose_clocks_stand_still_makes_its_vertex_stale(void **state) {
    (void)state;
    for (int32_t still = -1; still < 2; still++) { /* none, the first, the last */
        kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, 0);
        struct kt_reporter reporter = kt_reporter_default();
        reporter.parallelism = 2;
        for (reporter.subtask = 0; reporter.subtask < 2; reporter.subtask++) {
            for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
                struct kt_metric_event event =
                    kt_reporter_event(&reporter, reporter.subtask == still ? 0 : at_ms);
                event.timestamp_ms = KT_TEST_START_MS + at_ms;
                add(&event);
            }
        }
        assert_int_equal(vertex_a()->stale, still >= 0);
    }
}

static void idle_subtask_is_not_stale(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.in_per_s = reporter.out_per_s = reporter.busy = 0;
    kt_reporter_feed(&reporter, window);
    assert_false(vertex_a()->stale);
    assert_near(vertex_a()->rate_in_per_s, 0);
    assert_near(vertex_a()->idle, 1);
}

static void quiet_records_without_clocks_are_stale_only_against_a_rate(void **state) {
    (void)state;
    for (int rate = 0; rate < 2; rate++) {
        struct kt_reporter reporter = kt_reporter_default();
        reporter.vertex = rate ? "contradicted" : "quiet";
        for (int64_t at_ms = 0; at_ms < 60000; at_ms += 2000) {
            struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
            event.present = (UINT64_C(1) << KT_EVENT_RECORDS_IN_TOTAL) |
                            (UINT64_C(1) << KT_EVENT_RECORDS_IN_PER_S);
            event.records_in_total = 123456;
            event.records_in_per_s = rate ? 1000 : 0;
            add(&event);
        }
    }
    assert_true(kt_test_vertex(kt_test_summary(window), "contradicted")->stale);
    assert_false(kt_test_vertex(kt_test_summary(window), "quiet")->stale);
}

/* ---- bounds ------------------------------------------------------------------------------ */

static void assert_refused(const struct kt_metric_event *event, enum kt_err expected,
                           const char *part) {
    struct kt_error error = {0};
    assert_int_equal(kt_window_add(window, event, &error), expected);
    assert_int_equal(error.code, expected);
    if (strstr(error.message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    }
}

static void event_outside_of_the_window_is_refused(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    struct kt_metric_event event = kt_reporter_event(&reporter, -1);
    assert_refused(&event, KT_ERR_INVALID, "timestamp_ms 1795332599999 is outside of window");
    event = kt_reporter_event(&reporter, KT_TEST_WINDOW_MS);
    assert_refused(&event, KT_ERR_INVALID, "timestamp_ms 1795332660000 is outside of window");
    event = kt_reporter_event(&reporter, KT_TEST_WINDOW_MS - 1);
    add(&event);
}

static void subtask_out_of_range_is_refused(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    struct kt_metric_event event = kt_reporter_event(&reporter, 0);
    event.subtask = KT_PARALLELISM_MAX;
    assert_refused(&event, KT_ERR_INVALID, "subtask 32768 is outside of -1 … 32767");
    event.subtask = -2;
    assert_refused(&event, KT_ERR_INVALID, "subtask -2 is outside of -1 … 32767");
}

static void window_longer_than_the_limit_is_refused(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    const struct kt_metric_event event = kt_reporter_event(&reporter, 0);
    kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_WINDOW_MS_MAX + 1, 0);
    assert_refused(&event, KT_ERR_LIMIT, "longer than");
    kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_WINDOW_MS_MAX, 5);
    add(&event);
    assert_int_equal(kt_window_first_offset(window), 5);
    assert_int_equal(kt_window_start_ms(window), KT_TEST_START_MS);
    assert_int_equal(kt_window_end_ms(window), KT_TEST_START_MS + KT_WINDOW_MS_MAX);
}

static void measures_of_any_size_stay_finite(void **state) {
    (void)state;
    for (int32_t subtask = -1; subtask < 2; subtask++) {
        for (int64_t at_ms = 0; at_ms < 60000; at_ms += 10000) {
            struct kt_reporter reporter = kt_reporter_default();
            reporter.parallelism = KT_PARALLELISM_MAX;
            reporter.subtask = subtask;
            reporter.rates = true;
            struct kt_metric_event event = kt_reporter_event(&reporter, at_ms);
            const int64_t total = at_ms < 30000 ? 0 : INT64_MAX;
            event.records_in_total = event.records_out_total = event.busy_ms_total = total;
            event.idle_ms_total = event.backpressured_ms_total = total;
            event.records_in_per_s = event.busy_ms_per_s = 1.7e308;
            event.pending_records = at_ms < 30000 ? 0 : 1.7e308;
            KT_SET(&event, KT_EVENT_PENDING_RECORDS);
            add(&event);
        }
    }
    const struct kt_vertex_summary *a = vertex_a();
    const double measures[] = {a->rate_in_per_s, a->rate_out_per_s,      a->busy,
                               a->backpressured, a->rate_first_half,     a->pending_records,
                               a->ability,       a->pending_growth_per_s};
    for (size_t i = 0; i < sizeof measures / sizeof *measures; i++) {
        assert_true(isfinite(measures[i]));
    }
}

static void vertices_are_bounded_and_come_out_in_the_order_of_their_ids(void **state) {
    (void)state;
    static char ids[KT_OPERATORS_MAX + 1][16];
    struct kt_reporter reporter = kt_reporter_default();
    reporter.poll_ms = 20000;
    for (int i = 0; i <= KT_OPERATORS_MAX; i++) {
        snprintf(ids[i], sizeof ids[i], "v%d", i * 7919 % 1025);
        reporter.vertex = ids[i];
        if (i < KT_OPERATORS_MAX) {
            kt_reporter_feed(&reporter, window);
        }
    }
    const struct kt_metric_event event = kt_reporter_event(&reporter, 0);
    assert_refused(&event, KT_ERR_LIMIT, "job lab/orders has more than 1024 vertices");
    const struct kt_window_summary *summary = kt_test_summary(window);
    assert_int_equal(summary->vertices.count, KT_OPERATORS_MAX);
    for (size_t i = 0; i < summary->vertices.count; i++) {
        const struct kt_vertex_summary *vertex = &summary->vertices.items[i];
        assert_near(vertex->ability, 2500);
        if (i > 0) {
            assert_true(
                strcmp(summary->vertices.items[i - 1].vertex_id.data, vertex->vertex_id.data) < 0);
        }
    }
}

static void names_are_bounded(void **state) {
    (void)state;
    static char name[KT_NAME_BYTES_MAX];
    static struct kt_upstream upstream[KT_UPSTREAM_MAX];
    memset(name, 'n', sizeof name);
    for (size_t i = 0; i < KT_UPSTREAM_MAX; i++) {
        upstream[i].vertex_id = (struct kt_str){name, sizeof name};
    }
    struct kt_reporter reporter = kt_reporter_default();
    char id[16];
    reporter.vertex = id;
    int accepted = 0;
    enum kt_err err = KT_ERR_OK;
    struct kt_error error = {0};
    for (int i = 0; i < KT_OPERATORS_MAX && err == KT_ERR_OK; i++) {
        snprintf(id, sizeof id, "v%d", i);
        struct kt_metric_event event = kt_reporter_event(&reporter, 0);
        event.upstream.items = upstream;
        event.upstream.count = KT_UPSTREAM_MAX;
        KT_SET(&event, KT_EVENT_UPSTREAM);
        err = kt_window_add(window, &event, &error);
        accepted += err == KT_ERR_OK;
    }
    assert_int_equal(err, KT_ERR_LIMIT);
    assert_non_null(strstr(error.message, "the names and edges of a job take more than"));
    assert_in_range(accepted, 200, 256);
    assert_int_equal(kt_test_summary(window)->vertices.count, accepted);
}

static void ids_are_bounded_so_that_the_state_of_a_job_fits_a_record(void **state) {
    (void)state;
    static char id[KT_NAME_BYTES_MAX + 1];
    struct kt_reporter reporter = kt_reporter_default();
    reporter.vertex = id;
    int accepted = 0;
    enum kt_err err = KT_ERR_OK;
    struct kt_error error = {0};
    while (err == KT_ERR_OK) {
        snprintf(id, sizeof id, "%0*d", KT_NAME_BYTES_MAX, accepted);
        const struct kt_metric_event event = kt_reporter_event(&reporter, 0);
        err = kt_window_add(window, &event, &error);
        accepted += err == KT_ERR_OK;
    }
    assert_int_equal(err, KT_ERR_LIMIT);
    assert_string_equal(error.message,
                        "the vertex ids of job lab/orders take more than 262144 bytes");
    assert_int_equal(accepted, KT_WINDOW_ID_BYTES_MAX / KT_NAME_BYTES_MAX);
    kt_window_clear(window, 0, 60000, 0);
    struct kt_metric_event event = kt_reporter_event(&reporter, 0);
    event.timestamp_ms = 1;
    assert_int_equal(kt_window_add(window, &event, NULL), KT_ERR_OK);
}

/* ---- memory ------------------------------------------------------------------------------ */

#if defined(__has_feature) /* clang's way to say it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
static size_t heap_bytes(void) {
    return __sanitizer_get_current_allocated_bytes();
}
#else
#include <malloc.h>
static size_t heap_bytes(void) {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
#endif

static void huge_subtask_index_takes_no_more_memory_than_a_small_one(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    kt_reporter_feed(&reporter, window);
    const size_t before = heap_bytes();
    reporter.subtask = KT_PARALLELISM_MAX - 1;
    kt_reporter_feed(&reporter, window);
    assert_int_equal(heap_bytes(), before);
    assert_int_equal(vertex_a()->subtasks_seen, 2);
}

/* A job of 40 subtasks in 10 vertices, from its first event or its last. */
static void feed_job(bool backwards) {
    static const char *const ids[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    for (int v = 0; v < 10; v++) {
        struct kt_reporter reporter = kt_reporter_default();
        reporter.vertex = ids[backwards ? 9 - v : v];
        reporter.parallelism = 4;
        reporter.poll_ms = 10000;
        kt_reporter_feed_all(&reporter, window);
    }
}

static void cleared_window_is_empty_and_allocates_nothing_more(void **state) {
    (void)state;
    feed_job(false);
    size_t before = 0;
    for (int i = 0; i < 1000; i++) {
        kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, i);
        feed_job(i % 2 == 1);
        before = i == 1 ? heap_bytes() : before;
    }
    assert_int_equal(heap_bytes(), before);
    kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, 0);
    assert_int_equal(kt_test_summary(window)->vertices.count, 0);
    struct kt_reporter reporter = kt_reporter_default();
    reporter.from_ms = 30000;
    kt_reporter_feed(&reporter, window);
    assert_int_equal(vertex_a()->first_ms, KT_TEST_START_MS + 30000);
    assert_near(vertex_a()->ability, 2500);
}

static void names_that_keep_changing_do_not_fill_the_memory(void **state) {
    (void)state;
    static char name[KT_NAME_BYTES_MAX];
    struct kt_reporter reporter = kt_reporter_default();
    const size_t before = heap_bytes();
    for (size_t i = 0; i < 50000; i++) {
        struct kt_metric_event event = kt_reporter_event(&reporter, (int64_t)i);
        memset(name, (int)('a' + i % 26), sizeof name);
        event.vertex_name = (struct kt_str){name, 1 + i % KT_NAME_BYTES_MAX};
        add(&event);
    }
    assert_true(heap_bytes() - before < 65536);
    assert_int_equal(vertex_a()->name.len, 1 + 49999 % KT_NAME_BYTES_MAX);
}

/* ---- order ------------------------------------------------------------------------------- */

#define SHUFFLED_MAX 4096

static uint64_t next_random(uint64_t *random) {
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 33;
}

/* Events of a troubled job: mixed reporters, restarts, renames, ties in time, narrow events. */
static size_t troubled_job(struct kt_metric_event *events, uint64_t seed) {
    static const char *const ids[] = {"a", "b", "c", "d"};
    static const char *const names[] = {"map", "filter", "join"};
    static struct kt_upstream upstream[3] = {
        {.vertex_id = {"a", 1}}, {.vertex_id = {"b", 1}}, {.vertex_id = {"c", 1}}};
    uint64_t random = seed;
    size_t count = 0;
    for (int v = 0; v < 4; v++) {
        for (int32_t s = -1; s < 5; s++) {
            struct kt_reporter reporter = kt_reporter_default();
            reporter.vertex = ids[v];
            reporter.subtask = s;
            reporter.parallelism = v == 3 ? 0 : 5;
            reporter.in_per_s = (double)(next_random(&random) % 2000);
            reporter.busy = 0.1 + 0.1 * (double)(next_random(&random) % 6);
            reporter.rates = next_random(&random) % 2;
            reporter.poll_ms = 1000 + (int64_t)(next_random(&random) % 3) * 1500;
            for (int64_t at_ms = 0; at_ms < 60000; at_ms += reporter.poll_ms) {
                reporter.attempt_ms = v == 2 && at_ms > 40000 ? 38000 : -100000;
                struct kt_metric_event *event = &events[count++];
                *event = kt_reporter_event(&reporter, at_ms);
                event->vertex_name = kt_str_of(names[next_random(&random) % 3]);
                event->pending_records = (double)(next_random(&random) % 1000);
                event->cpu_load = (double)(next_random(&random) % 100) / 100;
                event->max_parallelism = (int32_t)(100 + next_random(&random) % 3);
                event->upstream.items = upstream;
                event->upstream.count = next_random(&random) % 4;
                event->present |= next_random(&random) << KT_EVENT_PARALLELISM;
                event->present &= (UINT64_C(1) << KT_EVENT_FIELDS) - 1;
                event->present &= ~(next_random(&random) << KT_EVENT_RECORDS_IN_TOTAL);
                if (reporter.parallelism == 0) {
                    KT_CLEAR(event, KT_EVENT_PARALLELISM);
                }
            }
        }
    }
    assert_true(count <= SHUFFLED_MAX);
    return count;
}

static void assert_same_vertex(const struct kt_vertex_summary *a,
                               const struct kt_vertex_summary *b) {
    assert_int_equal(a->present, b->present);
    assert_true(kt_str_equal(a->vertex_id, b->vertex_id));
    assert_true(kt_str_equal(a->name, b->name));
    assert_int_equal(a->upstream.count, b->upstream.count);
    const int64_t x[] = {
        a->is_source,     a->parallelism, a->max_parallelism, a->subtasks_seen,    a->samples_least,
        a->span_ms_least, a->first_ms,    a->restarted,       a->attempt_start_ms, a->counter_reset,
        a->not_a_number,  a->stale,       a->from_totals,     a->source_partitions};
    const int64_t y[] = {
        b->is_source,     b->parallelism, b->max_parallelism, b->subtasks_seen,    b->samples_least,
        b->span_ms_least, b->first_ms,    b->restarted,       b->attempt_start_ms, b->counter_reset,
        b->not_a_number,  b->stale,       b->from_totals,     b->source_partitions};
    assert_memory_equal(x, y, sizeof x);
    const double u[] = {a->rate_in_per_s,
                        a->rate_out_per_s,
                        a->rate_first_half,
                        a->rate_second_half,
                        a->busy,
                        a->busy_max,
                        a->backpressured,
                        a->backpressured_first_half,
                        a->backpressured_second_half,
                        a->idle,
                        a->cpu_load,
                        a->pending_records,
                        a->pending_growth_per_s,
                        a->ability};
    const double w[] = {b->rate_in_per_s,
                        b->rate_out_per_s,
                        b->rate_first_half,
                        b->rate_second_half,
                        b->busy,
                        b->busy_max,
                        b->backpressured,
                        b->backpressured_first_half,
                        b->backpressured_second_half,
                        b->idle,
                        b->cpu_load,
                        b->pending_records,
                        b->pending_growth_per_s,
                        b->ability};
    for (size_t i = 0; i < sizeof u / sizeof *u; i++) {
        assert_near(u[i], w[i]);
    }
}

static void order_of_events_does_not_matter(void **state) {
    (void)state;
    static struct kt_metric_event events[SHUFFLED_MAX];
    for (uint64_t seed = 1; seed <= 8; seed++) {
        uint64_t random = seed;
        const size_t count = troubled_job(events, seed);
        struct kt_window_summary first = {0};
        for (int shuffle = 0; shuffle < 8; shuffle++) {
            kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, 0);
            for (size_t i = 0; i < count; i++) {
                add(&events[i]);
            }
            const struct kt_window_summary summary = *kt_test_summary(window);
            first = shuffle == 0 ? summary : first;
            assert_int_equal(summary.vertices.count, 4);
            for (size_t v = 0; v < 4; v++) {
                assert_same_vertex(&summary.vertices.items[v], &first.vertices.items[v]);
            }
            for (size_t i = count - 1; i > 0; i--) {
                const size_t j = next_random(&random) % (i + 1);
                const struct kt_metric_event swap = events[i];
                events[i] = events[j];
                events[j] = swap;
            }
        }
    }
}

static void of_two_values_at_one_time_the_larger_is_the_newest(void **state) {
    (void)state;
    for (int64_t larger_first = 0; larger_first < 2; larger_first++) {
        kt_window_clear(window, KT_TEST_START_MS, KT_TEST_START_MS + KT_TEST_WINDOW_MS, 0);
        for (int64_t i = 0; i < 4; i++) { /* twice at the beginning, twice at the end */
            const int64_t more = i % 2 == larger_first ? 0 : 1;
            struct kt_reporter reporter = kt_reporter_default();
            struct kt_metric_event event = kt_reporter_event(&reporter, i / 2 * 40000);
            event.records_in_total += more * 2000;
            event.max_parallelism = (int32_t)(100 + more);
            event.vertex_name = more ? KT_STR("larger") : KT_STR("a");
            event.pending_records = (double)(200 * more);
            KT_SET(&event, KT_EVENT_MAX_PARALLELISM);
            KT_SET(&event, KT_EVENT_PENDING_RECORDS);
            add(&event);
        }
        const struct kt_vertex_summary *a = vertex_a();
        assert_near(a->rate_in_per_s, 1050); /* from the lesser of the first two */
        assert_int_equal(a->max_parallelism, 101);
        assert_true(kt_str_equal(a->name, KT_STR("larger")));
        assert_near(a->pending_records, 200);
        assert_near(a->pending_growth_per_s, 5);
    }
}

static void repeated_events_change_nothing(void **state) {
    (void)state;
    struct kt_reporter reporter = kt_reporter_default();
    reporter.rates = true;
    kt_reporter_feed(&reporter, window);
    const struct kt_vertex_summary once = *vertex_a();
    kt_reporter_feed(&reporter, window);
    assert_same_vertex(vertex_a(), &once);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(ability_is_records_per_busy_time_over_all_subtasks),
        TEST(elapsed_time_is_what_the_clocks_say),
        TEST(elapsed_time_without_all_clocks_is_that_of_the_timestamps),
        TEST(source_counts_what_it_emits),
        TEST(halves_hold_the_rates_before_and_after_the_middle),
        TEST(halves_are_unknown_without_samples_in_both),
        TEST(ability_is_absent_without_busy_time_or_records),
        TEST(smoothed_rates_are_averaged_and_summed_over_subtasks),
        TEST(counters_beat_smoothed_rates),
        TEST(smoothed_busy_time_joins_counted_records),
        TEST(measures_in_events_of_their_own_join),
        TEST(measures_that_are_not_numbers_are_ignored),
        TEST(busy_time_that_never_is_a_number_is_unknown),
        TEST(a_measure_that_one_subtask_lacks_is_unknown),
        TEST(whole_vertex_stands_for_its_subtasks),
        TEST(whole_vertex_is_ignored_beside_complete_subtasks),
        TEST(whole_vertex_is_used_beside_incomplete_subtasks),
        TEST(restart_of_a_subtask_shows_beside_the_whole_vertex),
        TEST(whole_vertex_fills_in_what_subtasks_lack),
        TEST(backlog_is_summed_and_its_growth_is_a_rate),
        TEST(newest_word_about_a_vertex_counts),
        TEST(what_nobody_said_is_unknown),
        TEST(vertex_without_inputs_is_a_source_unless_it_says_otherwise),
        TEST(second_attempt_shows_as_restart),
        TEST(second_job_id_shows_as_restart_of_every_vertex),
        TEST(second_parallelism_shows_as_restart),
        TEST(subtask_beyond_the_parallelism_shows_as_restart),
        TEST(subtask_silent_since_the_newest_attempt_shows_as_restart),
        TEST(counter_that_falls_and_recovers_shows_as_reset),
        TEST(counter_that_falls_between_the_halves_shows_as_reset),
        TEST(busy_time_may_step_back_by_a_wait_that_is_booked_late),
        TEST(subtask_whose_clocks_stand_still_makes_its_vertex_stale),
        TEST(idle_subtask_is_not_stale),
        TEST(quiet_records_without_clocks_are_stale_only_against_a_rate),
        TEST(event_outside_of_the_window_is_refused),
        TEST(subtask_out_of_range_is_refused),
        TEST(window_longer_than_the_limit_is_refused),
        TEST(measures_of_any_size_stay_finite),
        TEST(vertices_are_bounded_and_come_out_in_the_order_of_their_ids),
        TEST(names_are_bounded),
        TEST(ids_are_bounded_so_that_the_state_of_a_job_fits_a_record),
        TEST(huge_subtask_index_takes_no_more_memory_than_a_small_one),
        TEST(cleared_window_is_empty_and_allocates_nothing_more),
        TEST(names_that_keep_changing_do_not_fill_the_memory),
        TEST(order_of_events_does_not_matter),
        TEST(of_two_values_at_one_time_the_larger_is_the_newest),
        TEST(repeated_events_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
