/* SPDX-License-Identifier: GPL-3.0-or-later
 * Histories: mean reversion over the newest K, one record per parallelism, and which points reach
 * the evidence. */
#include "model/evidence_build.h"
#include "model/history.h"
#include "support/process.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance) assert_true(fabs((double)(a) - (b)) <= (tolerance))

struct fixture {
    char *root;
    struct kt_store *store;
    struct kt_durable *durable;
    struct kt_arena arena;
    int changes;
    struct kt_store_key last_key;
};

static const struct kt_history_owner owner = {
    .partition = 3, .cluster = {"c", 1}, .job_name = {"j", 1}, .vertex_id = {"v", 1}};

static enum kt_err count_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                                struct kt_error *error) {
    (void)error;
    struct fixture *f = ctx;
    struct kt_str stored;
    f->changes++;
    f->last_key = key;
    /* What goes to the changelog is what the store has. */
    assert_int_equal(kt_store_get(f->store, key, &stored, NULL), KT_ERR_OK);
    assert_int_equal(stored.len, len);
    assert_memory_equal(stored.data, value, len);
    return KT_ERR_OK;
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->root = kt_process_tmpdir();
    char path[600];
    snprintf(path, sizeof path, "%s/state", f->root);
    const struct kt_store_options options = {
        .path = path, .identity = "test", .map_bytes = (size_t)64 << 20};
    assert_int_equal(kt_store_open(&options, &f->store, NULL), KT_ERR_OK);
    assert_int_equal(kt_store_begin(f->store, NULL), KT_ERR_OK);
    assert_int_equal(kt_durable_new(f->store, count_change, f, &f->durable, NULL), KT_ERR_OK);
    kt_arena_init(&f->arena, 65536, (size_t)16 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kt_arena_free(&f->arena);
    kt_durable_free(f->durable);
    kt_store_close(f->store);
    kt_process_rmtree(f->root);
    free(f->root);
    free(f);
    return 0;
}

static enum kt_err add(struct fixture *f, int32_t parallelism, double ability, int64_t at_ms,
                       int32_t top_k) {
    const struct kt_observation observation = {.ability = ability, .window_end_ms = at_ms};
    return kt_history_add(f->durable, &owner, KT_STR("name"), parallelism, &observation, top_k,
                          &f->arena, NULL);
}

static struct kt_history_found find(struct fixture *f, const struct kt_history_query *query) {
    struct kt_history_found found;
    assert_int_equal(kt_history_load(f->durable, &owner, query, &f->arena, &found, NULL),
                     KT_ERR_OK);
    return found;
}

struct points {
    struct kt_history_point *items;
    size_t count;
};

static struct points load(struct fixture *f, int32_t top_k, size_t points_max) {
    const struct kt_history_query query = {.top_k = top_k, .points_max = points_max};
    const struct kt_history_found found = find(f, &query);
    return (struct points){found.points.items, found.points.count};
}

static void the_newest_k_observations_are_averaged(void **state) {
    struct fixture *f = *state;
    for (int i = 1; i <= 7; i++) {
        assert_int_equal(add(f, 4, 100.0 * i, i, 5), KT_ERR_OK);
    }
    const struct points points = load(f, 5, 64);
    assert_int_equal(points.count, 1);
    assert_int_equal(points.items[0].parallelism, 4);
    assert_int_equal(points.items[0].observations, 5);
    assert_true(points.items[0].ability == 500.0); /* of 300 … 700 */
    assert_int_equal(f->changes, 7);
    assert_int_equal(f->last_key.parallelism, 4);
    assert_int_equal(f->last_key.partition, 3);
}

static void a_smaller_k_looks_at_fewer_of_those_kept(void **state) {
    struct fixture *f = *state;
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(add(f, 1, i, i, 5), KT_ERR_OK);
    }
    assert_true(load(f, 1, 64).items[0].ability == 5.0);
    assert_true(load(f, 2, 64).items[0].ability == 4.5);
    assert_int_equal(add(f, 1, 6, 6, 1), KT_ERR_OK);
    const struct points points = load(f, 5, 64);
    assert_int_equal(points.items[0].observations, 1);
    assert_true(points.items[0].ability == 6.0);
}

static void points_ascend_in_parallelism(void **state) {
    struct fixture *f = *state;
    const int32_t order[] = {300, 2, 256, 1, 17};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(add(f, order[i], order[i], (int64_t)i, 5), KT_ERR_OK);
    }
    const struct points points = load(f, 5, 64);
    assert_int_equal(points.count, 5);
    for (size_t i = 1; i < points.count; i++) {
        assert_true(points.items[i - 1].parallelism < points.items[i].parallelism);
    }
}

static void when_there_are_too_many_the_parallelisms_seen_last_are_kept(void **state) {
    struct fixture *f = *state;
    for (int32_t p = 1; p <= 100; p++) {
        /* 60 … 100 and then 1 … 59 were seen last. */
        assert_int_equal(add(f, p, p, p < 60 ? 1000 + p : p, 5), KT_ERR_OK);
    }
    const struct points all = load(f, 5, 1000);
    assert_int_equal(all.count, KT_HISTORY_POINTS_MAX);
    assert_int_equal(all.items[0].parallelism, 1);
    assert_int_equal(all.items[58].parallelism, 59);
    assert_int_equal(all.items[59].parallelism, 96);
    const struct points few = load(f, 5, 3);
    assert_int_equal(few.count, 3);
    assert_int_equal(few.items[0].parallelism, 57);
    assert_int_equal(few.items[2].parallelism, 59);
    assert_int_equal(load(f, 5, 0).count, 0);
}

static void what_cannot_be_an_ability_is_refused(void **state) {
    struct fixture *f = *state;
    const double bad[] = {0, -1, NAN, INFINITY, 2e18};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(add(f, 1, bad[i], 1, 5), KT_ERR_INVALID);
    }
    assert_int_equal(load(f, 5, 64).count, 0);
    assert_int_equal(f->changes, 0);
}

static void a_record_of_another_vertex_under_the_same_key_is_left_alone(void **state) {
    struct fixture *f = *state;
    struct kt_observation observation = {.ability = 7};
    struct kt_operator_history other = {.cluster = KT_STR("c"),
                                        .job_name = KT_STR("j"),
                                        .vertex_id = KT_STR("another with this hash"),
                                        .parallelism = 2};
    other.observations.items = &observation;
    other.observations.count = 1;
    assert_int_equal(
        kt_durable_put(f->durable, KT_DURABLE_HISTORY, kt_history_key(&owner, 2), &other, NULL),
        KT_ERR_OK);
    struct kt_error error = {0};
    assert_int_equal(
        kt_history_add(f->durable, &owner, KT_STR("name"), 2, &observation, 5, &f->arena, &error),
        KT_ERR_INVALID);
    assert_non_null(strstr(error.message, "another with this hash"));
    assert_int_equal(load(f, 5, 64).count, 0);
}

static void a_damaged_record_is_an_error_that_names_its_key(void **state) {
    struct fixture *f = *state;
    assert_int_equal(kt_store_put(f->store, kt_history_key(&owner, 9), "rubbish", 7, NULL),
                     KT_ERR_OK);
    const struct kt_history_query query = {.top_k = 5, .points_max = 64};
    struct kt_history_found found;
    struct kt_error error = {0};
    assert_int_equal(kt_history_load(f->durable, &owner, &query, &f->arena, &found, &error),
                     KT_ERR_FRAMING);
    assert_non_null(strstr(error.message, "OperatorHistory of partition 3"));
}

/* ---- groups ---- */

static void observe(struct fixture *f, int32_t parallelism, struct kt_observation o) {
    assert_int_equal(
        kt_history_add(f->durable, &owner, KT_STR("name"), parallelism, &o, 5, &f->arena, NULL),
        KT_ERR_OK);
}

static const struct kt_history_query all_groups = {
    .top_k = 5, .points_max = 64, .groups_max = KT_GROUPS_MAX, .window_end_ms = 1000};

static void observations_are_summed_up_by_parallelism_and_generation(void **state) {
    struct fixture *f = *state;
    observe(f, 4, (struct kt_observation){.ability = 400, .busy = 0.5, .window_end_ms = 10});
    observe(f, 4, (struct kt_observation){.ability = 500, .busy = 1, .window_end_ms = 20});
    observe(
        f, 4,
        (struct kt_observation){.ability = 300, .busy = 1, .window_end_ms = 30, .generation = 1});
    observe(f, 2, (struct kt_observation){.ability = 250, .busy = 0.9, .window_end_ms = 25});
    const struct kt_history_found found = find(f, &all_groups);
    assert_int_equal(found.points.count, 2);
    assert_int_equal(found.groups.count, 3);
    const struct kt_observation_group *g = found.groups.items;
    assert_int_equal(g[0].parallelism, 4);
    assert_int_equal(g[0].observations, 2);
    assert_int_equal(g[0].window_end_ms, 20);
    assert_near(g[0].weight, 1.25, 1e-12);
    const double mean = (0.25 * log(100) + log(125)) / 1.25;
    assert_near(g[0].ability, 4 * exp(mean), 1e-9);
    assert_near(g[0].scatter, 0.25 * pow(log(100) - mean, 2) + pow(log(125) - mean, 2), 1e-12);
    assert_int_equal(g[1].parallelism, 2);
    assert_true(g[1].scatter == 0);
    assert_int_equal(g[2].generation, 1);
}

static void a_change_point_parts_a_group_and_the_newest_window_stays_alone(void **state) {
    struct fixture *f = *state;
    for (int64_t t = 1; t <= 5; t++) {
        observe(f, 4, (struct kt_observation){.ability = 400, .busy = 1, .window_end_ms = t});
    }
    const int64_t changes[] = {3};
    struct kt_history_query query = all_groups;
    query.change_points_ms = changes;
    query.change_points = 1;
    query.window_end_ms = 5;
    const struct kt_history_found found = find(f, &query);
    assert_int_equal(found.groups.count, 3);
    assert_int_equal(found.groups.items[0].observations, 2); /* 1 and 2 */
    assert_int_equal(found.groups.items[1].observations, 2); /* 3 begins the new level */
    assert_int_equal(found.groups.items[2].observations, 1);
    assert_int_equal(found.groups.items[2].window_end_ms, 5);
}

static void what_an_observation_proved_bounds_it_in_its_group(void **state) {
    struct fixture *f = *state;
    observe(f, 1,
            (struct kt_observation){.ability = 90,
                                    .busy = 1,
                                    .lambda = 100,
                                    .keep_up = KT_KEEP_UP_KEPT_UP,
                                    .window_end_ms = 1});
    assert_near(find(f, &all_groups).groups.items[0].ability, 100 * exp(0.002), 1e-9);
    assert_near(find(f, &all_groups).points.items[0].ability, 90, 1e-12);
    struct kt_history_query query = all_groups;
    query.as_measured = true;
    assert_near(find(f, &query).groups.items[0].ability, 90, 1e-9);
}

static void how_busy_an_operator_was_weighs_its_observation(void **state) {
    struct fixture *f = *state;
    observe(f, 1, (struct kt_observation){.ability = 90, .busy = 0, .window_end_ms = 1});
    observe(f, 2, (struct kt_observation){.ability = 90, .busy = 1.2, .window_end_ms = 2});
    const struct kt_history_found found = find(f, &all_groups);
    assert_near(found.groups.items[0].weight, 0.0004, 1e-15);
    assert_near(found.groups.items[1].weight, 1, 1e-15);
}

/* As after an import: no time at all, the same time, generations of another worker, the future. */
static void groups_ascend_whatever_was_imported(void **state) {
    struct fixture *f = *state;
    for (int32_t p = 1; p <= 4; p++) {
        observe(f, p, (struct kt_observation){.ability = 100.0 * p, .busy = 1});
    }
    observe(f, 9,
            (struct kt_observation){
                .ability = 900, .busy = 1, .generation = 70, .window_end_ms = 4000});
    observe(
        f, 7,
        (struct kt_observation){.ability = 700, .busy = 1, .generation = 2, .window_end_ms = 1000});
    const struct kt_history_found found = find(f, &all_groups);
    assert_int_equal(found.groups.count, 6);
    for (size_t i = 1; i < found.groups.count; i++) {
        assert_true(found.groups.items[i - 1].window_end_ms < found.groups.items[i].window_end_ms);
        assert_true(found.groups.items[i - 1].generation <= found.groups.items[i].generation);
    }
    assert_int_equal(found.groups.items[5].parallelism, 7); /* this window's */
    assert_int_equal(found.groups.items[5].window_end_ms, 1000);
    assert_int_equal(found.groups.items[4].parallelism, 9);
    assert_int_equal(found.groups.items[4].generation, 2);
}

static void when_there_are_too_many_groups_the_newest_are_kept(void **state) {
    struct fixture *f = *state;
    for (int32_t p = 1; p <= 80; p++) {
        observe(f, p,
                (struct kt_observation){
                    .ability = p, .busy = 1, .window_end_ms = p <= 40 ? 500 + p : p});
    }
    struct kt_history_query query = all_groups;
    const struct kt_history_found found = find(f, &query);
    assert_int_equal(found.groups.count, KT_GROUPS_MAX);
    assert_int_equal(found.groups.items[0].parallelism, 61);
    assert_int_equal(found.groups.items[KT_GROUPS_MAX - 1].parallelism, 40);
    query.groups_max = 0;
    assert_int_equal(find(f, &query).groups.count, 0);
}

static void the_points_of_a_command_are_bounded_for_any_job(void **state) {
    (void)state;
    assert_int_equal(kt_evidence_points(0), KT_HISTORY_POINTS_MAX);
    assert_int_equal(kt_evidence_points(100), KT_HISTORY_POINTS_MAX);
    for (size_t n = 1; n <= KT_OPERATORS_MAX; n++) {
        assert_true(kt_evidence_points(n) >= 1);
        assert_true(n * kt_evidence_points(n) <= KT_EVIDENCE_POINTS_MAX);
        assert_true(kt_evidence_groups(n) >= 1 && kt_evidence_groups(n) <= KT_GROUPS_MAX);
        assert_true(n * kt_evidence_groups(n) <= KT_EVIDENCE_GROUPS_MAX);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(the_newest_k_observations_are_averaged),
        T(a_smaller_k_looks_at_fewer_of_those_kept),
        T(points_ascend_in_parallelism),
        T(when_there_are_too_many_the_parallelisms_seen_last_are_kept),
        T(what_cannot_be_an_ability_is_refused),
        T(a_record_of_another_vertex_under_the_same_key_is_left_alone),
        T(a_damaged_record_is_an_error_that_names_its_key),
        T(observations_are_summed_up_by_parallelism_and_generation),
        T(a_change_point_parts_a_group_and_the_newest_window_stays_alone),
        T(what_an_observation_proved_bounds_it_in_its_group),
        T(how_busy_an_operator_was_weighs_its_observation),
        T(groups_ascend_whatever_was_imported),
        T(when_there_are_too_many_groups_the_newest_are_kept),
        cmocka_unit_test(the_points_of_a_command_are_bounded_for_any_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
