/* SPDX-License-Identifier: GPL-3.0-or-later
 * Weak stand-ins for subcommands that have not landed; goes away with the last of them. */
#include "ops/command.h"

#include <stdio.h>

#define STUB(name)                                                                                 \
    __attribute__((weak)) int name(int argc, char **argv) {                                        \
        (void)argc;                                                                                \
        fprintf(stderr, "kontune: %s has not landed\n", argv[0]);                                  \
        return KT_EXIT_FAILED;                                                                     \
    }
STUB(kt_cmd_replay)
STUB(kt_cmd_config)
STUB(kt_cmd_history)
STUB(kt_cmd_demo)
