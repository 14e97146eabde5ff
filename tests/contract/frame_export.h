/* The bytes of a version 2 frame export, after docs/frame-export.md and nothing else. */
#ifndef FRAME_EXPORT_H
#define FRAME_EXPORT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "all integers are little-endian");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "a lock would be per process");

#define META_SIZE 4096u
#define RING_OFFSET 64u
#define SLOTS_OFFSET 128u
#define RECORD_SIZE 64u
#define SLOT_COUNT_MIN 2u
#define SLOT_COUNT_MAX 62u
#define SLOT_ALIGNMENT 4096u
#define FLAG_WAKES 1u
#define FLAG_CLOSED 2u
#define PIXEL_FORMAT_NV12 0u

/* picture: a byte each, from the lowest on */
#define RANGE_FULL 2u
#define MATRIX_BT709 2u
#define PICTURE_DAMAGED 1u
#define PICTURE(range, matrix, flags) ((uint32_t)(range) | (uint32_t)(matrix) << 8 | (uint32_t)(flags) << 16)

/* Every field is atomic, so that each store and each load is one access of the field's own size. */
struct record {
    _Atomic uint32_t version;
    _Atomic uint32_t picture;
    _Atomic uint64_t frame_id;
    _Atomic uint64_t timestamp_ns;
    _Atomic uint32_t width;
    _Atomic uint32_t height;
    _Atomic uint32_t pixel_format;
    _Atomic uint32_t stride;
    _Atomic uint64_t data_size;
    _Atomic uint64_t data_offset;
    _Atomic uint64_t sequence;
};

struct ring {
    _Atomic uint32_t wake;
    _Atomic uint32_t slot_count;
    _Atomic uint64_t slot_size;
    _Atomic uint64_t data_inode;
    _Atomic uint64_t epoch;
    _Atomic uint32_t flags;
    unsigned char zero[28];
};

struct meta {
    struct record newest;
    struct ring ring;
    struct record slots[SLOT_COUNT_MAX];
};

/* FIELD(struct, name, offset in frame.meta less the start of the struct, bytes) */
#define FIELD(type, name, offset, size)                                                                  \
    _Static_assert(offsetof(struct type, name) == (offset), #type "." #name " is misplaced");            \
    _Static_assert(sizeof(((struct type *)0)->name) == (size), #type "." #name " has another size")

FIELD(record, version, 0, 4);
FIELD(record, picture, 4, 4);
FIELD(record, frame_id, 8, 8);
FIELD(record, timestamp_ns, 16, 8);
FIELD(record, width, 24, 4);
FIELD(record, height, 28, 4);
FIELD(record, pixel_format, 32, 4);
FIELD(record, stride, 36, 4);
FIELD(record, data_size, 40, 8);
FIELD(record, data_offset, 48, 8);
FIELD(record, sequence, 56, 8);
FIELD(ring, wake, 64 - RING_OFFSET, 4);
FIELD(ring, slot_count, 68 - RING_OFFSET, 4);
FIELD(ring, slot_size, 72 - RING_OFFSET, 8);
FIELD(ring, data_inode, 80 - RING_OFFSET, 8);
FIELD(ring, epoch, 88 - RING_OFFSET, 8);
FIELD(ring, flags, 96 - RING_OFFSET, 4);
FIELD(ring, zero, 100 - RING_OFFSET, 28);
FIELD(meta, newest, 0, RECORD_SIZE);
FIELD(meta, ring, RING_OFFSET, 64);
FIELD(meta, slots, SLOTS_OFFSET, SLOT_COUNT_MAX *RECORD_SIZE);
_Static_assert(sizeof(struct meta) == META_SIZE, "frame.meta is 4096 bytes");

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define LOAD_ACQUIRE(field) atomic_load_explicit(&(field), memory_order_acquire)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define STORE_RELEASE(field, value) atomic_store_explicit(&(field), (value), memory_order_release)

/* The test payload: a function of frame_id, row and column, so that every byte of a frame can be checked.
 * As it grows by 1 from column to column, a row is a piece of one ramp, which memcpy and memcmp can use. */
#define PADDING_BYTE 0xEE

static inline void ramp_fill(uint8_t *ramp, size_t width) {
    for (size_t at = 0; at < width + 256; at++)
        ramp[at] = (uint8_t)at;
}

static inline const uint8_t *row_of(const uint8_t *ramp, uint64_t frame_id, uint64_t row) {
    return ramp + (uint8_t)(frame_id * 7 + row * 3);
}

/* And how the test's pixels are said to be meant: every third frame is damaged. */
static inline uint32_t picture_of(uint64_t frame_id) {
    return PICTURE(RANGE_FULL, MATRIX_BT709, frame_id % 3 == 0 ? PICTURE_DAMAGED : 0);
}

static inline uint64_t timestamp_of(uint64_t frame_id) {
    return 1000000000u + frame_id * 40000000u;
}

#endif
