/* A model's process, on libruth.
 *
 *     model CAMERA MODEL COUNT TIMEOUT_S
 *
 * It attaches to a subscription below VAS_EXPORT_ROOT and RUTH_STATE_ROOT, says "attached", takes COUNT frames, checks every
 * pixel byte of each, and prints a line of JSON for each, with what it was said to be, and one of counts at its end.
 */
#include "payload.h"
#include "ruth.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool plane_matches(const uint8_t *plane, const struct ruth_frame *frame, const uint8_t *ramp, uint32_t first,
                          uint32_t rows) {
    for (uint32_t row = 0; row < rows; row++, plane += frame->stride)
        if (memcmp(plane, row_of(ramp, frame->frame_id, first + row), frame->width))
            return false;
    return true;
}

int main(int count, char **arguments) {
    struct ruth_frame frame;
    if (count != 5) {
        fputs("usage: model CAMERA MODEL COUNT TIMEOUT_S\n", stderr);
        return 2;
    }
    ruth_stream *stream = ruth_attach(arguments[1], arguments[2], NULL, NULL);
    if (!stream) {
        perror("model");
        return 1;
    }
    puts("attached");
    fflush(stdout);
    int64_t timeout_ns = (int64_t)(strtod(arguments[4], NULL) * 1e9);
    for (long left = strtol(arguments[3], NULL, 10); left > 0 && ruth_next_frame(stream, &frame, timeout_ns); left--) {
        uint8_t *ramp = malloc((size_t)frame.width + 256);
        if (!ramp)
            return 1;
        ramp_fill(ramp, frame.width);
        bool same = plane_matches(frame.y, &frame, ramp, 0, frame.height)
                    && plane_matches(frame.uv, &frame, ramp, frame.height, frame.height / 2);
        printf("{\"frame_id\":%llu,\"timestamp_ns\":%llu,\"width\":%u,\"height\":%u,\"stride\":%u,\"version\":%u,"
               "\"range\":%u,\"matrix\":%u,\"damaged\":%u,\"same\":%d,\"intact\":%d}\n",
               (unsigned long long)frame.frame_id, (unsigned long long)frame.timestamp_ns, frame.width, frame.height,
               frame.stride, frame.version, frame.range, frame.matrix, frame.damaged, same, ruth_frame_intact(stream));
        fflush(stdout);
        free(ramp);
    }
    struct ruth_counts counts = ruth_counts_of(stream);
    printf("{\"received\":%llu,\"lost\":%llu,\"dropped\":%llu}\n", (unsigned long long)counts.received,
           (unsigned long long)counts.lost, (unsigned long long)counts.dropped);
    ruth_detach(stream);
    return 0;
}
