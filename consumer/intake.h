/* SPDX-License-Identifier: GPL-3.0-or-later
 * One record of the metrics topic into the stage, or, when it is bad, into the dead-letter topic.
 */
#ifndef KT_CONSUMER_INTAKE_H
#define KT_CONSUMER_INTAKE_H

#include "model/stage.h"
#include "producer/publisher.h"

struct kt_intake;
/* schema_dir: folder of further writers' schemas, or "". */
KT_MUST_CHECK enum kt_err kt_intake_new(const char *schema_dir, struct kt_intake **out,
                                        struct kt_error *error);
void kt_intake_free(struct kt_intake *intake);

/* Takes a record; publisher and store must be in their transactions. A bad record is no error: it
 * is dead-lettered, unless it is only read again. *refused: whether the record was bad; *why then
 * says why. */
KT_MUST_CHECK enum kt_err kt_intake_take(struct kt_intake *intake,
                                         const rd_kafka_message_t *message, struct kt_stage *stage,
                                         struct kt_publisher *publisher, bool *refused,
                                         struct kt_error *why, struct kt_error *error);

#endif
