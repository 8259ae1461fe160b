/* SPDX-License-Identifier: GPL-3.0-or-later
 * A closed loop around kt_decide in a few lines of arithmetic. */
#include "support/loop.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define WINDOW_S 60

void kt_loop_init(struct kt_loop *loop, const char *policy, double rate) {
    memset(loop, 0, sizeof *loop);
    kt_test_job_init(&loop->job, KT_LOOP_OPERATORS);
    loop->job.evidence.settings.policy = kt_str_of(policy);
    loop->job.evidence.settings.decision_threshold = 0;
    loop->job.evidence.settings.cooldown_ms = 0;
    loop->job.evidence.settings.restarts_per_day_max = 1000000;
    loop->rate = rate;
    loop->seed = 1;
    loop->parallelism_most = KT_LOOP_OPERATORS;
    for (size_t i = 0; i < KT_LOOP_OPERATORS; i++) {
        loop->gamma[i] = 1000 * (1 + 0.1 * (double)i);
        loop->sigma[i] = 0.04;
    }
}

double kt_loop_ability(const struct kt_loop *loop, size_t i, int32_t parallelism) {
    return loop->gamma[i] * parallelism / (1 + loop->sigma[i] * (parallelism - 1));
}

int32_t kt_loop_smallest(const struct kt_loop *loop, size_t i, double rate) {
    int32_t p = 1;
    while (kt_loop_ability(loop, i, p) < rate) {
        p++;
        assert_in_range(p, 1, KT_LOOP_P_MAX);
    }
    return p;
}

static double noisy(struct kt_loop *loop, double value) {
    loop->seed = loop->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    const double u = (double)(loop->seed >> 33U) / 2147483648.0;
    return value * (1 + loop->noise * (2 * u - 1));
}

static void learn(struct kt_loop *loop, size_t i, int32_t p, double ability) {
    assert_in_range(p, 1, KT_LOOP_P_MAX);
    double *newest = loop->observed[i][p];
    int *count = &loop->observed_count[i][p];
    if (*count == 5) {
        memmove(newest, newest + 1, 4 * sizeof *newest);
        (*count)--;
    }
    newest[(*count)++] = ability;
    double sum = 0;
    for (int k = 0; k < *count; k++) {
        sum += newest[k];
    }
    kt_test_job_learn(&loop->job, i, p, sum / *count);
}

/* What a window of 60 s would show. */
static void measure(struct kt_loop *loop) {
    struct kt_evidence *evidence = &loop->job.evidence;
    size_t bottleneck = 0;
    double capacity[KT_LOOP_OPERATORS];
    for (size_t i = 0; i < KT_LOOP_OPERATORS; i++) {
        capacity[i] = kt_loop_ability(loop, i, loop->job.operators[i].parallelism);
        if (capacity[i] < capacity[bottleneck]) {
            bottleneck = i;
        }
    }
    const double offered = loop->rate + loop->backlog / WINDOW_S;
    const double rate = fmin(offered, capacity[bottleneck]);
    const bool saturated = offered > capacity[bottleneck];
    const double growth = loop->rate - rate;
    loop->backlog = fmax(0, loop->backlog + growth * WINDOW_S);
    loop->under_provisioned += capacity[bottleneck] < loop->rate;
    for (size_t i = 0; i < KT_LOOP_OPERATORS; i++) {
        const struct kt_operator_evidence *op = &loop->job.operators[i];
        kt_test_job_measure(&loop->job, i, rate, fmin(1, rate / noisy(loop, capacity[i])));
        if (saturated && i < bottleneck) {
            kt_test_job_backpressure(&loop->job, i, 1 - op->busy);
        }
        if (op->busy >= evidence->settings.busy_min) {
            learn(loop, i, op->parallelism, op->ability);
        }
        if (!saturated) {
            kt_test_job_lambda(&loop->job, i, rate);
        }
    }
    kt_test_job_backlog(&loop->job, 0, loop->backlog, growth);
}

static void carry_out(struct kt_loop *loop) {
    struct kt_evidence *evidence = &loop->job.evidence;
    int32_t sum = 0;
    for (size_t i = 0; i < KT_LOOP_OPERATORS; i++) {
        const int32_t to = loop->last.operators.items[i].to;
        loop->job.operators[i].parallelism = to;
        if (to > evidence->parallelism_peak) {
            evidence->parallelism_peak = to;
        }
        sum += to;
    }
    if (sum > loop->parallelism_most) {
        loop->parallelism_most = sum;
    }
    loop->reconfigurations++;
    loop->backlog += loop->rate * loop->restart_s;
    evidence->generation++;
    evidence->last_rescale_ms = evidence->window_end_ms;
    KT_SET(evidence, KT_EVIDENCE_LAST_RESCALE_MS);
}

bool kt_loop_step(struct kt_loop *loop) {
    measure(loop);
    loop->last = kt_test_decide(&loop->job.evidence);
    loop->job.evidence.phase = loop->last.phase;
    if (loop->last.kind == KT_COMMAND_RESCALE) {
        carry_out(loop);
    }
    loop->job.evidence.window_end_ms += WINDOW_S * 1000;
    return loop->last.kind == KT_COMMAND_RESCALE;
}

int kt_loop_settle(struct kt_loop *loop, int quiet, int windows_max) {
    const int before = loop->reconfigurations;
    for (int window = 0, calm = 0; window < windows_max; window++) {
        calm = kt_loop_step(loop) ? 0 : calm + 1;
        if (calm == quiet) {
            return loop->reconfigurations - before;
        }
    }
    return -1;
}

int kt_loop_ten_loads(const char *policy, bool fast_source, int quarters_max) {
    static const double rates[] = {1500, 6000, 3000, 8000, 1000, 5000, 7000, 2000, 6000, 3000};
    static struct kt_loop loop;
    kt_loop_init(&loop, policy, 0);
    loop.gamma[0] = fast_source ? 20000 : 1000;
    int sum = 0;
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        loop.rate = rates[r];
        loop.backlog = 0;
        const int taken = kt_loop_settle(&loop, 20, 200);
        assert_in_range(taken, 0, 12);
        sum += taken;
        for (size_t i = 0; i < KT_LOOP_OPERATORS; i++) {
            const int32_t p = loop.job.operators[i].parallelism;
            const int32_t least = kt_loop_smallest(&loop, i, rates[r]);
            assert_in_range(p, least, least * quarters_max / 4 + 1);
        }
    }
    printf("%s, %s source: %.1f reconfigurations per load\n", policy, fast_source ? "fast" : "slow",
           sum / 10.0);
    return sum;
}
