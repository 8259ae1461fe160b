/* SPDX-License-Identifier: GPL-3.0-or-later
 * The scaling surrogate: what groups, order and repetition may and may not change, its scans, its
 * answers to odd histories. That its numbers are right is test_scaling_golden's. */
#include "model/scaling.h"
#include "ops/sim_random.h"
#include "support/observations.h"

#include <float.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE_MS 60000

static int set_up(void **state) {
    *state = kt_scaling_new(&kt_scaling_model_default);
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    kt_scaling_free(*state);
    return 0;
}

static double usl(double p) {
    return 5e5 * p / (1 + 0.03 * (p - 1));
}

struct history {
    struct kt_observation_group groups[KT_GROUPS_MAX];
    int64_t change_points_ms[KT_CHANGE_POINTS_MAX];
    struct kt_scaling_question question;
};

static void start(struct history *history) {
    *history = (struct history){.question = {.keyed = KT_LAW_MAYBE_KEYED, .key_groups = 128}};
    history->question.groups = history->groups;
    history->question.change_points_ms = history->change_points_ms;
}

/* One more group of one observation at busy share .8, one generation and minute later. */
static struct kt_observation_group *add(struct history *history, int32_t p, double ability) {
    size_t i = history->question.count++;
    assert_in_range(i, 0, KT_GROUPS_MAX - 1);
    history->groups[i] =
        (struct kt_observation_group){.parallelism = p,
                                      .generation = (int64_t)i,
                                      .window_end_ms = MINUTE_MS * (int64_t)(i + 1),
                                      .observations = 1,
                                      .ability = ability,
                                      .weight = 0.64};
    return &history->groups[i];
}

/* n groups on a curve with relative noise of about 2 %, at parallelisms up to largest. */
static void add_random(struct history *history, size_t n, int32_t largest, uint64_t seed) {
    for (size_t i = 0; i < n; i++) {
        int32_t p = 1 + (int32_t)(kt_sim_random_uniform(&seed) * largest);
        add(history, p, usl(p) * (1 + 0.07 * (kt_sim_random_uniform(&seed) - 0.5)));
    }
}

static struct kt_scaling_fit fit(struct kt_scaling *scaling, const struct history *history) {
    struct kt_scaling_fit found;
    struct kt_error error = {KT_ERR_OK, ""};
    if (kt_scaling_fit(scaling, &history->question, &found, &error)) {
        fail_msg("%s", error.message);
    }
    return found;
}

static void assert_close(double ours, double theirs, double tolerance) {
    if (!(fabs(ours - theirs) <= tolerance * fmax(1, fabs(theirs)))) {
        fail_msg("%.17g is not %.17g", ours, theirs);
    }
}

static double mean_at(struct kt_scaling *scaling, int32_t p) {
    double mean;
    kt_scaling_predict(scaling, p, &mean, NULL);
    return mean;
}

/* Everything that can be asked after a fit is finite and in its range. */
static void assert_sane(struct kt_scaling *scaling, const struct kt_scaling_fit *found,
                        double lambda) {
    static const int32_t places[] = {1, 2, 7, 128, 129, 32768, INT32_MAX};
    double likelihood[KT_LAWS];
    assert_true(isfinite(found->log_marginal_likelihood));
    assert_true(found->law_probability > 0 && found->law_probability <= 1);
    assert_true(found->noise > .006 - 1e-12 && found->noise < .09 + 1e-12);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        double mean;
        double stddev;
        kt_scaling_predict(scaling, places[i], &mean, &stddev);
        assert_true(isfinite(mean) && mean > 0);
        assert_true(isfinite(stddev) && stddev >= 0);
        double probability =
            kt_scaling_keeps_up(scaling, places[i], (struct kt_scaling_load){lambda, 0});
        assert_true(probability >= 0 && probability <= 1 + 1e-12);
    }
    kt_scaling_law_likelihoods(scaling, likelihood);
    for (size_t m = 0; m < KT_LAWS; m++) {
        assert_true(isfinite(likelihood[m]));
    }
    int32_t smallest =
        kt_scaling_smallest(scaling, (struct kt_scaling_load){lambda, 0}, .7, 1, 128);
    assert_in_range(smallest, 0, 128);
    assert_in_range(kt_scaling_best(scaling, .97, 128), 1, 128);
}

static void groups_tell_what_their_observations_tell(void **state) {
    static const int32_t plan[] = {3, 3, 3, 8, 8, 3, 8, 5, 5, 5, 5, 8, 5};
    enum { COUNT = sizeof plan / sizeof *plan };
    struct kt_test_observation observations[COUNT];
    struct history grouped;
    struct history single;
    double constant;
    uint64_t seed = 7;
    start(&grouped);
    start(&single);
    for (size_t i = 0; i < COUNT; i++) {
        double ability = usl(plan[i]) * (1 + 0.1 * (kt_sim_random_uniform(&seed) - 0.5));
        observations[i] =
            (struct kt_test_observation){plan[i], (int64_t)i / 7, MINUTE_MS * (int64_t)(i + 1),
                                         ability, 0.1 + 0.9 * kt_sim_random_uniform(&seed)};
        struct kt_observation_group *group = add(&single, plan[i], ability);
        group->generation = observations[i].generation;
        group->weight = observations[i].busy * observations[i].busy;
    }
    single.change_points_ms[0] = grouped.change_points_ms[0] = observations[4].window_end_ms;
    single.question.change_points = grouped.question.change_points = 1;
    grouped.question.count =
        kt_test_group(observations, COUNT, grouped.change_points_ms, 1, grouped.groups, &constant);
    assert_int_equal(grouped.question.count, 7);

    double expected[40];
    struct kt_scaling_fit one = fit(*state, &single);
    for (int32_t p = 1; p <= 40; p++) {
        expected[p - 1] = kt_scaling_keeps_up(*state, p, (struct kt_scaling_load){3e6, 0});
    }
    struct kt_scaling_fit other = fit(*state, &grouped);
    for (int32_t p = 1; p <= 40; p++) {
        assert_close(kt_scaling_keeps_up(*state, p, (struct kt_scaling_load){3e6, 0}),
                     expected[p - 1], 1e-9);
    }
    assert_close(other.log_marginal_likelihood + constant, one.log_marginal_likelihood, 1e-9);
    assert_close(other.noise, one.noise, 1e-9);
    assert_close(other.law_probability, one.law_probability, 1e-9);
}

static void the_order_within_a_generation_does_not_matter(void **state) {
    struct history history;
    start(&history);
    add_random(&history, 20, 26, 11);
    for (size_t i = 0; i < 19; i++) {
        history.groups[i].generation = 0;
    }
    struct kt_scaling_fit before = fit(*state, &history);
    double expected = kt_scaling_keeps_up(*state, 17, (struct kt_scaling_load){usl(16.5), 0});
    for (size_t i = 0, j = 18; i < j; i++, j--) {
        struct kt_observation_group other = history.groups[i];
        history.groups[i] = history.groups[j];
        history.groups[j] = other;
        history.groups[j].window_end_ms = history.groups[i].window_end_ms;
        history.groups[i].window_end_ms = other.window_end_ms;
    }
    struct kt_scaling_fit after = fit(*state, &history);
    assert_close(after.log_marginal_likelihood, before.log_marginal_likelihood, 1e-11);
    assert_close(kt_scaling_keeps_up(*state, 17, (struct kt_scaling_load){usl(16.5), 0}), expected,
                 1e-11);
}

static void what_was_fitted_and_asked_before_changes_no_bit(void **state) {
    struct history history;
    struct history other;
    start(&history);
    start(&other);
    add_random(&history, 15, 20, 3);
    add_random(&other, 60, 128, 4);
    const double lambda = usl(12.3);
    double expected[64];
    struct kt_scaling_fit first = fit(*state, &history);
    for (int32_t p = 64; p >= 1; p--) {
        expected[p - 1] = kt_scaling_keeps_up(*state, p, (struct kt_scaling_load){lambda, 0});
    }
    double mean = mean_at(*state, 12);
    (void)fit(*state, &other);
    (void)kt_scaling_smallest(*state, (struct kt_scaling_load){3 * lambda, 0}, .9, 1, 128);
    (void)kt_scaling_best(*state, .9, 128);
    struct kt_scaling_fit second = fit(*state, &history);
    assert_memory_equal(&first.law, &second.law, sizeof first.law);
    assert_true(first.log_marginal_likelihood == second.log_marginal_likelihood);
    (void)kt_scaling_smallest(*state, (struct kt_scaling_load){lambda, 0}, 1.5, 3,
                              64); /* none: a scan of all, in blocks */
    (void)kt_scaling_best(*state, .97, 31);
    for (int32_t p = 1; p <= 64; p++) {
        assert_true(kt_scaling_keeps_up(*state, p, (struct kt_scaling_load){lambda, 0}) ==
                    expected[p - 1]);
    }
    assert_true(mean_at(*state, 12) == mean);
}

static void the_smallest_parallelism_is_the_first_that_reaches_the_probability(void **state) {
    struct history history;
    start(&history);
    add_random(&history, 8, 20, 5);
    (void)fit(*state, &history);
    for (double share = 0.1; share < 1; share += 0.07) {
        double lambda = share * usl(20);
        for (int32_t first = 1; first <= 19; first += 6) {
            int32_t expected = 0;
            for (int32_t p = 60; p >= first; p--) {
                if (kt_scaling_keeps_up(*state, p, (struct kt_scaling_load){lambda, 0}) >= .7) {
                    expected = p;
                }
            }
            assert_int_equal(
                kt_scaling_smallest(*state, (struct kt_scaling_load){lambda, 0}, .7, first, 60),
                expected);
        }
    }
}

static void a_search_finds_nothing_where_nothing_keeps_up(void **state) {
    struct history history;
    start(&history);
    add_random(&history, 8, 20, 5);
    (void)fit(*state, &history);
    int32_t needed = kt_scaling_smallest(*state, (struct kt_scaling_load){usl(15), 0}, .7, 1, 60);
    assert_in_range(needed, 2, 60);
    assert_int_equal(
        kt_scaling_smallest(*state, (struct kt_scaling_load){usl(15), 0}, .7, 1, needed - 1), 0);
    assert_int_equal(
        kt_scaling_smallest(*state, (struct kt_scaling_load){usl(15), 0}, .7, needed, needed),
        needed);
    assert_int_equal(kt_scaling_smallest(*state, (struct kt_scaling_load){1e15, 0}, .7, 1, 32768),
                     0);
}

static void a_search_among_thousands_ends_where_its_neighbour_fails(void **state) {
    struct history history;
    start(&history);
    history.question.keyed = KT_LAW_NOT_KEYED;
    for (int32_t p = 1; p <= 1 << 12; p *= 4) {
        add(&history, p, 1000.0 * p);
    }
    (void)fit(*state, &history);
    for (double lambda = 3e5; lambda < 2e7; lambda *= 1.7) {
        int32_t p = kt_scaling_smallest(*state, (struct kt_scaling_load){lambda, 0}, .7, 1, 32768);
        assert_in_range(p, 2, 32768);
        assert_true(kt_scaling_keeps_up(*state, p, (struct kt_scaling_load){lambda, 0}) >= .7);
        assert_true(kt_scaling_keeps_up(*state, p - 1, (struct kt_scaling_load){lambda, 0}) < .7);
    }
}

static void the_best_is_the_smallest_within_a_share_of_the_largest_ability(void **state) {
    struct history history;
    start(&history);
    for (int32_t p = 1; p <= 30; p += 3) { /* its peak is at p = 22 */
        add(&history, p, 1e5 * p / (1 + 0.05 * (p - 1) + 2e-3 * p * (p - 1)));
    }
    (void)fit(*state, &history);
    double most = 0;
    int32_t expected = 0;
    for (int32_t p = 1; p <= 40; p++) {
        most = fmax(most, mean_at(*state, p));
    }
    while (mean_at(*state, ++expected) < .97 * most) {
    }
    assert_in_range(expected, 10, 22);
    assert_int_equal(kt_scaling_best(*state, .97, 40), expected);
    assert_int_equal(kt_scaling_best(*state, .97, 5), 5);
    assert_int_equal(kt_scaling_best(*state, 0, 40), 1);
}

static void a_larger_load_is_never_likelier_to_be_kept_up_with(void **state) {
    struct history history;
    start(&history);
    add_random(&history, 12, 30, 9);
    (void)fit(*state, &history);
    double before = 1;
    for (double lambda = 1e5; lambda < 1e8; lambda *= 1.02) {
        double probability = kt_scaling_keeps_up(*state, 20, (struct kt_scaling_load){lambda, 0});
        assert_true(probability >= 0 && probability <= before + 1e-12);
        before = probability;
    }
    assert_true(before < 1e-6);
    assert_close(kt_scaling_keeps_up(*state, 20, (struct kt_scaling_load){1, 0}), 1, 1e-12);
}

static void a_fall_of_the_newest_is_noticed_and_then_believed(void **state) {
    struct history history;
    start(&history);
    for (int32_t p = 2; p <= 20; p += 2) {
        add(&history, p, usl(p));
    }
    assert_false(fit(*state, &history).change_point);
    int64_t fallen_ms = add(&history, 12, .7 * usl(12))->window_end_ms;
    assert_true(fit(*state, &history).change_point);
    assert_close(mean_at(*state, 20) / usl(20), .7, .05);

    history.change_points_ms[0] = fallen_ms;
    history.question.change_points = 1;
    assert_false(fit(*state, &history).change_point); /* is known already */
    assert_close(mean_at(*state, 20) / usl(20), .7, .05);
    add(&history, 16, .7 * usl(16));
    assert_false(fit(*state, &history).change_point);
    assert_close(mean_at(*state, 20) / usl(20), .7, .02);
}

static void a_model_without_change_points_sees_none(void **state) {
    (void)state;
    struct kt_scaling_model model = kt_scaling_model_default;
    model.change_odds = 0;
    struct kt_scaling *scaling = kt_scaling_new(&model);
    assert_non_null(scaling);
    struct history history;
    start(&history);
    for (int32_t p = 2; p <= 20; p += 2) {
        add(&history, p, usl(p));
    }
    add(&history, 12, .5 * usl(12));
    assert_false(fit(scaling, &history).change_point);
    kt_scaling_free(scaling);
}

static void the_law_of_exact_observations_is_recognised(void **state) {
    struct history history;
    start(&history);
    for (int32_t p = 1; p <= 60; p += 4) {
        add(&history, p, p < 23 ? 1e5 * p : 23e5);
    }
    struct kt_scaling_fit found = fit(*state, &history);
    assert_int_equal(found.law.plateau, 23);
    assert_true(found.law.contention == 0);
    assert_true(found.law_probability > .9);
}

static void key_groups_are_recognised_by_their_steps(void **state) {
    struct history history;
    start(&history);
    for (int32_t p = 40; p <= 70; p += 2) {
        add(&history, p, 1e5 * 128 / ((127 + p) / p));
    }
    assert_true(fit(*state, &history).law.keyed);
    assert_close(mean_at(*state, 63) / mean_at(*state, 43), 1, .02);
    assert_close(mean_at(*state, 64) / mean_at(*state, 63), 1.5, .02);
}

static void an_input_without_key_groups_tells_nothing_about_them(void **state) {
    struct history history;
    start(&history);
    add_random(&history, 10, 26, 2);
    history.question.keyed = KT_LAW_NOT_KEYED;
    double likelihood[KT_LAWS];
    (void)fit(*state, &history);
    kt_scaling_law_likelihoods(*state, likelihood);
    for (size_t m = 0; m < KT_LAWS_SMOOTH; m++) {
        assert_true(likelihood[KT_LAWS_SMOOTH + m] == likelihood[m]);
    }
    /* and their number does not matter then, nor is it needed */
    double expected = kt_scaling_keeps_up(*state, 50, (struct kt_scaling_load){6e6, 0});
    history.question.key_groups = 0;
    history.question.keyed = KT_LAW_KEYED;
    (void)fit(*state, &history);
    assert_true(kt_scaling_keeps_up(*state, 50, (struct kt_scaling_load){6e6, 0}) == expected);
}

static void one_observation_is_enough_to_answer(void **state) {
    struct history history;
    start(&history);
    add(&history, 4, 1e6);
    struct kt_scaling_fit found = fit(*state, &history);
    assert_false(found.change_point);
    assert_sane(*state, &found, 5e6);
    assert_close(mean_at(*state, 4), 1e6, .02);
    assert_in_range(kt_scaling_smallest(*state, (struct kt_scaling_load){4e6, 0}, .7, 1, 128), 16,
                    60);
}

static void sixty_times_the_same_is_no_obstacle(void **state) {
    struct history history;
    start(&history);
    for (size_t i = 0; i < KT_GROUPS_MAX; i++) {
        add(&history, 4, 1e6);
    }
    struct kt_scaling_fit found = fit(*state, &history);
    assert_sane(*state, &found, 5e6);
    assert_close(mean_at(*state, 4), 1e6, .01);
    for (size_t i = 0; i < KT_GROUPS_MAX; i++) {
        history.groups[i].generation = 0; /* nothing but noise sets them apart */
        history.groups[i].weight = 1e6;
        history.groups[i].observations = INT32_MAX;
    }
    found = fit(*state, &history);
    assert_sane(*state, &found, 5e6);
    assert_close(mean_at(*state, 4), 1e6, .01);
}

static void absurd_but_legal_histories_have_finite_answers(void **state) {
    static const double abilities[] = {1e-3, 1, 1e18, DBL_MIN};
    static const double weights[] = {4e-4, 1e6, 1, 1e18, DBL_MIN};
    static const int64_t ages[] = {0, 1, 1000, INT64_MAX / 128};
    uint64_t seed = 1;
    for (int round = 0; round < 12; round++) {
        struct history history;
        start(&history);
        size_t n = 1 + (size_t)(kt_sim_random_uniform(&seed) * KT_GROUPS_MAX);
        for (size_t i = 0; i < n; i++) {
            int32_t p = kt_sim_random_uniform(&seed) < .5
                            ? 5
                            : 1 + (int32_t)(kt_sim_random_uniform(&seed) * 32768);
            struct kt_observation_group *group =
                add(&history, p, abilities[(size_t)(kt_sim_random_uniform(&seed) * 4)]);
            group->weight = weights[(size_t)(kt_sim_random_uniform(&seed) * 5)];
            group->scatter =
                kt_sim_random_uniform(&seed) < .5 ? 0 : 1e18 * kt_sim_random_uniform(&seed);
            group->observations = kt_sim_random_uniform(&seed) < .5 ? 1 : INT32_MAX;
            group->generation *= ages[round % 4];
        }
        struct kt_scaling_fit found = fit(*state, &history);
        assert_sane(*state, &found, abilities[round % 3]);
    }
}

static void a_prior_that_is_given_takes_the_place_of_the_librarys(void **state) {
    struct history history;
    double prior[KT_LAWS] = {0};
    start(&history);
    add(&history, 4, 1e6);
    prior[KT_LAWS - 1] = 1; /* a plateau at 36 */
    history.question.law_prior = prior;
    struct kt_scaling_fit found = fit(*state, &history);
    assert_int_equal(found.law.plateau, 36);
    assert_close(found.law_probability, 1, 1e-12);
    assert_close(mean_at(*state, 100) / mean_at(*state, 37), 1, .01);
}

/* A fit that must fail, for a reason that its message gives. */
static void refuse(struct kt_scaling *scaling, const struct history *history, const char *reason) {
    struct kt_scaling_fit found;
    struct kt_error error = {KT_ERR_OK, ""};
    assert_int_equal(kt_scaling_fit(scaling, &history->question, &found, &error), KT_ERR_INVALID);
    if (!strstr(error.message, reason)) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    }
    assert_true(kt_scaling_keeps_up(scaling, 4, (struct kt_scaling_load){1, 0}) == 0);
    assert_true(mean_at(scaling, 4) == 0);
    assert_int_equal(kt_scaling_smallest(scaling, (struct kt_scaling_load){1, 0}, .7, 1, 100), 0);
    assert_int_equal(kt_scaling_best(scaling, .97, 100), 0);
}

static void groups_out_of_range_are_refused(void **state) {
    const struct kt_observation_group good = {.parallelism = 4,
                                              .generation = 3,
                                              .window_end_ms = 5 * MINUTE_MS,
                                              .observations = 2,
                                              .ability = 1e6,
                                              .weight = 1};
    struct kt_observation_group bad[] = {good, good, good, good, good, good, good, good,
                                         good, good, good, good, good, good, good};
    bad[0].parallelism = 0;
    bad[1].parallelism = 32769;
    bad[2].observations = 0;
    bad[3].ability = 0;
    bad[4].ability = NAN;
    bad[5].ability = INFINITY;
    bad[6].weight = 0;
    bad[7].weight = -1;
    bad[8].weight = NAN;
    bad[9].weight = INFINITY;
    bad[10].scatter = -1;
    bad[11].scatter = NAN;
    bad[12].scatter = INFINITY;
    bad[13].window_end_ms = MINUTE_MS;
    bad[14].generation = -1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct history history;
        start(&history);
        add(&history, 4, 1e6);
        (void)fit(*state, &history);
        history.groups[history.question.count++] = bad[i];
        refuse(*state, &history, "group 1");
    }
}

static void questions_out_of_range_are_refused(void **state) {
    struct history history;
    double prior[KT_LAWS] = {0};
    start(&history);
    refuse(*state, &history, "0 groups");
    add(&history, 4, 1e6);
    history.question.count = KT_GROUPS_MAX + 1;
    refuse(*state, &history, "61 groups");
    history.question.count = 1;
    history.question.change_points = KT_CHANGE_POINTS_MAX + 1;
    refuse(*state, &history, "17 change points");
    history.question.change_points = 2;
    refuse(*state, &history, "change point 1");
    history.question.change_points = 0;
    history.question.key_groups = -1;
    refuse(*state, &history, "key groups");
    history.question.key_groups = 128;
    history.question.law_prior = prior;
    refuse(*state, &history, "sums to 0");
    prior[7] = NAN;
    refuse(*state, &history, "law 7");
    prior[7] = 1;
    (void)fit(*state, &history);
}

/* AddressSanitizer's allocator, if this program has it, calls hooks; glibc's counts by itself. */
__attribute__((weak)) int
__sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                          void (*on_free)(const volatile void *));

static size_t hooked_bytes;

static void on_malloc(const volatile void *block, size_t size) {
    (void)block;
    hooked_bytes += size;
}

static void on_free(const volatile void *block) {
    (void)block;
}

static void watch_allocator(void) {
    if (__sanitizer_install_malloc_and_free_hooks) {
        assert_int_not_equal(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free), 0);
    }
}

/* Bytes taken from the allocator: since watched, or (glibc) in use, small blocks and large. */
static size_t bytes_taken(void) {
    if (__sanitizer_install_malloc_and_free_hooks) {
        return hooked_bytes;
    }
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void ask_everything(struct kt_scaling *scaling, const struct history *history) {
    double likelihood[KT_LAWS];
    double stddev;
    double mean;
    (void)fit(scaling, history);
    (void)kt_scaling_smallest(scaling, (struct kt_scaling_load){3e6, 0}, .7, 1, 32768);
    (void)kt_scaling_best(scaling, .97, 300);
    kt_scaling_predict(scaling, 9, &mean, &stddev);
    kt_scaling_law_likelihoods(scaling, likelihood);
}

static void after_the_first_fit_nothing_is_allocated(void **state) {
    struct history small;
    struct history large;
    start(&small);
    start(&large);
    add_random(&small, 5, 20, 1);
    add_random(&large, KT_GROUPS_MAX, 100, 2);
    watch_allocator();
    size_t before = bytes_taken();
    void *volatile block = malloc(100); /* the watch sees what it should */
    assert_true(bytes_taken() > before);
    free(block);
    ask_everything(*state, &small);
    before = bytes_taken();
    ask_everything(*state, &small);
    ask_everything(*state, &large);
    assert_int_equal(bytes_taken(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_tell_what_their_observations_tell),
        cmocka_unit_test(the_order_within_a_generation_does_not_matter),
        cmocka_unit_test(what_was_fitted_and_asked_before_changes_no_bit),
        cmocka_unit_test(the_smallest_parallelism_is_the_first_that_reaches_the_probability),
        cmocka_unit_test(a_search_finds_nothing_where_nothing_keeps_up),
        cmocka_unit_test(a_search_among_thousands_ends_where_its_neighbour_fails),
        cmocka_unit_test(the_best_is_the_smallest_within_a_share_of_the_largest_ability),
        cmocka_unit_test(a_larger_load_is_never_likelier_to_be_kept_up_with),
        cmocka_unit_test(a_fall_of_the_newest_is_noticed_and_then_believed),
        cmocka_unit_test(a_model_without_change_points_sees_none),
        cmocka_unit_test(the_law_of_exact_observations_is_recognised),
        cmocka_unit_test(key_groups_are_recognised_by_their_steps),
        cmocka_unit_test(an_input_without_key_groups_tells_nothing_about_them),
        cmocka_unit_test(one_observation_is_enough_to_answer),
        cmocka_unit_test(sixty_times_the_same_is_no_obstacle),
        cmocka_unit_test(absurd_but_legal_histories_have_finite_answers),
        cmocka_unit_test(a_prior_that_is_given_takes_the_place_of_the_librarys),
        cmocka_unit_test(groups_out_of_range_are_refused),
        cmocka_unit_test(questions_out_of_range_are_refused),
        cmocka_unit_test(after_the_first_fit_nothing_is_allocated),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
