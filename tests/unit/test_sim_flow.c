/* SPDX-License-Identifier: GPL-3.0-or-later
 * The records of a simulated job: none is lost or made up, joins are fair, backpressure reaches the
 * sources. Looks into the job's state, which no report shows exactly. */
#include "ops/sim_random.h"
#include "ops/sim_state.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T0_MS INT64_C(1767225600000)

static void near(double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance)) {
        fail_msg("expected %.9g within %.3g, got %.9g", expected, tolerance, got);
    }
}

static struct kt_sim_job *start(const struct kt_sim_spec *spec, const int *parallelism) {
    struct kt_sim_job *job = kt_sim_job_new(spec, 1, T0_MS, parallelism);
    assert_non_null(job);
    return job;
}

/* What arrived at an operator in this attempt, by what its inputs emitted. */
static double arrived(const struct kt_sim_job *job, int i) {
    double records = 0;
    for (int k = 0; k < job->spec->operators[i].inputs_count; k++) {
        records += job->vertices[job->spec->operators[i].inputs[k]].totals.records_out;
    }
    return records;
}

static struct kt_sim_spec random_graph(uint64_t *random) {
    struct kt_sim_spec spec = {.count = 3 + (int)(kt_sim_random_next(random) % 10),
                               .noise = 0.1,
                               .buffer_records = 50.0 * kt_sim_random_uniform(random)};
    for (int i = 0; i < spec.count; i++) {
        struct kt_sim_operator *op = &spec.operators[i];
        *op = (struct kt_sim_operator){.id = "x",
                                       .name = "x",
                                       .scaled = true,
                                       .selectivity = 2.0 * kt_sim_random_uniform(random),
                                       .curve = {.gamma = 1000 * kt_sim_random_uniform(random)},
                                       .skew = kt_sim_random_uniform(random),
                                       .max_parallelism = 8};
        const int inputs = i == 0 ? 0 : (int)(kt_sim_random_next(random) % 4);
        for (int from = 0; from < i && op->inputs_count < inputs; from++) {
            if (kt_sim_random_uniform(random) < 0.5) {
                op->inputs[op->inputs_count++] = from;
            }
        }
    }
    return spec;
}

static void no_record_is_lost_in_any_graph(void **state) {
    (void)state;
    uint64_t random = 20260101;
    for (int graph = 0; graph < 200; graph++) {
        const struct kt_sim_spec spec = random_graph(&random);
        int parallelism[KT_SIM_OPERATORS_MAX];
        double rates[KT_SIM_OPERATORS_MAX];
        double offered[KT_SIM_OPERATORS_MAX] = {0};
        for (int i = 0; i < spec.count; i++) {
            parallelism[i] = 1 + (int)(kt_sim_random_next(&random) % 8);
        }
        struct kt_sim_job *job = start(&spec, parallelism);
        for (int s = 1; s <= 20; s++) {
            for (int i = 0; i < spec.count; i++) {
                rates[i] = 4000 * kt_sim_random_uniform(&random);
                offered[i] += rates[i];
            }
            kt_sim_job_advance(job, T0_MS + INT64_C(1000) * s, rates);
        }
        for (int i = 0; i < spec.count; i++) {
            const struct kt_sim_vertex *vertex = &job->vertices[i];
            const bool source = spec.operators[i].inputs_count == 0;
            const double came = source ? offered[i] : arrived(job, i);
            near(vertex->queue + vertex->totals.records_in, came, 1e-9 * came + 1e-9);
            near(vertex->totals.records_out,
                 vertex->totals.records_in * spec.operators[i].selectivity, 1e-9 * came + 1e-9);
            assert_true(vertex->queue >= 0);
            assert_true(source ||
                        vertex->queue <= spec.buffer_records * parallelism[i] * (1 + 1e-9) + 1e-6);
            near(vertex->totals.elapsed_ms, 20000, 1e-6);
            const double busiest_ms =
                vertex->totals.busy_ms * kt_sim_busiest(&spec.operators[i], parallelism[i]);
            assert_true(busiest_ms <= 20000 * (1 + 1e-9));
        }
        kt_sim_job_free(job);
    }
}

/* s -> a -> b, b the slowest: 100, 80 and 60 records/s per subtask. */
static const struct kt_sim_spec chain = {
    .operators = {{.selectivity = 1},
                  {.inputs = {0},
                   .inputs_count = 1,
                   .scaled = true,
                   .selectivity = 0.5,
                   .curve = {.gamma = 80},
                   .max_parallelism = 8},
                  {.inputs = {1},
                   .inputs_count = 1,
                   .scaled = true,
                   .selectivity = 1,
                   .curve = {.gamma = 60},
                   .max_parallelism = 8}},
    .count = 3,
    .restart_ms = 10000,
    .buffer_records = 20,
};

static void lag_grows_by_what_the_slowest_cannot_take(void **state) {
    (void)state;
    const double rates[] = {500, 0, 0};
    struct kt_sim_job *job = start(&chain, (int[]){1, 4, 2}); /* a 320/s, b 120/s: 240 pass a */
    kt_sim_job_advance(job, T0_MS + 60000, rates);
    const double before = kt_sim_job_backlog(job);
    kt_sim_job_advance(job, T0_MS + 120000, rates);
    near(kt_sim_job_backlog(job) - before, 60.0 * (500 - 240), 1e-6);
    const struct kt_sim_totals *source = &job->vertices[0].totals;
    near(source->blocked_ms, 120000, 1000); /* backpressure reached it */
    near(source->busy_ms, 0, 0);
    near(job->vertices[1].totals.busy_ms / 120000, 240.0 / 320, 0.01);
    near(job->vertices[2].totals.busy_ms / 120000, 1, 0.01);
    near(job->vertices[2].totals.blocked_ms, 0, 0);
    kt_sim_job_free(job);
}

static void downtime_becomes_backlog_and_is_made_good(void **state) {
    (void)state;
    const double rates[] = {100, 0, 0};
    struct kt_sim_job *job = start(&chain, (int[]){1, 2, 1});
    kt_sim_job_advance(job, T0_MS + 30000, rates);
    kt_sim_job_rescale(job, (int[]){1, 4, 4});
    assert_false(kt_sim_job_is_running(job));
    kt_sim_job_advance(job, T0_MS + 40000, rates);
    near(kt_sim_job_backlog(job), 100 * 10, 1e-6);
    kt_sim_job_advance(job, T0_MS + 80000, rates);
    assert_true(kt_sim_job_is_running(job));
    near(kt_sim_job_backlog(job), 0, 1e-6);
    near(job->vertices[1].totals.records_in, 100 * 50, 1e-6);
    kt_sim_job_free(job);
}

static void a_settled_job_has_no_backlog_and_goes_on(void **state) {
    (void)state;
    const double rates[] = {500, 0, 0};
    struct kt_sim_job *job = start(&chain, NULL);
    kt_sim_job_advance(job, T0_MS + 30000, rates);
    assert_true(kt_sim_job_backlog(job) > 1000);
    const double taken = job->vertices[1].totals.records_in;
    kt_sim_job_settle(job);
    near(kt_sim_job_backlog(job), 0, 0);
    near(job->vertices[1].totals.records_in, taken, 0);
    kt_sim_job_advance(job, T0_MS + 31000, rates);
    assert_true(job->vertices[1].totals.records_in > taken);
    kt_sim_job_free(job);
}

static void small_buffers_do_not_limit_a_fast_operator(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain;
    spec.buffer_records = 1;
    spec.operators[1].curve.gamma = spec.operators[2].curve.gamma = 1e6;
    const double rates[] = {9e5, 0, 0};
    struct kt_sim_job *job = start(&spec, NULL);
    kt_sim_job_advance(job, T0_MS + 10000, rates);
    near(job->vertices[2].totals.records_in, 10 * 4.5e5, 10);
    kt_sim_job_free(job);
}

/* Sources 0 and 1 (unscaled) into 2; source 0 also into 3. */
static struct kt_sim_spec meeting(double join, double side) {
    struct kt_sim_spec spec = {
        .operators = {{.selectivity = 1},
                      {.selectivity = 1},
                      {.inputs = {0, 1}, .inputs_count = 2, .curve = {.gamma = join}},
                      {.inputs = {0}, .inputs_count = 1, .curve = {.gamma = side}}},
        .count = side > 0 ? 4 : 3,
        .buffer_records = 10};
    for (int i = 2; i < 4; i++) {
        spec.operators[i].scaled = true;
        spec.operators[i].max_parallelism = 8;
    }
    return spec;
}

/* Records/s that sources 0 and 1 emit in the second half of a minute. */
static void pass_through(const struct kt_sim_spec *spec, const double *rates, double *first,
                         double *second) {
    struct kt_sim_job *job = start(spec, NULL);
    kt_sim_job_advance(job, T0_MS + 30000, rates);
    const double before[] = {job->vertices[0].totals.records_out,
                             job->vertices[1].totals.records_out};
    kt_sim_job_advance(job, T0_MS + 60000, rates);
    *first = (job->vertices[0].totals.records_out - before[0]) / 30;
    *second = (job->vertices[1].totals.records_out - before[1]) / 30;
    kt_sim_job_free(job);
}

static void a_join_takes_evenly_from_inputs_that_both_want_more(void **state) {
    (void)state;
    const struct kt_sim_spec spec = meeting(600, 0);
    double first, second;
    pass_through(&spec, (double[]){5000, 1000, 0}, &first, &second);
    near(first, 300, 1);
    near(second, 300, 1);
}

static void a_join_takes_all_of_an_input_below_its_share(void **state) {
    (void)state;
    const struct kt_sim_spec spec = meeting(600, 0);
    double first, second;
    pass_through(&spec, (double[]){5000, 200, 0}, &first, &second);
    near(first, 400, 1);
    near(second, 200, 1);
}

static void what_a_blocked_input_leaves_goes_to_the_other(void **state) {
    (void)state;
    const struct kt_sim_spec spec = meeting(1000, 100);
    double first, second;
    pass_through(&spec, (double[]){5000, 2000, 0, 0}, &first, &second);
    near(first, 100, 1);
    near(second, 900, 30); /* the rounds come within a few percent of all that is left */
}

static void a_fan_out_is_as_fast_as_its_slowest_output(void **state) {
    (void)state;
    struct kt_sim_spec spec = meeting(100, 700);
    spec.operators[2].inputs_count = 1;
    double first, second;
    pass_through(&spec, (double[]){5000, 0, 0, 0}, &first, &second);
    near(first, 100, 1);
}

static void bursts_keep_what_passes_and_the_ability_below(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain;
    spec.metrics.burst_s = 20;
    const double rates[] = {500, 0, 0};
    struct kt_sim_job *job = start(&spec, (int[]){1, 4, 2});
    kt_sim_job_advance(job, T0_MS + 600000, rates);
    const struct kt_sim_totals before = job->vertices[2].totals;
    kt_sim_job_advance(job, T0_MS + 1200000, rates);
    near((job->vertices[2].totals.records_in - before.records_in) / 600, 120, 1e-6);
    const struct kt_sim_vertex *a = &job->vertices[1];
    near(a->totals.records_out + a->held + a->pending, 0.5 * a->totals.records_in, 1e-6);
    near(job->vertices[2].queue + job->vertices[2].totals.records_in, a->totals.records_out, 1e-6);
    kt_sim_job_free(job);
}

/* b takes 1.25 times what a sends in the mean: bursts must not cost a any of it. */
static void bursts_hold_up_nobody_who_is_fast_enough(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain;
    spec.metrics.burst_s = 45;
    const double rates[] = {240, 0, 0};
    struct kt_sim_job *job = start(&spec, (int[]){1, 4, 2});
    kt_sim_job_advance(job, T0_MS + 3600000, rates);
    near(job->vertices[1].totals.records_in, 3600 * 240, 240);
    assert_true(job->vertices[0].queue < 240);
    kt_sim_job_free(job);
}

static void settling_keeps_what_operators_gathered(void **state) {
    (void)state;
    struct kt_sim_spec spec = chain;
    spec.metrics.burst_s = 20;
    struct kt_sim_job *job = start(&spec, (int[]){1, 4, 2});
    kt_sim_job_advance(job, T0_MS + 31000, (double[]){500, 0, 0});
    const struct kt_sim_vertex *a = &job->vertices[1];
    const double gathered = a->held + a->pending;
    assert_true(a->held > 0 && a->pending > 0);
    kt_sim_job_settle(job);
    near(a->held + a->pending, gathered, 0);
    near(job->vertices[0].queue + a->queue + job->vertices[2].queue, 0, 0);
    kt_sim_job_free(job);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_record_is_lost_in_any_graph),
        cmocka_unit_test(lag_grows_by_what_the_slowest_cannot_take),
        cmocka_unit_test(downtime_becomes_backlog_and_is_made_good),
        cmocka_unit_test(a_settled_job_has_no_backlog_and_goes_on),
        cmocka_unit_test(small_buffers_do_not_limit_a_fast_operator),
        cmocka_unit_test(a_join_takes_evenly_from_inputs_that_both_want_more),
        cmocka_unit_test(a_join_takes_all_of_an_input_below_its_share),
        cmocka_unit_test(what_a_blocked_input_leaves_goes_to_the_other),
        cmocka_unit_test(a_fan_out_is_as_fast_as_its_slowest_output),
        cmocka_unit_test(bursts_keep_what_passes_and_the_ability_below),
        cmocka_unit_test(bursts_hold_up_nobody_who_is_fast_enough),
        cmocka_unit_test(settling_keeps_what_operators_gathered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
