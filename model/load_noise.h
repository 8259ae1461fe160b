/* SPDX-License-Identifier: GPL-3.0-or-later
 * How much a load fluctuates around its level by itself, and where that level is.
 *
 * The load of a source in valid windows t is a local level with noise, in ln λ:
 *
 *   x_t = level_t + ε_t,  ε ~ N(0, σ²);   level_t+1 = level_t + η_t,  η ~ N(0, w²), or a shift
 *
 * With Δ_t = x_t − x_t−1 it is −E[Δ_t Δ_t+1] = σ² (Roll's estimator: a shift of the level is in one
 * Δ only and contributes nothing) and E[Δ²] = 2σ² + w². A load that holds still between its shifts,
 * however large and frequent they are, has no noise: at least a quarter of all Δ are nothing then.
 * Its level is λ itself. */
#ifndef KT_MODEL_LOAD_NOISE_H
#define KT_MODEL_LOAD_NOISE_H

#include "schemas/evidence.h"

/* Windows that it takes to tell noise from shifts, of the KT_LOADS_MAX that are remembered. */
#define KT_LOADS_MIN 9

/* In standard deviations: what is beyond is another load. */
#define KT_LOAD_SHIFT_SDS 3.0

struct kt_load_noise {
    double level;    /* records/s: of the newest window's load; the load itself where sigma is 0 */
    double sigma;    /* σ, ln units, ≥ 0; below `least` it is 0 */
    double level_sd; /* of ln level, what is not known of it; 0 where sigma is 0 */
};

/* loads_per_s: of the newest valid windows, oldest first, count of 1…KT_LOADS_MAX, all > 0 (others
 * are skipped). shift: relative change that is a shift whatever the noise; beyond 3 standard
 * deviations it is one, too. least: smallest σ that a window can tell from its own errors. */
struct kt_load_noise kt_load_noise_of(const double *loads_per_s, size_t count, double shift,
                                      double least);

#endif
