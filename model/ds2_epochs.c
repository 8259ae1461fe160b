/* SPDX-License-Identifier: GPL-3.0-or-later
 * DS2's answer for a whole job and every epoch of a rate log, as DS2's own program gives it. */
#include "model/ds2_epochs.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

/* Largest ratio of a source's true and observed output that leaves an answer as it is. */
#define RATIO_THRESHOLD DBL_MAX

/* One operator while the answer is computed. */
struct node {
    bool has_input;     /* an edge leads to it */
    bool has_output;    /* an edge leaves it */
    bool input_made;    /* an upstream was visited, which fixed input_count */
    size_t logged;      /* epochs in its log */
    double *processing; /* [logged] true processing rate */
    double *output;     /* [logged] true output rate; then output* */
    double *observed;   /* [logged] observed output rate */
    double *input;      /* [input_count] */
    size_t input_count; /* epochs of its input */
    size_t answers;     /* epochs with an answer: the first so many */
    uint32_t *parallel; /* [answers] */
    int32_t last_edge;  /* newest edge that leaves it, or -1 */
};

struct work {
    const struct kt_ds2_topology *topology;
    struct kt_arena *arena;
    struct node *nodes;
    int32_t *edge_before; /* per edge: the next older one that leaves the same node, or -1 */
    int32_t *order;       /* nodes as DS2 visits them */
    double *ratio_max;    /* per epoch, over the sources */
    size_t ratios;
};

static enum kt_err no_room(struct kt_error *error) {
    return kt_fail(error, KT_ERR_LIMIT, "no memory for DS2's answer");
}

static bool is_source(const struct node *node) {
    return node->has_output && !node->has_input;
}

/* ⌈x⌉ as a count: 0 for NaN and below, the largest count beyond it. */
static uint32_t to_count(double x) {
    const double up = ceil(x);
    if (!(up > 0)) {
        return 0;
    }
    return up >= (double)UINT32_MAX ? UINT32_MAX : (uint32_t)up;
}

/* ---- the graph ------------------------------------------------------------------------------ */

static enum kt_err make_nodes(struct work *work, struct kt_error *error) {
    const struct kt_ds2_topology *topology = work->topology;
    work->nodes = kt_arena_array(work->arena, topology->nodes.count, sizeof *work->nodes);
    work->edge_before =
        kt_arena_array(work->arena, topology->edges.count, sizeof *work->edge_before);
    work->order = kt_arena_array(work->arena, topology->nodes.count, sizeof *work->order);
    if (work->nodes == NULL || work->edge_before == NULL || work->order == NULL) {
        return no_room(error);
    }
    for (size_t i = 0; i < topology->nodes.count; i++) {
        work->nodes[i].last_edge = -1;
    }
    for (size_t e = 0; e < topology->edges.count; e++) {
        const struct kt_ds2_edge edge = topology->edges.items[e];
        work->nodes[edge.to].has_input = true;
        work->nodes[edge.from].has_output = true;
        work->edge_before[e] = work->nodes[edge.from].last_edge;
        work->nodes[edge.from].last_edge = (int32_t)e;
    }
    return KT_ERR_OK;
}

enum { FRESH = 0, ENTERED, LEFT };

/* Reverse post-order of a depth-first search that begins at the nodes in their order and follows
 * the oldest edge first. The order decides results (see the header), so it must be this one. */
static enum kt_err visit_order(struct work *work, struct kt_error *error) {
    const size_t count = work->topology->nodes.count;
    /* Every edge is pushed at most once, and every node once as a start. */
    int32_t *stack =
        kt_arena_array(work->arena, count + work->topology->edges.count, sizeof *stack);
    unsigned char *mark = kt_arena_array(work->arena, count, 1);
    if (stack == NULL || mark == NULL) {
        return no_room(error);
    }
    size_t place = count;
    for (size_t start = 0; start < count; start++) {
        size_t depth = 0;
        if (mark[start] == FRESH) {
            stack[depth++] = (int32_t)start;
        }
        while (depth > 0) {
            const int32_t at = stack[depth - 1];
            if (mark[at] != FRESH) {
                depth--;
                if (mark[at] == ENTERED) {
                    mark[at] = LEFT;
                    work->order[--place] = at;
                }
                continue;
            }
            mark[at] = ENTERED;
            for (int32_t e = work->nodes[at].last_edge; e >= 0; e = work->edge_before[e]) {
                const int32_t to = work->topology->edges.items[e].to;
                if (mark[to] == ENTERED) {
                    return kt_fail(error, KT_ERR_INVALID, "the topology has a cycle through '%.*s'",
                                   KT_STR_ARG(work->topology->nodes.items[to].id));
                }
                if (mark[to] == FRESH) {
                    stack[depth++] = to;
                }
            }
        }
    }
    return KT_ERR_OK;
}

/* ---- the rates ------------------------------------------------------------------------------ */

static int32_t find_node(const struct kt_ds2_topology *topology, struct kt_str id, bool by_name) {
    for (size_t i = 0; i < topology->nodes.count; i++) {
        if (kt_str_equal(topology->nodes.items[i].id, id)) {
            return (int32_t)i;
        }
    }
    for (size_t i = 0; by_name && i < topology->nodes.count; i++) {
        if (kt_str_equal(topology->nodes.items[i].name, id)) {
            return (int32_t)i;
        }
    }
    return -1;
}

static enum kt_err fill_rates(struct work *work, const char *file, const struct kt_ds2_log *log,
                              struct kt_error *error) {
    for (size_t i = 0; i < log->operators.count; i++) {
        const struct kt_ds2_log_operator *op = &log->operators.items[i];
        const int32_t index = find_node(work->topology, op->id, false);
        if (index < 0) {
            return kt_fail(error, KT_ERR_INVALID,
                           "%s:%" PRId64 ": operator '%.*s' is not in the topology", file,
                           op->epochs.items[0].line, KT_STR_ARG(op->id));
        }
        struct node *node = &work->nodes[index];
        const int32_t instances = work->topology->nodes.items[index].instances;
        node->logged = op->epochs.count;
        node->processing = kt_arena_array(work->arena, node->logged, sizeof(double));
        node->output = kt_arena_array(work->arena, node->logged, sizeof(double));
        node->observed = kt_arena_array(work->arena, node->logged, sizeof(double));
        node->parallel = kt_arena_array(work->arena, node->logged, sizeof *node->parallel);
        if (node->processing == NULL || node->output == NULL || node->observed == NULL ||
            node->parallel == NULL) {
            return no_room(error);
        }
        for (size_t e = 0; e < node->logged; e++) {
            const struct kt_ds2_epoch *epoch = &op->epochs.items[e];
            if (epoch->instances != instances) {
                return kt_fail(error, KT_ERR_INVALID,
                               "%s:%" PRId64
                               ": operator '%.*s' has %d instances, but %d in the topology",
                               file, epoch->line, KT_STR_ARG(op->id), epoch->instances, instances);
            }
            node->processing[e] = epoch->rates.true_processing;
            node->output[e] = epoch->rates.true_output;
            node->observed[e] = epoch->rates.observed_output;
        }
    }
    return KT_ERR_OK;
}

static enum kt_err replace_rates(struct work *work, const char *file,
                                 const struct kt_ds2_source_rates *rates, struct kt_error *error) {
    for (size_t i = 0; rates != NULL && i < rates->rates.count; i++) {
        const struct kt_ds2_source_rate *rate = &rates->rates.items[i];
        const int32_t index = find_node(work->topology, rate->source, true);
        if (index < 0) {
            return kt_fail(error, KT_ERR_INVALID,
                           "%s:%" PRId64 ": operator '%.*s' is not in the topology", file,
                           rate->line, KT_STR_ARG(rate->source));
        }
        struct node *node = &work->nodes[index];
        const double sum = rate->rate_per_instance * work->topology->nodes.items[index].instances;
        for (size_t e = 0; e < node->logged; e++) {
            node->output[e] =
                rate->rate_per_instance == KT_DS2_RATE_OBSERVED ? node->observed[e] : sum;
        }
    }
    return KT_ERR_OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void answer_node(const struct work *work, int32_t index) {
    struct node *node = &work->nodes[index];
    const double instances = work->topology->nodes.items[index].instances;
    node->answers = node->input_count < node->logged ? node->input_count : node->logged;
    for (size_t e = 0; e < node->answers; e++) {
        const double optimum = node->input[e] / (node->processing[e] / instances);
        node->parallel[e] = to_count(optimum);
        node->output[e] *= optimum / instances;
    }
}

/* Adds output* of a node to the inputs of those behind it, newest edge first. */
static enum kt_err pass_on(struct work *work, int32_t index, struct kt_error *error) {
    const struct node *node = &work->nodes[index];
    for (int32_t edge = node->last_edge; edge >= 0; edge = work->edge_before[edge]) {
        struct node *to = &work->nodes[work->topology->edges.items[edge].to];
        if (!to->input_made) {
            to->input_made = true;
            to->input_count = node->logged;
            to->input = kt_arena_array(work->arena, node->logged, sizeof *to->input);
            if (to->input == NULL) {
                return no_room(error);
            }
        }
        for (size_t e = 0; e < node->logged && e < to->input_count; e++) {
            to->input[e] += node->output[e];
        }
    }
    return KT_ERR_OK;
}

/* True over observed output of a source, into the maximum per epoch. A NaN that is there first
 * stays: nothing compares with it. */
static void take_ratios(struct work *work, const struct node *source) {
    for (size_t e = 0; e < source->logged; e++) {
        const double ratio = source->output[e] / source->observed[e];
        if (e >= work->ratios || work->ratio_max[e] < ratio) {
            work->ratio_max[e] = ratio;
        }
    }
    if (source->logged > work->ratios) {
        work->ratios = source->logged;
    }
}

/* Whether every operator behind the sources has an answer in this epoch and none grows. */
static bool none_grows(const struct work *work, size_t epoch) {
    for (size_t i = 0; i < work->topology->nodes.count; i++) {
        const struct node *node = &work->nodes[i];
        if (is_source(node)) {
            continue;
        }
        if (epoch >= node->answers ||
            node->parallel[epoch] > (uint32_t)work->topology->nodes.items[i].instances) {
            return false;
        }
    }
    return true;
}

static void adjust(struct work *work) {
    for (size_t e = 0; e < work->ratios; e++) {
        if (!(work->ratio_max[e] > RATIO_THRESHOLD) || !none_grows(work, e)) {
            continue;
        }
        for (size_t i = 0; i < work->topology->nodes.count; i++) {
            struct node *node = &work->nodes[i];
            if (e < node->answers) {
                node->parallel[e] = to_count(work->ratio_max[e] * node->parallel[e]);
            }
        }
    }
}

static enum kt_err collect(struct work *work, struct kt_ds2_answer *answer,
                           struct kt_error *error) {
    const size_t count = work->topology->nodes.count;
    size_t epochs = 0;
    for (size_t i = 0; i < count; i++) {
        epochs = work->nodes[i].answers > epochs ? work->nodes[i].answers : epochs;
    }
    if (epochs == 0) {
        return kt_fail(error, KT_ERR_INVALID,
                       "no epoch was logged by an operator and by the source before it");
    }
    answer->epochs.items = kt_arena_array(work->arena, epochs, sizeof *answer->epochs.items);
    if (answer->epochs.items == NULL) {
        return no_room(error);
    }
    for (answer->epochs.count = 0; answer->epochs.count < epochs; answer->epochs.count++) {
        const size_t e = answer->epochs.count;
        struct kt_ds2_epoch_answer *epoch = &answer->epochs.items[e];
        epoch->epoch = (int64_t)e;
        epoch->operators.items = kt_arena_array(work->arena, count, sizeof *epoch->operators.items);
        if (epoch->operators.items == NULL) {
            return no_room(error);
        }
        for (size_t k = 0; k < count; k++) {
            const struct node *node = &work->nodes[work->order[k]];
            if (e < node->answers) {
                epoch->operators.items[epoch->operators.count++] = (struct kt_ds2_operator_answer){
                    .node = work->order[k], .parallelism = node->parallel[e]};
            }
        }
    }
    return KT_ERR_OK;
}

enum kt_err kt_ds2_epochs(const struct kt_ds2_topology *topology, const char *log_file,
                          const struct kt_ds2_log *log, const char *source_rates_file,
                          const struct kt_ds2_source_rates *source_rates, struct kt_arena *arena,
                          struct kt_ds2_answer *answer, struct kt_error *error) {
    *answer = (struct kt_ds2_answer){.epochs = {NULL, 0}};
    struct work work = {.topology = topology, .arena = arena};
    enum kt_err err = make_nodes(&work, error);
    if (err == KT_ERR_OK) {
        err = visit_order(&work, error);
    }
    if (err == KT_ERR_OK) {
        err = fill_rates(&work, log_file, log, error);
    }
    if (err == KT_ERR_OK) {
        err = replace_rates(&work, source_rates_file, source_rates, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    size_t longest = 0;
    for (size_t i = 0; i < topology->nodes.count; i++) {
        longest = work.nodes[i].logged > longest ? work.nodes[i].logged : longest;
    }
    work.ratio_max = kt_arena_array(arena, longest, sizeof *work.ratio_max);
    if (work.ratio_max == NULL) {
        return no_room(error);
    }
    bool first = true;
    for (size_t k = 0; k < topology->nodes.count; k++) {
        const int32_t i = work.order[k];
        if (is_source(&work.nodes[i])) {
            /* The maximum begins at 0 for the epochs of the source that is visited first. */
            work.ratios = first ? work.nodes[i].logged : work.ratios;
            first = false;
            take_ratios(&work, &work.nodes[i]);
        }
        answer_node(&work, i);
        err = pass_on(&work, i, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    adjust(&work);
    return collect(&work, answer, error);
}
