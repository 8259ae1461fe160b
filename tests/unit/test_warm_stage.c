/* SPDX-License-Identifier: GPL-3.0-or-later
 * Warm start through the whole stage: simulated jobs come to one cluster one after the other. What
 * the next one gains, who is left alone, and that all of it survives crashes and stands in the
 * evidence. */
#include "model/durable.h"
#include "support/job.h"
#include "support/sim_cluster.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- what it is good for --------------------------------------------------------------------- */

#define SEEDS 16

static void a_new_job_among_its_like_needs_fewer_reconfigurations(void **state) {
    (void)state;
    const struct kt_sim_cluster alone = {.last_sigma = -1, .last_tunings = 1, .noise = 0.015};
    struct kt_sim_cluster among = alone; /* all scale linearly */
    among.jobs = 2;
    among.tunings = 5;
    int cold = 0;
    int warm = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        cold += kt_sim_cluster_run(&alone, true, seed).first_reconfigurations;
        warm += kt_sim_cluster_run(&among, true, seed).first_reconfigurations;
    }
    print_message("first tunings of %d jobs: %d reconfigurations alone, %d among others\n", SEEDS,
                  cold, warm);
    assert_true(warm + 2 <= cold);
}

static void a_job_that_does_not_listen_is_decided_as_if_alone(void **state) {
    (void)state;
    const struct kt_sim_cluster alone = {
        .sigma = 0.06, .spread = 0.25, .last_sigma = -1, .last_tunings = 3, .noise = 0.015};
    struct kt_sim_cluster among = alone;
    among.jobs = 2;
    among.tunings = 4;
    const struct kt_sim_score a = kt_sim_cluster_run(&alone, false, 3).last;
    const struct kt_sim_score b = kt_sim_cluster_run(&among, false, 3).last;
    assert_int_equal(a.reconfigurations, b.reconfigurations);
    assert_int_equal(a.windows, b.windows);
    assert_int_equal(a.surplus_cores, b.surplus_cores);
    assert_int_equal(a.cores_max, b.cores_max);
}

/* ---- a stream of five jobs ------------------------------------------------------------------- */

/* lab/a, lab/b, other/x, lab/new, and lab/a once more as another submission. */
struct stream {
    struct kt_settings settings;
    struct kt_rig_records records;
    struct kt_rig calm; /* has read all of it, undisturbed */
    struct kt_arena arena;
};

static int record(void **state) {
    static struct stream stream;
    static const struct {
        const char *cluster;
        const char *name;
        const char *job_id;
        int tunings;
    } jobs[] = {{"lab", "a", NULL, 4},
                {"lab", "b", NULL, 4},
                {"other", "x", NULL, 4},
                {"lab", "new", NULL, 4},
                {"lab", "a", "submitted-again", 2}};
    memset(&stream, 0, sizeof stream);
    kt_arena_init(&stream.records.arena, (size_t)1 << 20, (size_t)256 << 20);
    kt_arena_init(&stream.arena, (size_t)1 << 20, (size_t)256 << 20);
    struct kt_sim_stage stage;
    kt_sim_stage_init(&stage, true);
    stage.records = &stream.records;
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        const struct kt_sim_spec spec =
            kt_sim_stage_job(jobs[i].cluster, jobs[i].name, 0.06, 0, i + 1);
        stage.job_id = jobs[i].job_id;
        (void)kt_sim_stage_run(&stage, &spec, jobs[i].tunings, i + 1);
    }
    stream.settings = stage.settings;
    kt_sim_stage_free(&stage);
    kt_rig_init(&stream.calm, &stream.settings);
    kt_rig_run(&stream.calm, &stream.records);
    *state = &stream;
    return 0;
}

static int forget(void **state) {
    struct stream *stream = *state;
    kt_rig_end(&stream->calm);
    kt_rig_records_free(&stream->records);
    kt_arena_free(&stream->arena);
    kt_test_decide_end();
    return 0;
}

/* What a new job takes stands in its evidence; the one of another cluster and the first one have
 * nobody to take from. */
static void only_who_comes_to_a_known_cluster_takes(void **state) {
    struct stream *stream = *state;
    struct kt_rescale_command command;
    int warm_b = 0;
    int warm_new = 0;
    for (size_t n = 0; kt_rig_command(&stream->calm, n, &stream->arena, &command); n++) {
        const bool warm = command.evidence.law_prior.count > 0;
        if (kt_str_equal(command.cluster, KT_STR("other"))) {
            assert_false(warm);
        }
        if (n == 0) {
            assert_true(kt_str_equal(command.job_name, KT_STR("a")));
            assert_false(warm);
        }
        warm_b += warm && kt_str_equal(command.job_name, KT_STR("b"));
        warm_new += warm && kt_str_equal(command.job_name, KT_STR("new"));
    }
    assert_true(warm_b > 0 && warm_new > 0);
}

/* Jobs a, b and new of one cluster and x of the other: four changes. a does not tell twice, also
 * not as another submission. */
static void a_job_tells_once_in_its_life(void **state) {
    struct stream *stream = *state;
    int changes = 0;
    for (size_t i = 0; i < stream->calm.committed.count; i++) {
        const struct kt_rig_entry *entry = &stream->calm.committed.items[i];
        changes +=
            entry->kind == KT_RIG_CHANGE && kt_durable_kind_of(entry->key) == KT_DURABLE_CLUSTER;
    }
    assert_int_equal(changes, 4);
    struct kt_job_state a;
    struct kt_rig *rig = &stream->calm;
    const struct kt_store_key key = {.job = kt_store_job_hash(KT_STR("lab"), KT_STR("a"))};
    struct kt_str value;
    assert_int_equal(kt_store_get(rig->store, key, &value, NULL), KT_ERR_OK);
    struct kt_decoder *decoder;
    assert_int_equal(kt_decoder_new(&kt_job_state_type, &decoder, NULL), KT_ERR_OK);
    value = kt_arena_str(&stream->arena, value);
    assert_int_equal(kt_decode(decoder, value.data, value.len, &stream->arena, &a, NULL),
                     KT_ERR_OK);
    kt_decoder_free(decoder);
    assert_true(a.gave_laws);
    assert_true(kt_str_equal(a.job_id, KT_STR("submitted-again")));
}

static void a_command_is_decided_again_from_its_evidence_alone(void **state) {
    struct stream *stream = *state;
    struct kt_rescale_command command;
    size_t n = 0;
    int warm = 0;
    for (; kt_rig_command(&stream->calm, n, &stream->arena, &command); n++) {
        const struct kt_decision again = kt_test_decide(&command.evidence);
        assert_int_equal(again.kind, command.kind);
        assert_int_equal(again.reason, command.reason);
        assert_true(kt_str_equal(again.reason_text, command.reason_text));
        assert_int_equal(again.operators.count, command.operators.count);
        for (size_t i = 0; i < again.operators.count; i++) {
            assert_int_equal(again.operators.items[i].to, command.operators.items[i].to);
        }
        warm += command.kind == KT_COMMAND_RESCALE && command.evidence.law_prior.count > 0;
    }
    assert_true(warm > 0);
}

/* The same stream with random commits and crashes of every kind. */
static void whatever_crashes_the_cluster_learns_the_same(void **state) {
    struct stream *stream = *state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct kt_rig rough;
        struct kt_rig_random random = {seed};
        int crashes = 0;
        kt_rig_init(&rough, &stream->settings);
        while (rough.offset < (int64_t)stream->records.count) {
            kt_rig_step(&rough, &stream->records);
            if (kt_rig_below(&random, 50) == 0) {
                kt_rig_commit(&rough);
            }
            if (crashes < 30 && kt_rig_below(&random, 150) == 0) {
                kt_rig_crash(&rough, (enum kt_rig_crash)kt_rig_below(&random, 3));
                crashes++;
            }
        }
        kt_rig_commit(&rough);
        assert_int_equal(crashes, 30);
        kt_rig_assert_equal(&stream->calm, &rough);
        kt_rig_end(&rough);
    }
}

int main(void) {
    const struct CMUnitTest closed[] = {
        cmocka_unit_test(a_new_job_among_its_like_needs_fewer_reconfigurations),
        cmocka_unit_test(a_job_that_does_not_listen_is_decided_as_if_alone),
    };
    const struct CMUnitTest streamed[] = {
        cmocka_unit_test(only_who_comes_to_a_known_cluster_takes),
        cmocka_unit_test(a_job_tells_once_in_its_life),
        cmocka_unit_test(a_command_is_decided_again_from_its_evidence_alone),
        cmocka_unit_test(whatever_crashes_the_cluster_learns_the_same),
    };
    const int failed = cmocka_run_group_tests_name("closed loop", closed, NULL, NULL);
    return failed + cmocka_run_group_tests_name("stream", streamed, record, forget);
}
