// SPDX-License-Identifier: Apache-2.0
#include "CSensorBPF.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <linux/membarrier.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nothing on loopback takes longer. */
#define PROBE_MILLISECONDS 1000

/* A socket bound to a free port of the loopback address, which is left in `address`. -1 with errno set. */
static int loopback_socket(int family, int type, struct sockaddr_storage *address, socklen_t *length)
{
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	int descriptor = socket(family, type | SOCK_CLOEXEC, 0);

	if (descriptor < 0)
		return -1;
	memset(address, 0, sizeof(*address));
	address->ss_family = family;
	if (family == AF_INET) {
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		*length = sizeof(*four);
	} else {
		six->sin6_addr = in6addr_loopback;
		*length = sizeof(*six);
	}
	if (bind(descriptor, (struct sockaddr *)address, *length) == 0 &&
	    getsockname(descriptor, (struct sockaddr *)address, length) == 0)
		return descriptor;
	close(descriptor);
	return -1;
}

static bool wait_readable(int descriptor)
{
	struct pollfd watched = { .fd = descriptor, .events = POLLIN };

	return poll(&watched, 1, PROBE_MILLISECONDS) == 1;
}

bool sensor_probe_tcp(int family)
{
	struct sockaddr_storage address;
	socklen_t length;
	int listener = loopback_socket(family, SOCK_STREAM, &address, &length);
	int client = -1, server = -1;
	bool done = false;
	char byte = 0;

	if (listener < 0)
		return false;
	if (listen(listener, 1) == 0)
		client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client >= 0 && connect(client, (struct sockaddr *)&address, length) == 0 && wait_readable(listener))
		server = accept(listener, NULL, NULL);
	if (server >= 0 && write(client, &byte, 1) == 1 && read(server, &byte, 1) == 1)
		done = true;
	if (client >= 0)
		close(client);
	if (server >= 0) {
		/* The client's close has arrived, so that both sides go through their last states. */
		wait_readable(server);
		close(server);
	}
	close(listener);
	return done;
}

bool sensor_probe_udp(int family)
{
	struct sockaddr_storage address;
	socklen_t length;
	int receiver = loopback_socket(family, SOCK_DGRAM, &address, &length);
	int sender = receiver < 0 ? -1 : socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char byte = 0;
	bool done = sender >= 0 && sendto(sender, &byte, 1, 0, (struct sockaddr *)&address, length) == 1 &&
		    wait_readable(receiver);

	if (sender >= 0)
		close(sender);
	if (receiver >= 0)
		close(receiver);
	return done;
}

bool sensor_probe_uring(void)
{
	struct io_uring_params parameters = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);
	size_t ring_size, entries_size;
	struct io_uring_sqe *entries;
	void *memory;
	bool done = false;

	if (ring < 0)
		return false;
	ring_size = parameters.sq_off.array + parameters.sq_entries * sizeof(__u32);
	entries_size = parameters.sq_entries * sizeof(*entries);
	memory = mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	entries = mmap(NULL, entries_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (memory != MAP_FAILED && entries != MAP_FAILED) {
		__u32 *tail = (__u32 *)((char *)memory + parameters.sq_off.tail);
		__u32 *indices = (__u32 *)((char *)memory + parameters.sq_off.array);

		memset(entries, 0, sizeof(*entries));
		entries[0].opcode = IORING_OP_NOP;
		indices[0] = 0;
		__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
		/* A NOP is complete when the call returns. */
		done = syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1;
	}
	if (memory != MAP_FAILED)
		munmap(memory, ring_size);
	if (entries != MAP_FAILED)
		munmap(entries, entries_size);
	close(ring);
	return done;
}

int sensor_wait_by_map(void)
{
	__u32 key = 0;
	int result = -1, error;
	int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sensor_inner", sizeof(key), sizeof(key), 1, NULL);
	LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = inner);
	int outer = inner < 0 ? -1
			      : bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "sensor_outer", sizeof(key), sizeof(key), 1,
					       &options);

	/* Nobody uses these, but the kernel waits for all programs before the call that changes such a map returns. */
	if (outer >= 0)
		result = bpf_map_update_elem(outer, &key, &inner, BPF_ANY) ? -1 : 0;
	error = errno;
	if (outer >= 0)
		close(outer);
	if (inner >= 0)
		close(inner);
	errno = error;
	return result;
}

int sensor_wait_for_programs(void)
{
	/* MEMBARRIER_CMD_GLOBAL is one synchronize_rcu(). It is refused where some processors have no tick (nohz_full). */
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0 ? 0 : sensor_wait_by_map();
}
