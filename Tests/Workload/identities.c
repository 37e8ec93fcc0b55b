// SPDX-License-Identifier: Apache-2.0
// Becoming somebody else, and going to other namespaces.
#include "workload.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say_namespaces(const char *when)
{
	static const char *const names[] = { "pid", "mnt", "net", "user", "uts", "ipc", "cgroup" };
	struct stat status;
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "/proc/thread-self/ns/%s", names[i]);
		must(stat(path, &status));
		say("%s-%s %llu", when, names[i], (unsigned long long)status.st_ino);
	}
}

/* Without what the C library does for all threads: one call each. */
static int identity_users(char **arguments)
{
	(void)arguments;
	must(syscall(SYS_setresgid, 1001, 1002, 1003));
	must(syscall(SYS_setresuid, 1001, 1002, 1003));
	if (!syscall(SYS_setuid, 0))
		give_up("a setuid that had to fail");
	must(syscall(SYS_setreuid, -1, 1003));
	settle();
	return 0;
}

static int identity_capabilities(char **arguments)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	(void)arguments;
	must(syscall(SYS_capget, &header, data));
	data[0].effective &= ~(1U << CAP_NET_RAW);
	must(syscall(SYS_capset, &header, data));
	settle();
	return 0;
}

static int identity_namespaces(char **arguments)
{
	int home = must(open("/proc/self/ns/uts", O_RDONLY));

	(void)arguments;
	say_namespaces("before");
	must(syscall(SYS_unshare, CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWNS));
	say_namespaces("after");
	must(syscall(SYS_setns, home, CLONE_NEWUTS));
	settle();
	return 0;
}

static pthread_barrier_t turn;

/* Credentials and namespaces of its own, which the rest of the process has not. */
static void *apart(void *home)
{
	must(syscall(SYS_unshare, CLONE_NEWNET));
	say_namespaces("apart");
	must(syscall(SYS_setresgid, 1000, 1000, 1000));
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	must(syscall(SYS_setns, *(int *)home, CLONE_NEWNET));
	return NULL;
}

static void *beside(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&turn);
	must(syscall(SYS_unshare, CLONE_NEWUTS));
	say_namespaces("beside");
	pthread_barrier_wait(&turn);
	return NULL;
}

/* One thread goes away and comes back, and meanwhile another does something else. */
static int identity_threads(char **arguments)
{
	int home = must(open("/proc/self/ns/net", O_RDONLY));
	pthread_t threads[2];

	(void)arguments;
	say_namespaces("before");
	pthread_barrier_init(&turn, NULL, 2);
	if (pthread_create(&threads[1], NULL, beside, NULL) || pthread_create(&threads[0], NULL, apart, &home))
		give_up("threads");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	settle();
	return 0;
}

/* identity-clone clone|clone3: a child that comes to life in other namespaces. */
static int identity_clone(char **arguments)
{
	struct clone_args how = { .flags = CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWPID, .exit_signal = SIGCHLD };
	pid_t child;

	say_namespaces("before");
	if (!strcmp(arguments[0], "clone3"))
		child = must((int)syscall(SYS_clone3, &how, sizeof(how)));
	else
		child = must((int)syscall(SYS_clone, how.flags | how.exit_signal, 0, 0, 0, 0));
	if (!child) {
		/* procfs shows the parent's pids. */
		must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
		must(mount("proc", "/proc", "proc", 0, NULL));
		say_namespaces("after");
		_exit(0);
	}
	say("child %d", child);
	reap(child);
	settle();
	return 0;
}

/* Securebits and groups: what no user, group or capability shows. */
static int identity_bits(char **arguments)
{
	static const gid_t groups[] = { 9, 8, 7, 6, 5, 4, 3, 2, 1 };

	(void)arguments;
	must(syscall(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0));
	must(syscall(SYS_prctl, PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0));
	must(syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0));
	must(syscall(SYS_setgroups, 2, (gid_t[]){ 70000, 5 }));
	must(syscall(SYS_setgroups, 2, (gid_t[]){ 70000, 6 }));
	must(syscall(SYS_setgroups, 9, groups));
	must(syscall(SYS_setgroups, 0, NULL));
	settle();
	return 0;
}

/* identity-switched: goes back and forth between two users, and looks for what is not there as either. */
static int identity_switched(char **arguments)
{
	char name[] = "/no-such-0";

	(void)arguments;
	for (int i = 0; i < 5; i++, name[9]++) {
		if (i)
			must(syscall(SYS_setresuid, -1, i % 2 ? 1000 : 0, -1));
		syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
	}
	settle();
	return 0;
}

const struct activity identity_activities[] = {
	{ "identity-users", 0, identity_users },
	{ "identity-capabilities", 0, identity_capabilities },
	{ "identity-bits", 0, identity_bits },
	{ "identity-clone", 1, identity_clone },
	{ "identity-namespaces", 0, identity_namespaces },
	{ "identity-switched", 0, identity_switched },
	{ "identity-threads", 0, identity_threads },
	{ 0 },
};
