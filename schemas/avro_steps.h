/* SPDX-License-Identifier: GPL-3.0-or-later
 * The program inside a plan, shared by its compiler (avro_plan.c) and its reader (avro_read.c).
 *
 * A record of the writer becomes a program: one step per field, in the order of the bytes. A step
 * reads one value of the writer's type and stores it at its offset in the struct, or skips it. What
 * the writer does not send stands already in the program's prototype, an image of the struct with
 * every default in its place, which is copied before the first step. */
#ifndef KT_SCHEMAS_AVRO_STEPS_H
#define KT_SCHEMAS_AVRO_STEPS_H

#include "schemas/avro_schema.h"
#include "schemas/record.h"

enum kt_op {
    KT_OP_BOOL,
    KT_OP_INT,
    KT_OP_LONG,
    KT_OP_INT_TO_LONG,
    KT_OP_DOUBLE,
    KT_OP_FLOAT_TO_DOUBLE,
    KT_OP_INT_TO_DOUBLE,
    KT_OP_LONG_TO_DOUBLE,
    KT_OP_STRING, /* also of bytes */
    KT_OP_ENUM,
    KT_OP_RECORD,
    KT_OP_ARRAY,
    KT_OP_UNION,  /* the writer's, other than [null, T]: branch by branch */
    KT_OP_NULL,   /* nothing to read: the field stays null */
    KT_OP_REFUSE, /* a branch that the reader's type cannot hold */
    KT_OP_SKIP
};

#define KT_NO_BIT 255U

/* How the writer says whether a value follows. */
enum kt_optional {
    KT_ALWAYS,     /* no union */
    KT_NULL_FIRST, /* ["null", T] */
    KT_NULL_SECOND /* [T, "null"] */
};

struct kt_program;
struct kt_step {
    unsigned char op;
    unsigned char optional;
    unsigned char bit; /* in the record's present mask, set when a value was read, or KT_NO_BIT */
    uint32_t offset;   /* in the record (in the item, for a step of items) */
    union {
        const struct kt_program *program;
        const struct kt_array_step *array;
        const struct kt_union_step *branches;
        const struct kt_enum_step *symbols;
        const struct kt_avro_node *skipped; /* also the branch that is refused */
    } with;
};

struct kt_enum_step {
    size_t count;  /* of the writer's symbols */
    const int *to; /* our index of each, or -1: refused */
    const struct kt_avro_node *writer;
};

struct kt_array_step {
    struct kt_step item;
    size_t item_size;
    size_t items_max;
    uint32_t bytes_min; /* of one item on the wire */
};

struct kt_union_step {
    size_t count;
    const struct kt_step *branches;
};

struct kt_program {
    const struct kt_step *steps;
    size_t count;
    const char *const *names; /* of the writer's fields, step by step, for messages */
    const void *prototype;
    size_t size;
};

struct kt_plan {
    struct kt_arena arena;        /* owns programs, steps and prototypes */
    struct kt_avro_schema writer; /* skipped values and messages refer to it */
    const struct kt_program *root;
    uint64_t fingerprint;
};

/* Puts the default of a reader's field into a struct whose field it is. The type comes from the
 * reader's schema, where it was found to fit the table. */
KT_MUST_CHECK enum kt_err kt_avro_default(const struct kt_field *field, size_t index,
                                          const struct kt_avro_field *reader, void *record,
                                          struct kt_arena *arena, struct kt_error *error);

#endif
