/* SPDX-License-Identifier: GPL-3.0-or-later
 * Any bytes as a configuration: never a crash, every problem told within the file's lines, and what
 * is accepted keeps every promise of its options. */
#include "consumer/config.h"
#include "schemas/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    int lines; /* of the text */
    int count;
    bool secret; /* the text itself holds what the environment keeps secret */
};

static void require(bool promise) {
    if (!promise) {
        abort();
    }
}

static void check_problem(void *ctx, int line, const char *message) {
    struct seen *seen = ctx;
    seen->count++;
    require(line >= 0 && line <= seen->lines);
    require(kt_utf8_valid(kt_str_of(message)));
    require(seen->secret || strstr(message, "s3cr3t") == NULL);
}

static void check_job(const struct kt_job_settings *job) {
    const struct kt_policy_settings *p = &job->policy;
    require(p->min_parallelism >= 1 && p->min_parallelism <= p->max_parallelism);
    require(p->core_min <= p->core_max && p->core_max <= 1 && p->top_k >= 1);
    for (size_t i = 0; i < job->rules.count; i++) {
        const struct kt_vertex_rule *rule = &job->rules.items[i];
        require(rule->vertex.len > 0);
        require(rule->pinned != 0 || rule->min_parallelism != 0 || rule->max_parallelism != 0);
        require(rule->max_parallelism == 0 || rule->min_parallelism <= rule->max_parallelism);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *const env[] = {"PW=s3cr3t", "N=4", "LONG=llllllllllllllllllllllllllllllllllllllll",
                                NULL};
    struct seen seen = {.lines = 1, .secret = memmem(data, size, "s3cr3t", 6) != NULL};
    for (size_t i = 0; i < size; i++) {
        seen.lines += data[i] == '\n';
    }
    struct kt_config *config = NULL;
    struct kt_error error = {.message = ""};
    const enum kt_err err = kt_config_parse((struct kt_str){(const char *)data, size}, "f", env,
                                            check_problem, &seen, &config, &error);
    require((err == KT_ERR_OK) == (config != NULL));
    require((err == KT_ERR_CONFIG) == (seen.count > 0));
    if (config != NULL) {
        require(config->worker.transaction_ms_max < config->worker.transaction_timeout_ms);
        check_job(&config->settings.defaults);
        for (size_t i = 0; i < config->settings.jobs.count; i++) {
            check_job(&config->settings.jobs.items[i]);
        }
        for (size_t i = 0; i < config->given.count; i++) {
            require(seen.secret || strstr(config->given.items[i].value, "s3cr3t") == NULL);
        }
        rd_kafka_conf_t *conf = NULL;
        require(kt_config_kafka_for(config, KT_KAFKA_PRODUCER, &conf, &error) == KT_ERR_OK);
        rd_kafka_conf_destroy(conf);
    }
    kt_config_free(config);
    return 0;
}
