/* SPDX-License-Identifier: GPL-3.0-or-later
 * Small dense matrices for the scaling surrogate: Cholesky factor, triangular solve, product.
 *
 * Two rows of a tile fill the vector registers of every x86-64 as sums; the compiler finds that in
 * local arrays of fixed size. */
#include "model/tiles.h"

#include <math.h>
#include <string.h>

#define TILE_BYTES (KT_TILE * sizeof(double))

bool kt_tiles_factor(size_t n, double *u, double *inverse_root, double *ln_root) {
    double product = 1; /* of inverse roots: one logarithm for many */
    *ln_root = 0;
    for (size_t k = 0; k < n; k++) {
        double *restrict pivot = u + k * n;
        if (!(pivot[k] > 0)) {
            return false;
        }
        const double inverse = 1 / sqrt(pivot[k]);
        inverse_root[k] = inverse;
        product *= inverse;
        if (product < 1e-200 || product > 1e200) {
            *ln_root -= log(product);
            product = 1;
        }
        for (size_t j = k; j < n; j++) {
            pivot[j] *= inverse;
        }
        for (size_t i = k + 1; i < n; i++) {
            double *restrict row = u + i * n;
            const double left = pivot[i];
            for (size_t j = i; j < n; j++) {
                row[j] -= left * pivot[j];
            }
        }
    }
    *ln_root -= log(product);
    return true;
}

/* Rows i and i + 1 of a tile, of which all rows above are done. */
static void solve_pair(size_t n, const double *u, const double *inverse_root, double *tile,
                       size_t i) {
    double a[KT_TILE];
    double b[KT_TILE];
    memcpy(a, tile + i * KT_TILE, TILE_BYTES);
    memcpy(b, tile + (i + 1) * KT_TILE, TILE_BYTES);
    for (size_t k = 0; k < i; k++) {
        const double *done = tile + k * KT_TILE;
        const double u_a = u[k * n + i];
        const double u_b = u[k * n + i + 1];
        for (size_t c = 0; c < KT_TILE; c++) {
            a[c] -= u_a * done[c];
            b[c] -= u_b * done[c];
        }
    }
    for (size_t c = 0; c < KT_TILE; c++) {
        a[c] *= inverse_root[i];
        b[c] = (b[c] - u[i * n + i + 1] * a[c]) * inverse_root[i + 1];
    }
    memcpy(tile + i * KT_TILE, a, TILE_BYTES);
    memcpy(tile + (i + 1) * KT_TILE, b, TILE_BYTES);
}

/* The last row of a tile of an odd number of them. */
static void solve_last(size_t n, const double *u, const double *inverse_root, double *tile) {
    const size_t i = n - 1;
    double a[KT_TILE];
    memcpy(a, tile + i * KT_TILE, TILE_BYTES);
    for (size_t k = 0; k < i; k++) {
        for (size_t c = 0; c < KT_TILE; c++) {
            a[c] -= u[k * n + i] * tile[k * KT_TILE + c];
        }
    }
    for (size_t c = 0; c < KT_TILE; c++) {
        tile[i * KT_TILE + c] = a[c] * inverse_root[i];
    }
}

void kt_tiles_solve(size_t n, const double *u, const double *inverse_root, double *x,
                    size_t tiles) {
    for (size_t t = 0; t < tiles; t++) {
        double *tile = x + t * n * KT_TILE;
        for (size_t i = 0; i + 1 < n; i += 2) {
            solve_pair(n, u, inverse_root, tile, i);
        }
        if (n % 2 == 1) {
            solve_last(n, u, inverse_root, tile);
        }
    }
}

void kt_tiles_product(size_t n, const double *b, const double *x, size_t tiles, double *product,
                      size_t stride) {
    for (size_t t = 0; t < tiles; t++) {
        const double *tile = x + t * n * KT_TILE;
        for (size_t w = 0; w < KT_TILE; w += 2) {
            double even[KT_TILE] = {0};
            double odd[KT_TILE] = {0};
            for (size_t i = 0; i < n; i++) {
                const double *row = tile + i * KT_TILE;
                const double b_even = b[i * KT_TILE + w];
                const double b_odd = b[i * KT_TILE + w + 1];
                for (size_t c = 0; c < KT_TILE; c++) {
                    even[c] += b_even * row[c];
                    odd[c] += b_odd * row[c];
                }
            }
            memcpy(product + w * stride + t * KT_TILE, even, TILE_BYTES);
            memcpy(product + (w + 1) * stride + t * KT_TILE, odd, TILE_BYTES);
        }
    }
}
