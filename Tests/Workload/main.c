// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_USAGE 96
#define STATUS_GAVE_UP 97

static const struct activity *const tables[] = {
	file_activities,     name_activities,     place_activities,     descriptor_activities,
	process_activities,  identity_activities, syscall_activities,   network_activities,
	datagram_activities, uring_activities,    container_activities, call_activities,
};

char self[PATH_MAX];

void say(const char *format, ...)
{
	char line[3 * PATH_MAX];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(line, sizeof(line) - 1, format, list);
	va_end(list);
	if (length < 0 || length >= (int)sizeof(line) - 1)
		give_up("say");
	line[length] = '\n';
	if (write(STDOUT_FILENO, line, length + 1) != length + 1)
		_exit(STATUS_GAVE_UP);
}

_Noreturn void give_up(const char *step)
{
	int error = errno;

	say("failed %s: %s", step, strerror(error));
	_exit(STATUS_GAVE_UP);
}

void settle(void)
{
	char byte;

	/* What comes before this call in the test's view is all that there was. */
	syscall(SYS_unlinkat, AT_FDCWD, "/sensor-workload-is-done", 0);
	say("done");
	while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
		;
}

int reap(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			give_up("waitpid");
	if (WIFSIGNALED(status))
		say("ended %d signal %d core %d", child, WTERMSIG(status), WCOREDUMP(status) != 0);
	else
		say("ended %d code %d", child, WEXITSTATUS(status));
	return status;
}

/* gate PROGRAM …: says that it is there, waits for a byte on stdin, then becomes the program. */
static _Noreturn void wait_at_gate(char **command)
{
	ssize_t length;
	char byte;

	say("done");
	do {
		length = read(STDIN_FILENO, &byte, 1);
	} while (length < 0 && errno == EINTR);
	if (length != 1)
		_exit(STATUS_GAVE_UP);
	execvp(command[0], command);
	give_up("execvp");
}

int main(int count, char **arguments)
{
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		give_up("readlink");
	self[length] = 0;
	if (count > 2 && !strcmp(arguments[1], "gate"))
		wait_at_gate(arguments + 2);
	for (size_t table = 0; count > 1 && table < sizeof(tables) / sizeof(*tables); table++) {
		for (const struct activity *activity = tables[table]; activity->name; activity++) {
			if (strcmp(activity->name, arguments[1]) || count - 2 < activity->parameters)
				continue;
			return activity->run(arguments + 2);
		}
	}
	fprintf(stderr, "sensor-workload: no activity %s with these arguments\n", count > 1 ? arguments[1] : "");
	return STATUS_USAGE;
}
