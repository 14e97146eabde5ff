/* The steady loop of an agent: wait, look, decide, say so, and wait again, without Python.
 *
 * A shortcut, not a second agent. It takes only frames about which nothing can be asked: the newest record is
 * whole and of the geometry judged before, its id is above the last one's, and every subscription is steady
 * (docs/decisions/0015). Whatever else it meets it leaves untouched and returns; Python then looks for itself, as
 * if this had not been here. What each step must do and why stands there: ruth/export/ring_reader.py,
 * ruth/subscription/subscription.py, ruth/agent/state.py. That both do the same is tested frame by frame
 * (tests/unit/launch/steady).
 *
 * Offsets are those of ruth/export/layout.py and ruth/agent/state.py, defined by launch/steady/build.py.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const uint64_t signature = SIGNATURE; /* launch/steady/source.py: a library of another source is not used */

#define NANOSECONDS 1000000000u
#define ALL_WAITERS 0x7fffffff
#define RING_SIZE (EXPORT_SLOT_RECORDS - EXPORT_SLOT_COUNT) /* what stays the same of a ring: all but its wake */
#define EMPTY_LOOKS 4 /* as EMPTY_WAKES of launch/agent_process.py */
#define MISSED_AT_ONCE_MAX UINT32_MAX /* more is no gap between frames but a hostile id: left to Python */

/* Both as launch/steady/follower.py packs them. An address is one of this process. */
struct subscription {
    uint64_t record;                           /* address of its part of agent.state */
    uint64_t kind;                             /* EVERY_FRAME, CAPPED or PARKED */
    uint64_t interval;                         /* nanoseconds, below 2^63 */
    uint64_t last_timestamp_ns, last_frame_id; /* last allowed */
    uint64_t allowed, skipped;
    uint64_t decision; /* on the frame last taken */
};

struct follow {
    uint64_t meta, data; /* descriptors */
    uint64_t data_size, slot_size;
    uint64_t word, wake; /* address of the futex word in frame.meta, and what it held before the last look */
    uint64_t timeout_ns;
    uint64_t state; /* address of agent.state */
    uint64_t session;
    uint64_t frame_id, timestamp_ns, frames, missed;
    uint64_t compare_ns;
    uint64_t meta_path, meta_device, meta_inode; /* the first an address */
    uint64_t data_path, data_device, data_inode;
    uint64_t given[EXPORT_RECORD_SIZE / 8]; /* the record last taken */
    uint64_t ring[8];                       /* RING_SIZE bytes */
    uint64_t count;
    struct subscription subscriptions[];
};

static uint64_t load64(const unsigned char *bytes, size_t offset) {
    uint64_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static uint32_t load32(const unsigned char *bytes, size_t offset) {
    uint32_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static void store64(uint64_t record, size_t offset, uint64_t value) {
    __atomic_store_n((uint64_t *)(uintptr_t)(record + offset), value, __ATOMIC_RELAXED);
}

static void store32(uint64_t record, size_t offset, uint32_t value) {
    __atomic_store_n((uint32_t *)(uintptr_t)(record + offset), value, __ATOMIC_RELAXED);
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

enum found {
    FRAME,
    NOTHING, /* the record is being changed at this moment, or is the one last taken */
    OTHER,   /* anything else: for Python to find out */
};

/* Steps 1 to 3 of ruth/export/ring_reader.py, a pread each. */
static enum found look(struct follow *f, unsigned char head[EXPORT_SLOT_RECORDS]) {
    unsigned char first[EXPORT_SLOT_COUNT - EXPORT_SEQUENCE], again[8];
    int meta = (int)f->meta;
    if (pread(meta, first, sizeof first, EXPORT_SEQUENCE) != (ssize_t)sizeof first) return OTHER;
    if (pread(meta, head, EXPORT_SLOT_RECORDS, 0) != EXPORT_SLOT_RECORDS) return OTHER;
    if (pread(meta, again, sizeof again, EXPORT_SEQUENCE) != (ssize_t)sizeof again) return OTHER;
    off_t meta_size = lseek(meta, 0, SEEK_END), data_size = lseek((int)f->data, 0, SEEK_END);
    if (meta_size < EXPORT_META_SIZE || data_size < 0 || (uint64_t)data_size < f->data_size) return OTHER;

    uint64_t sequence = load64(head, EXPORT_SEQUENCE), data_offset = load64(head, EXPORT_DATA_OFFSET);
    const unsigned char *given = (const unsigned char *)f->given;
    if (memcmp(first, again, sizeof again) != 0) return NOTHING;
    /* As in Python: only of a look during which the record stayed, or a frame could be slept through. */
    f->wake = load32(first, EXPORT_WAKE - EXPORT_SEQUENCE);
    if (sequence & 1) return NOTHING;
    if (memcmp(head + EXPORT_SLOT_COUNT, f->ring, RING_SIZE) != 0) return OTHER;
    if (memcmp(head, given, EXPORT_RECORD_SIZE) == 0) return NOTHING;
    return sequence != 0 && load32(head, EXPORT_VERSION) == load32(given, EXPORT_VERSION)
            && memcmp(head + EXPORT_WIDTH, given + EXPORT_WIDTH, EXPORT_DATA_OFFSET - EXPORT_WIDTH) == 0
            && data_offset % f->slot_size == 0 && data_offset < f->data_size
        ? FRAME
        : OTHER;
}

/* Whether each subscription is steady about this frame: then two rows of the gate's table are left. */
static int steady(const struct follow *f, uint64_t frame_id, uint64_t timestamp_ns) {
    if (frame_id <= f->frame_id || frame_id - f->frame_id > MISSED_AT_ONCE_MAX) return 0;
    for (const struct subscription *s = f->subscriptions; s < f->subscriptions + f->count; s++)
        if (s->kind == CAPPED && timestamp_ns < s->last_timestamp_ns) return 0;
    return 1;
}

/* The two rows: too early, and eligible. */
static void judge(struct subscription *s, uint64_t frame_id, uint64_t timestamp_ns) {
    if (s->kind == PARKED) {
        s->skipped++;
        s->decision = DECISION_SKIP_INACTIVE;
    } else if (s->kind == CAPPED && timestamp_ns - s->last_timestamp_ns < s->interval) {
        s->skipped++;
        s->decision = DECISION_SKIP_INTERVAL;
    } else {
        s->allowed++;
        s->decision = DECISION_ALLOW;
        s->last_frame_id = frame_id;
        s->last_timestamp_ns = timestamp_ns;
    }
}

/* Decides on one frame for each subscription and keeps the books; or does nothing, and returns 0. Not static: what a
 * decision costs is measured with this alone (tests/benchmarks). */
int take(struct follow *f, uint64_t frame_id, uint64_t timestamp_ns) {
    if (!steady(f, frame_id, timestamp_ns)) return 0;
    f->missed += frame_id - f->frame_id - 1;
    f->frames++;
    f->frame_id = frame_id;
    f->timestamp_ns = timestamp_ns;
    for (struct subscription *s = f->subscriptions; s < f->subscriptions + f->count; s++)
        judge(s, frame_id, timestamp_ns);
    return 1;
}

/* The record of the agent, as StateWriter.write_frame() writes it, and the wake. */
static void tell(const struct follow *f, uint64_t observed_ns) {
    uint64_t state = f->state;
    uint64_t *sequence = (uint64_t *)(uintptr_t)(state + STATE_SEQUENCE);
    uint32_t *wake = (uint32_t *)(uintptr_t)(state + STATE_WAKE);
    uint64_t odd = *sequence + 1;
    __atomic_store_n(sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* odd before any field */
    store64(state, STATE_FRAME_ID, f->frame_id);
    store64(state, STATE_TIMESTAMP, f->timestamp_ns);
    store64(state, STATE_FRAMES, f->frames);
    store64(state, STATE_MISSED, f->missed);
    store64(state, STATE_OBSERVED, observed_ns);
    for (const struct subscription *s = f->subscriptions; s < f->subscriptions + f->count; s++) {
        store32(s->record, MODEL_DECISION, (uint32_t)s->decision);
        if (s->decision == DECISION_ALLOW) {
            store64(s->record, MODEL_ALLOWED, s->allowed);
            store64(s->record, MODEL_FRAME_ID, f->frame_id);
            store64(s->record, MODEL_TIMESTAMP, f->timestamp_ns);
            store64(s->record, MODEL_SESSION, f->session);
        } else {
            store64(s->record, MODEL_SKIPPED, s->skipped);
        }
    }
    __atomic_store_n(sequence, odd + 1, __ATOMIC_RELEASE); /* every field before even */
    __atomic_store_n(wake, *wake + 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, wake, FUTEX_WAKE, ALL_WAITERS, NULL, NULL, 0);
}

static int names(uint64_t path, uint64_t device, uint64_t inode) {
    struct stat found;
    return fstatat(AT_FDCWD, (const char *)(uintptr_t)path, &found, AT_SYMLINK_NOFOLLOW) == 0
        && found.st_ino == inode && found.st_dev == device;
}

/* Follows a ring until something comes that is not for this loop: 0 or the errno of the last wait, as
 * FutexWord.wait(). What was taken up to then stands in *f. */
int follow(struct follow *f) {
    const struct timespec timeout = {(time_t)(f->timeout_ns / NANOSECONDS), (long)(f->timeout_ns % NANOSECONDS)};
    uint64_t compared_ns = 0;
    unsigned empty = 0; /* looks in a row that found nothing: a dead or a wild writer is left to Python */
    for (;;) {
        unsigned char head[EXPORT_SLOT_RECORDS];
        uint64_t wake = f->wake; /* put back if the frame is left to Python, which looks for itself */
        int result = syscall(SYS_futex, f->word, FUTEX_WAIT, (uint32_t)wake, &timeout, NULL, 0) == 0 ? 0 : errno;
        if (result != 0 && result != EAGAIN) return result;
        switch (look(f, head)) {
        case OTHER:
            f->wake = wake;
            return result;
        case NOTHING:
            if (++empty > EMPTY_LOOKS) return result;
            continue;
        case FRAME:
            empty = 0;
        }
        if (!take(f, load64(head, EXPORT_FRAME_ID), load64(head, EXPORT_TIMESTAMP))) {
            f->wake = wake;
            return result;
        }
        memcpy(f->given, head, EXPORT_RECORD_SIZE);
        uint64_t observed_ns = now_ns();
        tell(f, observed_ns);
        if (observed_ns - compared_ns >= f->compare_ns) {
            /* As long as frames come they may be those of a writer that was replaced (launch/agent_process.py). */
            compared_ns = observed_ns;
            if (!names(f->meta_path, f->meta_device, f->meta_inode)
                || !names(f->data_path, f->data_device, f->data_inode)) return result;
        }
    }
}
