/* SPDX-License-Identifier: GPL-3.0-or-later
 * The changes of one transaction, the newest per key: a job whose window closes five times between
 * two commits costs one changelog record, not five. */
#ifndef KT_PRODUCER_CHANGELOG_H
#define KT_PRODUCER_CHANGELOG_H

#include "model/store.h"

struct kt_changelog;
struct kt_changelog *kt_changelog_new(void); /* NULL when out of memory */
void kt_changelog_free(struct kt_changelog *changelog);

/* Keeps a copy of the change; value NULL is a deletion. Replaces an earlier change of the key. */
KT_MUST_CHECK enum kt_err kt_changelog_put(struct kt_changelog *changelog, struct kt_store_key key,
                                           const void *value, size_t len, struct kt_error *error);

size_t kt_changelog_count(const struct kt_changelog *changelog);
/* Of the values that are kept. */
size_t kt_changelog_bytes(const struct kt_changelog *changelog);

/* The change with this index, in the order in which the keys first changed. *value is NULL for a
 * deletion; it is valid until the next put or clear. */
struct kt_store_key kt_changelog_at(const struct kt_changelog *changelog, size_t index,
                                    const void **value, size_t *len);

/* Forgets all changes, keeps the memory. */
void kt_changelog_clear(struct kt_changelog *changelog);

#endif
