/* SPDX-License-Identifier: GPL-3.0-or-later
 * Evidence of a small job, made by hand, for tests of decisions. */
#ifndef KT_TESTS_SUPPORT_JOB_H
#define KT_TESTS_SUPPORT_JOB_H

#include "model/decide.h"

#define KT_TEST_OPERATORS_MAX 16
#define KT_TEST_EDGES_MAX     8

/* The evidence and the memory it points into; must not be moved once made. */
struct kt_test_job {
    struct kt_evidence evidence;
    struct kt_operator_evidence operators[KT_TEST_OPERATORS_MAX];
    struct kt_edge edges[KT_TEST_OPERATORS_MAX][KT_TEST_EDGES_MAX];
    struct kt_history_point history[KT_TEST_OPERATORS_MAX][KT_HISTORY_POINTS_MAX];
    struct kt_observation_group groups[KT_TEST_OPERATORS_MAX][KT_GROUPS_MAX];
    char ids[KT_TEST_OPERATORS_MAX][24];
};

/* A chain op0 → op1 → …, op0 a source, all at parallelism 1 and not measured; default settings,
 * phase STEADY, a valid window at one million milliseconds, no rescale yet. */
void kt_test_job_init(struct kt_test_job *job, size_t count);

/* One more input edge of an operator (kt_test_job_init's chain edges can be dropped by setting
 * inputs.count to 0). */
void kt_test_job_edge(struct kt_test_job *job, int32_t upstream, int32_t downstream);

/* What operator i measured: it received and sent rate records/s, busy share, nothing backpressured;
 * its ability is rate / busy (absent when busy is 0). */
void kt_test_job_measure(struct kt_test_job *job, size_t i, double rate, double busy);
void kt_test_job_backpressure(struct kt_test_job *job, size_t i, double share);
void kt_test_job_backlog(struct kt_test_job *job, size_t i, double pending, double growth_per_s);
void kt_test_job_lambda(struct kt_test_job *job, size_t i, double lambda_known);

/* Adds a point to the history of operator i, in its place. */
void kt_test_job_learn(struct kt_test_job *job, size_t i, int32_t parallelism, double ability);

/* Adds an observation, a group of its own, to operator i; the newest so far. */
void kt_test_job_observe(struct kt_test_job *job, size_t i, int32_t parallelism, int64_t generation,
                         double ability, double busy);

/* Decides with a decider and an arena of its own, and fails the test if that fails. The result's
 * arrays live until the next call. */
struct kt_decision kt_test_decide(const struct kt_evidence *evidence);
/* As above, but expects the error and returns its message. */
const char *kt_test_decide_error(const struct kt_evidence *evidence, enum kt_err expected);
/* Frees what the two keep. */
/* From now on decisions are made with this model of the surrogate, which must outlive them; NULL:
 * the default. */
void kt_test_decide_by(const struct kt_scaling_model *model);
void kt_test_decide_end(void);
int kt_test_decide_teardown(void **state); /* the same, as cmocka wants it of a group */

/* Fails the test unless everything of a decision is finite, within limits and consistent. */
void kt_test_check_decision(const struct kt_evidence *evidence, const struct kt_decision *decision);

/* Whether the sentence of a decision holds a part. */
bool kt_test_says(const struct kt_decision *decision, const char *part);

#endif
