/* SPDX-License-Identifier: GPL-3.0-or-later
 * A command as people read it: columns line up, numbers have the digits they deserve, and a record
 * cannot move the cursor. */
#include "ops/command_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define NUMBERS                                                                                    \
    (UINT64_C(1) << KT_OPDEC_LAMBDA | UINT64_C(1) << KT_OPDEC_PREDICTED_ABILITY |                  \
     UINT64_C(1) << KT_OPDEC_PREDICTED_STDDEV)
#define NOON_MS INT64_C(1767268800000) /* 2026-01-01T12:00:00Z */

static void assert_printed(const struct kt_rescale_command *command, const char *expected) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    kt_command_print(out, command);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    free(text);
}

static struct kt_rescale_command command_of(int kind) {
    return (struct kt_rescale_command){.kind = kind,
                                       .cluster = KT_STR("lab"),
                                       .job_name = KT_STR("orders"),
                                       .decided_at_ms = NOON_MS,
                                       .reason = KT_REASON_STEADY,
                                       .reason_text = KT_STR("why")};
}

static void operators_stand_in_columns_also_with_wide_letters(void **state) {
    (void)state;
    int limits[] = {KT_LIMIT_MAX_PARALLELISM, KT_LIMIT_PIN};
    struct kt_operator_decision operators[] = {{.present = NUMBERS,
                                                .name = KT_STR("prüfen"),
                                                .from = 1,
                                                .to = 12,
                                                .method = KT_METHOD_SURROGATE,
                                                .lambda = 4e6,
                                                .predicted_ability = 4147174.09,
                                                .predicted_stddev = 58000.13},
                                               {.present = NUMBERS,
                                                .name = KT_STR("map"),
                                                .from = 8,
                                                .to = 8,
                                                .method = KT_METHOD_KEEP,
                                                .lambda = 0.25,
                                                .predicted_ability = 12.34,
                                                .predicted_stddev = 1e-4},
                                               {.vertex_id = KT_STR("v3"),
                                                .name = KT_STR(""),
                                                .from = 4,
                                                .to = 2,
                                                .method = KT_METHOD_LIMITED,
                                                .limits = {.items = limits, .count = 2}}};
    struct kt_rescale_command command = command_of(KT_COMMAND_RESCALE);
    command.operators.items = operators;
    command.operators.count = 3;
    assert_printed(
        &command,
        "2026-01-01T12:00:00Z  lab/orders  RESCALE  STEADY  why\n"
        "    prüfen     1 -> 12    SURROGATE  needs   4000000/s  able   4147174 ± 58000/s\n"
        "    map        8 -> 8     KEEP       needs    0.2500/s  able      12.3/s\n"
        "    v3         4 -> 2     LIMITED    limited by MAX_PARALLELISM, PIN\n");
}

static void a_hold_is_one_line(void **state) {
    (void)state;
    struct kt_operator_decision operator= {.name = KT_STR("map"), .from = 1, .to = 1};
    struct kt_rescale_command command = command_of(KT_COMMAND_HOLD);
    command.operators.items = &operator;
    command.operators.count = 1;
    command.decided_at_ms = NOON_MS + 500;
    assert_printed(&command, "2026-01-01T12:00:00.500Z  lab/orders  HOLD  STEADY  why\n");
}

static void a_dry_run_is_said_beside_the_kind(void **state) {
    (void)state;
    struct kt_rescale_command command = command_of(KT_COMMAND_RESCALE);
    command.dry_run = true;
    assert_printed(&command, "2026-01-01T12:00:00Z  lab/orders  RESCALE (dry run)  STEADY  why\n");
}

static void control_characters_of_a_record_are_not_printed(void **state) {
    (void)state;
    struct kt_rescale_command command = command_of(KT_COMMAND_HOLD);
    command.job_name = KT_STR("a\033[2Jb\nc");
    command.reason_text = KT_STR("x\ty");
    assert_printed(&command, "2026-01-01T12:00:00Z  lab/a?[2Jb?c  HOLD  STEADY  x?y\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_stand_in_columns_also_with_wide_letters),
        cmocka_unit_test(a_hold_is_one_line),
        cmocka_unit_test(a_dry_run_is_said_beside_the_kind),
        cmocka_unit_test(control_characters_of_a_record_are_not_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
