/* SPDX-License-Identifier: GPL-3.0-or-later
 * The rbf surrogate: its algebra, its search, its answers to awkward histories. */
#include "model/gp.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POINTS KT_GP_POINTS_MAX

struct points {
    size_t n;
    double x[POINTS];
    double y[POINTS];
};

static int set_up(void **state) {
    *state = kt_gp_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    kt_gp_free(*state);
    return 0;
}

static double fit(struct kt_gp *gp, const struct points *points, struct kt_gp_params *params) {
    double log_likelihood = NAN;
    assert_int_equal(kt_gp_fit(gp, points->x, points->y, points->n, params, &log_likelihood),
                     KT_ERR_OK);
    return log_likelihood;
}

/* The next word of the file; false at its end. */
static bool next_word(FILE *file, char word[64]) {
    return fscanf(file, "%63s", word) == 1;
}

static double next_number(FILE *file) {
    char word[64];
    char *end = word;
    assert_true(next_word(file, word));
    double number = strtod(word, &end);
    assert_true(end != word && *end == '\0');
    return number;
}

/* The seed's table, averaged per parallelism. */
static struct points mapper(void) {
    struct points points = {0};
    int count[POINTS] = {0};
    char line[256];
    FILE *file = fopen(KT_FIXTURES "/nexmark-q1-mapper.csv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char *cell;
        double parallelism = strtod(line, &cell);
        if (cell == line) {
            continue; /* the comment and the header */
        }
        assert_true(strtol(cell + 1, &cell, 10) > 0);
        double ability = strtod(cell + 1, &cell);
        assert_true(*cell == '\n');
        if (points.n == 0 || points.x[points.n - 1] != parallelism) {
            assert_true(points.n < POINTS);
            points.x[points.n++] = parallelism;
        }
        size_t at = points.n - 1;
        points.y[at] += (ability - points.y[at]) / ++count[at];
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(points.n, 13);
    return points;
}

static int smallest_feasible(const struct kt_gp *gp, double lambda, int parallelism_max) {
    int p = 1;
    while (p < parallelism_max && kt_gp_mean(gp, p) < lambda) {
        p++;
    }
    return p;
}

static void the_seeds_example_needs_eleven(void **state) {
    struct points points = mapper();
    struct kt_gp_params params;
    fit(*state, &points, &params);
    assert_int_equal(smallest_feasible(*state, 4e6, 26), 11);
}

static void the_seeds_table_is_fitted_better_than_from_either_of_its_starts(void **state) {
    struct points points = mapper();
    struct kt_gp_params params;
    double found = fit(*state, &points, &params);
    /* where the seed's optimiser ends from its two starts */
    const struct kt_gp_params ends[] = {{4.37, 5e5}, {2.229, 5e5}};
    for (size_t i = 0; i < 2; i++) {
        double log_likelihood;
        assert_int_equal(kt_gp_set(*state, points.x, points.y, points.n, ends[i], &log_likelihood),
                         KT_ERR_OK);
        assert_true(found >= log_likelihood);
    }
}

static void what_cannot_be_a_history_is_refused(void **state) {
    const double good[] = {1, 2, 3};
    const double same[] = {1, 2, 1};
    const double bad[] = {NAN, INFINITY, -INFINITY, 1e101};
    struct kt_gp_params params = {1, 1};
    double log_likelihood;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double spoiled[] = {1, bad[i], 3};
        assert_int_equal(kt_gp_fit(*state, good, spoiled, 3, &params, &log_likelihood),
                         KT_ERR_INVALID);
        assert_int_equal(kt_gp_fit(*state, spoiled, good, 3, &params, &log_likelihood),
                         KT_ERR_INVALID);
        assert_int_equal(kt_gp_set(*state, spoiled, good, 3, params, &log_likelihood),
                         KT_ERR_INVALID);
        struct kt_gp_params wrong = {bad[i], 1};
        assert_int_equal(kt_gp_set(*state, good, good, 3, wrong, &log_likelihood), KT_ERR_INVALID);
    }
    assert_int_equal(kt_gp_fit(*state, good, good, 0, &params, &log_likelihood), KT_ERR_INVALID);
    assert_int_equal(kt_gp_fit(*state, good, good, POINTS + 1, &params, &log_likelihood),
                     KT_ERR_INVALID);
    assert_int_equal(kt_gp_fit(*state, same, good, 3, &params, &log_likelihood), KT_ERR_INVALID);
}

static void a_singular_covariance_is_reported(void **state) {
    struct points points = {.n = 20};
    for (size_t i = 0; i < points.n; i++) {
        points.x[i] = points.y[i] = (double)i;
    }
    struct kt_gp_params params = {.length_scale = 1e3, .sigma_f = 1e5};
    double log_likelihood;
    assert_int_equal(kt_gp_set(*state, points.x, points.y, points.n, params, &log_likelihood),
                     KT_ERR_NUMERIC);
    assert_true(kt_gp_mean(*state, 3) == 0);
}

/* How far a value may be from the oracle's, relative to it (to 1 where it is smaller than 1 and
 * floor is 1). */
static void assert_close(const char *name, const char *what, double ours, double theirs,
                         double tolerance, double floor) {
    if (!(fabs(ours - theirs) <= tolerance * fmax(floor, fabs(theirs)))) {
        fail_msg("%s: %s is %.17g, the oracle's %.17g", name, what, ours, theirs);
    }
}

static FILE *open_fixture(const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int c;
    while ((c = getc(file)) != '\n') { /* the line that says what is what */
        assert_int_not_equal(c, EOF);
    }
    return file;
}

static void read_points(FILE *file, struct points *points) {
    assert_in_range(points->n, 1, POINTS);
    for (size_t i = 0; i < points->n; i++) {
        points->x[i] = next_number(file);
        points->y[i] = next_number(file);
    }
}

static void likelihoods_and_predictions_agree_with_scipy_and_scikit_learn(void **state) {
    FILE *file = open_fixture(KT_FIXTURES "/gp/golden.txt");
    char name[64];
    struct points points;
    struct kt_gp_params params;
    double expected;
    size_t predictions;
    int cases = 0;
    while (next_word(file, name)) {
        assert_string_equal(name, "case");
        assert_true(next_word(file, name));
        points.n = (size_t)next_number(file);
        params.length_scale = next_number(file);
        params.sigma_f = next_number(file);
        expected = next_number(file);
        predictions = (size_t)next_number(file);
        read_points(file, &points);
        double log_likelihood;
        assert_int_equal(kt_gp_set(*state, points.x, points.y, points.n, params, &log_likelihood),
                         KT_ERR_OK);
        assert_close(name, "log likelihood", log_likelihood, expected, 1e-8, 1);
        for (size_t i = 0; i < predictions; i++) {
            double x = next_number(file);
            double mean = next_number(file);
            double stddev = next_number(file);
            double our_mean;
            double our_stddev;
            kt_gp_predict(*state, x, &our_mean, &our_stddev);
            assert_close(name, "mean", our_mean, mean, 1e-8, 0);
            assert_close(name, "stddev", our_stddev, stddev, 1e-8, 0);
            assert_true(kt_gp_mean(*state, x) == our_mean);
        }
        cases++;
    }
    assert_true(feof(file));
    assert_int_equal(fclose(file), 0);
    assert_in_range(cases, 25, 1000);
}

/* At least: to 1e-6 relative, about what L-BFGS-B itself leaves undone. */
static void the_search_is_at_least_as_good_as_twenty_starts_of_scipy(void **state) {
    FILE *file = open_fixture(KT_FIXTURES "/gp/histories.txt");
    char name[64];
    struct points points;
    double expected;
    int histories = 0, reached = 0, beaten = 0;
    while (next_word(file, name)) {
        assert_string_equal(name, "history");
        assert_true(next_word(file, name));
        points.n = (size_t)next_number(file);
        expected = next_number(file);
        (void)next_number(file); /* where scipy found it: l, sigma_f */
        (void)next_number(file);
        read_points(file, &points);
        struct kt_gp_params params;
        double log_likelihood = fit(*state, &points, &params);
        double slack = 1e-6 * fmax(1, fabs(expected));
        histories++;
        reached += log_likelihood >= expected - slack;
        beaten += log_likelihood > expected + slack;
        if (log_likelihood < expected - slack) {
            print_message("%s: log likelihood %.9g, scipy's %.9g\n", name, log_likelihood,
                          expected);
        }
    }
    assert_true(feof(file));
    assert_int_equal(fclose(file), 0);
    print_message("of %d histories, the likelihood is at least scipy's in %d, more in %d\n",
                  histories, reached, beaten);
    assert_int_equal(histories, 200);
    assert_true(reached * 100 >= histories * 99);
}

/* Awkward histories: kind × length × scale. */
enum kind { EQUAL, LINE, USL, FALLING, NOISY, ALTERNATING, KINDS };

static struct points make_points(enum kind kind, size_t n, size_t stride, double scale) {
    struct points points = {.n = n};
    uint32_t random = 7;
    for (size_t i = 0; i < n; i++) {
        double x = (double)(1 + i * stride);
        random = random * 1664525u + 1013904223u;
        double noise = (double)(random >> 8) / (1 << 24) - 0.5;
        const double y[KINDS] = {
            [EQUAL] = 1,
            [LINE] = x,
            [USL] = x / (1 + 0.03 * (x - 1)),
            [FALLING] = 1 / x,
            [NOISY] = x / (1 + 0.03 * (x - 1)) * (1 + 0.05 * noise),
            [ALTERNATING] = i % 2 ? 1 : 1e-6,
        };
        points.x[i] = x;
        points.y[i] = scale * y[kind];
    }
    return points;
}

static const size_t lengths[] = {1, 2, 3, 5, 16, 64};
static const size_t strides[] = {1, 2, 37};
static const double scales[] = {1e-3, 1, 1e2, 1e4, 1e6, 1e12};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_sound(struct kt_gp *gp, const struct points *points) {
    struct kt_gp_params params;
    assert_true(isfinite(fit(gp, points, &params)));
    assert_true(params.length_scale >= KT_GP_LENGTH_SCALE_MIN);
    assert_true(params.length_scale <= KT_GP_LENGTH_SCALE_MAX);
    assert_true(params.sigma_f >= KT_GP_SIGMA_F_MIN && params.sigma_f <= KT_GP_SIGMA_F_MAX);
    for (int p = 0; p <= 400; p += p < 140 ? 1 : 37) { /* over the end of any table */
        double mean, stddev;
        kt_gp_predict(gp, p, &mean, &stddev);
        assert_true(isfinite(mean));
        assert_true(stddev >= 0 && stddev <= KT_GP_SIGMA_F_MAX);
    }
}

static void every_finite_history_gets_a_finite_answer(void **state) {
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t n = 0; n < COUNT(lengths); n++) {
            for (size_t s = 0; s < COUNT(scales); s++) {
                struct points points =
                    make_points((enum kind)kind, lengths[n], strides[s % 3], scales[s]);
                assert_sound(*state, &points);
            }
        }
    }
    const struct points odd[] = {
        {.n = 3, .x = {1, 50, 128}, .y = {1e6, 2e7, 1e7}},
        {.n = 3, .x = {1, 2, 3}, .y = {0, 0, 0}},
        {.n = 2, .x = {1, 1 + 1e-15}, .y = {1e6, 2e6}},
        {.n = 3, .x = {-1e100, 0, 1e100}, .y = {1e100, -1e100, 1e100}},
        {.n = 3, .x = {1e9, 1e9 + 1, 2e9}, .y = {1e-3, 1e12, 5}},
        {.n = 2, .x = {1, 2}, .y = {1e-300, 1e-300}},
    };
    for (size_t i = 0; i < COUNT(odd); i++) {
        assert_sound(*state, &odd[i]);
    }
}

static void assert_predicted(struct kt_gp *gp, const struct points *points) {
    for (size_t i = 0; i < points->n; i++) {
        size_t next = i + 1 < points->n ? i + 1 : i;
        double x = 0.5 * (points->x[i] + points->x[next]);
        double y = 0.5 * (points->y[i] + points->y[next]);
        if (fabs(kt_gp_mean(gp, x) / y - 1) > 0.1) {
            fail_msg("%zu points from %g: %g is predicted at %g, not %g", points->n, points->y[0],
                     kt_gp_mean(gp, x), x, y);
        }
    }
}

/* Where the likelihood pushes l to the edge of what double precision can factor, a factor made of
 * rounding errors would predict nonsense. */
static void smooth_curves_are_predicted_between_their_points(void **state) {
    static const size_t some[] = {4, 5, 23, 40};
    for (int kind = EQUAL; kind <= USL; kind++) {
        for (size_t n = 0; n < COUNT(some); n++) {
            for (int step = 0; step < 60; step += some[n] < 8 ? 1 : 14) {
                double scale = 0.1 * pow(1.3, step);
                struct points points = make_points((enum kind)kind, some[n], 1, scale);
                struct kt_gp_params params;
                fit(*state, &points, &params);
                assert_predicted(*state, &points);
            }
        }
    }
}

/* The search against brute force, without anybody's optimiser. */
static void no_other_hyper_parameters_on_a_fine_grid_are_likelier(void **state) {
    static const double noisy_scales[] = {1e-3, 1, 1e3, 1e5, 1e7};
    for (size_t s = 0; s < 2 * COUNT(noisy_scales); s++) {
        size_t n = s % 2 ? 3 : 12;
        struct points points = make_points(NOISY, n, 1 + s % 3, noisy_scales[s / 2]);
        struct kt_gp_params params;
        double found = fit(*state, &points, &params);
        for (int step = 0; step < 80 * 53; step++) {
            double value;
            params.length_scale = 0.05 * pow(1.2, step % 80);   /* to 9e4 */
            params.sigma_f = 1e-5 * pow(1.6, (int)(step / 80)); /* to 4e5 */
            if (kt_gp_set(*state, points.x, points.y, n, params, &value)) {
                continue;
            }
            if (value > found + 1e-6 * fmax(1, fabs(found))) {
                fail_msg("n = %zu, scale %g: %.9g at l = %g, sigma_f = %g, found %.9g", n,
                         noisy_scales[s / 2], value, params.length_scale, params.sigma_f, found);
            }
        }
    }
}

static void one_point_is_fitted_in_closed_form(void **state) {
    const struct points points = {.n = 1, .x = {7}, .y = {1234}};
    struct kt_gp_params params;
    double log_likelihood = fit(*state, &points, &params);
    double variance = points.y[0] * points.y[0]; /* σf² + jitter = y² */
    assert_close("one", "sigma_f", params.sigma_f, 1234, 1e-14, 0);
    assert_close("one", "log likelihood", log_likelihood,
                 -0.5 * (1 + log(variance) + log(2 * acos(-1))), 1e-14, 0);
    assert_close("one", "mean", kt_gp_mean(*state, 7), 1234, 1e-12, 0);
}

static void the_answer_depends_on_the_points_alone(void **state) {
    struct points points = make_points(NOISY, 16, 3, 1e5);
    struct points reversed = {.n = points.n};
    for (size_t i = 0; i < points.n; i++) {
        reversed.x[i] = points.x[points.n - 1 - i];
        reversed.y[i] = points.y[points.n - 1 - i];
    }
    struct points other = make_points(LINE, POINTS, 1, 1);
    struct kt_gp_params params, again, used;
    struct kt_gp *fresh = kt_gp_new();
    assert_non_null(fresh);
    double first = fit(fresh, &points, &params);
    double mean = kt_gp_mean(fresh, 5);
    kt_gp_free(fresh);
    fit(*state, &other, &used); /* leaves its own factor and table behind */
    double second = fit(*state, &reversed, &again);
    assert_true(first == second);
    assert_true(mean == kt_gp_mean(*state, 5));
    assert_memory_equal(&params, &again, sizeof params);
}

static void setting_the_fitted_parameters_gives_the_same_bits(void **state) {
    struct points points = mapper();
    struct kt_gp_params params;
    double fitted = fit(*state, &points, &params);
    double mean = kt_gp_mean(*state, 11);
    double set;
    assert_int_equal(kt_gp_set(*state, points.x, points.y, points.n, params, &set), KT_ERR_OK);
    assert_true(fitted == set);
    assert_true(mean == kt_gp_mean(*state, 11));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seeds_example_needs_eleven),
        cmocka_unit_test(the_seeds_table_is_fitted_better_than_from_either_of_its_starts),
        cmocka_unit_test(what_cannot_be_a_history_is_refused),
        cmocka_unit_test(a_singular_covariance_is_reported),
        cmocka_unit_test(likelihoods_and_predictions_agree_with_scipy_and_scikit_learn),
        cmocka_unit_test(the_search_is_at_least_as_good_as_twenty_starts_of_scipy),
        cmocka_unit_test(every_finite_history_gets_a_finite_answer),
        cmocka_unit_test(smooth_curves_are_predicted_between_their_points),
        cmocka_unit_test(no_other_hyper_parameters_on_a_fine_grid_are_likelier),
        cmocka_unit_test(one_point_is_fitted_in_closed_form),
        cmocka_unit_test(the_answer_depends_on_the_points_alone),
        cmocka_unit_test(setting_the_fitted_parameters_gives_the_same_bits),
    };
    return cmocka_run_group_tests_name("gp", tests, set_up, tear_down);
}
