/* SPDX-License-Identifier: GPL-3.0-or-later
 * A folder that lives as long as a command. */
#ifndef KT_OPS_TEMP_FOLDER_H
#define KT_OPS_TEMP_FOLDER_H

#include "schemas/error.h"

/* Makes an empty private folder below $TMPDIR or /tmp; *path is malloc'd. */
KT_MUST_CHECK enum kt_err kt_temp_folder_make(char **path, struct kt_error *error);
/* Removes the folder and the files in it, and frees path (NULL is fine). */
void kt_temp_folder_remove(char *path);

#endif
