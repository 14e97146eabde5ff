/* The test payload: a function of frame_id, row and column, so that every byte of a frame can be checked. As it grows
 * by 1 from column to column, a row is a piece of one ramp, which memcpy and memcmp can use. */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#define PADDING_BYTE 0xEE

static inline void ramp_fill(uint8_t *ramp, size_t width) {
    for (size_t at = 0; at < width + 256; at++)
        ramp[at] = (uint8_t)at;
}

static inline const uint8_t *row_of(const uint8_t *ramp, uint64_t frame_id, uint64_t row) {
    return ramp + (uint8_t)(frame_id * 7 + row * 3);
}

/* Every third frame is said to be damaged; all are of full range, BT.709. */
static inline int is_damaged(uint64_t frame_id) {
    return frame_id % 3 == 0;
}

static inline uint64_t timestamp_of(uint64_t frame_id) {
    return 1000000000u + frame_id * 40000000u;
}

#endif
