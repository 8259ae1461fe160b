/* SPDX-License-Identifier: GPL-3.0-or-later
 * What a window proves about each operator, and what follows for its observation.
 *
 * A growing backlog alone proves nothing against an operator: backlogs are read seconds apart, and
 * a source that is throttled from outside has one, too. It takes an operator that has no time left.
 * The ones upstream of it are backpressured, those downstream wait for it; what separates it from
 * them is that it works all the time (its busiest subtask does, under skew). */
#include "model/keep_up.h"

#include "model/demand.h"
#include "model/lag.h"
#include "model/load_state.h"

#include <math.h>

/* An operator that is busy for less time than the busiest suspect by more than this has time left:
 * it waits for the one that holds the job up, or is held back by it. */
#define SATURATION_BAND 0.03

/* The evidence of a window is clamped this far beyond what it proved, ln units. */
#define CLAMP_MARGIN 0.002

double kt_keep_up_clamp(double ability, double lambda, int keep_up) {
    if (!(lambda > 0)) {
        return ability;
    }
    if (keep_up == KT_KEEP_UP_KEPT_UP && ability < lambda) {
        return lambda * exp(CLAMP_MARGIN);
    }
    if (keep_up == KT_KEEP_UP_FELL_BEHIND && ability > lambda) {
        return lambda * exp(-CLAMP_MARGIN);
    }
    return ability;
}

bool kt_keep_up_all(const struct kt_kept *kept, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (kept[i].keep_up != KT_KEEP_UP_KEPT_UP) {
            return false;
        }
    }
    return true;
}

/* How each operator stands to the sources that fall behind: what it misses, as a factor of what it
 * receives; above 1 below such a source. A source that says nothing of its backlog is taken to fall
 * behind when it is backpressured; nobody knows by how much. */
struct shortfall {
    double *factor;
    bool behind;   /* some source falls behind */
    bool blind;    /* one of them without a known backlog */
    bool doubtful; /* one is held back by more than its backlog shows: nobody can tell */
    bool informed; /* a backlog or a backpressured share is known of the job */
};

static enum kt_err find_shortfall(const struct kt_evidence *evidence,
                                  const struct kt_topology *topology, struct kt_arena *arena,
                                  struct shortfall *shortfall, struct kt_error *error) {
    *shortfall = (struct shortfall){
        .factor = kt_arena_array(arena, topology->count, sizeof *shortfall->factor)};
    if (shortfall->factor == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the keep-up of %zu operators",
                       topology->count);
    }
    const bool hidden = kt_demand_is_hidden(evidence);
    for (size_t i = 0; i < topology->count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        const bool lag_known = KT_HAS(op, KT_OPEV_PENDING_GROWTH_PER_S);
        shortfall->factor[i] = 1;
        shortfall->informed = shortfall->informed || KT_HAS(op, KT_OPEV_BACKPRESSURED) ||
                              (op->is_source && lag_known);
        if (!op->is_source || !KT_HAS(op, KT_OPEV_RATE_IN_PER_S)) {
            continue;
        }
        if (lag_known && kt_lag_is_hidden(evidence, op)) {
            shortfall->doubtful = true;
            shortfall->blind = true;
            shortfall->factor[i] = 2;
        } else if (lag_known) {
            const double growth = kt_lag_growth(evidence, op);
            if (growth > 0) {
                shortfall->behind = true;
                shortfall->factor[i] = op->rate_in_per_s > 0 ? 1 + growth / op->rate_in_per_s : 2;
            }
        } else if (kt_lag_is_held_back(evidence, op) ||
                   (hidden && !KT_HAS(op, KT_OPEV_BACKPRESSURED))) {
            shortfall->behind = true;
            shortfall->blind = true;
            shortfall->factor[i] = 2; /* by how much is not known; that it is suffices below */
        }
    }
    kt_topology_carry(topology, shortfall->factor);
    return KT_ERR_OK;
}

/* Whether an operator may be what holds the job up. */
static bool is_suspect(const struct kt_evidence *evidence, size_t i,
                       const struct shortfall *shortfall) {
    const struct kt_operator_evidence *op = &evidence->operators.items[i];
    const bool graph_known = op->is_source || op->inputs.count > 0;
    return KT_HAS(op, KT_OPEV_RATE_IN_PER_S) && !kt_lag_is_held_back(evidence, op) &&
           kt_load_strain(op) >= evidence->settings.core_max &&
           (!graph_known || shortfall->factor[i] > 1 + evidence->settings.keep_up_tolerance / 2);
}

static void judge_behind(const struct kt_evidence *evidence, const struct shortfall *shortfall,
                         struct kt_kept *kept) {
    double most = 0;
    for (size_t i = 0; i < evidence->operators.count; i++) {
        if (is_suspect(evidence, i, shortfall)) {
            most = fmax(most, kt_load_strain(&evidence->operators.items[i]));
        }
    }
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        if (is_suspect(evidence, i, shortfall) && kt_load_strain(op) >= most - SATURATION_BAND &&
            (kept[i].lambda < 0 || op->rate_in_per_s < kept[i].lambda)) {
            kept[i].keep_up = KT_KEEP_UP_FELL_BEHIND;
        }
    }
}

/* Every operator took what it had to. That is never more than what it received, whatever the
 * ratios along the graph say. */
static void judge_kept_up(const struct kt_evidence *evidence, struct kt_kept *kept) {
    for (size_t i = 0; i < evidence->operators.count; i++) {
        const struct kt_operator_evidence *op = &evidence->operators.items[i];
        kept[i].keep_up = KT_KEEP_UP_KEPT_UP;
        if (KT_HAS(op, KT_OPEV_RATE_IN_PER_S)) {
            kept[i].lambda =
                kept[i].lambda < 0 ? op->rate_in_per_s : fmin(kept[i].lambda, op->rate_in_per_s);
        }
    }
}

enum kt_err kt_keep_up_assess(const struct kt_evidence *evidence,
                              const struct kt_topology *topology, struct kt_arena *arena,
                              struct kt_kept **kept, struct kt_error *error) {
    const size_t count = evidence->operators.count;
    double *lambda = NULL;
    bool complete = false;
    struct shortfall shortfall;
    enum kt_err err = kt_demand_from_sources(evidence, topology, arena, &lambda, &complete, error);
    if (err == KT_ERR_OK) {
        err = find_shortfall(evidence, topology, arena, &shortfall, error);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    *kept = kt_arena_array(arena, count, sizeof **kept);
    if (*kept == NULL) {
        return kt_fail(error, KT_ERR_LIMIT, "no memory for the keep-up of %zu operators", count);
    }
    for (size_t i = 0; i < count; i++) {
        (*kept)[i] = (struct kt_kept){
            .keep_up = KT_KEEP_UP_UNKNOWN,
            .lambda = shortfall.blind && shortfall.factor[i] > 1 ? KT_DEMAND_UNKNOWN : lambda[i]};
    }
    if (shortfall.behind) {
        judge_behind(evidence, &shortfall, *kept);
    } else if (shortfall.informed && !shortfall.doubtful) {
        judge_kept_up(evidence, *kept);
    }
    return KT_ERR_OK;
}
