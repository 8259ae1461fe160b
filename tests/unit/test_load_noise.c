/* SPDX-License-Identifier: GPL-3.0-or-later
 * Level and noise of a load: white noise, shifts, spikes, ramps, and loads that hold still. */
#include "model/load_noise.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define SHIFT 0.08
#define LEAST 0.01

#define assert_near(a, b, tolerance) assert_true(fabs((double)(a) - (b)) <= (tolerance))

static double uniform(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return ((double)(*seed >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *seed) {
    const double u = uniform(seed);
    const double v = uniform(seed);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

static struct kt_load_noise noise_of(const double *loads, size_t count) {
    return kt_load_noise_of(loads, count, SHIFT, LEAST);
}

static void white_noise_is_measured_and_averaged_out(void **state) {
    (void)state;
    for (int percent = 5; percent <= 20; percent += 5) {
        const double sigma = percent / 100.0;
        uint64_t seed = 7;
        double sum = 0;
        double off = 0;
        for (int run = 0; run < 200; run++) {
            double loads[KT_LOADS_MAX];
            for (size_t i = 0; i < KT_LOADS_MAX; i++) {
                loads[i] = 1000 * exp(sigma * normal(&seed));
            }
            const struct kt_load_noise found = noise_of(loads, KT_LOADS_MAX);
            sum += found.sigma;
            off += pow(log(found.level / 1000), 2);
        }
        assert_near(sum / 200, sigma, 0.15 * sigma);
        assert_true(sqrt(off / 200) < 0.6 * sigma); /* of one window it is σ */
    }
}

/* However the levels go up and down: a load that holds still for two windows has no noise, and its
 * level is the newest load to the bit. */
static void steps_are_no_noise(void **state) {
    (void)state;
    uint64_t seed = 3;
    for (int run = 0; run < 200; run++) {
        double loads[KT_LOADS_MAX];
        for (size_t i = 0; i < KT_LOADS_MAX; i += 2) {
            loads[i] = 1000 * (1 + floor(10 * uniform(&seed)));
            loads[i + 1] = loads[i] * (1 + 1e-6 * uniform(&seed));
        }
        for (size_t count = 1; count <= KT_LOADS_MAX; count++) {
            const struct kt_load_noise found = noise_of(loads, count);
            assert_true(found.sigma == 0 && found.level_sd == 0);
            assert_true(found.level == loads[count - 1]);
        }
    }
}

static void what_a_window_cannot_tell_is_no_noise(void **state) {
    (void)state;
    uint64_t seed = 5;
    double loads[KT_LOADS_MAX];
    for (size_t i = 0; i < KT_LOADS_MAX; i++) {
        loads[i] = 1000 * exp(0.002 * normal(&seed));
    }
    assert_true(noise_of(loads, KT_LOADS_MAX).sigma == 0);
}

static void few_windows_tell_nothing(void **state) {
    (void)state;
    const double loads[KT_LOADS_MIN] = {900, 1100, 950, 1080, 920, 1040, 1100, 930, 1050};
    assert_true(noise_of(loads, KT_LOADS_MIN - 1).sigma == 0);
    assert_true(noise_of(loads, KT_LOADS_MIN - 1).level == 930);
    assert_true(noise_of(loads, KT_LOADS_MIN).sigma > 0);
    assert_true(noise_of(loads, 0).level == 0);
}

/* Twice the load, from one window to the next: the noise stays, the level follows at once. */
static void a_shift_is_followed_at_once_and_is_no_noise(void **state) {
    (void)state;
    uint64_t seed = 11;
    double sum = 0;
    for (int run = 0; run < 100; run++) {
        double loads[KT_LOADS_MAX];
        for (size_t i = 0; i < KT_LOADS_MAX; i++) {
            loads[i] = (i + 1 < KT_LOADS_MAX ? 1000 : 2000) * exp(0.05 * normal(&seed));
        }
        const struct kt_load_noise found = noise_of(loads, KT_LOADS_MAX);
        assert_near(log(found.level / 2000), 0, 0.25);
        sum += found.sigma;
    }
    assert_near(sum / 100, 0.05, 0.01);
}

/* 4 % a minute for half an hour under noise of 2 %. */
static void a_ramp_is_followed(void **state) {
    (void)state;
    uint64_t seed = 13;
    for (int run = 0; run < 100; run++) {
        double loads[KT_LOADS_MAX];
        for (size_t i = 0; i < KT_LOADS_MAX; i++) {
            loads[i] = 1000 * exp(0.04 * (double)i + 0.02 * normal(&seed));
        }
        const double truth = 1000 * exp(0.04 * (KT_LOADS_MAX - 1));
        assert_near(log(noise_of(loads, KT_LOADS_MAX).level / truth), 0, SHIFT);
    }
}

static void loads_of_nothing_are_left_out(void **state) {
    (void)state;
    double loads[KT_LOADS_MAX];
    for (size_t i = 0; i < KT_LOADS_MAX; i++) {
        loads[i] = i % 3 == 0 ? 0 : i % 2 == 0 ? 900 : 1100;
    }
    loads[KT_LOADS_MAX - 1] = 1000;
    const struct kt_load_noise found = noise_of(loads, KT_LOADS_MAX);
    assert_true(isfinite(found.sigma) && found.level > 800 && found.level < 1200);
    loads[KT_LOADS_MAX - 1] = 0;
    assert_true(noise_of(loads, KT_LOADS_MAX).level == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_noise_is_measured_and_averaged_out),
        cmocka_unit_test(steps_are_no_noise),
        cmocka_unit_test(what_a_window_cannot_tell_is_no_noise),
        cmocka_unit_test(few_windows_tell_nothing),
        cmocka_unit_test(a_shift_is_followed_at_once_and_is_no_noise),
        cmocka_unit_test(a_ramp_is_followed),
        cmocka_unit_test(loads_of_nothing_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
