/* SPDX-License-Identifier: GPL-3.0-or-later
 * The suites by name. */
#include "ops/sim_suite.h"

#include "ops/sim_ablation.h"

#include <stdlib.h>

enum kt_err kt_sim_suite_ablation(uint64_t seed, struct kt_sim_suite *suite,
                                  struct kt_error *error) {
    enum kt_err err = kt_sim_suite_stress(seed, suite, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    suite->methods = kt_sim_ablation_methods();
    return suite->methods != NULL ? KT_ERR_OK
                                  : kt_fail(error, KT_ERR_NOMEM, "no memory for a list of methods");
}

enum kt_err kt_sim_suite_make(const char *name, uint64_t seed, struct kt_sim_suite *suite,
                              struct kt_error *error) {
    static const struct {
        const char *name;
        enum kt_err (*make)(uint64_t seed, struct kt_sim_suite *suite, struct kt_error *error);
    } suites[] = {{"paper", kt_sim_suite_paper},
                  {"real", kt_sim_suite_real},
                  {"stress", kt_sim_suite_stress},
                  {"ablation", kt_sim_suite_ablation}};
    *suite = (struct kt_sim_suite){.name = NULL};
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (strcmp(name, suites[i].name) == 0) {
            enum kt_err err = suites[i].make(seed, suite, error);
            suite->name = suites[i].name;
            return err;
        }
    }
    return kt_fail(error, KT_ERR_USAGE, "--suite: expected " KT_SIM_SUITE_NAMES ", got '%s'", name);
}

void kt_sim_suite_free(struct kt_sim_suite *suite) {
    free(suite->methods);
    free(suite->memory);
    *suite = (struct kt_sim_suite){.name = NULL};
}
