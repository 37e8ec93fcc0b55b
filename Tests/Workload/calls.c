// SPDX-License-Identifier: Apache-2.0
// What is done within tool calls, which begin and end while the workload waits.
#include "workload.h"

#include <netinet/in.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char *directory;
static int gates[2][2];

static void pass(int gate)
{
	must(write(gates[gate][1], "x", 1));
}

static void wait_for(int gate)
{
	char byte;

	must(read(gates[gate][0], &byte, 1));
}

static void start(char **arguments)
{
	directory = arguments[0];
	must(pipe(gates[0]));
	must(pipe(gates[1]));
}

static int thread_id(void)
{
	return syscall(SYS_gettid);
}

static void make(const char *name)
{
	make_file(join(directory, name));
}

static void *make_from_thread(void *name)
{
	make(name);
	return NULL;
}

static void in_thread(void *(*function)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, argument) || pthread_join(thread, NULL))
		give_up("pthread_create");
}

/* make-one PATH: nothing but a file. */
static int make_one(char **arguments)
{
	make_file(arguments[0]);
	return 0;
}

/* Runs make-one in a child that execs. */
static void run_maker(const char *name, int by_spawn)
{
	char *command[] = { "maker", "make-one", join(directory, name), NULL };
	pid_t child;

	if (by_spawn) {
		if (posix_spawn(&child, self, NULL, NULL, command, environ))
			give_up("posix_spawn");
	} else {
		child = must(vfork());
		if (!child) {
			execv(self, command);
			_exit(127);
		}
	}
	reap(child);
}

/* call-ways DIRECTORY: files made by the thread itself and by all that it can start. */
static int call_ways(char **arguments)
{
	pid_t child;

	start(arguments);
	settle();
	make("own");
	in_thread(make_from_thread, "thread");
	child = must(fork());
	if (!child) {
		make("fork");
		_exit(0);
	}
	reap(child);
	run_maker("vfork", 0);
	run_maker("spawn", 1);
	child = must(fork());
	if (!child) {
		if (must(fork()))
			_exit(0);
		wait_for(0);
		make("double-fork");
		pass(1);
		_exit(0);
	}
	reap(child);
	pass(0);
	wait_for(1);
	settle();
	return 0;
}

/* call-outliving DIRECTORY: a child of the call acts within it and after it. */
static int call_outliving(char **arguments)
{
	pid_t child;

	start(arguments);
	settle();
	child = must(fork());
	if (!child) {
		make("during");
		pass(1);
		wait_for(0);
		make("after");
		_exit(0);
	}
	say("child %d", child);
	wait_for(1);
	settle();
	pass(0);
	reap(child);
	settle();
	return 0;
}

static void *wait_in_thread(void *nothing)
{
	char byte;

	/* Until the writing end is closed. */
	must(read(gates[0][0], &byte, 1));
	return nothing;
}

/* call-crowd DIRECTORY THREADS: so many threads at a time, and a file made by one more. */
static int call_crowd(char **arguments)
{
	int count = atoi(arguments[1]);
	pthread_t *threads = calloc(count, sizeof(*threads));
	pthread_attr_t attributes;

	start(arguments);
	settle();
	if (!threads || pthread_attr_init(&attributes) || pthread_attr_setstacksize(&attributes, 32 << 10))
		give_up("pthread_attr_init");
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], &attributes, wait_in_thread, NULL))
			give_up("pthread_create");
	in_thread(make_from_thread, "one-more");
	settle();
	must(close(gates[0][1]));
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	settle();
	return 0;
}

static void *exec_from_here(void *nothing)
{
	char *command[] = { "after the exec", "call-after-exec", directory, NULL };

	say("thread %d", thread_id());
	settle();
	execv(self, command);
	return nothing;
}

/* call-exec DIRECTORY: a thread that is not the leader executes. */
static int call_exec(char **arguments)
{
	start(arguments);
	in_thread(exec_from_here, NULL);
	return 1;
}

static int call_after_exec(char **arguments)
{
	start(arguments);
	make("after-exec");
	in_thread(make_from_thread, "after-exec-thread");
	settle();
	return 0;
}

struct speaker {
	const char *name;
	int gate;
};

static pthread_barrier_t all_have_spoken;

static void *speak_and_make(void *argument)
{
	struct speaker *speaker = argument;

	say("%s %d", speaker->name, thread_id());
	pthread_barrier_wait(&all_have_spoken);
	wait_for(speaker->gate);
	make(speaker->name);
	return NULL;
}

/* call-threads DIRECTORY: two threads and the leader, each with a file of its own. */
static int call_threads(char **arguments)
{
	struct speaker a = { "a", 0 }, b = { "b", 1 };
	pthread_t threads[2];

	start(arguments);
	pthread_barrier_init(&all_have_spoken, NULL, 3);
	if (pthread_create(&threads[0], NULL, speak_and_make, &a) ||
	    pthread_create(&threads[1], NULL, speak_and_make, &b))
		give_up("pthread_create");
	pthread_barrier_wait(&all_have_spoken);
	settle();
	make("leader");
	pass(0);
	pass(1);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	settle();
	return 0;
}

/* call-child DIRECTORY: a child that is there before the call. */
static int call_child(char **arguments)
{
	pid_t child;

	start(arguments);
	child = must(fork());
	if (!child) {
		wait_for(0);
		make("by-child");
		_exit(0);
	}
	say("child %d", child);
	settle();
	make("by-parent");
	pass(0);
	reap(child);
	settle();
	return 0;
}

static void *help(void *nothing)
{
	pid_t child;

	wait_for(0);
	make("both");
	child = must(fork());
	if (!child) {
		make("both-child");
		pass(1);
		wait_for(0);
		make("one-child");
		_exit(0);
	}
	pass(1);
	wait_for(0);
	make("one");
	reap(child);
	return nothing;
}

/* call-helper DIRECTORY: a thread that was made within a call goes on when its process gets another one. */
static int call_helper(char **arguments)
{
	pthread_t thread;

	start(arguments);
	settle();
	if (pthread_create(&thread, NULL, help, NULL))
		give_up("pthread_create");
	settle();
	pass(0);
	wait_for(1);
	wait_for(1);
	settle();
	pass(0);
	pass(0);
	pthread_join(thread, NULL);
	settle();
	return 0;
}

static void run_shell(const char *name)
{
	char *command[] = { "sh", "-c", ": > \"$0\"", join(directory, name), NULL };
	pid_t child;

	if (posix_spawn(&child, "/bin/sh", NULL, NULL, command, environ))
		give_up("posix_spawn");
	reap(child);
}

/* Makes a file and runs a program that makes one, when it is its turn. */
static void *work(void *name)
{
	char program[64];

	wait_for(0);
	make(name);
	snprintf(program, sizeof(program), "%s-program", (char *)name);
	run_shell(program);
	pass(1);
	return NULL;
}

/* call-worker DIRECTORY FD FD: of a pool, which forks another one. */
static int call_worker(char **arguments)
{
	pid_t child;

	directory = arguments[0];
	gates[0][0] = atoi(arguments[1]);
	gates[1][1] = atoi(arguments[2]);
	child = must(fork());
	if (!child) {
		work("forked-by-worker");
		_exit(0);
	}
	work("worker");
	waitpid(child, NULL, 0);
	return 0;
}

/* A thread that gives others work. */
static void *speak_and_wait(void *nothing)
{
	say("other %d", thread_id());
	pass(1);
	pause();
	return nothing;
}

/* call-pool DIRECTORY: workers of all kinds are made within one call, and work when another one is open, too. */
static int call_pool(char **arguments)
{
	char from[16], to[16], *command[] = { "worker", "call-worker", NULL, from, to, NULL };
	pthread_t thread, speaker;
	pid_t forked, executed;

	start(arguments);
	command[2] = directory;
	snprintf(from, sizeof(from), "%d", gates[0][0]);
	snprintf(to, sizeof(to), "%d", gates[1][1]);
	if (pthread_create(&speaker, NULL, speak_and_wait, NULL))
		give_up("pthread_create");
	wait_for(1);
	settle();
	if (pthread_create(&thread, NULL, work, "thread"))
		give_up("pthread_create");
	forked = must(fork());
	if (!forked) {
		work("forked");
		_exit(0);
	}
	if (posix_spawn(&executed, self, NULL, NULL, command, environ))
		give_up("posix_spawn");
	run_shell("own");
	settle();
	for (int i = 0; i < 4; i++)
		pass(0);
	for (int i = 0; i < 4; i++)
		wait_for(1);
	pthread_join(thread, NULL);
	reap(forked);
	reap(executed);
	settle();
	return 0;
}

/* call-socket: a connection that is made within the call and closed later. */
static int call_socket(char **arguments)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener, client, server;

	(void)arguments;
	enter_own_network();
	listener = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(bind(listener, (struct sockaddr *)&address, length));
	must(listen(listener, 1));
	must(getsockname(listener, (struct sockaddr *)&address, &length));
	settle();
	client = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(connect(client, (struct sockaddr *)&address, length));
	settle();
	server = must(accept(listener, NULL, NULL));
	must(write(client, "five!", 5));
	close(client);
	close(server);
	settle();
	return 0;
}

const struct activity call_activities[] = {
	{ "make-one", 1, make_one },
	{ "call-ways", 1, call_ways },
	{ "call-outliving", 1, call_outliving },
	{ "call-crowd", 2, call_crowd },
	{ "call-exec", 1, call_exec },
	{ "call-after-exec", 1, call_after_exec },
	{ "call-threads", 1, call_threads },
	{ "call-child", 1, call_child },
	{ "call-helper", 1, call_helper },
	{ "call-worker", 3, call_worker },
	{ "call-pool", 1, call_pool },
	{ "call-socket", 0, call_socket },
	{ 0 },
};
