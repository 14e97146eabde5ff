/* AgentLoop.step() of launch/agent/loop.py, which says what a step is; and steps, one after the other. */
enum stepped {
    OBSERVED,
    NOTHING_NEW,
    HAND_OVER, /* what was found is not for here, and was left as it is */
};

/* Another session begins: of a ring, or else of renamed files. */
static void keep_session(struct agent *a, struct bound *b, int renamed) {
    begin_session(a);
    a->of_ring = !renamed;
    if (renamed || b->known) return;
    b->known = 1;
    a->device = b->meta_file.device, a->inode = b->meta_file.inode, a->epoch = b->ring.epoch;
    memset(a->ring_record, 0, sizeof a->ring_record);
}

/* AgentLoop._observe(): 0 if the frame is not for here. */
static int observe(struct agent *a, const struct frame_record *record) {
    if (!take(a, record->frame_id, record->timestamp_ns)) return 0;
    write_frame(a, now_ns());
    return 1;
}

/* Those that came since the last one, and are still in place: 0 if one of them is not for here. */
static int observe_between(struct agent *a, const struct bound *b, uint64_t newest_id) {
    struct frame_record found[EXPORT_SLOT_COUNT_MAX];
    size_t count = read_between(a, b, newest_id, found);
    for (size_t at = 0; at < count; at++)
        if (!observe(a, &found[at])) return 0;
    return 1;
}

/* One step. Not static: tests take it alone. */
int agent_step(struct agent *a, struct bound *b) {
    struct frame_record record;
    int begins;
    enum found found = read_export(a, b, &record, &begins);
    int renamed = b->version == EXPORT_VERSION_1;
    /* What begins a session is not counted before its frame may be taken. */
    if (found == FRAME && begins && !may_take(a, begins, record.frame_id, record.timestamp_ns)) return HAND_OVER;
    if (begins) keep_session(a, b, renamed);
    if (begins || b->version != a->export_version) {
        int ring = b->version == EXPORT_VERSION_2;
        a->export_version = b->version;
        write_export(a, ring ? b->meta_file.inode : 0, ring ? b->ring.epoch : 0);
    }
    if (found != FRAME) return NOTHING_NEW;
    if (!renamed && a->frames_in_session != 0 && record.frame_id - a->frame_id > 1
        && !observe_between(a, b, record.frame_id))
        return HAND_OVER;
    if (!observe(a, &record)) return HAND_OVER;
    memcpy(renamed ? a->renamed_record : a->ring_record, b->record, EXPORT_RECORD_SIZE);
    uint64_t observed_ns = now_ns();
    if (observed_ns - b->compared_ns >= LOOP_COMPARE_NS) {
        b->compared_ns = observed_ns;
        if (!is_current(a, b)) agent_release(b);
    }
    return OBSERVED;
}

/* Steps and waits, until Python has something to do. Nothing is open of any export then. */
void agent_run(struct agent *a) {
    struct bound b = {0};
    struct waiter w = {.watch = -1};
    for (int stepped; (stepped = agent_step(a, &b)) != HAND_OVER;) wait_for(a, &b, &w, stepped == OBSERVED);
    close_watch(&w);
    agent_release(&b);
}
