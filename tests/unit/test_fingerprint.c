/* SPDX-License-Identifier: GPL-3.0-or-later
 * Canonical forms and fingerprints, held against those of fastavro 1.13 (its fingerprints are the
 * eight bytes in the order of the wire). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schemas/avro_schema.h"
#include "schemas/codec.h"
#include "support/all_types.h"

static const struct {
    const char *schema;
    const char *canonical;
    const char *wire;
} known[] = {
    {"\"null\"", "\"null\"", "8a8f25cce724dd63"},
    {"\"boolean\"", "\"boolean\"", "64f7d4a478fc429f"},
    {"\"int\"", "\"int\"", "8f5c393f1ad57572"},
    {"{\"type\":\"int\",\"logicalType\":\"date\"}", "\"int\"", "8f5c393f1ad57572"},
    {"\"long\"", "\"long\"", "b71df49344e154d0"},
    {"\"float\"", "\"float\"", "90d7a83ecb027c4d"},
    {"\"double\"", "\"double\"", "7e95ab32c035758e"},
    {"\"bytes\"", "\"bytes\"", "651920c3da16c04f"},
    {"\"string\"", "\"string\"", "c70345637248018f"},
    {"[]", "[]", "d1b93fd273e1c6ee"},
    {"[\"int\"]", "[\"int\"]", "03fbb2488a6363b7"},
    {"[\"int\",\"boolean\"]", "[\"int\",\"boolean\"]", "02160c087835d64a"},
    {"{\"type\":\"array\",\"items\":\"int\"}", "{\"type\":\"array\",\"items\":\"int\"}",
     "beb463c94f812b52"},
    {"{\"type\":\"map\",\"values\":[\"null\",\"string\"]}",
     "{\"type\":\"map\",\"values\":[\"null\",\"string\"]}", "4394a340aa289f64"},
    {"{\"type\":\"fixed\",\"name\":\"foo\",\"size\":15}",
     "{\"name\":\"foo\",\"type\":\"fixed\",\"size\":15}", "04a531edc32e6018"},
    {"{\"size\":15,\"type\":\"fixed\",\"name\":\"foo\",\"namespace\":\"x.y\"}",
     "{\"name\":\"x.y.foo\",\"type\":\"fixed\",\"size\":15}", "f18efb90280d887c"},
    {"{\"type\":\"fixed\",\"name\":\"y.foo\",\"namespace\":\"x\",\"size\":32}",
     "{\"name\":\"y.foo\",\"type\":\"fixed\",\"size\":32}", "85fb4b23e57217de"},
    {"{\"type\":\"enum\",\"name\":\"foo\",\"symbols\":[\"A1\"]}",
     "{\"name\":\"foo\",\"type\":\"enum\",\"symbols\":[\"A1\"]}", "6931aa159e03fca7"},
    {"{\"namespace\":\"x.y.z\",\"type\":\"enum\",\"name\":\"foo\",\"doc\":\"foo "
     "bar\",\"symbols\":[\"A1\",\"A2\"],\"default\":\"A1\"}",
     "{\"name\":\"x.y.z.foo\",\"type\":\"enum\",\"symbols\":[\"A1\",\"A2\"]}", "8b9d99f4e53a43c2"},
    {"{\"type\":\"record\",\"name\":\"foo\",\"fields\":[]}",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", "7ebe1943c8500cbd"},
    {"{\"type\":\"record\",\"name\":\"foo\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\","
     "\"default\":true,\"aliases\":[\"g\"]}]}",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\"}]}",
     "3ba368c9f1ead86c"},
    {"{\"type\":\"record\",\"name\":\"foo\",\"namespace\":\"a.b\",\"doc\":\"x\",\"fields\":[{"
     "\"name\":\"f1\",\"type\":{\"type\":\"record\",\"name\":\"bar\",\"fields\":[{\"name\":\"e\","
     "\"type\":{\"type\":\"enum\",\"name\":\"c.e\",\"symbols\":[\"Q\"]}},{\"name\":\"again\","
     "\"type\":\"c.e\"}]}},{\"name\":\"next\",\"type\":[\"null\",\"foo\"]},{\"name\":\"b2\","
     "\"type\":\"bar\"}]}",
     "{\"name\":\"a.b.foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":{\"name\":"
     "\"a.b.bar\",\"type\":\"record\",\"fields\":[{\"name\":\"e\",\"type\":{\"name\":\"c.e\","
     "\"type\":\"enum\",\"symbols\":[\"Q\"]}},{\"name\":\"again\",\"type\":\"c.e\"}]}},{\"name\":"
     "\"next\",\"type\":[\"null\",\"a.b.foo\"]},{\"name\":\"b2\",\"type\":\"a.b.bar\"}]}",
     "09110c74d6ced1bb"},
    {"{\"type\":\"record\",\"name\":\"o\",\"namespace\":\"x\",\"fields\":[{\"name\":\"i\",\"type\":"
     "{\"type\":\"record\",\"name\":\"i\",\"namespace\":\"\",\"fields\":[{\"name\":\"n\",\"type\":["
     "\"null\",\"x.o\",\"i\"]}]}}]}",
     "{\"name\":\"x.o\",\"type\":\"record\",\"fields\":[{\"name\":\"i\",\"type\":{\"name\":\"i\","
     "\"type\":\"record\",\"fields\":[{\"name\":\"n\",\"type\":[\"null\",\"x.o\",\"i\"]}]}}]}",
     "20a3f03a691349f1"},
};

static void wire_hex(uint64_t fingerprint, char out[17]) {
    for (size_t i = 0; i < 8; i++) {
        snprintf(out + 2 * i, 3, "%02x", (unsigned)(fingerprint >> (8 * i)) & 0xFFU);
    }
}

static void canonical_forms_are_those_of_the_oracle(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct kt_avro_schema schema;
        struct kt_error error = {0};
        assert_int_equal(kt_avro_schema_parse(known[i].schema, &schema, &error), KT_ERR_OK);
        char *form = kt_avro_canonical_form(&schema);
        assert_non_null(form);
        assert_string_equal(form, known[i].canonical);
        free(form);
        kt_avro_schema_free(&schema);
    }
}

static void fingerprints_are_those_of_the_oracle(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint64_t fingerprint = 0;
        char hex[17];
        assert_int_equal(kt_schema_fingerprint(known[i].schema, &fingerprint, NULL), KT_ERR_OK);
        wire_hex(fingerprint, hex);
        assert_string_equal(hex, known[i].wire);
    }
}

/* The specification's own example of the algorithm. */
static void fingerprint_of_int_is_the_specifications(void **state) {
    (void)state;
    uint64_t fingerprint = 0;
    assert_int_equal(kt_schema_fingerprint("\"int\"", &fingerprint, NULL), KT_ERR_OK);
    assert_int_equal(fingerprint, UINT64_C(0x7275d51a3f395c8f));
    assert_int_equal(kt_avro_crc64("", 0), UINT64_C(0xc15d213aa4d7a795));
}

/* What is on the topics today was framed with these: a change of one is a new schema version, and
 * the old text must go on being readable. Add the new one, keep a decoder for the old. */
static void fingerprints_of_the_released_schemas_stand(void **state) {
    (void)state;
    static const char *const wire[ALL_TYPES] = {
        "2f315f5a20900b87", "a49264d913a29078", "f770ca54b0a4f61d", "18106bdcb8aa128d",
        "54c826f4ac0f1585", "a833ab7728c286d7", "43b0b887c4159136"};
    for (size_t i = 0; i < ALL_TYPES; i++) {
        uint64_t fingerprint = 0;
        char hex[17];
        assert_int_equal(kt_schema_fingerprint(all_types[i]->schema_text, &fingerprint, NULL),
                         KT_ERR_OK);
        wire_hex(fingerprint, hex);
        assert_string_equal(hex, wire[i]);
    }
}

static void ways_of_writing_a_schema_do_not_change_its_fingerprint(void **state) {
    (void)state;
    static const char *const same[] = {
        "{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}",
        "{ \"fields\" : [ {\"type\":{\"type\":\"int\"}, \"name\":\"x\", \"default\":3} ],\n"
        "  \"name\":\"R\", \"namespace\":\"a\", \"type\":\"record\", \"doc\":\"d\"}",
        "{\"type\":\"record\",\"name\":\"a.R\",\"namespace\":\"b\",\"x-note\":[1],"
        "\"fields\":[{\"name\":\"\\u0078\",\"order\":\"ignore\",\"type\":\"int\"}]}",
    };
    uint64_t first = 0;
    assert_int_equal(kt_schema_fingerprint(same[0], &first, NULL), KT_ERR_OK);
    for (size_t i = 1; i < sizeof same / sizeof same[0]; i++) {
        uint64_t fingerprint = 0;
        assert_int_equal(kt_schema_fingerprint(same[i], &fingerprint, NULL), KT_ERR_OK);
        assert_int_equal(fingerprint, first);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_forms_are_those_of_the_oracle),
        cmocka_unit_test(fingerprints_are_those_of_the_oracle),
        cmocka_unit_test(fingerprint_of_int_is_the_specifications),
        cmocka_unit_test(fingerprints_of_the_released_schemas_stand),
        cmocka_unit_test(ways_of_writing_a_schema_do_not_change_its_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
