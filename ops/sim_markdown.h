/* SPDX-License-Identifier: GPL-3.0-or-later
 * The results of a study as Markdown, as they stand in model/README.md. */
#ifndef KT_OPS_SIM_MARKDOWN_H
#define KT_OPS_SIM_MARKDOWN_H

#include "ops/sim_suite.h"

#include <stdio.h>

/* Prints all figures of each scenario and method in one cell, the mean of all scenarios first, and
 * published figures below ours:
 *
 *   tunings     reconfigurations per tuning ± standard error / under-provisioned configurations
 *               per run / surplus cores %
 *   over time   reconfigurations / seconds with too little parallelism / surplus core-seconds %
 *
 * Many scenarios get a table of the means and one with a row per scenario. Where the study's first
 * method has kontune's policy, a dagger marks each of its cells that is not ahead of every baseline
 * in the first two figures, and a list names the baseline that is. KT_ERR_NOMEM; failures to write
 * are the stream's to tell. */
KT_MUST_CHECK enum kt_err kt_sim_markdown_print(FILE *out, const struct kt_sim_suite *suite,
                                                const struct kt_sim_study *study,
                                                const struct kt_sim_results *results,
                                                struct kt_error *error);

#endif
