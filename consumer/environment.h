/* SPDX-License-Identifier: GPL-3.0-or-later
 * The environment as configuration sees it: variables that override options, and ${VAR} in values.
 */
#ifndef KT_CONSUMER_ENVIRONMENT_H
#define KT_CONSUMER_ENVIRONMENT_H

#include "schemas/arena.h"
#include "schemas/error.h"

/* The value of a variable, borrowed from env (as the process's environ, NULL: empty); NULL when it
 * is not set. */
const char *kt_env_get(char *const *env, struct kt_str name);

/* "KONTUNE_WORKER_GROUP_ID" for worker and group_id; in the arena; data NULL when out of memory. */
struct kt_str kt_env_name(const char *section, const char *name, struct kt_arena *arena);

/* Replaces each ${NAME} by the variable's value, which is not looked at again, and $${ by ${. Any
 * other $ stands for itself. *used tells whether a variable was read. *out is NUL-terminated and in
 * the arena. KT_ERR_CONFIG: not set, malformed, or longer than 64 KiB. */
KT_MUST_CHECK enum kt_err kt_env_expand(struct kt_str value, char *const *env,
                                        struct kt_arena *arena, struct kt_str *out, bool *used,
                                        struct kt_error *error);

#endif
