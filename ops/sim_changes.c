/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the stage's changed state records tell, read into a controller's knowledge. */
#include "ops/sim_changes.h"

#include "model/durable.h"
#include "schemas/state.h"

#include <stdio.h>

enum kt_err kt_sim_changes_init(struct kt_sim_changes *changes, struct kt_error *error) {
    *changes = (struct kt_sim_changes){.job_state = NULL};
    kt_arena_init(&changes->arena, 1 << 16, 1 << 26);
    enum kt_err err = kt_decoder_new(&kt_job_state_type, &changes->job_state, error);
    if (err == KT_ERR_OK) {
        err = kt_decoder_new(&kt_operator_history_type, &changes->history, error);
    }
    return err;
}

void kt_sim_changes_free(struct kt_sim_changes *changes) {
    kt_decoder_free(changes->job_state);
    kt_decoder_free(changes->history);
    kt_arena_free(&changes->arena);
}

static void note_job_state(struct kt_sim_knowledge *knowledge, const struct kt_job_state *state) {
    knowledge->closed_until_ms = state->closed_until_ms;
    knowledge->phase = state->phase;
    snprintf(knowledge->pending_id, sizeof knowledge->pending_id, "%.*s",
             KT_STR_ARG(state->pending_command_id));
}

static void note_history(struct kt_sim_knowledge *knowledge, const struct kt_sim_spec *spec,
                         const struct kt_operator_history *history) {
    const int i = kt_sim_operator_find(spec, history->vertex_id);
    if (i < 0 || history->observations.count == 0) {
        return;
    }
    const struct kt_observation *newest =
        &history->observations.items[history->observations.count - 1];
    knowledge->operators[i].known = true;
    knowledge->operators[i].window_end_ms = newest->window_end_ms;
    knowledge->operators[i].parallelism = history->parallelism;
    knowledge->operators[i].ability = newest->ability;
    knowledge->operators[i].lambda = newest->lambda;
    knowledge->operators[i].busy = newest->busy;
}

enum kt_err kt_sim_changes_note(struct kt_sim_changes *changes, struct kt_sim_knowledge *knowledge,
                                const struct kt_sim_spec *spec, struct kt_store_key key,
                                const void *value, size_t len, struct kt_error *error) {
    const enum kt_durable_kind kind = kt_durable_kind_of(key);
    if (value == NULL || (kind != KT_DURABLE_JOB && kind != KT_DURABLE_HISTORY)) {
        return KT_ERR_OK;
    }
    kt_arena_reset(&changes->arena);
    if (kind == KT_DURABLE_JOB) {
        struct kt_job_state state;
        const enum kt_err err =
            kt_decode(changes->job_state, value, len, &changes->arena, &state, error);
        if (err == KT_ERR_OK && kt_sim_is_job(spec, state.cluster, state.job_name)) {
            note_job_state(knowledge, &state);
        }
        return err;
    }
    struct kt_operator_history history;
    const enum kt_err err =
        kt_decode(changes->history, value, len, &changes->arena, &history, error);
    if (err == KT_ERR_OK && kt_sim_is_job(spec, history.cluster, history.job_name)) {
        note_history(knowledge, spec, &history);
    }
    return err;
}
