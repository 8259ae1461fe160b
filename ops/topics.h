/* SPDX-License-Identifier: GPL-3.0-or-later
 * The topics of a stage: how each has to be, how it is, and making what is missing. */
#ifndef KT_OPS_TOPICS_H
#define KT_OPS_TOPICS_H

#include "consumer/cluster.h"

#define KT_TOPICS_COUNT 5

struct kt_topic_state {
    const char *role;    /* "metrics", "commands", … */
    const char *cleanup; /* the cleanup.policy it must have */
    struct kt_topic_info info;
    char cleanup_found[64]; /* empty: the broker does not tell, or there is no topic */
    char problem[192];      /* empty: as it should be */
    bool created;           /* by this run */
};

/* Looks at all topics. */
KT_MUST_CHECK enum kt_err kt_topics_look(struct kt_cluster *cluster, const struct kt_topics *topics,
                                         struct kt_topic_state states[KT_TOPICS_COUNT],
                                         struct kt_error *error);

/* Fills the problems from what was looked at (pure); returns how many topics have one. All topics
 * must have as many partitions as the metrics topic (or, without one, the first that exists). */
int kt_topics_judge(struct kt_topic_state states[KT_TOPICS_COUNT]);

/* Creates the topics that are missing, with as many partitions as those that exist, else as
 * configured, and waits until each partition has a leader. KT_ERR_CONFIG: the broker refuses. */
KT_MUST_CHECK enum kt_err kt_topics_create(struct kt_cluster *cluster,
                                           const struct kt_topics *topics,
                                           struct kt_topic_state states[KT_TOPICS_COUNT],
                                           struct kt_error *error);

#endif
