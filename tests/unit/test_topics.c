/* SPDX-License-Identifier: GPL-3.0-or-later
 * What `topics check` says about topics, from what was found. */
#include "ops/topics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Five topics as they should be. */
static void good(struct kt_topic_state states[KT_TOPICS_COUNT]) {
    const char *names[] = {"m", "c", "o", "l", "d"};
    for (size_t i = 0; i < KT_TOPICS_COUNT; i++) {
        states[i] = (struct kt_topic_state){
            .cleanup = i == 3 ? "compact" : "delete",
            .info = {.name = names[i], .partitions = 4, .replicas_least = 3, .has_leaders = true}};
        snprintf(states[i].cleanup_found, sizeof states[i].cleanup_found, "%s", states[i].cleanup);
    }
}

static void topics_as_they_should_be_have_no_problem(void **state) {
    (void)state;
    struct kt_topic_state states[KT_TOPICS_COUNT];
    good(states);
    assert_int_equal(kt_topics_judge(states), 0);
}

static void each_problem_says_what_to_do(void **state) {
    (void)state;
    struct kt_topic_state states[KT_TOPICS_COUNT];
    good(states);
    states[1].info.partitions = 0;
    states[2].info.partitions = 6;
    snprintf(states[3].cleanup_found, sizeof states[3].cleanup_found, "delete");
    states[4].info.has_leaders = false;
    assert_int_equal(kt_topics_judge(states), 4);
    assert_string_equal(states[0].problem, "");
    assert_non_null(strstr(states[1].problem, "kontune topics create"));
    assert_non_null(strstr(states[2].problem, "must have 4 partitions"));
    assert_non_null(strstr(states[3].problem, "cleanup.policy=compact"));
    assert_non_null(strstr(states[4].problem, "leader"));
}

static void a_policy_that_the_broker_does_not_tell_is_no_problem(void **state) {
    (void)state;
    struct kt_topic_state states[KT_TOPICS_COUNT];
    good(states);
    states[3].cleanup_found[0] = '\0';
    assert_int_equal(kt_topics_judge(states), 0);
}

static void without_the_first_topic_the_others_are_compared_among_each_other(void **state) {
    (void)state;
    struct kt_topic_state states[KT_TOPICS_COUNT];
    good(states);
    states[0].info.partitions = 0;
    states[4].info.partitions = 5;
    assert_int_equal(kt_topics_judge(states), 2);
    assert_non_null(strstr(states[0].problem, "missing"));
    assert_non_null(strstr(states[4].problem, "must have 4 partitions"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_as_they_should_be_have_no_problem),
        cmocka_unit_test(each_problem_says_what_to_do),
        cmocka_unit_test(a_policy_that_the_broker_does_not_tell_is_no_problem),
        cmocka_unit_test(without_the_first_topic_the_others_are_compared_among_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
