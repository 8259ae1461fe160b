/* SPDX-License-Identifier: GPL-3.0-or-later
 * Puts the vertices of a window's summary in the order in which records flow, so that evidence,
 * commands and their sentences read from the sources to the sinks. */
#ifndef KT_MODEL_FLOW_ORDER_H
#define KT_MODEL_FLOW_ORDER_H

#include "model/window.h"

/* Every vertex behind all its inputs; among those that could come next the one with the smallest
 * id. Vertices whose inputs are unknown or form a cycle come last, by id. The vertices must be in
 * the order of their ids, as kt_window_summarise leaves them. KT_ERR_NOMEM. */
KT_MUST_CHECK enum kt_err kt_flow_order(struct kt_window_summary *summary, struct kt_arena *arena,
                                        struct kt_error *error);

#endif
