/* So many decisions of the steady loop in a row, without the call from Python for each (benchmarks/gate.py). */
#include <stdint.h>

typedef int take_function(void *follow, uint64_t frame_id, uint64_t timestamp_ns);

/* Returns how many frames were taken. */
int decide_in_a_row(take_function *take, void *follow, uint64_t first, uint64_t frames, uint64_t step_ns) {
    int taken = 0;
    for (uint64_t frame_id = first; frame_id < first + frames; frame_id++)
        taken += take(follow, frame_id, frame_id * step_ns);
    return taken;
}
