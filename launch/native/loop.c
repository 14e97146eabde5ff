/* AgentLoop.step() of launch/agent_loop.py, which says what a step is; and steps, one after the other. */
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

/* One step. Not static: tests take it alone. */
int agent_step(struct agent *a, struct bound *b) {
    struct frame_record record;
    int begins;
    enum found found = look(a, b, &record, &begins);
    int renamed = b->version == EXPORT_VERSION_1;
    if (found == FRAME && !may_take(a, begins, record.frame_id, record.timestamp_ns)) return HAND_OVER;
    if (begins) keep_session(a, b, renamed);
    if (begins || b->version != a->export_version) {
        int ring = b->version == EXPORT_VERSION_2;
        a->export_version = b->version;
        write_export(a, ring ? b->meta_file.inode : 0, ring ? b->ring.epoch : 0);
    }
    if (found != FRAME) return NOTHING_NEW;
    memcpy(renamed ? a->renamed_record : a->ring_record, b->record, EXPORT_RECORD_SIZE);
    take(a, record.frame_id, record.timestamp_ns);
    uint64_t observed_ns = now_ns();
    write_frame(a, observed_ns);
    if (observed_ns - b->compared_ns >= LOOP_COMPARE_NS) {
        b->compared_ns = observed_ns;
        if (!is_current(a, b)) agent_release(b);
    }
    return OBSERVED;
}

/* Steps and waits, until something is to be handed over. Nothing is open of any export then. */
void agent_run(struct agent *a) {
    struct bound b = {0};
    struct waiter w = {.watch = -1};
    for (int stepped; (stepped = agent_step(a, &b)) != HAND_OVER;) wait_for(a, &b, &w, stepped == OBSERVED);
    close_watch(&w);
    agent_release(&b);
}
