/* SPDX-License-Identifier: GPL-3.0-or-later
 * The records of one step of a simulated job.
 *
 * A step must give the same whatever its length, so room is not what the buffers below happen to
 * have at its start but what they will have taken by its end. Three passes:
 *
 *   1. down: what every operator would emit if only abilities limited it
 *        wanted = selectivity · min(can, queue + Σ wanted of its inputs)
 *   2. up: what every operator can take, given what those below it can
 *        limit  = min(can, granted below / selectivity)
 *        room   = buffer − queue + limit, shared among its inputs by max-min fairness of what they
 *                 want: none gets more than it wants while another gets less than an even share
 *   3. down: what flows
 *        taken  = min(limit, queue + Σ emitted of its inputs)
 *
 * No queue exceeds its buffer and no record appears or is lost. Where there are both joins and
 * fan-outs, an input may not use its share because another output blocks it: passes 2 and 3 are
 * repeated with what it would emit then, so that what it leaves goes to the others. A source's
 * queue is the backlog of its topic and has no bound. */
#include "ops/sim_state.h"

#include <math.h>

#define ROUNDS 4

/* At full speed: what an operator that emits in bursts holds of them. */
#define BURSTS_MAX 1.1

void kt_sim_flow_init(struct kt_sim_job *job) {
    bool joins = false, fans_out = false;
    job->edges_count = 0;
    for (int i = 0; i < job->spec->count; i++) {
        const struct kt_sim_operator *op = &job->spec->operators[i];
        job->vertices[i].first_in = job->edges_count;
        joins = joins || op->inputs_count > 1;
        for (int k = 0; k < op->inputs_count; k++) {
            struct kt_sim_vertex *up = &job->vertices[op->inputs[k]];
            up->out[up->outs++] = job->edges_count;
            fans_out = fans_out || up->outs > 1;
            job->edges[job->edges_count++] = (struct kt_sim_edge){.from = op->inputs[k], .to = i};
        }
    }
    job->contended = joins && fans_out;
}

/* Whether it emits in bursts. */
static bool bursts(const struct kt_sim_job *job, int i) {
    return job->spec->metrics.burst_s > 0.0 && job->spec->operators[i].inputs_count > 0;
}

/* Records that wait for the operator by the end of the step if it takes none. */
static double available(const struct kt_sim_job *job, int i, bool as_wanted) {
    const struct kt_sim_vertex *vertex = &job->vertices[i];
    double records = vertex->queue;
    for (int k = 0; k < job->spec->operators[i].inputs_count; k++) {
        const struct kt_sim_edge *edge = &job->edges[vertex->first_in + k];
        records += as_wanted ? edge->wanted : edge->emitted;
    }
    return records;
}

static void pass_wanted(struct kt_sim_job *job) {
    for (int i = 0; i < job->spec->count; i++) {
        const struct kt_sim_vertex *vertex = &job->vertices[i];
        const double wanted = bursts(job, i) ? vertex->pending
                                             : job->spec->operators[i].selectivity *
                                                   fmin(vertex->can, available(job, i, true));
        for (int k = 0; k < vertex->outs; k++) {
            job->edges[vertex->out[k]].wanted = wanted;
            job->edges[vertex->out[k]].emitted = wanted;
        }
    }
}

/* Shares room among the edges: as much as each asks for by max-min fairness. Adds to granted; an
 * edge asks for wanted (extra: for what it wants beyond what it would emit). */
static double share_fairly(struct kt_sim_edge *edges, int count, double room, bool extra) {
    bool served[KT_SIM_INPUTS_MAX] = {false};
    for (int left = count; left > 0;) {
        const double even = room / left;
        const int before = left;
        for (int k = 0; k < count; k++) {
            const double asks = extra ? edges[k].wanted - edges[k].emitted : edges[k].emitted;
            if (!served[k] && asks <= even) {
                served[k] = true;
                edges[k].granted += asks;
                room -= asks;
                left--;
            }
        }
        if (left == before) { /* everybody left asks for more than an even share */
            for (int k = 0; k < count; k++) {
                edges[k].granted += served[k] ? 0.0 : even;
            }
            return 0.0;
        }
    }
    return room;
}

static void grant(struct kt_sim_job *job, int i, double room) {
    struct kt_sim_edge *edges = &job->edges[job->vertices[i].first_in];
    const int count = job->spec->operators[i].inputs_count;
    double wanted = 0.0;
    for (int k = 0; k < count; k++) {
        wanted += edges[k].wanted;
    }
    for (int k = 0; k < count; k++) {
        edges[k].granted = wanted <= room ? INFINITY : 0.0;
    }
    if (wanted <= room) {
        return;
    }
    if (count == 1) {
        edges[0].granted = room;
        return;
    }
    room = share_fairly(edges, count, room, false);
    if (room > 0.0) {
        share_fairly(edges, count, room, true);
    }
}

/* Records that those below take from operator i in this step. */
static double granted_below(const struct kt_sim_job *job, int i) {
    const struct kt_sim_vertex *vertex = &job->vertices[i];
    double granted = INFINITY;
    for (int k = 0; k < vertex->outs; k++) {
        granted = fmin(granted, job->edges[vertex->out[k]].granted);
    }
    return granted;
}

static void pass_limits(struct kt_sim_job *job) {
    for (int i = job->spec->count - 1; i >= 0; i--) {
        const struct kt_sim_operator *op = &job->spec->operators[i];
        struct kt_sim_vertex *vertex = &job->vertices[i];
        double room = granted_below(job, i);
        if (bursts(job, i)) {
            /* Bursts are emitted beside the work. Where those below take one until the next is due,
             * what waits and what is gathered together are never more than one; beyond that, and a
             * tenth for uneven speed, the work waits for them, and they never starve. */
            const double burst = vertex->ability * op->selectivity * job->spec->metrics.burst_s;
            room = fmax(0.0, BURSTS_MAX * burst - vertex->held - vertex->pending);
        }
        vertex->limit =
            op->selectivity > 0.0 ? fmin(vertex->can, room / op->selectivity) : vertex->can;
        if (op->inputs_count > 0) {
            const double buffer = job->spec->buffer_records * vertex->parallelism;
            grant(job, i, fmax(0.0, buffer - vertex->queue) + vertex->limit);
        }
    }
}

/* What flows with what is granted; tells the edges, changes no vertex. */
static void pass_emitted(struct kt_sim_job *job) {
    for (int i = 0; i < job->spec->count; i++) {
        const struct kt_sim_vertex *vertex = &job->vertices[i];
        const double emitted = bursts(job, i) ? fmin(vertex->pending, granted_below(job, i))
                                              : job->spec->operators[i].selectivity *
                                                    fmin(vertex->limit, available(job, i, false));
        for (int k = 0; k < vertex->outs; k++) {
            job->edges[vertex->out[k]].emitted = emitted;
        }
    }
}

static void settle_vertex(struct kt_sim_job *job, int i, double dt_ms) {
    struct kt_sim_vertex *vertex = &job->vertices[i];
    struct kt_sim_totals *totals = &vertex->totals;
    const double waits = available(job, i, false);
    const double taken = fmin(vertex->limit, waits);
    const double made = taken * job->spec->operators[i].selectivity;
    const double emitted = bursts(job, i) ? fmin(vertex->pending, granted_below(job, i)) : made;
    if (bursts(job, i)) {
        vertex->held += made;
        vertex->pending -= emitted;
    }
    vertex->queue = waits - taken;
    const double busy_ms =
        dt_ms * taken / vertex->can / kt_sim_busiest(&job->spec->operators[i], vertex->parallelism);
    totals->records_in += taken;
    totals->records_out += emitted;
    totals->elapsed_ms += dt_ms;
    totals->busy_ms += busy_ms;
    if (taken < fmin(vertex->can, waits)) {
        totals->blocked_ms += dt_ms;
        totals->blocked_busy_ms += busy_ms;
    }
}

void kt_sim_flow_step(struct kt_sim_job *job, double dt_ms) {
    pass_wanted(job);
    for (int round = job->contended ? ROUNDS : 1; round > 0; round--) {
        pass_limits(job);
        pass_emitted(job);
    }
    for (int i = 0; i < job->spec->count; i++) {
        settle_vertex(job, i, dt_ms);
    }
}
