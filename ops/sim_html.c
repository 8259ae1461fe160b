/* SPDX-License-Identifier: GPL-3.0-or-later
 * The page of a simulation. */
#include "ops/sim_html.h"

#include "ops/html_text.h"
#include "ops/plot.h"
#include "ops/sim_html_plots.h"
#include "schemas/byte_sink.h"
#include "schemas/decision_enums.h"

#include <math.h>

/* The last ones of a longer list are left out, and it is said how many. */
#define CHANGES_SHOWN 500

static const char *const style =
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--plot-ground);color:var(--plot-ink);line-height:1.5;"
    "font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",\"DejaVu Sans\","
    "Arial,sans-serif}\n"
    "main{max-width:1128px;margin:0 auto;padding:32px 24px 64px}\n"
    "h1{font-size:28px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}\n"
    "h2{font-size:20px;margin:52px 0 4px;padding-top:16px;border-top:1px solid var(--plot-grid)}\n"
    "h3{font-size:15px;margin:30px 0 2px}\n"
    "p{margin:0 0 10px;max-width:76ch}\n"
    ".lead{color:var(--plot-soft);font-size:16px}\n"
    ".note{color:var(--plot-soft);font-size:13px}\n"
    "code{font-family:ui-monospace,\"SF Mono\",Menlo,\"DejaVu Sans Mono\",monospace;font-size:13px;"
    "overflow-wrap:anywhere}\n"
    ".command{max-width:none}\n"
    "nav{font-size:14px;margin:18px 0 0}\n"
    "nav p{margin:0;max-width:none}\n"
    "nav a{margin-right:12px;white-space:nowrap}\n"
    "a{color:var(--plot-blue)}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums;"
    "margin:14px 0 8px}\n"
    "th,td{padding:6px 12px;text-align:right;vertical-align:bottom;"
    "border-bottom:1px solid var(--plot-grid)}\n"
    "thead th{font-weight:500;font-size:12.5px;line-height:1.3;color:var(--plot-soft);"
    "max-width:130px}\n"
    "th:first-child,.why th,td.text{text-align:left}\n"
    "tbody th{font-weight:600;padding-left:0;white-space:nowrap}\n"
    "thead th:first-child{padding-left:0}\n"
    "td.best{font-weight:700}\n"
    "table.why{font-size:13px;line-height:1.4}\n"
    ".why td,.why tbody th{vertical-align:top;white-space:nowrap;font-weight:400}\n"
    ".why td.text{white-space:normal;max-width:110ch}\n"
    "figure{margin:0;break-inside:avoid}\n"
    ".times{overflow-x:auto}\n"
    ".times figure{min-width:760px;margin-top:12px}\n"
    ".curves{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));"
    "gap:20px 15px;margin-top:12px}\n"
    ".curves>div{break-inside:avoid;min-width:0;max-width:420px}\n"
    ".curves .note{margin:0 0 0 4px;font-size:12.5px}\n"
    ".keys{list-style:none;margin:14px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:4px 22px;"
    "font-size:13px;color:var(--plot-soft)}\n"
    ".keys .plot{margin-right:5px}\n"
    "summary{cursor:pointer;font-size:14px;margin-top:18px}\n"
    "@media print{main{max-width:none;padding:0}h2,h3,.note{break-after:avoid}nav{display:none}"
    "table{font-size:11px}thead th{font-size:10px}th,td{padding:4px 6px}"
    "tbody th{white-space:normal;overflow-wrap:anywhere}.scroll,.times{overflow:visible}"
    ".times figure{min-width:0}.curves{grid-template-columns:repeat(2,1fr)}"
    ".curves .note{break-after:auto}"
    "section.run{break-before:page}section.run h2{margin-top:0;border:0}}\n";

static void text(FILE *out, const char *s) {
    kt_html_text(out, kt_str_of(s));
}

/* --- scores --- */

/* Reconfigurations per tuning: the measure of ContTune's evaluation. */
static double per_tuning(const struct kt_sim_html_score *score) {
    return score->tunings > 0.0 ? score->reconfigurations / score->tunings : NAN;
}
static double reconfigurations(const struct kt_sim_html_score *score) {
    return score->reconfigurations;
}
static double under_provisioned(const struct kt_sim_html_score *score) {
    return score->under_provisioned;
}
static double surplus_percent(const struct kt_sim_html_score *score) {
    return score->surplus_percent;
}
static double cores_max(const struct kt_sim_html_score *score) {
    return score->cores_max;
}
static double core_hours(const struct kt_sim_html_score *score) {
    return score->core_hours;
}
static double backlog_percent(const struct kt_sim_html_score *score) {
    return score->backlog_percent;
}

static const struct {
    const char *heading;
    double (*value)(const struct kt_sim_html_score *score);
    int decimals;
} score_columns[] = {
    {"reconfigurations", reconfigurations, 1},
    {"reconfigurations per tuning", per_tuning, 2},
    {"under-provisioned configurations", under_provisioned, 1},
    {"surplus cores, %", surplus_percent, 1},
    {"most cores at once", cores_max, 0},
    {"core hours", core_hours, 1},
    {"records that had to wait, %", backlog_percent, 2},
};
#define SCORE_COLUMNS (sizeof score_columns / sizeof *score_columns)

/* The least value of a column, as far as its decimals show; less is better in all of them. */
static double best_of(const struct kt_sim_html *page, size_t column) {
    double best = INFINITY;
    for (size_t i = 0; i < page->scores_count; i++) {
        const double value = score_columns[column].value(&page->scores[i]);
        best = isfinite(value) ? fmin(best, value) : best;
    }
    return best + 0.5 * pow(10.0, -score_columns[column].decimals);
}

static void write_scores(FILE *out, const struct kt_sim_html *page) {
    double best[SCORE_COLUMNS];
    fputs("<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">method</th>", out);
    for (size_t c = 0; c < SCORE_COLUMNS; c++) {
        best[c] = best_of(page, c);
        fprintf(out, "<th scope=\"col\">%s</th>", score_columns[c].heading);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < page->scores_count; i++) {
        fputs("<tr><th scope=\"row\">", out);
        text(out, page->scores[i].method);
        fputs("</th>", out);
        for (size_t c = 0; c < SCORE_COLUMNS; c++) {
            const double value = score_columns[c].value(&page->scores[i]);
            if (isfinite(value)) {
                const bool is_best = page->scores_count > 1 && value < best[c];
                fprintf(out, "<td%s>%.*f</td>", is_best ? " class=\"best\"" : "",
                        score_columns[c].decimals, value);
            } else {
                fputs("<td>–</td>", out);
            }
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    if (page->scores_count > 1) {
        fputs("<p class=\"note\">Less is better in every column; the least is bold.</p>\n", out);
    }
}

/* --- runs --- */

static void write_second(FILE *out, double second) {
    const long s = lround(second);
    fprintf(out, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

static void write_changes(FILE *out, const struct kt_sim_trace *trace) {
    if (trace->changes_count == 0) {
        return;
    }
    const size_t shown =
        trace->changes_count < CHANGES_SHOWN ? trace->changes_count : CHANGES_SHOWN;
    fprintf(out,
            "<details><summary>%zu reconfigurations and why</summary>\n"
            "<div class=\"scroll\"><table class=\"why\">\n<thead><tr><th scope=\"col\">time</th>"
            "<th scope=\"col\">subtasks</th><th scope=\"col\">reason</th></tr></thead>\n<tbody>\n",
            trace->changes_count);
    for (size_t i = 0; i < shown; i++) {
        const struct kt_sim_trace_change *change = &trace->changes[i];
        fputs("<tr><th scope=\"row\">", out);
        write_second(out, change->second);
        fprintf(out, "</th><td>%d → %d</td><td class=\"text\">", change->from, change->to);
        text(out, change->text);
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    if (shown < trace->changes_count) {
        fprintf(out, "<p class=\"note\">and %zu more</p>\n", trace->changes_count - shown);
    }
    fputs("</details>\n", out);
}

static bool has_several_jobs(const struct kt_sim_html *page) {
    for (size_t i = 1; i < page->traces_count; i++) {
        if (strcmp(page->traces[i]->job, page->traces[0]->job) != 0) {
            return true;
        }
    }
    return false;
}

static enum kt_err write_run(FILE *out, const struct kt_sim_html *page, size_t index, int *id,
                             struct kt_error *error) {
    const struct kt_sim_trace *trace = page->traces[index];
    fprintf(out, "<section class=\"run\" id=\"run-%zu\">\n<h2>", index + 1);
    if (has_several_jobs(page)) {
        text(out, trace->job);
        fputs(": ", out);
    }
    text(out, trace->method);
    fputs("</h2>\n<p class=\"note\">job ", out);
    text(out, trace->job);
    if (trace->permutation > 0) {
        fprintf(out, ", permutation %d", trace->permutation);
    }
    fprintf(out, "; %zu reconfigurations%s</p>\n", trace->changes_count,
            trace->over_time ? ""
                             : "; a load lasts until nothing is changed, and the next begins "
                               "without a backlog");
    enum kt_err err = kt_sim_html_plot_times(out, trace, id, error);
    if (err == KT_ERR_OK) {
        write_changes(out, trace);
        fputs("<h3>What was learned</h3>\n<p class=\"note\">Processing ability of all subtasks "
              "together. Truth, λ and parallelism are those at the end of the run; mean and band "
              "those of the last decision that used a surrogate.</p>\n",
              out);
        err = kt_sim_html_plot_curves(out, trace, id, error);
    }
    fputs("</section>\n", out);
    return err;
}

/* --- the page --- */

static void write_head(FILE *out, const struct kt_sim_html *page) {
    fputs("<!DOCTYPE html>\n"
          "<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
          "<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>",
          out);
    text(out, page->title);
    fputs("</title>\n<style>\n", out);
    kt_plot_style(out);
    fputs(style, out);
    fputs("</style>\n</head>\n<body>\n<main>\n<header>\n<h1>", out);
    text(out, page->title);
    fputs("</h1>\n<p class=\"lead\">", out);
    text(out, page->subtitle);
    fputs("</p>\n", out);
    if (page->command != NULL) {
        fputs("<p class=\"command\"><code>", out);
        text(out, page->command);
        fputs("</code></p>\n", out);
    }
    fputs("</header>\n", out);
}

/* A line of links for each job. */
static void write_contents(FILE *out, const struct kt_sim_html *page) {
    if (page->traces_count < 2) {
        return;
    }
    fputs("<nav aria-label=\"Runs\">\n", out);
    for (size_t i = 0; i < page->traces_count; i++) {
        const struct kt_sim_trace *trace = page->traces[i];
        if (i == 0 || strcmp(trace->job, page->traces[i - 1]->job) != 0) {
            fputs(i == 0 ? "<p>" : "</p>\n<p>", out);
            text(out, trace->job);
            fputs(": ", out);
        }
        fprintf(out, "<a href=\"#run-%zu\">", i + 1);
        text(out, trace->method);
        if (trace->permutation > 1) {
            fprintf(out, ", permutation %d", trace->permutation);
        }
        fputs("</a> ", out);
    }
    fputs("</p>\n</nav>\n", out);
}

enum kt_err kt_sim_html_write(FILE *out, const struct kt_sim_html *page, struct kt_error *error) {
    write_head(out, page);
    if (page->scores_count > 0) {
        write_scores(out, page);
    }
    write_contents(out, page);
    if (page->traces_count > 0) {
        kt_sim_html_plot_keys(out);
    }
    int id = 0;
    enum kt_err err = KT_ERR_OK;
    for (size_t i = 0; i < page->traces_count && err == KT_ERR_OK; i++) {
        err = write_run(out, page, i, &id, error);
    }
    fputs("</main>\n</body>\n</html>\n", out);
    return err;
}

enum kt_err kt_sim_html_write_file(const char *path, const struct kt_sim_html *page,
                                   struct kt_error *error) {
    struct kt_byte_sink *sink;
    enum kt_err err = kt_byte_sink_open(path, &sink, error);
    if (err != KT_ERR_OK) {
        return err;
    }
    err = kt_sim_html_write(kt_byte_sink_stream(sink), page, error);
    if (err != KT_ERR_OK) {
        kt_byte_sink_abandon(sink);
        return kt_fail_in(error, err, "%s", path);
    }
    return kt_byte_sink_close(sink, error);
}
