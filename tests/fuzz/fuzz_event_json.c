/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes a line of JSON on its way to a checked event. What is accepted must print as JSON that
 * reads back as the same event. */
#include "schemas/codec.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static char *print(const struct kt_metric_event *event) {
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    if (stream == NULL || kt_record_dump_json(stream, &kt_metric_event_type, event) != KT_ERR_OK ||
        fclose(stream) != 0) {
        abort();
    }
    return text;
}

static enum kt_err parse(const char *text, size_t len, struct kt_arena *arena,
                         struct kt_metric_event *event, struct kt_error *error) {
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (json == NULL) {
        return KT_ERR_PARSE;
    }
    const enum kt_err err = kt_record_from_json(&kt_metric_event_type, json, arena, event, error);
    if (err != KT_ERR_OK && (error->code != err || error->message[0] == '\0')) {
        abort();
    }
    json_decref(json);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct kt_arena arena;
    kt_arena_init(&arena, 4096, 1U << 20);
    struct kt_metric_event event;
    struct kt_error error = {0};
    if (parse((const char *)bytes, len, &arena, &event, &error) == KT_ERR_OK) {
        const enum kt_err checked = kt_metric_event_check(&event, &error);
        char *once = print(&event);
        struct kt_metric_event again;
        if (parse(once, strlen(once), &arena, &again, &error) != KT_ERR_OK ||
            kt_metric_event_check(&again, &error) != checked) {
            abort();
        }
        char *twice = print(&again);
        if (strcmp(once, twice) != 0) {
            abort();
        }
        free(once);
        free(twice);
    }
    kt_arena_free(&arena);
    return 0;
}
