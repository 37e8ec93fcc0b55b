// SPDX-License-Identifier: Apache-2.0
#include "CSensorBPF.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

int sensor_wait_for_programs(void)
{
	/* MEMBARRIER_CMD_GLOBAL is one synchronize_rcu(). */
	return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}
