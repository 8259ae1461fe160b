/* SPDX-License-Identifier: GPL-3.0-or-later
 * A rescale command as people read it: one line, and one for each operator of a rescale. */
#ifndef KT_OPS_COMMAND_TEXT_H
#define KT_OPS_COMMAND_TEXT_H

#include "schemas/rescale_command.h"

#include <stdio.h>

/* Prints the command. A hold has no lines of operators. Text of the record that could move the
 * terminal's cursor becomes '?'. Errors stay in the stream (ferror). */
void kt_command_print(FILE *out, const struct kt_rescale_command *command);

#endif
