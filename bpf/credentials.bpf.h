/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who a task is: credentials, capabilities, namespaces. */
#ifndef SENSOR_CREDENTIALS_BPF_H
#define SENSOR_CREDENTIALS_BPF_H

#include "core.bpf.h"

static __always_inline void fill_credentials(struct sensor_credentials *to, struct task_struct *task)
{
	const struct cred *cred = get(task, cred);
	struct group_info *groups = get(cred, group_info);
	__u32 length;

	to->uid = get(cred, uid.val);
	to->gid = get(cred, gid.val);
	to->euid = get(cred, euid.val);
	to->egid = get(cred, egid.val);
	to->suid = get(cred, suid.val);
	to->sgid = get(cred, sgid.val);
	to->fsuid = get(cred, fsuid.val);
	to->fsgid = get(cred, fsgid.val);
	to->securebits = get(cred, securebits);
	to->group_count = get(groups, ngroups);
	read_member(&to->permitted, 8, cred, cap_permitted);
	read_member(&to->effective, 8, cred, cap_effective);
	read_member(&to->inheritable, 8, cred, cap_inheritable);
	read_member(&to->bounding, 8, cred, cap_bset);
	read_member(&to->ambient, 8, cred, cap_ambient);
	length = to->group_count < SENSOR_GROUPS_MAX ? to->group_count * sizeof(to->groups[0]) : sizeof(to->groups);
	if (length)
		bpf_core_read(to->groups, length, &groups->gid);
}

static __always_inline void fill_namespaces(struct sensor_namespaces *to, struct task_struct *task)
{
	struct nsproxy *proxy = get(task, nsproxy);
	struct pid *pid = get(task, thread_pid);
	struct upid last = {};
	__u32 level;

	if (!proxy)
		return;
	to->mount = get(get(proxy, mnt_ns), ns.inum);
	to->network = get(get(proxy, net_ns), ns.inum);
	to->uts = get(get(proxy, uts_ns), ns.inum);
	to->ipc = get(get(proxy, ipc_ns), ns.inum);
	to->cgroup = get(get(proxy, cgroup_ns), ns.inum);
	to->user = get(get(get(task, cred), user_ns), ns.inum);
	/* The namespace a process is in, not the one that its children will be in. */
	level = get(pid, level) & 31;
	if (!bpf_core_read(&last, sizeof(last), &pid->numbers[level]))
		to->pid = get(cast(pid_namespace, last.ns), ns.inum);
}

#endif
