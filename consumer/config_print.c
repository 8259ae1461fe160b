/* SPDX-License-Identifier: GPL-3.0-or-later
 * Prints the option table: as a sample file, and as the README's list. */
#include "consumer/kafka_properties.h"
#include "consumer/options.h"

#define WIDTH 100

/* Prints words as comment lines of at most WIDTH columns (bytes, so a little less). */
static void print_comment(FILE *out, const char *text) {
    size_t column = (size_t)fprintf(out, "#");
    while (*text != '\0') {
        const size_t len = strcspn(text, " ");
        if (column + 1 + len > WIDTH) {
            fputs("\n#", out);
            column = 1;
        }
        fprintf(out, " %.*s", (int)len, text);
        column += 1 + len;
        text += len + strspn(text + len, " ");
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct kt_option *option) {
    fputc('\n', out);
    print_comment(out, option->meaning);
    fprintf(out, "# Value: %s. Default: %s%s\n%s =%s%s\n", kt_option_expects(option).text,
            option->standard[0] == '\0' ? "empty" : option->standard, ".", option->name,
            option->standard[0] == '\0' ? "" : " ", option->standard);
}

static void print_kafka(FILE *out) {
    fputs("\n[kafka]\n", out);
    print_comment(out, "Any property of librdkafka, but for those that exactly-once depends on "
                       "(`kontune config check` tells why one is refused). Keep secrets out of "
                       "this file: sasl.password = ${KAFKA_PASSWORD}");
    for (size_t i = 0; i < kt_kafka_defaults_count; i++) {
        const struct kt_kafka_default *d = &kt_kafka_defaults[i];
        fputc('\n', out);
        print_comment(out, d->meaning);
        fprintf(out, "# Default: %s.\n%s = %s\n", d->value, d->name, d->value);
    }
}

void kt_config_sample(FILE *out) {
    print_comment(out, "kontune's configuration: every option with its default.");
    fputs("#\n", out);
    print_comment(out, "A comment has a line of its own. ${VAR} in a value reads the environment "
                       "($${ is a plain ${). KONTUNE_SECTION_OPTION in the environment overrides "
                       "an option, e.g. KONTUNE_WORKER_GROUP_ID.");
    const char *section = "";
    for (size_t i = 0; i < kt_options_count; i++) {
        if (strcmp(section, kt_options[i].section) != 0) {
            section = kt_options[i].section;
            fprintf(out, "\n[%s]\n", section);
        }
        print_option(out, &kt_options[i]);
    }
    fputc('\n', out);
    print_comment(out, "A job of its own; what is left out is as in [policy].");
    fputs("# [policy \"cluster/job\"]\n# max_parallelism = 32\n# pins = sink=1\n", out);
    print_kafka(out);
}

/* A table cell: nothing in the table holds a bar or a line break. */
static void print_default(FILE *out, const char *text) {
    if (text[0] == '\0') {
        fputs("empty", out);
    } else {
        fprintf(out, "`%s`", text);
    }
}

void kt_config_markdown(FILE *out) {
    const char *section = "";
    for (size_t i = 0; i < kt_options_count; i++) {
        const struct kt_option *option = &kt_options[i];
        if (strcmp(section, option->section) != 0) {
            fprintf(out,
                    "%s**`[%s]`**\n\n| option | default | value | meaning |\n|---|---|---|---|\n",
                    i == 0 ? "" : "\n", option->section);
            section = option->section;
        }
        fprintf(out, "| `%s` | ", option->name);
        print_default(out, option->standard);
        fprintf(out, " | %s | %s |\n", kt_option_expects(option).text, option->meaning);
    }
    fputs("\n**`[kafka]`**: any property of librdkafka, but for those that exactly-once depends "
          "on.\n\n| property | default | meaning |\n|---|---|---|\n",
          out);
    for (size_t i = 0; i < kt_kafka_defaults_count; i++) {
        fprintf(out, "| `%s` | `%s` | %s |\n", kt_kafka_defaults[i].name,
                kt_kafka_defaults[i].value, kt_kafka_defaults[i].meaning);
    }
}
