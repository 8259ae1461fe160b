/* SPDX-License-Identifier: GPL-3.0-or-later
 * The command-line helper: values reach their targets, mistakes are told on stderr with status 2,
 * --help lists the table. */
#include "ops/cli.h"
#include "ops/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct parsed {
    bool go_on;
    int status;
    bool json;
    const char *path;
    int64_t alpha;
    double rate;
    int operand_count;
    char operand[32];
    char path_kept[64];
    char out[2048]; /* what was printed on stdout and stderr */
};

/* Parses with both standard streams sent to a temporary file, since the helper prints to them. */
static bool parse_captured(struct kt_cli *cli, int argc, char **argv, struct parsed *p) {
    char name[] = "/tmp/kt_test_cli_XXXXXX";
    const int file = mkstemp(name);
    assert_true(file >= 0);
    unlink(name);
    fflush(stdout);
    fflush(stderr);
    const int saved_out = dup(1), saved_err = dup(2);
    dup2(file, 1);
    dup2(file, 2);
    const bool go_on = kt_cli_parse(cli, argc, argv, &p->status);
    fflush(stdout);
    fflush(stderr);
    dup2(saved_out, 1);
    dup2(saved_err, 2);
    close(saved_out);
    close(saved_err);
    const ssize_t got = pread(file, p->out, sizeof p->out - 1, 0);
    close(file);
    assert_true(got >= 0);
    return go_on;
}

static void run(struct parsed *p, const char *const *words, bool need_rate) {
    *p = (struct parsed){.alpha = 3, .rate = -1};
    const struct kt_cli_option options[] = {
        {.name = "config",
         .short_name = 'c',
         .text = &p->path,
         .argument = "FILE",
         .meaning = "m1"},
        {.name = "json", .short_name = 'j', .flag = &p->json, .meaning = "m2"},
        {.name = "alpha",
         .integer = &p->alpha,
         .integer_min = 0,
         .integer_max = 9,
         .argument = "A",
         .meaning = "m3"},
        {.name = "rate",
         .number = &p->rate,
         .number_min = 0,
         .number_max = 1e12,
         .required = need_rate,
         .argument = "R",
         .meaning = "m4"},
        {0}};
    struct kt_cli cli = {.command = "try this",
                         .operands = "[FILE]",
                         .summary = "Tries.",
                         .options = options,
                         .operands_max = 1};
    char *argv[16] = {strdup("this")};
    int argc = 1;
    for (; words[argc - 1] != NULL; argc++) {
        argv[argc] = strdup(words[argc - 1]);
    }
    p->go_on = parse_captured(&cli, argc, argv, p);
    p->operand_count = cli.operand_count;
    if (p->operand_count > 0) {
        snprintf(p->operand, sizeof p->operand, "%s", cli.operand[0]);
    }
    if (p->path != NULL) { /* it borrows from argv, which goes away here */
        snprintf(p->path_kept, sizeof p->path_kept, "%s", p->path);
        p->path = p->path_kept;
    }
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
}

static void values_reach_their_targets(void **state) {
    (void)state;
    struct parsed p;
    run(&p,
        (const char *const[]){"-c", "a.ini", "--json", "--alpha=7", "in.csv", "--rate", "4e6",
                              NULL},
        true);
    assert_true(p.go_on);
    assert_string_equal(p.path, "a.ini");
    assert_true(p.json);
    assert_int_equal(p.alpha, 7);
    assert_true(p.rate == 4e6);
    assert_int_equal(p.operand_count, 1);
    assert_string_equal(p.operand, "in.csv");
    assert_string_equal(p.out, "");
}

static void options_that_are_not_given_keep_their_defaults(void **state) {
    (void)state;
    struct parsed p;
    run(&p, (const char *const[]){NULL}, false);
    assert_true(p.go_on);
    assert_null(p.path);
    assert_false(p.json);
    assert_int_equal(p.alpha, 3);
    assert_true(p.rate == -1);
}

static void each_mistake_is_told_in_one_line_and_exits_2(void **state) {
    (void)state;
    static const struct {
        const char *words[4];
        const char *message;
    } cases[] = {
        {{"--alhpa", "3"}, "unknown option '--alhpa'"},
        {{"-x"}, "unknown option '-x'"},
        {{"-jx"}, "unknown option '-x'"},
        {{"--config"}, "option '--config' needs a value"},
        {{"-c"}, "option '-c' needs a value"},
        {{"--json=yes"}, "option '--json' takes no value"},
        {{"--alpha", "x"}, "--alpha: expected an integer, got 'x'"},
        {{"--alpha", "3.5"}, "--alpha: expected an integer, got '3.5'"},
        {{"--alpha", "10"}, "--alpha: expected an integer from 0 to 9, got 10"},
        {{"--alpha", "99999999999999999999"},
         "--alpha: expected an integer, got '99999999999999999999'"},
        {{"--rate", "fast"}, "--rate: expected a number, got 'fast'"},
        {{"--rate", "nan"}, "--rate: expected a number, got 'nan'"},
        {{"--rate", "-1"}, "--rate: expected a number from 0 to 1e+12, got -1"},
        {{"--rate", "1", "a", "b"}, "unexpected argument 'b'"},
        {{"a"}, "--rate R is required"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *words[5] = {NULL};
        memcpy(words, cases[i].words, sizeof cases[i].words);
        char expected[256];
        snprintf(expected, sizeof expected, "kontune try this: %s; see `kontune try this --help`\n",
                 cases[i].message);
        struct parsed p;
        run(&p, words, true);
        assert_false(p.go_on);
        assert_int_equal(p.status, KT_EXIT_USAGE);
        assert_string_equal(p.out, expected);
    }
}

static void help_lists_the_table_and_exits_0(void **state) {
    (void)state;
    struct parsed p;
    run(&p, (const char *const[]){"--help", NULL}, true);
    assert_false(p.go_on);
    assert_int_equal(p.status, KT_EXIT_OK);
    assert_string_equal(p.out, "usage: kontune try this --rate R [OPTIONS] [FILE]\n\nTries.\n\n"
                               "  -c, --config FILE              m1\n"
                               "  -j, --json                     m2\n"
                               "      --alpha A                  m3\n"
                               "      --rate R                   m4\n"
                               "  -h, --help                     print this\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_reach_their_targets),
        cmocka_unit_test(options_that_are_not_given_keep_their_defaults),
        cmocka_unit_test(each_mistake_is_told_in_one_line_and_exits_2),
        cmocka_unit_test(help_lists_the_table_and_exits_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
