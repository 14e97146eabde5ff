/* What an agent does without Python, and here what all of it shares: a frame is decided on, and the decision told.
 *
 * A shortcut, not a second agent. It takes only frames about which nothing can be asked: each is whole and valid, its
 * id is above the last one's of its export, and every subscription has a short form that stands for it
 * (ruth/subscription/subscription.py). Whatever else it meets it leaves as it is; Python then looks for itself, as if
 * nothing had before (docs/decisions/0016). What each step must do and why is written in
 * ruth/agent/state_writer.py for this file. That both come to the same is tested frame by frame
 * (tests/unit/launch/native).
 *
 * launch/native/source.py puts the files together, and defines offsets and values, each of which exists once in
 * Python.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const uint32_t signature = SIGNATURE; /* a library of another source is not used (launch/native/source.py) */

#define NANOSECONDS 1000000000u
#define ALL_WAITERS 0x7fffffff

/* All of these as launch/native/source.py packs them. An address is one of this process. */
struct subscription {
    uint64_t record; /* address of its part of agent.state */
    /* ShortForm of ruth/subscription/subscription.py, where it says how it is applied */
    uint64_t from_ns, wait_ns, early, due;
    uint64_t moves, interval;                  /* moves: whether there is an interval */
    uint64_t last_timestamp_ns, last_frame_id; /* last allowed */
    uint64_t dispatched;                       /* whether that was in the present export */
    uint64_t allowed, skipped;
    uint64_t decision; /* on the frame last taken */
};

struct file {
    uint64_t path; /* address */
    uint64_t device, inode;
};

struct agent {
    uint64_t state; /* address of agent.state */
    uint64_t session;
    uint64_t frame_id, timestamp_ns, frames, missed;
    uint64_t met; /* frames of the present export: 0, 1 for its first, 2 for more */
    uint64_t compare_ns;    /* between comparisons of paths with what is open */
    uint64_t subscriptions; /* address of the first of them */
    uint64_t count;
};
_Static_assert(sizeof(struct subscription) == PACKED_SUBSCRIPTION, "launch/native/source.py, SUBSCRIPTION");
_Static_assert(sizeof(struct agent) == PACKED_AGENT, "launch/native/source.py, AGENT");

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

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

static struct subscription *first_of(const struct agent *a) {
    return (struct subscription *)(uintptr_t)a->subscriptions;
}

/* Whether no short form is void for a frame. */
static int all_stand(const struct agent *a, uint64_t timestamp_ns) {
    for (const struct subscription *s = first_of(a); s < first_of(a) + a->count; s++)
        if (timestamp_ns < s->from_ns) return 0;
    return 1;
}

/* Follows a short form. */
static void judge(struct subscription *s, uint64_t frame_id, uint64_t timestamp_ns) {
    s->decision = timestamp_ns - s->from_ns < s->wait_ns ? s->early : s->due;
    if (s->decision != DECISION_ALLOW) {
        s->skipped++;
        return;
    }
    s->allowed++;
    s->dispatched = 1;
    s->last_frame_id = frame_id;
    s->last_timestamp_ns = timestamp_ns;
    if (s->moves) {
        s->from_ns = timestamp_ns;
        s->wait_ns = s->interval;
    }
}

/* Decides on one frame for each subscription and keeps the books; or does nothing, and returns 0. Not static: what a
 * decision costs is measured with this alone (tests/benchmarks). */
int take(struct agent *a, uint64_t frame_id, uint64_t timestamp_ns) {
    if ((a->met != 0 && frame_id <= a->frame_id) || !all_stand(a, timestamp_ns)) return 0;
    if (a->met != 0) a->missed += frame_id - a->frame_id - 1;
    a->met += a->met < 2;
    a->frames++;
    a->frame_id = frame_id;
    a->timestamp_ns = timestamp_ns;
    for (struct subscription *s = first_of(a); s < first_of(a) + a->count; s++)
        judge(s, frame_id, timestamp_ns);
    return 1;
}

/* Before any field of the record is changed. */
static void begin_change(uint64_t state) {
    uint64_t *sequence = (uint64_t *)(uintptr_t)(state + STATE_SEQUENCE);
    __atomic_store_n(sequence, *sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* odd before any field */
}

/* After the last one; whoever watches the record is woken. */
static void end_change(uint64_t state) {
    uint64_t *sequence = (uint64_t *)(uintptr_t)(state + STATE_SEQUENCE);
    uint32_t *wake = (uint32_t *)(uintptr_t)(state + STATE_WAKE);
    __atomic_store_n(sequence, *sequence + 1, __ATOMIC_RELEASE); /* every field before even */
    __atomic_store_n(wake, *wake + 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, wake, FUTEX_WAKE, ALL_WAITERS, NULL, NULL, 0);
}

/* StateWriter.write_frame(), of the frame last taken. */
static void tell(const struct agent *a, uint64_t observed_ns) {
    uint64_t state = a->state;
    begin_change(state);
    store64(state, STATE_FRAME_ID, a->frame_id);
    store64(state, STATE_TIMESTAMP, a->timestamp_ns);
    store64(state, STATE_FRAMES, a->frames);
    store64(state, STATE_MISSED, a->missed);
    store64(state, STATE_OBSERVED, observed_ns);
    if (a->met == 1) {
        store64(state, STATE_FIRST_FRAME_ID, a->frame_id);
        store64(state, STATE_FIRST_TIMESTAMP, a->timestamp_ns);
    }
    for (const struct subscription *s = first_of(a); s < first_of(a) + a->count; s++) {
        store32(s->record, MODEL_DECISION, (uint32_t)s->decision);
        if (s->decision == DECISION_ALLOW) {
            store64(s->record, MODEL_ALLOWED, s->allowed);
            store64(s->record, MODEL_FRAME_ID, a->frame_id);
            store64(s->record, MODEL_TIMESTAMP, a->timestamp_ns);
            store64(s->record, MODEL_SESSION, a->session);
        } else {
            store64(s->record, MODEL_SKIPPED, s->skipped);
        }
    }
    end_change(state);
}

/* Whether a path still leads to that file: ruth/export/files.py, names(). */
static int names(const struct file *file) {
    struct stat found;
    return fstatat(AT_FDCWD, (const char *)(uintptr_t)file->path, &found, AT_SYMLINK_NOFOLLOW) == 0
        && found.st_ino == file->inode && found.st_dev == file->device;
}
