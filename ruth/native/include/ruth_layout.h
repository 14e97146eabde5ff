/* Generated from ruth/export/layout.py: python -m ruth.native --layout */
#ifndef RUTH_LAYOUT_H
#define RUTH_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define RUTH_VERSION_1 1u
#define RUTH_VERSION_2 2u
#define RUTH_PIXEL_FORMAT_NV12 0u
#define RUTH_VERSION_OFFSET 0u
#define RUTH_PICTURE_OFFSET 4u
#define RUTH_FRAME_ID_OFFSET 8u
#define RUTH_TIMESTAMP_OFFSET 16u
#define RUTH_WIDTH_OFFSET 24u
#define RUTH_HEIGHT_OFFSET 28u
#define RUTH_PIXEL_FORMAT_OFFSET 32u
#define RUTH_STRIDE_OFFSET 36u
#define RUTH_DATA_SIZE_OFFSET 40u
#define RUTH_DATA_OFFSET_OFFSET 48u
#define RUTH_SEQUENCE_OFFSET 56u
#define RUTH_RECORD_SIZE 64u
#define RUTH_WAKE_OFFSET 64u
#define RUTH_SLOT_COUNT_OFFSET 68u
#define RUTH_SLOT_SIZE_OFFSET 72u
#define RUTH_DATA_INODE_OFFSET 80u
#define RUTH_EPOCH_OFFSET 88u
#define RUTH_FLAGS_OFFSET 96u
#define RUTH_SLOT_RECORDS_OFFSET 128u
#define RUTH_META_SIZE_V1 64u
#define RUTH_META_SIZE 4096u
#define RUTH_PAGE_SIZE 4096u
#define RUTH_SLOT_COUNT_MIN 2u
#define RUTH_SLOT_COUNT_DEFAULT 4u
#define RUTH_SLOT_COUNT_MAX 62u
#define RUTH_RING_SIZE_MAX 4294967296ull
#define RUTH_FLAG_WAKES 1u
#define RUTH_FLAG_CLOSED 2u
#define RUTH_HEAD_SIZE 128u

/* A record copied out of `frame.meta`. In the mapping its words are shared: ruth_ring.h. */
struct ruth_record {
    uint32_t version;
    uint32_t picture;
    uint64_t frame_id;
    uint64_t timestamp_ns;
    uint32_t width;
    uint32_t height;
    uint32_t pixel_format;
    uint32_t stride;
    uint64_t data_size;
    uint64_t data_offset;
    uint64_t sequence;
};

/* The ring, behind the newest record. */
struct ruth_ring {
    uint32_t wake;
    uint32_t slot_count;
    uint64_t slot_size;
    uint64_t data_inode;
    uint64_t epoch;
    uint32_t flags;
    unsigned char zero[28];
};

#ifdef __cplusplus
#define RUTH_ASSERT static_assert
#else
#define RUTH_ASSERT _Static_assert
#endif
RUTH_ASSERT(offsetof(struct ruth_record, version) == 0, "version");
RUTH_ASSERT(offsetof(struct ruth_record, picture) == 4, "picture");
RUTH_ASSERT(offsetof(struct ruth_record, frame_id) == 8, "frame_id");
RUTH_ASSERT(offsetof(struct ruth_record, timestamp_ns) == 16, "timestamp_ns");
RUTH_ASSERT(offsetof(struct ruth_record, width) == 24, "width");
RUTH_ASSERT(offsetof(struct ruth_record, height) == 28, "height");
RUTH_ASSERT(offsetof(struct ruth_record, pixel_format) == 32, "pixel_format");
RUTH_ASSERT(offsetof(struct ruth_record, stride) == 36, "stride");
RUTH_ASSERT(offsetof(struct ruth_record, data_size) == 40, "data_size");
RUTH_ASSERT(offsetof(struct ruth_record, data_offset) == 48, "data_offset");
RUTH_ASSERT(offsetof(struct ruth_record, sequence) == 56, "sequence");
RUTH_ASSERT(offsetof(struct ruth_ring, wake) == 0, "wake");
RUTH_ASSERT(offsetof(struct ruth_ring, slot_count) == 4, "slot_count");
RUTH_ASSERT(offsetof(struct ruth_ring, slot_size) == 8, "slot_size");
RUTH_ASSERT(offsetof(struct ruth_ring, data_inode) == 16, "data_inode");
RUTH_ASSERT(offsetof(struct ruth_ring, epoch) == 24, "epoch");
RUTH_ASSERT(offsetof(struct ruth_ring, flags) == 32, "flags");
RUTH_ASSERT(sizeof(struct ruth_record) == RUTH_RECORD_SIZE, "the size of a record");
RUTH_ASSERT(sizeof(struct ruth_ring) == RUTH_HEAD_SIZE - RUTH_RECORD_SIZE, "the size of the ring");

#endif
