/* SPDX-License-Identifier: GPL-3.0-or-later
 * The results of a study for people (tables) and for programs (JSON). */
#ifndef KT_OPS_SIM_TABLE_H
#define KT_OPS_SIM_TABLE_H

#include "ops/sim_suite.h"

#include <jansson.h>
#include <stdio.h>

/* What was run, as the first lines on stdout say it. */
void kt_sim_table_title(FILE *out, const struct kt_sim_suite *suite,
                        const struct kt_sim_study *study);

/* Prints what was run and its scores: few scenarios side by side, one table per measure with the
 * published figures below ours; one or many scenarios one below the other. KT_ERR_NOMEM; failures
 * to write are the stream's to tell. */
KT_MUST_CHECK enum kt_err kt_sim_table_print(FILE *out, const struct kt_sim_suite *suite,
                                             const struct kt_sim_study *study,
                                             const struct kt_sim_results *results,
                                             struct kt_error *error);

/* {"suite": …, "seed": …, "policies": [one entry per scenario and method], "published": […]};
 * NULL when out of memory. */
json_t *kt_sim_table_json(const struct kt_sim_suite *suite, const struct kt_sim_study *study,
                          const struct kt_sim_results *results);

#endif
