/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of the store share: the handle, its errors, and the guarded folder. */
#ifndef KT_MODEL_STORE_INTERNAL_H
#define KT_MODEL_STORE_INTERNAL_H

#include "model/store.h"

#include <lmdb.h>

struct kt_store {
    char *path;
    int folder_fd; /* -1: not open */
    int lock_fd;   /* -1: not locked */
    MDB_env *env;
    MDB_txn *txn; /* the open transaction, or NULL */
    MDB_dbi records;
    MDB_dbi watermarks;
    bool read_only;
    bool txn_full;    /* a write of the open transaction found no room: it can only be aborted */
    bool write_error; /* some commit failed: the shutdown is not clean */
    char boot_id[64];
};

/* Turns rc, a code of LMDB or an errno, into ours: KT_ERR_FULL, KT_ERR_NOMEM or KT_ERR_IO. `doing`
 * completes "… while". */
enum kt_err kt_store_fail(const struct kt_store *store, struct kt_error *error, int rc,
                          const char *doing);

/* ---- store_folder.c ------------------------------------------------------------------------- */

/* Opens the folder. A writer makes it if need be and takes it for this process and identity, drops
 * what a crash of the machine may have torn, and marks it as being written; a reader only finds out
 * whether there is data. Errors are those of kt_store_open. */
KT_MUST_CHECK enum kt_err kt_store_folder_open(struct kt_store *store, const char *identity,
                                               struct kt_error *error);
/* Says that all data are on the disk, if they are: the caller has synced them. A failure leaves the
 * mark of a folder being written, and at worst the changelog is read again. */
void kt_store_folder_mark_clean(struct kt_store *store);
/* Closes what is open, the lock last. */
void kt_store_folder_close(struct kt_store *store);

#endif
