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

/* The seed's table, averaged per parallelism. */
static struct points mapper(void) {
    struct points points = {0};
    int count[POINTS] = {0};
    char line[256];
    FILE *file = fopen(KT_FIXTURES "/nexmark-q1-mapper.csv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        double parallelism;
        double ability;
        if (sscanf(line, "%lf,%*d,%lf", &parallelism, &ability) != 2)
            continue;
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
    while (p < parallelism_max && kt_gp_mean(gp, p) < lambda)
        p++;
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
    for (size_t i = 0; i < points.n; i++)
        points.x[i] = points.y[i] = (double)i;
    struct kt_gp_params params = {.length_scale = 1e3, .sigma_f = 1e5};
    double log_likelihood;
    assert_int_equal(kt_gp_set(*state, points.x, points.y, points.n, params, &log_likelihood),
                     KT_ERR_NUMERIC);
    assert_true(kt_gp_mean(*state, 3) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seeds_example_needs_eleven),
        cmocka_unit_test(the_seeds_table_is_fitted_better_than_from_either_of_its_starts),
        cmocka_unit_test(what_cannot_be_a_history_is_refused),
        cmocka_unit_test(a_singular_covariance_is_reported),
    };
    return cmocka_run_group_tests_name("gp", tests, set_up, tear_down);
}
