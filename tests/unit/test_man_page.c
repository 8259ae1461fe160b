/* SPDX-License-Identifier: GPL-3.0-or-later
 * The manual page says of every subcommand the options that the program itself says. */
#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE_BYTES_MAX 65536U

static const char *const commands[][2] = {
    {"worker", NULL},      {"replay", NULL},      {"suggest", NULL},    {"topics", "create"},
    {"topics", "check"},   {"config", "check"},   {"config", "sample"}, {"history", "list"},
    {"history", "export"}, {"history", "import"}, {"commands", "tail"}, {"demo", NULL},
    {"simulate", NULL}};
#define COMMANDS (sizeof commands / sizeof commands[0])

static char page[PAGE_BYTES_MAX];

static int load(void **state) {
    (void)state;
    FILE *in = fopen(KT_FIXTURES "/../../ops/packaging/kontune.1", "r");
    if (in == NULL) {
        return -1;
    }
    const size_t len = fread(page, 1, sizeof page - 1, in);
    fclose(in);
    return len > 0 && len < sizeof page - 1 ? 0 : -1;
}

/* The command's section of the page as a string of its own. */
static char *section_of(const char *const *command) {
    char head[64];
    snprintf(head, sizeof head, ".Ss kontune %s%s%s\n", command[0], command[1] == NULL ? "" : " ",
             command[1] == NULL ? "" : command[1]);
    const char *from = strstr(page, head);
    if (from == NULL) {
        fail_msg("the page has no line '%s'", head);
    }
    from += strlen(head);
    const char *to = strstr(from, "\n.S");
    assert_non_null(to);
    return strndup(from, (size_t)(to - from));
}

static char *help_of(const char *const *command) {
    const char *argv[] = {kt_process_kontune(), command[0], command[1], "--help", NULL};
    if (command[1] == NULL) {
        argv[2] = "--help";
        argv[3] = NULL;
    }
    struct kt_process_result result = kt_process_run(argv, 30);
    assert_int_equal(result.status, 0);
    char *help = strdup(result.out);
    kt_process_result_free(&result);
    return help;
}

/* Every name that follows `mark` in `text` must follow `prefix` in `other`. */
static void each_option_in(const char *text, const char *mark, const char *other,
                           const char *prefix) {
    static const char name_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    for (const char *at = strstr(text, mark); at != NULL; at = strstr(at, mark)) {
        at += strlen(mark);
        const size_t len = strspn(at, name_letters);
        char wanted[64];
        snprintf(wanted, sizeof wanted, "%s%.*s", prefix, (int)len, at);
        const char *found = strstr(other, wanted);
        while (found != NULL && strspn(found + strlen(wanted), name_letters) > 0) {
            found = strstr(found + 1, wanted);
        }
        if (found == NULL) {
            fail_msg("'%s' is missing in:\n%s", wanted, other);
        }
    }
}

/* How the program's help begins the line of an option. */
#define HELP_LONG  "\n      --"
#define HELP_SHORT "\n  -c, --"

static void every_option_of_the_program_stands_in_the_page(void **state) {
    (void)state;
    for (size_t i = 0; i < COMMANDS; i++) {
        char *help = help_of(commands[i]);
        char *section = section_of(commands[i]);
        each_option_in(help, HELP_LONG, section, ".It Fl -");
        each_option_in(help, HELP_SHORT, section, ".It Fl c , Fl -");
        free(section);
        free(help);
    }
}

static void the_page_lists_no_option_that_the_program_does_not_have(void **state) {
    (void)state;
    for (size_t i = 0; i < COMMANDS; i++) {
        char *help = help_of(commands[i]);
        char *section = section_of(commands[i]);
        each_option_in(section, ".It Fl -", help, HELP_LONG);
        each_option_in(section, ".It Fl c , Fl -", help, HELP_SHORT);
        free(section);
        free(help);
    }
}

static void the_page_has_every_subcommand_and_no_other(void **state) {
    (void)state;
    const char *const nothing[] = {"--help", NULL};
    char *help = help_of(nothing);
    size_t sections = 0;
    for (const char *at = strstr(page, "\n.Ss "); at != NULL; at = strstr(at + 1, "\n.Ss ")) {
        sections++;
    }
    assert_int_equal(sections, COMMANDS);
    for (const char *line = strstr(help, "\n  "); line != NULL; line = strstr(line + 1, "\n  ")) {
        const size_t len = strcspn(line + 3, " ");
        bool known = false;
        for (size_t i = 0; i < COMMANDS; i++) {
            known = known ||
                    (strlen(commands[i][0]) == len && strncmp(commands[i][0], line + 3, len) == 0);
        }
        if (!known) {
            fail_msg("the test does not know the subcommand '%.*s'", (int)len, line + 3);
        }
    }
    free(help);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_of_the_program_stands_in_the_page),
        cmocka_unit_test(the_page_lists_no_option_that_the_program_does_not_have),
        cmocka_unit_test(the_page_has_every_subcommand_and_no_other),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
