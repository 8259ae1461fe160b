/* SPDX-License-Identifier: GPL-3.0-or-later
 * A folder that lives as long as a command. */
#include "ops/temp_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kt_err kt_temp_folder_make(char **path, struct kt_error *error) {
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] == '\0') {
        base = "/tmp";
    }
    *path = NULL;
    if (asprintf(path, "%s/kontune-XXXXXX", base) < 0) {
        *path = NULL;
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a temporary folder's name");
    }
    if (mkdtemp(*path) == NULL) {
        const enum kt_err err = errno == ENOSPC ? KT_ERR_FULL : KT_ERR_IO;
        (void)kt_fail(error, err, "%s: making a temporary folder: %s", base, strerror(errno));
        free(*path);
        *path = NULL;
        return err;
    }
    return KT_ERR_OK;
}

void kt_temp_folder_remove(char *path) {
    if (path == NULL) {
        return;
    }
    DIR *dir = opendir(path);
    if (dir != NULL) {
        for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
                unlinkat(dirfd(dir), entry->d_name, 0);
            }
        }
        closedir(dir);
    }
    rmdir(path);
    free(path);
}
