/* SPDX-License-Identifier: GPL-3.0-or-later
 * The option table, and what follows from its types: parsing, comparing, describing a value. */
#include "consumer/options.h"

#include "consumer/vertex_rules.h"
#include "model/policy.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define AT(field)     offsetof(struct kt_config, field)
#define DAY_MS        86400000.0
#define LEGAL_LEN_MAX 249

/* clang-format off: one option per paragraph reads better than what the formatter makes of it */
const struct kt_option kt_options[] = {
    {"worker", "group_id", KT_OPTION_PATH, AT(worker.group_id), 0, 0, "kontune",
     "Consumer group; all workers of one stage share it."},
    {"worker", "instance_id", KT_OPTION_HOST, AT(worker.instance_id), 0, 0, "",
     "Name of this worker, unique in its group and the same after a restart; group.instance.id and "
     "transactional.id come from it. Empty: the host's name."},
    {"worker", "state_dir", KT_OPTION_PATH, AT(worker.state_dir), 0, 0, "/var/lib/kontune",
     "Folder of the LMDB state; one per worker. What is lost here is restored from the changelog."},
    {"worker", "schema_dir", KT_OPTION_TEXT, AT(worker.schema_dir), 0, 0, "",
     "Folder with further writers' schemas (*.avsc) of the metrics topic. Empty: none."},
    {"worker", "state_map_bytes", KT_OPTION_INT64, AT(worker.state_map_bytes), 1048576,
     1099511627776, "17179869184",
     "Largest size of the state; the file is sparse and takes what is used."},
    {"worker", "transaction_ms_max", KT_OPTION_INT64, AT(worker.transaction_ms_max), 1, 60000,
     "100", "Longest time a Kafka transaction stays open while records come."},
    {"worker", "transaction_timeout_ms", KT_OPTION_INT64, AT(worker.transaction_timeout_ms), 1000,
     900000, "10000",
     "Kafka aborts a transaction that is open for longer; a restore after a crash may wait this "
     "long."},
    {"worker", "transaction_records_max", KT_OPTION_INT32, AT(worker.transaction_records_max), 1,
     1000000, "10000", "Most input records in one transaction."},
    {"worker", "commit_interval_ms", KT_OPTION_INT64, AT(worker.commit_interval_ms), 1, 600000,
     "5000", "Input offsets are committed at least this often, also when no window closes."},
    {"worker", "shutdown_ms", KT_OPTION_INT64, AT(worker.shutdown_ms), 1, 600000, "10000",
     "Deadline of the drain and the last commit after SIGTERM."},
    {"worker", "stats_interval_ms", KT_OPTION_INT64, AT(worker.stats_interval_ms), 100, DAY_MS,
     "10000", "Time between two lines of counters in the log."},

    {"topics", "metrics", KT_OPTION_LEGAL, AT(topics.metrics), 0, 0, "flink.metrics",
     "Metric events, which the worker reads."},
    {"topics", "commands", KT_OPTION_LEGAL, AT(topics.commands), 0, 0, "kontune.commands",
     "Rescale commands, which the worker writes."},
    {"topics", "outcomes", KT_OPTION_LEGAL, AT(topics.outcomes), 0, 0, "kontune.outcomes",
     "What an actuator made of the commands."},
    {"topics", "changelog", KT_OPTION_LEGAL, AT(topics.changelog), 0, 0, "kontune.changelog",
     "The worker's state; compacted."},
    {"topics", "dlq", KT_OPTION_LEGAL, AT(topics.dlq), 0, 0, "kontune.dlq",
     "Records that could not be read, with the reason in their headers."},
    {"topics", "partitions", KT_OPTION_INT32, AT(topics.partitions), 1, 10000, "12",
     "Partitions of each topic that `topics create` makes; all topics need the same number."},
    {"topics", "replication_factor", KT_OPTION_INT32, AT(topics.replication_factor), 0, 32767, "0",
     "Replicas of each topic that `topics create` makes; 0: as many as the broker's own default."},

    {"window", "window_ms", KT_OPTION_INT64, AT(settings.window.window_ms), 1, DAY_MS, "60000",
     "Length of a window in event time; each window gives one decision per job."},
    {"window", "lateness_ms", KT_OPTION_INT64, AT(settings.window.lateness_ms), 0, DAY_MS, "5000",
     "How much later than the newest event of its job an event may come."},
    {"window", "idle_timeout_ms", KT_OPTION_INT64, AT(settings.window.idle_timeout_ms), 0, DAY_MS,
     "60000",
     "A silent job's window closes when the other jobs of its partition are this far past it."},
    {"window", "future_ms_max", KT_OPTION_INT64, AT(settings.window.future_ms_max), 0, 365 * DAY_MS,
     "60000", "An event whose timestamp is further ahead of its record's is refused."},

    {"gate", "warm_up_ms", KT_OPTION_INT64, AT(settings.gate.warm_up_ms), 0, DAY_MS, "10000",
     "Time after a restart before a job's counters are believed."},
    {"gate", "rate_warm_up_ms", KT_OPTION_INT64, AT(settings.gate.rate_warm_up_ms), 0, DAY_MS,
     "60000",
     "The same where there are no counters but only Flink's rates, which are averages over 60 s."},
    {"gate", "settle_ms", KT_OPTION_INT64, AT(settings.gate.settle_ms), 0, DAY_MS, "180000",
     "How long after that a window is held while an operator still gets faster."},
    {"gate", "settle_rise_max", KT_OPTION_NUMBER, AT(settings.gate.settle_rise_max), 0, 1000,
     "0.05",
     "Largest relative rise of an operator's ability between the halves of such a window, if it "
     "works all the time; at half of it twice as much."},
    {"gate", "span_min", KT_OPTION_NUMBER, AT(settings.gate.span_min), 0, 1, "0.5",
     "Least share of the window that the samples of each subtask must cover."},
    {"gate", "samples_min", KT_OPTION_INT32, AT(settings.gate.samples_min), 1, 100000, "3",
     "Fewest samples of each subtask in a window."},
    {"gate", "ramp_max", KT_OPTION_NUMBER, AT(settings.gate.ramp_max), 0, 1000, "0.2",
     "Largest relative change of the sources' rate between the halves of a window."},
    {"gate", "ramp_windows_max", KT_OPTION_INT32, AT(settings.gate.ramp_windows_max), 0, 100000,
     "2", "So many windows in a row are held because the load changes; the next one is decided."},

    {"policy", "policy", KT_OPTION_POLICY, AT(settings.defaults.policy.policy), 0, 0, "kontune",
     "How parallelisms are chosen."},
    {"policy", "surrogate", KT_OPTION_SURROGATE, AT(settings.defaults.policy.surrogate), 0, 0,
     "rbf",
     "Model of an operator's processing ability over its parallelism, for conttune; kontune always "
     "takes scaling."},
    {"policy", "acquisition", KT_OPTION_ACQUISITION, AT(settings.defaults.policy.acquisition), 0, 0,
     "mean",
     "How conttune chooses by its surrogate: by the predicted mean, or by constrained "
     "expected improvement."},
    {"policy", "alpha", KT_OPTION_INT32, AT(settings.defaults.policy.alpha), 0, KT_PARALLELISM_MAX,
     "3",
     "How many subtasks away from an observed parallelism the surrogate is trusted; 0: only where "
     "it was observed."},
    {"policy", "top_k", KT_OPTION_INT32, AT(settings.defaults.policy.top_k), 1, 64, "5",
     "So many of the newest observations are kept, and averaged, per parallelism."},
    {"policy", "decision_threshold", KT_OPTION_NUMBER,
     AT(settings.defaults.policy.decision_threshold), 0, 100, "0.05",
     "Least relative change of the job's summed parallelism that is worth a rescale."},
    {"policy", "backpressure_threshold", KT_OPTION_NUMBER,
     AT(settings.defaults.policy.backpressure_threshold), 0, 1, "0.1",
     "Share of time from which a vertex counts as backpressured."},
    {"policy", "core_min", KT_OPTION_NUMBER, AT(settings.defaults.policy.core_min), 0, 1, "0.8",
     "Share of CPU (or busy) time below which a job is over-provisioned."},
    {"policy", "core_max", KT_OPTION_NUMBER, AT(settings.defaults.policy.core_max), 0, 1, "0.8",
     "Share of CPU (or busy) time above which a vertex is stressed; at least core_min."},
    {"policy", "busy_min", KT_OPTION_NUMBER, AT(settings.defaults.policy.busy_min), 0, 1, "0.02",
     "Share of busy time below which a processing ability cannot be measured."},
    {"policy", "keep_up_probability", KT_OPTION_NUMBER,
     AT(settings.defaults.policy.keep_up_probability), 0.5, 0.999, "0.75",
     "A new load gets the smallest parallelism that keeps up with this probability; jobs of "
     "several "
     "operators ask more of each (of four: 0.875)."},
    {"policy", "trim_probability", KT_OPTION_NUMBER, AT(settings.defaults.policy.trim_probability),
     0.5, 0.999, "0.9",
     "A parallelism that is lowered at an old load must keep up with this probability."},
    {"policy", "trim_band", KT_OPTION_NUMBER, AT(settings.defaults.policy.trim_band), 0, 1, "0.15",
     "Lowering at an old load must save this share of the cores."},
    {"policy", "load_change", KT_OPTION_NUMBER, AT(settings.defaults.policy.load_change), 0.001, 10,
     "0.08", "Relative change of an operator's load that makes it a new load."},
    {"policy", "gain_min", KT_OPTION_NUMBER, AT(settings.defaults.policy.gain_min), 0, 10, "0.05",
     "Where no parallelism is likely to keep up: least relative gain of ability for a rescale."},
    {"policy", "keep_up_tolerance", KT_OPTION_NUMBER,
     AT(settings.defaults.policy.keep_up_tolerance), 0, 1, "0.01",
     "A backlog that grows by less than this share of its source's rate keeps up."},
    {"policy", "keep_up_rule", KT_OPTION_BOOL, AT(settings.defaults.policy.keep_up_rule), 0, 0,
     "false", "Policies other than kontune, too, leave alone what keeps up, and trim as it does."},
    {"policy", "warm_start", KT_OPTION_BOOL, AT(settings.defaults.policy.warm_start), 0, 0, "true",
     "Jobs of a cluster (those in the same partition) tell a new one how operators scale there; "
     "false: this job neither listens nor tells."},
    {"policy", "min_parallelism", KT_OPTION_INT32, AT(settings.defaults.policy.min_parallelism), 1,
     KT_PARALLELISM_MAX, "1", "Least parallelism of an operator."},
    {"policy", "max_parallelism", KT_OPTION_INT32, AT(settings.defaults.policy.max_parallelism), 1,
     KT_PARALLELISM_MAX, "128", "Largest parallelism of an operator; at least min_parallelism."},
    {"policy", "cooldown_ms", KT_OPTION_INT64, AT(settings.defaults.policy.cooldown_ms), 0, DAY_MS,
     "60000", "Least time between two rescales of a job."},
    {"policy", "restarts_per_day_max", KT_OPTION_INT32,
     AT(settings.defaults.policy.restarts_per_day_max), 0, KT_RESTARTS_MAX, "100",
     "Most rescales of a job in 24 hours."},
    {"policy", "command_ttl_ms", KT_OPTION_INT64, AT(settings.defaults.policy.command_ttl_ms), 1,
     DAY_MS, "180000", "How long a command may wait to be carried out."},
    {"policy", "dry_run", KT_OPTION_BOOL, AT(settings.defaults.policy.dry_run), 0, 0, "false",
     "Commands are marked as not to be carried out."},
    {"policy", "pins", KT_OPTION_PINS, AT(settings.defaults), 0, 0, "",
     "Fixed parallelisms, e.g. `parse=2, \"Source: a, b\"=1`: a vertex's id or name, quoted if it "
     "holds a comma. What runs outside a pin or a range moves there with the next rescale."},
    {"policy", "bounds", KT_OPTION_BOUNDS, AT(settings.defaults), 0, 0, "",
     "Ranges of single vertices, e.g. `enrich=2..16, sink=..8`; they replace min_parallelism and "
     "max_parallelism there."},
};
/* clang-format on */
const size_t kt_options_count = sizeof kt_options / sizeof kt_options[0];

static const char *const surrogates[] = {"rbf", "scaling"};
static const char *const acquisitions[] = {"mean", "cei"};

const struct kt_option *kt_option_find(struct kt_str section, struct kt_str name) {
    for (size_t i = 0; i < kt_options_count; i++) {
        if (kt_str_equal(section, kt_str_of(kt_options[i].section)) &&
            kt_str_equal(name, kt_str_of(kt_options[i].name))) {
            return &kt_options[i];
        }
    }
    return NULL;
}

bool kt_option_section_exists(struct kt_str section) {
    if (kt_str_equal(section, KT_STR("kafka"))) {
        return true;
    }
    for (size_t i = 0; i < kt_options_count; i++) {
        if (kt_str_equal(section, kt_str_of(kt_options[i].section))) {
            return true;
        }
    }
    return false;
}

bool kt_option_section_has_subjects(struct kt_str section) {
    return kt_str_equal(section, KT_STR("policy"));
}

/* ---- values ------------------------------------------------------------------------------ */

static bool read_integer(const char *text, double min, double max, int64_t *value) {
    char *end = NULL;
    errno = 0;
    const long long read = strtoll(text, &end, 10);
    *value = read;
    return end != text && *end == '\0' && errno == 0 && (double)read >= min && (double)read <= max;
}

static bool read_number(const char *text, double min, double max, double *value) {
    char *end = NULL;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value) && *value >= min && *value <= max;
}

static bool is_legal(struct kt_str name) {
    if (name.len == 0 || name.len > LEGAL_LEN_MAX || kt_str_equal(name, KT_STR(".")) ||
        kt_str_equal(name, KT_STR(".."))) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.data[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

static bool is_one_of(struct kt_str name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (kt_str_equal(name, kt_str_of(names[i]))) {
            return true;
        }
    }
    return false;
}

/* The host's name where the text is empty; data NULL when it cannot be had. */
static struct kt_str host_name(struct kt_arena *arena) {
    char name[LEGAL_LEN_MAX + 1];
    if (gethostname(name, sizeof name) != 0) {
        return (struct kt_str){NULL, 0};
    }
    name[sizeof name - 1] = '\0';
    return kt_arena_str(arena, kt_str_of(name));
}

/* Whether nobody meant quotes around it or a comment behind it: a folder of that name would come
 * into being without a word. */
static bool is_plain(const char *text) {
    return text[0] != '"' && text[0] != '\'' && strstr(text, " #") == NULL &&
           strstr(text, " ;") == NULL;
}

/* text is NUL-terminated. */
static bool is_good_text(enum kt_option_type type, struct kt_str text) {
    switch (type) {
    case KT_OPTION_PATH:
        return text.len > 0 && is_plain(text.data);
    case KT_OPTION_TEXT:
        return is_plain(text.data);
    case KT_OPTION_LEGAL:
    case KT_OPTION_HOST:
        return is_legal(text);
    case KT_OPTION_POLICY:
        return kt_policy_find(text) != NULL;
    case KT_OPTION_SURROGATE:
        return is_one_of(text, surrogates, sizeof surrogates / sizeof surrogates[0]);
    case KT_OPTION_ACQUISITION:
        return is_one_of(text, acquisitions, sizeof acquisitions / sizeof acquisitions[0]);
    default:
        return true;
    }
}

/* Sets a value that is kept as text. */
static bool set_text(const struct kt_option *option, void *at, struct kt_str text,
                     struct kt_arena *arena) {
    if (option->type == KT_OPTION_HOST && text.len == 0) {
        text = host_name(arena);
    }
    if (!is_good_text(option->type, text)) {
        return false;
    }
    if (option->type == KT_OPTION_POLICY || option->type == KT_OPTION_SURROGATE ||
        option->type == KT_OPTION_ACQUISITION) {
        *(struct kt_str *)at = text;
    } else {
        *(const char **)at = text.data;
    }
    return true;
}

/* text is NUL-terminated and lives as long as the configuration. */
static bool set_value(const struct kt_option *option, void *at, struct kt_str text,
                      struct kt_arena *arena) {
    int64_t integer = 0;
    switch (option->type) {
    case KT_OPTION_INT32:
        if (!read_integer(text.data, option->min, option->max, &integer)) {
            return false;
        }
        *(int32_t *)at = (int32_t)integer;
        return true;
    case KT_OPTION_INT64:
        return read_integer(text.data, option->min, option->max, at);
    case KT_OPTION_NUMBER:
        return read_number(text.data, option->min, option->max, at);
    case KT_OPTION_BOOL:
        *(bool *)at = kt_str_equal(text, KT_STR("true"));
        return *(bool *)at || kt_str_equal(text, KT_STR("false"));
    default:
        return set_text(option, at, text, arena);
    }
}

enum kt_err kt_option_set(const struct kt_option *option, struct kt_config *config,
                          struct kt_job_settings *job, struct kt_str text, struct kt_error *error) {
    const struct kt_str kept = kt_arena_str(config->arena, text);
    if (kept.data == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "out of memory");
    }
    if (option->type == KT_OPTION_PINS) {
        return kt_vertex_rules_set_pins(job != NULL ? job : &config->settings.defaults, kept,
                                        config->arena, error);
    }
    if (option->type == KT_OPTION_BOUNDS) {
        return kt_vertex_rules_set_bounds(job != NULL ? job : &config->settings.defaults, kept,
                                          config->arena, error);
    }
    char *base = (char *)config;
    size_t offset = option->offset;
    if (job != NULL) {
        assert(offset >= AT(settings.defaults) &&
               offset < AT(settings.defaults) + sizeof config->settings.defaults);
        base = (char *)job;
        offset -= AT(settings.defaults);
    }
    if (!set_value(option, base + offset, kept, config->arena)) {
        return kt_fail(error, KT_ERR_CONFIG, "expected %s", kt_option_expects(option).text);
    }
    return KT_ERR_OK;
}

static bool rules_equal(const struct kt_job_settings *a, const struct kt_job_settings *b) {
    if (a->rules.count != b->rules.count) {
        return false;
    }
    for (size_t i = 0; i < a->rules.count; i++) {
        const struct kt_vertex_rule *x = &a->rules.items[i], *y = &b->rules.items[i];
        if (!kt_str_equal(x->vertex, y->vertex) || x->pinned != y->pinned ||
            x->min_parallelism != y->min_parallelism || x->max_parallelism != y->max_parallelism) {
            return false;
        }
    }
    return true;
}

bool kt_option_equal(const struct kt_option *option, const struct kt_config *a,
                     const struct kt_config *b) {
    const void *x = (const char *)a + option->offset;
    const void *y = (const char *)b + option->offset;
    switch (option->type) {
    case KT_OPTION_INT32:
        return *(const int32_t *)x == *(const int32_t *)y;
    case KT_OPTION_INT64:
        return *(const int64_t *)x == *(const int64_t *)y;
    case KT_OPTION_NUMBER:
        return fabs(*(const double *)x - *(const double *)y) < DBL_MIN;
    case KT_OPTION_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case KT_OPTION_POLICY:
    case KT_OPTION_SURROGATE:
    case KT_OPTION_ACQUISITION:
        return kt_str_equal(*(const struct kt_str *)x, *(const struct kt_str *)y);
    case KT_OPTION_PINS:
    case KT_OPTION_BOUNDS:
        return rules_equal(x, y);
    default:
        return strcmp(*(char *const *)x, *(char *const *)y) == 0;
    }
}

/* ---- descriptions ------------------------------------------------------------------------ */

static bool ends_with(const char *name, const char *end) {
    const size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

static const char *unit_of(const struct kt_option *option) {
    if (ends_with(option->name, "_bytes")) {
        return " bytes";
    }
    return strstr(option->name, "_ms") != NULL ? " milliseconds" : "";
}

#define NAMES_MAX 16

static void list_names(char *out, size_t size, const char *const *names, size_t count) {
    size_t used = (size_t)snprintf(out, size, "%s", count > 1 ? "one of" : "the name");
    for (size_t i = 0; i < count && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s %s", i == 0 ? "" : ",", names[i]);
    }
}

static void list_policies(char *out, size_t size) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < kt_policies_count && count < NAMES_MAX; i++) {
        names[count++] = kt_policies[i]->name;
    }
    list_names(out, size, names, count);
}

struct kt_option_expected kt_option_expects(const struct kt_option *option) {
    struct kt_option_expected e = {""};
    switch (option->type) {
    case KT_OPTION_PATH:
        snprintf(e.text, sizeof e.text, "text that is not empty, without quotes");
        break;
    case KT_OPTION_LEGAL:
    case KT_OPTION_HOST:
        snprintf(e.text, sizeof e.text, "1 to %d letters, digits, '.', '_' or '-'", LEGAL_LEN_MAX);
        break;
    case KT_OPTION_INT32:
    case KT_OPTION_INT64:
        snprintf(e.text, sizeof e.text, "an integer from %.0f to %.0f%s", option->min, option->max,
                 unit_of(option));
        break;
    case KT_OPTION_NUMBER:
        snprintf(e.text, sizeof e.text, "a number from %g to %g", option->min, option->max);
        break;
    case KT_OPTION_BOOL:
        snprintf(e.text, sizeof e.text, "true or false");
        break;
    case KT_OPTION_POLICY:
        list_policies(e.text, sizeof e.text);
        break;
    case KT_OPTION_SURROGATE:
        list_names(e.text, sizeof e.text, surrogates, sizeof surrogates / sizeof surrogates[0]);
        break;
    case KT_OPTION_ACQUISITION:
        list_names(e.text, sizeof e.text, acquisitions,
                   sizeof acquisitions / sizeof acquisitions[0]);
        break;
    case KT_OPTION_PINS:
        snprintf(e.text, sizeof e.text, "vertex=N, …");
        break;
    case KT_OPTION_BOUNDS:
        snprintf(e.text, sizeof e.text, "vertex=MIN..MAX, …");
        break;
    case KT_OPTION_TEXT:
        snprintf(e.text, sizeof e.text, "text without quotes");
        break;
    }
    return e;
}

/* ---- suggestions ------------------------------------------------------------------------- */

#define NAME_LEN_MAX 63 /* longer names are not compared */

/* Damerau-Levenshtein distance (optimal string alignment): how many letters must be put in, taken
 * out, changed or swapped with their neighbour. Both lengths at most NAME_LEN_MAX. */
static size_t distance(struct kt_str a, struct kt_str b) {
    size_t rows[3][NAME_LEN_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            const bool same = a.data[i - 1] == b.data[j - 1];
            size_t least = above[j - 1] + !same;
            least = above[j] + 1 < least ? above[j] + 1 : least;
            least = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1] && before[j - 2] + 1 < least) {
                least = before[j - 2] + 1;
            }
            row[j] = least;
        }
    }
    return row[b.len];
}

const char *kt_nearest_name(struct kt_str given, const char *const *names, size_t count) {
    const char *best = NULL;
    size_t best_distance = given.len / 3 + 2; /* further is no typing mistake */
    for (size_t i = 0; i < count && given.len <= NAME_LEN_MAX; i++) {
        const struct kt_str name = kt_str_of(names[i]);
        if (name.len > NAME_LEN_MAX) {
            continue;
        }
        const size_t d = distance(given, name);
        if (d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
