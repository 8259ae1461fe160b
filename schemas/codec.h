/* SPDX-License-Identifier: GPL-3.0-or-later
 * The four ways a record crosses the border of the program. This header is the whole of what other
 * folders need: framed bytes in and out, JSON in and out, container files.
 *
 *   frame:  C3 01 | little-endian CRC-64-AVRO of the writer's schema | Avro body
 */
#ifndef KT_SCHEMAS_CODEC_H
#define KT_SCHEMAS_CODEC_H

#include "schemas/arena.h"
#include "schemas/error.h"
#include "schemas/record.h"

#include <jansson.h>
#include <stdio.h>

/* A growable byte buffer, reused from record to record. */
struct kt_bytes {
    unsigned char *data;
    size_t len;
    size_t capacity;
};
void kt_bytes_free(struct kt_bytes *bytes);

/* ---- framed Avro ------------------------------------------------------------------------- */

/* Decodes one record type from single-object frames. It knows the program's own schema and those
 * added by kt_decoder_add_schema, each compiled once into a plan; a frame is then read with one
 * hash look-up and no allocation outside the caller's arena. */
struct kt_decoder;
KT_MUST_CHECK enum kt_err kt_decoder_new(const struct kt_record_type *type, struct kt_decoder **out,
                                         struct kt_error *error);
void kt_decoder_free(struct kt_decoder *decoder);

/* A further writer's schema (JSON text), by Avro's resolution rules: fields by name or alias,
 * defaults for what the writer lacks, promotions, unions, other fields skipped. KT_ERR_SCHEMA says
 * which field cannot be resolved. */
KT_MUST_CHECK enum kt_err kt_decoder_add_schema(struct kt_decoder *decoder, const char *schema_text,
                                                struct kt_error *error);
/* As above for every *.avsc in a folder whose record has the type's name (or an alias of it); the
 * schemas of other records are passed over, so that one folder serves several decoders. The message
 * names the file. KT_ERR_IO: the folder or a file cannot be read. */
KT_MUST_CHECK enum kt_err kt_decoder_add_folder(struct kt_decoder *decoder, const char *path,
                                                struct kt_error *error);

/* Decodes one frame into *record (a struct of the decoder's type). Strings borrow from bytes
 * (defaults from the decoder), arrays from arena. KT_ERR_FRAMING, KT_ERR_SCHEMA_UNKNOWN,
 * KT_ERR_TRUNCATED, KT_ERR_DECODE, KT_ERR_LIMIT; every byte must be used. */
KT_MUST_CHECK enum kt_err kt_decode(const struct kt_decoder *decoder, const void *bytes, size_t len,
                                    struct kt_arena *arena, void *record, struct kt_error *error);

/* Encodes records of one type with the program's own schema. */
struct kt_encoder;
KT_MUST_CHECK enum kt_err kt_encoder_new(const struct kt_record_type *type, struct kt_encoder **out,
                                         struct kt_error *error);
void kt_encoder_free(struct kt_encoder *encoder);

/* Replaces *bytes by the framed record. KT_ERR_INVALID for a non-finite double outside
 * MetricEvent's measures, an enum out of range, a string that is not UTF-8 or more items than the
 * table allows. */
KT_MUST_CHECK enum kt_err kt_encode(struct kt_encoder *encoder, const void *record,
                                    struct kt_bytes *bytes, struct kt_error *error);

/* CRC-64-AVRO of the Parsing Canonical Form of a schema. */
KT_MUST_CHECK enum kt_err kt_schema_fingerprint(const char *schema_text, uint64_t *fingerprint,
                                                struct kt_error *error);

/* ---- JSON -------------------------------------------------------------------------------- */

/* A plain object: no union wrappers; null fields and doubles that are not finite are left out;
 * enums are their symbols; bytes that are not UTF-8, and NUL, become U+FFFD. The caller owns the
 * result (json_decref). NULL when out of memory. */
json_t *kt_record_to_json(const struct kt_record_type *type, const void *record);

/* The reverse. Absent or null: null (an error for a field that is not nullable and has no default
 * in the schema). A record given as a plain string fills its first field (`"upstream":["id", …]`);
 * a numeric field takes a number (an integer also as a real without a fraction), and "NaN" where it
 * is a double. Unknown members are ignored. Strings (64 KiB at most, without NUL) and arrays are
 * copied to the arena. KT_ERR_INVALID, KT_ERR_LIMIT; the message begins with the field's path, as
 * in `operators[3].to: expected an int, got "x"`. */
KT_MUST_CHECK enum kt_err kt_record_from_json(const struct kt_record_type *type, const json_t *json,
                                              struct kt_arena *arena, void *record,
                                              struct kt_error *error);

/* Prints JSON on one line, without a line end; each real number in the shortest form that reads
 * back as the same double. KT_ERR_IO when the stream fails. */
KT_MUST_CHECK enum kt_err kt_json_dump(FILE *stream, const json_t *json);

/* Prints a record as one line of JSON (kt_record_to_json) with its line end. KT_ERR_NOMEM,
 * KT_ERR_IO. */
KT_MUST_CHECK enum kt_err kt_record_dump_json(FILE *stream, const struct kt_record_type *type,
                                              const void *record);

/* ---- files ------------------------------------------------------------------------------- */

/* Reads records of one type from an Avro container (null or deflate codec; any resolvable writer's
 * schema) or JSON lines, told apart by the first bytes; either may be gzip-compressed. Path "-" is
 * standard input. Bounded: a line to 1 MiB, a block to 16 MiB. KT_ERR_IO, KT_ERR_FRAMING,
 * KT_ERR_SCHEMA, KT_ERR_TRUNCATED, KT_ERR_DECODE, KT_ERR_LIMIT, KT_ERR_NOMEM; the message begins
 * with the path. */
struct kt_file_reader;
KT_MUST_CHECK enum kt_err kt_file_reader_open(const struct kt_record_type *type, const char *path,
                                              struct kt_file_reader **out, struct kt_error *error);
/* The next record, valid until the next call. KT_ERR_NOT_FOUND at the end. Any other error comes
 * with file and line (`events.jsonl:7: …`) or record number (`events.avro: record 7: …`), and
 * *resumable says whether the next call goes on behind what was wrong: behind a bad line, or behind
 * the block of a bad record. What is wrong with the file itself stays wrong: every later call gives
 * the same error. */
KT_MUST_CHECK enum kt_err kt_file_reader_next(struct kt_file_reader *reader, void *record,
                                              bool *resumable, struct kt_error *error);
/* Line (JSON) or record number (Avro) of the last record, from 1. */
int64_t kt_file_reader_position(const struct kt_file_reader *reader);
void kt_file_reader_close(struct kt_file_reader *reader);

/* Writes an Avro container (path ends in .avro, deflated) or JSON lines (any other path, "-" =
 * stdout; gzip-compressed when the path ends in .gz). What was at the path is replaced. KT_ERR_IO,
 * KT_ERR_SCHEMA, KT_ERR_NOMEM; the message begins with the path. */
struct kt_file_writer;
KT_MUST_CHECK enum kt_err kt_file_writer_open(const struct kt_record_type *type, const char *path,
                                              struct kt_file_writer **out, struct kt_error *error);
/* KT_ERR_FULL, KT_ERR_IO; KT_ERR_INVALID and KT_ERR_LIMIT for a record that cannot be written. The
 * first failure is final: the file lacks a record, and every later call says so again. */
KT_MUST_CHECK enum kt_err kt_file_writer_append(struct kt_file_writer *writer, const void *record,
                                                struct kt_error *error);
/* Flushes and closes; the file is complete only if this returns KT_ERR_OK. The writer is freed
 * either way. */
KT_MUST_CHECK enum kt_err kt_file_writer_close(struct kt_file_writer *writer,
                                               struct kt_error *error);

#endif
