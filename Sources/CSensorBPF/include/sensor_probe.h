// SPDX-License-Identifier: Apache-2.0
#ifndef SENSOR_PROBE_H
#define SENSOR_PROBE_H

/* Not in the Glibc module; Swift sees it through this one. */
#include <sys/epoll.h>

/* System calls around eBPF programs that the C library has no function for. They return -1 and set errno. */

/*
 * Waits until every eBPF program that was running has returned (an RCU grace period). After programs were detached,
 * what they wrote is complete then.
 */
int sensor_wait_for_programs(void);

#endif
