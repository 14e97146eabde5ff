/* Version 1 as VAS writes it, and bare readers of both versions (benchmarks/rhythm.py): what they do and nothing else. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { META_BYTES = 64, FRAME_ID = 8, TIMESTAMP = 16, WAKE = 64, SLOT_COUNT = 68, SLOTS = 128 };

struct log {
    uint64_t count;
    struct { uint64_t frame_id, seen_ns; } entries[];
};

/* One camera of feed_renamed(); the state's words are those of its agent's record, or of none. */
struct camera {
    int64_t folder;
    uint64_t next_id, published_ns;
    const uint64_t *state;
};

/* Positions in a state record, as words of 64 bits. */
struct places {
    uint64_t frame_id, observed_ns;
};

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void put(struct log *log, uint64_t capacity, uint64_t frame_id) {
    uint64_t count = log->count;
    if (count == capacity) return;
    log->entries[count].frame_id = frame_id;
    log->entries[count].seen_ns = clock_ns(CLOCK_MONOTONIC);
    __atomic_store_n(&log->count, count + 1, __ATOMIC_RELEASE);
}

static int replace(int folder, const char *name, const void *content, size_t bytes, uint64_t *before_rename_ns) {
    int file = openat(folder, "frame.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) return -errno;
    ssize_t written = write(file, content, bytes);
    close(file);
    if (written != (ssize_t)bytes) return -EIO;
    *before_rename_ns = clock_ns(CLOCK_MONOTONIC);
    return renameat(folder, "frame.tmp", folder, name) ? -errno : 0;
}

/* Writes one frame as VAS does. Returns 0 or -errno; CLOCK_MONOTONIC just before the header is put in place. */
int publish_renamed(int folder, uint64_t frame_id, unsigned char *meta, const void *data, uint64_t bytes,
                    uint64_t *published_ns) {
    uint64_t timestamp_ns = clock_ns(CLOCK_REALTIME);
    memcpy(meta + FRAME_ID, &frame_id, sizeof frame_id);
    memcpy(meta + TIMESTAMP, &timestamp_ns, sizeof timestamp_ns);
    int problem = replace(folder, "frame.data", data, bytes, published_ns);
    return problem ? problem : replace(folder, "frame.meta", meta, META_BYTES, published_ns);
}

/* Feeds many cameras in turn, evenly, so many frames each. Before a camera's next frame its agent's record is looked at:
 * latencies_ns gets an entry for each frame that was decided on by then. Returns how many, or -errno. */
int64_t feed_renamed(struct camera *cameras, uint64_t count, uint64_t frames, uint64_t interval_ns, unsigned char *meta,
                     const void *data, uint64_t bytes, const struct places *places, uint64_t *latencies_ns,
                     uint64_t *late_ns) {
    int64_t found = 0;
    uint64_t begun_ns = clock_ns(CLOCK_MONOTONIC), worst_ns = 0;
    for (uint64_t number = 0; number < count * frames; number++) {
        uint64_t due_ns = begun_ns + number * interval_ns / count, now_ns = clock_ns(CLOCK_MONOTONIC);
        if (now_ns < due_ns) {
            struct timespec due = {(time_t)(due_ns / 1000000000u), (long)(due_ns % 1000000000u)};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        } else if (now_ns - due_ns > worst_ns) {
            worst_ns = now_ns - due_ns;
        }
        struct camera *camera = cameras + number % count;
        if (camera->state && camera->next_id && camera->state[places->frame_id] == camera->next_id - 1)
            latencies_ns[found++] = camera->state[places->observed_ns] - camera->published_ns;
        int problem = publish_renamed((int)camera->folder, camera->next_id, meta, data, bytes, &camera->published_ns);
        if (problem) return problem;
        camera->next_id++;
    }
    *late_ns = worst_ns;
    return found;
}

/* Waits by inotify on a camera's directory, reads the header, and logs each frame. Returns only if that cannot be. */
int follow_renamed(const char *path, struct log *log, uint64_t capacity) {
    char events[4096] __attribute__((aligned(8)));
    unsigned char meta[META_BYTES];
    uint64_t last = UINT64_MAX, frame_id;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), notify = inotify_init1(IN_CLOEXEC);
    if (folder < 0 || notify < 0 || inotify_add_watch(notify, path, IN_MOVED_TO) < 0) return errno;
    while (read(notify, events, sizeof events) > 0 || errno == EINTR) {
        int file = openat(folder, "frame.meta", O_RDONLY | O_CLOEXEC);
        if (file < 0) continue;
        ssize_t bytes = pread(file, meta, sizeof meta, 0);
        close(file);
        memcpy(&frame_id, meta + FRAME_ID, sizeof frame_id);
        if (bytes == META_BYTES && frame_id != last) put(log, capacity, last = frame_id);
    }
    return errno;
}

/* Is woken by inotify for each rename in a directory, and does nothing. Returns only if that cannot be. */
int be_woken(const char *path) {
    char events[4096] __attribute__((aligned(8)));
    int notify = inotify_init1(IN_CLOEXEC);
    if (notify < 0 || inotify_add_watch(notify, path, IN_MOVED_TO) < 0) return errno;
    while (read(notify, events, sizeof events) > 0 || errno == EINTR) continue;
    return errno;
}

/* Waits on the futex word of a mapped frame.meta, version 2, and logs each frame that the ring still holds then. */
void follow_ring(const unsigned char *meta, struct log *log, uint64_t capacity) {
    const uint32_t *wake = (const uint32_t *)(const void *)(meta + WAKE);
    uint64_t next = 0;
    uint32_t slots;
    memcpy(&slots, meta + SLOT_COUNT, sizeof slots);
    for (;;) {
        uint32_t word = __atomic_load_n(wake, __ATOMIC_ACQUIRE);
        uint64_t newest = *(const volatile uint64_t *)(const void *)(meta + FRAME_ID);
        if (newest + 1 < next) next = 0;
        if (newest >= slots && next < newest + 1 - slots) next = newest + 1 - slots;
        for (; next <= newest; next++) {
            const unsigned char *slot = meta + SLOTS + META_BYTES * (next % slots);
            if (*(const volatile uint64_t *)(const void *)(slot + FRAME_ID) == next) put(log, capacity, next);
        }
        syscall(SYS_futex, wake, FUTEX_WAIT, word, NULL, NULL, 0);
    }
}
