/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads a JSON file that a person wrote: fields declared in tables, errors that name the file, the
 * path of the field and what was expected there. */
#ifndef KT_OPS_JSON_READ_H
#define KT_OPS_JSON_READ_H

#include "schemas/arena.h"
#include "schemas/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct kt_json_reader {
    const char *path; /* of the file, for messages */
    struct kt_error *error;
};

/* Where a value is: a chain on the stack, from the value outwards. NULL is the whole file. */
struct kt_json_place {
    const struct kt_json_place *up;
    const char *key; /* NULL: an item of a list */
    size_t index;
};

enum kt_json_kind {
    KT_JSON_REAL,    /* double */
    KT_JSON_WHOLE,   /* int */
    KT_JSON_SECONDS, /* int64_t in ms, in the file a number of seconds */
    KT_JSON_TRUTH    /* bool */
};

#define KT_JSON_ABOVE    1U /* min itself is too small */
#define KT_JSON_REQUIRED 2U /* else what the struct holds stays where the field is absent */

/* A field of a struct as an object of the file has it; tables end with {0}. */
struct kt_json_scalar {
    const char *key;
    enum kt_json_kind kind;
    size_t offset;  /* in the struct */
    double min;     /* inclusive, unless KT_JSON_ABOVE */
    double max;     /* inclusive */
    unsigned flags; /* of the below */
};

/* All fail with KT_ERR_CONFIG. "FILE: PLACE: …" */
enum kt_err kt_json_fail(const struct kt_json_reader *reader, const struct kt_json_place *place,
                         const char *format, ...) KT_PRINTF(3, 4);
/* "FILE: PLACE: expected …, not VALUE", or "…, but it is missing" when value is NULL. */
enum kt_err kt_json_expected(const struct kt_json_reader *reader, const struct kt_json_place *place,
                             json_t *value, const char *format, ...) KT_PRINTF(4, 5);

/* That value is an object without keys but those of the table and the list (either may be NULL). */
KT_MUST_CHECK enum kt_err kt_json_keys(const struct kt_json_reader *reader, json_t *value,
                                       const struct kt_json_place *place,
                                       const struct kt_json_scalar *scalars,
                                       const char *const *others);

/* Reads one value to the struct at `to`. */
KT_MUST_CHECK enum kt_err kt_json_scalar(const struct kt_json_reader *reader, json_t *value,
                                         const struct kt_json_place *place,
                                         const struct kt_json_scalar *scalar, void *to);

/* Reads the fields of the table that the object has. */
KT_MUST_CHECK enum kt_err kt_json_scalars(const struct kt_json_reader *reader, json_t *object,
                                          const struct kt_json_place *place,
                                          const struct kt_json_scalar *scalars, void *to);

/* A string of 1 to bytes_max bytes, copied to the arena; where it is absent and not required *text
 * stays. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_json_text(const struct kt_json_reader *reader, json_t *value,
                                       const struct kt_json_place *place, size_t bytes_max,
                                       bool required, struct kt_arena *arena, const char **text);

#endif
