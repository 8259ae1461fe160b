/* SPDX-License-Identifier: GPL-3.0-or-later
 * The options `pins` and `bounds`: lists of vertices with a parallelism or a range.
 *
 *   pins   = parse=2, "Source: a, b"=1       vertex id or name; the last '=' splits; a name that
 *   bounds = enrich=2..16, sink=..8, map=4.. holds a comma stands in double quotes */
#ifndef KT_CONSUMER_VERTEX_RULES_H
#define KT_CONSUMER_VERTEX_RULES_H

#include "model/settings.h"
#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/metric_event.h"

/* Replaces the pins (bounds) among the job's rules by those of the list; the others stay. The old
 * rules are not written to, so that a job's override may start from the defaults' rules. Strings
 * and rules are in the arena. KT_ERR_CONFIG: the list is malformed, told without file and line;
 * KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_vertex_rules_set_pins(struct kt_job_settings *job, struct kt_str list,
                                                   struct kt_arena *arena, struct kt_error *error);
KT_MUST_CHECK enum kt_err kt_vertex_rules_set_bounds(struct kt_job_settings *job,
                                                     struct kt_str list, struct kt_arena *arena,
                                                     struct kt_error *error);

#endif
