/* Forks a process for one camera, which becomes its agent without touching an object of Python. Each object touched is
 * a page copied, since each use of one writes its reference count: some 300 pages and a millisecond an agent.
 *
 * The same as launch/launcher/child.py and AgentProcess.run() do in Python, in the same order; the reasons are there. What
 * takes rights away is not written down twice: launch/agent/confine prepares a list of system calls for either.
 */
static void copy(uint64_t to, uint64_t from, uint64_t size) {
    if (size != 0) memcpy((void *)(uintptr_t)to, (const void *)(uintptr_t)from, size);
}

static struct agent *agent_of(const struct start *s) {
    return (struct agent *)(uintptr_t)s->agent;
}

/* As os.closerange(): from the first, but not the standard ones, up to the end. */
static void close_range_of(int first, int end) {
    if (first < 3) first = 3;
#ifdef SYS_close_range /* Linux 5.9 */
    if (first >= end || syscall(SYS_close_range, first, end - 1, 0) == 0) return;
#endif
    for (int one = first; one < end; one++) close(one);
}

/* AgentForker._leave_descriptors() */
static int leave_descriptors(const struct start *s) {
    int state = (int)s->state, ruleset = (int)s->ruleset, last = NOTICE_STATE_DESCRIPTOR;
    for (int standard = 0; standard < 3; standard++)
        if (dup2((int)s->null, standard) < 0) return 0;
    if (state != last && dup2(state, last) < 0) return 0;
    agent_of(s)->state_file = last;
    close_range_of(last + 1, ruleset);
    close_range_of((ruleset > last ? ruleset : last) + 1, (int)s->descriptors_end);
    return 1;
}

/* own_start_ticks() of ruth/agent/proc_stat.py; 0 if it cannot be told. */
static uint64_t own_start_ticks(void) {
    char content[STAT_STAT_BYTES_MAX + 1];
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(file, content, sizeof content - 1);
    close(file);
    if (size <= 0) return 0;
    content[size] = 0;
    const char *at = strrchr(content, ')'); /* the end of field 2, which may hold anything */
    for (int field = 3; at != NULL && field <= STAT_START_TICKS; field++) at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

/* StateWriter.initialise() */
static int begin_record(const struct start *s) {
    struct agent *a = agent_of(s);
    uint64_t start_ticks = own_start_ticks();
    int flags = MAP_SHARED | (end_record != 0 ? MAP_FIXED : 0); /* reserve_record() */
    unsigned char *mapped = mmap((void *)(uintptr_t)end_record, STATE_STATE_SIZE, PROT_READ | PROT_WRITE, flags, (int)a->state_file, 0);
    if (mapped == MAP_FAILED || start_ticks == 0) return 0;
    uint64_t state = a->state = (uint64_t)(uintptr_t)mapped;
    mark_changing(state, own64(state, STATE_SEQUENCE_OFFSET) % WRITER_SEQUENCE_LIMIT | 1);
    store32(state, STATE_VERSION_OFFSET, 0);
    store32(state, STATE_MODEL_COUNT_OFFSET, (uint32_t)a->subscription_count);
    store32(state, STATE_EXPORT_VERSION_OFFSET, 0);
    copy(state + STATE_PID_OFFSET, s->record, s->record_size);
    store64(state, STATE_PID_OFFSET, (uint64_t)getpid());
    store64(state, STATE_START_TICKS_OFFSET, start_ticks);
    store64(state, STATE_STARTED_OFFSET, now_ns());
    store64(state, STATE_LAUNCHER_PID_OFFSET, s->launcher_pid);
    store32(state, STATE_VERSION_OFFSET, STATE_STATE_VERSION);
    end_change(a);
    return 1;
}

/* Prepared.apply() of launch/agent/confine */
static int confine(const struct start *s) {
    const struct agent *a = agent_of(s);
    uint64_t state = a->state;
    copy(s->path_to, s->path, s->path_size);
    const struct call *first = (const struct call *)(uintptr_t)s->calls;
    for (const struct call *c = first; c < first + s->call_count; c++)
        if (syscall((long)c->number, c->first, c->second, c->third, c->fourth, c->fifth, c->sixth) < 0) return 0;
    if (s->ruleset >= 0) close((int)s->ruleset);
    begin_change(state);
    store64(state, STATE_CONFINEMENT_OFFSET, s->measures);
    end_change(a);
    return 1;
}

static int become(const struct start *s) {
    sigset_t none;
    sigemptyset(&none);
    if (setsid() < 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0 || !leave_descriptors(s)) return 0;
    prctl(PR_SET_NAME, s->name, 0, 0, 0);
    copy(s->title_to, s->title, s->title_size);
    if (!begin_record(s)) return 0;
    note_end_in(agent_of(s)->state);
    return confine(s);
}

/* Forks so many processes, and puts down the pid of each, or what fork(2) failed with, less than 0. A child does what
 * there is to do without Python, calls then() with its index, and ends when that returns: it never comes back into the
 * launcher's code. One that cannot become an agent ends as well.
 *
 * In one go: what the launcher writes to between two forks, it has copied, and the first of the two children keeps the
 * page that was. */
void start_each(const struct start *const *starts, size_t count, int64_t *pids, void (*then)(size_t index)) {
    reserve_record();
    for (size_t index = 0; index < count; index++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (become(starts[index])) {
                struct agent *a = agent_of(starts[index]);
                agent_run(a);
                note_end_in(0); /* until Python has its own map of it */
                munmap((void *)(uintptr_t)a->state, STATE_STATE_SIZE);
                then(index);
            }
            _exit(EXIT_FAILURE);
        }
        pids[index] = pid < 0 ? -errno : pid;
    }
}
