/* SPDX-License-Identifier: GPL-3.0-or-later
 * Enum symbols by name and by index. */
#include "schemas/record.h"

int kt_enum_find(const struct kt_enum_type *type, struct kt_str symbol) {
    for (int i = 0; i < type->count; i++) {
        if (kt_str_equal(kt_str_of(type->symbols[i]), symbol)) {
            return i;
        }
    }
    return -1;
}

const char *kt_enum_symbol(const struct kt_enum_type *type, int index) {
    return index >= 0 && index < type->count ? type->symbols[index] : "?";
}
