/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cgroups: known from their creation on, before a container's first exec. A record is charged to the cgroup that makes or removes one, as any
 * other: the one that it is about has no account, and whoever makes thousands would use up what is there for everybody.
 */
#ifndef SENSOR_CGROUP_BPF_H
#define SENSOR_CGROUP_BPF_H

#include "record.bpf.h"

static __always_inline void on_cgroup(struct cgroup *cgroup, const char *path, __u8 kind, __u8 hook)
{
	struct scratch *scratch = scratch_at(SCRATCH_PROCESS);
	struct sensor_control *block = control_block();
	struct task_struct *task = current_task();
	struct cgroup_subsys_state *parent;
	struct sensor_cgroup *to;
	__u32 at;
	int length;

	if (!scratch || !block || !enabled(block, kind))
		return;
	__builtin_memset(&scratch->header.key, 0, sizeof(scratch->header.key));
	scratch->header.key.kind = kind;
	scratch->header.key.hook = hook;
	scratch->header.key.cgroup = cgroup_of(task);
	/* Who only makes cgroups, or is not watched, has no account yet: its share of the ring is kept there. */
	workload_of(&scratch->header.key.cgroup);
	begin(scratch, task, SENSOR_FIRST_SEEN, 0);
	to = body(scratch, sensor_cgroup);
	to->id = get(get(cgroup, kn), id);
	to->level = get(cgroup, level);
	to->hierarchy = get(get(cgroup, root), hierarchy_id);
	parent = get(cgroup, self.parent);
	if (parent)
		to->parent = get(get(get(parent, cgroup), kn), id);
	at = scratch->length;
	length = bpf_probe_read_kernel_str(&scratch->bytes[(at + sizeof(struct sensor_section)) & RECORD_MASK],
					   SENSOR_PATH_MAX, path);
	if (length > 0)
		close_section(scratch, at, (length - 1) & (SENSOR_PATH_MAX - 1), SENSOR_SECTION_ARGUMENT, 0);
	dispatch_lifecycle(scratch, block);
}

#endif
