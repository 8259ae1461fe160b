/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the demo shows: on a terminal a table that is drawn over itself, elsewhere a line per
 * change. */
#include "ops/demo_view.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BOLD  "\033[1m"
#define DIM   "\033[2m"
#define PLAIN "\033[0m"
/* While the picture is drawn a line too long is cut: if it went on in the next row, the picture
 * would be higher than what is drawn over. */
#define WRAP_OFF "\033[?7l"
#define WRAP_ON  "\033[?7h"
#define WIDTH    100 /* where the terminal does not tell its own */

static const char *bold(const struct kt_demo_view *view) {
    return view->terminal ? BOLD : "";
}

static const char *dim(const struct kt_demo_view *view) {
    return view->terminal ? DIM : "";
}

static const char *plain(const struct kt_demo_view *view) {
    return view->terminal ? PLAIN : "";
}

/* Virtual time since the start as hh:mm:ss. */
static const char *clock_text(int64_t ms, char text[16]) {
    const int64_t s = ms / 1000;
    snprintf(text, 16, "%02d:%02d:%02d", (int)(s / 3600 % 100), (int)(s / 60 % 60), (int)(s % 60));
    return text;
}

void kt_demo_view_begin(struct kt_demo_view *view, FILE *out, const struct kt_sim_spec *spec,
                        const struct kt_sim_level *levels, int levels_count, int64_t poll_ms) {
    *view = (struct kt_demo_view){.out = out, .terminal = isatty(fileno(out)) == 1};
    for (int i = 0; i < levels_count; i++) {
        view->total_ms += levels[i].duration_ms;
    }
    char length[16];
    fprintf(out,
            "A simulated Flink job, %s/%s, runs %s h of virtual time under a\n"
            "load that changes %d times. It reports its metrics every %d s; a worker learns\n"
            "what each operator can do and rescales it.\n"
            "Starting the embedded broker and the worker …\n\n",
            spec->cluster, spec->job_name, clock_text(view->total_ms, length), levels_count,
            (int)(poll_ms / 1000));
    fflush(out);
}

/* Records/s of all sources. */
static double offered(const struct kt_sim_view *sim) {
    double sum = 0.0;
    for (int i = 0; i < sim->spec->count; i++) {
        sum += sim->spec->operators[i].inputs_count == 0 ? sim->source_rates[i] : 0.0;
    }
    return sum;
}

static void draw_operators(const struct kt_demo_view *view, const struct kt_sim_view *sim) {
    const struct kt_sim_spec *spec = sim->spec;
    const struct kt_sim_knowledge *knowledge = sim->knowledge;
    fprintf(view->out, "%s  %-16s %11s %9s %12s %14s %7s%s\033[K\n", dim(view), "operator",
            "parallelism", "(optimum)", "λ (rec/s)  ", "ability (rec/s)", "busy", plain(view));
    for (int i = 0; i < spec->count; i++) {
        const int p = kt_sim_job_parallelism(sim->job, i);
        const bool under = kt_sim_ability(spec, i, p, kt_sim_job_second(sim->job)) < sim->lambda[i];
        fprintf(view->out, "  %-16s %s%11d%s %9d", spec->operators[i].name,
                under                  ? "\033[31m"
                : p == sim->optimum[i] ? "\033[32m"
                                       : "",
                p, PLAIN, sim->optimum[i]);
        if (knowledge->operators[i].known) {
            fprintf(view->out, " %11.0f %15.0f %5.0f %%\033[K\n", knowledge->operators[i].lambda,
                    knowledge->operators[i].ability, 100.0 * knowledge->operators[i].busy);
        } else {
            fprintf(view->out, " %11s %15s %7s\033[K\n", "-", "-", "-");
        }
    }
}

static int width(const struct kt_demo_view *view) {
    struct winsize size;
    return ioctl(fileno(view->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 8 ? size.ws_col - 4
                                                                               : WIDTH;
}

/* Bytes of the text that fit into a row: up to a space, or all. */
static size_t row_of(const char *text, size_t columns) {
    size_t fit = strlen(text);
    if (fit > columns) {
        fit = columns;
        while (fit > 0 && text[fit] != ' ') {
            fit--;
        }
    }
    return fit > 0 ? fit : strlen(text);
}

/* The reason in two rows. */
static void draw_reason(const struct kt_demo_view *view, const char *text) {
    const size_t first = row_of(text, (size_t)width(view));
    const char *rest = text + first + strspn(text + first, " ");
    const size_t second = row_of(rest, (size_t)width(view));
    fprintf(view->out, "  %.*s\033[K\n  %.*s%s\033[K\n", (int)first, text, (int)second, rest,
            rest[second] == '\0' ? "" : " …");
}

/* The picture on a terminal; the lines of the last one are drawn over. */
static void draw(struct kt_demo_view *view, const struct kt_sim_view *sim) {
    const struct kt_sim_loop *loop = sim->loop;
    const struct kt_sim_job *job = sim->job;
    const struct kt_sim_knowledge *knowledge = sim->knowledge;
    char now[16], total[16], decided[16];
    fputs(WRAP_OFF, view->out);
    if (view->lines > 0) {
        fprintf(view->out, "\033[%dA", view->lines);
    }
    fprintf(view->out, "%s%s of %s%s  offered %s%.0f/s%s  backlog %.0f  phase %s%s\033[K\n\033[K\n",
            bold(view), clock_text(kt_sim_job_now_ms(job) - loop->start_ms, now),
            clock_text(view->total_ms, total), plain(view), bold(view), offered(sim), plain(view),
            kt_sim_job_backlog(job), kt_enum_symbol(&kt_phase_type, knowledge->phase),
            kt_sim_job_is_running(job) ? "" : " (restarting)");
    draw_operators(view, sim);
    if (knowledge->decisions > 0) {
        fprintf(view->out, "\033[K\n  %s  %s%s%s (%s)\033[K\n",
                clock_text(knowledge->decided_at_ms - loop->start_ms, decided), bold(view),
                kt_enum_symbol(&kt_command_kind_type, knowledge->kind), plain(view),
                kt_enum_symbol(&kt_reason_type, knowledge->reason));
        draw_reason(view, knowledge->text);
    } else {
        fprintf(view->out, "\033[K\n  no decision yet\033[K\n\033[K\n\033[K\n");
    }
    fputs(WRAP_ON, view->out);
    view->lines = 7 + loop->spec->count;
}

/* A line for a new load and one for each decision, where there is no terminal. */
static void tell(struct kt_demo_view *view, const struct kt_sim_view *sim) {
    const struct kt_sim_loop *loop = sim->loop;
    const struct kt_sim_knowledge *knowledge = sim->knowledge;
    char now[16];
    const int64_t at_ms = kt_sim_job_now_ms(sim->job) - loop->start_ms;
    const double source_rate = offered(sim);
    if (source_rate < view->source_rate || source_rate > view->source_rate) {
        fprintf(view->out, "%s  load      %.0f records/s\n", clock_text(at_ms - loop->poll_ms, now),
                source_rate);
    }
    if (knowledge->decisions == view->decisions) {
        return;
    }
    fprintf(view->out, "%s  %-8s  %s, phase %s: %s\n",
            clock_text(knowledge->decided_at_ms - loop->start_ms, now),
            kt_enum_symbol(&kt_command_kind_type, knowledge->kind),
            kt_enum_symbol(&kt_reason_type, knowledge->reason),
            kt_enum_symbol(&kt_phase_type, knowledge->phase), knowledge->text);
    if (knowledge->kind == KT_COMMAND_HOLD) {
        return;
    }
    for (int i = 0; i < loop->spec->count; i++) {
        fprintf(view->out, "%-8s  %-8s  %-16s to %3d", "", "", loop->spec->operators[i].name,
                knowledge->to[i]);
        if (knowledge->operators[i].known) {
            fprintf(view->out, "   λ %8.0f/s   ability %8.0f/s   busy %3.0f %%",
                    knowledge->operators[i].lambda, knowledge->operators[i].ability,
                    100.0 * knowledge->operators[i].busy);
        }
        fputc('\n', view->out);
    }
}

void kt_demo_view_frame(struct kt_demo_view *view, const struct kt_sim_view *sim) {
    if (view->terminal) {
        draw(view, sim);
    } else {
        tell(view, sim);
    }
    view->decisions = sim->knowledge->decisions;
    view->source_rate = offered(sim);
    fflush(view->out);
}

void kt_demo_view_end(struct kt_demo_view *view) {
    fputc('\n', view->out);
}

static void summary_row(const struct kt_demo_view *view, const char *what, double kontune,
                        double ds2, int decimals) {
    fprintf(view->out, "  %-44s %10.*f %10.*f\n", what, decimals, kontune, decimals, ds2);
}

void kt_demo_view_summary(struct kt_demo_view *view, const struct kt_sim_score *kontune,
                          const struct kt_sim_score *ds2) {
    fprintf(view->out, "%s  %-44s %10s %10s%s\n", bold(view), "the same job under the same load",
            "kontune", "DS2", plain(view));
    summary_row(view, "reconfigurations", kontune->reconfigurations, ds2->reconfigurations, 0);
    summary_row(view, "reconfigurations per load change",
                (double)kontune->reconfigurations / kontune->tunings,
                (double)ds2->reconfigurations / ds2->tunings, 2);
    summary_row(view, "minutes with too little parallelism", kontune->under_provisioned_s / 60.0,
                ds2->under_provisioned_s / 60.0, 1);
    summary_row(view, "cores used beyond the optimum (%)",
                100.0 * (kontune->core_s / kontune->optimum_core_s - 1.0),
                100.0 * (ds2->core_s / ds2->optimum_core_s - 1.0), 1);
    summary_row(view, "most cores at once", kontune->cores_max, ds2->cores_max, 0);
    summary_row(view, "largest backlog (records)", kontune->backlog_max, ds2->backlog_max, 0);
}
