/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state of a cluster: who gives to it, who takes from it, and that it stays one small record.
 */
#include "model/scaling_question.h"
#include "model/warm_start.h"
#include "schemas/state.h"
#include "support/process.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define assert_close(a, b) assert_true(fabs((a) - (b)) <= 1e-12)
#define POINTS             6

struct fixture {
    char *root;
    struct kt_store *store;
    struct kt_durable *durable;
    struct kt_scaling *scaling;
    struct kt_arena arena;
    int changes;
    size_t newest_bytes;
    /* A job of one operator, observed at the first `count` of 1, 4, 8, 12, … subtasks. */
    struct kt_evidence evidence;
    struct kt_operator_evidence op;
    struct kt_history_point points[POINTS];
    struct kt_observation_group groups[POINTS];
};

static enum kt_err count_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                                struct kt_error *error) {
    (void)error;
    (void)value;
    struct fixture *f = ctx;
    assert_int_equal(kt_durable_kind_of(key), KT_DURABLE_CLUSTER);
    f->changes++;
    f->newest_bytes = len;
    return KT_ERR_OK;
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->root = kt_process_tmpdir();
    char path[600];
    snprintf(path, sizeof path, "%s/state", f->root);
    const struct kt_store_options options = {
        .path = path, .identity = "test", .map_bytes = (size_t)16 << 20};
    assert_int_equal(kt_store_open(&options, &f->store, NULL), KT_ERR_OK);
    assert_int_equal(kt_store_begin(f->store, NULL), KT_ERR_OK);
    assert_int_equal(kt_durable_new(f->store, count_change, f, &f->durable, NULL), KT_ERR_OK);
    f->scaling = kt_scaling_new(&kt_scaling_model_default);
    kt_arena_init(&f->arena, 65536, (size_t)16 << 20);
    f->evidence.settings.policy = KT_STR("kontune");
    f->evidence.settings.warm_start = true;
    f->evidence.operators.items = &f->op;
    f->evidence.operators.count = 1;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kt_arena_free(&f->arena);
    kt_scaling_free(f->scaling);
    kt_durable_free(f->durable);
    kt_store_close(f->store);
    kt_process_rmtree(f->root);
    free(f->root);
    free(f);
    return 0;
}

/* The job is one whose operator follows PA(p) = 1000 p / (1 + sigma (p − 1)). */
static void observe(struct fixture *f, double sigma, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int32_t p = i == 0 ? 1 : (int32_t)(4 * i);
        const double ability = 1000.0 * p / (1 + sigma * (p - 1));
        f->points[i] = (struct kt_history_point){p, ability, 1};
        f->groups[i] = (struct kt_observation_group){.parallelism = p,
                                                     .generation = (int64_t)i,
                                                     .window_end_ms = 60000 * ((int64_t)i + 1),
                                                     .observations = 1,
                                                     .ability = ability,
                                                     .weight = 1};
    }
    f->op = (struct kt_operator_evidence){.is_source = true};
    f->op.history.items = f->points;
    f->op.history.count = count;
    f->op.groups.items = f->groups;
    f->op.groups.count = count;
    f->evidence.law_prior.items = NULL;
    f->evidence.law_prior.count = 0;
}

static struct kt_warm_start in(struct fixture *f, const char *cluster) {
    return (struct kt_warm_start){f->durable, 3, kt_str_of(cluster), &f->arena};
}

static bool give(struct fixture *f, const char *cluster) {
    const struct kt_warm_start at = in(f, cluster);
    bool gave = false;
    assert_int_equal(kt_warm_start_give(&at, f->scaling, &f->evidence, &gave, NULL), KT_ERR_OK);
    return gave;
}

/* A new job takes; whether there was something. */
static bool take(struct fixture *f, const char *cluster) {
    observe(f, 0, 1);
    const struct kt_warm_start at = in(f, cluster);
    assert_int_equal(kt_warm_start_take(&at, &f->evidence, NULL), KT_ERR_OK);
    assert_true(f->evidence.law_prior.count == 0 || f->evidence.law_prior.count == KT_LAWS);
    return f->evidence.law_prior.count > 0;
}

/* How likely the linear law is by what was taken. */
static double linear(const struct fixture *f) {
    assert_true(kt_law_at(0).contention <= 0 && kt_law_at(0).coherence <= 0);
    return f->evidence.law_prior.items[0];
}

static double linear_beforehand(void) {
    double library[KT_LAWS];
    kt_scaling_library_prior(library);
    return library[0];
}

static struct kt_store_key key_of(const char *cluster) {
    return (struct kt_store_key){3, 0, kt_str_hash(KT_HASH_SEED, kt_str_of(cluster)),
                                 KT_STORE_CLUSTER};
}

static struct kt_cluster_state state_of(struct fixture *f, const char *cluster) {
    struct kt_cluster_state state;
    assert_int_equal(
        kt_durable_get(f->durable, KT_DURABLE_CLUSTER, key_of(cluster), &f->arena, &state, NULL),
        KT_ERR_OK);
    return state;
}

static void what_a_job_shows_is_more_likely_for_the_next_one(void **state) {
    struct fixture *f = *state;
    assert_false(take(f, "lab"));
    observe(f, 0, 5);
    assert_true(give(f, "lab"));
    assert_true(take(f, "lab"));
    assert_true(linear(f) > 2 * linear_beforehand());
    double sum = 0;
    for (size_t m = 0; m < KT_LAWS; m++) {
        sum += f->evidence.law_prior.items[m];
        assert_true(f->evidence.law_prior.items[m] > 0);
    }
    assert_close(sum, 1);
}

static void a_job_that_was_observed_too_little_gives_nothing(void **state) {
    struct fixture *f = *state;
    observe(f, 0, KT_WARM_START_PARALLELISMS - 1);
    assert_false(give(f, "lab"));
    assert_int_equal(f->changes, 0);
    observe(f, 0, KT_WARM_START_PARALLELISMS);
    assert_true(give(f, "lab"));
    assert_int_equal(f->changes, 1);
}

static void a_job_that_was_observed_enough_takes_nothing(void **state) {
    struct fixture *f = *state;
    observe(f, 0, 5);
    assert_true(give(f, "lab"));
    const struct kt_warm_start at = in(f, "lab");
    assert_int_equal(kt_warm_start_take(&at, &f->evidence, NULL), KT_ERR_OK);
    assert_int_equal(f->evidence.law_prior.count, 0);
}

static void who_does_not_want_it_neither_gives_nor_takes(void **state) {
    struct fixture *f = *state;
    observe(f, 0, 5);
    f->evidence.settings.warm_start = false;
    assert_false(give(f, "lab"));
    f->evidence.settings.warm_start = true;
    assert_true(give(f, "lab"));
    f->evidence.settings.warm_start = false;
    assert_false(take(f, "lab"));
}

static void a_policy_that_asks_for_no_laws_neither_gives_nor_takes(void **state) {
    struct fixture *f = *state;
    observe(f, 0, 5);
    f->evidence.settings.policy = KT_STR("ds2");
    assert_false(give(f, "lab"));
    f->evidence.settings.policy = KT_STR("kontune");
    assert_true(give(f, "lab"));
    f->evidence.settings.policy = KT_STR("ds2");
    assert_false(take(f, "lab"));
}

static void clusters_hear_nothing_of_each_other(void **state) {
    struct fixture *f = *state;
    observe(f, 0, 5);
    assert_true(give(f, "lab"));
    assert_false(take(f, "other"));
}

static void the_record_is_the_mean_of_what_jobs_gave(void **state) {
    struct fixture *f = *state;
    double alone[2];
    const char *const clusters[] = {"a", "b"};
    for (int i = 0; i < 2; i++) {
        observe(f, i * 0.2, 5);
        assert_true(give(f, clusters[i]));
        assert_true(take(f, clusters[i]));
        alone[i] = linear(f);
        observe(f, i * 0.2, 5);
        assert_true(give(f, "both"));
    }
    assert_true(take(f, "both"));
    assert_close(linear(f), (alone[0] + alone[1]) / 2);
}

static void however_many_jobs_give_the_record_stays_as_small(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 30; i++) {
        observe(f, 0.01 * i, 5);
        assert_true(give(f, "lab"));
        assert_true(f->newest_bytes < 8 * KT_LAWS + 64);
    }
    assert_int_equal(state_of(f, "lab").jobs, KT_WARM_START_JOBS_MAX);
}

static void a_ninth_job_weighs_an_eighth_and_the_older_ones_less(void **state) {
    struct fixture *f = *state;
    observe(f, 0.2, 5);
    assert_true(give(f, "alone"));
    assert_true(take(f, "alone"));
    const double ninth = linear(f);
    for (int i = 0; i < KT_WARM_START_JOBS_MAX; i++) {
        observe(f, 0, 5);
        assert_true(give(f, "lab"));
    }
    assert_true(take(f, "lab"));
    const double eight = linear(f);
    observe(f, 0.2, 5);
    assert_true(give(f, "lab"));
    assert_true(take(f, "lab"));
    assert_close(linear(f), eight + (ninth - eight) / KT_WARM_START_JOBS_MAX);
}

static void a_record_of_a_cluster_with_the_same_hash_is_left_alone(void **state) {
    struct fixture *f = *state;
    double prior[KT_LAWS];
    kt_scaling_library_prior(prior);
    struct kt_cluster_state foreign = {.cluster = KT_STR("twin"), .jobs = 1};
    foreign.law_prior.items = prior;
    foreign.law_prior.count = KT_LAWS;
    assert_int_equal(kt_durable_put(f->durable, KT_DURABLE_CLUSTER, key_of("lab"), &foreign, NULL),
                     KT_ERR_OK);
    assert_false(take(f, "lab"));
    observe(f, 0, 5);
    assert_true(give(f, "lab")); /* it is done with, not tried again in each window */
    assert_int_equal(f->changes, 1);
    assert_true(kt_str_equal(state_of(f, "lab").cluster, KT_STR("twin")));
}

/* As after an update to a program with more laws. */
static void a_record_of_another_library_is_begun_anew(void **state) {
    struct fixture *f = *state;
    double prior[] = {0.5, 0.5};
    struct kt_cluster_state old = {.cluster = KT_STR("lab"), .jobs = 7};
    old.law_prior.items = prior;
    old.law_prior.count = 2;
    assert_int_equal(kt_durable_put(f->durable, KT_DURABLE_CLUSTER, key_of("lab"), &old, NULL),
                     KT_ERR_OK);
    assert_false(take(f, "lab"));
    observe(f, 0, 5);
    assert_true(give(f, "lab"));
    assert_int_equal(state_of(f, "lab").jobs, 1);
    assert_int_equal(state_of(f, "lab").law_prior.count, KT_LAWS);
}

/* Those that come after the first ones, in the order of flow, count for nothing. */
static void of_a_job_of_many_operators_the_first_ones_give(void **state) {
    struct fixture *f = *state;
    struct kt_operator_evidence many[KT_WARM_START_OPERATORS_MAX + 4];
    struct kt_observation_group linear_groups[POINTS];
    observe(f, 0, 5);
    memcpy(linear_groups, f->groups, sizeof linear_groups);
    observe(f, 0.2, 5);
    assert_true(give(f, "one"));
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        many[i] = f->op;
        if (i >= KT_WARM_START_OPERATORS_MAX) {
            many[i].groups.items = linear_groups;
        }
    }
    f->evidence.operators.items = many;
    f->evidence.operators.count = sizeof many / sizeof many[0];
    assert_true(give(f, "many"));
    f->evidence.operators.items = &f->op;
    f->evidence.operators.count = 1;
    assert_true(take(f, "one"));
    const double one = linear(f);
    assert_true(take(f, "many"));
    assert_close(linear(f), one);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(what_a_job_shows_is_more_likely_for_the_next_one),
        T(a_job_that_was_observed_too_little_gives_nothing),
        T(a_job_that_was_observed_enough_takes_nothing),
        T(who_does_not_want_it_neither_gives_nor_takes),
        T(a_policy_that_asks_for_no_laws_neither_gives_nor_takes),
        T(clusters_hear_nothing_of_each_other),
        T(the_record_is_the_mean_of_what_jobs_gave),
        T(however_many_jobs_give_the_record_stays_as_small),
        T(a_ninth_job_weighs_an_eighth_and_the_older_ones_less),
        T(a_record_of_a_cluster_with_the_same_hash_is_left_alone),
        T(a_record_of_another_library_is_begun_anew),
        T(of_a_job_of_many_operators_the_first_ones_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
