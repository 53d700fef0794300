// scratch.h: large pieces of scratch memory, some of which are kept from call to call.
#pragma once

#include <stdint.h>

constexpr uint64_t kLargeScratch = uint64_t(1) << 21;  // from here on: a huge page

// At least `bytes` of undefined memory, aligned to huge pages; NULL when there is none to have. *size: its true size,
// for who gives it back.
void* take_scratch(uint64_t bytes, uint64_t* size);
void give_scratch(void* data, uint64_t size);
