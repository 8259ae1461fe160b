/* SPDX-License-Identifier: GPL-3.0-or-later
 * The suite `paper`: the synthetic workloads of ContTune's evaluation (Lian et al., PVLDB 16(13),
 * 2023), with its units of load and its optimal numbers of cores at 10 units.
 *
 * What the paper publishes of a job is its graph, its unit rates, the optimum, and for Q1 the
 * measured abilities. Q1's curve is the Universal Scalability Law that fits those measurements best
 * (least squares, κ ≥ 0 gives κ = 0). The other curves are contention curves of the same kind that
 * reach the paper's optimum at 10 units; keyed operators have the steps of 128 key groups. */
#include "ops/sim_suite.h"

#define UNITS           10
#define PARALLELISM_MAX 90 /* 45 TaskManagers of 2 slots */
#define KEY_GROUPS      128

/* What all jobs of the suite have in common. */
#define JOB(name)                                                                                  \
    .cluster = "paper", .job_name = (name), .restart_ms = 60000, .noise = 0.015,                   \
    .buffer_records = 2000
#define SOURCE(identity, rate)                                                                     \
    {                                                                                              \
        .id = (identity), .name = "Source: " identity, .selectivity = 1, .unit_rate = (rate),      \
        .max_parallelism = KEY_GROUPS                                                              \
    }
#define CURVE(g, s)                                                                                \
    .scaled = true, .max_parallelism = KEY_GROUPS, .curve = {.gamma = (g), .sigma = (s)}
#define KEYED_CURVE(g, s)                                                                          \
    .scaled = true, .keyed = true, .max_parallelism = KEY_GROUPS,                                  \
    .curve = {.gamma = (g), .sigma = (s), .key_groups = KEY_GROUPS}

/* clang-format off: one operator per line */
/* Lines of five words. */
static const struct kt_sim_spec wordcount = {
    JOB("wordcount"),
    .count = 3,
    .operators =
        {
            SOURCE("lines", 100e3),
            {.id = "split",
             .name = "split",
             .inputs = {0},
             .inputs_count = 1,
             .selectivity = 5,
             CURVE(230e3, 0.02)},
            {.id = "count",
             .name = "count",
             .inputs = {1},
             .inputs_count = 1,
             KEYED_CURVE(800e3, 0.03)},
        },
};

static const struct kt_sim_spec q1 = {
    JOB("q1"),
    .count = 2,
    .operators =
        {
            SOURCE("bids", 700e3),
            {.id = "mapper",
             .name = "currency conversion",
             .inputs = {0},
             .inputs_count = 1,
             CURVE(468660, 0.026748)},
        },
};

static const struct kt_sim_spec q2 = {
    JOB("q2"),
    .count = 2,
    .operators =
        {
            SOURCE("bids", 900e3),
            {.id = "filter",
             .name = "selection",
             .inputs = {0},
             .inputs_count = 1,
             CURVE(570e3, 0.02)},
        },
};

/* Auctions of one category in four, persons of some states, joined by seller. */
static const struct kt_sim_spec q3 = {
    JOB("q3"),
    .count = 5,
    .operators =
        {
            SOURCE("auctions", 200e3),
            SOURCE("persons", 40e3),
            {.id = "filter-auctions",
             .name = "filter auctions",
             .inputs = {0},
             .inputs_count = 1,
             .selectivity = 0.25,
             CURVE(400e3, 0.03)},
            {.id = "filter-persons",
             .name = "filter persons",
             .inputs = {1},
             .inputs_count = 1,
             .selectivity = 0.5,
             CURVE(260e3, 0.03)},
            {.id = "join",
             .name = "join by seller",
             .inputs = {2, 3},
             .inputs_count = 2,
             KEYED_CURVE(100e3, 0.04)},
        },
};

static const struct kt_sim_spec q5 = {
    JOB("q5"),
    .count = 2,
    .operators =
        {
            SOURCE("bids", 80e3),
            {.id = "window",
             .name = "sliding window per auction",
             .inputs = {0},
             .inputs_count = 1,
             KEYED_CURVE(68e3, 0.035)},
        },
};

static const struct kt_sim_spec q8 = {
    JOB("q8"),
    .count = 3,
    .operators =
        {
            SOURCE("auctions", 100e3),
            SOURCE("persons", 60e3),
            {.id = "join",
             .name = "windowed join by person",
             .inputs = {0, 1},
             .inputs_count = 2,
             KEYED_CURVE(220e3, 0.03)},
        },
};

#define QUERIES 6
static const double per_tuning[][QUERIES] = {
    {3.08, 5.36, 4.97, 3.84, 5.59, 3.61},      {1.78, 2.29, 2.29, 1.49, 3.34, 3.21},
    {1.73, 2.22, 2.29, 1.66, 3.34, 3.02},      {2.75, 3.85, 3.85, 2.75, 4.95, 3.85},
    {1.33, 1.61, 1.62, 1.26, 2.01, 1.46},      {1.16, 1.32, 1.28, 1.18, 1.55, 1.26},
    {11.16, 22.72, 17.43, 16.18, 13.36, 8.72},
};
static const double cores_max[][QUERIES] = {{16, 32, 32, 32, 32, 16}, {14, 26, 24, 18, 25, 11}};
/* clang-format on */

static const struct kt_sim_published published[] = {
    {KT_SIM_PER_TUNING, "Dhalion", per_tuning[0]},
    {KT_SIM_PER_TUNING, "DS2", per_tuning[1]},
    {KT_SIM_PER_TUNING, "Big + DS2", per_tuning[2]},
    {KT_SIM_PER_TUNING, "Dragster", per_tuning[3]},
    {KT_SIM_PER_TUNING, "ContTune, alpha = 0", per_tuning[4]},
    {KT_SIM_PER_TUNING, "ContTune, alpha = 3", per_tuning[5]},
    {KT_SIM_PER_TUNING, "random search", per_tuning[6]},
    {KT_SIM_CORES_MAX, "ContTune, Big + DS2", cores_max[0]},
    {KT_SIM_CORES_MAX, "DS2", cores_max[1]},
};

enum kt_err kt_sim_suite_paper(uint64_t seed, struct kt_sim_suite *suite, struct kt_error *error) {
    (void)seed;
    (void)error;
    static const struct {
        const char *name;
        const char *what;
        const struct kt_sim_spec *spec;
    } queries[QUERIES] = {
        {"WordCount", "split and keyed count, 100 K lines/s a unit", &wordcount},
        {"Q1", "map, 700 K bids/s a unit", &q1},
        {"Q2", "filter, 900 K bids/s a unit", &q2},
        {"Q3", "filters and keyed join, 200 K auctions/s and 40 K persons/s a unit", &q3},
        {"Q5", "keyed sliding window, 80 K bids/s a unit", &q5},
        {"Q8", "keyed windowed join, 100 K auctions/s and 60 K persons/s a unit", &q8},
    };
    suite->what =
        "The paper's six jobs. A run is a permutation of 1 ... 10 units of load, twice: 20 "
        "tunings from parallelism 1 and no history; restarts of 60 s, noise of 1.5 %.";
    suite->permutations = 6;
    for (int i = 0; i < QUERIES; i++) {
        suite->scenarios[suite->scenarios_count++] =
            (struct kt_sim_scenario){.name = queries[i].name,
                                     .what = queries[i].what,
                                     .spec = queries[i].spec,
                                     .protocol = KT_SIM_TUNINGS,
                                     .units = UNITS,
                                     .max_parallelism = PARALLELISM_MAX};
    }
    suite->source = "Lian et al., ContTune, PVLDB 16(13), 2023";
    suite->published = published;
    suite->published_count = sizeof published / sizeof published[0];
    return KT_ERR_OK;
}
