/* SPDX-License-Identifier: GPL-3.0-or-later
 * `kontune topics create|check`: the topics of a stage, made and looked at. */
#include "ops/cli.h"
#include "ops/command.h"
#include "ops/topics.h"

#include "schemas/codec.h"

#include <inttypes.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 10000

static void print_table(const struct kt_topic_state states[KT_TOPICS_COUNT]) {
    int width = 5;
    for (size_t i = 0; i < KT_TOPICS_COUNT; i++) {
        const int len = (int)strlen(states[i].info.name);
        width = len > width ? len : width;
    }
    printf("%-*s  %-9s  %10s  %8s  %-14s  %s\n", width, "topic", "role", "partitions", "replicas",
           "cleanup.policy", "state");
    for (size_t i = 0; i < KT_TOPICS_COUNT; i++) {
        const struct kt_topic_state *state = &states[i];
        char partitions[16] = "-", replicas[16] = "-";
        if (state->info.partitions > 0) {
            snprintf(partitions, sizeof partitions, "%" PRId32, state->info.partitions);
            snprintf(replicas, sizeof replicas, "%" PRId32, state->info.replicas_least);
        }
        const char *good = state->created ? "created" : "ok";
        printf("%-*s  %-9s  %10s  %8s  %-14s  %s\n", width, state->info.name, state->role,
               partitions, replicas, state->cleanup_found[0] == '\0' ? "-" : state->cleanup_found,
               state->problem[0] == '\0' ? good : state->problem);
    }
}

static enum kt_err print_json(const struct kt_topic_state states[KT_TOPICS_COUNT], int problems) {
    json_t *list = json_array();
    for (size_t i = 0; i < KT_TOPICS_COUNT; i++) {
        const struct kt_topic_state *state = &states[i];
        json_t *topic =
            json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:s}", "topic", state->info.name, "role",
                      state->role, "partitions", (int)state->info.partitions, "replicas",
                      (int)state->info.replicas_least, "cleanup_policy", state->cleanup_found,
                      "created", (int)state->created, "problem", state->problem);
        json_array_append_new(list, topic);
    }
    json_t *document = json_pack("{s:b, s:o}", "ok", problems == 0, "topics", list);
    const enum kt_err err = document == NULL ? KT_ERR_NOMEM : kt_json_dump(stdout, document);
    json_decref(document);
    putchar('\n');
    return err;
}

static enum kt_err look_or_create(const struct kt_config *config, bool create,
                                  struct kt_topic_state states[KT_TOPICS_COUNT],
                                  struct kt_error *error) {
    struct kt_client client = {0};
    struct kt_cluster *cluster = NULL;
    enum kt_err err = kt_cluster_connect(config, &client, CONNECT_TIMEOUT_MS, &cluster, error);
    if (err == KT_ERR_OK) {
        err = create ? kt_topics_create(cluster, &config->topics, states, error)
                     : kt_topics_look(cluster, &config->topics, states, error);
    }
    kt_cluster_free(cluster);
    return err;
}

static int run(const char *command, const char *summary, bool create, int argc, char **argv) {
    const char *path = NULL;
    bool json = false;
    const struct kt_cli_option options[] = {KT_CLI_CONFIG(path), KT_CLI_JSON(json), {0}};
    struct kt_cli cli = {.command = command, .summary = summary, .options = options};
    int status;
    if (!kt_cli_parse(&cli, argc, argv, &status)) {
        return status;
    }
    struct kt_config *config = NULL;
    struct kt_error error;
    if (kt_config_load(path, environ, &config, &error) != KT_ERR_OK) {
        return kt_cli_fail(&cli, &error);
    }
    struct kt_topic_state states[KT_TOPICS_COUNT] = {0};
    if (look_or_create(config, create, states, &error) != KT_ERR_OK) {
        fprintf(stderr, "kontune %s: %s\n", command, error.message);
        kt_config_free(config);
        return KT_EXIT_FAILED;
    }
    const int problems = kt_topics_judge(states);
    enum kt_err err = KT_ERR_OK;
    if (json) {
        err = print_json(states, problems);
    } else {
        print_table(states);
    }
    kt_config_free(config);
    if (err != KT_ERR_OK) {
        (void)kt_fail(&error, err, "printing JSON failed");
        return kt_cli_fail(&cli, &error);
    }
    return problems == 0 ? KT_EXIT_OK : KT_EXIT_FAILED;
}

static int create(int argc, char **argv) {
    return run("topics create", "Creates the topics that are missing, and checks those that exist.",
               true, argc, argv);
}

static int check(int argc, char **argv) {
    return run("topics check",
               "Checks that all topics exist, agree in their number of partitions, and are kept "
               "the right way.",
               false, argc, argv);
}

int kt_cmd_topics(int argc, char **argv) {
    static const struct kt_cli_verb verbs[] = {
        {"create", create, "create the topics that are missing"},
        {"check", check, "check the topics"},
        {NULL, NULL, NULL},
    };
    return kt_cli_dispatch("topics", verbs, argc, argv);
}
