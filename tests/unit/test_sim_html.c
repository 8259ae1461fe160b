/* SPDX-License-Identifier: GPL-3.0-or-later
 * The page of a simulation: whatever was run, it is well-formed, needs nothing from elsewhere and
 * shows every method, operator and reconfiguration; names stay text. */
#include "ops/sim_html.h"
#include "support/sample_trace.h"
#include "support/xml.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS 6 /* small pictures beside the words that explain the lines */

/* The page's text, checked; freed by the caller. */
static char *written(const struct kt_sim_html *page) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    struct kt_error error;
    if (kt_sim_html_write(out, page, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(fclose(out), 0);
    size_t at;
    const char *wrong = kt_xml_check((struct kt_str){text, len}, &at);
    if (wrong != NULL) {
        fail_msg("%s at %zu: %.60s", wrong, at, text + at);
    }
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf,"));
    return text;
}

static const struct kt_sim_html_score scores[] = {
    {"kontune", 20, 21, 0.1, 2.8, 26, 310, 0.3},
    {"ds2", 20, 44, 14.6, NAN, 33, 325, 4},
};

/* A page of one run of this sample. */
static char *page_of(const struct kt_sample_trace *sample) {
    struct kt_sim_trace trace = kt_sample_trace_make(sample);
    const struct kt_sim_trace *traces[] = {&trace};
    const struct kt_sim_html page = {.title = "sample",
                                     .subtitle = "a run",
                                     .scores = scores,
                                     .scores_count = 2,
                                     .traces = traces,
                                     .traces_count = 1};
    char *text = written(&page);
    kt_sim_trace_free(&trace);
    return text;
}

/* Its last report is that of the 20th load. */
static const struct kt_sample_trace usual = {.operators = 3,
                                             .seconds = 11990,
                                             .poll_s = 10,
                                             .level_s = 600,
                                             .rate = 620000,
                                             .surrogate = true};

static size_t occurrences(const char *text, const char *word) {
    size_t count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

static void every_operator_has_its_pictures(void **state) {
    (void)state;
    for (int operators = 1; operators <= 12; operators += 11) {
        struct kt_sample_trace sample = usual;
        sample.operators = operators;
        char *text = page_of(&sample);
        const size_t n = (size_t)operators;
        /* Load and lag; all operators together where there are several; over time and curve. */
        assert_int_equal(kt_xml_count(kt_str_of(text), "svg"),
                         KEYS + 2u + (operators > 1 ? 1u : 0u) + 2 * n);
        char last[32];
        snprintf(last, sizeof last, ">op %d</title>", operators);
        assert_int_equal(occurrences(text, last), 2);
        assert_int_equal(occurrences(text, "class=\"band blue\""), 1 + n);
        free(text);
    }
}

static void runs_of_several_jobs_are_told_apart(void **state) {
    (void)state;
    struct kt_sim_trace a = kt_sample_trace_make(&usual), b = kt_sample_trace_make(&usual);
    b.job = "other";
    const struct kt_sim_trace *traces[] = {&a, &b};
    struct kt_sim_html page = {.title = "t", .subtitle = "s", .traces = traces, .traces_count = 2};
    char *text = written(&page);
    assert_non_null(strstr(text, "<h2>sample: kontune</h2>"));
    assert_non_null(strstr(text, "<p>other: <a href=\"#run-2\">kontune</a>"));
    free(text);
    page.traces_count = 1;
    text = written(&page);
    assert_non_null(strstr(text, "<h2>kontune</h2>"));
    free(text);
    kt_sim_trace_free(&a);
    kt_sim_trace_free(&b);
}

static void a_source_without_a_curve_has_no_picture(void **state) {
    (void)state;
    char *text = page_of(&usual);
    assert_int_equal(occurrences(text, ">source<"), 0);
    free(text);
}

static void every_reconfiguration_is_told_with_its_reason(void **state) {
    (void)state;
    struct kt_sim_trace trace = kt_sample_trace_make(&usual);
    const struct kt_sim_trace *traces[] = {&trace};
    const struct kt_sim_html page = {
        .title = "t", .subtitle = "s", .traces = traces, .traces_count = 1};
    char *text = written(&page);
    assert_true(trace.changes_count > 10);
    assert_int_equal(occurrences(text, "op 1 must take "), trace.changes_count);
    assert_int_equal(occurrences(text, " records/s &amp; more"), trace.changes_count);
    free(text);
    kt_sim_trace_free(&trace);
}

static void a_page_needs_nothing_from_elsewhere(void **state) {
    (void)state;
    char *text = page_of(&usual);
    static const char *const fetching[] = {"<script", "<link", "<img",   "<iframe",
                                           " src=",   "url(",  "@import"};
    for (size_t i = 0; i < sizeof fetching / sizeof *fetching; i++) {
        assert_null(strstr(text, fetching[i]));
    }
    /* Names of namespaces are addresses that nobody asks. */
    assert_int_equal(occurrences(text, "://"), occurrences(text, "xmlns=\"http://www.w3.org/"));
    free(text);
}

static void names_from_outside_stay_text(void **state) {
    (void)state;
    struct kt_sample_trace sample = usual;
    sample.name = "<script>alert('\xfe')</script> & co";
    char *text = page_of(&sample);
    assert_null(strstr(text, "<script"));
    assert_non_null(strstr(text, "&lt;script&gt;alert(&#39;\xef\xbf\xbd&#39;)"));
    free(text);
    const struct kt_sim_html page = {
        .title = "</title>", .subtitle = "<b>", .command = "kontune \"<i>\" && x"};
    text = written(&page);
    assert_non_null(strstr(text, "kontune &quot;&lt;i&gt;&quot; &amp;&amp; x"));
    free(text);
}

static void runs_of_any_length_and_load_are_pages(void **state) {
    (void)state;
    const struct kt_sample_trace samples[] = {
        {.operators = 1, .seconds = 0, .poll_s = 10, .level_s = 600, .rate = 100},
        {.operators = 1, .seconds = 10, .poll_s = 10, .level_s = 600, .rate = 0},
        {.operators = 2, .seconds = 1200, .poll_s = 10, .level_s = 60, .rate = 0, .constant = true},
        {.operators = 2, .seconds = 1200, .poll_s = 10, .rate = 5e9, .constant = true},
        {.operators = 4, .seconds = 172800, .poll_s = 5, .level_s = 3600, .rate = 1e-3},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        for (int surrogate = 0; surrogate < 2; surrogate++) {
            struct kt_sample_trace sample = samples[i];
            sample.surrogate = surrogate == 1;
            char *text = page_of(&sample);
            assert_true(strlen(text) < 2000000);
            free(text);
        }
    }
}

/* Subpaths of the line "processed". */
static int strokes_of_processed(const struct kt_sim_trace *trace) {
    const struct kt_sim_html page = {
        .title = "t", .subtitle = "s", .traces = &trace, .traces_count = 1};
    char *text = written(&page);
    const char *load = strstr(text, ">Load</title>");
    assert_non_null(load);
    const char *path = strstr(load, "class=\"line blue\"");
    assert_non_null(path);
    int strokes = 0;
    for (const char *at = strstr(path, " d=\"") + 4; *at != '"'; at++) {
        strokes += *at == 'M';
    }
    free(text);
    return strokes;
}

static void what_was_processed_is_not_known_where_a_backlog_was_dropped(void **state) {
    (void)state;
    struct kt_sim_trace trace = kt_sample_trace_make(&usual);
    assert_int_equal(strokes_of_processed(&trace), 1);
    trace.over_time = false;
    assert_int_equal(strokes_of_processed(&trace), 20); /* one per load */
    kt_sim_trace_free(&trace);
}

static void the_least_of_a_column_is_bold_and_the_unknown_a_dash(void **state) {
    (void)state;
    const struct kt_sim_html page = {
        .title = "t", .subtitle = "s", .scores = scores, .scores_count = 2};
    char *text = written(&page);
    assert_non_null(strstr(text, "kontune</th><td class=\"best\">21.0</td>"
                                 "<td class=\"best\">1.05</td><td class=\"best\">0.1</td>"
                                 "<td class=\"best\">2.8</td>"));
    assert_non_null(strstr(text, "ds2</th><td>44.0</td><td>2.20</td><td>14.6</td><td>–</td>"));
    free(text);
}

static void the_same_runs_make_the_same_page(void **state) {
    (void)state;
    char *once = page_of(&usual), *again = page_of(&usual);
    assert_string_equal(once, again);
    free(once);
    free(again);
}

static void a_time_that_runs_backwards_is_refused(void **state) {
    (void)state;
    struct kt_sim_trace trace = kt_sample_trace_make(&usual);
    trace.ticks[5].second = 1.0;
    const struct kt_sim_trace *traces[] = {&trace};
    const struct kt_sim_html page = {
        .title = "t", .subtitle = "s", .traces = traces, .traces_count = 1};
    struct kt_error error;
    assert_int_equal(kt_sim_html_write_file("/dev/null", &page, &error), KT_ERR_INVALID);
    assert_non_null(strstr(error.message, "/dev/null: series 1 of a plot: x of sample 5"));
    kt_sim_trace_free(&trace);
}

static void a_full_disk_is_told_with_the_path(void **state) {
    (void)state;
    const struct kt_sim_html page = {.title = "t", .subtitle = "s"};
    struct kt_error error;
    assert_int_equal(kt_sim_html_write_file("/dev/full", &page, &error), KT_ERR_FULL);
    assert_non_null(strstr(error.message, "/dev/full"));
    assert_int_equal(kt_sim_html_write_file("/nowhere/page.html", &page, &error), KT_ERR_IO);
    assert_non_null(strstr(error.message, "/nowhere/page.html"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_has_its_pictures),
        cmocka_unit_test(runs_of_several_jobs_are_told_apart),
        cmocka_unit_test(a_source_without_a_curve_has_no_picture),
        cmocka_unit_test(every_reconfiguration_is_told_with_its_reason),
        cmocka_unit_test(a_page_needs_nothing_from_elsewhere),
        cmocka_unit_test(names_from_outside_stay_text),
        cmocka_unit_test(runs_of_any_length_and_load_are_pages),
        cmocka_unit_test(what_was_processed_is_not_known_where_a_backlog_was_dropped),
        cmocka_unit_test(the_least_of_a_column_is_bold_and_the_unknown_a_dash),
        cmocka_unit_test(the_same_runs_make_the_same_page),
        cmocka_unit_test(a_time_that_runs_backwards_is_refused),
        cmocka_unit_test(a_full_disk_is_told_with_the_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
