/* SPDX-License-Identifier: GPL-3.0-or-later
 * Parses the JSON of an Avro schema into a graph of nodes.
 *
 * One descent over the JSON; named types are entered in a list as soon as their name is read, so
 * that a record may refer to itself, but not to what is defined after it. The text comes from
 * outside: its size, its depth and the memory for its nodes are bounded. */
#include "schemas/avro_schema.h"

#include <ctype.h>
#include <string.h>

#define NODES_BYTES_MAX (64U << 20)

struct named {
    struct named *next;
    struct kt_avro_node *node;
};

struct parser {
    struct kt_avro_schema *schema;
    struct kt_error *error;
    struct named *named;
    char path[256]; /* where the descent is, for messages */
    size_t depth;
};

static const char *const keywords[] = {
    [KT_AVRO_NULL] = "null",   [KT_AVRO_BOOLEAN] = "boolean", [KT_AVRO_INT] = "int",
    [KT_AVRO_LONG] = "long",   [KT_AVRO_FLOAT] = "float",     [KT_AVRO_DOUBLE] = "double",
    [KT_AVRO_BYTES] = "bytes", [KT_AVRO_STRING] = "string",   [KT_AVRO_RECORD] = "record",
    [KT_AVRO_ENUM] = "enum",   [KT_AVRO_FIXED] = "fixed",     [KT_AVRO_ARRAY] = "array",
    [KT_AVRO_MAP] = "map",     [KT_AVRO_UNION] = "union",
};

/* Least bytes of a value of each type; records and fixed are computed. */
static const uint32_t bytes_min[] = {
    [KT_AVRO_NULL] = 0,  [KT_AVRO_BOOLEAN] = 1, [KT_AVRO_INT] = 1,   [KT_AVRO_LONG] = 1,
    [KT_AVRO_FLOAT] = 4, [KT_AVRO_DOUBLE] = 8,  [KT_AVRO_BYTES] = 1, [KT_AVRO_STRING] = 1,
    [KT_AVRO_ENUM] = 1,  [KT_AVRO_ARRAY] = 1,   [KT_AVRO_MAP] = 1,   [KT_AVRO_UNION] = 1,
};

/* Marks a record whose fields are still being read. */
#define BYTES_MIN_OPEN UINT32_MAX
/* Sizes saturate here: a value of 2^30 bytes fits no message. */
#define BYTES_MIN_CAP (UINT32_C(1) << 30)

const char *kt_avro_short_name(const char *full_name) {
    const char *dot = strrchr(full_name, '.');
    return dot == NULL ? full_name : dot + 1;
}

const char *kt_avro_node_name(const struct kt_avro_node *node) {
    return node->name != NULL ? node->name : keywords[node->type];
}

const struct kt_avro_node *kt_avro_without_null(const struct kt_avro_node *node) {
    if (node->type != KT_AVRO_UNION || node->count != 2) {
        return node;
    }
    return node->u.branches[node->u.branches[0]->type == KT_AVRO_NULL ? 1 : 0];
}

static enum kt_err no_memory(struct parser *p) {
    return kt_fail(p->error, KT_ERR_NOMEM, "no memory for a schema's nodes");
}

KT_PRINTF(2, 3)
static enum kt_err schema_fail(struct parser *p, const char *format, ...) {
    char message[256];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return kt_fail(p->error, KT_ERR_SCHEMA, "%s%s%s", p->path, p->path[0] == '\0' ? "" : ": ",
                   message);
}

/* Appends ".name" to the path and returns its old length, to go back with path_leave. A path that
 * does not fit is cut: it serves messages only. */
static size_t path_enter(struct parser *p, const char *name) {
    size_t len = strlen(p->path);
    snprintf(p->path + len, sizeof p->path - len, "%s%s", len == 0 ? "" : ".", name);
    return len;
}

static void path_leave(struct parser *p, size_t len) {
    p->path[len] = '\0';
}

/* ---- names ------------------------------------------------------------------------------- */

static bool name_is_simple(const char *name, size_t len) {
    if (len == 0 || isdigit((unsigned char)name[0])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c >= 0x80 || (!isalnum(c) && c != '_')) {
            return false;
        }
    }
    return true;
}

/* Simple names joined by single dots. */
static bool name_is_full(const char *name) {
    for (;;) {
        size_t len = strcspn(name, ".");
        if (!name_is_simple(name, len)) {
            return false;
        }
        if (name[len] == '\0') {
            return true;
        }
        name += len + 1;
    }
}

static bool name_is_primitive(const char *name, enum kt_avro_type *type) {
    for (int i = KT_AVRO_NULL; i <= KT_AVRO_STRING; i++) {
        if (strcmp(name, keywords[i]) == 0) {
            *type = (enum kt_avro_type)i;
            return true;
        }
    }
    return false;
}

/* name in a namespace ("" or NULL: none); a name with dots stands for itself. */
static const char *name_qualify(struct parser *p, const char *name, const char *space) {
    if (strchr(name, '.') != NULL || space == NULL || space[0] == '\0') {
        return name;
    }
    return kt_arena_printf(&p->schema->arena, "%s.%s", space, name).data;
}

/* The namespace of a full name, in the arena; "" for none. */
static const char *name_space(struct parser *p, const char *full_name) {
    const char *dot = strrchr(full_name, '.');
    struct kt_str space = {full_name, dot == NULL ? 0 : (size_t)(dot - full_name)};
    return kt_arena_str(&p->schema->arena, space).data;
}

static const struct kt_avro_node *named_find(const struct parser *p, const char *full_name) {
    for (const struct named *n = p->named; n != NULL; n = n->next) {
        if (strcmp(n->node->name, full_name) == 0) {
            return n->node;
        }
    }
    return NULL;
}

/* ---- nodes ------------------------------------------------------------------------------- */

static enum kt_err parse_type(struct parser *p, const json_t *json, const char *space,
                              const struct kt_avro_node **out);

static enum kt_err node_new(struct parser *p, enum kt_avro_type type, struct kt_avro_node **out) {
    struct kt_avro_node *node = kt_arena_alloc(&p->schema->arena, sizeof *node);
    if (node == NULL) {
        return no_memory(p);
    }
    node->type = type;
    node->bytes_min = bytes_min[type];
    *out = node;
    return KT_ERR_OK;
}

/* A list of distinct strings (symbols, aliases). qualify_in: namespace for aliases of types. */
static enum kt_err parse_names(struct parser *p, const json_t *json, const char *what,
                               const char *qualify_in, const char *const **out, size_t *count) {
    size_t n = json_array_size(json);
    const char **names = kt_arena_array(&p->schema->arena, n, sizeof *names);
    if (names == NULL) {
        return no_memory(p);
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(json, i));
        if (name == NULL ||
            !(qualify_in != NULL ? name_is_full(name) : name_is_simple(name, strlen(name)))) {
            return schema_fail(p, "%s %zu is not a name", what, i);
        }
        names[i] = qualify_in != NULL ? name_qualify(p, name, qualify_in) : name;
        if (names[i] == NULL) {
            return no_memory(p);
        }
    }
    *out = names;
    *count = n;
    return KT_ERR_OK;
}

/* Whether a name occurs twice; O(n) by a JSON object as the set. */
static enum kt_err names_distinct(struct parser *p, const char *what, const char *const *names,
                                  size_t count) {
    json_t *seen = json_object();
    enum kt_err err = seen == NULL ? no_memory(p) : KT_ERR_OK;
    for (size_t i = 0; err == KT_ERR_OK && i < count; i++) {
        if (json_object_get(seen, names[i]) != NULL) {
            err = schema_fail(p, "%s \"%.64s\" occurs twice", what, names[i]);
        } else if (json_object_set_new(seen, names[i], json_true()) != 0) {
            err = no_memory(p);
        }
    }
    json_decref(seen);
    return err;
}

/* Reads name, namespace and aliases, and makes the type known. */
static enum kt_err parse_named(struct parser *p, const json_t *json, const char *space,
                               struct kt_avro_node *node) {
    const char *name = json_string_value(json_object_get(json, "name"));
    if (name == NULL || !name_is_full(name)) {
        return schema_fail(p, "a%s %s needs a well-formed name",
                           node->type == KT_AVRO_ENUM ? "n" : "", keywords[node->type]);
    }
    const json_t *own_space = json_object_get(json, "namespace");
    if (own_space != NULL) {
        space = json_string_value(own_space);
        if (space == NULL || (space[0] != '\0' && !name_is_full(space))) {
            return schema_fail(p, "the namespace of %.64s is malformed", name);
        }
    }
    enum kt_avro_type primitive = KT_AVRO_NULL;
    if (name_is_primitive(kt_avro_short_name(name), &primitive)) {
        return schema_fail(p, "\"%s\" cannot be defined anew", name);
    }
    node->name = name_qualify(p, name, space);
    struct named *named = kt_arena_alloc(&p->schema->arena, sizeof *named);
    if (node->name == NULL || named == NULL) {
        return no_memory(p);
    }
    if (named_find(p, node->name) != NULL) {
        return schema_fail(p, "%.100s is defined twice", node->name);
    }
    *named = (struct named){.next = p->named, .node = node};
    p->named = named;
    node->named_index = p->schema->named_count++;
    const char *own = name_space(p, node->name);
    if (own == NULL) {
        return no_memory(p);
    }
    return parse_names(p, json_object_get(json, "aliases"), "alias", own, &node->aliases,
                       &node->alias_count);
}

static enum kt_err parse_field(struct parser *p, const json_t *json, const char *space,
                               struct kt_avro_field *field) {
    field->name = json_string_value(json_object_get(json, "name"));
    if (field->name == NULL || !name_is_simple(field->name, strlen(field->name))) {
        return schema_fail(p, "a field needs a well-formed name");
    }
    size_t path = path_enter(p, field->name);
    const json_t *type = json_object_get(json, "type");
    if (type == NULL) {
        return schema_fail(p, "the field has no type");
    }
    enum kt_err err = parse_names(p, json_object_get(json, "aliases"), "alias", NULL,
                                  &field->aliases, &field->alias_count);
    if (err == KT_ERR_OK) {
        err = parse_type(p, type, space, &field->type);
    }
    if (err == KT_ERR_OK && field->type->bytes_min == BYTES_MIN_OPEN) {
        err = schema_fail(p, "%.100s contains itself without end", field->type->name);
    }
    field->fallback = json_object_get(json, "default");
    if (err == KT_ERR_OK) {
        path_leave(p, path);
    }
    return err;
}

static enum kt_err parse_record(struct parser *p, const json_t *json, struct kt_avro_node *node) {
    const json_t *list = json_object_get(json, "fields");
    if (!json_is_array(list)) {
        return schema_fail(p, "record %.100s has no list of fields", node->name);
    }
    const char *space = name_space(p, node->name);
    size_t count = json_array_size(list);
    struct kt_avro_field *fields = kt_arena_array(&p->schema->arena, count, sizeof *fields);
    const char **names = kt_arena_array(&p->schema->arena, count, sizeof *names);
    if (space == NULL || fields == NULL || names == NULL) {
        return no_memory(p);
    }
    node->bytes_min = BYTES_MIN_OPEN;
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        enum kt_err err = parse_field(p, json_array_get(list, i), space, &fields[i]);
        if (err != KT_ERR_OK) {
            return err;
        }
        names[i] = fields[i].name;
        sum += fields[i].type->bytes_min;
        sum = sum > BYTES_MIN_CAP ? BYTES_MIN_CAP : sum;
    }
    node->u.fields = fields;
    node->count = count;
    node->bytes_min = sum;
    return names_distinct(p, "field", names, count);
}

static enum kt_err parse_enum(struct parser *p, const json_t *json, struct kt_avro_node *node) {
    const json_t *symbols = json_object_get(json, "symbols");
    if (json_array_size(symbols) == 0) {
        return schema_fail(p, "enum %.100s has no symbols", node->name);
    }
    enum kt_err err = parse_names(p, symbols, "symbol", NULL, &node->u.symbols, &node->count);
    if (err == KT_ERR_OK) {
        err = names_distinct(p, "symbol", node->u.symbols, node->count);
    }
    const json_t *fallback = json_object_get(json, "default");
    if (err != KT_ERR_OK || fallback == NULL) {
        return err;
    }
    node->symbol_default = json_string_value(fallback);
    for (size_t i = 0; node->symbol_default != NULL && i < node->count; i++) {
        if (strcmp(node->u.symbols[i], node->symbol_default) == 0) {
            return KT_ERR_OK;
        }
    }
    return schema_fail(p, "the default of enum %.100s is none of its symbols", node->name);
}

static enum kt_err parse_fixed(struct parser *p, const json_t *json, struct kt_avro_node *node) {
    const json_t *size = json_object_get(json, "size");
    json_int_t bytes = json_integer_value(size);
    if (!json_is_integer(size) || bytes < 0) {
        return schema_fail(p, "fixed %.100s has no size", node->name);
    }
    node->u.size = (uint64_t)bytes;
    node->bytes_min = bytes > BYTES_MIN_CAP ? BYTES_MIN_CAP : (uint32_t)bytes;
    return KT_ERR_OK;
}

static enum kt_err parse_union(struct parser *p, const json_t *json, const char *space,
                               struct kt_avro_node *node) {
    size_t count = json_array_size(json);
    const struct kt_avro_node **branches =
        kt_arena_array(&p->schema->arena, count, sizeof(struct kt_avro_node *));
    const char **names = kt_arena_array(&p->schema->arena, count, sizeof *names);
    if (branches == NULL || names == NULL) {
        return no_memory(p);
    }
    for (size_t i = 0; i < count; i++) {
        enum kt_err err = parse_type(p, json_array_get(json, i), space, &branches[i]);
        if (err != KT_ERR_OK) {
            return err;
        }
        if (branches[i]->type == KT_AVRO_UNION) {
            return schema_fail(p, "a union stands directly in a union");
        }
        names[i] = kt_avro_node_name(branches[i]);
    }
    node->u.branches = branches;
    node->count = count;
    return names_distinct(p, "branch", names, count);
}

static enum kt_err parse_items(struct parser *p, const json_t *json, const char *space,
                               struct kt_avro_node *node) {
    const char *member = node->type == KT_AVRO_ARRAY ? "items" : "values";
    const json_t *items = json_object_get(json, member);
    if (items == NULL) {
        return schema_fail(p, "the %s has no %s", keywords[node->type], member);
    }
    return parse_type(p, items, space, &node->u.items);
}

/* An object whose type is one of the compound keywords. */
static enum kt_err parse_compound(struct parser *p, const json_t *json, enum kt_avro_type type,
                                  const char *space, const struct kt_avro_node **out) {
    struct kt_avro_node *node = NULL;
    enum kt_err err = node_new(p, type, &node);
    if (err == KT_ERR_OK && type <= KT_AVRO_FIXED) {
        err = parse_named(p, json, space, node);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    *out = node;
    switch (type) {
    case KT_AVRO_RECORD:
        return parse_record(p, json, node);
    case KT_AVRO_ENUM:
        return parse_enum(p, json, node);
    case KT_AVRO_FIXED:
        return parse_fixed(p, json, node);
    default:
        return parse_items(p, json, space, node);
    }
}

/* A name: a primitive, or a type that was defined before. */
static enum kt_err parse_reference(struct parser *p, const char *name, const char *space,
                                   const struct kt_avro_node **out) {
    enum kt_avro_type type = KT_AVRO_NULL;
    if (name_is_primitive(name, &type)) {
        struct kt_avro_node *node = NULL;
        enum kt_err err = node_new(p, type, &node);
        *out = node;
        return err;
    }
    const char *full_name = name_qualify(p, name, space);
    if (full_name == NULL) {
        return no_memory(p);
    }
    *out = named_find(p, full_name);
    return *out != NULL ? KT_ERR_OK : schema_fail(p, "unknown type \"%.100s\"", full_name);
}

static enum kt_err parse_any(struct parser *p, const json_t *json, const char *space,
                             const struct kt_avro_node **out) {
    if (json_is_string(json)) {
        return parse_reference(p, json_string_value(json), space, out);
    }
    if (json_is_array(json)) {
        struct kt_avro_node *node = NULL;
        enum kt_err err = node_new(p, KT_AVRO_UNION, &node);
        *out = node;
        return err != KT_ERR_OK ? err : parse_union(p, json, space, node);
    }
    const json_t *type = json_object_get(json, "type");
    if (type == NULL) {
        return schema_fail(p, "neither a name nor a type's definition");
    }
    const char *keyword = json_string_value(type);
    for (int i = KT_AVRO_RECORD; keyword != NULL && i <= KT_AVRO_MAP; i++) {
        if (strcmp(keyword, keywords[i]) == 0) {
            return parse_compound(p, json, (enum kt_avro_type)i, space, out);
        }
    }
    return parse_type(p, type, space, out);
}

static enum kt_err parse_type(struct parser *p, const json_t *json, const char *space,
                              const struct kt_avro_node **out) {
    if (p->depth == KT_SCHEMA_DEPTH_MAX) {
        return schema_fail(p, "types are nested deeper than %d", KT_SCHEMA_DEPTH_MAX);
    }
    p->depth++;
    enum kt_err err = parse_any(p, json, space, out);
    p->depth--;
    return err;
}

enum kt_err kt_avro_schema_parse(const char *text, struct kt_avro_schema *schema,
                                 struct kt_error *error) {
    *schema = (struct kt_avro_schema){0};
    size_t len = strlen(text);
    if (len > KT_SCHEMA_BYTES_MAX) {
        return kt_fail(error, KT_ERR_SCHEMA, "the schema has %zu bytes, more than %u", len,
                       KT_SCHEMA_BYTES_MAX);
    }
    json_error_t json_error;
    schema->json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &json_error);
    if (schema->json == NULL) {
        return kt_fail(error, KT_ERR_SCHEMA, "line %d: %s", json_error.line, json_error.text);
    }
    kt_arena_init(&schema->arena, 16384, NODES_BYTES_MAX);
    struct parser parser = {.schema = schema, .error = error};
    enum kt_err err = parse_type(&parser, schema->json, "", &schema->root);
    if (err != KT_ERR_OK) {
        kt_avro_schema_free(schema);
    }
    return err;
}

void kt_avro_schema_free(struct kt_avro_schema *schema) {
    json_decref(schema->json);
    kt_arena_free(&schema->arena);
    *schema = (struct kt_avro_schema){0};
}
