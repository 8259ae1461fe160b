/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the encoder writes, held against Avro C's generic reader, and what it refuses to write. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schemas/codec.h"
#include "schemas/framing.h"
#include "support/all_types.h"
#include "support/avro_oracle.h"
#include "support/random_record.h"

struct fixture {
    struct kt_arena arena;
    struct kt_arena decoded;
    struct kt_bytes bytes;
    struct kt_encoder *encoder;
    struct kt_decoder *decoder;
};

static void open_fixture(struct fixture *f, const struct kt_record_type *type) {
    *f = (struct fixture){0};
    kt_arena_init(&f->arena, 65536, 1U << 28);
    kt_arena_init(&f->decoded, 65536, 1U << 28);
    assert_int_equal(kt_encoder_new(type, &f->encoder, NULL), KT_ERR_OK);
    assert_int_equal(kt_decoder_new(type, &f->decoder, NULL), KT_ERR_OK);
}

static void close_fixture(struct fixture *f) {
    kt_encoder_free(f->encoder);
    kt_decoder_free(f->decoder);
    kt_bytes_free(&f->bytes);
    kt_arena_free(&f->arena);
    kt_arena_free(&f->decoded);
}

static void encode(struct fixture *f, const void *record) {
    struct kt_error error = {0};
    const enum kt_err err = kt_encode(f->encoder, record, &f->bytes, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(err, KT_ERR_OK);
}

static void assert_decodes_to(struct fixture *f, const struct kt_record_type *type,
                              const void *record) {
    struct kt_error error = {0};
    union any_record back;
    kt_arena_reset(&f->decoded);
    const enum kt_err err =
        kt_decode(f->decoder, f->bytes.data, f->bytes.len, &f->decoded, &back, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(err, KT_ERR_OK);
    const char *difference = record_difference(type, record, &back);
    if (difference != NULL) {
        fail_msg("%s differs", difference);
    }
}

static void random_records_of_every_type_read_back_equal(void **state) {
    (void)state;
    for (size_t t = 0; t < ALL_TYPES; t++) {
        struct fixture f;
        open_fixture(&f, all_types[t]);
        struct random_source source = {
            .state = 1 + t, .items_max = 5, .non_finite = all_types[t] == &kt_metric_event_type};
        for (int n = 0; n < 200; n++) {
            union any_record record;
            kt_arena_reset(&f.arena);
            random_record(&source, all_types[t], &f.arena, &record);
            encode(&f, &record);
            assert_decodes_to(&f, all_types[t], &record);
        }
        close_fixture(&f);
    }
}

static void avro_c_reads_the_same_values(void **state) {
    (void)state;
    for (size_t t = 0; t < ALL_TYPES; t++) {
        struct fixture f;
        open_fixture(&f, all_types[t]);
        struct avro_oracle oracle;
        avro_oracle_open(&oracle, all_types[t]->schema_text);
        struct random_source source = {
            .state = 77 + t, .items_max = 4, .non_finite = all_types[t] == &kt_metric_event_type};
        for (int n = 0; n < 100; n++) {
            union any_record record;
            kt_arena_reset(&f.arena);
            random_record(&source, all_types[t], &f.arena, &record);
            encode(&f, &record);
            avro_oracle_read(&oracle, f.bytes.data + KT_FRAME_HEADER_BYTES,
                             f.bytes.len - KT_FRAME_HEADER_BYTES);
            const char *difference = avro_oracle_difference(&oracle, all_types[t], &record);
            if (difference != NULL) {
                fail_msg("%s differs", difference);
            }
        }
        avro_oracle_close(&oracle);
        close_fixture(&f);
    }
}

/* The largest command that the tables allow in operators; each with a full history. */
static void full_arrays_read_back_equal(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, &kt_rescale_command_type);
    static struct kt_history_point history[KT_HISTORY_POINTS_MAX];
    static struct kt_operator_evidence operators[KT_OPERATORS_MAX];
    static struct kt_operator_decision decisions[KT_OPERATORS_MAX];
    for (size_t i = 0; i < KT_HISTORY_POINTS_MAX; i++) {
        history[i] = (struct kt_history_point){(int32_t)i + 1, 1e6 * (double)i, 5};
    }
    for (size_t i = 0; i < KT_OPERATORS_MAX; i++) {
        operators[i].vertex_id = KT_STR("a0bcbe636c3291fd3f45c25deb2b0823");
        operators[i].history.items = history;
        operators[i].history.count = KT_HISTORY_POINTS_MAX;
        decisions[i].vertex_id = operators[i].vertex_id;
    }
    struct kt_rescale_command command = {.command_id = KT_STR("id")};
    command.operators.items = decisions;
    command.operators.count = KT_OPERATORS_MAX;
    command.evidence.operators.items = operators;
    command.evidence.operators.count = KT_OPERATORS_MAX;
    encode(&f, &command);
    assert_decodes_to(&f, &kt_rescale_command_type, &command);
    /* The buffer and the value are used again, for a small record too. */
    command.operators.count = 0;
    command.evidence.operators.count = 0;
    encode(&f, &command);
    assert_true(f.bytes.len < 500);
    assert_decodes_to(&f, &kt_rescale_command_type, &command);
    close_fixture(&f);
}

static void
a_job_of_100_operators_with_full_histories_stays_below_the_default_message_size(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, &kt_rescale_command_type);
    struct random_source source = {.state = 5, .items_max = 0};
    static struct kt_history_point history[KT_HISTORY_POINTS_MAX];
    static struct kt_edge edges[4];
    static struct kt_operator_evidence operators[100];
    static struct kt_operator_decision decisions[100];
    for (size_t i = 0; i < KT_HISTORY_POINTS_MAX; i++) {
        history[i] = (struct kt_history_point){32000 + (int32_t)i, 1e6, 5};
    }
    for (size_t i = 0; i < 100; i++) {
        random_record(&source, &kt_operator_evidence_type, &f.arena, &operators[i]);
        random_record(&source, &kt_operator_decision_type, &f.arena, &decisions[i]);
        operators[i].present = (UINT64_C(1) << KT_OPEV_FIELDS) - 1;
        operators[i].name = kt_arena_printf(&f.arena, "%0256d", 1);
        operators[i].history.items = history;
        operators[i].history.count = KT_HISTORY_POINTS_MAX;
        operators[i].inputs.items = edges;
        operators[i].inputs.count = 4;
    }
    struct kt_rescale_command command = {.command_id = KT_STR("id")};
    command.operators.items = decisions;
    command.operators.count = 100;
    command.evidence.operators.items = operators;
    command.evidence.operators.count = 100;
    encode(&f, &command);
    assert_true(f.bytes.len < 250000);
    close_fixture(&f);
}

static void assert_refused(const struct kt_record_type *type, const void *record,
                           const char *message) {
    struct kt_encoder *encoder = NULL;
    struct kt_bytes bytes = {0};
    struct kt_error error = {0};
    assert_int_equal(kt_encoder_new(type, &encoder, NULL), KT_ERR_OK);
    assert_int_equal(kt_encode(encoder, record, &bytes, &error), KT_ERR_INVALID);
    assert_int_equal(error.code, KT_ERR_INVALID);
    assert_string_equal(error.message, message);
    assert_int_equal(bytes.len, 0);
    kt_bytes_free(&bytes);
    kt_encoder_free(encoder);
}

static void a_number_that_is_not_finite_is_refused_outside_events(void **state) {
    (void)state;
    struct kt_operator_decision operators[2] = {{.lambda = 1}, {.lambda = (double)INFINITY}};
    KT_SET(&operators[1], KT_OPDEC_LAMBDA);
    struct kt_rescale_command command = {.operators.items = operators, .operators.count = 2};
    assert_refused(&kt_rescale_command_type, &command,
                   "RescaleCommand: operators: item 1: lambda: inf is not finite");
    /* A field that is null is not looked at. */
    KT_CLEAR(&operators[1], KT_OPDEC_LAMBDA);
    command.evidence.settings.busy_min = (double)NAN;
    assert_refused(&kt_rescale_command_type, &command,
                   "RescaleCommand: evidence: settings: busy_min: nan is not finite");
}

static void an_enum_out_of_range_is_refused(void **state) {
    (void)state;
    struct kt_rescale_outcome outcome = {.status = kt_status_type.count};
    assert_refused(&kt_rescale_outcome_type, &outcome, "RescaleOutcome: status: 7 is no Status");
    outcome.status = -1;
    assert_refused(&kt_rescale_outcome_type, &outcome, "RescaleOutcome: status: -1 is no Status");
}

static void more_items_than_the_table_allows_are_refused(void **state) {
    (void)state;
    static int64_t restarts[KT_RESTARTS_MAX + 1];
    struct kt_job_state job = {.restarts_ms.items = restarts,
                               .restarts_ms.count = KT_RESTARTS_MAX + 1};
    assert_refused(&kt_job_state_type, &job, "JobState: restarts_ms: 257 items, more than 256");
}

static void a_string_that_is_not_utf8_is_refused(void **state) {
    (void)state;
    struct kt_operator_history history = {.name = KT_STR("caf\xE9")};
    assert_refused(&kt_operator_history_type, &history,
                   "OperatorHistory: name: the string is not UTF-8");
}

static void a_refused_record_does_not_spoil_the_next(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, &kt_job_state_type);
    static int64_t restarts[KT_RESTARTS_MAX] = {1, 2, 3};
    struct kt_job_state job = {.cluster = KT_STR("lab"), .phase = 99};
    job.restarts_ms.items = restarts;
    job.restarts_ms.count = KT_RESTARTS_MAX;
    assert_int_equal(kt_encode(f.encoder, &job, &f.bytes, NULL), KT_ERR_INVALID);
    job.phase = KT_PHASE_BIG;
    job.restarts_ms.count = 3;
    encode(&f, &job);
    assert_decodes_to(&f, &kt_job_state_type, &job);
    close_fixture(&f);
}

static void strings_with_nul_bytes_keep_them(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, &kt_job_state_type);
    struct kt_job_state job = {.cluster = {"a\0b", 3}, .job_name = {NULL, 0}};
    encode(&f, &job);
    assert_decodes_to(&f, &kt_job_state_type, &job);
    close_fixture(&f);
}

static void a_nested_record_type_has_no_encoder(void **state) {
    (void)state;
    struct kt_encoder *encoder = NULL;
    struct kt_decoder *decoder = NULL;
    struct kt_error error = {0};
    assert_int_equal(kt_encoder_new(&kt_edge_type, &encoder, &error), KT_ERR_SCHEMA);
    assert_string_equal(error.message, "Edge is no top-level record");
    assert_int_equal(kt_decoder_new(&kt_edge_type, &decoder, &error), KT_ERR_SCHEMA);
    assert_null(encoder);
    assert_null(decoder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_records_of_every_type_read_back_equal),
        cmocka_unit_test(avro_c_reads_the_same_values),
        cmocka_unit_test(full_arrays_read_back_equal),
        cmocka_unit_test(
            a_job_of_100_operators_with_full_histories_stays_below_the_default_message_size),
        cmocka_unit_test(a_number_that_is_not_finite_is_refused_outside_events),
        cmocka_unit_test(an_enum_out_of_range_is_refused),
        cmocka_unit_test(more_items_than_the_table_allows_are_refused),
        cmocka_unit_test(a_string_that_is_not_utf8_is_refused),
        cmocka_unit_test(a_refused_record_does_not_spoil_the_next),
        cmocka_unit_test(strings_with_nul_bytes_keep_them),
        cmocka_unit_test(a_nested_record_type_has_no_encoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
