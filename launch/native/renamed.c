/* The loop of version 1: sleep until a frame is due, look, decide, tell, and sleep again. What a look must do and
 * why: ruth/export/rename_reader.py; when the next one is due: launch/pace.py.
 */
struct renamed {
    struct agent agent;
    uint64_t directory;            /* descriptor */
    uint64_t meta_name, data_name; /* addresses; openat(2) may be given no other (launch/confine/seccomp.py) */
    struct file directory_file;
    uint64_t given[EXPORT_RECORD_SIZE / 8]; /* the header that all others are like, but for id and time */
    uint64_t mode, uid, gid;                /* of every frame.data that may be read */
    int64_t wait_ns;                        /* until the next look */
    int64_t interval_ns;                    /* between frames, averaged: launch/pace.py */
    int64_t written_ns;                     /* when the frame last taken was put in place, CLOCK_REALTIME */
};
_Static_assert(sizeof(struct renamed) == PACKED_RENAMED, "launch/native/source.py, RENAMED");

/* One look, in the order of RenameReader.read(). Whether there is a frame to be taken; when it was put in place. */
static int look_renamed(const struct renamed *r, unsigned char head[EXPORT_RECORD_SIZE + 1], int64_t *written_ns) {
    const unsigned char *given = (const unsigned char *)r->given;
    int directory = (int)r->directory;
    int meta = openat(directory, (const char *)(uintptr_t)r->meta_name, OPEN_FILE);
    if (meta < 0) return 0;
    ssize_t size = pread(meta, head, EXPORT_RECORD_SIZE + 1, 0);
    close(meta);
    struct stat data;
    if (fstatat(directory, (const char *)(uintptr_t)r->data_name, &data, AT_SYMLINK_NOFOLLOW) != 0) return 0;
    *written_ns = (int64_t)data.st_ctim.tv_sec * NANOSECONDS + data.st_ctim.tv_nsec;
    return size == EXPORT_RECORD_SIZE && load32(head, EXPORT_VERSION) == load32(given, EXPORT_VERSION)
        && memcmp(head + EXPORT_WIDTH, given + EXPORT_WIDTH, EXPORT_DATA_OFFSET - EXPORT_WIDTH) == 0
        && data.st_mode == r->mode && data.st_uid == r->uid && data.st_gid == r->gid
        && (uint64_t)data.st_size == load64(given, EXPORT_DATA_SIZE);
}

/* The pace after a frame that was put in place at that time (Pace.after_frame()); 0 if the frame does not fit it. */
static int64_t paced(const struct renamed *r, uint64_t frame_id, int64_t written_ns) {
    int64_t frames = (int64_t)(frame_id - r->agent.frame_id), known = r->interval_ns;
    if (frames <= 0) return 0;
    int64_t interval = (written_ns - r->written_ns) / frames;
    if (interval < INTERVAL_MIN || interval < known / 2 || interval > known * 3 / 2) return 0;
    known += (interval - known) >> 3; /* an eighth, rounded down, as // does */
    return known + known / 8 <= WAIT_MAX ? known : 0;
}

/* Follows renamed files until something comes that is not for this loop: a look is due then. What was taken up to then
 * stands in *r. */
void follow_renamed(struct renamed *r) {
    uint64_t compared_ns = 0;
    for (;;) {
        unsigned char head[EXPORT_RECORD_SIZE + 1];
        const struct timespec wait = {r->wait_ns / NANOSECONDS, r->wait_ns % NANOSECONDS};
        int64_t written_ns;
        if (clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL) != 0) return;
        if (!look_renamed(r, head, &written_ns)) return;
        uint64_t frame_id = load64(head, EXPORT_FRAME_ID);
        int64_t interval_ns = paced(r, frame_id, written_ns);
        if (interval_ns == 0 || !take(&r->agent, frame_id, load64(head, EXPORT_TIMESTAMP))) return;
        uint64_t observed_ns = now_ns(CLOCK_MONOTONIC);
        tell(&r->agent, observed_ns);

        int64_t late_ns = (int64_t)now_ns(CLOCK_REALTIME) - written_ns;
        if (late_ns < 0 || late_ns >= interval_ns) late_ns = interval_ns / 8;
        int64_t wait_ns = interval_ns + interval_ns / 8 - late_ns;
        r->written_ns = written_ns;
        r->interval_ns = interval_ns;
        r->wait_ns = wait_ns > WAIT_MIN ? wait_ns : WAIT_MIN;
        if (observed_ns - compared_ns >= r->agent.compare_ns) {
            compared_ns = observed_ns;
            if (!names(&r->directory_file)) return;
        }
    }
}
