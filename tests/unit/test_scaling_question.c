/* SPDX-License-Identifier: GPL-3.0-or-later
 * What evidence asks the scaling surrogate: the input's keys, and the prior of the laws with and
 * without one of the cluster's others. */
#include "model/operator_fit.h"
#include "model/scaling_question.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define assert_close(a, b) assert_true(fabs((a) - (b)) <= 1e-12)

struct fixture {
    struct kt_evidence evidence;
    struct kt_operator_evidence op;
    struct kt_observation_group group;
    struct kt_history_point points[KT_WARM_START_PARALLELISMS];
    struct kt_edge edges[2];
    double told[KT_LAWS];
    double prior[KT_LAWS];
};

/* A keyed operator of 128 key groups that was observed once, and a library's prior that others
 * told. */
static int setup(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof f);
    f.group = (struct kt_observation_group){.parallelism = 2, .observations = 1, .ability = 500};
    f.edges[1].keyed = true;
    f.op.groups.items = &f.group;
    f.op.groups.count = 1;
    f.op.history.items = f.points;
    f.op.history.count = 1;
    f.op.inputs.items = f.edges;
    f.op.inputs.count = 2;
    f.op.max_parallelism = 128;
    KT_SET(&f.op, KT_OPEV_MAX_PARALLELISM);
    kt_scaling_library_prior(f.told);
    f.evidence.law_prior.items = f.told;
    f.evidence.law_prior.count = KT_LAWS;
    *state = &f;
    return 0;
}

static struct kt_scaling_question ask(struct fixture *f) {
    return kt_scaling_question_of(&f->evidence, &f->op, f->prior);
}

static void one_hash_edge_makes_an_input_keyed(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask(f).keyed, KT_LAW_KEYED);
    assert_int_equal(ask(f).key_groups, 128);
    f->edges[1].keyed = false;
    assert_int_equal(ask(f).keyed, KT_LAW_NOT_KEYED);
}

static void an_operator_whose_inputs_are_not_known_may_be_keyed_but_a_source_is_not(void **state) {
    struct fixture *f = *state;
    f->op.inputs.count = 0;
    assert_int_equal(ask(f).keyed, KT_LAW_MAYBE_KEYED);
    f->op.is_source = true;
    assert_int_equal(ask(f).keyed, KT_LAW_NOT_KEYED);
}

static void where_nobody_told_anything_the_librarys_prior_is_asked_for(void **state) {
    struct fixture *f = *state;
    assert_ptr_equal(ask(f).law_prior, f->prior);
    f->evidence.law_prior.count = 0;
    assert_null(ask(f).law_prior);
}

static void others_that_showed_nothing_leave_the_prior_as_it_is(void **state) {
    struct fixture *f = *state;
    double own[KT_LAWS];
    kt_laws_prior(kt_scaling_model_default.laws, KT_LAW_KEYED, own);
    (void)ask(f);
    for (size_t m = 0; m < KT_LAWS; m++) {
        assert_close(f->prior[m], own[m]);
    }
}

/* What others found twice as likely is twice as likely against the rest, whatever is known of the
 * input. */
static void what_others_found_likely_is_likely_for_a_new_operator(void **state) {
    struct fixture *f = *state;
    double own[KT_LAWS];
    kt_laws_prior(kt_scaling_model_default.laws, KT_LAW_KEYED, own);
    f->told[150] *= 2;
    (void)ask(f);
    double sum = 0;
    for (size_t m = 0; m < KT_LAWS; m++) {
        sum += f->prior[m];
    }
    assert_close(sum, 1);
    assert_close(f->prior[150] / f->prior[151], 2 * own[150] / own[151]);
    assert_close(f->prior[7] / f->prior[151], own[7] / own[151]);
}

static void without_key_groups_their_laws_stay_out(void **state) {
    struct fixture *f = *state;
    KT_CLEAR(&f->op, KT_OPEV_MAX_PARALLELISM);
    assert_int_equal(ask(f).key_groups, 0);
    for (size_t m = KT_LAWS_SMOOTH; m < (size_t)2 * KT_LAWS_SMOOTH; m++) {
        assert_true(f->prior[m] <= 0);
    }
}

static void an_operator_that_shows_enough_itself_asks_nobody(void **state) {
    struct fixture *f = *state;
    f->op.history.count = KT_WARM_START_PARALLELISMS - 1;
    assert_true(kt_scaling_needs_prior(&f->op));
    assert_non_null(ask(f).law_prior);
    f->op.history.count = KT_WARM_START_PARALLELISMS;
    assert_false(kt_scaling_needs_prior(&f->op));
    assert_null(ask(f).law_prior);
    f->op.history.count = 0;
    assert_false(kt_scaling_needs_prior(&f->op));
}

static void a_prior_that_leaves_no_law_is_not_used(void **state) {
    struct fixture *f = *state;
    memset(f->told, 0, sizeof f->told);
    assert_null(ask(f).law_prior);
}

/* The surrogate takes what is asked, and answers otherwise than without. */
static void the_surrogate_takes_the_prior(void **state) {
    struct fixture *f = *state;
    f->group.weight = 1;
    f->group.window_end_ms = 1;
    struct kt_scaling *scaling = kt_scaling_new(&kt_scaling_model_default);
    assert_non_null(scaling);
    struct kt_scaling_fit fit;
    /* others scale linearly */
    memset(f->told, 0, sizeof f->told);
    f->told[0] = 1;
    const struct kt_scaling_question warm = ask(f);
    assert_int_equal(kt_scaling_fit(scaling, &warm, &fit, NULL), KT_ERR_OK);
    const double sure = kt_scaling_keeps_up(scaling, 20, (struct kt_scaling_load){4500, 0});
    f->evidence.law_prior.count = 0;
    const struct kt_scaling_question cold = ask(f);
    assert_int_equal(kt_scaling_fit(scaling, &cold, &fit, NULL), KT_ERR_OK);
    assert_true(sure > 0.9 &&
                sure > kt_scaling_keeps_up(scaling, 20, (struct kt_scaling_load){4500, 0}));
    kt_scaling_free(scaling);
}

static void abilities_worlds_apart_are_fitted_all_the_same(void **state) {
    struct fixture *f = *state;
    struct kt_observation_group groups[3];
    const double abilities[] = {1e-300, 1e18, 500};
    for (size_t g = 0; g < 3; g++) {
        groups[g] = (struct kt_observation_group){.parallelism = 2,
                                                  .window_end_ms = (int64_t)g,
                                                  .observations = 1,
                                                  .ability = abilities[g],
                                                  .weight = 0.5};
    }
    f->op.groups.items = groups;
    f->op.groups.count = 3;
    struct kt_scaling *scaling = kt_scaling_new(&kt_scaling_model_default);
    assert_non_null(scaling);
    for (size_t heaviest = 0; heaviest < 3; heaviest++) {
        struct kt_operator_fit fit;
        groups[heaviest].weight = 1;
        assert_int_equal(kt_operator_fit(scaling, &f->evidence, &f->op, &fit, NULL), KT_ERR_OK);
        assert_true(fit.fitted);
        const double keeps_up =
            kt_scaling_keeps_up(scaling, 4, (struct kt_scaling_load){100 / fit.unit, 0});
        assert_true(keeps_up >= 0 && keeps_up <= 1 + 1e-12); /* rounding */
        groups[heaviest].weight = 0.5;
    }
    kt_scaling_free(scaling);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(one_hash_edge_makes_an_input_keyed),
        T(an_operator_whose_inputs_are_not_known_may_be_keyed_but_a_source_is_not),
        T(where_nobody_told_anything_the_librarys_prior_is_asked_for),
        T(others_that_showed_nothing_leave_the_prior_as_it_is),
        T(what_others_found_likely_is_likely_for_a_new_operator),
        T(without_key_groups_their_laws_stay_out),
        T(an_operator_that_shows_enough_itself_asks_nobody),
        T(a_prior_that_leaves_no_law_is_not_used),
        T(the_surrogate_takes_the_prior),
        T(abilities_worlds_apart_are_fitted_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
