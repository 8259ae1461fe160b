/* SPDX-License-Identifier: GPL-3.0-or-later
 * The command line of one subcommand: parses a table of long options and prints its --help. */
#include "ops/cli.h"

#include "ops/command.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 32
#define HELP        (OPTIONS_MAX + 1) /* value of --help in getopt's table; others are index + 1 */

#define HELP_COLUMNS   80
#define HELP_OPTION_AT 33 /* column at which an option's meaning begins */

/* Text in lines of at most HELP_COLUMNS bytes. A single line end is a space, two are a new
 * paragraph. The first line goes on at the given column, the others are indented as far. */
static void print_wrapped(FILE *out, size_t indent, const char *text) {
    size_t column = indent;
    while (*text != '\0') {
        const size_t word = strcspn(text, " \n");
        if (column > indent && column + 1 + word > HELP_COLUMNS) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        column += (size_t)fprintf(out, "%s%.*s", column > indent ? " " : "", (int)word, text);
        text += word;
        if (strncmp(text, "\n\n", 2) == 0) {
            fprintf(out, "\n\n%*s", (int)indent, "");
            column = indent;
        }
        text += strspn(text, " \n");
    }
    putc('\n', out);
}

static void print_help(const struct kt_cli *cli, FILE *out) {
    fprintf(out, "usage: kontune %s", cli->command);
    for (const struct kt_cli_option *o = cli->options; o->name != NULL; o++) {
        if (o->required) {
            fprintf(out, " --%s %s", o->name, o->argument);
        }
    }
    fprintf(out, " [OPTIONS]%s%s\n\n", cli->operands == NULL ? "" : " ",
            cli->operands == NULL ? "" : cli->operands);
    print_wrapped(out, 0, cli->summary);
    putc('\n', out);
    for (const struct kt_cli_option *o = cli->options; o->name != NULL; o++) {
        char left[80];
        snprintf(left, sizeof left, "%c%c%s--%s%s%s", o->short_name == 0 ? ' ' : '-',
                 o->short_name == 0 ? ' ' : o->short_name, o->short_name == 0 ? "  " : ", ",
                 o->name, o->argument == NULL ? "" : " ", o->argument == NULL ? "" : o->argument);
        fprintf(out, "  %-*s ", HELP_OPTION_AT - 3, left);
        print_wrapped(out, HELP_OPTION_AT, o->meaning);
    }
    fprintf(out, "  %-30s %s\n", "-h, --help", "print this");
}

static int misuse(const char *command, const char *format, va_list args) {
    fprintf(stderr, "kontune %s: ", command);
    vfprintf(stderr, format, args);
    fprintf(stderr, "; see `kontune %s --help`\n", command);
    return KT_EXIT_USAGE;
}

int kt_cli_misuse(const struct kt_cli *cli, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int status = misuse(cli->command, format, args);
    va_end(args);
    return status;
}

int kt_cli_fail(const struct kt_cli *cli, const struct kt_error *error) {
    fprintf(stderr, "kontune %s: %s\n", cli->command, error->message);
    return error->code == KT_ERR_USAGE || error->code == KT_ERR_CONFIG ? KT_EXIT_USAGE
                                                                       : KT_EXIT_FAILED;
}

static bool set_integer(const struct kt_cli *cli, const struct kt_cli_option *o, const char *text) {
    const bool bounded = o->integer_min != 0 || o->integer_max != 0;
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0) {
        kt_cli_misuse(cli, "--%s: expected an integer, got '%s'", o->name, text);
        return false;
    }
    if (bounded && (value < o->integer_min || value > o->integer_max)) {
        kt_cli_misuse(cli, "--%s: expected an integer from %lld to %lld, got %lld", o->name,
                      (long long)o->integer_min, (long long)o->integer_max, value);
        return false;
    }
    *o->integer = value;
    return true;
}

static bool set_number(const struct kt_cli *cli, const struct kt_cli_option *o, const char *text) {
    const bool bounded = o->number_min != 0 || o->number_max != 0;
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value)) {
        kt_cli_misuse(cli, "--%s: expected a number, got '%s'", o->name, text);
        return false;
    }
    if (bounded && (value < o->number_min || value > o->number_max)) {
        kt_cli_misuse(cli, "--%s: expected a number from %g to %g, got %g", o->name, o->number_min,
                      o->number_max, value);
        return false;
    }
    *o->number = value;
    return true;
}

static bool set(const struct kt_cli *cli, const struct kt_cli_option *o, const char *text) {
    if (o->flag != NULL) {
        *o->flag = true;
        return true;
    }
    if (o->text != NULL) {
        *o->text = text;
        return true;
    }
    return o->integer != NULL ? set_integer(cli, o, text) : set_number(cli, o, text);
}

/* getopt's view of the table. short_options: room for 3 characters per option. */
static int to_getopt(const struct kt_cli *cli, struct option *longs, char *shorts) {
    int count = 0;
    *shorts++ = ':'; /* tell a missing value from an unknown option, and print nothing */
    for (const struct kt_cli_option *o = cli->options; o->name != NULL; o++) {
        assert(count < OPTIONS_MAX);
        const int has_value = o->flag == NULL ? required_argument : no_argument;
        longs[count] = (struct option){o->name, has_value, NULL, count + 1};
        count++;
        if (o->short_name != 0) {
            *shorts++ = o->short_name;
            if (has_value == required_argument) {
                *shorts++ = ':';
            }
        }
    }
    longs[count] = (struct option){"help", no_argument, NULL, HELP};
    longs[count + 1] = (struct option){NULL, 0, NULL, 0};
    *shorts++ = 'h';
    *shorts = '\0';
    return count;
}

/* Index of the option that getopt_long's return value means, or -1. */
static int index_of(const struct kt_cli *cli, int count, int value) {
    if (value >= 1 && value <= count) {
        return value - 1;
    }
    for (int i = 0; i < count; i++) {
        if (cli->options[i].short_name != 0 && cli->options[i].short_name == value) {
            return i;
        }
    }
    return -1;
}

/* What getopt stumbled over, as the user wrote it. */
static int refuse(const struct kt_cli *cli, int value, char **argv, int at) {
    const char *word = argv[at];
    char letter[3] = {'-', (char)optopt, '\0'};
    if (strncmp(word, "--", 2) != 0 && optopt > OPTIONS_MAX + 1) {
        word = letter;
    }
    if (value == ':') {
        return kt_cli_misuse(cli, "option '%s' needs a value", word);
    }
    if (optopt != 0 && strncmp(word, "--", 2) == 0 && strchr(word, '=') != NULL) {
        return kt_cli_misuse(cli, "option '%.*s' takes no value", (int)strcspn(word, "="), word);
    }
    return kt_cli_misuse(cli, "unknown option '%s'", word);
}

static bool check_operands(struct kt_cli *cli, int argc, char **argv, int *status) {
    cli->operand = argv + optind;
    cli->operand_count = argc - optind;
    if (cli->operand_count > cli->operands_max) {
        *status = kt_cli_misuse(cli, "unexpected argument '%s'", cli->operand[cli->operands_max]);
        return false;
    }
    if (cli->operand_count < cli->operands_min) {
        *status = kt_cli_misuse(cli, "expected %s", cli->operands);
        return false;
    }
    return true;
}

bool kt_cli_parse(struct kt_cli *cli, int argc, char **argv, int *status) {
    struct option longs[OPTIONS_MAX + 2];
    char shorts[2 * OPTIONS_MAX + 3];
    bool seen[OPTIONS_MAX] = {false};
    const int count = to_getopt(cli, longs, shorts);
    *status = KT_EXIT_USAGE;
    optind = 0; /* GNU: start afresh */
    for (;;) {
        const int at = optind == 0 ? 1 : optind;
        const int value = getopt_long(argc, argv, shorts, longs, NULL);
        if (value == -1) {
            break;
        }
        if (value == HELP || value == 'h') {
            print_help(cli, stdout);
            *status = KT_EXIT_OK;
            return false;
        }
        const int index = index_of(cli, count, value);
        if (index < 0) {
            *status = refuse(cli, value, argv, optind > at ? optind - 1 : at);
            return false;
        }
        seen[index] = true;
        if (!set(cli, &cli->options[index], optarg)) {
            return false;
        }
    }
    for (int i = 0; i < count; i++) {
        if (cli->options[i].required && !seen[i]) {
            *status = kt_cli_misuse(cli, "--%s %s is required", cli->options[i].name,
                                    cli->options[i].argument);
            return false;
        }
    }
    return check_operands(cli, argc, argv, status);
}

int kt_cli_dispatch(const char *command, const struct kt_cli_verb *verbs, int argc, char **argv) {
    const bool help = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (argc < 2 || help) {
        FILE *out = help ? stdout : stderr;
        fprintf(out, "usage: kontune %s COMMAND [OPTIONS]\n\n", command);
        for (const struct kt_cli_verb *v = verbs; v->name != NULL; v++) {
            fprintf(out, "  %-10s %s\n", v->name, v->summary);
        }
        fprintf(out, "\n`kontune %s COMMAND --help` tells the options.\n", command);
        return help ? KT_EXIT_OK : KT_EXIT_USAGE;
    }
    for (const struct kt_cli_verb *v = verbs; v->name != NULL; v++) {
        if (strcmp(argv[1], v->name) == 0) {
            return v->run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "kontune %s: unknown command '%s'; see `kontune %s --help`\n", command, argv[1],
            command);
    return KT_EXIT_USAGE;
}
