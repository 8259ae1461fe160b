/* SPDX-License-Identifier: GPL-3.0-or-later
 * What an event costs the stage, by the number of jobs and of operators in a partition: it should
 * not depend on either. CPU time, the stage alone (events are decoded already). */
#include "support/steady_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One row: so many jobs of so many operators in a chain, for `minutes` of reports every 10 s. */
static void measure(int jobs, int operators, int minutes) {
    struct kt_steady_job *job = calloc((size_t)jobs, sizeof *job);
    char(*names)[16] = calloc((size_t)jobs, sizeof *names);
    char(*ids)[16] = calloc((size_t)operators, sizeof *ids);
    struct kt_rig_records records = {0};
    if (job == NULL || names == NULL || ids == NULL) {
        abort();
    }
    for (int v = 0; v < operators; v++) {
        snprintf(ids[v], sizeof ids[v], "v%05d", v);
    }
    for (int j = 0; j < jobs; j++) {
        snprintf(names[j], sizeof names[j], "job-%d", j);
        kt_steady_job_init(&job[j], names[j]);
        job[j].count = operators;
        for (int v = 0; v < operators; v++) {
            job[j].vertices[v] =
                (struct kt_steady_job_vertex){.id = ids[v],
                                              .upstream = v > 0 ? ids[v - 1] : NULL,
                                              .parallelism = 1,
                                              .rate = 1000,
                                              .busy = 0.5};
        }
    }
    for (int step = 0; step < minutes * 6; step++) {
        for (int j = 0; j < jobs; j++) {
            kt_steady_job_run(&job[j], &records, job[j].now_ms + 10000, 10000);
        }
    }
    struct kt_rig rig;
    kt_rig_init(&rig, NULL);
    const double start_s = cpu_s();
    kt_rig_run(&rig, &records);
    const double took_s = cpu_s() - start_s;
    const struct kt_stage_counters *counters = kt_stage_counters(rig.stage);
    printf("%7d %10d %9zu %8lld %10.0f %12.2f %14.1f\n", jobs, operators, records.count,
           (long long)counters->windows, (double)records.count / took_s,
           1e6 * took_s / (double)records.count, 1e6 * took_s / (double)counters->windows);
    kt_rig_end(&rig);
    kt_rig_records_free(&records);
    free(job);
    free(names);
    free(ids);
}

int main(void) {
    printf("%7s %10s %9s %8s %10s %12s %14s\n", "jobs", "operators", "events", "windows",
           "events/s", "us per event", "us per window");
    measure(1, 5, 2000);
    measure(100, 5, 20);
    measure(2000, 5, 3);
    measure(1, 100, 100);
    measure(100, 100, 3);
    return 0;
}
