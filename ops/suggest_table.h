/* SPDX-License-Identifier: GPL-3.0-or-later
 * The table of observations that `kontune suggest` is asked with. */
#ifndef KT_OPS_SUGGEST_TABLE_H
#define KT_OPS_SUGGEST_TABLE_H

#include "schemas/error.h"
#include "schemas/evidence.h"

/* The newest top_k observations per parallelism, as the surrogates take them. */
struct kt_suggest_table {
    struct kt_history_point points[KT_HISTORY_POINTS_MAX]; /* ascending parallelism */
    size_t points_count;
    struct kt_observation_group groups[KT_GROUPS_MAX]; /* by their last row, its number as time */
    size_t groups_count;
};

/* Reads a CSV with the columns parallelism and processing_ability, oldest first; "-": stdin. Errors
 * of the file begin with file and line. */
KT_MUST_CHECK enum kt_err kt_suggest_table_read(const char *path, int32_t top_k,
                                                struct kt_suggest_table *out,
                                                struct kt_error *error);

#endif
