/* SPDX-License-Identifier: GPL-3.0-or-later
 * The whole stage on a real Flink job's metrics: what it learns is the truth, and every command can
 * be computed again from what it carries. */
#include "model/policy.h"
#include "support/stage_rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* An operator of the recorded job blocks for c0 (1 + a (p − 1)) ms per record. */
static const struct {
    const char *name;
    double c0_ms;
    double a;
} operators[] = {{"parse", 0.4, 0.02}, {"enrich", 1.0, 0.06}, {"aggregate", 1.5, 0.04}};

#define OPERATORS (sizeof operators / sizeof operators[0])
#define TOLERANCE 0.05

static double true_ability(size_t op, int32_t p) {
    return 1000.0 * p / (operators[op].c0_ms * (1 + operators[op].a * (p - 1)));
}

static struct kt_settings settings_of(int64_t window_ms) {
    struct kt_settings settings;
    kt_settings_default(&settings);
    settings.window.window_ms = window_ms;
    return settings;
}

/* Every observation of the histories against the truth; returns how many there were. */
static int check_histories(struct kt_rig *rig, struct kt_arena *arena, int64_t window_ms) {
    struct kt_decoder *decoder;
    assert_int_equal(kt_decoder_new(&kt_operator_history_type, &decoder, NULL), KT_ERR_OK);
    int compared = 0;
    double worst = 0;
    for (size_t i = 0; i < rig->committed.count; i++) {
        const struct kt_rig_entry *entry = &rig->committed.items[i];
        if (entry->kind != KT_RIG_CHANGE || entry->key.op == 0 ||
            entry->key.job == 0) { /* of a job, of the cluster */
            continue;
        }
        struct kt_operator_history history;
        assert_int_equal(
            kt_decode(decoder, entry->bytes.data, entry->bytes.len, arena, &history, NULL),
            KT_ERR_OK);
        assert_int_equal(history.parallelism, entry->key.parallelism);
        assert_true(history.observations.count >= 1 && history.observations.count <= 5);
        const struct kt_observation *newest =
            &history.observations.items[history.observations.count - 1];
        for (size_t op = 0; op < OPERATORS; op++) {
            if (!kt_str_equal(history.name, kt_str_of(operators[op].name))) {
                continue;
            }
            const double truth = true_ability(op, history.parallelism);
            const double error = fabs(newest->ability / truth - 1);
            worst = fmax(worst, error);
            compared++;
            if (!(error <= TOLERANCE)) {
                fail_msg("%s at %d: learned %.1f, the truth is %.1f", operators[op].name,
                         history.parallelism, newest->ability, truth);
            }
        }
    }
    kt_decoder_free(decoder);
    print_message("window %lld ms: %d abilities, worst %.2f %% off\n", (long long)window_ms,
                  compared, 100 * worst);
    return compared;
}

static void abilities_are_learned_within_5_percent(void **state) {
    (void)state;
    struct kt_rig_records records = {0};
    kt_rig_records_recording(&records);
    const int64_t windows_ms[] = {20000, 30000, 60000};
    const int least[] = {30, 20, 5};
    for (size_t i = 0; i < 3; i++) {
        const struct kt_settings settings = settings_of(windows_ms[i]);
        struct kt_arena arena;
        kt_arena_init(&arena, 65536, (size_t)64 << 20);
        struct kt_rig rig;
        kt_rig_init(&rig, &settings);
        kt_rig_run(&rig, &records);
        assert_true(check_histories(&rig, &arena, windows_ms[i]) >= least[i]);
        const struct kt_stage_counters *counters = kt_stage_counters(rig.stage);
        assert_int_equal(counters->events, records.count);
        assert_int_equal(counters->late + counters->refused, 0);
        assert_true(counters->held > 0 && counters->rescales > 0);
        kt_rig_end(&rig);
        kt_arena_free(&arena);
    }
    kt_rig_records_free(&records);
}

/* The command with its decision computed again must be the same bytes. */
static void audit(const struct kt_rescale_command *command, struct kt_decider *decider,
                  struct kt_encoder *encoder, struct kt_arena *arena,
                  const struct kt_bytes *published) {
    struct kt_decision decision;
    struct kt_error error = {0};
    if (kt_decide(decider, &command->evidence, arena, &decision, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    struct kt_rescale_command again = *command;
    again.kind = decision.kind;
    again.phase = decision.phase;
    again.state = decision.state;
    again.reason = decision.reason;
    again.reason_text = decision.reason_text;
    again.operators.items = decision.operators.items;
    again.operators.count = decision.operators.count;
    struct kt_bytes bytes = {0};
    assert_int_equal(kt_encode(encoder, &again, &bytes, &error), KT_ERR_OK);
    assert_int_equal(bytes.len, published->len);
    assert_memory_equal(bytes.data, published->data, bytes.len);
    kt_bytes_free(&bytes);
}

static void every_command_can_be_computed_again_from_itself(void **state) {
    (void)state;
    struct kt_rig_records records = {0};
    kt_rig_records_recording(&records);
    struct kt_decider *decider = kt_decider_new(NULL);
    struct kt_encoder *encoder;
    assert_non_null(decider);
    assert_int_equal(kt_encoder_new(&kt_rescale_command_type, &encoder, NULL), KT_ERR_OK);
    for (size_t i = 0; i < kt_policies_count; i++) {
        struct kt_settings settings = settings_of(20000);
        settings.defaults.policy.policy = kt_str_of(kt_policies[i]->name);
        struct kt_rig rig;
        kt_rig_init(&rig, &settings);
        kt_rig_run(&rig, &records);
        size_t rescales = 0;
        size_t n = 0;
        for (size_t k = 0; k < rig.committed.count; k++) {
            if (rig.committed.items[k].kind != KT_RIG_COMMAND) {
                continue;
            }
            struct kt_arena arena;
            struct kt_rescale_command command;
            kt_arena_init(&arena, 65536, (size_t)64 << 20);
            assert_true(kt_rig_command(&rig, n++, &arena, &command));
            audit(&command, decider, encoder, &arena, &rig.committed.items[k].bytes);
            rescales += command.kind == KT_COMMAND_RESCALE ? 1 : 0;
            kt_arena_free(&arena);
        }
        assert_true(n > 5 && rescales > 0);
        kt_rig_end(&rig);
    }
    kt_encoder_free(encoder);
    kt_decider_free(decider);
    kt_rig_records_free(&records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abilities_are_learned_within_5_percent),
        cmocka_unit_test(every_command_can_be_computed_again_from_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
