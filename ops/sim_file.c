/* SPDX-License-Identifier: GPL-3.0-or-later
 * A simulated job as a user describes it: fields of the file are declared in tables, which also
 * tell what is expected in them. */
#include "ops/sim_file.h"

#include "ops/json_read.h"
#include "ops/text_file.h"
#include "schemas/metric_event.h"

#include <math.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (1 << 20)
#define RATE_MAX       1e12 /* records/s */
#define SECONDS_MAX    86400
#define DEFAULT_MAX    128  /* parallelism: Flink's least default */
#define DEFAULT_BUFFER 1000 /* records */
#define NOT_GIVEN      (-1.0)

/* A vertex in the order of the file, before the graph is known. */
struct draft {
    struct kt_sim_operator vertex;
    const struct kt_json_place *list; /* "sources" or "operators" */
    size_t index;                     /* in it */
    const char *upstream[KT_SIM_INPUTS_MAX];
    int place; /* in topological order, or -1 */
};

struct sim_file {
    struct kt_json_reader json;
    struct kt_arena *arena;
    struct kt_sim_spec *spec;
    int max_parallelism;
    struct draft *drafts; /* KT_SIM_OPERATORS_MAX */
    int count;
};

static const struct kt_json_place sources_place = {.key = "sources"};
static const struct kt_json_place operators_place = {.key = "operators"};

static struct kt_json_place draft_place(const struct draft *draft) {
    return (struct kt_json_place){.up = draft->list, .index = draft->index};
}

/* ---- curves ------------------------------------------------------------------------------ */

static const struct kt_json_scalar usl_scalars[] = {
    {"gamma", KT_JSON_REAL, offsetof(struct kt_sim_curve, gamma), 0, RATE_MAX,
     KT_JSON_ABOVE | KT_JSON_REQUIRED},
    {"sigma", KT_JSON_REAL, offsetof(struct kt_sim_curve, sigma), 0, 1e6, 0},
    {"kappa", KT_JSON_REAL, offsetof(struct kt_sim_curve, kappa), 0, 1e6, 0},
    {0}};

static const struct kt_json_scalar linear_scalars[] = {
    {"linear", KT_JSON_REAL, offsetof(struct kt_sim_curve, gamma), 0, RATE_MAX, KT_JSON_ABOVE},
    {0}};

/* A parallelism as an object's key: digits without a leading 0; 0 when it is none. */
static int parallelism_of(const char *key) {
    char *end;
    const long value = *key >= '1' && *key <= '9' ? strtol(key, &end, 10) : 0;
    return value >= 1 && value <= KT_PARALLELISM_MAX && *end == '\0' ? (int)value : 0;
}

static void insert_point(struct kt_sim_curve *curve, int parallelism, double ability) {
    int at = curve->points++;
    for (; at > 0 && curve->table[at - 1].parallelism > parallelism; at--) {
        curve->table[at] = curve->table[at - 1];
    }
    curve->table[at].parallelism = parallelism;
    curve->table[at].ability = ability;
}

static enum kt_err read_table(struct sim_file *file, json_t *table,
                              const struct kt_json_place *place, struct kt_sim_curve *curve) {
    curve->kind = KT_SIM_TABLE;
    if (!json_is_object(table) || json_object_size(table) < 1 ||
        json_object_size(table) > KT_SIM_TABLE_MAX) {
        return kt_json_expected(&file->json, place, table,
                                "an object of 1 to %d abilities by parallelism", KT_SIM_TABLE_MAX);
    }
    const char *key;
    json_t *value;
    json_object_foreach(table, key, value) {
        const struct kt_json_place point = {.up = place, .key = key};
        const struct kt_json_scalar scalar = {key, KT_JSON_REAL, 0, 0, RATE_MAX, KT_JSON_ABOVE};
        const int parallelism = parallelism_of(key);
        double ability = 0.0;
        if (parallelism == 0) {
            return kt_json_fail(&file->json, &point,
                                "expected a parallelism from 1 to %d as the key",
                                KT_PARALLELISM_MAX);
        }
        const enum kt_err err = kt_json_scalar(&file->json, value, &point, &scalar, &ability);
        if (err != KT_ERR_OK) {
            return err;
        }
        insert_point(curve, parallelism, ability);
    }
    return KT_ERR_OK;
}

static enum kt_err read_curve(struct sim_file *file, json_t *object,
                              const struct kt_json_place *place, struct kt_sim_curve *curve) {
    static const char *const kinds[] = {"usl", "table", "linear", NULL};
    if (!json_is_object(object) || json_object_size(object) != 1) {
        return kt_json_expected(&file->json, place, object,
                                "an object with one of usl, table, linear");
    }
    enum kt_err err = kt_json_keys(&file->json, object, place, NULL, kinds);
    if (err != KT_ERR_OK) {
        return err;
    }
    json_t *usl = json_object_get(object, "usl");
    json_t *table = json_object_get(object, "table");
    if (table != NULL) {
        const struct kt_json_place inner = {.up = place, .key = "table"};
        return read_table(file, table, &inner, curve);
    }
    if (usl != NULL) {
        const struct kt_json_place inner = {.up = place, .key = "usl"};
        err = kt_json_keys(&file->json, usl, &inner, usl_scalars, NULL);
        return err != KT_ERR_OK ? err
                                : kt_json_scalars(&file->json, usl, &inner, usl_scalars, curve);
    }
    return kt_json_scalars(&file->json, object, place, linear_scalars, curve);
}

/* ---- vertices ---------------------------------------------------------------------------- */

static const struct kt_json_scalar vertex_scalars[] = {
    {"selectivity", KT_JSON_REAL, offsetof(struct kt_sim_operator, selectivity), 0, 1e6, 0}, {0}};
static const struct kt_json_scalar source_scalars[] = {
    {"unit_rate", KT_JSON_REAL, offsetof(struct kt_sim_operator, unit_rate), 0, RATE_MAX,
     KT_JSON_ABOVE | KT_JSON_REQUIRED},
    {0}};
static const struct kt_json_scalar operator_scalars[] = {
    {"keyed", KT_JSON_TRUTH, offsetof(struct kt_sim_operator, keyed), 0, 0, 0}, {0}};
/* What has a meaning beside a curve only. */
static const struct kt_json_scalar scaled_scalars[] = {
    {"key_groups", KT_JSON_WHOLE, offsetof(struct kt_sim_operator, curve.key_groups), 1,
     KT_PARALLELISM_MAX, 0},
    {"plateau", KT_JSON_WHOLE, offsetof(struct kt_sim_operator, curve.plateau), 1,
     KT_PARALLELISM_MAX, 0},
    {"skew", KT_JSON_REAL, offsetof(struct kt_sim_operator, skew), 0, KT_PARALLELISM_MAX, 0},
    {"max_parallelism", KT_JSON_WHOLE, offsetof(struct kt_sim_operator, max_parallelism), 1,
     KT_PARALLELISM_MAX, 0},
    {0}};

static const char *const source_keys[] = {
    "id",         "name",    "unit_rate", "selectivity",     "curve",
    "key_groups", "plateau", "skew",      "max_parallelism", NULL};
static const char *const operator_keys[] = {
    "id",         "name",    "upstream", "keyed",           "selectivity", "curve",
    "key_groups", "plateau", "skew",     "max_parallelism", NULL};

static enum kt_err read_text(struct sim_file *file, json_t *object,
                             const struct kt_json_place *place, const char *key, bool required,
                             const char **text) {
    const struct kt_json_place inner = {.up = place, .key = key};
    return kt_json_text(&file->json, json_object_get(object, key), &inner, KT_NAME_BYTES_MAX,
                        required, file->arena, text);
}

static enum kt_err read_upstream(struct sim_file *file, json_t *list,
                                 const struct kt_json_place *place, struct draft *draft) {
    if (!json_is_array(list) || json_array_size(list) < 1 ||
        json_array_size(list) > KT_SIM_INPUTS_MAX) {
        return kt_json_expected(&file->json, place, list, "a list of 1 to %d ids",
                                KT_SIM_INPUTS_MAX);
    }
    for (size_t k = 0; k < json_array_size(list); k++) {
        const struct kt_json_place item = {.up = place, .index = k};
        const char **id = &draft->upstream[k];
        const enum kt_err err = kt_json_text(&file->json, json_array_get(list, k), &item,
                                             KT_NAME_BYTES_MAX, true, file->arena, id);
        if (err != KT_ERR_OK) {
            return err;
        }
        for (size_t before = 0; before < k; before++) {
            if (strcmp(draft->upstream[before], *id) == 0) {
                return kt_json_fail(&file->json, &item, "\"%s\" is there twice", *id);
            }
        }
    }
    draft->vertex.inputs_count = (int)json_array_size(list);
    return KT_ERR_OK;
}

static enum kt_err read_scaled(struct sim_file *file, json_t *object,
                               const struct kt_json_place *place, bool needs_curve,
                               struct kt_sim_operator *vertex) {
    json_t *curve = json_object_get(object, "curve");
    const struct kt_json_place curve_place = {.up = place, .key = "curve"};
    vertex->scaled = curve != NULL || needs_curve;
    if (vertex->scaled) {
        vertex->max_parallelism = file->max_parallelism;
        const enum kt_err err = read_curve(file, curve, &curve_place, &vertex->curve);
        return err != KT_ERR_OK
                   ? err
                   : kt_json_scalars(&file->json, object, place, scaled_scalars, vertex);
    }
    vertex->max_parallelism = 1;
    for (const struct kt_json_scalar *scalar = scaled_scalars; scalar->key != NULL; scalar++) {
        if (json_object_get(object, scalar->key) != NULL) {
            const struct kt_json_place inner = {.up = place, .key = scalar->key};
            return kt_json_fail(&file->json, &inner, "expected a curve beside it");
        }
    }
    return KT_ERR_OK;
}

static enum kt_err read_vertex(struct sim_file *file, json_t *object, struct draft *draft) {
    const bool is_source = draft->list == &sources_place;
    const struct kt_json_place place = draft_place(draft);
    struct kt_sim_operator *vertex = &draft->vertex;
    const struct kt_json_place upstream = {.up = &place, .key = "upstream"};
    vertex->selectivity = 1.0;
    enum kt_err err =
        kt_json_keys(&file->json, object, &place, NULL, is_source ? source_keys : operator_keys);
    if (err == KT_ERR_OK) {
        err = read_text(file, object, &place, "id", true, &vertex->id);
    }
    if (err == KT_ERR_OK) {
        vertex->name = vertex->id;
        err = read_text(file, object, &place, "name", false, &vertex->name);
    }
    if (err == KT_ERR_OK && !is_source) {
        err = read_upstream(file, json_object_get(object, "upstream"), &upstream, draft);
    }
    if (err == KT_ERR_OK) {
        err = kt_json_scalars(&file->json, object, &place, vertex_scalars, vertex);
    }
    if (err == KT_ERR_OK) {
        err = kt_json_scalars(&file->json, object, &place,
                              is_source ? source_scalars : operator_scalars, vertex);
    }
    if (err == KT_ERR_OK) {
        err = read_scaled(file, object, &place, !is_source, vertex);
    }
    return err;
}

static struct draft *draft_find(const struct sim_file *file, const char *id) {
    for (int i = 0; i < file->count; i++) {
        if (strcmp(file->drafts[i].vertex.id, id) == 0) {
            return &file->drafts[i];
        }
    }
    return NULL;
}

static enum kt_err read_vertices(struct sim_file *file, json_t *root,
                                 const struct kt_json_place *list) {
    json_t *items = json_object_get(root, list->key);
    if (!json_is_array(items) || json_array_size(items) == 0) {
        return kt_json_expected(&file->json, list, items, "a list with at least one");
    }
    for (size_t k = 0; k < json_array_size(items); k++) {
        const struct kt_json_place place = {.up = list, .index = k};
        if (file->count == KT_SIM_OPERATORS_MAX) {
            return kt_json_fail(&file->json, &place,
                                "expected at most %d sources and operators in all",
                                KT_SIM_OPERATORS_MAX);
        }
        struct draft *draft = &file->drafts[file->count];
        *draft = (struct draft){.list = list, .index = k, .place = -1};
        const enum kt_err err = read_vertex(file, json_array_get(items, k), draft);
        if (err != KT_ERR_OK) {
            return err;
        }
        if (draft_find(file, draft->vertex.id) != NULL) {
            const struct kt_json_place id = {.up = &place, .key = "id"};
            return kt_json_fail(&file->json, &id, "\"%s\" is there twice", draft->vertex.id);
        }
        file->count++;
    }
    return KT_ERR_OK;
}

/* ---- the graph --------------------------------------------------------------------------- */

static enum kt_err check_upstream(struct sim_file *file) {
    for (int i = 0; i < file->count; i++) {
        const struct draft *draft = &file->drafts[i];
        const struct kt_json_place place = draft_place(draft);
        const struct kt_json_place upstream = {.up = &place, .key = "upstream"};
        for (int k = 0; k < draft->vertex.inputs_count; k++) {
            if (draft_find(file, draft->upstream[k]) == NULL) {
                const struct kt_json_place item = {.up = &upstream, .index = (size_t)k};
                return kt_json_fail(&file->json, &item,
                                    "expected the id of a source or operator, not \"%s\"",
                                    draft->upstream[k]);
            }
        }
    }
    return KT_ERR_OK;
}

/* The first upstream that has no place yet, or NULL. */
static struct draft *unplaced_upstream(const struct sim_file *file, const struct draft *draft) {
    for (int k = 0; k < draft->vertex.inputs_count; k++) {
        struct draft *up = draft_find(file, draft->upstream[k]);
        if (up->place < 0) {
            return up;
        }
    }
    return NULL;
}

/* Upstream from an operator that cannot be placed one comes round a cycle. */
static enum kt_err fail_cycle(const struct sim_file *file, const struct draft *draft) {
    for (int step = 0; step < file->count; step++) {
        draft = unplaced_upstream(file, draft); /* after so many steps it is in the cycle */
    }
    char text[256] = "";
    const struct draft *at = draft;
    size_t used = 0;
    do {
        at = unplaced_upstream(file, at);
        const int len = snprintf(text + used, sizeof text - used, "\"%s\" <- ", at->vertex.id);
        used += (size_t)len;
    } while (at != draft && used < sizeof text);
    const struct kt_json_place place = draft_place(draft);
    const struct kt_json_place upstream = {.up = &place, .key = "upstream"};
    return kt_json_fail(&file->json, &upstream, "the operators are in a cycle: \"%s\" <- %.*s",
                        draft->vertex.id,
                        used < sizeof text ? (int)(used - sizeof " <- " + 1) : 200, text);
}

/* In topological order, else in that of the file: sources first. */
static enum kt_err place_vertices(struct sim_file *file) {
    struct kt_sim_spec *spec = file->spec;
    spec->count = 0;
    while (spec->count < file->count) {
        struct draft *next = NULL;
        struct draft *stuck = NULL;
        for (int i = 0; i < file->count && next == NULL; i++) {
            struct draft *draft = &file->drafts[i];
            if (draft->place < 0) {
                stuck = draft;
                next = unplaced_upstream(file, draft) == NULL ? draft : NULL;
            }
        }
        if (next == NULL) {
            return fail_cycle(file, stuck);
        }
        next->place = spec->count;
        for (int k = 0; k < next->vertex.inputs_count; k++) {
            next->vertex.inputs[k] = draft_find(file, next->upstream[k])->place;
        }
        spec->operators[spec->count++] = next->vertex;
    }
    return KT_ERR_OK;
}

/* ---- the job ----------------------------------------------------------------------------- */

static const struct kt_json_scalar job_scalars[] = {
    {"restart_seconds", KT_JSON_SECONDS, offsetof(struct kt_sim_spec, restart_ms), 0, SECONDS_MAX,
     0},
    {"noise", KT_JSON_REAL, offsetof(struct kt_sim_spec, noise), 0, 1, 0},
    {"noise_seconds", KT_JSON_SECONDS, offsetof(struct kt_sim_spec, noise_ms), 1, SECONDS_MAX, 0},
    {"warm_up_seconds", KT_JSON_SECONDS, offsetof(struct kt_sim_spec, warm_up_ms), 0, SECONDS_MAX,
     0},
    {"warm_up_factor", KT_JSON_REAL, offsetof(struct kt_sim_spec, warm_up_factor), 0, 1,
     KT_JSON_ABOVE},
    {"buffer_records", KT_JSON_REAL, offsetof(struct kt_sim_spec, buffer_records), 0, RATE_MAX, 0},
    {0}};
static const struct kt_json_scalar drift_scalars[] = {
    {"second", KT_JSON_REAL, offsetof(struct kt_sim_drift, second), 0, 1e9, KT_JSON_REQUIRED},
    {"factor", KT_JSON_REAL, offsetof(struct kt_sim_drift, factor), 0, 100,
     KT_JSON_ABOVE | KT_JSON_REQUIRED},
    {"ramp_seconds", KT_JSON_REAL, offsetof(struct kt_sim_drift, ramp_s), 0, 1e9, 0},
    {0}};
static const struct kt_json_scalar metrics_scalars[] = {
    {"rates", KT_JSON_TRUTH, offsetof(struct kt_sim_metrics, rates), 0, 0, 0},
    {"no_lag", KT_JSON_TRUTH, offsetof(struct kt_sim_metrics, no_lag), 0, 0, 0},
    {"lag_factor", KT_JSON_REAL, offsetof(struct kt_sim_metrics, lag_factor), 0, 100,
     KT_JSON_ABOVE},
    {"lag_delay_seconds", KT_JSON_REAL, offsetof(struct kt_sim_metrics, lag_delay_s), 0, 3600, 0},
    {"busy_quantum_ms", KT_JSON_REAL, offsetof(struct kt_sim_metrics, busy_quantum_ms), 0, 60000,
     0},
    {"burst_seconds", KT_JSON_REAL, offsetof(struct kt_sim_metrics, burst_s), 0, 3600, 0},
    {0}};
static const struct kt_json_scalar max_scalars[] = {{"max_parallelism", KT_JSON_WHOLE,
                                                     offsetof(struct sim_file, max_parallelism), 1,
                                                     KT_PARALLELISM_MAX, 0},
                                                    {0}};
static const char *const job_keys[] = {"name",      "cluster", "max_parallelism", "sources",
                                       "operators", "drift",   "metrics",         NULL};

/* An object that may be absent, with nothing but scalars. */
static enum kt_err read_part(struct sim_file *file, json_t *root, const char *key,
                             const struct kt_json_scalar *scalars, void *to) {
    json_t *object = json_object_get(root, key);
    const struct kt_json_place place = {.key = key};
    if (object == NULL) {
        return KT_ERR_OK;
    }
    const enum kt_err err = kt_json_keys(&file->json, object, &place, scalars, NULL);
    return err != KT_ERR_OK ? err : kt_json_scalars(&file->json, object, &place, scalars, to);
}

/* At most a second of work, as Flink's buffer debloating aims at: slow operators would else hide a
 * load that they cannot take behind buffers that hold minutes of it. */
static double default_buffer(const struct kt_sim_spec *spec) {
    double records = DEFAULT_BUFFER;
    for (int i = 0; i < spec->count; i++) {
        if (spec->operators[i].scaled) {
            records = fmin(records, kt_sim_curve_at(&spec->operators[i].curve, 1));
        }
    }
    return records;
}

static enum kt_err read_job(struct sim_file *file, json_t *root) {
    struct kt_sim_spec *spec = file->spec;
    enum kt_err err = kt_json_keys(&file->json, root, NULL, job_scalars, job_keys);
    if (err == KT_ERR_OK) {
        err = read_text(file, root, NULL, "name", true, &spec->job_name);
    }
    if (err == KT_ERR_OK) {
        err = read_text(file, root, NULL, "cluster", false, &spec->cluster);
    }
    if (err == KT_ERR_OK) {
        err = kt_json_scalars(&file->json, root, NULL, job_scalars, spec);
    }
    if (err == KT_ERR_OK) {
        err = kt_json_scalars(&file->json, root, NULL, max_scalars, file);
    }
    if (err == KT_ERR_OK) {
        err = read_part(file, root, "drift", drift_scalars, &spec->drift);
    }
    if (err == KT_ERR_OK) {
        err = read_part(file, root, "metrics", metrics_scalars, &spec->metrics);
    }
    if (err == KT_ERR_OK) {
        err = read_vertices(file, root, &sources_place);
    }
    if (err == KT_ERR_OK) {
        err = read_vertices(file, root, &operators_place);
    }
    if (err == KT_ERR_OK) {
        err = check_upstream(file);
    }
    if (err == KT_ERR_OK) {
        err = place_vertices(file);
    }
    if (err == KT_ERR_OK && spec->buffer_records < 0.0) {
        spec->buffer_records = default_buffer(spec);
    }
    return err;
}

enum kt_err kt_sim_file_parse(struct kt_str text, const char *path, struct kt_arena *arena,
                              struct kt_sim_spec *spec, struct kt_error *error) {
    *spec = (struct kt_sim_spec){.cluster = "simulated",
                                 .restart_ms = 60000,
                                 .warm_up_factor = 0.5,
                                 .buffer_records = NOT_GIVEN};
    struct sim_file file = {.json = {path, error},
                            .arena = arena,
                            .spec = spec,
                            .max_parallelism = DEFAULT_MAX,
                            .drafts =
                                kt_arena_array(arena, KT_SIM_OPERATORS_MAX, sizeof *file.drafts)};
    if (file.drafts == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "%s: no memory for a job", path);
    }
    json_error_t at;
    json_t *root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &at);
    if (root == NULL) {
        return kt_fail(error, KT_ERR_CONFIG, "%s:%d:%d: %s", path, at.line, at.column, at.text);
    }
    const enum kt_err err = read_job(&file, root);
    json_decref(root);
    return err;
}

enum kt_err kt_sim_file_read(const char *path, struct kt_arena *arena, struct kt_sim_spec *spec,
                             struct kt_error *error) {
    struct kt_arena own;
    kt_arena_init(&own, 1 << 16, FILE_BYTES_MAX);
    struct kt_str text;
    enum kt_err err = kt_text_file_read(path, &own, &text, error);
    if (err == KT_ERR_OK) {
        err = kt_sim_file_parse(text, path, arena, spec, error);
    }
    kt_arena_free(&own);
    return err;
}
