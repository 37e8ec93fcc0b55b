/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread gives up for good, once it does not need it any more. */
#ifndef SENSOR_PRIVILEGES_H
#define SENSOR_PRIVILEGES_H

#include <stdint.h>

/*
 * Gives up every capability of the calling thread but those in KEPT (bits as in linux/capability.h), in all five sets, and with no_new_privs what
 * execve(2) could give back. Threads that it starts later inherit that; others keep what they have. The bounding set can only be emptied with
 * CAP_SETPCAP and stays as it is otherwise. 0 or -1 with errno set.
 */
int sensor_keep_capabilities(uint64_t kept);

#endif
