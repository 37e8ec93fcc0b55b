/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs of tracepoints that can be preempted, as they can from 7.0 on. Two things would come of that. Whatever runs on the processor meanwhile
 * would write into the same scratch buffer: so a program holds the processor while it works. And the kernel leaves a program out (recursion_misses)
 * as long as a run of it is under way on the processor, be it of a task that waits for its turn: mostly where it has just let go of the processor.
 * So each tracepoint has its program twice, and the second one does what the first was left out of.
 */
#ifndef SENSOR_AGAIN_BPF_H
#define SENSOR_AGAIN_BPF_H

#include "core.bpf.h"

#ifdef SENSOR_HELD
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SENSOR_HOOK_LIMIT);
	__type(key, __u32);
	__type(value, struct sensor_attempt);
} attempts SEC(".maps");

static __always_inline struct sensor_attempt *begin_attempt(__u32 hook)
{
	struct sensor_attempt *attempt;

	bpf_preempt_disable();
	attempt = bpf_map_lookup_elem(&attempts, &hook);
	if (attempt)
		attempt->inside = 1;
	return attempt;
}

static __always_inline void end_attempt(struct sensor_attempt *attempt)
{
	/* Here others get their turn, while the kernel still leaves the program out for them. */
	bpf_preempt_enable();
	if (attempt)
		attempt->inside = 0;
}

/* NULL: the first program, which comes before this one, has done it. */
static __always_inline struct sensor_attempt *begin_again(__u32 hook)
{
	struct sensor_attempt *attempt = bpf_map_lookup_elem(&attempts, &hook);

	if (!attempt || !attempt->inside)
		return NULL;
	bpf_preempt_disable();
	return attempt;
}

static __always_inline void end_again(struct sensor_attempt *attempt)
{
	attempt->again++;
	bpf_preempt_enable();
}

#define TRACEPOINT(name, hook, ...)                                   \
	SEC("tp_btf/" #name)                                          \
	int name(__u64 *context)                                      \
	{                                                             \
		struct sensor_attempt *attempt = begin_attempt(hook); \
                                                                      \
		__VA_ARGS__;                                          \
		end_attempt(attempt);                                 \
		return 0;                                             \
	}                                                             \
	SEC("tp_btf/" #name)                                          \
	int name##_again(__u64 *context)                              \
	{                                                             \
		struct sensor_attempt *attempt = begin_again(hook);   \
                                                                      \
		if (!attempt)                                         \
			return 0;                                     \
		__VA_ARGS__;                                          \
		end_again(attempt);                                   \
		return 0;                                             \
	}
#else
#define TRACEPOINT(name, hook, ...) \
	SEC("tp_btf/" #name)        \
	int name(__u64 *context)    \
	{                           \
		__VA_ARGS__;        \
		return 0;           \
	}
#endif

#endif
