/* SPDX-License-Identifier: GPL-3.0-or-later
 * The durable state on this machine: an LMDB environment and the files that guard it.
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
#include "model/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STORE_MAGIC     "kontune state 1"
#define MAP_BYTES_LEAST ((size_t)1 << 20)
#define SMALL_FILE_MAX  2048 /* of identity, boot and LOCK */
#define WATERMARK_BYTES 16

struct kt_store {
    char *path;
    int folder_fd;
    int lock_fd; /* -1: read-only */
    MDB_env *env;
    MDB_txn *txn; /* the open transaction, or NULL */
    MDB_dbi records;
    MDB_dbi watermarks;
    bool read_only;
    bool txn_full;    /* a write of the open transaction found no room: it can only be aborted */
    bool write_error; /* some commit failed: the shutdown is not clean */
    char boot_id[64];
};

/* ---- keys --------------------------------------------------------------------------------- */

static void put_be32(unsigned char *out, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        out[i] = (unsigned char)(v >> (24 - 8 * i));
    }
}

static void put_be64(unsigned char *out, uint64_t v) {
    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char)(v >> (56 - 8 * i));
    }
}

static uint64_t get_be(const unsigned char *in, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) {
        v = v << 8 | in[i];
    }
    return v;
}

void kt_store_key_encode(struct kt_store_key key, unsigned char out[KT_STORE_KEY_BYTES]) {
    put_be32(out, key.partition);
    put_be64(out + 4, key.job);
    put_be64(out + 12, key.op);
    put_be32(out + 20, key.parallelism);
}

bool kt_store_key_decode(const void *bytes, size_t len, struct kt_store_key *key) {
    if (len != KT_STORE_KEY_BYTES) {
        return false;
    }
    const unsigned char *in = bytes;
    key->partition = (uint32_t)get_be(in, 4);
    key->job = get_be(in + 4, 8);
    key->op = get_be(in + 12, 8);
    key->parallelism = (uint32_t)get_be(in + 20, 4);
    return true;
}

uint64_t kt_store_job_hash(struct kt_str cluster, struct kt_str job_name) {
    return kt_str_hash(kt_str_hash(kt_str_hash(KT_HASH_SEED, cluster), KT_STR("/")), job_name);
}

uint64_t kt_store_op_hash(struct kt_str vertex_id) {
    return kt_str_hash(KT_HASH_SEED, vertex_id);
}

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

/* Turns a code of LMDB or of the system into ours. */
static enum kt_err store_fail(const struct kt_store *store, struct kt_error *error, int rc,
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

/* ---- the files beside LMDB's --------------------------------------------------------------- */

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
        return store_fail(store, error, rc, "listing the state folder");
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
        return store_fail(store, error, errno, "opening LOCK");
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return store_fail(store, error, errno, "locking LOCK");
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
        return store_fail(store, error, errno == 0 ? ENOSPC : errno, "writing LOCK");
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
        return rc == 0 ? KT_ERR_OK : store_fail(store, error, rc, "writing identity");
    }
    if (rc != 0) {
        return store_fail(store, error, rc, "reading identity");
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
        return store_fail(store, error, rc, "reading the machine's boot id");
    }
    fclose(f);
    store->boot_id[strcspn(store->boot_id, "\n")] = '\0';

    char text[SMALL_FILE_MAX];
    int rc = small_file_read(store->folder_fd, "boot", text);
    if (rc != 0) {
        return store_fail(store, error, rc, "reading boot");
    }
    const size_t id_len = strlen(store->boot_id);
    const bool same_boot = strncmp(text, store->boot_id, id_len) == 0 && text[id_len] == '\n';
    const char *word = strchr(text, '\n');
    const bool clean = word != NULL && strcmp(word, "\nclean\n") == 0;
    if (!same_boot && !clean) {
        if ((unlinkat(store->folder_fd, "data.mdb", 0) != 0 && errno != ENOENT) ||
            (unlinkat(store->folder_fd, "lock.mdb", 0) != 0 && errno != ENOENT)) {
            return store_fail(store, error, errno, "wiping the state of another boot");
        }
    }
    rc = boot_mark(store, "dirty");
    return rc == 0 ? KT_ERR_OK : store_fail(store, error, rc, "writing boot");
}

/* ---- open and close ------------------------------------------------------------------------ */

static enum kt_err open_folder(struct kt_store *store, struct kt_error *error) {
    if (!store->read_only && mkdir(store->path, 0700) != 0 && errno != EEXIST) {
        return store_fail(store, error, errno, "making the state folder");
    }
    store->folder_fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->folder_fd < 0) {
        return store_fail(store, error, errno, "opening the state folder");
    }
    return KT_ERR_OK;
}

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
        return store_fail(store, error, rc, "opening the LMDB environment");
    }
    MDB_txn *txn;
    rc = mdb_txn_begin(store->env, NULL, store->read_only ? MDB_RDONLY : 0, &txn);
    if (rc != 0) {
        return store_fail(store, error, rc, "beginning a transaction");
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
        return store_fail(store, error, rc, "opening the tables");
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? KT_ERR_OK : store_fail(store, error, rc, "making the tables");
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
    enum kt_err err = open_folder(store, error);
    if (err == KT_ERR_OK && store->read_only && !file_exists(store->folder_fd, "data.mdb")) {
        err = kt_fail(error, KT_ERR_NOT_FOUND, "%s: holds no state", store->path);
    }
    if (err == KT_ERR_OK && !store->read_only) {
        err = check_not_foreign(store, error);
        if (err == KT_ERR_OK) {
            err = take_lock(store, error);
        }
        if (err == KT_ERR_OK) {
            err = check_identity(store, options->identity, error);
        }
        if (err == KT_ERR_OK) {
            err = check_boot(store, error);
        }
    }
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
            /* A failure leaves "dirty" there: at worst the changelog is read again. */
            (void)boot_mark(store, "clean");
        }
        mdb_env_close(store->env);
    }
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    if (store->folder_fd >= 0) {
        close(store->folder_fd);
    }
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
        return store_fail(store, error, rc, "beginning a transaction");
    }
    return KT_ERR_OK;
}

enum kt_err kt_store_commit(struct kt_store *store, struct kt_error *error) {
    assert(store->txn != NULL);
    if (store->txn_full) {
        return store_fail(store, error, MDB_MAP_FULL, "committing");
    }
    int rc = mdb_txn_commit(store->txn); /* frees it, whatever it returns */
    store->txn = NULL;
    if (rc != 0) {
        store->write_error = true;
        return store_fail(store, error, rc, "committing");
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

/* ---- records --------------------------------------------------------------------------------- */

/* Puts into a table; remembers that the transaction is spoilt when there was no room. */
static enum kt_err table_put(struct kt_store *store, MDB_dbi table, MDB_val *key, MDB_val *value,
                             struct kt_error *error) {
    assert(store->txn != NULL && !store->read_only);
    int rc = store->txn_full ? MDB_MAP_FULL : mdb_put(store->txn, table, key, value, 0);
    if (rc == MDB_MAP_FULL) {
        store->txn_full = true;
    }
    return rc == 0 ? KT_ERR_OK : store_fail(store, error, rc, "writing a record");
}

enum kt_err kt_store_get(struct kt_store *store, struct kt_store_key key, struct kt_str *value,
                         struct kt_error *error) {
    assert(store->txn != NULL);
    unsigned char bytes[KT_STORE_KEY_BYTES];
    kt_store_key_encode(key, bytes);
    MDB_val k = {sizeof bytes, bytes};
    MDB_val v;
    int rc = mdb_get(store->txn, store->records, &k, &v);
    if (rc == MDB_NOTFOUND) {
        return kt_fail(error, KT_ERR_NOT_FOUND, "%s: no such record", store->path);
    }
    if (rc != 0) {
        return store_fail(store, error, rc, "reading a record");
    }
    *value = (struct kt_str){v.mv_data, v.mv_size};
    return KT_ERR_OK;
}

enum kt_err kt_store_put(struct kt_store *store, struct kt_store_key key, const void *value,
                         size_t len, struct kt_error *error) {
    unsigned char bytes[KT_STORE_KEY_BYTES];
    kt_store_key_encode(key, bytes);
    MDB_val k = {sizeof bytes, bytes};
    MDB_val v = {.mv_size = len};
    memcpy(&v.mv_data, &value, sizeof value); /* LMDB only reads it, but takes no const */
    return table_put(store, store->records, &k, &v, error);
}

enum kt_err kt_store_delete(struct kt_store *store, struct kt_store_key key,
                            struct kt_error *error) {
    assert(store->txn != NULL && !store->read_only);
    unsigned char bytes[KT_STORE_KEY_BYTES];
    kt_store_key_encode(key, bytes);
    MDB_val k = {sizeof bytes, bytes};
    int rc = store->txn_full ? MDB_MAP_FULL : mdb_del(store->txn, store->records, &k, NULL);
    if (rc == MDB_MAP_FULL) {
        store->txn_full = true;
    }
    return rc == 0 || rc == MDB_NOTFOUND ? KT_ERR_OK
                                         : store_fail(store, error, rc, "deleting a record");
}

/* Positions a cursor at the first key that is not before `first`. */
static int cursor_seek(MDB_cursor *cursor, struct kt_store_key first, MDB_val *k, MDB_val *v) {
    unsigned char bytes[KT_STORE_KEY_BYTES];
    kt_store_key_encode(first, bytes);
    *k = (MDB_val){sizeof bytes, bytes};
    return mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
}

enum kt_err kt_store_scan(struct kt_store *store, struct kt_store_key first,
                          struct kt_store_key last, kt_store_visit *visit, void *ctx,
                          struct kt_error *error) {
    assert(store->txn != NULL);
    unsigned char end[KT_STORE_KEY_BYTES];
    kt_store_key_encode(last, end);
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(store->txn, store->records, &cursor);
    if (rc != 0) {
        return store_fail(store, error, rc, "opening a cursor");
    }
    enum kt_err err = KT_ERR_OK;
    MDB_val k, v;
    for (rc = cursor_seek(cursor, first, &k, &v); rc == 0 && err == KT_ERR_OK;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        struct kt_store_key key;
        if (!kt_store_key_decode(k.mv_data, k.mv_size, &key)) {
            err = kt_fail(error, KT_ERR_IO, "%s: a key of %zu bytes", store->path, k.mv_size);
            break;
        }
        if (memcmp(k.mv_data, end, sizeof end) > 0) {
            break;
        }
        err = visit(ctx, key, (struct kt_str){v.mv_data, v.mv_size}, error);
        if (err != KT_ERR_OK) {
            break;
        }
    }
    mdb_cursor_close(cursor);
    if (err == KT_ERR_OK && rc != 0 && rc != MDB_NOTFOUND) {
        return store_fail(store, error, rc, "scanning");
    }
    return err;
}

enum kt_err kt_store_wipe_partition(struct kt_store *store, uint32_t partition,
                                    struct kt_error *error) {
    assert(store->txn != NULL && !store->read_only);
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(store->txn, store->records, &cursor);
    if (rc != 0) {
        return store_fail(store, error, rc, "opening a cursor");
    }
    MDB_val k, v;
    rc = cursor_seek(cursor, (struct kt_store_key){.partition = partition}, &k, &v);
    while (rc == 0 && k.mv_size == KT_STORE_KEY_BYTES && get_be(k.mv_data, 4) == partition) {
        rc = mdb_cursor_del(cursor, 0);
        if (rc == 0) {
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
        }
    }
    mdb_cursor_close(cursor);
    if (rc == 0 || rc == MDB_NOTFOUND) {
        unsigned char bytes[4];
        put_be32(bytes, partition);
        k = (MDB_val){sizeof bytes, bytes};
        rc = mdb_del(store->txn, store->watermarks, &k, NULL);
    }
    store->txn_full = store->txn_full || rc == MDB_MAP_FULL;
    return rc == 0 || rc == MDB_NOTFOUND ? KT_ERR_OK
                                         : store_fail(store, error, rc, "wiping a partition");
}

/* ---- watermarks --------------------------------------------------------------------------------
 */

enum kt_err kt_store_watermark_get(struct kt_store *store, uint32_t partition, int64_t *next_offset,
                                   int64_t *saved_at_ms, struct kt_error *error) {
    assert(store->txn != NULL);
    *next_offset = 0;
    *saved_at_ms = 0;
    unsigned char bytes[4];
    put_be32(bytes, partition);
    MDB_val k = {sizeof bytes, bytes};
    MDB_val v;
    int rc = mdb_get(store->txn, store->watermarks, &k, &v);
    if (rc == MDB_NOTFOUND) {
        return KT_ERR_OK;
    }
    if (rc != 0) {
        return store_fail(store, error, rc, "reading a watermark");
    }
    if (v.mv_size != WATERMARK_BYTES) {
        return kt_fail(error, KT_ERR_IO, "%s: the watermark of partition %u has %zu bytes",
                       store->path, partition, v.mv_size);
    }
    const unsigned char *in = v.mv_data;
    *next_offset = (int64_t)get_be(in, 8);
    *saved_at_ms = (int64_t)get_be(in + 8, 8);
    return KT_ERR_OK;
}

enum kt_err kt_store_watermark_put(struct kt_store *store, uint32_t partition, int64_t next_offset,
                                   int64_t now_ms, struct kt_error *error) {
    unsigned char bytes[4];
    put_be32(bytes, partition);
    unsigned char value[WATERMARK_BYTES];
    put_be64(value, (uint64_t)next_offset);
    put_be64(value + 8, (uint64_t)now_ms);
    MDB_val k = {sizeof bytes, bytes};
    MDB_val v = {sizeof value, value};
    return table_put(store, store->watermarks, &k, &v, error);
}
