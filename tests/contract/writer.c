/* A version 2 writer, on libruth.
 *
 *     writer [--wait] DIRECTORY WIDTH HEIGHT STRIDE SLOTS FRAMES [INTERVAL_US]
 *
 * DIRECTORY is the camera's. It prints "ready" when the files stand (with --wait it then waits for one byte, or the end,
 * of its standard input), publishes FRAMES frames, prints "published N", and ends the export when its standard input
 * ends. Every other frame is copied from memory whose rows lie further apart; the rest are written in place.
 */
#include "payload.h"
#include "ruth.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what, const char *problem) {
    fprintf(stderr, "writer: %s: %s\n", what, problem);
    exit(2);
}

static uint64_t number_of(const char *text, uint64_t least, uint64_t most) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most)
        fail(text, strerror(EINVAL));
    return value;
}

static uint64_t monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void draw(uint8_t *to, size_t stride, const struct ruth_format *format, const uint8_t *ramp, uint64_t frame_id) {
    for (uint64_t row = 0; row < (uint64_t)format->height * 3 / 2; row++, to += stride) {
        memcpy(to, row_of(ramp, frame_id, row), format->width);
        memset(to + format->width, PADDING_BYTE, stride - format->width);
    }
}

static void publish(ruth_exporter *exporter, const struct ruth_format *format, const uint8_t *ramp, uint8_t *own,
                    uint64_t frame_id) {
    bool published;
    if (frame_id % 2 || format->stride != format->width) {
        draw(ruth_begin_frame(exporter), format->stride, format, ramp, frame_id);
        published = ruth_commit_frame(exporter, timestamp_of(frame_id), is_damaged(frame_id));
    } else {
        size_t stride = (size_t)format->stride + 32;
        draw(own, stride, format, ramp, frame_id);
        published = ruth_publish(exporter, own, stride, own + stride * format->height, stride, timestamp_of(frame_id),
                                 is_damaged(frame_id));
    }
    if (!published)
        fail("publish", "refused");
}

static void say(const char *format, uint64_t count) {
    printf(format, (unsigned long long)count);
    if (fflush(stdout))
        fail("stdout", strerror(errno));
}

/* One byte of standard input; false at its end. */
static bool take_byte(void) {
    char byte;
    ssize_t got;
    do
        got = read(STDIN_FILENO, &byte, 1);
    while (got < 0 && errno == EINTR);
    return got == 1;
}

int main(int count, char **arguments) {
    struct ruth_format format = {.range = RUTH_RANGE_FULL, .matrix = RUTH_MATRIX_BT709};
    bool wait = count > 1 && !strcmp(arguments[1], "--wait");
    char **given = arguments + 1 + wait, problem[512];
    count -= 1 + wait;
    char *camera = count == 6 || count == 7 ? strrchr(given[0], '/') : NULL;
    if (!camera) {
        fputs("usage: writer [--wait] DIRECTORY WIDTH HEIGHT STRIDE SLOTS FRAMES [INTERVAL_US]\n", stderr);
        return 2;
    }
    *camera++ = '\0';
    format.width = (uint32_t)number_of(given[1], 0, UINT32_MAX);
    format.height = (uint32_t)number_of(given[2], 0, UINT32_MAX);
    format.stride = (uint32_t)number_of(given[3], 0, UINT32_MAX);
    format.slot_count = (uint32_t)number_of(given[4], 0, UINT32_MAX);
    uint64_t frames = number_of(given[5], 0, UINT64_MAX);
    uint64_t interval = count == 7 ? number_of(given[6], 0, 1000000000) * 1000 : 0;

    ruth_exporter *exporter = ruth_open_exporter(camera, &format, given[0], problem, sizeof problem);
    if (!exporter)
        fail("no export", problem[0] ? problem : "the flag is off");
    uint8_t *ramp = malloc((size_t)format.width + 256);
    uint8_t *own = malloc(((size_t)format.stride + 32) * format.height * 3 / 2);
    if (!ramp || !own)
        fail("malloc", strerror(ENOMEM));
    ramp_fill(ramp, format.width);
    say("ready\n", 0);
    if (wait)
        take_byte();

    uint64_t due = monotonic();
    for (uint64_t frame_id = 0; frame_id < frames; frame_id++) {
        publish(exporter, &format, ramp, own, frame_id);
        due += interval;
        struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
        while (interval && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            ;
    }
    say("published %llu\n", frames);
    while (take_byte())
        ;
    ruth_close_exporter(exporter);
    free(ramp);
    free(own);
    return 0;
}
