/* SPDX-License-Identifier: GPL-3.0-or-later
 * The memory of a simulated run's record. */
#include "ops/sim_trace.h"

#include <stdlib.h>

void kt_sim_trace_free(struct kt_sim_trace *trace) {
    for (int i = 0; i < trace->operators_count; i++) {
        free(trace->operators[i].observations);
        free(trace->operators[i].truth);
        free(trace->operators[i].beliefs);
    }
    free(trace->ticks);
    free(trace->cells);
    free(trace->changes);
    *trace = (struct kt_sim_trace){.operators_count = 0};
}
