// SPDX-License-Identifier: Apache-2.0
#include "sensor_privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int sensor_keep_capabilities(uint64_t kept)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -1;
	/* EINVAL ends the list: this kernel's last capability was the one before. */
	for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EPERM)
			return -1;
	}
	if (syscall(SYS_capget, &head, sets) < 0)
		return -1;
	for (int word = 0; word < _LINUX_CAPABILITY_U32S_3; word++) {
		sets[word].permitted &= (uint32_t)(kept >> (32 * word));
		sets[word].effective &= sets[word].permitted;
		sets[word].inheritable = 0;
	}
	return (int)syscall(SYS_capset, &head, sets);
}
