/* SPDX-License-Identifier: GPL-3.0-or-later
 * A job in memory, and the jobs and open windows of one partition. */
#include "model/job.h"

#include <assert.h>
#include <stdlib.h>

#define BUCKETS_FIRST     16
#define SPARE_WINDOWS_MAX 2 /* of a job; what is beyond is freed */
#define STATE_CHUNK_BYTES ((size_t)2 << 10)
#define STATE_LIMIT_BYTES ((size_t)8 << 20)

struct kt_partition *kt_partition_new(uint32_t number) {
    struct kt_partition *partition = calloc(1, sizeof *partition);
    if (partition == NULL) {
        return NULL;
    }
    partition->number = number;
    partition->position = -1;
    partition->bucket_count = BUCKETS_FIRST;
    partition->buckets = calloc(partition->bucket_count, sizeof(struct kt_job *));
    if (partition->buckets == NULL) {
        free(partition);
        return NULL;
    }
    return partition;
}

static void open_windows_free(struct kt_open_window *list) {
    while (list != NULL) {
        struct kt_open_window *open = list;
        list = open->later;
        kt_window_free(open->window);
        free(open);
    }
}

static void job_free(struct kt_job *job) {
    open_windows_free(job->windows);
    open_windows_free(job->spare);
    kt_arena_free(&job->arena);
    free(job);
}

void kt_partition_free(struct kt_partition *partition) {
    if (partition == NULL) {
        return;
    }
    for (size_t i = 0; i < partition->bucket_count; i++) {
        while (partition->buckets[i] != NULL) {
            struct kt_job *job = partition->buckets[i];
            partition->buckets[i] = job->next_in_bucket;
            job_free(job);
        }
    }
    free((void *)partition->buckets);
    free((void *)partition->order);
    free(partition);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

struct kt_store_key kt_job_key(const struct kt_job *job, uint32_t partition) {
    return (struct kt_store_key){.partition = partition, .job = job->hash};
}

/* A job that was never decided on. */
static enum kt_err job_begin(struct kt_job *job, struct kt_str cluster, struct kt_str job_name,
                             struct kt_error *error) {
    job->state = (struct kt_job_state){.cluster = kt_arena_str(&job->arena, cluster),
                                       .job_name = kt_arena_str(&job->arena, job_name),
                                       .closed_until_ms = INT64_MIN};
    if (job->state.cluster.data == NULL || job->state.job_name.data == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a job");
    }
    return KT_ERR_OK;
}

enum kt_err kt_job_reload(struct kt_job *job, uint32_t partition, struct kt_durable *durable,
                          struct kt_error *error) {
    kt_arena_reset(&job->arena);
    return kt_durable_get(durable, KT_DURABLE_JOB, kt_job_key(job, partition), &job->arena,
                          &job->state, error);
}

/* Keeps the chains short. Failing to grow is no error: they only get longer. */
static void grow_buckets(struct kt_partition *partition) {
    const size_t count = partition->bucket_count * 2;
    struct kt_job **buckets = calloc(count, sizeof(struct kt_job *));
    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < partition->bucket_count; i++) {
        while (partition->buckets[i] != NULL) {
            struct kt_job *job = partition->buckets[i];
            partition->buckets[i] = job->next_in_bucket;
            job->next_in_bucket = buckets[job->hash & (count - 1)];
            buckets[job->hash & (count - 1)] = job;
        }
    }
    free((void *)partition->buckets);
    partition->buckets = buckets;
    partition->bucket_count = count;
}

static struct kt_job *job_lookup(const struct kt_partition *partition, uint64_t hash) {
    struct kt_job *job = partition->buckets[hash & (partition->bucket_count - 1)];
    while (job != NULL && job->hash != hash) {
        job = job->next_in_bucket;
    }
    return job;
}

static enum kt_err check_names(const struct kt_job *job, struct kt_str cluster,
                               struct kt_str job_name, struct kt_error *error) {
    if (kt_str_equal(job->state.cluster, cluster) && kt_str_equal(job->state.job_name, job_name)) {
        return KT_ERR_OK;
    }
    return kt_fail(error, KT_ERR_INVALID,
                   "job '%.*s' of cluster '%.*s' has the key of job '%.*s' of cluster '%.*s'",
                   KT_STR_ARG(job_name), KT_STR_ARG(cluster), KT_STR_ARG(job->state.job_name),
                   KT_STR_ARG(job->state.cluster));
}

enum kt_err kt_partition_job(struct kt_partition *partition, struct kt_durable *durable,
                             struct kt_str cluster, struct kt_str job_name, struct kt_job **out,
                             struct kt_error *error) {
    const uint64_t hash = kt_store_job_hash(cluster, job_name);
    struct kt_job *job = job_lookup(partition, hash);
    if (job != NULL) {
        *out = job;
        return check_names(job, cluster, job_name, error);
    }
    *out = NULL;
    job = calloc(1, sizeof *job);
    if (job == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a job");
    }
    job->hash = hash;
    kt_arena_init(&job->arena, STATE_CHUNK_BYTES, STATE_LIMIT_BYTES);
    enum kt_err err = kt_job_reload(job, partition->number, durable, error);
    if (err == KT_ERR_NOT_FOUND) {
        err = job_begin(job, cluster, job_name, error);
    } else if (err == KT_ERR_OK) {
        err = check_names(job, cluster, job_name, error);
    }
    if (err != KT_ERR_OK) {
        job_free(job);
        return err;
    }
    if (partition->job_count >= partition->bucket_count) {
        grow_buckets(partition);
    }
    struct kt_job **bucket = &partition->buckets[hash & (partition->bucket_count - 1)];
    job->next_in_bucket = *bucket;
    *bucket = job;
    partition->job_count++;
    *out = job;
    return KT_ERR_OK;
}

void kt_partition_forget(struct kt_partition *partition, struct kt_job *job) {
    assert(job->windows == NULL);
    struct kt_job **at = &partition->buckets[job->hash & (partition->bucket_count - 1)];
    while (*at != job) {
        at = &(*at)->next_in_bucket;
    }
    *at = job->next_in_bucket;
    partition->job_count--;
    job_free(job);
}

static int compare_jobs(const void *a, const void *b) {
    const struct kt_job *x = *(const struct kt_job *const *)a;
    const struct kt_job *y = *(const struct kt_job *const *)b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

struct kt_job **kt_partition_sorted(struct kt_partition *partition) {
    if (partition->job_count > partition->order_capacity || partition->order == NULL) {
        const size_t capacity = partition->job_count * 2 + BUCKETS_FIRST;
        struct kt_job **grown =
            realloc((void *)partition->order, capacity * sizeof(struct kt_job *));
        if (grown == NULL) {
            return NULL;
        }
        partition->order = grown;
        partition->order_capacity = capacity;
    }
    size_t n = 0;
    for (size_t i = 0; i < partition->bucket_count; i++) {
        for (struct kt_job *job = partition->buckets[i]; job != NULL; job = job->next_in_bucket) {
            partition->order[n++] = job;
        }
    }
    assert(n == partition->job_count);
    qsort((void *)partition->order, n, sizeof(struct kt_job *), compare_jobs);
    return partition->order;
}

/* ---- windows --------------------------------------------------------------------------------- */

static struct kt_open_window *take_spare(struct kt_job *job) {
    struct kt_open_window *open = job->spare;
    if (open != NULL) {
        job->spare = open->later;
        job->spare_count--;
        return open;
    }
    open = calloc(1, sizeof *open);
    if (open == NULL) {
        return NULL;
    }
    open->window = kt_window_new();
    if (open->window == NULL) {
        free(open);
        return NULL;
    }
    return open;
}

struct kt_open_window *kt_partition_window(struct kt_partition *partition, struct kt_job *job,
                                           int64_t start_ms, int64_t end_ms, int64_t offset) {
    struct kt_open_window **at = &job->windows;
    while (*at != NULL && kt_window_start_ms((*at)->window) < start_ms) {
        at = &(*at)->later;
    }
    if (*at != NULL && kt_window_start_ms((*at)->window) == start_ms) {
        return *at;
    }
    struct kt_open_window *open = take_spare(job);
    if (open == NULL) {
        return NULL;
    }
    kt_window_clear(open->window, start_ms, end_ms, offset);
    open->job = job;
    open->later = *at;
    *at = open;
    /* Offsets ascend: the newest window is the last. */
    assert(partition->last == NULL || kt_window_first_offset(partition->last->window) < offset);
    open->previous = partition->last;
    open->next = NULL;
    *(partition->last == NULL ? &partition->first : &partition->last->next) = open;
    partition->last = open;
    return open;
}

void kt_partition_close_first(struct kt_partition *partition, struct kt_job *job) {
    struct kt_open_window *open = job->windows;
    job->windows = open->later;
    *(open->previous == NULL ? &partition->first : &open->previous->next) = open->next;
    *(open->next == NULL ? &partition->last : &open->next->previous) = open->previous;
    if (job->spare_count == SPARE_WINDOWS_MAX) {
        open->later = NULL;
        open_windows_free(open);
        return;
    }
    open->later = job->spare;
    job->spare = open;
    job->spare_count++;
}
