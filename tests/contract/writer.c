/* A version 2 writer, made from docs/frame-export.md alone.
 *
 *     writer [--wait] DIRECTORY WIDTH HEIGHT STRIDE SLOTS FRAMES [INTERVAL_US]
 *
 * It prints "ready" when the files stand (with --wait it then waits for one byte, or the end, of its standard
 * input), publishes FRAMES frames, prints "published N", and ends the export when its standard input ends.
 */
#include "frame_export.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct export {
    int directory;
    struct meta *meta;
    uint8_t *data;
    uint8_t *ramp;
    uint32_t width, height, stride, slot_count;
    uint64_t data_size, slot_size, frame_id, data_inode, meta_inode;
};

static void fail(const char *what, int number) {
    fprintf(stderr, "writer: %s: %s\n", what, strerror(number));
    exit(2);
}

static uint64_t number_of(const char *text, uint64_t least, uint64_t most) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most)
        fail(text, EINVAL);
    return value;
}

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now))
        fail("clock_gettime", errno);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Not private: the waiters are other processes. */
static void wake_all(struct meta *meta) {
    syscall(SYS_futex, &meta->ring.wake, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Only this thread stores wake, so a load and a store make an increment; it is modulo 2^32 by its type. */
static void count_wake(struct meta *meta) {
    STORE_RELEASE(meta->ring.wake, LOAD(meta->ring.wake) + 1);
}

static void close_meta(struct meta *meta) {
    STORE_RELEASE(meta->ring.flags, LOAD(meta->ring.flags) | FLAG_CLOSED);
    count_wake(meta);
}

/* A new file under another name, its memory reserved: without that a full tmpfs is a SIGBUS later on. */
static void *make_file(int directory, const char *name, uint64_t size, uint64_t *inode) {
    struct stat status;
    unlinkat(directory, name, 0); /* what a killed writer may have left */
    int file = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (file < 0)
        fail(name, errno);
    if (fchmod(file, 0644)) /* readers of other users, whatever the umask */
        fail(name, errno);
    int error = posix_fallocate(file, 0, (off_t)size); /* returns the error, does not set errno */
    if (error) {
        unlinkat(directory, name, 0);
        fail(name, error);
    }
    if (fstat(file, &status))
        fail(name, errno);
    *inode = status.st_ino;
    void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapping == MAP_FAILED)
        fail(name, errno);
    close(file);
    return mapping;
}

/* The frame.meta that the new one is about to replace, if it is one of version 2; NULL otherwise. */
static struct meta *map_old_meta(int directory) {
    struct stat status;
    struct meta *old = MAP_FAILED;
    int file = openat(directory, "frame.meta", O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return NULL;
    if (!fstat(file, &status) && S_ISREG(status.st_mode) && status.st_size >= META_SIZE)
        old = mmap(NULL, META_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (old == MAP_FAILED)
        return NULL;
    if (LOAD(old->newest.version) == 2)
        return old;
    munmap(old, META_SIZE);
    return NULL;
}

static void describe(const struct export *export, struct record *record, uint64_t data_offset) {
    STORE(record->version, 2);
    STORE(record->picture, PICTURE(RANGE_FULL, MATRIX_BT709, 0));
    STORE(record->width, export->width);
    STORE(record->height, export->height);
    STORE(record->pixel_format, PIXEL_FORMAT_NV12);
    STORE(record->stride, export->stride);
    STORE(record->data_size, export->data_size);
    STORE(record->data_offset, data_offset);
}

static void open_export(struct export *export, const char *path) {
    if (mkdir(path, 0755) ? errno != EEXIST : chmod(path, 0755))
        fail(path, errno);
    export->directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (export->directory < 0)
        fail(path, errno);

    uint64_t whole = export->slot_count * export->slot_size;
    export->data = make_file(export->directory, "frame.data.tmp", whole, &export->data_inode);
    memset(export->data, PADDING_BYTE, whole);
    export->meta = make_file(export->directory, "frame.meta.tmp", META_SIZE, &export->meta_inode);
    struct ring *ring = &export->meta->ring;
    describe(export, &export->meta->newest, 0);
    for (uint32_t slot = 0; slot < export->slot_count; slot++)
        describe(export, &export->meta->slots[slot], slot * export->slot_size);
    STORE(ring->slot_count, export->slot_count);
    STORE(ring->slot_size, export->slot_size);
    STORE(ring->data_inode, export->data_inode);
    STORE(ring->epoch, nanoseconds(CLOCK_BOOTTIME));
    STORE(ring->flags, FLAG_WAKES);

    struct meta *old = map_old_meta(export->directory);
    /* Data first: a process that finds the new header finds its pixels. The old header beside the new data is
     * refused by its data_inode. rename(2) is a system call and a barrier to the compiler for the stores
     * above; on the machine the directory's lock publishes them. */
    if (renameat(export->directory, "frame.data.tmp", export->directory, "frame.data"))
        fail("frame.data", errno);
    if (renameat(export->directory, "frame.meta.tmp", export->directory, "frame.meta"))
        fail("frame.meta", errno);
    if (old) {
        close_meta(old);
        wake_all(old);
        munmap(old, META_SIZE);
    }
}

/* The numbers are the steps of the document's table. */
static void publish(struct export *export) {
    struct meta *meta = export->meta;
    uint64_t frame_id = export->frame_id++;
    uint64_t timestamp = timestamp_of(frame_id);
    struct record *slot = &meta->slots[frame_id % export->slot_count];
    struct record *newest = &meta->newest;
    uint64_t offset = LOAD(slot->data_offset);
    uint64_t sequence = LOAD(slot->sequence);

    STORE(slot->sequence, sequence + 1); /* 1 */
    /* No store of steps 2 and 3 may be seen by another process that does not see the odd sequence yet. A release
     * store in step 1 would not do: it orders what stands before it, and this is about what follows. */
    atomic_thread_fence(memory_order_release);
    uint64_t rows = (uint64_t)export->height * 3 / 2; /* 2 */
    uint8_t *target = export->data + offset;
    for (uint64_t row = 0; row < rows; row++, target += export->stride)
        memcpy(target, row_of(export->ramp, frame_id, row), export->width);
    STORE(slot->frame_id, frame_id); /* 3 */
    STORE(slot->timestamp_ns, timestamp);
    STORE(slot->picture, picture_of(frame_id));
    STORE_RELEASE(slot->sequence, sequence + 2); /* 4: after all of steps 2 and 3 */

    sequence = LOAD(newest->sequence);
    STORE(newest->sequence, sequence + 1);     /* 5 */
    atomic_thread_fence(memory_order_release); /* as above; it also keeps step 4 before step 6 */
    STORE(newest->frame_id, frame_id);         /* 6 */
    STORE(newest->timestamp_ns, timestamp);
    STORE(newest->data_offset, offset);
    STORE(newest->picture, picture_of(frame_id));
    STORE_RELEASE(newest->sequence, sequence + 2); /* 7 */

    count_wake(meta); /* 8: a release store, so who sees the new wake sees the new record */
    wake_all(meta);   /* 9 */
}

/* A successor's file is not ours to remove. */
static void remove_own(int directory, const char *name, uint64_t inode) {
    struct stat status;
    if (!fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) && status.st_ino == inode)
        unlinkat(directory, name, 0);
}

static void end_export(struct export *export) {
    close_meta(export->meta);
    remove_own(export->directory, "frame.meta", export->meta_inode);
    remove_own(export->directory, "frame.data", export->data_inode);
    wake_all(export->meta); /* after the removal: who looks again must not find the files */
}

static void say(const char *format, uint64_t count) {
    printf(format, (unsigned long long)count);
    if (fflush(stdout))
        fail("stdout", errno);
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
    struct export export = {0};
    bool wait = count > 1 && !strcmp(arguments[1], "--wait");
    char **given = arguments + 1 + wait;
    count -= 1 + wait;
    if (count != 6 && count != 7) {
        fputs("usage: writer [--wait] DIRECTORY WIDTH HEIGHT STRIDE SLOTS FRAMES [INTERVAL_US]\n", stderr);
        return 2;
    }
    export.width = (uint32_t)number_of(given[1], 2, 1 << 16);
    export.height = (uint32_t)number_of(given[2], 2, 1 << 16);
    export.stride = (uint32_t)number_of(given[3], export.width, 1 << 20);
    export.slot_count = (uint32_t)number_of(given[4], SLOT_COUNT_MIN, SLOT_COUNT_MAX);
    uint64_t frames = number_of(given[5], 0, UINT64_MAX);
    uint64_t interval = count == 7 ? number_of(given[6], 0, 1000000000) * 1000 : 0;
    if (export.width % 2 || export.height % 2)
        fail("width and height must be even", EINVAL);
    export.data_size = (uint64_t)export.stride * export.height * 3 / 2;
    export.slot_size = (export.data_size + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
    export.ramp = malloc(export.width + 256);
    if (!export.ramp)
        fail("malloc", ENOMEM);
    ramp_fill(export.ramp, export.width);

    open_export(&export, given[0]);
    say("ready\n", 0);
    if (wait)
        take_byte();

    uint64_t due = nanoseconds(CLOCK_MONOTONIC);
    while (export.frame_id < frames) {
        publish(&export);
        due += interval;
        struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
        while (interval && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            ;
    }
    say("published %llu\n", export.frame_id);
    while (take_byte())
        ;
    end_export(&export);
    free(export.ramp);
    return 0;
}
