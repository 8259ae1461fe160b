/* SPDX-License-Identifier: GPL-3.0-or-later
 * The load of a simulated job over time: a CSV file of rates.
 *
 * Its first column is `second` or `minute`, ascending; times count from the first row and reach
 * over at most 366 days. Then either `records_per_second`, the rate of the whole job (of several
 * sources each has the share of its unit_rate), or one column per source, named by its id. A rate
 * holds until the next row, the last one as long as the one before it did, and a single one for an
 * hour. */
#ifndef KT_OPS_SIM_RATES_H
#define KT_OPS_SIM_RATES_H

#include "ops/sim_spec.h"
#include "schemas/arena.h"
#include "schemas/error.h"

#include <stdio.h>

#define KT_SIM_RATES_MAX 100000 /* rows */

struct kt_sim_rate {
    double start_s;       /* since the first row, ascending */
    const double *per_op; /* records/s, indexed by operator; 0 for those that are no source */
};

struct kt_sim_rates {
    const struct kt_sim_rate *levels; /* at least one */
    int count;
    double end_s; /* of the last level */
};

/* Reads the file ("-": stdin) into the arena. KT_ERR_PARSE names file and line; KT_ERR_IO;
 * KT_ERR_LIMIT: more than KT_SIM_RATES_MAX rows, or than the arena takes. */
KT_MUST_CHECK enum kt_err kt_sim_rates_read(const char *path, const struct kt_sim_spec *spec,
                                            struct kt_arena *arena, struct kt_sim_rates *rates,
                                            struct kt_error *error);

/* The same from an open stream, which is taken. */
KT_MUST_CHECK enum kt_err kt_sim_rates_read_stream(FILE *in, const char *path,
                                                   const struct kt_sim_spec *spec,
                                                   struct kt_arena *arena,
                                                   struct kt_sim_rates *rates,
                                                   struct kt_error *error);

#endif
