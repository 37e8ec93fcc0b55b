// SPDX-License-Identifier: Apache-2.0
/* Containers as a kubelet's runtime makes them, as far as cgroups go: many, and short-lived. */
#include "workload.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNNING_MAX 64

struct container {
	pid_t process;
	char pod[PATH_MAX];
	char pause[2 * PATH_MAX];
	char path[2 * PATH_MAX];
};

/* open-and-nap FILE MILLISECONDS: what a container runs. */
static int open_and_nap(char **arguments)
{
	close(must(open(arguments[0], O_RDONLY)));
	must(usleep(1000 * atoi(arguments[1])));
	return 0;
}

static void enter(const char *path)
{
	char procs[3 * PATH_MAX];
	int descriptor;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	descriptor = must(open(procs, O_WRONLY | O_CLOEXEC));
	must(write(descriptor, "0", 1));
	close(descriptor);
}

static void start(struct container *container, const char *root, int number, char **program)
{
	snprintf(container->pod, sizeof(container->pod), "%s/pod00000000-0000-4000-8000-%012d", root, number);
	snprintf(container->pause, sizeof(container->pause), "%s/f%063x", container->pod, number);
	snprintf(container->path, sizeof(container->path), "%s/%064x", container->pod, number);
	must(mkdir(container->pod, 0755));
	must(mkdir(container->pause, 0755));
	must(mkdir(container->path, 0755));
	container->process = must(fork());
	if (container->process)
		return;
	enter(container->path);
	execl(self, "sensor-workload", "open-and-nap", program[0], program[1], NULL);
	give_up("execl");
}

static void end(struct container *container)
{
	int status;

	must(waitpid(container->process, &status, 0));
	if (status)
		give_up("a container");
	must(rmdir(container->path));
	must(rmdir(container->pause));
	must(rmdir(container->pod));
	container->process = 0;
}

/*
 * containers ROOT COUNT AT-ONCE FILE MILLISECONDS [FIRST]: runs that many containers below a cgroup, each in a pod of its
 * own, with the cgroups of a kubelet (the pod's, its pause's, the container's), which are gone when its program has
 * ended. They are numbered from FIRST on, or from 0.
 */
static int containers(char **arguments)
{
	static struct container running[RUNNING_MAX];
	int count = atoi(arguments[1]);
	int at_once = atoi(arguments[2]);
	int first = arguments[5] ? atoi(arguments[5]) : 0;

	if (at_once < 1 || at_once > RUNNING_MAX)
		give_up("at-once");
	for (int number = 0; number < count; number++) {
		struct container *next = &running[number % at_once];

		if (next->process)
			end(next);
		start(next, arguments[0], first + number, arguments + 3);
	}
	for (int index = 0; index < at_once; index++)
		if (running[index].process)
			end(&running[index]);
	settle();
	return 0;
}

const struct activity container_activities[] = {
	{ "open-and-nap", 2, open_and_nap },
	{ "containers", 5, containers },
	{ 0 },
};
