/* SPDX-License-Identifier: GPL-3.0-or-later
 * A command as a record: its key, its headers, and what is left out when it does not fit. */
#include "producer/command_out.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OPERATORS 100

static struct kt_rescale_command a_command(struct kt_operator_evidence *evidence,
                                           struct kt_operator_decision *decision) {
    for (size_t i = 0; i < OPERATORS; i++) {
        evidence[i] = (struct kt_operator_evidence){.vertex_id = KT_STR("a0bcbe636c3291fd"),
                                                    .name = KT_STR("parse"),
                                                    .parallelism = 1,
                                                    .min_allowed = 1,
                                                    .max_allowed = 8};
    }
    *decision = (struct kt_operator_decision){
        .vertex_id = KT_STR("a0bcbe636c3291fd"), .name = KT_STR("parse"), .from = 1, .to = 3};
    struct kt_rescale_command command = {.command_id = KT_STR("c0ffee"),
                                         .kind = KT_COMMAND_RESCALE,
                                         .policy = KT_STR("conttune"),
                                         .cluster = KT_STR("lab"),
                                         .job_name = KT_STR("orders"),
                                         .job_id = KT_STR("1"),
                                         .decided_at_ms = 1795332600000,
                                         .expires_at_ms = 1795332780000,
                                         .reason_text = KT_STR("because")};
    command.operators.items = decision;
    command.operators.count = 1;
    command.evidence.operators.items = evidence;
    command.evidence.operators.count = OPERATORS;
    return command;
}

struct parts {
    struct kt_operator_evidence evidence[OPERATORS];
    struct kt_operator_decision decision;
    struct kt_rescale_command command;
    struct kt_command_out *out;
    struct kt_decoder *decoder;
    struct kt_arena arena;
};

static int set_up(void **state) {
    struct parts *parts = calloc(1, sizeof *parts);
    parts->command = a_command(parts->evidence, &parts->decision);
    assert_int_equal(kt_command_out_new("kontune/lab", &parts->out, NULL), KT_ERR_OK);
    assert_int_equal(kt_decoder_new(&kt_rescale_command_type, &parts->decoder, NULL), KT_ERR_OK);
    kt_arena_init(&parts->arena, 65536, 1 << 24);
    *state = parts;
    return 0;
}

static int tear_down(void **state) {
    struct parts *parts = *state;
    kt_command_out_free(parts->out);
    kt_decoder_free(parts->decoder);
    kt_arena_free(&parts->arena);
    free(parts);
    return 0;
}

static struct kt_rescale_command decoded(struct parts *parts,
                                         const struct kt_command_record *record) {
    struct kt_rescale_command command;
    assert_int_equal(kt_decode(parts->decoder, record->value.data, record->value.len, &parts->arena,
                               &command, NULL),
                     KT_ERR_OK);
    return command;
}

static void a_command_that_fits_is_whole(void **state) {
    struct parts *parts = *state;
    struct kt_command_record record;
    assert_int_equal(kt_command_out_encode(parts->out, &parts->command, 1000000, &record, NULL),
                     KT_ERR_OK);
    assert_true(kt_str_equal(record.key, KT_STR("lab/orders")));
    const struct kt_rescale_command command = decoded(parts, &record);
    assert_int_equal(command.evidence.operators.count, OPERATORS);
    const void *value;
    size_t len;
    assert_int_equal(rd_kafka_header_get_last(record.headers, "kontune.evidence", &value, &len),
                     RD_KAFKA_RESP_ERR__NOENT);
    assert_int_equal(rd_kafka_header_get_last(record.headers, "ce_id", &value, &len),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_memory_equal(value, "c0ffee", 6);
    rd_kafka_headers_destroy(record.headers);
}

static void a_command_too_large_loses_its_evidence_and_says_so(void **state) {
    struct parts *parts = *state;
    struct kt_command_record record;
    assert_int_equal(kt_command_out_encode(parts->out, &parts->command, 1000, &record, NULL),
                     KT_ERR_OK);
    assert_true(record.value.len <= 1000);
    const struct kt_rescale_command command = decoded(parts, &record);
    assert_int_equal(command.evidence.operators.count, 0);
    assert_int_equal(command.operators.count, 1);
    assert_int_equal(command.operators.items[0].to, 3);
    const void *value;
    size_t len;
    assert_int_equal(rd_kafka_header_get_last(record.headers, "kontune.evidence", &value, &len),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_memory_equal(value, "omitted", 7);
    rd_kafka_headers_destroy(record.headers);
    /* the caller's command is as it was */
    assert_int_equal(parts->command.evidence.operators.count, OPERATORS);
}

static void a_command_too_large_even_so_is_an_error_that_names_the_job(void **state) {
    struct parts *parts = *state;
    struct kt_command_record record;
    struct kt_error error;
    assert_int_equal(kt_command_out_encode(parts->out, &parts->command, 100, &record, &error),
                     KT_ERR_LIMIT);
    assert_non_null(strstr(error.message, "job lab/orders"));
}

static void a_number_that_is_not_finite_is_never_sent(void **state) {
    struct parts *parts = *state;
    struct kt_command_record record;
    struct kt_error error;
    parts->decision.lambda = (double)NAN;
    KT_SET(&parts->decision, KT_OPDEC_LAMBDA);
    assert_int_equal(kt_command_out_encode(parts->out, &parts->command, 1000000, &record, &error),
                     KT_ERR_NUMERIC);
    assert_non_null(strstr(error.message, "job lab/orders"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_command_that_fits_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_command_too_large_loses_its_evidence_and_says_so, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_command_too_large_even_so_is_an_error_that_names_the_job,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_number_that_is_not_finite_is_never_sent, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
