/* What an agent does without Python (docs/decisions/0024): all that these files share.
 *
 * C carries out, and decides nothing. It follows values that it is given (launch/agent/native/structs.py), and rules
 * that are compiled from the Python functions in which they are written (launch/agent/native/rules.py); it knows no kinds of
 * subscriptions, no table, no conditions of its own. What is here besides is the order in which system calls are made
 * and memory is changed; why, is written where Python does the same, which each part names. That both come to the same
 * after each step is tested (tests/unit/launch/agent/native).
 *
 * launch/agent/native/source.py puts the files together, and defines constants, each of which exists once in Python.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const uint32_t signature = SIGNATURE; /* a library of another source is not used (launch/agent/native/source.py) */

#define NANOSECONDS 1000000000u
#define ALL_WAITERS 0x7fffffff

static inline uint64_t load64(const unsigned char *bytes, size_t offset) {
    uint64_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static inline uint32_t load32(const unsigned char *bytes, size_t offset) {
    uint32_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

/* agent.state, which other processes read meanwhile. An agent is the only one that stores there, so it loads its own
 * values in any order (own64). A field is stored in any order (store64, store32), between two accesses that have one:
 * mark_changing() and mark_whole(), which say what comes before what. Which of these a reader relies on, and that each
 * is needed: tests/model/state_model.py; what a compiler makes of them: tests/contract/test_instructions.py. */
#define SHARED64(record, offset) ((_Atomic uint64_t *)(uintptr_t)((record) + (offset)))
#define SHARED32(record, offset) ((_Atomic uint32_t *)(uintptr_t)((record) + (offset)))
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "a lock would be one per process");

static inline uint64_t own64(uint64_t record, size_t offset) {
    return atomic_load_explicit(SHARED64(record, offset), memory_order_relaxed);
}

static void store64(uint64_t record, size_t offset, uint64_t value) {
    atomic_store_explicit(SHARED64(record, offset), value, memory_order_relaxed);
}

static void store32(uint64_t record, size_t offset, uint32_t value) {
    atomic_store_explicit(SHARED32(record, offset), value, memory_order_relaxed);
}

/* Step 1: the odd sequence. A release store would order what stands before it; this is about what follows. */
static void mark_changing(uint64_t state, uint64_t odd) {
    atomic_store_explicit(SHARED64(state, STATE_SEQUENCE_OFFSET), odd, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* odd before any field */
}

/* Steps 3 and 4: the even sequence, and the wake word. */
static void mark_whole(uint64_t state) {
    _Atomic uint64_t *sequence = SHARED64(state, STATE_SEQUENCE_OFFSET);
    _Atomic uint32_t *wake = SHARED32(state, STATE_WAKE_OFFSET);
    uint64_t even = atomic_load_explicit(sequence, memory_order_relaxed) + 1;
    uint32_t next = atomic_load_explicit(wake, memory_order_relaxed) + 1;
    atomic_store_explicit(sequence, even, memory_order_release); /* every field before even */
    atomic_store_explicit(wake, next, memory_order_release);     /* the whole record before it is counted */
}

/* pread(2) in its place among other loads: a system call is no barrier, and on 64-bit Arm the loads of one may pass
 * those of the one before. On x86-64 the fence is no instruction. */
static ssize_t pread_in_order(int file, void *to, size_t size, off_t offset) {
    ssize_t count = pread(file, to, size, offset);
    atomic_thread_fence(memory_order_acquire); /* what was read before whatever is read next */
    return count;
}

static const char *text_at(uint64_t address) {
    return (const char *)(uintptr_t)address;
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

static struct timespec span_of(uint64_t nanoseconds) {
    return (struct timespec){(time_t)(nanoseconds / NANOSECONDS), (long)(nanoseconds % NANOSECONDS)};
}
