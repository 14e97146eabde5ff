/* Faults of an agent that is in C, for tests/doubles/planted_faults.py: put before loop.c of what is compiled, in a library of the
 * tests' own. Each signal of a fault is handled in C then. What only Python can do, it is called for: the agent is
 * passed on, and Python reads planted_fault.
 */
int planted_fault = 0;
const volatile char *planted_shortened = NULL; /* a page of a file that has none any more */
static volatile sig_atomic_t planted_call = 0;

static char *planted_memory(size_t size) {
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int planted_overflow(volatile char *above) {
    volatile char here[4096];
    here[0] = *above;
    return planted_overflow(here) + here[0];
}

static void planted_act(int fault) {
    switch (fault - SIGRTMIN) {
    case 1: (void)*(const volatile char *)(uintptr_t)planted_call; return; /* NULL_POINTER: the call is 0 */
    case 2: abort();
    case 3: (void)*planted_shortened; return; /* BUS_ERROR */
    case 4: planted_overflow(&(volatile char){0}); return;
    case 6: for (;;); /* ENDLESS_LOOP */
    case 7: /* MEMORY_BEYOND_LIMIT */
        for (size_t taken = 0; taken < PLANTED_LIMIT_SOUGHT; taken += PLANTED_STEP)
            if (planted_memory(PLANTED_STEP) == NULL) _exit(EXIT_FAILURE);
        _exit(PLANTED_NO_LIMIT);
    case 8: { /* MEMORY_LEAK */
        char *memory = planted_memory(PLANTED_LEAKED_BYTES);
        for (size_t at = 0; memory != NULL && at < PLANTED_LEAKED_BYTES; at += 4096) memory[at] = 1;
        return;
    }
    case 9: /* DESCRIPTOR_LEAK */
        while (fcntl(0, F_DUPFD_CLOEXEC, 3) >= 0) {}
        return;
    default: /* EXCEPTION, GATE_RAISES, ANOTHER_EXCEPTION: Python's */
        planted_fault = fault;
        planted_call = 1;
    }
}

static void planted_plant(void) {
    struct sigaction action = {.sa_handler = planted_act, .sa_flags = SA_NODEFER};
    for (int fault = SIGRTMIN + 1; fault <= SIGRTMIN + 11; fault++) sigaction(fault, &action, NULL);
}

#define wait_for(agent, bound, waiter, observed)                                                                       \
    {                                                                                                                  \
        wait_for(agent, bound, waiter, observed);                                                                      \
        if (planted_call) break;                                                                                       \
    }
#define setsid() (planted_plant(), setsid())
