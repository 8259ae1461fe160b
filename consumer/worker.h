/* SPDX-License-Identifier: GPL-3.0-or-later
 * The worker: one thread, one consumer, one transactional publisher, one store; the loop of
 * consumer/README.md around the stage's core. */
#ifndef KT_CONSUMER_WORKER_H
#define KT_CONSUMER_WORKER_H

#include "consumer/config.h"

#include <stdatomic.h>

/* Runs until *stop becomes true (then it drains and commits under the deadline worker.shutdown_ms)
 * or something cannot be mended (the error says what). Fatal producer errors are mended inside: a
 * new producer and a rewind. log: one line per event, as `time level text`. */
KT_MUST_CHECK enum kt_err kt_worker_run(const struct kt_config *config, const atomic_bool *stop,
                                        FILE *log, struct kt_error *error);

#endif
