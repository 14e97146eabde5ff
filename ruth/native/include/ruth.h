/* libruth: frames of cameras for programs in C, C++, Rust and whatever calls C (docs/native.md).
 *
 * A model's process attaches to its subscription and gets the frames that the camera's agent allowed it; a decoder
 * opens an exporter and publishes. Neither knows of the other, and nothing here has a thread, a log or a callback.
 * An object of this library is used by one thread at a time.
 */
#ifndef RUTH_H
#define RUTH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef RUTH_API
#if defined(__GNUC__)
#define RUTH_API __attribute__((visibility("default")))
#else
#define RUTH_API
#endif
#endif

/* How pixels are meant. What is not said players assume: limited range; BT.709 from 1280 columns or above 576 rows,
 * else BT.601. */
enum ruth_range { RUTH_RANGE_NOT_SAID = 0, RUTH_RANGE_LIMITED = 1, RUTH_RANGE_FULL = 2 };
enum ruth_matrix {
    RUTH_MATRIX_NOT_SAID = 0,
    RUTH_MATRIX_BT601 = 1,
    RUTH_MATRIX_BT709 = 2,
    RUTH_MATRIX_BT2020 = 3
};

/* --- a model's frames --- */

typedef struct ruth_stream ruth_stream;

struct ruth_frame {
    const uint8_t *y;      /* height rows of width bytes, stride bytes apart; read-only memory */
    const uint8_t *uv;     /* height / 2 rows of width bytes: Cb, Cr, ...; stride bytes apart */
    uint64_t frame_id;     /* counts the frames of one session of the video server, from 0 */
    uint64_t timestamp_ns; /* when it was captured: CLOCK_MONOTONIC; of version 1, wall clock */
    uint32_t width, height, stride;
    uint32_t version; /* of the export: 1 or 2 */
    uint32_t range, matrix; /* enum ruth_range, enum ruth_matrix */
    uint32_t damaged; /* 1: the decoder reported damage in it */
};

/* Frames that were allowed since ruth_attach(), once the stream has come to them. */
struct ruth_counts {
    uint64_t received; /* given out */
    uint64_t lost;     /* looked for, and not there any more */
    uint64_t dropped;  /* passed over for a newer one */
};

/* Attaches to the subscription of a model, read-only. Neither agent nor video server has to be there yet. Roots: NULL
 * for VAS_EXPORT_ROOT and RUTH_STATE_ROOT, or /dev/shm/vas and /dev/shm/ruth.
 * NULL with errno EINVAL (an id is not [A-Za-z0-9][A-Za-z0-9._-]{0,63}) or ENOMEM. */
RUTH_API ruth_stream *ruth_attach(const char *camera_id, const char *model_id, const char *export_root,
                                  const char *state_root);

/* The newest frame that was allowed and not given out yet, waited for; below 0 waits for ever. Agents and video servers
 * that end and start again are waited out.
 * 1: `frame` is one, and its memory stays mapped until the next call for this stream. 0: none, and errno is ETIMEDOUT,
 * or EINTR if a signal handler has run. */
RUTH_API int ruth_next_frame(ruth_stream *stream, struct ruth_frame *frame, int64_t timeout_ns);

/* Whether all that was read of the stream's last frame was that frame: to be asked after use. The video server waits for
 * no reader, and takes the oldest slot of its ring: 0 means that what was made of the frame has to be thrown away. */
RUTH_API int ruth_frame_intact(const ruth_stream *stream);

RUTH_API struct ruth_counts ruth_counts_of(const ruth_stream *stream);

/* Releases everything, the last frame's memory as well. NULL is allowed. */
RUTH_API void ruth_detach(ruth_stream *stream);

/* --- a decoder's export --- */

typedef struct ruth_exporter ruth_exporter;

struct ruth_format {
    uint32_t width, height; /* even, above 0 */
    uint32_t stride;        /* bytes per row, at least width; 0 for width */
    uint32_t slot_count;    /* frames that the ring holds, 2 to 62; 0 for 4 */
    uint32_t range, matrix; /* enum ruth_range, enum ruth_matrix */
};

/* Opens the export of one camera (version 2), as long as AI_FRAME_EXPORT_ENABLED is true, 1, yes or on; root as above.
 * A camera has one writer, held to it by a lock on its directory until ruth_close_exporter() or the end of the process.
 * Another size of frames is another export: close it and open it.
 * NULL if nothing is exported: `problem` (of `problem_size` bytes, NULL for none) then says why, and is empty if the
 * flag is off. Decoding goes on with NULL: each function below takes it, and does nothing. */
RUTH_API ruth_exporter *ruth_open_exporter(const char *camera_id, const struct ruth_format *format,
                                           const char *export_root, char *problem, size_t problem_size);

/* The buffer of the next frame: stride * height bytes of Y, then stride * height / 2 of interleaved Cb and Cr. Its old
 * frame is gone from now on. What is begun and never committed is never seen. NULL without an exporter. */
RUTH_API uint8_t *ruth_begin_frame(ruth_exporter *exporter);

/* Publishes what was written since ruth_begin_frame(), and never waits. `timestamp_ns`: when the frame was captured, on
 * CLOCK_MONOTONIC, never later than now. 1, or 0: nothing was begun. */
RUTH_API int ruth_commit_frame(ruth_exporter *exporter, uint64_t timestamp_ns, int damaged);

/* Both with a copy, for a decoder that has the frame in memory of its own: rows `y_stride` and `uv_stride` bytes apart, as in
 * an AVFrame of AV_PIX_FMT_NV12 or a GstVideoFrame. 1 if it was published. */
RUTH_API int ruth_publish(ruth_exporter *exporter, const uint8_t *y, size_t y_stride, const uint8_t *uv,
                          size_t uv_stride, uint64_t timestamp_ns, int damaged);

/* Ends the export: readers are told, the files removed. NULL is allowed. */
RUTH_API void ruth_close_exporter(ruth_exporter *exporter);

#ifdef __cplusplus
}
#endif

#endif
