/* SPDX-License-Identifier: GPL-3.0-or-later
 * The suites: jobs and loads that methods are compared on. */
#ifndef KT_OPS_SIM_SUITE_H
#define KT_OPS_SIM_SUITE_H

#include "ops/sim_study.h"

/* Figures that somebody has published about one of our scenarios. */
enum kt_sim_measure {
    KT_SIM_PER_TUNING,
    KT_SIM_RECONFIGURATIONS,
    KT_SIM_UNDER_PROVISIONED,
    KT_SIM_SURPLUS,
    KT_SIM_CORES_MAX,
    KT_SIM_CORE_SECONDS,
    KT_SIM_BACKLOG,
    KT_SIM_UNDER_SECONDS,
    KT_SIM_MEASURES
};
struct kt_sim_published {
    enum kt_sim_measure measure;
    const char *method;    /* as its authors call it */
    const double *figures; /* one per scenario */
};

struct kt_sim_suite {
    const char *name;
    const char *what; /* one paragraph: which jobs, which loads, by which formulas */
    int permutations; /* that are usual */
    char *methods;    /* that it compares, as a list; NULL: kt_sim_methods_standard */
    int scenarios_count;
    struct kt_sim_scenario scenarios[KT_SIM_SCENARIOS_MAX];
    const char *source; /* of the published figures; NULL: there are none */
    const struct kt_sim_published *published;
    int published_count;
    void *memory; /* what the scenarios borrow from the suite */
};

/* for --help and messages. */
#define KT_SIM_SUITE_NAMES "paper, real, stress or ablation"

/* Makes a suite; generated loads come from the seed. KT_ERR_USAGE: no such suite; KT_ERR_NOMEM.
 * kt_sim_suite_free also after a failure. */
KT_MUST_CHECK enum kt_err kt_sim_suite_make(const char *name, uint64_t seed,
                                            struct kt_sim_suite *suite, struct kt_error *error);
void kt_sim_suite_free(struct kt_sim_suite *suite);

/* Its parts, each in a file of its own. */
KT_MUST_CHECK enum kt_err kt_sim_suite_paper(uint64_t seed, struct kt_sim_suite *suite,
                                             struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_sim_suite_real(uint64_t seed, struct kt_sim_suite *suite,
                                            struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_sim_suite_stress(uint64_t seed, struct kt_sim_suite *suite,
                                              struct kt_error *error);
/* The jobs of `stress`, for kontune with and without each of its pieces. */
KT_MUST_CHECK enum kt_err kt_sim_suite_ablation(uint64_t seed, struct kt_sim_suite *suite,
                                                struct kt_error *error);

#endif
