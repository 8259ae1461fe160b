/* SPDX-License-Identifier: GPL-3.0-or-later
 * The suite `real`: two hours of rates, one per minute, as in ContTune's evaluation on real
 * workloads. Only the rates of its ETL job are public; the two others stand for its video streaming
 * and its monitoring job and are made by formulas of our own. */
#include "ops/sim_suite.h"

#include "ops/sim_random.h"

#include <math.h>
#include <stdlib.h>

#define MINUTES         120
#define MINUTE_MS       60000
#define PARALLELISM_MAX 90
#define KEY_GROUPS      128
#define PI              3.14159265358979323846

/* Records of the ETL job's sources, minute by minute (ContTune's published data). */
static const int etl_records[MINUTES] = {
    2053, 2118, 2373, 2259, 2364, 2120, 2228, 1957, 1897, 2014, 2426, 2130, 2238, 2205, 1895,
    2256, 2123, 2216, 2064, 2404, 2107, 2923, 3188, 1794, 1929, 2337, 1714, 2034, 1969, 2380,
    1918, 1709, 2230, 2014, 1867, 2183, 1663, 2058, 2209, 2167, 2555, 2621, 2392, 2701, 2336,
    2009, 2488, 2346, 2110, 2506, 2136, 2198, 2000, 1914, 2560, 2115, 2161, 1917, 2050, 2354,
    1759, 2036, 2088, 1968, 2115, 1808, 2168, 2156, 2016, 2046, 2167, 1961, 2172, 2281, 1955,
    2091, 1863, 1999, 2130, 1790, 1997, 1887, 1913, 2217, 2375, 2087, 1991, 2001, 2120, 2314,
    1821, 2207, 2147, 1922, 1893, 1908, 1830, 2001, 2223, 2289, 2433, 2426, 2128, 2381, 2031,
    2151, 2135, 2150, 2405, 1869, 2016, 1902, 2030, 2066, 2261, 2023, 2149, 2120, 1686, 2058};

#define SOURCE(identity, rate)                                                                     \
    {                                                                                              \
        .id = (identity), .name = "Source: " identity, .selectivity = 1, .unit_rate = (rate),      \
        .max_parallelism = KEY_GROUPS                                                              \
    }

/* Each record is a file of many rows: a subtask loads some three of them a second. */
static const struct kt_sim_spec etl = {
    .cluster = "real",
    .job_name = "etl",
    .restart_ms = 60000,
    .noise = 0.015,
    .buffer_records = 4,
    .count = 3,
    .operators = {SOURCE("files", 35),
                  {.id = "transform",
                   .name = "transform",
                   .inputs = {0},
                   .inputs_count = 1,
                   .selectivity = 1,
                   .scaled = true,
                   .max_parallelism = KEY_GROUPS,
                   .curve = {.gamma = 3.2, .sigma = 0.02}},
                  {.id = "load",
                   .name = "load",
                   .inputs = {1},
                   .inputs_count = 1,
                   .scaled = true,
                   .max_parallelism = KEY_GROUPS,
                   .curve = {.gamma = 9, .sigma = 0.04}}},
};

static const struct kt_sim_spec video = {
    .cluster = "real",
    .job_name = "video",
    .restart_ms = 60000,
    .noise = 0.015,
    .buffer_records = 2000,
    .count = 3,
    .operators = {SOURCE("views", 100e3),
                  {.id = "sessions",
                   .name = "sessions",
                   .inputs = {0},
                   .inputs_count = 1,
                   .selectivity = 0.2,
                   .keyed = true,
                   .scaled = true,
                   .max_parallelism = KEY_GROUPS,
                   .curve = {.gamma = 12e3, .sigma = 0.025, .key_groups = KEY_GROUPS}},
                  {.id = "quality",
                   .name = "quality",
                   .inputs = {1},
                   .inputs_count = 1,
                   .scaled = true,
                   .max_parallelism = KEY_GROUPS,
                   .curve = {.gamma = 6e3, .sigma = 0.02}}},
};

static const struct kt_sim_spec monitoring = {
    .cluster = "real",
    .job_name = "monitoring",
    .restart_ms = 60000,
    .noise = 0.015,
    .buffer_records = 1000,
    .count = 2,
    .operators = {SOURCE("samples", 50e3),
                  {.id = "rules",
                   .name = "rules",
                   .inputs = {0},
                   .inputs_count = 1,
                   .keyed = true,
                   .scaled = true,
                   .max_parallelism = KEY_GROUPS,
                   .curve = {.gamma = 5e3, .sigma = 0.015, .key_groups = KEY_GROUPS}}},
};

struct memory {
    struct kt_sim_level etl[MINUTES];
    struct kt_sim_level video[MINUTES];
    struct kt_sim_level monitoring[MINUTES];
};

/* One wave of a day in two hours, 50 % to both sides of the mean, times a noise of 5 % that forgets
 * itself in some five minutes:  r = 100 K (1 − ½ cos 2πt) (1 + .05 a),  a' = .8 a + .6 ε. */
static void make_video(uint64_t seed, struct kt_sim_level *levels) {
    double a = 0.0;
    for (int m = 0; m < MINUTES; m++) {
        a = 0.8 * a + 0.6 * kt_sim_random_normal(&seed);
        const double wave = 1.0 - 0.5 * cos(2.0 * PI * m / MINUTES);
        levels[m] = (struct kt_sim_level){.duration_ms = MINUTE_MS,
                                          .rate = {100e3 * wave * fmax(0.1, 1.0 + 0.05 * a)}};
    }
}

/* A constant load of 50 K samples/s with a noise of 3 %, and spikes: one begins in every minute
 * with probability 1/15, is 1.5 to 3 times as high and lasts 5 to 12 minutes. */
static void make_monitoring(uint64_t seed, struct kt_sim_level *levels) {
    int left = 0;
    double height = 1.0;
    for (int m = 0; m < MINUTES; m++) {
        const double begins = kt_sim_random_uniform(&seed);
        const double how_high = kt_sim_random_uniform(&seed);
        const double how_long = kt_sim_random_uniform(&seed);
        if (left == 0 && begins < 1.0 / 15.0) {
            left = 5 + (int)(8.0 * how_long);
            height = 1.5 + 1.5 * how_high;
        }
        const double noise = fmax(0.1, 1.0 + 0.03 * kt_sim_random_normal(&seed));
        levels[m] = (struct kt_sim_level){.duration_ms = MINUTE_MS,
                                          .rate = {50e3 * noise * (left > 0 ? height : 1.0)}};
        left -= left > 0;
    }
}

static struct kt_sim_scenario over_time(const char *name, const char *what,
                                        const struct kt_sim_spec *spec,
                                        const struct kt_sim_level *levels) {
    return (struct kt_sim_scenario){.name = name,
                                    .what = what,
                                    .spec = spec,
                                    .protocol = KT_SIM_OVER_TIME,
                                    .levels = levels,
                                    .levels_count = MINUTES,
                                    .max_parallelism = PARALLELISM_MAX};
}

/* Total reconfigurations; nothing else about these workloads is published. */
#define WORKLOADS 3
static const double reconfigurations[][WORKLOADS] = {
    {147, 182, 105}, {65, 62, 67}, {39, 58, 40}, {29, 44, 22}, {22, 32, 17}, {258, 403, 221}};
static const struct kt_sim_published published[] = {
    {KT_SIM_RECONFIGURATIONS, "Dhalion", reconfigurations[0]},
    {KT_SIM_RECONFIGURATIONS, "Dragster", reconfigurations[1]},
    {KT_SIM_RECONFIGURATIONS, "DS2", reconfigurations[2]},
    {KT_SIM_RECONFIGURATIONS, "ContTune, alpha = 0", reconfigurations[3]},
    {KT_SIM_RECONFIGURATIONS, "ContTune, alpha = 3", reconfigurations[4]},
    {KT_SIM_RECONFIGURATIONS, "random search", reconfigurations[5]},
};

enum kt_err kt_sim_suite_real(uint64_t seed, struct kt_sim_suite *suite, struct kt_error *error) {
    struct memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a suite");
    }
    suite->memory = memory;
    for (int m = 0; m < MINUTES; m++) {
        memory->etl[m] =
            (struct kt_sim_level){.duration_ms = MINUTE_MS, .rate = {etl_records[m] / 60.0}};
    }
    make_video(kt_sim_random_split(seed, 101), memory->video);
    make_monitoring(kt_sim_random_split(seed, 102), memory->monitoring);
    suite->what = "Two hours of rates, one per minute, from parallelism 1 and no history; restarts "
                  "of 60 s, noise of 1.5 %. The ETL job's rates are those of the paper, its curves "
                  "are ours. Video and monitoring are made by formulas: they are like the paper's "
                  "two other workloads, whose rates are not public.";
    suite->permutations = 3;
    suite->scenarios[0] =
        over_time("ETL", "rates of the paper's ETL job, 28 to 53 files/s", &etl, memory->etl);
    suite->scenarios[1] = over_time("video", "one wave of a day, 50 to 150 K views/s, noise of 5 %",
                                    &video, memory->video);
    suite->scenarios[2] =
        over_time("monitoring", "50 K samples/s with spikes of 1.5 to 3 times as many", &monitoring,
                  memory->monitoring);
    suite->scenarios_count = WORKLOADS;
    suite->source = "Lian et al., ContTune, PVLDB 16(13), 2023 (on rates of its own for video and "
                    "monitoring)";
    suite->published = published;
    suite->published_count = sizeof published / sizeof published[0];
    return KT_ERR_OK;
}
