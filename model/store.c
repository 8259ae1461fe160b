/* SPDX-License-Identifier: GPL-3.0-or-later
 * The durable state on this machine: opens and closes the LMDB environment, and its transactions.
 */
#include "model/store_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MAP_BYTES_LEAST ((size_t)1 << 20)

/* ---- errors ------------------------------------------------------------------------------- */

/* LMDB reports a short write as EIO. It is a full disk when the file system has no block left or
 * the file has reached the size limit of the process. */
static bool disk_is_full(const struct kt_store *store) {
    struct statvfs fs;
    if (statvfs(store->path, &fs) == 0 && fs.f_bavail == 0) {
        return true;
    }
    struct rlimit limit;
    struct stat data;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           fstatat(store->folder_fd, "data.mdb", &data, 0) == 0 &&
           (rlim_t)data.st_size >= limit.rlim_cur;
}

enum kt_err kt_store_fail(const struct kt_store *store, struct kt_error *error, int rc,
                          const char *doing) {
    if (rc == MDB_MAP_FULL) {
        return kt_fail(error, KT_ERR_FULL,
                       "%s: the state's map is full while %s; raise state_map_bytes", store->path,
                       doing);
    }
    if (rc == ENOSPC || rc == EFBIG || rc == EDQUOT || (rc == EIO && disk_is_full(store))) {
        return kt_fail(error, KT_ERR_FULL, "%s: no space left on the disk while %s", store->path,
                       doing);
    }
    if (rc == ENOMEM) {
        return kt_fail(error, KT_ERR_NOMEM, "%s: out of memory while %s", store->path, doing);
    }
    return kt_fail(error, KT_ERR_IO, "%s: %s: %s", store->path, doing, mdb_strerror(rc));
}

/* ---- open and close ------------------------------------------------------------------------ */

/* Opens the environment and both tables. */
static enum kt_err open_env(struct kt_store *store, const struct kt_store_options *options,
                            struct kt_error *error) {
    int rc = mdb_env_create(&store->env);
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(store->env, 2);
    }
    if (rc == 0 && !store->read_only) { /* a reader takes the size that the writer chose */
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t bytes = options->map_bytes < MAP_BYTES_LEAST ? MAP_BYTES_LEAST : options->map_bytes;
        bytes = bytes / page * page;
        rc = mdb_env_set_mapsize(store->env, bytes);
    }
    if (rc == 0) {
        const unsigned flags = MDB_NOTLS | (store->read_only ? MDB_RDONLY : MDB_NOSYNC);
        rc = mdb_env_open(store->env, store->path, flags, 0600);
    }
    if (rc != 0) {
        return kt_store_fail(store, error, rc, "opening the LMDB environment");
    }
    MDB_txn *txn;
    rc = mdb_txn_begin(store->env, NULL, store->read_only ? MDB_RDONLY : 0, &txn);
    if (rc != 0) {
        return kt_store_fail(store, error, rc, "beginning a transaction");
    }
    const unsigned create = store->read_only ? 0 : MDB_CREATE;
    rc = mdb_dbi_open(txn, "records", create, &store->records);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "watermarks", create, &store->watermarks);
    }
    if (rc != 0) {
        mdb_txn_abort(txn);
        if (rc == MDB_NOTFOUND) {
            return kt_fail(error, KT_ERR_NOT_FOUND, "%s: holds no state of kontune", store->path);
        }
        return kt_store_fail(store, error, rc, "opening the tables");
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? KT_ERR_OK : kt_store_fail(store, error, rc, "making the tables");
}

enum kt_err kt_store_open(const struct kt_store_options *options, struct kt_store **out,
                          struct kt_error *error) {
    *out = NULL;
    struct kt_store *store = calloc(1, sizeof *store);
    if (store == NULL || (store->path = strdup(options->path)) == NULL) {
        free(store);
        return kt_fail(error, KT_ERR_NOMEM, "%s: out of memory", options->path);
    }
    store->folder_fd = -1;
    store->lock_fd = -1;
    store->read_only = options->read_only;
    enum kt_err err = kt_store_folder_open(store, options->identity, error);
    if (err == KT_ERR_OK) {
        err = open_env(store, options, error);
    }
    if (err != KT_ERR_OK) {
        store->write_error = true; /* what is there was not touched or is not known to be whole */
        kt_store_close(store);
        return err;
    }
    *out = store;
    return KT_ERR_OK;
}

void kt_store_close(struct kt_store *store) {
    if (store == NULL) {
        return;
    }
    kt_store_abort(store);
    if (store->env != NULL) {
        if (!store->read_only && !store->write_error && mdb_env_sync(store->env, 1) == 0) {
            kt_store_folder_mark_clean(store);
        }
        mdb_env_close(store->env);
    }
    kt_store_folder_close(store);
    free(store->path);
    free(store);
}

/* ---- transactions ---------------------------------------------------------------------------- */

enum kt_err kt_store_begin(struct kt_store *store, struct kt_error *error) {
    assert(store->txn == NULL);
    const unsigned flags = store->read_only ? MDB_RDONLY : 0;
    int rc = mdb_txn_begin(store->env, NULL, flags, &store->txn);
    if (rc == MDB_MAP_RESIZED) { /* the writer was restarted with a larger map */
        rc = mdb_env_set_mapsize(store->env, 0);
        if (rc == 0) {
            rc = mdb_txn_begin(store->env, NULL, flags, &store->txn);
        }
    }
    store->txn_full = false;
    if (rc != 0) {
        store->txn = NULL;
        return kt_store_fail(store, error, rc, "beginning a transaction");
    }
    return KT_ERR_OK;
}

enum kt_err kt_store_commit(struct kt_store *store, struct kt_error *error) {
    assert(store->txn != NULL);
    if (store->txn_full) {
        return kt_store_fail(store, error, MDB_MAP_FULL, "committing");
    }
    int rc = mdb_txn_commit(store->txn); /* frees it, whatever it returns */
    store->txn = NULL;
    if (rc != 0) {
        store->write_error = true;
        return kt_store_fail(store, error, rc, "committing");
    }
    return KT_ERR_OK;
}

void kt_store_abort(struct kt_store *store) {
    if (store->txn != NULL) {
        mdb_txn_abort(store->txn);
        store->txn = NULL;
    }
}

bool kt_store_in_transaction(const struct kt_store *store) {
    return store->txn != NULL;
}
