/* How an agent was told to end (docs/decisions/0053): recorded by itself in its own record, and then it dies of the signal,
 * as it would without this. Nothing is drained or saved, and no other process writes it down.
 *
 * The handler works also in an agent that hangs, since it is C and waits for nothing; all that it calls is safe in one
 * (signal-safety(7)). After SIGKILL and a crash there is no note.
 */
static uint64_t end_record; /* address of the state; 0 while there is none */

static void note_end(int number, siginfo_t *info, void *context) {
    (void)context;
    uint64_t state = __atomic_load_n(&end_record, __ATOMIC_RELAXED);
    if (state != 0) {
        store32(state, STATE_END_SIGNAL_OFFSET, (uint32_t)number);
        store32(state, STATE_ENDED_BY_OFFSET, info->si_code <= 0 ? (uint32_t)info->si_pid : 0); /* else the kernel's */
        __atomic_thread_fence(__ATOMIC_RELEASE); /* who and what before the time that says they are there */
        store64(state, STATE_ENDED_OFFSET, now_ns());
    }
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number); /* by default by now (SA_RESETHAND) */
    _exit(EXIT_FAILURE);                                        /* a filter around the launcher refuses tgkill */
}

/* From now on the record at this address says how it was told to end; 0: none does. Signals that are ignored, as SIGHUP
 * under nohup(1), stay so. Not static: an agent that begins in Python, or comes to it, says where its record is. */
void note_end_in(uint64_t state) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER}, before;
    action.sa_sigaction = note_end;
    if (end_record != state) __atomic_store_n(&end_record, state, __ATOMIC_RELAXED);
    if (state == 0) return;
    for (size_t at = 0; at < sizeof numbers / sizeof *numbers; at++)
        if (sigaction(numbers[at], &action, &before) == 0 && before.sa_handler == SIG_IGN)
            sigaction(numbers[at], &before, NULL);
}

/* A place for the record, the same in each child, so that none has to store where its own is: that would be a page copied,
 * 4 KB of some 50 that an agent has. Reserved by the launcher; without it each child maps its record anywhere. */
static void reserve_record(void) {
    if (end_record != 0) return;
    void *place = mmap(NULL, STATE_STATE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place != MAP_FAILED) end_record = (uint64_t)(uintptr_t)place;
}
