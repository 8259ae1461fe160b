/* SPDX-License-Identifier: GPL-3.0-or-later
 * DS2: the answers of its own program for rate logs, the errors of its files, and the policy `ds2`
 * on a job's evidence. */
#include "model/ds2_epochs.h"
#include "support/job.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kt_arena arena;

static int set_up(void **state) {
    (void)state;
    kt_arena_init(&arena, 1 << 20, 64 << 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    kt_arena_free(&arena);
    kt_test_decide_end();
    return 0;
}

/* ---- the answers of DS2's own program ------------------------------------------------------- */

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    assert_true(size > 0);
    rewind(file);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), (size_t)size);
    text[size] = '\0';
    fclose(file);
    return text;
}

/* The part of a case below "-- name", up to the next "-- " or "== " line; NULL text: none such. */
static struct kt_str section(const char *text, const char *end, const char *name) {
    char head[32];
    snprintf(head, sizeof head, "\n-- %s\n", name);
    const char *at = memmem(text, (size_t)(end - text), head, strlen(head));
    if (at == NULL) {
        return (struct kt_str){NULL, 0};
    }
    at += strlen(head);
    const char *stop = at;
    while (stop < end && strncmp(stop, "-- ", 3) != 0 && strncmp(stop, "== ", 3) != 0) {
        stop = memchr(stop, '\n', (size_t)(end - stop));
        assert_non_null(stop);
        stop++;
    }
    return (struct kt_str){at, (size_t)(stop - at)};
}

/* Our answer in the words of the fixture. */
static struct kt_str print_answer(const struct kt_ds2_topology *topology,
                                  const struct kt_ds2_answer *answer) {
    struct kt_str text = {"", 0};
    for (size_t e = 0; e < answer->epochs.count; e++) {
        const struct kt_ds2_epoch_answer *epoch = &answer->epochs.items[e];
        for (size_t i = 0; i < epoch->operators.count; i++) {
            const struct kt_ds2_operator_answer *op = &epoch->operators.items[i];
            text = kt_arena_printf(&arena, "%.*s%" PRId64 ",%.*s,%" PRIu32 "\n", KT_STR_ARG(text),
                                   epoch->epoch, KT_STR_ARG(topology->nodes.items[op->node].id),
                                   op->parallelism);
            assert_non_null(text.data);
        }
    }
    return text;
}

static enum kt_err answer_texts(struct kt_str topology_text, struct kt_str log_text,
                                struct kt_str rates_text, struct kt_ds2_topology *topology,
                                struct kt_ds2_answer *answer, struct kt_error *error) {
    struct kt_ds2_log log;
    struct kt_ds2_source_rates rates;
    enum kt_err err = kt_ds2_topology_parse("topology", topology_text, &arena, topology, error);
    if (err == KT_ERR_OK) {
        err = kt_ds2_log_parse("log", log_text, &arena, &log, error);
    }
    if (err == KT_ERR_OK && rates_text.data != NULL) {
        err = kt_ds2_source_rates_parse("rates", rates_text, &arena, &rates, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_ds2_epochs(topology, "log", &log, "rates", rates_text.data == NULL ? NULL : &rates,
                            &arena, answer, error);
    }
    return err;
}

static void answers_are_those_of_ds2s_own_program(void **state) {
    (void)state;
    char *text = read_file(KT_FIXTURES "/ds2/cases.txt");
    size_t cases = 0;
    for (char *at = text; strncmp(at, "== end", 6) != 0;) {
        char *end = strstr(at, "\n== ");
        assert_non_null(end);
        end++;
        kt_arena_reset(&arena);
        struct kt_ds2_topology topology;
        struct kt_ds2_answer answer;
        struct kt_error error = {KT_ERR_OK, ""};
        if (answer_texts(section(at, end, "topology"), section(at, end, "log"),
                         section(at, end, "source-rates"), &topology, &answer,
                         &error) != KT_ERR_OK) {
            fail_msg("%.20s: %s", at, error.message);
        }
        const struct kt_str expected = section(at, end, "answer");
        const struct kt_str got = print_answer(&topology, &answer);
        if (!kt_str_equal(expected, got)) {
            fail_msg("%.15s: expected\n%.*sgot\n%.*s", at, KT_STR_ARG(expected), KT_STR_ARG(got));
        }
        cases++;
        at = end;
    }
    assert_true(cases >= 100);
    free(text);
}

/* ---- errors of the files -------------------------------------------------------------------- */

#define TOPOLOGY "s,s,1,a,a,2\na,a,2,b,b,1\n"
#define LOG      "s,1,1,5,0,100,0,100\na,1,2,5,50,50,50,50\na,2,2,5,50,50,50,50\nb,1,1,9,10,0,10,0\n"

static void assert_refused(const char *topology_text, const char *log_text, const char *rates_text,
                           const char *message) {
    struct kt_ds2_topology topology;
    struct kt_ds2_answer answer;
    struct kt_error error = {KT_ERR_OK, ""};
    kt_arena_reset(&arena);
    assert_int_not_equal(answer_texts(kt_str_of(topology_text), kt_str_of(log_text),
                                      kt_str_of(rates_text), &topology, &answer, &error),
                         KT_ERR_OK);
    if (strstr(error.message, message) == NULL) {
        fail_msg("expected '%s' in '%s'", message, error.message);
    }
}

static void bad_files_are_refused_by_line(void **state) {
    (void)state;
    assert_refused("s,s,1,a,a\n", LOG, NULL, "topology:1: 5 fields, expected 6: operator_id1,");
    assert_refused("# no edge\n\n", LOG, NULL, "topology:2: no edge");
    assert_refused("\n s,s,one,a,a,2\n", LOG, NULL,
                   "topology:2: number of instances is 'one', expected a whole number of 1");
    assert_refused("s,s,1,a,a,0\n", LOG, NULL, "topology:1: number of instances is '0'");
    assert_refused("s,s,1,a,a,40000\n", LOG, NULL, "topology:1: number of instances is '40000'");
    assert_refused(",s,1,a,a,2\n", LOG, NULL, "topology:1: operator id is ''");
    assert_refused(
        "s,s,1,a,a,2\na,a,3,b,b,1\n", LOG, NULL,
        "topology:2: operator 'a' comes as 'a' with 3 instances, but came as 'a' with 2");
    assert_refused("s,s,1,a,a,2\na,other,2,b,b,1\n", LOG, NULL, "topology:2: operator 'a' comes");
    assert_refused("s,s,1,a,a,2\na,a,2,b,b,1\nb,b,1,a,a,2\n", LOG, NULL, "cycle through 'a'");
    assert_refused("s,s,1,s,s,1\n", LOG, NULL, "cycle through 's'");
    assert_refused(TOPOLOGY, "s,1,1,5,0,100,0\n", NULL, "log:1: 7 fields, expected 8: operator_id");
    assert_refused(TOPOLOGY, "s,1,1,5,0,NaN,0,1\n", NULL,
                   "log:1: true_output_rate is 'NaN', expected a number of at least 0");
    assert_refused(TOPOLOGY, "\n\ns,1,1,5,-1,2,0,1\n", NULL, "log:3: true_processing_rate is '-1'");
    assert_refused(TOPOLOGY, "s,1,1,5,1e999,2,0,1\n", NULL, "true_processing_rate is '1e999'");
    assert_refused(TOPOLOGY, "s,1,1,5,0x10,2,0,1\n", NULL, "true_processing_rate is '0x10'");
    assert_refused(TOPOLOGY, "s,1,1,-5,0,2,0,1\n", NULL, "log:1: epoch_timestamp is '-5'");
    assert_refused(TOPOLOGY, "s,1,1,18446744073709551616,0,2,0,1\n", NULL, "epoch_timestamp is");
    assert_refused(TOPOLOGY, "s,,1,5,0,2,0,1\n", NULL, "log:1: operator_instance_id is ''");
    assert_refused(TOPOLOGY, "s,1,1,5,0,2,0,1\nx,1,1,5,0,2,0,1\n", NULL,
                   "log:2: operator 'x' is not in the topology");
    assert_refused(TOPOLOGY, "s,1,2,5,0,2,0,1\n", NULL,
                   "log:1: operator 's' has 2 instances, but 1 in the topology");
    assert_refused(TOPOLOGY, "a,1,2,5,0,2,0,1\na,2,3,5,0,2,0,1\n", NULL,
                   "log:2: operator 'a' has 3 instances in epoch 0, but 2 in line 1");
    assert_refused(TOPOLOGY, LOG, "s,fast\n", "rates:1: output_rate_per_instance is 'fast'");
    assert_refused(TOPOLOGY, LOG, "s,-2\n", "or -1 for the observed rate");
    assert_refused(TOPOLOGY, LOG, "s\n", "rates:1: 1 fields, expected 2");
    assert_refused(TOPOLOGY, LOG, "s,5\nq,5\n", "rates:2: operator 'q' is not in the topology");
    assert_refused(TOPOLOGY, "s,1,1,5,0,2,0,1\n", NULL, "no epoch was logged");
    assert_refused(TOPOLOGY, "# nothing\n", NULL, "no epoch was logged");
}

static struct kt_ds2_log parse_log(const char *text) {
    struct kt_ds2_log log;
    struct kt_error error = {KT_ERR_OK, ""};
    kt_arena_reset(&arena);
    if (kt_ds2_log_parse("log", kt_str_of(text), &arena, &log, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    return log;
}

static void rows_are_grouped_by_operator_and_epoch(void **state) {
    (void)state;
    const struct kt_ds2_log log = parse_log("# comment\r\n"
                                            "a,1,2,100, 10 ,1,5,1\r\n"
                                            "b,1,1,50,7,1,7,1\n"
                                            "\n"
                                            "a,2,2,101,30,1,5,1,and more\n"
                                            "a,1,2,+200,20,1,5,1\n"
                                            "a,2,2,90,1.5e1,1,5,1"); /* earlier: its epoch 0 */
    assert_int_equal(log.operators.count, 2);
    const struct kt_ds2_log_operator *a = &log.operators.items[0];
    assert_true(kt_str_equal(a->id, KT_STR("a")));
    assert_int_equal(a->epochs.count, 2);
    assert_true(a->epochs.items[0].rates.true_processing == 25);
    assert_true(a->epochs.items[1].rates.true_processing == 50);
    assert_int_equal(a->epochs.items[0].logged, 2);
    assert_int_equal(a->epochs.items[0].instances, 2);
    assert_int_equal(a->epochs.items[0].line, 2);
    assert_int_equal(log.operators.items[1].epochs.count, 1);
}

static void an_epoch_that_not_all_instances_logged_says_so(void **state) {
    (void)state;
    const struct kt_ds2_log log =
        parse_log("a,1,2,1,10,1,5,1\na,2,2,1,10,1,5,1\na,1,2,2,9,1,5,1\n");
    assert_int_equal(log.operators.items[0].epochs.items[0].logged, 2);
    assert_int_equal(log.operators.items[0].epochs.items[1].logged, 1);
}

static void a_source_rate_may_name_the_source_by_its_name(void **state) {
    (void)state;
    struct kt_ds2_topology topology;
    struct kt_ds2_answer answer;
    kt_arena_reset(&arena);
    assert_int_equal(answer_texts(KT_STR("0,Source: x,1,a,a,2\n"),
                                  KT_STR("0,1,1,5,0,100,0,100\na,1,2,5,50,50,50,50\n"),
                                  KT_STR("Source: x,500\n"), &topology, &answer, NULL),
                     KT_ERR_OK);
    assert_int_equal(answer.epochs.items[0].operators.items[0].parallelism, 20);
}

/* ---- the policy on evidence ------------------------------------------------------------------ */

static void make(struct kt_test_job *job, size_t count) {
    kt_test_job_init(job, count);
    job->evidence.settings.policy = KT_STR("ds2");
}

static void targets_follow_selectivities_along_a_chain(void **state) {
    (void)state;
    struct kt_test_job job;
    make(&job, 3);
    kt_test_job_measure(&job, 0, 1000, 0.5);
    kt_test_job_measure(&job, 1, 1000, 1.0);
    job.operators[1].rate_out_per_s = 3000;
    kt_test_job_measure(&job, 2, 3000, 0.8);
    kt_test_job_backpressure(&job, 0, 0.5); /* would send 2000 */
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.kind, KT_COMMAND_RESCALE);
    assert_int_equal(d.reason, KT_REASON_UNDER_PROVISIONED);
    assert_int_equal(d.phase, KT_PHASE_STEADY);
    assert_int_equal(d.operators.items[0].to, 1); /* DS2 leaves sources alone */
    assert_int_equal(d.operators.items[0].method, KT_METHOD_KEEP);
    assert_true(d.operators.items[1].lambda == 2000);
    assert_int_equal(d.operators.items[1].to, 2);
    assert_int_equal(d.operators.items[1].method, KT_METHOD_LINEAR);
    assert_true(d.operators.items[2].lambda == 6000);
    assert_int_equal(d.operators.items[2].to, 2); /* 3750 each */
}

static void a_backpressured_source_sends_what_its_backlog_says(void **state) {
    (void)state;
    struct kt_test_job job;
    make(&job, 2);
    kt_test_job_measure(&job, 0, 1000, 0.3);
    kt_test_job_measure(&job, 1, 1000, 1.0);
    kt_test_job_backpressure(&job, 0, 0.7);
    kt_test_job_backlog(&job, 0, 5000, 1500);
    assert_true(kt_test_decide(&job.evidence).operators.items[1].lambda == 2500);
    KT_CLEAR(&job.operators[0], KT_OPEV_PENDING_GROWTH_PER_S);
    kt_test_job_backpressure(&job, 0, 0.99); /* floored: not 100 times as much */
    assert_true(fabs(kt_test_decide(&job.evidence).operators.items[1].lambda - 20000) < 1e-6);
    kt_test_job_backpressure(&job, 0, 0.05); /* below the threshold: what is measured */
    assert_true(kt_test_decide(&job.evidence).operators.items[1].lambda == 1000);
}

static void a_join_takes_the_share_of_all_its_edges(void **state) {
    (void)state;
    struct kt_test_job job;
    make(&job, 3);
    job.operators[1].is_source = true;
    job.operators[1].inputs.count = 0;
    job.operators[2].inputs.count = 0;
    kt_test_job_edge(&job, 0, 2);
    kt_test_job_edge(&job, 1, 2);
    kt_test_job_measure(&job, 0, 300, 0.5);
    kt_test_job_measure(&job, 1, 100, 0.5);
    kt_test_job_measure(&job, 2, 400, 1.0);
    kt_test_job_backpressure(&job, 1, 0.5); /* 100 becomes 200: 400 · 500/400 */
    assert_true(fabs(kt_test_decide(&job.evidence).operators.items[2].lambda - 500) < 1e-9);
    kt_test_job_edge(&job, 1, 2); /* a self join counts its edge twice: 400 · 700/500 */
    assert_true(fabs(kt_test_decide(&job.evidence).operators.items[2].lambda - 560) < 1e-9);
}

static void an_edge_that_sent_nothing_passes_on_what_is_wanted(void **state) {
    (void)state;
    struct kt_test_job job;
    make(&job, 2);
    kt_test_job_measure(&job, 0, 0, 0.1);
    kt_test_job_measure(&job, 1, 50, 0.5);
    kt_test_job_backpressure(&job, 0, 0.9);
    kt_test_job_backlog(&job, 0, 5000, 250);
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_true(d.operators.items[1].lambda == 250);
    assert_int_equal(d.operators.items[1].to, 3);
}

static void ds2_decides_in_every_window_whatever_the_phase(void **state) {
    (void)state;
    struct kt_test_job job;
    make(&job, 2);
    kt_test_job_measure(&job, 0, 1000, 0.85);
    job.operators[1].parallelism = 4;
    kt_test_job_measure(&job, 1, 1000, 0.85); /* NORMAL */
    job.operators[0].parallelism = 4;
    kt_test_job_measure(&job, 0, 1000, 0.85);
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.state, KT_STATE_NORMAL);
    assert_int_equal(d.reason, KT_REASON_STEADY);
    kt_test_job_measure(&job, 1, 1000, 0.6);
    job.evidence.phase = KT_PHASE_BIG;
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_OVER_PROVISIONED);
    assert_int_equal(d.operators.items[1].to, 3);
    assert_int_equal(d.phase, KT_PHASE_STEADY);
}

static void an_operator_whose_inputs_are_unknown_holds_the_job(void **state) {
    (void)state;
    struct kt_test_job job;
    make(&job, 2);
    kt_test_job_measure(&job, 0, 1000, 0.5);
    kt_test_job_measure(&job, 1, 1000, 0.5);
    job.operators[1].inputs.count = 0;
    const struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_NO_TOPOLOGY);
    assert_true(kt_test_says(&d, "the inputs of op1 are not known"));
}

static void big_ds2_goes_big_and_then_linear(void **state) {
    (void)state;
    struct kt_test_job job;
    make(&job, 2);
    job.evidence.settings.policy = KT_STR("big-ds2");
    kt_test_job_measure(&job, 0, 1000, 0.2);
    kt_test_job_measure(&job, 1, 1000, 1.0);
    kt_test_job_backpressure(&job, 0, 0.8);
    struct kt_decision d = kt_test_decide(&job.evidence);
    assert_int_equal(d.reason, KT_REASON_BIG);
    assert_int_equal(d.operators.items[1].to, 2);
    job.evidence.phase = KT_PHASE_BIG;
    job.operators[1].parallelism = 8;
    kt_test_job_measure(&job, 0, 4000, 0.8);
    kt_test_job_measure(&job, 1, 4000, 0.5);
    kt_test_job_learn(&job, 1, 1, 99999); /* no surrogate looks at it */
    d = kt_test_decide(&job.evidence);
    assert_int_equal(d.phase, KT_PHASE_SMALL);
    assert_int_equal(d.operators.items[1].to, 5); /* 4 at 1000 each, and room for the restart */
    assert_int_equal(d.operators.items[1].method, KT_METHOD_LINEAR);
    assert_false(KT_HAS(&d.operators.items[1], KT_OPDEC_SURROGATE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_ds2s_own_program),
        cmocka_unit_test(bad_files_are_refused_by_line),
        cmocka_unit_test(rows_are_grouped_by_operator_and_epoch),
        cmocka_unit_test(an_epoch_that_not_all_instances_logged_says_so),
        cmocka_unit_test(a_source_rate_may_name_the_source_by_its_name),
        cmocka_unit_test(targets_follow_selectivities_along_a_chain),
        cmocka_unit_test(a_backpressured_source_sends_what_its_backlog_says),
        cmocka_unit_test(a_join_takes_the_share_of_all_its_edges),
        cmocka_unit_test(an_edge_that_sent_nothing_passes_on_what_is_wanted),
        cmocka_unit_test(ds2_decides_in_every_window_whatever_the_phase),
        cmocka_unit_test(an_operator_whose_inputs_are_unknown_holds_the_job),
        cmocka_unit_test(big_ds2_goes_big_and_then_linear),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
