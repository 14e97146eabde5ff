/* ruth_attach(): what ruth/runtime does. The agent's record is read as ruth/runtime/watch.py reads it, a frame found as
 * ruth/export/finder.py finds it; headers with pread(2), so that a file that is cut short is a short read and no SIGBUS. */

enum {
    LIFE_SIZE = STATE_STARTED_OFFSET + 8 - STATE_PID_OFFSET, /* what tells an agent from the one before it */
    READS = 50, /* a change takes microseconds: reads that disagree for longer are of a file that no agent writes */
};

struct allowed { /* LastAllowed of ruth/agent/last_allowed.py */
    unsigned char life[LIFE_SIZE];
    uint64_t allowed, frame_id, timestamp_ns, inode, epoch;
    uint32_t version;
    int has_frame; /* whether the last one is of the present export */
};

struct ruth_stream {
    char *directory;  /* the camera's, below the export root */
    char *state_path; /* of agent.state */
    char model[STATE_ID_SIZE];
    uint64_t attached_ns;
    struct ruth_counts counts;
    /* agent.state */
    int state;
    struct stat state_file;
    unsigned char *state_page; /* for the futex wait */
    uint32_t wake;             /* of the last two reads that were made */
    int index;                 /* of the subscription, or -1 */
    int unsure;                /* whether the path may lead elsewhere by now */
    unsigned char bytes[2][STATE_STATE_SIZE];
    /* the agent met last */
    unsigned char life[LIFE_SIZE];
    uint64_t seen;
    int standing; /* whether the frame that was allowed before we came may be given */
    /* the export that is bound: version 2's two files, version 1's mapped frame */
    uint32_t version;
    int meta;
    struct ring_header ring;
    uint64_t inode;
    unsigned char *data;
    size_t data_size;
    /* the frame given last */
    int given;
    uint32_t slot;
    unsigned char record[RUTH_RECORD_SIZE];
};

static void release_export(ruth_stream *s) {
    if (s->data != NULL) munmap(s->data, s->data_size);
    s->data = NULL;
    close_file(&s->meta);
    s->version = 0;
    s->given = 0;
}

static void release_state(ruth_stream *s) {
    if (s->state_page != NULL) munmap(s->state_page, EXPORT_PAGE_SIZE);
    s->state_page = NULL;
    close_file(&s->state);
    s->index = -1;
}

static int open_state(ruth_stream *s) {
    s->state = open_regular(AT_FDCWD, s->state_path, O_RDONLY, &s->state_file);
    if (s->state < 0) return 0;
    void *page = mmap(NULL, EXPORT_PAGE_SIZE, PROT_READ, MAP_SHARED, s->state, 0);
    if (page != MAP_FAILED) s->state_page = page;
    else release_state(s);
    return s->state >= 0;
}

static int is_same_file(const char *path, const struct stat *file) {
    struct stat found;
    return lstat(path, &found) == 0 && found.st_ino == file->st_ino && found.st_dev == file->st_dev;
}

/* The first `size` bytes of the record, if two reads agree on them; or NULL. */
static const unsigned char *read_state(ruth_stream *s, size_t size) {
    for (int turn = 0; turn < READS; turn++) {
        int64_t first = ruth_pread(s->state, s->bytes[0], size, 0);
        int64_t second = ruth_pread(s->state, s->bytes[1], size, 0);
        if (first < (int64_t)STATE_HEADER_SIZE || first != second) return NULL;
        s->wake = load32(s->bytes[0], STATE_WAKE_OFFSET);
        if (memcmp(s->bytes[0], s->bytes[1], (size_t)first) == 0) {
            memset(s->bytes[0] + first, 0, size - (size_t)first); /* of a file cut short: no record there */
            return s->bytes[0];
        }
    }
    return NULL;
}

static size_t model_at(int index) {
    return STATE_HEADER_SIZE + STATE_MODEL_SIZE * (size_t)index;
}

/* find_model() of ruth/agent/last_allowed.py */
static int find_model(const ruth_stream *s, const unsigned char *bytes) {
    uint32_t count = load32(bytes, STATE_MODEL_COUNT_OFFSET);
    if (load32(bytes, STATE_VERSION_OFFSET) != STATE_STATE_VERSION || count > STATE_MODELS_MAX) return -1;
    for (int index = 0; index < (int)count; index++)
        if (memcmp(bytes + model_at(index), s->model, STATE_ID_SIZE) == 0) return index;
    return -1;
}

/* last_allowed() there; 0 if the bytes hold no whole record, or another model's subscription. */
static int last_allowed(const ruth_stream *s, const unsigned char *bytes, struct allowed *found) {
    const unsigned char *model = bytes + model_at(s->index);
    if (load32(bytes, STATE_VERSION_OFFSET) != STATE_STATE_VERSION || load64(bytes, STATE_SEQUENCE_OFFSET) % 2 != 0
        || (uint32_t)s->index >= load32(bytes, STATE_MODEL_COUNT_OFFSET) || memcmp(model, s->model, STATE_ID_SIZE) != 0)
        return 0;
    memcpy(found->life, bytes + STATE_PID_OFFSET, sizeof found->life);
    found->version = load32(bytes, STATE_EXPORT_VERSION_OFFSET);
    found->inode = load64(bytes, STATE_EXPORT_INODE_OFFSET);
    found->epoch = load64(bytes, STATE_EXPORT_EPOCH_OFFSET);
    found->allowed = load64(model, STATE_MODEL_ALLOWED_OFFSET);
    found->has_frame = found->version != 0 && found->allowed > load64(model, STATE_MODEL_EARLIER_OFFSET)
                    && load64(model, STATE_MODEL_SESSION_OFFSET) == load64(bytes, STATE_SESSION_OFFSET);
    if (found->has_frame) {
        size_t kept = STATE_MODEL_KEPT_OFFSET + (found->allowed - 1) % STATE_KEPT_FRAMES * STATE_KEPT_SIZE;
        found->frame_id = load64(model, kept);
        found->timestamp_ns = load64(model, kept + STATE_KEPT_TIMESTAMP_OFFSET);
    }
    return 1;
}

static int poll_state(ruth_stream *s, struct allowed *found) {
    if (s->unsure && s->state >= 0 && !is_same_file(s->state_path, &s->state_file)) release_state(s);
    s->unsure = 0;
    if (s->state < 0 && !open_state(s)) return 0;
    if (s->index >= 0) {
        const unsigned char *bytes = read_state(s, model_at(s->index + 1));
        if (bytes == NULL) return 0;
        if (last_allowed(s, bytes, found)) return 1;
    }
    const unsigned char *bytes = read_state(s, STATE_STATE_SIZE); /* another agent's record: its models may be others */
    s->index = bytes == NULL ? -1 : find_model(s, bytes);
    return s->index >= 0 && last_allowed(s, bytes, found);
}

/* Another agent counts again; what it allowed before this stream existed is not lost, and its last frame may be given. */
static void meet(ruth_stream *s, const struct allowed *allowed) {
    if (memcmp(s->life, allowed->life, sizeof s->life) == 0) return;
    int before = load64(allowed->life, STATE_STARTED_OFFSET - STATE_PID_OFFSET) <= s->attached_ns;
    memcpy(s->life, allowed->life, sizeof s->life);
    s->seen = before ? allowed->allowed : 0;
    s->standing = before && allowed->allowed > 0;
}

/* FrameFinder.bind_ring() and RingReader() */
static int bind_ring(ruth_stream *s, uint64_t inode, uint64_t epoch) {
    unsigned char head[EXPORT_META_SIZE_V2 + 1];
    struct stat meta_status, data_status;
    release_export(s);
    int directory = open_directory(s->directory), data = -1;
    if (directory < 0) return 0;
    s->meta = open_regular(directory, IDENTITY_META_NAME, O_RDONLY, &meta_status);
    if (s->meta >= 0 && meta_status.st_ino == inode && ruth_pread(s->meta, head, sizeof head, 0) == EXPORT_META_SIZE_V2
        && is_version_2(load32(head, EXPORT_VERSION_OFFSET)))
        data = open_regular(directory, IDENTITY_DATA_NAME, O_RDONLY, &data_status);
    close(directory);
    if (data >= 0) {
        s->ring = unpack_ring_header(head);
        const struct files files = {.data_file_size = (uint64_t)data_status.st_size, .data_file_inode = data_status.st_ino};
        void *mapped = MAP_FAILED;
        if (s->ring.epoch == epoch && is_ring(&s->ring, &files)) {
            s->data_size = (size_t)(s->ring.slot_size * s->ring.slot_count);
            mapped = mmap(NULL, s->data_size, PROT_READ, MAP_SHARED, data, 0);
        }
        close(data);
        if (mapped != MAP_FAILED) {
            s->data = mapped, s->inode = inode, s->version = EXPORT_VERSION_2;
            return 1;
        }
    }
    release_export(s);
    return 0;
}

static int read_slot(const ruth_stream *s, uint32_t slot, unsigned char *record) {
    int64_t at = EXPORT_SLOT_RECORDS_OFFSET + (int64_t)slot * EXPORT_RECORD_SIZE;
    return ruth_pread(s->meta, record, EXPORT_RECORD_SIZE, at) == EXPORT_RECORD_SIZE;
}

/* RingReader.find() */
static const unsigned char *find_in_ring(ruth_stream *s, const struct allowed *wanted, struct frame_record *record) {
    if ((s->version != EXPORT_VERSION_2 || s->inode != wanted->inode || s->ring.epoch != wanted->epoch)
        && !bind_ring(s, wanted->inode, wanted->epoch))
        return NULL;
    s->slot = (uint32_t)(wanted->frame_id % s->ring.slot_count);
    if (!read_slot(s, s->slot, s->record)) return NULL;
    *record = unpack_frame_record(s->record);
    if (record->frame_id != wanted->frame_id || record->timestamp_ns != wanted->timestamp_ns || record->sequence % 2 != 0
        || record->sequence == 0 || !is_frame_in_its_slot(record, &s->ring))
        return NULL;
    return s->data + record->data_offset;
}

/* numbers_files_in_order() of ruth/export/files.py */
static int numbers_files_in_order(int file) {
    struct utsname system;
    struct statfs status;
    unsigned major, minor;
    return uname(&system) == 0 && sscanf(system.release, "%u.%u", &major, &minor) == 2
        && (major > 5 || (major == 5 && minor >= 9)) && fstatfs(file, &status) == 0
        && (unsigned long)status.f_type == TMPFS_MAGIC;
}

/* RenameReader.find(): the header first and open until its data was compared, as docs/frame-export.md proves it. */
static const unsigned char *find_renamed(ruth_stream *s, const struct allowed *wanted, struct frame_record *record) {
    unsigned char head[EXPORT_META_SIZE_V1 + 1];
    struct stat meta_status, data_status;
    release_export(s);
    int directory = open_directory(s->directory), data = -1;
    if (directory < 0) return NULL;
    int meta = open_regular(directory, IDENTITY_META_NAME, O_RDONLY, &meta_status);
    int64_t size = meta < 0 ? -1 : ruth_pread(meta, head, sizeof head, 0);
    if (size >= EXPORT_META_SIZE_V1) {
        const struct files files = {.meta_size = (uint64_t)size};
        *record = unpack_frame_record(head);
        record->picture = record->data_offset = record->sequence = 0; /* reserved in version 1 */
        if (is_header_of_version_1(record, &files) && record->frame_id == wanted->frame_id
            && record->timestamp_ns == wanted->timestamp_ns)
            data = open_regular(directory, IDENTITY_DATA_NAME, O_RDONLY, &data_status);
    }
    if (data >= 0 && data_status.st_dev == meta_status.st_dev && (uint64_t)data_status.st_size == record->data_size
        && belongs(meta_status.st_ino, data_status.st_ino) && numbers_files_in_order(data)) {
        void *mapped = mmap(NULL, (size_t)record->data_size, PROT_READ, MAP_SHARED, data, 0);
        if (mapped != MAP_FAILED) s->data = mapped, s->data_size = (size_t)record->data_size;
    }
    close_file(&data);
    close_file(&meta);
    close(directory);
    s->version = s->data == NULL ? 0 : EXPORT_VERSION_1;
    return s->data;
}

static uint32_t said(uint64_t picture, unsigned byte, uint32_t most) {
    uint32_t value = (uint32_t)(picture >> 8 * byte) & 0xff;
    return value <= most ? value : 0; /* a number that is not known says nothing */
}

static int find_frame(ruth_stream *s, const struct allowed *wanted, struct ruth_frame *frame) {
    struct frame_record record = {0};
    const unsigned char *pixels = NULL;
    s->given = 0;
    if (!wanted->has_frame) return 0;
    if (wanted->version == EXPORT_VERSION_2) pixels = find_in_ring(s, wanted, &record);
    else if (wanted->version == EXPORT_VERSION_1) pixels = find_renamed(s, wanted, &record);
    if (pixels == NULL) return 0;
    s->given = 1;
    *frame = (struct ruth_frame){
        .y = pixels,
        .uv = pixels + record.stride * record.height,
        .frame_id = record.frame_id,
        .timestamp_ns = record.timestamp_ns,
        .width = (uint32_t)record.width,
        .height = (uint32_t)record.height,
        .stride = (uint32_t)record.stride,
        .version = wanted->version,
        .range = said(record.picture, PICTURE_RANGE_BYTE, RUTH_RANGE_FULL),
        .matrix = said(record.picture, PICTURE_MATRIX_BYTE, RUTH_MATRIX_BT2020),
        .damaged = (uint32_t)(record.picture >> 8 * PICTURE_MARKS_BYTE) & PICTURE_DAMAGED,
    };
    return 1;
}

/* One poll. 1: `frame` is the newest that was allowed, and was not given out before. */
static int poll_stream(ruth_stream *s, struct ruth_frame *frame) {
    struct allowed allowed;
    if (!poll_state(s, &allowed)) return 0;
    meet(s, &allowed);
    if (allowed.version == 0) release_export(s); /* the agent has released it: to keep it would be to keep its memory */
    int standing = s->standing, is_new = allowed.allowed > s->seen;
    if (!standing && !is_new) return 0;
    if (is_new) s->counts.dropped += allowed.allowed - s->seen - 1;
    s->seen = allowed.allowed;
    s->standing = 0;
    if (find_frame(s, &allowed, frame)) {
        s->counts.received++;
        return 1;
    }
    s->counts.lost += (uint64_t)is_new;
    return 0;
}

/* SubscriptionWatch.wait(); an errno, or 0. */
static int wait_for_state(ruth_stream *s, uint64_t timeout_ns) {
    static const uint32_t never = 0;
    int result = s->state_page == NULL ? EFAULT : ruth_wait(s->state_page + STATE_WAKE_OFFSET, s->wake, timeout_ns);
    s->unsure |= result != 0 && result != EAGAIN; /* no process wakes for a file that is gone */
    if (result != 0 && result != EAGAIN && result != ETIMEDOUT && result != EINTR)
        result = ruth_wait(&never, never, timeout_ns); /* no file, or one that is cut short: never a busy loop */
    return result;
}

ruth_stream *ruth_attach(const char *camera_id, const char *model_id, const char *export_root, const char *state_root) {
    if (!is_id(camera_id) || !is_id(model_id)) {
        errno = EINVAL;
        return NULL;
    }
    ruth_stream *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->state = s->meta = s->index = -1;
    s->attached_ns = now_ns(CLOCK_MONOTONIC);
    memcpy(s->model, model_id, strlen(model_id));
    s->directory = joined(root_of(export_root, IDENTITY_EXPORT_ROOT_VARIABLE, IDENTITY_EXPORT_ROOT_DEFAULT), camera_id);
    char *state = joined(root_of(state_root, IDENTITY_STATE_ROOT_VARIABLE, IDENTITY_STATE_ROOT_DEFAULT), camera_id);
    if (state != NULL) s->state_path = joined(state, IDENTITY_STATE_NAME);
    free(state);
    if (s->directory == NULL || s->state_path == NULL) {
        ruth_detach(s);
        errno = ENOMEM;
        return NULL;
    }
    struct allowed allowed;
    if (poll_state(s, &allowed)) meet(s, &allowed);
    return s;
}

int ruth_next_frame(ruth_stream *s, struct ruth_frame *frame, int64_t timeout_ns) {
    uint64_t started_ns = now_ns(CLOCK_MONOTONIC);
    for (;;) {
        if (poll_stream(s, frame)) return 1;
        uint64_t left_ns = POLL_NS;
        if (timeout_ns >= 0) {
            uint64_t passed_ns = now_ns(CLOCK_MONOTONIC) - started_ns;
            if (passed_ns >= (uint64_t)timeout_ns) break;
            if ((uint64_t)timeout_ns - passed_ns < left_ns) left_ns = (uint64_t)timeout_ns - passed_ns;
        }
        if (wait_for_state(s, left_ns) == EINTR) {
            errno = EINTR;
            return 0;
        }
    }
    errno = ETIMEDOUT;
    return 0;
}

/* RingReader.slot_holds(); a file of version 1 never changes once it is open. */
int ruth_frame_intact(const ruth_stream *s) {
    unsigned char now[RUTH_RECORD_SIZE];
    if (!s->given) return 0;
    if (s->version == EXPORT_VERSION_1) return 1;
    return read_slot(s, s->slot, now) && memcmp(now, s->record, sizeof now) == 0;
}

struct ruth_counts ruth_counts_of(const ruth_stream *s) {
    return s->counts;
}

void ruth_detach(ruth_stream *s) {
    if (s == NULL) return;
    release_export(s);
    release_state(s);
    free(s->directory);
    free(s->state_path);
    free(s);
}
