/* SPDX-License-Identifier: GPL-3.0-or-later
 * Observations of one operator, and the groups that evidence has of them. */
#ifndef KT_TESTS_SUPPORT_OBSERVATIONS_H
#define KT_TESTS_SUPPORT_OBSERVATIONS_H

#include "schemas/evidence.h"

#include <stddef.h>

struct kt_test_observation {
    int32_t parallelism;
    int64_t generation;
    int64_t window_end_ms;
    double ability; /* records/s over all subtasks */
    double busy;    /* 0…1 */
};

/* Groups `count` observations, oldest first, by parallelism, generation and the segment between
 * change points, the newest alone; fails the test if they are more than KT_GROUPS_MAX. Returns how
 * many; *constant ← Σ ½ (Σ ln wᵢ − ln Σ wᵢ), what the density of the observations has that the
 * groups' has not. */
size_t kt_test_group(const struct kt_test_observation *observations, size_t count,
                     const int64_t *change_points_ms, size_t change_points,
                     struct kt_observation_group groups[KT_GROUPS_MAX], double *constant);

#endif
