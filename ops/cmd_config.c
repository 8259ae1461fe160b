/* SPDX-License-Identifier: GPL-3.0-or-later
 * kontune config: checks a configuration, or prints one with every option. */
#include "consumer/config.h"
#include "ops/cli.h"
#include "ops/command.h"

#include <jansson.h>
#include <unistd.h>

/* ---- check ------------------------------------------------------------------------------- */

static void print_problem(void *ctx, int line, const char *message) {
    (void)ctx;
    (void)line;
    fprintf(stderr, "%s\n", message);
}

static void keep_problem(void *ctx, int line, const char *message) {
    json_t *problems = ctx;
    json_array_append_new(problems, json_pack("{s:i, s:s}", "line", line, "message", message));
}

static void print_given(const struct kt_config *config, const char *path) {
    printf("%s: ok\n", path);
    for (size_t i = 0; i < config->given.count; i++) {
        const struct kt_config_given *g = &config->given.items[i];
        if (g->is_default) {
            continue;
        }
        printf("  [%s%s%s%s] %s = %s  (%s)\n", g->section, g->subject == NULL ? "" : " \"",
               g->subject == NULL ? "" : g->subject, g->subject == NULL ? "" : "\"", g->name,
               g->value, g->origin);
    }
}

static json_t *given_to_json(const struct kt_config *config) {
    json_t *options = json_array();
    for (size_t i = 0; i < config->given.count; i++) {
        const struct kt_config_given *g = &config->given.items[i];
        if (g->is_default) {
            continue;
        }
        json_array_append_new(options, json_pack("{s:s, s:s*, s:s, s:s, s:s}", "section",
                                                 g->section, "job", g->subject, "name", g->name,
                                                 "value", g->value, "origin", g->origin));
    }
    return options;
}

/* Prints the document and gives it back. */
static int print_json(json_t *document, int status) {
    if (document == NULL || json_dumpf(document, stdout, JSON_INDENT(2)) != 0) {
        fprintf(stderr, "kontune config check: cannot print JSON\n");
        status = KT_EXIT_FAILED;
    }
    putchar('\n');
    json_decref(document);
    return status;
}

static int check_json(const char *path) {
    json_t *problems = json_array();
    struct kt_config *config = NULL;
    const enum kt_err err =
        kt_config_load_all(path, environ, keep_problem, problems, &config, NULL);
    json_t *document;
    if (err == KT_ERR_OK) {
        json_decref(problems);
        document =
            json_pack("{s:s, s:b, s:o}", "file", path, "ok", 1, "options", given_to_json(config));
    } else {
        document = json_pack("{s:s, s:b, s:o}", "file", path, "ok", 0, "problems", problems);
    }
    kt_config_free(config);
    return print_json(document, err == KT_ERR_OK ? KT_EXIT_OK : KT_EXIT_USAGE);
}

static int check(int argc, char **argv) {
    bool json = false;
    const struct kt_cli_option options[] = {KT_CLI_JSON(json), {0}};
    struct kt_cli cli = {
        .command = "config check",
        .operands = "FILE",
        .summary = "Checks a configuration file, with the environment as it is now: prints every\n"
                   "problem with its line, or else what differs from the defaults and where it\n"
                   "was given. Secrets are not shown, ${VAR} is not replaced.",
        .options = options,
        .operands_min = 1,
        .operands_max = 1};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    const char *path = cli.operand[0];
    if (json) {
        return check_json(path);
    }
    struct kt_config *config = NULL;
    if (kt_config_load_all(path, environ, print_problem, NULL, &config, NULL) != KT_ERR_OK) {
        return KT_EXIT_USAGE;
    }
    print_given(config, path);
    kt_config_free(config);
    return KT_EXIT_OK;
}

/* ---- sample ------------------------------------------------------------------------------ */

static int sample(int argc, char **argv) {
    bool markdown = false;
    const struct kt_cli_option options[] = {
        {.name = "markdown", .flag = &markdown, .meaning = "print Markdown tables instead"}, {0}};
    struct kt_cli cli = {.command = "config sample",
                         .summary = "Prints a configuration file with every option, its meaning, "
                                    "its bounds and its\ndefault.",
                         .options = options};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    if (markdown) {
        kt_config_markdown(stdout);
    } else {
        kt_config_sample(stdout);
    }
    return KT_EXIT_OK;
}

int kt_cmd_config(int argc, char **argv) {
    static const struct kt_cli_verb verbs[] = {
        {"check", check, "check a file and print what differs from the defaults"},
        {"sample", sample, "print a file with every option and its default"},
        {NULL, NULL, NULL}};
    return kt_cli_dispatch("config", verbs, argc, argv);
}
