/* A frame is decided on, and the decision written down: StreamAgent.observe() of ruth/agent/agent.py, and
 * ruth/agent/state_writer.py. How a short form is followed: ruth/subscription/subscription.py, ShortForm.
 */
static struct subscription *first_of(const struct agent *a) {
    return (struct subscription *)(uintptr_t)a->subscriptions;
}

/* Whether a frame may be decided on here: it comes after the last one, and every short form stands for it. */
static int may_take(const struct agent *a, int begins, uint64_t frame_id, uint64_t timestamp_ns) {
    if (!begins && a->frames_in_session != 0 && frame_id <= a->frame_id) return 0;
    for (const struct subscription *s = first_of(a); s < first_of(a) + a->subscription_count; s++)
        if (timestamp_ns < s->from_ns) return 0;
    return 1;
}

static void judge(struct subscription *s, uint64_t frame_id, uint64_t timestamp_ns) {
    s->decision = timestamp_ns - s->from_ns < s->wait_ns ? s->early : s->due;
    if (s->decision != DECISION_ALLOW) {
        s->skipped++;
        return;
    }
    s->allowed++;
    s->dispatched = 1;
    s->last_frame_id = frame_id;
    s->last_timestamp_ns = timestamp_ns;
    if (s->moves) {
        s->from_ns = timestamp_ns;
        s->wait_ns = s->interval;
    }
}

/* Decides for each subscription; or does nothing, and returns 0. Not static: what a decision costs is measured with
 * this alone (tests/benchmarks). */
int take(struct agent *a, uint64_t frame_id, uint64_t timestamp_ns) {
    if (!may_take(a, 0, frame_id, timestamp_ns)) return 0;
    if (a->frames_in_session != 0) a->missed += frame_id - a->frame_id - 1;
    a->frames_in_session++;
    a->frames++;
    a->frame_id = frame_id;
    a->timestamp_ns = timestamp_ns;
    for (struct subscription *s = first_of(a); s < first_of(a) + a->subscription_count; s++)
        judge(s, frame_id, timestamp_ns);
    return 1;
}

/* Another export has begun: start_export() of agent and subscriptions. */
static void begin_session(struct agent *a) {
    a->session++;
    a->frames_in_session = 0;
    for (struct subscription *s = first_of(a); s < first_of(a) + a->subscription_count; s++) s->dispatched = 0;
}

/* Before any field of the record is changed. */
static void begin_change(uint64_t state) {
    mark_changing(state, own64(state, STATE_SEQUENCE_OFFSET) + 1);
}

/* After the last one; all who watch the record are woken: Notice.wake() of launch/agent/notice.py. */
static void end_change(const struct agent *a) {
    static const unsigned char nothing[NOTICE_NOTICE_SIZE];
    mark_whole(a->state);
    syscall(SYS_futex, SHARED32(a->state, STATE_WAKE_OFFSET), FUTEX_WAKE, ALL_WAITERS, NULL, NULL, 0);
    if (pwrite((int)a->state_file, nothing, NOTICE_NOTICE_SIZE, STATE_NOTIFY_OFFSET) < 0) return; /* looked for by time */
}

/* StateWriter._write_rhythm(), by when the frame before this one was observed. */
static void write_rhythm(const struct agent *a, uint64_t observed_ns) {
    uint64_t before_ns = own64(a->state, STATE_OBSERVED_OFFSET), longest_ns = own64(a->state, STATE_GAP_OFFSET);
    uint64_t gap_ns = before_ns != 0 && observed_ns > before_ns ? observed_ns - before_ns : 0;
    if (begins_arrival(a->frames, gap_ns))
        store64(a->state, STATE_ARRIVALS_OFFSET, own64(a->state, STATE_ARRIVALS_OFFSET) + 1);
    if (begins_window(a->frames)) store64(a->state, STATE_GAP_BEFORE_OFFSET, longest_ns);
    if (begins_window(a->frames) || gap_ns > longest_ns) store64(a->state, STATE_GAP_OFFSET, gap_ns);
}

/* What StateWriter.write_frame() writes of a model that was allowed the frame. */
static void write_allowed(const struct agent *a, const struct subscription *s, uint64_t model) {
    uint64_t kept = model + STATE_MODEL_KEPT_OFFSET + (s->allowed - 1) % STATE_KEPT_FRAMES * STATE_KEPT_SIZE;
    store64(model, STATE_MODEL_ALLOWED_OFFSET, s->allowed);
    store64(model, STATE_MODEL_FRAME_ID_OFFSET, a->frame_id);
    store64(model, STATE_MODEL_TIMESTAMP_OFFSET, a->timestamp_ns);
    if (own64(model, STATE_MODEL_SESSION_OFFSET) != a->session) {
        store64(model, STATE_MODEL_SESSION_OFFSET, a->session);
        store64(model, STATE_MODEL_EARLIER_OFFSET, s->allowed - 1);
    }
    store64(kept, 0, a->frame_id);
    store64(kept, STATE_KEPT_TIMESTAMP_OFFSET, a->timestamp_ns);
}

/* StateWriter.write_frame(), of the frame last taken. */
static void write_frame(const struct agent *a, uint64_t observed_ns) {
    uint64_t state = a->state, model = state + STATE_HEADER_SIZE;
    begin_change(state);
    store64(state, STATE_FRAME_ID_OFFSET, a->frame_id);
    store64(state, STATE_TIMESTAMP_OFFSET, a->timestamp_ns);
    store64(state, STATE_FRAMES_OFFSET, a->frames);
    store64(state, STATE_MISSED_OFFSET, a->missed);
    write_rhythm(a, observed_ns);
    store64(state, STATE_OBSERVED_OFFSET, observed_ns);
    if (a->frames_in_session == 1) {
        store64(state, STATE_FIRST_FRAME_ID_OFFSET, a->frame_id);
        store64(state, STATE_FIRST_TIMESTAMP_OFFSET, a->timestamp_ns);
    }
    for (const struct subscription *s = first_of(a); s < first_of(a) + a->subscription_count; s++, model += STATE_MODEL_SIZE) {
        store32(model, STATE_MODEL_DECISION_OFFSET, (uint32_t)s->decision);
        if (s->decision == DECISION_ALLOW)
            write_allowed(a, s, model);
        else
            store64(model, STATE_MODEL_SKIPPED_OFFSET, s->skipped);
    }
    end_change(a);
}

/* StateWriter.write_export() */
static void write_export(const struct agent *a, uint64_t inode, uint64_t epoch) {
    begin_change(a->state);
    store32(a->state, STATE_EXPORT_VERSION_OFFSET, (uint32_t)a->export_version);
    store64(a->state, STATE_SESSION_OFFSET, a->session);
    store64(a->state, STATE_EXPORT_INODE_OFFSET, inode);
    store64(a->state, STATE_EXPORT_EPOCH_OFFSET, epoch);
    end_change(a);
}
