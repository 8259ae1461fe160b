/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes writers' schemas: a schema's text up to the first NUL byte, then a body written with it.
 * A text that parses has a canonical form that parses to the same form; a plan that compiles reads
 * the body without harm. */
#include "schemas/avro_plan.h"
#include "schemas/avro_schema.h"
#include "schemas/codec.h"
#include "schemas/metric_event.h"
#include "schemas/rescale_command.h"
#include "schemas/state.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const struct kt_record_type *const types[] = {
    &kt_metric_event_type, &kt_rescale_command_type, &kt_job_state_type, &kt_partition_state_type};

/* Also says which type the schema is of: NULL for a text that is no schema of any. */
static const struct kt_record_type *check_canonical_form(const char *text) {
    const struct kt_record_type *type = NULL;
    struct kt_avro_schema schema;
    struct kt_error error = {0};
    const enum kt_err err = kt_avro_schema_parse(text, &schema, &error);
    if (err != KT_ERR_OK) {
        if (error.code != err || error.message[0] == '\0') {
            abort();
        }
        return NULL;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (schema.root->name != NULL &&
            strcmp(kt_avro_short_name(schema.root->name), types[i]->name) == 0) {
            type = types[i];
        }
    }
    char *form = kt_avro_canonical_form(&schema);
    kt_avro_schema_free(&schema);
    /* Full names may make the form longer than a text may be. */
    if (form != NULL && strlen(form) <= KT_SCHEMA_BYTES_MAX) {
        if (kt_avro_schema_parse(form, &schema, NULL) != KT_ERR_OK) {
            abort();
        }
        char *again = kt_avro_canonical_form(&schema);
        kt_avro_schema_free(&schema);
        if (again == NULL || strcmp(form, again) != 0) {
            abort();
        }
        free(again);
    }
    free(form);
    return type;
}

static void check_plan(const struct kt_record_type *type, const char *text, const uint8_t *body,
                       size_t len) {
    struct kt_plan *plan = NULL;
    struct kt_error error = {0};
    const enum kt_err err = kt_plan_compile(type, text, &plan, &error);
    if (err != KT_ERR_OK) {
        if (error.code != err || error.message[0] == '\0') {
            abort();
        }
        return;
    }
    struct kt_arena arena;
    size_t used = 0;
    void *record = malloc(type->size);
    kt_arena_init(&arena, 4096, 4U << 20);
    if (record == NULL) {
        abort();
    }
    const enum kt_err read = kt_plan_read(plan, body, len, &used, &arena, record, &error);
    if (read == KT_ERR_OK ? used > len : error.message[0] == '\0') {
        abort();
    }
    free(record);
    kt_arena_free(&arena);
    kt_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    size_t text_len = 0;
    while (text_len < len && bytes[text_len] != 0) {
        text_len++;
    }
    char *text = malloc(text_len + 1);
    const size_t body_at = text_len < len ? text_len + 1 : len;
    uint8_t *body = malloc(len - body_at + 1);
    if (text == NULL || body == NULL) {
        abort();
    }
    memcpy(text, bytes, text_len);
    text[text_len] = '\0';
    memcpy(body, bytes + body_at, len - body_at);
    const struct kt_record_type *type = check_canonical_form(text);
    if (type != NULL) {
        check_plan(type, text, body, len - body_at);
    }
    free(body);
    free(text);
    return 0;
}
