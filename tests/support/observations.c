/* SPDX-License-Identifier: GPL-3.0-or-later
 * Observations of one operator, and the groups that evidence has of them. */
#include "support/observations.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#define BUSY_MIN 0.02

static double weight_of(const struct kt_test_observation *observation) {
    double busy = fmax(observation->busy, BUSY_MIN);
    return busy * busy;
}

static double y_of(const struct kt_test_observation *observation) {
    return log(observation->ability / observation->parallelism);
}

static size_t segment_of(int64_t window_end_ms, const int64_t *change_points_ms, size_t count) {
    size_t segment = 0;
    for (size_t j = 0; j < count; j++) {
        segment += window_end_ms >= change_points_ms[j];
    }
    return segment;
}

/* Whether two observations belong to one group; the newest belongs to none but its own. */
static bool is_together(const struct kt_test_observation *a, const struct kt_test_observation *b,
                        const struct kt_test_observation *newest, const int64_t *change_points_ms,
                        size_t change_points) {
    return a == b || (a != newest && b != newest && a->parallelism == b->parallelism &&
                      a->generation == b->generation &&
                      segment_of(a->window_end_ms, change_points_ms, change_points) ==
                          segment_of(b->window_end_ms, change_points_ms, change_points));
}

size_t kt_test_group(const struct kt_test_observation *observations, size_t count,
                     const int64_t *change_points_ms, size_t change_points,
                     struct kt_observation_group groups[KT_GROUPS_MAX], double *constant) {
    size_t found = 0;
    *constant = 0;
    for (size_t last = 0; last < count; last++) {
        const struct kt_test_observation *end = &observations[last];
        bool newer = false; /* a group lies where its newest does */
        for (size_t i = last + 1; i < count; i++) {
            newer = newer || is_together(end, &observations[i], &observations[count - 1],
                                         change_points_ms, change_points);
        }
        if (newer) {
            continue;
        }
        assert_in_range(found, 0, KT_GROUPS_MAX - 1);
        struct kt_observation_group *group = &groups[found++];
        *group = (struct kt_observation_group){.parallelism = end->parallelism,
                                               .generation = end->generation,
                                               .window_end_ms = end->window_end_ms};
        double mean = 0;
        for (size_t i = 0; i <= last; i++) {
            if (!is_together(end, &observations[i], &observations[count - 1], change_points_ms,
                             change_points)) {
                continue;
            }
            double weight = weight_of(&observations[i]);
            double off = y_of(&observations[i]) - mean;
            group->observations++;
            group->weight += weight;
            double share = weight / group->weight;
            mean += off * share;
            group->scatter += weight * off * off * (1 - share); /* never below 0 by rounding */
            *constant += 0.5 * log(weight);
        }
        *constant -= 0.5 * log(group->weight);
        group->ability = group->parallelism * exp(mean);
    }
    return found;
}
