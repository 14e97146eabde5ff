/* A version 2 reader of an export itself, as docs/frame-export.md has it, on the steps of ruth_ring.h.
 *
 *     reader DIRECTORY LAST_FRAME_ID TIMEOUT_S
 *
 * It binds to the export (waiting for it to appear), follows the newest record until it has accepted frame
 * LAST_FRAME_ID, the export has ended or the time is up, and checks every pixel byte of every accepted frame.
 * It prints one line of JSON. It loads through its mapping: a file that is cut short kills it, by SIGBUS.
 */
#include "payload.h"
#include "ruth_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS 100000000u /* wake-ups can be missing, so a wait ends by itself */
#define POLL_NS 1000000u   /* for an export to appear, or from a writer that does not wake */

struct head {
    struct ruth_record newest;
    struct ruth_ring ring;
};
_Static_assert(sizeof(struct head) == RUTH_HEAD_SIZE, "as ruth_ring_newest() fills it");

struct export {
    int directory;
    ino_t inode;
    const void *meta;
    const uint8_t *data;
    struct head bound; /* the geometry and the ring that were checked, which never change */
    uint64_t whole;
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

static bool is_sane(const struct export *export, const struct ruth_record *taken) {
    return taken->version == 2 && taken->width && taken->width % 2 == 0 && taken->height
           && taken->height % 2 == 0 && taken->pixel_format == RUTH_PIXEL_FORMAT_NV12
           && taken->stride >= taken->width
           /* two numbers of 32 bits: their product fits 64, three times it may not, half of it first does */
           && taken->height / 2 <= UINT64_MAX / 3 / taken->stride
           && taken->data_size == (uint64_t)taken->stride * (taken->height / 2) * 3
           && taken->data_size <= export->bound.ring.slot_size
           && taken->data_offset % export->bound.ring.slot_size == 0
           && taken->data_offset < export->whole;
}

static bool same_geometry(const struct ruth_record *one, const struct ruth_record *other) {
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
        munmap((void *)export->meta, RUTH_META_SIZE);
    if (export->directory >= 0)
        close(export->directory);
    free(export->ramp);
    *export = (struct export){.directory = -1};
}

static bool bind_files(struct export *export, int meta_file) {
    struct stat status;
    export->meta = mmap(NULL, RUTH_META_SIZE, PROT_READ, MAP_SHARED, meta_file, 0);
    if (export->meta == MAP_FAILED) {
        export->meta = NULL;
        return false;
    }
    const struct ruth_ring *ring = &export->bound.ring;
    if (!ruth_ring_newest(export->meta, &export->bound) || ring->slot_count < RUTH_SLOT_COUNT_MIN
        || ring->slot_count > RUTH_SLOT_COUNT_MAX || !ring->slot_size || ring->slot_size % RUTH_PAGE_SIZE
        || __builtin_mul_overflow(ring->slot_size, (uint64_t)ring->slot_count, &export->whole)
        || !is_sane(export, &export->bound.newest))
        return false;
    int file = open_file(export->directory, "frame.data", export->whole, &status);
    if (file < 0)
        return false;
    const void *data = MAP_FAILED;
    if (!ring->data_inode || ring->data_inode == status.st_ino)
        data = mmap(NULL, export->whole, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (data == MAP_FAILED)
        return false;
    export->data = data;
    export->ramp = malloc((size_t)export->bound.newest.width + 256);
    if (!export->ramp)
        return false;
    ramp_fill(export->ramp, export->bound.newest.width);
    return true;
}

/* False if no valid export is there now. It may a moment later: nothing is final but the time. */
static bool bind_export(struct export *export, const char *path) {
    struct stat status;
    *export = (struct export){.directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    int file = export->directory < 0 ? -1 : open_file(export->directory, "frame.meta", RUTH_META_SIZE, &status);
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
static bool pixels_match(const struct export *export, const struct ruth_record *slot) {
    uint64_t rows = (uint64_t)slot->height * 3 / 2;
    for (uint64_t row = 0; row < rows; row++)
        if (memcmp(export->data + slot->data_offset + row * slot->stride,
                   row_of(export->ramp, slot->frame_id, row), slot->width))
            return false;
    return true;
}

static void use(const struct export *export, const struct ruth_record *newest, struct counts *counts) {
    struct ruth_record slot;
    uint32_t number = (uint32_t)(newest->data_offset / export->bound.ring.slot_size);
    /* The slot's frame_id must be the newest record's: the slot may already hold a later frame, complete and
     * right, that the newest record does not name yet; to take it would make an older one come after it. */
    if (!ruth_ring_slot(export->meta, number, &slot) || slot.frame_id != newest->frame_id
        || slot.timestamp_ns != newest->timestamp_ns) {
        counts->overwritten++;
        return;
    }
    bool right = is_sane(export, &slot) && same_geometry(&slot, &export->bound.newest)
                 && slot.data_offset == newest->data_offset && slot.picture == newest->picture
                 && slot.timestamp_ns == timestamp_of(slot.frame_id) && pixels_match(export, &slot);
    if (!ruth_ring_still(export->meta, number, &slot)) {
        counts->overwritten++;
        return;
    }
    counts->accepted++;
    counts->mixed += !right;
    counts->damaged += (slot.picture >> 16 & 1) != 0;
    counts->full_range_bt709 += (slot.picture & 0xffff) == 0x0202;
    counts->backwards += counts->last_frame_id >= 0 && slot.frame_id <= (uint64_t)counts->last_frame_id;
    counts->last_frame_id = (int64_t)slot.frame_id;
}

static void follow(const struct export *export, const char *path, int64_t last, uint64_t deadline,
                   struct counts *counts) {
    uint64_t sequence = 0; /* of the record taken before; 0 is a record that holds no frame */
    while (counts->last_frame_id < last) {
        /* The ring comes before the record: a frame published after that changes wake, and the wait below returns at
         * once; and if closed is seen, the record taken is the last one. */
        struct head head;
        bool whole = ruth_ring_newest(export->meta, &head);
        if (whole && head.ring.epoch != export->bound.ring.epoch)
            return; /* another export, in the same files */
        if (whole && head.newest.sequence != sequence) {
            sequence = head.newest.sequence;
            if (is_sane(export, &head.newest) && same_geometry(&head.newest, &export->bound.newest))
                use(export, &head.newest, counts);
            else
                counts->mixed++; /* a stable record that breaks the document */
            if (monotonic() < deadline)
                continue;
        }
        /* A record under change is waited for like a new one: wake counts when it is complete. */
        counts->torn += !whole;
        if (head.ring.flags & RUTH_FLAG_CLOSED || monotonic() >= deadline)
            return;
        uint64_t timeout = head.ring.flags & RUTH_FLAG_WAKES ? WAIT_NS : POLL_NS;
        const unsigned char *wake = (const unsigned char *)export->meta + RUTH_WAKE_OFFSET;
        if (ruth_wait(wake, head.ring.wake, timeout) == ETIMEDOUT && !is_current(export, path))
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
