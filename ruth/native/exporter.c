/* ruth_open_exporter(): what ruth/vas does. Files are made as ruth/vas/files.py makes them, frames published by ring.c. */

struct ruth_exporter {
    int directory; /* locked as long as it is open */
    unsigned char *meta, *data;
    size_t data_size; /* of the whole ring */
    uint64_t meta_inode, data_inode, slot_size, frame_size, frame_id;
    uint32_t width, height, stride, slot_count, picture;
    int begun;
};

/* export_enabled() of ruth/vas/flag.py */
static int is_enabled(void) {
    static const char *const on_values[] = {FLAG_ON_VALUES};
    const char *value = getenv(FLAG_FLAG);
    for (size_t at = 0; value != NULL && at < sizeof on_values / sizeof *on_values; at++)
        if (strcasecmp(value, on_values[at]) == 0) return 1;
    return 0;
}

/* A directory that is missing is made, with those above it; what exists is left as it is. */
static int make_directory(char *path) {
    if (mkdir(path, FILES_DIRECTORY_MODE) != 0) {
        if (errno == EEXIST) return 0;
        char *above = strrchr(path, '/');
        if (errno != ENOENT || above == NULL || above == path) return -1;
        *above = '\0';
        int made = make_directory(path);
        *above = '/';
        if (made != 0 || (mkdir(path, FILES_DIRECTORY_MODE) != 0 && errno != EEXIST)) return -1;
    }
    int directory = open_directory(path); /* by descriptor: a link planted since then is not followed */
    if (directory < 0) return -1;
    int changed = fchmod(directory, FILES_DIRECTORY_MODE); /* whatever the umask is */
    close(directory);
    return changed;
}

static const char *lock(ruth_exporter *e, const char *path) {
    struct stat here, there;
    if (flock(e->directory, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? "another writer exports this camera already" : strerror(errno);
    if (fstat(e->directory, &here) != 0 || lstat(path, &there) != 0 || here.st_ino != there.st_ino
        || here.st_dev != there.st_dev)
        return "the folder was replaced just now";
    return NULL;
}

/* Memory for a whole file, or an error number: a signal that interrupts is no reason to export nothing. */
static int reserve(int file, uint64_t size) {
    int problem;
    do problem = posix_fallocate(file, 0, (off_t)size);
    while (problem == EINTR);
    return problem;
}

/* A new file under another name, its memory reserved: without that a full tmpfs is a SIGBUS later on. Or -1. */
static int new_file(int directory, const char *name, uint64_t size) {
    unlinkat(directory, name, 0); /* what a killed writer may have left */
    int file = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILES_FILE_MODE);
    if (file < 0) return -1;
    int problem = fchmod(file, FILES_FILE_MODE) != 0 ? errno : reserve(file, size);
    if (problem == 0) return file;
    unlinkat(directory, name, 0);
    close(file);
    errno = problem;
    return -1;
}

static uint64_t word_of(int file, uint32_t offset, size_t size) {
    uint64_t value = 0;
    return pread(file, &value, size, (off_t)offset) == (ssize_t)size ? value : 0;
}

/* Of a dead writer's frame.meta the memory may not be reserved: pwrite(2), not through a mapping. */
static void put_word(int file, uint32_t offset, size_t size, uint64_t value) {
    if (pwrite(file, &value, size, (off_t)offset) < 0) return; /* a courtesy to readers */
}

/* retire() of ruth/vas/files.py: readers of a replaced frame.meta look at once. Closes it. */
static void retire(int meta) {
    struct stat status;
    if (fstat(meta, &status) == 0 && S_ISREG(status.st_mode) && status.st_size >= EXPORT_META_SIZE_V2
        && is_version_2(word_of(meta, EXPORT_VERSION_OFFSET, 4))) {
        put_word(meta, EXPORT_FLAGS_OFFSET, 4, word_of(meta, EXPORT_FLAGS_OFFSET, 4) | EXPORT_FLAG_CLOSED);
        ruth_fence_release();
        put_word(meta, EXPORT_WAKE_OFFSET, 4, (word_of(meta, EXPORT_WAKE_OFFSET, 4) + 1) & 0xffffffff);
        unsigned char *page = mmap(NULL, EXPORT_META_SIZE_V2, PROT_READ | PROT_WRITE, MAP_SHARED, meta, 0);
        if (page != MAP_FAILED) {
            ruth_wake(page + EXPORT_WAKE_OFFSET);
            munmap(page, EXPORT_META_SIZE_V2);
        }
    }
    close(meta);
}

static int is_own(const struct stat *file) {
    return S_ISREG(file->st_mode) && file->st_uid == geteuid() && file->st_nlink == 1;
}

/* adopt_data() there: where memory for a second frame.data is lacking, the dead writer's is used, once no reader
 * can take a frame of the old ring for one any more. Its descriptor, or -1. */
static int adopt_data(int directory, uint64_t size) {
    struct stat meta_status, data_status;
    int meta = open_regular(directory, IDENTITY_META_NAME, O_RDWR, &meta_status);
    int data = meta < 0 ? -1 : open_regular(directory, IDENTITY_DATA_NAME, O_RDWR, &data_status);
    if (data >= 0 && is_own(&meta_status) && is_own(&data_status) && meta_status.st_size == EXPORT_META_SIZE_V2
        && is_version_2(word_of(meta, EXPORT_VERSION_OFFSET, 4))
        && word_of(meta, EXPORT_DATA_INODE_OFFSET, 8) == data_status.st_ino) {
        for (uint32_t slot = 0; slot < EXPORT_SLOT_COUNT_MAX; slot++) {
            uint32_t at = EXPORT_SLOT_RECORDS_OFFSET + slot * EXPORT_RECORD_SIZE + EXPORT_SEQUENCE_OFFSET;
            put_word(meta, at, 8, word_of(meta, at, 8) | 1);
        }
        ruth_fence_release();
        retire(meta);
        int problem = fchmod(data, FILES_FILE_MODE) != 0 ? errno : reserve(data, size);
        if (problem == 0) return data;
        close(data);
        errno = problem;
        return -1;
    }
    close_file(&data);
    close_file(&meta);
    errno = ENOSPC;
    return -1;
}

static void describe(const ruth_exporter *e, unsigned char *bytes, uint64_t data_offset) {
    const struct ruth_record record = {
        .version = EXPORT_VERSION_2,
        .picture = e->picture,
        .width = e->width,
        .height = e->height,
        .pixel_format = EXPORT_PIXEL_FORMAT_NV12,
        .stride = e->stride,
        .data_size = e->frame_size,
        .data_offset = data_offset,
    };
    memcpy(bytes, &record, sizeof record);
}

/* While no reader can see it yet. */
static void fill_meta(const ruth_exporter *e, uint64_t data_inode) {
    const struct ruth_ring ring = {
        .slot_count = e->slot_count,
        .slot_size = e->slot_size,
        .data_inode = data_inode,
        .epoch = now_ns(CLOCK_BOOTTIME),
        .flags = EXPORT_FLAG_WAKES,
    };
    describe(e, e->meta, 0);
    memcpy(e->meta + EXPORT_WAKE_OFFSET, &ring, sizeof ring);
    for (uint32_t slot = 0; slot < e->slot_count; slot++)
        describe(e, e->meta + EXPORT_SLOT_RECORDS_OFFSET + slot * EXPORT_RECORD_SIZE, slot * e->slot_size);
}

#define NEW_DATA IDENTITY_DATA_NAME ".tmp"
#define NEW_META IDENTITY_META_NAME ".tmp"

static uint64_t map_file(int file, size_t size, unsigned char **mapped) {
    struct stat status = {0};
    void *memory = fstat(file, &status) != 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    *mapped = memory == MAP_FAILED ? NULL : memory;
    return status.st_ino;
}

/* 0, or -1 with errno, and no new file is left behind. */
static int make_files(ruth_exporter *e) {
    int taken_over = 0, data = new_file(e->directory, NEW_DATA, e->data_size);
    if (data < 0 && errno == ENOSPC) {
        data = adopt_data(e->directory, e->data_size);
        taken_over = data >= 0;
    }
    if (data < 0) return -1;
    e->data_inode = map_file(data, e->data_size, &e->data);
    close(data);
    int meta = e->data == NULL ? -1 : new_file(e->directory, NEW_META, EXPORT_META_SIZE_V2);
    if (meta >= 0) {
        e->meta_inode = map_file(meta, EXPORT_META_SIZE_V2, &e->meta);
        close(meta);
    }
    struct stat old_status;
    int old = open_regular(e->directory, IDENTITY_META_NAME, O_RDWR, &old_status);
    if (e->meta != NULL) {
        fill_meta(e, e->data_inode);
        /* Data first: a process that finds the new header finds its pixels. The old header beside the new data is refused by
         * its data_inode. */
        if ((taken_over || renameat(e->directory, NEW_DATA, e->directory, IDENTITY_DATA_NAME) == 0)
            && renameat(e->directory, NEW_META, e->directory, IDENTITY_META_NAME) == 0) {
            if (old >= 0) retire(old);
            return 0;
        }
    }
    int problem = errno;
    close_file(&old);
    unlinkat(e->directory, NEW_DATA, 0);
    unlinkat(e->directory, NEW_META, 0);
    errno = problem;
    return -1;
}

/* 0 if a frame and a ring of that form are not valid. */
static int take_format(ruth_exporter *e, const struct ruth_format *format) {
    e->width = format->width, e->height = format->height;
    e->stride = format->stride != 0 ? format->stride : format->width;
    e->slot_count = format->slot_count != 0 ? format->slot_count : EXPORT_SLOT_COUNT_DEFAULT;
    wide size = nv12_size(e->stride, e->height);
    if (size > EXPORT_RING_SIZE_MAX || format->range > RUTH_RANGE_FULL || format->matrix > RUTH_MATRIX_BT2020) return 0;
    e->picture = format->range << 8 * PICTURE_RANGE_BYTE | format->matrix << 8 * PICTURE_MATRIX_BYTE;
    e->frame_size = (uint64_t)size;
    e->slot_size = (e->frame_size + EXPORT_PAGE_SIZE - 1) / EXPORT_PAGE_SIZE * EXPORT_PAGE_SIZE;
    e->data_size = (size_t)(e->slot_size * e->slot_count);
    const struct frame_record record = {
        .width = e->width,
        .height = e->height,
        .pixel_format = EXPORT_PIXEL_FORMAT_NV12,
        .stride = e->stride,
        .data_size = e->frame_size,
    };
    const struct ring_header ring = {.slot_count = e->slot_count, .slot_size = e->slot_size};
    return is_geometry(&record) && is_ring_shape(&ring);
}

static void release_exporter(ruth_exporter *e) {
    if (e->meta != NULL) munmap(e->meta, EXPORT_META_SIZE_V2);
    if (e->data != NULL) munmap(e->data, e->data_size);
    close_file(&e->directory);
    free(e);
}

static const char *open_files(ruth_exporter *e, char *path) {
    if (make_directory(path) != 0) return strerror(errno);
    e->directory = open_directory(path);
    if (e->directory < 0) return strerror(errno);
    const char *problem = lock(e, path);
    if (problem != NULL) return problem;
    return make_files(e) == 0 ? NULL : strerror(errno);
}

ruth_exporter *ruth_open_exporter(const char *camera_id, const struct ruth_format *format, const char *export_root,
                                  char *problem, size_t problem_size) {
    char none;
    if (problem == NULL || problem_size == 0) problem = &none, problem_size = sizeof none;
    problem[0] = '\0';
    if (!is_enabled()) return NULL;
    if (!is_id(camera_id)) {
        snprintf(problem, problem_size, "camera id: " IDENTITY_ID_ALLOWED);
        return NULL;
    }
    ruth_exporter *e = calloc(1, sizeof *e);
    char *path = joined(root_of(export_root, IDENTITY_EXPORT_ROOT_VARIABLE, IDENTITY_EXPORT_ROOT_DEFAULT), camera_id);
    const char *found = strerror(ENOMEM);
    if (e != NULL) e->directory = -1;
    if (e != NULL && path != NULL) {
        if (take_format(e, format)) found = open_files(e, path);
        else found = "width and height even and above 0, stride at least width, 2 to 62 slots, the ring at most 4 GiB";
    }
    if (found != NULL) {
        snprintf(problem, problem_size, "%s: %s", path == NULL ? camera_id : path, found);
        if (e != NULL) release_exporter(e);
        e = NULL;
    }
    free(path);
    return e;
}

static uint32_t slot_of(const ruth_exporter *e) {
    return (uint32_t)(e->frame_id % e->slot_count);
}

uint8_t *ruth_begin_frame(ruth_exporter *e) {
    if (e == NULL) return NULL;
    e->begun = 1;
    ruth_ring_begin(e->meta, slot_of(e));
    return e->data + slot_of(e) * e->slot_size;
}

int ruth_commit_frame(ruth_exporter *e, uint64_t timestamp_ns, int damaged) {
    if (e == NULL || !e->begun) return 0;
    uint32_t marks = damaged ? (uint32_t)PICTURE_DAMAGED << 8 * PICTURE_MARKS_BYTE : 0;
    ruth_ring_commit(e->meta, slot_of(e), e->frame_id, timestamp_ns, e->picture | marks);
    e->begun = 0;
    e->frame_id++;
    return 1;
}

static void copy_rows(uint8_t *to, size_t to_stride, const uint8_t *from, size_t from_stride, size_t width, size_t rows) {
    if (from_stride == to_stride && to_stride == width) {
        memcpy(to, from, width * rows);
        return;
    }
    for (; rows > 0; rows--, to += to_stride, from += from_stride) memcpy(to, from, width);
}

int ruth_publish(ruth_exporter *e, const uint8_t *y, size_t y_stride, const uint8_t *uv, size_t uv_stride,
                 uint64_t timestamp_ns, int damaged) {
    uint8_t *buffer = ruth_begin_frame(e);
    if (buffer == NULL) return 0;
    copy_rows(buffer, e->stride, y, y_stride, e->width, e->height);
    copy_rows(buffer + (size_t)e->stride * e->height, e->stride, uv, uv_stride, e->width, e->height / 2);
    return ruth_commit_frame(e, timestamp_ns, damaged);
}

/* A successor's file is not ours to remove. */
static void remove_own(const ruth_exporter *e, const char *name, uint64_t inode) {
    struct stat status;
    if (fstatat(e->directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_ino == inode)
        unlinkat(e->directory, name, 0);
}

void ruth_close_exporter(ruth_exporter *e) {
    if (e == NULL) return;
    ruth_ring_close(e->meta);
    remove_own(e, IDENTITY_META_NAME, e->meta_inode);
    remove_own(e, IDENTITY_DATA_NAME, e->data_inode);
    ruth_wake(e->meta + EXPORT_WAKE_OFFSET); /* after the removal: who polls again must not find the files */
    release_exporter(e);
}
