/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune suggest`: one decision from a history, or DS2's answer for a rate log. */
#include "model/settings.h"
#include "ops/cli.h"
#include "ops/command.h"
#include "ops/suggest.h"
#include "schemas/metric_event.h"

#include <string.h>

struct arguments {
    const char *history;
    const char *policy;
    const char *surrogate;
    const char *ds2_log;
    const char *topology;
    const char *source_rates;
    double rate;     /* -1: not given */
    int64_t current; /* 0: not given */
    int64_t alpha;
    int64_t top_k;
    int64_t max_parallelism;
    bool json;
};

static int finish(const struct kt_cli *cli, enum kt_err err, const struct kt_error *error) {
    return err == KT_ERR_OK ? KT_EXIT_OK : kt_cli_fail(cli, error);
}

static int suggest_job(const struct kt_cli *cli, const struct arguments *a) {
    if (a->history != NULL || a->rate >= 0 || a->current > 0) {
        return kt_cli_misuse(cli, "--ds2-log takes neither --history, --rate nor --current");
    }
    if (a->topology == NULL) {
        return kt_cli_misuse(cli, "--ds2-log needs --topology");
    }
    if (strcmp(a->policy, "ds2") != 0) {
        return kt_cli_misuse(cli, "--ds2-log needs --policy ds2");
    }
    const struct kt_suggest_job question = {.log_path = a->ds2_log,
                                            .topology_path = a->topology,
                                            .source_rates_path = a->source_rates,
                                            .json = a->json};
    struct kt_error error = {KT_ERR_OK, ""};
    return finish(cli, kt_suggest_job(&question, stdout, &error), &error);
}

static int suggest_operator(const struct kt_cli *cli, const struct arguments *a) {
    if (a->history == NULL) {
        return kt_cli_misuse(cli, "either --history or --ds2-log is needed");
    }
    if (a->topology != NULL || a->source_rates != NULL) {
        return kt_cli_misuse(cli, "--topology and --source-rates go with --ds2-log");
    }
    if (a->rate < 0) {
        return kt_cli_misuse(cli, "--history needs --rate");
    }
    if (a->current == 0) {
        return kt_cli_misuse(cli, "--history needs --current");
    }
    const bool kontune = strcmp(a->policy, "kontune") == 0;
    const bool linear = strcmp(a->policy, "ds2") == 0;
    if (!kontune && !linear && strcmp(a->policy, "conttune") != 0) {
        return kt_cli_misuse(cli, "--policy: expected kontune, conttune or ds2, got '%s'",
                             a->policy);
    }
    const bool scaling = a->surrogate == NULL ? kontune : strcmp(a->surrogate, "scaling") == 0;
    if (a->surrogate != NULL && !scaling && strcmp(a->surrogate, "rbf") != 0) {
        return kt_cli_misuse(cli, "--surrogate: expected scaling or rbf, got '%s'", a->surrogate);
    }
    if (kontune && !scaling) {
        return kt_cli_misuse(cli, "--policy kontune takes no surrogate but scaling");
    }
    const struct kt_suggest_operator question = {.history_path = a->history,
                                                 .rate = a->rate,
                                                 .current = (int32_t)a->current,
                                                 .kontune = kontune,
                                                 .linear = linear,
                                                 .scaling = scaling,
                                                 .alpha = (int32_t)a->alpha,
                                                 .top_k = (int32_t)a->top_k,
                                                 .max_parallelism = (int32_t)a->max_parallelism,
                                                 .json = a->json};
    struct kt_error error = {KT_ERR_OK, ""};
    return finish(cli, kt_suggest_operator(&question, stdout, &error), &error);
}

int kt_cmd_suggest(int argc, char **argv) {
    struct kt_settings settings;
    kt_settings_default(&settings);
    struct arguments a = {.policy = NULL,
                          .rate = -1,
                          .alpha = settings.defaults.policy.alpha,
                          .top_k = settings.defaults.policy.top_k,
                          .max_parallelism = KT_PARALLELISM_MAX};
    const struct kt_cli_option options[] = {
        {.name = "history",
         .text = &a.history,
         .argument = "CSV",
         .meaning = "observations: columns parallelism,processing_ability, oldest first"},
        {.name = "rate",
         .number = &a.rate,
         .number_min = 0,
         .number_max = 1e18,
         .argument = "R",
         .meaning = "records/s to keep up with"},
        {.name = "current",
         .integer = &a.current,
         .integer_min = 1,
         .integer_max = KT_PARALLELISM_MAX,
         .argument = "P",
         .meaning = "parallelism that runs now"},
        {.name = "policy",
         .text = &a.policy,
         .argument = "NAME",
         .meaning = "kontune (default), conttune or ds2"},
        {.name = "surrogate",
         .text = &a.surrogate,
         .argument = "NAME",
         .meaning = "scaling or rbf; conttune's default is rbf, kontune takes scaling"},
        {.name = "alpha",
         .integer = &a.alpha,
         .integer_min = 0,
         .integer_max = KT_PARALLELISM_MAX,
         .argument = "A",
         .meaning = "how far from an observation the surrogate is trusted (3)"},
        {.name = "top-k",
         .integer = &a.top_k,
         .integer_min = 1,
         .integer_max = 1000,
         .argument = "K",
         .meaning = "newest observations averaged per parallelism (5)"},
        {.name = "max-parallelism",
         .integer = &a.max_parallelism,
         .integer_min = 1,
         .integer_max = KT_PARALLELISM_MAX,
         .argument = "N",
         .meaning = "largest allowed answer"},
        {.name = "ds2-log",
         .text = &a.ds2_log,
         .argument = "FILE",
         .meaning = "a rate log of DS2: its answer for a whole job and every epoch"},
        {.name = "topology",
         .text = &a.topology,
         .argument = "FILE",
         .meaning = "the job's edges: id1,name1,instances1,id2,name2,instances2"},
        {.name = "source-rates",
         .text = &a.source_rates,
         .argument = "FILE",
         .meaning = "source,output_rate_per_instance: instead of the measured ones"},
        KT_CLI_JSON(a.json),
        {0}};
    struct kt_cli cli = {
        .command = "suggest",
        .summary =
            "The smallest parallelism that keeps up: of one operator, from a table of what it "
            "was able to do\n(--history CSV --rate R --current P), or of every operator of a "
            "job, from a rate log of DS2\n(--policy ds2 --ds2-log FILE --topology FILE).",
        .options = options};
    int status = KT_EXIT_OK;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    if (a.policy == NULL) {
        a.policy = a.ds2_log != NULL ? "ds2" : "kontune";
    }
    return a.ds2_log != NULL ? suggest_job(&cli, &a) : suggest_operator(&cli, &a);
}
