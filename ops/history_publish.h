/* SPDX-License-Identifier: GPL-3.0-or-later
 * Publishes imported observations to the changelog topic, merged with what is there. */
#ifndef KT_OPS_HISTORY_PUBLISH_H
#define KT_OPS_HISTORY_PUBLISH_H

#include "consumer/config.h"
#include "ops/history_import.h"

/* Restores the partitions of the rows' jobs from the changelog into a state of its own, merges, and
 * publishes the records that changed in one transaction. The stage's workers must be stopped: a
 * running worker does not read its own changelog, and its state would then differ from what the
 * changelog says. KT_ERR_LOCKED: the group has members. Nothing is published on an error (unless
 * the outcome of the commit itself stays unknown, which the message says). */
KT_MUST_CHECK enum kt_err kt_history_publish(const struct kt_config *config,
                                             struct kt_history_rows *rows,
                                             struct kt_history_merged *merged,
                                             struct kt_error *error);

#endif
