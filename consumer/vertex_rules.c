/* SPDX-License-Identifier: GPL-3.0-or-later
 * The options `pins` and `bounds`: lists of vertices with a parallelism or a range. */
#include "consumer/vertex_rules.h"

#define BLANKS KT_STR(" \t")

#define EXPECTED_PIN "expected 'vertex=N' with N from 1 to 32768, separated by commas"
#define EXPECTED_BOUNDS                                                                            \
    "expected 'vertex=MIN..MAX' with numbers from 1 to 32768, separated by commas"

/* Takes the item before the next comma that stands outside quotes. A quote opens a name only as
 * the item's first character; elsewhere it is a character like any other. */
static struct kt_str take_item(struct kt_str *list) {
    *list = kt_str_trim(*list, BLANKS);
    size_t at = 0;
    if (list->len > 0 && list->data[0] == '"') {
        const char *close = memchr(list->data + 1, '"', list->len - 1);
        at = close == NULL ? list->len : (size_t)(close - list->data);
    }
    while (at < list->len && list->data[at] != ',') {
        at++;
    }
    const struct kt_str item = kt_str_trim((struct kt_str){list->data, at}, BLANKS);
    const size_t used = at < list->len ? at + 1 : at;
    list->data += used;
    list->len -= used;
    return item;
}

/* Splits at the last '='; false when a side is missing. */
static bool split_item(struct kt_str item, struct kt_str *vertex, struct kt_str *value) {
    size_t at = item.len;
    while (at > 0 && item.data[at - 1] != '=') {
        at--;
    }
    if (at == 0) {
        return false;
    }
    *vertex = kt_str_trim((struct kt_str){item.data, at - 1}, BLANKS);
    *value = kt_str_trim((struct kt_str){item.data + at, item.len - at}, BLANKS);
    if (vertex->len >= 2 && vertex->data[0] == '"' && vertex->data[vertex->len - 1] == '"') {
        vertex->data++;
        vertex->len -= 2;
    }
    return vertex->len > 0 && value->len > 0;
}

static bool read_parallelism(struct kt_str text, int32_t *parallelism) {
    int32_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > KT_PARALLELISM_MAX) {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *parallelism = value;
    return value >= 1 && value <= KT_PARALLELISM_MAX;
}

/* "2..16", "2..", "..16"; a missing side stays 0. */
static bool read_range(struct kt_str text, struct kt_vertex_rule *rule) {
    const char *dots = memmem(text.data, text.len, "..", 2);
    if (dots == NULL) {
        return false;
    }
    const size_t at = (size_t)(dots - text.data);
    const struct kt_str low = kt_str_trim((struct kt_str){text.data, at}, BLANKS);
    const struct kt_str high = kt_str_trim((struct kt_str){dots + 2, text.len - at - 2}, BLANKS);
    if (low.len == 0 && high.len == 0) {
        return false;
    }
    return (low.len == 0 || read_parallelism(low, &rule->min_parallelism)) &&
           (high.len == 0 || read_parallelism(high, &rule->max_parallelism)) &&
           (low.len == 0 || high.len == 0 || rule->min_parallelism <= rule->max_parallelism);
}

/* Copies the rules, without their pins (bounds), with room for every item of the list. */
static enum kt_err copy_rules(const struct kt_job_settings *job, struct kt_str list, bool pins,
                              struct kt_arena *arena, struct kt_job_settings *copy,
                              struct kt_error *error) {
    size_t room = job->rules.count + 1;
    for (size_t i = 0; i < list.len; i++) {
        room += list.data[i] == ',';
    }
    copy->rules.count = 0;
    copy->rules.items = kt_arena_array(arena, room, sizeof copy->rules.items[0]);
    if (copy->rules.items == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < job->rules.count; i++) {
        struct kt_vertex_rule rule = job->rules.items[i];
        if (pins) {
            rule.pinned = 0;
        } else {
            rule.min_parallelism = 0;
            rule.max_parallelism = 0;
        }
        if (rule.pinned != 0 || rule.min_parallelism != 0 || rule.max_parallelism != 0) {
            copy->rules.items[copy->rules.count++] = rule;
        }
    }
    return KT_ERR_OK;
}

static struct kt_vertex_rule *find(struct kt_job_settings *job, struct kt_str vertex) {
    for (size_t i = 0; i < job->rules.count; i++) {
        if (kt_str_equal(job->rules.items[i].vertex, vertex)) {
            return &job->rules.items[i];
        }
    }
    return NULL;
}

static enum kt_err add(struct kt_job_settings *job, struct kt_vertex_rule given,
                       struct kt_arena *arena, struct kt_error *error) {
    struct kt_vertex_rule *rule = find(job, given.vertex);
    if (rule == NULL) {
        if (job->rules.count == KT_OPERATORS_MAX) {
            return kt_fail(error, KT_ERR_CONFIG, "expected at most %d vertices", KT_OPERATORS_MAX);
        }
        rule = &job->rules.items[job->rules.count];
        *rule = (struct kt_vertex_rule){.vertex = kt_arena_str(arena, given.vertex)};
        if (rule->vertex.data == NULL) {
            return kt_fail(error, KT_ERR_NOMEM, "out of memory");
        }
        job->rules.count++;
    }
    const bool again = given.pinned != 0
                           ? rule->pinned != 0
                           : (rule->min_parallelism != 0 || rule->max_parallelism != 0);
    if (again) {
        return kt_fail(error, KT_ERR_CONFIG, "'%.*s' is given twice", KT_STR_ARG(given.vertex));
    }
    if (given.pinned != 0) {
        rule->pinned = given.pinned;
    } else {
        rule->min_parallelism = given.min_parallelism;
        rule->max_parallelism = given.max_parallelism;
    }
    return KT_ERR_OK;
}

static enum kt_err set(struct kt_job_settings *job, struct kt_str list, bool pins,
                       struct kt_arena *arena, struct kt_error *error) {
    struct kt_job_settings copy = *job;
    enum kt_err err = copy_rules(job, list, pins, arena, &copy, error);
    list = kt_str_trim(list, BLANKS);
    while (err == KT_ERR_OK && list.len > 0) {
        const struct kt_str item = take_item(&list);
        struct kt_vertex_rule rule = {0};
        struct kt_str value;
        const bool good = split_item(item, &rule.vertex, &value) &&
                          (pins ? read_parallelism(value, &rule.pinned) : read_range(value, &rule));
        if (!good) {
            return kt_fail(error, KT_ERR_CONFIG, "%s, got '%.*s'",
                           pins ? EXPECTED_PIN : EXPECTED_BOUNDS, KT_STR_ARG(item));
        }
        err = add(&copy, rule, arena, error);
    }
    if (err == KT_ERR_OK) {
        job->rules = copy.rules;
    }
    return err;
}

enum kt_err kt_vertex_rules_set_pins(struct kt_job_settings *job, struct kt_str list,
                                     struct kt_arena *arena, struct kt_error *error) {
    return set(job, list, true, arena, error);
}

enum kt_err kt_vertex_rules_set_bounds(struct kt_job_settings *job, struct kt_str list,
                                       struct kt_arena *arena, struct kt_error *error) {
    return set(job, list, false, arena, error);
}
