/* SPDX-License-Identifier: GPL-3.0-or-later
 * librdkafka's embedded mock broker as the demo's Kafka, and the demo's own connection to it: a
 * producer of metric events and a reader of what the worker publishes. The mock broker proves
 * nothing about exactly-once; it is for seeing the loop without installing a server. */
#ifndef KT_OPS_DEMO_BROKER_H
#define KT_OPS_DEMO_BROKER_H

#include "ops/sim_loop.h"

#include <signal.h>

struct kt_demo_broker;

/* Starts the broker in this process with the topics flink.metrics, kontune.commands,
 * kontune.outcomes, kontune.changelog and kontune.dlq of one partition each. The tap sees every
 * command that arrives; stop ends a wait of the controller with KT_ERR_STOPPED. */
KT_MUST_CHECK enum kt_err kt_demo_broker_start(const struct kt_sim_spec *spec,
                                               struct kt_sim_tap tap,
                                               const volatile sig_atomic_t *stop,
                                               struct kt_demo_broker **out, struct kt_error *error);
void kt_demo_broker_stop(struct kt_demo_broker *broker);

/* HOST:PORT of the broker; lives as long as it. */
const char *kt_demo_broker_address(const struct kt_demo_broker *broker);

/* The worker behind the broker as a controller: offer produces events; learn reads the changelog
 * and the commands until the job's state says that the windows are closed, KT_ERR_KAFKA after 30 s
 * without it. */
struct kt_sim_controller kt_demo_broker_controller(struct kt_demo_broker *broker);

#endif
