/* SPDX-License-Identifier: GPL-3.0-or-later
 * kontune history on the command line: what is learned can be listed, taken out and put back; a
 * mistake in a file imports nothing. */
#include "model/history.h"
#include "support/process.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_S 30

static char *folder;        /* of one test */
static char state_dir[300]; /* not made yet */
static char file_path[300];
static char out_path[300];

static int set_up(void **state) {
    (void)state;
    folder = kt_process_tmpdir();
    snprintf(state_dir, sizeof state_dir, "%s/state", folder);
    snprintf(file_path, sizeof file_path, "%s/in.csv", folder);
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    kt_process_rmtree(folder);
    free(folder);
    return 0;
}

static void write_file(const char *path, const char *text) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

/* Runs `kontune history …`; words end with NULL. */
static struct kt_process_result run(const char *const *words) {
    const char *argv[24] = {kt_process_kontune(), "history"};
    size_t count = 2;
    for (; words[count - 2] != NULL; count++) {
        argv[count] = words[count - 2];
    }
    argv[count] = NULL;
    return kt_process_run(argv, LIMIT_S);
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void expect(struct kt_process_result r, int status, const char *out, const char *err) {
    assert_string_equal(r.err, err);
    assert_string_equal(r.out, out);
    assert_int_equal(r.status, status);
    kt_process_result_free(&r);
}

#define HEADER                                                                                     \
    "cluster,job_name,vertex_id,name,parallelism,processing_ability,busy,lambda,kept_up,"          \
    "generation,window_end_ms\n"
/* 2026-01-01T00:00:00Z and on. */
#define ROW_1 "prod,q1,v1,\"Source: a, \"\"b\"\"\",2,2000,0.5,1000,true,1,1767225600000\n"
#define ROW_2 "prod,q1,v1,\"Source: a, \"\"b\"\"\",2,2200,0.75,1650,false,1,1767225660000\n"
#define ROW_3                                                                                      \
    "prod,q1,v1,\"Source: a, \"\"b\"\"\",4,4100.1000000000004,1,4100,true,2,1767225630000\n"
#define ROW_4 "prod,q1,v2,map,3,900,0.25,225,true,0,1767225600000\n"
#define ROW_5 "prod,q2,v1,sink,1,70,0.5,35,true,0,1767225600000\n"

static void import_rows(const char *text, const char *expected) {
    write_file(file_path, text);
    expect(RUN("import", "--state", state_dir, "--format", "csv", file_path), 0, expected, "");
}

static void what_was_imported_is_listed(void **state) {
    (void)state;
    import_rows(HEADER ROW_5 ROW_2 ROW_1 ROW_4 ROW_3,
                "observations: 5 read, 5 added, 0 already there, 0 older than the newest at their "
                "parallelism\n");
    expect(RUN("list", "--state", state_dir), 0,
           "prod/q1\n"
           "  Source: a, \"b\" [v1]\n"
           "    parallelism      ability/s observations  last seen            kept up\n"
           "              2           2100            2  2026-01-01T00:01:00Z 1 of 2\n"
           "              4           4100            1  2026-01-01T00:00:30Z 1 of 1\n"
           "  map [v2]\n"
           "    parallelism      ability/s observations  last seen            kept up\n"
           "              3            900            1  2026-01-01T00:00:00Z 1 of 1\n"
           "\n"
           "prod/q2\n"
           "  sink [v1]\n"
           "    parallelism      ability/s observations  last seen            kept up\n"
           "              1           70.0            1  2026-01-01T00:00:00Z 1 of 1\n",
           "");
}

static void a_list_can_be_narrowed_and_averaged_over_fewer(void **state) {
    (void)state;
    import_rows(HEADER ROW_5 ROW_2 ROW_1 ROW_4 ROW_3,
                "observations: 5 read, 5 added, 0 already there, 0 older than the newest at their "
                "parallelism\n");
    expect(RUN("list", "--state", state_dir, "--job", "prod/q1", "--operator", "v1", "--top-k", "1",
               "--json"),
           0,
           "{\"jobs\":[{\"cluster\":\"prod\",\"job_name\":\"q1\",\"operators\":[{\"vertex_id\":"
           "\"v1\",\"name\":\"Source: a, \\\"b\\\"\",\"points\":[{\"parallelism\":2,\"ability\":"
           "2200,\"observations\":1,\"kept_up\":0,\"last_seen_ms\":1767225660000,\"partition\":0}"
           ",{\"parallelism\":4,\"ability\":4100.1,\"observations\":1,\"kept_up\":1,"
           "\"last_seen_ms\":1767225630000,\"partition\":0}]}]}]}\n",
           "");
    expect(RUN("list", "--state", state_dir, "--job", "prod/other"), 0,
           "nothing was learned of what was asked for\n", "");
}

static void an_export_is_oldest_first_and_imports_to_the_same(void **state) {
    (void)state;
    import_rows(HEADER ROW_5 ROW_2 ROW_1 ROW_4 ROW_3,
                "observations: 5 read, 5 added, 0 already there, 0 older than the newest at their "
                "parallelism\n");
    const char *const expected = HEADER ROW_1 ROW_3 ROW_2 ROW_4 ROW_5;
    expect(RUN("export", "--state", state_dir), 0, expected, "");
    expect(RUN("export", "--state", state_dir, "--operator", "map"), 0, HEADER ROW_4, "");

    static const char *const formats[] = {"csv", "jsonl"};
    for (size_t i = 0; i < 2; i++) {
        char copy[320];
        snprintf(copy, sizeof copy, "%s/copy%zu", folder, i);
        expect(RUN("export", "--state", state_dir, "--format", formats[i], "--out", out_path), 0,
               "", "");
        expect(RUN("import", "--state", copy, "--format", formats[i], out_path), 0,
               "observations: 5 read, 5 added, 0 already there, 0 older than the newest at their "
               "parallelism\n",
               "");
        expect(RUN("export", "--state", copy), 0, expected, "");
    }
}

static void an_import_that_is_repeated_changes_nothing(void **state) {
    (void)state;
    import_rows(HEADER ROW_1 ROW_2 ROW_3,
                "observations: 3 read, 3 added, 0 already there, 0 older than the newest at their "
                "parallelism\n");
    import_rows(HEADER ROW_1 ROW_2 ROW_3,
                "observations: 3 read, 0 added, 3 already there, 0 older than the newest at their "
                "parallelism\n");
    expect(RUN("export", "--state", state_dir), 0, HEADER ROW_1 ROW_3 ROW_2, "");
}

static void newer_observations_are_not_pushed_out_by_older_ones(void **state) {
    (void)state;
    char text[4096] = HEADER;
    for (int i = 0; i < 5; i++) {
        char row[128];
        snprintf(row, sizeof row, "c,j,v,n,2,%d,1,1,true,0,%d\n", 100 + i, 1000 + i);
        strcat(text, row);
    }
    import_rows(text, "observations: 5 read, 5 added, 0 already there, 0 older than the newest at "
                      "their parallelism\n");
    /* One older, one without a time, one newer than the oldest two that are there. */
    import_rows("cluster,job_name,vertex_id,parallelism,processing_ability,window_end_ms\n"
                "c,j,v,2,50,999\nc,j,v,2,60,0\nc,j,v,2,70,1001\n",
                "observations: 3 read, 1 added, 0 already there, 2 older than the newest at their "
                "parallelism\n");
    expect(RUN("export", "--state", state_dir), 0,
           HEADER "c,j,v,n,2,70,1,70,,0,1001\nc,j,v,n,2,101,1,1,true,0,1001\n"
                  "c,j,v,n,2,102,1,1,true,0,1002\nc,j,v,n,2,103,1,1,true,0,1003\n"
                  "c,j,v,n,2,104,1,1,true,0,1004\n",
           "");
}

static void a_bare_table_is_taken_with_job_and_operator(void **state) {
    (void)state;
    expect(RUN("import", "--state", state_dir, "--format", "csv", "--job", "prod/q1", "--operator",
               "mapper", "--top-k", "2", KT_FIXTURES "/nexmark-q1-mapper.csv"),
           0,
           "observations: 59 read, 25 added, 0 already there, 34 older than the newest at their "
           "parallelism\n",
           "");
    struct kt_process_result r = RUN("list", "--state", state_dir);
    assert_non_null(strstr(r.out, "prod/q1\n  [mapper]\n"));
    assert_non_null(strstr(r.out, "unknown "));
    kt_process_result_free(&r);
}

static void a_mistake_is_told_by_line_and_nothing_is_imported(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a,b\n1,2\n", ":1: expected the columns parallelism and processing_ability in the header"},
        {HEADER ROW_1 "prod,q1,v1,a,0,2000,0.5,1000,true,1,1\n",
         ":3: parallelism: expected an integer from 1 to 32768, got '0'"},
        {HEADER ROW_1 "prod,q1,v1,a,1,nan,0.5,1000,true,1,1\n",
         ":3: processing_ability: expected a number from 0 to 1e+18, got 'nan'"},
        {HEADER ROW_1 "prod,q1,v1,a,1,0,0.5,1000,true,1,1\n",
         ":3: processing ability: expected a number above 0 and up to 1e+18, got 0"},
        {HEADER ROW_1 "prod,q1,v1,a,1,-5,0.5,1000,true,1,1\n",
         ":3: processing_ability: expected a number from 0 to 1e+18, got '-5'"},
        {HEADER ROW_1 "prod,q1,v1,a,1,5,1.5,1000,true,1,1\n",
         ":3: busy: expected a number from 0 to 1, got '1.5'"},
        {HEADER ROW_1 "prod,q1,v1,a,1,5,1,1000,yes,1,1\n",
         ":3: kept_up: expected true, false or nothing, got 'yes'"},
        {HEADER ROW_1 "prod,q1,v1,a,1,5,1,1000,true,1,yesterday\n",
         ":3: window_end_ms: expected an integer from 0 to 9223372036854775807, got 'yesterday'"},
        {HEADER ROW_1 ",,v1,a,1,5,1,1000,true,1,1\n",
         ":3: expected cluster and job_name, or --job CLUSTER/JOB"},
        {HEADER ROW_1 "prod,q1,,a,1,5,1,1000,true,1,1\n",
         ":3: expected a vertex_id, or --operator ID"},
        {HEADER ROW_1 "prod,q1,v1\n", ":3: expected 11 fields as in the header, got 3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(file_path, cases[i].text);
        char message[512];
        snprintf(message, sizeof message, "kontune history import: %s%s\n", file_path,
                 cases[i].message);
        expect(RUN("import", "--state", state_dir, "--format", "csv", file_path), 1, "", message);
    }
    char message[512];
    write_file(file_path, HEADER ROW_1 ROW_5);
    snprintf(message, sizeof message,
             "kontune history import: %s:3: expected job prod/q1 as in --job, got prod/q2\n",
             file_path);
    expect(RUN("import", "--state", state_dir, "--job", "prod/q1", "--format", "csv", file_path), 1,
           "", message);
    write_file(out_path,
               "{\"cluster\":\"c\",\"job_name\":\"j\",\"vertex_id\":\"v\",\"parallelism\":2,"
               "\"observations\":[]}\n{\"cluster\":\"c\",\"job_name\":\"j\",\"vertex_id\":\"v\","
               "\"parallelism\":0,\"observations\":[]}\n");
    snprintf(message, sizeof message,
             "kontune history import: %s:2: parallelism: expected an integer from 1 to 32768, got "
             "0\n",
             out_path);
    expect(RUN("import", "--state", state_dir, "--format", "jsonl", out_path), 1, "", message);
    /* Not even the folder was made. */
    snprintf(message, sizeof message,
             "kontune history list: %s: opening the state folder: No such file or directory\n",
             state_dir);
    expect(RUN("list", "--state", state_dir), 1, "", message);
}

static void a_ds2_log_gives_an_observation_per_operator_and_epoch(void **state) {
    (void)state;
    write_file(file_path,
               "# operator_id, operator_instance_id, total_number_of_operator_instances, "
               "epoch_timestamp, true_processing_rate, true_output_rate, observed_processing_rate, "
               "observed_output_rate\n"
               "src, 0, 1, 10, 0, 500, 0, 500\n"
               "map, 0, 2, 10, 100, 100, 50, 50\n"
               "map, 1, 2, 10, 110, 110, 55, 55\n"
               "map, 0, 2, 20, 120, 120, 30, 30\n"
               "map, 1, 2, 20, 120, 120, 30, 30\n"
               "map, 0, 2, 30, 130, 130, 30, 30\n");
    expect(
        RUN("import", "--state", state_dir, "--format", "ds2-log", "--job", "prod/q1", file_path),
        0,
        "observations: 2 read, 2 added, 0 already there, 0 older than the newest at their "
        "parallelism\n",
        "2 epochs of operators left out: nothing was processed, or not every instance logged "
        "them\n");
    expect(RUN("export", "--state", state_dir), 0,
           HEADER "prod,q1,map,map,2,210,0.5,105,,0,0\nprod,q1,map,map,2,240,0.25,60,,0,0\n", "");

    write_file(file_path, "map, 0, 1, 10, 100, 100, 50, 50\nmap, 0, 1, 20, much, 1, 1, 1\n");
    struct kt_process_result r =
        RUN("import", "--state", state_dir, "--format", "ds2-log", "--job", "prod/q1", file_path);
    char start[400];
    snprintf(start, sizeof start, "kontune history import: %s:2: ", file_path);
    assert_memory_equal(r.err, start, strlen(start));
    assert_int_equal(r.status, 1);
    kt_process_result_free(&r);
}

static void a_line_break_in_a_name_is_no_csv(void **state) {
    (void)state;
    write_file(file_path, "{\"cluster\":\"c\",\"job_name\":\"j\",\"vertex_id\":\"v\",\"name\":"
                          "\"a\\nb\",\"parallelism\":2,\"observations\":[{\"ability\":5,\"busy\":1,"
                          "\"lambda\":5,\"window_end_ms\":1}]}\n");
    expect(RUN("import", "--state", state_dir, "--format", "jsonl", file_path), 0,
           "observations: 1 read, 1 added, 0 already there, 0 older than the newest at their "
           "parallelism\n",
           "");
    expect(RUN("export", "--state", state_dir, "--out", out_path), 1, "",
           "kontune history export: vertex v: a name holds a line break, which csv cannot; use "
           "--format jsonl\n");
}

/* ---- beside a worker --------------------------------------------------------------------- */

static enum kt_err no_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                             struct kt_error *error) {
    (void)ctx, (void)key, (void)value, (void)len, (void)error;
    return KT_ERR_OK;
}

/* A worker's folder, open in this process. */
static struct kt_store *open_worker_state(struct kt_durable **durable) {
    struct kt_error error;
    struct kt_store *store = NULL;
    const struct kt_store_options options = {
        .path = state_dir, .identity = "cluster a", .map_bytes = (size_t)1 << 24};
    assert_int_equal(kt_store_open(&options, &store, &error), KT_ERR_OK);
    assert_int_equal(kt_durable_new(store, no_change, NULL, durable, &error), KT_ERR_OK);
    return store;
}

static void learn(struct kt_store *store, struct kt_durable *durable, uint32_t partition,
                  double ability) {
    struct kt_error error;
    struct kt_arena arena;
    kt_arena_init(&arena, 4096, 1 << 20);
    const struct kt_history_owner owner = {partition, KT_STR("c"), KT_STR("j"), KT_STR("v")};
    const struct kt_observation observation = {
        .ability = ability, .busy = 1, .lambda = 1, .window_end_ms = 1000};
    assert_int_equal(kt_store_begin(store, &error), KT_ERR_OK);
    assert_int_equal(
        kt_history_add(durable, &owner, KT_STR("map"), 2, &observation, 5, &arena, &error),
        KT_ERR_OK);
    assert_int_equal(kt_store_commit(store, &error), KT_ERR_OK);
    kt_arena_free(&arena);
}

static void a_running_worker_s_state_is_read_but_not_written(void **state) {
    (void)state;
    struct kt_durable *durable = NULL;
    struct kt_store *store = open_worker_state(&durable);
    learn(store, durable, 7, 123);
    /* The path comes from the configuration this time. */
    char config[400];
    snprintf(config, sizeof config, "[worker]\nstate_dir = %s\n", state_dir);
    write_file(out_path, config);
    expect(RUN("export", "-c", out_path), 0, HEADER "c,j,v,map,2,123,1,1,,0,1000\n", "");
    learn(store, durable, 7, 124);
    expect(RUN("export", "-c", out_path), 0,
           HEADER "c,j,v,map,2,123,1,1,,0,1000\nc,j,v,map,2,124,1,1,,0,1000\n", "");

    write_file(file_path, HEADER ROW_1);
    struct kt_process_result r = RUN("import", "--state", state_dir, "--format", "csv", file_path);
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.err, "in use by process"));
    kt_process_result_free(&r);
    kt_durable_free(durable);
    kt_store_close(store);
    r = RUN("import", "--state", state_dir, "--format", "csv", file_path);
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.err, "the state belongs to 'cluster a', not to 'replay'"));
    kt_process_result_free(&r);
}

/* ---- misuse ------------------------------------------------------------------------------ */

static void misuse_exits_2(void **state) {
    (void)state;
    expect(RUN("list"), 2, "",
           "kontune history list: expected either --config FILE or --state DIR; see `kontune "
           "history list --help`\n");
    expect(RUN("list", "--state", state_dir, "--job", "q1"), 2, "",
           "kontune history list: --job: expected CLUSTER/JOB, got 'q1'; see `kontune history list "
           "--help`\n");
    expect(RUN("export", "--state", state_dir, "--format", "xml"), 2, "",
           "kontune history export: --format: expected csv or jsonl, got 'xml'; see `kontune "
           "history export --help`\n");
    expect(RUN("list", "-c", "/no/such.ini"), 2, "",
           "kontune history list: /no/such.ini: cannot be read: No such file or directory\n");
    struct kt_process_result r = RUN("import", "--help");
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "The stage's workers must be stopped"));
    kt_process_result_free(&r);
}

static void a_full_disk_fails_an_export(void **state) {
    (void)state;
    import_rows(HEADER ROW_1, "observations: 1 read, 1 added, 0 already there, 0 older than the "
                              "newest at their parallelism\n");
    expect(RUN("export", "--state", state_dir, "--out", "/dev/full"), 1, "",
           "kontune history export: /dev/full: No space left on device\n");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_imported_is_listed),
        TEST(a_list_can_be_narrowed_and_averaged_over_fewer),
        TEST(an_export_is_oldest_first_and_imports_to_the_same),
        TEST(an_import_that_is_repeated_changes_nothing),
        TEST(newer_observations_are_not_pushed_out_by_older_ones),
        TEST(a_bare_table_is_taken_with_job_and_operator),
        TEST(a_mistake_is_told_by_line_and_nothing_is_imported),
        TEST(a_ds2_log_gives_an_observation_per_operator_and_epoch),
        TEST(a_line_break_in_a_name_is_no_csv),
        TEST(a_running_worker_s_state_is_read_but_not_written),
        TEST(misuse_exits_2),
        TEST(a_full_disk_fails_an_export),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
