/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SENSOR_COMMAND_H
#define SENSOR_COMMAND_H

#include <signal.h>
#include <sys/types.h>

/* A command that has been forked and waits to be let go. Both descriptors are close-on-exec and the caller's to close. */
struct sensor_command {
	pid_t pid;
	int gate;   /* write one byte: the command executes; close without writing: it ends with status 125 */
	int report; /* end of file: the exec succeeded; an int: the errno with which it failed */
};

/*
 * Forks a child that waits at the gate and then executes `arguments[0]`, found in PATH as execvp(3) does, with the signal
 * mask `mask`. Not one instruction of the command runs before the gate opens.
 *
 * Returns 0 or a negative errno.
 */
int sensor_command_fork(char *const arguments[], const sigset_t *mask, struct sensor_command *command);

#endif
