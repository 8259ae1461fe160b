/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads a filled window: one summary per vertex, in the order of the vertices' ids.
 *
 * Per vertex there may be two accounts: that of its subtasks and that of events about the whole
 * vertex. The subtasks' is used when all of them reported, and the whole vertex fills in measures
 * they lack; otherwise the whole vertex's is used, if there is one. */
#include "model/window_data.h"

#include <math.h>
#include <stdlib.h>

/* What the subtasks of one account add up to; NAN stands for unknown. */
struct account {
    int32_t subtasks; /* added up here; 1 for a whole vertex */
    int32_t clocks;   /* subtasks they stand for */
    int32_t samples_least;
    double span_ms_least;
    int32_t first_at_ms;
    int32_t last_at_ms_least; /* of the subtask that fell silent first */
    int64_t attempt_start_ms;
    bool attempt_known;
    bool restarted;
    bool reset;
    bool stale;
    uint32_t smoothed; /* bit per measure: at least one subtask's is a smoothed rate */
    bool aligned[KT_MEASURES];
    double rate[KT_MEASURES]; /* records/s summed, shares of time as means */
    double half_rate[KT_MEASURES][2];
    double delta[KT_MEASURES];
    double busy_max;
    double pending; /* these three over the subtasks that know them */
    double pending_growth_per_s;
    double cpu_load;
};

/* A subtask and its place in the window's array. */
struct entry {
    uint32_t key;
    uint32_t index;
};

static int entry_order(const void *a, const void *b) {
    const struct entry *x = a;
    const struct entry *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* One vertex before its summary: its id and its run of entries. */
struct run {
    const struct kt_vertex *vertex;
    const struct entry *entries;
    size_t count;
};

static int run_order(const void *a, const void *b) {
    const struct kt_text x = ((const struct run *)a)->vertex->id;
    const struct kt_text y = ((const struct run *)b)->vertex->id;
    return kt_str_compare((struct kt_str){x.data, x.len}, (struct kt_str){y.data, y.len});
}

/* ---- accounts ---------------------------------------------------------------------------- */

static struct account account_empty(void) {
    return (struct account){.samples_least = INT32_MAX,
                            .span_ms_least = INFINITY,
                            .first_at_ms = INT32_MAX,
                            .last_at_ms_least = INT32_MAX,
                            .aligned = {true, true, true, true, true},
                            .pending = NAN,
                            .pending_growth_per_s = NAN,
                            .cpu_load = NAN};
}

/* Sum of what is known: NAN only while nothing is. */
static double sum_known(double sum, double value) {
    if (isnan(value)) {
        return sum;
    }
    return isnan(sum) ? value : sum + value;
}

static void account_add(struct account *account, const struct kt_subtask *subtask, int32_t clocks,
                        bool source, int32_t *cpu_count) {
    struct kt_measured m;
    kt_subtask_measure(subtask, clocks, source, &m);
    account->subtasks++;
    account->clocks += clocks;
    account->samples_least =
        m.samples < account->samples_least ? m.samples : account->samples_least;
    account->span_ms_least = fmin(account->span_ms_least, m.span_ms);
    if (subtask->first_at_ms < account->first_at_ms) {
        account->first_at_ms = subtask->first_at_ms;
    }
    if (subtask->last_at_ms < account->last_at_ms_least) {
        account->last_at_ms_least = subtask->last_at_ms;
    }
    if (subtask->attempt_known &&
        (!account->attempt_known || subtask->attempt_start_ms > account->attempt_start_ms)) {
        account->attempt_start_ms = subtask->attempt_start_ms;
        account->attempt_known = true;
    }
    account->restarted = account->restarted || subtask->restarted;
    account->reset = account->reset || m.reset;
    account->stale = account->stale || m.stale;
    account->smoothed |= m.smoothed;
    for (int i = 0; i < KT_MEASURES; i++) {
        account->rate[i] += m.rate[i];
        account->delta[i] += m.delta[i];
        account->aligned[i] = account->aligned[i] && m.aligned[i];
        account->half_rate[i][0] += m.half_rate[i][0];
        account->half_rate[i][1] += m.half_rate[i][1];
    }
    account->busy_max = fmax(account->busy_max, m.rate[KT_MEASURE_BUSY]);
    account->pending = sum_known(account->pending, m.pending);
    account->pending_growth_per_s =
        sum_known(account->pending_growth_per_s, m.pending_growth_per_s);
    account->cpu_load = sum_known(account->cpu_load, m.cpu_load);
    *cpu_count += !isnan(m.cpu_load);
}

/* Turns sums into means where a mean is meant. */
static void account_finish(struct account *account, int32_t cpu_count) {
    for (int i = KT_MEASURE_CLOCK; i < KT_MEASURES; i++) {
        account->rate[i] /= account->subtasks;
        account->half_rate[i][0] /= account->subtasks;
        account->half_rate[i][1] /= account->subtasks;
    }
    if (cpu_count > 0) {
        account->cpu_load /= cpu_count;
    }
}

/* Fills in what the subtasks lack from what was said about the whole vertex. */
static void account_complete(struct account *account, const struct account *whole) {
    bool used = false;
    for (unsigned i = 0; i < KT_MEASURES; i++) {
        if (!isnan(account->rate[i]) || isnan(whole->rate[i])) {
            continue;
        }
        used = true;
        account->rate[i] = whole->rate[i];
        account->delta[i] = whole->delta[i];
        account->smoothed = (account->smoothed & ~(1U << i)) | (whole->smoothed & 1U << i);
        account->half_rate[i][0] = whole->half_rate[i][0];
        account->half_rate[i][1] = whole->half_rate[i][1];
        account->aligned[i] = false;
        if (i == KT_MEASURE_BUSY) {
            account->busy_max = whole->busy_max;
            for (unsigned records = 0; records < KT_MEASURE_CLOCK; records++) {
                account->aligned[records] = false;
            }
        }
    }
    if (used) {
        account->samples_least = whole->samples_least < account->samples_least
                                     ? whole->samples_least
                                     : account->samples_least;
        account->span_ms_least = fmin(account->span_ms_least, whole->span_ms_least);
        account->reset = account->reset || whole->reset;
        account->stale = account->stale || whole->stale;
    }
    account->pending = isnan(account->pending) ? whole->pending : account->pending;
    account->pending_growth_per_s = isnan(account->pending_growth_per_s)
                                        ? whole->pending_growth_per_s
                                        : account->pending_growth_per_s;
    account->cpu_load = isnan(account->cpu_load) ? whole->cpu_load : account->cpu_load;
}

/* ---- from account to summary ------------------------------------------------------------- */

static void set_known(struct kt_vertex_summary *out, enum kt_summary_field field, double *to,
                      double value) {
    if (isfinite(value)) {
        *to = value;
        KT_SET(out, field);
    }
}

static void set_halves(struct kt_vertex_summary *out, enum kt_summary_field field,
                       const double halves[2], double *first, double *second) {
    if (isfinite(halves[0]) && isfinite(halves[1])) {
        *first = halves[0];
        *second = halves[1];
        KT_SET(out, field);
    }
}

/* PA = λ̂ / T_u over all subtasks (ContTune, "Terms"): Σ Δrecords / Σ Δbusy per unit of busy time,
 * times the subtasks, where both counters were sampled together; else the ratio of the rates. */
static double ability_of(const struct account *account, unsigned records) {
    const double records_delta = account->delta[records];
    const double busy_delta_ms = account->delta[KT_MEASURE_BUSY];
    if (account->aligned[records]) {
        return records_delta > 0 && busy_delta_ms > 0
                   ? 1000 * account->clocks * records_delta / busy_delta_ms
                   : (double)NAN;
    }
    const double rate = account->rate[records];
    const double busy = account->rate[KT_MEASURE_BUSY];
    return rate > 0 && busy > 0 ? rate / busy : (double)NAN;
}

static void summary_measures(const struct account *account, struct kt_vertex_summary *out) {
    const unsigned records = out->is_source ? KT_MEASURE_OUT : KT_MEASURE_IN;
    set_known(out, KT_SUM_RATE_IN, &out->rate_in_per_s, account->rate[records]);
    set_known(out, KT_SUM_RATE_OUT, &out->rate_out_per_s, account->rate[KT_MEASURE_OUT]);
    set_halves(out, KT_SUM_RATE_HALVES, account->half_rate[records], &out->rate_first_half,
               &out->rate_second_half);
    set_halves(out, KT_SUM_BACKPRESSURED_HALVES, account->half_rate[KT_MEASURE_BACKPRESSURED],
               &out->backpressured_first_half, &out->backpressured_second_half);
    set_known(out, KT_SUM_BUSY, &out->busy, account->rate[KT_MEASURE_BUSY]);
    set_halves(out, KT_SUM_BUSY_HALVES, account->half_rate[KT_MEASURE_BUSY], &out->busy_first_half,
               &out->busy_second_half);
    out->busy_max = KT_HAS(out, KT_SUM_BUSY) ? account->busy_max : 0;
    set_known(out, KT_SUM_BACKPRESSURED, &out->backpressured,
              account->rate[KT_MEASURE_BACKPRESSURED]);
    set_known(out, KT_SUM_IDLE, &out->idle, account->rate[KT_MEASURE_IDLE]);
    set_known(out, KT_SUM_CPU_LOAD, &out->cpu_load, account->cpu_load);
    set_known(out, KT_SUM_PENDING, &out->pending_records, account->pending);
    set_known(out, KT_SUM_PENDING_GROWTH, &out->pending_growth_per_s,
              account->pending_growth_per_s);
    if (out->parallelism > 0) {
        set_known(out, KT_SUM_ABILITY, &out->ability, ability_of(account, records));
    }
    const bool rate = KT_HAS(out, KT_SUM_RATE_IN);
    const bool busy = KT_HAS(out, KT_SUM_BUSY);
    out->not_a_number = !rate || !busy;
    out->from_totals = (rate || busy) && !(rate && account->smoothed >> records & 1U) &&
                       !(busy && account->smoothed >> KT_MEASURE_BUSY & 1U);
}

static void summary_validity(const struct kt_window *window, const struct kt_vertex *vertex,
                             const struct account *account, struct kt_vertex_summary *out) {
    out->samples_least = account->samples_least;
    out->span_ms_least = (int64_t)account->span_ms_least;
    out->first_ms = window->start_ms + account->first_at_ms;
    out->counter_reset = account->reset;
    out->stale = account->stale;
    if (account->attempt_known) {
        out->attempt_start_ms = account->attempt_start_ms;
        KT_SET(out, KT_SUM_ATTEMPT_START);
    }
    /* A subtask silent since before the newest attempt belongs to an older one. */
    const bool left_behind =
        account->attempt_known &&
        account->attempt_start_ms > window->start_ms + account->last_at_ms_least;
    const bool beyond = vertex->parallelism.at_ms != KT_WINDOW_NEVER &&
                        vertex->subtask_largest >= vertex->parallelism.value;
    out->restarted = account->restarted || left_behind || beyond || vertex->parallelism_changed ||
                     window->job_id_changed;
}

/* Adds up both accounts of a vertex and takes the better one. */
static void summary_account(const struct kt_window *window, const struct run *run,
                            struct kt_vertex_summary *out) {
    struct account parts = account_empty();
    struct account whole = account_empty();
    int32_t parts_cpu = 0;
    int32_t whole_cpu = 0;
    for (size_t i = 0; i < run->count; i++) {
        const struct kt_subtask *subtask = &window->subtasks[run->entries[i].index];
        if (kt_window_key_subtask(run->entries[i].key) == KT_SUBTASK_WHOLE_VERTEX) {
            account_add(&whole, subtask, out->parallelism > 0 ? out->parallelism : 1,
                        out->is_source, &whole_cpu);
        } else {
            account_add(&parts, subtask, 1, out->is_source, &parts_cpu);
        }
    }
    account_finish(&parts, parts_cpu);
    account_finish(&whole, whole_cpu);
    out->subtasks_seen = parts.subtasks;
    struct account *account = &parts;
    if (whole.subtasks > 0 && parts.subtasks == out->parallelism && parts.subtasks > 0) {
        account_complete(&parts, &whole);
    } else if (whole.subtasks > 0) {
        out->subtasks_seen = out->parallelism;
        whole.restarted = whole.restarted || parts.restarted;
        account = &whole;
    }
    summary_measures(account, out);
    summary_validity(window, run->vertex, account, out);
}

/* ---- the job ----------------------------------------------------------------------------- */

static bool str_copy(struct kt_arena *arena, struct kt_text text, struct kt_str *out) {
    *out = kt_arena_str(arena, kt_text_str(text));
    return out->data != NULL;
}

static bool upstream_copy(struct kt_arena *arena, const struct kt_vertex *vertex,
                          struct kt_vertex_summary *out) {
    out->upstream.count = vertex->upstream_count;
    out->upstream.items =
        kt_arena_array(arena, vertex->upstream_count, sizeof *out->upstream.items);
    if (out->upstream.items == NULL) {
        return false;
    }
    for (size_t i = 0; i < vertex->upstream_count; i++) {
        const struct kt_edge_text *edge = &vertex->upstream[i];
        struct kt_upstream *copy = &out->upstream.items[i];
        if (!str_copy(arena, edge->vertex_id, &copy->vertex_id)) {
            return false;
        }
        if (edge->has_ship_strategy) {
            if (!str_copy(arena, edge->ship_strategy, &copy->ship_strategy)) {
                return false;
            }
            KT_SET(copy, KT_UPSTREAM_SHIP_STRATEGY);
        }
    }
    return true;
}

static bool vertex_summarise(const struct kt_window *window, const struct run *run,
                             struct kt_arena *arena, struct kt_vertex_summary *out) {
    const struct kt_vertex *vertex = run->vertex;
    if (!str_copy(arena, vertex->id, &out->vertex_id) ||
        !str_copy(arena, vertex->name, &out->name)) {
        return false;
    }
    const bool graph_known = vertex->upstream_at_ms != KT_WINDOW_NEVER;
    if (graph_known) {
        if (!upstream_copy(arena, vertex, out)) {
            return false;
        }
        KT_SET(out, KT_SUM_UPSTREAM);
    }
    out->is_source = vertex->is_source.at_ms != KT_WINDOW_NEVER
                         ? vertex->is_source.value != 0
                         : graph_known && vertex->upstream_count == 0;
    out->parallelism = vertex->parallelism.at_ms != KT_WINDOW_NEVER ? vertex->parallelism.value
                                                                    : vertex->subtask_largest + 1;
    out->max_parallelism = vertex->max_parallelism.value;
    out->source_partitions = vertex->source_partitions.value;
    summary_account(window, run, out);
    return true;
}

/* The window's subtasks vertex by vertex, subtasks ascending, so that sums do not depend on the
 * order of arrival; the runs in the order of the vertices' ids. False when out of memory. */
static bool runs_build(const struct kt_window *window, struct kt_arena *arena, struct run **out,
                       size_t *out_count) {
    struct entry *entries = kt_arena_array(arena, window->subtask_count, sizeof *entries);
    struct run *runs = kt_arena_array(arena, window->vertex_count, sizeof *runs);
    if (entries == NULL || runs == NULL) {
        return false;
    }
    size_t count = 0;
    bool sorted = true;
    for (size_t i = 0; i < window->subtask_count; i++) {
        if (window->subtasks[i].last_at_ms != KT_WINDOW_NEVER) { /* else its event was refused */
            entries[count] = (struct entry){window->subtasks[i].key, (uint32_t)i};
            sorted = sorted && (count == 0 || entries[count - 1].key < entries[count].key);
            count++;
        }
    }
    if (!sorted) {
        qsort(entries, count, sizeof *entries, entry_order);
    }
    size_t runs_count = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t vertex = kt_window_key_vertex(entries[i].key);
        if (i == 0 || kt_window_key_vertex(entries[i - 1].key) != vertex) {
            runs[runs_count++] = (struct run){&window->vertices[vertex], &entries[i], 0};
        }
        runs[runs_count - 1].count++;
    }
    if (runs_count > 0) {
        qsort(runs, runs_count, sizeof *runs, run_order);
    }
    *out = runs;
    *out_count = runs_count;
    return true;
}

enum kt_err kt_window_summarise(const struct kt_window *window, struct kt_arena *arena,
                                struct kt_window_summary *summary, struct kt_error *error) {
    struct run *runs = NULL;
    size_t count = 0;
    *summary = (struct kt_window_summary){
        .start_ms = window->start_ms, .end_ms = window->end_ms, .slots_available = -1};
    if (window->slots_available.at_ms != KT_WINDOW_NEVER) {
        summary->slots_available = window->slots_available.value;
    }
    if (!str_copy(arena, window->cluster, &summary->cluster) ||
        !str_copy(arena, window->job_name, &summary->job_name) ||
        !str_copy(arena, window->job_id, &summary->job_id) ||
        !runs_build(window, arena, &runs, &count)) {
        goto no_memory;
    }
    summary->vertices.items = kt_arena_array(arena, count, sizeof *summary->vertices.items);
    if (summary->vertices.items == NULL) {
        goto no_memory;
    }
    summary->vertices.count = count;
    for (size_t i = 0; i < count; i++) {
        if (!vertex_summarise(window, &runs[i], arena, &summary->vertices.items[i])) {
            goto no_memory;
        }
    }
    return KT_ERR_OK;

no_memory:
    return kt_fail(error, KT_ERR_NOMEM, "no room for the summary of a window of %zu vertices",
                   window->vertex_count);
}

int64_t kt_window_summary_find(const struct kt_window_summary *summary, struct kt_str id) {
    size_t low = 0, high = summary->vertices.count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = kt_str_compare(summary->vertices.items[middle].vertex_id, id);
        if (order == 0) {
            return (int64_t)middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return -1;
}
