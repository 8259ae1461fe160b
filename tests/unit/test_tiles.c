/* SPDX-License-Identifier: GPL-3.0-or-later
 * Small dense matrices in tiles, beside the plain sums that they stand for. */
#include "model/tiles.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N_MAX   61
#define TILES   3
#define COLUMNS (TILES * KT_TILE)

struct matrices {
    size_t n;
    double c[N_MAX * N_MAX]; /* positive definite */
    double u[N_MAX * N_MAX];
    double inverse_root[N_MAX];
    double ln_root;
    double right[N_MAX * COLUMNS]; /* tiles */
    double x[N_MAX * COLUMNS];
};

static double wave(size_t i, size_t j) {
    return sin(1.7 * (double)i + 0.9 * (double)(j * j) + 0.3);
}

/* C = WᵀW + I for a matrix W of waves, factored, and X solved. */
static void make(struct matrices *m, size_t n) {
    m->n = n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            m->c[i * n + j] = i == j;
            for (size_t k = 0; k < n; k++) {
                m->c[i * n + j] += wave(k, i) * wave(k, j);
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < COLUMNS; c++) {
            m->right[kt_tile_at(n, i, c)] = wave(c, i + 5);
        }
    }
    memcpy(m->u, m->c, sizeof m->u);
    memcpy(m->x, m->right, sizeof m->x);
    assert_true(kt_tiles_factor(n, m->u, m->inverse_root, &m->ln_root));
    kt_tiles_solve(n, m->u, m->inverse_root, m->x, TILES);
}

static void assert_close(double ours, double theirs) {
    if (!(fabs(ours - theirs) <= 1e-12 * fmax(1, fabs(theirs)))) {
        fail_msg("%.17g is not %.17g", ours, theirs);
    }
}

static const size_t sizes[] = {1, 2, 3, 8, 17, 60, N_MAX};
#define SIZES (sizeof sizes / sizeof *sizes)

static void the_factor_multiplies_to_the_matrix(void **state) {
    static struct matrices m;
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        size_t n = sizes[s];
        make(&m, n);
        double ln_root = 0;
        for (size_t i = 0; i < n; i++) {
            ln_root += log(m.u[i * n + i]);
            assert_close(m.inverse_root[i] * m.u[i * n + i], 1);
            for (size_t j = i; j < n; j++) {
                double sum = 0;
                for (size_t k = 0; k <= i; k++) {
                    sum += m.u[k * n + i] * m.u[k * n + j];
                }
                assert_close(sum, m.c[i * n + j]);
            }
        }
        assert_close(m.ln_root, ln_root);
    }
}

static void the_solution_multiplies_to_the_right_side(void **state) {
    static struct matrices m;
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        size_t n = sizes[s];
        make(&m, n);
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < COLUMNS; c++) {
                double sum = 0;
                for (size_t k = 0; k <= i; k++) {
                    sum += m.u[k * n + i] * m.x[kt_tile_at(n, k, c)];
                }
                assert_close(sum, m.right[kt_tile_at(n, i, c)]);
            }
        }
    }
}

static void the_product_is_the_sum_over_rows(void **state) {
    static struct matrices m;
    static double product[KT_TILE * (COLUMNS + 1)];
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        size_t n = sizes[s];
        make(&m, n);
        /* b: the last tile */
        kt_tiles_product(n, m.x + (TILES - 1) * n * KT_TILE, m.x, TILES, product, COLUMNS + 1);
        for (size_t w = 0; w < KT_TILE; w++) {
            for (size_t c = 0; c < COLUMNS; c++) {
                double sum = 0;
                for (size_t i = 0; i < n; i++) {
                    sum += m.x[kt_tile_at(n, i, COLUMNS - KT_TILE + w)] * m.x[kt_tile_at(n, i, c)];
                }
                assert_close(product[w * (COLUMNS + 1) + c], sum);
            }
        }
    }
}

static void a_columns_bits_do_not_depend_on_its_place(void **state) {
    static struct matrices m;
    static double x[N_MAX * KT_TILE];
    (void)state;
    make(&m, 17);
    for (size_t c = 0; c < COLUMNS; c++) {
        size_t at = (c + 3) % KT_TILE;
        for (size_t i = 0; i < 17; i++) {
            for (size_t other = 0; other < KT_TILE; other++) {
                x[kt_tile_at(17, i, other)] = other == at ? m.right[kt_tile_at(17, i, c)] : 1e9;
            }
        }
        kt_tiles_solve(17, m.u, m.inverse_root, x, 1);
        for (size_t i = 0; i < 17; i++) {
            assert_true(x[kt_tile_at(17, i, at)] == m.x[kt_tile_at(17, i, c)]);
        }
    }
}

static void extreme_determinants_are_told_by_their_logarithm(void **state) {
    double u[N_MAX * N_MAX] = {0};
    double inverse_root[N_MAX];
    double ln_root;
    (void)state;
    for (size_t i = 0; i < N_MAX; i++) {
        u[i * N_MAX + i] = 1e-80;
    }
    assert_true(kt_tiles_factor(N_MAX, u, inverse_root, &ln_root));
    assert_close(ln_root, N_MAX * -40 * log(10));
}

static void a_matrix_that_is_not_positive_definite_has_no_factor(void **state) {
    double ln_root;
    double inverse_root[2];
    double bad[][4] = {{1, 2, 2, 1}, {0, 0, 0, 1}, {-1, 0, 0, 1}, {1, 1, 1, 1}, {1, NAN, NAN, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(kt_tiles_factor(2, bad[i], inverse_root, &ln_root));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_factor_multiplies_to_the_matrix),
        cmocka_unit_test(the_solution_multiplies_to_the_right_side),
        cmocka_unit_test(the_product_is_the_sum_over_rows),
        cmocka_unit_test(a_columns_bits_do_not_depend_on_its_place),
        cmocka_unit_test(extreme_determinants_are_told_by_their_logarithm),
        cmocka_unit_test(a_matrix_that_is_not_positive_definite_has_no_factor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
