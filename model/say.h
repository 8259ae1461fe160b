/* SPDX-License-Identifier: GPL-3.0-or-later
 * Names and numbers in the sentences that explain a decision. */
#ifndef KT_MODEL_SAY_H
#define KT_MODEL_SAY_H

#include "schemas/evidence.h"

/* The operator's name, or its id where it has none, cut at a whole character to fit a sentence. */
struct kt_str kt_say_name(const struct kt_operator_evidence *op);

/* For printf's "%.*f": as many decimals as a rate of this size deserves. */
#define KT_SAY_RATE(v) ((v) >= 100 || (v) <= 0 ? 0 : (v) >= 1 ? 1 : 4), (v)

#endif
