/* SPDX-License-Identifier: GPL-3.0-or-later
 * A calibration (sim_calibration.h) as tables for people, Markdown and JSON. */
#ifndef KT_OPS_SIM_RELIABILITY_H
#define KT_OPS_SIM_RELIABILITY_H

#include "ops/sim_calibration.h"

#include <jansson.h>
#include <stdio.h>

/* Three tables per method, by the distance from what had been observed. A row per bin of
 * probability: number, mean prediction and share that kept up, of both surrogates side by side;
 * below them their scores. KT_ERR_NOMEM; failures to write are the stream's to tell. */
KT_MUST_CHECK enum kt_err kt_sim_reliability_print(FILE *out,
                                                   const struct kt_sim_calibration *calibration,
                                                   const struct kt_sim_study *study, bool markdown,
                                                   struct kt_error *error);

/* [{"method": …, "surrogate": …, "distance": "near", "questions": …, "brier": …, "log_score": …,
 * "bins": [{"from": …, "to": …, "questions": …, "predicted": …, "kept_up": …,
 * "kept_up_at_true_load": …}]}], means and shares null where there are no questions; NULL when out
 * of memory. */
json_t *kt_sim_reliability_json(const struct kt_sim_calibration *calibration,
                                const struct kt_sim_study *study);

#endif
