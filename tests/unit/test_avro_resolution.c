/* SPDX-License-Identifier: GPL-3.0-or-later
 * Avro's rules of schema resolution and every kind of malformed body, one by one: a record that has
 * a field of each kind is read from bytes that are written out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schemas/avro_plan.h"
#include "schemas/fields.h"

enum colour { RED, GREEN, BLUE };
static const char *const colours[] = {"RED", "GREEN", "BLUE"};
static const struct kt_enum_type colour_type = {"Colour", colours, 3};

struct part {
    uint64_t present;
    int32_t number;
    struct kt_str label;
    double weight; /* nullable */
};
#define S struct part
static const struct kt_field part_fields[] = {
    KT_FIELD(S, number, INT),
    KT_FIELD(S, label, STRING),
    KT_FIELD_NULLABLE(S, weight, DOUBLE),
};
#undef S
static const struct kt_record_type part_type =
    KT_RECORD_TYPE("Part", struct part, part_fields, NULL, true);

struct probe {
    uint64_t present;
    bool flag;
    int32_t small;
    int64_t big;
    double real;
    struct kt_str text;
    int colour;
    struct part part;
    KT_ARRAY(int32_t) list;
    KT_ARRAY(struct part) parts;
    int64_t maybe;         /* nullable */
    struct part spare;     /* nullable */
    struct kt_str renamed; /* its alias is "old_name" */
};
enum { PROBE_MAYBE = 9, PROBE_SPARE = 10 };
#define S struct probe
static const struct kt_field probe_fields[] = {
    KT_FIELD(S, flag, BOOL),
    KT_FIELD(S, small, INT),
    KT_FIELD(S, big, LONG),
    KT_FIELD(S, real, DOUBLE),
    KT_FIELD(S, text, STRING),
    KT_FIELD_ENUM(S, colour, colour_type),
    KT_FIELD_RECORD(S, part, part_type),
    KT_FIELD_ARRAY(S, list, INT, 4),
    KT_FIELD_RECORDS(S, parts, part_type, 4),
    [PROBE_MAYBE] = KT_FIELD_NULLABLE(S, maybe, LONG),
    [PROBE_SPARE] = KT_FIELD_RECORD_NULLABLE(S, spare, part_type),
    KT_FIELD(S, renamed, STRING),
};
#undef S
static const char probe_schema[] =
    "{\"type\":\"record\",\"name\":\"kt.Probe\",\"aliases\":[\"Sonde\",\"far.Sonde\"],\"fields\":["
    "{\"name\":\"flag\",\"type\":\"boolean\",\"default\":true},"
    "{\"name\":\"small\",\"type\":\"int\",\"default\":-7},"
    "{\"name\":\"big\",\"type\":\"long\",\"default\":8589934592},"
    "{\"name\":\"real\",\"type\":\"double\",\"default\":0.5},"
    "{\"name\":\"text\",\"type\":\"string\",\"default\":\"none\"},"
    "{\"name\":\"colour\",\"type\":{\"type\":\"enum\",\"name\":\"Colour\",\"symbols\":"
    "[\"RED\",\"GREEN\",\"BLUE\"],\"default\":\"BLUE\"},\"default\":\"GREEN\"},"
    "{\"name\":\"part\",\"type\":{\"type\":\"record\",\"name\":\"Part\",\"fields\":["
    "{\"name\":\"number\",\"type\":\"int\"},"
    "{\"name\":\"label\",\"type\":\"string\",\"default\":\"unnamed\"},"
    "{\"name\":\"weight\",\"type\":[\"null\",\"double\"],\"default\":null}]},"
    "\"default\":{\"number\":3}},"
    "{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"int\"},\"default\":[1,2,3]},"
    "{\"name\":\"parts\",\"type\":{\"type\":\"array\",\"items\":\"Part\"},"
    "\"default\":[{\"number\":1,\"label\":\"x\"},{\"number\":2}]},"
    "{\"name\":\"maybe\",\"type\":[\"null\",\"long\"],\"default\":null},"
    "{\"name\":\"spare\",\"type\":[\"null\",\"Part\"],\"default\":null},"
    "{\"name\":\"renamed\",\"type\":\"string\",\"aliases\":[\"text\",\"old_name\"],"
    "\"default\":\"\"}]}";
static const struct kt_record_type probe_type =
    KT_RECORD_TYPE("Probe", struct probe, probe_fields, probe_schema, true);

/* A plan, its arena and the last record and error; freed by the test's teardown. */
struct fixture {
    struct kt_plan *plan;
    struct kt_arena arena;
    struct kt_error error;
    struct probe probe;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return -1;
    }
    kt_arena_init(&f->arena, 4096, 1U << 20);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kt_plan_free(f->plan);
    kt_arena_free(&f->arena);
    free(f);
    return 0;
}

/* The writer's schema is a record Probe with these fields. */
static enum kt_err compile(struct fixture *f, const char *fields) {
    char schema[4096];
    snprintf(schema, sizeof schema, "{\"type\":\"record\",\"name\":\"Probe\",\"fields\":[%s]}",
             fields);
    kt_plan_free(f->plan);
    f->plan = NULL;
    f->error = (struct kt_error){0};
    return kt_plan_compile(&probe_type, schema, &f->plan, &f->error);
}

/* Reads from memory of exactly that length, so that the sanitizer sees a read beyond it. The
 * bytes stay with the arena, as the record borrows from them. */
static enum kt_err read_bytes(struct fixture *f, const char *bytes, size_t len) {
    unsigned char *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    f->error = (struct kt_error){0};
    const enum kt_err err = kt_plan_read(f->plan, copy, len, NULL, &f->arena, &f->probe, &f->error);
    /* Strings are moved before the bytes go. */
    if (err == KT_ERR_OK) {
        f->probe.text = kt_arena_str(&f->arena, f->probe.text);
        f->probe.renamed = kt_arena_str(&f->arena, f->probe.renamed);
        f->probe.part.label = kt_arena_str(&f->arena, f->probe.part.label);
    }
    free(copy);
    return err;
}

#define READ(f, fields, bytes)                                                                     \
    do {                                                                                           \
        assert_int_equal(compile((f), (fields)), KT_ERR_OK);                                       \
        const enum kt_err read_err = read_bytes((f), (bytes), sizeof(bytes) - 1);                  \
        assert_string_equal((f)->error.message, "");                                               \
        assert_int_equal(read_err, KT_ERR_OK);                                                     \
    } while (0)

#define REFUSE(f, fields, bytes, expected, text)                                                   \
    do {                                                                                           \
        assert_int_equal(compile((f), (fields)), KT_ERR_OK);                                       \
        assert_int_equal(read_bytes((f), (bytes), sizeof(bytes) - 1), (expected));                 \
        assert_int_equal((f)->error.code, (expected));                                             \
        assert_string_equal((f)->error.message, (text));                                           \
    } while (0)

#define UNRESOLVED(f, fields, text)                                                                \
    do {                                                                                           \
        assert_int_equal(compile((f), (fields)), KT_ERR_SCHEMA);                                   \
        assert_string_equal((f)->error.message, (text));                                           \
    } while (0)

static void assert_text(struct kt_str text, const char *expected) {
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define PART              "{\"type\":\"record\",\"name\":\"Part\",\"fields\":[" FIELD("number", "\"int\"") "]}"

/* ---- what a writer may do ---------------------------------------------------------------- */

static void a_writer_without_fields_gives_every_default(void **state) {
    struct fixture *f = *state;
    READ(f, "", "");
    assert_true(f->probe.flag);
    assert_int_equal(f->probe.small, -7);
    assert_int_equal(f->probe.big, INT64_C(8589934592));
    assert_true(f->probe.real == 0.5);
    assert_text(f->probe.text, "none");
    assert_int_equal(f->probe.colour, GREEN);
    assert_int_equal(f->probe.part.number, 3);
    assert_text(f->probe.part.label, "unnamed");
    assert_int_equal(f->probe.part.present, 0);
    assert_int_equal(f->probe.list.count, 3);
    assert_int_equal(f->probe.list.items[2], 3);
    assert_int_equal(f->probe.parts.count, 2);
    assert_text(f->probe.parts.items[0].label, "x");
    assert_text(f->probe.parts.items[1].label, "unnamed");
    assert_int_equal(f->probe.present, 0);
    assert_text(f->probe.renamed, "");
}

static void numbers_are_promoted(void **state) {
    struct fixture *f = *state;
    READ(f, FIELD("big", "\"int\""), "\xFF\xFF\xFF\xFF\x0F");
    assert_int_equal(f->probe.big, INT32_MIN);
    READ(f, FIELD("real", "\"int\""), "\x03");
    assert_true(f->probe.real == -2.0);
    READ(f, FIELD("real", "\"long\""), "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
    assert_true(f->probe.real == 9223372036854775808.0);
    READ(f, FIELD("real", "\"float\""), "\x00\x00\xC0\x3F");
    assert_true(f->probe.real == 1.5);
    READ(f, FIELD("maybe", "\"int\""), "\x04");
    assert_int_equal(f->probe.maybe, 2);
    assert_true(KT_HAS(&f->probe, PROBE_MAYBE));
}

static void not_a_number_is_kept(void **state) {
    struct fixture *f = *state;
    READ(f, FIELD("real", "\"double\""), "\x00\x00\x00\x00\x00\x00\xF8\x7F");
    assert_true(isnan(f->probe.real));
}

static void bytes_are_read_as_a_string(void **state) {
    struct fixture *f = *state;
    READ(f, FIELD("text", "\"bytes\""),
         "\x06"
         "abc");
    assert_text(f->probe.text, "abc");
}

static void a_field_is_found_by_alias_unless_the_alias_is_another_fields_name(void **state) {
    struct fixture *f = *state;
    READ(f, FIELD("old_name", "\"string\""), "\x02z");
    assert_text(f->probe.renamed, "z");
    /* "text" is an alias of renamed, but a field of its own here. */
    READ(f, FIELD("text", "\"string\"") "," FIELD("old_name", "\"string\""), "\x02y\x02z");
    assert_text(f->probe.text, "y");
    assert_text(f->probe.renamed, "z");
    READ(f, FIELD("renamed", "\"string\"") "," FIELD("old_name", "\"string\""), "\x02n\x02z");
    assert_text(f->probe.renamed, "n");
}

static void a_record_is_recognised_by_its_short_name_or_an_alias(void **state) {
    struct fixture *f = *state;
    static const char *const good[] = {"Probe", "elsewhere.Probe", "kt.Sonde", "far.Sonde"};
    static const char *const bad[] = {"Sonde", "elsewhere.Sonde", "Probes"};
    char schema[256];
    for (size_t i = 0; i < 4; i++) {
        snprintf(schema, sizeof schema, "{\"type\":\"record\",\"name\":\"%s\",\"fields\":[]}",
                 good[i]);
        struct kt_plan *plan = NULL;
        bool concerns = false;
        assert_int_equal(kt_plan_compile(&probe_type, schema, &plan, NULL), KT_ERR_OK);
        assert_int_equal(kt_plan_concerns(&probe_type, schema, &concerns, NULL), KT_ERR_OK);
        assert_true(concerns);
        kt_plan_free(plan);
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(schema, sizeof schema, "{\"type\":\"record\",\"name\":\"%s\",\"fields\":[]}",
                 bad[i]);
        bool concerns = true;
        assert_int_equal(kt_plan_compile(&probe_type, schema, &f->plan, &f->error), KT_ERR_SCHEMA);
        assert_non_null(strstr(f->error.message, "cannot be read as kt.Probe"));
        assert_int_equal(kt_plan_concerns(&probe_type, schema, &concerns, NULL), KT_ERR_OK);
        assert_false(concerns);
    }
}

static void symbols_are_matched_by_name_and_unknown_ones_become_the_default(void **state) {
    struct fixture *f = *state;
#define PAINT                                                                                      \
    FIELD("colour", "{\"type\":\"enum\",\"name\":\"x.Colour\",\"symbols\":[\"BLUE\",\"MAUVE\","    \
                    "\"RED\"]}")
    READ(f, PAINT, "\x04");
    assert_int_equal(f->probe.colour, RED);
    READ(f, PAINT, "\x02");
    assert_int_equal(f->probe.colour, BLUE);
}

static void a_nullable_field_takes_the_unions_of_any_shape(void **state) {
    struct fixture *f = *state;
    READ(f, FIELD("maybe", "[\"null\",\"long\"]"), "\x02\x08");
    assert_int_equal(f->probe.maybe, 4);
    READ(f, FIELD("maybe", "[\"long\",\"null\"]"), "\x00\x08");
    assert_int_equal(f->probe.maybe, 4);
    READ(f, FIELD("maybe", "[\"long\",\"null\"]"), "\x02");
    assert_false(KT_HAS(&f->probe, PROBE_MAYBE));
    assert_int_equal(f->probe.maybe, 0);
    READ(f, FIELD("maybe", "[\"string\",\"int\",\"null\",\"long\"]"), "\x02\x08");
    assert_int_equal(f->probe.maybe, 4);
    assert_true(KT_HAS(&f->probe, PROBE_MAYBE));
    READ(f, FIELD("maybe", "[\"string\",\"int\",\"null\",\"long\"]"), "\x04");
    assert_false(KT_HAS(&f->probe, PROBE_MAYBE));
    READ(f, FIELD("maybe", "\"null\""), "");
    assert_false(KT_HAS(&f->probe, PROBE_MAYBE));
    READ(f, FIELD("maybe", "[\"null\"]"), "\x00");
    assert_false(KT_HAS(&f->probe, PROBE_MAYBE));
    READ(f, FIELD("spare", "[\"null\"," PART "]"), "\x02\x12");
    assert_true(KT_HAS(&f->probe, PROBE_SPARE));
    assert_int_equal(f->probe.spare.number, 9);
    assert_text(f->probe.spare.label, "unnamed");
}

static void a_field_that_cannot_be_null_takes_the_fitting_branches_of_a_union(void **state) {
    struct fixture *f = *state;
    READ(f, FIELD("real", "[\"null\",\"string\",\"float\",\"int\"]"), "\x06\x08");
    assert_true(f->probe.real == 4.0);
    REFUSE(f, FIELD("real", "[\"null\",\"string\",\"float\",\"int\"]"), "\x00", KT_ERR_DECODE,
           "real: a value of the writer's branch null does not fit (byte 1 of 1)");
    REFUSE(f, FIELD("real", "[\"null\",\"string\",\"float\",\"int\"]"), "\x02\x02x", KT_ERR_DECODE,
           "real: a value of the writer's branch string does not fit (byte 1 of 3)");
}

static void fields_that_are_not_wanted_are_skipped_whatever_their_type(void **state) {
    struct fixture *f = *state;
#define AFTER "," FIELD("small", "\"int\"")
#define SKIPS(type, bytes)                                                                         \
    do {                                                                                           \
        READ(f, FIELD("extra", type) AFTER, bytes "\x0A");                                         \
        assert_int_equal(f->probe.small, 5);                                                       \
    } while (0)
    SKIPS("\"null\"", "");
    SKIPS("\"boolean\"", "\x01");
    SKIPS("\"int\"", "\x80\x01");
    SKIPS("\"long\"", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
    SKIPS("\"float\"", "\xFF\xFF\xFF\xFF");
    SKIPS("\"double\"", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    SKIPS("\"bytes\"", "\x04\xFF\xFE");
    SKIPS("\"string\"", "\x00");
    SKIPS("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", "abc");
    SKIPS("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "\x02");
    SKIPS("{\"type\":\"array\",\"items\":\"string\"}", "\x04\x02x\x00\x02\x04yz\x00");
    SKIPS("{\"type\":\"array\",\"items\":\"string\"}", "\x03\x06\x02x\x00\x00");
    SKIPS("{\"type\":\"array\",\"items\":\"null\"}",
          "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x00");
    SKIPS("{\"type\":\"map\",\"values\":\"int\"}", "\x02\x02k\x08\x00");
    SKIPS("{\"type\":\"map\",\"values\":\"null\"}", "\x04\x02k\x02l\x00");
    SKIPS("[\"null\",\"double\",\"string\"]", "\x04\x02x");
    SKIPS(PART, "\x08");
    SKIPS("{\"type\":\"record\",\"name\":\"L\",\"fields\":[" FIELD("next", "[\"null\",\"L\"]") "]}",
          "\x02\x02\x02\x00");
}

static void an_array_may_come_in_blocks_with_and_without_size(void **state) {
    struct fixture *f = *state;
    READ(f, FIELD("list", "{\"type\":\"array\",\"items\":\"int\"}"),
         "\x02\x02\x03\x04\x04\x06\x02\x08\x00");
    assert_int_equal(f->probe.list.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(f->probe.list.items[i], i + 1);
    }
    READ(f, FIELD("list", "{\"type\":\"array\",\"items\":\"int\"}"), "\x00");
    assert_int_equal(f->probe.list.count, 0);
}

static void items_without_bytes_take_their_defaults(void **state) {
    struct fixture *f = *state;
    assert_int_equal(compile(f, FIELD("parts", "{\"type\":\"array\",\"items\":{\"type\":\"record\","
                                               "\"name\":\"Part\",\"fields\":[]}}")),
                     KT_ERR_SCHEMA);
    assert_string_equal(f->error.message, "parts.number: the writer does not have this field and "
                                          "it has no default");
}

static void items_may_be_in_a_union(void **state) {
    struct fixture *f = *state;
    READ(f, FIELD("parts", "{\"type\":\"array\",\"items\":[\"null\"," PART "]}"),
         "\x04\x02\x0A\x02\x0C\x00");
    assert_int_equal(f->probe.parts.count, 2);
    assert_int_equal(f->probe.parts.items[1].number, 6);
    REFUSE(f, FIELD("parts", "{\"type\":\"array\",\"items\":[\"null\"," PART "]}"),
           "\x04\x02\x0A\x00\x00", KT_ERR_DECODE,
           "parts[1]: a value of the writer's branch null does not fit (byte 4 of 5)");
}

static void one_record_of_the_writer_serves_several_fields(void **state) {
    struct fixture *f = *state;
    READ(f,
         FIELD("part", PART) "," FIELD("spare", "\"Part\"") "," FIELD(
             "parts", "{\"type\":\"array\",\"items\":\"Part\"}"),
         "\x02\x04\x02\x06\x00");
    assert_int_equal(f->probe.part.number, 1);
    assert_int_equal(f->probe.spare.number, 2);
    assert_int_equal(f->probe.parts.items[0].number, 3);
}

static void the_bytes_used_are_told_when_asked_for(void **state) {
    struct fixture *f = *state;
    size_t used = 0;
    assert_int_equal(compile(f, FIELD("small", "\"int\"")), KT_ERR_OK);
    assert_int_equal(kt_plan_read(f->plan, "\x80\x01\x02", 3, &used, &f->arena, &f->probe, NULL),
                     KT_ERR_OK);
    assert_int_equal(used, 2);
}

/* ---- what cannot be resolved ------------------------------------------------------------- */

static void types_that_do_not_fit_are_refused_with_the_field(void **state) {
    struct fixture *f = *state;
    UNRESOLVED(f, FIELD("flag", "\"int\""), "flag: the writer's int cannot be read as boolean");
    UNRESOLVED(f, FIELD("small", "\"long\""), "small: the writer's long cannot be read as int");
    UNRESOLVED(f, FIELD("big", "\"double\""), "big: the writer's double cannot be read as long");
    UNRESOLVED(f, FIELD("text", "\"null\""), "text: the writer's null cannot be read as string");
    UNRESOLVED(f, FIELD("maybe", "\"string\""),
               "maybe: the writer's string cannot be read as null or long");
    UNRESOLVED(f, FIELD("big", "[\"null\",\"string\"]"),
               "big: the writer's string cannot be read as long");
    UNRESOLVED(f, FIELD("big", "[]"), "big: the writer's union has no branches");
    UNRESOLVED(f, FIELD("list", "\"int\""), "list: the writer's int cannot be read as array");
    UNRESOLVED(f, FIELD("list", "{\"type\":\"array\",\"items\":\"string\"}"),
               "list: the writer's string cannot be read as int");
    UNRESOLVED(f, FIELD("list", "{\"type\":\"map\",\"values\":\"int\"}"),
               "list: the writer's map cannot be read as array");
    UNRESOLVED(f, FIELD("colour", "{\"type\":\"enum\",\"name\":\"Hue\",\"symbols\":[\"RED\"]}"),
               "colour: the writer's Hue cannot be read as kt.Colour");
    UNRESOLVED(f, FIELD("part", "{\"type\":\"record\",\"name\":\"Piece\",\"fields\":[]}"),
               "part: the writer's Piece cannot be read as kt.Part");
    UNRESOLVED(f,
               FIELD("part", "{\"type\":\"record\",\"name\":\"Part\",\"fields\":[" FIELD(
                                 "number", "\"string\"") "]}"),
               "part.number: the writer's string cannot be read as int");
    UNRESOLVED(f,
               FIELD("part", "{\"type\":\"record\",\"name\":\"Part\",\"fields\":[" FIELD(
                                 "label", "\"string\"") "]}"),
               "part.number: the writer does not have this field and it has no default");
}

static void texts_that_are_no_schema_are_refused_with_the_place(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *fields;
        const char *message;
    } cases[] = {
        {FIELD("a", "\"nothing\""), "a: unknown type \"nothing\""},
        {FIELD("a", "7"), "a: neither a name nor a type's definition"},
        {FIELD("a", "{\"type\":\"array\"}"), "a: the array has no items"},
        {FIELD("a", "{\"type\":\"map\"}"), "a: the map has no values"},
        {FIELD("a", "{\"type\":\"enum\",\"name\":\"E\"}"), "a: enum E has no symbols"},
        {FIELD("a", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}"),
         "a: symbol \"A\" occurs twice"},
        {FIELD("a", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A-B\"]}"),
         "a: symbol 0 is not a name"},
        {FIELD("a", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}"),
         "a: the default of enum E is none of its symbols"},
        {FIELD("a", "{\"type\":\"fixed\",\"name\":\"F\"}"), "a: fixed F has no size"},
        {FIELD("a", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}"), "a: fixed F has no size"},
        {FIELD("a", "{\"type\":\"fixed\",\"size\":1}"), "a: a fixed needs a well-formed name"},
        {FIELD("a", "{\"type\":\"fixed\",\"name\":\"a..b\",\"size\":1}"),
         "a: a fixed needs a well-formed name"},
        {FIELD("a", "{\"type\":\"fixed\",\"name\":\"int\",\"size\":1}"),
         "a: \"int\" cannot be defined anew"},
        {FIELD("a", "{\"type\":\"fixed\",\"name\":\"Probe\",\"size\":1}"),
         "a: Probe is defined twice"},
        {FIELD("a", "{\"type\":\"record\",\"name\":\"R\"}"), "a: record R has no list of fields"},
        {FIELD("a", "\"Probe\""), "a: Probe contains itself without end"},
        {FIELD("a", "[\"int\",[\"null\"]]"), "a: a union stands directly in a union"},
        {FIELD("a", "[\"int\",\"int\"]"), "a: branch \"int\" occurs twice"},
        {FIELD("a", "\"int\"") "," FIELD("a", "\"int\""), "field \"a\" occurs twice"},
        {FIELD("1a", "\"int\""), "a field needs a well-formed name"},
        {"{\"name\":\"a\"}", "a: the field has no type"},
        {"7", "a field needs a well-formed name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        UNRESOLVED(f, cases[i].fields, cases[i].message);
    }
    assert_int_equal(kt_plan_compile(&probe_type, "{\n\"type\":", &f->plan, &f->error),
                     KT_ERR_SCHEMA);
    assert_non_null(strstr(f->error.message, "line 2"));
    assert_int_equal(kt_plan_compile(&probe_type, "\"string\"", &f->plan, &f->error),
                     KT_ERR_SCHEMA);
    assert_string_equal(f->error.message, "the writer's string cannot be read as kt.Probe");
}

static void a_schema_nested_without_end_is_refused(void **state) {
    struct fixture *f = *state;
    enum { LEVELS = 500 };
    static char type[LEVELS * 40 + 100];
    size_t len = 0;
    for (int i = 0; i < LEVELS; i++) {
        len += (size_t)sprintf(type + len, "{\"type\":\"array\",\"items\":");
    }
    len += (size_t)sprintf(type + len, "\"int\"");
    memset(type + len, '}', LEVELS);
    assert_int_equal(kt_plan_compile(&probe_type, type, &f->plan, &f->error), KT_ERR_SCHEMA);
    assert_string_equal(f->error.message, "types are nested deeper than 64");
}

/* ---- malformed bodies -------------------------------------------------------------------- */

static void numbers_beyond_their_type_are_refused(void **state) {
    struct fixture *f = *state;
    REFUSE(f, FIELD("small", "\"int\""), "\x80\x80\x80\x80\x10", KT_ERR_DECODE,
           "small: an int has more than 32 bits (byte 5 of 5)");
    REFUSE(f, FIELD("big", "\"int\""), "\x80\x80\x80\x80\x10", KT_ERR_DECODE,
           "big: an int has more than 32 bits (byte 5 of 5)");
    REFUSE(f, FIELD("big", "\"long\""), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", KT_ERR_DECODE,
           "big: a number has more than 64 bits (byte 10 of 10)");
    REFUSE(f, FIELD("big", "\"long\""), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
           KT_ERR_DECODE, "big: a number has more than 64 bits (byte 10 of 11)");
    REFUSE(f, FIELD("flag", "\"boolean\""), "\x02", KT_ERR_DECODE,
           "flag: a boolean is 2 (byte 0 of 1)");
}

static void lengths_beyond_the_bytes_are_refused(void **state) {
    struct fixture *f = *state;
    REFUSE(f, FIELD("text", "\"string\""), "\x01", KT_ERR_DECODE,
           "text: a length is negative (byte 1 of 1)");
    REFUSE(f, FIELD("text", "\"string\""), "\x06xy", KT_ERR_TRUNCATED,
           "text: 3 bytes are announced, 2 are left (byte 1 of 3)");
    REFUSE(f, FIELD("text", "\"string\""), "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
           KT_ERR_TRUNCATED,
           "text: 9223372036854775807 bytes are announced, 0 are left (byte 10 of 10)");
    REFUSE(f, FIELD("x", "\"bytes\""), "\x01", KT_ERR_DECODE,
           "x: a length is negative (byte 1 of 1)");
    REFUSE(f, FIELD("x", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":9223372036854775807}"), "abc",
           KT_ERR_TRUNCATED, "x: the record ends here (byte 0 of 3)");
}

static void strings_that_are_not_utf8_are_refused(void **state) {
    struct fixture *f = *state;
    REFUSE(f, FIELD("text", "\"string\""), "\x04\xC3\x28", KT_ERR_DECODE,
           "text: a string is not UTF-8 (byte 1 of 3)");
    REFUSE(f, FIELD("text", "\"bytes\""), "\x02\xFF", KT_ERR_DECODE,
           "text: a string is not UTF-8 (byte 1 of 2)");
}

static void indexes_out_of_range_are_refused(void **state) {
    struct fixture *f = *state;
    REFUSE(f, PAINT, "\x06", KT_ERR_DECODE, "colour: symbol 3 of 3 (byte 1 of 1)");
    REFUSE(f, PAINT, "\x01", KT_ERR_DECODE, "colour: symbol -1 of 3 (byte 1 of 1)");
    REFUSE(f, FIELD("maybe", "[\"null\",\"long\"]"), "\x04", KT_ERR_DECODE,
           "maybe: branch 2 of 2 (byte 1 of 1)");
    REFUSE(f, FIELD("maybe", "[\"null\",\"long\",\"int\"]"), "\x06", KT_ERR_DECODE,
           "maybe: branch 3 of 3 (byte 1 of 1)");
    REFUSE(f, FIELD("x", "[\"null\",\"long\"]"), "\x03", KT_ERR_DECODE,
           "x: branch -2 of 2 (byte 1 of 1)");
}

static void counts_beyond_the_table_or_the_bytes_are_refused(void **state) {
    struct fixture *f = *state;
#define LIST FIELD("list", "{\"type\":\"array\",\"items\":\"int\"}")
    REFUSE(f, LIST, "\x0A\x02\x02\x02\x02\x02\x00", KT_ERR_LIMIT,
           "list: more than 4 items (byte 1 of 7)");
    REFUSE(f, LIST, "\x04\x02\x02\x06\x02\x02\x02\x00", KT_ERR_LIMIT,
           "list: more than 4 items (byte 4 of 8)");
    REFUSE(f, LIST, "\x06\x02", KT_ERR_TRUNCATED,
           "list: 3 items are announced, 1 bytes are left (byte 1 of 2)");
    REFUSE(f, LIST, "\x03\x02\x02\x02\x00", KT_ERR_DECODE,
           "list: a block of 1 bytes announces 2 items (byte 2 of 5)");
    REFUSE(f, LIST, "\x01\x06\x02\x00\x00\x00", KT_ERR_DECODE,
           "list: a block of 3 bytes took 1 (byte 3 of 6)");
    REFUSE(f, LIST, "\x01\x01\x00", KT_ERR_DECODE, "list: a length is negative (byte 2 of 3)");
    REFUSE(f, LIST, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x00\x00", KT_ERR_DECODE,
           "list: a block of 0 bytes announces 9223372036854775808 items (byte 11 of 12)");
    REFUSE(f, FIELD("x", "{\"type\":\"map\",\"values\":\"null\"}"), "\x08\x02k", KT_ERR_TRUNCATED,
           "x: 4 items are announced, 2 bytes are left (byte 1 of 3)");
}

static void an_unknown_symbol_without_a_default_is_refused(void **state) {
    struct fixture *f = *state;
    static const char reader[] =
        "{\"type\":\"record\",\"name\":\"Paint\",\"fields\":[{\"name\":\"colour\",\"type\":"
        "{\"type\":\"enum\",\"name\":\"Colour\",\"symbols\":[\"RED\",\"GREEN\",\"BLUE\"]}}]}";
    static const char writer[] =
        "{\"type\":\"record\",\"name\":\"Paint\",\"fields\":[{\"name\":\"colour\",\"type\":"
        "{\"type\":\"enum\",\"name\":\"Colour\",\"symbols\":[\"RED\",\"MAUVE\"]}}]}";
    struct paint {
        int colour;
    };
    static const struct kt_field fields[] = {KT_FIELD_ENUM(struct paint, colour, colour_type)};
    static const struct kt_record_type type =
        KT_RECORD_TYPE("Paint", struct paint, fields, reader, false);
    struct paint paint = {0};
    assert_int_equal(kt_plan_compile(&type, writer, &f->plan, &f->error), KT_ERR_OK);
    assert_int_equal(kt_plan_read(f->plan, "\x00", 1, NULL, &f->arena, &paint, NULL), KT_ERR_OK);
    assert_int_equal(kt_plan_read(f->plan, "\x02", 1, NULL, &f->arena, &paint, &f->error),
                     KT_ERR_DECODE);
    assert_string_equal(f->error.message,
                        "colour: symbol \"MAUVE\" is not known here (byte 1 of 1)");
}

static void nesting_without_end_in_skipped_data_is_refused(void **state) {
    struct fixture *f = *state;
    static char deep[10000];
    memset(deep, 2, sizeof deep - 1);
    assert_int_equal(compile(f, FIELD("x", "{\"type\":\"record\",\"name\":\"L\",\"fields\":[" FIELD(
                                               "next", "[\"null\",\"L\"]") "]}")),
                     KT_ERR_OK);
    assert_int_equal(read_bytes(f, deep, sizeof deep), KT_ERR_LIMIT);
    assert_non_null(strstr(f->error.message, "x: values are nested deeper than 256"));
}

/* Forty records, each with two of the one before: 2^40 values in no byte at all. */
static void values_without_bytes_cost_no_time(void **state) {
    struct fixture *f = *state;
    static char fields[40 * 200];
    size_t len = (size_t)sprintf(
        fields, "{\"name\":\"x0\",\"type\":{\"type\":\"record\",\"name\":\"R0\",\"fields\":[]}}");
    for (int i = 1; i < 40; i++) {
        len += (size_t)sprintf(fields + len,
                               ",{\"name\":\"x%d\",\"type\":{\"type\":\"record\",\"name\":\"R%d\","
                               "\"fields\":[{\"name\":\"a\",\"type\":\"R%d\"},"
                               "{\"name\":\"b\",\"type\":\"R%d\"}]}}",
                               i, i, i - 1, i - 1);
    }
    static char schema[sizeof fields + 100];
    snprintf(schema, sizeof schema, "{\"type\":\"record\",\"name\":\"Probe\",\"fields\":[%s]}",
             fields);
    assert_int_equal(kt_plan_compile(&probe_type, schema, &f->plan, &f->error), KT_ERR_OK);
    assert_int_equal(read_bytes(f, "", 0), KT_ERR_OK);
}

static void an_arena_that_is_full_is_a_limit(void **state) {
    struct fixture *f = *state;
    struct kt_arena tiny;
    kt_arena_init(&tiny, 64, 8);
    assert_int_equal(compile(f, LIST), KT_ERR_OK);
    assert_int_equal(
        kt_plan_read(f->plan, "\x08\x02\x02\x02\x02\x00", 6, NULL, &tiny, &f->probe, &f->error),
        KT_ERR_LIMIT);
    assert_string_equal(f->error.message, "list: no room for 4 items (byte 1 of 6)");
    kt_arena_free(&tiny);
}

static void an_error_deep_inside_names_the_whole_path(void **state) {
    struct fixture *f = *state;
    REFUSE(f,
           FIELD("parts",
                 "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Part\","
                 "\"fields\":[" FIELD("number", "\"int\"") "," FIELD("label", "\"string\"") "]}}"),
           "\x04\x02\x02x\x04\x06y", KT_ERR_TRUNCATED,
           "parts[1].label: 3 bytes are announced, 1 are left (byte 6 of 7)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_writer_without_fields_gives_every_default),
        TEST(numbers_are_promoted),
        TEST(not_a_number_is_kept),
        TEST(bytes_are_read_as_a_string),
        TEST(a_field_is_found_by_alias_unless_the_alias_is_another_fields_name),
        TEST(a_record_is_recognised_by_its_short_name_or_an_alias),
        TEST(symbols_are_matched_by_name_and_unknown_ones_become_the_default),
        TEST(a_nullable_field_takes_the_unions_of_any_shape),
        TEST(a_field_that_cannot_be_null_takes_the_fitting_branches_of_a_union),
        TEST(fields_that_are_not_wanted_are_skipped_whatever_their_type),
        TEST(an_array_may_come_in_blocks_with_and_without_size),
        TEST(items_without_bytes_take_their_defaults),
        TEST(items_may_be_in_a_union),
        TEST(one_record_of_the_writer_serves_several_fields),
        TEST(the_bytes_used_are_told_when_asked_for),
        TEST(types_that_do_not_fit_are_refused_with_the_field),
        TEST(texts_that_are_no_schema_are_refused_with_the_place),
        TEST(a_schema_nested_without_end_is_refused),
        TEST(numbers_beyond_their_type_are_refused),
        TEST(lengths_beyond_the_bytes_are_refused),
        TEST(strings_that_are_not_utf8_are_refused),
        TEST(indexes_out_of_range_are_refused),
        TEST(counts_beyond_the_table_or_the_bytes_are_refused),
        TEST(an_unknown_symbol_without_a_default_is_refused),
        TEST(nesting_without_end_in_skipped_data_is_refused),
        TEST(values_without_bytes_cost_no_time),
        TEST(an_arena_that_is_full_is_a_limit),
        TEST(an_error_deep_inside_names_the_whole_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
