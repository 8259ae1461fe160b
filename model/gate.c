/* SPDX-License-Identifier: GPL-3.0-or-later
 * The validity gate: checks in the order of their weight, each over all vertices, so that the
 * verdict names the root cause and not what follows from it (a restart also resets counters).
 *
 *   MISSING_SUBTASKS → RESTARTED → COUNTER_RESET → WARM_UP → TOO_FEW_SAMPLES → STALE →
 *   NOT_A_NUMBER → WARM_UP (abilities that still rise) → RAMP → valid */
#include "model/gate.h"

#include "schemas/decision_enums.h"

#include <math.h>

/* A ramp is only told from chance where both halves hold enough records: the relative spread of a
 * count n is about 1/√n, 10 % at this many. */
#define RAMP_RECORDS_MIN 100

/* A vertex that waits for its consumers longer than this share of the time does not show how fast
 * it is in half a window: a wait in progress counts as busy for up to 5 s. */
#define SETTLE_BACKPRESSURED_MAX 0.1

#define ID_BYTES_SHOWN   8
#define NAME_BYTES_SHOWN 80

struct check {
    const struct kt_window_summary *summary;
    const struct kt_gate_settings *settings;
    const struct kt_gate_past *past;
    struct kt_arena *arena;
};

/* At most bytes_max bytes of s, cut between UTF-8 characters. */
static struct kt_str shown(struct kt_str s, size_t bytes_max) {
    if (s.len <= bytes_max) {
        return s;
    }
    size_t len = bytes_max;
    while (len > 0 && ((unsigned char)s.data[len] & 0xc0) == 0x80) {
        len--;
    }
    return (struct kt_str){s.data, len};
}

/* "vertex parse (a0bcbe63…)" */
static struct kt_str vertex_label(struct kt_arena *arena, struct kt_str name, struct kt_str id) {
    const struct kt_str short_name = shown(name, NAME_BYTES_SHOWN);
    const struct kt_str short_id = shown(id, ID_BYTES_SHOWN);
    const char *more = short_id.len < id.len ? "…" : "";
    const struct kt_str text =
        name.len > 0 ? kt_arena_printf(arena, "vertex %.*s (%.*s%s)", KT_STR_ARG(short_name),
                                       KT_STR_ARG(short_id), more)
                     : kt_arena_printf(arena, "vertex %.*s%s", KT_STR_ARG(short_id), more);
    return text.data == NULL ? KT_STR("vertex") : text;
}

static struct kt_str label(const struct check *check, const struct kt_vertex_summary *vertex) {
    return vertex_label(check->arena, vertex->name, vertex->vertex_id);
}

static bool expected_missing(const struct check *check, struct kt_str *text) {
    const struct kt_str *expected = check->past->expected;
    for (size_t i = 0; i < check->past->expected_count; i++) {
        if (kt_window_summary_find(check->summary, expected[i]) < 0) {
            const struct kt_str vertex =
                vertex_label(check->arena, (struct kt_str){NULL, 0}, expected[i]);
            *text = kt_arena_printf(check->arena, "%.*s: nothing was reported", KT_STR_ARG(vertex));
            return true;
        }
    }
    return false;
}

/* Each check says whether it holds the window, and if so why. */
typedef bool vertex_check(const struct check *check, const struct kt_vertex_summary *vertex,
                          struct kt_str *text);

static bool missing_subtasks(const struct check *check, const struct kt_vertex_summary *vertex,
                             struct kt_str *text) {
    if (vertex->parallelism > 0 && vertex->subtasks_seen >= vertex->parallelism) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text = vertex->parallelism <= 0
                ? kt_arena_printf(check->arena, "%.*s: its parallelism is unknown", KT_STR_ARG(who))
                : kt_arena_printf(check->arena, "%.*s: %d of %d subtasks reported", KT_STR_ARG(who),
                                  vertex->subtasks_seen, vertex->parallelism);
    return true;
}

static bool restarted(const struct check *check, const struct kt_vertex_summary *vertex,
                      struct kt_str *text) {
    if (!vertex->restarted) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text = kt_arena_printf(
        check->arena, "%.*s: two attempts, job ids or parallelisms in one window", KT_STR_ARG(who));
    return true;
}

static bool counter_reset(const struct check *check, const struct kt_vertex_summary *vertex,
                          struct kt_str *text) {
    if (!vertex->counter_reset) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text = kt_arena_printf(check->arena, "%.*s: a counter fell", KT_STR_ARG(who));
    return true;
}

/* Only smoothed rates came of it, which tell of the minute before. */
static bool rates_only(const struct kt_vertex_summary *vertex) {
    return !vertex->from_totals && (KT_HAS(vertex, KT_SUM_RATE_IN) || KT_HAS(vertex, KT_SUM_BUSY));
}

/* Time after a restart from which on a vertex's numbers are believed. */
static int64_t warm_up_needed_ms(const struct check *check,
                                 const struct kt_vertex_summary *vertex) {
    return rates_only(vertex) ? check->settings->rate_warm_up_ms : check->settings->warm_up_ms;
}

static bool warm_up(const struct check *check, const struct kt_vertex_summary *vertex,
                    struct kt_str *text) {
    const int64_t needed_ms = warm_up_needed_ms(check, vertex);
    /* A smoothed rate lies long after the window that showed the restart; who reports no attempt is
     * believed to have restarted at that window's end. */
    const bool attempt_known = KT_HAS(vertex, KT_SUM_ATTEMPT_START);
    if (!attempt_known && !(rates_only(vertex) && check->past->restart_seen)) {
        return false;
    }
    const int64_t restart_ms =
        attempt_known ? vertex->attempt_start_ms : check->past->restart_seen_ms;
    const int64_t age_ms = vertex->first_ms - restart_ms;
    if (age_ms >= needed_ms) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text = kt_arena_printf(check->arena,
                            "%.*s: the window begins %.1f s after a restart, %.1f s are needed%s",
                            KT_STR_ARG(who), (double)age_ms / 1000, (double)needed_ms / 1000,
                            rates_only(vertex) ? " for smoothed rates" : "");
    return true;
}

/* Ability in the halves of the window, rate / busy (ContTune, "Terms"), where both hold enough
 * records and the vertex does not wait for others. */
static bool abilities_known(const struct check *check, const struct kt_vertex_summary *vertex,
                            double *first, double *second) {
    const double half_s = (double)(check->summary->end_ms - check->summary->start_ms) / 2000;
    if (!KT_HAS(vertex, KT_SUM_RATE_HALVES) || !KT_HAS(vertex, KT_SUM_BUSY_HALVES) ||
        !(vertex->busy_first_half > 0 && vertex->busy_second_half > 0) ||
        fmin(vertex->rate_first_half, vertex->rate_second_half) * half_s < RAMP_RECORDS_MIN ||
        (KT_HAS(vertex, KT_SUM_BACKPRESSURED) &&
         vertex->backpressured > SETTLE_BACKPRESSURED_MAX)) {
        return false;
    }
    *first = vertex->rate_first_half / vertex->busy_first_half;
    *second = vertex->rate_second_half / vertex->busy_second_half;
    return true;
}

/* Code that is being compiled, caches that fill: for minutes after a restart an operator may get
 * faster. Its ability errs by 1 / busy more than that of one that works all the time, and so much
 * more it must rise. A rise by chance holds a window too, which is why it matters for so long
 * only. */
static bool settling(const struct check *check, const struct kt_vertex_summary *vertex,
                     struct kt_str *text) {
    const bool attempt_known = KT_HAS(vertex, KT_SUM_ATTEMPT_START);
    double first = 0;
    double second = 0;
    if ((!attempt_known && !check->past->restart_seen) ||
        !abilities_known(check, vertex, &first, &second)) {
        return false;
    }
    const int64_t age_ms = vertex->first_ms - (attempt_known ? vertex->attempt_start_ms
                                                             : check->past->restart_seen_ms);
    const double busy = fmin(vertex->busy_first_half, vertex->busy_second_half);
    if (age_ms >= warm_up_needed_ms(check, vertex) + check->settings->settle_ms ||
        (second - first) * busy <= check->settings->settle_rise_max * first) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text = kt_arena_printf(
        check->arena,
        "%.*s: its ability still rises, from %.6g to %.6g records/s within a window that begins "
        "%.1f s after a restart",
        KT_STR_ARG(who), first, second, (double)age_ms / 1000);
    return true;
}

static bool too_few_samples(const struct check *check, const struct kt_vertex_summary *vertex,
                            struct kt_str *text) {
    const double window_ms = (double)(check->summary->end_ms - check->summary->start_ms);
    const double span_needed_ms = check->settings->span_min * window_ms;
    const bool few = vertex->samples_least < check->settings->samples_min;
    if (!few && (double)vertex->span_ms_least >= span_needed_ms) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text =
        few ? kt_arena_printf(check->arena, "%.*s: %d samples of a subtask, %d are needed",
                              KT_STR_ARG(who), vertex->samples_least, check->settings->samples_min)
            : kt_arena_printf(check->arena,
                              "%.*s: a subtask's samples cover %.1f s of %.1f s, %.1f s are "
                              "needed",
                              KT_STR_ARG(who), (double)vertex->span_ms_least / 1000,
                              window_ms / 1000, span_needed_ms / 1000);
    return true;
}

static bool stale(const struct check *check, const struct kt_vertex_summary *vertex,
                  struct kt_str *text) {
    if (!vertex->stale) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text = kt_arena_printf(check->arena, "%.*s: the counters of a subtask stood still",
                            KT_STR_ARG(who));
    return true;
}

static bool rate_known(const struct kt_vertex_summary *vertex) {
    return KT_HAS(vertex, KT_SUM_RATE_IN) || KT_HAS(vertex, KT_SUM_RATE_OUT);
}

static bool not_a_number(const struct check *check, const struct kt_vertex_summary *vertex,
                         struct kt_str *text) {
    if (rate_known(vertex) || !KT_HAS(vertex, KT_SUM_BUSY)) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text = kt_arena_printf(check->arena, "%.*s: busy time came, but no rate of records",
                            KT_STR_ARG(who));
    return true;
}

static bool ramp(const struct check *check, const struct kt_vertex_summary *vertex,
                 struct kt_str *text) {
    if (!vertex->is_source || !KT_HAS(vertex, KT_SUM_RATE_HALVES)) {
        return false;
    }
    const double first = vertex->rate_first_half;
    const double second = vertex->rate_second_half;
    const double larger = fmax(first, second);
    const double half_s = (double)(check->summary->end_ms - check->summary->start_ms) / 2000;
    if (larger * half_s < RAMP_RECORDS_MIN ||
        fabs(second - first) <= check->settings->ramp_max * larger) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text = kt_arena_printf(check->arena,
                            "%.*s: its rate went from %.6g to %.6g records/s within the window",
                            KT_STR_ARG(who), first, second);
    return true;
}

/* Backpressure that set in or ended within the window: the job went from one regime to another, and
 * busy time is not to be believed either, because Flink counts a wait in progress as busy until it
 * books it, up to 5 s later: an error that cancels between the ends of a window only if both ends
 * are alike. */
static bool backpressure_ramp(const struct check *check, const struct kt_vertex_summary *vertex,
                              struct kt_str *text) {
    const double first = vertex->backpressured_first_half;
    const double second = vertex->backpressured_second_half;
    if (!KT_HAS(vertex, KT_SUM_BACKPRESSURED_HALVES) ||
        fabs(second - first) <= check->settings->ramp_max) {
        return false;
    }
    const struct kt_str who = label(check, vertex);
    *text = kt_arena_printf(check->arena,
                            "%.*s: its backpressure went from %.0f %% to %.0f %% within the window",
                            KT_STR_ARG(who), 100 * first, 100 * second);
    return true;
}

static bool any_vertex(const struct check *check, vertex_check *holds, struct kt_str *text) {
    for (size_t i = 0; i < check->summary->vertices.count; i++) {
        if (holds(check, &check->summary->vertices.items[i], text)) {
            return true;
        }
    }
    return false;
}

static bool any_rate(const struct kt_window_summary *summary) {
    for (size_t i = 0; i < summary->vertices.count; i++) {
        if (rate_known(&summary->vertices.items[i])) {
            return true;
        }
    }
    return false;
}

static bool any_smoothed(const struct kt_window_summary *summary) {
    for (size_t i = 0; i < summary->vertices.count; i++) {
        if (!summary->vertices.items[i].from_totals && rate_known(&summary->vertices.items[i])) {
            return true;
        }
    }
    return false;
}

struct kt_verdict kt_gate_check(const struct kt_window_summary *summary,
                                const struct kt_gate_settings *settings,
                                const struct kt_gate_past *past, struct kt_arena *arena) {
    static const struct {
        int reason;
        vertex_check *holds;
    } checks[] = {
        {KT_REASON_MISSING_SUBTASKS, missing_subtasks}, {KT_REASON_RESTARTED, restarted},
        {KT_REASON_COUNTER_RESET, counter_reset},       {KT_REASON_WARM_UP, warm_up},
        {KT_REASON_TOO_FEW_SAMPLES, too_few_samples},   {KT_REASON_STALE, stale},
        {KT_REASON_NOT_A_NUMBER, not_a_number},         {KT_REASON_WARM_UP, settling},
    };
    const struct check check = {summary, settings, past, arena};
    struct kt_verdict verdict = {.reason = KT_REASON_STEADY};
    if (expected_missing(&check, &verdict.text)) {
        verdict.reason = KT_REASON_MISSING_SUBTASKS;
        return verdict;
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (any_vertex(&check, checks[i].holds, &verdict.text)) {
            verdict.reason = checks[i].reason;
            return verdict;
        }
    }
    if (!any_rate(summary)) {
        verdict.reason = KT_REASON_NOT_A_NUMBER;
        verdict.text = KT_STR("no vertex reported a rate of records");
    } else if (past->ramp_windows < settings->ramp_windows_max) {
        verdict.reason = any_vertex(&check, ramp, &verdict.text) ||
                                 any_vertex(&check, backpressure_ramp, &verdict.text)
                             ? KT_REASON_RAMP
                             : KT_REASON_STEADY;
    } else {
        /* Counters stay right while the load changes; averages and waits in progress do not. */
        struct kt_str text;
        verdict.doubtful = any_vertex(&check, backpressure_ramp, &text) ||
                           (any_smoothed(summary) && any_vertex(&check, ramp, &text));
    }
    return verdict;
}
