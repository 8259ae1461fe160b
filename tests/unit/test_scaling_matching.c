/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which parallelism probably does as much as another: on plateaus, before them and beyond a peak,
 * over many draws of the noise. */
#include "model/scaling.h"
#include "ops/sim_random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MINUTE_MS   60000
#define SEEDS       25
#define SHARE       0.97
#define PROBABILITY 0.9

static int set_up(void **state) {
    *state = kt_scaling_new(&kt_scaling_model_default);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    kt_scaling_free(*state);
    return 0;
}

/* About normal with standard deviation 1: four uniform draws. */
static double normal(uint64_t *state) {
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += kt_sim_random_uniform(state) - 0.5;
    }
    return sum * sqrt(3);
}

typedef double curve(int32_t p);

static double plateau(int32_t p) {
    return p < 12 ? p : 12;
}
static double linear(int32_t p) {
    return p;
}
static double contended(int32_t p) {
    return p / (1 + 0.05 * (p - 1));
}
static double retrograde(int32_t p) { /* most at 16 */
    return p / (1 + 0.02 * (p - 1) + 0.004 * p * (p - 1));
}

/* Conditions on one observation at each parallelism, in that order, with this noise. */
static void observe(struct kt_scaling *scaling, curve *truth, const int32_t *parallelism,
                    size_t count, double noise, uint64_t seed) {
    struct kt_observation_group groups[KT_GROUPS_MAX];
    for (size_t i = 0; i < count; i++) {
        groups[i] = (struct kt_observation_group){.parallelism = parallelism[i],
                                                  .generation = (int64_t)i,
                                                  .window_end_ms = MINUTE_MS * (int64_t)(i + 1),
                                                  .observations = 1,
                                                  .ability = 1000 * truth(parallelism[i]) *
                                                             exp(noise * normal(&seed)),
                                                  .weight = 1};
    }
    const struct kt_scaling_question question = {
        .groups = groups, .count = count, .keyed = KT_LAW_NOT_KEYED};
    struct kt_scaling_fit fit;
    struct kt_error error;
    if (kt_scaling_fit(scaling, &question, &fit, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
}

static void fewer_match_on_a_plateau(void **state) {
    static const int32_t tried[] = {2, 5, 9, 12, 33, 40};
    int found = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        observe(*state, plateau, tried, 6, 0.015, seed);
        const int32_t p = kt_scaling_matching(*state, 40, SHARE, PROBABILITY, 1, 39);
        if (p > 0 && p < 12) {
            fail_msg("seed %u: %d", (unsigned)seed, p);
        }
        found += p == 12 || p == 13;
    }
    assert_in_range(found, SEEDS * 4 / 5, SEEDS); /* unless the noise speaks against it */
}

static void none_matches_much_lower_where_more_do_more(void **state) {
    static const int32_t tried[] = {2, 5, 10, 20};
    static curve *const curves[] = {linear, contended};
    for (size_t c = 0; c < 2; c++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            observe(*state, curves[c], tried, 4, 0.03, seed);
            const int32_t p = kt_scaling_matching(*state, 20, SHARE, PROBABILITY, 1, 19);
            if (p > 0 && curves[c](p) < 0.94 * curves[c](20)) {
                fail_msg("curve %zu, seed %u: %d", c, (unsigned)seed, p);
            }
        }
    }
}

static void one_observation_lets_nothing_match(void **state) {
    static const int32_t tried[] = {30};
    observe(*state, plateau, tried, 1, 0.015, 1);
    assert_int_equal(kt_scaling_matching(*state, 30, SHARE, PROBABILITY, 1, 20), 0);
}

static void beyond_a_peak_fewer_do_more(void **state) {
    static const int32_t tried[] = {2, 5, 10, 20, 40};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        observe(*state, retrograde, tried, 5, 0.015, seed);
        const int32_t p = kt_scaling_matching(*state, 40, 1.05, PROBABILITY, 1, 39);
        assert_true(p > 0 && retrograde(p) > retrograde(40));
    }
}

/* Where the ability at one parallelism is known as well as the model allows, to match it is to keep
 * up with it. */
static void to_match_what_is_known_is_to_keep_up_with_it(void **state) {
    struct kt_observation_group groups[] = {
        {.parallelism = 3,
         .window_end_ms = MINUTE_MS,
         .observations = 1,
         .ability = 2900,
         .weight = 1},
        {.parallelism = 8,
         .generation = 1,
         .window_end_ms = 2 * (int64_t)MINUTE_MS,
         .observations = 1000000,
         .ability = 7000,
         .weight = 1e6},
    };
    const struct kt_scaling_question question = {
        .groups = groups, .count = 2, .keyed = KT_LAW_MAYBE_KEYED, .key_groups = 128};
    struct kt_scaling_fit fit;
    struct kt_error error;
    assert_int_equal(kt_scaling_fit(*state, &question, &fit, &error), KT_ERR_OK);
    for (double share = 0.4; share < 2; share += 0.2) {
        const int32_t p = kt_scaling_smallest(*state, (struct kt_scaling_load){share * 7000, 0},
                                              PROBABILITY, 1, 64);
        assert_true(p > 0);
        assert_int_equal(kt_scaling_matching(*state, 8, share, PROBABILITY, 1, 64), p);
    }
}

static void every_parallelism_matches_itself_and_none_an_empty_range(void **state) {
    static const int32_t tried[] = {2, 9};
    observe(*state, contended, tried, 2, 0.015, 5);
    assert_int_equal(kt_scaling_matching(*state, 9, SHARE, 0.999, 9, 9), 9);
    assert_int_equal(kt_scaling_matching(*state, 9, SHARE, PROBABILITY, 9, 8), 0);
    assert_int_equal(kt_scaling_matching(*state, 9, 1e6, PROBABILITY, 1, 5000), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fewer_match_on_a_plateau),
        cmocka_unit_test(none_matches_much_lower_where_more_do_more),
        cmocka_unit_test(one_observation_lets_nothing_match),
        cmocka_unit_test(beyond_a_peak_fewer_do_more),
        cmocka_unit_test(to_match_what_is_known_is_to_keep_up_with_it),
        cmocka_unit_test(every_parallelism_matches_itself_and_none_an_empty_range),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
