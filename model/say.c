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

struct kt_str kt_say_load(const struct kt_evidence *evidence, const struct kt_load *load,
                          struct kt_arena *arena) {
    const struct kt_operator_evidence *ops = evidence->operators.items;
    if (load->state == KT_STATE_UNKNOWN) {
        return KT_STR("no vertex reports how busy it is");
    }
    const struct kt_str busiest = kt_say_name(&ops[load->busiest]);
    if (load->backpressured >= 0) {
        const struct kt_operator_evidence *op = &ops[load->backpressured];
        return kt_arena_printf(
            arena,
            "%.*s is backpressured %.0f %% of the time but no vertex is short of capacity (%.*s is "
            "busiest with %.0f %%), so more subtasks would not help",
            KT_STR_ARG(kt_say_name(op)), op->backpressured * 100, KT_STR_ARG(busiest),
            load->usage_max * 100);
    }
    return kt_arena_printf(arena, "nothing is backpressured and %.*s is busiest with %.0f %%",
                           KT_STR_ARG(busiest), load->usage_max * 100);
}

struct kt_str kt_say_under(const struct kt_evidence *evidence, const struct kt_load *load,
                           struct kt_arena *arena) {
    const struct kt_operator_evidence *blocked = &evidence->operators.items[load->backpressured];
    const struct kt_operator_evidence *busiest = &evidence->operators.items[load->busiest];
    return kt_arena_printf(arena,
                           "%.*s is backpressured %.0f %% of the time and %.*s is %.0f %% busy",
                           KT_STR_ARG(kt_say_name(blocked)), blocked->backpressured * 100,
                           KT_STR_ARG(kt_say_name(busiest)), load->usage_max * 100);
}

struct kt_str kt_say_behind(const struct kt_evidence *evidence, const struct kt_load *load,
                            struct kt_arena *arena) {
    const struct kt_operator_evidence *source = &evidence->operators.items[load->behind];
    return kt_arena_printf(
        arena, "%.*s falls behind: it emits %.*f records/s and its backlog grows by %.*f records/s",
        KT_STR_ARG(kt_say_name(source)), KT_SAY_RATE(source->rate_in_per_s),
        KT_SAY_RATE(source->pending_growth_per_s));
}

struct kt_str kt_say_catching_up(const struct kt_operator_evidence *source, double seconds,
                                 struct kt_arena *arena) {
    return kt_arena_printf(
        arena,
        "%.*s is catching up: its backlog of %.0f records shrinks by %.*f records/s and is gone in "
        "%.0f s",
        KT_STR_ARG(kt_say_name(source)), source->pending_records,
        KT_SAY_RATE(-source->pending_growth_per_s), seconds);
}
