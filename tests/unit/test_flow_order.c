/* SPDX-License-Identifier: GPL-3.0-or-later
 * Vertices in the order in which records flow. */
#include "model/flow_order.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define VERTICES_MAX 6

/* A summary of vertices named by one letter each, in alphabetical order; inputs[i] are the letters
 * that feed the i-th. */
static const char *order_of(const char *names, const char *const *inputs) {
    static char result[VERTICES_MAX + 1];
    static struct kt_upstream edges[VERTICES_MAX][VERTICES_MAX];
    struct kt_vertex_summary vertices[VERTICES_MAX] = {{.present = 0}};
    const size_t count = strlen(names);
    for (size_t i = 0; i < count; i++) {
        vertices[i].vertex_id = (struct kt_str){names + i, 1};
        vertices[i].upstream.items = edges[i];
        vertices[i].upstream.count = strlen(inputs[i]);
        for (size_t e = 0; e < vertices[i].upstream.count; e++) {
            edges[i][e].vertex_id = (struct kt_str){inputs[i] + e, 1};
        }
    }
    struct kt_arena arena;
    kt_arena_init(&arena, 4096, 1 << 20);
    struct kt_window_summary summary = {.start_ms = 0};
    summary.vertices.items = vertices;
    summary.vertices.count = count;
    struct kt_error error;
    assert_int_equal(kt_flow_order(&summary, &arena, &error), KT_ERR_OK);
    assert_int_equal(summary.vertices.count, count);
    for (size_t i = 0; i < count; i++) {
        result[i] = summary.vertices.items[i].vertex_id.data[0];
    }
    result[count] = '\0';
    kt_arena_free(&arena);
    return result;
}

static void a_chain_goes_from_source_to_sink(void **state) {
    (void)state;
    const char *const inputs[] = {"b", "c", "d", ""};
    assert_string_equal(order_of("abcd", inputs), "dcba");
}

static void a_join_comes_behind_both_its_inputs(void **state) {
    (void)state;
    const char *const inputs[] = {"bc", "", "", "a"};
    assert_string_equal(order_of("abcd", inputs), "bcad");
}

static void vertices_without_a_graph_stay_in_the_order_of_their_ids(void **state) {
    (void)state;
    const char *const inputs[] = {"", "", ""};
    assert_string_equal(order_of("abc", inputs), "abc");
}

static void an_input_from_outside_the_window_keeps_nobody_waiting(void **state) {
    (void)state;
    const char *const inputs[] = {"z", "a"};
    assert_string_equal(order_of("ab", inputs), "ab");
}

static void a_cycle_comes_last_and_loses_nobody(void **state) {
    (void)state;
    const char *const inputs[] = {"b", "a", "", "a"};
    assert_string_equal(order_of("abcd", inputs), "cabd");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_goes_from_source_to_sink),
        cmocka_unit_test(a_join_comes_behind_both_its_inputs),
        cmocka_unit_test(vertices_without_a_graph_stay_in_the_order_of_their_ids),
        cmocka_unit_test(an_input_from_outside_the_window_keeps_nobody_waiting),
        cmocka_unit_test(a_cycle_comes_last_and_loses_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
