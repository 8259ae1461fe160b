/* SPDX-License-Identifier: GPL-3.0-or-later
 * The clocks of what lies outside the core. The core takes time as an argument. */
#ifndef KT_PRODUCER_CLOCK_H
#define KT_PRODUCER_CLOCK_H

#include <stdint.h>

/* Unix time in milliseconds; it may jump. */
int64_t kt_clock_wall_ms(void);

/* Milliseconds since some moment in the past; it never jumps. For deadlines. */
int64_t kt_clock_ms(void);

#endif
