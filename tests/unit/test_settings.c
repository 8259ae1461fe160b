/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which settings a job and a vertex obey. */
#include "model/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_rule_by_id_beats_one_by_name_in_any_order(void **state) {
    (void)state;
    struct kt_vertex_rule rules[] = {{.vertex = KT_STR("map"), .pinned = 1},
                                     {.vertex = KT_STR("a0bc"), .pinned = 2}};
    struct kt_job_settings job = {.key = KT_STR("c/j")};
    job.rules.items = rules;
    job.rules.count = 2;
    assert_int_equal(kt_settings_rule(&job, KT_STR("a0bc"), KT_STR("map"))->pinned, 2);
    assert_int_equal(kt_settings_rule(&job, KT_STR("77ff"), KT_STR("map"))->pinned, 1);
    assert_null(kt_settings_rule(&job, KT_STR("77ff"), KT_STR("other")));
    const struct kt_vertex_rule first = rules[0];
    rules[0] = rules[1];
    rules[1] = first;
    assert_int_equal(kt_settings_rule(&job, KT_STR("a0bc"), KT_STR("map"))->pinned, 2);
}

static void of_two_rules_by_one_name_the_first_counts(void **state) {
    (void)state;
    struct kt_vertex_rule rules[] = {{.vertex = KT_STR("map"), .pinned = 1},
                                     {.vertex = KT_STR("map"), .pinned = 2}};
    struct kt_job_settings job = {.key = KT_STR("c/j")};
    job.rules.items = rules;
    job.rules.count = 2;
    assert_int_equal(kt_settings_rule(&job, KT_STR("77ff"), KT_STR("map"))->pinned, 1);
}

static void a_job_obeys_its_own_settings_and_others_the_defaults(void **state) {
    (void)state;
    struct kt_settings settings;
    kt_settings_default(&settings);
    struct kt_job_settings own[] = {{.key = KT_STR("prod/orders")}};
    settings.jobs.items = own;
    settings.jobs.count = 1;
    assert_ptr_equal(kt_settings_find(&settings, KT_STR("prod"), KT_STR("orders")), &own[0]);
    assert_ptr_equal(kt_settings_find(&settings, KT_STR("test"), KT_STR("orders")),
                     &settings.defaults);
    assert_ptr_equal(kt_settings_find(&settings, KT_STR("prod"), KT_STR("orders2")),
                     &settings.defaults);
    assert_ptr_equal(kt_settings_find(&settings, KT_STR("prod"), KT_STR("order")),
                     &settings.defaults);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_by_id_beats_one_by_name_in_any_order),
        cmocka_unit_test(of_two_rules_by_one_name_the_first_counts),
        cmocka_unit_test(a_job_obeys_its_own_settings_and_others_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
