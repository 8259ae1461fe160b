/* SPDX-License-Identifier: GPL-3.0-or-later
 * Records to JSON and back: nothing is lost, nothing wrong gets in, and each refusal names its
 * field. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schemas/codec.h"
#include "schemas/fields.h"
#include "support/all_types.h"
#include "support/random_record.h"

#define MINIMAL                                                                                    \
    "\"cluster\":\"lab\",\"job_name\":\"orders\",\"job_id\":\"j\",\"vertex_id\":\"v\","            \
    "\"vertex_name\":\"map\",\"subtask\":0,\"timestamp_ms\":1795332584342"

static int arena_setup(void **state) {
    struct kt_arena *arena = malloc(sizeof *arena);
    if (arena == NULL) {
        return -1;
    }
    kt_arena_init(arena, 65536, 64U << 20);
    *state = arena;
    return 0;
}

static int arena_teardown(void **state) {
    kt_arena_free(*state);
    free(*state);
    return 0;
}

static enum kt_err from_text(const struct kt_record_type *type, const char *text,
                             struct kt_arena *arena, void *record, struct kt_error *error) {
    json_error_t at;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &at);
    if (json == NULL) {
        fail_msg("not JSON: %s: %s", at.text, text);
    }
    const enum kt_err err = kt_record_from_json(type, json, arena, record, error);
    json_decref(json);
    return err;
}

static void assert_refused(const struct kt_record_type *type, const char *text,
                           struct kt_arena *arena, enum kt_err code, const char *message) {
    void *record = test_malloc(type->size);
    struct kt_error error = {0};
    assert_int_equal(from_text(type, text, arena, record, &error), code);
    assert_string_equal(error.message, message);
    assert_int_equal(from_text(type, text, arena, record, NULL), code);
    test_free(record);
}

static void assert_dumped(const struct kt_record_type *type, const void *record,
                          const char *expected) {
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    assert_non_null(stream);
    assert_int_equal(kt_record_dump_json(stream, type, record), KT_ERR_OK);
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
}

static void minimal_event_reads_with_all_else_null(void **state) {
    struct kt_metric_event event;
    struct kt_error error = {0};
    assert_int_equal(from_text(&kt_metric_event_type, "{" MINIMAL "}", *state, &event, &error),
                     KT_ERR_OK);
    assert_true(kt_str_equal(event.cluster, KT_STR("lab")));
    assert_true(kt_str_equal(event.vertex_name, KT_STR("map")));
    assert_true(event.timestamp_ms == 1795332584342);
    assert_true(event.present == 0);
}

static void null_is_the_same_as_absent_and_unknown_members_are_ignored(void **state) {
    struct kt_metric_event event;
    assert_int_equal(from_text(&kt_metric_event_type,
                               "{" MINIMAL ",\"parallelism\":null,\"of_tomorrow\":[1,{}]}", *state,
                               &event, NULL),
                     KT_ERR_OK);
    assert_true(event.present == 0);
}

static void zero_is_not_null(void **state) {
    struct kt_metric_event event;
    assert_int_equal(from_text(&kt_metric_event_type,
                               "{" MINIMAL
                               ",\"records_in_total\":0,\"is_source\":false,\"upstream\":[]}",
                               *state, &event, NULL),
                     KT_ERR_OK);
    assert_true(KT_HAS(&event, KT_EVENT_RECORDS_IN_TOTAL));
    assert_true(KT_HAS(&event, KT_EVENT_IS_SOURCE));
    assert_true(KT_HAS(&event, KT_EVENT_UPSTREAM));
    assert_int_equal(event.upstream.count, 0);
}

static void upstream_reads_as_ids_and_as_records(void **state) {
    struct kt_metric_event event;
    assert_int_equal(from_text(&kt_metric_event_type,
                               "{" MINIMAL
                               ",\"upstream\":[\"a\",{\"vertex_id\":\"b\",\"ship_strategy\":"
                               "\"HASH\"},{\"vertex_id\":\"c\"}]}",
                               *state, &event, NULL),
                     KT_ERR_OK);
    assert_int_equal(event.upstream.count, 3);
    const struct kt_upstream *edges = event.upstream.items;
    assert_true(kt_str_equal(edges[0].vertex_id, KT_STR("a")));
    assert_false(KT_HAS(&edges[0], KT_UPSTREAM_SHIP_STRATEGY));
    assert_true(kt_str_equal(edges[1].vertex_id, KT_STR("b")));
    assert_true(KT_HAS(&edges[1], KT_UPSTREAM_SHIP_STRATEGY));
    assert_true(kt_str_equal(edges[1].ship_strategy, KT_STR("HASH")));
    assert_true(kt_str_equal(edges[2].vertex_id, KT_STR("c")));
}

static void measures_read_from_integers_and_from_nan(void **state) {
    struct kt_metric_event event;
    assert_int_equal(from_text(&kt_metric_event_type,
                               "{" MINIMAL ",\"busy_ms_per_s\":1000,\"idle_ms_per_s\":\"NaN\","
                               "\"parallelism\":26.0}",
                               *state, &event, NULL),
                     KT_ERR_OK);
    assert_true(event.busy_ms_per_s == 1000.0);
    assert_true(KT_HAS(&event, KT_EVENT_IDLE_MS_PER_S));
    assert_true(isnan(event.idle_ms_per_s));
    assert_int_equal(event.parallelism, 26);
}

static void values_of_a_wrong_kind_are_refused_by_name(void **state) {
    static const struct {
        const char *member;
        const char *message;
    } cases[] = {
        {"\"parallelism\":\"x\"", "parallelism: expected an int, got \"x\""},
        {"\"parallelism\":1.5", "parallelism: expected an int, got 1.5"},
        {"\"parallelism\":2147483648", "parallelism: expected an int, got 2147483648"},
        {"\"parallelism\":-2147483649", "parallelism: expected an int, got -2147483649"},
        {"\"parallelism\":true", "parallelism: expected an int, got true"},
        {"\"records_in_total\":1e300",
         "records_in_total: expected a long, got 1.0000000000000001e+300"},
        {"\"records_in_total\":\"12\"", "records_in_total: expected a long, got \"12\""},
        {"\"cpu_load\":\"Infinity\"", "cpu_load: expected a number, got \"Infinity\""},
        {"\"cpu_load\":[]", "cpu_load: expected a number, got an array"},
        {"\"is_source\":0", "is_source: expected true or false, got 0"},
        {"\"upstream\":{}", "upstream: expected an array, got an object"},
        {"\"upstream\":[\"a\",3]", "upstream[1]: expected an object, got 3"},
        {"\"upstream\":[null]", "upstream[0]: expected an object, got null"},
        {"\"upstream\":[{\"vertex_id\":7}]", "upstream[0].vertex_id: expected a string, got 7"},
        {"\"upstream\":[{}]", "upstream[0].vertex_id: missing"},
        {"\"upstream\":[\"a\\u0000b\"]", "upstream[0].vertex_id: contains a NUL character"},
        {"\"parallelism\":\"a\\n\\\"ü234567890123456789012345678901234567890\"",
         "parallelism: expected an int, got \"a\\n\\\"ü23456789012345678901234567890123456\"…"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "{" MINIMAL ",%s}", cases[i].member);
        assert_refused(&kt_metric_event_type, text, *state, KT_ERR_INVALID, cases[i].message);
    }
}

static void missing_fields_without_default_are_refused(void **state) {
    assert_refused(&kt_metric_event_type, "{}", *state, KT_ERR_INVALID, "cluster: missing");
    assert_refused(&kt_metric_event_type, "{\"cluster\":null}", *state, KT_ERR_INVALID,
                   "cluster: missing");
}

static void what_is_no_object_is_no_record(void **state) {
    assert_refused(&kt_metric_event_type, "3", *state, KT_ERR_INVALID, "expected an object, got 3");
    assert_refused(&kt_metric_event_type, "\"orders\"", *state, KT_ERR_INVALID,
                   "expected an object, got \"orders\"");
}

static void arrays_and_strings_are_bounded(void **state) {
    json_t *ids = json_array();
    for (int i = 0; i < KT_UPSTREAM_MAX + 1; i++) {
        json_array_append_new(ids, json_string("v"));
    }
    json_t *json = json_loads("{" MINIMAL "}", 0, NULL);
    json_object_set_new(json, "upstream", ids);
    struct kt_metric_event event;
    struct kt_error error = {0};
    assert_int_equal(kt_record_from_json(&kt_metric_event_type, json, *state, &event, &error),
                     KT_ERR_LIMIT);
    assert_string_equal(error.message, "upstream: expected at most 256 items, got 257");
    json_array_remove(ids, 0);
    assert_int_equal(kt_record_from_json(&kt_metric_event_type, json, *state, &event, &error),
                     KT_ERR_OK);
    assert_int_equal(event.upstream.count, KT_UPSTREAM_MAX);

    char *name = test_malloc(65537);
    memset(name, 'n', 65537);
    json_object_set_new(json, "job_id", json_stringn(name, 65537));
    assert_int_equal(kt_record_from_json(&kt_metric_event_type, json, *state, &event, &error),
                     KT_ERR_LIMIT);
    assert_string_equal(error.message, "job_id: expected at most 65536 bytes, got 65537");
    test_free(name);
    json_decref(json);
}

static void a_record_beyond_the_arena_is_refused(void **state) {
    (void)state;
    struct kt_arena small;
    kt_arena_init(&small, 64, 64);
    assert_refused(&kt_metric_event_type,
                   "{" MINIMAL ",\"upstream\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", &small,
                   KT_ERR_LIMIT, "vertex_name: the record does not fit in memory");
    kt_arena_free(&small);
}

static void enums_read_by_symbol(void **state) {
    struct kt_rescale_outcome outcome;
    static const char text[] = "{\"command_id\":\"c\",\"status\":\"%s\",\"achieved\":[],"
                               "\"accepted_at_ms\":1,\"running_at_ms\":2}";
    char line[256];
    snprintf(line, sizeof line, text, "PARTIAL");
    assert_int_equal(from_text(&kt_rescale_outcome_type, line, *state, &outcome, NULL), KT_ERR_OK);
    assert_int_equal(outcome.status, KT_STATUS_PARTIAL);
    snprintf(line, sizeof line, text, "DONE");
    assert_refused(&kt_rescale_outcome_type, line, *state, KT_ERR_INVALID,
                   "status: expected one of UNKNOWN, APPLIED, PARTIAL, REJECTED, EXPIRED, STALE, "
                   "FAILED, got \"DONE\"");
}

static void a_wrong_symbol_of_a_long_enum_names_the_enum(void **state) {
    struct kt_job_state job = {.phase = KT_PHASE_BIG};
    json_t *json = kt_record_to_json(&kt_job_state_type, &job);
    json_object_set_new(json, "last_reason", json_integer(3));
    struct kt_error error = {0};
    assert_int_equal(kt_record_from_json(&kt_job_state_type, json, *state, &job, &error),
                     KT_ERR_INVALID);
    assert_string_equal(error.message, "last_reason: expected a symbol of Reason, got 3");
    json_decref(json);
}

static void paths_reach_into_nested_records(void **state) {
    struct kt_history_point points[2] = {{.parallelism = 1}, {.parallelism = 2}};
    struct kt_operator_evidence operators[3] = {{0}};
    operators[2].history.items = points;
    operators[2].history.count = 2;
    struct kt_rescale_command command = {0};
    command.evidence.operators.items = operators;
    command.evidence.operators.count = 3;
    json_t *json = kt_record_to_json(&kt_rescale_command_type, &command);
    json_t *op = json_array_get(json_object_get(json_object_get(json, "evidence"), "operators"), 2);
    json_object_set_new(json_array_get(json_object_get(op, "history"), 1), "ability",
                        json_string("fast"));
    struct kt_error error = {0};
    assert_int_equal(kt_record_from_json(&kt_rescale_command_type, json, *state, &command, &error),
                     KT_ERR_INVALID);
    assert_string_equal(error.message, "evidence.operators[2].history[1].ability: expected a "
                                       "number, got \"fast\"");
    json_decref(json);
}

/* A small type with defaults, outside and inside. */
struct inner {
    int32_t depth;
};
struct outer {
    uint64_t present;
    struct kt_str name;
    int64_t count;
    struct inner inner;
    KT_ARRAY(struct inner) more;
    double note;
};
static const struct kt_field inner_fields[] = {KT_FIELD(struct inner, depth, INT)};
static const struct kt_record_type inner_type =
    KT_RECORD_TYPE("Inner", struct inner, inner_fields, NULL, false);
static const struct kt_field outer_fields[] = {
    KT_FIELD(struct outer, name, STRING),
    KT_FIELD(struct outer, count, LONG),
    KT_FIELD_RECORD(struct outer, inner, inner_type),
    KT_FIELD_RECORDS(struct outer, more, inner_type, 4),
    KT_FIELD_NULLABLE(struct outer, note, DOUBLE),
};
static const struct kt_record_type outer_type = KT_RECORD_TYPE(
    "Outer", struct outer, outer_fields,
    "{\"type\":\"record\",\"name\":\"Outer\",\"fields\":["
    "{\"name\":\"name\",\"type\":\"string\"},"
    "{\"name\":\"count\",\"type\":\"long\",\"default\":7},"
    "{\"name\":\"inner\",\"type\":{\"type\":\"record\",\"name\":\"Inner\",\"fields\":["
    "{\"name\":\"depth\",\"type\":\"int\",\"default\":9}]},\"default\":{\"depth\":8}},"
    "{\"name\":\"more\",\"type\":{\"type\":\"array\",\"items\":\"Inner\"},\"default\":[]},"
    "{\"name\":\"note\",\"type\":[\"null\",\"double\"],\"default\":null}]}",
    true);

static void defaults_come_from_the_schema(void **state) {
    struct outer record;
    assert_int_equal(from_text(&outer_type, "{\"name\":\"n\"}", *state, &record, NULL), KT_ERR_OK);
    assert_true(record.count == 7);
    assert_int_equal(record.inner.depth, 8);
    assert_int_equal(record.more.count, 0);
    assert_true(record.present == 0);
    assert_int_equal(from_text(&outer_type, "{\"name\":\"n\",\"inner\":{},\"more\":[{}]}", *state,
                               &record, NULL),
                     KT_ERR_OK);
    assert_int_equal(record.inner.depth, 9);
    assert_int_equal(record.more.items[0].depth, 9);
}

static void numbers_print_in_their_shortest_form(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "0.1"},
        {477.8333, "477.8333"},
        {1.0 / 3, "0.3333333333333333"},
        {1000, "1000"},
        {-0.0, "-0.0"},
        {1e22, "1e22"},
        {1e-7, "1e-7"},
        {0x1p53, "9007199254740992"},
        {DBL_MAX, "1.7976931348623157e308"},
        {5e-324, "4.94065645841247e-324"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = NULL;
        size_t len = 0;
        FILE *stream = open_memstream(&text, &len);
        json_t *json = json_real(cases[i].value);
        assert_int_equal(kt_json_dump(stream, json), KT_ERR_OK);
        fclose(stream);
        json_decref(json);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

static void doubles_that_are_not_finite_are_left_out(void **state) {
    (void)state;
    struct kt_operator_state op = {.name = KT_STR("n"), .lambda_known = NAN};
    KT_SET(&op, KT_OPSTATE_LAMBDA_KNOWN);
    assert_dumped(&kt_operator_state_type, &op,
                  "{\"vertex_id\":\"\",\"name\":\"n\",\"parallelism\":0,\"missed_windows\":0,"
                  "\"selectivity_windows\":0,\"input_ratio_windows\":0,\"change_points_ms\":[],"
                  "\"selectivity_base_per_s\":0,\"input_ratio_base_per_s\":0,"
                  "\"lag_gains\":[],\"lag_growth_per_s\":0,\"lag_generation\":0,"
                  "\"lag_end_ms\":0,\"loads_per_s\":[]}\n");
    op.lambda_known = -INFINITY;
    assert_dumped(&kt_operator_state_type, &op,
                  "{\"vertex_id\":\"\",\"name\":\"n\",\"parallelism\":0,\"missed_windows\":0,"
                  "\"selectivity_windows\":0,\"input_ratio_windows\":0,\"change_points_ms\":[],"
                  "\"selectivity_base_per_s\":0,\"input_ratio_base_per_s\":0,"
                  "\"lag_gains\":[],\"lag_growth_per_s\":0,\"lag_generation\":0,"
                  "\"lag_end_ms\":0,\"loads_per_s\":[]}\n");
}

static void bytes_that_are_not_text_are_shown_as_replaced(void **state) {
    (void)state;
    struct kt_target target = {.vertex_id = KT_STR("a\xFF\0z\xC3\xBC\xE2\x82"), .from = 1, .to = 2};
    assert_dumped(&kt_target_type, &target,
                  "{\"vertex_id\":\"a\xEF\xBF\xBD\xEF\xBF\xBDz\xC3\xBC\xEF\xBF\xBD\xEF\xBF\xBD\","
                  "\"from\":1,\"to\":2}\n");
}

static void dump_escapes_what_json_must(void **state) {
    (void)state;
    struct kt_target target = {.vertex_id = KT_STR("\"\\\n\x01ü"), .from = 1, .to = 2};
    assert_dumped(&kt_target_type, &target,
                  "{\"vertex_id\":\"\\\"\\\\\\n\\u0001ü\",\"from\":1,\"to\":2}\n");
}

static void dump_reports_a_full_disk(void **state) {
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    struct kt_target target = {.vertex_id = KT_STR("v")};
    assert_int_equal(kt_record_dump_json(full, &kt_target_type, &target), KT_ERR_IO);
    fclose(full);
}

static void random_records_of_every_type_survive_the_round_trip(void **state) {
    struct random_source source = {.state = 20231, .items_max = 4};
    for (size_t t = 0; t < ALL_TYPES; t++) {
        for (int i = 0; i < 200; i++) {
            union any_record before;
            union any_record after;
            kt_arena_reset(*state);
            random_record(&source, all_types[t], *state, &before);
            char *text = NULL;
            size_t len = 0;
            FILE *stream = open_memstream(&text, &len);
            assert_int_equal(kt_record_dump_json(stream, all_types[t], &before), KT_ERR_OK);
            fclose(stream);
            assert_ptr_equal(strchr(text, '\n'), text + len - 1);
            struct kt_error error = {0};
            if (from_text(all_types[t], text, *state, &after, &error) != KT_ERR_OK) {
                fail_msg("%s in %s", error.message, text);
            }
            const char *where = record_difference(all_types[t], &before, &after);
            if (where != NULL) {
                fail_msg("%s differs in %s", where, text);
            }
            free(text);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(minimal_event_reads_with_all_else_null),
        TEST(null_is_the_same_as_absent_and_unknown_members_are_ignored),
        TEST(zero_is_not_null),
        TEST(upstream_reads_as_ids_and_as_records),
        TEST(measures_read_from_integers_and_from_nan),
        TEST(values_of_a_wrong_kind_are_refused_by_name),
        TEST(missing_fields_without_default_are_refused),
        TEST(what_is_no_object_is_no_record),
        TEST(arrays_and_strings_are_bounded),
        TEST(a_record_beyond_the_arena_is_refused),
        TEST(enums_read_by_symbol),
        TEST(a_wrong_symbol_of_a_long_enum_names_the_enum),
        TEST(paths_reach_into_nested_records),
        TEST(defaults_come_from_the_schema),
        TEST(numbers_print_in_their_shortest_form),
        TEST(doubles_that_are_not_finite_are_left_out),
        TEST(bytes_that_are_not_text_are_shown_as_replaced),
        TEST(dump_escapes_what_json_must),
        TEST(dump_reports_a_full_disk),
        TEST(random_records_of_every_type_survive_the_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
