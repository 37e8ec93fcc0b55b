// SPDX-License-Identifier: Apache-2.0
// Access without open, descriptors that another thread swaps, and code that is mapped.
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SWAPPED 40 /* the descriptor that two threads fight for */

/* descriptor-received DIRECTORY COUNT: a child opens files and sends them all in one message. */
static int descriptor_received(char **arguments)
{
	int count = atoi(arguments[1]), pair[2];
	size_t length = CMSG_SPACE(sizeof(int) * count);
	char byte = 'x', name[32], *control = calloc(1, length);
	struct iovec bytes = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = length
	};
	pid_t child;

	must(chdir(arguments[0]));
	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	child = must(fork());
	if (!child) {
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);

		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * count);
		for (int i = 0; i < count; i++) {
			memcpy(name, "given-00", 9);
			name[6] += i / 10;
			name[7] += i % 10;
			((int *)CMSG_DATA(head))[i] = must(open(name, O_RDWR | O_CREAT, 0600));
		}
		must(sendmsg(pair[0], &message, 0));
		_exit(0);
	}
	say("child %d", child);
	must(recvmsg(pair[1], &message, 0));
	reap(child);
	settle();
	return 0;
}

static int descriptor_taken(char **arguments)
{
	char *path = join(arguments[0], "file"), byte;
	int ready[2], process;
	struct stat status;
	pid_t child;

	make_file(path);
	must(pipe(ready));
	child = must(fork());
	if (!child) {
		must(dup2(must(open(path, O_RDONLY)), SWAPPED));
		must(write(ready[1], "x", 1));
		pause();
	}
	say("child %d", child);
	must(read(ready[0], &byte, 1));
	process = must((int)syscall(SYS_pidfd_open, child, 0));
	must(fstat(must((int)syscall(SYS_pidfd_getfd, process, SWAPPED, 0)), &status));
	say_file(path, &status);
	must(kill(child, SIGKILL));
	reap(child);
	settle();
	return 0;
}

static atomic_int stop;
static int decoy;

static void *swap(void *nothing)
{
	while (!stop)
		syscall(SYS_dup3, decoy, SWAPPED, 0);
	return nothing;
}

/*
 * descriptor-contested SECRET DECOY COUNT: opens the secret again and again while a thread puts the decoy under its descriptor.
 * The decoy itself is opened once; if it is "socket", it is one.
 */
static int descriptor_contested(char **arguments)
{
	int count = atoi(arguments[2]), opened = 0, swapped = 0;
	struct stat secret, status;
	pthread_t thread;

	make_file(arguments[0]);
	must(stat(arguments[0], &secret));
	if (!strcmp(arguments[1], "socket")) {
		decoy = must(socket(AF_UNIX, SOCK_DGRAM, 0));
	} else {
		make_file(arguments[1]);
		decoy = must((int)syscall(SYS_openat, AT_FDCWD, arguments[1], O_RDONLY));
	}
	/* The next free descriptor is the one that is fought for. */
	for (int next = dup(decoy); next < SWAPPED - 1; next = dup(decoy))
		must(next);
	if (pthread_create(&thread, NULL, swap, NULL))
		give_up("pthread_create");
	/* Until it has worked a few times: that takes luck, of which one processor has little. */
	while (opened < count || (swapped < 5 && opened < 40 * count)) {
		int got;

		close(SWAPPED);
		got = must((int)syscall(SYS_openat, AT_FDCWD, arguments[0], O_RDONLY));
		opened++;
		must(fstat(got, &status));
		swapped += status.st_ino != secret.st_ino;
		if (got != SWAPPED)
			close(got);
	}
	stop = 1;
	pthread_join(thread, NULL);
	say("opened %d", opened);
	say("swapped %d", swapped);
	settle();
	return 0;
}

static void *open_named(void *path)
{
	say_stat(path);
	must((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY));
	return NULL;
}

/* descriptor-thread DIRECTORY STRING: nobody swaps anything, but there is a thread that could. */
static int descriptor_thread(char **arguments)
{
	pthread_t thread;

	must(chdir(arguments[0]));
	make_file("file");
	must(mkdir("below", 0755));
	make_file("below/file");
	make_link("file", "link");
	make_link("below", "alias");
	must(symlinkat("file", AT_FDCWD, "fresh"));
	if (pthread_create(&thread, NULL, open_named, arguments[1]))
		give_up("pthread_create");
	pthread_join(thread, NULL);
	settle();
	return 0;
}

static int map_executable(char **arguments)
{
	char *path = join(arguments[0], "code");
	int descriptor;

	make_file(path);
	descriptor = must(open(path, O_RDONLY));
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0) == MAP_FAILED)
		give_up("mmap");
	say_stat(path);
	settle();
	return 0;
}

/* A personality that lets programs execute all that they can read. */
static int map_implied(char **arguments)
{
	char *path = join(arguments[0], "code");
	int descriptor;

	make_file(path);
	descriptor = must(open(path, O_RDONLY));
	must(personality(READ_IMPLIES_EXEC));
	if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, descriptor, 0) == MAP_FAILED)
		give_up("mmap");
	must(personality(0));
	say_stat(path);
	settle();
	return 0;
}

static int map_protected(char **arguments)
{
	char *path = join(arguments[0], "code");
	void *at;

	make_file(path);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, must(open(path, O_RDONLY)), 0);
	if (at == MAP_FAILED)
		give_up("mmap");
	must(mprotect(at, 4096, PROT_READ | PROT_EXEC));
	say_stat(path);
	settle();
	return 0;
}

/* map-spanning DIRECTORY: one mprotect over anonymous memory and then two files. */
static int map_spanning(char **arguments)
{
	char *path = join(arguments[0], "code"), *other = join(arguments[0], "other");
	char *at = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	make_file(path);
	make_file(other);
	if (at == MAP_FAILED ||
	    mmap(at + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, must(open(path, O_RDONLY)), 0) == MAP_FAILED ||
	    mmap(at + 8192, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, must(open(other, O_RDONLY)), 0) == MAP_FAILED)
		give_up("mmap");
	must(mprotect(at, 3 * 4096, PROT_READ | PROT_EXEC));
	settle();
	return 0;
}

/* map-areas: one mprotect over more areas than are looked at, every second of them a file's. */
static int map_areas(char **arguments)
{
	char *path = join(arguments[0], "code"), *at;
	int descriptor;

	make_file(path);
	descriptor = must(open(path, O_RDONLY));
	at = mmap(NULL, 12 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 12 && at != MAP_FAILED; i += 2)
		if (mmap(at + i * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, descriptor, 0) == MAP_FAILED)
			give_up("mmap");
	must(mprotect(at, 12 * 4096, PROT_READ | PROT_EXEC));
	settle();
	return 0;
}

/* map-swapped FILE DECOY COUNT: maps the file as code again and again while a thread puts the decoy under its descriptor. */
static int map_swapped(char **arguments)
{
	int file, mapped = 0, count = atoi(arguments[2]);
	char *at;
	pthread_t thread;

	must(write(must(creat(arguments[0], 0600)), "secret", 6));
	must(write(must(creat(arguments[1], 0600)), "decoys", 6));
	file = must(open(arguments[0], O_RDONLY));
	decoy = must(open(arguments[1], O_RDONLY));
	if (pthread_create(&thread, NULL, swap, NULL))
		give_up("pthread_create");
	for (int i = 0; i < count; i++) {
		must(dup2(file, SWAPPED));
		at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, SWAPPED, 0);
		if (at == MAP_FAILED)
			give_up("mmap");
		mapped += !memcmp(at, "secret", 6);
		must(munmap(at, 4096));
	}
	stop = 1;
	pthread_join(thread, NULL);
	say("mapped %d", mapped);
	settle();
	return 0;
}

const struct activity descriptor_activities[] = {
	{ "descriptor-received", 2, descriptor_received },
	{ "descriptor-taken", 1, descriptor_taken },
	{ "descriptor-contested", 3, descriptor_contested },
	{ "descriptor-thread", 2, descriptor_thread },
	{ "map-executable", 1, map_executable },
	{ "map-implied", 1, map_implied },
	{ "map-protected", 1, map_protected },
	{ "map-spanning", 1, map_spanning },
	{ "map-areas", 1, map_areas },
	{ "map-swapped", 3, map_swapped },
	{ 0 },
};
