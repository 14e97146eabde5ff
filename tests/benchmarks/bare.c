/* What is to be measured without any Python around it (benchmarks/bare.py). */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int take_function(void *follow, uint64_t frame_id, uint64_t timestamp_ns);

/* Decisions of an agent in C in a row, one frame after the other. Returns how many frames were taken. */
int decide_in_a_row(take_function *take, void *follow, uint64_t first, uint64_t frames, uint64_t step_ns) {
    int taken = 0;
    for (uint64_t frame_id = first; frame_id < first + frames; frame_id++)
        taken += take(follow, frame_id, frame_id * step_ns);
    return taken;
}

/* Waits for a futex word to change, again and again, and does nothing else. */
void wait_for_ever(const volatile uint32_t *word, uint64_t timeout_ns) {
    const struct timespec timeout = {(time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000)};
    for (;;) syscall(SYS_futex, word, FUTEX_WAIT, *word, &timeout, NULL, 0);
}
