/* SPDX-License-Identifier: GPL-3.0-or-later
 * The demo from outside: it closes the loop, ends by itself, and the decisions it names can be
 * shown again. */
#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Lines of text that hold a word. */
static int lines_with(const char *text, const char *word) {
    int count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
        at = strchr(at, '\n');
        if (at == NULL) {
            break;
        }
    }
    return count;
}

static void demo_and_replay_of_its_events_show_the_same_rescales(void **state) {
    (void)state;
    char *base = kt_process_tmpdir();
    char folder[512], events[640], config[640];
    snprintf(folder, sizeof folder, "%s/demo", base);
    snprintf(events, sizeof events, "%s/events.jsonl", folder);
    snprintf(config, sizeof config, "%s/kontune.ini", folder);
    const char *demo[] = {kt_process_kontune(), "demo", "--seconds", "0", "--dir", folder, NULL};
    struct kt_process_result shown = kt_process_run(demo, 240);
    if (shown.status != 0) {
        fail_msg("demo ended with %d: %s", shown.status, shown.err);
    }
    assert_non_null(strstr(shown.out, "the same job under the same load"));
    assert_non_null(strstr(shown.out, " replay --in "));
    const char *replay[] = {kt_process_kontune(), "replay", "--in", events, "-c", config, NULL};
    struct kt_process_result again = kt_process_run(replay, 60);
    assert_int_equal(again.status, 0);
    const int rescales = lines_with(shown.out, "  RESCALE  ");
    assert_true(rescales > 20);
    assert_int_equal(lines_with(again.out, "  RESCALE  "), rescales);
    kt_process_result_free(&shown);
    kt_process_result_free(&again);
    kt_process_rmtree(base);
    free(base);
}

static void demo_refuses_a_folder_that_exists(void **state) {
    (void)state;
    char *folder = kt_process_tmpdir();
    const char *demo[] = {kt_process_kontune(), "demo", "--dir", folder, NULL};
    struct kt_process_result result = kt_process_run(demo, 60);
    assert_int_equal(result.status, 1);
    assert_non_null(strstr(result.err, folder));
    assert_non_null(strstr(result.err, "File exists"));
    kt_process_result_free(&result);
    kt_process_rmtree(folder);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demo_and_replay_of_its_events_show_the_same_rescales),
        cmocka_unit_test(demo_refuses_a_folder_that_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
