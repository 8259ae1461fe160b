/* SPDX-License-Identifier: GPL-3.0-or-later
 * Prints a rescale command for people: when, which job, what and why, and for each operator the
 * numbers that decided. */
#include "ops/command_text.h"

#include "model/say.h"
#include "producer/cloudevents.h"
#include "schemas/utf8.h"

#include <inttypes.h>
#include <string.h>

#define NAME_COLUMNS_MAX 40 /* longer names push their own line to the right, not all */

static void put_text(FILE *out, struct kt_str text) {
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        putc(c < ' ' || c == 0x7f ? '?' : c, out);
    }
}

/* Characters of a text, which are the columns of most. */
static int columns(struct kt_str text) {
    int count = 0;
    for (size_t at = 0; at < text.len; count++) {
        const size_t len = kt_utf8_char((struct kt_str){text.data + at, text.len - at});
        at += len == 0 ? 1 : len;
    }
    return count;
}

static struct kt_str name_of(const struct kt_operator_decision *op) {
    return op->name.len > 0 ? op->name : op->vertex_id;
}

/* Windows mostly end at whole seconds: the milliseconds are shown where there are any. */
static void put_time(FILE *out, int64_t ms) {
    char text[KT_RFC3339_BYTES];
    kt_rfc3339(ms, text);
    char *fraction = strstr(text, ".000Z");
    if (fraction != NULL) {
        memcpy(fraction, "Z", 2);
    }
    fputs(text, out);
}

static void put_operator(FILE *out, const struct kt_operator_decision *op, int width) {
    fputs("    ", out);
    put_text(out, name_of(op));
    const int used = columns(name_of(op));
    fprintf(out, "%*s  %4" PRId32 " -> %-4" PRId32 "  %-9s", width > used ? width - used : 0, "",
            op->from, op->to, kt_enum_symbol(&kt_method_type, op->method));
    if (KT_HAS(op, KT_OPDEC_LAMBDA)) {
        fprintf(out, "  needs %9.*f/s", KT_SAY_RATE(op->lambda));
    }
    if (KT_HAS(op, KT_OPDEC_PREDICTED_ABILITY)) {
        fprintf(out, "  able %9.*f", KT_SAY_RATE(op->predicted_ability));
        /* At an observed parallelism the surrogate is as good as certain. */
        if (KT_HAS(op, KT_OPDEC_PREDICTED_STDDEV) &&
            op->predicted_stddev >= 0.001 * op->predicted_ability && op->predicted_stddev > 0) {
            fprintf(out, " ± %.*f", KT_SAY_RATE(op->predicted_stddev));
        }
        fputs("/s", out);
    }
    for (size_t i = 0; i < op->limits.count; i++) {
        fprintf(out, "%s%s", i == 0 ? "  limited by " : ", ",
                kt_enum_symbol(&kt_limit_type, op->limits.items[i]));
    }
    putc('\n', out);
}

void kt_command_print(FILE *out, const struct kt_rescale_command *command) {
    put_time(out, command->decided_at_ms);
    fputs("  ", out);
    put_text(out, command->cluster);
    putc('/', out);
    put_text(out, command->job_name);
    fprintf(out, "  %s%s  %s  ", kt_enum_symbol(&kt_command_kind_type, command->kind),
            command->dry_run ? " (dry run)" : "", kt_enum_symbol(&kt_reason_type, command->reason));
    put_text(out, command->reason_text);
    putc('\n', out);
    if (command->kind == KT_COMMAND_HOLD) {
        return;
    }
    int width = 0;
    for (size_t i = 0; i < command->operators.count; i++) {
        const int wanted = columns(name_of(&command->operators.items[i]));
        width = wanted <= NAME_COLUMNS_MAX && wanted > width ? wanted : width;
    }
    for (size_t i = 0; i < command->operators.count; i++) {
        put_operator(out, &command->operators.items[i], width);
    }
}
