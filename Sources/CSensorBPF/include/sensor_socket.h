/* SPDX-License-Identifier: Apache-2.0 */
/* Whose end of a TCP connection on this host it is, as the kernel has it. */
#ifndef SENSOR_SOCKET_H
#define SENSOR_SOCKET_H

#include <stdint.h>

/* Of a connection, as the socket that is looked for has it: its own end, and the one that it is connected to. */
struct sensor_connection {
	uint8_t is_ipv6;
	uint16_t local_port;
	uint16_t remote_port;
	uint8_t local[16]; /* network order; an IPv4 address takes the first four bytes */
	uint8_t remote[16];
};

struct sensor_socket {
	uint64_t inode;
	uint64_t cgroup; /* id in the unified tree; 0: not told (kernels before 5.7) */
	uint32_t user;
};

/*
 * Finds the connected socket among those of the calling thread's network namespace, through sock_diag(7): 1 found, 0 there is none, -1
 * with errno set.
 */
int sensor_find_socket(const struct sensor_connection *connection, struct sensor_socket *found);

#endif
