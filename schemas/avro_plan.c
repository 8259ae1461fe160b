/* SPDX-License-Identifier: GPL-3.0-or-later
 * Compiles a plan by Avro's rules of schema resolution.
 *
 * Three descriptions are walked side by side: the writer's schema (what the bytes are), the
 * reader's schema (names, aliases and defaults) and the field table (where values go). A pair of
 * records is compiled once, however often the writer refers to it, so that the work is bounded by
 * the size of the schemas; the number of steps is bounded besides. */
#include "schemas/avro_plan.h"

#include "schemas/avro_steps.h"

#include <stdlib.h>
#include <string.h>

#define PLAN_BYTES_MAX (16U << 20)
#define STEPS_MAX      65536U

struct compiled {
    struct compiled *next;
    const struct kt_avro_node *writer;
    const struct kt_record_type *type;
    struct kt_program program;
};

struct compiler {
    struct kt_plan *plan;
    struct kt_error *error;
    struct compiled *compiled;
    size_t steps;
    char path[256]; /* of the reader's fields, for messages */
};

/* What a value of the writer is to become. */
struct target {
    enum kt_kind kind;
    const struct kt_field *field;      /* enums, record, item and limits come from it */
    const struct kt_avro_node *reader; /* the reader's type, without null */
    uint32_t offset;
    unsigned char bit; /* KT_NO_BIT: null is refused */
};

KT_PRINTF(2, 3)
static enum kt_err plan_fail(struct compiler *c, const char *format, ...) {
    char message[256];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return kt_fail(c->error, KT_ERR_SCHEMA, "%s%s%s", c->path, c->path[0] == '\0' ? "" : ": ",
                   message);
}

static void *plan_alloc(struct compiler *c, size_t count, size_t size) {
    void *memory = kt_arena_array(&c->plan->arena, count, size);
    if (memory == NULL) {
        (void)kt_fail(c->error, KT_ERR_NOMEM, "no memory for a plan");
    }
    return memory;
}

static size_t path_enter(struct compiler *c, const char *name) {
    size_t len = strlen(c->path);
    snprintf(c->path + len, sizeof c->path - len, "%s%s", len == 0 ? "" : ".", name);
    return len;
}

/* ---- does a writer's type fit? ----------------------------------------------------------- */

/* The operation that reads a writer's primitive as a plain kind, or -1. The promotions are those of
 * the specification that end in a kind of ours. */
static int plain_op(enum kt_avro_type writer, enum kt_kind kind) {
    switch (kind) {
    case KT_KIND_BOOL:
        return writer == KT_AVRO_BOOLEAN ? KT_OP_BOOL : -1;
    case KT_KIND_INT:
        return writer == KT_AVRO_INT ? KT_OP_INT : -1;
    case KT_KIND_LONG:
        return writer == KT_AVRO_LONG ? KT_OP_LONG : writer == KT_AVRO_INT ? KT_OP_INT_TO_LONG : -1;
    case KT_KIND_DOUBLE:
        return writer == KT_AVRO_DOUBLE  ? KT_OP_DOUBLE
               : writer == KT_AVRO_FLOAT ? KT_OP_FLOAT_TO_DOUBLE
               : writer == KT_AVRO_INT   ? KT_OP_INT_TO_DOUBLE
               : writer == KT_AVRO_LONG  ? KT_OP_LONG_TO_DOUBLE
                                         : -1;
    case KT_KIND_STRING:
        return writer == KT_AVRO_STRING || writer == KT_AVRO_BYTES ? KT_OP_STRING : -1;
    default:
        return -1;
    }
}

/* Records and enums match by their names without namespace, or by an alias of the reader's. */
static bool names_match(const struct kt_avro_node *writer, const struct kt_avro_node *reader) {
    if (strcmp(kt_avro_short_name(writer->name), kt_avro_short_name(reader->name)) == 0) {
        return true;
    }
    for (size_t i = 0; i < reader->alias_count; i++) {
        if (strcmp(writer->name, reader->aliases[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- enums ------------------------------------------------------------------------------- */

static int symbol_index(const struct kt_enum_type *type, const char *symbol) {
    return symbol == NULL ? -1 : kt_enum_find(type, kt_str_of(symbol));
}

static enum kt_err compile_enum(struct compiler *c, const struct kt_avro_node *writer,
                                const struct target *target, struct kt_step *step) {
    const struct kt_enum_type *type = target->field->enums;
    struct kt_enum_step *symbols = plan_alloc(c, 1, sizeof *symbols);
    int *to = plan_alloc(c, writer->count, sizeof *to);
    if (symbols == NULL || to == NULL) {
        return KT_ERR_NOMEM;
    }
    const int fallback = symbol_index(type, target->reader->symbol_default);
    for (size_t i = 0; i < writer->count; i++) {
        to[i] = symbol_index(type, writer->u.symbols[i]);
        if (to[i] < 0) {
            to[i] = fallback;
        }
    }
    *symbols = (struct kt_enum_step){.count = writer->count, .to = to, .writer = writer};
    step->op = KT_OP_ENUM;
    step->with.symbols = symbols;
    return KT_ERR_OK;
}

/* ---- values ------------------------------------------------------------------------------ */

static enum kt_err compile_record(struct compiler *c, const struct kt_avro_node *writer,
                                  const struct kt_avro_node *reader,
                                  const struct kt_record_type *type, const struct kt_program **out);
static enum kt_err compile_value(struct compiler *c, const struct kt_avro_node *writer,
                                 const struct target *target, struct kt_step *step);

static enum kt_err compile_array(struct compiler *c, const struct kt_avro_node *writer,
                                 const struct target *target, struct kt_step *step) {
    struct kt_array_step *array = plan_alloc(c, 1, sizeof *array);
    if (array == NULL) {
        return KT_ERR_NOMEM;
    }
    struct target item = {.kind = target->field->item,
                          .field = target->field,
                          .reader = target->reader->u.items,
                          .bit = KT_NO_BIT};
    enum kt_err err = compile_value(c, writer->u.items, &item, &array->item);
    array->item_size = target->field->item_size;
    array->items_max = target->field->items_max;
    array->bytes_min = writer->u.items->bytes_min;
    step->op = KT_OP_ARRAY;
    step->with.array = array;
    return err;
}

/* A writer's type that is no union. */
static enum kt_err compile_single(struct compiler *c, const struct kt_avro_node *writer,
                                  const struct target *target, struct kt_step *step) {
    if (writer->type == KT_AVRO_NULL && target->bit != KT_NO_BIT) {
        step->op = KT_OP_NULL;
        return KT_ERR_OK;
    }
    if (target->kind == KT_KIND_RECORD && writer->type == KT_AVRO_RECORD &&
        names_match(writer, target->reader)) {
        step->op = KT_OP_RECORD;
        return compile_record(c, writer, target->reader, target->field->record,
                              &step->with.program);
    }
    if (target->kind == KT_KIND_ENUM && writer->type == KT_AVRO_ENUM &&
        names_match(writer, target->reader)) {
        return compile_enum(c, writer, target, step);
    }
    if (target->kind == KT_KIND_ARRAY && writer->type == KT_AVRO_ARRAY) {
        return compile_array(c, writer, target, step);
    }
    int op = plain_op(writer->type, target->kind);
    if (op < 0) {
        return plan_fail(c, "the writer's %.100s cannot be read as %s%.100s",
                         kt_avro_node_name(writer), target->bit != KT_NO_BIT ? "null or " : "",
                         kt_avro_node_name(target->reader));
    }
    step->op = (unsigned char)op;
    return KT_ERR_OK;
}

/* ["null", T] and [T, "null"] for a nullable field: no table of branches, one test. */
static enum kt_err compile_optional(struct compiler *c, const struct kt_avro_node *writer,
                                    const struct target *target, struct kt_step *step) {
    bool null_first = writer->u.branches[0]->type == KT_AVRO_NULL;
    step->optional = null_first ? KT_NULL_FIRST : KT_NULL_SECOND;
    return compile_single(c, writer->u.branches[null_first ? 1 : 0], target, step);
}

/* A branch that does not fit is an error only of the values that use it, unless none fits. */
static enum kt_err compile_union(struct compiler *c, const struct kt_avro_node *writer,
                                 const struct target *target, struct kt_step *step) {
    struct kt_union_step *set = plan_alloc(c, 1, sizeof *set);
    struct kt_step *branches = plan_alloc(c, writer->count, sizeof *branches);
    if (set == NULL || branches == NULL) {
        return KT_ERR_NOMEM;
    }
    if (writer->count == 0) {
        return plan_fail(c, "the writer's union has no branches");
    }
    size_t fitting = 0;
    struct kt_error *outer = c->error;
    struct kt_error refused = {.code = KT_ERR_OK};
    c->error = &refused;
    for (size_t i = 0; i < writer->count; i++) {
        size_t path = strlen(c->path);
        branches[i] = (struct kt_step){.bit = target->bit, .offset = target->offset};
        enum kt_err err = compile_single(c, writer->u.branches[i], target, &branches[i]);
        if (err != KT_ERR_OK && err != KT_ERR_SCHEMA) {
            c->error = outer;
            return kt_fail(outer, err, "%s", refused.message);
        }
        fitting += err == KT_ERR_OK;
        if (err != KT_ERR_OK) {
            c->path[path] = '\0';
            branches[i].op = KT_OP_REFUSE;
            branches[i].with.skipped = writer->u.branches[i];
        }
    }
    c->error = outer;
    *set = (struct kt_union_step){.count = writer->count, .branches = branches};
    step->op = KT_OP_UNION;
    step->with.branches = set;
    return fitting > 0 ? KT_ERR_OK : kt_fail(outer, KT_ERR_SCHEMA, "%s", refused.message);
}

static enum kt_err compile_value(struct compiler *c, const struct kt_avro_node *writer,
                                 const struct target *target, struct kt_step *step) {
    *step = (struct kt_step){.bit = target->bit, .offset = target->offset};
    if (++c->steps > STEPS_MAX) {
        return kt_fail(c->error, KT_ERR_LIMIT, "the plan has more than %u steps", STEPS_MAX);
    }
    if (writer->type != KT_AVRO_UNION) {
        return compile_single(c, writer, target, step);
    }
    bool optional = target->bit != KT_NO_BIT && writer->count == 2 &&
                    (writer->u.branches[0]->type == KT_AVRO_NULL ||
                     writer->u.branches[1]->type == KT_AVRO_NULL);
    return optional ? compile_optional(c, writer, target, step)
                    : compile_union(c, writer, target, step);
}

/* ---- records ----------------------------------------------------------------------------- */

/* Index of a record's field, or its count. */
static size_t field_index(const struct kt_avro_node *record, const char *name) {
    size_t i = 0;
    while (i < record->count && strcmp(record->u.fields[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* Index of the writer's field that a reader's field reads: by name, else by the first alias that
 * the writer has and that is not another field's name; the writer's count when there is none. */
static size_t writer_field(const struct kt_avro_node *writer, const struct kt_avro_node *reader,
                           const struct kt_avro_field *field) {
    size_t found = field_index(writer, field->name);
    for (size_t a = 0; found == writer->count && a < field->alias_count; a++) {
        if (field_index(reader, field->aliases[a]) == reader->count) {
            found = field_index(writer, field->aliases[a]);
        }
    }
    return found;
}

/* Whether the reader's schema says the same as the table; a test holds every type's. */
static bool table_matches(const struct kt_avro_node *reader, const struct kt_record_type *type) {
    if (reader->type != KT_AVRO_RECORD || reader->count != type->count ||
        strcmp(kt_avro_short_name(reader->name), type->name) != 0) {
        return false;
    }
    for (size_t i = 0; i < type->count; i++) {
        if (strcmp(reader->u.fields[i].name, type->fields[i].name) != 0) {
            return false;
        }
    }
    return true;
}

/* The reader's fields: each either takes the step of a writer's field, or its default. */
static enum kt_err compile_fields(struct compiler *c, const struct kt_avro_node *writer,
                                  const struct kt_avro_node *reader,
                                  const struct kt_record_type *type, struct kt_step *steps,
                                  void *prototype) {
    for (size_t i = 0; i < type->count; i++) {
        const struct kt_field *field = &type->fields[i];
        const struct kt_avro_field *own = &reader->u.fields[i];
        size_t path = path_enter(c, field->name);
        size_t from = writer_field(writer, reader, own);
        enum kt_err err = KT_ERR_OK;
        if (from == writer->count || steps[from].op != KT_OP_SKIP) {
            if (own->fallback == NULL) {
                return plan_fail(c, "the writer does not have this field and it has no default");
            }
            err = kt_avro_default(field, i, own, prototype, &c->plan->arena, c->error);
        } else {
            struct target target = {.kind = field->kind,
                                    .field = field,
                                    .reader = kt_avro_without_null(own->type),
                                    .offset = (uint32_t)field->offset,
                                    .bit = field->nullable ? (unsigned char)i : KT_NO_BIT};
            err = compile_value(c, writer->u.fields[from].type, &target, &steps[from]);
        }
        if (err != KT_ERR_OK) {
            return err;
        }
        c->path[path] = '\0';
    }
    return KT_ERR_OK;
}

/* Every field of the writer is skipped until a field of the reader claims it. */
static enum kt_err compile_program(struct compiler *c, const struct kt_avro_node *writer,
                                   const struct kt_avro_node *reader,
                                   const struct kt_record_type *type, struct kt_program *program) {
    struct kt_step *steps = plan_alloc(c, writer->count, sizeof *steps);
    const char **names = plan_alloc(c, writer->count, sizeof *names);
    void *prototype = plan_alloc(c, 1, type->size);
    if (steps == NULL || names == NULL || prototype == NULL) {
        return KT_ERR_NOMEM;
    }
    for (size_t i = 0; i < writer->count; i++) {
        steps[i] = (struct kt_step){
            .op = KT_OP_SKIP, .bit = KT_NO_BIT, .with.skipped = writer->u.fields[i].type};
        names[i] = writer->u.fields[i].name;
    }
    *program = (struct kt_program){.steps = steps,
                                   .count = writer->count,
                                   .names = names,
                                   .prototype = prototype,
                                   .size = type->size};
    return compile_fields(c, writer, reader, type, steps, prototype);
}

static enum kt_err compile_record(struct compiler *c, const struct kt_avro_node *writer,
                                  const struct kt_avro_node *reader,
                                  const struct kt_record_type *type,
                                  const struct kt_program **out) {
    for (const struct compiled *known = c->compiled; known != NULL; known = known->next) {
        if (known->writer == writer && known->type == type) {
            *out = &known->program;
            return KT_ERR_OK;
        }
    }
    if (!table_matches(reader, type)) {
        return plan_fail(c, "the schema of %s does not say what its table says", type->name);
    }
    struct compiled *fresh = plan_alloc(c, 1, sizeof *fresh);
    if (fresh == NULL) {
        return KT_ERR_NOMEM;
    }
    enum kt_err err = compile_program(c, writer, reader, type, &fresh->program);
    if (err != KT_ERR_OK) {
        return err;
    }
    fresh->writer = writer;
    fresh->type = type;
    fresh->next = c->compiled;
    c->compiled = fresh;
    *out = &fresh->program;
    return KT_ERR_OK;
}

static enum kt_err compile_root(struct compiler *c, const struct kt_avro_node *reader,
                                const struct kt_record_type *type) {
    const struct kt_avro_node *writer = c->plan->writer.root;
    if (writer->type != KT_AVRO_RECORD || !names_match(writer, reader)) {
        return plan_fail(c, "the writer's %.100s cannot be read as %s", kt_avro_node_name(writer),
                         kt_avro_node_name(reader));
    }
    return compile_record(c, writer, reader, type, &c->plan->root);
}

/* ---- the plan ---------------------------------------------------------------------------- */

static enum kt_err parse_own(const struct kt_record_type *type, struct kt_avro_schema *schema,
                             struct kt_error *error) {
    if (type->schema_text == NULL) {
        return kt_fail(error, KT_ERR_SCHEMA, "%s is no top-level record", type->name);
    }
    return kt_avro_schema_parse(type->schema_text, schema, error);
}

enum kt_err kt_plan_compile(const struct kt_record_type *type, const char *writer_schema,
                            struct kt_plan **out, struct kt_error *error) {
    struct kt_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a plan");
    }
    kt_arena_init(&plan->arena, 16384, PLAN_BYTES_MAX);
    struct kt_avro_schema reader = {0};
    char *form = NULL;
    enum kt_err err = kt_avro_schema_parse(writer_schema, &plan->writer, error);
    if (err == KT_ERR_OK) {
        err = parse_own(type, &reader, error);
    }
    if (err == KT_ERR_OK) {
        struct compiler compiler = {.plan = plan, .error = error};
        err = compile_root(&compiler, reader.root, type);
    }
    if (err == KT_ERR_OK) {
        form = kt_avro_canonical_form(&plan->writer);
        err = form != NULL
                  ? KT_ERR_OK
                  : kt_fail(error, KT_ERR_NOMEM, "no memory for a schema's canonical form");
    }
    if (err == KT_ERR_OK) {
        plan->fingerprint = kt_avro_crc64(form, strlen(form));
        *out = plan;
        plan = NULL;
    }
    free(form);
    kt_avro_schema_free(&reader);
    kt_plan_free(plan);
    return err;
}

void kt_plan_free(struct kt_plan *plan) {
    if (plan != NULL) {
        kt_avro_schema_free(&plan->writer);
        kt_arena_free(&plan->arena);
        free(plan);
    }
}

uint64_t kt_plan_fingerprint(const struct kt_plan *plan) {
    return plan->fingerprint;
}

enum kt_err kt_plan_concerns(const struct kt_record_type *type, const char *writer_schema,
                             bool *concerns, struct kt_error *error) {
    struct kt_avro_schema reader;
    struct kt_avro_schema writer;
    enum kt_err err = parse_own(type, &reader, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    err = kt_avro_schema_parse(writer_schema, &writer, error);
    if (err == KT_ERR_OK) {
        *concerns = writer.root->type == KT_AVRO_RECORD && names_match(writer.root, reader.root);
        kt_avro_schema_free(&writer);
    }
    kt_avro_schema_free(&reader);
    return err;
}
