/* SPDX-License-Identifier: GPL-3.0-or-later
 * Error codes of the whole program, declared once, and the message that goes with one. */
#ifndef KT_SCHEMAS_ERROR_H
#define KT_SCHEMAS_ERROR_H

#include <stdarg.h>

#define KT_MUST_CHECK     __attribute__((warn_unused_result))
#define KT_PRINTF(fmt, a) __attribute__((format(printf, fmt, a)))

/* X(name, what it means to a person) */
#define KT_ERR_MAP(X)                                                                              \
    X(OK, "no error")                                                                              \
    X(NOMEM, "out of memory")                                                                      \
    X(LIMIT, "a limit was exceeded")                                                               \
    X(PARSE, "malformed text")                                                                     \
    X(FRAMING, "unknown framing")                                                                  \
    X(SCHEMA, "unusable Avro schema")                                                              \
    X(SCHEMA_UNKNOWN, "unknown schema fingerprint")                                                \
    X(TRUNCATED, "record ends too early")                                                          \
    X(DECODE, "malformed Avro record")                                                             \
    X(INVALID, "a value is out of range")                                                          \
    X(NOT_FOUND, "not found")                                                                      \
    X(IO, "input or output failed")                                                                \
    X(FULL, "no space left")                                                                       \
    X(LOCKED, "in use by another process")                                                         \
    X(FOREIGN, "belongs to something else")                                                        \
    X(USAGE, "bad usage")                                                                          \
    X(CONFIG, "bad configuration")                                                                 \
    X(NUMERIC, "no finite answer")                                                                 \
    X(KAFKA, "Kafka failed")                                                                       \
    X(KAFKA_ABORT, "the Kafka transaction must be aborted")                                        \
    X(KAFKA_FATAL, "the Kafka producer cannot go on")                                              \
    X(STOPPED, "asked to stop")

enum kt_err {
#define X(name, text) KT_ERR_##name,
    KT_ERR_MAP(X)
#undef X
};

/* What went wrong and where. Filled by the function that fails; the caller may put context in
 * front of it. A NULL kt_error is allowed everywhere: only the code is returned then. */
struct kt_error {
    enum kt_err code;
    char message[512];
};

/* The short name of a code ("TRUNCATED") and its meaning. Static strings. */
const char *kt_err_name(enum kt_err code);
const char *kt_err_text(enum kt_err code);

/* Sets *error and returns code, so that `return kt_fail(error, KT_ERR_X, "…")` reads well. */
enum kt_err kt_fail(struct kt_error *error, enum kt_err code, const char *format, ...)
    KT_PRINTF(3, 4);

/* Puts "context: " in front of the message that is there, and returns code. */
enum kt_err kt_fail_in(struct kt_error *error, enum kt_err code, const char *format, ...)
    KT_PRINTF(3, 4);

/* The static analyser sees one file at a time and would take a failure for one that may return
 * KT_ERR_OK. */
#ifdef __clang_analyzer__
#define kt_fail(error, code, ...)    (kt_fail((error), (code), __VA_ARGS__), (code))
#define kt_fail_in(error, code, ...) (kt_fail_in((error), (code), __VA_ARGS__), (code))
#endif

#endif
