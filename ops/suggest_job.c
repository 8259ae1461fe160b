/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune suggest --ds2-log`: DS2's answer for a whole job and every epoch of a rate log. */
#include "ops/suggest.h"

#include "model/ds2_epochs.h"
#include "ops/text_file.h"
#include "schemas/codec.h"

#include <inttypes.h>

#define ARENA_CHUNK_BYTES ((size_t)1 << 20)
#define ARENA_BYTES_MAX   ((size_t)4 << 30)

/* The three files and what became of them. */
struct job {
    struct kt_str topology_text, log_text, rates_text;
    struct kt_ds2_topology topology;
    struct kt_ds2_log log;
    struct kt_ds2_source_rates rates;
    struct kt_ds2_answer answer;
    struct kt_arena arena;
};

static enum kt_err answer(const struct kt_suggest_job *question, struct job *job,
                          struct kt_error *error) {
    const char *rates_path = question->source_rates_path;
    enum kt_err err =
        kt_text_file_read(question->topology_path, &job->arena, &job->topology_text, error);
    if (err == KT_ERR_OK) {
        err = kt_text_file_read(question->log_path, &job->arena, &job->log_text, error);
    }
    if (err == KT_ERR_OK && rates_path != NULL) {
        err = kt_text_file_read(rates_path, &job->arena, &job->rates_text, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_ds2_topology_parse(question->topology_path, job->topology_text, &job->arena,
                                    &job->topology, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_ds2_log_parse(question->log_path, job->log_text, &job->arena, &job->log, error);
    }
    if (err == KT_ERR_OK && rates_path != NULL) {
        err =
            kt_ds2_source_rates_parse(rates_path, job->rates_text, &job->arena, &job->rates, error);
    }
    if (err == KT_ERR_OK) {
        err = kt_ds2_epochs(&job->topology, question->log_path, &job->log, rates_path,
                            rates_path == NULL ? NULL : &job->rates, &job->arena, &job->answer,
                            error);
    }
    return err;
}

static json_t *epoch_to_json(const struct job *job, const struct kt_ds2_epoch_answer *epoch) {
    json_t *operators = json_array();
    for (size_t i = 0; operators != NULL && i < epoch->operators.count; i++) {
        const struct kt_ds2_operator_answer *op = &epoch->operators.items[i];
        const struct kt_str id = job->topology.nodes.items[op->node].id;
        json_t *item = json_pack("{s:s%, s:I}", "operator", id.data, id.len, "parallelism",
                                 (json_int_t)op->parallelism);
        if (json_array_append_new(operators, item) != 0) {
            json_decref(operators);
            operators = NULL;
        }
    }
    return json_pack("{s:I, s:o}", "epoch", (json_int_t)epoch->epoch, "operators", operators);
}

static enum kt_err print_json(const struct job *job, FILE *out, struct kt_error *error) {
    json_t *epochs = json_array();
    json_t *document = json_pack("{s:o}", "epochs", epochs);
    enum kt_err err = document == NULL ? KT_ERR_NOMEM : KT_ERR_OK;
    for (size_t e = 0; err == KT_ERR_OK && e < job->answer.epochs.count; e++) {
        if (json_array_append_new(epochs, epoch_to_json(job, &job->answer.epochs.items[e])) != 0) {
            err = kt_fail(error, KT_ERR_INVALID, "an operator's id is not UTF-8, which JSON needs");
        }
    }
    if (err == KT_ERR_OK && (kt_json_dump(out, document) != KT_ERR_OK || fputc('\n', out) == EOF)) {
        err = kt_fail(error, KT_ERR_IO, "cannot print the answer");
    }
    if (err == KT_ERR_NOMEM) {
        err = kt_fail(error, err, "out of memory");
    }
    json_decref(document);
    return err;
}

static enum kt_err print_text(const struct job *job, FILE *out, struct kt_error *error) {
    for (size_t e = 0; e < job->answer.epochs.count; e++) {
        const struct kt_ds2_epoch_answer *epoch = &job->answer.epochs.items[e];
        fprintf(out, "epoch %" PRId64 ":", epoch->epoch);
        for (size_t i = 0; i < epoch->operators.count; i++) {
            const struct kt_ds2_operator_answer *op = &epoch->operators.items[i];
            const struct kt_ds2_node *node = &job->topology.nodes.items[op->node];
            fprintf(out, "%s %.*s %d -> %" PRIu32, i > 0 ? "," : "", KT_STR_ARG(node->id),
                    node->instances, op->parallelism);
        }
        fputc('\n', out);
    }
    if (fflush(out) != 0 || ferror(out)) {
        return kt_fail(error, KT_ERR_IO, "cannot print the answer");
    }
    return KT_ERR_OK;
}

enum kt_err kt_suggest_job(const struct kt_suggest_job *question, FILE *out,
                           struct kt_error *error) {
    struct job job = {.topology_text = {NULL, 0}};
    kt_arena_init(&job.arena, ARENA_CHUNK_BYTES, ARENA_BYTES_MAX);
    enum kt_err err = answer(question, &job, error);
    if (err == KT_ERR_OK) {
        err = question->json ? print_json(&job, out, error) : print_text(&job, out, error);
    }
    kt_arena_free(&job.arena);
    return err;
}
