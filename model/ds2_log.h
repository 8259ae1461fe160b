/* SPDX-License-Identifier: GPL-3.0-or-later
 * The text files of DS2's own program (Kalavri et al., OSDI 2018): rate logs, topologies, source
 * rates. Comma-separated, blanks around a field do not count, lines that begin with # are comments,
 * fields beyond the named ones are ignored.
 *
 *   rate log      operator_id, operator_instance_id, total_number_of_operator_instances,
 *                 epoch_timestamp, true_processing_rate, true_output_rate,
 *                 observed_processing_rate, observed_output_rate
 *   topology      operator_id1, operator_name1, instances1,
 *                 operator_id2, operator_name2, instances2
 *   source rates  source_operator_name, output_rate_per_instance
 *
 * The functions take text and return structs in the caller's arena, whose strings borrow from the
 * text; errors read `file:line: …`, `file` being whatever name the caller gives the text. */
#ifndef KT_MODEL_DS2_LOG_H
#define KT_MODEL_DS2_LOG_H

#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/record.h"

/* Records/s, summed over the instances that logged the epoch. */
struct kt_ds2_rates {
    double true_processing; /* per time that was useful: PA */
    double true_output;
    double observed_processing; /* per time that passed */
    double observed_output;
};

/* One operator in one epoch. */
struct kt_ds2_epoch {
    struct kt_ds2_rates rates;
    int32_t logged;    /* instances that logged it; fewer than `instances`: a partial epoch */
    int32_t instances; /* the operator's parallelism, as logged */
    int64_t line;      /* of its first row */
};

struct kt_ds2_log_operator {
    struct kt_str id;
    KT_ARRAY(struct kt_ds2_epoch) epochs; /* the n-th is epoch n, all logged by someone */
};

struct kt_ds2_log {
    KT_ARRAY(struct kt_ds2_log_operator) operators; /* in the order of their first rows */
};

/* An instance's rows are numbered 0, 1, 2, … in the order of their timestamps (of equal ones: of
 * their lines); that number is the epoch. Timestamps of different instances need not agree.
 * KT_ERR_PARSE: a field is missing, no number, not finite or negative, or the rows of one operator
 * and epoch disagree on its number of instances. KT_ERR_LIMIT: too many operators, or the arena is
 * full. */
KT_MUST_CHECK enum kt_err kt_ds2_log_parse(const char *file, struct kt_str text,
                                           struct kt_arena *arena, struct kt_ds2_log *log,
                                           struct kt_error *error);

struct kt_ds2_node {
    struct kt_str id;
    struct kt_str name;
    int32_t instances;
};
struct kt_ds2_edge {
    int32_t from; /* indices of nodes */
    int32_t to;
};
struct kt_ds2_topology {
    KT_ARRAY(struct kt_ds2_node) nodes; /* in the order of their first lines */
    KT_ARRAY(struct kt_ds2_edge) edges; /* in the order of the lines; a repeated edge counts once */
};

/* KT_ERR_PARSE: as above, or an operator that comes again with another name or number of instances.
 * A topology without any edge is an error too. */
KT_MUST_CHECK enum kt_err kt_ds2_topology_parse(const char *file, struct kt_str text,
                                                struct kt_arena *arena,
                                                struct kt_ds2_topology *topology,
                                                struct kt_error *error);

#define KT_DS2_RATE_OBSERVED (-1.0) /* "take the observed output rate for the true one" */

struct kt_ds2_source_rate {
    struct kt_str source;
    double rate_per_instance; /* records/s, or KT_DS2_RATE_OBSERVED */
    int64_t line;
};
struct kt_ds2_source_rates {
    KT_ARRAY(struct kt_ds2_source_rate) rates;
};

KT_MUST_CHECK enum kt_err kt_ds2_source_rates_parse(const char *file, struct kt_str text,
                                                    struct kt_arena *arena,
                                                    struct kt_ds2_source_rates *rates,
                                                    struct kt_error *error);

#endif
