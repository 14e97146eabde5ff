/* The shared words of a version 2 frame export (docs/frame-export.md, sections 4 and 5): each step of a writer and
 * of a reader, and nothing else. No memory is allocated and no file opened here; who maps `frame.meta` passes the
 * address of its first byte. ruth.h is built on this, and so is Ruth's own Python where a machine needs fences.
 *
 * Roles of the accesses, all of them C11 atomics:
 *
 *   writer                                            reader
 *   1 slot sequence odd     relaxed, release fence    a wake, flags       acquire   before the record
 *   2 payload               by the caller             b sequence          acquire   before the fields
 *   3 slot fields           relaxed                   c fields, payload   relaxed
 *   4 slot sequence even    release                   d                   acquire fence: b and c before e
 *   5 newest sequence odd   relaxed, release fence    e sequence          relaxed   as in b, and even
 *   6 newest fields         relaxed
 *   7 newest sequence even  release
 *   8 wake + 1              release: a reader that sees it sees 7
 *   9 FUTEX_WAKE
 *
 * The fence of 1 and 5 pairs with d: a reader that saw any store after the fence sees the odd sequence in e. The
 * release of 4 and 7 pairs with the acquire of b: a reader that saw the even sequence sees the fields before it.
 */
#ifndef RUTH_RING_H
#define RUTH_RING_H

#include "ruth_layout.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RUTH_API __attribute__((visibility("default")))
#else
#define RUTH_API
#endif

/* Of these functions: changes when one of them changes its meaning or goes. */
#define RUTH_RING_ABI 1u
RUTH_API uint32_t ruth_ring_abi(void);

/* --- one writer; `meta` is a writable mapping of RUTH_META_SIZE bytes --- */

/* Step 1. After it the caller stores the payload. Calling it again before ruth_ring_commit() changes nothing. */
RUTH_API void ruth_ring_begin(void *meta, uint32_t slot);

/* Steps 3 to 9. `slot` is frame_id modulo slot_count; `picture` the four bytes of the record, as one number. */
RUTH_API void ruth_ring_commit(void *meta, uint32_t slot, uint64_t frame_id, uint64_t timestamp_ns, uint32_t picture);

/* The flag closed, then wake + 1, both released. ruth_wake() is the caller's, once the files are unlinked. */
RUTH_API void ruth_ring_close(void *meta);

/* --- readers; `meta` is a mapping of RUTH_META_SIZE bytes, and a SIGBUS if the file was cut short --- */

/* Steps a to e. 1: `head` (RUTH_HEAD_SIZE bytes) holds the ring, and behind it in time the newest record, taken
 * whole; its sequence is 0 if no frame was ever published. 0: the record is being changed, and `head` means nothing
 * but its ring, whose wake may be waited on. */
RUTH_API int ruth_ring_newest(const void *meta, void *head);

/* Steps b to e for one slot: 1 if `record` (RUTH_RECORD_SIZE bytes) holds its record whole, else 0. */
RUTH_API int ruth_ring_slot(const void *meta, uint32_t slot, void *record);

/* Steps d and e after the pixels were used: 1 if the slot is as ruth_ring_slot() found it, so that what was loaded
 * in between is that frame; else 0. */
RUTH_API int ruth_ring_still(const void *meta, uint32_t slot, const void *record);

/* --- readers that must survive a file that is cut short --- */

/* pread(2) between two acquire fences. The steps b, c, e of a reader are each one such call: loads of one call
 * are before those of the next, and before loads of pixels between them. Bytes read, or -errno. */
RUTH_API int64_t ruth_pread(int file, void *to, size_t size, int64_t offset);

/* For memory that others than this library load (numpy) or store (Python). */
RUTH_API void ruth_fence_acquire(void);
RUTH_API void ruth_fence_release(void);

/* --- the futex, shared between processes --- */

/* Sleeps while the word is `expected`, `timeout_ns` at most. 0, or errno: EAGAIN (it is another number), ETIMEDOUT,
 * EINTR, EFAULT (the file was cut short). */
RUTH_API int ruth_wait(const void *word, uint32_t expected, uint64_t timeout_ns);

RUTH_API void ruth_wake(void *word);

#ifdef __cplusplus
}
#endif

#endif
