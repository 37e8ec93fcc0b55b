/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Descriptors that come in messages (SCM_RIGHTS): access without an open. */
#ifndef SENSOR_RECEIVED_BPF_H
#define SENSOR_RECEIVED_BPF_H

#include "file.bpf.h"

#define RECEIVED_MAX 32
#define CONTROL_MESSAGES_MAX 4
#define RECEIVED_MESSAGES_MAX 8
#define SOL_SOCKET 1
#define SCM_RIGHTS 1

static __always_inline void lose_received(__u8 reason)
{
	lose(cgroup_of(current_task()), SENSOR_HOOK_SYS_EXIT, reason, SENSOR_FILE_OPEN);
}

/* A descriptor that came in a message: access without open. Global, so that it is verified once and not for each in a loop. */
__noinline int on_received_descriptor(__u32 descriptor)
{
	struct opened opened = {
		.descriptor = descriptor,
		.access = SENSOR_ACCESS_RECEIVED,
		.hook = SENSOR_HOOK_SYS_EXIT,
	};
	struct sensor_control *block = control_block();

	if (block)
		on_descriptor(block, &opened);
	return 0;
}

static __always_inline void on_received_descriptors(__u64 descriptors, __u32 length)
{
	for (__u32 i = 0; i < RECEIVED_MAX; i++) {
		__u32 descriptor;

		if (i * 4 + 4 > length)
			return;
		if (bpf_probe_read_user(&descriptor, sizeof(descriptor), (void *)(descriptors + i * 4)))
			return lose_received(SENSOR_LOSS_READ_FAULT);
		on_received_descriptor(descriptor);
	}
	if (length > RECEIVED_MAX * 4)
		lose_received(SENSOR_LOSS_RECEIVED_TOO_MANY);
}

/* The control messages of one struct msghdr (64-bit uapi: msg_control at 32, msg_controllen at 40). */
__noinline int on_received(__u64 message)
{
	struct {
		__u64 control, length;
	} where;
	struct {
		__u64 length;
		__u32 level, type;
	} head;

	if (bpf_probe_read_user(&where, sizeof(where), (void *)(message + 32))) {
		lose_received(SENSOR_LOSS_READ_FAULT);
		return 0;
	}
	if (!where.control)
		return 0;
	/* Credentials and labels may stand before the descriptors. */
	for (__u32 i = 0; i < CONTROL_MESSAGES_MAX; i++) {
		if (where.length < sizeof(head) + 4)
			return 0;
		if (bpf_probe_read_user(&head, sizeof(head), (void *)where.control)) {
			lose_received(SENSOR_LOSS_READ_FAULT);
			return 0;
		}
		if (head.length < sizeof(head))
			return 0;
		if (head.level == SOL_SOCKET && head.type == SCM_RIGHTS) {
			on_received_descriptors(where.control + sizeof(head), head.length - sizeof(head));
			return 0;
		}
		head.length = (head.length + 7) & ~7ULL;
		if (head.length > where.length)
			return 0;
		where.control += head.length;
		where.length -= head.length;
	}
	return 0;
}

/* recvmmsg: an array of struct mmsghdr, 64 bytes each. */
static __always_inline void on_received_many(__u64 messages, __u32 count)
{
	for (__u32 i = 0; i < RECEIVED_MESSAGES_MAX; i++) {
		if (i >= count)
			return;
		on_received(messages + i * 64);
	}
	if (count > RECEIVED_MESSAGES_MAX)
		lose_received(SENSOR_LOSS_RECEIVED_TOO_MANY);
}

#endif
