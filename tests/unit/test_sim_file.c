/* SPDX-License-Identifier: GPL-3.0-or-later
 * A user's own job file and rates: read as written, or refused with the file and the field. */
#include "ops/sim_file.h"
#include "ops/sim_rates.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kt_arena arena;

static int setup(void **state) {
    (void)state;
    kt_arena_init(&arena, 1 << 16, 1 << 24);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    kt_arena_free(&arena);
    return 0;
}

static void parse(const char *text, struct kt_sim_spec *spec) {
    struct kt_error error;
    if (kt_sim_file_parse(kt_str_of(text), "job.json", &arena, spec, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
}

static void equal(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-9 * fabs(expected))) {
        fail_msg("expected %.12g, got %.12g", expected, got);
    }
}

static void a_small_file_has_sensible_defaults(void **state) {
    (void)state;
    struct kt_sim_spec spec;
    parse("{\"name\": \"q1\", \"sources\": [{\"id\": \"source\", \"unit_rate\": 700000}],"
          " \"operators\": [{\"id\": \"mapper\", \"upstream\": [\"source\"],"
          " \"curve\": {\"linear\": 530000}}]}",
          &spec);
    assert_string_equal(spec.job_name, "q1");
    assert_string_equal(spec.cluster, "simulated");
    assert_int_equal(spec.count, 2);
    assert_int_equal(spec.restart_ms, 60000);
    equal(spec.noise, 0);
    equal(spec.buffer_records, 1000);
    assert_string_equal(spec.operators[0].id, "source");
    assert_false(spec.operators[0].scaled);
    assert_int_equal(spec.operators[0].max_parallelism, 1);
    equal(spec.operators[0].unit_rate, 700000);
    equal(spec.operators[0].selectivity, 1);
    assert_string_equal(spec.operators[1].name, "mapper");
    assert_true(spec.operators[1].scaled);
    assert_false(spec.operators[1].keyed);
    assert_int_equal(spec.operators[1].max_parallelism, 128);
    assert_int_equal(spec.operators[1].inputs_count, 1);
    assert_int_equal(spec.operators[1].inputs[0], 0);
    equal(kt_sim_curve_at(&spec.operators[1].curve, 7), 7 * 530000.0);
}

static void every_field_is_read(void **state) {
    (void)state;
    struct kt_sim_spec spec;
    parse("{\"name\": \"full\", \"cluster\": \"lab\", \"restart_seconds\": 12.5, \"noise\": 0.05,"
          " \"noise_seconds\": 300, \"warm_up_seconds\": 90, \"warm_up_factor\": 0.25,"
          " \"buffer_records\": 40, \"max_parallelism\": 90,"
          " \"drift\": {\"second\": 3600, \"factor\": 0.8, \"ramp_seconds\": 600},"
          " \"metrics\": {\"rates\": true, \"no_lag\": true, \"lag_factor\": 1.5,"
          "   \"lag_delay_seconds\": 30, \"busy_quantum_ms\": 50, \"burst_seconds\": 20},"
          " \"sources\": [{\"id\": \"s\", \"name\": \"Source: bids\", \"unit_rate\": 1,"
          "   \"selectivity\": 0.5, \"curve\": {\"linear\": 10}, \"max_parallelism\": 4}],"
          " \"operators\": [{\"id\": \"a\", \"upstream\": [\"s\"], \"keyed\": true,"
          "   \"selectivity\": 0, \"curve\": {\"usl\": {\"gamma\": 5, \"sigma\": 0.1,"
          "   \"kappa\": 0.01}}, \"key_groups\": 64, \"plateau\": 10, \"skew\": 0.3},"
          "  {\"id\": \"b\", \"upstream\": [\"s\"], \"curve\": {\"table\": {\"4\": 30, \"1\": 10,"
          "   \"2\": 18}}}]}",
          &spec);
    assert_string_equal(spec.cluster, "lab");
    assert_int_equal(spec.restart_ms, 12500);
    equal(spec.noise, 0.05);
    assert_int_equal(spec.noise_ms, 300000);
    assert_int_equal(spec.warm_up_ms, 90000);
    equal(spec.warm_up_factor, 0.25);
    equal(spec.buffer_records, 40);
    equal(spec.drift.second, 3600);
    equal(spec.drift.factor, 0.8);
    equal(spec.drift.ramp_s, 600);
    assert_true(spec.metrics.rates && spec.metrics.no_lag);
    equal(spec.metrics.lag_factor, 1.5);
    equal(spec.metrics.lag_delay_s, 30);
    equal(spec.metrics.busy_quantum_ms, 50);
    equal(spec.metrics.burst_s, 20);
    assert_string_equal(spec.operators[0].name, "Source: bids");
    assert_true(spec.operators[0].scaled);
    assert_int_equal(spec.operators[0].max_parallelism, 4);
    const struct kt_sim_operator *a = &spec.operators[1];
    assert_true(a->keyed);
    equal(a->selectivity, 0);
    equal(a->skew, 0.3);
    assert_int_equal(a->max_parallelism, 90);
    assert_int_equal(a->curve.key_groups, 64);
    assert_int_equal(a->curve.plateau, 10);
    equal(kt_sim_curve_at(&a->curve, 2), 5 * 2 / (1 + 0.1 + 0.01 * 2));
    equal(kt_sim_curve_at(&spec.operators[2].curve, 3), 24);
}

static void buffers_hold_a_second_of_a_slow_operators_work(void **state) {
    (void)state;
    struct kt_sim_spec spec;
    parse("{\"name\": \"slow\", \"sources\": [{\"id\": \"s\", \"unit_rate\": 30}],"
          " \"operators\": ["
          "{\"id\": \"a\", \"upstream\": [\"s\"], \"curve\": {\"linear\": 5000}},"
          "{\"id\": \"b\", \"upstream\": [\"a\"], \"curve\": {\"linear\": 3}}]}",
          &spec);
    equal(spec.buffer_records, 3);
}

static void operators_may_stand_in_any_order(void **state) {
    (void)state;
    struct kt_sim_spec spec;
    parse("{\"name\": \"diamond\", \"sources\": [{\"id\": \"s\", \"unit_rate\": 1},"
          "  {\"id\": \"t\", \"unit_rate\": 2}], \"operators\": ["
          "  {\"id\": \"join\", \"upstream\": [\"right\", \"left\"], \"curve\": {\"linear\": 1}},"
          "  {\"id\": \"right\", \"upstream\": [\"t\"], \"curve\": {\"linear\": 1}},"
          "  {\"id\": \"left\", \"upstream\": [\"s\", \"t\"], \"curve\": {\"linear\": 1}}]}",
          &spec);
    static const char *const order[] = {"s", "t", "right", "left", "join"};
    for (int i = 0; i < 5; i++) {
        assert_string_equal(spec.operators[i].id, order[i]);
        for (int k = 0; k < spec.operators[i].inputs_count; k++) {
            assert_true(spec.operators[i].inputs[k] < i);
        }
    }
    assert_int_equal(spec.operators[4].inputs[0], 2);
    assert_int_equal(spec.operators[4].inputs[1], 3);
}

#define SOURCES          "\"sources\": [{\"id\": \"s\", \"unit_rate\": 1}]"
#define JOB              "{\"name\": \"j\", " SOURCES ", "
#define OPERATOR(fields) JOB "\"operators\": [{\"id\": \"a\", \"upstream\": [\"s\"]" fields "}]}"
#define CURVE            ", \"curve\": {\"linear\": 1}"

/* A file and the message that refuses it. */
static const struct {
    const char *text;
    const char *message;
} wrong[] = {
    {"", "job.json:1:0: '[' or '{' expected near end of file"},
    {"{\"name\": \"j\", \"name\": \"k\"}", "job.json:1:20: duplicate object key near '\"name\"'"},
    {"[]", "job.json: expected an object, not a list of 0"},
    {"{" SOURCES "}", "job.json: name: expected a text of 1 to 1024 bytes, but it is missing"},
    {"{\"name\": \"j\", \"jitter\": 1}",
     "job.json: jitter: unknown, expected one of name, cluster, max_parallelism, sources, "
     "operators, drift, metrics, restart_seconds, noise, noise_seconds, warm_up_seconds, "
     "warm_up_factor, buffer_records"},
    {"{\"name\": \"j\"}",
     "job.json: sources: expected a list with at least one, but it is missing"},
    {"{\"name\": \"j\", " SOURCES "}",
     "job.json: operators: expected a list with at least one, but it is missing"},
    {JOB "\"operators\": []}",
     "job.json: operators: expected a list with at least one, not a list of 0"},
    {JOB "\"operators\": [5]}", "job.json: operators[0]: expected an object, not 5"},
    {JOB "\"restart_seconds\": -1}",
     "job.json: restart_seconds: expected a number from 0 to 86400, not -1"},
    {JOB "\"noise\": 1.5}", "job.json: noise: expected a number from 0 to 1, not 1.5"},
    {JOB "\"max_parallelism\": 2.5}",
     "job.json: max_parallelism: expected a whole number from 1 to 32768, not 2.5"},
    {JOB "\"drift\": {\"factor\": 1}}",
     "job.json: drift.second: expected a number from 0 to 1e+09, but it is missing"},
    {JOB "\"metrics\": {\"rates\": \"yes\"}}",
     "job.json: metrics.rates: expected true or false, not \"yes\""},
    {JOB "\"metrics\": {\"speed\": 1}}",
     "job.json: metrics.speed: unknown, expected one of rates, no_lag, lag_factor, "
     "lag_delay_seconds, busy_quantum_ms, burst_seconds"},
    {"{\"name\": \"j\", \"sources\": [{\"id\": \"s\"}]}",
     "job.json: sources[0].unit_rate: expected a number greater than 0, but it is missing"},
    {"{\"name\": \"j\", \"sources\": [{\"id\": \"s\", \"unit_rate\": 2000000000000}]}",
     "job.json: sources[0].unit_rate: expected a number greater than 0 and at most 1e+12, "
     "not 2000000000000"},
    {"{\"name\": \"j\", \"sources\": [{\"id\": \"s\", \"unit_rate\": 1, \"skew\": 1}]}",
     "job.json: sources[0].skew: expected a curve beside it"},
    {"{\"name\": \"j\", \"sources\": [{\"id\": \"s\", \"unit_rate\": 1, \"upstream\": [\"s\"]}]}",
     "job.json: sources[0].upstream: unknown, expected one of id, name, unit_rate, selectivity, "
     "curve, key_groups, plateau, skew, max_parallelism"},
    {JOB "\"operators\": [{\"id\": \"s\", \"upstream\": [\"s\"]" CURVE "}]}",
     "job.json: operators[0].id: \"s\" is there twice"},
    {JOB "\"operators\": [{\"id\": 7}]}",
     "job.json: operators[0].id: expected a text of 1 to 1024 bytes, not 7"},
    {JOB "\"operators\": [{\"id\": \"a\"}]}",
     "job.json: operators[0].upstream: expected a list of 1 to 8 ids, but it is missing"},
    {JOB "\"operators\": [{\"id\": \"a\", \"upstream\": [\"s\", \"s\"]}]}",
     "job.json: operators[0].upstream[1]: \"s\" is there twice"},
    {JOB "\"operators\": [{\"id\": \"a\", \"upstream\": [\"x\"]" CURVE "}]}",
     "job.json: operators[0].upstream[0]: expected the id of a source or operator, not \"x\""},
    {JOB "\"operators\": [{\"id\": \"a\", \"upstream\": [\"a\"]" CURVE "}]}",
     "job.json: operators[0].upstream: the operators are in a cycle: \"a\" <- \"a\""},
    {JOB "\"operators\": [{\"id\": \"c\", \"upstream\": [\"s\", \"b\"]" CURVE
         "}, {\"id\": \"a\", \"upstream\": [\"b\"]" CURVE
         "}, {\"id\": \"b\", \"upstream\": [\"s\", \"a\"]" CURVE "}]}",
     "job.json: operators[2].upstream: the operators are in a cycle: \"b\" <- \"a\" <- \"b\""},
    {OPERATOR(""), "job.json: operators[0].curve: expected an object with one of usl, table, "
                   "linear, but it is missing"},
    {OPERATOR(", \"curve\": {}"), "job.json: operators[0].curve: expected an object with one of "
                                  "usl, table, linear, not an object of 0"},
    {OPERATOR(", \"curve\": {\"log\": 1}"),
     "job.json: operators[0].curve.log: unknown, expected one of usl, table, linear"},
    {OPERATOR(", \"curve\": {\"usl\": {\"gamma\": \"x\"}}"),
     "job.json: operators[0].curve.usl.gamma: expected a number greater than 0, not \"x\""},
    {OPERATOR(", \"curve\": {\"usl\": {\"gamma\": 1, \"sigma\": -0.5}}"),
     "job.json: operators[0].curve.usl.sigma: expected a number from 0 to 1e+06, not -0.5"},
    {OPERATOR(", \"curve\": {\"linear\": 0}"),
     "job.json: operators[0].curve.linear: expected a number greater than 0, not 0"},
    {OPERATOR(", \"curve\": {\"table\": {}}"),
     "job.json: operators[0].curve.table: expected an object of 1 to 128 abilities by "
     "parallelism, not an object of 0"},
    {OPERATOR(", \"curve\": {\"table\": {\"01\": 5}}"),
     "job.json: operators[0].curve.table.01: expected a parallelism from 1 to 32768 as the key"},
    {OPERATOR(", \"curve\": {\"table\": {\"1\": null}}"),
     "job.json: operators[0].curve.table.1: expected a number greater than 0, not null"},
    {OPERATOR(CURVE ", \"keyed\": 1"),
     "job.json: operators[0].keyed: expected true or false, not 1"},
    {OPERATOR(CURVE ", \"key_groups\": 0"),
     "job.json: operators[0].key_groups: expected a whole number from 1 to 32768, not 0"},
};

static void wrong_files_are_refused_with_the_field(void **state) {
    (void)state;
    struct kt_sim_spec spec;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct kt_error error = {KT_ERR_OK, ""};
        assert_int_equal(
            kt_sim_file_parse(kt_str_of(wrong[i].text), "job.json", &arena, &spec, &error),
            KT_ERR_CONFIG);
        assert_string_equal(error.message, wrong[i].message);
    }
}

static void too_many_operators_are_refused(void **state) {
    (void)state;
    char text[4096] = JOB "\"operators\": [";
    for (int i = 0; i < KT_SIM_OPERATORS_MAX; i++) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used,
                 "%s{\"id\": \"o%d\", \"upstream\": [\"s\"]" CURVE "}", i > 0 ? "," : "", i);
    }
    const size_t end = strlen(text);
    snprintf(text + end, sizeof text - end, "]}");
    struct kt_sim_spec spec;
    struct kt_error error;
    assert_int_equal(kt_sim_file_parse(kt_str_of(text), "job.json", &arena, &spec, &error),
                     KT_ERR_CONFIG);
    assert_string_equal(error.message, "job.json: operators[31]: expected at most 32 sources and "
                                       "operators in all");
}

static void a_file_that_is_not_there_is_named(void **state) {
    (void)state;
    struct kt_sim_spec spec;
    struct kt_error error;
    assert_int_equal(kt_sim_file_read("/nowhere/job.json", &arena, &spec, &error), KT_ERR_IO);
    assert_string_equal(error.message, "/nowhere/job.json: No such file or directory");
}

/* ---- rates ------------------------------------------------------------------------------- */

/* Sources at 0 (one unit 3) and 1 (one unit 1), an operator at 2. */
static struct kt_sim_spec two_sources(void) {
    return (struct kt_sim_spec){.operators = {{.id = "bids", .unit_rate = 3},
                                              {.id = "auctions", .unit_rate = 1},
                                              {.id = "join", .inputs = {0, 1}, .inputs_count = 2}},
                                .count = 3};
}

static enum kt_err read_rates(const char *text, int sources, struct kt_sim_rates *rates,
                              struct kt_error *error) {
    const struct kt_sim_spec two = two_sources();
    struct kt_sim_spec spec = two;
    if (sources == 1) {
        spec = (struct kt_sim_spec){.operators = {two.operators[0]}, .count = 1};
    }
    char *bytes = strdup(text);
    assert_non_null(bytes);
    FILE *in = fmemopen(bytes, strlen(bytes), "r");
    assert_non_null(in);
    const enum kt_err err = kt_sim_rates_read_stream(in, "rates.csv", &spec, &arena, rates, error);
    free(bytes);
    return err;
}

static void rates_per_second_are_levels(void **state) {
    (void)state;
    struct kt_sim_rates rates;
    assert_int_equal(
        read_rates("second,records_per_second\n0,100\n90,250.5\n120,0\n", 1, &rates, NULL),
        KT_ERR_OK);
    assert_int_equal(rates.count, 3);
    equal(rates.levels[1].start_s, 90);
    equal(rates.levels[1].per_op[0], 250.5);
    equal(rates.levels[2].per_op[0], 0);
    equal(rates.end_s, 150); /* the last one lasts as long as the one before it */
}

static void minutes_count_from_the_first_row(void **state) {
    (void)state;
    struct kt_sim_rates rates;
    assert_int_equal(
        read_rates("# a comment\nminute,records_per_second\n5,7\n6,8\n", 1, &rates, NULL),
        KT_ERR_OK);
    equal(rates.levels[0].start_s, 0);
    equal(rates.levels[1].start_s, 60);
    equal(rates.end_s, 120);
}

static void a_single_level_lasts_an_hour(void **state) {
    (void)state;
    struct kt_sim_rates rates;
    assert_int_equal(read_rates("second,bids\n0,7\n", 1, &rates, NULL), KT_ERR_OK);
    equal(rates.end_s, 3600);
}

static void each_source_may_have_its_column(void **state) {
    (void)state;
    struct kt_sim_rates rates;
    assert_int_equal(read_rates("second,auctions,bids\n0,10,20\n60,30,40\n", 2, &rates, NULL),
                     KT_ERR_OK);
    equal(rates.levels[1].per_op[0], 40);
    equal(rates.levels[1].per_op[1], 30);
    equal(rates.levels[1].per_op[2], 0);
}

static void one_column_is_shared_by_the_units_of_the_sources(void **state) {
    (void)state;
    struct kt_sim_rates rates;
    assert_int_equal(read_rates("second,records_per_second\n0,80\n", 2, &rates, NULL), KT_ERR_OK);
    equal(rates.levels[0].per_op[0], 60);
    equal(rates.levels[0].per_op[1], 20);
}

static void wrong_rates_are_refused_with_the_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int sources;
        const char *message;
    } rows[] = {
        {"", 1, "rates.csv:1: expected a header line"},
        {"time,records_per_second\n", 1,
         "rates.csv:1: expected 'second' or 'minute' as the first column"},
        {"second\n", 1,
         "rates.csv:1: expected a column 'records_per_second', or one for each source: 'bids' has "
         "none"},
        {"second,bids\n", 2,
         "rates.csv:1: expected a column 'records_per_second', or one for each source: 'auctions' "
         "has none"},
        {"second,bids,bits\n0,1,2\n", 1, "rates.csv:1: the column 'bits' is no source of the job"},
        {"second,bids,auctions,join\n0,1,2,3\n", 2,
         "rates.csv:1: the column 'join' is no source of the job"},
        {"second,bids\n", 1, "rates.csv:1: expected at least one row"},
        {"second,bids\n0,1\n0,2\n", 1, "rates.csv:3: expected a time after that of the row before"},
        {"second,bids\n0,1\n31622400,2\n31622401,3\n", 1,
         "rates.csv:4: expected a time at most 366 days after the first row's"},
        {"second,bids\n-1,1\n", 1,
         "rates.csv:2: second: expected a number from 0 to 1e+10, got '-1'"},
        {"second,bids\n0,many\n", 1,
         "rates.csv:2: bids: expected a number from 0 to 1e+12, got 'many'"},
        {"second,bids\n0\n", 1, "rates.csv:2: expected 2 fields as in the header, got 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kt_sim_rates rates;
        struct kt_error error = {KT_ERR_OK, ""};
        if (rows[i].text[0] == '\0') {
            FILE *in = fopen("/dev/null", "r");
            const struct kt_sim_spec spec = two_sources();
            assert_non_null(in);
            assert_int_equal(
                kt_sim_rates_read_stream(in, "rates.csv", &spec, &arena, &rates, &error),
                KT_ERR_PARSE);
        } else {
            assert_int_equal(read_rates(rows[i].text, rows[i].sources, &rates, &error),
                             KT_ERR_PARSE);
        }
        assert_string_equal(error.message, rows[i].message);
    }
}

static void too_many_rates_are_refused(void **state) {
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    fputs("second,bids\n", out);
    for (int i = 0; i <= KT_SIM_RATES_MAX; i++) {
        fprintf(out, "%d,1\n", i);
    }
    assert_int_equal(fclose(out), 0);
    struct kt_sim_rates rates;
    struct kt_error error;
    assert_int_equal(read_rates(text, 1, &rates, &error), KT_ERR_LIMIT);
    assert_string_equal(error.message, "rates.csv:100002: expected at most 100000 rows");
    free(text);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_small_file_has_sensible_defaults),
        TEST(every_field_is_read),
        TEST(buffers_hold_a_second_of_a_slow_operators_work),
        TEST(operators_may_stand_in_any_order),
        TEST(wrong_files_are_refused_with_the_field),
        TEST(too_many_operators_are_refused),
        TEST(a_file_that_is_not_there_is_named),
        TEST(rates_per_second_are_levels),
        TEST(minutes_count_from_the_first_row),
        TEST(a_single_level_lasts_an_hour),
        TEST(each_source_may_have_its_column),
        TEST(one_column_is_shared_by_the_units_of_the_sources),
        TEST(wrong_rates_are_refused_with_the_line),
        TEST(too_many_rates_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
