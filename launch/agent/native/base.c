/* What an agent does without Python (docs/decisions/0024): all that these files share.
 *
 * C carries out, and decides nothing. It follows values that it is given (launch/agent/native/structs.py), and rules
 * that are compiled from the Python functions in which they are written (launch/agent/native/rules.py); it knows no kinds of
 * subscriptions, no table, no conditions of its own. What stands here besides is in which order system calls are made
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

static void store64(uint64_t record, size_t offset, uint64_t value) {
    __atomic_store_n((uint64_t *)(uintptr_t)(record + offset), value, __ATOMIC_RELAXED);
}

static void store32(uint64_t record, size_t offset, uint32_t value) {
    __atomic_store_n((uint32_t *)(uintptr_t)(record + offset), value, __ATOMIC_RELAXED);
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
