/* SPDX-License-Identifier: GPL-3.0-or-later
 * Any bytes as a comma-separated file of observations: never a crash, and what is read back from
 * what was written is the same. */
#include "ops/csv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool promise) {
    if (!promise) {
        abort();
    }
}

/* Writes a field behind a plain one and reads it again. */
static void round_trip(struct kt_str field) {
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    require(out != NULL);
    fputs("a,b\nx,", out);
    kt_csv_put(out, field);
    fputc('\n', out);
    require(fclose(out) == 0);
    struct kt_csv *csv = NULL;
    require(kt_csv_open_stream(fmemopen(text, strlen(text), "r"), "r", &csv, NULL) == KT_ERR_OK);
    require(kt_csv_next(csv, NULL) == KT_ERR_OK);
    require(kt_str_equal(kt_csv_field(csv, 1), field));
    kt_csv_close(csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    FILE *in = fmemopen((void *)(uintptr_t)data, size, "r");
    struct kt_csv *csv = NULL;
    struct kt_error error;
    if (in == NULL || kt_csv_open_stream(in, "f", &csv, &error) != KT_ERR_OK) {
        return 0;
    }
    int line = kt_csv_line(csv);
    while (kt_csv_next(csv, &error) == KT_ERR_OK) {
        require(kt_csv_line(csv) > line);
        line = kt_csv_line(csv);
        int64_t integer = 0;
        double number = 0;
        if (kt_csv_integer(csv, 0, -5, 5, &integer, &error) == KT_ERR_OK) {
            require(integer >= -5 && integer <= 5);
        }
        if (kt_csv_number(csv, 0, 0, 1, &number, &error) == KT_ERR_OK) {
            require(number >= 0 && number <= 1);
        }
        const struct kt_str field = kt_csv_field(csv, 0);
        if (field.len < 1000) {
            round_trip(field);
        }
    }
    kt_csv_close(csv);
    return 0;
}
