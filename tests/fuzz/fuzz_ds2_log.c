/* SPDX-License-Identifier: GPL-3.0-or-later
 * Any bytes as DS2's text files (the first byte says which): never a crash, and what is taken is
 * finite, not negative and within its bounds. */
#include "model/ds2_log.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool promise) {
    if (!promise) {
        abort();
    }
}

static void check_log(struct kt_str text, struct kt_arena *arena) {
    struct kt_ds2_log log;
    struct kt_error error;
    if (kt_ds2_log_parse("f", text, arena, &log, &error) != KT_ERR_OK) {
        require(error.message[0] == 'f');
        return;
    }
    for (size_t i = 0; i < log.operators.count; i++) {
        const struct kt_ds2_log_operator *op = &log.operators.items[i];
        require(op->epochs.count > 0);
        for (size_t e = 0; e < op->epochs.count; e++) {
            const struct kt_ds2_epoch *epoch = &op->epochs.items[e];
            require(epoch->logged >= 1 && epoch->instances >= 1);
            require(isfinite(epoch->rates.true_processing) && epoch->rates.true_processing >= 0);
            require(isfinite(epoch->rates.true_output) && epoch->rates.true_output >= 0);
        }
    }
}

static void check_topology(struct kt_str text, struct kt_arena *arena) {
    struct kt_ds2_topology topology;
    struct kt_error error;
    if (kt_ds2_topology_parse("f", text, arena, &topology, &error) != KT_ERR_OK) {
        require(error.message[0] == 'f');
        return;
    }
    require(topology.edges.count > 0);
    for (size_t i = 0; i < topology.edges.count; i++) {
        const struct kt_ds2_edge edge = topology.edges.items[i];
        require(edge.from >= 0 && (size_t)edge.from < topology.nodes.count);
        require(edge.to >= 0 && (size_t)edge.to < topology.nodes.count);
    }
}

static void check_source_rates(struct kt_str text, struct kt_arena *arena) {
    struct kt_ds2_source_rates rates;
    struct kt_error error;
    if (kt_ds2_source_rates_parse("f", text, arena, &rates, &error) != KT_ERR_OK) {
        require(error.message[0] == 'f');
        return;
    }
    for (size_t i = 0; i < rates.rates.count; i++) {
        require(isfinite(rates.rates.items[i].rate_per_instance));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    static void (*const checks[])(struct kt_str, struct kt_arena *) = {check_log, check_topology,
                                                                       check_source_rates};
    struct kt_arena arena;
    kt_arena_init(&arena, 1 << 16, 1 << 24);
    const struct kt_str text = {(const char *)data + 1, size - 1};
    checks[data[0] % 3](text, &arena);
    kt_arena_free(&arena);
    return 0;
}
