/* What an agent waits on between two steps: launch/agent/waiter.py. For how long: launch/agent/waiting.py, compiled. */
struct waiter {
    uint64_t frame_ns; /* when the last frame was observed, CLOCK_MONOTONIC */
    uint64_t binding;  /* what `wakes` is known of */
    int wakes;         /* whether the writer of the ring wakes: launch/agent/waiter.py */
    int woken;
    unsigned empty_wakes; /* in a row */
    int watch;            /* inotify descriptor, or -1 */
};

static void pause_for(uint64_t nanoseconds) {
    const struct timespec span = span_of(nanoseconds);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

static void close_watch(struct waiter *w) {
    if (w->watch >= 0) close(w->watch);
    w->watch = -1;
}

/* FutexWord.wait(): 0 or an error number. */
static int wait_on_word(const struct bound *b, uint64_t nanoseconds) {
    const struct timespec span = span_of(nanoseconds);
    return syscall(SYS_futex, b->meta_map + EXPORT_WAKE_OFFSET, FUTEX_WAIT, b->wake, &span, NULL, 0) == 0 ? 0 : errno;
}

/* FutexWord.has_changed() */
static int has_changed(const struct bound *b) {
    unsigned char *word = b->meta_map + EXPORT_WAKE_OFFSET;
    return syscall(SYS_futex, word, FUTEX_CMP_REQUEUE, 0, NULL, word, b->wake) < 0 && errno == EAGAIN;
}

static void wait_for_ring(const struct bound *b, struct waiter *w, uint64_t poll_ns) {
    if (w->binding != b->bindings) {
        w->binding = b->bindings;
        w->wakes = (b->ring.flags & EXPORT_FLAG_WAKES) != 0;
    }
    int problem = wait_on_word(b, w->wakes ? WAITING_QUIET_POLL_NS : poll_ns);
    w->woken = problem == 0 || problem == EAGAIN;
    if (problem == 0) w->wakes = 1;
    else if (problem == ETIMEDOUT) w->wakes = w->wakes && !has_changed(b);
    else if (!w->woken) pause_for(WAITING_SHORT_POLL_NS);
}

/* DirectoryWatch.take_events(): whether a frame was put in place, and whether the directory has gone.
 *
 * VAS renames frame.data, and a moment later frame.meta, which wakes twice. At the first of the two there is nothing to do
 * but what the look will ask of frame.data, its status; so the look after the second is a call shorter (decision 0036). */
static void take_events(const struct agent *a, struct bound *b, struct waiter *w, int *came, int *gone) {
    _Alignas(struct inotify_event) char bytes[WATCH_BYTES_MAX];
    ssize_t size = read(w->watch, bytes, sizeof bytes);
    int data_came = 0;
    for (const char *at = bytes; at < bytes + size;) {
        const struct inotify_event *event = (const struct inotify_event *)at;
        if (!(event->mask & WATCH_FRAME_EVENTS)) *gone = 1;
        else if (strcmp(event->name, IDENTITY_META_NAME) == 0) *came = 1;
        else data_came |= strcmp(event->name, IDENTITY_DATA_NAME) == 0;
        at += sizeof *event + event->len;
    }
    if (data_came && b->version == EXPORT_VERSION_1) take_data_status(a, b);
}

static void wait_for_directory(const struct agent *a, struct bound *b, struct waiter *w, uint64_t poll_ns) {
    if (w->watch < 0) {
        w->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (w->watch >= 0 && inotify_add_watch(w->watch, text_at(a->directory_path), WATCH_MASK) < 0) close_watch(w);
        if (w->watch < 0) pause_for(poll_ns); /* no directory, or no instance left */
        return;                               /* what came before the watch is found by a poll */
    }
    uint64_t until_ns = now_ns() + WAITING_QUIET_POLL_NS;
    int came = 0, gone = 0;
    while (!came && !gone) {
        uint64_t begun_ns = now_ns();
        const struct timespec span = span_of(begun_ns < until_ns ? until_ns - begun_ns : 0);
        struct pollfd one = {.fd = w->watch, .events = POLLIN};
        if (begun_ns >= until_ns || ppoll(&one, 1, &span, NULL) <= 0) {
            b->data_came = 0;
            return;
        }
        take_events(a, b, w, &came, &gone);
    }
    w->woken = 1;
    if (gone) close_watch(w);
}

static void wait_for(const struct agent *a, struct bound *b, struct waiter *w, int observed) {
    uint64_t now = now_ns();
    if (observed) w->frame_ns = now;
    w->empty_wakes = w->woken && !observed ? w->empty_wakes + 1 : 0;
    if (w->empty_wakes > WAITING_EMPTY_WAKES) pause_for(WAITING_EMPTY_WAKE_PAUSE_NS);
    w->woken = 0;
    uint64_t poll_ns = (uint64_t)poll_interval(now - w->frame_ns);
    if (b->version == EXPORT_VERSION_2) {
        close_watch(w);
        wait_for_ring(b, w, poll_ns);
    } else {
        w->binding = 0;
        wait_for_directory(a, b, w, poll_ns);
    }
}
