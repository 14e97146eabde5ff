/* Waits until an export of version 2 stands at the camera's path, binds it, follows it, and waits for the next one. As
 * in the loops, only what is plainly in order is done here. What is not, Python looks at for itself, from the start:
 * ruth/export/source.py and ring_reader.py, where each rule has its reason.
 */
struct watch {
    struct ring ring;
    uint64_t directory_path, meta_name, data_name; /* addresses; no other may be opened (launch/confine/seccomp.py) */
    uint64_t look_ns;                              /* between looks while there is no export */
    uint64_t version;                              /* of the export, as the state record has it */
    uint64_t unwoken;                              /* whether its frames came and nobody woke */
};
_Static_assert(sizeof(struct watch) == PACKED_WATCH, "launch/native/source.py, WATCH");

/* A regular file's descriptor, or -1: open_export_file() of ruth/export/files.py. */
static int open_file(int directory, uint64_t name, struct stat *found) {
    int file = openat(directory, (const char *)(uintptr_t)name, OPEN_FILE);
    if (file < 0 || (fstat(file, found) == 0 && S_ISREG(found->st_mode))) return file;
    close(file);
    errno = ENXIO;
    return -1;
}

/* Whether the ring of a head lies in that frame.data: ring_problem() of ruth/export/layout.py. One whose frames nobody
 * announces is not for the loop. */
static int in_order(const unsigned char *head, const struct stat *data) {
    uint32_t slot_count = load32(head, EXPORT_SLOT_COUNT);
    uint64_t slot_size = load64(head, EXPORT_SLOT_SIZE), data_inode = load64(head, EXPORT_DATA_INODE);
    return load32(head, EXPORT_VERSION) == VERSION_2 && slot_count >= SLOT_COUNT_MIN && slot_count <= SLOT_COUNT_MAX
        && slot_size != 0 && slot_size % PAGE_SIZE == 0 && slot_size <= (uint64_t)data->st_size / slot_count
        && (data_inode == 0 || data_inode == data->st_ino) && (load32(head, EXPORT_FLAGS) & FLAG_WAKES);
}

/* Whether it is the export bound last: what RingReader.identity is compared for. */
static int known(const struct ring *r, const unsigned char *head, const struct stat *meta) {
    return r->agent.session != 0 && r->meta_file.device == meta->st_dev && r->meta_file.inode == meta->st_ino
        && r->epoch == load64(head, EXPORT_EPOCH);
}

static void *map(uint64_t file, uint64_t size) {
    return mmap(NULL, size, PROT_READ, MAP_SHARED, (int)file, 0);
}

/* Binds two open files: what RingReader() and ExportSource keep of them. Both are mapped, or neither. NOTHING if its
 * writer has closed it, and no frame of it is left. */
static enum found bind_files(struct ring *r, const struct stat *meta, const struct stat *data) {
    unsigned char head[EXPORT_META_SIZE + 1];
    if (pread((int)r->meta, head, sizeof head, 0) != EXPORT_META_SIZE || !in_order(head, data)) return OTHER;
    int again = known(r, head, meta);
    if (load32(head, EXPORT_FLAGS) & FLAG_CLOSED)
        return again && memcmp(head, r->given, EXPORT_RECORD_SIZE) == 0 ? NOTHING : OTHER;
    uint64_t slot_size = load64(head, EXPORT_SLOT_SIZE), data_size = slot_size * load32(head, EXPORT_SLOT_COUNT);
    unsigned char *meta_map = map(r->meta, EXPORT_META_SIZE), *data_map = map(r->data, data_size);
    if (meta_map == MAP_FAILED || data_map == MAP_FAILED) {
        if (meta_map != MAP_FAILED) munmap(meta_map, EXPORT_META_SIZE);
        if (data_map != MAP_FAILED) munmap(data_map, data_size);
        return OTHER;
    }
    r->word = (uint64_t)(uintptr_t)(meta_map + EXPORT_WAKE);
    r->wake = load32(head, EXPORT_WAKE);
    r->mapped = (uint64_t)(uintptr_t)data_map;
    r->data_size = data_size;
    r->slot_size = slot_size;
    memcpy(r->bytes, head + EXPORT_SLOT_COUNT, RING_SIZE);
    r->data_file.device = data->st_dev, r->data_file.inode = data->st_ino;
    if (!again) { /* another export: StreamAgent.begin_export() */
        struct agent *a = &r->agent;
        r->meta_file.device = meta->st_dev, r->meta_file.inode = meta->st_ino;
        r->epoch = load64(head, EXPORT_EPOCH);
        memset(r->given, 0, sizeof r->given);
        a->session++;
        a->met = 0;
        for (struct subscription *s = first_of(a); s < first_of(a) + a->count; s++) s->dispatched = 0;
    }
    return FRAME;
}

/* FRAME if it is bound, NOTHING if there is no export. */
static enum found bind_ring(struct watch *w) {
    struct ring *r = &w->ring;
    struct stat meta_found, data_found;
    int directory = openat(AT_FDCWD, (const char *)(uintptr_t)w->directory_path, OPEN_DIRECTORY);
    if (directory < 0) return errno == ENOENT ? NOTHING : OTHER;
    int meta = open_file(directory, w->meta_name, &meta_found);
    enum found found = meta < 0 && errno == ENOENT ? NOTHING : OTHER;
    int data = meta < 0 ? -1 : open_file(directory, w->data_name, &data_found);
    close(directory);
    if (data >= 0) {
        r->meta = (uint64_t)meta, r->data = (uint64_t)data;
        found = bind_files(r, &meta_found, &data_found);
        if (found == FRAME) return FRAME;
        close(data);
    }
    if (meta >= 0) close(meta);
    return found;
}

static void let_go(struct ring *r) {
    munmap((void *)(uintptr_t)(r->word - EXPORT_WAKE), EXPORT_META_SIZE);
    munmap((void *)(uintptr_t)r->mapped, r->data_size);
    close((int)r->meta);
    close((int)r->data);
}

/* StateWriter.write_export(), unless the record has it so. */
static void tell_export(struct watch *w, uint64_t version, uint64_t told_session) {
    const struct ring *r = &w->ring;
    uint64_t state = r->agent.state;
    if (version == w->version && r->agent.session == told_session) return;
    w->version = version;
    begin_change(state);
    store32(state, STATE_EXPORT_VERSION, (uint32_t)version);
    store64(state, STATE_SESSION, r->agent.session);
    store64(state, STATE_EXPORT_INODE, version == 0 ? 0 : r->meta_file.inode);
    store64(state, STATE_EXPORT_EPOCH, version == 0 ? 0 : r->epoch);
    end_change(state);
}

/* Waits for exports and follows them until something comes that is not for here. By then all is let go of. 1 if that
 * was no more than the end of the time to wait. */
int watch(struct watch *w) {
    struct ring *r = &w->ring;
    const struct timespec wait = {(time_t)(w->look_ns / NANOSECONDS), (long)(w->look_ns % NANOSECONDS)};
    unsigned brief = 0; /* exports in a row that did not last: a writer gone wild is left to Python */
    for (uint64_t looks = 0;;) {
        unsigned char head[EXPORT_SLOT_RECORDS];
        const struct watch before = *w;
        int result;
        enum found found = bind_ring(w);
        if (found == OTHER) return 0;
        if (found == NOTHING) {
            tell_export(w, 0, before.ring.agent.session);
            if (looks++ == r->timeouts) return 1;
            if (clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL) != 0) return 0;
            continue;
        }
        uint64_t bound_ns = now_ns(CLOCK_MONOTONIC);
        if (look(r, head) == OTHER) {
            let_go(r);
            *w = before; /* nobody was told of it */
            return 0;
        }
        r->wake--; /* not what the word holds: the first wait ends at once, and what stands there is taken */
        tell_export(w, VERSION_2, before.ring.agent.session);
        enum end end = follow(r, &result);
        let_go(r);
        w->unwoken = result == UNWOKEN;
        if (end == FOR_PYTHON) return result == ETIMEDOUT;
        brief = now_ns(CLOCK_MONOTONIC) - bound_ns < w->look_ns ? brief + 1 : 0;
        if (brief > EMPTY_WAKES) return 0;
    }
}
