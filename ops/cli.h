/* SPDX-License-Identifier: GPL-3.0-or-later
 * The command line of one subcommand: a table of long options that parses itself and prints its
 * own --help, so that all subcommands read alike.
 *
 *   const char *path = NULL;
 *   bool json = false;
 *   int64_t limit = 10;
 *   const struct kt_cli_option options[] = {
 *       KT_CLI_CONFIG(path),
 *       KT_CLI_JSON(json),
 *       {.name = "limit", .integer = &limit, .argument = "N", .meaning = "only the newest N"},
 *       {0}};
 *   struct kt_cli cli = {.command = "worker", .summary = "…", .options = options};
 *   int status;
 *   if (!kt_cli_parse(&cli, argc, argv, &status)) {
 *       return status;
 *   } */
#ifndef KT_OPS_CLI_H
#define KT_OPS_CLI_H

#include "schemas/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* An option with exactly one target. A target that the command line does not name keeps its value:
 * set the default there. */
struct kt_cli_option {
    const char *name;    /* long name without the dashes; NULL ends the table */
    bool *flag;          /* becomes true */
    const char **text;   /* borrows from argv */
    int64_t *integer;    /* within integer_min … integer_max */
    double *number;      /* finite, within number_min … number_max */
    int64_t integer_min; /* both 0: no bounds */
    int64_t integer_max;
    double number_min; /* both 0: no bounds */
    double number_max;
    const char *argument; /* what --help calls the value, e.g. "FILE" */
    const char *meaning;  /* one line for --help */
    char short_name;      /* or 0 */
    bool required;
};

/* Options that mean the same in every subcommand that has them. */
/* clang-format off */
#define KT_CLI_CONFIG(target)                                                                      \
    {.name = "config", .short_name = 'c', .text = &(target), .required = true, .argument = "FILE", \
     .meaning = "the configuration (`kontune config sample` prints one)"}
#define KT_CLI_JSON(target)                                                                        \
    {.name = "json", .flag = &(target), .meaning = "print one JSON document"}
/* clang-format on */

struct kt_cli {
    const char *command;                 /* "history list": what stands after "kontune" */
    const char *operands;                /* "FILE": what --help shows after the options, or NULL */
    const char *summary;                 /* one or more sentences */
    const struct kt_cli_option *options; /* at most 32, ended by {0} */
    int operands_min;
    int operands_max;
    int operand_count;    /* filled: operands found */
    char *const *operand; /* filled: into argv */
};

/* True: go on. False: return *status from the subcommand (--help was printed on stdout, or one line
 * about the mistake on stderr and KT_EXIT_USAGE). argv[0] is skipped. argv may be reordered. */
bool kt_cli_parse(struct kt_cli *cli, int argc, char **argv, int *status);

/* A mistake that the table cannot find: prints "kontune COMMAND: text" and a pointer to --help on
 * stderr; returns KT_EXIT_USAGE. */
int kt_cli_misuse(const struct kt_cli *cli, const char *format, ...) KT_PRINTF(2, 3);

/* Prints "kontune COMMAND: message" on stderr and returns the exit status that the code means:
 * KT_EXIT_USAGE for KT_ERR_USAGE and KT_ERR_CONFIG, else KT_EXIT_FAILED. */
int kt_cli_fail(const struct kt_cli *cli, const struct kt_error *error);

/* Subcommands of a subcommand ("history list"): runs the one that argv[1] names, with argv moved on
 * by one. */
struct kt_cli_verb {
    const char *name; /* NULL ends the table */
    int (*run)(int argc, char **argv);
    const char *summary;
};
int kt_cli_dispatch(const char *command, const struct kt_cli_verb *verbs, int argc, char **argv);

#endif
