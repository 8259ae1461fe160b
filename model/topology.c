/* SPDX-License-Identifier: GPL-3.0-or-later
 * The graph of a job: its operators in topological order, and factors carried along its edges. */
#include "model/topology.h"

/* Scratch of one build: who comes after whom, and how many inputs are still missing. */
struct order_scratch {
    int32_t *first;   /* first[u] … first[u + 1]: the part of `down` that belongs to u */
    int32_t *down;    /* downstream operator of every edge, grouped by upstream */
    int32_t *missing; /* input edges whose upstream is not placed yet; -1: placed */
};

static enum kt_err scratch_fill(const struct kt_evidence *evidence, struct kt_arena *arena,
                                struct order_scratch *scratch, struct kt_error *error) {
    const size_t count = evidence->operators.count;
    size_t edges = 0;
    for (size_t i = 0; i < count; i++) {
        edges += evidence->operators.items[i].inputs.count;
    }
    scratch->first = kt_arena_array(arena, count + 2, sizeof *scratch->first);
    scratch->down = kt_arena_array(arena, edges, sizeof *scratch->down);
    scratch->missing = kt_arena_array(arena, count, sizeof *scratch->missing);
    if (scratch->first == NULL || scratch->down == NULL || scratch->missing == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the graph of %zu operators", count);
    }
    /* Counting sort of the edges by upstream: first[] is shifted by one while it is a cursor. */
    for (size_t i = 0; i < count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        for (size_t e = 0; e < op->inputs.count; e++) {
            const int32_t upstream = op->inputs.items[e].upstream;
            if (upstream < 0 || (size_t)upstream >= count) {
                return kt_fail(error, KT_ERR_INVALID,
                               "operators[%zu].inputs[%zu].upstream is %d of %zu operators", i, e,
                               upstream, count);
            }
            scratch->first[upstream + 2]++;
            scratch->missing[i]++;
        }
    }
    for (size_t i = 2; i < count + 2; i++) {
        scratch->first[i] += scratch->first[i - 1];
    }
    for (size_t i = 0; i < count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        for (size_t e = 0; e < op->inputs.count; e++) {
            scratch->down[scratch->first[op->inputs.items[e].upstream + 1]++] = (int32_t)i;
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_topology_build(const struct kt_evidence *evidence, struct kt_arena *arena,
                              struct kt_topology *topology, struct kt_error *error) {
    const size_t count = evidence->operators.count;
    struct order_scratch scratch;
    enum kt_err err = scratch_fill(evidence, arena, &scratch, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    *topology = (struct kt_topology){.operators = evidence->operators.items, .count = count};
    topology->order = kt_arena_array(arena, count, sizeof *topology->order);
    if (topology->order == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the graph of %zu operators", count);
    }
    size_t low = 0; /* no operator below it is ready */
    for (size_t placed = 0; placed < count; placed++) {
        while (low < count && scratch.missing[low] != 0) {
            low++;
        }
        if (low == count) {
            size_t stuck = 0;
            while (scratch.missing[stuck] <= 0) {
                stuck++;
            }
            const struct kt_operator_evidence *op = &evidence->operators.items[stuck];
            return kt_fail(error, KT_ERR_INVALID, "the graph has a cycle at or before %.*s",
                           KT_STR_ARG(op->vertex_id));
        }
        const size_t ready = low;
        topology->order[placed] = (int32_t)ready;
        scratch.missing[ready] = -1;
        for (int32_t e = scratch.first[ready]; e < scratch.first[ready + 1]; e++) {
            const size_t next = (size_t)scratch.down[e];
            scratch.missing[next]--;
            if (scratch.missing[next] == 0 && next < low) {
                low = next;
            }
        }
    }
    return KT_ERR_OK;
}

static double edge_weight(const struct kt_operator_evidence *upstream) {
    if (KT_HAS(upstream, KT_OPEV_RATE_OUT_PER_S)) {
        return upstream->rate_out_per_s;
    }
    return KT_HAS(upstream, KT_OPEV_RATE_IN_PER_S) ? upstream->rate_in_per_s : 0;
}

void kt_topology_carry(const struct kt_topology *topology, double *factor) {
    for (size_t k = 0; k < topology->count; k++) {
        const int32_t i = topology->order[k];
        const struct kt_operator_evidence *op = &topology->operators[i];
        if (op->inputs.count == 0) {
            continue;
        }
        double weighted = 0;
        double weights = 0;
        double plain = 0;
        for (size_t e = 0; e < op->inputs.count; e++) {
            const int32_t upstream = op->inputs.items[e].upstream;
            const double weight = edge_weight(&topology->operators[upstream]);
            weighted += weight * factor[upstream];
            weights += weight;
            plain += factor[upstream];
        }
        factor[i] = weights > 0 ? weighted / weights : plain / (double)op->inputs.count;
    }
}
