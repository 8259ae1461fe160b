/* SPDX-License-Identifier: GPL-3.0-or-later
 * The stage's core in this process as the controller of a simulated job. */
#include "model/stage.h"
#include "ops/sim_changes.h"
#include "ops/sim_loop.h"
#include "ops/temp_folder.h"

#include <stdlib.h>

struct kt_sim_local {
    const struct kt_sim_spec *spec;
    struct kt_store *store;
    struct kt_stage *stage;
    struct kt_sim_tap tap;
    struct kt_sim_changes changes;
    struct kt_sim_knowledge heard; /* noted by the sink, handed over by learn */
    int64_t offset;
    char *folder;
};

static enum kt_err sink_command(void *ctx, const struct kt_rescale_command *command,
                                struct kt_error *error) {
    struct kt_sim_local *local = ctx;
    if (kt_sim_is_job(local->spec, command->cluster, command->job_name)) {
        kt_sim_note_command(&local->heard, local->spec, command);
    }
    return local->tap.command == NULL ? KT_ERR_OK
                                      : local->tap.command(local->tap.ctx, command, error);
}

static enum kt_err sink_change(void *ctx, struct kt_store_key key, const void *value, size_t len,
                               struct kt_error *error) {
    struct kt_sim_local *local = ctx;
    return kt_sim_changes_note(&local->changes, &local->heard, local->spec, key, value, len, error);
}

enum kt_err kt_sim_local_new(const struct kt_settings *settings, const struct kt_sim_spec *spec,
                             struct kt_sim_tap tap, struct kt_sim_local **out,
                             struct kt_error *error) {
    struct kt_sim_local *local = calloc(1, sizeof *local);
    if (local == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a controller");
    }
    local->spec = spec;
    local->tap = tap;
    enum kt_err err = kt_temp_folder_make(&local->folder, error);
    const struct kt_store_options options = {
        .path = local->folder, .identity = "simulation", .map_bytes = (size_t)1 << 28};
    const struct kt_stage_sink sink = {local, sink_command, sink_change};
    if (err == KT_ERR_OK) {
        err = kt_sim_changes_init(&local->changes, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_store_open(&options, &local->store, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_stage_new(settings, local->store, sink, &local->stage, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_store_begin(local->store, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_stage_open(local->stage, 0, error);
    }
    if (err != KT_ERR_OK) {
        kt_sim_local_free(local);
        return err;
    }
    *out = local;
    return KT_ERR_OK;
}

void kt_sim_local_free(struct kt_sim_local *local) {
    if (local == NULL) {
        return;
    }
    kt_stage_free(local->stage);
    if (local->store != NULL) {
        kt_store_abort(local->store);
        kt_store_close(local->store);
    }
    kt_sim_changes_free(&local->changes);
    kt_temp_folder_remove(local->folder);
    free(local);
}

void kt_sim_local_next(struct kt_sim_local *local, const struct kt_sim_spec *spec) {
    local->spec = spec;
    local->heard = (struct kt_sim_knowledge){.decisions = 0};
}

static enum kt_err local_offer(void *ctx, const struct kt_metric_event *events, size_t count,
                               struct kt_error *error) {
    struct kt_sim_local *local = ctx;
    for (size_t i = 0; i < count; i++) {
        const enum kt_err err =
            kt_stage_event(local->stage, 0, local->offset++, KT_TIME_UNKNOWN, &events[i], error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

static enum kt_err local_learn(void *ctx, int64_t until_ms, struct kt_sim_knowledge *knowledge,
                               struct kt_error *error) {
    struct kt_sim_local *local = ctx;
    if (local->heard.closed_until_ms < until_ms) {
        return kt_fail(error, KT_ERR_INVALID, "the stage did not close a window that was due");
    }
    *knowledge = local->heard;
    local->heard.rescale_waits = false;
    return KT_ERR_OK;
}

struct kt_sim_controller kt_sim_local_controller(struct kt_sim_local *local) {
    return (struct kt_sim_controller){local, local_offer, local_learn};
}
