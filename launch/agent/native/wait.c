/* What an agent waits on between two steps: launch/agent/waiter.py. For how long: launch/agent/waiting.py, compiled. */
struct waiter {
    uint64_t frame_ns; /* when the last frame was observed, CLOCK_MONOTONIC */
    uint64_t binding;  /* what `wakes` is known of */
    int wakes;         /* whether what is waited on wakes for each frame, as far as is known */
    int timed_out, woken;
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

static void wait_for_ring(const struct bound *b, struct waiter *w, uint64_t poll_ns) {
    if (w->binding != b->bindings) {
        w->binding = b->bindings;
        w->wakes = (b->ring.flags & EXPORT_FLAG_WAKES) != 0;
    }
    const struct timespec span = span_of(w->wakes ? WAITING_QUIET_POLL_NS : poll_ns);
    long result = syscall(SYS_futex, b->meta_map + EXPORT_WAKE_OFFSET, FUTEX_WAIT, b->wake, &span, NULL, 0);
    int problem = result == 0 ? 0 : errno;
    w->timed_out = problem == ETIMEDOUT;
    w->woken = problem == 0 || problem == EAGAIN;
    if (problem == 0) w->wakes = 1;
    else if (!w->timed_out && !w->woken) pause_for(WAITING_SHORT_POLL_NS);
}

/* DirectoryWatch.take_events(): whether a frame was put in place, and whether the directory has gone. */
static void take_events(struct waiter *w, int *came, int *gone) {
    _Alignas(struct inotify_event) char bytes[WATCH_BYTES_MAX];
    ssize_t size = read(w->watch, bytes, sizeof bytes);
    for (const char *at = bytes; at < bytes + size;) {
        const struct inotify_event *event = (const struct inotify_event *)at;
        if (event->mask & WATCH_FRAME_EVENTS) *came |= strcmp(event->name, IDENTITY_META_NAME) == 0;
        else *gone = 1;
        at += sizeof *event + event->len;
    }
}

static void wait_for_directory(const struct agent *a, struct waiter *w, uint64_t poll_ns) {
    if (w->watch < 0) {
        w->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (w->watch >= 0 && inotify_add_watch(w->watch, text_at(a->directory_path), WATCH_MASK) < 0) close_watch(w);
        w->wakes = w->watch >= 0;
        if (w->watch < 0) pause_for(poll_ns); /* no directory, or no instance left */
        return;                               /* what came before the watch is found by a look */
    }
    uint64_t until_ns = now_ns() + (w->wakes ? WAITING_QUIET_POLL_NS : poll_ns);
    int came = 0, gone = 0;
    while (!came && !gone) {
        uint64_t begun_ns = now_ns();
        const struct timespec span = span_of(begun_ns < until_ns ? until_ns - begun_ns : 0);
        struct pollfd one = {.fd = w->watch, .events = POLLIN};
        int ready = ppoll(&one, 1, &span, NULL);
        if (ready <= 0) {
            w->timed_out = ready == 0;
            return;
        }
        take_events(w, &came, &gone);
    }
    w->woken = 1;
    w->wakes |= came;
    if (gone) close_watch(w);
}

static void wait_for(const struct agent *a, const struct bound *b, struct waiter *w, int observed) {
    uint64_t now = now_ns();
    if (observed) w->frame_ns = now;
    if (observed && w->timed_out) w->wakes = 0; /* a frame, and nothing woke for it */
    w->empty_wakes = w->woken && !observed ? w->empty_wakes + 1 : 0;
    if (w->empty_wakes > WAITING_EMPTY_WAKES) pause_for(WAITING_EMPTY_WAKE_PAUSE_NS);
    w->timed_out = w->woken = 0;
    uint64_t poll_ns = (uint64_t)poll_interval(now - w->frame_ns);
    if (b->version == EXPORT_VERSION_2) {
        close_watch(w);
        wait_for_ring(b, w, poll_ns);
    } else {
        w->binding = 0;
        wait_for_directory(a, w, poll_ns);
    }
}
