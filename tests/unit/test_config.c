/* SPDX-License-Identifier: GPL-3.0-or-later
 * The configuration: defaults, file, environment and overrides in their order; every mistake told
 * with its place and what was expected; no secret in anything that is printed. */
#include "consumer/config.h"
#include "consumer/kafka_properties.h"
#include "consumer/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const no_env[] = {NULL};

/* All problems of a text, one per line. */
struct problems {
    char text[8192];
    int count;
};

static void collect(void *ctx, int line, const char *message) {
    (void)line;
    struct problems *p = ctx;
    const size_t used = strlen(p->text);
    snprintf(p->text + used, sizeof p->text - used, "%s\n", message);
    p->count++;
}

static enum kt_err parse(const char *text, const char *const *env, struct problems *problems,
                         struct kt_config **out) {
    *problems = (struct problems){.count = 0};
    struct kt_error error = {.message = ""};
    const enum kt_err err = kt_config_parse(kt_str_of(text), "f.ini", (char *const *)(uintptr_t)env,
                                            collect, problems, out, &error);
    if (err == KT_ERR_OK) {
        assert_int_equal(problems->count, 0);
        assert_non_null(*out);
    } else {
        assert_null(*out);
        assert_int_equal(error.code, err);
        assert_true(problems->count > 0);
        /* The error is the first of the problems. */
        assert_memory_equal(error.message, problems->text, strlen(error.message));
        assert_int_equal(problems->text[strlen(error.message)], '\n');
    }
    return err;
}

static struct kt_config *good(const char *text, const char *const *env) {
    struct problems problems;
    struct kt_config *config = NULL;
    if (parse(text, env, &problems, &config) != KT_ERR_OK) {
        fail_msg("%s", problems.text);
    }
    return config;
}

static void bad(const char *text, const char *const *env, const char *expected) {
    struct problems problems;
    struct kt_config *config = NULL;
    assert_int_equal(parse(text, env, &problems, &config), KT_ERR_CONFIG);
    assert_string_equal(problems.text, expected);
}

/* ---- defaults ---------------------------------------------------------------------------- */

static void defaults_equal_the_core_s(void **state) {
    (void)state;
    struct kt_settings s;
    kt_settings_default(&s);
    struct kt_config *config = good("", no_env);
    struct kt_config core = *config;
    core.settings = s;
    for (size_t i = 0; i < kt_options_count; i++) {
        if (!kt_option_equal(&kt_options[i], config, &core)) {
            fail_msg("[%s] %s: the table's default is not the core's", kt_options[i].section,
                     kt_options[i].name);
        }
    }
    assert_int_equal(config->settings.jobs.count, 0);
    assert_int_equal(config->settings.defaults.key.len, 0);
    kt_config_free(config);
}

/* A field of the core's settings without an option would keep its zero here: every byte that the
 * core sets must be covered by an option. */
static void every_field_of_the_core_has_an_option(void **state) {
    (void)state;
    static const struct {
        size_t offset, size;
    } fields[] = {
#define FIELD(f)                                                                                   \
    {offsetof(struct kt_config, settings.f), sizeof(((struct kt_config *)NULL)->settings.f)}
        FIELD(window.window_ms),
        FIELD(window.lateness_ms),
        FIELD(window.idle_timeout_ms),
        FIELD(window.future_ms_max),
        FIELD(gate.warm_up_ms),
        FIELD(gate.rate_warm_up_ms),
        FIELD(gate.settle_ms),
        FIELD(gate.settle_rise_max),
        FIELD(gate.span_min),
        FIELD(gate.samples_min),
        FIELD(gate.ramp_max),
        FIELD(gate.ramp_windows_max),
        FIELD(defaults.policy.policy),
        FIELD(defaults.policy.surrogate),
        FIELD(defaults.policy.acquisition),
        FIELD(defaults.policy.alpha),
        FIELD(defaults.policy.top_k),
        FIELD(defaults.policy.decision_threshold),
        FIELD(defaults.policy.backpressure_threshold),
        FIELD(defaults.policy.core_min),
        FIELD(defaults.policy.core_max),
        FIELD(defaults.policy.busy_min),
        FIELD(defaults.policy.keep_up_probability),
        FIELD(defaults.policy.trim_probability),
        FIELD(defaults.policy.trim_band),
        FIELD(defaults.policy.load_change),
        FIELD(defaults.policy.gain_min),
        FIELD(defaults.policy.keep_up_tolerance),
        FIELD(defaults.policy.keep_up_rule),
        FIELD(defaults.policy.warm_start),
        FIELD(defaults.policy.min_parallelism),
        FIELD(defaults.policy.max_parallelism),
        FIELD(defaults.policy.cooldown_ms),
        FIELD(defaults.policy.restarts_per_day_max),
        FIELD(defaults.policy.command_ttl_ms),
        FIELD(defaults.policy.dry_run),
#undef FIELD
    };
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        bool found = false;
        for (size_t i = 0; i < kt_options_count; i++) {
            found = found || kt_options[i].offset == fields[f].offset;
        }
        if (!found) {
            fail_msg("field %zu of the settings has no option", f);
        }
    }
    /* Every field of the policy's record is among them. */
    assert_int_equal(sizeof fields / sizeof fields[0], 4 + 8 + kt_policy_settings_type.count);
}

static void without_a_file_the_worker_is_local(void **state) {
    (void)state;
    char host[256];
    assert_int_equal(gethostname(host, sizeof host), 0);
    struct kt_config *config = NULL;
    struct kt_error error;
    assert_int_equal(kt_config_load(NULL, NULL, &config, &error), KT_ERR_OK);
    assert_string_equal(config->worker.instance_id, host);
    assert_string_equal(config->worker.group_id, "kontune");
    assert_string_equal(config->worker.state_dir, "/var/lib/kontune");
    assert_string_equal(config->worker.schema_dir, "");
    assert_string_equal(config->topics.metrics, "flink.metrics");
    assert_string_equal(config->topics.commands, "kontune.commands");
    assert_string_equal(config->topics.outcomes, "kontune.outcomes");
    assert_string_equal(config->topics.changelog, "kontune.changelog");
    assert_string_equal(config->topics.dlq, "kontune.dlq");
    assert_string_equal(config->kafka.items[0].name, "bootstrap.servers");
    assert_string_equal(config->kafka.items[0].value, "127.0.0.1:9092");
    assert_int_equal(config->given.count, 0);
    kt_config_free(config);
}

/* ---- values ------------------------------------------------------------------------------ */

static void values_of_every_type_reach_their_fields(void **state) {
    (void)state;
    struct kt_config *config = good("\xEF\xBB\xBF# a comment\r\n"
                                    "; another\r\n"
                                    "\r\n"
                                    "[worker]\r\n"
                                    "  group_id =  my group  \r\n"
                                    "state_dir=/tmp/a b\r\n"
                                    "state_map_bytes = 1099511627776\r\n"
                                    "[ gate ]\n"
                                    "span_min = 0.25\n"
                                    "[topics]\n"
                                    "partitions = 7\n"
                                    "[policy]\n"
                                    "dry_run = true\n"
                                    "policy = big-ds2\n"
                                    "[worker]\n"
                                    "instance_id = w-1",
                                    no_env);
    assert_string_equal(config->worker.group_id, "my group");
    assert_string_equal(config->worker.state_dir, "/tmp/a b");
    assert_int_equal(config->worker.state_map_bytes, INT64_C(1099511627776));
    assert_true(config->settings.gate.span_min == 0.25);
    assert_int_equal(config->topics.partitions, 7);
    assert_true(config->settings.defaults.policy.dry_run);
    assert_true(kt_str_equal(config->settings.defaults.policy.policy, KT_STR("big-ds2")));
    assert_string_equal(config->worker.instance_id, "w-1");
    kt_config_free(config);
}

static void bounds_are_inclusive(void **state) {
    (void)state;
    kt_config_free(good("[policy]\ntop_k = 1\nalpha = 0\ncore_min = 0\ncore_max = 1\n", no_env));
    kt_config_free(good("[policy]\ntop_k = 64\nalpha = 32768\n", no_env));
    bad("[policy]\ntop_k = 65\n", no_env,
        "f.ini:2: [policy] top_k: expected an integer from 1 to 64, got '65'\n");
}

static void bad_values_tell_what_was_expected(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[policy]\nalpha = three\n",
         "f.ini:2: [policy] alpha: expected an integer from 0 to 32768, got 'three'\n"},
        {"[policy]\nalpha =\n",
         "f.ini:2: [policy] alpha: expected an integer from 0 to 32768, got ''\n"},
        {"[policy]\n\n\nalpha = 3.5\n",
         "f.ini:4: [policy] alpha: expected an integer from 0 to 32768, got '3.5'\n"},
        {"[policy]\nalpha = -1\n",
         "f.ini:2: [policy] alpha: expected an integer from 0 to 32768, got '-1'\n"},
        {"[policy]\nalpha = 99999999999999999999\n",
         "f.ini:2: [policy] alpha: expected an integer from 0 to 32768, got "
         "'99999999999999999999'\n"},
        {"[policy]\nalpha = 3 # few\n",
         "f.ini:2: [policy] alpha: expected an integer from 0 to 32768, got '3 # few' (a comment "
         "needs a line of its own)\n"},
        {"[window]\nwindow_ms = 0\n", "f.ini:2: [window] window_ms: expected an integer from 1 to "
                                      "86400000 milliseconds, got '0'\n"},
        {"[worker]\nstate_map_bytes = 1000\n",
         "f.ini:2: [worker] state_map_bytes: expected an integer from 1048576 to 1099511627776 "
         "bytes, got '1000'\n"},
        {"[gate]\nspan_min = 1.01\n",
         "f.ini:2: [gate] span_min: expected a number from 0 to 1, got '1.01'\n"},
        {"[gate]\nspan_min = nan\n",
         "f.ini:2: [gate] span_min: expected a number from 0 to 1, got 'nan'\n"},
        {"[policy]\ndry_run = yes\n",
         "f.ini:2: [policy] dry_run: expected true or false, got 'yes'\n"},
        {"[policy]\npolicy = ds3\n",
         "f.ini:2: [policy] policy: expected one of kontune, conttune, ds2, "
         "big-ds2, dhalion, dragster, random, got 'ds3'\n"},
        {"[policy]\nsurrogate = cubic\n",
         "f.ini:2: [policy] surrogate: expected one of rbf, scaling, got 'cubic'\n"},
        {"[worker]\nstate_dir =\n",
         "f.ini:2: [worker] state_dir: expected text that is not empty, without quotes, got ''\n"},
        {"[worker]\nstate_dir = /var/x ; the state\n",
         "f.ini:2: [worker] state_dir: expected text that is not empty, without quotes, got "
         "'/var/x ; the state' (a comment needs a line of its own)\n"},
        {"[worker]\nstate_dir = \"/var/x\"\n",
         "f.ini:2: [worker] state_dir: expected text that is not empty, without quotes, got "
         "'\"/var/x\"'\n"},
        {"[worker]\nschema_dir = /var/x # more\n",
         "f.ini:2: [worker] schema_dir: expected text without quotes, got '/var/x # more' (a "
         "comment needs a line of its own)\n"},
        {"[kafka]\nbootstrap.servers =\n",
         "f.ini:2: [kafka] bootstrap.servers: expected host:port, …, got ''\n"},
        {"[topics]\nmetrics = a b\n", "f.ini:2: [topics] metrics: expected 1 to 249 letters, "
                                      "digits, '.', '_' or '-', got 'a b'\n"},
        {"[topics]\nmetrics = ..\n", "f.ini:2: [topics] metrics: expected 1 to 249 letters, "
                                     "digits, '.', '_' or '-', got '..'\n"},
        {"[worker]\ninstance_id = a/b\n",
         "f.ini:2: [worker] instance_id: expected 1 to 249 letters, digits, '.', '_' or '-', got "
         "'a/b'\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bad(cases[i].text, no_env, cases[i].message);
    }
}

static void unknown_names_come_with_the_nearest_known_one(void **state) {
    (void)state;
    bad("[policy]\nalhpa = 3\n", no_env,
        "f.ini:2: [policy] has no option 'alhpa'; did you mean 'alpha'?\n");
    bad("[worker]\nmax_parallelism = 3\n", no_env,
        "f.ini:2: [worker] has no option 'max_parallelism'; it belongs to [policy]\n");
    bad("[worker]\nxyzzy = 3\n", no_env,
        "f.ini:2: [worker] has no option 'xyzzy'; `kontune config sample` prints all\n");
    bad("[polcy]\nalpha = 3\n", no_env,
        "f.ini:1: unknown section [polcy]; did you mean [policy]?\n");
    bad("[zookeeper]\nalpha = 3\n", no_env,
        "f.ini:1: unknown section [zookeeper]; `kontune config sample` prints all\n");
}

static void malformed_lines_are_told_by_number(void **state) {
    (void)state;
    bad("alpha = 3\nbeta = 4\n[policy]\n", no_env,
        "f.ini:1: expected a [section] before 'alpha'\n");
    bad("[policy]\nalpha\n", no_env, "f.ini:2: expected 'name = value' or '[section]'\n");
    bad("[policy]\n= 3\n", no_env, "f.ini:2: expected 'name = value' or '[section]'\n");
    bad("[policy\nalpha = 3\n", no_env, "f.ini:1: expected ']' at the end of the section's line\n");
    bad("[]\nalpha = 3\n", no_env, "f.ini:1: expected a section's name between the brackets\n");
    bad("[policy \"a/b]\nalpha = 3\n", no_env,
        "f.ini:1: expected [section \"cluster/job\"] with two quotes\n");
    bad("[policy]\nalpha = \xFF\n", no_env, "f.ini:2: expected UTF-8 text\n");
}

static void a_line_of_any_length_is_one_line(void **state) {
    (void)state;
    enum { LONG = 70000 };
    char *text = malloc(LONG + 64);
    assert_non_null(text);
    memset(text, 'x', LONG);
    memcpy(text, "[worker]\n# ", 11);
    memcpy(text + LONG, "\nalpha = 1\n", 12);
    bad(text, no_env,
        "f.ini:2: expected a line of at most 65536 bytes\n"
        "f.ini:3: [worker] has no option 'alpha'; it belongs to [policy]\n");
    memcpy(text, "[worker]\ngroup_id = ", 20);
    memcpy(text + 60000, "\nalpha = 1\n", 12);
    bad(text, no_env, "f.ini:3: [worker] has no option 'alpha'; it belongs to [policy]\n");
    free(text);
}

static void an_option_may_be_given_once(void **state) {
    (void)state;
    bad("[policy]\nalpha = 3\n[worker]\n[policy]\nalpha = 4\n", no_env,
        "f.ini:5: [policy] alpha is already given at line 2\n");
    bad("[policy \"a/b\"]\nalpha = 3\nalpha = 3\n", no_env,
        "f.ini:3: [policy \"a/b\"] alpha is already given at line 2\n");
    bad("[kafka]\nbootstrap.servers = a:1\nmetadata.broker.list = b:1\n", no_env,
        "f.ini:3: [kafka] bootstrap.servers is already given at line 2\n");
}

static void all_problems_are_told_in_the_order_of_the_file(void **state) {
    (void)state;
    static const char *const env[] = {"KONTUNE_POLICY_TOP_K=none", NULL};
    bad("[policy \"a/b\"]\nalpha = x\n[policy]\nbeta = 1\n[kafka]\nacks = 1\n[window]\nwindow_ms = "
        "${NO}\n",
        env,
        "f.ini:2: [policy \"a/b\"] alpha: expected an integer from 0 to 32768, got 'x'\n"
        "f.ini:4: [policy] has no option 'beta'; `kontune config sample` prints all\n"
        "f.ini:6: [kafka] acks: may not be set: the transactional producer sets it\n"
        "f.ini:8: [window] window_ms: the environment variable NO is not set\n"
        "environment: KONTUNE_POLICY_TOP_K: expected an integer from 1 to 64, got 'none'\n");
}

/* ---- the environment --------------------------------------------------------------------- */

static void variables_are_replaced_everywhere_in_values(void **state) {
    (void)state;
    static const char *const env[] = {"DIR=/data", "N=4", "EMPTY=", "TRICK=${DIR}", "DI=no", NULL};
    struct kt_config *config = good("[worker]\n"
                                    "state_dir = ${DIR}/k$n${EMPTY}-$${DIR}$\n"
                                    "group_id = ${TRICK}\n"
                                    "[policy \"a/b\"]\nalpha = 1${N}\npins = map=${N}\n",
                                    env);
    assert_string_equal(config->worker.state_dir, "/data/k$n-${DIR}$");
    assert_string_equal(config->worker.group_id, "${DIR}"); /* not replaced again */
    assert_int_equal(config->settings.jobs.items[0].policy.alpha, 14);
    assert_int_equal(config->settings.jobs.items[0].rules.items[0].pinned, 4);
    kt_config_free(config);
}

static void bad_variables_are_told(void **state) {
    (void)state;
    bad("[worker]\nstate_dir = /x/${NO_SUCH}/y\n", no_env,
        "f.ini:2: [worker] state_dir: the environment variable NO_SUCH is not set\n");
    bad("[worker]\nstate_dir = ${HOME\n", no_env,
        "f.ini:2: [worker] state_dir: expected '}' after '${'; a plain '${' is '$${'\n");
    bad("[worker]\nstate_dir = ${}\n", no_env,
        "f.ini:2: [worker] state_dir: '${}' names no environment variable\n");
    bad("[worker]\nstate_dir = ${A B}\n", no_env,
        "f.ini:2: [worker] state_dir: '${A B}' names no environment variable\n");
    bad("[worker]\nstate_dir = ${9A}\n", no_env,
        "f.ini:2: [worker] state_dir: '${9A}' names no environment variable\n");
}

static void the_environment_overrides_the_file_but_no_job(void **state) {
    (void)state;
    static const char *const env[] = {"KONTUNE_POLICY_ALPHA=7", "KONTUNE_WORKER_GROUP_ID=a${b",
                                      "KONTUNE_KAFKA_BOOTSTRAP_SERVERS=k:1",
                                      "KONTUNE_KAFKA_FETCH_MIN_BYTES=10", NULL};
    struct kt_config *config = good("[policy]\nalpha = 5\n"
                                    "[policy \"a/b\"]\nalpha = 6\n"
                                    "[policy \"a/c\"]\ntop_k = 6\n"
                                    "[kafka]\nbootstrap.servers = f:1\n",
                                    env);
    assert_int_equal(config->settings.defaults.policy.alpha, 7);
    assert_int_equal(config->settings.jobs.items[0].policy.alpha, 6);
    assert_int_equal(config->settings.jobs.items[1].policy.alpha, 7);
    assert_string_equal(config->worker.group_id, "a${b"); /* taken as it is */
    assert_string_equal(config->kafka.items[0].value, "k:1");
    assert_string_equal(config->kafka.items[config->kafka.count - 1].name, "fetch.min.bytes");
    kt_config_free(config);
}

static void bad_environment_names_the_variable(void **state) {
    (void)state;
    static const char *const value[] = {"KONTUNE_POLICY_ALPHA=x", NULL};
    bad("", value,
        "environment: KONTUNE_POLICY_ALPHA: expected an integer from 0 to 32768, got 'x'\n");
    static const char *const refused[] = {"KONTUNE_KAFKA_GROUP_ID=x", NULL};
    bad("", refused,
        "environment: KONTUNE_KAFKA_GROUP_ID: may not be set: set group_id in [worker]\n");
    static const char *const both[] = {"KONTUNE_POLICY_MIN_PARALLELISM=9", NULL};
    bad("[policy]\nmax_parallelism = 8\n", both,
        "environment: KONTUNE_POLICY_MIN_PARALLELISM: min_parallelism (9) is greater than "
        "max_parallelism (8)\n");
}

/* Kubernetes sets such variables for a service named kontune-kafka or kontune-worker. */
static void variables_that_fit_no_option_are_ignored(void **state) {
    (void)state;
    static const char *const env[] = {"KONTUNE_KAFKA_SERVICE_HOST=10.0.0.1",
                                      "KONTUNE_KAFKA_PORT=tcp://10.0.0.1:9092",
                                      "KONTUNE_WORKER_PORT=tcp://10.0.0.2:80", "KONTUNE=x", NULL};
    struct kt_config *config = good("", env);
    assert_int_equal(config->given.count, 0);
    kt_config_free(config);
}

/* ---- overrides of one job ---------------------------------------------------------------- */

static void a_job_inherits_what_it_leaves_out(void **state) {
    (void)state;
    struct kt_config *config =
        good("[policy \"prod/a/b \"q\" c\"]\nalpha = 9\npins = sink=2\n"
             "[policy]\nalpha = 1\ntop_k = 7\npins = source=1, sink=1\nbounds = map=2..4\n"
             "[policy \"prod/other\"]\nbounds =\n",
             no_env);
    assert_int_equal(config->settings.jobs.count, 2);
    const struct kt_job_settings *job =
        kt_settings_find(&config->settings, KT_STR("prod"), KT_STR("a/b \"q\" c"));
    assert_ptr_equal(job, &config->settings.jobs.items[0]);
    assert_int_equal(job->policy.alpha, 9);
    assert_int_equal(job->policy.top_k, 7); /* although [policy] stands behind it */
    /* A list that is given replaces the inherited one, the other list is inherited. */
    assert_null(kt_settings_rule(job, KT_STR("source"), KT_STR("")));
    assert_int_equal(kt_settings_rule(job, KT_STR("sink"), KT_STR(""))->pinned, 2);
    assert_int_equal(kt_settings_rule(job, KT_STR("map"), KT_STR(""))->max_parallelism, 4);
    job = kt_settings_find(&config->settings, KT_STR("prod"), KT_STR("other"));
    assert_int_equal(job->policy.alpha, 1);
    assert_int_equal(job->rules.count, 2);
    assert_null(kt_settings_rule(job, KT_STR("map"), KT_STR("")));
    assert_int_equal(config->settings.defaults.policy.alpha, 1);
    assert_int_equal(config->settings.defaults.rules.count, 3);
    kt_config_free(config);
}

static void a_job_s_section_names_cluster_and_job(void **state) {
    (void)state;
    static const char *const subjects[] = {"", "job", "/job", "cluster/"};
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        char text[64], message[128];
        snprintf(text, sizeof text, "[policy \"%s\"]\n", subjects[i]);
        snprintf(message, sizeof message,
                 "f.ini:1: expected [policy \"cluster/job\"], got \"%s\"\n", subjects[i]);
        bad(text, no_env, message);
    }
    bad("[worker \"a/b\"]\ngroup_id = x\n", no_env, "f.ini:1: [worker] takes no name behind it\n");
}

/* inih, which many programs use, would cut this section's name. */
static void long_job_names_stay_whole(void **state) {
    (void)state;
    struct kt_config *config = good(
        "[policy \"production-eu-west-1/orders enrichment and fraud scoring (exactly once, v2)\"]\n"
        "alpha = 0\n",
        no_env);
    assert_int_equal(
        kt_settings_find(&config->settings, KT_STR("production-eu-west-1"),
                         KT_STR("orders enrichment and fraud scoring (exactly once, v2)"))
            ->policy.alpha,
        0);
    kt_config_free(config);
}

/* ---- pins and bounds --------------------------------------------------------------------- */

static void pins_and_bounds_become_rules(void **state) {
    (void)state;
    struct kt_config *config =
        good("[policy]\npins = parse=2, sink: Writer = 1 , \"Source: a, b\"=3, x=y=4\n"
             "bounds = enrich=2..16, parse=..8, sink: Writer=1 .., "
             "cbc357ccb763df2852fee8c4fc7d55f2=2..2\n",
             no_env);
    const struct kt_job_settings *job = &config->settings.defaults;
    assert_int_equal(job->rules.count, 6);
    assert_int_equal(kt_settings_rule(job, KT_STR("parse"), KT_STR(""))->pinned, 2);
    assert_int_equal(kt_settings_rule(job, KT_STR("parse"), KT_STR(""))->max_parallelism, 8);
    assert_int_equal(kt_settings_rule(job, KT_STR("parse"), KT_STR(""))->min_parallelism, 0);
    assert_int_equal(kt_settings_rule(job, KT_STR("id"), KT_STR("sink: Writer"))->pinned, 1);
    assert_int_equal(kt_settings_rule(job, KT_STR("id"), KT_STR("Source: a, b"))->pinned, 3);
    assert_int_equal(kt_settings_rule(job, KT_STR("x=y"), KT_STR(""))->pinned, 4);
    assert_int_equal(kt_settings_rule(job, KT_STR("enrich"), KT_STR(""))->min_parallelism, 2);
    assert_int_equal(kt_settings_rule(job, KT_STR("enrich"), KT_STR(""))->max_parallelism, 16);
    assert_int_equal(kt_settings_rule(job, KT_STR("enrich"), KT_STR(""))->pinned, 0);
    kt_config_free(config);
}

static void bad_pins_and_bounds_are_told(void **state) {
    (void)state;
    static const char *const pins[] = {"parse",   "parse=",      "=2",       "parse=x",
                                       "parse=0", "parse=32769", "parse=-1", "parse=99999999999"};
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        char text[64], message[256];
        snprintf(text, sizeof text, "[policy]\npins = a=1, %s\n", pins[i]);
        snprintf(message, sizeof message,
                 "f.ini:2: [policy] pins: expected 'vertex=N' with N from 1 to 32768, separated by "
                 "commas, got '%s'\n",
                 pins[i]);
        bad(text, no_env, message);
    }
    static const char *const bounds[] = {"a=2", "a=..", "a=4..2", "a=0..2", "a=1...2", "a=x..2"};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        char text[64], message[256];
        snprintf(text, sizeof text, "[policy]\nbounds = %s\n", bounds[i]);
        snprintf(message, sizeof message,
                 "f.ini:2: [policy] bounds: expected 'vertex=MIN..MAX' with numbers from 1 to "
                 "32768, separated by commas, got '%s'\n",
                 bounds[i]);
        bad(text, no_env, message);
    }
    bad("[policy]\npins = a=1, a=2\n", no_env, "f.ini:2: [policy] pins: 'a' is given twice\n");
    bad("[policy]\nbounds = a=1.., a=..2\n", no_env,
        "f.ini:2: [policy] bounds: 'a' is given twice\n");
}

/* ---- options together -------------------------------------------------------------------- */

static void options_that_contradict_each_other_are_refused(void **state) {
    (void)state;
    bad("[policy]\nmin_parallelism = 8\nmax_parallelism = 4\n", no_env,
        "f.ini:3: [policy] max_parallelism: min_parallelism (8) is greater than max_parallelism "
        "(4)\n");
    bad("[policy]\nmin_parallelism = 8\n[policy \"a/b\"]\nmax_parallelism = 4\n", no_env,
        "f.ini:4: [policy \"a/b\"] max_parallelism: min_parallelism (8) is greater than "
        "max_parallelism (4)\n");
    bad("[policy]\ncore_min = 0.9\n", no_env,
        "f.ini:2: [policy] core_min: core_min (0.9) is greater than core_max (0.8)\n");
    bad("[worker]\ntransaction_ms_max = 2000\ntransaction_timeout_ms = 2000\n", no_env,
        "f.ini:3: [worker] transaction_timeout_ms: transaction_ms_max (2000) must be less than "
        "transaction_timeout_ms (2000)\n");
    bad("[topics]\ndlq = flink.metrics\n", no_env,
        "f.ini:2: [topics] dlq: metrics and dlq are the same topic 'flink.metrics'\n");
    bad("[policy]\npins = a=9\nbounds = a=1..8\n", no_env,
        "f.ini:3: [policy] bounds: 'a' is pinned to 9 outside its bounds 1..8\n");
    bad("[policy]\nbounds = a=200..\n", no_env,
        "f.ini:2: [policy] bounds: 'a' may have at least 200 and at most 128 subtasks\n");
}

/* ---- [kafka] ----------------------------------------------------------------------------- */

static void kafka_properties_reach_librdkafka(void **state) {
    (void)state;
    static const char *const env[] = {"PW=s3cret", NULL};
    struct kt_config *config = good("[kafka]\n"
                                    "metadata.broker.list = a:1,b:2\n"
                                    "security.protocol = sasl_ssl\n"
                                    "sasl.mechanism = PLAIN\n"
                                    "sasl.username = me ; you\n"
                                    "sasl.password = ${PW}#;\n"
                                    "compression.type = lz4\n",
                                    env);
    rd_kafka_conf_t *conf = NULL;
    struct kt_error error;
    assert_int_equal(kt_config_kafka_for(config, KT_KAFKA_CONSUMER, &conf, &error), KT_ERR_OK);
    static const char *const expected[][2] = {
        {"bootstrap.servers", "a:1,b:2"}, {"security.protocol", "sasl_ssl"},
        {"sasl.username", "me ; you"},    {"sasl.password", "s3cret#;"},
        {"client.id", "kontune"},         {"queued.max.messages.kbytes", "16384"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char value[128];
        size_t size = sizeof value;
        assert_int_equal(rd_kafka_conf_get(conf, expected[i][0], value, &size), RD_KAFKA_CONF_OK);
        assert_string_equal(value, expected[i][1]);
    }
    rd_kafka_conf_destroy(conf);
    kt_config_free(config);
}

static void each_kind_of_client_gets_its_own_properties(void **state) {
    (void)state;
    struct kt_config *config = good("[worker]\ntransaction_timeout_ms = 7000\n"
                                    "[kafka]\nfetch.min.bytes = 10\nlinger.ms = 3\n",
                                    no_env);
    static const struct {
        enum kt_kafka_role role;
        const char *fetch, *linger, *transaction;
    } cases[] = {{KT_KAFKA_CONSUMER, "10", "5", "60000"}, {KT_KAFKA_PRODUCER, "1", "3", "7000"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rd_kafka_conf_t *conf = NULL;
        struct kt_error error;
        assert_int_equal(kt_config_kafka_for(config, cases[i].role, &conf, &error), KT_ERR_OK);
        char value[32];
        size_t size = sizeof value;
        rd_kafka_conf_get(conf, "fetch.min.bytes", value, &size);
        assert_string_equal(value, cases[i].fetch);
        size = sizeof value;
        rd_kafka_conf_get(conf, "linger.ms", value, &size);
        assert_string_equal(value, cases[i].linger);
        size = sizeof value;
        rd_kafka_conf_get(conf, "transaction.timeout.ms", value, &size);
        assert_string_equal(value, cases[i].transaction);
        rd_kafka_conf_destroy(conf);
    }
    kt_config_free(config);
}

static void properties_that_exactly_once_depends_on_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"enable.auto.commit",
                                        "enable.auto.offset.store",
                                        "enable.idempotence",
                                        "transactional.id",
                                        "group.id",
                                        "group.instance.id",
                                        "isolation.level",
                                        "partition.assignment.strategy",
                                        "auto.offset.reset",
                                        "max.in.flight",
                                        "max.in.flight.requests.per.connection",
                                        "acks",
                                        "request.required.acks",
                                        "retries",
                                        "partitioner",
                                        "message.timeout.ms",
                                        "transaction.timeout.ms",
                                        "delivery.report.only.error",
                                        "plugin.library.paths"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[128], start[128];
        snprintf(text, sizeof text, "[kafka]\n%s = 1\n", names[i]);
        snprintf(start, sizeof start, "f.ini:2: [kafka] %s: may not be set: ", names[i]);
        struct problems problems;
        struct kt_config *config = NULL;
        assert_int_equal(parse(text, no_env, &problems, &config), KT_ERR_CONFIG);
        assert_memory_equal(problems.text, start, strlen(start));
        assert_true(strlen(problems.text) > strlen(start) + 5); /* there is a reason */
    }
}

/* A name in the list that librdkafka does not know would guard nothing. */
static void every_refused_property_exists(void **state) {
    (void)state;
    for (size_t i = 0; i < kt_kafka_refusals_count; i++) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char text[256];
        const rd_kafka_conf_res_t result =
            rd_kafka_conf_set(conf, kt_kafka_refusals[i].name, "\x01", text, sizeof text);
        if (result == RD_KAFKA_CONF_UNKNOWN) {
            fail_msg("%s is no property of librdkafka", kt_kafka_refusals[i].name);
        }
        rd_kafka_conf_destroy(conf);
    }
}

static void unknown_and_bad_properties_are_told(void **state) {
    (void)state;
    bad("[kafka]\nbootstrap.server = a:1\n", no_env,
        "f.ini:2: [kafka] bootstrap.server: unknown librdkafka property; did you mean "
        "'bootstrap.servers'?\n");
    bad("[kafka]\nzookeeper.connection.timeout.milliseconds = 1\n", no_env,
        "f.ini:2: [kafka] zookeeper.connection.timeout.milliseconds: unknown librdkafka "
        "property\n");
    bad("[kafka]\nfetch.min.bytes = -1\n", no_env,
        "f.ini:2: [kafka] fetch.min.bytes: librdkafka refuses it: Configuration property "
        "\"fetch.min.bytes\" value -1 is outside allowed range 1..100000000\n");
}

/* ---- secrets ----------------------------------------------------------------------------- */

static void no_secret_is_in_a_message_or_in_what_may_be_shown(void **state) {
    (void)state;
    static const char *const env[] = {
        "SECRET=hunter2", "KONTUNE_KAFKA_SSL_KEY_PASSWORD=hunter2 in the environment", NULL};
    /* Each of these is refused, and what it held must not be told. */
    static const char *const texts[] = {
        "[kafka]\nsecurity.protocol = ${SECRET}\n",
        "[kafka]\nfetch.min.bytes = ${SECRET}\n",
        "[policy]\nalpha = ${SECRET}\n",
        "[policy]\npins = ${SECRET}\n",
        "[policy]\npolicy = ${SECRET}\n",
        "[topics]\nmetrics = ${SECRET} x\n",
        "[kafka]\nssl_key = hunter2\n",
        "[kafka]\nsasl.passwrd = hunter2\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct problems problems;
        struct kt_config *config = NULL;
        assert_int_equal(parse(texts[i], env, &problems, &config), KT_ERR_CONFIG);
        assert_null(strstr(problems.text, "hunter2"));
    }
    struct kt_config *config = good("[kafka]\nsasl.password = hunter2\n"
                                    "ssl.keystore.password = a${SECRET}\n"
                                    "sasl.username = ${SECRET}\n"
                                    "sasl.oauthbearer.config = principal=hunter2\n"
                                    "ssl.key.pem = hunter2\n"
                                    "client.rack = r1\n[worker]\nstate_dir = /x/${SECRET}\n",
                                    env);
    assert_int_equal(config->given.count, 8);
    static const char *const shown[] = {"(hidden)", "(hidden)", "${SECRET}",    "(hidden)",
                                        "(hidden)", "r1",       "/x/${SECRET}", "(hidden)"};
    for (size_t i = 0; i < config->given.count; i++) {
        assert_string_equal(config->given.items[i].value, shown[i]);
    }
    kt_config_free(config);
}

/* ---- what was given ---------------------------------------------------------------------- */

static void what_took_effect_is_listed_with_its_origin(void **state) {
    (void)state;
    static const char *const env[] = {"KONTUNE_POLICY_ALPHA=7", "KONTUNE_POLICY_TOP_K=5", NULL};
    struct kt_config *config = good("[policy \"a/b\"]\nalpha = 3\n"
                                    "[policy]\nalpha = 4\ncore_max = 0.80\ncore_min = 0.5\n"
                                    "[kafka]\nclient.id = kontune\n",
                                    env);
    static const struct kt_config_given expected[] = {
        {"policy", "a/b", "alpha", "3", "f.ini:2", false},
        {"policy", NULL, "core_max", "0.80", "f.ini:5", true},
        {"policy", NULL, "core_min", "0.5", "f.ini:6", false},
        {"kafka", NULL, "client.id", "kontune", "f.ini:8", true},
        {"policy", NULL, "alpha", "7", "KONTUNE_POLICY_ALPHA", false},
        {"policy", NULL, "top_k", "5", "KONTUNE_POLICY_TOP_K", true},
    };
    assert_int_equal(config->given.count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < config->given.count; i++) {
        const struct kt_config_given *g = &config->given.items[i];
        assert_string_equal(g->section, expected[i].section);
        assert_int_equal(g->subject == NULL, expected[i].subject == NULL);
        assert_string_equal(g->name, expected[i].name);
        assert_string_equal(g->value, expected[i].value);
        assert_string_equal(g->origin, expected[i].origin);
        assert_int_equal(g->is_default, expected[i].is_default);
    }
    kt_config_free(config);
}

/* ---- files ------------------------------------------------------------------------------- */

static void files_that_cannot_be_read_are_told(void **state) {
    (void)state;
    struct kt_config *config = NULL;
    struct kt_error error;
    assert_int_equal(kt_config_load("/no/such.ini", NULL, &config, &error), KT_ERR_CONFIG);
    assert_string_equal(error.message, "/no/such.ini: cannot be read: No such file or directory");
    assert_int_equal(kt_config_load("/", NULL, &config, &error), KT_ERR_CONFIG);
    assert_string_equal(error.message, "/: cannot be read: Is a directory");
    assert_int_equal(kt_config_load("/dev/zero", NULL, &config, &error), KT_ERR_CONFIG);
    assert_string_equal(error.message, "/dev/zero: expected at most 1048576 bytes");
    assert_null(config);
}

/* ---- printing ---------------------------------------------------------------------------- */

static char *printed(void (*print)(FILE *out)) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void the_sample_has_every_option_and_changes_nothing(void **state) {
    (void)state;
    char *text = printed(kt_config_sample);
    struct kt_config *sample = good(text, no_env);
    struct kt_config *defaults = good("", no_env);
    assert_int_equal(sample->given.count, kt_options_count + kt_kafka_defaults_count);
    for (size_t i = 0; i < sample->given.count; i++) {
        if (!sample->given.items[i].is_default) {
            fail_msg("%s is not its default", sample->given.items[i].name);
        }
    }
    for (size_t i = 0; i < kt_options_count; i++) {
        assert_true(kt_option_equal(&kt_options[i], sample, defaults));
        assert_non_null(strstr(text, kt_option_expects(&kt_options[i]).text));
    }
    assert_int_equal(sample->kafka.count, defaults->kafka.count);
    for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 100);
    }
    kt_config_free(sample);
    kt_config_free(defaults);
    free(text);
}

static void the_markdown_has_a_row_for_every_option(void **state) {
    (void)state;
    char *text = printed(kt_config_markdown);
    for (size_t i = 0; i < kt_options_count; i++) {
        char row[2048];
        const struct kt_option *o = &kt_options[i];
        snprintf(row, sizeof row, "\n| `%s` | %s%s%s | %s | %s |\n", o->name,
                 o->standard[0] == '\0' ? "" : "`", o->standard[0] == '\0' ? "empty" : o->standard,
                 o->standard[0] == '\0' ? "" : "`", kt_option_expects(o).text, o->meaning);
        assert_non_null(strstr(text, row));
        assert_null(strchr(o->meaning, '|'));
        assert_null(strchr(o->meaning, '\n'));
    }
    free(text);
}

/* The text between the markers of a README. */
static char *listed_in(const char *path) {
    char *text = calloc(1, 1 << 20);
    FILE *in = fopen(path, "r");
    assert_non_null(text);
    assert_non_null(in);
    assert_true(fread(text, 1, (1 << 20) - 1, in) > 0);
    fclose(in);
    static const char begin[] = "<!-- options -->\n";
    char *from = strstr(text, begin);
    assert_non_null(from);
    from += strlen(begin);
    char *to = strstr(from, "<!-- /options -->");
    assert_non_null(to);
    char *list = strndup(from, (size_t)(to - from));
    free(text);
    return list;
}

static void the_readme_lists_the_options_as_they_are(void **state) {
    (void)state;
    char *expected = printed(kt_config_markdown);
    char *listed = listed_in(KT_FIXTURES "/../../consumer/README.md");
    assert_string_equal(listed, expected);
    free(listed);
    free(expected);
}

static void every_option_s_own_default_is_valid_and_its_name_is_plain(void **state) {
    (void)state;
    struct kt_config *config = good("", no_env);
    for (size_t i = 0; i < kt_options_count; i++) {
        struct kt_error error;
        assert_int_equal(
            kt_option_set(&kt_options[i], config, NULL, kt_str_of(kt_options[i].standard), &error),
            KT_ERR_OK);
        assert_int_equal(strspn(kt_options[i].name, "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(kt_options[i].name));
        for (size_t j = 0; j < i; j++) {
            assert_false(strcmp(kt_options[i].name, kt_options[j].name) == 0 &&
                         strcmp(kt_options[i].section, kt_options[j].section) == 0);
        }
    }
    kt_config_free(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_equal_the_core_s),
        cmocka_unit_test(every_field_of_the_core_has_an_option),
        cmocka_unit_test(without_a_file_the_worker_is_local),
        cmocka_unit_test(values_of_every_type_reach_their_fields),
        cmocka_unit_test(bounds_are_inclusive),
        cmocka_unit_test(bad_values_tell_what_was_expected),
        cmocka_unit_test(unknown_names_come_with_the_nearest_known_one),
        cmocka_unit_test(malformed_lines_are_told_by_number),
        cmocka_unit_test(a_line_of_any_length_is_one_line),
        cmocka_unit_test(an_option_may_be_given_once),
        cmocka_unit_test(all_problems_are_told_in_the_order_of_the_file),
        cmocka_unit_test(variables_are_replaced_everywhere_in_values),
        cmocka_unit_test(bad_variables_are_told),
        cmocka_unit_test(the_environment_overrides_the_file_but_no_job),
        cmocka_unit_test(bad_environment_names_the_variable),
        cmocka_unit_test(variables_that_fit_no_option_are_ignored),
        cmocka_unit_test(a_job_inherits_what_it_leaves_out),
        cmocka_unit_test(a_job_s_section_names_cluster_and_job),
        cmocka_unit_test(long_job_names_stay_whole),
        cmocka_unit_test(pins_and_bounds_become_rules),
        cmocka_unit_test(bad_pins_and_bounds_are_told),
        cmocka_unit_test(options_that_contradict_each_other_are_refused),
        cmocka_unit_test(kafka_properties_reach_librdkafka),
        cmocka_unit_test(each_kind_of_client_gets_its_own_properties),
        cmocka_unit_test(properties_that_exactly_once_depends_on_are_refused),
        cmocka_unit_test(every_refused_property_exists),
        cmocka_unit_test(unknown_and_bad_properties_are_told),
        cmocka_unit_test(no_secret_is_in_a_message_or_in_what_may_be_shown),
        cmocka_unit_test(what_took_effect_is_listed_with_its_origin),
        cmocka_unit_test(files_that_cannot_be_read_are_told),
        cmocka_unit_test(the_sample_has_every_option_and_changes_nothing),
        cmocka_unit_test(the_markdown_has_a_row_for_every_option),
        cmocka_unit_test(the_readme_lists_the_options_as_they_are),
        cmocka_unit_test(every_option_s_own_default_is_valid_and_its_name_is_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
