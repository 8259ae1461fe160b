/* SPDX-License-Identifier: GPL-3.0-or-later
 * Small dense matrices for the scaling surrogate: Cholesky factor, triangular solve, product.
 *
 * A matrix of n rows and many columns is kept as tiles of KT_TILE columns, each tile n × KT_TILE
 * and row-major, one after the other; columns beyond the last are padding, worked on and ignored.
 * A column is worked on by itself and in one order: its bits depend neither on its place nor on
 * its neighbours, nor on the processor, which those of a BLAS do. And a BLAS cannot be had here:
 * the serial OpenBLAS, the one variant that starts no threads, is built without USE_LOCKING: it
 * shares its buffers between the threads of a program, so that concurrent solves spoil each other.
 */
#ifndef KT_MODEL_TILES_H
#define KT_MODEL_TILES_H

#include <stdbool.h>
#include <stddef.h>

#define KT_TILE ((size_t)8)

/* Where column c of row i lies. */
static inline size_t kt_tile_at(size_t n, size_t i, size_t c) {
    return (c / KT_TILE) * n * KT_TILE + i * KT_TILE + c % KT_TILE;
}

/* C = UᵀU of a symmetric matrix, of which only the upper triangle is read: u (row-major, n × n) is
 * C before and U after; inverse_root[k] ← 1 / Uₖₖ, *ln_root ← ½ ln|C|. False, with nothing to use:
 * C is not positive definite. */
bool kt_tiles_factor(size_t n, double *u, double *inverse_root, double *ln_root);

/* X ← U⁻ᵀX for a matrix of so many tiles. */
void kt_tiles_solve(size_t n, const double *u, const double *inverse_root, double *x, size_t tiles);

/* product (KT_TILE rows, `stride` apart, of tiles · KT_TILE numbers) ← bᵀX, b one tile. */
void kt_tiles_product(size_t n, const double *b, const double *x, size_t tiles, double *product,
                      size_t stride);

#endif
