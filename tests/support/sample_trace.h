/* SPDX-License-Identifier: GPL-3.0-or-later
 * A made-up record of a simulated run, of any size, for tests of what is drawn from it. */
#ifndef KT_TESTS_SAMPLE_TRACE_H
#define KT_TESTS_SAMPLE_TRACE_H

#include "ops/sim_trace.h"

struct kt_sample_trace {
    int operators;    /* behind one source without a curve, which is there besides */
    double seconds;   /* of the run */
    double poll_s;    /* between two ticks */
    double level_s;   /* each load lasts so long */
    double rate;      /* of the highest load, records/s; 0: nothing is ever offered */
    bool constant;    /* one load, no lag, no noise */
    bool surrogate;   /* there are beliefs */
    const char *name; /* of every operator; NULL: "op 1" … */
};

/* Names live as long as the program. Released with kt_sim_trace_free. */
struct kt_sim_trace kt_sample_trace_make(const struct kt_sample_trace *sample);

#endif
