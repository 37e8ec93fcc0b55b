// SPDX-License-Identifier: Apache-2.0
// Processes that come, become others, and go.
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* quit CODE …: nothing but an end. */
static int quit(char **arguments)
{
	return arguments[0] ? atoi(arguments[0]) : 0;
}

/* Forks, executes and waits. */
static void run(const char *path, char *const arguments[])
{
	pid_t child = must(fork());

	if (!child) {
		execv(path, arguments);
		_exit(127);
	}
	say("child %d", child);
	reap(child);
}

/* exec-arguments DIRECTORY LENGTH: with an empty one, one that is no text, and one of LENGTH bytes. */
static int exec_arguments(char **arguments)
{
	int length = atoi(arguments[1]);
	char *text = calloc(1, length + 1);
	char *command[] = { "another name", "quit", "0", "", "two words", "\xff\xfe", text, NULL };

	memset(text, 'x', length);
	must(chdir(arguments[0]));
	say_stat(self);
	run(self, command);
	settle();
	return 0;
}

static int exec_script(char **arguments)
{
	char *command[] = { "./script", "7", NULL };
	int descriptor;
	char *line;

	must(chdir(arguments[0]));
	descriptor = must(open("script", O_WRONLY | O_CREAT, 0755));
	must(asprintf(&line, "#!%s quit\n", self));
	must(write(descriptor, line, strlen(line)));
	close(descriptor);
	run("./script", command);
	settle();
	return 0;
}

static int exec_failing(char **arguments)
{
	char *command[] = { "none", NULL };
	pid_t child;

	must(chdir(arguments[0]));
	make_file("none");
	child = must(fork());
	if (!child) {
		execv("./none", command);
		_exit(errno == EACCES ? 126 : 125);
	}
	say("child %d", child);
	reap(child);
	settle();
	return 0;
}

static int copy_of_self(int to)
{
	int from = must(open(self, O_RDONLY | O_CLOEXEC));
	char buffer[65536];
	ssize_t count;

	while ((count = must(read(from, buffer, sizeof(buffer)))) > 0)
		must(write(to, buffer, count));
	close(from);
	return to;
}

static int exec_memory(char **arguments)
{
	char *command[] = { "in memory", "quit", "9", NULL };
	int descriptor = copy_of_self(must((int)syscall(SYS_memfd_create, "no-file", MFD_CLOEXEC)));
	struct stat status;
	pid_t child;

	(void)arguments;
	must(fstat(descriptor, &status));
	say("inode %llu", (unsigned long long)status.st_ino);
	child = must(fork());
	if (!child) {
		syscall(SYS_execveat, descriptor, "", command, environ, AT_EMPTY_PATH);
		_exit(127);
	}
	say("child %d", child);
	reap(child);
	settle();
	return 0;
}

static void *exec_here(void *nothing)
{
	char *command[] = { "from a thread", "quit", "3", NULL };

	say("thread %d", (int)syscall(SYS_gettid));
	execv(self, command);
	return nothing;
}

static int exec_thread(char **arguments)
{
	pid_t child = must(fork());

	(void)arguments;
	if (!child) {
		pthread_t thread;

		pthread_create(&thread, NULL, exec_here, NULL);
		pause();
	}
	say("child %d", child);
	reap(child);
	settle();
	return 0;
}

/* exec-set-id DIRECTORY OWNER GROUP USER: USER executes a program that makes it OWNER and GROUP. */
static int exec_set_id(char **arguments)
{
	char *path = join(arguments[0], "set-id");
	int owner = atoi(arguments[1]), group = atoi(arguments[2]), user = atoi(arguments[3]);
	pid_t child;

	close(copy_of_self(must(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755))));
	must(chown(path, owner, group));
	must(chmod(path, 06755));
	child = must(fork());
	if (!child) {
		char *command[] = { "set-id", "quit", "0", NULL };

		must(setresgid(user, user, user));
		must(setresuid(user, user, user));
		execv(path, command);
		_exit(127);
	}
	say("child %d", child);
	reap(child);
	settle();
	return 0;
}

/* fork-by fork|vfork|clone|clone3|spawn: a child that ends with 5, and executes before that where it must. */
static int fork_by(char **arguments)
{
	char *command[] = { "child", "quit", "5", NULL };
	struct clone_args clone = { .exit_signal = SIGCHLD };
	pid_t child = -1;

	if (!strcmp(arguments[0], "fork")) {
		child = must(fork());
		if (!child)
			_exit(5);
	} else if (!strcmp(arguments[0], "vfork")) {
		child = must(vfork());
		if (!child) {
			execv(self, command);
			_exit(127);
		}
	} else if (!strcmp(arguments[0], "clone")) {
		child = must((int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
		if (!child)
			_exit(5);
	} else if (!strcmp(arguments[0], "clone3")) {
		child = must((int)syscall(SYS_clone3, &clone, sizeof(clone)));
		if (!child)
			_exit(5);
	} else {
		errno = posix_spawn(&child, self, NULL, NULL, command, environ);
		if (errno)
			give_up("posix_spawn");
	}
	say("child %d", child);
	reap(child);
	settle();
	return 0;
}

/* The last stage of a container's runtime: a child that is not the caller's but its parent's. */
static int clone_sibling(char **arguments)
{
	pid_t child = must((int)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));

	if (!child) {
		make_file(join(arguments[0], "by-sibling"));
		_exit(4);
	}
	say("sibling %d", child);
	return 0;
}

/* fork-sibling DIRECTORY: another program of ours, run in there, clones a child with CLONE_PARENT. */
static int fork_sibling(char **arguments)
{
	char *command[] = { "the creator", "clone-sibling", arguments[0], NULL };
	char *path = join(arguments[0], "creator");

	close(copy_of_self(must(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755))));
	must(chdir(arguments[0]));
	run(path, command);
	reap(-1);
	settle();
	return 0;
}

/* end-by SIGNAL DIRECTORY: a child is ended by a signal, and may leave a core. */
static int end_by(char **arguments)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	int signal = atoi(arguments[0]);
	pid_t child;

	must(setrlimit(RLIMIT_CORE, &limit));
	must(chdir(arguments[1]));
	child = must(fork());
	if (!child) {
		kill(getpid(), signal);
		pause();
	}
	say("child %d", child);
	reap(child);
	settle();
	return 0;
}

static int gate[2];

static void *last_out(void *nothing)
{
	char byte;

	must(read(gate[0], &byte, 1));
	_exit(6);
	return nothing;
}

/* The leader of the child ends first; a thread goes on and ends the process. */
static int end_leader_first(char **arguments)
{
	pthread_t thread;
	char state, *path, text[512];
	pid_t child;

	(void)arguments;
	must(pipe(gate));
	child = must(fork());
	if (!child) {
		pthread_create(&thread, NULL, last_out, NULL);
		syscall(SYS_exit, 0);
	}
	say("child %d", child);
	must(asprintf(&path, "/proc/%d/stat", child));
	do { /* until the leader is a zombie */
		int descriptor = must(open(path, O_RDONLY));

		text[must(read(descriptor, text, sizeof(text) - 1))] = 0;
		state = strrchr(text, ')')[2];
		close(descriptor);
	} while (state != 'Z');
	close(must(open("/dev/null", O_RDONLY))); /* an event between the leader's end and the process's */
	must(write(gate[1], "x", 1));
	reap(child);
	settle();
	return 0;
}

/* process-many COUNT: fork, exec of a small program, and exit. */
static int process_many(char **arguments)
{
	char *command[] = { "one of many", NULL };
	int count = atoi(arguments[0]), status;

	for (int i = 0; i < count; i++) {
		pid_t child = must(vfork());

		if (!child) {
			execv("/bin/true", command);
			_exit(127);
		}
		while (waitpid(child, &status, 0) < 0)
			;
	}
	settle();
	return 0;
}

static int fork_once(char **arguments)
{
	pid_t child = must(fork());

	(void)arguments;
	if (!child)
		_exit(5);
	say("grandchild %d", child);
	reap(child);
	return 2;
}

/* One pid, two processes one after the other; the second one has a child. */
static int process_recycled(char **arguments)
{
	char *first[] = { "the first", "quit", "1", NULL }, *second[] = { "the second", "fork-once", NULL };
	pid_t number, child;

	(void)arguments;
	for (int tries = 0;; tries++) {
		struct clone_args clone = { .exit_signal = SIGCHLD, .set_tid = (uint64_t)&number, .set_tid_size = 1 };

		number = must(fork());
		if (!number) {
			execv(self, first);
			_exit(127);
		}
		say("child %d", number);
		reap(number);
		child = syscall(SYS_clone3, &clone, sizeof(clone));
		if (!child) {
			execv(self, second);
			_exit(127);
		}
		if (child >= 0)
			break;
		if (errno != EEXIST || tries > 20)
			give_up("clone3");
	}
	reap(child);
	say("recycled %d", number);
	settle();
	return 0;
}

/* Its parent goes before it does something. */
static int process_orphan(char **arguments)
{
	int acted[2];
	char byte;
	pid_t child;

	must(pipe(gate));
	must(pipe(acted));
	child = must(fork());
	if (!child) {
		child = must(fork());
		if (child) {
			say("orphan %d", child);
			_exit(0);
		}
		must(read(gate[0], &byte, 1));
		make_file(join(arguments[0], "orphaned"));
		must(write(acted[1], "x", 1));
		_exit(0);
	}
	say("child %d", child);
	reap(child);
	must(write(gate[1], "x", 1));
	must(read(acted[0], &byte, 1));
	settle();
	return 0;
}

const struct activity process_activities[] = {
	{ "quit", 0, quit },
	{ "exec-arguments", 2, exec_arguments },
	{ "exec-script", 1, exec_script },
	{ "exec-failing", 1, exec_failing },
	{ "exec-memory", 0, exec_memory },
	{ "exec-thread", 0, exec_thread },
	{ "exec-set-id", 4, exec_set_id },
	{ "fork-by", 1, fork_by },
	{ "clone-sibling", 1, clone_sibling },
	{ "fork-sibling", 1, fork_sibling },
	{ "end-by", 2, end_by },
	{ "end-leader-first", 0, end_leader_first },
	{ "process-many", 1, process_many },
	{ "fork-once", 0, fork_once },
	{ "process-recycled", 0, process_recycled },
	{ "process-orphan", 1, process_orphan },
	{ 0 },
};
