/* SPDX-License-Identifier: GPL-3.0-or-later
 * The load of a simulated job: levels of constant rates. */
#include "ops/sim_load.h"

#include "ops/sim_random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define UNITS_MAX 1000

/* Room for one more level: the arrays double whenever the count is a power of two. */
static bool grow(struct kt_sim_load *load) {
    const size_t count = (size_t)load->levels_count;
    if ((count & (count - 1)) != 0) {
        return true;
    }
    const size_t room = count == 0 ? 1 : 2 * count;
    int64_t *duration_ms = realloc(load->duration_ms, room * sizeof *duration_ms);
    if (duration_ms == NULL) {
        return false;
    }
    load->duration_ms = duration_ms;
    double *rates =
        realloc(load->rates, room * (size_t)load->operators_count * sizeof *load->rates);
    if (rates == NULL) {
        return false;
    }
    load->rates = rates;
    return true;
}

enum kt_err kt_sim_load_add(struct kt_sim_load *load, int operators_count, int64_t duration_ms,
                            const double *rates, struct kt_error *error) {
    assert(operators_count > 0 && operators_count <= KT_SIM_OPERATORS_MAX && duration_ms > 0);
    assert(load->levels_count == 0 || load->operators_count == operators_count);
    if (load->levels_count >= KT_SIM_LEVELS_MAX) {
        return kt_fail(error, KT_ERR_LIMIT, "a load of more than %d levels", KT_SIM_LEVELS_MAX);
    }
    load->operators_count = operators_count;
    if (!grow(load)) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a load of %d levels",
                       load->levels_count + 1);
    }
    const size_t at = (size_t)load->levels_count * (size_t)operators_count;
    load->duration_ms[load->levels_count++] = duration_ms;
    memcpy(load->rates + at, rates, (size_t)operators_count * sizeof *rates);
    return KT_ERR_OK;
}

void kt_sim_load_free(struct kt_sim_load *load) {
    free(load->duration_ms);
    free(load->rates);
    *load = (struct kt_sim_load){.levels_count = 0};
}

const double *kt_sim_load_rates(const struct kt_sim_load *load, int level) {
    assert(level >= 0 && level < load->levels_count);
    return load->rates + (size_t)level * (size_t)load->operators_count;
}

enum kt_err kt_sim_load_permutation(const struct kt_sim_spec *spec, int units, uint64_t seed,
                                    struct kt_sim_load *load, struct kt_error *error) {
    assert(units >= 1 && units <= UNITS_MAX);
    int order[UNITS_MAX];
    for (int i = 0; i < units; i++) {
        order[i] = i + 1;
    }
    for (int i = units - 1; i > 0; i--) { /* Fisher and Yates */
        const int k = (int)(kt_sim_random_next(&seed) % (uint64_t)(i + 1));
        const int kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    for (int level = 0; level < 2 * units; level++) {
        double rates[KT_SIM_OPERATORS_MAX];
        for (int i = 0; i < spec->count; i++) {
            rates[i] = spec->operators[i].unit_rate * order[level % units];
        }
        enum kt_err err = kt_sim_load_add(load, spec->count, 1, rates, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}
