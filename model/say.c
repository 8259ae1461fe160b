/* SPDX-License-Identifier: GPL-3.0-or-later
 * Names and numbers in the sentences that explain a decision. */
#include "model/say.h"

#define NAME_BYTES_MAX 80 /* names of chained Flink vertices run to hundreds */

struct kt_str kt_say_name(const struct kt_operator_evidence *op) {
    struct kt_str name = op->name.len > 0 ? op->name : op->vertex_id;
    if (name.len > NAME_BYTES_MAX) {
        name.len = NAME_BYTES_MAX;
        while (name.len > 0 && ((unsigned char)name.data[name.len] & 0xC0U) == 0x80U) {
            name.len--;
        }
    }
    return name;
}
