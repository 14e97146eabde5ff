/* The loop of version 2: wait for the futex word, look, decide, tell, and wait again. What a look must do and
 * why: ruth/export/ring_reader.py.
 */
#define RING_SIZE (EXPORT_SLOT_RECORDS - EXPORT_SLOT_COUNT) /* what stays the same of a ring: all but its wake */

struct ring {
    struct agent agent;
    uint64_t meta, data; /* descriptors */
    uint64_t data_size, slot_size;
    uint64_t word, wake; /* address of the futex word in frame.meta, and what it held before the last look */
    uint64_t timeout_ns, timeouts; /* of a wait; how many may end by it before Python has a look */
    struct file meta_file, data_file;
    uint64_t given[EXPORT_RECORD_SIZE / 8]; /* the record last taken */
    uint64_t bytes[8];                      /* RING_SIZE of them */
    uint64_t epoch, mapped;                 /* of a ring bound in C; address of its frame.data */
};
_Static_assert(sizeof(struct ring) == PACKED_RING, "launch/native/source.py, RING");

enum found {
    FRAME,
    NOTHING, /* the record is being changed at this moment, or is the one last taken */
    OTHER,   /* anything else: for Python to find out */
};

/* Whether a record is one of a frame in this ring: problem_v2() of ruth/export/layout.py. */
static int frame_record(const struct ring *r, const unsigned char *head) {
    uint64_t width = load32(head, EXPORT_WIDTH), height = load32(head, EXPORT_HEIGHT);
    uint64_t stride = load32(head, EXPORT_STRIDE);
    uint64_t data_size = load64(head, EXPORT_DATA_SIZE), data_offset = load64(head, EXPORT_DATA_OFFSET);
    return load32(head, EXPORT_VERSION) == VERSION_2 && load32(head, EXPORT_PIXEL_FORMAT) == PIXEL_FORMAT_NV12
        && width != 0 && height != 0 && width % 2 == 0 && height % 2 == 0 && stride >= width
        && (unsigned __int128)stride * height * 3 / 2 == data_size && data_size <= r->slot_size
        && data_offset % r->slot_size == 0 && data_offset < r->data_size;
}

/* Steps 1 to 3 of ruth/export/ring_reader.py, a pread each. */
static enum found look(struct ring *r, unsigned char head[EXPORT_SLOT_RECORDS]) {
    unsigned char first[EXPORT_SLOT_COUNT - EXPORT_SEQUENCE], again[8];
    int meta = (int)r->meta;
    if (pread(meta, first, sizeof first, EXPORT_SEQUENCE) != (ssize_t)sizeof first) return OTHER;
    if (pread(meta, head, EXPORT_SLOT_RECORDS, 0) != EXPORT_SLOT_RECORDS) return OTHER;
    if (pread(meta, again, sizeof again, EXPORT_SEQUENCE) != (ssize_t)sizeof again) return OTHER;
    off_t meta_size = lseek(meta, 0, SEEK_END), data_size = lseek((int)r->data, 0, SEEK_END);
    if (meta_size < EXPORT_META_SIZE || data_size < 0 || (uint64_t)data_size < r->data_size) return OTHER;

    uint64_t sequence = load64(head, EXPORT_SEQUENCE);
    if (memcmp(first, again, sizeof again) != 0) return NOTHING;
    /* As in Python: only of a look during which the record stayed, or a frame could be slept through. */
    r->wake = load32(first, EXPORT_WAKE - EXPORT_SEQUENCE);
    if (sequence & 1) return NOTHING;
    if (memcmp(head + EXPORT_SLOT_COUNT, r->bytes, RING_SIZE) != 0) return OTHER;
    if (memcmp(head, r->given, EXPORT_RECORD_SIZE) == 0 || sequence == 0) return NOTHING;
    return frame_record(r, head) ? FRAME : OTHER;
}

/* Whether both files still stand at their paths. */
static int stands(const struct ring *r) {
    return names(&r->meta_file) && names(&r->data_file);
}

enum end {
    FOR_PYTHON,
    LET_GO, /* it no longer stands at its path, or is another one by its head */
};

/* Follows a ring until something comes that is not for this loop. What was taken up to then stands in *r; *result is 0
 * or the errno of the last wait, as FutexWord.wait(), or UNWOKEN: frames come, and nobody wakes. */
static enum end follow(struct ring *r, int *result) {
    const struct timespec timeout = {(time_t)(r->timeout_ns / NANOSECONDS), (long)(r->timeout_ns % NANOSECONDS)};
    const struct timespec after_late = {0, AFTER_LATE};
    uint64_t compared_ns = 0, timeouts = 0;
    unsigned empty = 0; /* looks in a row that found nothing: a dead or a wild writer is left to Python */
    int unwoken = 0; /* whether the frame last taken came without a wake-up */
    int soon = 0;    /* whether that was just now */
    for (;;) {
        unsigned char head[EXPORT_SLOT_RECORDS];
        uint64_t wake = r->wake; /* put back if the frame is left to Python, which looks for itself */
        const struct timespec *wait = soon ? &after_late : &timeout;
        *result = syscall(SYS_futex, r->word, FUTEX_WAIT, (uint32_t)wake, wait, NULL, 0) == 0 ? 0 : errno;
        int late = *result == ETIMEDOUT;
        soon = 0;
        if ((*result != 0 && *result != EAGAIN && !late) || (late && ++timeouts > r->timeouts)) return FOR_PYTHON;
        switch (look(r, head)) {
        case OTHER:
            r->wake = wake;
            return LET_GO;
        case NOTHING:
            empty = late ? 0 : empty + 1;
            if (empty > EMPTY_WAKES) return FOR_PYTHON;
            /* As ExportSource.try_read(): a writer that is dead or was replaced may have left it like that. */
            if (!stands(r)) return LET_GO;
            continue;
        case FRAME:
            empty = 0;
        }
        /* One may have come just as the wait ran out. Before a second one like it is taken, Python begins to look when
         * a frame is due (launch/pace.py). */
        if (late && unwoken) {
            r->wake = wake;
            *result = UNWOKEN;
            return FOR_PYTHON;
        }
        if (!take(&r->agent, load64(head, EXPORT_FRAME_ID), load64(head, EXPORT_TIMESTAMP))) {
            r->wake = wake;
            return FOR_PYTHON;
        }
        memcpy(r->given, head, EXPORT_RECORD_SIZE);
        soon = late;
        unwoken = late;
        uint64_t observed_ns = now_ns(CLOCK_MONOTONIC);
        tell(&r->agent, observed_ns);
        if (observed_ns - compared_ns >= r->agent.compare_ns) {
            /* As long as frames come they may be those of a writer that was replaced (launch/agent_process.py). */
            compared_ns = observed_ns;
            if (!stands(r)) return LET_GO;
        }
    }
}

int follow_ring(struct ring *r) {
    int result;
    follow(r, &result);
    return result;
}
