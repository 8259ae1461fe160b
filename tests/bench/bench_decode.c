/* SPDX-License-Identifier: GPL-3.0-or-later
 * How long it takes to decode one metric event: the plan against Avro C's generic reader, in one
 * run, CPU time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "schemas/codec.h"
#include "schemas/framing.h"
#include "schemas/metric_event.h"
#include "support/avro_oracle.h"

#define EVENTS 1000
#define ROUNDS 9

/* A subtask as the poller reports it: totals and rates, two inputs, nothing of a source. */
static void make_event(struct random_source *source, struct kt_metric_event *event) {
    static struct kt_upstream upstream[2];
    upstream[0] = (struct kt_upstream){.present = 1U << KT_UPSTREAM_SHIP_STRATEGY,
                                       .vertex_id = KT_STR("bc764cd8ddf7a0cff126f51c16239658"),
                                       .ship_strategy = KT_STR("HASH")};
    upstream[1] = (struct kt_upstream){.vertex_id = KT_STR("cbc357ccb763df2852fee8c4fc7d55f2")};
    *event = (struct kt_metric_event){
        .cluster = KT_STR("production"),
        .job_name = KT_STR("orders-enrichment"),
        .job_id = KT_STR("22b206468e7f9e5ef6ec5b33716de259"),
        .vertex_id = KT_STR("a0bcbe636c3291fd3f45c25deb2b0823"),
        .vertex_name = KT_STR("enrich -> filter -> to-json"),
        .subtask = (int32_t)random_below(source, 64),
        .attempt_start_ms = 1795332000000,
        .timestamp_ms = 1795332584342 + (int64_t)random_below(source, 1000000),
        .parallelism = 64,
        .max_parallelism = 128,
        .records_in_total = (int64_t)random_below(source, 1U << 30),
        .records_out_total = (int64_t)random_below(source, 1U << 30),
        .busy_ms_total = (int64_t)random_below(source, 1U << 20),
        .backpressured_ms_total = (int64_t)random_below(source, 1U << 20),
        .idle_ms_total = (int64_t)random_below(source, 1U << 20),
        .records_in_per_s = (double)random_below(source, 100000),
        .records_out_per_s = (double)random_below(source, 100000),
        .busy_ms_per_s = (double)random_below(source, 1000),
        .backpressured_ms_per_s = (double)random_below(source, 1000),
        .idle_ms_per_s = (double)random_below(source, 1000),
    };
    event->upstream.items = upstream;
    event->upstream.count = 2;
    event->present =
        ((UINT64_C(1) << KT_EVENT_FIELDS) - 1) & ~(UINT64_C(1) << KT_EVENT_SOURCE_PARTITIONS) &
        ~(UINT64_C(1) << KT_EVENT_PENDING_RECORDS) & ~(UINT64_C(1) << KT_EVENT_CPU_LOAD) &
        ~(UINT64_C(1) << KT_EVENT_SLOTS_AVAILABLE);
}

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void must(enum kt_err err, const struct kt_error *error) {
    if (err != KT_ERR_OK) {
        fprintf(stderr, "%s\n", error->message);
        exit(1);
    }
}

struct frames {
    struct kt_bytes each[EVENTS];
    size_t bytes;
};

static double plan_ns(const struct kt_decoder *decoder, const struct frames *frames) {
    struct kt_arena arena;
    struct kt_metric_event event;
    struct kt_error error = {0};
    int64_t sum = 0;
    kt_arena_init(&arena, 65536, 1U << 20);
    const double start = cpu_ns();
    for (int pass = 0; pass < 20; pass++) {
        for (size_t i = 0; i < EVENTS; i++) {
            kt_arena_reset(&arena);
            must(kt_decode(decoder, frames->each[i].data, frames->each[i].len, &arena, &event,
                           &error),
                 &error);
            sum += event.timestamp_ms;
        }
    }
    const double spent = cpu_ns() - start;
    kt_arena_free(&arena);
    return sum == 0 ? 0 : spent / (20.0 * EVENTS);
}

static double avro_ns(struct avro_oracle *oracle, const struct frames *frames) {
    const double start = cpu_ns();
    for (int pass = 0; pass < 20; pass++) {
        for (size_t i = 0; i < EVENTS; i++) {
            avro_value_reset(&oracle->value);
            avro_reader_memory_set_source(
                oracle->reader, (const char *)frames->each[i].data + KT_FRAME_HEADER_BYTES,
                (int64_t)(frames->each[i].len - KT_FRAME_HEADER_BYTES));
            if (avro_value_read(oracle->reader, &oracle->value) != 0) {
                fprintf(stderr, "%s\n", avro_strerror());
                exit(1);
            }
        }
    }
    return (cpu_ns() - start) / (20.0 * EVENTS);
}

static double encode_ns(struct kt_encoder *encoder, const struct kt_metric_event *event) {
    struct kt_bytes bytes = {0};
    struct kt_error error = {0};
    const double start = cpu_ns();
    for (size_t i = 0; i < 20 * EVENTS; i++) {
        must(kt_encode(encoder, event, &bytes, &error), &error);
    }
    const double spent = cpu_ns() - start;
    kt_bytes_free(&bytes);
    return spent / (20.0 * EVENTS);
}

static int by_value(const void *a, const void *b) {
    const double one = *(const double *)a;
    const double two = *(const double *)b;
    return (one > two) - (one < two);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

int main(void) {
    static struct frames frames;
    struct random_source source = {.state = 1};
    struct kt_encoder *encoder = NULL;
    struct kt_decoder *decoder = NULL;
    struct kt_error error = {0};
    struct avro_oracle oracle;
    struct kt_metric_event event;
    must(kt_encoder_new(&kt_metric_event_type, &encoder, &error), &error);
    must(kt_decoder_new(&kt_metric_event_type, &decoder, &error), &error);
    avro_oracle_open(&oracle, kt_metric_event_type.schema_text);
    for (size_t i = 0; i < EVENTS; i++) {
        make_event(&source, &event);
        must(kt_encode(encoder, &event, &frames.each[i], &error), &error);
        frames.bytes += frames.each[i].len;
    }
    double plan[ROUNDS];
    double avro[ROUNDS];
    double encode[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        plan[round] = plan_ns(decoder, &frames);
        avro[round] = avro_ns(&oracle, &frames);
        encode[round] = encode_ns(encoder, &event);
    }
    const double one = median(plan);
    const double two = median(avro);
    printf("MetricEvent, %zu bytes on average, %d fields; medians of %d rounds, CPU time\n",
           frames.bytes / EVENTS, KT_EVENT_FIELDS, ROUNDS);
    printf("%-34s %12s %12s\n", "", "ns/event", "events/s");
    printf("%-34s %12.0f %12.0f\n", "decode: plan", one, 1e9 / one);
    printf("%-34s %12.0f %12.0f\n", "decode: Avro C, generic value", two, 1e9 / two);
    printf("%-34s %11.1fx\n", "ratio", two / one);
    printf("%-34s %12.0f %12.0f\n", "encode: Avro C through the table", median(encode),
           1e9 / median(encode));
    for (size_t i = 0; i < EVENTS; i++) {
        kt_bytes_free(&frames.each[i]);
    }
    avro_oracle_close(&oracle);
    kt_encoder_free(encoder);
    kt_decoder_free(decoder);
    return 0;
}
