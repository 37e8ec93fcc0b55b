/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that a sensor does not make any more once its programs are attached. */
#ifndef SENSOR_CALL_FILTER_H
#define SENSOR_CALL_FILTER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The numbers of the system calls that the filter refuses with EPERM, whatever their arguments, one by one from 0; -1 behind the last.
 */
long sensor_refused_call(size_t index);

/*
 * From now on the kernel refuses the calling thread, or all threads of the process, and those that they start, what a sensor that has attached its
 * programs does not do:
 * - each `sensor_refused_call`, and calls of other architectures than its own;
 * - bpf(2) for anything but using the maps and links that there are;
 * - clone(2) and clone3(2) for anything but threads: ENOSYS for the latter, upon which the C library takes the former;
 * - socket(2) of families other than UNIX, INET, INET6 and NETLINK;
 * - signals to others than the process itself;
 * - calls that are newer than this program (ENOSYS).
 * Sets no_new_privs. 0 or -1 with errno set: then nothing has changed but no_new_privs.
 */
int sensor_refuse_calls(bool all_threads);

#endif
