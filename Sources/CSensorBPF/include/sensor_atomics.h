// SPDX-License-Identifier: Apache-2.0
#ifndef SENSOR_ATOMICS_H
#define SENSOR_ATOMICS_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Atomic access to memory that the kernel maps into this process. Swift's own atomics live in variables of their
 * own and cannot be laid over foreign memory. Addresses must be aligned to the size read.
 */
static inline uint64_t sensor_load_acquire_u64(const void *address)
{
	return atomic_load_explicit((const _Atomic uint64_t *)address, memory_order_acquire);
}

static inline uint32_t sensor_load_acquire_u32(const void *address)
{
	return atomic_load_explicit((const _Atomic uint32_t *)address, memory_order_acquire);
}

static inline void sensor_store_release_u64(void *address, uint64_t value)
{
	atomic_store_explicit((_Atomic uint64_t *)address, value, memory_order_release);
}

static inline void sensor_store_release_u32(void *address, uint32_t value)
{
	atomic_store_explicit((_Atomic uint32_t *)address, value, memory_order_release);
}

static inline uint64_t sensor_fetch_add_u64(void *address, uint64_t value)
{
	return atomic_fetch_add_explicit((_Atomic uint64_t *)address, value, memory_order_acq_rel);
}

/* Orders a store before it ahead of a load behind it, which acquire and release do not. */
static inline void sensor_full_fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

#endif
