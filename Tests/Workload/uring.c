// SPDX-License-Identifier: Apache-2.0
// The same deeds through io_uring, where no system call of their own happens.
#include "workload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int descriptor;
	_Atomic unsigned int *tail, *head, *done;
	unsigned int mask, done_mask, *array;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *results;
};

static void *map(int descriptor, size_t length, off_t offset)
{
	void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, offset);

	if (at == MAP_FAILED)
		give_up("mmap");
	return at;
}

static struct ring open_ring(unsigned int flags)
{
	struct io_uring_params parameters = { .flags = flags };
	struct ring ring = { .descriptor = must((int)syscall(SYS_io_uring_setup, 8, &parameters)) };
	char *submissions =
		map(ring.descriptor, parameters.sq_off.array + parameters.sq_entries * 4, IORING_OFF_SQ_RING);
	char *completions =
		map(ring.descriptor, parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe),
		    IORING_OFF_CQ_RING);

	ring.tail = (void *)(submissions + parameters.sq_off.tail);
	ring.mask = *(unsigned int *)(submissions + parameters.sq_off.ring_mask);
	ring.array = (void *)(submissions + parameters.sq_off.array);
	ring.head = (void *)(completions + parameters.cq_off.head);
	ring.done = (void *)(completions + parameters.cq_off.tail);
	ring.done_mask = *(unsigned int *)(completions + parameters.cq_off.ring_mask);
	ring.results = (void *)(completions + parameters.cq_off.cqes);
	ring.entries = map(ring.descriptor, parameters.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	return ring;
}

static void submit(struct ring *ring, const struct io_uring_sqe *entry)
{
	unsigned int tail = *ring->tail;

	ring->entries[tail & ring->mask] = *entry;
	ring->array[tail & ring->mask] = tail & ring->mask;
	*ring->tail = tail + 1;
}

/* Submits it, the last of `count`, and waits for the one result. */
static int perform(struct ring *ring, const struct io_uring_sqe *entry, unsigned int count)
{
	unsigned int head = *ring->head;
	int result;

	submit(ring, entry);
	must(syscall(SYS_io_uring_enter, ring->descriptor, count, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	while (*ring->done == head)
		must(syscall(SYS_io_uring_enter, ring->descriptor, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	result = ring->results[head & ring->done_mask].res;
	*ring->head = head + 1;
	return result;
}

/* uring-open DIRECTORY FLAGS: FLAGS of the entry (16: from a worker thread). */
static int uring_open(char **arguments)
{
	struct ring ring = open_ring(0);
	char *path = join(arguments[0], "file"), *missing = join(arguments[0], "missing");
	struct io_uring_sqe entry = { .opcode = IORING_OP_OPENAT,
				      .flags = atoi(arguments[1]),
				      .fd = AT_FDCWD,
				      .addr = (uint64_t)path,
				      .open_flags = O_RDONLY };

	make_file(path);
	say_stat(path);
	must(perform(&ring, &entry, 1));
	entry.addr = (uint64_t)missing;
	say("missing %s", missing);
	say("error %d", -perform(&ring, &entry, 1));
	settle();
	return 0;
}

/* Has a worker make a file. */
static void *uring_make_one(void *path)
{
	struct ring ring = open_ring(0);
	struct io_uring_sqe entry = { .opcode = IORING_OP_OPENAT,
				      .flags = IOSQE_ASYNC,
				      .fd = AT_FDCWD,
				      .addr = (uint64_t)path,
				      .len = 0600,
				      .open_flags = O_CREAT | O_WRONLY };
	int result = perform(&ring, &entry, 1);

	if (result < 0) {
		errno = -result;
		give_up("openat");
	}
	return NULL;
}

/* A thread that is there before any call, and has none. */
static void *uring_make_other(void *argument)
{
	void **arguments = argument;
	char byte;

	must(read(((int *)arguments[0])[0], &byte, 1));
	return uring_make_one(arguments[1]);
}

/* uring-make DIRECTORY: files made by workers: for the thread that waits, and for another. */
static int uring_make(char **arguments)
{
	pthread_t thread;
	int gate[2];

	must(pipe(gate));
	if (pthread_create(&thread, NULL, uring_make_other, (void *[]){ gate, join(arguments[0], "other") }))
		give_up("pthread_create");
	settle();
	uring_make_one(join(arguments[0], "own"));
	must(write(gate[1], "x", 1));
	pthread_join(thread, NULL);
	settle();
	return 0;
}

/* uring-deferred DIRECTORY: a file that is asked for before the test lets it go on, and completed by the same thread after that. */
static int uring_deferred(char **arguments)
{
	struct io_uring_params parameters = { .flags = 0x3000 }; /* SINGLE_ISSUER, DEFER_TASKRUN: since 6.1 */
	int probe = syscall(SYS_io_uring_setup, 8, &parameters);
	struct io_uring_sqe entry = { .opcode = IORING_OP_OPENAT,
				      .fd = AT_FDCWD,
				      .addr = (uint64_t)join(arguments[0], "deferred"),
				      .len = 0600,
				      .open_flags = O_CREAT | O_WRONLY };
	struct ring ring;

	say("deferred %d", probe >= 0);
	settle();
	if (probe >= 0) {
		close(probe);
		ring = open_ring(parameters.flags);
		submit(&ring, &entry);
		must(syscall(SYS_io_uring_enter, ring.descriptor, 1, 0, 0, NULL, 0));
	}
	settle();
	if (probe >= 0)
		must(syscall(SYS_io_uring_enter, ring.descriptor, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	settle();
	return 0;
}

/* uring-direct DIRECTORY: an open into the ring's own table, at the first free place. */
static int uring_direct(char **arguments)
{
	struct ring ring = open_ring(0);
	char *path = join(arguments[0], "direct");
	int slots[] = { -1, -1, -1, -1 };
	struct io_uring_sqe entry = { .opcode = IORING_OP_OPENAT,
				      .fd = AT_FDCWD,
				      .addr = (uint64_t)path,
				      .open_flags = O_RDONLY,
				      .file_index = ~0U };

	make_file(path);
	say("opened %s", path);
	must(syscall(SYS_io_uring_register, ring.descriptor, IORING_REGISTER_FILES, slots, 4));
	/* Kernels before 5.19 know no free places. */
	say("direct %d", perform(&ring, &entry, 1) >= 0);
	settle();
	return 0;
}

/* uring-silent DIRECTORY: an open that posts no completion, ahead of an operation that does; then one that fails. */
static int uring_silent(char **arguments)
{
	struct ring ring = open_ring(0);
	char *path = join(arguments[0], "silent"), *missing = join(arguments[0], "missing");
	struct io_uring_sqe entry = { .opcode = IORING_OP_OPENAT,
				      .flags = IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK,
				      .fd = AT_FDCWD,
				      .addr = (uint64_t)path,
				      .open_flags = O_RDONLY };
	struct io_uring_sqe next = { .opcode = IORING_OP_NOP };
	unsigned int tail = *ring.tail;
	int open_before = must(dup(STDIN_FILENO));

	close(open_before);
	make_file(path);
	ring.entries[tail & ring.mask] = entry;
	ring.array[tail & ring.mask] = tail & ring.mask;
	*ring.tail = tail + 1;
	/* Kernels before 5.17 refuse the flag. */
	say("silent %d", perform(&ring, &next, 2) == 0 && fcntl(open_before, F_GETFD) >= 0);
	say("missing %s", missing);
	entry.flags = IOSQE_CQE_SKIP_SUCCESS;
	entry.addr = (uint64_t)missing;
	say("error %d", -perform(&ring, &entry, 1));
	settle();
	return 0;
}

static int uring_connect(char **arguments)
{
	struct ring ring = open_ring(0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = must(socket(AF_INET, SOCK_STREAM, 0)), client = must(socket(AF_INET, SOCK_STREAM, 0)), result;
	struct io_uring_sqe entry = {
		.opcode = IORING_OP_CONNECT, .fd = client, .addr = (uint64_t)&address, .off = sizeof(address)
	};

	(void)arguments;
	must(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	must(listen(listener, 1));
	must(getsockname(listener, (struct sockaddr *)&address, &length));
	say("server-port %d", ntohs(address.sin_port));
	result = perform(&ring, &entry, 1);
	if (result) {
		errno = -result;
		give_up("connect");
	}
	settle();
	return 0;
}

/* uring-blind DIRECTORY COUNT: what no event tells of. */
static int uring_blind(char **arguments)
{
	struct ring ring = open_ring(0);
	struct io_uring_sqe entry = { .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD };

	say("opcode %d", entry.opcode);
	for (int i = 0; i < atoi(arguments[1]); i++) {
		char *path = join(arguments[0], "blind");

		make_file(path);
		entry.addr = (uint64_t)path;
		must(perform(&ring, &entry, 1));
	}
	settle();
	return 0;
}

const struct activity uring_activities[] = {
	{ "uring-open", 2, uring_open },         { "uring-direct", 1, uring_direct },
	{ "uring-silent", 1, uring_silent },     { "uring-connect", 0, uring_connect },
	{ "uring-blind", 2, uring_blind },       { "uring-make", 1, uring_make },
	{ "uring-deferred", 1, uring_deferred }, { 0 },
};
