/* A version 2 reader, made from docs/frame-export.md alone.
 *
 *     reader DIRECTORY LAST_FRAME_ID TIMEOUT_S
 *
 * It binds to the export (waiting for it to appear), follows the newest record until it has accepted frame
 * LAST_FRAME_ID, the export has ended or the time is up, and checks every pixel byte of every accepted frame.
 * It prints one line of JSON. It loads through its mapping: a file that is cut short kills it, by SIGBUS.
 */
#include "frame_export.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS 100000000u /* wake-ups can be missing, so a wait ends by itself */
#define POLL_NS 1000000u   /* for an export to appear, or from a writer that does not wake */

/* One record as it was at one moment. */
struct taken {
    uint32_t version, picture, width, height, pixel_format, stride;
    uint64_t frame_id, timestamp_ns, data_size, data_offset, sequence, epoch;
};

struct export {
    int directory;
    ino_t inode;
    const struct meta *meta;
    const uint8_t *data;
    uint32_t slot_count;
    uint64_t slot_size, whole;
    struct taken bound; /* the geometry that was checked, which never changes, and the epoch */
    uint8_t *ramp;
};

struct counts {
    uint64_t accepted, overwritten, torn, mixed, backwards, damaged, full_range_bt709;
    int64_t last_frame_id;
};

static uint64_t monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* False if the record was being changed: then nothing in `taken` means anything. */
static bool take(const struct meta *meta, const struct record *record, struct taken *taken) {
    /* Acquire: no field below is loaded before this load, so none is older than this sequence says. */
    taken->sequence = LOAD_ACQUIRE(record->sequence);
    taken->version = LOAD(record->version);
    taken->picture = LOAD(record->picture);
    taken->frame_id = LOAD(record->frame_id);
    taken->timestamp_ns = LOAD(record->timestamp_ns);
    taken->width = LOAD(record->width);
    taken->height = LOAD(record->height);
    taken->pixel_format = LOAD(record->pixel_format);
    taken->stride = LOAD(record->stride);
    taken->data_size = LOAD(record->data_size);
    taken->data_offset = LOAD(record->data_offset);
    taken->epoch = LOAD(meta->ring.epoch);
    /* The fields before the second sequence. An acquire load there would not do: it orders what follows. */
    atomic_thread_fence(memory_order_acquire);
    return LOAD(record->sequence) == taken->sequence && taken->sequence % 2 == 0;
}

static bool is_sane(const struct export *export, const struct taken *taken) {
    return taken->version == 2 && taken->width && taken->width % 2 == 0 && taken->height
           && taken->height % 2 == 0 && taken->pixel_format == PIXEL_FORMAT_NV12
           && taken->stride >= taken->width
           /* two numbers of 32 bits: their product fits 64, three times it may not, half of it first does */
           && taken->height / 2 <= UINT64_MAX / 3 / taken->stride
           && taken->data_size == (uint64_t)taken->stride * (taken->height / 2) * 3
           && taken->data_size <= export->slot_size && taken->data_offset % export->slot_size == 0
           && taken->data_offset < export->whole;
}

static bool same_geometry(const struct taken *one, const struct taken *other) {
    return one->width == other->width && one->height == other->height && one->stride == other->stride;
}

static int open_file(int directory, const char *name, uint64_t least, struct stat *status) {
    int file = openat(directory, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return -1;
    if (!fstat(file, status) && S_ISREG(status->st_mode) && status->st_size >= 0
        && (uint64_t)status->st_size >= least)
        return file;
    close(file);
    return -1;
}

static void unbind(struct export *export) {
    if (export->data)
        munmap((void *)export->data, export->whole);
    if (export->meta)
        munmap((void *)export->meta, META_SIZE);
    if (export->directory >= 0)
        close(export->directory);
    free(export->ramp);
    *export = (struct export){.directory = -1};
}

static bool bind_files(struct export *export, int meta_file) {
    struct stat status;
    export->meta = mmap(NULL, META_SIZE, PROT_READ, MAP_SHARED, meta_file, 0);
    if (export->meta == MAP_FAILED) {
        export->meta = NULL;
        return false;
    }
    export->slot_count = LOAD(export->meta->ring.slot_count);
    export->slot_size = LOAD(export->meta->ring.slot_size);
    uint64_t data_inode = LOAD(export->meta->ring.data_inode);
    if (export->slot_count < SLOT_COUNT_MIN || export->slot_count > SLOT_COUNT_MAX || !export->slot_size
        || export->slot_size % SLOT_ALIGNMENT
        || __builtin_mul_overflow(export->slot_size, (uint64_t)export->slot_count, &export->whole)
        || !take(export->meta, &export->meta->newest, &export->bound) || !is_sane(export, &export->bound))
        return false;
    int file = open_file(export->directory, "frame.data", export->whole, &status);
    if (file < 0)
        return false;
    const void *data = MAP_FAILED;
    if (!data_inode || data_inode == status.st_ino)
        data = mmap(NULL, export->whole, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (data == MAP_FAILED)
        return false;
    export->data = data;
    export->ramp = malloc((size_t)export->bound.width + 256);
    if (!export->ramp)
        return false;
    ramp_fill(export->ramp, export->bound.width);
    return true;
}

/* False if no valid export stands there now. It may a moment later: nothing is final but the time. */
static bool bind_export(struct export *export, const char *path) {
    struct stat status;
    *export = (struct export){.directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    int file = export->directory < 0 ? -1 : open_file(export->directory, "frame.meta", META_SIZE, &status);
    bool bound = file >= 0 && bind_files(export, file);
    if (bound)
        export->inode = status.st_ino;
    if (file >= 0)
        close(file);
    if (!bound)
        unbind(export);
    return bound;
}

/* Whether the path still leads to what is open. The directory, too, may have been replaced. */
static bool is_current(const struct export *export, const char *path) {
    struct stat status, directory, ours;
    return !fstat(export->directory, &ours) && !stat(path, &directory) && ours.st_ino == directory.st_ino
           && !fstatat(export->directory, "frame.meta", &status, AT_SYMLINK_NOFOLLOW)
           && status.st_ino == export->inode;
}

/* The pixels may change under these loads: that is found out afterwards, and the answer then thrown away. */
static bool pixels_match(const struct export *export, const struct taken *slot) {
    uint64_t rows = (uint64_t)slot->height * 3 / 2;
    for (uint64_t row = 0; row < rows; row++)
        if (memcmp(export->data + slot->data_offset + row * slot->stride,
                   row_of(export->ramp, slot->frame_id, row), slot->width))
            return false;
    return true;
}

static void use(const struct export *export, const struct taken *newest, struct counts *counts) {
    struct taken slot;
    const struct record *record = &export->meta->slots[newest->data_offset / export->slot_size];
    /* The slot's frame_id must be the newest record's: the slot may already hold a later frame, complete and
     * right, that the newest record does not name yet; to take it would make an older one come after it. */
    if (!take(export->meta, record, &slot) || slot.frame_id != newest->frame_id
        || slot.timestamp_ns != newest->timestamp_ns) {
        counts->overwritten++;
        return;
    }
    bool right = is_sane(export, &slot) && same_geometry(&slot, &export->bound)
                 && slot.data_offset == newest->data_offset && slot.picture == newest->picture
                 && slot.timestamp_ns == timestamp_of(slot.frame_id) && pixels_match(export, &slot);
    /* The pixels before the second sequence, as in take(). */
    atomic_thread_fence(memory_order_acquire);
    if (LOAD(record->sequence) != slot.sequence || LOAD(record->frame_id) != slot.frame_id) {
        counts->overwritten++;
        return;
    }
    counts->accepted++;
    counts->mixed += !right;
    counts->damaged += (slot.picture >> 16 & PICTURE_DAMAGED) != 0;
    counts->full_range_bt709 += (slot.picture & 0xffff) == PICTURE(RANGE_FULL, MATRIX_BT709, 0);
    counts->backwards += counts->last_frame_id >= 0 && slot.frame_id <= (uint64_t)counts->last_frame_id;
    counts->last_frame_id = (int64_t)slot.frame_id;
}

static void follow(const struct export *export, const char *path, int64_t last, uint64_t deadline,
                   struct counts *counts) {
    uint64_t sequence = 0; /* of the record taken before; 0 is a record that holds no frame */
    while (counts->last_frame_id < last) {
        struct taken newest;
        /* wake before the record: a frame published after this load changes it, and the wait below returns
         * at once. flags before the record: if closed is seen here, the record taken is the last one. */
        uint32_t wake = LOAD_ACQUIRE(export->meta->ring.wake);
        uint32_t flags = LOAD_ACQUIRE(export->meta->ring.flags);
        bool whole = take(export->meta, &export->meta->newest, &newest);
        if (whole && newest.epoch != export->bound.epoch)
            return; /* another export, in the same files */
        if (whole && newest.sequence != sequence) {
            sequence = newest.sequence;
            if (is_sane(export, &newest) && same_geometry(&newest, &export->bound))
                use(export, &newest, counts);
            else
                counts->mixed++; /* a stable record that breaks the document */
            if (monotonic() < deadline)
                continue;
        }
        /* A record under change is waited for like a new one: wake counts when it is complete. */
        counts->torn += !whole;
        if (flags & FLAG_CLOSED || monotonic() >= deadline)
            return;
        struct timespec timeout = {0, flags & FLAG_WAKES ? WAIT_NS : POLL_NS};
        if (syscall(SYS_futex, &export->meta->ring.wake, FUTEX_WAIT, wake, &timeout, NULL, 0) < 0
            && errno == ETIMEDOUT && !is_current(export, path))
            return;
    }
}

int main(int count, char **arguments) {
    struct counts counts = {.last_frame_id = -1};
    struct export export;
    if (count != 4) {
        fputs("usage: reader DIRECTORY LAST_FRAME_ID TIMEOUT_S\n", stderr);
        return 2;
    }
    int64_t last = strtoll(arguments[2], NULL, 10);
    uint64_t deadline = monotonic() + (uint64_t)(strtod(arguments[3], NULL) * 1e9);
    bool bound;
    while (!(bound = bind_export(&export, arguments[1])) && monotonic() < deadline)
        nanosleep(&(struct timespec){0, POLL_NS}, NULL);
    if (bound) {
        follow(&export, arguments[1], last, deadline, &counts);
        unbind(&export);
    }
    printf("{\"accepted\":%llu,\"overwritten\":%llu,\"torn\":%llu,\"mixed\":%llu,\"backwards\":%llu,"
           "\"damaged\":%llu,\"full_range_bt709\":%llu,\"last_frame_id\":%lld}\n",
           (unsigned long long)counts.accepted, (unsigned long long)counts.overwritten,
           (unsigned long long)counts.torn, (unsigned long long)counts.mixed,
           (unsigned long long)counts.backwards, (unsigned long long)counts.damaged,
           (unsigned long long)counts.full_range_bt709, (long long)counts.last_frame_id);
    return counts.mixed || counts.backwards || counts.last_frame_id < last;
}
