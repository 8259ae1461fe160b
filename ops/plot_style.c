/* SPDX-License-Identifier: GPL-3.0-or-later
 * How plots look: colours that are told apart with any colour vision (after Okabe and Ito, darkened
 * until letters have a contrast of 4.5 to their ground), in light, in dark and on paper. */
#include "ops/plot_internal.h"

#define LIGHT                                                                                      \
    "--plot-ground:#ffffff;--plot-ink:#1b1f24;--plot-soft:#5b6470;--plot-grid:#e4e8ec;"            \
    "--plot-axis:#9aa3ad;--plot-blue:#0066a6;--plot-orange:#b54708;--plot-green:#00755a;"          \
    "--plot-purple:#9b3f83;--plot-grey:#5b6470"
#define DARK                                                                                       \
    "--plot-ground:#14181d;--plot-ink:#e8ebee;--plot-soft:#a3adb8;--plot-grid:#2a3139;"            \
    "--plot-axis:#6b7681;--plot-blue:#6cb8f0;--plot-orange:#f5a05a;--plot-green:#4fc9a3;"          \
    "--plot-purple:#e08cc7;--plot-grey:#a3adb8"

static const char *const rules =
    ":root{" LIGHT "}\n"
    "@media (prefers-color-scheme:dark){:root{" DARK "}}\n"
    "@media print{:root{" LIGHT "}}\n"
    ".plot{display:block;width:100%;height:auto;overflow:visible;font-size:11px;"
    "font-variant-numeric:tabular-nums;print-color-adjust:exact}\n"
    ".plot text{fill:var(--plot-ink)}\n"
    ".plot .title{font-size:13px;font-weight:600}\n"
    ".plot .unit{font-size:11px;font-weight:400;fill:var(--plot-soft)}\n"
    ".plot .ticks text{fill:var(--plot-soft)}\n"
    ".plot .middle{text-anchor:middle}\n"
    ".plot .end{text-anchor:end}\n"
    ".plot .grid,.plot .axis,.plot .tie{fill:none;stroke:var(--plot-grid);stroke-width:1}\n"
    ".plot .axis{stroke:var(--plot-axis)}\n"
    ".plot .tie{stroke:var(--plot-axis);stroke-width:.7}\n"
    ".plot .blue{--c:var(--plot-blue)}\n"
    ".plot .orange{--c:var(--plot-orange)}\n"
    ".plot .green{--c:var(--plot-green)}\n"
    ".plot .purple{--c:var(--plot-purple)}\n"
    ".plot .grey{--c:var(--plot-grey)}\n"
    ".plot .line{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round;"
    "stroke-linecap:round}\n"
    ".plot .thin{stroke-width:1}\n"
    ".plot .dashed{stroke-width:1.5;stroke-dasharray:5 3.5}\n"
    ".plot .band{fill:var(--c);fill-opacity:.17;stroke:none}\n"
    ".plot .points,.plot .rim{fill:none;stroke:var(--c);stroke-width:5;stroke-linecap:round}\n"
    ".plot .rim{stroke:var(--plot-ground);stroke-width:7}\n"
    ".plot .marks{fill:none;stroke:var(--c);stroke-width:1;stroke-dasharray:2 2;"
    "stroke-opacity:.55}\n"
    ".plot text.label{fill:var(--c);font-weight:500}\n"
    ".plot.key{display:inline-block;width:26px;height:12px;vertical-align:-1px}\n";

void kt_plot_style(FILE *out) {
    fputs(rules, out);
}

void kt_plot_key(FILE *out, const struct kt_plot_series *series) {
    static const char *const shape[] = {
        [KT_PLOT_LINE] = "M1,6H25",       [KT_PLOT_STEP] = "M1,9H13V3H25",
        [KT_PLOT_BAND] = "M1,1H25V11H1Z", [KT_PLOT_POINTS] = "M7,6h0M19,6h0",
        [KT_PLOT_MARKS] = "M13,0V12",
    };
    fputs("<svg class=\"plot key\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 26 12\" "
          "aria-hidden=\"true\"><path class=\"",
          out);
    kt_plot_write_class(out, series);
    fprintf(out, "\" d=\"%s\"/></svg>", shape[series->kind]);
}
