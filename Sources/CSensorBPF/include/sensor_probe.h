// SPDX-License-Identifier: Apache-2.0
#ifndef SENSOR_PROBE_H
#define SENSOR_PROBE_H

#include <stdbool.h>
/* Not in the Glibc module; Swift sees it through this one. */
#include <sys/epoll.h>

/*
 * What it takes to see whether a hook fires: each function does the one thing that must make it fire, on this machine
 * only, and waits for its end. They return false, with errno set, if the thing itself could not be done.
 */

/* A TCP connection over loopback, made, accepted and closed. `family` is AF_INET or AF_INET6. */
bool sensor_probe_tcp(int family);

/* A datagram over loopback, sent without a connect. */
bool sensor_probe_udp(int family);

/* An io_uring operation (IORING_OP_NOP), submitted and completed. ENOSYS or EPERM: there is no io_uring here. */
bool sensor_probe_uring(void);

/*
 * Waits until every eBPF program that was running has returned (an RCU grace period). After programs were detached,
 * what they wrote is complete then. -1 with errno set.
 */
int sensor_wait_for_programs(void);

/* The same by bpf(2), for kernels that refuse membarrier(2). */
int sensor_wait_by_map(void);

#endif
