/* SPDX-License-Identifier: GPL-3.0-or-later
 * Every field table says what its .avsc says, and every .avsc keeps the rules that let schemas
 * evolve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schemas/avro_schema.h"
#include "support/all_types.h"

static void parse(const struct kt_record_type *type, struct kt_avro_schema *schema) {
    struct kt_error error = {0};
    const enum kt_err err = kt_avro_schema_parse(type->schema_text, schema, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(err, KT_ERR_OK);
}

static void compare_record(const struct kt_avro_node *node, const struct kt_record_type *type);

static void compare_enum(const struct kt_avro_node *node, const struct kt_enum_type *type) {
    assert_int_equal(node->type, KT_AVRO_ENUM);
    assert_string_equal(kt_avro_short_name(node->name), type->name);
    assert_int_equal(node->count, type->count);
    for (size_t i = 0; i < node->count; i++) {
        assert_string_equal(node->u.symbols[i], type->symbols[i]);
    }
}

static void compare_value(const struct kt_avro_node *node, enum kt_kind kind,
                          const struct kt_field *field) {
    static const enum kt_avro_type plain[] = {[KT_KIND_BOOL] = KT_AVRO_BOOLEAN,
                                              [KT_KIND_INT] = KT_AVRO_INT,
                                              [KT_KIND_LONG] = KT_AVRO_LONG,
                                              [KT_KIND_DOUBLE] = KT_AVRO_DOUBLE,
                                              [KT_KIND_STRING] = KT_AVRO_STRING};
    switch (kind) {
    case KT_KIND_ENUM:
        compare_enum(node, field->enums);
        break;
    case KT_KIND_RECORD:
        compare_record(node, field->record);
        break;
    case KT_KIND_ARRAY:
        assert_int_equal(node->type, KT_AVRO_ARRAY);
        assert_true(field->items_max > 0);
        compare_value(node->u.items, field->item, field);
        break;
    default:
        assert_int_equal(node->type, plain[kind]);
    }
}

static size_t kind_size(enum kt_kind kind, const struct kt_record_type *record) {
    switch (kind) {
    case KT_KIND_BOOL:
        return sizeof(bool);
    case KT_KIND_INT:
        return sizeof(int32_t);
    case KT_KIND_ENUM:
        return sizeof(int);
    case KT_KIND_LONG:
        return sizeof(int64_t);
    case KT_KIND_DOUBLE:
        return sizeof(double);
    case KT_KIND_STRING:
        return sizeof(struct kt_str);
    case KT_KIND_ARRAY:
        return sizeof(struct kt_array);
    case KT_KIND_RECORD:
        return record->size;
    }
    return 0;
}

static void compare_record(const struct kt_avro_node *node, const struct kt_record_type *type) {
    assert_int_equal(node->type, KT_AVRO_RECORD);
    assert_string_equal(kt_avro_short_name(node->name), type->name);
    assert_int_equal(node->count, type->count);
    assert_true(type->count <= 64);
    size_t end = type->has_present ? sizeof(uint64_t) : 0;
    for (size_t i = 0; i < type->count; i++) {
        const struct kt_field *field = &type->fields[i];
        const struct kt_avro_node *value = node->u.fields[i].type;
        assert_string_equal(node->u.fields[i].name, field->name);
        if (field->nullable) {
            assert_true(type->has_present);
            assert_int_equal(value->type, KT_AVRO_UNION);
            assert_int_equal(value->count, 2);
            assert_int_equal(value->u.branches[0]->type, KT_AVRO_NULL);
            value = value->u.branches[1];
        }
        compare_value(value, field->kind, field);
        /* Members follow each other in the order of the table, none inside another. */
        assert_true(field->offset >= end);
        end = field->offset + kind_size(field->kind, field->record);
        assert_true(end <= type->size);
        if (field->kind == KT_KIND_ARRAY) {
            assert_int_equal(field->item_size, kind_size(field->item, field->record));
        }
    }
}

static void tables_say_what_the_schemas_say(void **state) {
    (void)state;
    for (size_t i = 0; i < ALL_TYPES; i++) {
        struct kt_avro_schema schema;
        parse(all_types[i], &schema);
        compare_record(schema.root, all_types[i]);
        kt_avro_schema_free(&schema);
    }
}

static void all_types_live_in_the_namespace_of_the_project(void **state) {
    (void)state;
    for (size_t i = 0; i < ALL_TYPES; i++) {
        struct kt_avro_schema schema;
        parse(all_types[i], &schema);
        assert_memory_equal(schema.root->name, "kontune.", strlen("kontune."));
        kt_avro_schema_free(&schema);
    }
}

/* Walks the JSON itself, because a parsed schema keeps no documentation. */
static void check_evolvable(const json_t *type, size_t *fields) {
    if (json_is_array(type)) {
        size_t i = 0;
        const json_t *branch = NULL;
        json_array_foreach(type, i, branch) {
            check_evolvable(branch, fields);
        }
        return;
    }
    if (!json_is_object(type)) {
        return;
    }
    const char *keyword = json_string_value(json_object_get(type, "type"));
    assert_non_null(keyword);
    if (strcmp(keyword, "array") == 0) {
        check_evolvable(json_object_get(type, "items"), fields);
        return;
    }
    assert_true(json_string_length(json_object_get(type, "doc")) > 0);
    if (strcmp(keyword, "enum") == 0) {
        assert_non_null(json_object_get(type, "default"));
        return;
    }
    size_t i = 0;
    const json_t *field = NULL;
    json_array_foreach(json_object_get(type, "fields"), i, field) {
        const json_t *value = json_object_get(field, "type");
        assert_true(json_string_length(json_object_get(field, "doc")) > 0);
        if (json_is_array(value)) {
            assert_true(json_is_null(json_object_get(field, "default")));
        }
        ++*fields;
        check_evolvable(value, fields);
    }
}

static void
every_field_is_documented_and_every_nullable_one_and_every_enum_has_a_default(void **state) {
    (void)state;
    size_t fields = 0;
    for (size_t i = 0; i < ALL_TYPES; i++) {
        json_t *json = json_loads(all_types[i]->schema_text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        check_evolvable(json, &fields);
        json_decref(json);
    }
    assert_true(fields > 100);
}

static void symbols_are_found_by_name_and_named_by_index(void **state) {
    (void)state;
    assert_int_equal(kt_enum_find(&kt_phase_type, KT_STR("SMALL")), KT_PHASE_SMALL);
    assert_int_equal(kt_enum_find(&kt_phase_type, KT_STR("SMAL")), -1);
    assert_int_equal(kt_enum_find(&kt_phase_type, KT_STR("")), -1);
    assert_string_equal(kt_enum_symbol(&kt_reason_type, KT_REASON_NO_TOPOLOGY), "NO_TOPOLOGY");
    assert_string_equal(kt_enum_symbol(&kt_reason_type, -1), "?");
    assert_string_equal(kt_enum_symbol(&kt_reason_type, kt_reason_type.count), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_say_what_the_schemas_say),
        cmocka_unit_test(all_types_live_in_the_namespace_of_the_project),
        cmocka_unit_test(
            every_field_is_documented_and_every_nullable_one_and_every_enum_has_a_default),
        cmocka_unit_test(symbols_are_found_by_name_and_named_by_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
