/* SPDX-License-Identifier: GPL-3.0-or-later
 * The page of a simulation: what was run, what each method cost, and the pictures of each recorded
 * run. One self-contained HTML document, which is well-formed XML as well; no script, nothing
 * fetched. The same input gives the same bytes. */
#ifndef KT_OPS_SIM_HTML_H
#define KT_OPS_SIM_HTML_H

#include "ops/sim_trace.h"
#include "schemas/error.h"

#include <stdio.h>

/* What one method cost; of several permutations the means. A value that is not finite is shown as
 * a dash. */
struct kt_sim_html_score {
    const char *method;
    double tunings;           /* loads */
    double reconfigurations;  /* in all */
    double under_provisioned; /* configurations with too little parallelism */
    double surplus_percent;   /* cores beyond the optimum */
    double cores_max;
    double core_hours;
    double backlog_percent; /* of the records offered: those that had to wait */
};

struct kt_sim_html {
    const char *title;    /* of the page */
    const char *subtitle; /* what was run, in a sentence */
    const char *command;  /* that makes this page again; NULL: none is shown */
    const struct kt_sim_html_score *scores;
    size_t scores_count;
    const struct kt_sim_trace *const *traces; /* shown in this order */
    size_t traces_count;
};

/* Writes the page. Failures to write are the stream's to tell (byte_sink.h). KT_ERR_INVALID: a
 * trace's times descend or are not finite; KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_sim_html_write(FILE *out, const struct kt_sim_html *page,
                                            struct kt_error *error);

/* As above, into a new file, or over an old one. KT_ERR_IO, KT_ERR_FULL with the path; a file that
 * could not be finished is left as far as it came. */
KT_MUST_CHECK enum kt_err kt_sim_html_write_file(const char *path, const struct kt_sim_html *page,
                                                 struct kt_error *error);

#endif
