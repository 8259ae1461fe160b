/* SPDX-License-Identifier: GPL-3.0-or-later
 * The load of a simulated job: what its sources have to emit, level after level. */
#ifndef KT_OPS_SIM_LOAD_H
#define KT_OPS_SIM_LOAD_H

#include "ops/sim_spec.h"
#include "schemas/error.h"

#define KT_SIM_LEVELS_MAX 100000

/* Levels of constant rates. Owns its arrays; zero-initialised it is empty. */
struct kt_sim_load {
    int operators_count;  /* of the job */
    int levels_count;     /* at most KT_SIM_LEVELS_MAX */
    int64_t *duration_ms; /* of each level, > 0; not read by a protocol that ends levels itself */
    double *rates; /* records/s ≥ 0 of level l and operator i: rates[l * operators_count + i]; read
                      for sources only */
};

/* Appends a level. rates: as many as the job has operators; copied. KT_ERR_LIMIT: too many levels;
 * KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_sim_load_add(struct kt_sim_load *load, int operators_count,
                                          int64_t duration_ms, const double *rates,
                                          struct kt_error *error);
void kt_sim_load_free(struct kt_sim_load *load);

/* The rates of one level, by operator. */
const double *kt_sim_load_rates(const struct kt_sim_load *load, int level);

/* The load of ContTune's evaluation: 1 … units times the sources' unit rates in an order drawn from
 * the seed, and the same order once more. Appends 2 × units levels. */
KT_MUST_CHECK enum kt_err kt_sim_load_permutation(const struct kt_sim_spec *spec, int units,
                                                  uint64_t seed, struct kt_sim_load *load,
                                                  struct kt_error *error);

#endif
