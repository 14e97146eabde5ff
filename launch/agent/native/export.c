/* One read of whatever is in place at the camera's path: ruth/export/source.py, and beside it ring_reader.py and
 * rename_reader.py, where each order of calls has its reason. What is valid: ruth/export/validity.py, compiled.
 */
struct file_id {
    uint64_t device, inode;
};

/* What is open of an export. Python knows nothing of it: it is closed before Python looks. Zeros: nothing is. */
struct bound {
    uint64_t version; /* 0: nothing is open */
    uint64_t bindings;
    uint64_t compared_ns;                 /* when the path was last compared while frames came */
    unsigned char record[EXPORT_RECORD_SIZE]; /* of the frame that was found */
    /* version 2 */
    int meta, data;
    int known; /* whether it is the ring bound before, of which agent.ring_record is the frame last taken */
    uint32_t wake;
    struct ring_header ring;
    struct file_id meta_file, data_file;
    unsigned char *meta_map, *data_map;
    uint64_t data_size;
    /* version 1 */
    int directory;
    struct file_id directory_file;
    struct stat data_status; /* of frame.data, if it was announced since the last poll */
    int data_came;
    int readable; /* whether a frame.data of this mode, owner and group was opened */
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

const size_t bound_size = sizeof(struct bound);

enum found {
    FRAME,
    NOTHING, /* the frame last taken, or one that is being changed at this moment */
    ABSENT,  /* nothing that may be read */
};

static struct file_id id_of(const struct stat *status) {
    return (struct file_id){status->st_dev, status->st_ino};
}

/* is_same_file() of ruth/export/files.py */
static int is_same_file(uint64_t path, struct file_id file) {
    struct stat found;
    return fstatat(AT_FDCWD, text_at(path), &found, AT_SYMLINK_NOFOLLOW) == 0 && found.st_ino == file.inode
        && found.st_dev == file.device;
}

/* A regular file's descriptor, or -1: open_export_file() of ruth/export/files.py. */
static int open_file(int directory, uint64_t name, struct stat *found) {
    int file = openat(directory, text_at(name), FILES_OPEN_FILE);
    if (file < 0 || (fstat(file, found) == 0 && S_ISREG(found->st_mode))) return file;
    close(file);
    return -1;
}

/* ExportSource.close(). Not static: tests step an agent, and release it. */
void agent_release(struct bound *b) {
    if (b->version == EXPORT_VERSION_2) {
        munmap(b->meta_map, EXPORT_META_SIZE_V2);
        munmap(b->data_map, b->data_size);
        close(b->meta);
        close(b->data);
    } else if (b->version == EXPORT_VERSION_1) {
        close(b->directory);
    }
    b->version = 0;
}

/* Whether what is bound is still in place. */
static int is_current(const struct agent *a, const struct bound *b) {
    if (b->version == EXPORT_VERSION_1) return is_same_file(a->directory_path, b->directory_file);
    return is_same_file(a->meta_path, b->meta_file) && is_same_file(a->data_path, b->data_file);
}

/* RingReader.read() */
static enum found read_ring(const struct agent *a, struct bound *b, struct frame_record *record) {
    unsigned char first[EXPORT_SLOT_COUNT_OFFSET - EXPORT_SEQUENCE_OFFSET], header[EXPORT_SLOT_RECORDS_OFFSET], again[8];
    if (pread_in_order(b->meta, first, sizeof first, EXPORT_SEQUENCE_OFFSET) != (ssize_t)sizeof first) return ABSENT;
    if (pread_in_order(b->meta, header, sizeof header, 0) != (ssize_t)sizeof header) return ABSENT;
    if (pread_in_order(b->meta, again, sizeof again, EXPORT_SEQUENCE_OFFSET) != (ssize_t)sizeof again) return ABSENT;
    off_t meta_size = lseek(b->meta, 0, SEEK_END), data_size = lseek(b->data, 0, SEEK_END);
    if (meta_size < EXPORT_META_SIZE_V2 || data_size < 0 || (uint64_t)data_size < b->data_size) return ABSENT;
    if (memcmp(first, again, sizeof again) != 0) return NOTHING;
    b->wake = load32(first, EXPORT_WAKE_OFFSET - EXPORT_SEQUENCE_OFFSET);
    *record = unpack_frame_record(header);
    if (record->sequence & 1) return NOTHING;
    struct ring_header ring = unpack_ring_header(header);
    if (!is_same_ring(&ring, &b->ring)) return ABSENT;
    if (record->sequence == 0 || (b->known && memcmp(header, a->ring_record, EXPORT_RECORD_SIZE) == 0))
        return ring.flags & EXPORT_FLAG_CLOSED ? ABSENT : NOTHING;
    if (!is_frame_of_version_2(record, &b->ring)) return ABSENT;
    memcpy(b->record, header, EXPORT_RECORD_SIZE);
    return FRAME;
}

/* RingReader.between(): how many frames there are between the last one and the newest. */
static size_t read_between(const struct agent *a, const struct bound *b, uint64_t newest_id,
                           struct frame_record found[EXPORT_SLOT_COUNT_MAX]) {
    unsigned char bytes[3 * EXPORT_META_SIZE_V2];
    uint64_t slots = b->ring.slot_count;
    size_t size = EXPORT_SLOT_RECORDS_OFFSET + slots * EXPORT_RECORD_SIZE, count = 0;
    /* Side by side: each page that is written to is one of this agent's own. */
    unsigned char *before = bytes, *fields = before + size, *again = fields + size;
    if (pread_in_order(b->meta, before, size, 0) != (ssize_t)size || pread_in_order(b->meta, fields, size, 0) != (ssize_t)size
        || pread_in_order(b->meta, again, size, 0) != (ssize_t)size || unpack_ring_header(again).epoch != b->ring.epoch)
        return 0;
    uint64_t first = newest_id < slots ? 0 : newest_id - slots + 1;
    for (uint64_t id = first > a->frame_id ? first : a->frame_id + 1; id < newest_id; id++) {
        size_t at = EXPORT_SLOT_RECORDS_OFFSET + id % slots * EXPORT_RECORD_SIZE;
        struct frame_record record = unpack_frame_record(fields + at);
        if (record.sequence == load64(before + at, EXPORT_SEQUENCE_OFFSET)
            && record.sequence == load64(again + at, EXPORT_SEQUENCE_OFFSET) && record.sequence % 2 == 0
            && record.sequence != 0 && record.frame_id == id && is_frame_in_its_slot(&record, &b->ring))
            found[count++] = record;
    }
    return count;
}

/* RingReader() and ExportSource._bind_ring(). Takes over frame.meta. */
static enum found bind_ring(const struct agent *a, struct bound *b, int directory, int meta, const struct stat *meta_status,
                            const unsigned char *header, ssize_t size, struct frame_record *record, int *begins) {
    struct stat status;
    int data = size == EXPORT_META_SIZE_V2 ? open_file(directory, a->data_name, &status) : -1;
    unsigned char *meta_map = MAP_FAILED, *data_map = MAP_FAILED;
    struct ring_header ring = {0};
    uint64_t data_size = 0;
    if (data >= 0) {
        ring = unpack_ring_header(header);
        const struct files files = {.data_file_size = (uint64_t)status.st_size, .data_file_inode = status.st_ino};
        if (is_ring(&ring, &files)) {
            data_size = ring.slot_size * ring.slot_count;
            meta_map = mmap(NULL, EXPORT_META_SIZE_V2, PROT_READ, MAP_SHARED, meta, 0);
            data_map = mmap(NULL, data_size, PROT_READ, MAP_SHARED, data, 0);
        }
    }
    if (meta_map == MAP_FAILED || data_map == MAP_FAILED) {
        if (meta_map != MAP_FAILED) munmap(meta_map, EXPORT_META_SIZE_V2);
        if (data_map != MAP_FAILED) munmap(data_map, data_size);
        if (data >= 0) close(data);
        close(meta);
        return ABSENT;
    }
    b->version = EXPORT_VERSION_2;
    b->bindings++;
    b->meta = meta, b->data = data;
    b->meta_map = meta_map, b->data_map = data_map, b->data_size = data_size;
    b->ring = ring, b->wake = (uint32_t)ring.wake;
    b->meta_file = id_of(meta_status), b->data_file = id_of(&status);
    b->known = b->meta_file.device == a->device && b->meta_file.inode == a->inode && ring.epoch == a->epoch;
    *begins = !b->known || !a->of_ring;
    enum found found = read_ring(a, b, record);
    if (found == ABSENT) agent_release(b);
    return found;
}

/* What a poll asks of frame.data besides: asked by the poll, or as soon as that was put in place (wait.c). */
static int take_data_status(const struct agent *a, struct bound *b) {
    return b->data_came = fstatat(b->directory, text_at(a->data_name), &b->data_status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* RenameReader.read() */
static enum found read_renamed(const struct agent *a, struct bound *b, struct frame_record *record, int *begins) {
    unsigned char header[EXPORT_META_SIZE_V1 + 1];
    struct stat data;
    int meta = openat(b->directory, text_at(a->meta_name), FILES_OPEN_FILE);
    if (meta < 0) return ABSENT;
    ssize_t size = pread_in_order(meta, header, sizeof header, 0);
    close(meta);
    if (size < 0 || !(b->data_came || take_data_status(a, b))) return ABSENT;
    data = b->data_status, b->data_came = 0;
    if (!b->readable || data.st_mode != b->mode || data.st_uid != b->uid || data.st_gid != b->gid) {
        int file = open_file(b->directory, a->data_name, &data);
        if (file < 0) return ABSENT;
        close(file);
        b->readable = 1, b->mode = data.st_mode, b->uid = data.st_uid, b->gid = data.st_gid;
    }
    if (size != EXPORT_META_SIZE_V1) return ABSENT;
    *record = unpack_frame_record(header);
    const struct files files = {.meta_size = (uint64_t)size, .data_file_size = (uint64_t)data.st_size};
    if (!is_frame_of_version_1(record, &files))
        return is_header_of_version_1(record, &files) ? NOTHING : ABSENT;
    /* Bytes that version 1 reserves mean nothing. */
    memset(header + EXPORT_VERSION_OFFSET + 4, 0, EXPORT_FRAME_ID_OFFSET - EXPORT_VERSION_OFFSET - 4);
    memset(header + EXPORT_DATA_OFFSET_OFFSET, 0, EXPORT_RECORD_SIZE - EXPORT_DATA_OFFSET_OFFSET);
    if (memcmp(header, a->renamed_record, EXPORT_RECORD_SIZE) == 0) return NOTHING;
    const struct frame_record last = unpack_frame_record(a->renamed_record);
    *begins = a->of_ring || !is_version_1(last.version) || begins_session(record->frame_id, last.frame_id);
    memcpy(b->record, header, EXPORT_RECORD_SIZE);
    return FRAME;
}

/* RenameReader.bind() and ExportSource._bind_renamed(). Takes over the directory. */
static enum found bind_renamed(const struct agent *a, struct bound *b, int directory, struct frame_record *record,
                               int *begins) {
    struct stat status;
    if (fstat(directory, &status) != 0) {
        close(directory);
        return ABSENT;
    }
    b->version = EXPORT_VERSION_1;
    b->bindings++;
    b->directory = directory;
    b->directory_file = id_of(&status);
    b->readable = b->data_came = 0;
    enum found found = read_renamed(a, b, record, begins);
    if (found == ABSENT) agent_release(b);
    return found;
}

/* ExportSource._bind() */
static enum found bind_export(const struct agent *a, struct bound *b, struct frame_record *record, int *begins) {
    unsigned char header[EXPORT_META_SIZE_V2 + 1];
    struct stat status;
    enum found found = ABSENT;
    int directory = openat(AT_FDCWD, text_at(a->directory_path), FILES_OPEN_DIRECTORY);
    if (directory < 0) return ABSENT;
    int meta = open_file(directory, a->meta_name, &status);
    if (meta >= 0) {
        ssize_t size = pread_in_order(meta, header, sizeof header, 0);
        uint64_t version = size >= 4 ? load32(header, EXPORT_VERSION_OFFSET) : 0;
        if (is_version_2(version)) {
            found = bind_ring(a, b, directory, meta, &status, header, size, record, begins);
        } else {
            close(meta);
            if (is_version_1(version)) return bind_renamed(a, b, directory, record, begins);
        }
    }
    close(directory);
    return found;
}

/* ExportSource.try_read(); *begins says whether what was found is of another session. Nothing of the agent is
 * changed. */
static enum found read_export(const struct agent *a, struct bound *b, struct frame_record *record, int *begins) {
    *begins = 0;
    if (b->version != 0) {
        enum found found = b->version == EXPORT_VERSION_2 ? read_ring(a, b, record) : read_renamed(a, b, record, begins);
        if (found == FRAME || (found == NOTHING && is_current(a, b))) return found;
        agent_release(b);
        *begins = 0;
    }
    return bind_export(a, b, record, begins);
}
