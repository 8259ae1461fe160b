/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state folder: whose it is, who has it, and whether its data can be trusted.
 *
 * The folder holds, besides LMDB's data.mdb and lock.mdb:
 *
 *   LOCK      flock'ed by the worker that owns the folder; its process id is inside
 *   identity  a magic line and whose state this is; without it a folder that is not empty is
 *             somebody else's and left alone
 *   boot      the boot id under which the data was last written, and "clean" after a shutdown that
 *             synced, else "dirty"
 *
 * Order of the writes, so that a power cut at any point is answered rightly: "dirty" is on the disk
 * before the first page may change; all pages are on the disk before "clean" is. */
#include "model/store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_MAGIC    "kontune state 1"
#define SMALL_FILE_MAX 2048 /* of identity, boot and LOCK */

/* Reads a small text file; *text is empty when there is none. Returns 0 or errno. */
static int small_file_read(int folder_fd, const char *name, char text[SMALL_FILE_MAX]) {
    text[0] = '\0';
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : errno;
    }
    ssize_t n = read(fd, text, SMALL_FILE_MAX - 1);
    int rc = n < 0 ? errno : 0;
    text[n < 0 ? 0 : n] = '\0';
    close(fd);
    return rc;
}

/* Replaces a small file so that after a power cut either the old or the new text is there. */
static int small_file_write(int folder_fd, const char *name, const char *text) {
    char fresh[64];
    snprintf(fresh, sizeof fresh, "%s.new", name);
    int fd = openat(folder_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    const size_t len = strlen(text);
    ssize_t n = write(fd, text, len);
    int rc = n < 0 ? errno : (size_t)n < len ? ENOSPC : 0;
    if (rc == 0 && fsync(fd) != 0) {
        rc = errno;
    }
    if (close(fd) != 0 && rc == 0) {
        rc = errno;
    }
    if (rc == 0 && renameat(folder_fd, fresh, folder_fd, name) != 0) {
        rc = errno;
    }
    if (rc == 0 && fsync(folder_fd) != 0) {
        rc = errno;
    }
    if (rc != 0) {
        unlinkat(folder_fd, fresh, 0);
    }
    return rc;
}

static bool file_exists(int folder_fd, const char *name) {
    return faccessat(folder_fd, name, F_OK, 0) == 0;
}

/* KT_ERR_FOREIGN if the folder holds anything before our identity does: what a first start that
 * was killed half-way leaves behind does not count. */
static enum kt_err check_not_foreign(struct kt_store *store, struct kt_error *error) {
    static const char *const ours[] = {".", "..", "LOCK", "identity.new"};
    if (file_exists(store->folder_fd, "identity")) {
        return KT_ERR_OK;
    }
    int fd = openat(store->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        int rc = errno;
        if (fd >= 0) {
            close(fd);
        }
        return kt_store_fail(store, error, rc, "listing the state folder");
    }
    enum kt_err err = KT_ERR_OK;
    for (struct dirent *entry = readdir(dir); entry != NULL && err == KT_ERR_OK;
         entry = readdir(dir)) {
        bool known = false;
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
            known = known || strcmp(entry->d_name, ours[i]) == 0;
        }
        if (!known) {
            err = kt_fail(error, KT_ERR_FOREIGN,
                          "%s: not a state folder of kontune (it holds '%s'); name an empty or a "
                          "new folder",
                          store->path, entry->d_name);
        }
    }
    closedir(dir);
    return err;
}

/* Takes the folder for this process or says who has it. */
static enum kt_err take_lock(struct kt_store *store, struct kt_error *error) {
    store->lock_fd = openat(store->folder_fd, "LOCK", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0) {
        return kt_store_fail(store, error, errno, "opening LOCK");
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return kt_store_fail(store, error, errno, "locking LOCK");
        }
        char owner[SMALL_FILE_MAX];
        (void)small_file_read(store->folder_fd, "LOCK", owner);
        owner[strcspn(owner, "\n")] = '\0';
        return kt_fail(error, KT_ERR_LOCKED, "%s: in use by process %s", store->path,
                       owner[0] == '\0' ? "(starting)" : owner);
    }
    char pid[32];
    const int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    errno = 0; /* a short write sets none */
    if (ftruncate(store->lock_fd, 0) != 0 || pwrite(store->lock_fd, pid, (size_t)len, 0) != len) {
        return kt_store_fail(store, error, errno == 0 ? ENOSPC : errno, "writing LOCK");
    }
    return KT_ERR_OK;
}

/* Compares the identity file with the caller's identity, or makes it. */
static enum kt_err check_identity(struct kt_store *store, const char *identity,
                                  struct kt_error *error) {
    char expected[SMALL_FILE_MAX];
    char found[SMALL_FILE_MAX];
    const int len = snprintf(expected, sizeof expected, "%s\n%s\n", STORE_MAGIC, identity);
    if (len < 0 || (size_t)len >= sizeof expected || strchr(identity, '\n') != NULL) {
        return kt_fail(error, KT_ERR_INVALID,
                       "%s: the state's identity is too long or has a line "
                       "break",
                       store->path);
    }
    int rc = small_file_read(store->folder_fd, "identity", found);
    if (rc == 0 && found[0] == '\0' && !file_exists(store->folder_fd, "identity")) {
        rc = small_file_write(store->folder_fd, "identity", expected);
        return rc == 0 ? KT_ERR_OK : kt_store_fail(store, error, rc, "writing identity");
    }
    if (rc != 0) {
        return kt_store_fail(store, error, rc, "reading identity");
    }
    if (strcmp(found, expected) == 0) {
        return KT_ERR_OK;
    }
    const size_t magic_len = strlen(STORE_MAGIC);
    if (strncmp(found, STORE_MAGIC "\n", magic_len + 1) != 0) {
        return kt_fail(error, KT_ERR_FOREIGN,
                       "%s: its identity file does not begin with '" STORE_MAGIC "'", store->path);
    }
    const char *theirs = found + magic_len + 1;
    return kt_fail(error, KT_ERR_FOREIGN, "%s: the state belongs to '%.*s', not to '%s'",
                   store->path, (int)strcspn(theirs, "\n"), theirs, identity);
}

static int boot_mark(struct kt_store *store, const char *word) {
    char text[SMALL_FILE_MAX];
    snprintf(text, sizeof text, "%s\n%s\n", store->boot_id, word);
    return small_file_write(store->folder_fd, "boot", text);
}

/* Drops data that a crash of the machine may have torn, and marks the folder as being written. */
static enum kt_err check_boot(struct kt_store *store, struct kt_error *error) {
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (f == NULL || fgets(store->boot_id, sizeof store->boot_id, f) == NULL) {
        int rc = errno;
        if (f != NULL) {
            fclose(f);
        }
        return kt_store_fail(store, error, rc, "reading the machine's boot id");
    }
    fclose(f);
    store->boot_id[strcspn(store->boot_id, "\n")] = '\0';

    char text[SMALL_FILE_MAX];
    int rc = small_file_read(store->folder_fd, "boot", text);
    if (rc != 0) {
        return kt_store_fail(store, error, rc, "reading boot");
    }
    const size_t id_len = strlen(store->boot_id);
    const bool same_boot = strncmp(text, store->boot_id, id_len) == 0 && text[id_len] == '\n';
    const char *word = strchr(text, '\n');
    const bool clean = word != NULL && strcmp(word, "\nclean\n") == 0;
    if (!same_boot && !clean) {
        if ((unlinkat(store->folder_fd, "data.mdb", 0) != 0 && errno != ENOENT) ||
            (unlinkat(store->folder_fd, "lock.mdb", 0) != 0 && errno != ENOENT)) {
            return kt_store_fail(store, error, errno, "wiping the state of another boot");
        }
    }
    rc = boot_mark(store, "dirty");
    return rc == 0 ? KT_ERR_OK : kt_store_fail(store, error, rc, "writing boot");
}

static enum kt_err open_folder(struct kt_store *store, struct kt_error *error) {
    if (!store->read_only && mkdir(store->path, 0700) != 0 && errno != EEXIST) {
        return kt_store_fail(store, error, errno,
                             "making the state folder (the folder above it must exist)");
    }
    store->folder_fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->folder_fd < 0) {
        return kt_store_fail(store, error, errno, "opening the state folder");
    }
    return KT_ERR_OK;
}

enum kt_err kt_store_folder_open(struct kt_store *store, const char *identity,
                                 struct kt_error *error) {
    enum kt_err err = open_folder(store, error);
    if (err == KT_ERR_OK && store->read_only) {
        return file_exists(store->folder_fd, "data.mdb")
                   ? KT_ERR_OK
                   : kt_fail(error, KT_ERR_NOT_FOUND, "%s: holds no state", store->path);
    }
    if (err == KT_ERR_OK) {
        err = check_not_foreign(store, error);
    }
    if (err == KT_ERR_OK) {
        err = take_lock(store, error);
    }
    if (err == KT_ERR_OK) {
        err = check_identity(store, identity, error);
    }
    if (err == KT_ERR_OK) {
        err = check_boot(store, error);
    }
    return err;
}

void kt_store_folder_mark_clean(struct kt_store *store) {
    (void)boot_mark(store, "clean");
}

void kt_store_folder_close(struct kt_store *store) {
    if (store->folder_fd >= 0) {
        close(store->folder_fd);
        store->folder_fd = -1;
    }
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
        store->lock_fd = -1;
    }
}
