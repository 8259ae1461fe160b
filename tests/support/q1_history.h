/* SPDX-License-Identifier: GPL-3.0-or-later
 * Histories to measure surrogates with. */
#ifndef KT_TESTS_SUPPORT_Q1_HISTORY_H
#define KT_TESTS_SUPPORT_Q1_HISTORY_H

#include <stddef.h>
#include <stdint.h>

/* Nexmark Q1's mapper as a USL curve with noise of about 1.5 %, at n parallelisms out of
 * 1…max(26, 2n), ascending. The same state draws the same history, so that every run measures the
 * same. */
#define KT_TEST_Q1_GAMMA 530e3 /* records/s of one subtask */
#define KT_TEST_Q1_SIGMA 0.028
void kt_test_q1_history(size_t n, uint64_t *random, double *parallelism, double *ability);

#endif
