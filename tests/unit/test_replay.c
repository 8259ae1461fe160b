/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune replay` from outside: what it prints, what it writes, and what it says of bad input. */
#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>
#include <zlib.h>

#define RECORDING KT_FIXTURES "/flink-recording.jsonl.gz"
#define TIMEOUT_S 60

struct fixture {
    char *dir;
    char path[4][600];
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->dir = kt_process_tmpdir();
    /* The program's own temporary folders come here too, so that what it leaves is seen. */
    setenv("TMPDIR", f->dir, 1);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    unsetenv("TMPDIR");
    kt_process_rmtree(f->dir);
    free(f->dir);
    free(f);
    return 0;
}

static const char *path_of(struct fixture *f, int slot, const char *name) {
    snprintf(f->path[slot], sizeof f->path[slot], "%s/%s", f->dir, name);
    return f->path[slot];
}

#define REPLAY(...)                                                                                \
    kt_process_run((const char *const[]){kt_process_kontune(), "replay", __VA_ARGS__, NULL},       \
                   TIMEOUT_S)

static void assert_holds(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("expected '%s' in:\n%s", part, text);
    }
}

static json_t *parse(const char *text) {
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    if (json == NULL) {
        fail_msg("%s in: %.200s", error.text, text);
    }
    return json;
}

static int64_t number(const json_t *json, const char *name) {
    return json_integer_value(json_object_get(json, name));
}

static size_t files_in(const char *path) {
    size_t n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        n += e->d_name[0] != '.' ? 1 : 0;
    }
    closedir(dir);
    return n;
}

/* The first lines of the recording, plain, with these texts put in front of line 11 and 21. */
static void write_lines(const char *path, int lines, const char *at_11, const char *at_21) {
    gzFile in = gzopen(RECORDING, "rb");
    FILE *out = fopen(path, "w");
    assert_non_null(in);
    assert_non_null(out);
    static char line[8192];
    for (int i = 1; i <= lines && gzgets(in, line, sizeof line) != NULL; i++) {
        if (i == 11) {
            fputs(at_11, out);
        }
        if (i == 21) {
            fputs(at_21, out);
        }
        fputs(line, out);
    }
    gzclose(in);
    assert_int_equal(fclose(out), 0);
}

static void the_recording_becomes_one_document(void **state) {
    struct fixture *f = *state;
    struct kt_process_result r = REPLAY("--in", RECORDING, "--json");
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "");
    json_t *json = parse(r.out);
    assert_int_equal(number(json, "events"), 6156);
    assert_int_equal(number(json, "late"), 0);
    assert_int_equal(number(json, "refused"), 0);
    assert_int_equal(number(json, "windows"), 20);
    assert_int_equal(number(json, "open_windows"), 1);
    assert_true(number(json, "held") > 5 && number(json, "held") < 20);
    assert_true(number(json, "learned") > 0);
    const json_t *commands = json_object_get(json, "commands");
    assert_int_equal(json_array_size(commands), number(json, "rescales") + number(json, "holds"));
    size_t i;
    const json_t *command;
    int64_t before_ms = 0;
    json_array_foreach(commands, i, command) {
        assert_string_equal(json_string_value(json_object_get(command, "job_name")), "orders");
        assert_non_null(json_object_get(command, "evidence"));
        assert_true(number(command, "window_end_ms") > before_ms);
        assert_int_equal(number(command, "decided_at_ms"), number(command, "window_end_ms"));
        before_ms = number(command, "window_end_ms");
    }
    json_decref(json);
    kt_process_result_free(&r);
    assert_int_equal(files_in(f->dir), 0); /* nothing is left behind */
}

static void without_options_it_prints_a_readable_list(void **state) {
    (void)state;
    struct kt_process_result r = REPLAY("--in", RECORDING);
    assert_int_equal(r.status, 0);
    assert_holds(r.out, "2026-11-22T07:30:00Z  lab/orders  HOLD  WARM_UP  vertex sink: Writer");
    assert_holds(r.out, "  lab/orders  RESCALE  OVER_PROVISIONED  ");
    assert_holds(r.out, "\n    enrich             2 -> 1     SURROGATE  needs       500/s  able ");
    assert_holds(r.err, "6156 events (and 0 late, 0 refused); 20 windows closed");
    assert_holds(r.err, "windows still open at the end: 1\n");
    kt_process_result_free(&r);
}

/* The README shows a part of this very list. */
static void the_readme_shows_what_is_printed(void **state) {
    (void)state;
    static char readme[1 << 16];
    FILE *file = fopen(KT_FIXTURES "/../../README.md", "r");
    assert_non_null(file);
    readme[fread(readme, 1, sizeof readme - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    char *shown = strstr(readme, "\n2026-11-22T");
    assert_non_null(shown);
    char *end = strstr(shown, "```");
    assert_non_null(end);
    *end = '\0';
    struct kt_process_result r = REPLAY("--in", RECORDING);
    assert_holds(r.out, shown);
    kt_process_result_free(&r);
}

/* Each line of a file, as one array. */
static json_t *read_lines(const char *path) {
    json_t *all = json_array();
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        json_array_append_new(all, parse(line));
    }
    free(line);
    fclose(file);
    return all;
}

static void commands_in_a_file_are_those_of_the_document(void **state) {
    struct fixture *f = *state;
    const char *out = path_of(f, 0, "commands.jsonl");
    struct kt_process_result r = REPLAY("--in", RECORDING, "--out", out, "--json");
    assert_int_equal(r.status, 0);
    json_t *document = parse(r.out);
    json_t *lines = read_lines(out);
    assert_true(json_array_size(lines) > 0);
    assert_true(json_equal(lines, json_object_get(document, "commands")));
    json_decref(document);
    json_decref(lines);
    kt_process_result_free(&r);
}

static void commands_can_be_written_as_an_avro_container(void **state) {
    struct fixture *f = *state;
    const char *out = path_of(f, 0, "commands.avro");
    struct kt_process_result r = REPLAY("--in", RECORDING, "--out", out);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "");
    char magic[4];
    FILE *file = fopen(out, "r");
    assert_non_null(file);
    assert_int_equal(fread(magic, 1, 4, file), 4);
    assert_memory_equal(magic, "Obj\1", 4);
    fclose(file);
    kt_process_result_free(&r);
}

static void a_full_disk_is_an_error(void **state) {
    struct fixture *f = *state;
    struct kt_process_result r = REPLAY("--in", RECORDING, "--out", "/dev/full");
    assert_int_equal(r.status, 1);
    assert_holds(r.err, "/dev/full: No space left on device");
    kt_process_result_free(&r);
    assert_int_equal(files_in(f->dir), 0);
}

static void bad_lines_are_told_by_line_and_passed_over(void **state) {
    struct fixture *f = *state;
    const char *in = path_of(f, 0, "events.jsonl");
    write_lines(in, 400, "{\"cluster\":\n",
                "{\"cluster\":\"lab\",\"job_name\":\"orders\",\"job_id\":\"x\",\"vertex_id\":\"v\","
                "\"vertex_name\":\"v\",\"subtask\":-9,\"timestamp_ms\":1795332584318}\n");
    struct kt_process_result r = REPLAY("--in", in, "--json");
    assert_int_equal(r.status, 0);
    assert_holds(r.err, "events.jsonl:11: malformed JSON");
    assert_holds(r.err, "events.jsonl:22: subtask: ");
    json_t *json = parse(r.out);
    assert_int_equal(number(json, "events"), 400);
    assert_int_equal(number(json, "refused"), 2);
    json_decref(json);
    kt_process_result_free(&r);
}

/* A year ahead: believed, it would close every window and make all that follows late. */
static void a_clock_that_runs_ahead_is_refused_by_line(void **state) {
    struct fixture *f = *state;
    const char *in = path_of(f, 0, "events.jsonl");
    write_lines(in, 400,
                "{\"cluster\":\"lab\",\"job_name\":\"orders\",\"job_id\":\"x\",\"vertex_id\":\"v\","
                "\"vertex_name\":\"v\",\"subtask\":0,\"timestamp_ms\":1826868584318}\n",
                "");
    struct kt_process_result r = REPLAY("--in", in, "--json");
    assert_int_equal(r.status, 0);
    assert_holds(r.err, "events.jsonl:11: timestamp_ms: 1826868584318 is ");
    assert_holds(r.err, " s ahead of the record's own time, at most 60 s are taken");
    json_t *json = parse(r.out);
    assert_int_equal(number(json, "events"), 400);
    assert_int_equal(number(json, "refused"), 1);
    assert_int_equal(number(json, "late"), 0);
    json_decref(json);
    kt_process_result_free(&r);
}

static void a_file_that_ends_in_the_middle_is_an_error_and_no_document(void **state) {
    struct fixture *f = *state;
    const char *in = path_of(f, 0, "cut.jsonl.gz");
    static char bytes[20000];
    FILE *whole = fopen(RECORDING, "r");
    FILE *cut = fopen(in, "w");
    assert_non_null(whole);
    assert_non_null(cut);
    assert_int_equal(fread(bytes, 1, sizeof bytes, whole), sizeof bytes);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, cut), sizeof bytes);
    fclose(whole);
    fclose(cut);
    struct kt_process_result r = REPLAY("--in", in, "--json");
    assert_int_equal(r.status, 1);
    assert_string_equal(r.out, "");
    assert_holds(r.err, "cut.jsonl.gz");
    assert_holds(r.err, "ends too early");
    kt_process_result_free(&r);
}

static void a_missing_file_is_an_error_with_its_name(void **state) {
    (void)state;
    struct kt_process_result r = REPLAY("--in", "/nowhere/events.jsonl");
    assert_int_equal(r.status, 1);
    assert_holds(r.err, "kontune replay: /nowhere/events.jsonl: No such file or directory");
    kt_process_result_free(&r);
}

static void a_file_without_any_event_is_an_error(void **state) {
    struct fixture *f = *state;
    const char *in = path_of(f, 0, "table.jsonl");
    FILE *file = fopen(in, "w");
    assert_non_null(file);
    fputs("parallelism,processing_ability\n1,100\n", file);
    assert_int_equal(fclose(file), 0);
    struct kt_process_result r = REPLAY("--in", in, "--json");
    assert_int_equal(r.status, 1);
    assert_string_equal(r.out, "");
    assert_holds(r.err, "table.jsonl:1: malformed JSON");
    assert_holds(r.err, "table.jsonl: none of its 2 records is a metric event\n");
    kt_process_result_free(&r);
}

static void bad_usage_is_status_2(void **state) {
    struct fixture *f = *state;
    struct kt_process_result r = REPLAY("--in", RECORDING, "--frobnicate");
    assert_int_equal(r.status, 2);
    assert_holds(r.err, "--frobnicate");
    kt_process_result_free(&r);
    r = REPLAY("--json");
    assert_int_equal(r.status, 2);
    assert_holds(r.err, "--in");
    kt_process_result_free(&r);
    const char *config = path_of(f, 0, "bad.ini");
    FILE *file = fopen(config, "w");
    assert_non_null(file);
    fputs("[window]\nwindow_mss = 20000\n", file);
    fclose(file);
    r = REPLAY("--in", RECORDING, "-c", config);
    assert_int_equal(r.status, 2);
    assert_holds(r.err, "bad.ini:2");
    assert_holds(r.err, "window_ms");
    kt_process_result_free(&r);
}

static void a_configuration_is_obeyed(void **state) {
    struct fixture *f = *state;
    const char *config = path_of(f, 0, "short.ini");
    FILE *file = fopen(config, "w");
    assert_non_null(file);
    fputs("[window]\nwindow_ms = 20000\n[policy]\npolicy = ds2\ndry_run = true\n", file);
    fclose(file);
    struct kt_process_result r = REPLAY("--in", RECORDING, "-c", config, "--json");
    assert_int_equal(r.status, 0);
    json_t *json = parse(r.out);
    assert_true(number(json, "windows") > 55);
    const json_t *command = json_array_get(json_object_get(json, "commands"), 0);
    assert_string_equal(json_string_value(json_object_get(command, "policy")), "ds2");
    assert_true(json_is_true(json_object_get(command, "dry_run")));
    json_decref(json);
    kt_process_result_free(&r);
}

static void a_state_that_is_kept_is_gone_on_with(void **state) {
    struct fixture *f = *state;
    const char *dir = path_of(f, 0, "state");
    struct kt_process_result r = REPLAY("--in", RECORDING, "--state", dir, "--json");
    assert_int_equal(r.status, 0);
    kt_process_result_free(&r);
    /* The same events again: all of them belong to windows that are closed, but the last. */
    r = REPLAY("--in", RECORDING, "--state", dir, "--json");
    assert_int_equal(r.status, 0);
    json_t *json = parse(r.out);
    assert_int_equal(number(json, "windows"), 0);
    assert_int_equal(number(json, "events") + number(json, "late"), 6156);
    assert_true(number(json, "late") > 5000);
    json_decref(json);
    kt_process_result_free(&r);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(the_recording_becomes_one_document),
        T(without_options_it_prints_a_readable_list),
        T(the_readme_shows_what_is_printed),
        T(commands_in_a_file_are_those_of_the_document),
        T(commands_can_be_written_as_an_avro_container),
        T(a_full_disk_is_an_error),
        T(bad_lines_are_told_by_line_and_passed_over),
        T(a_clock_that_runs_ahead_is_refused_by_line),
        T(a_file_that_ends_in_the_middle_is_an_error_and_no_document),
        T(a_missing_file_is_an_error_with_its_name),
        T(a_file_without_any_event_is_an_error),
        T(bad_usage_is_status_2),
        T(a_configuration_is_obeyed),
        T(a_state_that_is_kept_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
