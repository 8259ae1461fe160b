/* SPDX-License-Identifier: GPL-3.0-or-later
 * Reads a whole text file. */
#ifndef KT_OPS_TEXT_FILE_H
#define KT_OPS_TEXT_FILE_H

#include "schemas/arena.h"
#include "schemas/error.h"

/* The file's bytes ("-": stdin), NUL-terminated, in the arena. KT_ERR_IO; KT_ERR_LIMIT: larger than
 * the arena takes. Messages begin with the path. */
KT_MUST_CHECK enum kt_err kt_text_file_read(const char *path, struct kt_arena *arena,
                                            struct kt_str *text, struct kt_error *error);

#endif
