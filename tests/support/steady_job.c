/* SPDX-License-Identifier: GPL-3.0-or-later
 * A job that reports what a test tells it to: counters that rise at given rates. */
#include "support/steady_job.h"

void kt_steady_job_init(struct kt_steady_job *job, const char *name) {
    *job = (struct kt_steady_job){.job_name = name,
                                  .job_id = "id-1",
                                  .now_ms = KT_STEADY_JOB_BASE_MS,
                                  .attempt_start_ms = KT_STEADY_JOB_BASE_MS - 3600000,
                                  .count = 2};
    job->vertices[0] = (struct kt_steady_job_vertex){
        .id = "v-source", .parallelism = 1, .rate = 1000, .busy = 0.2};
    job->vertices[1] = (struct kt_steady_job_vertex){
        .id = "w-map", .upstream = "v-source", .parallelism = 1, .rate = 1000, .busy = 0.6};
}

void kt_steady_job_restart(struct kt_steady_job *job) {
    job->attempt_start_ms = job->now_ms;
    for (int v = 0; v < job->count; v++) {
        job->vertices[v].records = 0;
        job->vertices[v].busy_ms = 0;
        job->vertices[v].backpressured_ms = 0;
    }
}

static void report(const struct kt_steady_job *job, const struct kt_steady_job_vertex *vertex,
                   int subtask, struct kt_rig_records *records) {
    struct kt_metric_event *event = &kt_rig_records_add(records)->event;
    event->cluster = KT_STR("c");
    event->job_name = kt_str_of(job->job_name);
    event->job_id = kt_str_of(job->job_id);
    event->vertex_id = kt_str_of(vertex->id);
    event->vertex_name = kt_str_of(vertex->id);
    event->subtask = subtask;
    event->timestamp_ms = job->now_ms;
    event->attempt_start_ms = job->attempt_start_ms;
    event->parallelism = vertex->parallelism;
    event->max_parallelism = 128;
    event->is_source = vertex->upstream == NULL;
    if (vertex->upstream != NULL) {
        event->upstream.items = kt_arena_array(&records->arena, 1, sizeof *event->upstream.items);
        event->upstream.items[0].vertex_id = kt_str_of(vertex->upstream);
        event->upstream.items[0].ship_strategy = KT_STR("HASH");
        KT_SET(&event->upstream.items[0], KT_UPSTREAM_SHIP_STRATEGY);
        event->upstream.count = 1;
    }
    event->records_in_total = vertex->upstream == NULL ? 0 : (int64_t)vertex->records;
    event->records_out_total = (int64_t)(vertex->records * (1 - vertex->dropped));
    if (vertex->tells_backlog) {
        event->pending_records = vertex->backlog;
        KT_SET(event, KT_EVENT_PENDING_RECORDS);
    }
    event->busy_ms_total = (int64_t)vertex->busy_ms;
    event->backpressured_ms_total = (int64_t)vertex->backpressured_ms;
    event->idle_ms_total =
        job->now_ms - job->attempt_start_ms - event->busy_ms_total - event->backpressured_ms_total;
    static const int known[] = {KT_EVENT_ATTEMPT_START_MS,  KT_EVENT_PARALLELISM,
                                KT_EVENT_MAX_PARALLELISM,   KT_EVENT_UPSTREAM,
                                KT_EVENT_IS_SOURCE,         KT_EVENT_RECORDS_IN_TOTAL,
                                KT_EVENT_RECORDS_OUT_TOTAL, KT_EVENT_BUSY_MS_TOTAL,
                                KT_EVENT_IDLE_MS_TOTAL,     KT_EVENT_BACKPRESSURED_MS_TOTAL};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        KT_SET(event, known[i]);
    }
}

void kt_steady_job_run(struct kt_steady_job *job, struct kt_rig_records *records, int64_t until_ms,
                       int64_t step_ms) {
    if (records->arena.chunk_bytes == 0) {
        kt_arena_init(&records->arena, 65536, (size_t)256 << 20);
    }
    while (job->now_ms + step_ms <= until_ms) {
        job->now_ms += step_ms;
        for (int v = 0; v < job->count; v++) {
            struct kt_steady_job_vertex *vertex = &job->vertices[v];
            vertex->records += vertex->rate / vertex->parallelism * (double)step_ms / 1000;
            vertex->backlog +=
                vertex->backlog_growth / vertex->parallelism * (double)step_ms / 1000;
            vertex->busy_ms += vertex->busy * (double)step_ms;
            vertex->backpressured_ms += vertex->backpressured * (double)step_ms;
            for (int s = 0; s < vertex->parallelism && !vertex->silent; s++) {
                report(job, vertex, s, records);
            }
        }
    }
}
