/* SPDX-License-Identifier: GPL-3.0-or-later
 * The demand on every operator: λ, the records per second it must keep up with. */
#ifndef KT_MODEL_DEMAND_H
#define KT_MODEL_DEMAND_H

#include "model/topology.h"
#include "schemas/rescale_command.h"

/* A backlog is to be worked off within this time; one that shrinks fast enough for it is no sign
 * of too little parallelism. (Flink's own autoscaler plans with the same half hour.) */
#define KT_CATCH_UP_S 1800.0

/* Downtime of a rescale that a lowered job must be able to make good within KT_CATCH_UP_S. Without
 * it a job would be lowered to just λ, never work off the backlog of that very restart, look
 * under-provisioned, be raised and then lowered again. */
#define KT_DOWNTIME_S 60.0

/* λ asked of a smaller parallelism than what runs. */
static inline double kt_demand_to_lower(double lambda) {
    return lambda * (1 + KT_DOWNTIME_S / KT_CATCH_UP_S);
}

/* λ of an operator whose demand is not known. */
#define KT_DEMAND_UNKNOWN (-1.0)

/* λ per operator while nothing is backpressured: what it receives (a source: what it emits). A
 * source that falls behind (kt_load_falls_behind) hides what it cannot emit: everything at and
 * below it is scaled by (rate + growth) / rate. While a source drains a backlog
 * (pending_growth_per_s below -1 % of its rate), that is more than what arrives, so everything at
 * and below it is scaled by min(1, (rate + growth + pending / KT_CATCH_UP_S) / rate), carried along
 * the edges and weighted by rates at joins. The last term keeps room to finish the drain: a job
 * shrunk to the arrival rate alone would keep its backlog for ever. */
KT_MUST_CHECK enum kt_err kt_demand_visible(const struct kt_evidence *evidence,
                                            const struct kt_topology *topology,
                                            struct kt_arena *arena, double **lambda,
                                            struct kt_error *error);

/* λ per operator while backpressure hides it: max(lambda_known, rate), scaled by
 *   (known + pending / KT_CATCH_UP_S) / known
 * of its sources, so that a job without any room to work off its backlog asks for some. *complete:
 * lambda_known is there for every operator that could be scaled (measured and not pinned). */
KT_MUST_CHECK enum kt_err kt_demand_hidden(const struct kt_evidence *evidence,
                                           const struct kt_topology *topology,
                                           struct kt_arena *arena, double **lambda, bool *complete,
                                           struct kt_error *error);

/* λ per operator from what arrives at the sources, which nothing hides where their backlog is
 * known:
 *
 *   λ(source) = rate + growth of its backlog     (kt_lag_growth)
 *   λ(i)      = input_ratio(i) · Σ over input edges from u of selectivity(u) · λ(u)
 *
 * with the learned ratios, else those of this window. Where they were not learned yet, nothing is
 * backpressured and no backlog moves, λ(i) is what i receives; once they are, they tell better what
 * an operator that receives its input in bursts has to keep up with. An operator that works all the
 * time, is not held back, and receives λ(i) already while its sources fall behind, has more to do
 * than was learned: it misses of what it receives as much as they do of theirs. A source without a
 * backlog that can be believed (kt_lag_is_hidden) shows its λ as long as it is not backpressured
 * itself. *complete: λ is known of every operator that could be scaled (measured and not pinned);
 * of the others it may be KT_DEMAND_UNKNOWN. */
KT_MUST_CHECK enum kt_err kt_demand_from_sources(const struct kt_evidence *evidence,
                                                 const struct kt_topology *topology,
                                                 struct kt_arena *arena, double **lambda,
                                                 bool *complete, struct kt_error *error);

/* What stands in for λ of a source of which nobody can tell it (kt_lag_is_hidden), each where the
 * one before does not hold. */
enum kt_guess {
    KT_GUESS_NONE,    /* nothing: λ is unknown */
    KT_GUESS_DECIDED, /* the λ that was last decided on, if not even that passes */
    KT_GUESS_MOST     /* the largest λ that showed, or KT_GUESS_MORE_FACTOR times what passes */
};
#define KT_GUESS_MORE_FACTOR 2.0

/* kt_demand_from_sources with guesses, beginning with `guess`. */
KT_MUST_CHECK enum kt_err kt_demand_guess(const struct kt_evidence *evidence,
                                          const struct kt_topology *topology, enum kt_guess guess,
                                          struct kt_arena *arena, double **lambda, bool *complete,
                                          struct kt_error *error);

/* λ of a source; unknown where it is held back and says nothing of what waits. */
double kt_demand_of_source(const struct kt_evidence *evidence,
                           const struct kt_operator_evidence *op);

/* From λ in this window to the level that it fluctuates around (model/load_noise.h), carried down
 * from the sources like λ itself; *noise: σ per operator, that of the sources above it, at joins
 * their mean. Where no load fluctuates λ stays as it is, to the bit. */
KT_MUST_CHECK enum kt_err kt_demand_level(const struct kt_evidence *evidence,
                                          const struct kt_topology *topology,
                                          struct kt_arena *arena, double *lambda, double **noise,
                                          struct kt_error *error);

/* Whether some vertex says that it is backpressured for backpressure_threshold of the time. */
bool kt_demand_is_hidden(const struct kt_evidence *evidence);

/* Whether these are decisions about another load than the last one that was decided on: λ of a
 * source (of any operator where no source's λ is known) was never decided on or differs by more
 * than load_change of it. Sources only, because what others receive comes in bursts below windowed
 * operators. False where no λ is known. */
bool kt_demand_is_new(const struct kt_evidence *evidence,
                      const struct kt_operator_decision *operators, size_t count);

/* A ratio of two rates as it is remembered: so far value = Σ numerators / Σ denominators. */
#define KT_RATIO_WINDOWS_MAX 30
struct kt_ratio {
    double value;
    double base_per_s; /* mean denominator, records/s */
    int32_t windows;   /* that it was learned from, up to KT_RATIO_WINDOWS_MAX; 0: not known */
};

/* The ratio with one more window: that of the sums over the first KT_RATIO_WINDOWS_MAX windows,
 * from then on the older ones weigh less by a factor of 1 - 1 / KT_RATIO_WINDOWS_MAX for each new
 * one. Sums and not the mean of ratios, so that an operator that emits in bursts (at the ends of
 * its own windows) is learned as it is on average; before it first emitted nothing counts. What
 * cannot be learned from (a negative or absurd rate, nothing in the denominator so far) leaves the
 * ratio as it is. */
struct kt_ratio kt_ratio_learn(struct kt_ratio ratio, double numerator, double denominator);

/* What this window shows of operator i: records out per record in, and records in per record that
 * its upstreams send. False: not both are known. */
bool kt_demand_selectivity(const struct kt_operator_evidence *op, double *out, double *in);
bool kt_demand_input_ratio(const struct kt_evidence *evidence,
                           const struct kt_operator_evidence *op, double *in, double *sent);

/* Whether the job is catching up: no source's backlog is unknown or grows, at least one shrinks by
 * more than 1 % of its source's rate, and each that remains is worked off within KT_CATCH_UP_S.
 * *slowest: index of the source that takes longest; *seconds: how long. */
bool kt_demand_catching_up(const struct kt_evidence *evidence, int32_t *slowest, double *seconds);

#endif
