/* SPDX-License-Identifier: GPL-3.0-or-later
 * The pieces of the kontune policy and of its surrogate, and how each is taken away. */
#include "ops/sim_ablation.h"

#include <stdio.h>
#include <stdlib.h>

static void no_change_points(struct kt_sim_ablation *a) {
    a->scaling.change_odds = 0;
}

/* The level that is most probable beforehand. */
static void no_noise_levels(struct kt_sim_ablation *a) {
    size_t likely = 0;
    for (size_t i = 1; i < 4; i++) {
        likely = a->scaling.noise_prior[i] > a->scaling.noise_prior[likely] ? i : likely;
    }
    for (size_t i = 0; i < 4; i++) {
        a->scaling.noise_prior[i] = i == likely ? 1 : 0;
    }
}

static void no_key_groups(struct kt_sim_ablation *a) {
    a->scaling.laws.keyed = false;
}

static void no_exponents(struct kt_sim_ablation *a) {
    a->scaling.laws.exponents = false;
}

static void no_plateaus(struct kt_sim_ablation *a) {
    a->scaling.laws.plateaus = false;
}

static void no_drift(struct kt_sim_ablation *a) {
    a->scaling.level_walk_prior[0] = 1;
    a->scaling.level_walk_prior[1] = 0;
}

static void no_discrepancy(struct kt_sim_ablation *a) {
    a->scaling.amplitude[0] = 0;
    a->scaling.amplitude_prior[0] = 1;
    a->scaling.amplitude_prior[1] = 0;
}

static void no_clamp(struct kt_sim_ablation *a) {
    a->core.no_clamp = true;
}

static void no_lag(struct kt_sim_ablation *a) {
    a->no_lag = true;
}

static void no_selectivities(struct kt_sim_ablation *a) {
    a->core.no_ratios = true;
}

static const struct {
    const char *name;
    void (*take)(struct kt_sim_ablation *ablation);
} pieces[] = {
    {"change-points", no_change_points},
    {"drift", no_drift},
    {"noise-levels", no_noise_levels},
    {"key-groups", no_key_groups},
    {"exponents", no_exponents},
    {"plateaus", no_plateaus},
    {"discrepancy", no_discrepancy},
    {"clamp", no_clamp},
    {"lag", no_lag},
    {"selectivities", no_selectivities},
};
#define PIECES (sizeof pieces / sizeof pieces[0])

enum kt_err kt_sim_ablation_take(struct kt_sim_ablation *ablation, struct kt_str piece,
                                 struct kt_error *error) {
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < PIECES; i++) {
        if (kt_str_equal(piece, kt_str_of(pieces[i].name))) {
            if (!ablation->any) {
                ablation->any = true;
                ablation->scaling = kt_scaling_model_default;
                ablation->core.scaling = &ablation->scaling;
            }
            pieces[i].take(ablation);
            return KT_ERR_OK;
        }
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ",
                                 pieces[i].name);
    }
    return kt_fail(error, KT_ERR_USAGE, "without: expected one of %s; got '%.*s'", known,
                   KT_STR_ARG(piece));
}

char *kt_sim_ablation_methods(void) {
    char *list = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&list, &size);
    if (out == NULL) {
        return NULL;
    }
    fputs("kontune", out);
    for (size_t i = 0; i < PIECES; i++) {
        fprintf(out, ",kontune:without=%s", pieces[i].name);
    }
    fputs(",kontune:trim_band=0", out);
    if (fclose(out) != 0) {
        free(list);
        return NULL;
    }
    return list;
}
