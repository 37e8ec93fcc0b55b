// SPDX-License-Identifier: Apache-2.0
#include "sensor_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define STATUS_OWN_FAILURE 125
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND 127

/* Between fork and exec of a process with threads only async-signal-safe calls are allowed. */
static _Noreturn void child(char *const arguments[], const sigset_t *mask, int gate, int report)
{
	char token;
	ssize_t got;
	int error;

	do {
		got = read(gate, &token, 1);
	} while (got < 0 && errno == EINTR);
	if (got != 1)
		_exit(STATUS_OWN_FAILURE);

	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(arguments[0], arguments);
	error = errno;
	do {
		got = write(report, &error, sizeof(error));
	} while (got < 0 && errno == EINTR);
	_exit(error == ENOENT || error == ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

int sensor_command_fork(char *const arguments[], const sigset_t *mask, struct sensor_command *command)
{
	int gate[2], report[2], error;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(report, O_CLOEXEC) < 0) {
		error = errno;
		goto close_gate;
	}
	pid = fork();
	if (pid == 0) {
		/* Else the child would hold its own gate open and never see the parent's death. */
		close(gate[1]);
		close(report[0]);
		child(arguments, mask, gate[0], report[1]);
	}
	error = errno;
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		goto close_gate;
	}
	close(gate[0]);
	*command = (struct sensor_command){ .pid = pid, .gate = gate[1], .report = report[0] };
	return 0;

close_gate:
	close(gate[0]);
	close(gate[1]);
	return -error;
}
