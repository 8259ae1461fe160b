/* SPDX-License-Identifier: GPL-3.0-or-later
 * A table of text. */
#include "ops/text_table.h"

#include <stdarg.h>
#include <stdlib.h>

bool kt_text_table_make(struct kt_text_table *table, int rows, int columns) {
    *table = (struct kt_text_table){.rows = rows, .columns = columns};
    table->cells = calloc((size_t)rows * (size_t)columns, sizeof *table->cells);
    return table->cells != NULL;
}

void kt_text_table_free(struct kt_text_table *table) {
    free(table->cells);
    *table = (struct kt_text_table){.rows = 0};
}

static char *cell(const struct kt_text_table *table, int row, int column) {
    return table->cells[row * table->columns + column];
}

void kt_text_table_put(const struct kt_text_table *table, int row, int column, const char *format,
                       ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(cell(table, row, column), KT_CELL_BYTES, format, args);
    va_end(args);
}

/* Characters of UTF-8 text. */
static int width_of(const char *text) {
    int width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static void print_aligned(FILE *out, const struct kt_text_table *table, int row) {
    for (int column = 0; column < table->columns; column++) {
        int widest = 0;
        for (int r = 0; r < table->rows; r++) {
            const int width = width_of(cell(table, r, column));
            widest = width > widest ? width : widest;
        }
        const char *text = cell(table, row, column);
        const int blank = widest - width_of(text);
        const bool last = column == table->columns - 1;
        if (column == 0) {
            fprintf(out, "  %s%*s", text, last ? 0 : blank, "");
        } else {
            fprintf(out, "  %*s%s", blank, "", text);
        }
    }
    fputc('\n', out);
}

static void print_markdown(FILE *out, const struct kt_text_table *table, int row) {
    for (int column = 0; column < table->columns; column++) {
        fputs("| ", out);
        for (const char *c = cell(table, row, column); *c != '\0'; c++) {
            if (*c == '|') { /* would end the cell */
                fputc('\\', out);
            }
            fputc(*c, out);
        }
        fputc(' ', out);
    }
    fputs("|\n", out);
    if (row > 0) {
        return;
    }
    for (int column = 0; column < table->columns; column++) {
        fputs(column == 0 ? "|---" : "|---:", out);
    }
    fputs("|\n", out);
}

void kt_text_table_print(FILE *out, const struct kt_text_table *table, bool markdown) {
    for (int row = 0; row < table->rows; row++) {
        if (markdown) {
            print_markdown(out, table, row);
        } else {
            print_aligned(out, table, row);
        }
    }
}
