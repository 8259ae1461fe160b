/* SPDX-License-Identifier: GPL-3.0-or-later
 * The changes of one transaction, the newest per key.
 *
 * An array of changes in order of first appearance, and a hash table of indices into it with linear
 * probing, at most half full. Values live in the changes' own buffers, which are kept from one
 * transaction to the next. */
#include "producer/changelog.h"

#include <stdlib.h>

struct change {
    struct kt_store_key key;
    unsigned char *data;
    size_t capacity;
    size_t len;
    bool deleted;
};

struct kt_changelog {
    struct change *changes;
    size_t count;
    size_t capacity; /* of changes: those beyond count keep their buffers */
    size_t bytes;
    uint32_t *slots; /* index + 1, or 0 for free */
    size_t slot_count;
};

enum { SLOTS_MIN = 64 };

struct kt_changelog *kt_changelog_new(void) {
    struct kt_changelog *changelog = calloc(1, sizeof *changelog);
    if (changelog == NULL) {
        return NULL;
    }
    changelog->slot_count = SLOTS_MIN;
    changelog->slots = calloc(SLOTS_MIN, sizeof *changelog->slots);
    if (changelog->slots == NULL) {
        free(changelog);
        return NULL;
    }
    return changelog;
}

void kt_changelog_free(struct kt_changelog *changelog) {
    if (changelog == NULL) {
        return;
    }
    for (size_t i = 0; i < changelog->capacity; i++) {
        free(changelog->changes[i].data);
    }
    free(changelog->changes);
    free(changelog->slots);
    free(changelog);
}

static bool same(struct kt_store_key a, struct kt_store_key b) {
    return a.partition == b.partition && a.job == b.job && a.op == b.op &&
           a.parallelism == b.parallelism;
}

/* The slot of a key: where it is, or the free one where it belongs. */
static size_t find(const struct kt_changelog *changelog, struct kt_store_key key) {
    unsigned char bytes[KT_STORE_KEY_BYTES];
    kt_store_key_encode(key, bytes);
    const struct kt_str text = {(const char *)bytes, sizeof bytes};
    size_t slot = (size_t)kt_str_hash(KT_HASH_SEED, text) & (changelog->slot_count - 1);
    while (changelog->slots[slot] != 0 &&
           !same(changelog->changes[changelog->slots[slot] - 1].key, key)) {
        slot = (slot + 1) & (changelog->slot_count - 1);
    }
    return slot;
}

static enum kt_err grow_slots(struct kt_changelog *changelog, struct kt_error *error) {
    uint32_t *old = changelog->slots;
    uint32_t *fresh = calloc(changelog->slot_count * 2, sizeof *fresh);
    if (fresh == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "changelog of one transaction");
    }
    changelog->slots = fresh;
    changelog->slot_count *= 2;
    for (size_t i = 0; i < changelog->count; i++) {
        fresh[find(changelog, changelog->changes[i].key)] = (uint32_t)i + 1;
    }
    free(old);
    return KT_ERR_OK;
}

static enum kt_err grow_changes(struct kt_changelog *changelog, struct kt_error *error) {
    const size_t capacity = changelog->capacity == 0 ? SLOTS_MIN : changelog->capacity * 2;
    struct change *grown = realloc(changelog->changes, capacity * sizeof *grown);
    if (grown == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "changelog of one transaction");
    }
    memset(grown + changelog->capacity, 0, (capacity - changelog->capacity) * sizeof *grown);
    changelog->changes = grown;
    changelog->capacity = capacity;
    return KT_ERR_OK;
}

static enum kt_err set_value(struct kt_changelog *changelog, struct change *change,
                             const void *value, size_t len, struct kt_error *error) {
    if (len > 0 && len > change->capacity) {
        unsigned char *grown = realloc(change->data, len);
        if (grown == NULL) {
            return kt_fail(error, KT_ERR_NOMEM, "changelog value of %zu bytes", len);
        }
        change->data = grown;
        change->capacity = len;
    }
    changelog->bytes += len;
    changelog->bytes -= change->len;
    change->len = len;
    change->deleted = value == NULL;
    if (len > 0) {
        memcpy(change->data, value, len);
    }
    return KT_ERR_OK;
}

enum kt_err kt_changelog_put(struct kt_changelog *changelog, struct kt_store_key key,
                             const void *value, size_t len, struct kt_error *error) {
    if (value == NULL) {
        len = 0;
    }
    size_t slot = find(changelog, key);
    if (changelog->slots[slot] != 0) {
        return set_value(changelog, &changelog->changes[changelog->slots[slot] - 1], value, len,
                         error);
    }
    enum kt_err err = KT_ERR_OK;
    if (changelog->count == changelog->capacity) {
        err = grow_changes(changelog, error);
    }
    if (err == KT_ERR_OK && (changelog->count + 1) * 2 > changelog->slot_count) {
        err = grow_slots(changelog, error);
        slot = find(changelog, key);
    }
    if (err != KT_ERR_OK) {
        return err;
    }
    struct change *change = &changelog->changes[changelog->count];
    change->len = 0;
    change->key = key;
    err = set_value(changelog, change, value, len, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    changelog->count++;
    changelog->slots[slot] = (uint32_t)changelog->count;
    return KT_ERR_OK;
}

size_t kt_changelog_count(const struct kt_changelog *changelog) {
    return changelog->count;
}

size_t kt_changelog_bytes(const struct kt_changelog *changelog) {
    return changelog->bytes;
}

struct kt_store_key kt_changelog_at(const struct kt_changelog *changelog, size_t index,
                                    const void **value, size_t *len) {
    const struct change *change = &changelog->changes[index];
    *value = change->deleted ? NULL : change->data;
    *len = change->len;
    return change->key;
}

void kt_changelog_clear(struct kt_changelog *changelog) {
    changelog->count = 0;
    changelog->bytes = 0;
    memset(changelog->slots, 0, changelog->slot_count * sizeof *changelog->slots);
}
