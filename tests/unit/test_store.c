/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state folder: key order, transactions, the lock, foreign folders, another boot, full maps and
 * disks, and a reader beside a writer. */
#include "model/durable.h"
#include "support/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

struct fixture {
    char *root;
    char dir[600];
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->root = kt_process_tmpdir();
    snprintf(f->dir, sizeof f->dir, "%s/state", f->root);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    kt_process_rmtree(f->root);
    free(f->root);
    free(f);
    return 0;
}

static enum kt_err open_as(const struct fixture *f, const char *identity, size_t map_bytes,
                           bool read_only, struct kt_store **store, struct kt_error *error) {
    const struct kt_store_options options = {
        .path = f->dir, .identity = identity, .map_bytes = map_bytes, .read_only = read_only};
    return kt_store_open(&options, store, error);
}

static struct kt_store *open_ok(const struct fixture *f) {
    struct kt_store *store;
    struct kt_error error = {0};
    if (open_as(f, "g/t/c", 16 * MIB, false, &store, &error) != KT_ERR_OK) {
        fail_msg("%s", error.message);
    }
    return store;
}

static void begin(struct kt_store *store) {
    assert_int_equal(kt_store_begin(store, NULL), KT_ERR_OK);
}

static void commit(struct kt_store *store) {
    assert_int_equal(kt_store_commit(store, NULL), KT_ERR_OK);
}

static void put(struct kt_store *store, struct kt_store_key key, const char *text) {
    assert_int_equal(kt_store_put(store, key, text, strlen(text), NULL), KT_ERR_OK);
}

static bool holds(struct kt_store *store, struct kt_store_key key, const char *text) {
    struct kt_str value;
    return kt_store_get(store, key, &value, NULL) == KT_ERR_OK &&
           kt_str_equal(value, kt_str_of(text));
}

static void write_file(const struct fixture *f, const char *name, const char *text) {
    char path[700];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void keys_sort_by_partition_job_operator_parallelism(void **state) {
    (void)state;
    const struct kt_store_key ascending[] = {
        {0, 0, 0, 0},   {0, 0, 0, 1},          {0, 0, 1, 0},          {0, 0, 1, KT_STORE_CLUSTER},
        {0, 1, 0, 0},   {0, 255, 0, 0},        {0, 256, 0, 0},        {0, UINT64_MAX, 0, 0},
        {1, 0, 0, 0},   {1, 5, 7, 2},          {1, 5, 7, 300},        {1, 5, 8, 1},
        {256, 0, 0, 0}, {UINT32_MAX, 0, 0, 0}, {UINT32_MAX, 1, 1, 1},
    };
    unsigned char previous[KT_STORE_KEY_BYTES] = {0};
    for (size_t i = 0; i < sizeof ascending / sizeof ascending[0]; i++) {
        unsigned char bytes[KT_STORE_KEY_BYTES];
        kt_store_key_encode(ascending[i], bytes);
        struct kt_store_key back;
        assert_true(kt_store_key_decode(bytes, sizeof bytes, &back));
        assert_int_equal(back.partition, ascending[i].partition);
        assert_true(back.job == ascending[i].job && back.op == ascending[i].op);
        assert_int_equal(back.parallelism, ascending[i].parallelism);
        if (i > 0) {
            assert_true(memcmp(previous, bytes, sizeof bytes) < 0);
        }
        memcpy(previous, bytes, sizeof bytes);
    }
    struct kt_store_key key;
    assert_false(kt_store_key_decode(previous, KT_STORE_KEY_BYTES - 1, &key));
}

static void a_key_is_the_hash_of_the_whole_job_key(void **state) {
    (void)state;
    assert_true(kt_store_job_hash(KT_STR("lab"), KT_STR("orders")) ==
                kt_str_hash(KT_HASH_SEED, KT_STR("lab/orders")));
    assert_true(kt_store_op_hash(KT_STR("v1")) == kt_str_hash(KT_HASH_SEED, KT_STR("v1")));
}

/* Whatever hashes come out, no two kinds share a key: a parallelism is at most INT32_MAX. Only
 * partition and job need a hash that is 0 to meet. */
static void a_key_tells_the_kind_of_its_record(void **state) {
    (void)state;
    assert_int_equal(kt_durable_kind_of((struct kt_store_key){.partition = 7}),
                     KT_DURABLE_PARTITION);
    assert_int_equal(kt_durable_kind_of((struct kt_store_key){7, 1, 0, 0}), KT_DURABLE_JOB);
    assert_int_equal(kt_durable_kind_of((struct kt_store_key){7, 1, 2, 1}), KT_DURABLE_HISTORY);
    assert_int_equal(kt_durable_kind_of((struct kt_store_key){7, 0, 0, INT32_MAX}),
                     KT_DURABLE_HISTORY);
    assert_int_equal(kt_durable_kind_of((struct kt_store_key){7, 0, 0, KT_STORE_CLUSTER}),
                     KT_DURABLE_CLUSTER);
    assert_true(KT_STORE_CLUSTER > INT32_MAX);
}

static void a_committed_put_survives_and_an_aborted_one_does_not(void **state) {
    struct fixture *f = *state;
    struct kt_store *store = open_ok(f);
    const struct kt_store_key a = {1, 2, 3, 4}, b = {1, 2, 3, 5};
    begin(store);
    assert_true(kt_store_in_transaction(store));
    put(store, a, "first");
    commit(store);
    assert_false(kt_store_in_transaction(store));
    begin(store);
    put(store, a, "second");
    put(store, b, "other");
    kt_store_abort(store);
    kt_store_abort(store); /* none open: fine */
    kt_store_close(store);

    store = open_ok(f);
    begin(store);
    struct kt_str value;
    assert_true(holds(store, a, "first"));
    assert_int_equal(kt_store_get(store, b, &value, NULL), KT_ERR_NOT_FOUND);
    assert_int_equal(kt_store_delete(store, a, NULL), KT_ERR_OK);
    assert_int_equal(kt_store_delete(store, a, NULL), KT_ERR_OK);
    assert_int_equal(kt_store_get(store, a, &value, NULL), KT_ERR_NOT_FOUND);
    kt_store_abort(store);
    kt_store_close(store);
}

struct seen {
    uint32_t parallelism[16];
    size_t count;
    size_t stop_at; /* refuse the item of this index */
};

static enum kt_err visit(void *ctx, struct kt_store_key key, struct kt_str value,
                         struct kt_error *error) {
    struct seen *seen = ctx;
    assert_int_equal(value.len, 1);
    if (seen->count == seen->stop_at) {
        return kt_fail(error, KT_ERR_STOPPED, "enough");
    }
    seen->parallelism[seen->count++] = key.parallelism;
    return KT_ERR_OK;
}

static void a_scan_visits_its_range_inclusively_and_stops_when_told(void **state) {
    struct fixture *f = *state;
    struct kt_store *store = open_ok(f);
    begin(store);
    for (uint32_t n = 1; n <= 6; n++) {
        put(store, (struct kt_store_key){3, 7, 9, n * 100}, "x");
    }
    put(store, (struct kt_store_key){3, 7, 8, 9999}, "x");
    put(store, (struct kt_store_key){3, 7, 10, 0}, "x");
    commit(store);
    begin(store);
    struct seen seen = {.stop_at = SIZE_MAX};
    const struct kt_store_key first = {3, 7, 9, 200}, last = {3, 7, 9, 500};
    assert_int_equal(kt_store_scan(store, first, last, visit, &seen, NULL), KT_ERR_OK);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.parallelism[0], 200);
    assert_int_equal(seen.parallelism[3], 500);
    seen = (struct seen){.stop_at = 2};
    assert_int_equal(kt_store_scan(store, first, last, visit, &seen, NULL), KT_ERR_STOPPED);
    assert_int_equal(seen.count, 2);
    seen = (struct seen){.stop_at = SIZE_MAX};
    const struct kt_store_key none = {4, 0, 0, 0};
    assert_int_equal(kt_store_scan(store, none, none, visit, &seen, NULL), KT_ERR_OK);
    assert_int_equal(seen.count, 0);
    kt_store_abort(store);
    kt_store_close(store);
}

static void wiping_a_partition_leaves_its_neighbours(void **state) {
    struct fixture *f = *state;
    struct kt_store *store = open_ok(f);
    begin(store);
    for (uint32_t p = 4; p <= 6; p++) {
        for (uint32_t n = 0; n < 500; n++) {
            put(store, (struct kt_store_key){p, n % 7, n, n}, "x");
        }
        assert_int_equal(kt_store_watermark_put(store, p, 10 + p, 77, NULL), KT_ERR_OK);
    }
    commit(store);
    begin(store);
    assert_int_equal(kt_store_wipe_partition(store, 5, NULL), KT_ERR_OK);
    commit(store);
    begin(store);
    for (uint32_t p = 4; p <= 6; p++) {
        int64_t next, at;
        assert_int_equal(kt_store_watermark_get(store, p, &next, &at, NULL), KT_ERR_OK);
        assert_int_equal(next, p == 5 ? 0 : 10 + p);
        assert_int_equal(at, p == 5 ? 0 : 77);
        for (uint32_t n = 0; n < 500; n++) {
            assert_int_equal(holds(store, (struct kt_store_key){p, n % 7, n, n}, "x"), p != 5);
        }
    }
    kt_store_abort(store);
    kt_store_close(store);
}

static void a_locked_folder_names_the_process_that_has_it(void **state) {
    struct fixture *f = *state;
    struct kt_store *store = open_ok(f);
    struct kt_store *second;
    struct kt_error error = {0};
    assert_int_equal(open_as(f, "g/t/c", 16 * MIB, false, &second, &error), KT_ERR_LOCKED);
    assert_null(second);
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(error.message, pid));
    assert_non_null(strstr(error.message, f->dir));
    kt_store_close(store);
    kt_store_close(open_ok(f));
}

static void a_folder_with_other_files_is_foreign_and_left_alone(void **state) {
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->dir, 0755), 0);
    write_file(f, "precious.txt", "mine");
    struct kt_store *store;
    struct kt_error error = {0};
    assert_int_equal(open_as(f, "g/t/c", 16 * MIB, false, &store, &error), KT_ERR_FOREIGN);
    assert_non_null(strstr(error.message, "precious.txt"));
    char path[700];
    snprintf(path, sizeof path, "%s/LOCK", f->dir);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_folder_of_another_identity_is_foreign(void **state) {
    struct fixture *f = *state;
    kt_store_close(open_ok(f));
    struct kt_store *store;
    struct kt_error error = {0};
    assert_int_equal(open_as(f, "other/t/c", 16 * MIB, false, &store, &error), KT_ERR_FOREIGN);
    assert_non_null(strstr(error.message, "'g/t/c'"));
    assert_non_null(strstr(error.message, "'other/t/c'"));
    write_file(f, "identity", "something else\n");
    assert_int_equal(open_as(f, "g/t/c", 16 * MIB, false, &store, &error), KT_ERR_FOREIGN);
}

static void a_first_start_that_was_killed_half_way_is_not_foreign(void **state) {
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->dir, 0700), 0);
    write_file(f, "LOCK", "123\n");
    write_file(f, "identity.new", "kont");
    kt_store_close(open_ok(f));
}

static void the_folder_is_private(void **state) {
    struct fixture *f = *state;
    kt_store_close(open_ok(f));
    struct stat st;
    assert_int_equal(stat(f->dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_missing_parent_folder_is_an_error_with_the_path(void **state) {
    struct fixture *f = *state;
    snprintf(f->dir, sizeof f->dir, "%s/none/state", f->root);
    struct kt_store *store;
    struct kt_error error = {0};
    assert_int_equal(open_as(f, "g/t/c", 16 * MIB, false, &store, &error), KT_ERR_IO);
    assert_non_null(strstr(error.message, f->dir));
}

/* Leaves one record behind and gives the boot file this text. */
static void leave_record(const struct fixture *f, const char *boot) {
    struct kt_store *store = open_ok(f);
    begin(store);
    put(store, (struct kt_store_key){0, 1, 1, 1}, "kept");
    commit(store);
    kt_store_close(store);
    if (boot != NULL) {
        write_file(f, "boot", boot);
    }
}

static bool record_is_there(const struct fixture *f) {
    struct kt_store *store = open_ok(f);
    begin(store);
    const bool there = holds(store, (struct kt_store_key){0, 1, 1, 1}, "kept");
    kt_store_abort(store);
    kt_store_close(store);
    return there;
}

static void another_boot_without_a_clean_shutdown_wipes(void **state) {
    struct fixture *f = *state;
    leave_record(f, "00000000-0000-0000-0000-000000000000\ndirty\n");
    assert_false(record_is_there(f));
}

static void another_boot_after_a_clean_shutdown_keeps(void **state) {
    struct fixture *f = *state;
    leave_record(f, "00000000-0000-0000-0000-000000000000\nclean\n");
    assert_true(record_is_there(f));
}

static void a_lost_boot_file_wipes(void **state) {
    struct fixture *f = *state;
    leave_record(f, "");
    assert_false(record_is_there(f));
}

static void a_process_killed_in_the_same_boot_loses_nothing_committed(void **state) {
    struct fixture *f = *state;
    pid_t pid = fork();
    if (pid == 0) {
        struct kt_store *store = open_ok(f);
        begin(store);
        put(store, (struct kt_store_key){0, 1, 1, 1}, "kept");
        commit(store);
        begin(store);
        put(store, (struct kt_store_key){0, 1, 1, 1}, "open");
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_true(record_is_there(f));
}

static void a_full_map_spoils_the_transaction_only(void **state) {
    struct fixture *f = *state;
    struct kt_store *store;
    struct kt_error error = {0};
    assert_int_equal(open_as(f, "g/t/c", MIB, false, &store, &error), KT_ERR_OK);
    begin(store);
    put(store, (struct kt_store_key){0, 1, 1, 1}, "kept");
    commit(store);
    begin(store);
    static const char big[4096];
    enum kt_err err = KT_ERR_OK;
    uint32_t n = 0;
    while (err == KT_ERR_OK && n < 1000) {
        err = kt_store_put(store, (struct kt_store_key){1, 0, 0, n++}, big, sizeof big, &error);
    }
    assert_int_equal(err, KT_ERR_FULL);
    assert_non_null(strstr(error.message, f->dir));
    assert_non_null(strstr(error.message, "state_map_bytes"));
    err = kt_store_put(store, (struct kt_store_key){1, 0, 0, n}, "x", 1, &error);
    assert_int_equal(err, KT_ERR_FULL);
    assert_int_equal(kt_store_commit(store, &error), KT_ERR_FULL);
    kt_store_abort(store);
    begin(store);
    assert_true(holds(store, (struct kt_store_key){0, 1, 1, 1}, "kept"));
    put(store, (struct kt_store_key){0, 1, 1, 2}, "more");
    commit(store);
    kt_store_close(store);
}

/* In a process of its own: the limit on the size of files stands for a full disk. */
static int fill_disk(const struct fixture *f) {
    struct kt_store *store = open_ok(f);
    begin(store);
    put(store, (struct kt_store_key){0, 1, 1, 1}, "kept");
    commit(store);
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {512 * 1024 + 1000, 512 * 1024 + 1000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }
    static const char big[4096];
    struct kt_error error = {0};
    enum kt_err err = KT_ERR_OK;
    for (uint32_t n = 0; err == KT_ERR_OK && n < 100; n++) {
        begin(store);
        for (uint32_t i = 0; err == KT_ERR_OK && i < 20; i++) {
            err = kt_store_put(store, (struct kt_store_key){1, 0, n, i}, big, sizeof big, &error);
        }
        if (err == KT_ERR_OK) {
            err = kt_store_commit(store, &error);
        }
    }
    kt_store_abort(store);
    if (err != KT_ERR_FULL || strstr(error.message, f->dir) == NULL ||
        strstr(error.message, "no space left") == NULL) {
        fprintf(stderr, "%s: %s\n", kt_err_name(err), error.message);
        return 2;
    }
    begin(store);
    const bool kept = holds(store, (struct kt_store_key){0, 1, 1, 1}, "kept");
    kt_store_abort(store);
    kt_store_close(store);
    return kept ? 0 : 3;
}

static void a_full_disk_is_told_by_its_path_and_keeps_what_was_committed(void **state) {
    struct fixture *f = *state;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(fill_disk(f));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    char path[700];
    char text[200] = "";
    snprintf(path, sizeof path, "%s/boot", f->dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_non_null(strstr(text, "dirty")); /* a failed write is no clean shutdown */
    assert_true(record_is_there(f));
}

static int read_beside(const struct fixture *f, int go, int done) {
    struct kt_store *store;
    struct kt_error error = {0};
    if (open_as(f, "any", 0, true, &store, &error) != KT_ERR_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    begin(store);
    int result = holds(store, (struct kt_store_key){0, 1, 1, 1}, "one") ? 0 : 2;
    char c = 'r';
    if (write(done, &c, 1) != 1 || read(go, &c, 1) != 1) {
        return 3;
    }
    /* A snapshot: what was committed meanwhile is seen by the next transaction only. */
    if (result == 0 && !holds(store, (struct kt_store_key){0, 1, 1, 1}, "one")) {
        result = 4;
    }
    kt_store_abort(store);
    begin(store);
    if (result == 0 && !holds(store, (struct kt_store_key){0, 1, 1, 1}, "two")) {
        result = 5;
    }
    kt_store_close(store);
    return result;
}

static void a_reader_works_beside_a_writer(void **state) {
    struct fixture *f = *state;
    struct kt_store *store = open_ok(f);
    begin(store);
    put(store, (struct kt_store_key){0, 1, 1, 1}, "one");
    commit(store);
    int go[2], done[2];
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(read_beside(f, go[0], done[1]));
    }
    close(done[1]);
    char c;
    assert_int_equal(read(done[0], &c, 1), 1);
    begin(store);
    put(store, (struct kt_store_key){0, 1, 1, 1}, "two");
    commit(store);
    assert_int_equal(write(go[1], "g", 1), 1);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(go[0]);
    close(go[1]);
    close(done[0]);
    kt_store_close(store);
}

static void a_reader_of_nothing_is_told_so_and_makes_nothing(void **state) {
    struct fixture *f = *state;
    struct kt_store *store;
    struct kt_error error = {0};
    assert_int_equal(open_as(f, "any", 0, true, &store, &error), KT_ERR_IO);
    assert_non_null(strstr(error.message, f->dir));
    assert_int_not_equal(access(f->dir, F_OK), 0);
    assert_int_equal(mkdir(f->dir, 0700), 0);
    assert_int_equal(open_as(f, "any", 0, true, &store, &error), KT_ERR_NOT_FOUND);
}

static void a_data_file_that_is_not_lmdb_is_an_error(void **state) {
    struct fixture *f = *state;
    leave_record(f, NULL);
    write_file(f, "data.mdb", "this is not a database, whatever its name says\n");
    struct kt_store *store;
    struct kt_error error = {0};
    assert_int_equal(open_as(f, "g/t/c", 16 * MIB, false, &store, &error), KT_ERR_IO);
    assert_non_null(strstr(error.message, f->dir));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(keys_sort_by_partition_job_operator_parallelism),
        T(a_key_is_the_hash_of_the_whole_job_key),
        T(a_key_tells_the_kind_of_its_record),
        T(a_committed_put_survives_and_an_aborted_one_does_not),
        T(a_scan_visits_its_range_inclusively_and_stops_when_told),
        T(wiping_a_partition_leaves_its_neighbours),
        T(a_locked_folder_names_the_process_that_has_it),
        T(a_folder_with_other_files_is_foreign_and_left_alone),
        T(a_folder_of_another_identity_is_foreign),
        T(a_first_start_that_was_killed_half_way_is_not_foreign),
        T(the_folder_is_private),
        T(a_missing_parent_folder_is_an_error_with_the_path),
        T(another_boot_without_a_clean_shutdown_wipes),
        T(another_boot_after_a_clean_shutdown_keeps),
        T(a_lost_boot_file_wipes),
        T(a_process_killed_in_the_same_boot_loses_nothing_committed),
        T(a_full_map_spoils_the_transaction_only),
        T(a_full_disk_is_told_by_its_path_and_keeps_what_was_committed),
        T(a_reader_works_beside_a_writer),
        T(a_reader_of_nothing_is_told_so_and_makes_nothing),
        T(a_data_file_that_is_not_lmdb_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
