/* SPDX-License-Identifier: GPL-3.0-or-later
 * Methods to be simulated: policies by name with settings, read through the option table. */
#include "ops/sim_method.h"

#include "consumer/options.h"
#include "model/policy.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The policies that have a surrogate, and the one that belongs to each. */
static const struct {
    const char *policy;
    const char *surrogate;
    bool fixed; /* it takes no other */
} surrogates[] = {
    {"kontune", "scaling", true},
    {"conttune", "rbf", false},
};

/* A setting of section [policy], in the defaults and in every override of the file: a method means
 * its settings for whatever job is simulated. */
static enum kt_err set(struct kt_config *config, struct kt_str name, struct kt_str value,
                       struct kt_error *error) {
    const struct kt_option *option = kt_option_find(KT_STR("policy"), name);
    if (option == NULL) {
        const char *names[128];
        size_t count = 0;
        for (size_t i = 0; i < kt_options_count && count < 128; i++) {
            if (kt_str_equal(kt_str_of(kt_options[i].section), KT_STR("policy"))) {
                names[count++] = kt_options[i].name;
            }
        }
        const char *nearest = kt_nearest_name(name, names, count);
        return kt_fail(error, KT_ERR_USAGE, "section [policy] has no option '%.*s'%s%s%s",
                       KT_STR_ARG(name), nearest != NULL ? "; did you mean '" : "",
                       nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
    }
    enum kt_err err = kt_option_set(option, config, NULL, value, error);
    for (size_t i = 0; i < config->settings.jobs.count && err == KT_ERR_OK; i++) {
        err = kt_option_set(option, config, &config->settings.jobs.items[i], value, error);
    }
    return err == KT_ERR_CONFIG ? kt_fail_in(error, KT_ERR_USAGE, "%.*s", KT_STR_ARG(name)) : err;
}

/* The part of text up to the separator, which text is moved behind. */
static struct kt_str next_part(struct kt_str *text, char separator) {
    const char *end = memchr(text->data, separator, text->len);
    const struct kt_str part = {text->data, end == NULL ? text->len : (size_t)(end - text->data)};
    const size_t used = part.len + (end == NULL ? 0 : 1);
    *text = (struct kt_str){text->data + used, text->len - used};
    return part;
}

/* No guardrail may hold a decision back, or what is compared is the guardrail. */
static void open_guardrails(struct kt_settings *settings) {
    settings->defaults.policy.cooldown_ms = 0;
    settings->defaults.policy.restarts_per_day_max = KT_RESTARTS_MAX + 1; /* more than are
                                                                             counted */
}

static enum kt_err set_surrogate(struct kt_sim_method *method,
                                 const struct kt_sim_method_base *base, bool named,
                                 struct kt_error *error) {
    method->surrogate = (struct kt_str){"", 0};
    for (size_t i = 0; i < sizeof surrogates / sizeof surrogates[0]; i++) {
        if (!kt_str_equal(method->policy, kt_str_of(surrogates[i].policy))) {
            continue;
        }
        const char *own = surrogates[i].surrogate;
        const struct kt_str *chosen = &method->config->settings.defaults.policy.surrogate;
        if (surrogates[i].fixed) {
            method->surrogate = kt_str_of(own);
            return named && !kt_str_equal(*chosen, method->surrogate)
                       ? kt_fail(error, KT_ERR_USAGE, "surrogate: expected %s, the only one of %s",
                                 own, surrogates[i].policy)
                       : KT_ERR_OK;
        }
        const bool asked = base->surrogate != NULL;
        if (!named && (asked || base->config_path == NULL)) {
            enum kt_err err = set(method->config, KT_STR("surrogate"),
                                  kt_str_of(asked ? base->surrogate : own), error);
            if (err != KT_ERR_OK) {
                return err;
            }
        }
        method->surrogate = *chosen;
    }
    return KT_ERR_OK;
}

static enum kt_err read_settings(struct kt_sim_method *method, struct kt_str text,
                                 const struct kt_sim_method_base *base, struct kt_error *error) {
    const struct kt_str policy = next_part(&text, ':');
    enum kt_err err = set(method->config, KT_STR("policy"), policy, error);
    bool named = false;
    while (err == KT_ERR_OK && text.len > 0) {
        struct kt_str value = next_part(&text, ':');
        const bool assigned = memchr(value.data, '=', value.len) != NULL;
        const struct kt_str name = next_part(&value, '=');
        if (!assigned) {
            return kt_fail(error, KT_ERR_USAGE, "expected option=value, got '%.*s'",
                           KT_STR_ARG(name));
        }
        err = kt_str_equal(name, KT_STR("without"))
                  ? kt_sim_ablation_take(&method->ablation, value, error)
                  : set(method->config, name, value, error);
        named = named || kt_str_equal(name, KT_STR("surrogate"));
    }
    method->policy = method->config->settings.defaults.policy.policy;
    return err == KT_ERR_OK ? set_surrogate(method, base, named, error) : err;
}

static enum kt_err make(struct kt_sim_method *method, struct kt_str text,
                        const struct kt_sim_method_base *base, struct kt_error *error) {
    method->label = strndup(text.data, text.len);
    if (method->label == NULL) {
        return kt_fail(error, KT_ERR_NOMEM, "no memory for a method");
    }
    enum kt_err err = kt_config_load(base->config_path, base->config_path == NULL ? NULL : environ,
                                     &method->config, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    if (base->config_path == NULL) {
        open_guardrails(&method->config->settings);
    }
    err = read_settings(method, text, base, error);
    return err == KT_ERR_OK ? err : kt_fail_in(error, err, "'%s'", method->label);
}

enum kt_err kt_sim_methods_add(struct kt_sim_methods *methods, const char *list,
                               const struct kt_sim_method_base *base, struct kt_error *error) {
    struct kt_str rest = kt_str_of(list);
    bool more = true;
    while (more) {
        more = memchr(rest.data, ',', rest.len) != NULL; /* behind the last comma stands one, too */
        const struct kt_str text = kt_str_trim(next_part(&rest, ','), KT_STR(" \t"));
        if (methods->count == KT_SIM_METHODS_MAX) {
            return kt_fail(error, KT_ERR_USAGE, "more than %d methods", KT_SIM_METHODS_MAX);
        }
        enum kt_err err = make(&methods->items[methods->count++], text, base, error);
        if (err != KT_ERR_OK) {
            return err;
        }
    }
    return KT_ERR_OK;
}

void kt_sim_methods_free(struct kt_sim_methods *methods) {
    for (int i = 0; i < methods->count; i++) {
        free(methods->items[i].label);
        kt_config_free(methods->items[i].config);
    }
    *methods = (struct kt_sim_methods){.count = 0};
}

static bool policy_exists(struct kt_str name) {
    return kt_policy_find(name) != NULL;
}

char *kt_sim_methods_standard(void) {
    static const char *const all[] = {
        "kontune",
        "kontune:trim_band=0",
        "conttune",
        "conttune:alpha=0",
        "conttune:acquisition=cei",
        "conttune:surrogate=scaling",
        "ds2",
        "big-ds2",
        "dhalion",
        "dragster",
        "random",
    };
    static const char rule[] = ":keep_up_rule=true";
    char *list = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&list, &size);
    if (out == NULL) {
        return NULL;
    }
    bool any = false;
    for (int with_rule = 0; with_rule < 2; with_rule++) {
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            struct kt_str rest = kt_str_of(all[i]);
            const struct kt_str policy = next_part(&rest, ':');
            const bool own_rule = kt_str_equal(policy, KT_STR("kontune"));
            if (policy_exists(policy) && !(with_rule == 1 && own_rule)) {
                fprintf(out, "%s%s%s", any ? "," : "", all[i], with_rule == 1 ? rule : "");
                any = true;
            }
        }
    }
    if (fclose(out) != 0) {
        free(list);
        return NULL;
    }
    return list;
}
