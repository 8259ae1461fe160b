/* SPDX-License-Identifier: GPL-3.0-or-later
 * Plots: ticks are round and readable, thinning keeps what shows, names stay text, and whatever the
 * data the picture is well-formed and within its bounds. */
#include "ops/html_text.h"
#include "ops/plot.h"
#include "support/xml.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* What a plot writes; freed by the caller. */
static char *drawn(const struct kt_plot *plot) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    struct kt_error error;
    if (kt_plot_write(out, plot, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(fclose(out), 0);
    size_t at;
    const char *wrong = kt_xml_check(kt_str_of(text), &at);
    if (wrong != NULL) {
        fail_msg("%s at %zu: %.60s", wrong, at, text + at);
    }
    return text;
}

static struct kt_plot plot_of(const struct kt_plot_series *series, size_t count) {
    return (struct kt_plot){.title = KT_STR("Lag"),
                            .description = KT_STR("a line"),
                            .width = 600,
                            .height = 200,
                            .series = series,
                            .count = count};
}

/* All numbers of a drawing lie on the canvas; "nan" and "inf" are none. */
static void assert_within_canvas(const char *svg, double width, double height) {
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    for (const char *at = strstr(svg, " d=\""); at != NULL; at = strstr(at, " d=\"")) {
        at += 4;
        while (*at != '"') {
            char *end;
            const double value = strtod(at, &end);
            if (end > at) {
                assert_true(value >= 0.0 && value <= fmax(width, height));
            }
            at = end > at ? end : at + 1;
        }
    }
}

/* The ticks of an axis, as "0 5k 10k". */
static void ticks_text(enum kt_plot_unit unit, double min, double max, int wanted, char *text,
                       size_t size) {
    const struct kt_plot_ticks ticks = kt_plot_ticks_between(unit, min, max, wanted);
    assert_in_range(ticks.count, 1, KT_PLOT_TICKS_MAX);
    text[0] = '\0';
    for (int i = 0; i < ticks.count; i++) {
        char tick[32];
        kt_plot_tick_text(unit, &ticks, i, tick);
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", i == 0 ? "" : " ", tick);
    }
}

static void ticks_are_round_and_share_a_scale(void **state) {
    (void)state;
    static const struct {
        enum kt_plot_unit unit;
        double min, max;
        int wanted;
        const char *text;
    } cases[] = {
        {KT_PLOT_NUMBER, 0, 1, 5, "0 0.2 0.4 0.6 0.8 1.0"},
        {KT_PLOT_NUMBER, 0, 9000, 5, "0 2000 4000 6000 8000"},
        {KT_PLOT_NUMBER, 0, 10000, 5, "0 2k 4k 6k 8k 10k"},
        {KT_PLOT_NUMBER, 0, 700000, 4, "0 200k 400k 600k"},
        {KT_PLOT_NUMBER, 0, 12e6, 4, "0 5M 10M"},
        {KT_PLOT_NUMBER, 0, 1.5e6, 4, "0 0.5M 1.0M 1.5M"},
        {KT_PLOT_NUMBER, -30, 30, 4, "-20 0 20"},
        {KT_PLOT_NUMBER, 0, 0.0003, 4, "0 0.0001 0.0002 0.0003"},
        {KT_PLOT_NUMBER, 10050, 10051, 4, "10.0500k 10.0505k 10.0510k"},
        {KT_PLOT_WHOLE, 0, 1, 8, "0 1"},
        {KT_PLOT_WHOLE, 0, 3, 8, "0 1 2 3"},
        {KT_PLOT_WHOLE, 0, 128, 4, "0 50 100"},
        {KT_PLOT_DURATION, 0, 10, 6, "0:00 0:02 0:04 0:06 0:08 0:10"},
        {KT_PLOT_DURATION, 0, 1200, 4, "0:00 5:00 10:00 15:00 20:00"},
        {KT_PLOT_DURATION, 0, 12000, 8, "0:00 0:30 1:00 1:30 2:00 2:30 3:00"},
        {KT_PLOT_DURATION, 0, 172800, 9, "0:00 6:00 12:00 18:00 24:00 30:00 36:00 42:00 48:00"},
        {KT_PLOT_DURATION, 0, 86400 * 14, 8, "0 d 2 d 4 d 6 d 8 d 10 d 12 d 14 d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        ticks_text(cases[i].unit, cases[i].min, cases[i].max, cases[i].wanted, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void ticks_are_as_many_as_fit_over_any_range(void **state) {
    (void)state;
    for (double max = 1e-12; max < 1e20; max *= 1.7) {
        for (int unit = KT_PLOT_NUMBER; unit <= KT_PLOT_DURATION; unit++) {
            const struct kt_plot_ticks ticks =
                kt_plot_ticks_between((enum kt_plot_unit)unit, 0.0, max, 6);
            assert_in_range(ticks.count, 1, 7);
            assert_true(ticks.first + ticks.step * (ticks.count - 1) <= max * (1 + 1e-8));
        }
    }
}

static void thinning_keeps_ends_spikes_and_gaps(void **state) {
    (void)state;
    enum { N = 100000, COLUMNS = 100 };
    double *x = calloc(N, sizeof *x), *y = calloc(N, sizeof *y);
    size_t *kept = calloc(5 * COLUMNS, sizeof *kept);
    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[i] = sin(i / 5000.0);
    }
    y[33333] = 50.0;
    y[66666] = -50.0;
    y[77777] = NAN;
    const size_t n = kt_plot_thin(x, y, N, 0.0, N - 1.0, COLUMNS, kept);
    assert_true(n <= 5 * COLUMNS);
    assert_int_equal(kept[0], 0);
    assert_int_equal(kept[n - 1], N - 1);
    int found = 0;
    for (size_t k = 0; k < n; k++) {
        assert_true(k == 0 || kept[k] > kept[k - 1]);
        found += kept[k] == 33333 || kept[k] == 66666 || kept[k] == 77777;
    }
    assert_int_equal(found, 3);
    free(x);
    free(y);
    free(kept);
}

static void thinning_leaves_short_series_alone(void **state) {
    (void)state;
    const double x[] = {0, 0, 0, 1, 1}, y[] = {1, 2, 3, 4, 5};
    size_t kept[5];
    assert_int_equal(kt_plot_thin(x, y, 5, 0, 1, 1, kept), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(kept[i], i);
    }
}

static void long_series_make_a_picture_of_bounded_size(void **state) {
    (void)state;
    enum { N = 300000 };
    double *x = calloc(N, sizeof *x), *y = calloc(N, sizeof *y), *upper = calloc(N, sizeof *upper);
    for (int i = 0; i < N; i++) {
        x[i] = i * 0.5;
        y[i] = (double)(i * 7919L % 1000);
        upper[i] = y[i] + 10;
    }
    const struct kt_plot_series series[] = {
        {.kind = KT_PLOT_BAND, .x = x, .y = y, .y_upper = upper, .count = N},
        {.kind = KT_PLOT_LINE, .x = x, .y = y, .count = N},
        {.kind = KT_PLOT_STEP, .x = x, .y = y, .count = N},
        {.kind = KT_PLOT_POINTS, .x = x, .y = y, .count = N},
        {.kind = KT_PLOT_MARKS, .x = x, .count = N},
    };
    for (size_t s = 0; s < 5; s++) {
        const struct kt_plot plot = plot_of(&series[s], 1);
        char *svg = drawn(&plot);
        assert_true(strlen(svg) < 1000000);
        assert_within_canvas(svg, plot.width, plot.height);
        free(svg);
    }
    free(x);
    free(y);
    free(upper);
}

static void any_data_stay_within_the_canvas(void **state) {
    (void)state;
    const double x[] = {0, 1, 2, 3};
    const double ys[][4] = {
        {0, 0, 0, 0},          {7, 7, 7, 7},           {-3, -3, -3, -3},
        {1e300, 1e300, 1, 1},  {-1e300, 1e300, 0, 1},  {NAN, NAN, NAN, NAN},
        {INFINITY, 1, NAN, 3}, {1e-300, 0, 0, 2e-300}, {1e9, 1e9, 1e9, 1e9 + 1e-6},
        {0.3, 0.1, 0.2, 0.7},
    };
    for (size_t i = 0; i < sizeof ys / sizeof *ys; i++) {
        for (int kind = KT_PLOT_LINE; kind <= KT_PLOT_MARKS; kind++) {
            const struct kt_plot_series series = {.kind = (enum kt_plot_kind)kind,
                                                  .label = KT_STR("y"),
                                                  .x = x,
                                                  .y = ys[i],
                                                  .y_upper = ys[i],
                                                  .count = 4};
            const struct kt_plot plot = plot_of(&series, 1);
            char *svg = drawn(&plot);
            assert_within_canvas(svg, plot.width, plot.height);
            free(svg);
        }
    }
}

static void no_data_and_one_sample_are_plots_too(void **state) {
    (void)state;
    const double x[] = {5}, y[] = {3};
    struct kt_plot_series series = {.kind = KT_PLOT_LINE, .x = x, .y = y, .label = KT_STR("one")};
    for (series.count = 0; series.count < 2; series.count++) {
        const struct kt_plot plot = plot_of(&series, 1);
        char *svg = drawn(&plot);
        assert_within_canvas(svg, plot.width, plot.height);
        assert_int_equal(strstr(svg, ">one<") != NULL, series.count);
        free(svg);
    }
    const struct kt_plot plot = plot_of(NULL, 0);
    free(drawn(&plot));
}

static void a_gap_lifts_the_pen(void **state) {
    (void)state;
    const double x[] = {0, 1, 2, 3, 4}, y[] = {1, 2, NAN, 2, 1};
    const struct kt_plot_series series = {.kind = KT_PLOT_LINE, .x = x, .y = y, .count = 5};
    const struct kt_plot plot = plot_of(&series, 1);
    char *svg = drawn(&plot);
    const char *path = strstr(svg, "class=\"line");
    assert_non_null(path);
    int lifts = 0;
    for (const char *at = strstr(path, "d=\"") + 3; *at != '"'; at++) {
        lifts += *at == 'M';
    }
    assert_int_equal(lifts, 2);
    free(svg);
}

/* The d attribute of the first element of a class, NUL-terminated in place. */
static char *path_of(char *svg, const char *class) {
    char *path = strstr(svg, class);
    assert_non_null(path);
    path = strstr(path, " d=\"") + 4;
    *strchr(path, '"') = '\0';
    return path;
}

static void what_stays_level_is_drawn_by_its_ends(void **state) {
    (void)state;
    const double x[] = {0, 1, 2, 3, 4, 5, 6, 7}, y[] = {2, 2, 2, 2, 8, 8, 8, 8};
    const double zero[8] = {0};
    static const struct {
        enum kt_plot_kind kind;
        const char *class, *path;
    } cases[] = {
        /* x from 52 to 578, 8 at 29 and 0 at 180, so 2 at 142.2 */
        {KT_PLOT_LINE, "class=\"line", "M52.0,142.2h0L277.4,142.2L352.6,29.0L578.0,29.0"},
        {KT_PLOT_STEP, "class=\"line", "M52.0,142.2h0H277.4V142.2H352.6V29.0H578.0V29.0"},
        {KT_PLOT_BAND, "class=\"band",
         "M52.0,142.2L277.4,142.2L352.6,29.0L578.0,29.0"
         "L578.0,180.0L352.6,180.0L277.4,180.0L52.0,180.0Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bool band = cases[i].kind == KT_PLOT_BAND;
        const struct kt_plot_series series = {
            .kind = cases[i].kind, .x = x, .y = band ? zero : y, .y_upper = y, .count = 8};
        const struct kt_plot plot = plot_of(&series, 1);
        char *svg = drawn(&plot);
        assert_string_equal(path_of(svg, cases[i].class), cases[i].path);
        free(svg);
    }
}

static void labels_never_overlap(void **state) {
    (void)state;
    const double x[] = {0, 1}, y[] = {5, 5};
    struct kt_plot_series series[KT_PLOT_SERIES_MAX];
    for (size_t s = 0; s < KT_PLOT_SERIES_MAX; s++) {
        series[s] = (struct kt_plot_series){
            .kind = KT_PLOT_LINE, .label = KT_STR("same"), .x = x, .y = y, .count = 2};
    }
    struct kt_plot plot = plot_of(series, KT_PLOT_SERIES_MAX);
    plot.height = 150;
    char *svg = drawn(&plot);
    double before = -100.0;
    int labels = 0;
    for (const char *at = strstr(svg, "\"label "); at != NULL; at = strstr(at + 1, "\"label ")) {
        const double y_px = strtod(strstr(at, " y=\"") + 4, NULL);
        assert_true(y_px - before >= 12.9);
        assert_true(y_px > 0.0 && y_px < plot.height - 15.0); /* nor over the ticks */
        before = y_px;
        labels++;
    }
    assert_int_equal(labels, KT_PLOT_SERIES_MAX);
    free(svg);
}

static void names_stay_text(void **state) {
    (void)state;
    const double x[] = {0, 1}, y[] = {0, 1};
    const struct kt_plot_series series = {
        .kind = KT_PLOT_LINE, .label = KT_STR("</svg>\"'\xff\x01&"), .x = x, .y = y, .count = 2};
    struct kt_plot plot = plot_of(&series, 1);
    plot.title = KT_STR("<script>alert(1)</script>");
    plot.description = KT_STR("a & b < c > \"d\" \xef\xbf\xbf");
    plot.x.title = KT_STR("<x>");
    plot.y.title = KT_STR("<y>");
    char *svg = drawn(&plot);
    assert_null(strstr(svg, "<script"));
    assert_non_null(strstr(svg, "&lt;script&gt;"));
    assert_int_equal(kt_xml_count(kt_str_of(svg), "svg"), 1);
    free(svg);
}

static void long_text_is_cut_at_a_character(void **state) {
    (void)state;
    char text[64] = {0};
    FILE *out = fmemopen(text, sizeof text, "w");
    kt_html_text_cut(out, KT_STR("äöü<>x"), 4);
    fputc('|', out);
    kt_html_text_cut(out, KT_STR("äöü<"), 4);
    fclose(out);
    assert_string_equal(text, "äöü…|äöü&lt;");
    assert_int_equal(kt_html_text_chars(KT_STR("äöü\xff…")), 5);
}

static void bad_plots_are_refused_by_name(void **state) {
    (void)state;
    const double x[] = {1, 0}, y[] = {0, 0};
    const struct kt_plot_series down = {.kind = KT_PLOT_LINE, .x = x, .y = y, .count = 2};
    struct kt_plot bad[6];
    for (size_t i = 0; i < 6; i++) {
        bad[i] = plot_of(NULL, 0);
    }
    bad[0].width = KT_PLOT_WIDTH_MAX + 1;
    bad[1].height = KT_PLOT_HEIGHT_MIN - 1;
    bad[2].count = KT_PLOT_SERIES_MAX + 1;
    bad[3].series = &down;
    bad[3].count = 1;
    bad[4].x.max = NAN;
    struct kt_plot_series named[5];
    for (size_t s = 0; s < 5; s++) {
        named[s] = (struct kt_plot_series){.kind = KT_PLOT_LINE, .label = KT_STR("y")};
    }
    bad[5].series = named;
    bad[5].count = 5;
    bad[5].height = KT_PLOT_HEIGHT_MIN;
    static const char *const say[] = {"2001 x 200", "600 x 89", "9 series",
                                      "sample 1",   "nan",      "too low"};
    FILE *out = fopen("/dev/null", "w");
    for (size_t i = 0; i < 6; i++) {
        struct kt_error error;
        assert_int_equal(kt_plot_write(out, &bad[i], &error), KT_ERR_INVALID);
        assert_non_null(strstr(error.message, say[i]));
    }
    fclose(out);
}

static void the_same_plot_has_the_same_bytes(void **state) {
    (void)state;
    const double x[] = {0, 1, 2}, y[] = {1.0 / 3.0, 2.0 / 3.0, M_PI};
    const struct kt_plot_series series = {
        .kind = KT_PLOT_STEP, .label = KT_STR("y"), .x = x, .y = y, .count = 3};
    const struct kt_plot plot = plot_of(&series, 1);
    char *once = drawn(&plot), *again = drawn(&plot);
    assert_string_equal(once, again);
    free(once);
    free(again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round_and_share_a_scale),
        cmocka_unit_test(ticks_are_as_many_as_fit_over_any_range),
        cmocka_unit_test(thinning_keeps_ends_spikes_and_gaps),
        cmocka_unit_test(thinning_leaves_short_series_alone),
        cmocka_unit_test(long_series_make_a_picture_of_bounded_size),
        cmocka_unit_test(any_data_stay_within_the_canvas),
        cmocka_unit_test(no_data_and_one_sample_are_plots_too),
        cmocka_unit_test(a_gap_lifts_the_pen),
        cmocka_unit_test(what_stays_level_is_drawn_by_its_ends),
        cmocka_unit_test(labels_never_overlap),
        cmocka_unit_test(names_stay_text),
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(bad_plots_are_refused_by_name),
        cmocka_unit_test(the_same_plot_has_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
