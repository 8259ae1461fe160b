/* SPDX-License-Identifier: GPL-3.0-or-later
 * A rescale command as a Kafka record: its key, its CloudEvents headers, and its value in a size
 * that the broker takes. */
#ifndef KT_PRODUCER_COMMAND_OUT_H
#define KT_PRODUCER_COMMAND_OUT_H

#include "schemas/codec.h"
#include "schemas/rescale_command.h"

#include <librdkafka/rdkafka.h>

#define KT_COMMAND_TYPE         "kontune.rescale_command.v1"
#define KT_COMMAND_CONTENT_TYPE "application/avro"

struct kt_command_out;
/* source: ce_source of every command ("kontune/GROUP"); borrowed. */
KT_MUST_CHECK enum kt_err kt_command_out_new(const char *source, struct kt_command_out **out,
                                             struct kt_error *error);
void kt_command_out_free(struct kt_command_out *out);

/* A command ready to be produced. key and value stay valid until the next call; headers belong to
 * the caller. */
struct kt_command_record {
    struct kt_str key;
    struct kt_str value;
    rd_kafka_headers_t *headers;
};

/* Encodes a command into at most value_bytes_max. One that is larger loses its evidence, for the
 * decision must reach the actuator even when its proof does not fit; the header
 * `kontune.evidence` = "omitted" says so. KT_ERR_LIMIT: too large even so. KT_ERR_NUMERIC: the
 * command cannot be encoded at all. Both name the job. */
KT_MUST_CHECK enum kt_err kt_command_out_encode(struct kt_command_out *out,
                                                const struct kt_rescale_command *command,
                                                size_t value_bytes_max,
                                                struct kt_command_record *record,
                                                struct kt_error *error);

#endif
