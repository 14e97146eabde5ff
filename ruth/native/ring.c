/* ruth_ring.h: the steps, and the role of each access, are explained there. */
#include "ruth_ring.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "integers of an export are little-endian");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "a lock would be one per process");
_Static_assert(sizeof(_Atomic uint32_t) == 4 && sizeof(_Atomic uint64_t) == 8, "an atomic has its field's size");

/* Words of a mapping: memory without a declared type, which only these accesses give one. */
#define WORD32(base, offset) ((_Atomic uint32_t *)((unsigned char *)(base) + (offset)))
#define WORD64(base, offset) ((_Atomic uint64_t *)((unsigned char *)(base) + (offset)))
#define SEEN32(base, offset) ((const _Atomic uint32_t *)((const unsigned char *)(base) + (offset)))
#define SEEN64(base, offset) ((const _Atomic uint64_t *)((const unsigned char *)(base) + (offset)))
#define LOAD(word) atomic_load_explicit((word), memory_order_relaxed)
#define LOAD_ACQUIRE(word) atomic_load_explicit((word), memory_order_acquire)
#define STORE(word, value) atomic_store_explicit((word), (value), memory_order_relaxed)
#define STORE_RELEASE(word, value) atomic_store_explicit((word), (value), memory_order_release)

static size_t slot_at(uint32_t slot) {
    return RUTH_SLOT_RECORDS_OFFSET + (size_t)slot * RUTH_RECORD_SIZE;
}

#ifdef RUTH_SIGNATURE /* of a library that Ruth compiled: of which source (ruth/native/source.py) */
RUTH_API extern const uint32_t ruth_signature;
const uint32_t ruth_signature = RUTH_SIGNATURE;
#endif

uint32_t ruth_ring_abi(void) {
    return RUTH_RING_ABI;
}

/* Only the writer stores a sequence, so it may load its own without any order. Odd already if the last change was
 * given up or cut off: "| 1" finds the way back from there. */
static uint64_t make_odd(_Atomic uint64_t *sequence) {
    uint64_t odd = LOAD(sequence) | 1;
    STORE(sequence, odd);
    atomic_thread_fence(memory_order_release); /* the odd sequence before every store that follows */
    return odd;
}

static void count_wake(void *meta) {
    _Atomic uint32_t *wake = WORD32(meta, RUTH_WAKE_OFFSET);
    STORE_RELEASE(wake, LOAD(wake) + 1); /* modulo 2^32, by its type */
}

void ruth_ring_begin(void *meta, uint32_t slot) {
    make_odd(WORD64(meta, slot_at(slot) + RUTH_SEQUENCE_OFFSET)); /* step 1 */
}

void ruth_ring_commit(void *meta, uint32_t slot, uint64_t frame_id, uint64_t timestamp_ns, uint32_t picture) {
    unsigned char *record = (unsigned char *)meta + slot_at(slot);
    _Atomic uint64_t *sequence = WORD64(record, RUTH_SEQUENCE_OFFSET);
    STORE(WORD64(record, RUTH_FRAME_ID_OFFSET), frame_id); /* step 3 */
    STORE(WORD64(record, RUTH_TIMESTAMP_OFFSET), timestamp_ns);
    STORE(WORD32(record, RUTH_PICTURE_OFFSET), picture);
    STORE_RELEASE(sequence, (LOAD(sequence) | 1) + 1); /* step 4: after payload and fields */

    _Atomic uint64_t *newest = WORD64(meta, RUTH_SEQUENCE_OFFSET);
    uint64_t odd = make_odd(newest);                     /* step 5; its fence keeps 4 before 6 as well */
    STORE(WORD64(meta, RUTH_FRAME_ID_OFFSET), frame_id); /* step 6 */
    STORE(WORD64(meta, RUTH_TIMESTAMP_OFFSET), timestamp_ns);
    STORE(WORD64(meta, RUTH_DATA_OFFSET_OFFSET), LOAD(WORD64(record, RUTH_DATA_OFFSET_OFFSET)));
    STORE(WORD32(meta, RUTH_PICTURE_OFFSET), picture);
    STORE_RELEASE(newest, odd + 1); /* step 7: after its fields */

    count_wake(meta);                          /* step 8 */
    ruth_wake(WORD32(meta, RUTH_WAKE_OFFSET)); /* step 9 */
}

void ruth_ring_close(void *meta) {
    _Atomic uint32_t *flags = WORD32(meta, RUTH_FLAGS_OFFSET);
    STORE_RELEASE(flags, LOAD(flags) | RUTH_FLAG_CLOSED); /* after the last frame's record */
    count_wake(meta);                                     /* after the flag */
}

/* Of a record's eight words each is loaded at once. Two fields of 32 bits come with one load, which is as good: what
 * was loaded counts only if the record did not change from the first load to the last. */
static int take_record(const unsigned char *record, unsigned char *to) {
    uint64_t sequence = LOAD_ACQUIRE(SEEN64(record, RUTH_SEQUENCE_OFFSET)); /* b */
    for (size_t at = 0; at < RUTH_SEQUENCE_OFFSET; at += sizeof(uint64_t)) {
        uint64_t word = LOAD(SEEN64(record, at)); /* c */
        memcpy(to + at, &word, sizeof word);
    }
    memcpy(to + RUTH_SEQUENCE_OFFSET, &sequence, sizeof sequence);
    atomic_thread_fence(memory_order_acquire); /* d: an acquire load in e would order what follows it only */
    return sequence % 2 == 0 && LOAD(SEEN64(record, RUTH_SEQUENCE_OFFSET)) == sequence; /* e */
}

int ruth_ring_newest(const void *meta, void *head) {
    unsigned char *to = head;
    for (size_t at = RUTH_RECORD_SIZE; at < RUTH_HEAD_SIZE; at += sizeof(uint64_t)) {
        uint64_t word = LOAD_ACQUIRE(SEEN64(meta, at)); /* a: wake and flags are among them */
        memcpy(to + at, &word, sizeof word);
    }
    return take_record(meta, to);
}

int ruth_ring_slot(const void *meta, uint32_t slot, void *record) {
    return take_record((const unsigned char *)meta + slot_at(slot), record);
}

int ruth_ring_still(const void *meta, uint32_t slot, const void *record) {
    const unsigned char *now = (const unsigned char *)meta + slot_at(slot);
    uint64_t sequence, frame_id;
    memcpy(&sequence, (const unsigned char *)record + RUTH_SEQUENCE_OFFSET, sizeof sequence);
    memcpy(&frame_id, (const unsigned char *)record + RUTH_FRAME_ID_OFFSET, sizeof frame_id);
    atomic_thread_fence(memory_order_acquire); /* d: the pixels before what follows */
    return LOAD(SEEN64(now, RUTH_FRAME_ID_OFFSET)) == frame_id && LOAD(SEEN64(now, RUTH_SEQUENCE_OFFSET)) == sequence;
}

int64_t ruth_pread(int file, void *to, size_t size, int64_t offset) {
    atomic_thread_fence(memory_order_acquire);
    ssize_t count = pread(file, to, size, (off_t)offset);
    int64_t result = count < 0 ? -(int64_t)errno : (int64_t)count;
    atomic_thread_fence(memory_order_acquire);
    return result;
}

void ruth_fence_acquire(void) {
    atomic_thread_fence(memory_order_acquire);
}

void ruth_fence_release(void) {
    atomic_thread_fence(memory_order_release);
}

int ruth_wait(const void *word, uint32_t expected, uint64_t timeout_ns) {
    const struct timespec timeout = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
    return syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, NULL, 0) < 0 ? errno : 0;
}

void ruth_wake(void *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
