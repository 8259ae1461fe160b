/* SPDX-License-Identifier: GPL-3.0-or-later
 * The demo from outside: it closes the loop, ends by itself with a report, and the decisions it
 * names can be shown again. */
#include "ops/text_file.h"
#include "support/process.h"
#include "support/xml.h"

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

/* The last line names a page that shows both runs. */
static void assert_report_is_whole(const char *out, const char *folder) {
    char line[700];
    const int len = snprintf(line, sizeof line, "\n  %s/report.html\n", folder);
    const size_t out_len = strlen(out);
    assert_true(out_len > (size_t)len);
    assert_string_equal(out + out_len - (size_t)len, line);
    line[len - 1] = '\0';
    struct kt_arena arena;
    kt_arena_init(&arena, 1 << 16, 1 << 24);
    struct kt_str page;
    struct kt_error error;
    if (kt_text_file_read(line + 3, &arena, &page, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    size_t at;
    const char *wrong = kt_xml_check(page, &at);
    if (wrong != NULL) {
        fail_msg("%s at %zu: %.60s", wrong, at, page.data + at);
    }
    assert_non_null(strstr(page.data, "id=\"run-1\">\n<h2>kontune</h2>"));
    assert_non_null(strstr(page.data, "<h2>ds2</h2>"));
    assert_non_null(strstr(page.data, ">aggregate</title>"));
    assert_non_null(strstr(page.data, "class=\"band blue\" d=\"M")); /* what it believed */
    kt_arena_free(&arena);
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
    assert_report_is_whole(shown.out, folder);
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
