// The atomics that the lock-free objects are written with.
//
// The very same source of an object is compiled twice: into the product with std::atomic, and into
// tests/model with Relacy's atomics (SKERRY_MODEL_CHECK), which explores interleavings and weak
// orderings. That is why orders are spelled SK_ACQUIRE and not std::memory_order_acquire: Relacy's
// carry a source position as a second argument.
#pragma once

#ifdef SKERRY_MODEL_CHECK
#include <relacy/relacy.hpp>

namespace skerry {
template <typename T>
using Atomic = rl::atomic<T>;
}  // namespace skerry
#define SK_RELAXED rl::mo_relaxed, $
#define SK_ACQUIRE rl::mo_acquire, $
#define SK_RELEASE rl::mo_release, $
#define SK_ACQ_REL rl::mo_acq_rel, $
#define SK_SEQ_CST rl::mo_seq_cst, $
#define SK_FENCE(order) rl::atomic_thread_fence(order)
#else
#include <atomic>

namespace skerry {
template <typename T>
using Atomic = std::atomic<T>;
}  // namespace skerry
#define SK_RELAXED std::memory_order_relaxed
#define SK_ACQUIRE std::memory_order_acquire
#define SK_RELEASE std::memory_order_release
#define SK_ACQ_REL std::memory_order_acq_rel
#define SK_SEQ_CST std::memory_order_seq_cst
#define SK_FENCE(order) std::atomic_thread_fence(order)
#endif
