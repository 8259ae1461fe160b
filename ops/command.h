/* SPDX-License-Identifier: GPL-3.0-or-later
 * The subcommands of the program. Each lives in its own cmd_*.c and is a function like main:
 * argv[0] is its name; the return value is the exit status (0 done, 1 failed, 2 bad usage or
 * configuration). */
#ifndef KT_OPS_COMMAND_H
#define KT_OPS_COMMAND_H

#define KT_EXIT_OK     0
#define KT_EXIT_FAILED 1
#define KT_EXIT_USAGE  2

int kt_cmd_worker(int argc, char **argv);
int kt_cmd_replay(int argc, char **argv);
int kt_cmd_suggest(int argc, char **argv);
int kt_cmd_topics(int argc, char **argv);
int kt_cmd_config(int argc, char **argv);
int kt_cmd_history(int argc, char **argv);
int kt_cmd_commands(int argc, char **argv);
int kt_cmd_simulate(int argc, char **argv);
int kt_cmd_demo(int argc, char **argv);

#endif
