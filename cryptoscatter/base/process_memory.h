// Settings of the whole process, for its main() to make: the library never does.
#ifndef WORLDB_CRYPTOSCATTER_BASE_PROCESS_MEMORY_H_
#define WORLDB_CRYPTOSCATTER_BASE_PROCESS_MEMORY_H_

namespace worldb {

// Tells the allocator to keep freed buffers of a value's size rather than give each back to the
// system, which hands it out again page by page, zeroed: up to a tenth of the time of sealing and
// up to a third of opening 4 MiB (docs/performance.md). However much lies free below something in use
// then stays with the process: for programs that end. Does nothing where the allocator is not glibc's.
// Threads: call it before others start.
void KeepFreedBuffers();

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_PROCESS_MEMORY_H_
