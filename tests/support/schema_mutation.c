/* SPDX-License-Identifier: GPL-3.0-or-later
 * Writers' schemas that differ from ours in every way that Avro's rules of resolution allow.
 *
 * The schema is taken apart into one definition per named type, each mutated on its own, and put
 * together again: the first use of a type, wherever it is now, carries the definition. */
#include "support/schema_mutation.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const extras[] = {
    "\"null\"",
    "\"boolean\"",
    "\"int\"",
    "\"long\"",
    "\"float\"",
    "\"double\"",
    "\"bytes\"",
    "\"string\"",
    "{\"type\":\"array\",\"items\":\"long\"}",
    "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"string\"}}",
    "[\"null\",\"string\",{\"type\":\"map\",\"values\":\"double\"},\"boolean\"]",
    "{\"type\":\"fixed\",\"name\":\"Fixed%zu\",\"size\":16}",
    "{\"type\":\"enum\",\"name\":\"Enum%zu\",\"symbols\":[\"A\",\"B\",\"C\"]}",
    "{\"type\":\"record\",\"name\":\"Tree%zu\",\"fields\":[{\"name\":\"value\",\"type\":\"bytes\"},"
    "{\"name\":\"left\",\"type\":[\"null\",\"Tree%zu\"]},"
    "{\"name\":\"children\",\"type\":{\"type\":\"array\",\"items\":\"Tree%zu\"}}]}",
    "{\"type\":\"record\",\"name\":\"Nested%zu\",\"fields\":[{\"name\":\"kind\",\"type\":{\"type\":"
    "\"enum\",\"name\":\"Inner%zu\",\"symbols\":[\"X\"]}},{\"name\":\"nothing\",\"type\":\"null\"}]"
    "}",
};

struct mutation {
    struct random_source *source;
    json_t *definitions; /* name → definition whose parts refer to named types by name */
    json_t *emitted;     /* names that were defined in the result */
    size_t serial;
};

static bool chance(struct mutation *m, size_t one_in) {
    return random_below(m->source, one_in) == 0;
}

/* ---- taking apart ------------------------------------------------------------------------ */

static json_t *collect(struct mutation *m, const json_t *type) {
    if (json_is_array(type)) {
        json_t *copy = json_array();
        size_t i = 0;
        const json_t *branch = NULL;
        json_array_foreach(type, i, branch) {
            json_array_append_new(copy, collect(m, branch));
        }
        return copy;
    }
    if (!json_is_object(type)) {
        return json_deep_copy(type);
    }
    if (json_object_get(type, "items") != NULL) {
        return json_pack("{s:s, s:o}", "type", "array", "items",
                         collect(m, json_object_get(type, "items")));
    }
    json_t *definition = json_deep_copy(type);
    const char *name = json_string_value(json_object_get(definition, "name"));
    json_object_set_new(m->definitions, name, definition);
    size_t i = 0;
    json_t *field = NULL;
    json_array_foreach(json_object_get(definition, "fields"), i, field) {
        json_object_set_new(field, "type", collect(m, json_object_get(field, "type")));
    }
    return json_string(name);
}

/* ---- mutating ---------------------------------------------------------------------------- */

static json_t *pick(struct mutation *m, const char *const *texts, size_t count) {
    return json_loads(texts[random_below(m->source, count)], JSON_DECODE_ANY, NULL);
}

/* A type whose values can be read as the given one. */
static json_t *narrowed(struct mutation *m, const json_t *type) {
    static const char *const longs[] = {"\"long\"", "\"int\"", "[\"int\",\"long\"]", "[\"long\"]"};
    static const char *const doubles[] = {"\"double\"", "\"float\"", "\"int\"", "\"long\"",
                                          "[\"long\",\"float\",\"double\"]"};
    static const char *const strings[] = {"\"string\"", "\"bytes\"", "[\"string\",\"bytes\"]"};
    const char *name = json_string_value(type);
    if (name != NULL && strcmp(name, "long") == 0) {
        return pick(m, longs, 4);
    }
    if (name != NULL && strcmp(name, "double") == 0) {
        return pick(m, doubles, 5);
    }
    if (name != NULL && strcmp(name, "string") == 0) {
        return pick(m, strings, 3);
    }
    json_t *copy = json_deep_copy(type);
    if (json_is_object(copy)) {
        json_object_set_new(copy, "items", narrowed(m, json_object_get(type, "items")));
    }
    return chance(m, 3) ? json_pack("[o]", copy) : copy;
}

static json_t *mutate_type(struct mutation *m, const json_t *type) {
    if (!json_is_array(type)) {
        return narrowed(m, type);
    }
    json_t *value = narrowed(m, json_array_get(type, 1));
    if (chance(m, 3)) {
        return value;
    }
    json_t *branches = json_is_array(value) ? value : json_pack("[o]", value);
    json_array_insert_new(branches, random_below(m->source, json_array_size(branches) + 1),
                          json_string("null"));
    return branches;
}

static void shuffle(struct mutation *m, json_t *list) {
    for (size_t i = json_array_size(list); i > 1; i--) {
        const size_t j = random_below(m->source, i);
        json_t *last = json_incref(json_array_get(list, i - 1));
        json_array_set(list, i - 1, json_array_get(list, j));
        json_array_set_new(list, j, last);
    }
}

static json_t *extra_field(struct mutation *m) {
    char text[1024];
    char name[32];
    const size_t n = m->serial++;
    /* Some of the texts have less than three places for the number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    snprintf(text, sizeof text, extras[random_below(m->source, sizeof extras / sizeof extras[0])],
             n, n, n);
#pragma GCC diagnostic pop
    snprintf(name, sizeof name, "extra_%zu", n);
    return json_pack("{s:s, s:o}", "name", name, "type", json_loads(text, JSON_DECODE_ANY, NULL));
}

static void mutate_record(struct mutation *m, json_t *definition) {
    json_t *fields = json_object_get(definition, "fields");
    for (size_t i = json_array_size(fields); i > 0; i--) {
        json_t *field = json_array_get(fields, i - 1);
        if (json_object_get(field, "default") != NULL && chance(m, 4)) {
            json_array_remove(fields, i - 1);
            continue;
        }
        json_object_set_new(field, "type", mutate_type(m, json_object_get(field, "type")));
        json_object_del(field, "default");
    }
    for (size_t i = random_below(m->source, 5); i > 0; i--) {
        json_array_append_new(fields, extra_field(m));
    }
    if (json_array_size(fields) == 0) {
        json_array_append_new(fields, extra_field(m)); /* Avro C wants at least one */
    }
    shuffle(m, fields);
}

static void mutate_enum(struct mutation *m, json_t *definition) {
    json_t *symbols = json_object_get(definition, "symbols");
    if (chance(m, 2)) {
        json_array_append_new(symbols, json_string("SYMBOL_OF_A_LATER_VERSION"));
    }
    if (chance(m, 2)) {
        json_array_remove(symbols, random_below(m->source, json_array_size(symbols)));
    }
    json_object_del(definition, "default");
    shuffle(m, symbols);
}

/* ---- putting together -------------------------------------------------------------------- */

static json_t *emit(struct mutation *m, const json_t *type) {
    if (json_is_array(type)) {
        json_t *copy = json_array();
        size_t i = 0;
        const json_t *branch = NULL;
        json_array_foreach(type, i, branch) {
            json_array_append_new(copy, emit(m, branch));
        }
        return copy;
    }
    const char *name = json_string_value(type);
    const json_t *definition = name == NULL ? NULL : json_object_get(m->definitions, name);
    if (definition == NULL || json_object_get(m->emitted, name) != NULL) {
        json_t *copy = json_deep_copy(type);
        if (json_is_object(copy) && json_object_get(type, "items") != NULL) {
            json_object_set_new(copy, "items", emit(m, json_object_get(type, "items")));
        }
        return copy;
    }
    json_object_set_new(m->emitted, name, json_true());
    json_t *copy = json_deep_copy(definition);
    size_t i = 0;
    json_t *field = NULL;
    json_array_foreach(json_object_get(copy, "fields"), i, field) {
        json_object_set_new(field, "type", emit(m, json_object_get(field, "type")));
    }
    return copy;
}

char *schema_mutate(const char *schema_text, struct random_source *source) {
    static const char *const namespaces[] = {"kontune", "other.team", "v2"};
    struct mutation m = {.source = source, .definitions = json_object(), .emitted = json_object()};
    json_t *original = json_loads(schema_text, 0, NULL);
    json_t *root = collect(&m, original);
    const char *name = NULL;
    json_t *definition = NULL;
    json_object_foreach(m.definitions, name, definition) {
        if (json_object_get(definition, "fields") != NULL) {
            mutate_record(&m, definition);
        } else {
            mutate_enum(&m, definition);
        }
    }
    json_t *result = emit(&m, root);
    json_object_set_new(result, "namespace", json_string(namespaces[random_below(source, 3)]));
    char *text = json_dumps(result, JSON_COMPACT);
    json_decref(result);
    json_decref(root);
    json_decref(original);
    json_decref(m.definitions);
    json_decref(m.emitted);
    return text;
}
