/* SPDX-License-Identifier: GPL-3.0-or-later
 * A table of text, printed with aligned columns or as Markdown. */
#ifndef KT_OPS_TEXT_TABLE_H
#define KT_OPS_TEXT_TABLE_H

#include "schemas/error.h"

#include <stdbool.h>
#include <stdio.h>

#define KT_CELL_BYTES 96

/* The first row is the head; the first column is left-aligned, the others right-aligned. */
struct kt_text_table {
    int rows;
    int columns;
    char (*cells)[KT_CELL_BYTES];
};

/* All cells empty. False: out of memory; kt_text_table_free may follow either way. */
bool kt_text_table_make(struct kt_text_table *table, int rows, int columns);
void kt_text_table_free(struct kt_text_table *table);

/* Sets a cell; what is longer than a cell is cut off. */
void kt_text_table_put(const struct kt_text_table *table, int row, int column, const char *format,
                       ...) KT_PRINTF(4, 5);

void kt_text_table_print(FILE *out, const struct kt_text_table *table, bool markdown);

#endif
