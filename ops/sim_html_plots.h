/* SPDX-License-Identifier: GPL-3.0-or-later
 * The plots of one recorded run, for its page. */
#ifndef KT_OPS_SIM_HTML_PLOTS_H
#define KT_OPS_SIM_HTML_PLOTS_H

#include "ops/sim_trace.h"
#include "schemas/error.h"

#include <stdio.h>

/* Rates, lag and parallelism, one above the other over the same time. *id numbers the plots of the
 * page. KT_ERR_INVALID, KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_sim_html_plot_times(FILE *out, const struct kt_sim_trace *trace,
                                                 int *id, struct kt_error *error);

/* What was observed and believed of each scaled operator, beside the truth. */
KT_MUST_CHECK enum kt_err kt_sim_html_plot_curves(FILE *out, const struct kt_sim_trace *trace,
                                                  int *id, struct kt_error *error);

/* The samples of lines and marks, with their meaning. */
void kt_sim_html_plot_keys(FILE *out);

#endif
