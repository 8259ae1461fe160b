/* SPDX-License-Identifier: GPL-3.0-or-later
 * A simulated job as a user describes it: a JSON file.
 *
 *   {"name": "q1", "cluster"?: "simulated", "restart_seconds"?: 60, "max_parallelism"?: 128,
 *    "noise"?: 0, "noise_seconds"?: 60, "warm_up_seconds"?: 0, "warm_up_factor"?: 0.5,
 *    "buffer_records"?: 1000 or what the slowest curve has for one subtask and second,
 *    "sources": [{"id": "source", "unit_rate": 700000, …}],
 *    "operators": [{"id": "mapper", "upstream": ["source"], "keyed"?: false, "curve": CURVE, …}],
 *    "drift"?: {"second": 3600, "factor": 0.8, "ramp_seconds"?: 0},
 *    "metrics"?: {"rates"?: false, "no_lag"?: false, "lag_factor"?: 1, "lag_delay_seconds"?: 0,
 *                 "busy_quantum_ms"?: 1, "burst_seconds"?: 0}}
 *
 * Sources and operators may have "name" (default: the id), "selectivity" (1), and beside a curve
 * "key_groups", "plateau", "skew" and "max_parallelism" (the job's). A source without a curve is
 * never the bottleneck. CURVE is {"usl": {"gamma": 530000, "sigma"?: 0, "kappa"?: 0}},
 * {"table": {"1": 529573, …}} or {"linear": 530000}; sim_spec.h has their meaning. Operators stand
 * in any order.
 *
 * All errors name the file and the field:
 *   job.json: operators[2].curve.usl.gamma: expected a number greater than 0, not "x" */
#ifndef KT_OPS_SIM_FILE_H
#define KT_OPS_SIM_FILE_H

#include "ops/sim_spec.h"
#include "schemas/arena.h"
#include "schemas/error.h"

/* Reads the file ("-": stdin, at most 1 MB) into the spec; its strings are in the arena.
 * KT_ERR_CONFIG: not JSON, or a field that is unknown, missing, of the wrong type or out of range,
 * or a graph that is none. KT_ERR_IO, KT_ERR_LIMIT, KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_sim_file_read(const char *path, struct kt_arena *arena,
                                           struct kt_sim_spec *spec, struct kt_error *error);

/* The same from text; path is what messages call it. */
KT_MUST_CHECK enum kt_err kt_sim_file_parse(struct kt_str text, const char *path,
                                            struct kt_arena *arena, struct kt_sim_spec *spec,
                                            struct kt_error *error);

#endif
